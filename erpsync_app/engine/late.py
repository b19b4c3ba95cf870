# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a worker made too late: it stood still over a create for longer than its lease, and another one has made the
document in the meantime. It deletes what it made itself. If it cannot, since it dies as well or the site does not answer,
the next look at the document tells what it is. Where names are made up, those of a create that is begun again differ by a
number; else the moments of its rows do. (What the site names and what has no rows is not told.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from erpsync_app.engine.batch import Batch, learn
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.followers import has_something
from erpsync_app.engine.intents import FRUIT, makes_up, may_have_made, names_beside
from erpsync_app.engine.lifecycle import CANCELLED
from erpsync_app.engine.likeness import kept, likeness
from erpsync_app.engine.model import SIDES, Document, Fields, Intent, Outcome, Side, other
from erpsync_app.engine.moments import moments_beside
from erpsync_app.engine.pair import Pair, docstatus

TIMES = 8
"""How often a create is begun again, at most, for what an earlier one made to be known."""

ROWS = 10
"""How many of its rows are asked about: of the other document, one of them is enough."""

TOLD = "A worker that came too late made it a second time"
"""How the record of one that stays all the same begins to say so."""

LATE = timedelta(seconds=10)
"""How long after the create was first begun the later one of two was made, at least: it is begun again after longer than
that. Strangers that happen to bear moments like those of one create were both made at once."""


@dataclass(frozen=True)
class _Twin:
	"""The document that the same create made in time."""

	doc: Document
	known: tuple[Fields, ...]
	"""What it holds now, and what it held when it was in step; of one that is submitted that is little."""

	def resembles(self, late: Fields) -> bool:
		"""Whether it has most of the values of the late one, or had them."""
		return max(likeness(late, each) for each in self.known) >= 0.5

	def has(self, late: Fields) -> bool:
		"""Whether it has each value of the late one, or had it."""
		return all(
			any(kept(value, each.get(name)) == 1 for each in self.known) for name, value in late.items()
		)


def take_back(ctx: Context, pair: Pair, overtaken: bool) -> None:
	"""What was just created could not be recorded. If another worker has taken over meanwhile and creates, or has created,
	it as well, it is deleted; but not what anybody has bound or changed, nor what the next look for the intent will find.
	"""
	if not pair.made:
		return
	begun, made = pair.made
	assert begun.intent
	side, doctype, source = begun.intent.side, begun.doctype, other(begun.intent.side)
	if ctx.sites[side].atomic:
		pair.binding = begun  # it went with the save that failed, and its name is free again
		return
	name = begun.names.get(source) or ""
	known = ctx.ledger.bindings(doctype, source, [name]).get(name)
	still_open = known and known.intent and _same(known.intent, begun.intent)
	if overtaken and not still_open and not ctx.ledger.bindings(doctype, side, [made["name"]]):
		if known:  # whoever has read it in the meantime, and what was created along with it, is to read again
			ctx.ledger.save([Outcome(known)])
		ctx.sites[side].delete(doctype, made["name"], made["modified"])


def _same(one: Intent, two: Intent) -> bool:
	return (one.since, one.again) == (two.since, two.again)


def look_for_late(ctx: Context, batch: Batch) -> None:
	"""Find out which of the unbound documents were made too late, and which bound one each of them doubles."""
	if batch.rule.naming != "own":
		return  # a second one of that name cannot be made
	for pair in batch.pairs:
		# One that is told, or could not be deleted, has a record, with the name on one side.
		side = next((side for side in SIDES if pair.alone(side)), None)
		doc = pair.docs[side] if side else None
		if not side or not doc or doc.get("owner") != ctx.sites[side].user:
			continue
		open_ones = ctx.ledger.open_intents(batch.rule.doctype, side)
		if any(may_have_made(batch, intent, doc) for intent in open_ones):
			pair.awaits = FRUIT
		elif twin := _made_in_time(ctx, batch, pair, side):
			name = twin.doc["name"]
			if not _touched(ctx, batch, pair, side, twin):
				pair.doubles = name
			elif CANCELLED not in (docstatus(doc), docstatus(twin.doc)):
				pair.ambiguous = (
					f"{TOLD}, after {name}, and someone may have edited it since or put something beside it: take "
					f"over what is new into {name}, and delete this one"
				)


def check_double(ctx: Context, batch: Batch, pair: Pair, side: Side) -> None:
	"""Raise Stale if a document that is to be deleted as the double of another one is none any more, or was bound, or
	that one went, since it was looked for. What is deleted because someone else has its name (see `intents.py`) is not
	checked."""
	if not pair.doubles or pair.binding.intent:
		return
	twin = _made_in_time(ctx, batch, pair, side)
	if not twin or twin.doc["name"] != pair.doubles or _touched(ctx, batch, pair, side, twin):
		raise Stale(f"It doubles {pair.doubles} no more.")


def _made_in_time(ctx: Context, batch: Batch, pair: Pair, side: Side) -> _Twin | None:
	"""The bound document that the same create has made, be it begun again; None if there is none."""
	site, doctype, doc = ctx.sites[side], batch.rule.doctype, pair.docs[side]
	if not doc:
		return None
	if makes_up(batch):
		names = list(ctx.ledger.bindings(doctype, side, names_beside(doc["name"], TIMES)))
	else:
		names = _begun_again(ctx, batch, side, doc)
	found = list(site.read(doctype, names).values()) if names else []
	if not found:
		return None
	learn(ctx, batch, side, found)
	# By their `creation`: one that was renamed has its old name in the ledger until its own event comes.
	bound = ctx.ledger.by_creation(doctype, side, sorted({each["creation"] for each in (doc, *found)}))
	if any(binding.id != pair.binding.id for binding in bound.get(doc["creation"], ())):
		return None
	for each in found:
		for binding in bound.get(each["creation"], ()):
			if (binding.error or "").startswith(TOLD):
				continue  # it came too late itself
			held = binding.held.get(side)
			twin = _Twin(each, (batch.fields(each, side), *([held.fields] if held else [])))
			if makes_up(batch) or (_apart(doc, each) and twin.resembles(batch.fields(doc, side))):
				return twin
	return None


def _touched(ctx: Context, batch: Batch, pair: Pair, side: Side, twin: _Twin) -> bool:
	"""Whether people have been at the document, or may have been, so that it is not for sync to delete."""
	doc = pair.docs[side]
	if not doc or doc.get("modified_by") != ctx.sites[side].user or docstatus(doc):
		return True
	# The site's own controllers may have gone on with it, and whoever writes past Frappe's documents leaves no name.
	moved = doc["modified"] != doc["creation"]
	return (moved and not twin.has(batch.fields(doc, side))) or has_something(ctx, batch, side, doc["name"])


def _begun_again(ctx: Context, batch: Batch, side: Side, doc: Document) -> list[str]:
	"""The documents with a row of the moment that a row of this one would have had, had its create been begun before or
	after it was. A copy of a document has rows of the same moments, and is none of these."""
	site, doctype = ctx.sites[side], batch.rule.doctype
	names: set[str] = set()
	for table, child in site.meta(doctype).children.items():
		if moments := [each for moment in _sent(doc, table) for each in moments_beside(moment, TIMES)]:
			names.update(site.with_row(doctype, child.doctype, moments))
	return sorted(names - {doc["name"]})


def _sent(doc: Document, table: str) -> list[str]:
	"""The moments of the first rows; those that no one has sent with one are as old as their document."""
	rows = [row["creation"] for row in (doc.get(table) or ())[:ROWS]]
	return [created for created in rows if created and created != doc["creation"]]


def _apart(doc: Document, twin: Document) -> bool:
	"""Whether rows of both bear moments of one create that was begun again, and one of the two came late."""

	def took(made: Document, moment: str) -> timedelta:
		return abs(datetime.fromisoformat(made["creation"]) - datetime.fromisoformat(moment))

	for table, rows in twin.items():
		theirs = {row["creation"] for row in rows} if isinstance(rows, list) else ()
		for mine in _sent(doc, table) if theirs else ():
			both = [each for each in moments_beside(mine, TIMES) if each in theirs]
			if any(max(took(doc, mine), took(twin, each)) >= LATE for each in both):
				return True
	return False
