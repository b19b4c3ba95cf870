# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""References to rows: text fields that hold the name of a row of another document, or of the document itself.

ERPNext has many of them: a row of a Delivery Note keeps in `so_detail` the name of the Sales Order's row that it
delivers. Each site names its rows by itself, so such a text is told in the other side's terms, as a Link is. There is no
list of these fields: the document that a row refers to is one that the referring document links to, or itself, and the
row maps of the ledger say which of its rows are the same on both sides. A text that is the name of one of those rows
refers to it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from erpsync_app.engine.canonical import row_names
from erpsync_app.engine.mapping import REFERRING_TYPES, Shape, targets
from erpsync_app.engine.model import CLOUD, Document, Fields, RowMap, Side, other
from erpsync_app.engine.rows import copy_name

if TYPE_CHECKING:
	from erpsync_app.engine.batch import Batch
	from erpsync_app.engine.context import Context
	from erpsync_app.engine.decision import Write
	from erpsync_app.engine.pair import Pair

RANDOM_NAME = re.compile(r"[0-9a-z]{10}|[0-9a-f]{20}")
"""The names that Frappe makes up for rows, and those that `rows.copy_name` makes."""


def learn_rows(ctx: Context, batch: Batch, side: Side, docs: Collection[Document]) -> None:
	"""Look up the rows that documents just read may refer to, so that the references can be told in the other side's
	terms. Those that exist on `side` and that no row map knows yet are kept in `batch.unknown_rows`."""
	spoken = {text for doc in docs for _, text in _texts(doc, batch.shape, side)}
	if not spoken:
		return
	linked = {
		doctype: names
		for doctype, names in targets(docs, batch.shape, side).items()
		if doctype in ctx.rules and ctx.sites[side].meta(doctype).children
	}
	for doctype, names in linked.items():
		# Of a create without an answer nobody knows yet how the rows are named there.
		bound = sorted(names & batch.bound[side].get(doctype, {}).keys())
		know_rows(batch, ctx.ledger.row_maps(doctype, side, bound) if bound else ())
	for pair in batch.pairs:
		know_rows(batch, () if pair.binding.intent else pair.binding.rows.values())
	terms = batch.terms[CLOUD]
	known = terms.rows_inward if side == CLOUD else terms.rows_outward
	own = {name for doc in docs for name in own_rows(doc, batch.shape, side)}
	unknown = sorted(t for t in spoken if RANDOM_NAME.fullmatch(t) and t not in known and t not in own)
	for doctype, names in linked.items() if unknown else ():
		for child in {child.doctype for child in ctx.sites[side].meta(doctype).children.values()}:
			for row, parent in ctx.sites[side].parents(doctype, child, unknown).items():
				if parent in names:
					batch.unknown_rows[side][row] = (doctype, parent)


def know_rows(batch: Batch, maps: Iterable[RowMap]) -> None:
	"""From now on the rows that these maps join are told in the other side's terms. A number is left alone: as a text it
	may mean anything."""
	terms = batch.terms[CLOUD]
	for each in maps:
		for local, cloud in each.same.items():
			if local != cloud and not (local.isdigit() or cloud.isdigit()):
				terms.rows_inward[cloud], terms.rows_outward[local] = local, cloud


def unknown_row(batch: Batch, pair: Pair, side: Side, fields: Collection[str]) -> tuple[str, str] | None:
	"""The document, by `(doctype, name)`, of a row that one of `fields` of the side's document refers to and that is not
	known on the other side yet; None where there is none."""
	doc, unknown = pair.docs[side], batch.unknown_rows[side]
	if doc is None or not unknown:
		return None
	found = (unknown[t] for field, t in _texts(doc, batch.shape, side) if field in fields and t in unknown)
	return next(found, None)


def own_rows(doc: Document, shape: Shape, side: Side) -> frozenset[str]:
	"""The names of the document's own rows."""
	tables = (doc.get(f.on(side)) or () for f in shape.fields if f.rows is not None)
	return frozenset(str(row["name"]) for rows in tables for row in rows if row.get("name"))


def refers_to_itself(doc: Document, shape: Shape, side: Side) -> bool:
	"""Whether a row of the document, or the document, refers to another one of its rows."""
	own = own_rows(doc, shape, side)
	return any(text in own for _, text in _texts(doc, shape, side)) if own else False


def as_told(batch: Batch, side: Side, rows: Collection[str]) -> frozenset[str]:
	"""The names by which canonical fields may mean these rows of the side: their own, and the local ones that are known
	of them."""
	inward = batch.terms[side].rows_inward
	return frozenset(rows) | {inward.get(row, row) for row in rows}


def without_references(fields: Fields, shape: Shape, rows: Collection[str]) -> Fields:
	"""Canonical fields in which every reference to one of `rows` is empty: what a create can tell before the other site
	has named the rows of the document itself."""
	if not rows:
		return fields
	blank: Fields = {}
	for name, value in fields.items():
		f = shape.named(name)
		if f is not None and f.rows is not None:
			value = [without_references(row, f.rows, rows) for row in value or ()]
		elif f is not None and f.type in REFERRING_TYPES and value in rows:
			value = None
		blank[name] = value
	return blank


def with_births(batch: Batch, pair: Pair, write: Write) -> Fields:
	"""The fields of an update, in which the rows that are new on its side also tell what only a create may: their
	read-only fields, as many references to rows are."""
	source, before = pair.docs[other(write.side)], pair.docs[write.side]
	if source is None or before is None or not write.rows:
		return write.fields
	there = own_rows(before, batch.shape, write.side)
	born = batch.fields(source, other(write.side), at_birth=True)
	fields = dict(write.fields)
	for table, names in row_names(source, batch.shape, other(write.side)).items():
		copies = {copy_name(name): row for name, row in zip(names, born[table], strict=True)}
		if table in fields and table in write.rows:
			told = zip(write.rows[table], fields[table], strict=True)
			fields[table] = [{**({} if n in there else copies.get(n, {})), **row} for n, row in told]
	return fields


def _texts(doc: Mapping[str, Any], shape: Shape, side: Side) -> Iterator[tuple[str, str]]:
	"""Each text that may be the name of a row, with its field; for a row the field is that of its table."""
	for f in shape.fields:
		value = doc.get(f.on(side))
		if not value:
			continue
		if f.rows is not None:
			for row in value:
				yield from ((f.local, text) for _, text in _texts(row, f.rows, side))
		elif f.type in REFERRING_TYPES and isinstance(value, str) and not value.isdigit():
			yield f.local, value
