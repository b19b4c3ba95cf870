# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Asks the breakers of `safety.py` at the right moments: before a batch, before a write, before a scan's events are
queued. Each of these raises `Halt`, and then nothing of what it is about has been done.

Nothing is read that is not needed for the answer: work below the limits, and a scan of two sides at rest, cost a
query or two of the local database and no call.
"""

from __future__ import annotations

from collections.abc import Sequence

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.decision import Decision
from erpsync_app.engine.errors import Halt
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.model import SIDES, Cursor, Side, Stamp, other
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.safety import (
	ALMOST_NOTHING,
	BY_PERSON,
	FEW,
	Limit,
	doubtful,
	emptied,
	percent,
	went_back,
)

LOOK = 20
"""How many of the newest documents of a DocType a scan looks for."""

EXAMPLES = 3


def before_batch(ctx: Context, batch: Batch) -> None:
	"""Halt before the first deletion of too many. They are counted where they are known in bulk: in this batch, in
	the queue behind it, and in the trail of the last hour."""
	limit, rule = ctx.breakers.limits.deletions, batch.rule
	if not ctx.breakers.on or not limit.number or rule.deletes != "propagate":
		return
	for side in SIDES:
		if rule.writes(other(side)):
			_count_deletions(ctx, batch, side, limit)


def _count_deletions(ctx: Context, batch: Batch, side: Side, limit: Limit) -> None:
	"""Of the documents that were deleted on `side` and are to be deleted on the other."""
	doctype, there = batch.rule.doctype, other(side)
	here = {
		pair.binding.names[side] or ""
		for pair in batch.pairs
		if pair.deleted[side] and pair.docs[there] and not _let_pass(pair)
	}
	if not here:
		return
	done = ctx.ledger.deletions_since(doctype, there, ctx.breakers.counting_since(ctx.clock.now()))
	bound = ctx.ledger.bound(doctype, side) + done
	waiting = set(ctx.queue.deletions(doctype, side)) - here
	if not limit.passed(done + len(here) + len(waiting), bound):
		return
	# An event is a hint: only what is bound, and really gone, counts.
	gone = here | _gone(ctx, doctype, side, sorted(waiting))
	if not limit.passed(number := done + len(gone), bound):
		return
	before = f", {done} of them carried over within the last hour" if done else ""
	raise Halt(
		f"{number} of {bound} documents of {doctype} ({percent(number, bound)} %) were deleted on the {side} side"
		f"{before}; sync was about to delete {_named(sorted(gone))} on the {there} side. The limit is {limit}.",
		kind="deletions",
		side=side,
		doctype=doctype,
	)


def _gone(ctx: Context, doctype: str, side: Side, names: Sequence[str]) -> set[str]:
	bound = list(ctx.ledger.stamps(doctype, side, names)) if names else []
	return set(bound) - set(ctx.sites[side].stamps(doctype, bound) if bound else ())


def before_write(ctx: Context, run: Run, batch: Batch, pair: Pair, decision: Decision) -> None:
	"""Halt before the overwrite, or the update of a full run, that is one too many. They are known one by one, so
	those within the limit are done by then; what they overwrote is kept in the trail."""
	in_step = any(held and held.modified for held in pair.binding.held.values())
	if not ctx.breakers.on or _let_pass(pair) or not in_step:
		return
	for write in decision.writes:
		if write.operation != "update":
			continue
		if any(clash.winner == other(write.side) for clash in decision.clashes):
			_count(ctx, run, batch, write.side, "overwrites", ctx.breakers.limits.overwrites)
		elif run.full:
			_count(ctx, run, batch, write.side, "updates", ctx.breakers.limits.updates)


def _count(ctx: Context, run: Run, batch: Batch, side: Side, kind: str, limit: Limit) -> None:
	doctype = batch.rule.doctype
	key = (kind, doctype, side)
	number = run.tally[key] + 1
	if limit.number and number > limit.number:
		# What is bound hardly changes while updates are written: count anew only before saying so.
		bound = run.bound.setdefault(key, 0) or ctx.ledger.bound(doctype, side)
		if limit.passed(number, bound):
			bound = ctx.ledger.bound(doctype, side)
		run.bound[key] = bound
		if limit.passed(number, bound):
			raise Halt(
				_too_many(kind, doctype, side, number, bound, limit), kind=kind, side=side, doctype=doctype
			)
	run.tally[key] = number


def _too_many(kind: str, doctype: str, side: Side, number: int, bound: int, limit: Limit) -> str:
	share = f"{number} of {bound} documents of {doctype} ({percent(number, bound)} %)"
	if kind == "overwrites":
		what = f"{share} were edited on both sides, and lose to the {other(side)} side's version"
	else:
		what = f"{share} differ from the {other(side)} side in one full run"
	return (
		f"{what}; sync stopped before writing more of them on the {side} side. {number - 1} are written, what they"
		f" held is kept in Sync Log. The limit is {limit}."
	)


def _let_pass(pair: Pair) -> bool:
	return any(event.trigger == BY_PERSON for event in pair.events)


class Watch:
	"""What one scan finds odd about one side. `look` at each DocType before its events are queued, then `end`."""

	def __init__(self, ctx: Context, side: Side):
		self._ctx, self._side, self._site = ctx, side, ctx.sites[side]
		self._back: list[str] = []
		self._looked: set[str] = set()
		self._still: set[str] = set()

	def look(self, doctype: str, start: Cursor, cursor: Cursor, window: Sequence[Stamp]) -> None:
		"""`window` is what the side lists past `start`, which is a little before the `cursor`."""
		self._looked.add(doctype)
		if doctype in FOLLOWERS:
			return  # they go with what they are about, without a trace, and however many they are
		recorded = self._ctx.ledger.newest(doctype, self._side, LOOK)
		if not recorded:
			return
		doubts = doubtful(recorded, {stamp.name: stamp.modified for stamp in window})
		now = self._site.stamps(doctype, doubts) if doubts else {}
		if len(doubts) == len(recorded) and not now and self._is_empty(doctype, doubts):
			return
		self._back += [
			f"{doctype} {name} (modified {now[name]}, after {recorded[name]})"
			for name in went_back({name: recorded[name] for name in doubts}, now)
		]
		missing = len(doubts) - len(now)
		if len(self._back) >= FEW:
			self._is_restored(f"documents went back in time: {_named(self._back)}")
		elif not window and (what := self._denied(doctype, start, cursor, missing)):
			self._is_restored(what)

	def end(self) -> None:
		"""What a person has acknowledged and is no longer so trips again from now on."""
		about = {_key("empty", self._side, doctype) for doctype in self._looked}
		if self._looked == set(self._ctx.rules):
			about.add(_key("restored", self._side))
		self._ctx.breakers.acknowledged -= about - self._still

	def _is_empty(self, doctype: str, missing: Sequence[str]) -> bool:
		bound = self._ctx.ledger.bound(doctype, self._side)
		left = len(self._site.page_by_name(doctype, None, bound * ALMOST_NOTHING // 100 + 1))
		if not emptied(bound, left):
			return False
		# With a trace in the trail they are deletions, which have a limit of their own.
		if len(self._site.deleted_at(doctype, missing)) * 2 > len(missing):
			return False
		self._halt(
			"empty",
			doctype,
			f"The {self._side} side lists {left or 'no'} documents of {doctype}, where {bound} are bound, and its"
			" Deleted Document trail does not say why. Was the table emptied, an empty site put in its place, or may"
			" the sync user not see them any more?",
		)
		return True

	def _is_restored(self, what: str) -> None:
		self._halt(
			"restored",
			"",
			f"The {self._side} side is older than it was: {what}. Was a backup restored there, or its clock put"
			" back? If sync goes on, what stands there now counts as edited, and is carried to the"
			f" {other(self._side)} side.",
		)

	def _denied(self, doctype: str, start: Cursor, cursor: Cursor, missing: int) -> str:
		"""What a side that lists nothing from shortly before the cursor on says of the document that the last scan saw
		last. Deleted, it has left a line in the trail since then; renamed, it has kept its time, and would be listed.
		One that is just not there is too little, unless others are missing with it."""
		if not cursor.name or self._site.deletions([doctype], start, 1):
			return ""
		seen = f"the last scan saw {doctype} {cursor.name} as of {cursor.modified}"
		modified = self._site.stamps(doctype, [cursor.name])
		if went_back({cursor.name: cursor.modified}, modified):
			return f"{seen}, and now it is as of {modified[cursor.name]}"
		if not modified and missing >= FEW:
			return f"{seen}, and now it is not there, nor are others, and none was deleted"
		return ""

	def _halt(self, kind: str, doctype: str, message: str) -> None:
		halt = Halt(message, kind=kind, side=self._side, doctype=doctype)
		if halt.key not in self._ctx.breakers.acknowledged:
			raise halt
		self._still.add(halt.key)


def _key(kind: str, side: Side, doctype: str = "") -> str:
	return Halt("", kind=kind, side=side, doctype=doctype).key


def _named(names: Sequence[str]) -> str:
	more = len(names) - EXAMPLES
	return ", ".join(names[:EXAMPLES]) + (f" and {more} more" if more > 0 else "")
