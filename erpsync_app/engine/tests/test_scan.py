# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The scan over listings that are told by hand; over whole sites it is in `test_cycle.py`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine import scan as scan_module
from erpsync_app.engine.context import Context
from erpsync_app.engine.model import CLOUD, LOCAL, TRAIL, Binding, Cursor, Deletion, Rule, Stamp
from erpsync_app.engine.scan import BEGINNING, OVERLAP, scan
from erpsync_app.sandbox.clock import SimulatedClock

NEXT_YEAR = datetime(2027, 1, 5, 9, tzinfo=timezone.utc)


@dataclass
class Listing:
	"""Of one side: documents and deletions by DocType and name, each with its time."""

	time_zone: ZoneInfo
	docs: dict[str, dict[str, str]] = field(default_factory=dict)
	trail: list[Deletion] = field(default_factory=list)
	born: dict[str, str] = field(default_factory=dict)
	made: set[str] = field(default_factory=set)
	"""The documents that sync has made."""
	pages: int = 0
	user = "sync@example.com"

	def _stamps(self, doctype):
		self.pages += 1
		return [Stamp(name, modified) for name, modified in self.docs.get(doctype, {}).items()]

	def page_by_name(self, doctype, after, limit):
		stamps = sorted(self._stamps(doctype), key=lambda s: s.name)
		return [s for s in stamps if after is None or s.name > after][:limit]

	def page_by_time(self, doctype, after, limit):
		stamps = sorted(self._stamps(doctype), key=lambda s: (s.modified, s.name))
		return [s for s in stamps if Cursor(s.modified, s.name) > after][:limit]

	def stamps(self, doctype, names, filters):
		assert [each[:2] for each in filters] == [("owner", "="), ("creation", ">=")]
		return {name: self.docs[doctype][name] for name in names if name in self.made}

	def deletions(self, doctypes, after, limit):
		trail = sorted(self.trail, key=lambda d: d.cursor)
		return [d for d in trail if d.doctype in doctypes and d.cursor > after][:limit]

	def created(self, deletions):
		return {d: self.born[d.name] for d in deletions if d.name in self.born}

	def attached_since(self, doctypes, after, limit):
		return []  # attachments are in `test_files.py`

	def save(self, name, modified, doctype="Item"):
		self.docs.setdefault(doctype, {})[name] = modified

	def delete(self, name, when, doctype="Item"):
		self.docs.get(doctype, {}).pop(name, None)
		self.trail.append(Deletion(doctype, name, Cursor(when, f"d{len(self.trail)}")))


@dataclass
class Known:
	"""What the ledger knows: the baselines' stamps by side and DocType, and the cursors."""

	held: dict = field(default_factory=dict)
	cursors: dict = field(default_factory=dict)
	born: dict = field(default_factory=dict)
	moves: int = 0

	def stamps(self, doctype, side, names):
		held = self.held.get((side, doctype), {})
		return {name: held[name] for name in names if name in held}

	def bound(self, doctype, side):
		return len(self.held.get((side, doctype), {}))

	def by_creation(self, doctype, side, created):
		return {c: [Binding(doctype, {side: self.born[c]})] for c in created if c in self.born}

	def newest(self, doctype, side, limit):
		return {}  # what the breakers make of it is in `test_safety.py`

	def cursor(self, doctype, side):
		return self.cursors.get((doctype, side))

	def move_cursor(self, doctype, side, to):
		self.moves += 1
		self.cursors[doctype, side] = to

	def hold(self, side, name, modified, doctype="Item"):
		self.held.setdefault((side, doctype), {})[name] = modified


def context(*rules: Rule, zone="UTC") -> Context:
	rules = rules or (Rule("Item"),)
	sites = {LOCAL: Listing(ZoneInfo(zone)), CLOUD: Listing(ZoneInfo(zone))}
	return Context(sites, Known(), None, SimulatedClock(NEXT_YEAR), {r.doctype: r for r in rules})


def found(ctx, full=False, doctypes=None, **more):
	"""The events of a scan: "side kind name", in their order."""
	pages = list(scan(ctx, doctypes or list(ctx.rules), full=full, trigger="scan", **more))
	assert all(pages) and all(len({event.doctype for event in page}) == 1 for page in pages)
	assert all(event.trigger == "scan" for page in pages for event in page)
	return [f"{e.side} {e.kind} {e.name}" for page in pages for e in page]


def processed(ctx):
	"""As if all that was found had been carried out: every document is as its baseline."""
	for side, site in ctx.sites.items():
		for doctype, docs in site.docs.items():
			ctx.ledger.held[side, doctype] = dict(docs)


AT = "2026-01-05 10:%02d:00"


def test_the_first_scan_lists_everything_and_the_next_what_is_new():
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 1)
	ctx.sites[CLOUD].save("b", AT % 2)
	assert found(ctx) == ["local change a", "cloud change b"]
	assert ctx.ledger.cursors == {("Item", LOCAL): Cursor(AT % 1, "a"), ("Item", CLOUD): Cursor(AT % 2, "b")}
	processed(ctx)
	ctx.sites[LOCAL].save("c", AT % 30)
	assert found(ctx) == ["local change c"]


def test_what_is_not_processed_is_found_again():
	"""An event may be lost with its queue: the baseline says what is done, not the cursor."""
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 1)
	assert found(ctx) == found(ctx) == found(ctx, full=True) == ["local change a"]


def test_a_transaction_that_ended_after_the_last_scan_is_found():
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 30)
	found(ctx)
	processed(ctx)
	ctx.sites[LOCAL].save("late", AT % 21)
	ctx.sites[LOCAL].save("too late", AT % 19)
	assert OVERLAP == timedelta(minutes=10)
	assert found(ctx) == ["local change late"]
	assert found(ctx, full=True) == ["local change late", "local change too late"]


@pytest.mark.parametrize(
	("zone", "last", "then"),
	[
		("America/New_York", "2026-11-01 01:59:59", "2026-11-01 01:00:01"),
		("America/New_York", "2026-11-01 01:10:00", "2026-11-01 01:05:00"),
		("Europe/Berlin", "2026-10-25 02:59:59", "2026-10-25 02:00:00"),
		("Australia/Lord_Howe", "2026-04-05 01:59:59", "2026-04-05 01:30:01"),
	],
)
def test_the_hour_that_comes_twice(zone, last, then):
	"""When summer time ends, what is saved later bears an earlier time."""
	ctx = context(zone=zone)
	ctx.sites[LOCAL].save("a", last)
	ctx.sites[LOCAL].delete("x", last)
	found(ctx)
	processed(ctx)
	ctx.ledger.hold(LOCAL, "gone", last)
	ctx.sites[LOCAL].save("b", then)
	ctx.sites[LOCAL].delete("gone", then)
	assert found(ctx) == ["local change b", "local delete gone"]
	processed(ctx)
	assert found(ctx) == []


@pytest.mark.parametrize("far", ["2026-11-01 09:00:00", "2026-03-08 03:30:00", "2026-06-01 12:00:00"])
def test_away_from_that_hour_the_overlap_is_short(far):
	ctx = context(zone="America/New_York")
	ctx.ledger.cursors["Item", LOCAL] = Cursor(far, "a")
	ctx.sites[LOCAL].save("a", far)
	ctx.sites[LOCAL].save("b", f"{far[:11]}0{int(far[12]) - 1 if far[11] == '0' else 9}:45:00")
	ctx.ledger.hold(LOCAL, "a", far)
	assert found(ctx) == []


@pytest.mark.parametrize("full", [False, True])
def test_a_steady_state_lists_nothing_and_moves_nothing(full):
	ctx = context(Rule("Item"), Rule("Note"))
	for side in (LOCAL, CLOUD):
		for name in "abc":
			ctx.sites[side].save(name, AT % 1)
			ctx.sites[side].save(name, AT % 1, "Note")
	found(ctx)
	processed(ctx)
	moves = ctx.ledger.moves
	assert found(ctx, full) == found(ctx, full) == []
	assert ctx.ledger.moves == moves


def test_a_scan_that_is_not_to_move_moves_nothing():
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 1)
	ctx.sites[LOCAL].delete("b", AT % 1)
	assert found(ctx, move=False) == ["local change a"]
	assert ctx.ledger.moves == 0


def test_a_cursor_is_never_ahead_of_the_queue():
	"""The cursor moves when the consumer asks for more, and has queued what it got."""
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 1)
	pages = scan(ctx, ["Item"], full=False, trigger="scan")
	next(pages)
	assert ctx.ledger.moves == 0
	list(pages)
	assert ctx.ledger.cursor("Item", LOCAL) == Cursor(AT % 1, "a")


def test_a_time_in_the_future_takes_no_cursor_with_it():
	"""Else it would hide all that is changed until then."""
	ctx = context(zone="Asia/Kolkata")
	ctx.sites[LOCAL].save("a", "2040-01-01 00:00:00")
	ctx.ledger.hold(LOCAL, "b", AT % 1)
	ctx.sites[LOCAL].delete("b", "2040-01-01 00:00:00")
	found(ctx)
	assert {cursor.modified[:16] for cursor in ctx.ledger.cursors.values()} == {"2027-01-05 14:30"}
	ctx.clock.sleep(3600)
	ctx.sites[LOCAL].save("c", "2027-01-05 15:30:00")
	processed(ctx)
	ctx.ledger.held[LOCAL, "Item"].pop("c")
	assert found(ctx) == ["local change c"]


def test_what_changes_behind_the_back_of_a_long_scan_is_found_by_the_next(monkeypatch):
	monkeypatch.setattr(scan_module, "PAGE", 2)
	ctx = context()
	ctx.clock = SimulatedClock(NEXT_YEAR.replace(year=2026))
	for name in "az":
		ctx.sites[LOCAL].save(name, "2026-01-05 08:00:00")
	pages = scan(ctx, ["Item"], full=True, trigger="scan")
	next(pages)
	ctx.clock.sleep(7200)
	ctx.sites[LOCAL].save("b", "2026-01-05 09:30:00")
	ctx.sites[LOCAL].save("zz", "2026-01-05 10:59:00")
	assert [e.name for page in pages for e in page] == ["zz"]
	processed(ctx)
	for name in ("b", "zz"):
		ctx.ledger.held[LOCAL, "Item"].pop(name)
	assert found(ctx) == ["local change b", "local change zz"]


def test_a_cursor_never_goes_back():
	ctx = context()
	ctx.sites[LOCAL].save("a", AT % 30)
	found(ctx)
	ctx.sites[LOCAL].docs.clear()
	ctx.sites[LOCAL].save("b", AT % 29)
	found(ctx)
	found(ctx, full=True)
	assert ctx.ledger.cursor("Item", LOCAL) == Cursor(AT % 30, "a")


def test_an_empty_doctype_has_no_cursor():
	ctx = context()
	assert found(ctx) == [] and ctx.ledger.cursors == {}


# -- deletions


def test_deletions_of_what_is_bound():
	ctx = context(Rule("Item"), Rule("Note"))
	for name in ("a", "b"):
		ctx.ledger.hold(CLOUD, name, AT % 1)
	ctx.ledger.hold(CLOUD, "a", AT % 1, "Note")
	ctx.sites[CLOUD].delete("a", AT % 5)
	ctx.sites[CLOUD].delete("never synced", AT % 6)
	ctx.sites[CLOUD].delete("a", AT % 7, "Note")
	assert found(ctx) == ["cloud delete a", "cloud delete a"]
	assert ctx.ledger.cursor(TRAIL, CLOUD) == Cursor(AT % 7, "d2")
	assert ctx.ledger.cursor(TRAIL, LOCAL) is None
	ctx.ledger.held.clear()  # carried out: the bindings are forgotten
	assert found(ctx) == []


def test_a_deletion_under_a_name_that_no_scan_has_seen():
	ctx = context()
	ctx.ledger.hold(CLOUD, "a", AT % 1)
	ctx.ledger.born["birth of a"] = "a"
	ctx.sites[CLOUD].born.update({"renamed": "birth of a", "another": "of another"})
	for name in ("renamed", "another", "unknown"):
		ctx.sites[CLOUD].delete(name, AT % 5)
	assert found(ctx) == ["cloud delete a"]


def test_deletions_of_the_overlap():
	ctx = context()
	for name in ("a", "late", "too late"):
		ctx.ledger.hold(CLOUD, name, AT % 1)
	ctx.sites[CLOUD].delete("a", AT % 30)
	found(ctx)
	del ctx.ledger.held[CLOUD, "Item"]["a"]
	ctx.sites[CLOUD].delete("late", AT % 21)
	ctx.sites[CLOUD].delete("too late", AT % 19)
	assert found(ctx) == ["cloud delete late"]


def test_one_doctype_alone_does_not_move_the_cursor_of_all_deletions():
	ctx = context(Rule("Item"), Rule("Note"))
	ctx.ledger.hold(CLOUD, "a", AT % 1)
	ctx.ledger.hold(CLOUD, "n", AT % 1, "Note")
	ctx.sites[CLOUD].delete("n", AT % 5, "Note")
	ctx.sites[CLOUD].delete("a", AT % 7)
	assert found(ctx, doctypes=["Item"]) == ["cloud delete a"]
	assert ctx.ledger.cursor(TRAIL, CLOUD) is None
	assert found(ctx) == ["cloud delete a", "cloud delete n"]


# -- directions


@pytest.mark.parametrize(
	("direction", "expected"),
	[
		("bidirectional", ["local change new", "local change old", "cloud change new", "cloud change old"]),
		# What was bound is looked at on both sides: a receiver that was edited is to show as diverged.
		("local_to_cloud", ["local change new", "local change old", "cloud change old"]),
		("cloud_to_local", ["local change old", "cloud change new", "cloud change old"]),
	],
)
def test_what_is_new_on_the_receiver_alone_is_left_alone(direction, expected):
	ctx = context(Rule("Item", direction=direction))
	for side in (LOCAL, CLOUD):
		ctx.ledger.hold(side, "old", AT % 1)
		ctx.sites[side].save("old", AT % 2)
		ctx.sites[side].save("new", AT % 2)
	assert found(ctx) == expected


@pytest.mark.parametrize(("naming", "expected"), [("own", ["cloud change late"]), ("keep", [])])
def test_what_sync_made_on_the_receiver_and_does_not_know_is_looked_at(naming, expected):
	"""A worker may have made it too late; of a name that is the identity there is no second one."""
	ctx = context(Rule("Item", direction="local_to_cloud", naming=naming))
	for name in ("late", "by a person"):
		ctx.sites[CLOUD].save(name, AT % 2)
	ctx.sites[CLOUD].made.add("late")
	assert found(ctx) == expected


@pytest.mark.parametrize(("direction", "side"), [("local_to_cloud", LOCAL), ("cloud_to_local", CLOUD)])
def test_a_run_in_one_direction_lists_its_source_alone(direction, side):
	ctx = context()
	for one in (LOCAL, CLOUD):
		ctx.sites[one].save("a", AT % 2)
	assert found(ctx.directed(direction), move=False) == [f"{side} change a"]
	assert found(ctx) == ["local change a", "cloud change a"]  # the other direction's change still waits


def test_a_rule_that_forbids_the_direction_drops_out():
	ctx = context(Rule("Item", direction="local_to_cloud"), Rule("Note"))
	assert list(ctx.directed("cloud_to_local").rules) == ["Note"]
	assert ctx.directed(None) is ctx


# -- paging

times = st.sampled_from([AT % minute for minute in range(4)])


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), times), st.booleans(), st.integers(1, 4))
def test_every_document_is_listed_once_whatever_the_page(docs, full, size):
	ctx = context()
	ctx.sites[LOCAL].docs["Item"] = docs
	for name in docs:
		ctx.sites[LOCAL].delete(f"x{name}", AT % 1)
		ctx.ledger.hold(LOCAL, f"x{name}", AT % 0)
	if not full:
		ctx.ledger.cursors["Item", LOCAL] = BEGINNING
	whole, scan_module.PAGE = scan_module.PAGE, size
	try:
		events = found(ctx, full)
	finally:
		scan_module.PAGE = whole
	expected = [f"local change {name}" for name in docs] + [f"local delete x{name}" for name in docs]
	assert sorted(events) == sorted(expected)
