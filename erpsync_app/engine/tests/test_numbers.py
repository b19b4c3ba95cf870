# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A number is no identity: what becomes of two documents of one name that never met."""

from __future__ import annotations

import pytest

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, other
from erpsync_app.engine.numbers import ANY
from erpsync_app.engine.tests.world import World, keep, own

NUMBERED = r" - \d+$"


def sync(w: World, counter: str):
	ctx = w.context(counter=lambda doctype: counter)
	w.scan(ctx)
	return w.drain(ctx)


def namesakes(name: str, *rules, **common) -> World:
	"""A customer of that name on each side, with other values."""
	w = World(*rules or [keep("Customer")])
	for side in SIDES:
		w.people[side].insert("Customer", customer_name=name, tax_id=side, **common)
		w.clock.sleep(60)
	return w


def tax_ids(w: World) -> list[list[str]]:
	return [
		sorted(w.people[side].get("Customer", name, "tax_id") for name in w.sites[side].names("Customer"))
		for side in SIDES
	]


@pytest.mark.parametrize("counter", [ANY, r"^C"])
@pytest.mark.parametrize("word", [None, "to cloud", "to local"])
def test_neither_is_taken_for_the_other(counter, word):
	w = namesakes("C-1", *([keep("Customer", word)] if word else []))
	run = sync(w, counter)
	assert tax_ids(w) == [["local"], ["cloud"]]
	assert "of this name of its own" in run.errors[0] and "Customer C-1" in run.errors[0]
	assert w.binding("Customer", LOCAL, "C-1").status == "Failed"
	before = w.ledger.contents(), w.site_writes()
	sync(w, counter)
	assert (w.ledger.contents(), w.site_writes()) == before, "it is told once"


@pytest.mark.parametrize("side", SIDES)
def test_one_of_them_renamed_makes_two(side):
	w = namesakes("C-1")
	sync(w, ANY)
	w.sites[side].rename("Customer", "C-1", "C-2")
	sync(w, ANY)
	w.clock.sleep(60)
	sync(w, ANY)
	assert tax_ids(w) == [["cloud", "local"]] * 2
	assert w.people[other(side)].get("Customer", "C-2", "tax_id") == side
	w.check_in_step()


def test_made_alike_they_are_one():
	w = namesakes("C-1")
	sync(w, ANY)
	w.people[LOCAL].save("Customer", "C-1", tax_id="cloud")
	sync(w, ANY)
	assert tax_ids(w) == [["cloud"]] * 2
	w.check_in_step()


def test_equal_from_the_start_they_are_one():
	w = World(keep("Customer"))
	for side in SIDES:
		w.people[side].insert("Customer", customer_name="C-1", tax_id="1")
		w.clock.sleep(60)
	assert not sync(w, ANY).errors
	w.check_in_step()


def test_match_fields_tell_that_they_are_one():
	w = namesakes("C-1", keep("Customer", match_fields=("website",)), website="one")
	assert not sync(w, ANY).errors
	assert tax_ids(w) == [["cloud"]] * 2


@pytest.mark.parametrize(("name", "one"), [("Anna", True), ("Anna - 1", False), ("Anna - one", True)])
def test_only_a_number_that_was_added_is_counted(name, one):
	w = namesakes(name)
	sync(w, NUMBERED)
	assert tax_ids(w) == ([["cloud"]] * 2 if one else [["local"], ["cloud"]])


@pytest.mark.parametrize("naming", [keep, own])
def test_a_copy_of_a_site_is_one_with_it(naming):
	"""Restored from a backup of the other site, and edited since."""
	w = World(naming("Customer"), zones={side: "Europe/Vienna" for side in SIDES})
	name = w.people[LOCAL].insert("Customer", customer_name="C-1", tax_id="early")
	w.databases[LOCAL]._connection.backup(w.databases[CLOUD]._connection)
	w.clock.sleep(60)
	w.people[CLOUD].save("Customer", name, tax_id="later")
	assert not sync(w, ANY).errors
	assert tax_ids(w) == [["later"]] * 2
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
def test_a_link_to_a_number_that_no_rule_brings_leads_nowhere(side):
	"""The other side has a customer of that number, which is another one."""
	w = namesakes("C-1", own("Sales Order"))
	for person in w.people.values():
		person.insert("Item Group", item_group_name="All Item Groups", is_group=1)
		person.insert("UOM", uom_name="Nos")
		person.insert("Item", item_code="I", item_group="All Item Groups", stock_uom="Nos")
	w.people[side].insert("Sales Order", customer="C-1", items=[{"item_code": "I", "qty": 2}])

	def numbered(doctype: str) -> str:
		return ANY if doctype == "Customer" else ""

	ctx = w.context(counter=numbered)
	w.scan(ctx)
	assert w.drain(ctx).counts["retried"] == 1
	assert sorted(w.count("Sales Order")) == [0, 1]
	(why,) = w.database.rows("select error from event")
	assert "customer links to Customer C-1" in why["error"] and "add a Sync Rule for Customer" in why["error"]

	w.settle()
	assert w.count("Sales Order") == (1, 1), "a name that is no number leads to the same one"
