# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that a site makes by itself: the price of an Item with a standard rate, between two sandbox sites."""

from dataclasses import replace

import pytest

from erpsync_app.engine import effects
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.tests.world import (
	ANNA,
	HOUR,
	SYNC,
	Killed,
	World,
	calls_of,
	keep,
	killed_after,
)
from erpsync_app.sandbox import controllers

PRICE = "Item Price"


@pytest.fixture(autouse=True, params=["an account of its own", "Administrator"])
def account(request, monkeypatch):
	"""Whose name sync works under on both sites."""
	if request.param == "Administrator":
		monkeypatch.setattr(effects, "ADMINISTRATOR", SYNC.name)
	return request.param


def shop(*words):
	w = World(keep("Item", *words), keep(PRICE, *words))
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="G", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
	return w


def item(w, side, code="I", **more):
	return w.people[side].insert("Item", item_code=code, item_group="G", stock_uom="Nos", **more)


def prices(w, code="I"):
	"""The prices of an Item on both sides."""
	return tuple(
		[doc["price_list_rate"] for doc in w.sites[side].all(PRICE) if doc["item_code"] == code]
		for side in SIDES
	)


def price(w, side):
	(name,) = w.sites[side].names(PRICE)
	return name


def alone(side):
	"""A price of 5 that the site of `side` has made by itself, and the other has not: there a person deleted it."""
	w = shop()
	there = other(side)
	item(w, there, standard_rate=5)
	w.people[there].delete(PRICE, price(w, there))
	w.settle()
	w.settle()  # the scan before did not see yet what the writes after it have made
	return w


@pytest.mark.parametrize("side", SIDES)
def test_each_site_makes_its_price_and_the_two_are_one(side):
	w = shop()
	item(w, side, standard_rate=5)
	run = w.sync()
	assert prices(w) == ([5], [5])
	assert run.counts["bound"] == 1 and not any(run.counts[f"create_{each}"] > 1 for each in SIDES)
	w.check_in_step()
	w.check_steady()
	w.people[other(side)].save(PRICE, price(w, other(side)), price_list_rate=7)
	w.settle()
	assert prices(w) == ([7], [7])
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_price_that_was_changed_before_its_item_crossed(side):
	"""The other site makes its own of the rate of the Item: the two are one all the same, and a person's edit wins."""
	w = shop("local_wins" if side == LOCAL else "cloud_wins")
	item(w, side, standard_rate=5)
	w.people[side].save(PRICE, price(w, side), note="of a person")
	w.settle()
	assert prices(w) == ([5], [5])
	assert [w.people[each].get(PRICE, price(w, each), "note") for each in SIDES] == ["of a person"] * 2
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_many_items_at_once_keep_their_prices_apart(side):
	w = shop()
	for n in range(3):
		item(w, side, f"I{n}", standard_rate=5)
	w.settle()
	assert [prices(w, f"I{n}") for n in range(3)] == [([5], [5])] * 3
	for b in w.ledger.all_bindings(PRICE):
		assert len({w.people[each].get(PRICE, name, "item_code") for each, name in b.names.items()}) == 1
	w.check_in_step()
	w.check_steady()


def makes_of_an_item(monkeypatch, prices):
	"""Let sites make these prices of an Item: `prices` answers the further fields of each."""

	def after_insert(doctype, doc, insert):
		for fields in prices(doc) if doctype.name == "Item" else ():
			insert(PRICE, {"item_code": doc["name"], "price_list_rate": 5, **fields})

	monkeypatch.setattr(controllers, "after_insert", after_insert)
	monkeypatch.setattr(controllers, "_CHECKS", {})


@pytest.mark.parametrize("side", SIDES)
def test_what_differs_in_its_texts_alone_is_told_apart_by_those_that_are_alike(side, monkeypatch):
	"""The tasks of a project: one text is the same on both sites, and another holds a name that each site gave."""
	names, order = iter("abcdefgh"), ("first", "second")
	makes_of_an_item(
		monkeypatch,
		lambda doc: [
			{"reference": each, "note": next(names)}
			for each in (order if doc["owner"] == ANNA.name else order[::-1])
		],
	)
	w = shop()
	item(w, side)
	w.settle()
	assert w.count(PRICE) == (2, 2)
	for b in w.ledger.all_bindings(PRICE):
		assert len({w.people[each].get(PRICE, name, "reference") for each, name in b.names.items()}) == 1
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_is_empty_on_both_sides_does_not_make_a_counterpart(side, monkeypatch):
	"""A person's own document, which is looked at before those that the site made along with it."""
	made = [{"reference": "first", "note": "a note"}, {"reference": "second"}]
	makes_of_an_item(monkeypatch, lambda doc: made)
	w = shop()
	item(w, side)
	mine = w.people[side].insert(PRICE, item_code="I", price_list_rate=5, reference="a person's")
	w.put(Event(side, "Item", "I"), Event(side, PRICE, mine))
	w.drain()
	for _ in range(2):
		w.settle()
	for each in SIDES:
		told = sorted(doc["reference"] for doc in w.sites[each].all(PRICE))
		assert told == ["a person's", "first", "second"], each


@pytest.mark.parametrize("side", SIDES)
def test_what_one_site_alone_made_stays_at_home_and_says_why(side):
	w = alone(side)
	assert prices(w) == (([5], []) if side == LOCAL else ([], [5]))
	binding = w.binding(PRICE, side, price(w, side))
	assert (binding.status, binding.names[other(side)]) == ("Diverged", None)
	assert binding.error.startswith(
		f"The {side} site made it by itself when sync wrote another document there"
	)
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_persons_equal_document_is_bound_to_what_stayed_at_home(side):
	w = alone(side)
	w.clock.sleep(30 * HOUR.total_seconds())
	w.people[other(side)].insert(PRICE, item_code="I", price_list_rate=5)
	w.settle()
	assert prices(w) == ([5], [5])
	(binding,) = w.ledger.all_bindings(PRICE)
	assert (binding.status, binding.error) == ("Synced", None)
	w.check_in_step()
	w.check_steady()
	w.people[side].save(PRICE, price(w, side), price_list_rate=6)
	w.settle()
	assert prices(w) == ([6], [6])
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
def test_what_stayed_at_home_is_bound_though_the_event_is_of_the_other_side_alone(side):
	w = alone(side)
	w.clock.sleep(30 * HOUR.total_seconds())
	w.people[other(side)].insert(PRICE, item_code="I", price_list_rate=5)
	w.sync(full=False)
	assert prices(w) == ([5], [5])
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_person_at_work_as_the_sync_user(side):
	"""Far from any write of sync's."""
	w = shop()
	item(w, side)
	w.settle()
	w.clock.sleep(HOUR.total_seconds())
	w.sites[side].insert(PRICE, {"item_code": "I", "price_list_rate": 3}, user=SYNC)
	w.settle()
	assert prices(w) == ([3], [3])
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("seconds", [1, 120])
def test_a_person_at_work_with_the_account_of_sync_in_the_cloud(seconds):
	"""Right after a write of sync's, but not during it."""
	w = shop()
	item(w, LOCAL)
	w.settle()
	w.clock.sleep(seconds)
	w.sites[CLOUD].insert(PRICE, {"item_code": "I", "price_list_rate": 3}, user=SYNC)
	w.settle()
	assert prices(w) == ([3], [3])
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_person_makes_a_price_right_after_the_item_came(side):
	"""Another person than the sync user: no site made it."""
	w = shop()
	item(w, other(side))
	w.settle()
	w.sites[side].insert(PRICE, {"item_code": "I", "price_list_rate": 3}, user=ANNA)
	w.settle()
	assert prices(w) == ([3], [3])
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
def test_an_item_that_is_deleted_takes_its_prices_along(side):
	w = shop()
	item(w, side, standard_rate=5)
	w.settle()
	w.people[side].delete("Item", "I")
	w.settle()
	w.settle()
	assert prices(w) == ([], [])
	assert not w.queue.failed() and not w.people[side].get("Item", "I")
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_worker_dies_after_any_call(side):
	start = shop()
	item(start, side, standard_rate=5)

	def run(w, around):
		ctx = w.context(around=around)
		w.scan(ctx)
		w.drain(ctx)

	calls = calls_of(lambda around: run(start.copy(), around))
	first = next(n for n, call in enumerate(calls) if call.endswith("create Item"))
	for n in range(first, len(calls) + 1):
		w = start.copy()
		with pytest.raises(Killed):
			run(w, killed_after(n))
		w.queue.bury(f"worker {w.workers}")
		w.settle()
		assert prices(w) == ([5], [5]), calls[n - 1]
		w.check_in_step()
		w.check_steady([True])


@pytest.mark.parametrize("age", [60, 3600])
@pytest.mark.parametrize("first", ["the effect", "its cause"])
def test_what_a_controller_makes_while_it_writes_a_document_that_has_long_been_there(first, age):
	"""ERPNext makes the exchange gain of a payment before it has written the payment's status for the last time."""
	w = shop()
	item(w, LOCAL)
	w.settle()
	w.clock.sleep(age)
	w.people[LOCAL].save("Item", "I", description="x")
	w.people[LOCAL].insert(PRICE, item_code="I", price_list_rate=5)
	plain, done = w.wire[CLOUD], []

	def handle(method, path, headers, body):
		if done or b"Item" not in body or b"Price" in body or b"description" not in body:
			return plain(method, path, headers, body)
		done.append(path)
		answer = plain(method, path, headers, body) if first == "its cause" else None
		w.clock.sleep(0.01)
		w.sites[CLOUD].insert(PRICE, {"item_code": "I", "price_list_rate": 5}, user=SYNC)
		w.clock.sleep(0.01)
		return answer or plain(method, path, headers, body)

	w.wire[CLOUD] = handle
	for _ in range(2):
		w.settle()
	assert done and w.count(PRICE) == (1, 1)
	assert [b.status for b in w.ledger.all_bindings(PRICE)] == ["Synced"]


@pytest.mark.parametrize("side", SIDES)
def test_what_the_sync_user_made_with_a_file_beside_it(side):
	"""Its files are no rows: they do not tell whether a create of sync's has made it."""
	w = shop()
	w.rules[PRICE] = replace(w.rules[PRICE], attachments=True)
	item(w, side)
	w.settle()
	w.clock.sleep(3601)  # long after any write of sync's: someone works under its name
	price = {"item_code": "I", "price_list_rate": 5}
	made = w.sites[side].insert(PRICE, price, user=SYNC)["name"]
	w.people[side].attach(PRICE, made, "a.txt", b"a")
	w.settle()
	assert w.count(PRICE) == (1, 1) and not w.queue.failed()
