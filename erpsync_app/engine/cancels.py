# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A cancel, and a close, wait for the documents that link to the one that is cancelled or closed.

No site links anything to a cancelled document, and some undo on a cancel what links to it (a payment loses its invoice).
So before a document is cancelled on the other side, each that links to it has to come as far there as it has on its own
side: created, submitted, and cancelled if it was cancelled too. What links to it is asked of its site, in bulk, by the
Link fields of the rules; a document that is cancelled there has those looked at that waited for it.

An order that is closed, on hold or stopped takes no further deliveries. So what was made from it before has to be there,
and submitted, before the order is given such a status there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from erpsync_app.engine.acts import STATUS, decisions
from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.dependencies import AMENDED_FROM, links_of
from erpsync_app.engine.errors import Blocked
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED
from erpsync_app.engine.mapping import Shape, SyncedField, links
from erpsync_app.engine.model import SIDES, Event, Progress, Side, other
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.retry import NEXT_RUN, NotYet
from erpsync_app.engine.rules import filters_on

NOWHERE = -1
"""How far a document has come on a side that does not have it: not even to a draft, which is 0."""


@dataclass(frozen=True, slots=True)
class Linking:
	"""A field by which documents of `doctype` link: of the document, where `child` is the same, else of its rows."""

	doctype: str
	child: str
	field: SyncedField
	shape: Shape


def look_for_linking(ctx: Context, batch: Batch) -> None:
	"""Find, for the documents of a batch that are to be cancelled or closed next on one side, which others keep them from
	it."""
	rule = batch.rule
	for side in SIDES:
		there = other(side)
		pairs = {
			doc["name"]: pair
			for pair in batch.pairs
			if (doc := pair.docs[side])
			and (mine := pair.docs[there])
			and docstatus(mine) == SUBMITTED
			and (docstatus(doc) == CANCELLED or _closes(batch, pair, side))
		}
		if not pairs or not rule.writes(there) or rule.submit != "follow":
			continue
		for doctype in ctx.rules:
			_look(ctx, batch, side, pairs, doctype)


def check_cancel(pair: Pair, write: Write) -> None:
	"""Raise NotYet, or Blocked, where the write cancels or closes what another document keeps from it."""
	closes = write.fields.get(STATUS) is not None
	if not pair.kept_by or not (closes or write.docstatus == CANCELLED):
		return
	doctype, name, status = pair.kept_by
	text = f"{doctype} {name}, which links to it, has yet to come as far on the {write.side} side."
	if status in ("Failed", "Conflict"):
		raise Blocked(text)
	raise NotYet(text) if closes else NotYet(text, NEXT_RUN)  # that document has it looked at before


def look_at_kept(ctx: Context, batch: Batch, pair: Pair, side: Side) -> None:
	"""Queue what the document, which was cancelled on `side` just now, may have kept from being cancelled there."""
	source = other(side)
	targets = {
		(doctype, name)
		for field, doctype, name in links_of(ctx, batch, pair, source)
		if field != AMENDED_FROM
		and (found := batch.bound[source].get(doctype, {}).get(name))
		and found.docstatus[side] == SUBMITTED
	}
	ctx.queue.put([Event(source, *target, trigger=pair.events[0].trigger) for target in sorted(targets)])


def _look(ctx: Context, batch: Batch, side: Side, pairs: dict[str, Pair], doctype: str) -> None:
	"""Note with the pairs which document of `doctype` keeps them, if one does."""
	rule, there = ctx.rules[doctype], other(side)
	if doctype in ctx.aside or not rule.writes(there) or rule.submit != "follow":
		return
	with ctx.setting_aside(doctype):
		if not ctx.sites[side].meta(doctype).submittable:
			return
		come: dict[str, int] = {}
		linked: dict[str, set[str]] = {}
		for each in _linking_fields(ctx.shape(doctype), batch.rule.doctype):
			chooser = each.field.options if each.field.type == "Dynamic Link" else None
			where = [(_on(each.shape, chooser, side), "=", batch.rule.doctype)] if chooser else []
			found = ctx.sites[side].linking(doctype, each.child, each.field.on(side), sorted(pairs), where)
			for name, target, status in found:
				come[name] = status
				if target in pairs and (doctype, name) != (batch.rule.doctype, target):
					linked.setdefault(name, set()).add(target)
		if not linked:
			return
		known = ctx.ledger.progress(doctype, side, sorted(linked))
		strangers = sorted(linked.keys() - known.keys())
		# What is not known yet, and is of those that cross, will be.
		will_be = ctx.sites[side].stamps(doctype, strangers, filters_on(rule, side)) if strangers else {}
		# What the site made by itself and stays at home is never to come.
		stays = {
			name for name, progress in known.items() if progress.status == "Diverged" and not progress.name
		}
		for name in sorted(linked.keys() & (known.keys() | will_be.keys()) - stays):
			for target in sorted(linked[name]):
				pair = pairs[target]
				# Of two that link to each other, neither can be the first to be cancelled.
				mutual = (doctype, name) in set(links(pair.docs[side] or {}, batch.shape, side))
				cancelled = docstatus(pair.docs[side]) == CANCELLED
				needed = come[name] if cancelled and not mutual else min(come[name], SUBMITTED)
				if not pair.kept_by and _come(known.get(name), there) < needed:
					pair.kept_by = doctype, name, known[name].status if name in known else ""


def _closes(batch: Batch, pair: Pair, side: Side) -> bool:
	"""Whether a person gave the side's document, submitted on both sides, a status that the other one has yet to get."""
	given = {
		each: decisions(doc, batch.shape, batch.terms[each]).get(STATUS)
		for each in SIDES
		if (doc := pair.docs[each])
	}
	return given[side] is not None and given[side] != given[other(side)]


def _come(progress: Progress | None, side: Side) -> int:
	return progress.docstatus[side] if progress and progress.name else NOWHERE


def _linking_fields(shape: Shape, target: str) -> Iterator[Linking]:
	"""The fields by which documents of a shape, or their rows, may link to documents of the DocType `target`."""
	tables = [shape, *(f.rows for f in shape.fields if f.rows is not None)]
	for each in {table.doctype: table for table in tables}.values():
		for f in each.fields:
			if f.local != AMENDED_FROM and (
				f.type == "Dynamic Link" or (f.type == "Link" and f.options == target)
			):
				yield Linking(shape.doctype, each.doctype, f, each)


def _on(shape: Shape, local: str, side: Side) -> str:
	"""The name that a field has on a side."""
	found = shape.named(local)
	return found.on(side) if found else local
