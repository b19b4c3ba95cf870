# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Whole cycles: the engine and the REST client, unchanged, between two sandbox sites."""

from functools import cache

import pytest

from erpsync_app.engine import batch, cycle
from erpsync_app.engine.context import Run
from erpsync_app.engine.cycle import plan
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, Outcome, other
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.safety import Breakers
from erpsync_app.engine.tests.world import (
	ANNA,
	HOUR,
	SYNC,
	Killed,
	World,
	calls_of,
	interrupted_before,
	keep,
	killed_after,
	own,
)
from erpsync_app.sandbox import naming
from erpsync_app.sandbox.faults import RETRY_AFTER, Fault

LATEST = "latest_timestamp"


def world(*words, **more):
	"""Of Customers alone."""
	return World(keep("Customer", *words, **more))


def synced(*words, **more):
	"""A Customer A, in step on both sides."""
	w = world(*words, **more)
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1", website="w")
	w.sync()
	w.check_in_step()
	return w


def both(w, doctype, name, field):
	return tuple(w.people[side].get(doctype, name, field) for side in SIDES)


# -- documents cross


def test_documents_made_on_each_side_cross():
	w = World(keep("Customer"), keep("UOM"))
	for n in range(3):
		w.people[LOCAL].insert("Customer", customer_name=f"L{n}", tax_id="1", default_commission_rate=1.5)
		w.people[CLOUD].insert(
			"Customer", customer_name=f"C{n}", credit_limits=[{"company": "X", "credit_limit": 5}]
		)
		w.people[CLOUD].insert("UOM", uom_name=f"U{n}")
	run = w.sync()
	assert w.count("Customer") == (6, 6) and w.count("UOM") == (3, 3)
	assert run.counts == {"create_cloud": 3, "create_local": 6}
	assert w.people[LOCAL].get("Customer", "C0")["credit_limits"][0]["credit_limit"] == 5
	w.check_in_step()
	w.check_steady()


def test_a_short_scan_finds_what_is_new_since():
	w = synced()
	w.people[CLOUD].save("Customer", "A", tax_id="2")
	w.people[CLOUD].insert("Customer", customer_name="B")
	w.people[LOCAL].site.set_value("Customer", "A", {"website": "told by no hook"})
	run = w.sync(full=False)
	assert run.counts == {"update_cloud": 1, "update_local": 1, "create_local": 1}
	w.check_in_step()
	w.check_steady()


def test_what_is_equal_on_first_contact_is_bound_without_a_write():
	w = world()
	for side in SIDES:
		w.people[side].insert("Customer", customer_name="A", tax_id="1")
	before = w.stamps()
	assert w.sync().counts == {"bound": 1}
	assert w.stamps() == before
	w.check_in_step()
	w.check_steady()


def test_first_contact_fills_in_what_is_empty():
	w = world("manual")
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1")
	w.people[CLOUD].insert("Customer", customer_name="A", website="w")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("1", "1")
	assert both(w, "Customer", "A", "website") == ("w", "w")
	w.check_in_step()
	w.check_steady()


def test_odd_names_cross_whole():
	w = world()
	names = ["a/b", 'it\'s "quoted"', "100%", "ü🙂", "مرحبا", "x" * 140, "a;b--", "%20", "a,b", "null"]
	for n, name in enumerate(names):
		w.people[SIDES[n % 2]].insert("Customer", customer_name=name)
	w.settle()
	for side in SIDES:
		assert sorted(w.sites[side].names("Customer")) == sorted(names)
	w.check_in_step()


def test_what_a_site_computes_echoes_nothing():
	"""ERPNext adds a row, a description and more to an Item."""
	w = World(keep("Item"), keep("UOM"), keep("Item Group"))
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="All Item Groups", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
		w.people[side].insert("Item", item_code=f"on {side}", item_group="All Item Groups", stock_uom="Nos")
	w.settle()
	w.check_in_step()
	w.check_steady()
	w.people[LOCAL].save("Item", "on cloud", standard_rate=5, uoms=[])
	w.settle()
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_child_rows_are_merged_as_a_table(side):
	w = synced()
	rows = [{"company": "X", "credit_limit": 1}, {"company": "Y", "credit_limit": 2}]
	w.people[side].save("Customer", "A", credit_limits=rows)
	w.sync()
	kept = {s: w.people[s].get("Customer", "A")["credit_limits"] for s in SIDES}
	assert [[row["company"] for row in kept[s]] for s in SIDES] == [["X", "Y"]] * 2
	w.check_steady()
	w.people[side].save("Customer", "A", credit_limits=[{**kept[side][1], "credit_limit": 9}])
	w.sync()
	there = w.people[other(side)].get("Customer", "A")["credit_limits"]
	assert [(row["company"], row["credit_limit"]) for row in there] == [("Y", 9.0)]
	w.check_in_step()
	w.check_steady()


def test_parents_cross_before_children():
	w = World(keep("Customer Group"), keep("Customer"))
	for side in SIDES:
		w.people[side].insert("Customer Group", customer_group_name="Root", is_group=1)
	# Named so that the order of names is against that of the tree.
	for name, parent in (("Z", "Root"), ("Y", "Z"), ("X", "Y")):
		group = {"customer_group_name": name, "parent_customer_group": parent, "is_group": 1}
		w.people[LOCAL].insert("Customer Group", **group)
	w.people[LOCAL].insert("Customer", customer_name="A", customer_group="X")
	run = w.sync()
	assert "retried" not in run.counts
	assert w.people[CLOUD].get("Customer Group", "X", "parent_customer_group") == "Y"
	w.check_in_step()
	w.people[LOCAL].delete("Customer", "A")
	for name in ("X", "Y"):
		w.people[LOCAL].delete("Customer Group", name)
	run = w.sync()
	assert w.sites[CLOUD].names("Customer Group") == ["Root", "Z"] and "retried" not in run.counts
	w.check_in_step()


# -- both sides edit


def test_edits_of_different_fields_both_cross():
	w = synced("manual")
	w.people[LOCAL].save("Customer", "A", tax_id="2")
	w.people[CLOUD].save("Customer", "A", website="x")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	assert both(w, "Customer", "A", "website") == ("x", "x")
	assert not w.ledger.conflicts()
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("policy", "first", "winner"),
	[
		(LATEST, LOCAL, CLOUD),
		(LATEST, CLOUD, LOCAL),
		("local_wins", LOCAL, LOCAL),
		("local_wins", CLOUD, LOCAL),
		("cloud_wins", LOCAL, CLOUD),
		("cloud_wins", CLOUD, CLOUD),
	],
)
def test_a_clash_is_settled_by_the_policy_and_the_loser_is_kept(policy, first, winner):
	w = synced(policy)
	for side in (first, other(first)):
		w.people[side].save("Customer", "A", tax_id=side)
		w.clock.sleep(1)
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == (winner, winner)
	(conflict,) = w.ledger.conflicts()
	(clash,) = conflict.clashes
	assert conflict.resolution == policy
	assert (clash.field, clash.base, clash.local, clash.cloud, clash.winner) == (
		"tax_id",
		"1",
		LOCAL,
		CLOUD,
		winner,
	)
	assert any(entry.overwritten == {"tax_id": other(winner)} for entry in w.ledger.log())
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	"zones", [("Asia/Kolkata", "America/New_York"), ("Pacific/Apia", "UTC"), ("UTC", "UTC")]
)
@pytest.mark.parametrize("later", SIDES)
def test_the_later_edit_wins_whatever_the_time_zones(zones, later):
	w = World(keep("Customer", LATEST), zones=dict(zip(SIDES, zones, strict=True)))
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.sync()
	for side in (other(later), later):
		w.clock.sleep(60)
		w.people[side].save("Customer", "A", tax_id=side)
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == (later, later)
	w.check_steady()


def clashing(*words, **more):
	"""A clash in tax_id that waits for a person."""
	w = synced("manual", *words, **more)
	for side in SIDES:
		w.people[side].save("Customer", "A", tax_id=side)
	w.people[LOCAL].save("Customer", "A", website="x")
	w.sync()
	return w


def test_an_open_clash_waits_and_the_rest_crosses():
	w = clashing()
	assert both(w, "Customer", "A", "tax_id") == (LOCAL, CLOUD)
	assert both(w, "Customer", "A", "website") == ("x", "x")
	assert [c.field for c in w.open_conflicts()[0].clashes] == ["tax_id"]
	assert w.binding("Customer", LOCAL, "A").status == "Conflict"
	w.check_steady()
	w.people[CLOUD].save("Customer", "A", website="y", tax_id="later")
	w.sync()
	assert both(w, "Customer", "A", "website") == ("y", "y")
	(conflict,) = w.ledger.conflicts()
	assert [(c.base, c.local, c.cloud) for c in conflict.clashes] == [("1", LOCAL, "later")]
	w.check_steady()


@pytest.mark.parametrize(("choice", "expected"), [("Keep local", LOCAL), ("Keep cloud", CLOUD)])
def test_a_person_settles_a_clash(choice, expected):
	w = clashing()
	w.choose("Customer", CLOUD, "A", choice)
	w.drain()
	assert both(w, "Customer", "A", "tax_id") == (expected, expected)
	assert [c.resolution for c in w.ledger.conflicts()] == [choice]
	w.check_in_step()
	w.check_steady()


def test_a_person_settles_a_clash_by_hand():
	w = clashing()
	w.choose("Customer", CLOUD, "A", "By hand")
	w.drain()
	assert both(w, "Customer", "A", "tax_id") == (LOCAL, CLOUD)
	assert [c.resolution for c in w.ledger.conflicts()] == ["By hand"]
	w.check_steady()
	w.people[LOCAL].save("Customer", "A", tax_id="9")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("9", "9")


def test_an_open_clash_closes_when_the_sides_agree():
	w = clashing()
	w.people[LOCAL].save("Customer", "A", tax_id=CLOUD)
	w.sync()
	assert [c.resolution for c in w.ledger.conflicts()] == ["Converged"]
	w.check_in_step()
	w.check_steady()


def test_an_open_clash_closes_when_both_sides_delete():
	w = clashing()
	for side in SIDES:
		w.people[side].delete("Customer", "A")
	w.sync()
	assert [c.resolution for c in w.ledger.conflicts()] == ["Converged"]
	w.check_in_step()
	w.check_steady()


# -- deletions


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("full", [True, False])
def test_a_deletion_crosses(side, full):
	w = synced()
	w.people[side].delete("Customer", "A")
	w.sync(full=full)
	assert w.count("Customer") == (0, 0)
	assert not w.ledger.all_bindings()
	assert w.ledger.log()[-1].overwritten["tax_id"] == "1"
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_deletion_is_kept_to_its_side(side):
	w = synced("keep")
	w.people[side].delete("Customer", "A")
	w.sync()
	assert sorted(w.count("Customer")) == [0, 1]
	assert w.binding("Customer", LOCAL, "A").status == "Diverged"
	w.check_steady()


def test_a_name_that_was_deleted_and_is_used_again():
	w = synced()
	w.people[LOCAL].delete("Customer", "A")
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="another")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("another", "another")
	w.check_in_step()
	w.people[CLOUD].delete("Customer", "A")
	w.sync()
	assert w.count("Customer") == (0, 0)
	w.people[CLOUD].insert("Customer", customer_name="A")
	w.sync()
	assert w.count("Customer") == (1, 1)
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_edit_beats_delete(side):
	w = synced()
	w.people[side].save("Customer", "A", tax_id="2")
	w.people[other(side)].delete("Customer", "A")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	assert [c.resolution for c in w.ledger.conflicts()] == ["Edit beats delete"]
	w.check_in_step()
	w.check_steady()


def asked(side, *words):
	"""`side` has it, edited; the other deleted it; a person is asked."""
	w = synced(*words)
	if "ask" not in words:
		w.people[side].save("Customer", "A", tax_id="2")
	w.people[other(side)].delete("Customer", "A")
	w.sync()
	assert w.binding("Customer", LOCAL, "A").status == "Conflict"
	w.check_steady()
	return w


@pytest.mark.parametrize("words", [("manual",), ("ask",)])
@pytest.mark.parametrize("side", SIDES)
def test_a_person_decides_about_a_deletion(words, side):
	for choice, counts in (
		(f"Keep {side}", (1, 1)),
		(f"Keep {other(side)}", (0, 0)),
		("By hand", (1, 0) if side == LOCAL else (0, 1)),
	):
		w = asked(side, *words)
		w.choose("Customer", side, "A", choice)
		w.drain()
		assert w.count("Customer") == counts, choice
		assert [c.resolution for c in w.ledger.conflicts()] == [choice]
		w.check_steady()
		assert w.count("Customer") == counts, choice
		assert [c.resolution for c in w.ledger.conflicts()] == [choice]


def test_what_a_person_let_stand_is_asked_about_again_when_it_is_edited():
	w = asked(LOCAL, "manual")
	w.choose("Customer", LOCAL, "A", "By hand")
	w.drain()
	w.people[LOCAL].save("Customer", "A", tax_id="3")
	w.sync()
	assert len(w.open_conflicts()) == 1 and w.count("Customer") == (1, 0)


@pytest.mark.parametrize("side", [LOCAL, CLOUD])
@pytest.mark.parametrize("told", ["old name", "new name"])
def test_a_rename_follows_to_the_other_side(side, told):
	w = synced()
	w.sites[side].rename("Customer", "A", "B")
	w.put(Event(side, "Customer", "A" if told == "old name" else "B"))
	w.drain()
	assert w.sites[LOCAL].names("Customer") == w.sites[CLOUD].names("Customer") == ["B"]
	w.settle()
	w.check_in_step()
	w.check_steady()


def test_a_rename_is_recorded_before_the_edit_that_comes_with_it():
	"""Refused, that edit takes back a local transaction, and what stands in it."""
	w = synced()
	w.sites[CLOUD].rename("Customer", "A", "B")
	w.people[CLOUD].save("Customer", "B", tax_id="2")
	w.scan()
	recorded = []

	def around(label, call):
		if label == "local.update Customer":
			recorded.append(w.binding("Customer", CLOUD, "B").names)
		return call()

	w.drain(w.context(around=around))
	assert recorded == [{LOCAL: "B", CLOUD: "B"}]
	w.check_in_step()
	w.check_steady()


def test_a_name_that_is_gone_without_a_trace_is_no_deletion():
	w = synced()
	document = w.sites[CLOUD].get("Customer", "A")
	w.sites[CLOUD].rename("Customer", "A", "B")
	# What would tell that B was A is not what it was: a restored or re-imported document.
	w.sites[CLOUD].set_value(
		"Customer", "B", {"creation": "2020-01-01 00:00:00.000001"}, update_modified=False
	)
	assert document["creation"] != w.sites[CLOUD].get("Customer", "B")["creation"]
	w.put(Event(LOCAL, "Customer", "A"))
	w.drain()
	assert w.sites[LOCAL].names("Customer") == ["A"]
	assert [b.status for b in w.ledger.all_bindings("Customer")] == ["Failed"]


def test_the_deletion_of_an_earlier_document_of_that_name_is_none_of_this_one():
	w = synced()
	w.people[CLOUD].delete("Customer", "A")
	w.people[CLOUD].insert("Customer", customer_name="A", tax_id="1", website="w")
	w.settle()
	# Gone without a trace, but for that of its predecessor.
	w.sites[CLOUD].rename("Customer", "A", "B")
	w.sites[CLOUD].set_value("Customer", "B", {"creation": "2020-01-01 00:00:00"}, update_modified=False)
	w.put(Event(LOCAL, "Customer", "A"))
	w.drain()
	assert w.sites[LOCAL].names("Customer") == ["A"]
	assert w.binding("Customer", LOCAL, "A").status == "Failed"


def test_what_a_site_does_after_its_answer_is_no_edit():
	"""A hook that writes past the controller, when the document is saved already."""
	w = synced()
	w.people[LOCAL].save("Customer", "A", tax_id="2")

	def around(label, call):
		done = call()
		if label.startswith("cloud.update"):
			w.sites[CLOUD].set_value("Customer", "A", {"website": "of the site"}, update_modified=False)
		return done

	a_run(w, around)
	w.put(Event(CLOUD, "Customer", "A"))
	w.drain()
	assert both(w, "Customer", "A", "website") == ("w", "of the site")
	w.check_steady()


def test_an_edit_waits_for_a_document_that_was_out_of_sight():
	"""Here: renamed, and named back."""
	w = synced()
	w.people[LOCAL].save("Customer", "A", tax_id="2")
	w.sites[CLOUD].rename("Customer", "A", "B")
	w.put(Event(LOCAL, "Customer", "A"))
	w.drain()
	w.sites[CLOUD].rename("Customer", "B", "A")
	w.settle()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	w.check_in_step()


# -- one-way rules


@pytest.mark.parametrize(("word", "source"), [("to cloud", LOCAL), ("to local", CLOUD)])
def test_a_one_way_rule(word, source):
	w = world(word)
	receiver = other(source)
	w.people[source].insert("Customer", customer_name="A", tax_id="1")
	w.people[receiver].insert("Customer", customer_name="B")
	w.sync()
	assert w.sites[receiver].names("Customer") == ["A", "B"] and w.sites[source].names("Customer") == ["A"]
	w.check_steady()
	# What the receiver changes on its own stays there, and stays visible.
	w.people[receiver].save("Customer", "A", tax_id="2")
	w.people[source].save("Customer", "A", website="w")
	w.sync()
	assert w.people[receiver].get("Customer", "A", "tax_id", "website") == ("2", "w")
	assert w.people[source].get("Customer", "A", "tax_id") == "1"
	assert w.binding("Customer", LOCAL, "A").status == "Diverged"
	w.check_steady()
	assert w.binding("Customer", LOCAL, "A").status == "Diverged"
	# Until the source changes the same: then the source wins, and the receiver's value is kept.
	w.people[source].save("Customer", "A", tax_id="3")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("3", "3")
	assert w.binding("Customer", LOCAL, "A").status == "Synced"
	(conflict,) = w.ledger.conflicts()
	assert conflict.resolution == "direction" and getattr(conflict.clashes[0], receiver) == "2"
	w.check_steady()


@pytest.mark.parametrize(("word", "source"), [("to cloud", LOCAL), ("to local", CLOUD)])
def test_a_one_way_rule_and_deletions(word, source):
	receiver = other(source)
	w = world(word)
	for name in ("A", "B", "C"):
		w.people[source].insert("Customer", customer_name=name, tax_id="1")
	w.sync()
	w.people[source].delete("Customer", "A")
	w.people[receiver].delete("Customer", "B")
	w.people[receiver].save("Customer", "C", tax_id="edited")
	w.people[source].delete("Customer", "C")
	for _ in range(3):
		w.sync()
		assert w.sites[source].names("Customer") == ["B"]
		assert w.sites[receiver].names("Customer") == ["C"]
	assert {b.names[LOCAL]: b.status for b in w.ledger.all_bindings()} == {"B": "Diverged", "C": "Diverged"}
	w.check_steady()


# -- names that differ


def test_each_site_names_its_own():
	w = World(own("ToDo"))
	for n in range(3):
		for side in SIDES:
			w.people[side].insert("ToDo", description=f"{side} {n}")
	w.settle()
	assert w.count("ToDo") == (6, 6)
	assert not set(w.sites[LOCAL].names("ToDo")) & set(w.sites[CLOUD].names("ToDo"))
	w.check_in_step()
	w.check_steady()
	name = w.sites[CLOUD].names("ToDo")[0]
	w.people[CLOUD].save("ToDo", name, description="edited")
	there = w.binding("ToDo", CLOUD, name).names[LOCAL]
	w.people[LOCAL].save("ToDo", there, priority="High")
	w.settle()
	w.check_in_step()
	w.people[LOCAL].delete("ToDo", there)
	w.settle()
	assert w.count("ToDo") == (5, 5)
	w.check_in_step()
	w.check_steady()


def orders():
	"""Customers and orders that each site names by itself; the name "A" is another customer on each side."""
	w = World(
		own("Customer", match_fields=("tax_id",)),
		own("Sales Order"),
		keep("Item"),
		keep("UOM"),
		keep("Item Group"),
	)
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="All Item Groups", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
		w.people[side].insert("Item", item_code="I", item_group="All Item Groups", stock_uom="Nos")
		w.people[side].insert("Customer", customer_name="A", tax_id=side)
	return w


def test_links_are_told_in_the_names_of_each_side():
	w = orders()
	order = w.people[CLOUD].insert(
		"Sales Order", customer="A", items=[{"item_code": "I", "qty": 2, "rate": 3}]
	)
	w.settle()
	assert w.sites[LOCAL].names("Customer") == w.sites[CLOUD].names("Customer") == ["A", "A - 1"]
	ours = w.binding("Sales Order", CLOUD, order).names[LOCAL]
	assert w.people[LOCAL].get("Sales Order", ours, "customer", "grand_total") == ("A - 1", 6.0)
	w.check_in_step()
	w.check_steady()
	w.people[LOCAL].save("Sales Order", ours, customer="A")
	w.settle()
	assert w.people[CLOUD].get("Sales Order", order, "customer") == "A - 1"
	w.check_in_step()
	w.check_steady()


def test_an_order_waits_for_its_customer():
	w = orders()
	order = w.people[CLOUD].insert("Sales Order", customer="A", items=[{"item_code": "I", "qty": 2}])
	w.put(Event(CLOUD, "Sales Order", order))
	w.drain()
	assert w.count("Sales Order") == (0, 1) and w.queue.pending() == 1
	w.settle()
	assert w.count("Sales Order") == (1, 1)
	w.check_in_step()


def test_first_contact_by_what_matches():
	w = World(own("Customer", match_fields=("tax_id",)))
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1")
	w.people[CLOUD].insert("Customer", customer_name="A Ltd", tax_id="1")
	run = w.sync()
	assert w.count("Customer") == (1, 1)
	assert w.binding("Customer", LOCAL, "A").names[CLOUD] == "A Ltd"
	assert "retried" not in run.counts and "failed" not in run.counts
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("case", "rule", "local", "cloud", "one"),
	[
		("by the match field, whatever the names", own, ("A", "1"), ("B", "1"), True),
		("nothing to match: by the name", keep, ("A", None), ("A", None), True),
		("empty on one side: by the name", keep, ("A", "1"), ("A", None), True),
		("the name is the identity", keep, ("A", "1"), ("A", "2"), True),
		("the name says nothing", own, ("A", "1"), ("A", "2"), False),
		("nor where there is nothing to match", own, ("A", "1"), ("A", None), False),
		("but where all is equal", own, ("A", None), ("A", None), True),
	],
)
def test_first_contact_by_match_fields_then_by_name(case, rule, local, cloud, one):
	w = World(rule("Customer", match_fields=("tax_id",)))
	for side, (name, number) in ((LOCAL, local), (CLOUD, cloud)):
		w.people[side].insert("Customer", customer_name=name, tax_id=number)
	w.sync()
	binding = w.binding("Customer", LOCAL, local[0])
	assert (binding is not None and binding.names[CLOUD] == cloud[0]) == one, case


def test_first_contact_where_many_have_the_first_match_field(monkeypatch):
	"""And more are there than one list tells."""
	monkeypatch.setattr(batch, "CANDIDATES", 2)
	w = World(own("Customer", match_fields=("tax_id", "website")))
	for n in range(6):
		w.people[CLOUD].insert(
			"Customer", customer_name=f"C{n}", tax_id="1", website=f"w{n % 3}" if n < 5 else "w5"
		)
	for n in (3, 4, 5):
		w.people[LOCAL].insert("Customer", customer_name=f"L{n}", tax_id="1", website=None if n < 5 else "w5")
	w.settle()
	names = {b.names[LOCAL]: b.names[CLOUD] for b in w.ledger.all_bindings()}
	assert names["L5"] == "C5"


def test_first_contact_by_a_link_to_what_each_side_names():
	w = World(own("Sales Order", match_fields=("po_no",)), own("ToDo", match_fields=("reference_name",)))
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="G", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
		w.people[side].insert("Item", item_code="I", item_group="G", stock_uom="Nos")
		w.people[side].insert("Customer", customer_name="C")
		items = [{"item_code": "I", "qty": 1, "rate": 1}]
		if side == LOCAL:
			w.people[side].insert("Sales Order", customer="C", items=items, po_no="another")
		name = w.people[side].insert("Sales Order", customer="C", items=items, po_no="P")
		w.people[side].insert("ToDo", description="d", reference_type="Sales Order", reference_name=name)
	w.settle()
	assert w.count("Sales Order") == (2, 2)
	assert w.count("ToDo") == (1, 1)
	w.check_in_step()


def test_two_that_match_are_nobodys():
	w = World(own("Customer", match_fields=("tax_id",)))
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1")
	for name in ("B", "C"):
		w.people[CLOUD].insert("Customer", customer_name=name, tax_id="1")
	w.put(Event(LOCAL, "Customer", "A"))
	w.drain()
	assert w.count("Customer") == (1, 2)
	assert w.binding("Customer", LOCAL, "A").status == "Failed"
	w.people[CLOUD].save("Customer", "B", tax_id="2")
	w.settle()
	assert w.binding("Customer", LOCAL, "A").names[CLOUD] == "C"
	w.check_in_step()


# -- narrowed runs


def test_filters_say_what_is_synced():
	w = World(keep("Customer", filters=(("customer_type", "=", "Company"), ("disabled", "=", 0))))
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.people[LOCAL].insert("Customer", customer_name="B", customer_type="Individual")
	w.people[CLOUD].insert("Customer", customer_name="C", disabled=1)
	w.sync()
	assert (w.sites[LOCAL].names("Customer"), w.sites[CLOUD].names("Customer")) == (["A", "B"], ["A", "C"])
	w.check_steady()
	# What is bound stays in step, also when it does not meet them any more.
	w.people[LOCAL].save("Customer", "A", disabled=1)
	w.people[LOCAL].save("Customer", "B", customer_type="Company")
	w.sync()
	assert w.sites[CLOUD].names("Customer") == ["A", "B", "C"]
	assert w.people[CLOUD].get("Customer", "A", "disabled") == 1


def test_a_limit_ends_the_run_and_leaves_the_rest():
	w = world()
	for n in range(7):
		w.people[LOCAL].insert("Customer", customer_name=f"A{n}")
	run = w.sync(limit=3)
	assert run.done == 3 and w.count("Customer") == (7, 3)
	assert w.drain(limit=3).done == 3
	w.settle()
	w.check_in_step()


def test_a_run_that_is_to_end_begins_no_further_batch():
	w = World(keep("UOM"))
	for number in range(5):
		w.people[LOCAL].insert("UOM", uom_name=f"U {number}")
	w.scan()
	ctx, run = w.context(batch_size=2), Run("run", "test")
	run.progress = lambda done: setattr(run, "until", ctx.clock.now())
	cycle.drain(ctx, run)
	assert (run.done, w.count("UOM"), run.stopped) == (2, (5, 2), None)
	assert w.drain().done == 3


def test_one_document_alone():
	w = world()
	for name in ("A", "B"):
		w.people[LOCAL].insert("Customer", customer_name=name)
	w.sync(doctypes=["Customer"], name="B")
	assert w.sites[CLOUD].names("Customer") == ["B"]


@pytest.mark.parametrize(("direction", "source"), [("local_to_cloud", LOCAL), ("cloud_to_local", CLOUD)])
def test_a_run_in_one_direction_leaves_the_rest_to_the_next(direction, source):
	receiver = other(source)
	w = synced("manual")
	w.people[source].insert("Customer", customer_name="new on source")
	w.people[receiver].insert("Customer", customer_name="new on receiver")
	w.people[source].save("Customer", "A", tax_id="2")
	w.people[receiver].save("Customer", "A", website="x")
	# Told by hooks too, so that the run meets what may not cross.
	w.put(Event(receiver, "Customer", "A"), Event(receiver, "Customer", "new on receiver"))
	w.sync(direction=direction)
	assert w.sites[receiver].names("Customer") == ["A", "new on receiver", "new on source"]
	assert w.sites[source].names("Customer") == ["A", "new on source"]
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	assert w.people[source].get("Customer", "A", "website") == "w"
	w.settle()
	assert both(w, "Customer", "A", "website") == ("x", "x")
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(("direction", "source"), [("local_to_cloud", LOCAL), ("cloud_to_local", CLOUD)])
def test_a_run_in_one_direction_and_a_deletion_in_the_other(direction, source):
	w = synced()
	w.people[other(source)].delete("Customer", "A")
	w.sync(direction=direction)
	assert sorted(w.count("Customer")) == [0, 1]
	w.settle()
	assert w.count("Customer") == (0, 0)
	w.check_in_step()


@pytest.mark.parametrize(("direction", "source"), [("local_to_cloud", LOCAL), ("cloud_to_local", CLOUD)])
def test_a_run_in_one_direction_and_an_edit_against_a_deletion(direction, source):
	w = synced()
	w.people[source].delete("Customer", "A")
	w.people[other(source)].save("Customer", "A", tax_id="2")
	w.sync(direction=direction)
	w.settle()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	w.check_in_step()


@pytest.mark.parametrize(("direction", "source"), [("local_to_cloud", LOCAL), ("cloud_to_local", CLOUD)])
def test_an_event_that_may_not_cross_waits_in_the_queue(direction, source):
	w = synced()
	w.people[other(source)].save("Customer", "A", tax_id="2")
	w.people[other(source)].insert("Customer", customer_name="B")
	w.put(Event(other(source), "Customer", "A"), Event(other(source), "Customer", "B"))
	w.drain(w.context().directed(direction))
	assert w.people[source].get("Customer", "A", "tax_id") == "1" and w.queue.pending() == 2
	w.clock.sleep(120)
	w.drain()  # no scan: it is the events that waited
	w.check_in_step()


@pytest.mark.parametrize(("word", "source"), [("to cloud", LOCAL), ("to local", CLOUD)])
def test_what_diverged_crosses_when_the_rule_lets_it(word, source):
	w = synced(word) if source == LOCAL else synced()
	w.rules["Customer"] = keep("Customer", word)
	w.people[other(source)].save("Customer", "A", tax_id="2")
	w.sync()
	assert w.binding("Customer", LOCAL, "A").status == "Diverged"
	w.rules["Customer"] = keep("Customer")
	w.sync()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	w.check_in_step()
	w.check_steady()


def test_a_plan_writes_nothing():
	w = synced()
	w.people[LOCAL].insert("Customer", customer_name="B")
	w.people[CLOUD].save("Customer", "A", tax_id="2")
	stamps, ledger = w.stamps(), w.ledger.contents()
	events = [Event(LOCAL, "Customer", "B"), Event(CLOUD, "Customer", "A")]
	planned = {
		p.name: [(x.side, x.operation) for x in p.decision.writes]
		for p in plan(w.context(), "Customer", events)
	}
	assert planned == {"B": [(CLOUD, "create")], "A": [(LOCAL, "update")]}
	assert (w.stamps(), w.ledger.contents(), w.queue.pending()) == (stamps, ledger, 0)


# -- what goes wrong

CREATE = "/api/v2/document/"
AFTER = [fault for fault in Fault if fault.took_effect]
LOST = [fault for fault in Fault if not fault.took_effect]


def one_todo_or_customer(naming, side):
	w = World(keep("Customer") if naming == "keep" else own("ToDo"))
	doctype = next(iter(w.rules))
	fields = {"customer_name": "A"} if naming == "keep" else {"description": "a <b>bold</b> one"}
	return w, doctype, w.people[side].insert(doctype, **fields)


@pytest.mark.parametrize("naming", ["keep", "own"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fault", [*AFTER, Fault.LOST_TIMEOUT, Fault.LOST_LOGIN_PAGE])
def test_an_unclear_create_makes_no_second_document(naming, side, fault):
	w, doctype, _ = one_todo_or_customer(naming, side)
	faults = w.fault(other(side), fault, path=CREATE, times=1)
	run = w.sync()
	assert faults.struck == [fault] and run.stopped
	assert w.queue.pending() == 1
	w.settle()
	assert w.count(doctype) == (1, 1)
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("naming", ["keep", "own"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("who", ["source", "made"])
def test_an_edit_after_an_unclear_create_is_neither_lost_nor_doubled(naming, side, who):
	w, doctype, name = one_todo_or_customer(naming, side)
	there = other(side)
	w.fault(there, Fault.AFTER_TIMEOUT, path=CREATE, times=1)
	w.sync()
	(made,) = w.sites[there].names(doctype)
	field = "tax_id" if naming == "keep" else "priority"
	if who == "source":
		w.people[side].save(doctype, name, **{field: "High"})
	else:
		w.people[there].save(doctype, made, **{field: "High"})
	w.settle()
	assert w.count(doctype) == (1, 1)
	assert {w.people[s].get(doctype, w.sites[s].names(doctype)[0], field) for s in SIDES} == {"High"}
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_what_a_person_made_while_a_create_was_unclear_is_no_work_of_ours(side):
	"""The create never arrived, and someone makes a document of that name with other values."""
	w, doctype, name = one_todo_or_customer("keep", side)
	there = other(side)
	w.people[side].save(doctype, name, tax_id="1")
	w.fault(there, Fault.LOST_TIMEOUT, path=CREATE, times=1)
	w.sync()
	w.people[there].insert("Customer", customer_name="A", tax_id="2", website="w")
	w.settle()
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	assert both(w, "Customer", "A", "website") == ("w", "w")
	assert len(w.ledger.conflicts()) == 1
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fault", AFTER)
@pytest.mark.parametrize("what", ["update", "delete"])
def test_an_unclear_update_or_delete_is_looked_after(side, fault, what):
	w = synced()
	if what == "update":
		w.people[side].save("Customer", "A", tax_id="2")
	else:
		w.people[side].delete("Customer", "A")
	w.fault(other(side), fault, path="set_value" if what == "update" else "client.delete", times=1)
	assert w.sync().stopped
	w.settle()
	assert w.count("Customer") == ((1, 1) if what == "update" else (0, 0))
	assert not w.ledger.conflicts()
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fault", LOST)
def test_a_side_that_does_not_answer_stops_the_run_and_blames_nobody(side, fault):
	w = synced()
	for s in SIDES:
		w.people[s].insert("Customer", customer_name=f"on {s}")
	w.scan()
	for _ in range(10):  # more often than a document may fail
		w.fault(side, fault)
		run = w.drain(doctypes=["Customer"])
		assert run.stopped and run.done == 0
		w.clock.sleep(3600)
	assert w.queue.pending() == 2 and not w.queue.failed()
	assert {row["attempts"] for row in w.database.rows("select attempts from event")} == {0}
	w.mend()
	w.settle()
	w.check_in_step()


def test_what_was_done_before_the_side_went_away_is_done():
	w = world()
	for n in range(5):
		w.people[LOCAL].insert("Customer", customer_name=f"A{n}")
	made = []

	def choose(method, path):
		made.append(path) if CREATE in path else None
		return Fault.LOST_REFUSED if len(made) > 2 else None

	w.fault(CLOUD, Fault.LOST_REFUSED).choose = choose
	run = w.sync()
	assert run.stopped and run.done == 2 and w.count("Customer") == (5, 2) and w.queue.pending() == 3
	w.mend()
	w.settle()
	w.check_in_step()


def test_a_busy_side_is_left_alone_for_as_long_as_it_asks():
	w = world()
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.scan()
	w.fault(CLOUD, Fault.LOST_BUSY, path=CREATE, times=1)
	assert "429" in w.drain().stopped
	w.clock.sleep(RETRY_AFTER - 1)
	assert w.drain().done == 0
	w.clock.sleep(2)
	assert w.drain().done == 1
	w.check_in_step()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("field", ["tax_id", "website"])
def test_an_edit_between_the_reading_and_the_writing_is_seen(side, field):
	w = synced(f"{side}_wins")
	there = other(side)
	w.people[side].save("Customer", "A", tax_id="2")
	edits = []

	def wire(method, path, headers, body):
		if "set_value" in path and not edits:
			edits.append(path)
			w.people[there].save("Customer", "A", **{field: "meanwhile"})
		return w.sites[there].handle(method, path, headers, body)

	w.wire[there] = wire
	run = w.sync()
	assert run.counts["retried"] == 1 and not run.errors
	assert both(w, "Customer", "A", "tax_id") == ("2", "2")
	if field == "website":
		assert both(w, "Customer", "A", "website") == ("meanwhile", "meanwhile")
	else:
		assert getattr(w.ledger.conflicts()[0].clashes[0], there) == "meanwhile"
	w.check_in_step()
	w.check_steady()


def test_what_comes_in_drop_by_drop_is_taken_together(monkeypatch):
	w = synced()
	names = [f"B{n}" for n in range(12)]
	for name in names:
		w.people[LOCAL].insert("Customer", customer_name=name)
	drops = iter(names)
	ctx = w.context(around=lambda label, call: (labels.append(label), call())[1])
	labels: list[str] = []
	sleep = w.clock.sleep

	def meanwhile(seconds):
		sleep(seconds)
		w.put(*[Event(LOCAL, "Customer", name) for _, name in zip(range(4), drops, strict=False)])

	monkeypatch.setattr(w.clock, "sleep", meanwhile)
	w.put(Event(LOCAL, "Customer", "A"))
	cycle.drain(ctx, run := Run("run", "test", breath=0.3))
	assert run.done == 13 and w.count("Customer") == (13, 13)
	assert len([label for label in labels if label.startswith("local.read")]) <= 4 * 3, "four batches"


def test_killed_before_an_atomic_create_it_takes_no_stranger_for_its_own():
	"""A local write is committed with the ledger or not at all. The user of sync may be one that people work as."""
	w = World(keep("Customer", filters=(("customer_name", "like", "A%"),)))
	w.people[CLOUD].insert("Customer", customer_name="A", website="w")
	twin = w.copy()
	at = next(
		n
		for n, call in enumerate(calls_of(lambda around: synced_by(twin, around)))
		if call.startswith("local.create")
	)
	with pytest.raises(Killed):
		synced_by(w, killed_after(at))
	assert w.binding("Customer", CLOUD, "A").intent
	w.sites[LOCAL].insert("Customer", {"customer_name": "B", "website": "w"}, user=SYNC)
	w.clients[LOCAL].atomic = True
	w.clock.sleep(HOUR.total_seconds())
	w.settle()
	assert (w.sites[LOCAL].names("Customer"), w.sites[CLOUD].names("Customer")) == (["A", "B"], ["A"])
	assert [b.names for b in w.ledger.all_bindings()] == [{LOCAL: "A", CLOUD: "A"}]


def test_killed_before_a_create_it_takes_nothing_that_its_user_made_long_before_for_its_own():
	"""The key that sync has may be a person's own, who made others like it on the same day."""
	w = World(own("Note", filters=(("title", "like", "A%"),)))
	w.sites[CLOUD].insert("Note", {"title": "B", "content": "c", "public": 1}, user=SYNC)
	w.clock.sleep(2 * HOUR.total_seconds())
	w.people[LOCAL].insert("Note", title="A", content="c", public=1)
	twin = w.copy()
	labels = calls_of(lambda around: synced_by(twin, around))
	at = next(n for n, call in enumerate(labels) if call.startswith("cloud.create"))
	with pytest.raises(Killed):
		synced_by(w, killed_after(at))
	w.clock.sleep(HOUR.total_seconds())
	w.settle()
	assert sorted(doc["title"] for doc in w.sites[CLOUD].all("Note")) == ["A", "B"]
	w.check_steady()


def test_one_side_is_written_and_the_other_refuses_for_the_last_time(monkeypatch):
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.settle()
	w.people[LOCAL].save("Customer", "A", tax_id="1")
	w.people[CLOUD].save("Customer", "A", website="w")
	w.put(Event(LOCAL, "Customer", "A"))

	def refuse(*arguments):
		raise Refused("The local site does not want it.")

	monkeypatch.setattr(w.clients[LOCAL], "update", refuse)
	w.drain()
	assert w.people[CLOUD].get("Customer", "A", "tax_id") == "1"
	((event, why),) = w.queue.failed()
	assert (event.name, why) == ("A", "The local site does not want it.")
	assert w.binding("Customer", LOCAL, "A").status == "Failed"
	assert [entry.operation for entry in w.ledger.log()] == ["create", "update", "fail"]


def test_what_is_refused_once_more_while_someone_else_is_at_it_is_looked_at_again():
	"""Or its create would count as under way for ever."""
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Customer", customer_name="A")
	tries = []

	def around(label, call):
		if label != "cloud.create Customer" or len(tries) == 2:
			return call()
		tries.append(label)
		if len(tries) == 2:  # someone else stores the record
			w.ledger.save([Outcome(w.binding("Customer", LOCAL, "A"))])
		raise Refused("The cloud site does not want it.")

	w.put(Event(LOCAL, "Customer", "A"))
	w.drain(w.context(around=around))
	assert w.binding("Customer", LOCAL, "A").status == "Failed"
	w.queue.retry_failed("Customer", "A")
	w.drain(w.context(around=around))
	assert len(tries) == 2 and not w.queue.failed() and w.queue.pending() == 1
	w.settle()
	w.check_in_step()


def failed_first_contact(*names):
	"""Customers of the same names on both sides, which cannot be joined as the cloud has no such group."""
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Customer Group", customer_group_name="Gold")
	for name in names:
		w.people[LOCAL].insert("Customer", customer_name=name, customer_group="Gold", website="ours")
		w.people[CLOUD].insert("Customer", customer_name=name, website="theirs")
	for person in w.people.values():
		person.insert("Customer", customer_name="Bob")
	w.settle()
	assert {b.status for b in w.ledger.all_bindings() if b.names[LOCAL] != "Bob"} == {"Failed"}
	w.clock.sleep(86400)
	return w


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("side", SIDES)
def test_what_has_not_met_yet_is_renamed_out_of_the_way_or_merged(side, merge):
	"""Of which the other one knows nothing: it is another document."""
	w = failed_first_contact("Ada")
	w.sites[side].rename("Customer", "Ada", "Bob" if merge else "Eve", merge=merge, user=ANNA)
	w.people[CLOUD].insert("Customer Group", customer_group_name="Gold")
	w.settle()
	there = other(side)
	assert w.people[there].get("Customer", "Ada", "website") == ("theirs" if there == CLOUD else "ours")
	assert w.sites[LOCAL].names("Customer") == (["Ada", "Bob"] if merge else ["Ada", "Bob", "Eve"])
	w.check_in_step()


def test_deletions_of_what_has_not_met_yet_stop_nothing():
	w = failed_first_contact(*(f"A{n}" for n in range(30)))
	w.people[CLOUD].insert("Customer Group", customer_group_name="Gold")
	for n in range(30):
		w.people[CLOUD].delete("Customer", f"A{n}")
	w.scan()
	run = w.drain(w.context(breakers=Breakers()))
	assert not run.stopped and w.count("Customer") == (31, 31)


def synced_by(w, around):
	ctx = w.context(around=around)
	w.scan(ctx)
	w.drain(ctx)


def test_one_bad_document_is_quarantined_and_the_rest_flows():
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=3, backoff_seconds=5))
	w.people[LOCAL].insert("Territory", territory_name="Nowhere", is_group=1)
	for n in range(5):
		w.people[LOCAL].insert("Customer", customer_name=f"A{n}", territory="Nowhere" if n == 2 else None)
	w.sync()
	assert w.sites[CLOUD].names("Customer") == ["A0", "A1", "A3", "A4"]
	w.settle()
	assert {(event.name, "Nowhere" in error) for event, error in w.queue.failed()} == {("A2", True)}
	binding = w.binding("Customer", LOCAL, "A2")
	assert binding.status == "Failed" and "Nowhere" in binding.error and binding.intent is None
	assert [e.names[LOCAL] for e in w.ledger.log() if e.operation == "fail"] == ["A2"]
	# It is tried again when a person says so, and when it changes.
	w.people[CLOUD].insert("Territory", territory_name="Nowhere", is_group=1)
	w.queue.retry_failed("Customer", "A2")
	w.drain()
	assert w.count("Customer") == (5, 5)
	w.check_in_step()
	w.check_steady()


def test_a_site_that_does_not_submit_is_not_asked_for_ever():
	w = orders()
	order = w.people[LOCAL].insert("Sales Order", customer="A", items=[{"item_code": "I", "qty": 2}])
	w.sites[LOCAL].submit("Sales Order", order)
	client = w.clients[CLOUD]
	update = client.update
	client.update = lambda doctype, name, changes, modified: update(
		doctype, name, {key: value for key, value in changes.items() if key != "docstatus"}, modified
	)
	w.settle()
	assert [why for _, why in w.queue.failed()] == [
		"The cloud site took the change, and did not submit or cancel the document."
	]


def test_a_quarantined_document_is_tried_again_when_it_changes():
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Territory", territory_name="Nowhere", is_group=1)
	w.people[LOCAL].insert("Customer", customer_name="A", territory="Nowhere")
	w.sync()
	assert len(w.queue.failed()) == 1
	w.people[LOCAL].save("Customer", "A", territory=None)
	w.put(Event(LOCAL, "Customer", "A"))
	w.drain()
	assert w.count("Customer") == (1, 1)
	w.check_in_step()


def test_a_document_that_fails_again_and_again_does_not_fill_the_queue():
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Territory", territory_name="Nowhere", is_group=1)
	w.people[LOCAL].insert("Customer", customer_name="A", territory="Nowhere")
	for n in range(20):
		w.people[LOCAL].save("Customer", "A", tax_id=str(n))
		w.put(*[Event(LOCAL, "Customer", "A"), Event(CLOUD, "Customer", "A")] * 3)
		w.drain()
	assert sorted(event.side for event, _ in w.queue.failed()) == [CLOUD, LOCAL]
	assert [e.operation for e in w.ledger.log()] == ["fail"]
	w.people[CLOUD].insert("Territory", territory_name="Nowhere", is_group=1)
	w.queue.retry_failed("Customer", "A")
	w.drain()
	w.check_in_step()


def test_a_conflict_that_failed_for_a_while_is_closed_all_the_same():
	w = World(keep("Customer", "manual"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Territory", territory_name="Nowhere", is_group=1)
	w.people[LOCAL].insert("Customer", customer_name="A", tax_id="1")
	w.sync()
	for side in SIDES:
		w.people[side].save("Customer", "A", tax_id=side)
	w.sync()
	w.people[LOCAL].save("Customer", "A", territory="Nowhere")
	w.sync()
	assert w.binding("Customer", LOCAL, "A").status == "Failed"
	w.people[LOCAL].save("Customer", "A", territory=None, tax_id=CLOUD)
	w.settle()
	assert [c.resolution for c in w.ledger.conflicts()] == ["Converged"]
	w.check_in_step()


def test_a_document_that_another_is_bound_to_already_fails_alone():
	"""Its state cannot even be stored; that must not end the run."""
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	for name in ("A", "B", "C"):
		w.people[LOCAL].insert("Customer", customer_name=name)
	ctx = w.context(around=lambda label, call: call())
	bindings = ctx.ledger._port.bindings
	w.sync()
	w.people[LOCAL].save("Customer", "B", tax_id="2")
	w.people[LOCAL].save("Customer", "C", tax_id="2")

	def blind(doctype, side, names):
		"""As if another worker had bound B after this one looked."""
		return {name: b for name, b in bindings(doctype, side, names).items() if name != "B"}

	ctx.ledger.__dict__["bindings"] = blind
	w.scan()
	w.drain(ctx)
	assert w.people[CLOUD].get("Customer", "C", "tax_id") == "2"
	assert [event.name for event, _ in w.queue.failed()] == ["B"]
	w.put(Event(LOCAL, "Customer", "B"))
	w.drain()
	w.check_in_step()


@pytest.mark.parametrize("naming", ["keep", "own"])
def test_a_failure_that_no_one_foresaw_leaves_no_second_document(naming):
	"""The site has made the document, and the adapter stumbles over the answer."""
	w, doctype, _ = one_todo_or_customer(naming, LOCAL)
	stumbles = [1]

	def around(label, call):
		done = call()
		if label.startswith("cloud.create") and stumbles.pop():
			stumbles.append(0)
			raise KeyError("message")
		return done

	ctx = w.context(around=around)
	w.scan(ctx)
	run = w.drain(ctx)
	assert run.counts["retried"] == 1 and w.count(doctype) == (1, 1)
	w.settle()
	assert w.count(doctype) == (1, 1)
	w.check_in_step()


def test_wrong_credentials_stop_the_run_and_say_so():
	w = synced()
	w.people[LOCAL].save("Customer", "A", tax_id="2")
	w.scan()
	w.wire[CLOUD] = lambda *request: (
		401,
		{"Content-Type": "application/json"},
		b'{"exc_type": "AuthenticationError"}',
	)
	run = w.drain()
	assert "does not accept the API" in run.stopped and w.queue.pending() == 1 and not w.queue.failed()
	w.mend()
	w.settle()
	w.check_in_step()


# -- workers


def test_a_lease_that_was_lost_writes_nothing_more():
	w = synced()
	w.people[LOCAL].save("Customer", "A", tax_id="2")
	w.scan()
	writes = w.site_writes()
	second = w.context()
	claimed = []

	def around(label, call):
		done = call()
		if label.startswith("local.read") and not claimed:
			w.clock.sleep(3600)
			claimed.extend(second.queue.claim("Customer", "change", 10))
		return done

	run = w.drain(w.context(around=around))
	assert run.counts == {"lost": 1} and w.site_writes() == writes
	assert len(claimed) == 1 and w.queue.pending() == 1
	second.queue.done(claimed)
	w.settle()
	w.check_in_step()


def test_a_batch_whose_lease_was_lost_in_part_is_due_again_at_once():
	w = world()
	for name in "AB":
		w.people[LOCAL].insert("Customer", customer_name=name)
	w.scan()
	lost = [True]

	def around(label, call):
		return not (label == "queue.renew" and lost and lost.pop()) and call()

	run = w.drain(w.context(around=around))
	assert run.counts["lost"] == 1 and w.count("Customer") == (2, 2)


def test_two_workers_share_the_queue():
	w = world()
	for n in range(10):
		w.people[LOCAL].insert("Customer", customer_name=f"A{n}")
	w.scan()
	one, two = w.context(batch_size=3), w.context(batch_size=3)
	claimed = one.queue.claim("Customer", "change", 3)
	assert w.drain(two).done == 7
	one.queue.retry(claimed, after=w.clock.now() - w.clock.now(), error="", attempt=False)
	w.settle()
	w.check_in_step()


@cache
def the_busy_day():
	"""Something of everything: creates on both sides, with both namings; edits, a clash, deletions, an edit
	against a deletion."""
	w = World(keep("Customer", "local_wins"), own("ToDo"))
	for name in ("edited", "clash", "deleted", "edited and deleted"):
		w.people[LOCAL].insert("Customer", customer_name=name, tax_id="1")
	todo = w.people[CLOUD].insert("ToDo", description="old")
	w.settle()
	w.clock.sleep(600)
	w.people[LOCAL].save("Customer", "edited", tax_id="local")
	w.people[CLOUD].save("Customer", "edited", website="cloud")
	for side in SIDES:
		w.people[side].save("Customer", "clash", tax_id=side)
		w.people[side].insert("Customer", customer_name=f"new on {side}")
		w.people[side].insert("ToDo", description=f"new on {side}")
	w.people[CLOUD].delete("Customer", "deleted")
	w.people[LOCAL].delete("Customer", "edited and deleted")
	w.people[CLOUD].save("Customer", "edited and deleted", tax_id="cloud")
	w.people[CLOUD].save("ToDo", todo, priority="High")
	return w


def busy_day():
	return the_busy_day().copy()


def check_busy_day(w):
	names = ["clash", "edited", "edited and deleted", "new on cloud", "new on local"]
	for side in SIDES:
		assert w.sites[side].names("Customer") == names
		told = sorted((doc["description"], doc["priority"]) for doc in w.sites[side].all("ToDo"))
		assert told == [("new on cloud", "Medium"), ("new on local", "Medium"), ("old", "High")]
		assert w.people[side].get("Customer", "edited", "tax_id", "website") == ("local", "cloud")
		assert w.people[side].get("Customer", "clash", "tax_id") == "local"
		assert w.people[side].get("Customer", "edited and deleted", "tax_id") == "cloud"
	settled = sorted((c.names[LOCAL], c.resolution, c.clashes[0].cloud) for c in w.ledger.conflicts())
	assert [s[:2] for s in settled] == [("clash", "local_wins"), ("edited and deleted", "Edit beats delete")]
	assert settled[0][2] == "cloud"
	w.check_in_step()


def a_run(w, around, **more):
	ctx = w.context(around=around, **more)
	w.scan(ctx)
	return w.drain(ctx)


BUSY_DAY = calls_of(lambda around: a_run(busy_day(), around))
ALL = range(1, len(BUSY_DAY) + 1)
FROM_CLAIM = [n for n in ALL if n > BUSY_DAY.index("queue.claim Customer")]


def each_call(calls):
	"""One case for each call of a busy day, by its number and name."""
	return pytest.mark.parametrize("n", [pytest.param(n, id=f"{n} {BUSY_DAY[n - 1]}") for n in calls])


def test_a_busy_day():
	w = busy_day()
	w.settle()
	check_busy_day(w)
	w.check_steady([True])


@each_call(ALL)
def test_a_worker_dies_after_any_call(n):
	w = busy_day()
	with pytest.raises(Killed):
		a_run(w, killed_after(n))
	w.queue.bury(f"worker {w.workers}")
	w.settle()
	check_busy_day(w)
	w.check_steady([True])


CHANGING = (
	"queue.",
	"ledger.save",
	"local.update",
	"local.create",
	"cloud.update",
	"cloud.create",
	"local.delete",
)


@each_call([n for n in FROM_CLAIM if BUSY_DAY[n - 1].startswith(CHANGING)])
def test_another_worker_runs_before_any_step(n):
	w = busy_day()
	a_run(w, interrupted_before(n, lambda: w.sync()))
	w.settle()
	check_busy_day(w)
	w.check_steady([True])


@each_call(FROM_CLAIM)
def test_the_lease_runs_out_before_any_call(n):
	"""The worker stands still for an hour; another one does all the work; then it goes on, knowing nothing of it."""

	def stand_still():
		w.clock.sleep(3600)
		w.sync()

	w = busy_day()
	a_run(w, interrupted_before(n, stand_still))
	w.settle()
	check_busy_day(w)
	w.check_steady([True])


EDITS = {LOCAL: {"customer_details": "meanwhile"}, CLOUD: {"default_commission_rate": 7.0}}


@each_call(FROM_CLAIM)
def test_people_edit_before_any_call(n):
	"""Everything that is there, on both sides, in different fields: all of it is on both sides in the end."""

	def edit():
		for side in SIDES:
			edited[side] = w.sites[side].names("Customer")
			for name in edited[side]:
				w.people[side].save("Customer", name, **EDITS[side])

	w, edited = busy_day(), {}
	a_run(w, interrupted_before(n, edit))
	w.settle()
	for side in SIDES:
		for name in edited[side]:
			for field, value in EDITS[side].items():
				assert both(w, "Customer", name, field) == (value, value), (side, name)
	w.check_in_step()
	w.check_steady([True])


def test_a_document_that_breaks_its_whole_batch_is_found_and_the_rest_flows(monkeypatch):
	"""Something that nobody foresaw, before a single document is looked at."""
	w = synced()
	for name in ("B", "C"):
		w.people[LOCAL].insert("Customer", customer_name=name)
	w.put(Event(LOCAL, "Customer", "B"), Event(LOCAL, "Customer", "C"))
	real = cycle.gather

	def gather(ctx, doctype, events):
		if any(event.name == "B" for event in events):
			raise KeyError("odd")
		return real(ctx, doctype, events)

	monkeypatch.setattr(cycle, "gather", gather)
	run = w.drain()
	assert w.sites[CLOUD].names("Customer") == ["A", "C"]
	assert run.counts["failed"] and "odd" in run.errors[0]
	assert w.queue.pending() == 1
	monkeypatch.undo()
	w.settle()
	assert w.sites[CLOUD].names("Customer") == ["A", "B", "C"]


def test_a_batch_that_breaks_off_while_the_cloud_is_down_stops_the_run_and_gives_all_back(monkeypatch):
	w = synced()
	names = ("B", "C", "D")
	for name in names:
		w.people[LOCAL].insert("Customer", customer_name=name)
	w.put(*(Event(LOCAL, "Customer", name) for name in names))
	real, asked = cycle.gather, []

	def gather(ctx, doctype, events):
		asked.append([event.name for event in events])
		if len(events) > 1:
			raise KeyError("odd")
		return real(ctx, doctype, events)

	monkeypatch.setattr(cycle, "gather", gather)
	w.fault(CLOUD, Fault.LOST_REFUSED)
	run = w.drain()
	assert run.stopped and asked == [list(names), ["B"]], "the others are not tried"
	assert w.queue.pending() == 3
	w.mend()
	monkeypatch.undo()
	w.settle()
	assert w.sites[CLOUD].names("Customer") == ["A", *names]


@pytest.mark.parametrize("side", SIDES)
def test_what_failed_is_tried_again_when_it_changed_and_not_by_every_scan(side):
	w = World(keep("Customer"), retry=RetryPolicy(max_attempts=1))
	w.people[side].insert("Customer", customer_name="A")
	tries: list[str] = []

	def around(label, call):
		if not label.startswith(f"{other(side)}.create"):
			return call()
		tries.append(label)
		raise Refused("The site does not want it.")

	for _ in range(3):
		ctx = w.context(around=around)
		w.scan(ctx)
		w.drain(ctx)
	assert len(tries) == 1
	w.people[side].save("Customer", "A", tax_id="1")
	w.settle()
	w.check_in_step()


@pytest.mark.parametrize("what", ["refused", "not answered"])
def test_a_cloud_that_numbers_what_is_named_here(what, monkeypatch):
	"""What it made is not made once more, and nobody is renamed here for it."""
	w, named = World(keep("Customer")), naming.customer_name
	numbers = iter(range(1, 9))

	def counted(store, doc):
		return f"CUST-{next(numbers)}" if store.db is w.databases[CLOUD] else named(store, doc)

	monkeypatch.setattr(naming, "customer_name", counted)
	if what == "refused":

		def rename(*asked):
			raise Refused("Customer may not be renamed.")

		w.clients[CLOUD].rename = rename
	else:
		w.fault(CLOUD, Fault.LOST_TIMEOUT, path="rename_doc", times=1)
	w.people[LOCAL].insert("Customer", customer_name="Acme")
	w.sync()
	w.mend()
	w.clock.sleep(3601)
	w.settle()
	assert w.sites[LOCAL].names("Customer") == ["Acme"]
	assert len(w.sites[CLOUD].names("Customer")) == 1
	assert [b.status for b in w.ledger.all_bindings()] == ["Synced"]
	w.check_steady()


def orders_and_calls(w: World, count: int) -> list[str]:
	"""Orders on the local side, each with a ToDo about it, the last order's first."""
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="G", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
		w.people[side].insert("Item", item_code="I", item_group="G", stock_uom="Nos")
		w.people[side].insert("Customer", customer_name="C")
	here, items = w.people[LOCAL], [{"item_code": "I", "qty": 1, "rate": 1}]
	orders = [here.insert("Sales Order", customer="C", items=items) for _ in range(count)]
	for order in reversed(orders):
		here.insert("ToDo", description="d", reference_type="Sales Order", reference_name=order)
	return orders


def test_what_waits_for_another_doctype_lets_it_have_its_turn():
	"""Or a first sync of many would use up all their tries before that has begun."""
	w = World(own("Sales Order"), own("ToDo"), retry=RetryPolicy(max_attempts=3, backoff_seconds=0))
	orders_and_calls(w, 3)
	w.scan()
	for _ in range(2):
		w.drain(w.context(batch_size=1), doctypes=["ToDo", "Sales Order"])
		w.clock.sleep(5)
	assert not w.queue.failed() and w.queue.pending() == 0
	assert w.count("ToDo") == (3, 3)
	w.check_in_step()


def test_what_is_written_step_by_step_keeps_its_turn():
	"""What refers to it would be tried in vain otherwise."""
	w = World(own("Sales Order"), own("ToDo"))
	for order in orders_and_calls(w, 20):
		w.sites[LOCAL].submit("Sales Order", order)
	w.scan()
	run = w.drain(w.context(batch_size=5), doctypes=["Sales Order", "ToDo"])
	assert run.counts["retried"] == 0 and w.queue.pending() == 0
	w.check_in_step()
