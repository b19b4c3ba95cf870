# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Link targets that are not on the other side yet, and what to do about them.

DocTypes are worked on in the order of their links, so a target is there as a rule. Where it is not, the document waits
for it; and where documents wait for each other, as a Customer and its primary Contact do, one of them is written
without its optional link, which is completed when the other is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from erpsync_app.engine.batch import Batch, Pair
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Blocked
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.mapping import Shape, link_target, links
from erpsync_app.engine.model import Document, Side, other
from erpsync_app.engine.numbers import ANY
from erpsync_app.engine.reconcile import Write


def unbound_links(
	ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Collection[str]
) -> Iterator[tuple[str, str, str]]:
	"""Each `(field, doctype, name)` among `fields` of the side's document that points to an unbound document of a
	synced DocType; for a row the field is that of its table."""
	doc = pair.docs[side]
	if doc is None:
		return
	for f in batch.shape.fields:
		value = doc.get(f.on(side))
		if not value or f.local not in fields:
			continue
		if f.rows is not None:
			found = [target for row in value for target in links(row, f.rows, side)]
		else:
			target = link_target(f, doc, batch.shape, side)
			found = [(target, value)] if target else []
		for doctype, name in found:
			itself = (doctype, name) == (batch.rule.doctype, pair.binding.names.get(side))
			if doctype in ctx.rules and not itself and name not in batch.bound[side].get(doctype, ()):
				yield f.local, doctype, name


def missing_target(ctx: Context, batch: Batch, pair: Pair, write: Write) -> tuple[str, str] | None:
	"""The first target that has to be bound before the write can be done, by `(doctype, name)`. Raises Blocked where one
	never will be.

	Only where each site names its own: elsewhere an unbound name means the same document, or none, and the site says
	which. What follows another document has to wait for it in any case: no site would say so.
	"""
	side, fields = other(write.side), set(write.fields)
	check_numbers(ctx, batch, pair, side, fields if write.operation != "create" else None)
	if write.operation == "create":
		fields -= optional(batch, fields)  # it can be written without them
	for _, doctype, name in unbound_links(ctx, batch, pair, side, fields):
		if ctx.rules[doctype].naming == "own" or batch.rule.follows:
			return doctype, name
	return None


def check_numbers(ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Collection[str] | None) -> None:
	"""Raise Blocked if one of `fields`, or any for None, links to a document that each site numbers by itself and that no
	rule lets cross: on the other side that number may be another document's."""
	for field, doctype, name in _links(pair.docs[side] or {}, batch.shape, side, fields):
		if doctype not in ctx.rules and ctx.counter(doctype) == ANY:
			raise Blocked(
				f"{field} links to {doctype} {name}, and each site numbers its {doctype} documents by itself, so that on the"
				f" other site this may be another one: add a Sync Rule for {doctype}, or exclude {field}."
			)


def _links(
	doc: Document, shape: Shape, side: Side, fields: Collection[str] | None = None
) -> Iterator[tuple[str, str, str]]:
	"""Each `(field, doctype, name)` that a document points to, those of its rows as well."""
	for f in shape.fields:
		value = doc.get(f.on(side))
		if not value or (fields is not None and f.local not in fields):
			continue
		if f.rows is not None:
			for row in value:
				yield from _links(row, f.rows, side)
		elif target := link_target(f, doc, shape, side):
			yield f.local, target, value


def optional(batch: Batch, fields: Collection[str]) -> set[str]:
	"""Those of `fields` that a document can be written without: single Links that are not mandatory."""
	needed = FOLLOWERS[batch.rule.doctype].about if batch.rule.follows else ()
	return {
		f.local
		for f in batch.shape.fields
		if f.local in fields and f.rows is None and not f.required and f.local not in needed
	}
