# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Unique values that change hands between documents, as whole cycles between two sandbox sites."""

from __future__ import annotations

import pytest

from erpsync_app.engine.decision import Write
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Held, RowMap, other
from erpsync_app.engine.pair import Taken
from erpsync_app.engine.swaps import without_taken, yet_to_tell
from erpsync_app.engine.tests.world import Killed, World, keep, killed_after


def items(number: int, policy: str = "latest_timestamp") -> World:
	"""Items I0, I1, … in step, each with a barcode of its own that stays, and one that is to change hands."""
	w = World(keep("Item", policy), keep("UOM"), keep("Item Group"))
	w.people[LOCAL].insert("Item Group", item_group_name="All Item Groups", is_group=1)
	w.people[LOCAL].insert("UOM", uom_name="Nos")
	for n in range(number):
		w.people[LOCAL].insert(
			"Item",
			item_code=f"I{n}",
			item_group="All Item Groups",
			stock_uom="Nos",
			barcodes=[{"barcode": f"own {n}"}, {"barcode": f"{n}"}],
		)
	w.settle()
	w.check_in_step()
	return w


def give(w: World, side, name: str, code: str) -> None:
	rows = w.people[side].get("Item", name)["barcodes"]
	rows[1]["barcode"] = code
	w.people[side].save("Item", name, barcodes=rows)


def pass_on(w: World, side, number: int) -> None:
	"""Each item gets the barcode of the next one, and the last one that of the first."""
	for n in range(number):
		give(w, side, f"I{n}", f"for now {n}")
	for n in range(number):
		give(w, side, f"I{n}", f"{(n + 1) % number}")


def codes(w: World, side, number: int) -> list[list[str]]:
	return [
		[row["barcode"] for row in w.people[side].get("Item", f"I{n}")["barcodes"]] for n in range(number)
	]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("number", [2, 3, 5])
@pytest.mark.parametrize("policy", ["latest_timestamp", "manual"])
def test_barcodes_that_change_hands_cross(side, number, policy):
	w = items(number, policy)
	pass_on(w, side, number)
	w.settle()
	assert codes(w, other(side), number) == [[f"own {n}", f"{(n + 1) % number}"] for n in range(number)]
	assert not w.ledger.conflicts()
	w.check_in_step()
	w.check_steady()


def test_they_cross_whenever_the_worker_dies():
	first = items(2)
	pass_on(first, LOCAL, 2)
	first.scan()
	for calls in range(1, 200):
		w = first.copy()
		try:
			w.drain(w.context(around=killed_after(calls)))
		except Killed:
			w.clock.sleep(3601)
			w.settle()
			assert codes(w, CLOUD, 2) == [["own 0", "1"], ["own 1", "0"]]
			w.check_in_step()
		else:
			return
	raise AssertionError("it never came to its end")


def test_no_room_is_made_for_what_another_document_has_not_given_up():
	"""It has it of late, which has yet to cross."""
	w = items(2)
	give(w, CLOUD, "I1", "new")
	give(w, LOCAL, "I0", "new")
	assert w.sync().counts["retried"]
	assert codes(w, CLOUD, 2) == [["own 0", "0"], ["own 1", "new"]]


TAKEN = Taken(CLOUD, "rows", "code", frozenset("2"))


def test_an_update_without_what_others_have():
	write = Write(
		CLOUD,
		"update",
		{"rows": [{"code": "1"}, {"code": "2"}], "a": 1, "key": "x"},
		rows={"rows": ("r1", "r2")},
	)
	left = without_taken(write, [TAKEN, Taken(CLOUD, "", "key", frozenset("x"))])
	assert left.fields == {"rows": [{"code": "1"}], "a": 1, "key": None}
	assert left.rows == {"rows": ("r1",)}


def test_what_was_left_out_is_new_to_the_side_that_has_it():
	rows = [{"code": "1"}, {"code": "2"}]
	held = {LOCAL: Held({"rows": rows, "a": 1}, "then"), CLOUD: Held({"rows": rows[:1], "a": 1}, "then")}
	maps = {"rows": RowMap(("l1", "l2"), ("c1",), {"l1": "c1"})}
	after, maps = yet_to_tell([TAKEN], held, maps)
	assert after == {**held, LOCAL: held[CLOUD]}
	assert maps == {"rows": RowMap(("l1",), ("c1",), {"l1": "c1"})}
