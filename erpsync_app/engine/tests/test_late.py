# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What was made too late, by a worker that could not take it back. See `engine/late.py`."""

from contextlib import nullcontext
from datetime import datetime, timedelta

import pytest

from erpsync_app.engine import batch
from erpsync_app.engine.errors import Blocked, Refused, Unavailable
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, Outcome, other
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.tests.test_found_by_simulation import SO, of_po, once, order, orders
from erpsync_app.engine.tests.world import ANNA, SYNC, Killed, World, calls_of, interrupted_before, keep, own
from erpsync_app.sandbox.faults import Fault

KINDS = ["ToDo", SO]
"""One whose name is made up, and one that its site names, which has rows."""
FIELD = {"ToDo": "description", SO: "po_no"}
"""What people edit."""


def world(kind, *words):
	return orders(*words) if kind == SO else World(own("ToDo", *words))


def one_of(w, side, kind, what="mine"):
	return order(w, side, what) if kind == SO else w.people[side].insert(kind, description=what)


def make_too_late(w, side, kind, times=1, what="mine"):
	"""A worker stands still over its create for an hour, in which another one makes the document; or `times` of them, one
	after the other, each of which stands still as well. None lives to record what it made. Answers the document's name."""
	there, left = other(side), [times]
	name, before = one_of(w, side, kind, what), len(w.sites[there].names(kind))

	def around(label, call):
		if label != f"{there}.create {kind}" or not left[0]:
			return call()
		left[0] -= 1
		w.clock.sleep(3600)
		if left[0]:
			with pytest.raises(Killed):
				w.drain(w.context(around=around))
		else:
			w.drain()
		call()
		raise Killed

	w.put(Event(side, kind, name))
	with pytest.raises(Killed):
		w.drain(w.context(around=around))
	assert len(w.sites[there].names(kind)) == before + times + 1
	return name


def the_late_one(w, there, kind):
	(bound,) = w.ledger.all_bindings(kind)
	(late,) = set(w.sites[there].names(kind)) - {bound.names[there]}
	return late


def one_way(way, side):
	return [] if way == "both ways" else ["to cloud" if side == LOCAL else "to local"]


def failed(w, kind, side, name):
	"""What is told of a document."""
	binding = w.binding(kind, side, name)
	assert binding.status == "Failed"
	return binding.error


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("way", ["both ways", "one way"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_worker_made_too_late_before_it_died_is_deleted(kind, side, way, times):
	w = world(kind, *one_way(way, side))
	make_too_late(w, side, kind, times)
	(bound,) = w.ledger.all_bindings(kind)
	w.clock.sleep(3600)
	w.settle()
	assert w.sites[other(side)].names(kind) == [bound.names[other(side)]]
	assert w.count(kind) == (1, 1)
	entries = [entry for entry in w.ledger.log() if entry.operation == "delete"]
	assert [f"it is {bound.names[other(side)]}" in entry.message for entry in entries] == [True] * times
	assert all(entry.overwritten for entry in entries)
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_knows_yet_which_of_the_two_stays(kind, side, dies):
	"""Seed 3017056: the answer of the one that came in time was lost. The worker that comes too late takes its own back, if
	it lives; else both are nobody's, and each waits for the create that it may be of."""
	w, there = world(kind), other(side)

	def around(label, call):
		if label != f"{there}.create {kind}":
			return call()
		w.clock.sleep(3600)
		w.fault(there, Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
		assert w.drain().stopped
		w.mend()
		made = call()
		if dies:
			raise Killed
		return made

	w.put(Event(side, kind, one_of(w, side, kind)))
	with pytest.raises(Killed) if dies else nullcontext():
		w.drain(w.context(around=around), limit=1)
	assert len(w.sites[there].names(kind)) == (2 if dies else 1)
	w.settle()
	assert w.count(kind) == (1, 1)
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("deletes", ["the late one", "the one in time"])
@pytest.mark.parametrize("way", ["both ways", "one way"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_has_edited_by_then_is_told_and_one_of_the_two_is_for_a_person_to_delete(
	kind, side, way, deletes
):
	"""Seed 5045245. It does not cross: who has two of one document does not want four."""
	w, there = world(kind, *one_way(way, side)), other(side)
	make_too_late(w, side, kind)
	late = the_late_one(w, there, kind)
	(bound,) = w.ledger.all_bindings(kind)
	in_time = bound.names[there]
	w.people[there].save(kind, late, **{FIELD[kind]: "theirs"})
	for _ in range(2):
		w.settle()
		assert w.binding(kind, there, in_time) == bound
		assert f"made it a second time, after {in_time}" in failed(w, kind, there, late)
		assert w.sites[there].names(kind) == sorted([in_time, late]) and len(w.sites[side].names(kind)) == 1
	w.people[there].delete(kind, late if deletes == "the late one" else in_time)
	w.settle()
	if deletes == "the late one":
		assert w.ledger.all_bindings(kind) == [bound]
		assert w.sites[there].names(kind) == [in_time]
	else:
		assert w.sites[there].names(kind) == [late]
	if deletes == "the one in time" and way == "one way":
		(left,) = w.ledger.all_bindings(kind)
		assert (left.names, left.status) == (bound.names, "Diverged")
	else:
		w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("comes_to", ["submitted", "cancelled"])
@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_the_one_that_came_in_time_is_submitted_or_cancelled_by_then(side, edited, comes_to):
	"""The baseline of what is submitted holds no more than what may still be edited."""
	w, there = orders(), other(side)
	make_too_late(w, side, SO, what=None)
	late = the_late_one(w, there, SO)
	(bound,) = w.ledger.all_bindings(SO)
	if edited:
		w.people[there].save(SO, late, po_no="theirs")
		w.settle()
	for step in ("submit", *(["cancel"] if comes_to == "cancelled" else [])):
		getattr(w.sites[side], step)(SO, bound.names[side], user=ANNA)
		w.put(Event(side, SO, bound.names[side]))
		w.drain()
	w.settle()
	if not edited:
		assert w.count(SO) == (1, 1)
	elif comes_to == "submitted":
		failed(w, SO, there, late)
		assert len(w.sites[side].names(SO)) == 1
	else:  # one of the two is left: the one that someone has edited
		assert w.count(SO) == (2, 2)
	if comes_to == "cancelled" or not edited:
		w.check_in_step()
	w.check_steady()


def test_the_late_one_is_cancelled():
	"""Which is how people do away with what they have submitted, and settles it: there it is to cross as what it is."""
	w = orders()
	make_too_late(w, LOCAL, SO)
	late = the_late_one(w, CLOUD, SO)
	w.sites[CLOUD].submit(SO, late, user=ANNA)
	w.settle()
	failed(w, SO, CLOUD, late)
	w.sites[CLOUD].cancel(SO, late, user=ANNA)
	w.settle()
	assert sorted(doc["docstatus"] for doc in w.sites[LOCAL].all(SO)) == [0, 2]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_the_one_that_came_in_time_is_renamed_by_then(side, edited):
	w, there = orders(), other(side)
	make_too_late(w, side, SO)
	late = the_late_one(w, there, SO)
	(bound,) = w.ledger.all_bindings(SO)
	if edited:
		w.people[there].save(SO, late, po_no="theirs")
	w.sites[there].rename(SO, bound.names[there], "renamed", user=ANNA)
	w.settle()
	if edited:
		assert "after renamed" in failed(w, SO, there, late) and len(w.sites[side].names(SO)) == 1
	else:
		assert w.sites[there].names(SO) == ["renamed"] and w.count(SO) == (1, 1)
		w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("answer", ["lost", "no"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_one_that_came_in_time_is_being_made_anew_on_the_other_side(kind, answer):
	"""Edited, where the other side deleted it. The late one is the late one still."""
	w = world(kind)
	mine = make_too_late(w, LOCAL, kind)
	late = the_late_one(w, CLOUD, kind)
	(bound,) = w.ledger.all_bindings(kind)
	in_time, field = bound.names[CLOUD], FIELD[kind]
	w.clock.sleep(3600)
	w.people[LOCAL].delete(kind, mine)
	w.people[CLOUD].save(kind, in_time, **{field: "what counts"})
	w.put(Event(CLOUD, kind, in_time))

	def around(label, call):
		if label == f"local.create {kind}":
			raise Unavailable("No answer.") if answer == "lost" else Refused("No.")
		return call()

	w.drain(w.context(around=around), limit=1)
	w.put(Event(CLOUD, kind, late))
	w.drain(name=late)
	w.settle()
	assert [doc[field] for side in SIDES for doc in w.sites[side].all(kind)] == ["what counts"] * 2
	assert w.sites[CLOUD].names(kind) == [in_time]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("then", [(), ("submit",), ("submit", "cancel")])
@pytest.mark.parametrize("side", SIDES)
def test_what_the_one_that_came_in_time_had_was_replaced_since(side, then):
	"""The late one, which nobody has touched, has it still, and is deleted all the same."""
	w = orders()
	make_too_late(w, side, SO)
	(bound,) = w.ledger.all_bindings(SO)
	mine = bound.names[side]
	w.people[side].save(SO, mine, po_no="corrected")
	for step in ("", *then):
		if step:
			getattr(w.sites[side], step)(SO, mine, user=ANNA)
		w.put(Event(side, SO, mine))
		w.drain(name=mine)
	w.settle()
	assert w.count(SO) == (1, 1) and w.sites[other(side)].names(SO) == [bound.names[other(side)]]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("value", ["theirs", None])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_past_the_documents_of_the_site_is_not_deleted(kind, value):
	"""Seed 9502127: without a name of whoever did it."""
	w = world(kind)
	make_too_late(w, LOCAL, kind)
	late = the_late_one(w, CLOUD, kind)
	w.sites[CLOUD].set_value(kind, late, {FIELD[kind]: value})
	w.settle()
	failed(w, kind, CLOUD, late)
	assert w.sites[CLOUD].get(kind, late)[FIELD[kind]] == value and w.count(kind) == (1, 2)
	w.check_steady()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_told_is_renamed_and_deleted(kind):
	w = world(kind)
	make_too_late(w, LOCAL, kind)
	late = the_late_one(w, CLOUD, kind)
	(bound,) = w.ledger.all_bindings(kind)
	w.people[CLOUD].save(kind, late, **{FIELD[kind]: "theirs"})
	w.settle()
	w.sites[CLOUD].rename(kind, late, "renamed", user=ANNA)
	w.settle()
	if kind == SO:
		failed(w, SO, CLOUD, "renamed")
	assert w.binding(kind, CLOUD, late) is None
	w.people[CLOUD].delete(kind, "renamed")
	w.settle()
	assert w.ledger.all_bindings(kind) == [bound]
	w.check_in_step()


def test_the_number_of_what_was_told_and_deleted_is_given_out_again():
	w = orders()
	for n in range(3):  # so that the next numbers differ
		order(w, CLOUD, f"in the cloud {n}", qty=5)
	for name in [order(w, LOCAL, f"here {n}", qty=7) for n in range(4)][:3]:
		w.people[LOCAL].delete(SO, name)
	w.settle()
	before = set(w.sites[CLOUD].names(SO))
	mine = make_too_late(w, LOCAL, SO)
	(late,) = set(w.sites[CLOUD].names(SO)) - before - {w.binding(SO, LOCAL, mine).names[CLOUD]}
	w.people[CLOUD].save(SO, late, po_no="theirs")
	w.settle()
	failed(w, SO, CLOUD, late)
	w.people[CLOUD].delete(SO, late)
	order(w, LOCAL, "new")
	w.scan()
	assert w.drain().counts["create_cloud"] == 1
	w.settle()
	assert [doc["name"] for doc in of_po(w, CLOUD, "new")] == [late] and len(of_po(w, LOCAL, "new")) == 1
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_user_of_sync_makes_by_hand_stays(kind, side):
	"""Also where it is like one that sync has just made."""
	w, there = world(kind), other(side)
	w.put(Event(side, kind, one_of(w, side, kind)))
	w.drain()
	(made,) = w.sites[there].all(kind)
	values = {"description": "mine"}
	if kind == SO:
		values = {"customer": "C", "po_no": "mine", "items": [{"item_code": "I", "qty": 1, "rate": 3}]}
	w.sites[there].insert(kind, values, user=SYNC)
	w.settle()
	assert w.count(kind) == (2, 2) and made["name"] in w.sites[there].names(kind)
	w.check_in_step()


@pytest.mark.parametrize("call", range(1, 16))
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_recorded_while_it_is_looked_at_is_not_its_own_double(kind, side, call):
	"""The webhook of what a worker has just made is quicker than its record."""
	w, there = world(kind), other(side)
	one_of(w, there, kind, "theirs")  # so that the two sites give out different names
	mine = one_of(w, side, kind)
	w.put(Event(side, kind, mine))
	w.fault(there, Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
	assert w.drain().stopped
	w.mend()
	w.clock.sleep(3601)
	(made,) = [doc["name"] for doc in w.sites[there].all(kind) if doc["owner"] == SYNC.name]
	w.put(Event(there, kind, made))
	w.drain(w.context(around=interrupted_before(call, lambda: w.drain(name=mine))), name=made)
	w.settle()
	assert not [entry for entry in w.ledger.log() if entry.operation == "delete"]
	assert w.count(kind) == (2, 2)
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_person_deletes_the_one_that_came_in_time(kind, side):
	"""The other one is the only one left, and stays."""
	w, there = world(kind), other(side)
	make_too_late(w, side, kind)
	(bound,) = w.ledger.all_bindings(kind)
	w.people[there].delete(kind, bound.names[there])
	w.settle()
	assert w.count(kind) == (1, 1)
	w.check_in_step()


@pytest.mark.parametrize("what", ["a file", "a tag", "a comment", "an assignment"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_has_put_something_beside_stays_and_is_told(kind, what):
	"""Also where that does not cross."""
	w = world(kind)
	make_too_late(w, LOCAL, kind)
	late = the_late_one(w, CLOUD, kind)
	if what == "a file":
		w.people[CLOUD].attach(kind, late, "contract.pdf", b"signed")
	elif what == "a tag":
		w.people[CLOUD].tag(kind, late, "urgent")
	elif what == "a comment":
		about = {"reference_doctype": kind, "reference_name": late}
		w.people[CLOUD].insert("Comment", comment_type="Comment", content="mind", **about)
	else:
		about = {"reference_type": kind, "reference_name": late}
		w.people[CLOUD].insert("ToDo", description="call", allocated_to="anna@example.com", **about)
	w.settle()
	assert late in w.sites[CLOUD].names(kind)
	assert [entry for entry in w.ledger.log() if entry.operation == "delete"] == []
	assert "made it a second time" in failed(w, kind, CLOUD, late)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_in_one_direction_only_does_not_let_it_cross(kind):
	w = world(kind)
	make_too_late(w, LOCAL, kind)
	w.clock.sleep(3600)
	w.sync(direction="cloud_to_local")
	assert w.count(kind) == (1, 2)
	w.settle()
	assert w.count(kind) == (1, 1)
	w.check_in_step()


def test_a_stranger_that_happens_to_bear_a_moment_like_that_of_another_stays():
	"""What sync had made of one that it knows nothing of any more: its own moment is a few seconds off."""
	w = orders()
	w.put(Event(LOCAL, SO, order(w, LOCAL, "first")))
	w.drain()
	(made,) = w.sites[CLOUD].all(SO)
	(moment,) = [row["creation"] for row in made["items"]]
	beside = str(datetime.fromisoformat(moment) + timedelta(seconds=3))
	w.clock.sleep(3)
	rows = [{"item_code": "I", "qty": 1, "rate": 3, "creation": beside}]
	w.sites[CLOUD].insert(SO, {"customer": "C", "po_no": "first", "items": rows}, user=SYNC)
	w.settle()
	assert w.count(SO) == (2, 2)


def test_what_fails_for_ever_holds_up_nothing_that_it_has_not_made():
	"""Its create ended in an error that says nothing of what came of it."""
	w = orders("to cloud")
	w.retry = RetryPolicy(max_attempts=2)
	order(w, LOCAL, "bad")
	create = w.clients[CLOUD].create

	def broken(doctype, values, name):
		if values.get("po_no") == "bad":
			raise RuntimeError("nobody foresaw it")
		return create(doctype, values, name)

	w.clients[CLOUD].create = broken
	w.settle()
	rows = [{"item_code": "I", "qty": 1, "rate": 3}]
	w.sites[CLOUD].insert(SO, {"customer": "C", "po_no": "by hand", "items": rows}, user=SYNC)
	w.settle()
	assert w.binding(SO, LOCAL, w.sites[LOCAL].names(SO)[0]).status == "Failed"


def test_rows_of_no_age_are_none_of_ours():
	"""As patches of long ago may have left them."""
	w = orders()
	rows = [{"item_code": "I", "qty": 1, "rate": 3}]
	w.sites[CLOUD].insert(SO, {"customer": "C", "po_no": "old", "items": rows}, user=SYNC)
	w.databases[CLOUD].execute('update "tabSales Order Item" set creation = null')
	w.settle()
	assert w.count(SO) == (1, 1)
	w.check_in_step()


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_deleted_is_told_and_deleted_when_it_can(kind):
	"""It does not cross in the meantime."""
	w = world(kind)
	w.retry = RetryPolicy(max_attempts=1)
	make_too_late(w, LOCAL, kind)
	(bound,) = w.ledger.all_bindings(kind)
	delete = w.clients[CLOUD].delete

	def linked(*of):
		raise Blocked("Cannot delete or cancel because it is linked with another.")

	w.clients[CLOUD].delete = linked
	for _ in range(2):
		w.settle()
		assert w.count(kind) == (1, 2)
		assert {b.status for b in w.ledger.all_bindings(kind)} == {"Synced", "Failed"}
	assert [why for _, why in w.queue.failed()] == [
		"Cannot delete or cancel because it is linked with another."
	]
	w.clients[CLOUD].delete = delete
	w.settle()
	assert w.ledger.all_bindings(kind) == [bound] and w.count(kind) == (1, 1)
	w.check_in_step()


@pytest.mark.parametrize("edit", ["a field", "rows"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_person_edits_the_document_before_the_create_is_begun_again(kind, side, edit):
	"""And of the two creates only the first arrives, late: what was sent with that is what is there."""
	w, there = world(kind), other(side)
	mine, left = one_of(w, side, kind), [1]
	values = {FIELD[kind]: "edited"}
	if edit == "rows" and kind == SO:
		rows = [{"item_code": "I", "qty": qty, "rate": 3} for qty in (1, 2)]
		w.people[side].save(SO, mine, items=rows)
		values = {"items": [{"item_code": "I", "qty": qty, "rate": 3} for qty in (2, 4)]}

	def around(label, call):
		if label != f"{there}.create {kind}" or not left[0]:
			return call()
		left[0] = 0
		w.clock.sleep(3600)
		w.people[side].save(kind, mine, **values)
		w.fault(there, Fault.LOST_TIMEOUT, path="/api/v2/document", times=1)
		assert w.drain().stopped
		w.mend()
		call()
		raise Killed

	w.put(Event(side, kind, mine))
	with pytest.raises(Killed):
		w.drain(w.context(around=around))
	w.settle()
	assert w.count(kind) == (1, 1) and not w.ledger.conflicts()
	(copy,) = w.sites[there].names(kind)
	for at, name in ((side, mine), (there, copy)):
		doc = w.people[at].get(kind, name)
		if "items" in values:
			assert [row["qty"] for row in doc["items"]] == [2, 4], at
		else:
			assert values.items() <= doc.items(), at
	w.check_in_step()
	w.check_steady()


def test_what_an_unclear_create_made_is_found_among_many_that_sync_made_that_day(monkeypatch):
	monkeypatch.setattr(batch, "CANDIDATES", 3)
	w = orders()
	for number in range(6):
		order(w, LOCAL, str(number))
	w.settle()
	w.put(Event(LOCAL, SO, order(w, LOCAL, "last")))
	w.fault(CLOUD, Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
	assert w.drain().stopped
	w.mend()
	w.clock.sleep(3601)
	w.drain()
	assert len(of_po(w, CLOUD, "last")) == 1
	w.settle()
	w.check_in_step()


def test_what_an_unclear_create_made_is_found_among_many_also_without_rows(monkeypatch):
	monkeypatch.setattr(batch, "CANDIDATES", 3)
	w = World(own("Customer"))
	for number in range(6):
		w.people[LOCAL].insert("Customer", customer_name=f"C{number}")
	w.settle()
	w.put(Event(LOCAL, "Customer", w.people[LOCAL].insert("Customer", customer_name="last")))
	w.fault(CLOUD, Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
	assert w.drain().stopped
	w.mend()
	w.clock.sleep(3601)
	w.settle()
	assert [doc["customer_name"] for doc in w.sites[CLOUD].all("Customer")].count("last") == 1
	w.check_in_step()


@pytest.mark.parametrize("values", [{}, {"po_no": "another"}])
def test_a_copy_that_the_user_of_sync_makes_with_the_rows_of_another_stays(values):
	"""Whoever copies a document by REST, or in a controller, may copy the moments of its rows."""
	w = orders()
	w.put(Event(LOCAL, SO, order(w, LOCAL, "mine")))
	w.drain()
	(made,) = of_po(w, CLOUD, "mine")
	copy = {key: value for key, value in made.items() if key not in ("name", "creation", "modified")}
	w.sites[CLOUD].insert(SO, {**copy, **values}, user=SYNC)
	w.settle()
	assert w.count(SO) == (2, 2)
	w.check_in_step()


def test_where_the_name_is_the_identity_nothing_is_looked_for():
	w = World(keep("Customer"))
	w.sites[CLOUD].insert("Customer", {"customer_name": "A"}, user=SYNC)
	calls = calls_of(lambda around: (w.put(Event(CLOUD, "Customer", "A")), once(w)(around)))
	assert not [call for call in calls if call.startswith("cloud.with_row")]
	assert w.count("Customer") == (1, 1)


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_what_was_begun_again_is_not_taken_for_what_another_create_has_made(side, touched):
	"""At once: its rows are older than itself all the same, and of another moment."""
	w, there = orders(), other(side)

	def killed(label, call):
		if label == f"{there}.create {SO}":
			raise Killed
		return call()

	def begin(po_no):
		w.put(Event(side, SO, order(w, side, po_no)))
		with pytest.raises(Killed):
			w.drain(w.context(around=killed))
		w.queue.bury(f"worker {w.workers}")
		w.drain()

	begin("first")
	(first,) = w.ledger.all_bindings(SO)
	w.ledger.save([Outcome(first, forget=True)])  # nobody accounts for it
	if touched:
		w.people[there].save(SO, first.names[there], customer_name="touched")
	begin("second")
	assert sorted(doc["po_no"] for doc in w.sites[there].all(SO)) == ["first", "second"]
	(second,) = w.ledger.all_bindings(SO)
	assert w.people[there].get(SO, second.names[there], "po_no") == "second"
