# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Finds what no hook told: by listing `(name, modified)` and comparing it with the baselines.

A full scan lists every document by name; a short one goes on from the cursor, with an overlap. Both are lists of
stamps, page by page: no document is fetched that did not change, and no list is held whole, but for the names of a
side that only receives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, TypeVar

from erpsync_app.engine.beside import ATTACHMENTS, LEFT, TAGS, beside
from erpsync_app.engine.context import Context
from erpsync_app.engine.files import FILE, content
from erpsync_app.engine.mapping import Terms
from erpsync_app.engine.model import (
	CLOUD,
	SIDES,
	TRAIL,
	Cursor,
	Deletion,
	Event,
	File,
	Rule,
	Side,
	Stamp,
	other,
)
from erpsync_app.engine.ports import ALL
from erpsync_app.engine.rules import filters_on
from erpsync_app.engine.tags import TAG_LINK, tags_in
from erpsync_app.engine.watch import Watch

PAGE = 1000
LATELY = timedelta(days=2)
"""How long what sync has made on a side that only receives, and knows nothing of, is looked at: it may have been made too
late (see `late.py`). A daily full scan sees each."""

OVERLAP = timedelta(minutes=10)
"""A transaction that began before the last scan and ended after it shows a `modified` from before the cursor; and the
clocks of the sites may differ by minutes."""

BEGINNING = Cursor("1900-01-01 00:00:00.000000")

T = TypeVar("T", Deletion, File, Stamp)


def scan(
	ctx: Context, doctypes: Sequence[str], *, full: bool, trigger: str, move: bool = True
) -> Iterator[list[Event]]:
	"""Yield the changed documents of both sides, page by page, moving the cursors (unless `move` is off). A page that
	is not full is the last one.

	The caller queues each page before it asks for the next: a cursor is never ahead of the queue. All events of
	one page are of one DocType. Raises Halt where a side is not what it was (see `watch`).
	"""
	all_of_them = set(doctypes) == set(ctx.rules)
	for side in SIDES:
		watch = Watch(ctx, side) if ctx.breakers.on else None
		for doctype in doctypes:
			if doctype in ctx.aside or (ctx.forced and not ctx.rules[doctype].writes(other(side))):
				continue
			with ctx.setting_aside(doctype):
				yield from _changes(ctx, side, doctype, watch, full=full, trigger=trigger, move=move)
		if watch:
			watch.end()
		with ctx.setting_aside(FILE):
			yield from _attached(ctx, side, doctypes, trigger=trigger, move=move and all_of_them)
		with ctx.setting_aside(TAG_LINK):
			yield from _tagged(ctx, side, doctypes, trigger=trigger, move=move and all_of_them)
		with ctx.setting_aside(TRAIL):
			yield from _deletions(ctx, side, doctypes, trigger=trigger, move=move and all_of_them)


def changed(ctx: Context, side: Side, doctype: str, page: Sequence[Stamp], trigger: str) -> list[Event]:
	"""Those of a page that are not as their baseline was, and those that are not known and are to be looked at."""
	known = ctx.ledger.stamps(doctype, side, [stamp.name for stamp in page])
	wanted = {s.name for s in page if known.get(s.name, s.modified) != s.modified}
	if new := [s.name for s in page if s.name not in known]:
		wanted.update(_to_look_at(ctx, side, ctx.rules[doctype], new))
	return [Event(side, doctype, s.name, trigger=trigger) for s in page if s.name in wanted]


def _to_look_at(ctx: Context, side: Side, rule: Rule, new: Sequence[str]) -> Collection[str]:
	"""Of what is not known, what the rule lets cross to the other side; on a side that only receives, what sync has made
	there lately (see `late.py`)."""
	site = ctx.sites[side]
	if rule.writes(other(side)):
		filters = filters_on(rule, side)
		return site.stamps(rule.doctype, new, filters) if filters else new
	if rule.naming == "keep":
		return ()
	made = [("owner", "=", site.user), ("creation", ">=", _lately(ctx, side))]
	return site.stamps(rule.doctype, new, made)


def _lately(ctx: Context, side: Side) -> str:
	"""A moment after which what is made on a side is looked at."""
	return f"{(ctx.clock.now() - LATELY).astimezone(ctx.sites[side].time_zone):%Y-%m-%d %H:%M:%S}"


def _changes(
	ctx: Context, side: Side, doctype: str, watch: Watch | None, *, full: bool, trigger: str, move: bool
) -> Iterator[list[Event]]:
	site = ctx.sites[side]
	cursor = ctx.ledger.cursor(doctype, side)
	newest, present = cursor, _present(ctx, side)
	pages = _by_name(ctx, side, doctype)
	if cursor and (watch or not full):
		start = _stepped_back(cursor, site.time_zone)
		window = site.page_by_time(doctype, start, PAGE)
		if watch:
			watch.look(doctype, start, cursor, window)
		if not full:
			pages = _by_time(ctx, side, doctype, window)
	only_receives, listed = not ctx.rules[doctype].writes(other(side)), set()
	for page in pages:
		listed |= {stamp.name for stamp in page if only_receives}
		events = changed(ctx, side, doctype, page, trigger)
		if full and ctx.rules[doctype].tags:
			events += _otherwise_tagged(
				ctx, side, doctype, {s.name for s in page} - {e.name for e in events}, trigger
			)
		if events:
			yield events
		last = max(stamp.cursor for stamp in page)
		newest = last if newest is None else max(newest, last)
	if full and only_receives:
		yield from _unlisted(ctx, side, doctype, listed, trigger)
	newest = min(newest, present) if newest else None
	if move and newest is not None and newest != cursor:
		ctx.ledger.move_cursor(doctype, side, newest)


def _unlisted(
	ctx: Context, side: Side, doctype: str, listed: Collection[str], trigger: str
) -> Iterator[list[Event]]:
	"""Bound documents that count as in step and that a full listing does not show by their names. Elsewhere the new name
	of a renamed one is looked at; what is new on a side that only receives is not."""
	gone = sorted(ctx.ledger.newest(doctype, side, ALL).keys() - listed)
	for start in range(0, len(gone), PAGE):
		found = ctx.ledger.bindings(doctype, side, gone[start : start + PAGE])
		names = [name for name, binding in found.items() if binding.status == "Synced"]
		if names:
			yield [Event(side, doctype, name, trigger=trigger) for name in names]


def _by_name(ctx: Context, side: Side, doctype: str) -> Iterator[list[Stamp]]:
	after, more = None, True
	while more and (page := ctx.sites[side].page_by_name(doctype, after, PAGE)):
		yield page
		after, more = page[-1].name, len(page) == PAGE


def _by_time(ctx: Context, side: Side, doctype: str, page: list[Stamp]) -> Iterator[list[Stamp]]:
	"""The pages that follow a first one, and that one."""
	while page:
		yield page
		page = ctx.sites[side].page_by_time(doctype, page[-1].cursor, PAGE) if len(page) == PAGE else []


def _past(
	ctx: Context,
	side: Side,
	listing: str,
	start: Cursor | None,
	page: Callable[[Cursor], Sequence[T]],
	move: bool,
) -> Iterator[Sequence[T]]:
	"""The lines of a listing of all DocTypes, page by page, from the cursor `start` less the overlap; when all are
	taken, the cursor is moved."""
	newest, present = start or BEGINNING, _present(ctx, side)
	after, more = _stepped_back(start, ctx.sites[side].time_zone) if start else BEGINNING, True
	while more and (lines := page(after)):
		yield lines
		after, more = lines[-1].cursor, len(lines) == PAGE
		newest = max(newest, after)
	newest = min(newest, present)
	if move and newest != (start or BEGINNING):
		ctx.ledger.move_cursor(listing, side, newest)


def _deletions(
	ctx: Context, side: Side, doctypes: Sequence[str], *, trigger: str, move: bool
) -> Iterator[list[Event]]:
	"""Deletions of bound documents past the cursor of the trail, which is one for all DocTypes."""
	attachable = _letting(ctx, side, doctypes, ATTACHMENTS)
	listed = [*doctypes, FILE] if attachable else doctypes
	start = ctx.ledger.cursor(TRAIL, side)
	for page in _past(
		ctx, side, TRAIL, start, lambda after: ctx.sites[side].deletions(listed, after, PAGE), move
	):
		for doctype in doctypes:
			lines = [deletion for deletion in page if deletion.doctype == doctype]
			bound = list(ctx.ledger.stamps(doctype, side, [line.name for line in lines])) if lines else []
			bound += _renamed(ctx, side, doctype, [line for line in lines if line.name not in bound])
			if bound:
				yield [Event(side, doctype, name, "delete", trigger) for name in bound]
		if lines := [deletion.cursor.name for deletion in page if deletion.doctype == FILE]:
			gone = ctx.sites[side].detached(lines)
			yield from _of_files(ctx, side, attachable, gone, trigger, lambda f: (None,))


def _renamed(ctx: Context, side: Side, doctype: str, unbound: Sequence[Deletion]) -> list[str]:
	"""The bound names of documents that were deleted, or merged into others, under a name that no scan has seen."""
	if not unbound or not ctx.ledger.bound(doctype, side):
		return []
	created = set(ctx.sites[side].created(unbound).values())
	known = ctx.ledger.by_creation(doctype, side, sorted(created)) if created else {}
	return [name for found in known.values() if len(found) == 1 and (name := found[0].names.get(side))]


def _letting(ctx: Context, side: Side, doctypes: Sequence[str], what: str) -> list[str]:
	"""The DocTypes of which what stands beside their documents on `side` is to be looked at."""
	rules = [ctx.rules[doctype] for doctype in doctypes if what in beside(ctx.rules[doctype])]
	return [rule.doctype for rule in rules if ctx.forced is None or rule.writes(other(side))]


def _attached(
	ctx: Context, side: Side, doctypes: Sequence[str], *, trigger: str, move: bool
) -> Iterator[list[Event]]:
	"""Files attached to bound documents past a cursor, which is one for all DocTypes: to attach a file does not touch
	the document."""
	attachable = _letting(ctx, side, doctypes, ATTACHMENTS)
	if not attachable:
		return
	start = ctx.ledger.cursor(FILE, side)
	# From the beginning on, also what could not cross: a rule may let it in by now.
	known = (LEFT,) if start else ()
	for page in _past(
		ctx, side, FILE, start, lambda after: ctx.sites[side].attached_since(attachable, after, PAGE), move
	):
		yield from _of_files(ctx, side, attachable, page, trigger, lambda f: (int(f.private), *known))


def _of_files(
	ctx: Context,
	side: Side,
	doctypes: Sequence[str],
	files: Sequence[File],
	trigger: str,
	known: Callable[[File], tuple[Any, ...]],
) -> Iterator[list[Event]]:
	"""The bound documents of files that are not in their baselines with one of the values `known` of them. What is not
	bound yet has an event of its own."""
	for doctype in doctypes:
		of_these = [file for file in files if file.doctype == doctype and file.document]
		if not of_these:
			continue
		bindings = ctx.ledger.bindings(doctype, side, sorted({f.document or "" for f in of_these}))
		hashes = sorted({file.hash for file in of_these if file.hash})
		local = ctx.ledger.names(FILE, side, hashes) if side == CLOUD else {}
		terms = Terms(side, timezone.utc, timezone.utc, {(FILE, own): told for own, told in local.items()})
		changed = set()
		for file in of_these:
			held = binding.held.get(side) if (binding := bindings.get(file.document or "")) else None
			told = content(file, terms)
			if held is None or not told:
				continue
			base = held.fields.get(ATTACHMENTS)
			if base is None or base.get(told) not in known(file):
				changed.add(file.document or "")
		if changed:
			yield [Event(side, doctype, name, trigger=trigger) for name in sorted(changed)]


def _tagged(
	ctx: Context, side: Side, doctypes: Sequence[str], *, trigger: str, move: bool
) -> Iterator[list[Event]]:
	"""Bound documents that got a tag, by the Tag Links past a cursor, which is one for all DocTypes."""
	letting = _letting(ctx, side, doctypes, TAGS)
	if not letting:
		return
	site = ctx.sites[side]
	start = ctx.ledger.cursor(TAG_LINK, side)
	for page in _past(
		ctx, side, TAG_LINK, start, lambda after: site.page_by_time(TAG_LINK, after, PAGE), move
	):
		links = site.read(TAG_LINK, [stamp.name for stamp in page]).values()
		for doctype in letting:
			names = {str(link["document_name"]) for link in links if link["document_type"] == doctype}
			if events := _otherwise_tagged(ctx, side, doctype, names, trigger):
				yield events


def _otherwise_tagged(
	ctx: Context, side: Side, doctype: str, names: Collection[str], trigger: str
) -> list[Event]:
	"""The bound ones of these documents that have not the tags that are known of them. What is not bound yet has an
	event of its own."""
	found = []
	bindings = ctx.ledger.bindings(doctype, side, sorted(names))
	for name, now in ctx.sites[side].tags(doctype, sorted(bindings)).items():
		held = bindings[name].held.get(side)
		if held and (held.fields.get(TAGS) or {}).keys() != tags_in(now).keys():
			found.append(Event(side, doctype, name, trigger=trigger))
	return found


def _present(ctx: Context, side: Side) -> Cursor:
	"""The moment at which a scan of `side` begins: no cursor goes beyond it.

	What changes behind a long scan's back is older than what it sees last; and a document whose `modified` lies in the
	future (the site's clock or time zone was wrong once) would hide all that is changed until then.
	"""
	return Cursor(f"{ctx.clock.now().astimezone(ctx.sites[side].time_zone):%Y-%m-%d %H:%M:%S.%f}")


def _stepped_back(cursor: Cursor, zone: tzinfo) -> Cursor:
	"""The cursor less the overlap. Naive time runs an hour twice when summer time ends, so near that moment the
	overlap grows by as much as the clock was put back."""
	moment = datetime.fromisoformat(cursor.modified)
	near = timedelta(hours=2)
	before, after = ((moment + d).replace(tzinfo=zone).utcoffset() or timedelta() for d in (-near, near))
	back = OVERLAP + max(before - after, timedelta())
	return Cursor(f"{moment - back:%Y-%m-%d %H:%M:%S.%f}")
