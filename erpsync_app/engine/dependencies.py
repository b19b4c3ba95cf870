# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Link targets that are not on the other side yet, and what to do about them.

DocTypes are worked on in the order of their links, so a target is there as a rule. Where it is not, the document waits
for it; and where documents wait for each other, as a Customer and its primary Contact do, one of them is written
without its optional link, which is completed when the other is there. Of two that both have yet to cross the older one goes
first all the same: when it is written, the other site may make the younger one by itself, as a receipt makes its assets.

A document is not created or submitted before each that it links to has come as far there as it has here: a delivery
needs the submitted order. What it links to may be cancelled by now; then it needs it as it was before, submitted, since
no site links anything to what is cancelled. An amendment alone needs the cancelled one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import timedelta

from erpsync_app.engine.acts import touched
from erpsync_app.engine.batch import Batch, OnTheirWay
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.errors import Blocked, Refused, Unreadable
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED
from erpsync_app.engine.mapping import Shape, link_target, links
from erpsync_app.engine.model import Document, Event, Progress, Side, other
from erpsync_app.engine.numbers import ANY
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.references import unknown_row
from erpsync_app.engine.retry import NEXT_RUN, NotYet

WAITS = 3
"""How often in one run a document waits for an older one that it could be written without: for less time than the shortest
run waits for more (`jobs.PATIENCE`), or it would wait in each run anew."""

AMENDED_FROM = "amended_from"
"""Frappe's Link from an amendment to the cancelled document that it stands for: the one that may be to what is cancelled,
and that does not stand in the way of a cancel."""


def check_targets(ctx: Context, batch: Batch, pair: Pair, write: Write) -> None:
	"""Raise NotYet, or Blocked, where what the document links to has to be written on the side of `write` before it."""
	there, side = write.side, other(write.side)
	needed, doc = touched(batch.rule.doctype, write.fields), pair.docs[side]
	check_numbers(ctx, batch, pair, side, needed if write.operation != "create" else None)
	if write.operation == "create" and doc:
		needed |= batch.fields(doc, side, at_birth=True).keys()
		needed -= optional(batch, needed)  # it can be written without them
	if target := missing_target(ctx, batch, pair, side, needed):
		text = f"{target[0]} {target[1]}, which it links to, is not synced yet."
		if batch.goes_before(pair, side, *target) or (side, *target) in ctx.waiting:
			raise NotYet(text)
		raise Blocked(text)
	if write.operation == "create" and (target := _older_on_its_way(ctx, batch, pair, side)):
		raise NotYet(f"{target[0]} {target[1]}, which it links to and which is older, goes first.")
	if target := unknown_row(batch, pair, side, needed):
		ctx.queue.put([Event(side, *target, trigger=pair.events[0].trigger)])
		raise Blocked(f"A row of {target[0]} {target[1]}, which it refers to, is not synced yet.")
	if write.operation != "create" and write.docstatus != SUBMITTED:
		return
	if found := link_behind(ctx, batch, pair, side):
		doctype, name, progress = found
		missing = "submitted" if progress.docstatus[there] < SUBMITTED else "cancelled"
		text = f"{doctype} {name}, which it links to, is not {missing} on the {there} side yet."
		if progress.status in ("Failed", "Conflict"):
			raise Blocked(text)
		if batch.goes_before(pair, side, doctype, name):
			raise NotYet(text, timedelta(0))  # it is written along with this one, step by step
		names = [name, *([progress.name] if progress.name else [])]
		if (side, doctype, name) not in ctx.waiting and not ctx.queue.busy(doctype, names):
			# Nobody is at it that is known of: so that it does not wait for ever, have it looked at, unless it is to be
			# tried again anyway.
			state, _ = ctx.queue.states(doctype, side, [name]).get(name, ("", ""))
			if state != "Pending":
				ctx.queue.put([Event(side, doctype, name, trigger="scan")])
			raise NotYet(text, NEXT_RUN)
		raise NotYet(text)


def _older_on_its_way(ctx: Context, batch: Batch, pair: Pair, side: Side) -> tuple[str, str] | None:
	"""The first document, by `(doctype, name)`, that the side's document links to, that is older, and that is due to cross.
	None where that one links back, and for a document that has waited `WAITS` times in this run: a longer circle of
	documents that wait for each other ends there."""
	doc = pair.docs[side]
	assert doc is not None
	itself = batch.rule.doctype, doc["name"]
	key = (side, *itself)
	if ctx.waited[key] >= WAITS:
		return None
	for _, doctype, name in unbound_links(ctx, batch, pair, side):
		made, leads_to = _on_their_way(ctx, batch, side).get((doctype, name), ("", frozenset()))
		if made and made <= doc["creation"] and itself not in leads_to:
			ctx.waited[key] += 1
			return doctype, name
	return None


def _on_their_way(ctx: Context, batch: Batch, side: Side) -> OnTheirWay:
	"""The documents of other DocTypes that documents of the batch link to, that are not bound, and that have an event which
	waits to be worked on. Asked for once a batch; of a DocType that cannot be read none is."""
	if side in batch.on_their_way:
		return batch.on_their_way[side]
	names: dict[str, set[str]] = {}
	for pair in batch.pairs:
		for _, doctype, name in unbound_links(ctx, batch, pair, side) if pair.alone(side) else ():
			if doctype != batch.rule.doctype and doctype not in ctx.aside:
				names.setdefault(doctype, set()).add(name)
	found = batch.on_their_way[side] = {}
	for doctype, wanted in names.items():
		states = ctx.queue.states(doctype, side, sorted(wanted))
		due = sorted(name for name, (state, _) in states.items() if state == "Pending")
		with suppress(Unreadable, Refused):
			shape = ctx.shape(doctype)
			for name, doc in (ctx.sites[side].read(doctype, due) if due else {}).items():
				found[doctype, name] = doc["creation"], frozenset(links(doc, shape, side))
	return found


def unbound_links(
	ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Collection[str] | None = None
) -> Iterator[tuple[str, str, str]]:
	"""Each `(field, doctype, name)` among `fields` of the side's document, all of them for None, that points to an unbound
	document of a synced DocType; for a row the field is that of its table."""
	for field, doctype, name in links_of(ctx, batch, pair, side):
		if (fields is None or field in fields) and name not in batch.bound[side].get(doctype, ()):
			yield field, doctype, name


def link_behind(ctx: Context, batch: Batch, pair: Pair, side: Side) -> tuple[str, str, Progress] | None:
	"""The first document that the side's document links to and that has not come as far on the other side as it has to:
	`(doctype, name, how far)`. Left aside are those that are not bound, and those whose rule lets them stay behind."""
	there = other(side)
	for field, doctype, name in links_of(ctx, batch, pair, side):
		rule, found = ctx.rules[doctype], batch.bound[side].get(doctype, {}).get(name)
		if found is None or not rule.writes(there) or rule.submit != "follow":
			continue
		# Frappe makes no amendment of what is not cancelled, whatever is recorded of the side that did so just now.
		needed = CANCELLED if field == AMENDED_FROM else min(found.docstatus[side], SUBMITTED)
		if found.docstatus[there] < needed:
			return doctype, name, found
	return None


def diverged(ctx: Context, batch: Batch, pair: Pair, side: Side) -> set[Event]:
	"""Events of what the document, which was written on `side` just now, links to and what differed at the last look: its
	controllers may have brought that into step, as a movement sets the location of its asset."""
	source = other(side)
	return {
		Event(source, doctype, name, trigger="scan")
		for _, doctype, name in links_of(ctx, batch, pair, source)
		if (found := batch.bound[source].get(doctype, {}).get(name))
		and found.name
		and found.status == "Diverged"
	}


def links_of(ctx: Context, batch: Batch, pair: Pair, side: Side) -> Iterator[tuple[str, str, str]]:
	"""Each `(field, doctype, name)` of the side's document that points to another document of a synced DocType."""
	doc = pair.docs[side]
	if doc is None:
		return
	for f in batch.shape.fields:
		value = doc.get(f.on(side))
		if not value:
			continue
		if f.rows is not None:
			found = [target for row in value for target in links(row, f.rows, side)]
		else:
			target = link_target(f, doc, batch.shape, side)
			found = [(target, value)] if target else []
		for doctype, name in found:
			itself = (doctype, name) == (batch.rule.doctype, pair.binding.names.get(side))
			if doctype in ctx.rules and not itself:
				yield f.local, doctype, name


def missing_target(
	ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Collection[str]
) -> tuple[str, str] | None:
	"""The first target that has to be bound before the document can be written elsewhere, by `(doctype, name)`.

	Only where each site names its own: elsewhere an unbound name means the same document, or none, and the site says
	which. What follows another document has to wait for it in any case: no site would say so.
	"""
	for _, doctype, name in unbound_links(ctx, batch, pair, side, fields):
		if ctx.rules[doctype].naming == "own" or batch.rule.follows:
			return doctype, name
	return None


def check_numbers(ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Collection[str] | None) -> None:
	"""Raise Blocked if one of `fields`, or any for None, links to a document that each site numbers by itself and that no
	rule lets cross: on the other side that number may be another document's."""
	for field, doctype, name in _pointing(pair.docs[side] or {}, batch.shape, side, fields):
		if doctype not in ctx.rules and ctx.counter(doctype) == ANY:
			raise Blocked(
				f"{field} links to {doctype} {name}, and each site numbers its {doctype} documents by itself, so that on the"
				f" other site this may be another one: add a Sync Rule for {doctype}, or exclude {field}."
			)


def _pointing(
	doc: Document, shape: Shape, side: Side, fields: Collection[str] | None = None
) -> Iterator[tuple[str, str, str]]:
	"""Each `(field, doctype, name)` that a document points to, those of its rows as well."""
	for f in shape.fields:
		value = doc.get(f.on(side))
		if not value or (fields is not None and f.local not in fields):
			continue
		if f.rows is not None:
			for row in value:
				yield from _pointing(row, f.rows, side)
		elif target := link_target(f, doc, shape, side):
			yield f.local, target, value


def optional(batch: Batch, fields: Collection[str]) -> set[str]:
	"""Those of `fields` that a document can be written without: single Links that are not mandatory."""
	needed = FOLLOWERS[batch.rule.doctype].about if batch.rule.follows else ()
	return {
		f.local
		for f in batch.shape.fields
		if f.local in fields
		and f.rows is None
		and not f.required
		and f.local not in needed
		# By it the document may be known on the other side, once it can be compared.
		and f.local not in batch.rule.match_fields
		# What an amendment or a return is of, and the like, is told when it is created, or never.
		and not (f.at_birth and f.options == batch.rule.doctype)
	}
