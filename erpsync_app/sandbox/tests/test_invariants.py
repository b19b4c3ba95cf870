# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the check of a simulated history does not excuse. See `sandbox/invariants.py`."""

from erpsync_app.engine.model import LOCAL, SIDES
from erpsync_app.engine.tests.world import World, keep, own
from erpsync_app.sandbox.history import Act
from erpsync_app.sandbox.invariants import _no_edit_lost
from erpsync_app.sandbox.people import Witness, do


def lost(w, doctype):
	docs = {side: {doctype: {doc["name"]: doc for doc in w.sites[side].all(doctype)}} for side in SIDES}
	return [problem.text for problem in _no_edit_lost(w, docs)]


def test_a_choice_between_two_values_of_a_field_excuses_no_loss_of_a_comment():
	w = World(keep("Customer", "manual"))
	w.people[LOCAL].insert("Customer", customer_name="m1")
	w.settle()
	for side in SIDES:
		w.people[side].save("Customer", "m1", website=side)
	w.settle()
	w.choose("Customer", LOCAL, "m1", "Keep local")
	w.settle()
	w.witness = Witness(saved={"t99": Act(LOCAL, "insert", "Comment", "m2")}, leaders={"m2": "m1"})
	(told,) = lost(w, "Customer")
	assert told.startswith("t99")


def test_a_closed_assignment_that_is_there_may_lose_nothing():
	w = World(own("ToDo"))
	w.witness, site = Witness(), w.sites[LOCAL]
	for what, values in (
		("insert", {"description": "m1", "allocated_to": "anna@example.com"}),
		("save", {"status": "Closed"}),
		("save", {"date": "1700-02-03"}),
	):
		do(site, Act(LOCAL, what, "ToDo", "m1", values), w.witness)
		w.settle()
	assert lost(w, "ToDo") == []
	for side in SIDES:
		w.sites[side].set_value("ToDo", w.sites[side].names("ToDo")[0], {"date": None})
	(told,) = lost(w, "ToDo")
	assert told.startswith("1700-02-03")
