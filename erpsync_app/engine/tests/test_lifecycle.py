# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import pytest

from erpsync_app.engine.lifecycle import behind, lags, posted, posting
from erpsync_app.engine.mapping import AS_GIVEN, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, Field, Rule, other
from erpsync_app.engine.tests.builders import meta
from erpsync_app.engine.tests.world import ANNA, World, own
from erpsync_app.sandbox import controllers
from erpsync_app.sandbox.refusal import FrappeError

FOLLOW, DRAFT = Rule("Thing"), Rule("Thing", submit="draft")
TO_CLOUD = Rule("Thing", direction="local_to_cloud")


@pytest.mark.parametrize(
	("rule", "local", "cloud", "follower", "writes"),
	[
		(FOLLOW, 0, 0, None, False),
		(FOLLOW, 1, 0, CLOUD, True),
		(FOLLOW, 0, 1, LOCAL, True),
		(FOLLOW, 2, 1, CLOUD, True),
		(FOLLOW, 2, 0, CLOUD, True),
		(FOLLOW, 2, 2, None, False),
		(DRAFT, 1, 0, None, False),
		(TO_CLOUD, 1, 0, CLOUD, True),
		(TO_CLOUD, 0, 1, LOCAL, False),
	],
)
def test_who_follows(rule, local, cloud, follower, writes):
	docstatus = {LOCAL: local, CLOUD: cloud}
	assert behind(rule, docstatus) == follower
	assert lags(rule, docstatus) == writes


def shape(*sides):
	"""Of a voucher, where these sides have to be told to book on the day that is given."""
	fields = [Field("posting_date", "Date"), Field("posting_time", "Time"), Field("remarks", "Text")]
	switch = Field(AS_GIVEN, "Check")
	local, cloud = (meta("Voucher", *fields, *([switch] if side in sides else [])) for side in (LOCAL, CLOUD))
	return shape_of(local, cloud, Rule("Voucher"))


@pytest.mark.parametrize(
	("sides", "changes", "told"),
	[
		((LOCAL, CLOUD), {"posting_date": "2026-01-05"}, True),
		((LOCAL, CLOUD), {"posting_time": "09:00:00", "remarks": "x"}, True),
		((LOCAL, CLOUD), {"remarks": "x"}, False),
		((), {"posting_date": "2026-01-05"}, False),
		((LOCAL,), {"posting_date": "2026-01-05"}, False),
	],
)
def test_a_site_books_on_the_day_that_it_is_given(sides, changes, told):
	sent = posted(changes, shape(*sides))
	assert sent == ({**changes, AS_GIVEN: 1} if told else changes)


def test_whether_a_day_is_given_is_no_difference():
	assert [f.local for f in shape(LOCAL, CLOUD).fields] == ["posting_date", "posting_time", "remarks"]


def test_a_submit_takes_along_when_it_was_booked():
	doc = {"posting_date": "2026-01-05", "posting_time": "09:00:00", "remarks": "x"}
	assert posting(doc) == {"posting_date": "2026-01-05", "posting_time": "09:00:00"}


def test_documents_are_carried_over_in_the_order_in_which_they_were_made():
	"""Stock is received before it is issued."""
	w = World(own("ToDo"))
	made = [w.people[LOCAL].insert("ToDo", description=f"{n}") for n in range(5)]
	w.put(*(Event(LOCAL, "ToDo", name) for name in sorted(made, reverse=True)))
	w.drain()
	there = sorted(w.sites[CLOUD].all("ToDo"), key=lambda doc: doc["creation"])
	assert [doc["description"] for doc in there] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("side", SIDES)
def test_what_an_older_one_keeps_is_written_when_that_one_is_cancelled(monkeypatch, side):
	"""A payment of an invoice is cancelled and entered anew, all before the first sync: the second one is refused until the
	first one is cancelled, and that counts against nobody."""

	def one_of_a_number(store, doc):
		number = "select name from `tabSales Order` where po_no = ? and docstatus = 1 and name != ?"
		if doc["docstatus"] == 1 and store.db.rows(number, (doc["po_no"], doc["name"])):
			raise FrappeError("ValidationError", "It has already been paid")

	w = World(own("Sales Order"))
	for each in SIDES:
		w.people[each].insert("Item Group", item_group_name="G", is_group=1)
		w.people[each].insert("UOM", uom_name="Nos")
		w.people[each].insert("Item", item_code="I", item_group="G", stock_uom="Nos")
		w.people[each].insert("Customer", customer_name="C")
	monkeypatch.setitem(controllers._CHECKS, "Sales Order", one_of_a_number)
	rows = [{"item_code": "I", "qty": 1, "rate": 1}]
	for cancelled in (True, False):
		name = w.people[side].insert("Sales Order", customer="C", po_no="1", items=rows)
		w.sites[side].submit("Sales Order", name, user=ANNA)
		if cancelled:
			w.sites[side].cancel("Sales Order", name, user=ANNA)
		w.clock.sleep(1)
	run = w.sync()
	assert run.counts["retried"] == 0 and w.queue.pending() == 0
	assert sorted(doc["docstatus"] for doc in w.sites[other(side)].all("Sales Order")) == [1, 2]
	w.check_in_step()
