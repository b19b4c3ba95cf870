# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Comments and assignments go where the documents go that they are about, if the rule of those says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from erpsync_app.engine.followers import with_followers
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, Rule, other
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.tests.test_found_by_simulation import SO, order, orders
from erpsync_app.engine.tests.world import (
	ANNA,
	Killed,
	World,
	calls_of,
	interrupted_before,
	keep,
	killed_after,
	own,
)
from erpsync_app.sandbox.faults import Fault

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


# -- documents that are deleted, and what is said of them

FOLLOWED = lets(keep("Customer"))


def followed(*more: Rule) -> World:
	"""Ada, on both sides, with a comment and an assignment."""
	w = world(FOLLOWED, *more)
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	comment(w, LOCAL, "Customer", "Ada", "old")
	assign(w, LOCAL, "Customer", "Ada", "bob@example.com")
	w.settle()
	return w


def all_of_it(w: World, side) -> list[str]:
	return sorted(text for doctype in TEXT for _, text in told(w, side, doctype))


def deleted_and_commented(w: World, side) -> World:
	"""One side deletes Ada, of whom the other says something."""
	w.people[side].delete("Customer", "Ada")
	comment(w, other(side), "Customer", "Ada", "new")
	return w


OLD, NEW = ["for bob@example.com", "old"], ["for bob@example.com", "new", "old"]


@pytest.mark.parametrize("side", SIDES)
def test_what_is_newly_said_beats_a_deletion(side):
	"""It would go with the document, and leave no trace. What went on the side that deleted it is made again."""
	w = deleted_and_commented(followed(), side)
	w.settle()
	assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == NEW
	assert [c.resolution for c in w.ledger.conflicts()] == ["Edit beats delete"]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_comment_that_was_edited_beats_a_deletion(side):
	w = followed()
	w.people[side].delete("Customer", "Ada")
	(said,) = w.sites[other(side)].all("Comment")
	w.people[other(side)].save("Comment", said["name"], content="edited")
	w.settle()
	assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == ["edited", "for bob@example.com"]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_was_said_comes_back_with_its_document(side):
	w = followed()
	w.people[side].delete("Customer", "Ada")
	w.people[other(side)].save("Customer", "Ada", website="edited")
	w.settle()
	assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == OLD
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_document_of_the_same_name_gets_what_was_said(side):
	"""Where the name is the identity, what is made anew under it is the document."""
	w = followed()
	w.people[side].delete("Customer", "Ada")
	w.clock.sleep(60)
	w.people[side].insert("Customer", customer_name="Ada", website="anew")
	w.settle()
	assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == OLD
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_said_to_fail_while_a_person_is_asked(side):
	w = followed()
	w.rules["Customer"] = replace(FOLLOWED, policy="manual")
	deleted_and_commented(w, side)
	w.settle()
	assert len(w.open_conflicts()) == 1
	(said,) = (doc for doc in w.sites[other(side)].all("Comment") if doc["content"] == "old")
	w.put(Event(other(side), "Comment", said["name"]))
	w.settle()
	assert not [b for b in w.ledger.all_bindings("Comment") if b.status == "Failed"]
	assert all_of_it(w, side) == [] and all_of_it(w, other(side)) == NEW
	w.choose("Customer", other(side), "Ada", f"Keep {other(side)}")
	w.settle()
	assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == NEW
	w.check_in_step()


@pytest.mark.parametrize("choice", SIDES)
@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_said_to_fail_while_a_person_is_asked_about_a_merge(side, choice):
	"""Seeds 30527425 and 78000615: the name of what was merged away is another one's by now."""
	w, there = world(replace(FOLLOWED, policy="manual")), other(side)
	for name in ("Ada", "Bea"):
		w.people[side].insert("Customer", customer_name=name)
	w.settle()

	def said(w: World, on: str) -> list[tuple[str, str]]:
		return [each for each in told(w, on) if each[1] == "said"]

	w.sites[side].rename("Customer", "Ada", "Bea", merge=True)
	w.people[side].insert("Customer", customer_name="Ada", tax_id="new")
	w.people[there].save("Customer", "Ada", website="edited")
	comment(w, there, "Customer", "Ada", "said")
	w.settle()
	(conflict,) = w.open_conflicts()
	assert conflict.doctype == "Customer" and said(w, side) == [] and not w.queue.failed()
	w.choose("Customer", there, "Ada", f"Keep {choice}")
	w.settle()
	assert said(w, LOCAL) == said(w, CLOUD) == [("Bea" if choice == side else "Ada", "said")]
	w.check_in_step(["Customer"])
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_was_said_comes_back_also_if_another_worker_looks_at_it_in_between(side):
	"""Seed 92006399: its document is made again while a person is asked about the deletion."""
	w = world(replace(FOLLOWED, deletes="ask", policy=f"{side}_wins"))
	w.people[side].insert("Customer", customer_name="Ada", tax_id="old")
	assign(w, side, "Customer", "Ada", "eve@example.com")
	w.settle()
	w.people[side].delete("Customer", "Ada")
	w.settle()
	w.people[side].insert("Customer", customer_name="Ada", tax_id="new")
	w.scan()
	for call in range(1, 60):
		twin = w.copy()
		twin.drain(twin.context(around=interrupted_before(call, lambda twin=twin: twin.drain())))
		twin.settle()
		for each in SIDES:
			assert told(twin, each, "ToDo") == [("Ada", "for eve@example.com")], call
			assert twin.people[each].get("Customer", "Ada", "tax_id") == "new", call


@pytest.mark.parametrize("status", ["Failed", "Conflict"])
@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_said_of_another_document_of_the_name_while_it_is_open_what_that_is(side, status):
	"""Seed 93001061: what was said of the one went to the other."""
	w, there = world(FOLLOWED), other(side)
	w.people[side].insert("Customer", customer_name="Ada")
	w.settle()
	w.people[there].delete("Customer", "Ada")
	w.people[there].insert("Customer", customer_name="Ada", tax_id="new")
	name = comment(w, side, "Customer", "Ada", "said")
	w.database.execute("update binding set status = ? where doctype = 'Customer'", (status,))
	w.put(Event(side, "Comment", name))
	w.drain(doctypes=["Comment"])
	assert w.sites[there].all("Comment") == [] and w.queue.pending() == 0
	w.settle()
	assert told(w, there) == [("Ada", "said")], "once it is known that it is the one document"
	w.check_steady()


@pytest.mark.parametrize("its_number", ["stays free", "is another order's"])
@pytest.mark.parametrize("side", SIDES)
def test_nothing_is_said_to_fail_where_the_other_side_does_not_let_its_document_go(side, its_number):
	"""Seed 3051 with followers: deleted on one side as a draft, and submitted on the other."""
	w, there = orders(), other(side)
	w.rules = with_followers({SO: lets(w.rules[SO], submit="draft")})
	mine = order(w, side, "mine")
	said = (
		("ToDo", assign(w, side, SO, mine, "eve@example.com")),
		("Comment", comment(w, side, SO, mine, "old")),
	)
	w.settle()
	w.people[there].delete(SO, mine)
	w.sites[side].submit(SO, mine, user=ANNA)
	if its_number == "is another order's":
		order(w, there, "another")
	w.settle()
	w.put(*(Event(side, doctype, name) for doctype, name in said))
	w.settle()
	told = [(b.doctype, b.status) for b in w.ledger.all_bindings() if b.status != "Synced"]
	assert told == [(SO, "Failed")]
	assert w.count("Comment") == w.count("ToDo") == ((1, 0) if side == LOCAL else (0, 1))
	w.sites[side].cancel(SO, mine, user=ANNA)
	w.people[side].delete(SO, mine)
	w.settle()
	assert w.count("Comment") == w.count("ToDo") == (0, 0) and not w.queue.failed()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_is_said_of_a_document_that_is_merged_here_and_deleted_there_stays_with_the_other_one(side):
	"""Seed 10712 with followers: on the other side it went with the document that it was about."""
	w = world(FOLLOWED)
	for name in ("Ada", "Bea"):
		w.people[LOCAL].insert("Customer", customer_name=name)
	w.settle()
	comment(w, side, "Customer", "Ada", "said")
	assign(w, side, "Customer", "Ada", "eve@example.com")
	w.settle()
	w.sites[side].rename("Customer", "Ada", "Bea", merge=True)
	w.people[other(side)].delete("Customer", "Ada")
	w.settle()
	for each in SIDES:
		assert w.sites[each].names("Customer") == ["Bea"]
		assert ("Bea", "said") in told(w, each) and told(w, each, "ToDo") == [("Bea", "for eve@example.com")]
	assert not w.queue.failed()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_is_said_of_a_document_that_was_renamed_is_told_when_it_is_out_of_sight(side):
	"""Its old leader is the same one by another name: nothing says that it is gone, and it is not made twice."""
	w = world(FOLLOWED)
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	w.settle()
	mine = comment(w, LOCAL, "Customer", "Ada", "said")
	w.settle()
	w.sites[LOCAL].rename("Customer", "Ada", "Bob")
	w.settle()
	names = w.binding("Comment", LOCAL, mine).names
	hide, seen = "create table hidden as select * from", 'insert into "tabComment" select * from hidden'
	w.databases[side].execute(f'{hide} "tabComment" where name = ?', (names[side],))
	w.databases[side].execute('delete from "tabComment" where name = ?', (names[side],))
	w.put(Event(other(side), "Comment", names[other(side)]))
	w.settle()
	assert "without a trace" in w.binding("Comment", LOCAL, mine).error
	w.databases[side].execute(seen)
	w.put(Event(side, "Comment", names[side]))
	w.settle()
	for each in SIDES:
		assert [text for _, text in told(w, each)].count("said") == 1


def failed_and_commented() -> World:
	"""Ada is refused, as her group is not there; what is said of her meanwhile is further back than a short scan looks."""
	w = world(FOLLOWED)
	w.people[LOCAL].insert("Customer Group", customer_group_name="Gold")
	w.people[LOCAL].insert("Customer", customer_name="Ada", customer_group="Gold")
	w.settle()
	w.clock.sleep(86400)
	comment(w, LOCAL, "Customer", "Ada", "said meanwhile")
	go_on(w)
	w.clock.sleep(3600)
	w.people[LOCAL].insert("Comment", content="of nothing", comment_type="Edit")
	w.sync(full=False)
	assert w.binding("Customer", LOCAL, "Ada").status == "Failed"
	w.people[CLOUD].insert("Customer Group", customer_group_name="Gold")
	return w


def go_on(w: World) -> None:
	"""Every five minutes, for as long as it takes to give up."""
	for _ in range(20):
		w.queue.unblock()
		w.sync(full=False)
		w.clock.sleep(300)


@pytest.mark.parametrize("comes", ["by hand", "by an unclear create"])
def test_what_is_said_of_a_document_that_fails_crosses_when_it_is_there(comes):
	w = failed_and_commented()
	if comes == "by hand":
		w.people[CLOUD].insert("Customer", customer_name="Ada", customer_group="Gold")
	else:
		w.people[LOCAL].save("Customer", "Ada", website="x")
		w.scan(full=False)
		w.fault(CLOUD, Fault.AFTER_TIMEOUT, path="/api/v2/document/Customer", times=1)
		assert w.drain().stopped
		w.mend()
		w.drain()
	go_on(w)
	assert told(w, CLOUD) == [("Ada", "said meanwhile")]


def test_what_is_said_of_a_document_does_not_hurry_its_creation():
	"""Which is refused, and tried again after a while."""
	w = world(FOLLOWED)
	w.retry = RetryPolicy()
	w.people[LOCAL].insert("Customer Group", customer_group_name="Gold")
	w.people[LOCAL].insert("Customer", customer_name="Ada", customer_group="Gold")
	comment(w, LOCAL, "Customer", "Ada", "said")
	tried = []

	def around(label, call):
		if label == "cloud.create Customer":
			tried.append(w.clock.now())
		return call()

	w.scan()
	for _ in range(30):
		w.drain(w.context(around=around))
		w.clock.sleep(2)
	assert 2 <= len(tried) <= 5
	assert all(later - earlier >= timedelta(seconds=2) for earlier, later in pairwise(tried))


@pytest.mark.parametrize("side", SIDES)
def test_what_was_closed_before_it_crossed_goes_with_its_document(side):
	w = followed()
	assign(w, side, "Customer", "Ada", "eve@example.com", status="Closed")
	w.people[other(side)].delete("Customer", "Ada")
	w.settle()
	assert w.count("Customer") == w.count("ToDo") == w.count("Comment") == (0, 0)
	assert w.ledger.conflicts() == []


@pytest.mark.parametrize("side", SIDES)
def test_a_comment_on_a_document_that_was_renamed_elsewhere_without_a_word(side):
	"""A rename touches no `modified`: the comment has it looked at."""
	w = world(lets(keep("Territory")))
	for person in w.people.values():
		person.insert("Territory", territory_name="Root", is_group=1)
	w.people[LOCAL].insert("Territory", territory_name="Old", parent_territory="Root")
	w.settle()
	w.sites[side].rename("Territory", "Old", "New")
	comment(w, other(side), "Territory", "Old", "said")
	w.sync(full=False)
	for _ in range(3):
		w.clock.sleep(60)
		w.drain()
	assert all(("New", "said") in told(w, each) for each in SIDES), "beside Frappe's own note of the rename"
	w.settle()
	assert w.count("Comment") == (2, 2) and not w.queue.failed()


@pytest.mark.parametrize("kind", ["comment", "tag"])
@pytest.mark.parametrize("side", SIDES)
def test_what_is_said_while_the_deletion_is_under_way_beats_it(side, kind):
	w = World(*with_followers({"Customer": replace(FOLLOWED, tags=True)}).values())
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	w.settle()
	w.people[side].delete("Customer", "Ada")
	w.put(Event(side, "Customer", "Ada", "delete"))

	def say(w: World) -> None:
		if w.sites[other(side)].get("Customer", "Ada"):
			if kind == "comment":
				comment(w, other(side), "Customer", "Ada", "new")
			else:
				w.people[other(side)].tag("Customer", "Ada", "new")

	# Between the last look for it and the deletion nothing looks any more: Frappe has no call that does both.
	calls = calls_of(once(w.copy()))
	before = calls[: calls.index(f"{other(side)}.delete Customer")]
	look = f"{other(side)}.find Comment" if kind == "comment" else f"{other(side)}.tags Customer"
	looked = max(n for n, call in enumerate(before, start=1) if call == look)
	for call in range(1, looked + 1):
		twin = w.copy()
		twin.drain(twin.context(around=interrupted_before(call, lambda twin=twin: say(twin))))
		twin.settle()
		for each in SIDES:
			tags = (twin.people[each].get("Customer", "Ada") or {}).get("_user_tags")
			assert (all_of_it(twin, each) == ["new"]) if kind == "comment" else (tags == ",new"), call
		twin.check_in_step()


def once(w: World):
	return lambda around: w.drain(w.context(around=around))


@pytest.mark.parametrize("side", SIDES)
def test_a_worker_that_dies_after_any_call_loses_nothing_of_what_was_said(side):
	start = deleted_and_commented(followed(), side)
	start.scan()
	calls = calls_of(once(start.copy()))
	assert len(calls) > 20
	for died in range(1, len(calls)):
		w = start.copy()
		with pytest.raises(Killed):
			once(w)(killed_after(died))
		w.clock.sleep(3601)
		w.settle()
		assert all_of_it(w, LOCAL) == all_of_it(w, CLOUD) == NEW, calls[died - 1]
		w.check_in_step()
		w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_was_said_of_a_document_that_is_merged_into_one_that_the_other_side_deletes(side):
	"""Seed 99310578: neither the survivor nor what is said is touched by the merge."""
	w = world(FOLLOWED)
	for name in ("Ada", "Bea"):
		w.people[side].insert("Customer", customer_name=name)
	w.settle()
	comment(w, other(side), "Customer", "Ada", "said")
	assign(w, other(side), "Customer", "Ada", "eve@example.com")
	w.settle()
	w.people[side].delete("Customer", "Bea")
	w.sites[other(side)].rename("Customer", "Ada", "Bea", merge=True)
	w.settle()
	for each in SIDES:
		assert w.sites[each].names("Customer") == ["Bea"]
		assert ("Bea", "said") in told(w, each)
		assert told(w, each, "ToDo") == [("Bea", "for eve@example.com")]
	w.check_in_step(["Customer"])
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_is_said_of_a_renamed_document_is_no_news_of_it(side):
	w = world(FOLLOWED)
	w.people[side].insert("Customer", customer_name="Ada")
	w.settle()
	comment(w, side, "Customer", "Ada", "said")
	w.settle()
	w.sites[side].rename("Customer", "Ada", "Bea")
	w.settle()
	w.people[other(side)].delete("Customer", "Bea")
	w.settle()
	assert [w.sites[each].names("Customer") for each in SIDES] == [[], []]
