# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The list of what needs a person."""

from __future__ import annotations

import frappe
import pytest

from erpsync_app import attention
from erpsync_app.adapters import event_queue
from erpsync_app.api import desk
from erpsync_app.engine.model import CLOUD, LOCAL, Event
from erpsync_app.tests.support import Person, a_user_with, only, set_rules, sync
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def crossed(cloud: Person, prefix: str) -> str:
	set_rules(only("Customer", prefix, policy="manual"))
	insert_here(customer(f"{prefix} Ada"))
	sync()
	assert told() == []
	return f"{prefix} Ada"


def told(**options) -> list[attention.Item]:
	frappe.db.rollback()
	return attention.items(**options)


def set_record(name: str, **values) -> str:
	record = frappe.db.get_value("Sync Record", {"local_name": name})
	frappe.db.set_value("Sync Record", record, values)
	frappe.db.commit()
	return record


def set_aside(name: str, side: str, error: str) -> str:
	(event,) = event_queue.insert([Event(side, "Customer", name)])
	frappe.db.set_value("Sync Event", event, {"state": "Failed", "error": error})
	frappe.db.commit()
	return event


def test_a_document_that_failed_is_told_once_with_all_that_tells_of_it(crossed: str) -> None:
	record = set_record(crossed, status="Failed", error="No such Territory.")
	events = {set_aside(crossed, side, "No such Territory.") for side in (LOCAL, CLOUD)}
	(item,) = told()
	assert (item["doctype"], item["local_name"], item["status"]) == ("Customer", crossed, "Failed")
	assert (item["reason"], item["record"], set(item["events"])) == ("No such Territory.", record, events)


def test_what_never_crossed_is_told_by_its_event(crossed: str) -> None:
	event = set_aside("Nobody", CLOUD, "refused")
	(item,) = told()
	assert (item["local_name"], item["cloud_name"], item["reason"]) == (None, "Nobody", "refused")
	assert item["events"] == [event]


def test_a_conflict_says_which_fields_clash(cloud: Person, crossed: str) -> None:
	cloud.edit("Customer", crossed, website="there.example.com")
	doc = frappe.get_doc("Customer", crossed)
	doc.website = "here.example.com"
	doc.save()
	frappe.db.commit()
	sync()
	(item,) = told()
	assert (item["status"], item["reason"], item["clashing"]) == ("Conflict", None, ["Website"])
	assert frappe.db.get_value("Sync Conflict", item["conflict"], "record") == item["record"]
	desk.settle(item["conflict"], "keep_local")
	frappe.db.commit()
	sync()
	assert told() == []


def test_what_a_person_left_different_needs_nobody(crossed: str) -> None:
	set_record(crossed, status="Diverged", error=None)
	assert told() == []
	set_record(crossed, error="Tax ID differs.")
	assert [(item["status"], item["reason"]) for item in told()] == [("Diverged", "Tax ID differs.")]


def test_what_is_ignored_comes_back_when_it_says_something_else(crossed: str) -> None:
	record = set_record(crossed, status="Failed", error="No such Territory.")
	event = set_aside(crossed, LOCAL, "No such Territory.")
	assert desk.ignore([record]) == 1
	frappe.db.commit()
	assert told() == []
	assert [item["ignored"] for item in told(ignored=True)] == [True]
	frappe.db.set_value("Sync Event", event, "error", "No such Group.")
	set_record(crossed, error="No such Group.")
	assert [(item["reason"], item["ignored"]) for item in told()] == [("No such Group.", False)]


def test_what_was_ignored_and_put_right_is_told_when_it_comes_again(cloud: Person, crossed: str) -> None:
	record = set_record(crossed, status="Failed", error="No such Territory.")
	assert desk.ignore([record]) == 1
	frappe.db.commit()
	cloud.edit("Customer", crossed, website="there.example.com")
	sync()
	set_record(crossed, status="Failed", error="No such Territory.")
	assert [item["reason"] for item in told()] == ["No such Territory."]


def test_a_doctype_that_is_gone_does_not_keep_the_others_from_being_told(crossed: str) -> None:
	record = set_record(crossed, status="Failed", error="No such Territory.")
	about = {"ref_doctype": "Gone With Its App", "local_name": "x", "cloud_name": "x"}
	conflict = frappe.get_doc(
		{
			"doctype": "Sync Conflict",
			**about,
			"status": "Open",
			"clashes": '[{"field": "title"}]',
			"record": record,
		}
	)
	conflict.insert(ignore_permissions=True, ignore_links=True)
	frappe.db.commit()
	assert {item["doctype"]: item["clashing"] for item in told()} == {
		"Customer": [],
		"Gone With Its App": ["title"],
	}


def test_a_sync_manager_sees_no_more_than_the_documents_let(crossed: str) -> None:
	record = set_record(crossed, status="Failed", error="No such Territory.")
	set_aside(crossed, LOCAL, "No such Territory.")
	with a_user_with("Sync Manager"):
		assert desk.attention() == []
		assert desk.ignore([record]) == 0
	assert len(desk.attention()) == 1
