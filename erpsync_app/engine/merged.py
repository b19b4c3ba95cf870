# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that a person merged into another one: Frappe's rename with `merge`, which leads all Links to the
survivor and deletes the other. (Of the versions of one document, see `merge.py`.)

Taken for a deletion it would be refused where something links to the document, or leave the Links of the two sites
apart without a change that a scan could see. What tells a merge is the note that Frappe writes under the survivor; it
goes along when that is renamed or merged itself, so it stands under what is left in the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import unescape
from itertools import chain

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Decision
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Binding,
	Event,
	Held,
	Note,
	Outcome,
	Rule,
	Side,
	other,
)
from erpsync_app.engine.pair import Pair, Survivor

SLACK = timedelta(hours=2)
"""Naive time runs an hour twice when summer time ends."""

_NAMES = re.compile(r"<(?:strong|b)>(.*?)</(?:strong|b)>", re.DOTALL)


def look_for_merged(ctx: Context, batch: Batch, *, usurped: bool = False) -> None:
	"""Find out which of the bound documents that are gone were merged; or, with `usurped`, of those whose name means
	another document by now: that one's turn comes when the name is free on both sides."""
	for side in SIDES:
		gone = [
			(pair, held)
			for pair in batch.pairs
			if (held := _missed(pair, side)) and (not usurped or _is_open(pair, side, held))
		]
		for pair, into in _survivors(ctx, batch, side, gone) if gone else ():
			pair.usurped |= pair.docs[side] is not None
			pair.docs[side] = None
			pair.deleted[side] = True
			pair.merged[side] = _met(ctx, batch, pair, side, into)


def named(note: Note) -> frozenset[str]:
	"""The two names that a note tells of, the old one and the new one; which is which depends on the language."""
	return frozenset(unescape(name) for name in _NAMES.findall(note.content))


def renamed_to(ctx: Context, doctype: str, side: Side, name: str, since: str) -> set[str]:
	"""What a document that had this name after `since` (naive, in the site's zone) is called, if it was renamed; and not
	that into which one was merged."""
	site = ctx.sites[side]
	notes = {note: names for note in site.notes(doctype, since) if name in (names := named(note))}
	deleted = site.deleted_at(doctype, sorted({*chain(*notes.values())})) if notes else {}
	return {note.about for note, names in notes.items() if not _tells_merge(note, names, deleted)}


def _tells_merge(note: Note, names: frozenset[str], deleted: Mapping[str, str]) -> bool:
	"""Whether a note is of a merge and not of a rename: one of its `names` was deleted since."""
	return any(deleted.get(name, "") >= note.at for name in names)


def _missed(pair: Pair, side: Side) -> Held | None:
	"""The baseline of a bound document that its name does not lead to any more."""
	held, doc = pair.binding.held.get(side), pair.docs[side]
	if not (pair.binding.id and held and pair.binding.names.get(side)) or pair.merged[side]:
		return None
	there = doc is not None and (not held.created or doc.get("creation") == held.created)
	return None if there or not (held.modified or held.created) else held


def _is_open(pair: Pair, side: Side, held: Held) -> bool:
	"""Whether the name is another document's by now, and the other side does not go on without the one that had it: of
	that, the name is free."""
	return pair.docs[side] is not None and (pair.binding.status != "Diverged" or bool(held.fields))


def _since(held: Held) -> str:
	"""It had its name when it was last modified, so its merge came after."""
	return f"{datetime.fromisoformat(held.modified or held.created) - SLACK:%Y-%m-%d %H:%M:%S.%f}"


def _survivors(
	ctx: Context, batch: Batch, side: Side, gone: list[tuple[Pair, Held]]
) -> Iterator[tuple[Pair, str]]:
	"""What each was merged into, if it was: a note has its name, stands under another document that is there, and the
	Deleted Document trail knows of a deletion since."""
	site, doctype = ctx.sites[side], batch.rule.doctype
	notes = [(note, named(note)) for note in site.notes(doctype, min(_since(held) for _, held in gone))]
	told = []
	for pair, held in gone:
		name = pair.binding.names[side]
		told += [(pair, n, ns) for n, ns in notes if n.at >= _since(held) and name in ns and n.about != name]
	if not told:
		return
	deleted = site.deleted_at(doctype, sorted({name for *_, names in told for name in names}))
	docs = site.read(doctype, sorted({note.about for _, note, _ in told}))
	found: set[int] = set()
	for pair, note, names in told:
		into, held = docs.get(note.about), pair.binding.held[side]
		# One of the same creation is the document itself, renamed.
		another = into and held and into["creation"] != held.created
		if another and id(pair) not in found and _tells_merge(note, names, deleted):
			found.add(id(pair))
			yield pair, note.about


def _met(ctx: Context, batch: Batch, pair: Pair, side: Side, name: str) -> Survivor:
	"""The survivor, and who it is on the other side."""
	doctype, there = batch.rule.doctype, other(side)
	binding = ctx.ledger.bindings(doctype, side, [name]).get(name)
	counterpart = binding.names.get(there) if binding else name if batch.rule.naming == "keep" else None
	if counterpart and not ctx.sites[there].stamps(doctype, [counterpart]):
		held, mine = binding.held.get(there) if binding else None, pair.docs[there]
		if binding and held and mine and (held.modified or held.created):
			notes = ctx.sites[there].notes(doctype, _since(held))
			if any(
				note.about == mine["name"] != counterpart and counterpart in named(note) for note in notes
			):
				pair.crossed = binding
		counterpart = None
	return Survivor(name, counterpart)


def unite(ctx: Context, rule: Rule, pair: Pair) -> None:
	"""Each side merged the same two documents, the one into the other and the other into the one. What is left is one
	document from now on, and the sides compare what they hold as on first contact."""
	gone = pair.crossed
	assert gone
	names = {
		side: each.name if (each := pair.merged[side]) else pair.binding.names.get(side) for side in SIDES
	}
	follower = CLOUD if rule.writes(CLOUD) else LOCAL
	old, new = names[follower], names[other(follower)]
	if rule.naming == "keep" and old and new and old != new:
		site = ctx.sites[follower]
		modified = site.stamps(rule.doctype, [old])[old]
		names[follower] = site.rename(rule.doctype, old, new, modified)["name"]
	mine = pair.binding
	one = Binding(rule.doctype, names, status=mine.status, id=mine.id, version=mine.version)
	ctx.ledger.save([Outcome(gone, settled="Converged", forget=True), Outcome(one)])


def look_next(pair: Pair, decision: Decision) -> list[Event]:
	"""What is to be looked at when a merged document is out of the way: the document that has its name now, and the
	survivor, which Frappe's merge may have touched."""
	doctype, names = pair.binding.doctype, []
	for side, survivor in pair.merged.items():
		if survivor and pair.usurped:
			names.append((side, pair.binding.names[side]))
		if survivor and any(write.operation == "merge" for write in decision.writes):
			names.append((other(side), survivor.counterpart))
	return [Event(side, doctype, name, trigger="scan") for side, name in names if name]
