# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the engine may rely on at a ledger, and that it does what its port says there.

One suite, run against the sandbox's ledger and against the one in a real site's database. Whoever runs it gives the
fixtures `store` (an empty ledger), `doctype` (of the test's own documents), `ruled` (a DocType that a rule keeps the
cursors of), and `conflicts` and `trail` (callables for what is stored of `doctype`, oldest first).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from erpsync_app.engine.errors import Duplicate, Stale
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	TRAIL,
	Binding,
	Clash,
	Cursor,
	Held,
	Intent,
	LogEntry,
	Outcome,
	Progress,
	RowMap,
)
from erpsync_app.engine.ports import Ledger

HELD = {
	LOCAL: Held({"a": 1, "rows": [{"b": None}]}, "2026-01-01 00:00:00.500000", created="2026-01-01 00:00:00"),
	CLOUD: Held({"a": "ü ' %s :x"}, "2026-01-02 00:00:00", docstatus=1, created="2026-01-01 00:00:00.000001"),
}
INTENT = Intent(
	CLOUD, datetime(2026, 1, 1, 12, 30, tzinfo=timezone.utc), {"a": [1]}, "before", 3, ({"a": [2]},)
)
OPEN = (Clash("a", 1, 2, 3),)
SETTLED = (Clash("a", 1, 2, 3, winner=CLOUD),)


@pytest.fixture
def binding(doctype: str) -> Callable[..., Binding]:
	def make(local: str | None = "L", cloud: str | None = "C", **values) -> Binding:
		return Binding(
			doctype, {LOCAL: local, CLOUD: cloud}, **{"held": HELD, "status": "Synced", "rows": {}, **values}
		)

	return make


def saved(store: Ledger, b: Binding, **outcome) -> Binding:
	(stored,) = store.save([Outcome(b, **outcome)])
	return stored


def resolutions(found) -> list[tuple[tuple[Clash, ...], str | None]]:
	return [(conflict.clashes, conflict.resolution) for conflict in found]


# -- bindings


@pytest.mark.parametrize("text", ["100% of O'Brien's", "%s '%(a)s'", "'?' :a", r"\u0027 ' \\ %%", '"%\'"'])
def test_every_text_of_a_baseline_is_kept_as_it_is(store, binding, doctype, text):
	held = {side: Held({text: text}, "2026-01-01 00:00:00.000000") for side in SIDES}
	stored = saved(store, binding(held=held))
	assert store.bindings(doctype, LOCAL, ["L"]) == {"L": stored}
	saved(store, replace(stored, error="Read and saved."))
	assert store.bindings(doctype, LOCAL, ["L"])["L"].held == held


def test_a_binding_is_read_as_it_was_saved(store, binding, doctype):
	rows = {"items": RowMap(("1", "2"), ("x",), {"1": "x"})}
	made = binding(intent=INTENT, status="Failed", error="Why.", choice="Keep local", rows=rows)
	stored = saved(store, made)
	assert stored.id
	assert replace(stored, id=None, version="") == made
	assert store.bindings(doctype, LOCAL, ["L", "x"]) == {"L": stored}
	assert store.bindings(doctype, CLOUD, ["C", "L"]) == {"C": stored}
	assert store.bindings("Other", LOCAL, ["L"]) == store.bindings(doctype, LOCAL, []) == {}


def test_a_binding_takes_the_place_of_the_one_before(store, binding, doctype):
	stored = saved(store, binding())
	changed = saved(store, replace(stored, names={LOCAL: "M", CLOUD: "C"}, status="Diverged"))
	assert changed.id == stored.id and changed.version != stored.version
	assert store.bindings(doctype, LOCAL, ["L"]) == {}
	assert store.bindings(doctype, CLOUD, ["C"]) == {"C": changed}


def test_many_bindings_without_a_name_on_a_side(store, binding, doctype):
	first, second = saved(store, binding("a", None)), saved(store, binding("b", None))
	saved(store, binding(None, "a"))
	saved(store, binding(None, "b"))
	assert first.id != second.id
	assert store.names(doctype, LOCAL, ["a", "b"]) == {}
	assert store.bindings(doctype, LOCAL, ["a", "b"]) == {"a": first, "b": second}


@pytest.mark.parametrize("names", [("L", "other"), ("other", "C"), ("L", None)])
def test_a_name_is_bound_once_and_nothing_of_the_call_is_stored(
	store, binding, doctype, conflicts, trail, names
):
	stored = saved(store, binding())
	entry = LogEntry(doctype, {LOCAL: "x", CLOUD: "y"}, "bind", "Success")
	with pytest.raises(Duplicate):
		store.save([Outcome(binding("x", "y"), log=(entry,), clashes=OPEN), Outcome(binding(*names))])
	# and the transaction is one to go on with
	assert store.bindings(doctype, LOCAL, ["L", "x"]) == {"L": stored}
	assert trail() == conflicts() == []
	saved(store, replace(binding(), doctype=f"{doctype} 2"))


def test_a_bound_name_cannot_be_taken_by_a_change_either(store, binding, doctype):
	saved(store, binding())
	other = saved(store, binding("x", "y"))
	with pytest.raises(Duplicate):
		store.save([Outcome(replace(other, names={LOCAL: "x", CLOUD: "C"}))])
	assert store.names(doctype, LOCAL, ["x"]) == {"x": "y"}


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("change", ["changed", "forgotten"])
def test_nothing_is_stored_over_what_someone_else_has_stored_since(
	store, binding, doctype, trail, change, forget
):
	stored = saved(store, binding())
	saved(store, replace(stored, error="theirs"), forget=change == "forgotten")
	entry = LogEntry(doctype, {LOCAL: "L", CLOUD: "C"}, "update", "Success")
	with pytest.raises(Stale):
		store.save([Outcome(replace(stored, error="ours"), log=(entry,), forget=forget)])
	now = store.bindings(doctype, LOCAL, ["L"])
	assert [each.error for each in now.values()] == (["theirs"] if change == "changed" else [])
	assert trail() == []
	for each in now.values():
		assert saved(store, replace(each, error="ours")).error == "ours"


def test_stamps_and_names(store, binding, doctype):
	saved(store, binding("a", "A"))
	saved(store, binding("b", "B", held={LOCAL: HELD[LOCAL], CLOUD: None}))
	assert store.stamps(doctype, LOCAL, ["a", "b", "c"]) == dict.fromkeys(("a", "b"), HELD[LOCAL].modified)
	assert store.stamps(doctype, CLOUD, ["A", "B"]) == {"A": HELD[CLOUD].modified, "B": ""}
	assert store.names(doctype, LOCAL, ["a", "b", "c"]) == {"a": "A", "b": "B"}
	assert store.names(doctype, CLOUD, ["B"]) == {"B": "b"}


def test_how_far_documents_have_come(store, binding, doctype):
	wrote = (("2026-01-05 09:00:00.000001", 250), ("2026-01-05 09:00:01.000000", 0))
	held = {LOCAL: replace(HELD[LOCAL], docstatus=2), CLOUD: replace(HELD[CLOUD], wrote=wrote)}
	saved(store, binding("a", "A", held=held))
	assert store.bindings(doctype, LOCAL, ["a"])["a"].held == held
	saved(store, binding("b", None, held={}, status="Failed"))
	written = {side: (each.created, each.modified) for side, each in held.items()}
	assert store.progress(doctype, LOCAL, ["a", "b", "c"]) == {
		"a": Progress("A", {LOCAL: 2, CLOUD: 1}, "Synced", written, {LOCAL: (), CLOUD: wrote}),
		"b": Progress(
			None, {LOCAL: 0, CLOUD: 0}, "Failed", {LOCAL: ("", ""), CLOUD: ("", "")}, {LOCAL: (), CLOUD: ()}
		),
	}
	assert store.progress(doctype, CLOUD, ["A", "B"]) == {
		"A": Progress("a", {LOCAL: 2, CLOUD: 1}, "Synced", written, {LOCAL: (), CLOUD: wrote})
	}


def test_the_rows_of_documents(store, binding, doctype):
	maps = {"rows": RowMap(("r1",), ("R1",), {"r1": "R1"}), "other": RowMap(("r2",), (), {})}
	saved(store, binding("a", "A", rows=maps))
	saved(store, binding("b", "B"))
	assert sorted(store.row_maps(doctype, CLOUD, ["A", "B", "C"]), key=str) == sorted(maps.values(), key=str)


def test_by_creation(store, binding, doctype):
	for names in ("aA", "bB"):
		saved(store, binding(*names))
	created = {side: HELD[side].created for side in SIDES}
	found = store.by_creation(doctype, LOCAL, [created[LOCAL], "else"])
	assert {created: sorted(b.names[LOCAL] for b in each) for created, each in found.items()} == {
		created[LOCAL]: ["a", "b"]
	}
	assert store.by_creation(doctype, CLOUD, [created[CLOUD]], limit=1).keys() == {created[CLOUD]}
	assert store.by_creation(doctype, CLOUD, [created[LOCAL]]) == {}


def test_open_intents_are_listed(store, binding, doctype):
	stored = saved(store, binding("a", None, intent=INTENT))
	assert (store.open_intents(doctype, CLOUD), store.open_intents(doctype, LOCAL)) == ([INTENT], [])
	saved(store, replace(stored, intent=None))
	assert store.open_intents(doctype, CLOUD) == []


def test_a_forgotten_binding_leaves_its_names_free(store, binding, doctype):
	saved(store, saved(store, binding()), forget=True)
	assert store.bindings(doctype, LOCAL, ["L"]) == {}
	saved(store, binding())


def test_the_trail(store, binding, doctype, trail):
	names = {LOCAL: "L", CLOUD: None}
	told = {"run": "r", "trigger": "scan", "milliseconds": 5}
	entries = [
		LogEntry(doctype, names, "create", "Success", "local_to_cloud", ("a", "b"), {"a": 1}, **told),
		LogEntry(doctype, {LOCAL: "L", CLOUD: "C"}, "fail", "Failure", message="No."),
	]
	stored = saved(store, binding(), log=tuple(entries[:1]))
	saved(store, stored, log=tuple(entries[1:]))
	assert trail() == entries


def test_the_trail_tells_of_what_was_never_bound_as_well(store, binding, doctype, trail):
	entry = LogEntry(doctype, {LOCAL: None, CLOUD: "C"}, "delete", "Success", "local_to_cloud")
	saved(store, binding(None, "C"), log=(entry,), forget=True)
	assert trail() == [entry]
	assert store.bindings(doctype, CLOUD, ["C"]) == {}


# -- conflicts: the table at Outcome


def test_clashes_open_a_conflict_and_bring_it_up_to_date(store, binding, doctype, conflicts):
	stored = saved(store, binding(), clashes=OPEN)
	newer = (Clash("a", 1, 2, 4), Clash("b", None, "x", "y"))
	saved(store, stored, clashes=newer)
	(found,) = conflicts()
	assert (found.doctype, found.names) == (doctype, {LOCAL: "L", CLOUD: "C"})
	assert (found.clashes, found.resolution) == (newer, None)


def test_settled_clashes_are_stored_as_resolved_never_twice_running(store, binding, conflicts):
	stored = saved(store, binding(), clashes=SETTLED, settled="cloud_wins")
	stored = saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	assert resolutions(conflicts()) == [(SETTLED, "cloud_wins")]
	later = (Clash("a", 2, 5, 6, winner=LOCAL),)
	stored = saved(store, stored, clashes=later, settled="local_wins")
	stored = saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	words = [word for _, word in resolutions(conflicts())]
	assert words == ["cloud_wins", "local_wins", "cloud_wins"]


def test_settled_clashes_close_the_open_conflict(store, binding, conflicts):
	stored = saved(store, binding(), clashes=OPEN)
	for _ in range(2):
		stored = saved(store, stored, clashes=SETTLED, settled="Keep cloud")
		assert resolutions(conflicts()) == [(SETTLED, "Keep cloud")]


def test_a_word_alone_closes_the_open_conflict_if_there_is_one(store, binding, conflicts):
	stored = saved(store, binding(), settled="Converged")
	assert conflicts() == []
	stored = saved(store, stored, clashes=OPEN)
	for word in ("Converged", "By hand"):
		stored = saved(store, stored, settled=word)
		assert resolutions(conflicts()) == [(OPEN, "Converged")]
	saved(store, stored, clashes=OPEN)
	assert [word for _, word in resolutions(conflicts())] == ["Converged", None]


def test_what_could_not_be_settled_is_open_again_and_says_why(store, binding, conflicts):
	stored = saved(store, binding(), clashes=SETTLED, settled="cloud_wins")
	stored = saved(store, stored, refused="No.")
	(found,) = conflicts()
	assert (found.clashes, found.resolution, found.refused) == (SETTLED, None, "No.")
	stored = saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	(found,) = conflicts()
	assert (found.resolution, found.refused) == ("cloud_wins", None)
	stored = saved(store, stored, refused="No.")
	stored = saved(store, stored, settled="Converged")
	assert resolutions(conflicts()) == [(SETTLED, "Converged")]


def test_what_lost_is_kept_where_another_clash_comes_after_the_refusal(store, binding, conflicts):
	stored = saved(store, binding(), clashes=SETTLED, settled="cloud_wins")
	stored = saved(store, stored, refused="No.")
	saved(store, stored, clashes=OPEN)
	assert resolutions(conflicts()) == [(SETTLED, "Converged"), (OPEN, None)]


def test_what_is_refused_says_why_and_stays_open(store, binding, conflicts):
	stored = saved(store, binding(), clashes=OPEN)
	saved(store, stored, clashes=OPEN, refused="No.")
	(found,) = conflicts()
	assert (found.clashes, found.resolution, found.refused) == (OPEN, None, "No.")


def test_conflicts_are_of_one_document(store, binding, conflicts):
	one, two = saved(store, binding("a", "A"), clashes=OPEN), saved(store, binding("b", "B"), clashes=OPEN)
	saved(store, one, settled="By hand")
	assert {c.names[LOCAL]: c.resolution for c in conflicts()} == {"a": "By hand", "b": None}
	saved(store, two, settled="By hand", forget=True)
	assert [c.resolution for c in conflicts()] == ["By hand", "By hand"]


# -- cursors


def test_cursors(store, ruled):
	assert store.cursor(ruled, LOCAL) is store.cursor(TRAIL, LOCAL) is None
	store.move_cursor(ruled, LOCAL, Cursor("2026-01-01", "a"))
	store.move_cursor(ruled, CLOUD, Cursor("2026-01-02", "b|c"))
	store.move_cursor(TRAIL, LOCAL, Cursor("2026-01-03"))
	store.move_cursor(ruled, LOCAL, Cursor("2026-01-04", "d"))
	assert store.cursor(ruled, LOCAL) == Cursor("2026-01-04", "d")
	assert store.cursor(ruled, CLOUD) == Cursor("2026-01-02", "b|c")
	assert store.cursor(TRAIL, LOCAL) == Cursor("2026-01-03", "")
	assert store.cursor(TRAIL, CLOUD) is None
