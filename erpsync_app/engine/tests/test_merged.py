# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that were merged into others, between two sandbox sites."""

import pytest

from erpsync_app.engine.merged import named
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Note, other
from erpsync_app.engine.tests.world import Killed, World, keep, killed_after, own

SO = "Sales Order"

both_sides = pytest.mark.parametrize("side", SIDES)


@pytest.mark.parametrize(
	("content", "names"),
	[
		("merged <strong>A</strong> into <strong>B</strong>", {"A", "B"}),
		("<strong>B</strong> mit <strong>A</strong> zusammengeführt", {"A", "B"}),
		("merged <b>A</b> into <b>B</b>", {"A", "B"}),
		("merged <strong>A &amp; Söhne</strong> into <strong>50 % of B</strong>", {"A & Söhne", "50 % of B"}),
		("a comment", set()),
		("", set()),
	],
)
def test_the_names_that_a_note_tells_of(content, names):
	assert named(Note("B", content, "2026-01-01 00:00:00")) == names


def customers(*words, doctypes=(SO,), **more):
	"""Three of them, in step, and an order of the first on each side."""
	w = World(keep("Customer", *words, **more), *(own(doctype, *words) for doctype in doctypes))
	for person in w.people.values():
		person.insert("Item Group", item_group_name="All Item Groups", is_group=1)
		person.insert("UOM", uom_name="Nos")
		person.insert("Item", item_code="I", item_group="All Item Groups", stock_uom="Nos")
	for name in "ABC":
		w.people[LOCAL].insert("Customer", customer_name=name, website=f"w{name}")
	w.settle()
	for side in SIDES if doctypes else ():
		w.people[side].insert(SO, customer="A", po_no=side, items=[{"item_code": "I", "qty": 1, "rate": 3}])
	w.settle()
	w.check_in_step()
	return w


def merge(w, side, old, new):
	w.sites[side].rename("Customer", old, new, merge=True)


def in_step(w):
	w.settle()
	w.check_in_step()
	w.check_steady()


def whose(w, side):
	return sorted({doc["customer"] for doc in w.sites[side].all(SO)})


def operations(w):
	return [entry.operation for entry in w.ledger.log() if entry.operation in ("merge", "delete")]


@both_sides
def test_a_merge_crosses_and_links_follow(side):
	w = customers()
	merge(w, side, "A", "B")
	in_step(w)
	for each in SIDES:
		assert w.sites[each].names("Customer") == ["B", "C"]
		assert whose(w, each) == ["B"]
	assert operations(w) == ["merge"]


@both_sides
@pytest.mark.parametrize("deletes", ["keep", "propagate"])
def test_a_rule_that_keeps_what_is_deleted_keeps_no_link_to_what_is_merged(side, deletes):
	w = customers(deletes)
	merge(w, side, "A", "B")
	w.settle()
	assert whose(w, LOCAL) == whose(w, CLOUD) == ["B"]
	w.check_steady()


@both_sides
def test_a_merge_beats_an_edit_which_is_kept(side):
	w = customers()
	merge(w, side, "A", "B")
	w.people[other(side)].save("Customer", "A", website="edited")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["B", "C"]
	(conflict,) = w.ledger.conflicts()
	assert conflict.resolution == "Merge beats edit"
	assert getattr(conflict.clashes[0], other(side))["website"] == "edited"


@both_sides
@pytest.mark.parametrize("choice", ["Keep local", "Keep cloud"])
def test_a_person_is_asked_where_the_rule_says_so(side, choice):
	w = customers("ask")
	merge(w, side, "A", "B")
	w.settle()
	there = other(side)
	assert w.sites[there].names("Customer") == ["A", "B", "C"] and whose(w, there) == ["A"]
	assert len(w.open_conflicts()) == 1
	w.choose("Customer", there, "A", choice)
	w.settle()
	stays = choice == f"Keep {there}"
	for each in SIDES:
		assert w.sites[each].names("Customer") == (["A", "B", "C"] if stays else ["B", "C"])
	w.check_steady()


@both_sides
def test_one_merged_into_the_next_and_that_into_a_third(side):
	w = customers()
	merge(w, side, "A", "B")
	merge(w, side, "B", "C")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["C"] and whose(w, other(side)) == ["C"]
	assert operations(w) == ["merge", "merge"]


@both_sides
def test_a_survivor_that_is_renamed(side):
	w = customers()
	merge(w, side, "A", "B")
	w.sites[side].rename("Customer", "B", "D")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["C", "D"] and whose(w, other(side)) == ["D"]


@both_sides
def test_a_document_that_was_renamed_and_then_merged(side):
	w = customers()
	w.sites[side].rename("Customer", "A", "D")
	merge(w, side, "D", "B")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["B", "C"] and whose(w, other(side)) == ["B"]


@both_sides
def test_a_document_that_the_other_side_has_renamed(side):
	w = customers()
	merge(w, side, "A", "B")
	w.sites[other(side)].rename("Customer", "A", "D")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["B", "C"] and whose(w, other(side)) == ["B"]


@both_sides
def test_a_merge_into_what_is_not_there_yet(side):
	w = customers()
	w.people[side].insert("Customer", customer_name="D")
	merge(w, side, "A", "D")
	in_step(w)
	assert w.sites[other(side)].names("Customer") == ["B", "C", "D"] and whose(w, other(side)) == ["D"]


@both_sides
def test_a_merge_into_what_no_rule_brings_says_so(side):
	w = World(keep("Customer", filters=(("website", "=", "w"),)))
	w.people[side].insert("Customer", customer_name="A", website="w")
	w.settle()
	w.people[side].insert("Customer", customer_name="D")
	merge(w, side, "A", "D")
	w.settle()
	assert w.sites[other(side)].names("Customer") == ["A"]
	(binding,) = w.ledger.all_bindings("Customer")
	assert (binding.status, binding.error) == (
		"Failed",
		f"It was merged into Customer D on the {side} side, which is not synced yet.",
	)
	w.people[other(side)].insert("Customer", customer_name="D")  # of the same name: it is that one
	w.settle()
	assert w.sites[other(side)].names("Customer") == ["D"] and not w.ledger.all_bindings()
	w.check_steady()


@both_sides
def test_a_name_that_is_used_again_after_a_merge(side):
	w = customers()
	merge(w, side, "A", "B")
	w.people[side].insert("Customer", customer_name="A", website="another")
	in_step(w)
	for each in SIDES:
		assert w.people[each].get("Customer", "A", "website") == "another"
		assert whose(w, each) == ["B"]


def test_both_sides_merge_the_same():
	w = customers()
	for side in SIDES:
		merge(w, side, "A", "B")
	in_step(w)
	assert w.sites[LOCAL].names("Customer") == ["B", "C"] and operations(w) == []


@both_sides
def test_each_side_merges_the_one_into_the_other(side):
	w = customers()
	merge(w, side, "A", "B")
	merge(w, other(side), "B", "A")
	in_step(w)
	(name,) = set(w.sites[side].names("Customer")) - {"C"}
	assert w.sites[other(side)].names("Customer") == w.sites[side].names("Customer")
	assert whose(w, side) == whose(w, other(side)) == [name]
	values = {w.people[each].get("Customer", name, "website") for each in SIDES}
	kept = [{clash.local, clash.cloud} for each in w.ledger.conflicts() for clash in each.clashes]
	assert len(values) == 1 and {"wA", "wB"} in kept, "what lost is kept"


@both_sides
def test_merged_here_into_what_was_deleted_there(side):
	w = customers(doctypes=())
	merge(w, side, "A", "B")
	w.people[other(side)].delete("Customer", "B")
	in_step(w)
	assert w.count("Customer") == (1, 1)


@both_sides
def test_a_merge_that_is_refused_stands_in_quarantine(side, monkeypatch):
	w = customers()
	merge(w, side, "A", "B")
	w.people[other(side)].save("Customer", "B", website="still there")
	monkeypatch.setattr("erpsync_app.sandbox.documents.User.may", lambda user, right, of: right != "delete")
	w.settle()
	assert whose(w, other(side)) == ["A"]
	assert w.binding("Customer", other(side), "A").status == "Failed"
	monkeypatch.undo()
	w.people[other(side)].save("Customer", "A", website="looked at")
	in_step(w)
	assert whose(w, other(side)) == ["B"]


@both_sides
def test_killed_at_any_step_a_merge_is_made_once(side):
	start = customers()
	merge(start, side, "A", "B")
	start.people[other(side)].save("Customer", "A", website="edited")
	start.scan()
	for step in range(1, 60):
		w = start.copy()
		try:
			w.drain(w.context(around=killed_after(step)))
		except Killed:
			w.clock.sleep(3600)
			in_step(w)
		else:
			break
		assert w.sites[other(side)].names("Customer") == ["B", "C"]
		assert len(w.ledger.conflicts()) == 1
	assert step > 10


@both_sides
def test_the_survivor_has_each_file_once(side):
	"""Its own look brings it what the merge brings too: which comes first, nobody can say."""
	w = customers(doctypes=(), attachments=True)
	w.sites[LOCAL].attach("Customer", "A", "of a.txt", b"of A")
	w.settle()
	merge(w, side, "A", "B")
	in_step(w)
	for each in SIDES:
		assert [file["file_name"] for file in w.sites[each].attachments("Customer", "B")] == ["of a.txt"]
