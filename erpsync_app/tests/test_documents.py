# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the Desk shows of sync on the documents that people work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import frappe
import pytest

from erpsync_app.adapters import event_queue
from erpsync_app.adapters.settings import tell_rules
from erpsync_app.api import documents
from erpsync_app.engine.model import CLOUD, LOCAL, Event
from erpsync_app.tests.support import Person, a_user_with, only, set_rules, set_setting, sync
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def crossed(cloud: Person, prefix: str) -> Iterator[str]:
	"""A customer that has crossed to the cloud; sync is on but paused, so that what waits goes on waiting."""
	set_rules(only("Customer", prefix))
	insert_here(customer(f"{prefix} Ada"))
	sync()
	_pause()
	yield f"{prefix} Ada"
	set_setting(enabled=0, paused=0)
	tell_rules()


def _pause() -> None:
	set_setting(enabled=1, paused=1)
	frappe.db.commit()
	tell_rules()


def standing(name: str) -> documents.Standing | None:
	frappe.db.rollback()
	return documents.standings("Customer", [name]).get(name)


def wait_in_queue(name: str, side: str = LOCAL, **values) -> None:
	(event,) = event_queue.insert([Event(side, "Customer", name)])
	frappe.db.set_value("Sync Event", event, values or {"attempts": 0})
	frappe.db.commit()


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
	"""What is asked of the database."""
	asked: list[str] = []
	sql = frappe.local.db.sql

	def noted(query, *arguments, **options):
		asked.append(query)
		return sql(query, *arguments, **options)

	with monkeypatch.context() as patched:
		patched.setattr(frappe.local.db, "sql", noted)
		yield asked


def test_a_form_brings_along_how_its_document_stands(local: Person, crossed: str) -> None:
	answer = local.session.get(
		f"{local.url}/api/method/frappe.desk.form.load.getdoc",
		params={"doctype": "Customer", "name": crossed},
	).json()
	told = answer["docs"][0]["__onload"]["erpsync"]
	record = frappe.db.get_value("Sync Record", {"local_name": crossed}, ["name", "cloud_name"], as_dict=True)
	assert (told["status"], told["error"]) == ("Synced", None)
	assert (told["record"], told["cloud_name"]) == (record.name, crossed)
	assert told["last_synced"]


def test_what_came_from_the_cloud_stands_in_the_timeline(local: Person, cloud: Person, crossed: str) -> None:
	assert documents.timeline("Customer", crossed) == []
	cloud.edit("Customer", crossed, website="there.example.com", customer_details="<b>x</b>")
	set_setting(paused=0)
	sync()
	_pause()
	(line,) = local.session.get(
		f"{local.url}/api/method/frappe.desk.form.load.getdoc",
		params={"doctype": "Customer", "name": crossed},
	).json()["docinfo"]["additional_timeline_content"]
	assert line["content"] == "Sync brought from the cloud: Website, Customer Details"
	newest, oldest = documents.history("Customer", crossed)
	assert (newest["operation"], newest["direction"]) == ("update", "cloud_to_local")
	assert sorted(newest["changed"]) == ["Customer Details", "Website"]
	assert (oldest["operation"], oldest["direction"]) == ("create", "local_to_cloud")


@pytest.mark.parametrize("side", [LOCAL, CLOUD])
def test_what_is_in_the_queue_waits(crossed: str, side: str) -> None:
	wait_in_queue(crossed, side)
	assert standing(crossed)["status"] == "Pending"


def test_what_is_set_aside_has_failed_and_says_why(crossed: str) -> None:
	wait_in_queue(crossed)
	wait_in_queue(crossed, CLOUD, state="Failed", error="The territory is missing.")
	assert standing(crossed)["status"] == "Failed"
	assert standing(crossed)["error"] == "The territory is missing."


@pytest.mark.parametrize("status", ["Conflict", "Failed", "Diverged"])
def test_the_record_tells(crossed: str, status: str) -> None:
	frappe.db.set_value("Sync Record", {"local_name": crossed}, {"status": status, "error": "why"})
	frappe.db.commit()
	assert (standing(crossed)["status"], standing(crossed)["error"]) == (status, "why")


def test_an_open_conflict_is_one_also_while_something_waits(crossed: str) -> None:
	frappe.db.set_value("Sync Record", {"local_name": crossed}, "status", "Conflict")
	wait_in_queue(crossed)
	assert standing(crossed)["status"] == "Conflict"


def test_what_was_never_synced_waits_or_is_nothing_to_sync(crossed: str, prefix: str) -> None:
	insert_here(customer(f"{prefix} Bea"))
	assert standing(f"{prefix} Bea")["status"] == "Pending"
	assert standing(f"{prefix} Bea")["cloud_name"] is None
	frappe.db.delete("Sync Event")
	frappe.db.commit()
	assert standing(f"{prefix} Bea") is None


def test_a_form_costs_one_query_and_none_where_there_is_no_rule(
	crossed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	with_rule, without = frappe.get_doc("Customer", crossed), frappe.get_doc("DocType", "Customer")
	documents.add_to_form(with_rule)
	with statements(monkeypatch) as asked:
		documents.add_to_form(without)
		documents.timeline("DocType", "Customer")
		assert asked == []
		documents.add_to_form(with_rule)
		assert len(asked) == 1


def test_an_event_of_a_name_that_differs_in_case_alone_is_of_another_document(crossed: str) -> None:
	wait_in_queue(crossed.upper())
	assert standing(crossed)["status"] == "Synced"


def test_a_form_opens_whatever_is_wrong_with_sync(crossed: str, monkeypatch: pytest.MonkeyPatch) -> None:
	def broken(*arguments):
		raise RuntimeError("broken")

	monkeypatch.setattr(documents, "_standings", broken)
	doc = frappe.get_doc("Customer", crossed)
	documents.add_to_form(doc)
	assert not doc.get("__onload")


def test_the_desk_knows_what_is_synced(crossed: str) -> None:
	boot = frappe._dict()
	documents.add_to_boot(boot)
	assert boot.erpsync_doctypes == ["Customer"]


def test_only_who_may_read_the_document_is_told(crossed: str) -> None:
	with a_user_with():
		with pytest.raises(frappe.PermissionError):
			documents.standings("Customer", [crossed])
		with pytest.raises(frappe.PermissionError):
			documents.history("Customer", crossed)
		with pytest.raises(frappe.DoesNotExistError):
			documents.history("Customer", "")
