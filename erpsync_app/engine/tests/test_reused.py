# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What links to a document whose name was another one's before: the ledger may still know the name as the other one's."""

import pytest

from erpsync_app.engine.errors import Unreadable
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.tests.test_followers import assign, lets, world
from erpsync_app.engine.tests.test_found_by_simulation import SO, of_po, order, with_goods
from erpsync_app.engine.tests.world import SYNC, World, calls_of, own
from erpsync_app.sandbox import controllers
from erpsync_app.sandbox.faults import Fault

DN, TODO = "Delivery Note", "ToDo"


def orders():
	return with_goods(world(lets(own(SO)), own(DN)))


def deliver(w, side, *names):
	rows = [{"item_code": "I", "qty": 1, "against_sales_order": name} for name in names]
	return w.people[side].insert(DN, customer="C", items=rows)


def delivered(w, side):
	"""The numbers that customers gave the orders which the deliveries of a side are against."""
	rows = [row for note in w.sites[side].all(DN) for row in note["items"]]
	return [w.people[side].get(SO, row["against_sales_order"], "po_no") for row in rows]


def given_away(w, side):
	"""An order that is on both sides and was deleted on `side`, where its number is a second order's by now."""
	name = order(w, other(side), "first")
	w.settle()
	(copy,) = of_po(w, side, "first")
	w.people[side].delete(SO, copy["name"])
	assert order(w, side, "second") == copy["name"]
	return name, copy["name"]


@pytest.mark.parametrize("side", SIDES)
def test_what_links_to_the_second_one_crosses_when_that_is_known(side):
	w = orders()
	_, number = given_away(w, side)
	w.put(Event(side, DN, deliver(w, side, number)))
	w.drain()
	assert w.count(DN) in ((1, 0), (0, 1)), "not as if it were against the first"
	w.settle()
	assert delivered(w, other(side)) == ["second"]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_links_to_the_first_one_is_never_led_to_the_second(side):
	w = orders()
	name, _ = given_away(w, side)
	w.put(Event(other(side), DN, deliver(w, other(side), name)))
	w.drain()
	assert delivered(w, side) == []
	w.settle()
	assert "second" not in delivered(w, side)


@pytest.mark.parametrize("side", SIDES)
def test_what_is_said_of_an_order_that_an_unclear_create_has_made_under_such_a_number(side):
	w = orders()
	first = order(w, side, "first")
	w.settle()
	(copy,) = of_po(w, other(side), "first")
	w.people[other(side)].delete(SO, copy["name"])
	second = order(w, side, "second")
	w.put(Event(side, SO, second))
	w.fault(other(side), Fault.AFTER_TIMEOUT, path="/api/v2/document", times=1)
	assert w.drain().stopped
	w.mend()
	w.put(Event(other(side), TODO, assign(w, other(side), SO, copy["name"], "eve")))
	w.drain(doctypes=[TODO])
	w.settle()
	assert w.people[side].get(SO, first) is None
	(told,) = w.sites[side].all(TODO)
	assert told["reference_name"] == second
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
def test_an_assignment_to_the_second_one_is_not_taken_for_one_to_the_first(side):
	w = orders()
	name, number = given_away(w, side)
	ours = assign(w, other(side), SO, name, "eve")
	w.put(Event(side, TODO, assign(w, side, SO, number, "eve")))
	w.drain(doctypes=[TODO])
	assert w.binding(TODO, other(side), ours) is None


@pytest.mark.parametrize("side", SIDES)
def test_it_costs_the_same_for_many_documents(side):
	def looks(many):
		w = orders()
		names = [order(w, side, str(n)) for n in range(many)]
		w.settle()
		for name in names:
			w.put(Event(side, DN, deliver(w, side, name)))
		calls = calls_of(lambda around: w.drain(w.context(around=around)))
		assert len(delivered(w, other(side))) == many
		return [call for call in calls if call.endswith(f".stamps {SO}")]

	assert sorted(looks(1)) == sorted(looks(5)) == [f"cloud.stamps {SO}", f"local.stamps {SO}"]


@pytest.mark.parametrize("side", SIDES)
def test_what_links_to_what_cannot_be_read_goes_on(side):
	w = with_goods(World(own(SO), own(DN)))
	name = order(w, LOCAL, "first")
	w.settle()
	row = {"item_code": "I", "qty": 1, "against_sales_order": name}
	w.people[LOCAL].insert(DN, customer="C", items=[row])
	w.scan()

	def forbidden(label, call):
		if label in (f"{side}.stamps {SO}", f"{side}.read {SO}"):
			raise Unreadable("The user may not read it.")
		return call()

	ctx = w.context(around=forbidden)
	w.drain(ctx)
	assert DN not in ctx.aside and w.count(DN) == (1, 1)


def test_while_a_local_write_is_open_the_cloud_is_not_asked(monkeypatch):
	"""The rows that it locks are other people's, too."""
	w = with_goods(World(own(SO), own(DN)))
	name = order(w, LOCAL, "first")
	w.settle()
	saves = controllers.before_save

	def before_save(store, doctype, doc):
		saves(store, doctype, doc)
		if doctype.name == DN and doc["owner"] == SYNC.name:
			doc["items"][0]["against_sales_order"] = name

	monkeypatch.setattr(controllers, "before_save", before_save)
	w.people[CLOUD].insert(DN, customer="C", items=[{"item_code": "I", "qty": 1}])
	w.scan()
	calls = calls_of(lambda around: w.drain(w.context(around=around)))
	made = calls.index(f"local.create {DN}")
	saved = next(at for at, call in enumerate(calls) if at > made and call.startswith("ledger.save"))
	assert not [call for call in calls[made:saved] if call.startswith("cloud.")]
