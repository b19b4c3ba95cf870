# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What was made too late, by a worker that could not take it back. See `engine/late.py`."""

import pytest

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.tests.test_found_by_simulation import SO, of_po, once, order, orders
from erpsync_app.engine.tests.world import SYNC, Killed, World, calls_of, keep, own
from erpsync_app.sandbox.faults import Fault

KINDS = ["ToDo", SO]
"""One whose name is made up, and one that its site names, which has rows."""


def world(kind, *words):
	return orders(*words) if kind == SO else World(own("ToDo", *words))


def one_of(w, side, kind):
	return order(w, side, "mine") if kind == SO else w.people[side].insert(kind, description="mine")


def make_too_late(w, side, kind, times=1):
	"""A worker stands still over its create for an hour, in which another one makes the document; or `times` of them, one
	after the other, each of which stands still as well. None lives to record what it made."""
	there, left = other(side), [times]

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

	w.put(Event(side, kind, one_of(w, side, kind)))
	with pytest.raises(Killed):
		w.drain(w.context(around=around))
	assert len(w.sites[there].names(kind)) == times + 1


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("way", ["both ways", "one way"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_worker_made_too_late_before_it_died_is_deleted(kind, side, way, times):
	w = world(kind, *([] if way == "both ways" else ["to cloud" if side == LOCAL else "to local"]))
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


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_takes_back_what_another_has_begun_again(kind, side):
	"""Seed 3017056: of that one's create the answer was lost, so which of the two stays is not told yet."""
	w, there = world(kind), other(side)

	def around(label, call):
		if label == f"{there}.create {kind}":
			w.clock.sleep(3600)
			w.fault(there, Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
			assert w.drain().stopped
			w.mend()
		return call()

	w.put(Event(side, kind, one_of(w, side, kind)))
	w.drain(w.context(around=around), limit=1)
	assert len(w.sites[there].names(kind)) == 1
	w.settle()
	assert w.count(kind) == (1, 1)
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_has_edited_by_then_stays(kind, side):
	w, there = world(kind), other(side)
	make_too_late(w, side, kind)
	bound = w.ledger.all_bindings(kind)[0].names[there]
	(late,) = set(w.sites[there].names(kind)) - {bound}
	w.people[there].save(kind, late, **{"po_no" if kind == SO else "description": "theirs"})
	w.settle()
	assert w.count(kind) == (2, 2)
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


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_waits_for_the_create_that_it_may_be_of(kind, side):
	"""The answer of the one that came in time is lost as well: which of the two is the late one is told by who records."""
	w, there = world(kind), other(side)
	w.put(Event(side, kind, one_of(w, side, kind)))
	for fault in (Fault.LOST_TIMEOUT, Fault.AFTER_TIMEOUT):
		w.fault(there, fault, path="/api/v2/document", times=1)
		assert w.drain().stopped
		w.mend()
		w.clock.sleep(3601)
	(made,) = w.sites[there].all(kind)
	copy = {k: v for k, v in made.items() if k not in ("name", "creation", "modified")}
	w.sites[there].insert(kind, copy, user=SYNC) if kind == SO else None
	w.settle()
	assert made["name"] in w.sites[there].names(kind)
	assert w.count(kind) == (1, 1)
	w.check_in_step()
	w.check_steady()


def test_a_copy_with_the_rows_of_another_that_was_made_on_another_day_stays():
	w = orders()
	w.put(Event(LOCAL, SO, order(w, LOCAL, "mine")))
	w.drain()
	(made,) = of_po(w, CLOUD, "mine")
	w.clock.sleep(25 * 3600)
	w.sites[CLOUD].insert(SO, {k: v for k, v in made.items() if k != "name"}, user=SYNC)
	w.settle()
	assert w.count(SO) == (2, 2)
	w.check_in_step()


def test_where_the_name_is_the_identity_nothing_is_looked_for():
	w = World(keep("Customer"))
	w.sites[CLOUD].insert("Customer", {"customer_name": "A"}, user=SYNC)
	calls = calls_of(lambda around: (w.put(Event(CLOUD, "Customer", "A")), once(w)(around)))
	assert not [call for call in calls if call.startswith("cloud.with_row")]
	assert w.count("Customer") == (1, 1)
