# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In what two documents differ once both are submitted or cancelled, out of sight of a decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from erpsync_app.engine.acts import ROWS, acted
from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import BESIDE
from erpsync_app.engine.fixed import FIXED, parted
from erpsync_app.engine.lifecycle import SUBMITTED
from erpsync_app.engine.model import CLOUD, SIDES, Fields, Held, Side, other
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.view import View

NONE: frozenset[str] = frozenset()


def undecided(batch: Batch, pair: Pair) -> frozenset[str]:
	"""Of documents that have only just been submitted on both sides: what people did to one of them before by acts. No
	create brings it, and it has no baseline until it has crossed."""
	if pair.stage != SUBMITTED:
		return NONE
	held = [pair.binding.held.get(side) for side in SIDES]
	fresh = any(h is None or h.docstatus < SUBMITTED for h in held)
	names = {n for n in acted(batch.shape) if fresh or any(h and n not in h.fields for h in held)}
	if not names:
		return NONE
	here, there = (batch.fields(doc, side, stage=SUBMITTED) for side, doc in pair.docs.items() if doc)
	return frozenset(n for n in names & here.keys() & there.keys() if here[n] != there[n])


def without_undecided(batch: Batch, pair: Pair, fields: Fields, written: Collection[Side]) -> Fields:
	"""A baseline in which what is `undecided` is as on the one side that sync has just submitted (`written`): what people
	did to the other one before is an edit, and will be one whatever becomes of this one meanwhile. It has none where people
	submitted both."""
	if not pair.undecided:
		return fields
	now: Fields = {}
	for side in written if len(written) == 1 else ():
		now = batch.fields(pair.docs[side] or {}, side, stage=SUBMITTED)
	kept = {name: value for name, value in fields.items() if name not in pair.undecided}
	return {**kept, **{name: now[name] for name in pair.undecided & now.keys()}}


def remembered(
	batch: Batch, pair: Pair, held: Mapping[Side, Held | None], views: Mapping[Side, View]
) -> Mapping[Side, Held | None]:
	"""The baselines of a submitted document, with what acts change where a record from before acts crossed lacks it: as
	the side that nobody has touched since the last sync shows it. Without that the first act would not be told from a value
	that is new on the other side."""
	then = {side: h for side, h in held.items() if h and h.docstatus == SUBMITTED}
	still = [s for s in then if (doc := pair.docs[s]) and doc["modified"] == then[s].modified]
	if pair.stage != SUBMITTED or len(then) < len(SIDES) or len(still) != 1:
		return held
	(side,) = still
	fields = {each: dict(h.fields) for each, h in then.items()}
	now = views[side].fields or {}
	for name in acted(batch.shape) & now.keys():
		for each in SIDES:
			fields[each].setdefault(name, now[name])
	for name in ROWS.get(batch.shape.doctype, {}).keys() & now.keys():
		for each, rows in _rows_of_both(pair, name, side, now[name]).items():
			before = fields[each].get(name) or [{} for _ in rows]
			if len(before) == len(rows):
				fields[each][name] = [{**row, **old} for row, old in zip(rows, before, strict=True)]
	return {each: replace(h, fields=fields[each]) for each, h in then.items()}


def _rows_of_both(pair: Pair, name: str, side: Side, rows: Sequence[Fields]) -> dict[Side, list[Fields]]:
	"""The rows of a side that is as it was, and the same in the order of the other side's baseline; empty where the row map
	does not tell all of them."""
	known = pair.binding.rows.get(name)
	if known is None or len(known.names(side)) != len(rows):
		return {}
	at = dict(zip(known.names(side), rows, strict=True))
	same = known.same if side == CLOUD else {cloud: local for local, cloud in known.same.items()}
	theirs = [at[same[each]] for each in known.names(other(side)) if same.get(each) in at]
	return {side: list(rows), other(side): theirs} if len(theirs) == len(known.names(other(side))) else {}


def lasting(batch: Batch, pair: Pair) -> frozenset[str]:
	"""The fields in which documents that had parted before still differ, be it in what nobody can change any more. Of what
	parted since there are fingerprints, `beyond` tells."""
	known = any(FIXED in held.fields for held in pair.binding.held.values() if held)
	if pair.binding.status != "Diverged" or not pair.stage or known:
		return NONE
	here, there = (batch.fields(doc, side) if doc else {} for side, doc in pair.docs.items())
	return frozenset(name for name in here.keys() & there.keys() - BESIDE if here[name] != there[name])


def beyond(batch: Batch, pair: Pair) -> frozenset[str]:
	"""The fields of submitted documents that someone has changed, though nobody can write them any more."""
	if not all(doc and docstatus(doc) == SUBMITTED for doc in pair.docs.values()):
		return NONE
	base = {side: held.fields if (held := pair.binding.held.get(side)) else {} for side in SIDES}
	now = {side: batch.fields(doc, side, stage=SUBMITTED) for side, doc in pair.docs.items() if doc}
	return parted(base, now)
