# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which Sync Rules are accepted, and what a saved one brings about."""

from __future__ import annotations

import json

import frappe
import pytest

from erpsync_app.adapters import settings
from erpsync_app.erp_sync.naming import usual_naming

pytestmark = pytest.mark.usefixtures("untouched")


def a_rule(doctype: str = "Customer", **values):
	return frappe.new_doc("Sync Rule", ref_doctype=doctype, **values)


@pytest.mark.parametrize(
	("doctype", "naming"),
	[
		("Customer", "keep"),
		("Item", "keep"),
		("Customer Group", "keep"),
		("Sales Order", "own"),
		("Journal Entry", "own"),
		("Lead", "own"),
		("Pricing Rule", "own"),
		("Address", "keep"),
	],
)
def test_naming_is_read_off_the_doctype(doctype: str, naming: str) -> None:
	if doctype == "Customer":
		by_name = frappe.db.get_single_value("Selling Settings", "cust_master_name") != "Naming Series"
		naming = "keep" if by_name else "own"
	assert usual_naming(frappe.get_meta(doctype)) == naming


def test_a_rule_is_complete_once_saved() -> None:
	nobody = json.dumps(
		[["customer_name", "=", frappe.generate_hash()]]
	)  # two customers of a site may have one name
	rule = a_rule(match_fields=" customer_name \n\ncustomer_name\n", filters=nobody).insert()
	assert rule.name == "Customer"
	assert (rule.direction, rule.policy, rule.deletes) == ("bidirectional", "latest_timestamp", "propagate")
	assert rule.naming and rule.match_fields == "customer_name"
	assert settings.rule_of(rule).match_fields == ("customer_name",)


@pytest.mark.parametrize(
	("doctype", "excluded", "told"),
	[
		("Item", "stock_uom", "Default Unit of Measure is mandatory, and left out"),
		("Sales Order", "delivery_date\nitem_name", "Item Name is mandatory, and left out"),
		("Customer", "customer_type", None),  # a Select: its first option is filled in
		("Customer", "website", None),
	],
)
def test_what_is_mandatory_and_left_out_is_told(doctype: str, excluded: str, told: str | None) -> None:
	frappe.clear_messages()
	a_rule(doctype, exclude_fields=excluded).insert()
	said = [
		json.loads(each)["message"] if isinstance(each, str) else each["message"]
		for each in frappe.local.message_log
	]
	assert any(told in each for each in said) if told else not any("mandatory" in each for each in said)


@pytest.mark.parametrize(
	("doctype", "complaint"),
	[
		("Selling Settings", "single document"),
		("Sales Order Item", "child table"),
		("RQ Job", "virtual"),
		("Sync Log", "belongs to sync itself"),
		("No Such Thing", "No Such Thing"),
	],
)
def test_what_cannot_be_synced_gets_no_rule(doctype: str, complaint: str) -> None:
	with pytest.raises(frappe.ValidationError, match=complaint):
		a_rule(doctype).insert()


FILTERS = [
	[["disabled", "=", 0]],
	[["name", "like", "C%"], ["modified", ">", "2026-01-01"]],
	[["customer_group", "in", ["Commercial", "Individual"]], ["territory", "is", "set"]],
	[["creation", "between", ["2026-01-01", "2026-02-01"]]],
]


@pytest.mark.parametrize("filters", FILTERS)
def test_filters(filters: list) -> None:
	rule = a_rule(filters=json.dumps(filters)).insert()
	assert [list(row) for row in settings.rule_of(rule).filters] == filters


@pytest.mark.parametrize(
	("filters", "complaint"),
	[
		("{", "not valid JSON"),
		('{"disabled": 0}', "must be a list"),
		('[["disabled", 0]]', "cannot be used"),
		('[["disabled", "equals", 0]]', "cannot be used"),
		('[["disabled", "in", 0]]', "cannot be used"),
		('[["no_such", "=", 0]]', "no field"),
		('[["sales_team", "=", 0]]', "is a table"),
		('[["<b>", "=", 0]]', "&lt;b&gt;|cannot be used"),
	],
)
def test_filters_that_make_no_sense(filters: str, complaint: str) -> None:
	with pytest.raises(frappe.ValidationError, match=complaint):
		a_rule(filters=filters).insert()


@pytest.mark.parametrize(
	("values", "complaint"),
	[
		({"match_fields": "tax_id\nno_such"}, "no field"),
		({"match_fields": "accounts"}, "is a table"),
		({"exclude_fields": "no_such"}, "no field"),
		({"field_map": [("no_such", "x")]}, "no field"),
		({"field_map": [("tax_id", "a b")]}, "is not a fieldname"),
		({"field_map": [("tax_id", "x"), ("tax_id", "y")]}, "twice"),
		({"field_map": [("tax_id", "x"), ("website", "x")]}, "twice"),
		({"field_map": [("tax_id", "website")]}, "would stand for two"),
	],
)
def test_fields_that_make_no_sense(values: dict, complaint: str) -> None:
	rows = [{"local_field": ours, "cloud_field": theirs} for ours, theirs in values.pop("field_map", [])]
	with pytest.raises(frappe.ValidationError, match=complaint):
		a_rule(**values, field_map=rows).insert()


def test_two_fields_may_change_places() -> None:
	pairs = {"tax_id": "website", "website": "tax_id"}
	rows = [{"local_field": ours, "cloud_field": theirs} for ours, theirs in pairs.items()]
	assert settings.rule_of(a_rule(field_map=rows).insert()).field_map == pairs


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_mapped_name_is_free_once_its_own_field_is_excluded(everywhere: bool) -> None:
	if everywhere:
		everywhere_excluded = frappe.get_doc("Sync Settings")
		everywhere_excluded.exclude_fields = "website"
		everywhere_excluded.save()
	rule = a_rule(field_map=[{"local_field": "tax_id", "cloud_field": "website"}])
	rule.exclude_fields = "" if everywhere else "website"
	rule.insert()


def test_cursors_stay_unless_more_documents_come_in() -> None:
	rule = a_rule().insert()
	cursors = {"local_cursor": "2026-01-01|a", "cloud_cursor": "2026-01-01|b"}

	def saved(**values) -> dict:
		frappe.db.set_value("Sync Rule", rule.name, cursors, update_modified=False)
		rule.update(values)  # the form still shows no cursor
		rule.save()
		return frappe.db.get_value("Sync Rule", rule.name, list(cursors), as_dict=True)

	assert saved(policy="manual") == cursors
	assert saved(filters="  ") == cursors
	assert saved(filters='[["disabled", "=", 0]]') == dict.fromkeys(cursors)
	assert saved(direction="cloud_to_local") == dict.fromkeys(cursors)


def test_what_is_captured_follows_rules_and_settings() -> None:
	frappe.db.set_single_value("Sync Settings", "enabled", 1)
	rule = a_rule().insert()
	assert settings.captured("Customer")
	rule.update({"enabled": 0})
	rule.save()
	assert not settings.captured("Customer")
	rule.update({"enabled": 1})
	rule.save()
	frappe.delete_doc("Sync Rule", rule.name, force=True)
	assert not settings.captured("Customer")
	frappe.db.rollback()
	assert settings.captured("Customer") == bool(
		frappe.db.get_single_value("Sync Settings", "enabled", cache=False)
		and frappe.db.exists("Sync Rule", {"name": "Customer", "enabled": 1})
	)
