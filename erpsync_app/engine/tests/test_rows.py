# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The merge of a child table, row by row. How to read a case:

	(what it is, the table as it was, local now, cloud now, local after, cloud after, clashes)

A table is told as "a=1 b=1/2": the row `a` with x=1, then the row `b` with x=1 and y=2. A letter is a row's name; the
same letter means the same row on both sides, though it is called "a" here and "A" there. "*" is a new name that a site
gave to a row by itself. A side that is not to be written is told as "-". A clash is told by its row and winner.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, RowMap, other
from erpsync_app.engine.rows import Lines, Table, copy_name, row_map


def table(text, side=LOCAL):
	rows, names = [], []
	for word in text.split():
		name, _, cells = word.partition("=")
		rows.append(dict(zip("xy", cells.split("/"), strict=False)))
		names.append(name if side == LOCAL else name.upper())
	return Table(rows, names)


def joined(was, local, cloud, was_cloud=None):
	"""The lines of a table that was `was` on both sides (or another on the cloud), and is `local` and `cloud` now."""
	held = {LOCAL: table(was), CLOUD: table(was if was_cloud is None else was_cloud, CLOUD)}
	same = {name: name.upper() for name in held[LOCAL].names if name.upper() in held[CLOUD].names}
	return Lines(held, {LOCAL: table(local), CLOUD: table(cloud, CLOUD)}, same)


def told(merged, side):
	if side not in merged.take:
		return "-"
	rows, names = merged.take[side].rows, merged.take[side].names
	copies = {copy_name(name): name for letter in "abcdefgh*" for name in (letter, letter.upper())}
	cells = ("/".join(row.values()) for row in rows)
	return " ".join(f"{copies.get(n, n).lower()}={c}" for n, c in zip(names, cells, strict=True))


def clashes(merged):
	return {next(iter(c.line.names.values())).lower(): c.winner for c in merged.clashes}


CASES = [
	("nothing", "a=1 b=1", "a=1 b=1", "a=1 b=1", "-", "-", {}),
	("a cell changed", "a=1 b=1", "a=2 b=1", "a=1 b=1", "-", "a=2 b=1", {}),
	("two rows, one a side", "a=1 b=1", "a=2 b=1", "a=1 b=2", "a=2 b=2", "a=2 b=2", {}),
	("two cells of one row", "a=1/1", "a=2/1", "a=1/2", "a=2/2", "a=2/2", {}),
	("the same change", "a=1 b=1", "a=2 b=1", "a=2 b=1", "-", "-", {}),
	("the same change, and one more", "a=1 b=1", "a=2 b=1", "a=2 b=2", "a=2 b=2", "-", {}),
	("a row more", "a=1", "a=1 b=1", "a=1", "-", "a=1 b=1", {}),
	("a row more in front", "a=1", "b=1 a=1", "a=1", "-", "b=1 a=1", {}),
	("a row more in between", "a=1 c=1", "a=1 b=1 c=1", "a=1 c=1", "-", "a=1 b=1 c=1", {}),
	("two rows more", "a=1", "a=1 b=1 c=1", "a=1", "-", "a=1 b=1 c=1", {}),
	("a row more on each", "a=1", "a=1 b=2", "a=1 c=3", "a=1 c=3 b=2", "a=1 c=3 b=2", {}),
	("a row more on each, apart", "a=1 d=1", "a=1 b=2 d=1", "a=1 d=1 c=3", *["a=1 b=2 d=1 c=3"] * 2, {}),
	("two equal rows more", "a=1", "a=1 b=2 c=2", "a=1", "-", "a=1 b=2 c=2", {}),
	("equal rows stay two", "a=1 b=1", "a=1 b=1", "a=1 b=2", "a=1 b=2", "-", {}),
	("a row less", "a=1 b=1", "b=1", "a=1 b=1", "-", "b=1", {}),
	("a row less on each", "a=1 b=1 c=1", "b=1 c=1", "a=1 c=1", "c=1", "c=1", {}),
	("the same row less", "a=1 b=1", "b=1", "b=1", "-", "-", {}),
	("no row left", "a=1 b=1", "", "a=1 b=1", "-", "", {}),
	("each removed what the other kept", "a=1 b=2", "b=2", "a=1", "-", "b=2", {"a": LOCAL, "b": LOCAL}),
	("each removed what the other kept, one edited it", "a=1 b=2", "b=3", "a=1", "-", "b=3", {"b": LOCAL}),
	("one of two equal rows less", "a=1 b=1", "b=1", "a=1 b=2", "b=2", "b=2", {}),
	("less here, more there", "a=1 b=1", "b=1", "a=1 b=1 c=1", "b=1 c=1", "b=1 c=1", {}),
	("more, changed and less", "a=1 b=1 c=1", "a=1 b=1 c=1 d=4", "a=2 b=1", *["a=2 b=1 d=4"] * 2, {}),
	("another row under the old content", "a=1 b=2", "b=2 c=1", "a=1 b=2", "-", "b=2 a=1", {}),
	("moved", "a=1 b=2 c=3", "c=3 a=1 b=2", "a=1 b=2 c=3", "-", "c=3 a=1 b=2", {}),
	("moved, and changed there", "a=1 b=2", "b=2 a=1", "a=1 b=3", "b=3 a=1", "b=3 a=1", {}),
	("moved, and more there", "a=1 b=2", "b=2 a=1", "a=1 b=2 c=3", "b=2 c=3 a=1", "b=2 c=3 a=1", {}),
	("moved, and less there", "a=1 b=2 c=3", "c=3 b=2 a=1", "a=1 c=3", "c=3 a=1", "c=3 a=1", {}),
	("both moved alike", "a=1 b=2", "b=2 a=1", "b=2 a=1", "-", "-", {}),
	("both moved", "a=1 b=2 c=3", "b=2 a=1 c=3", "a=1 c=3 b=2", "-", "b=2 a=1 c=3", {}),
	("a cell clashes", "a=1", "a=2", "a=3", "-", "a=2", {"a": LOCAL}),
	(
		"a cell clashes, the rest meets",
		"a=1/1 b=1",
		"a=2/2 b=1",
		"a=3/1 b=4",
		*["a=2/2 b=4"] * 2,
		{"a": LOCAL},
	),
	("edited here, removed there", "a=1 b=1", "a=2 b=1", "b=1", "-", "a=2 b=1", {"a": LOCAL}),
	("removed here, edited there", "a=1 b=1", "b=1", "a=2 b=1", "a=2 b=1", "-", {"a": CLOUD}),
	(
		"removed here, edited and less there",
		"a=1 b=1 c=1",
		"b=1 c=1",
		"a=2 c=1",
		"a=2 c=1",
		"-",
		{"a": CLOUD},
	),
	("new names", "a=1 b=2", "c=1 d=2", "a=1 b=2", "-", "-", {}),
	("new names, and changed there", "a=1 b=2", "c=1 d=2", "a=1 b=3", "c=1 d=3", "-", {}),
	("new names, and more", "a=1 b=2", "c=1 d=2 e=3", "a=1 b=2", "-", "a=1 b=2 e=3", {}),
	("equal rows more on both", "a=1", "a=1 b=2", "a=1 c=2", "-", "-", {}),
	("equal rows more on both, and one", "a=1", "a=1 b=2 d=2", "a=1 c=2", "-", "a=1 c=2 d=2", {}),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_rows_merge(case):
	_, was, local, cloud, local_after, cloud_after, expected = case
	merged = joined(was, local, cloud).merge(LOCAL, chosen=False)
	assert (told(merged, LOCAL), told(merged, CLOUD)) == (local_after, cloud_after)
	assert clashes(merged) == expected


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_the_sides_are_alike(case):
	"""Swapped, the same comes out: but for the order of what both moved or added, which has to be one of the two."""
	_, was, local, cloud, local_after, cloud_after, _ = case
	merged = joined(was, cloud, local).merge(CLOUD, chosen=False)
	for side, after in ((CLOUD, local_after), (LOCAL, cloud_after)):
		assert sorted(told(merged, side).split()) == sorted(after.split())


OPEN = [
	("a cell", "a=1 b=1", "a=2 b=2", "a=3 b=1", {"a": None}),
	("a row edited and removed", "a=1 b=1", "a=2 b=1", "b=1 c=3", {"a": None}),
	("each removed what the other kept", "a=1 b=2", "b=2", "a=1", {"a": None, "b": None}),
]


@pytest.mark.parametrize(("what", "was", "local", "cloud", "expected"), OPEN)
def test_what_waits_for_a_person_waits_whole(what, was, local, cloud, expected):
	merged = joined(was, local, cloud).merge(None, chosen=False)
	assert (merged.take, clashes(merged)) == ({}, expected)


@pytest.mark.parametrize(
	("winner", "local_after", "cloud_after"),
	[(LOCAL, "a=2 b=1 c=3", "a=2 b=1 c=3"), (CLOUD, "b=1 c=3", "-")],
)
def test_a_person_may_let_the_removal_win(winner, local_after, cloud_after):
	merged = joined("a=1 b=1", "a=2 b=1", "b=1 c=3").merge(winner, chosen=True)
	assert (told(merged, LOCAL), told(merged, CLOUD)) == (local_after, cloud_after)
	assert clashes(merged) == {"a": winner}


@pytest.mark.parametrize(
	("winner", "local_after", "cloud_after", "clashing"),
	[(LOCAL, "-", "a=3", "a"), (CLOUD, "b=2", "-", "ab")],
)
def test_a_person_may_let_the_removal_win_and_what_is_left_stays(winner, local_after, cloud_after, clashing):
	merged = joined("a=1 b=2", "a=3", "b=2").merge(winner, chosen=True)
	assert (told(merged, LOCAL), told(merged, CLOUD)) == (local_after, cloud_after)
	assert clashes(merged) == dict.fromkeys(clashing, winner)


OWN_WAYS = [
	("all removed but a row of its own", "a=1 s=5", "a=1", "s=5", "a=1", "-", ""),
	("left alone", "a=1", "a=9 b=5", "a=1", "a=9 b=5", "-", "-"),
	("a row of its own stays its own", "a=1", "a=9 b=5", "a=2", "a=9 b=5", "-", "a=2 b=5"),
	("a row of its own crosses once it is edited", "a=1", "a=9 b=5", "a=1", "a=9 b=6", "a=1 b=6", "-"),
	("a row of its own is removed", "a=1", "a=9 b=5", "a=1", "a=9", "-", "-"),
	("an order of its own", "a=1 b=2", "b=2 a=1", "a=3 b=2", "b=2 a=1", "-", "b=2 a=3"),
	(
		"an order of its own, moved here",
		"a=1 b=2 c=3",
		"c=3 b=2 a=1",
		"b=2 a=1 c=3",
		"c=3 b=2 a=1",
		"-",
		"b=2 a=1 c=3",
	),
]


@pytest.mark.parametrize(
	("what", "was", "was_cloud", "local", "cloud", "local_after", "cloud_after"), OWN_WAYS
)
def test_what_the_cloud_made_of_it_by_itself(what, was, was_cloud, local, cloud, local_after, cloud_after):
	merged = joined(was, local, cloud, was_cloud).merge(LOCAL, chosen=False)
	assert (told(merged, LOCAL), told(merged, CLOUD)) == (local_after, cloud_after)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
	("what", "sent", "there", "equal"),
	[
		("as it was sent", "2", "2", True),
		("the site made something of it", "2/5", "2/6", False),
		("edited there since", "2/5", "3/5", False),
	],
)
def test_an_added_row_whose_answer_was_lost_is_not_added_again(side, what, sent, there, equal):
	held = {s: Table([{"x": "1"}], [f"a on {s}"]) for s in SIDES}
	here, away = held[side], held[other(side)]
	now = {
		side: Table([*here.rows, dict(zip("xy", sent.split("/"), strict=False))], [*here.names, "new"]),
		other(side): Table(
			[*away.rows, dict(zip("xy", there.split("/"), strict=False))], [*away.names, copy_name("new")]
		),
	}
	merged = Lines(held, now, {held[LOCAL].names[0]: held[CLOUD].names[0]}).merge(side, chosen=False)
	assert [len(table.rows) for table in merged.take.values()] == ([] if equal else [2] * len(merged.take))
	assert bool(merged.take) != equal


def test_added_rows_that_were_moved_before_they_were_known_come_to_one_order():
	held = {side: Table([], []) for side in SIDES}
	copies = [copy_name(name) for name in "bca"]
	now = {LOCAL: table("a=1 b=2 c=3"), CLOUD: Table([{"x": "2"}, {"x": "3"}, {"x": "1"}], copies)}
	for winner in SIDES:
		merged = Lines(held, now, {}).merge(winner, chosen=False)
		assert [row["x"] for row in merged.take[other(winner)].rows] == [row["x"] for row in now[winner].rows]
		assert winner not in merged.take


def test_without_names_content_tells_which_row_is_which():
	"""A baseline from before rows had a map: what is not equal to any is the row in its place."""
	held = {side: Table([{"x": "1"}, {"x": "2"}, {"x": "3"}]) for side in SIDES}
	now = {LOCAL: table("a=1 b=4 c=3"), CLOUD: table("b=2 c=3", CLOUD)}
	merged = Lines(held, now, {}).merge(LOCAL, chosen=False)
	assert (told(merged, LOCAL), told(merged, CLOUD)) == ("b=4 c=3", "b=4 c=3")


# -- the row map

MAPS = [
	("by the old map", "a=1 b=1", "b=9 a=9", {"a": "A", "b": "B"}, False, {"a": "A", "b": "B"}),
	("by content", "a=1 b=2", "c=2 d=1", {}, False, {"a": "D", "b": "C"}),
	("unlike rows are two", "a=1 b=2", "c=2 d=3", {}, False, {"b": "C"}),
	(
		"unlike rows are one where one was just made of the other",
		"a=1 b=2",
		"c=2 d=3",
		{},
		True,
		{"a": "D", "b": "C"},
	),
	("under a new name", "a=1", "c=1", {"a": "A"}, False, {"a": "C"}),
	("what was one side's own stays it", "a=1 e=5", "a=1 f=5", {"a": "A"}, True, {"a": "A"}),
	("what is gone stays joined", "a=1", "a=1", {"a": "A", "b": "B"}, False, {"a": "A", "b": "B"}),
	(
		"what is gone and was never known by its name does not",
		"a=1",
		"a=1",
		{"a": "A", "b": "#1"},
		False,
		{"a": "A"},
	),
]


@pytest.mark.parametrize(("what", "local", "cloud", "old", "written", "expected"), MAPS)
def test_who_is_who(what, local, cloud, old, written, expected):
	now = {LOCAL: table(local), CLOUD: table(cloud, CLOUD)}
	before = RowMap((*old, "e"), (*old.values(), "F"), old) if old else None
	found = row_map(before, now, written)
	assert found.same == expected
	assert (found.local, found.cloud) == (tuple(now[LOCAL].names), tuple(now[CLOUD].names))
	assert row_map(found, now, False) == found, "at rest it does not change"


# -- for every table

NAMES = "abcd"
tables = st.permutations(NAMES).flatmap(
	lambda names: st.lists(st.sampled_from("123"), max_size=4).map(
		lambda cells: " ".join(f"{n}={c}" for n, c in zip(names, cells, strict=False))
	)
)


def edits(was):
	"""What a person makes of a table: rows gone, moved, changed, and some more under names of that side."""

	def made(order, gone, cells, more):
		rows = {word.split("=")[0]: word.split("=")[1] for word in was.split()}
		rows |= {name: cell for name, cell in cells.items() if name in rows}
		kept = [f"{name}={rows[name]}" for name in order if name in rows and name not in gone]
		return " ".join([*kept, *more])

	return st.builds(
		made,
		st.permutations(NAMES),
		st.sets(st.sampled_from(NAMES), max_size=2),
		st.dictionaries(st.sampled_from(NAMES), st.sampled_from("456"), max_size=2),
		st.sampled_from([[], ["e=7"], ["f=8"], ["e=7", "f=8"]]),
	)


@given(tables.flatmap(lambda was: st.tuples(st.just(was), edits(was), edits(was))), st.sampled_from(SIDES))
def test_no_row_vanishes_and_none_doubles(case, winner):
	was, local, cloud = case
	cloud = cloud.replace("e=7", "g=9").replace("f=8", "h=0")
	merged = joined(was, local, cloud).merge(winner, chosen=False)
	now = {LOCAL: table(local), CLOUD: table(cloud, CLOUD)}
	after = {side: merged.take.get(side, now[side]) for side in SIDES}
	assert list(after[LOCAL].rows) == list(after[CLOUD].rows)
	base = {word.split("=")[0]: {"x": word.split("=")[1]} for word in was.split()}
	here, there = (
		{name.lower(): row for name, row in zip(now[side].names, now[side].rows, strict=True)}
		for side in SIDES
	)
	expected = []
	for name in {*here, *there}:
		if name in here and name in there:
			changed = [side[name] for side in (here, there) if side[name] != base[name]]
			pick = (here if winner == LOCAL else there)[name]
			expected.append(pick if len(changed) == 2 else changed[0] if changed else base[name])
		elif name not in base or (here.get(name) or there.get(name)) != base[name]:
			expected.append(here.get(name) or there.get(name))
	if here and there and not expected:  # each removed what the other kept
		expected = list(now[winner].rows)
	assert sorted(row["x"] for row in after[LOCAL].rows) == sorted(row["x"] for row in expected)
	# Carried out, nothing is left to do, whatever was recorded of it.
	again = Lines({s: Table(*old) for s, old in _held(was).items()}, after, _same(was)).merge(
		winner, chosen=False
	)
	assert again.take == {}


def _held(was):
	return {side: ((t := table(was, side)).rows, t.names) for side in SIDES}


def _same(was):
	return {name: name.upper() for name in table(was).names}
