# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Tags cross where the rule says so; `modified` tells of none of them, and of one that goes, nothing does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Rule, other
from erpsync_app.engine.tags import tags_in
from erpsync_app.engine.tests.world import Killed, World, calls_of, keep, killed_after, own


def tagged(rule: Rule) -> Rule:
	return replace(rule, tags=True)


def world(rule: Rule) -> World:
	w = World(rule)
	w.people[LOCAL].insert("Customer", customer_name="Ada")
	w.settle()
	return w


def of(w: World, side, name: str = "Ada", doctype: str = "Customer") -> set[str]:
	return set(tags_in(w.people[side].get(doctype, name)["_user_tags"]))


@pytest.mark.parametrize("side", SIDES)
def test_a_tag_crosses_by_the_short_scan_and_its_removal_by_the_full_one(side):
	w = world(tagged(keep("Customer")))
	w.people[side].tag("Customer", "Ada", "vip")
	w.people[side].tag("Customer", "Ada", "new")
	w.sync(full=False)
	assert of(w, LOCAL) == of(w, CLOUD) == {"vip", "new"}
	w.check_steady()
	w.people[other(side)].untag("Customer", "Ada", "vip")
	w.sync()
	assert of(w, LOCAL) == of(w, CLOUD) == {"new"}
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_removal_crosses_with_the_next_change_of_the_document(side):
	w = world(tagged(keep("Customer")))
	w.people[side].tag("Customer", "Ada", "vip")
	w.sync(full=False)
	w.people[side].untag("Customer", "Ada", "vip")
	w.people[side].save("Customer", "Ada", website="https://example.com")
	w.sync(full=False)
	assert of(w, LOCAL) == of(w, CLOUD) == set()
	w.check_steady()


def test_what_both_sides_tag_and_untag_is_joined():
	w = world(tagged(keep("Customer")))
	for tag in ("old", "both"):
		w.people[LOCAL].tag("Customer", "Ada", tag)
	w.settle()
	w.people[LOCAL].tag("Customer", "Ada", "here")
	w.people[LOCAL].untag("Customer", "Ada", "old")
	w.people[CLOUD].tag("Customer", "Ada", "there")
	w.people[CLOUD].untag("Customer", "Ada", "both")
	w.settle()
	assert of(w, LOCAL) == of(w, CLOUD) == {"here", "there"}
	assert not w.open_conflicts()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_tags_go_with_a_new_document_of_a_name_of_its_own(side):
	w = World(tagged(own("Note")))
	note = w.people[side].insert("Note", title="plan", public=1)
	w.people[side].tag("Note", note, "urgent")
	w.settle()
	(copy,) = w.sites[other(side)].names("Note")
	assert of(w, other(side), copy, "Note") == {"urgent"}
	w.check_steady()


def test_tags_of_a_submitted_document_cross():
	w = World(tagged(own("Sales Order")), keep("Customer"), keep("Item"), keep("UOM"), keep("Item Group"))
	p = w.people[LOCAL]
	p.insert("Customer", customer_name="Ada")
	p.insert("Item Group", item_group_name="All")
	p.insert("UOM", uom_name="Nos")
	p.insert("Item", item_code="Bolt", item_group="All", stock_uom="Nos")
	order = p.insert("Sales Order", customer="Ada", items=[{"item_code": "Bolt", "qty": 1, "rate": 2}])
	w.sites[LOCAL].submit("Sales Order", order)
	w.settle()
	(copy,) = w.sites[CLOUD].names("Sales Order")
	for name, tag in ((order, "rush"), (order, "export")):
		p.tag("Sales Order", name, tag)
	w.settle()
	w.sites[LOCAL].cancel("Sales Order", order)
	w.settle()
	w.people[CLOUD].tag("Sales Order", copy, "lost")
	w.settle()
	assert (
		of(w, LOCAL, order, "Sales Order") == of(w, CLOUD, copy, "Sales Order") == {"rush", "export", "lost"}
	)
	w.check_steady()


def test_without_the_rule_s_word_tags_stay_at_home_and_cross_when_it_is_given():
	w = world(keep("Customer"))
	w.people[LOCAL].tag("Customer", "Ada", "vip")
	w.settle()
	assert of(w, CLOUD) == set()
	w.check_steady()
	w.rules["Customer"] = tagged(w.rules["Customer"])
	w.people[CLOUD].tag("Customer", "Ada", "new")
	w.settle()
	assert of(w, LOCAL) == of(w, CLOUD) == {"vip", "new"}


@pytest.mark.parametrize("side", SIDES)
def test_they_go_no_other_way_than_the_rule(side):
	w = world(tagged(keep("Customer")))
	direction = "cloud_to_local" if side == LOCAL else "local_to_cloud"
	w.rules["Customer"] = replace(w.rules["Customer"], direction=direction)
	w.people[side].tag("Customer", "Ada", "mine")
	w.people[other(side)].tag("Customer", "Ada", "theirs")
	w.settle()
	assert of(w, side) == {"mine", "theirs"} and of(w, other(side)) == {"theirs"}
	w.check_steady()


def people_tag(w: World) -> None:
	for tag in ("old", "older"):
		w.people[LOCAL].tag("Customer", "Ada", tag)
	w.settle()
	w.people[LOCAL].tag("Customer", "Ada", "here")
	w.people[CLOUD].untag("Customer", "Ada", "old")
	w.people[CLOUD].tag("Customer", "Ada", "there")


def once(w: World):
	def run(around) -> None:
		ctx = w.context(around=around)
		w.scan(ctx)
		w.drain(ctx)

	return run


def test_a_worker_that_dies_after_any_call_loses_and_brings_back_nothing():
	start = world(tagged(keep("Customer")))
	people_tag(start)
	calls = calls_of(once(start.copy()))
	assert len(calls) > 10
	for died in range(1, len(calls)):
		w = start.copy()
		with pytest.raises(Killed):
			once(w)(killed_after(died))
		w.clock.sleep(3601)
		w.settle()
		assert of(w, LOCAL) == of(w, CLOUD) == {"older", "here", "there"}, calls[died - 1]
		w.check_steady()
