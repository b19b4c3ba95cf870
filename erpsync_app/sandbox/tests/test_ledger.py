# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from erpsync_app.engine.errors import Duplicate
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	TRAIL,
	Binding,
	Clash,
	Cursor,
	Held,
	Intent,
	LogEntry,
	Outcome,
)
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.ledger import SqliteLedger

HELD = {
	LOCAL: Held({"a": 1, "rows": [{"b": None}]}, "2026-01-01 00:00:00.5"),
	CLOUD: Held({"a": "ü"}, "2026-01-02 00:00:00", docstatus=1),
}
OPEN = (Clash("a", 1, 2, 3),)
SETTLED = (Clash("a", 1, 2, 3, winner=CLOUD),)


@pytest.fixture
def ledger() -> SqliteLedger:
	return SqliteLedger(Database())


def binding(local: str | None = "L", cloud: str | None = "C", **values) -> Binding:
	return Binding("Item", {LOCAL: local, CLOUD: cloud}, **{"held": HELD, "status": "Synced", **values})


def saved(ledger: SqliteLedger, b: Binding, **outcome) -> Binding:
	(stored,) = ledger.save([Outcome(b, **outcome)])
	return stored


def test_a_binding_is_read_as_it_was_saved(ledger):
	intent = Intent(CLOUD, datetime(2026, 1, 1, 12, 30, tzinfo=timezone.utc), {"a": [1]})
	stored = saved(ledger, binding(intent=intent, status="Failed", error="Why."))
	assert stored.id
	assert replace(stored, id=None, version="") == binding(intent=intent, status="Failed", error="Why.")
	assert ledger.bindings("Item", LOCAL, ["L", "x"]) == {"L": stored}
	assert ledger.bindings("Item", CLOUD, ["C", "L"]) == {"C": stored}
	assert ledger.bindings("Customer", LOCAL, ["L"]) == ledger.bindings("Item", LOCAL, []) == {}


def test_a_binding_takes_the_place_of_the_one_before(ledger):
	stored = saved(ledger, binding())
	changed = saved(ledger, replace(stored, names={LOCAL: "M", CLOUD: "C"}, held={LOCAL: None, CLOUD: None}))
	assert changed.id == stored.id
	assert ledger.all_bindings() == [changed]


def test_a_binding_without_a_name_on_a_side(ledger):
	first = saved(ledger, binding("a", None))
	second = saved(ledger, binding("b", None))
	assert first.id != second.id
	assert ledger.bindings("Item", CLOUD, ["a"]) == {}
	assert ledger.names("Item", LOCAL, ["a", "b"]) == {}


@pytest.mark.parametrize("names", [("L", "other"), ("other", "C"), ("L", None)])
def test_a_name_is_bound_once_and_nothing_of_the_call_is_stored(ledger, names):
	saved(ledger, binding())
	entry = LogEntry("Item", {LOCAL: "x", CLOUD: "y"}, "bind", "Success")
	with pytest.raises(Duplicate):
		ledger.save([Outcome(binding("x", "y"), log=(entry,)), Outcome(binding(*names))])
	assert len(ledger.all_bindings()) == 1
	assert ledger.log() == []
	saved(ledger, replace(binding(), doctype="Customer"))


def test_stamps_and_names(ledger):
	saved(ledger, binding("a", "A"))
	saved(ledger, binding("b", "B", held={LOCAL: HELD[LOCAL], CLOUD: None}))
	assert ledger.stamps("Item", LOCAL, ["a", "b", "c"]) == dict.fromkeys(("a", "b"), HELD[LOCAL].modified)
	assert ledger.stamps("Item", CLOUD, ["A", "B"]) == {"A": HELD[CLOUD].modified}
	assert ledger.names("Item", LOCAL, ["a", "b", "c"]) == {"a": "A", "b": "B"}
	assert ledger.names("Item", CLOUD, ["B"]) == {"B": "b"}


def test_open_intents_are_listed(ledger):
	intent = Intent(CLOUD, datetime(2026, 1, 1, tzinfo=timezone.utc), {})
	stored = saved(ledger, binding("a", None, intent=intent))
	assert (ledger.open_intents("Item", CLOUD), ledger.open_intents("Item", LOCAL)) == ([intent], [])
	saved(ledger, replace(stored, intent=None))
	assert ledger.open_intents("Item", CLOUD) == []


def test_a_forgotten_binding_leaves_its_names_free(ledger):
	stored = saved(ledger, binding())
	saved(ledger, stored, forget=True)
	assert ledger.all_bindings() == []
	saved(ledger, binding())


def test_the_trail(ledger):
	entries = (
		LogEntry(
			"Item",
			{LOCAL: "L", CLOUD: None},
			"create",
			"Success",
			"local_to_cloud",
			("a", "b"),
			{"a": 1},
			run="r",
		),
		LogEntry("Item", {LOCAL: "L", CLOUD: "C"}, "fail", "Failure", message="No."),
	)
	saved(ledger, binding(), log=entries)
	assert tuple(ledger.log()) == entries


# -- conflicts: the table at Outcome


def resolutions(ledger: SqliteLedger) -> list[tuple[tuple[Clash, ...], str | None]]:
	return [(c.clashes, c.resolution) for c in ledger.conflicts()]


def test_clashes_open_a_conflict_and_bring_it_up_to_date(ledger):
	stored = saved(ledger, binding(), clashes=OPEN)
	newer = (Clash("a", 1, 2, 4), Clash("b", None, "x", "y"))
	saved(ledger, stored, clashes=newer)
	assert resolutions(ledger) == [(newer, None)]
	assert ledger.conflicts(open_only=True)[0].names == {LOCAL: "L", CLOUD: "C"}


def test_settled_clashes_are_stored_as_resolved_never_twice_running(ledger):
	stored = saved(ledger, binding(), clashes=SETTLED, settled="cloud_wins")
	stored = saved(ledger, stored, clashes=SETTLED, settled="cloud_wins")
	assert resolutions(ledger) == [(SETTLED, "cloud_wins")]
	later = (Clash("a", 2, 5, 6, winner=LOCAL),)
	stored = saved(ledger, stored, clashes=later, settled="local_wins")
	stored = saved(ledger, stored, clashes=SETTLED, settled="cloud_wins")
	assert [resolution for _, resolution in resolutions(ledger)] == ["cloud_wins", "local_wins", "cloud_wins"]


def test_settled_clashes_close_the_open_conflict(ledger):
	stored = saved(ledger, binding(), clashes=OPEN)
	stored = saved(ledger, stored, clashes=SETTLED, settled="Keep cloud")
	assert resolutions(ledger) == [(SETTLED, "Keep cloud")]
	stored = saved(ledger, stored, clashes=SETTLED, settled="Keep cloud")
	assert resolutions(ledger) == [(SETTLED, "Keep cloud")]


def test_a_word_alone_closes_the_open_conflict_if_there_is_one(ledger):
	stored = saved(ledger, binding(), settled="Converged")
	assert resolutions(ledger) == []
	stored = saved(ledger, stored, clashes=OPEN)
	stored = saved(ledger, stored, settled="Converged")
	assert resolutions(ledger) == [(OPEN, "Converged")]
	stored = saved(ledger, stored, settled="By hand")
	assert resolutions(ledger) == [(OPEN, "Converged")]
	stored = saved(ledger, stored, clashes=OPEN)
	assert [resolution for _, resolution in resolutions(ledger)] == ["Converged", None]


def test_conflicts_are_of_one_document(ledger):
	one, two = saved(ledger, binding("a", "A"), clashes=OPEN), saved(ledger, binding("b", "B"), clashes=OPEN)
	saved(ledger, one, settled="By hand")
	assert [c.names[LOCAL] for c in ledger.conflicts(open_only=True)] == ["b"]
	saved(ledger, two, settled="By hand", forget=True)
	assert ledger.conflicts(open_only=True) == []
	assert len(ledger.conflicts()) == 2


def test_cursors(ledger):
	assert ledger.cursor("Item", LOCAL) is ledger.cursor(TRAIL, LOCAL) is None
	ledger.move_cursor("Item", LOCAL, Cursor("2026-01-01", "a"))
	ledger.move_cursor("Item", CLOUD, Cursor("2026-01-02", "b"))
	ledger.move_cursor(TRAIL, LOCAL, Cursor("2026-01-03"))
	ledger.move_cursor("Item", LOCAL, Cursor("2026-01-04", "d"))
	assert ledger.cursor("Item", LOCAL) == Cursor("2026-01-04", "d")
	assert ledger.cursor("Item", CLOUD) == Cursor("2026-01-02", "b")
	assert ledger.cursor(TRAIL, LOCAL) == Cursor("2026-01-03", "")
	assert ledger.cursor(TRAIL, CLOUD) is None
