# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a worker made too late: it stood still over a create for longer than its lease, and another one has made the
document in the meantime. It deletes what it made itself. If it cannot, since it dies as well or the site does not answer,
the next look at the document tells what it is. Where names are made up, a create that is begun again asks for a name made
of the one before; else its rows bear the moment of the first one. (What the site names and what has no rows is not told.)
"""

from __future__ import annotations

from datetime import timedelta

from erpsync_app.engine.batch import Batch, Pair, docstatus
from erpsync_app.engine.canonical import instant
from erpsync_app.engine.context import Context
from erpsync_app.engine.intents import FRUIT, makes_up, may_be_of_another, next_names
from erpsync_app.engine.model import SIDES, Document, Intent, Outcome, Side, other

LATE = timedelta(days=1)
"""How long after a create was first begun a document still counts as one of its own, by the clocks of two machines."""

TIMES = 20
"""How often a create is begun again, at most, for its first document to be known."""


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
		shown = [(side, doc) for side in SIDES if (doc := pair.docs[side])]
		if pair.binding.id or len(shown) != 1:
			continue
		side, doc = shown[0]
		if may_be_of_another(ctx, batch, pair, doc, side):
			pair.awaits = FRUIT
		else:
			pair.doubles = _made_in_time(ctx, batch, side, doc)


def _made_in_time(ctx: Context, batch: Batch, side: Side, doc: Document) -> str:
	"""The bound document that the same create has made; empty if there is none, or if it was not sync alone that made
	this one."""
	site, doctype = ctx.sites[side], batch.rule.doctype
	if (
		{doc.get("owner"), doc.get("modified_by")} != {site.user}
		or docstatus(doc)
		or not batch.rule.writes(side)
	):
		return ""
	names = next_names(doc["name"], TIMES) if makes_up(batch) else _of_its_moment(ctx, batch, side, doc)
	bound = ctx.ledger.bindings(doctype, side, names)
	return next((name for name in names if name in bound), "")


def _of_its_moment(ctx: Context, batch: Batch, side: Side, doc: Document) -> list[str]:
	"""The documents that have a row of the moment that a row of this one bears."""
	site, doctype, zone = ctx.sites[side], batch.rule.doctype, batch.terms[side].zone
	born = instant(doc["creation"], zone)
	for table, child in site.meta(doctype).children.items():
		# Rows that no one has sent with a moment of theirs are as old as their document.
		moment = next((row["creation"] for row in doc.get(table) or ()), doc["creation"])
		if moment != doc["creation"] and abs(born - instant(moment, zone)) <= LATE:
			return site.with_row(doctype, child.doctype, moment)
	return []
