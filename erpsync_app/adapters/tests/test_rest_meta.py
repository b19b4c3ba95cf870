# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.rest_meta import meta_of

BUNDLE = [
	{
		"name": "Customer",
		"fields": [
			{"fieldname": "customer_name", "fieldtype": "Data"},
			{"fieldname": "tax_id", "fieldtype": "Data", "mask": 1},
			{"fieldname": "limits", "fieldtype": "Table", "options": "Limit"},
			{"fieldname": "secrets", "fieldtype": "Table", "options": "Limit", "mask": 1},
		],
	},
	{
		"name": "Limit",
		"istable": 1,
		"fields": [
			{"fieldname": "amount", "fieldtype": "Currency", "mask": 0},
			{"fieldname": "bank", "fieldtype": "Data", "mask": 1},
		],
	},
]


def test_masked_fields_are_in_no_meta():
	"""Frappe v16 reads "XXXXXXXX" out of them to most users: that is nothing to be synced."""
	meta = meta_of("Customer", BUNDLE)
	assert set(meta.fields) == {"customer_name", "limits"}
	assert set(meta.children["limits"].fields) == {"amount"}
	assert set(meta.children) == {"limits"}


def test_a_table_of_which_nothing_may_be_read_is_unreadable_not_empty(monkeypatch):
	"""Frappe v16 lists its rows without even the name of their parent."""
	site = CloudSite(url="https://cloud.example.com", key="k" * 15, secret="s" * 15)
	site._metas["Customer"] = meta_of("Customer", BUNDLE)
	stamps = {"modified": "2026-01-01 00:00:00", "creation": "2026-01-01 00:00:00"}
	rows = [{"name": "r1"}, {"name": "r2"}]

	def listed(doctype, *arguments, **options):
		return (
			[{"name": name, "customer_name": name, **stamps} for name in "ab"]
			if doctype == "Customer"
			else rows
		)

	monkeypatch.setattr(site, "_list", listed)
	assert [doc.get("limits") for doc in site.read("Customer", ["a", "b"]).values()] == [None, None]
	rows[:] = [{"name": "r1", "parent": "a", "parentfield": "limits", "amount": 5}]
	docs = site.read("Customer", ["a", "b"])
	assert [row["amount"] for row in docs["a"]["limits"]] == [5]
	assert docs["b"]["limits"] == []
