# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The main job, on two real sites: documents of both sides become equal, and nothing is lost on the way."""

from __future__ import annotations

from datetime import timedelta

import frappe
import pytest
from frappe.utils import get_datetime, now_datetime

from erpsync_app import runs
from erpsync_app.adapters.transactions import begin_writing
from erpsync_app.api import desk
from erpsync_app.engine.model import SIDES
from erpsync_app.tests.support import (
	Person,
	count,
	differences,
	last_conflict,
	only,
	set_rules,
	sync,
	writes,
)

pytestmark = pytest.mark.usefixtures("ledger")

MASTERS = ("Customer Group", "Territory", "Customer", "Item Group", "Item")


def customer(name: str, **values) -> dict:
	return {
		"doctype": "Customer",
		"customer_name": name,
		"customer_group": "All Customer Groups",
		"territory": "All Territories",
		**values,
	}


def item(name: str, group: str) -> dict:
	return {
		"doctype": "Item",
		"item_code": name,
		"item_name": name,
		"description": name,  # where there is none, ERPNext 15 fills in the name and ERPNext 16 nothing
		"item_group": group,
		"stock_uom": "Nos",
	}


def group(name: str, parent: str, *, is_group: int) -> dict:
	return {
		"doctype": "Item Group",
		"item_group_name": name,
		"parent_item_group": parent,
		"is_group": is_group,
	}


def insert_here(*docs: dict) -> None:
	begin_writing()
	for doc in docs:
		frappe.get_doc(doc).insert()
	frappe.db.commit()


def test_first_sync_makes_both_sides_equal_and_a_second_writes_nothing(cloud: Person, prefix: str):
	# All groups, with what ERPNext itself put there; of what earlier tests have left there may be thousands.
	groups, many = MASTERS[:2] + MASTERS[3:4], (MASTERS[2], MASTERS[4])
	set_rules(*({"ref_doctype": doctype} for doctype in groups), *(only(doctype, prefix) for doctype in many))
	ours, theirs = f"{prefix} ours", f"{prefix} theirs"
	for place, put in (
		(ours, lambda *docs: insert_here(*docs)),
		(theirs, lambda *docs: cloud.insert_many(list(docs))),
	):
		put(group(place, "All Item Groups", is_group=1), group(f"{place} leaf", place, is_group=0))
		put(*(customer(f"{place} {n:03}", website=f"https://{n}.example.com") for n in range(110)))
		put(*(item(f"{place} item {n:02}", f"{place} leaf") for n in range(10)))

	run = sync()
	assert run.counts["failed"] == 0, run.errors

	names = {
		"Customer": [f"{place} {n:03}" for place in (ours, theirs) for n in range(110)],
		"Item": [f"{place} item {n:02}" for place in (ours, theirs) for n in range(10)],
		"Item Group": [f"{place}{end}" for place in (ours, theirs) for end in ("", " leaf")],
	}
	for doctype, expected in names.items():
		assert differences(doctype, expected) == {}

	local_before = {d: dict(frappe.get_all(d, fields=["name", "modified"], as_list=True)) for d in MASTERS}
	cloud_before = {d: cloud.stamps(d) for d in MASTERS}
	again = sync()
	assert writes(again) == {}
	assert {d: cloud.stamps(d) for d in MASTERS} == cloud_before
	assert {
		d: dict(frappe.get_all(d, fields=["name", "modified"], as_list=True)) for d in MASTERS
	} == local_before
	assert count("Sync Event") == 0


@pytest.fixture
def acme(ledger: None, cloud: Person, prefix: str) -> str:
	"""The name of a customer that is in step on both sides."""
	set_rules(only("Customer", prefix))
	insert_here(customer(prefix, website="https://old.example.com", customer_details="old"))
	sync(doctype="Customer", name=prefix)
	assert differences("Customer", [prefix]) == {}
	return prefix


def edit_here(name: str, **values) -> None:
	doc = frappe.get_doc("Customer", name)
	doc.update(values)
	doc.save()
	frappe.db.commit()


def values(cloud: Person, name: str, field: str) -> tuple:
	frappe.db.rollback()
	return frappe.db.get_value("Customer", name, field), cloud.get("Customer", name)[field]


def test_edits_of_different_fields_on_both_sides_both_survive(cloud: Person, acme: str):
	edit_here(acme, website="https://local.example.com")
	cloud.edit("Customer", acme, customer_details="from the cloud")
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "website") == ("https://local.example.com",) * 2
	assert values(cloud, acme, "customer_details") == ("from the cloud",) * 2
	assert count("Sync Conflict", local_name=acme) == 0


@pytest.mark.parametrize(
	("policy", "last", "winner"),
	[
		("cloud_wins", "local", "cloud"),
		("local_wins", "cloud", "local"),
		("latest_timestamp", "local", "local"),
		("latest_timestamp", "cloud", "cloud"),
	],
)
def test_a_clash_is_settled_by_policy_and_the_loser_is_kept(cloud: Person, acme: str, policy, last, winner):
	set_rules(only("Customer", acme, policy=policy))
	edits = {
		"local": lambda: edit_here(acme, customer_details="from local"),
		"cloud": lambda: cloud.edit("Customer", acme, customer_details="from cloud"),
	}
	for side in sorted(edits, key=lambda side: side == last):
		edits[side]()
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "customer_details") == (f"from {winner}",) * 2
	conflict = last_conflict("Customer", acme)
	assert (conflict["status"], conflict["resolution"], conflict["winner"]) == ("Resolved", policy, winner)
	clash = conflict["clashes"]["customer_details"]
	assert (clash["base"], clash["local"], clash["cloud"]) == ("old", "from local", "from cloud")
	assert writes(sync()) == {}


@pytest.mark.parametrize(("choice", "left"), [("keep_local", "from local"), ("keep_cloud", "from cloud")])
def test_an_open_conflict_waits_for_a_person(cloud: Person, acme: str, choice: str, left: str):
	set_rules(only("Customer", acme, policy="manual"))
	edit_here(acme, customer_details="from local", website="https://new.example.com")
	cloud.edit("Customer", acme, customer_details="from cloud")
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "customer_details") == ("from local", "from cloud")
	assert values(cloud, acme, "website") == ("https://new.example.com",) * 2, "other fields flow"
	assert writes(sync(doctype="Customer", name=acme)) == {}

	conflict = last_conflict("Customer", acme)
	assert conflict["status"] == "Open"
	assert count("Sync Conflict", local_name=acme) == 1
	desk.settle(conflict["name"], choice)
	frappe.db.commit()
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "customer_details") == (left,) * 2
	settled = last_conflict("Customer", acme)
	assert (settled["name"], settled["status"]) == (conflict["name"], "Resolved")
	assert settled["resolution"] == desk.CHOICES[choice]
	assert settled["resolved_by"] == "Administrator"


def test_a_conflict_is_settled_field_by_field(cloud: Person, acme: str):
	set_rules(only("Customer", acme, policy="manual"))
	clashing = {"customer_details": "from {}", "website": "{}.example.com", "tax_id": "tax {}"}
	edit_here(acme, **{field: text.format("local") for field, text in clashing.items()})
	cloud.edit("Customer", acme, **{field: text.format("cloud") for field, text in clashing.items()})
	sync(doctype="Customer", name=acme)
	conflict = last_conflict("Customer", acme)["name"]
	chosen = {"website": {"take": "cloud"}, "tax_id": {"value": "typed"}}
	for wrong, words in (
		({"email_id": {"take": "local"}}, "does not clash"),
		({"tax_id": {}}, "give a value"),
	):
		with pytest.raises(frappe.ValidationError, match=words):
			desk.settle_by_field(conflict, wrong)
	frappe.db.rollback()
	desk.settle_by_field(conflict, chosen)
	frappe.db.commit()
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "customer_details") == ("from local",) * 2
	assert values(cloud, acme, "website") == ("cloud.example.com",) * 2
	assert values(cloud, acme, "tax_id") == ("typed",) * 2
	assert last_conflict("Customer", acme)["status"] == "Resolved"


def test_of_rows_nothing_is_chosen_field_by_field(cloud: Person, prefix: str):
	"""A conflict tells of those rows alone that clash: written as they stand there, the others would go."""
	set_rules(only("Item", prefix, policy="manual"))
	name = f"{prefix} item"
	barcodes = [{"barcode": f"{prefix}-{n}"} for n in range(3)]
	insert_here({**item(name, "All Item Groups"), "barcodes": barcodes})
	sync()
	doc = frappe.get_doc("Item", name)
	doc.barcodes[1].barcode = f"{prefix}-here"
	doc.save()
	frappe.db.commit()
	rows = cloud.get("Item", name)["barcodes"]
	cloud.edit("Item", name, barcodes=[rows[0], {**rows[1], "barcode": f"{prefix}-there"}, rows[2]])
	sync()
	conflict = last_conflict("Item", name)["name"]
	with pytest.raises(frappe.ValidationError, match="has rows"):
		desk.settle_by_field(conflict, {"barcodes": {"take": "cloud"}})
	frappe.db.rollback()
	desk.settle_by_field(conflict, {"barcodes": {"take": "local"}})
	frappe.db.commit()
	sync()
	expected = [f"{prefix}-0", f"{prefix}-here", f"{prefix}-2"]
	assert [row["barcode"] for row in cloud.get("Item", name)["barcodes"]] == expected
	assert [row.barcode for row in frappe.get_doc("Item", name).barcodes] == expected


def test_an_open_conflict_tells_who_saved_last_and_when(cloud: Person, acme: str):
	set_rules(only("Customer", acme, policy="manual"))
	edit_here(acme, customer_details="from local")
	cloud.edit("Customer", acme, customer_details="from cloud")
	sync(doctype="Customer", name=acme)
	edits = desk.last_edits(last_conflict("Customer", acme)["name"])
	assert {side: edit["user"] for side, edit in edits.items()} == dict.fromkeys(SIDES, "Administrator")
	for edit in edits.values():
		assert abs(get_datetime(edit["modified"]) - now_datetime()) < timedelta(minutes=10)
	cloud.delete("Customer", acme)
	assert list(desk.last_edits(last_conflict("Customer", acme)["name"])) == ["local"]


def test_a_conflict_settled_by_hand_leaves_both_sides_as_they_are(cloud: Person, acme: str):
	set_rules(only("Customer", acme, policy="manual"))
	edit_here(acme, customer_details="from local")
	cloud.edit("Customer", acme, customer_details="from cloud")
	sync(doctype="Customer", name=acme)
	desk.settle(last_conflict("Customer", acme)["name"], "by_hand")
	frappe.db.commit()
	assert writes(sync(doctype="Customer", name=acme)) == {}
	assert last_conflict("Customer", acme)["resolution"] == "By hand"
	assert values(cloud, acme, "customer_details") == ("from local", "from cloud")
	edit_here(acme, customer_details="edited again")
	sync(doctype="Customer", name=acme)
	assert values(cloud, acme, "customer_details") == ("edited again",) * 2


@pytest.mark.parametrize("side", ["local", "cloud"])
def test_a_deletion_crosses(cloud: Person, acme: str, side: str):
	if side == "local":
		frappe.delete_doc("Customer", acme)
		frappe.db.commit()
	else:
		cloud.delete("Customer", acme)
	sync()
	assert not frappe.db.exists("Customer", acme)
	assert cloud.get("Customer", acme) is None
	assert count("Sync Record", local_name=acme) == 0
	log = frappe.get_all("Sync Log", {"local_name": acme, "operation": "delete"}, ["overwritten"])
	assert "old.example.com" in log[0]["overwritten"], "the deleted version is kept"


@pytest.mark.parametrize("deleted_on", ["local", "cloud"])
def test_an_edit_beats_a_deletion(cloud: Person, acme: str, deleted_on: str):
	if deleted_on == "local":
		frappe.delete_doc("Customer", acme)
		frappe.db.commit()
		cloud.edit("Customer", acme, customer_details="still needed")
	else:
		edit_here(acme, customer_details="still needed")
		cloud.delete("Customer", acme)
	sync()
	assert values(cloud, acme, "customer_details") == ("still needed",) * 2
	assert last_conflict("Customer", acme)["resolution"] == "Edit beats delete"


@pytest.mark.parametrize("side", ["local", "cloud"])
def test_a_rename_follows(cloud: Person, acme: str, side: str):
	new = f"{acme} renamed"
	if side == "local":
		frappe.rename_doc("Customer", acme, new)
		frappe.db.commit()
	else:
		cloud.call("frappe.client.rename_doc", doctype="Customer", old_name=acme, new_name=new)
	sync()
	assert frappe.get_all("Customer", {"name": ("like", f"{acme}%")}, pluck="name") == [new]
	assert list(cloud.stamps("Customer", f"{acme}%")) == [new]
	assert differences("Customer", [new]) == {}
	assert writes(sync()) == {}


def test_a_dry_run_tells_and_writes_nothing(cloud: Person, acme: str):
	edit_here(acme, customer_details="planned")
	planned = [p for p in runs.plan(doctype="Customer") if p.name == acme]
	assert [(w.side, w.operation, w.fields) for w in planned[0].decision.writes] == [
		("cloud", "update", {"customer_details": "planned"})
	]
	assert values(cloud, acme, "customer_details") == ("planned", "old")
	assert count("Sync Event") == 0


def test_one_direction_leaves_the_other_for_later(cloud: Person, acme: str):
	edit_here(acme, customer_details="from local")
	cloud.edit("Customer", acme, website="https://cloud.example.com")
	sync(doctype="Customer", name=acme, direction="cloud_to_local")
	assert values(cloud, acme, "website") == ("https://cloud.example.com",) * 2
	assert values(cloud, acme, "customer_details") == ("from local", "old")
	sync()
	assert values(cloud, acme, "customer_details") == ("from local",) * 2


def test_one_bad_document_is_quarantined_and_the_rest_flows(cloud: Person, acme: str, prefix: str):
	# The cloud does not have this group, and no rule brings it there.
	insert_here({"doctype": "Customer Group", "customer_group_name": f"{prefix} group", "is_group": 0})
	insert_here(customer(f"{prefix} bad", customer_group=f"{prefix} group"), customer(f"{prefix} good"))
	run = sync(doctype="Customer")
	assert cloud.get("Customer", f"{prefix} good")
	record = frappe.db.get_value(
		"Sync Record", {"local_name": f"{prefix} bad"}, ["status", "error"], as_dict=True
	)
	assert record.status == "Failed"
	assert f"{prefix} group" in record.error
	assert run.counts["failed"] == 1

	set_rules(only("Customer", prefix), only("Customer Group", prefix))
	sync()
	assert differences("Customer", [f"{prefix} bad"]) == {}, "it flows once its group is there"
