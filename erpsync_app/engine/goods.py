# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which goods a serial number or batch is of, on both sides: what a row names is there before the row is, and one number
is never two things."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from erpsync_app.engine.batch import Batch, Pair, docstatus
from erpsync_app.engine.bundles import BATCH, BUNDLE, GOODS, HELD, NUMBER, TYPED, Own
from erpsync_app.engine.canonical import canonical, outbound
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Duplicate, Refused
from erpsync_app.engine.mapping import Shape, link_target, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, Rule, Side, other


def bring_goods(ctx: Context, batch: Batch, side: Side, fields: Fields, renew: Callable[[], None]) -> None:
	"""Make the batches that rows name and the side lacks, as they are on the other side, and the serial numbers of bundles
	that are told by their entries. Where these have a rule, they cross by that, and the rows wait for them."""
	site, source = ctx.sites[side], ctx.sites[other(side)]
	wanted: dict[str, set[str]] = {}
	for f in batch.shape.fields:
		if f.rows is not None and any(f.rows.named(link) for link in TYPED):
			for row in fields.get(f.local) or ():
				for doctype, name in _named(row, f.rows):
					wanted.setdefault(doctype, set()).add(name)
	for doctype, names in sorted(wanted.items()):
		if doctype in ctx.rules:
			continue
		missing = sorted(names - site.stamps(doctype, sorted(names)).keys())
		docs = source.read(doctype, missing) if missing else {}
		if docs:
			shape = shape_of(
				ctx.sites[LOCAL].meta(doctype), ctx.sites[CLOUD].meta(doctype), _as_it_is(doctype)
			)
		for doc in docs.values():
			told = canonical(doc, shape, batch.terms[other(side)], at_birth=True)
			renew()
			try:
				site.create(doctype, outbound(told, shape, batch.terms[side]), None)
			except Duplicate:
				continue  # another worker was quicker
			ctx.ledger.save([])  # by itself: what is refused after it is not to take it back


def _as_it_is(doctype: str) -> Rule:
	return Rule(doctype, attachments=False)


def _named(row: Fields, shape: Shape) -> Iterator[tuple[str, str]]:
	for f in shape.fields:
		value = row.get(f.local)
		if value and f.rows is not None:
			for each in value:
				yield from _named(each, f.rows)
		elif value and (target := link_target(f, row, shape, LOCAL)) in (BATCH, NUMBER):
			yield target, value


def look_at_goods(batch: Batch) -> None:
	"""A bundle is made by each site itself, as the document of its goods is submitted. A serial number or batch that each
	side has for other goods is not one: nothing of it crosses until a person has given one of the two another name."""
	if batch.rule.doctype == BUNDLE:
		for pair in batch.pairs:
			pair.closed = set(SIDES)
	field = GOODS.get(batch.rule.doctype)
	if field is None:
		return
	for pair in batch.pairs:
		if pair.stored or not all(pair.docs.values()):
			continue
		of = {
			side: batch.fields(doc, side, at_birth=True).get(field) for side, doc in pair.docs.items() if doc
		}
		if of[LOCAL] != of[CLOUD]:
			pair.ambiguous = (
				f"it is of {of[LOCAL]} on the local side and of {of[CLOUD]} on the cloud side: these are two things"
				" of one number, so give one of them another"
			)


def explained(ctx: Context, batch: Batch, pair: Pair, refusal: Refused) -> Refused:
	"""A refusal of a document that brings goods in, told by what stands behind it: a number that is taken there."""
	side = min(SIDES, key=lambda side: docstatus(pair.docs[side] or {}))
	doc = pair.docs[other(side)]
	if type(refusal) is not Refused or not doc or doc.get("is_return"):
		return refusal
	brought = {
		number: row.get("rm_item_code") or row.get("item_code") or ""
		for row, own in _rows(doc)
		for entry in own.entries
		if entry.get("qty", 0) > 0 and (number := entry.get("serial_no") or entry.get("batch_no"))
	}
	if not brought:
		return refusal
	here = f"{batch.rule.doctype} {doc['name']}"
	for doctype, field in GOODS.items():
		for name, found in sorted(ctx.sites[side].read(doctype, sorted(brought)).items()):
			mine, theirs = brought[name], found.get(field)
			goods = {other(side): _in_local_terms(batch, other(side), mine)}
			goods[side] = _in_local_terms(batch, side, theirs or "")
			by = found.get("purchase_document_no") or found.get("reference_name")
			there = f" by {by}" if by else ""
			if goods[LOCAL] != goods[CLOUD]:
				return Refused(
					f"{doctype} {name} is of {mine} on the {other(side)} side, by {here}, and of {theirs} on the {side}"
					f" side{there}: these are two things of one number. Cancel one of the two, and give its goods another"
					" number."
				)
			if doctype == NUMBER and by and by != pair.binding.names.get(side):
				return Refused(
					f"{doctype} {name} of {mine} came in on the {other(side)} side by {here}, and on the {side} side"
					f"{there}: one number for two things, or one thing that was entered twice. Cancel one of the two, and"
					" give its goods another number if it is another thing."
				)
	return refusal


def _rows(doc: Document) -> Iterator[tuple[Document, Own]]:
	for rows in doc.values():
		for row in rows if isinstance(rows, list) else ():
			if isinstance(row, dict) and (own := row.get(HELD)):
				yield row, own


def _in_local_terms(batch: Batch, side: Side, item: str) -> str:
	return batch.terms[side].inward.get(("Item", item), item)
