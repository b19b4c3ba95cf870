# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which goods a serial number or batch is of, on both sides: what a row names is there before the row is, and one number
is never two things."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.bundles import BATCH, GOODS, HELD, NUMBER, TYPED, rows_of_goods
from erpsync_app.engine.canonical import canonical, outbound
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Duplicate, Refused
from erpsync_app.engine.mapping import SyncedField, links, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, Rule, Side, other
from erpsync_app.engine.pair import Pair, docstatus


def bring_goods(ctx: Context, batch: Batch, side: Side, fields: Fields, renew: Callable[[], None]) -> None:
	"""Make the batches that rows name and the side lacks, as they are on the other side, and the serial numbers of bundles
	that are told by their entries. Where these have a rule, they cross by that, and the rows wait for them."""
	site, source = ctx.sites[side], ctx.sites[other(side)]
	wanted: dict[str, set[str]] = {}
	for f in _tables(batch):
		for row in fields.get(f.local) or ():
			for doctype, name in links(row, f.rows, LOCAL):
				if doctype in GOODS:
					wanted.setdefault(doctype, set()).add(name)
	for doctype, names in sorted(wanted.items()):
		if doctype in ctx.rules:
			continue
		missing = sorted(names - site.stamps(doctype, sorted(names)).keys())
		docs = source.read(doctype, missing) if missing else {}
		if docs:
			metas = (ctx.sites[each].meta(doctype) for each in SIDES)
			shape = shape_of(*metas, Rule(doctype, attachments=False))
		for doc in docs.values():
			told = canonical(doc, shape, batch.terms[other(side)], at_birth=True)
			renew()
			try:
				site.create(doctype, outbound(told, shape, batch.terms[side]), None)
			except Duplicate:
				continue  # another worker was quicker
			ctx.ledger.save([])  # by itself: what is refused after it is not to take it back


def _tables(batch: Batch) -> Iterator[SyncedField]:
	"""The tables whose rows may have bundles."""
	for f in batch.shape.fields:
		if f.rows is not None and any(f.rows.named(link) for link in TYPED):
			yield f


def look_at_goods(ctx: Context, batch: Batch) -> None:
	"""A serial number or batch that each side has for other goods is not one: nothing of it crosses, nor of a document
	that names it, until a person has given one of the two another name."""
	doctype = batch.rule.doctype
	if doctype in GOODS:
		for pair in batch.pairs:
			if not pair.stored and all(pair.docs.values()):
				pair.ambiguous = pair.ambiguous or _two_of_one_name(ctx, batch, doctype, pair.docs)
		return
	# A site refuses the serial numbers of other goods by itself.
	named = {id(pair): _batches(batch, pair) for pair in batch.pairs if pair.in_scope and pair.stage == 0}
	names = sorted(set().union(*named.values()))
	found = {side: ctx.sites[side].read(BATCH, names) for side in SIDES} if names else {}
	for pair in batch.pairs if names else ():
		for name in sorted(named.get(id(pair), ())):
			both = {side: found[side].get(name) for side in SIDES}
			if all(both.values()):
				pair.ambiguous = pair.ambiguous or _two_of_one_name(ctx, batch, BATCH, both)


def _batches(batch: Batch, pair: Pair) -> set[str]:
	return {
		name
		for side, doc in pair.docs.items()
		for f in _tables(batch)
		if doc
		for row in doc.get(f.on(side)) or ()
		for doctype, name in links(row, f.rows, side)
		if doctype == BATCH
	}


def _two_of_one_name(ctx: Context, batch: Batch, doctype: str, docs: Mapping[Side, Document | None]) -> str:
	"""Why the documents of both sides are not the same serial number or batch; empty where they are."""
	both = {side: doc or {} for side, doc in docs.items()}
	name, field = both[LOCAL].get("name"), GOODS[doctype]
	item = {side: _in_local_terms(batch, side, doc.get(field) or "") for side, doc in both.items()}
	if item[LOCAL] != item[CLOUD]:
		return (
			f"{doctype} {name} is of {item[LOCAL]} on the local side and of {item[CLOUD]} on the cloud side: these are"
			" two things of one name, so give one of them another"
		)
	# What each site made as goods came in there, by its own counter, are two batches; but for one that was copied along
	# with its site.
	by = {side: doc.get("reference_name") or "" for side, doc in both.items() if doctype == BATCH}
	if not (by and all(by.values())) or both[LOCAL].get("creation") == both[CLOUD].get("creation"):
		return ""
	voucher = both[LOCAL].get("reference_doctype") or ""
	if ctx.ledger.names(voucher, LOCAL, [by[LOCAL]]).get(by[LOCAL]) == by[CLOUD]:
		return ""
	return (
		f"{doctype} {name} of {item[LOCAL]} came in by {by[LOCAL]} on the local side and by {by[CLOUD]} on the cloud"
		" side: these are two things of one name, so give one of them another"
	)


def explained(ctx: Context, batch: Batch, pair: Pair, refusal: Refused) -> Refused:
	"""A refusal of a document that brings goods in, told by what stands behind it: a number that is taken there."""
	side = min(SIDES, key=lambda side: docstatus(pair.docs[side] or {}))
	doc = pair.docs[other(side)]
	if type(refusal) is not Refused or not doc or doc.get("is_return"):
		return refusal
	brought = {
		number: row.get("rm_item_code") or row.get("item_code") or ""
		for row in rows_of_goods(doc)
		for entry in row[HELD].entries
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


def _in_local_terms(batch: Batch, side: Side, item: str) -> str:
	return batch.terms[side].inward.get(("Item", item), item)
