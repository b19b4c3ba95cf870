# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A site is slow: a create is sent, no answer comes in time, it is sent again; and what was sent arrives later, or not."""

import pytest

from erpsync_app.engine.errors import Unclear
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.tests.test_found_by_simulation import SO, of_po, order, orders
from erpsync_app.engine.tests.test_late import KINDS, one_of, world
from erpsync_app.engine.tests.world import SYNC, World, keep, own
from erpsync_app.sandbox.faults import Fault


def sent(w, side, kind, times=1, between=lambda: None):
	"""The creates of `kind` that were sent from a side without an answer, each to be carried out by calling it."""
	on_the_way = []

	def around(label, call):
		if label == f"{other(side)}.create {kind}":
			on_the_way.append(call)
			raise Unclear("No answer came in time.")
		return call()

	for number in range(times):
		if number:
			between()
		assert w.drain(w.context(around=around)).stopped
		w.clock.sleep(3601)
	assert len(on_the_way) == times
	return on_the_way


@pytest.mark.parametrize("order_of_arrival", [(0, 1), (1, 0)])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_both_arrive_one_after_the_other(kind, side, order_of_arrival):
	w = world(kind)
	w.put(Event(side, kind, one_of(w, side, kind)))
	on_the_way = sent(w, side, kind, 2)
	for which in order_of_arrival:
		on_the_way[which]()
		w.settle()
		assert w.count(kind) == (1, 1)
		w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_was_cleared_before_it_was_sent_again_stays_cleared(kind, side):
	"""Only what was sent first arrives."""
	w = world(kind)
	field = "po_no" if kind == SO else "allocated_to"
	mine = one_of(w, side, kind)
	w.people[side].save(kind, mine, **{field: "anna@example.com"})
	w.put(Event(side, kind, mine))
	first, _ = sent(w, side, kind, 2, lambda: w.people[side].save(kind, mine, **{field: None}))
	first()
	w.settle()
	assert [[doc[field] for doc in w.sites[at].all(kind)] for at in SIDES] == [[None], [None]]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("rows", [{}, {"accounts": [{"company": "X", "account": "a"}]}])
@pytest.mark.parametrize("rule", [keep("Customer"), own("Customer")])
@pytest.mark.parametrize("side", SIDES)
def test_a_field_that_was_edited_before_it_was_sent_again_is_an_edit(side, rule, rows):
	"""Also where nothing tells the two creates but what they hold."""
	w = World(rule)
	values = {"tax_id": "1", "customer_details": "d", "website": "w", **rows}
	mine = w.people[side].insert("Customer", customer_name="A", **values)
	w.put(Event(side, "Customer", mine))
	first, _ = sent(w, side, "Customer", 2, lambda: w.people[side].save("Customer", mine, tax_id="2"))
	first()
	w.settle()
	assert [[doc["tax_id"] for doc in w.sites[at].all("Customer")] for at in SIDES] == [["2"], ["2"]]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_person_replaces_all_rows_of_what_arrived(side):
	w, there = orders(), other(side)
	w.put(Event(side, SO, order(w, side, "mine")))
	(only,) = sent(w, side, SO)
	only()
	(made,) = of_po(w, there, "mine")
	w.people[there].save(SO, made["name"], items=[{"item_code": "I", "qty": 7, "rate": 3}])
	w.settle()
	assert [[row["qty"] for row in doc["items"]] for at in SIDES for doc in w.sites[at].all(SO)] == [[7], [7]]
	w.check_in_step()


def test_another_customer_of_the_same_account_is_not_what_a_create_made():
	"""A person works with the account that sync has in the cloud, and edits a customer there, when the create of another
	one gets lost."""
	w = World(keep("Customer"))
	w.people[LOCAL].insert("Customer", customer_name="Ours", customer_type="Company")
	w.sites[CLOUD].insert("Customer", {"customer_name": "Theirs", "customer_type": "Company"}, user=SYNC)
	w.people[CLOUD].save("Customer", "Theirs", website="edited")
	w.put(Event(LOCAL, "Customer", "Ours"))
	sent(w, LOCAL, "Customer")
	w.settle()
	for side in SIDES:
		assert w.sites[side].names("Customer") == ["Ours", "Theirs"]
	w.check_in_step()


@pytest.mark.parametrize("hours", [2, 12])
@pytest.mark.parametrize("first", ["create", "other"])
def test_what_the_account_of_sync_made_hours_from_an_unclear_create_is_another(first, hours):
	"""A person may work with that account: what is only like what was sent, and was made at another time, is not it."""
	w = World(own("Customer"))

	def the_create_gets_lost():
		name = w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1", website="w")
		w.put(Event(LOCAL, "Customer", name))
		w.fault(CLOUD, Fault.LOST_TIMEOUT, path="/api/v2/document", times=1)
		assert w.drain().stopped
		w.mend()

	def a_person_makes_one_like_it():
		values = {"customer_name": "A", "tax_id": "1", "website": "w"}
		made = w.sites[CLOUD].insert("Customer", values, user=SYNC)
		w.people[CLOUD].save("Customer", made["name"], website="edited")

	steps = [the_create_gets_lost, a_person_makes_one_like_it]
	for step in steps if first == "create" else steps[::-1]:
		step()
		w.clock.sleep(hours * 3600)
	w.settle()
	for site in w.sites.values():
		assert sorted(doc["website"] for doc in site.all("Customer")) == ["edited", "w"]
	w.check_in_step()


def test_an_unclear_answer_to_a_write_counts_as_an_attempt():
	"""It may be this document that makes the site fail: it is not to be sent again for ever."""
	w = World(own("ToDo"), retry=RetryPolicy(max_attempts=3))
	w.put(Event(LOCAL, "ToDo", w.people[LOCAL].insert("ToDo", description="one")))
	w.fault(CLOUD, Fault.LOST_TIMEOUT, path="/api/v2/document", times=1)
	assert w.drain().stopped
	assert [row["attempts"] for row in w.database.rows("select attempts from event")] == [1]


def test_a_worker_whose_lease_runs_out_while_it_stores_its_intent_sends_nothing():
	w = World(own("ToDo"))
	w.put(Event(LOCAL, "ToDo", w.people[LOCAL].insert("ToDo", description="one")))
	second, claimed = w.context(), []

	def around(label, call):
		done = call()
		if label.startswith("ledger.save") and not claimed:
			w.clock.sleep(3600)
			claimed.extend(second.queue.claim("ToDo", "change", 10))
		return done

	run = w.drain(w.context(around=around))
	assert run.counts == {"lost": 1} and len(claimed) == 1
	assert w.count("ToDo") == (1, 0)
	second.queue.done(claimed)
	w.settle()
	w.check_in_step()
