# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Compares the documents of both sides, of one DocType, in bulk. Writes nothing.

`suspects` reads each side page by page, and keeps a fingerprint of each document. Only those whose fingerprints differ, or
which one side does not show, are read again by `look`, and then as a cycle reads them: what was just on its way has
arrived by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from erpsync_app.engine.batch import Batch, learn
from erpsync_app.engine.beside import ATTACHMENTS, BESIDE, TAGS
from erpsync_app.engine.canonical import canonical
from erpsync_app.engine.context import Context
from erpsync_app.engine.differences import (
	Difference,
	Values,
	beside_apart,
	cause_of,
	compared,
	differences,
	fingerprint,
	given,
)
from erpsync_app.engine.errors import Refused, Unreadable
from erpsync_app.engine.files import FILES, content, keep_files, plain_name
from erpsync_app.engine.gather import gather, terms_of
from erpsync_app.engine.lifecycle import CANCELLED
from erpsync_app.engine.mapping import Shape
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Event, Fields, File, Side, other
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.ports import ALL
from erpsync_app.engine.references import know_rows, refers_to_itself
from erpsync_app.engine.rules import filters_on
from erpsync_app.engine.scan import BEGINNING, PAGE


@dataclass
class Tally:
	"""What was compared: documents by DocType, and of those outside the rules, which are no difference, how many."""

	compared: Counter[str] = field(default_factory=Counter)
	outside: Counter[str] = field(default_factory=Counter)


class Shapes(NamedTuple):
	"""What is compared of documents that are in force, and of those that are cancelled."""

	in_force: Shape
	cancelled: Shape

	def of(self, *docs: Document) -> Shape:
		return self.cancelled if all(docstatus(doc) == CANCELLED for doc in docs) else self.in_force


def _shapes(ctx: Context, doctype: str) -> Shapes:
	shape = ctx.shape(doctype)
	return Shapes(compared(shape), compared(given(shape)))


def suspects(ctx: Context, doctype: str, tally: Tally) -> list[Event]:
	"""The documents of a DocType that may differ: their fingerprints do, or the other side did not list them. Raises
	Unreadable where a side cannot tell."""
	shapes = _shapes(ctx, doctype)
	files = {side: _files(ctx, doctype, side) for side in SIDES}
	# Of each side, by local name, what the other side has not shown yet.
	alone: dict[Side, dict[str, tuple[str, int]]] = {LOCAL: {}, CLOUD: {}}
	found = []
	for side, page in _alternately({side: _pages(ctx, doctype, side) for side in (CLOUD, LOCAL)}):
		local = _local_names(ctx, doctype, side, page)
		for name, own in _prints(ctx, doctype, shapes, side, page, files[side]).items():
			key = local.get(name)
			if key is None:
				found.append(Event(side, doctype, name))
			elif (its := alone[other(side)].pop(key, None)) is None:
				alone[side][key] = name, own
			elif its[1] != own:
				found.append(Event(side, doctype, name))
			else:
				tally.compared[doctype] += 1
	found += [Event(side, doctype, name) for side in SIDES for name, _ in alone[side].values()]
	tally.compared[doctype] += len(found)
	return found


def look(ctx: Context, doctype: str, events: Sequence[Event], tally: Tally) -> Iterator[Difference]:
	"""Those of the documents that the events name that are not the same on both sides, as they are now."""
	shapes = _shapes(ctx, doctype)
	told = set()
	for start in range(0, len(events), ctx.batch_size):
		for difference in _closer(ctx, shapes, doctype, events[start : start + ctx.batch_size], tally):
			# Each side may have named it.
			if (key := tuple(difference.names.values())) not in told:
				told.add(key)
				yield difference


def _pages(ctx: Context, doctype: str, side: Side) -> Iterator[list[Document]]:
	"""The documents of a side that the filters of the rule let in, and those that they do no more and that are bound."""
	site, filters = ctx.sites[side], filters_on(ctx.rules[doctype], side)
	seen = set()
	for page in site.pages(doctype, PAGE, filters):
		yield page
		seen |= {doc["name"] for doc in page if filters}
	if filters:
		bound = sorted(ctx.ledger.newest(doctype, side, ALL).keys() - seen)
		for start in range(0, len(bound), PAGE):
			if docs := site.read(doctype, bound[start : start + PAGE]):
				yield list(docs.values())


def _alternately(pages: Mapping[Side, Iterator[list[Document]]]) -> Iterator[tuple[Side, list[Document]]]:
	"""A page of each side in turn: where both list the same documents, no more than a page of them is kept in mind."""
	left = dict(pages)
	while left:
		for side in list(left):
			if page := next(left[side], None):
				yield side, page
			else:
				del left[side]


def _local_names(ctx: Context, doctype: str, side: Side, page: Sequence[Document]) -> Mapping[str, str]:
	"""The local names of documents, as far as they can be told, by the names that they have on a side."""
	names = [doc["name"] for doc in page]
	same = dict(zip(names, names, strict=True))
	if side == LOCAL:
		return same
	bound = ctx.ledger.names(doctype, CLOUD, names)
	return same | bound if ctx.rules[doctype].naming == "keep" else bound


def _prints(
	ctx: Context, doctype: str, shapes: Shapes, side: Side, docs: list[Document], files: list[File] | None
) -> dict[str, int]:
	"""`files` are those of all documents; None for those of the documents to be looked up."""
	rule, shape = ctx.rules[doctype], shapes.in_force
	alone = rule if files is None else replace(rule, attachments=False)
	batch = Batch(alone, shape, [], terms_of(ctx))
	learn(ctx, batch, side, docs)
	if names := [doc["name"] for doc in docs if refers_to_itself(doc, shape, side)]:
		know_rows(batch, ctx.ledger.row_maps(doctype, side, names))
	if files is not None and rule.attachments:
		keep_files(ctx, batch, side, docs, files)
	return {
		doc["name"]: fingerprint(_fields(batch, shapes.of(doc), doc, side), _stage(batch, doc) or 0)
		for doc in docs
	}


def _files(ctx: Context, doctype: str, side: Side) -> list[File] | None:
	"""The files of all documents of a DocType, if they are few enough to keep them in mind."""
	if not ctx.rules[doctype].attachments:
		return []
	found = ctx.sites[side].attached_since([doctype], BEGINNING, PAGE)
	return found if len(found) < PAGE else None


def _fields(batch: Batch, shape: Shape, doc: Document, side: Side) -> Fields:
	"""The canonical form, by the compared fields, and what stands beside the document."""
	beside = batch.fields(doc, side, stage=2)
	members = {kind: dict(sorted(beside[kind].items())) for kind in sorted(beside)}
	return canonical(doc, shape, batch.terms[side]) | members


def _stage(batch: Batch, doc: Document) -> int | None:
	"""Draft, submitted or cancelled; None where the rule lets one side stay a draft."""
	return None if batch.rule.submit == "draft" else docstatus(doc)


def _closer(
	ctx: Context, shapes: Shapes, doctype: str, events: Sequence[Event], tally: Tally
) -> Iterator[Difference]:
	try:
		batch = gather(ctx, doctype, events)
	except Refused as e:
		raise Unreadable(f"{doctype} cannot be read: {e}") from e
	states = {side: _states(ctx, batch, side) for side in SIDES}
	for pair in batch.pairs:
		there = [side for side in SIDES if pair.docs[side]]
		if not there or not pair.in_scope:
			tally.compared[doctype] -= 1
			continue
		missing = other(there[0]) if len(there) == 1 else None
		fields: dict[str, Values] = {}
		if missing is None:
			fields = _apart(ctx, batch, shapes, pair)
			if not fields:
				continue
		elif not (pair.binding.held.get(missing) or batch.rule_of(pair).writes(missing)):
			tally.compared[doctype] -= 1
			tally.outside[doctype] += 1
			continue
		names = {
			side: (doc["name"] if (doc := pair.docs[side]) else pair.binding.names.get(side))
			for side in SIDES
		}
		cause, why = cause_of(
			pair.binding if pair.binding.id else None,
			[states[side][name] for side in SIDES if (name := names[side]) in states[side]],
		)
		yield Difference(doctype, names, cause, why or pair.ambiguous or pair.awaits, missing, fields)


def _states(ctx: Context, batch: Batch, side: Side) -> dict[str | None, tuple[str, str]]:
	"""What became of the events of the documents of a batch."""
	names = {pair.binding.names.get(side) for pair in batch.pairs}
	names |= {doc["name"] for pair in batch.pairs if (doc := pair.docs[side])}
	known = sorted(name for name in names if name)
	return dict(ctx.queue.states(batch.rule.doctype, side, known)) if known else {}


def _apart(ctx: Context, batch: Batch, shapes: Shapes, pair: Pair) -> dict[str, Values]:
	"""In what the two documents of a pair differ, by field."""
	docs = {side: doc for side, doc in pair.docs.items() if doc}
	shape = shapes.of(*docs.values())
	now = {side: _fields(batch, shape, doc, side) for side, doc in docs.items()}
	held = {side: pair.binding.held.get(side) for side in SIDES}
	# What is known to differ is told in full.
	in_step = pair.binding.status == "Synced"
	was = {side: h.fields if in_step and h else None for side, h in held.items()}
	found: dict[str, Values] = {}
	stages = {side: _stage(batch, doc) for side, doc in docs.items()}
	if stages[LOCAL] != stages[CLOUD]:
		found["docstatus"] = (stages[LOCAL], stages[CLOUD])
	names = {side: doc["name"] for side, doc in docs.items()}
	copies = [side for side, h in held.items() if h and h.wrote]
	found |= differences(shape, now, was, names, ctx.rules, copies)
	for kind in sorted(BESIDE):
		if all(kind in now[side] for side in SIDES):
			members = {side: now[side][kind] for side in SIDES}
			before = {side: h.fields.get(kind) if h else None for side, h in held.items()}
			apart = beside_apart(batch.rule_of(pair), members, before)
			if any(apart):
				found[kind] = (
					_told(batch, docs[LOCAL], LOCAL, kind, apart[0]),
					_told(batch, docs[CLOUD], CLOUD, kind, apart[1]),
				)
	return found


def _told(batch: Batch, doc: Document, side: Side, kind: str, members: Sequence[str]) -> list[str]:
	"""Members in words: a file by its name."""
	if kind == TAGS:
		return sorted(members)
	assert kind == ATTACHMENTS
	by_content = {content(file, batch.terms[side]): plain_name(file) for file in doc.get(FILES, ())}
	return sorted(by_content.get(member, member) for member in members)
