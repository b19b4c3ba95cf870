# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Comments and assignments go where the documents go that they are about, if the rule of those says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erpsync_app.engine.followers import with_followers
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Rule, other
from erpsync_app.engine.tests.world import World, keep, own

TEXT = {"Comment": "content", "ToDo": "description"}


def world(*rules: Rule) -> World:
	return World(*with_followers({rule.doctype: rule for rule in rules}).values())


def lets(rule: Rule, **more) -> Rule:
	return replace(rule, comments=True, assignments=True, **more)


def comment(w: World, side, doctype: str, name: str, text: str, **more) -> str:
	about = {"reference_doctype": doctype, "reference_name": name}
	return w.people[side].insert("Comment", content=text, comment_by="Anna", **about, **more)


def assign(w: World, side, doctype: str, name: str, user: str, **more) -> str:
	values = {"allocated_to": user, "description": f"for {user}", **more}
	return w.people[side].insert("ToDo", reference_type=doctype, reference_name=name, **values)


def told(w: World, side, doctype: str = "Comment") -> list[tuple[str, str]]:
	"""What is said on a side, and about what: the title of a Note, whose name is each site's own."""
	field = "reference_doctype" if doctype == "Comment" else "reference_type"
	found = []
	for doc in w.sites[side].all(doctype):
		leader = w.sites[side].get(doc[field], doc["reference_name"])
		found.append((leader.get("title") or leader["name"], doc[TEXT[doctype]]))
	return sorted(found)


@pytest.mark.parametrize("side", SIDES)
def test_a_comment_crosses_to_the_document_of_another_name_is_edited_there_and_removed(side):
	w = world(lets(own("Note")))
	note = w.people[side].insert("Note", title="plan", public=1)
	mine = comment(w, side, "Note", note, "first")
	w.settle()
	assert told(w, other(side)) == [("plan", "first")]
	(copy,) = w.sites[other(side)].all("Comment")
	assert copy["reference_name"] != note and copy["comment_by"] == "Anna"
	w.check_in_step()
	w.check_steady()

	w.people[other(side)].save("Comment", copy["name"], content="second")
	w.sync(full=False)
	assert told(w, side) == [("plan", "second")]
	w.people[side].delete("Comment", mine)
	w.sync(full=False)
	assert told(w, LOCAL) == told(w, CLOUD) == []
	w.check_steady()


def test_comments_of_both_sides_stand_side_by_side():
	w = world(lets(keep("Customer")))
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	w.settle()
	for side in SIDES:
		comment(w, side, "Customer", "Ada", "same words")
	w.sync(full=False)
	assert told(w, LOCAL) == told(w, CLOUD) == [("Ada", "same words")] * 2
	w.check_steady()


def test_what_the_rule_does_not_let_cross_stays_at_home():
	w = world(lets(keep("Customer")), keep("UOM"))
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	w.people[LOCAL].insert("UOM", uom_name="Box")
	comment(w, LOCAL, "UOM", "Box", "of a DocType whose rule says nothing")
	comment(w, LOCAL, "Customer", "Ada", "Frappe's own note", comment_type="Edit")
	assign(w, LOCAL, "Customer", "Ada", "done@example.com", status="Closed")
	w.settle()
	assert told(w, CLOUD) == told(w, CLOUD, "ToDo") == []
	assert not w.queue.failed()
	w.check_steady()


def test_what_is_about_a_document_outside_the_filters_stays_and_is_no_failure():
	w = world(lets(replace(keep("Customer"), filters=(("disabled", "=", 0),))))
	w.people[LOCAL].insert("Customer", customer_name="Ada", disabled=1)
	comment(w, LOCAL, "Customer", "Ada", "quiet")
	w.settle()
	assert w.count("Comment") == (1, 0) and not w.queue.failed()
	w.people[LOCAL].save("Customer", "Ada", disabled=0)
	w.settle()
	assert told(w, CLOUD) == [("Ada", "quiet")], "found by the next full scan"
	w.check_steady()


def test_it_waits_for_a_document_that_is_not_there_yet():
	w = world(lets(keep("Customer")))
	w.people[LOCAL].insert("Customer Group", customer_group_name="Gold")
	w.people[LOCAL].insert("Customer", customer_name="Ada", customer_group="Gold")
	comment(w, LOCAL, "Customer", "Ada", "waits")
	w.settle()
	assert w.count("Customer") == w.count("Comment") == (1, 0)
	w.people[CLOUD].insert("Customer Group", customer_group_name="Gold")
	w.queue.unblock()
	w.settle()
	assert told(w, CLOUD) == [("Ada", "waits")]
	assert not w.queue.failed()


@pytest.mark.parametrize("side", SIDES)
def test_it_goes_no_other_way_than_its_leader(side):
	one_way = "cloud_to_local" if side == LOCAL else "local_to_cloud"
	w = world(lets(keep("Customer", direction=one_way)), lets(keep("UOM")))
	w.people[other(side)].insert("Customer", customer_name="Ada")
	comment(w, other(side), "Customer", "Ada", "may cross")
	w.settle()
	assert told(w, side) == [("Ada", "may cross")]
	comment(w, side, "Customer", "Ada", "may not")
	(copy,) = (doc for doc in w.sites[side].all("Comment") if doc["content"] == "may cross")
	w.people[side].save("Comment", copy["name"], content="edited here")
	w.settle()
	assert told(w, other(side)) == [("Ada", "may cross")]
	assert told(w, side) == [("Ada", "edited here"), ("Ada", "may not")]
	w.check_steady()


def test_an_assignment_made_on_both_sides_is_one_and_is_closed_on_both():
	w = world(lets(own("Note")))
	notes = {LOCAL: w.people[LOCAL].insert("Note", title="plan", public=1)}
	w.settle()
	notes[CLOUD] = w.sites[CLOUD].names("Note")[0]
	mine = {side: assign(w, side, "Note", notes[side], "bob@example.com") for side in SIDES}
	assign(w, CLOUD, "Note", notes[CLOUD], "eve@example.com")
	w.settle()
	assert told(w, LOCAL, "ToDo") == told(w, CLOUD, "ToDo")
	assert [text for _, text in told(w, LOCAL, "ToDo")] == ["for bob@example.com", "for eve@example.com"]
	w.check_steady()
	w.people[CLOUD].save("ToDo", mine[CLOUD], status="Closed")
	w.sync(full=False)
	assert w.people[LOCAL].get("ToDo", mine[LOCAL], "status") == "Closed"
	w.check_steady()


def test_a_rule_that_a_person_wrote_stands():
	mine = own("ToDo")
	assert with_followers({"ToDo": mine, "Customer": lets(keep("Customer"))})["ToDo"] is mine
	assert set(with_followers({"Customer": keep("Customer")})) == {"Customer"}


@pytest.mark.parametrize("side", SIDES)
def test_a_document_takes_what_is_said_of_it_along_when_it_goes(side):
	"""However much it is: that it goes without a trace makes nobody think of a backup that was restored."""
	w = world(lets(keep("Customer")))
	for name in ("Ada", "Bob"):
		w.people[LOCAL].insert("Customer", customer_name=name)
	comment(w, LOCAL, "Customer", "Bob", "stays")
	w.clock.sleep(3600)
	for number in range(30):
		comment(w, LOCAL, "Customer", "Ada", f"gone soon {number}")
	w.settle()
	w.people[side].delete("Customer", "Ada")
	w.sync(full=False)
	w.settle()
	assert w.count("Customer") == w.count("Comment") == (1, 1)
	assert not w.queue.failed()
	w.check_steady()
