# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Comments, tags and assignments between two real sites: at home by default, across where the rule says so. People do
what the Desk does for them, by its own methods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import frappe
import pytest

from erpsync_app.adapters import settings
from erpsync_app.tests.support import (
	CLOUD_URL,
	LOCAL_URL,
	Person,
	count,
	set_setting,
	sync,
	take_away,
	until,
	writes,
)
from erpsync_app.tests.test_files import Desk, in_step, rules
from erpsync_app.tests.test_life_cycle import order_of
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")

LETTING = {"tags": 1, "comments": 1, "assignments": 1}
BOB, EVE = "bob@example.com", "eve@example.com"


class Someone(Desk):
	def comment(self, doctype: str, name: str, text: str) -> dict[str, Any]:
		return self.person.call(
			"frappe.desk.form.utils.add_comment",
			reference_doctype=doctype,
			reference_name=name,
			content=text,
			comment_email="anna@example.com",
			comment_by="Anna",
		)

	def comments(self, doctype: str, name: str) -> list[tuple[str, str]]:
		about = {"reference_doctype": doctype, "reference_name": name, "comment_type": "Comment"}
		rows = self._list("Comment", ["comment_by", "content"], about)
		return sorted((row["comment_by"], row["content"]) for row in rows)

	def assign(self, doctype: str, name: str, user: str) -> None:
		self.person.call(
			"frappe.desk.form.assign_to.add",
			doctype=doctype,
			name=name,
			assign_to=json.dumps([user]),
			description=f"call {user}",
		)

	def take_back(self, doctype: str, name: str, user: str) -> None:
		self.person.call("frappe.desk.form.assign_to.remove", doctype=doctype, name=name, assign_to=user)

	def assigned(self, doctype: str, name: str) -> list[str]:
		"""As the document itself shows it."""
		(row,) = self._list(doctype, ["_assign"], {"name": name})
		return sorted(json.loads(row["_assign"] or "[]"))

	def tag(self, doctype: str, name: str, tag: str) -> None:
		self.person.call("frappe.desk.doctype.tag.tag.add_tag", tag=tag, dt=doctype, dn=name)

	def untag(self, doctype: str, name: str, tag: str) -> None:
		self.person.call("frappe.desk.doctype.tag.tag.remove_tag", tag=tag, dt=doctype, dn=name)

	def tags(self, doctype: str, name: str) -> tuple[list[str], list[str]]:
		"""As the document shows them, and as the list of tagged documents does."""
		(row,) = self._list(doctype, ["name", "_user_tags"], {"name": name})
		links = self._list("Tag Link", ["tag"], {"document_type": doctype, "document_name": name})
		return sorted(filter(None, (row.get("_user_tags") or "").split(","))), sorted(r["tag"] for r in links)

	def _list(self, doctype: str, fields: list[str], filters: dict[str, Any]) -> list[dict[str, Any]]:
		return self.person.call(
			"frappe.client.get_list", doctype=doctype, fields=fields, filters=filters, limit_page_length=0
		)


@pytest.fixture(params=["from here", "from the cloud"])
def sides(request, ledger: None, prefix: str) -> Iterator[tuple[Someone, Someone]]:
	"""The side where something is done, and the other one, both with the same people."""
	rules(prefix, **LETTING)
	here, there = Someone(LOCAL_URL), Someone(CLOUD_URL)
	for side in (here, there):
		for user in (BOB, EVE):
			if side.person.get("User", user) is None:
				roles = [{"role": "Sales User"}]
				side.person.insert("User", email=user, first_name=user[:3], send_welcome_email=0, roles=roles)
	yield (here, there) if request.param == "from here" else (there, here)
	take_away(there.person, "ToDo", ["description", "like", "call %@example.com"])
	take_away(there.person, "Comment", ["comment_by", "=", "Anna"])


@pytest.fixture
def order(sides: tuple[Someone, Someone], prefix: str) -> tuple[str, str]:
	"""A Sales Order, by its name on either side."""
	here, there = sides
	here.person.insert(**customer(prefix))
	here.person.insert(**item(f"{prefix} item", "All Item Groups"))
	name = here.person.insert("Sales Order", **order_of(prefix))["name"]
	in_step()
	(row,) = there._list("Sales Order", ["name"], {"customer": prefix})
	return name, row["name"]


def test_comments_cross_both_ways_to_an_order_of_another_name(
	sides: tuple[Someone, Someone], order: tuple[str, str], prefix: str
):
	(here, there), (mine, theirs) = sides, order
	here.comment("Sales Order", mine, "<p>first</p>")
	there.comment("Sales Order", theirs, "<p>second</p>")
	said = here.comment("Customer", prefix, "<p>third</p>")
	in_step()
	both = sorted([("Anna", "<p>first</p>"), ("Anna", "<p>second</p>")])
	assert here.comments("Sales Order", mine) == there.comments("Sales Order", theirs) == both
	assert there.comments("Customer", prefix) == [("Anna", "<p>third</p>")]
	here.person.edit("Comment", said["name"], content="<p>third, put right</p>")
	in_step()
	assert there.comments("Customer", prefix) == [("Anna", "<p>third, put right</p>")]
	here.person.delete("Comment", said["name"])
	in_step()
	assert there.comments("Customer", prefix) == []


def test_assignments_cross_and_show_on_the_document(
	sides: tuple[Someone, Someone], order: tuple[str, str], prefix: str
):
	(here, there), (mine, theirs) = sides, order
	here.assign("Sales Order", mine, BOB)
	there.assign("Sales Order", theirs, BOB)
	there.assign("Sales Order", theirs, EVE)
	in_step()
	assert here.assigned("Sales Order", mine) == there.assigned("Sales Order", theirs) == [BOB, EVE]
	here.take_back("Sales Order", mine, BOB)
	in_step()
	assert here.assigned("Sales Order", mine) == there.assigned("Sales Order", theirs) == [EVE]


def test_an_assignment_to_someone_who_is_not_there_is_named(sides: tuple[Someone, Someone], prefix: str):
	here, there = sides
	stranger = f"{prefix.lower().replace(' ', '.')}@example.com"
	here.person.insert("User", email=stranger, first_name="New", send_welcome_email=0)
	here.person.insert(**customer(prefix))
	here.assign("Customer", prefix, stranger)
	most = frappe.db.get_single_value("Sync Settings", "max_attempts")
	set_setting(max_attempts=1)
	try:
		sync()
	finally:
		set_setting(max_attempts=most)
	(failed,) = frappe.get_all("Sync Record", {"ref_doctype": "ToDo", "status": "Failed"}, pluck="error")
	assert stranger in failed
	assert there.assigned("Customer", prefix) == []


def test_tags_cross_are_joined_and_go(sides: tuple[Someone, Someone], order: tuple[str, str], prefix: str):
	(here, there), (mine, theirs) = sides, order
	here.tag("Sales Order", mine, f"{prefix} rush")
	there.tag("Sales Order", theirs, f"{prefix} export")
	sync(full=False)
	both = [f"{prefix} export", f"{prefix} rush"]
	assert here.tags("Sales Order", mine) == there.tags("Sales Order", theirs) == (both, both)
	in_step()
	there.untag("Sales Order", theirs, f"{prefix} rush")
	in_step()
	assert here.tags("Sales Order", mine) == there.tags("Sales Order", theirs) == (both[:1], both[:1])


def test_all_of_it_stays_at_home_until_the_rule_says_otherwise(sides: tuple[Someone, Someone], prefix: str):
	here, there = sides
	rules(prefix)
	here.person.insert(**customer(prefix))
	in_step()
	here.comment("Customer", prefix, "<p>ours</p>")
	here.assign("Customer", prefix, BOB)
	here.tag("Customer", prefix, f"{prefix} ours")
	in_step()
	assert there.comments("Customer", prefix) == [] == there.assigned("Customer", prefix)
	assert there.tags("Customer", prefix) == ([], [])
	doc = frappe.get_doc("Sync Rule", "Customer")
	doc.update(LETTING).save()
	frappe.db.commit()
	assert writes(sync(full=False)), "what was there before is looked through once more"
	assert there.comments("Customer", prefix) == [("Anna", "<p>ours</p>")]
	assert there.assigned("Customer", prefix) == [BOB]
	assert there.tags("Customer", prefix)[0] == [f"{prefix} ours"]
	in_step()


def test_a_deleted_document_takes_all_of_it_along(sides: tuple[Someone, Someone], prefix: str):
	here, there = sides
	here.person.insert(**customer(prefix))
	here.comment("Customer", prefix, "<p>soon gone</p>")
	here.tag("Customer", prefix, f"{prefix} gone")
	in_step()
	here.person.delete("Customer", prefix)
	in_step()
	assert there.person.get("Customer", prefix) is None
	assert there.comments("Customer", prefix) == []


def test_what_is_newly_said_of_a_document_beats_its_deletion(sides: tuple[Someone, Someone], prefix: str):
	here, there = sides
	here.person.insert(**customer(prefix))
	here.comment("Customer", prefix, "<p>old</p>")
	here.assign("Customer", prefix, BOB)
	in_step()
	there.comment("Customer", prefix, "<p>new</p>")
	here.person.delete("Customer", prefix)
	# By a worker of its own, which knows them by the name alone: what came back before would go too.
	until(lambda: here.comments("Customer", prefix) == [], "Frappe to take the comment along")
	until(lambda: not here._list("ToDo", ["name"], {"reference_name": prefix}), "and the assignment")
	in_step()
	for side in sides:
		assert side.comments("Customer", prefix) == [("Anna", "<p>new</p>"), ("Anna", "<p>old</p>")]
		assert side.assigned("Customer", prefix) == [BOB]


@pytest.fixture
def enabled(ledger: None) -> Iterator[None]:
	set_setting(enabled=1)
	yield
	frappe.db.rollback()
	set_setting(enabled=0)


def test_what_is_said_and_tagged_here_crosses_by_itself(cloud: Person, prefix: str, enabled: None):
	rules(prefix, **LETTING)
	here, there = Someone(LOCAL_URL), Someone(CLOUD_URL)
	here.person.insert(**customer(prefix))
	until(lambda: cloud.get("Customer", prefix), "the customer in the cloud")
	here.comment("Customer", prefix, "<p>at once</p>")
	here.tag("Customer", prefix, f"{prefix} at once")
	until(lambda: there.comments("Customer", prefix), "the comment in the cloud")
	until(lambda: there.tags("Customer", prefix)[0], "the tag in the cloud")
	until(lambda: count("Sync Event") == 0, "an empty queue")


def test_who_reads_the_rules_as_they_were_tells_nobody_else(
	monkeypatch: pytest.MonkeyPatch, prefix: str, enabled: None, local: Person
):
	"""A rule is switched off while another worker, whose transaction began before, finds the cache empty."""
	rules(prefix)
	frappe.cache.delete_value(settings.RULES_KEY)
	read = settings.options_of_rules

	def read_and_fall_behind() -> dict[str, list[str]]:
		found = read()
		local.edit("Sync Rule", "Customer", enabled=0)
		return found

	monkeypatch.setattr(settings, "options_of_rules", read_and_fall_behind)
	assert settings.captured("Customer"), "as this transaction sees it"
	frappe.db.rollback()
	frappe.local.cache.clear()
	assert not settings.captured("Customer")


def test_only_what_may_cross_is_captured(prefix: str, enabled: None):
	rules(prefix, comments=1)
	assert settings.captured("Customer") and settings.captured("Customer", "comments")
	assert not settings.captured("Customer", "tags") and not settings.captured("Comment")
	assert settings.followed("Comment") and not settings.followed("ToDo")
	doc = frappe.get_doc(customer(prefix)).insert()
	doc.add_comment("Info", "Frappe's own")
	frappe.get_doc("User", "Administrator").add_comment("Comment", "not of a Customer")
	doc.add_tag(f"{prefix} stays")
	said = doc.add_comment("Comment", "crosses")
	queued = frappe.get_all("Sync Event", fields=["ref_doctype", "docname"])
	assert {(event.ref_doctype, event.docname) for event in queued} == {
		("Customer", prefix),
		("Comment", said.name),
	}
	frappe.db.rollback()
