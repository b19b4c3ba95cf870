# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In what two documents differ once both are submitted or cancelled, out of sight of a decision."""

from __future__ import annotations

from erpsync_app.engine.acts import acted
from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import BESIDE
from erpsync_app.engine.fixed import FIXED, parted
from erpsync_app.engine.lifecycle import SUBMITTED
from erpsync_app.engine.model import SIDES
from erpsync_app.engine.pair import Pair, docstatus

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
