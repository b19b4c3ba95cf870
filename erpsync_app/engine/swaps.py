# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Unique values that change hands: two items whose barcodes are swapped on one side stand in each other's way on the
other, which refuses the first of them.

What another document there gives up by a change that has yet to cross is left out of such an update, and so is what the
document itself gives up, which makes room for the other one. The rest is told next, as if it had been added since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.mapping import SyncedField
from erpsync_app.engine.model import Document, Event, Fields, Held, RowMap, Side, other
from erpsync_app.engine.pair import Pair, Taken


def look_for_taken(ctx: Context, batch: Batch, pair: Pair, write: Write) -> tuple[Taken, ...]:
	"""What of an update that was refused has to wait for others, which are queued; nothing where the document has nothing
	to give up by it, so that another one might wait for that."""
	return tuple(_look(ctx, batch, pair, write))


def without_taken(write: Write, taken: Iterable[Taken]) -> Write:
	"""The update without the values, and without the rows that have them."""
	fields, rows = dict(write.fields), dict(write.rows)
	for each in taken:
		if each.table in rows:
			rows[each.table] = _kept(rows[each.table], fields[each.table], each)
		fields.update(_left(fields, each))
	return replace(write, fields=fields, rows=rows)


def yet_to_tell(
	taken: Iterable[Taken], held: Mapping[Side, Held | None], rows: Mapping[str, RowMap]
) -> tuple[dict[Side, Held | None], dict[str, RowMap]]:
	"""The baselines and row maps after an update without the values: to the side that has them, they are new."""
	held, rows = dict(held), dict(rows)
	for each in taken:
		source = other(each.side)
		if (was := held.get(source)) is None:
			continue
		if each.table in rows:
			names = {side: rows[each.table].names(side) for side in held}
			names[source] = _kept(names[source], was.fields[each.table], each)
			rows[each.table] = RowMap(names["local"], names["cloud"], rows[each.table].same)
		held[source] = replace(was, fields={**was.fields, **_left(was.fields, each)})
	return held, rows


def _look(ctx: Context, batch: Batch, pair: Pair, write: Write) -> Iterator[Taken]:
	side, doctype, before = write.side, batch.rule.doctype, pair.docs[write.side]
	assert before is not None
	for f, g in _unique(ctx, batch, side):
		if f.local not in write.fields:
			continue
		rows = write.fields[f.local] or () if g else (write.fields,)
		wanted = {str(value) for row in rows if (value := row.get((g or f).local))}
		has = _values(before, f, g, side)
		if not (wanted - has and has - wanted):
			continue
		child = f.rows.doctype if f.rows else doctype
		found = ctx.sites[side].linking(doctype, child, (g or f).on(side), sorted(wanted - has))
		holders: dict[str, set[str]] = {}
		for name, value, _ in found:
			if name != before["name"]:
				holders.setdefault(name, set()).add(value)
		if given_up := _given_up(ctx, batch, side, holders, f, g):
			ctx.queue.put([Event(side, doctype, name, trigger="scan") for name in sorted(given_up)])
			values = frozenset(value for each in given_up.values() for value in each)
			yield Taken(side, f.local if g else "", (g or f).local, values)


def _unique(ctx: Context, batch: Batch, side: Side) -> Iterator[tuple[SyncedField, SyncedField | None]]:
	"""The fields whose values no two documents of the side may have, and that can be left out; for those of rows with the
	field of their table first."""
	meta = ctx.sites[side].meta(batch.rule.doctype)
	for f in batch.shape.fields:
		if f.rows is None and meta.fields[f.on(side)].unique and not f.required:
			yield f, None
		for g in f.rows.fields if f.rows is not None and not f.required else ():
			if meta.children[f.on(side)].fields[g.on(side)].unique:
				yield f, g


def _given_up(
	ctx: Context,
	batch: Batch,
	side: Side,
	holders: Mapping[str, set[str]],
	f: SyncedField,
	g: SyncedField | None,
) -> dict[str, set[str]]:
	"""Of the holders of values, what they had on both sides and do not have on the other one any more."""
	source, doctype = other(side), batch.rule.doctype
	known = ctx.ledger.bindings(doctype, side, sorted(holders)) if holders else {}
	names = {holder: name for holder, binding in known.items() if (name := binding.names.get(source))}
	docs = ctx.sites[source].read(doctype, sorted(names.values())) if names else {}
	given_up = {}
	for holder, name in names.items():
		was = held.fields if (held := known[holder].held.get(side)) else {}
		had = {row.get((g or f).local) for row in (was.get(f.local) or () if g else (was,))}
		if name in docs and (values := holders[holder] & had - _values(docs[name], f, g, source)):
			given_up[holder] = values
	return given_up


def _values(doc: Document, f: SyncedField, g: SyncedField | None, side: Side) -> set[str]:
	rows = doc.get(f.on(side)) or () if g else (doc,)
	return {str(value) for row in rows if (value := row.get((g or f).on(side)))}


def _left(fields: Fields, taken: Taken) -> Fields:
	"""What is left of the field, or the table, without the values."""
	if not taken.table:
		return {taken.field: None} if fields.get(taken.field) in taken.values else {}
	return {taken.table: [row for row in fields.get(taken.table) or () if taken.keeps(row)]}


def _kept(names: Sequence[str], rows: Sequence[Mapping[str, Any]], taken: Taken) -> tuple[str, ...]:
	"""The names of the rows that are left."""
	return tuple(name for name, row in zip(names, rows, strict=True) if taken.keeps(row))
