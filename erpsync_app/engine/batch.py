# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents in pairs, as a cycle works on them: what both sides hold now, and how to read it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property

from erpsync_app.engine.acts import DECISIONS, REFERENCES, ROWS, STATUS, decisions, within_reach
from erpsync_app.engine.beside import ATTACHMENTS, BESIDE, TAGS
from erpsync_app.engine.canonical import canonical, instant, row_names
from erpsync_app.engine.context import Context
from erpsync_app.engine.files import FILES, attachments, learn_files
from erpsync_app.engine.fixed import FIXED, fingerprints, fixed_part
from erpsync_app.engine.lifecycle import SUBMITTED
from erpsync_app.engine.mapping import Shape, SyncedField, Terms, targets
from erpsync_app.engine.merge import merge
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Document,
	Event,
	Fields,
	Held,
	Progress,
	RowMap,
	Rule,
	Side,
	other,
)
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.ports import ALL
from erpsync_app.engine.references import learn_rows
from erpsync_app.engine.reused import given_away
from erpsync_app.engine.rows import Lines, Table, joined, row_map
from erpsync_app.engine.tags import USER_TAGS, learn_tags, tags
from erpsync_app.engine.view import View, without

OnTheirWay = dict[tuple[str, str], tuple[str, frozenset[tuple[str, str]]]]
"""By `(doctype, name)` of a document: when its side made it, and what it links to."""

CANDIDATES = 500
"""How many documents to look through for one whose name is not known."""


@dataclass
class Batch:
	"""The pairs of one DocType, with what is needed to read and write their documents."""

	rule: Rule
	shape: Shape
	pairs: list[Pair]
	terms: Mapping[Side, Terms]
	counter: str = ""
	"""A pattern that fits the names which a counter may have made (see `numbers`)."""
	bound: dict[Side, dict[str, dict[str, Progress]]] = field(default_factory=lambda: {LOCAL: {}, CLOUD: {}})
	"""By side, DocType and name, the Link targets that are bound, and how far they have come."""
	asked: dict[Side, set[tuple[str, str]]] = field(default_factory=lambda: {LOCAL: set(), CLOUD: set()})
	"""By side, the Link targets, as `(doctype, name)`, of which it was asked whether they are bound."""
	reused: dict[Side, set[tuple[str, str]]] = field(default_factory=lambda: {LOCAL: set(), CLOUD: set()})
	"""By side, those of them whose name, or whose counterpart's, is another document's by now: for all that links to them
	they are not bound. It ends when the document that has the name now is looked at, by an event of its own."""
	unknown_rows: dict[Side, dict[str, tuple[str, str]]] = field(
		default_factory=lambda: {LOCAL: {}, CLOUD: {}}
	)
	"""By side, the rows that documents of the batch refer to and that are not known on the other side; of each the
	document that it is a row of, by `(doctype, name)`."""
	on_their_way: dict[Side, OnTheirWay] = field(default_factory=dict)
	"""By side, what documents of the batch link to and what has yet to cross, once it was asked for (see `dependencies`)."""
	look_again: set[Event] = field(default_factory=set)
	"""What is to be looked at because of what was written."""

	def add(self, new: Pair, side: Side) -> None:
		"""Unless it is there already: what has the old name of a document that both sides renamed is met twice."""
		if all(p.binding.id or p.binding.names.get(side) != new.binding.names[side] for p in self.pairs):
			self.pairs.append(new)

	def absorb(self, pair: Pair, side: Side) -> None:
		"""Events of both sides whose documents turn out to be one belong to one pair."""
		name = pair.binding.names[side]
		for twin in [p for p in self.pairs if p is not pair and p.binding.names.get(side) == name]:
			pair.events += twin.events
			self.pairs.remove(twin)

	def goes_before(self, pair: Pair, side: Side, doctype: str, name: str) -> bool:
		"""Whether a document, by its name on that side, is one of the batch and older than that of the pair."""
		return doctype == self.rule.doctype and any(
			p.binding.names.get(side) == name and self.born(p) < self.born(pair) for p in self.pairs
		)

	def arrived(self, pair: Pair) -> None:
		"""The pair was written: what else in the batch links to it finds it bound, and as far as it has come."""
		doctype, names = self.rule.doctype, pair.binding.names
		here, there = names.get(LOCAL), names.get(CLOUD)
		if not (here and there and all(pair.docs.values())):
			return
		come = {side: docstatus(doc) for side, doc in pair.docs.items() if doc}
		written = {side: (doc["creation"], doc["modified"]) for side, doc in pair.docs.items() if doc}
		wrote = {side: held.wrote for side, held in pair.binding.held.items() if held}
		for side, name in ((LOCAL, here), (CLOUD, there)):
			known = self.bound[side].setdefault(doctype, {})
			known[name] = Progress(names[other(side)], come, pair.binding.status, written, wrote)
			self.asked[side].add((doctype, name))
			self.reused[side].discard((doctype, name))
		inward, outward = self.terms[CLOUD].inward, self.terms[CLOUD].outward
		assert isinstance(inward, dict) and isinstance(outward, dict)
		if here != there:
			inward[doctype, there], outward[doctype, here] = here, there

	def rule_of(self, pair: Pair) -> Rule:
		"""The rule of one pair: what it is about may be let go one way only."""
		if not pair.closed:
			return self.rule
		return replace(self.rule, direction="cloud_to_local" if CLOUD in pair.closed else "local_to_cloud")

	def view(self, pair: Pair, side: Side) -> View:
		doc = pair.docs[side]
		if doc is None:
			survivor = pair.merged[side]
			return View(deleted=pair.deleted[side], merged=survivor.name if survivor else "")
		fields = self.fields(doc, side, stage=pair.stage)
		if late := self._late(pair):
			born = self.fields(doc, side, at_birth=True)
			fields |= {name: born[name] for name in late & born.keys()}
		for table in self._resplit(pair):
			fields.pop(table, None)
		# By Update Items both take rows and edits of them, once both are submitted.
		updated = ROWS.get(self.rule.doctype, {}) if pair.stage else {}
		return View(
			fields,
			instant(doc["modified"], self.terms[side].zone),
			docstatus=docstatus(doc),
			writable=self.writable[min(docstatus(doc), 2)],
			loose={name: cells for name, cells in self.loose.items() if name not in updated}
			if docstatus(doc)
			else {},
			statuses=within_reach(self.shape, fields.get(STATUS)),
			rows=row_names(doc, self.shape, side),
			news=side in pair.news,
		)

	def _late(self, pair: Pair) -> frozenset[str]:
		"""The read-only links that a create left out, since what they lead to was not there yet: the baseline of the side
		that has them says that they have yet to cross, and the other side's does not know them. What is submitted by now
		takes them no more."""
		known = {side: h.fields if (h := pair.binding.held.get(side)) else {} for side in SIDES}
		return frozenset(
			name
			for side in SIDES
			if (doc := pair.docs[other(side)]) and not docstatus(doc)
			for name in known[side].keys() - known[other(side)].keys()
			if known[side][name] is None and (f := self.shape.named(name)) and f.at_birth
		)

	def _resplit(self, pair: Pair) -> list[str]:
		"""The table of a payment in which one side has split rows to allocate them. The other does that itself: by the act,
		not row by row."""
		table = self.shape.named(REFERENCES.get(self.rule.doctype, ""))
		if table is None or pair.stage != SUBMITTED:
			return []
		sizes = {len(doc.get(table.on(side)) or ()) for side, doc in pair.docs.items() if doc}
		return [table.local] if len(sizes) > 1 else []

	def born(self, pair: Pair) -> datetime:
		"""When the document was made, on the side that had it first."""
		made = [instant(doc["creation"], self.terms[side].zone) for side, doc in pair.docs.items() if doc]
		return min(made, default=datetime.max.replace(tzinfo=timezone.utc))

	def fields(self, doc: Document, side: Side, *, at_birth: bool = False, stage: int = 0) -> Fields:
		"""The canonical form; `stage` is how far both sides' documents have come: 2, and only what stands beside
		them can change."""
		terms = self.terms[side]
		fields: Fields = {}
		if stage < 2:
			fields = canonical(doc, self.shape, terms, at_birth=at_birth, submitted=stage == 1)
		if stage == SUBMITTED:
			fields |= decisions(doc, self.shape, terms)
			if docstatus(doc) == SUBMITTED:
				fields[FIXED] = fingerprints(doc, self.fixed, terms)
		if (files := attachments(doc, terms)) is not None:
			fields[ATTACHMENTS] = files
		if self.rule.tags and (given := tags(doc)) is not None:
			fields[TAGS] = given
		return fields

	def held(self, doc: Document, side: Side, *, stage: int = 0) -> Held:
		fields = self.fields(doc, side, stage=stage)
		return Held(fields, doc["modified"], docstatus(doc), created=doc.get("creation") or "")

	def row_maps(self, pair: Pair, written: Collection[str] = ()) -> Mapping[str, RowMap]:
		"""Who is who among the rows of the pair's documents as they are now, both of them in step; of held back tables
		it stays as it was. `written` are the fields that were written just now."""
		old = pair.binding.rows
		if not all(pair.docs.values()):
			return old
		found = {
			name: row_map(
				old.get(name),
				tables,
				name in written or (name not in old and bool(pair.stage) and _as_many(tables)),
			)
			# Also of what is submitted or cancelled: other documents refer to its rows.
			for name, tables in self._tables(pair, stage=0).items()
			if name not in pair.held_back
		}
		for f in self.shape.fields:
			# Also of what controllers compute: of the same they make the same in the same order, also where a cell differs.
			if f.rows is not None and f.at_birth and (tables := self._computed(pair, f)):
				joined_by_place = _as_many(tables) and _same_links(f.rows, tables)
				found[f.local] = row_map(old.get(f.local), tables, joined_by_place)
		return {**found, **{name: old[name] for name in pair.held_back if name in old}}

	def unmet(self, pair: Pair) -> tuple[dict[Side, Fields], Mapping[str, RowMap]]:
		"""Of the held back tables of a rule of one direction: the baselines of both sides, and the row maps, in which the
		rows that did cross are in step."""
		fields: dict[Side, Fields] = {LOCAL: {}, CLOUD: {}}
		maps = {}
		side = LOCAL if self.rule_of(pair).writes(CLOUD) else CLOUD
		for name, lines in self._lines(pair, pair.held_back & pair.binding.rows.keys()):
			base, maps[name] = lines.unmet(side)
			for each in SIDES:
				fields[each][name] = list(base[each].rows)
		return fields, maps

	def first_maps(self, pair: Pair, written: Collection[str]) -> Mapping[str, RowMap]:
		"""Who is who among the rows of the baselines, of tables that are to be written and of which it was never
		recorded. It is told from the rows of now, as people left them: after a write of ours it would be told wrongly."""
		return {
			name: lines.known() for name, lines in self._lines(pair, set(written) - pair.binding.rows.keys())
		}

	def _lines(self, pair: Pair, names: Collection[str]) -> Iterator[tuple[str, Lines]]:
		"""Of these tables, those that have baselines and that both sides show, with their rows joined."""
		was = {side: held.fields if (held := pair.binding.held.get(side)) else {} for side in SIDES}
		for name, tables in (
			self._tables(pair, stage=pair.stage).items() if names and all(pair.docs.values()) else ()
		):
			if name in names and all(name in was[side] for side in SIDES):
				known = pair.binding.rows.get(name)
				yield name, joined({side: was[side][name] for side in SIDES}, known, tables)

	def _computed(self, pair: Pair, f: SyncedField) -> dict[Side, Table]:
		"""A read-only child table, which controllers fill, as both documents of a pair show it; empty where one does not."""
		shape, tables = replace(self.shape, fields=(f,)), {}
		for side, doc in pair.docs.items():
			assert doc is not None
			if rows := row_names(doc, shape, side):
				fields = canonical(doc, shape, self.terms[side], at_birth=True)
				tables[side] = Table(fields[f.local], rows[f.local])
		return tables if len(tables) == 2 else {}

	def _tables(self, pair: Pair, *, stage: int) -> dict[str, dict[Side, Table]]:
		"""The child tables that both documents of a pair show; `stage` is that of `fields`."""
		tables: dict[Side, dict[str, Table]] = {}
		for side, doc in pair.docs.items():
			assert doc is not None
			fields, names = self.fields(doc, side, stage=stage), row_names(doc, self.shape, side)
			tables[side] = {name: Table(fields[name], names[name]) for name in names if name in fields}
		return {
			name: {side: tables[side][name] for side in SIDES}
			for name in tables[LOCAL]
			if name in tables[CLOUD]
		}

	@cached_property
	def writable(self) -> tuple[frozenset[str] | None, ...]:
		"""By docstatus, the fields that a document takes; None for all."""
		changeable = (
			f.local
			for f in self.shape.fields
			if f.after_submit or (f.rows is not None and any(each.after_submit for each in f.rows.fields))
		)
		return None, BESIDE.union(DECISIONS, changeable), BESIDE

	@cached_property
	def loose(self) -> Mapping[str, frozenset[str]]:
		"""Of the tables whose rows stay on a submitted document: the fields of a row that may change all the same."""
		return {
			f.local: frozenset(each.local for each in f.rows.fields if each.after_submit and not each.acted)
			for f in self.shape.fields
			if f.rows is not None and not f.after_submit
		}

	def parted(self, pair: Pair) -> list[str]:
		"""The fields in which both sides' documents differ since people submitted both of them, or cancelled both:
		nothing can bring them in step any more, and nothing would show it."""
		held = {side: pair.binding.held.get(side) for side in SIDES}
		before = min(h.docstatus if h else 0 for h in held.values())
		if before >= pair.stage:
			return []
		now = {side: self.fields(doc, side, stage=before) for side, doc in pair.docs.items() if doc}
		base = {side: h.fields if h else None for side, h in held.items()}
		if pair.stage == SUBMITTED:
			now = {side: self._fixed(fields) for side, fields in now.items()}
			base = {side: fields and self._fixed(fields) for side, fields in base.items()}
		merged = merge(base[LOCAL], base[CLOUD], now[LOCAL], now[CLOUD])
		return sorted({*merged.take[LOCAL], *merged.take[CLOUD], *merged.clashes} - BESIDE)

	@cached_property
	def fixed(self) -> Shape:
		"""What of a submitted document nobody can write any more."""
		return fixed_part(self.shape)

	def _fixed(self, fields: Fields) -> Fields:
		"""What nobody can change on a submitted document."""
		fixed = {}
		for f in self.shape.fields:
			if f.local in fields and not f.after_submit:
				fixed[f.local] = without(fields[f.local], self.loose.get(f.local))
		return fixed


def _as_many(tables: Mapping[Side, Table]) -> bool:
	return len(tables[LOCAL].rows) == len(tables[CLOUD].rows)


def _same_links(shape: Shape, tables: Mapping[Side, Table]) -> bool:
	"""Whether the rows of both sides, in their order, lead to the same documents."""
	links = [f.local for f in shape.fields if f.type == "Link"]
	rows = zip(tables[LOCAL].rows, tables[CLOUD].rows, strict=True)
	return all(one.get(name) == two.get(name) for one, two in rows for name in links)


def with_beside(doc: Document, before: Document) -> Document:
	"""A document as its site answered it, with what is known to stand beside it."""
	return {**doc, **{key: before[key] for key in (FILES, USER_TAGS) if key in before}}


def learn(ctx: Context, batch: Batch, side: Side, docs: Iterable[Document], *, answer: bool = False) -> None:
	"""Look up the Link targets, files and tags of documents just read, so that they can be told in the other's terms. Of an
	`answer` to a write nothing is asked of the sites: the local one has a transaction open, and what its controllers have
	just linked to is what they found there."""
	docs = list(docs)
	learn_files(ctx, batch, side, docs)
	learn_tags(ctx, batch, side, docs)
	cloud = batch.terms[CLOUD]
	lead, back = (cloud.outward, cloud.inward) if side == LOCAL else (cloud.inward, cloud.outward)
	assert isinstance(lead, dict) and isinstance(back, dict)
	for doctype, names in targets(docs, batch.shape, side).items():
		if doctype in ctx.rules:
			known = ctx.ledger.progress(doctype, side, sorted(names))
			bound = {name: progress for name, progress in known.items() if progress.name}
			new = {name: p for name, p in bound.items() if (doctype, name) not in batch.asked[side]}
			reused = set() if answer else given_away(ctx, doctype, side, new)
			batch.reused[side].update((doctype, name) for name in reused)
			batch.reused[other(side)].update((doctype, bound[name].name or "") for name in reused)
			batch.asked[side].update((doctype, name) for name in names)
			batch.asked[other(side)].update((doctype, each.name) for each in bound.values() if each.name)
			bound = {name: p for name, p in bound.items() if (doctype, name) not in batch.reused[side]}
			batch.bound[side].setdefault(doctype, {}).update(bound)
			apart = {name: each.name for name, each in bound.items() if each.name and each.name != name}
			lead.update({(doctype, name): there for name, there in apart.items()})
			back.update({(doctype, there): name for name, there in apart.items()})
	learn_rows(ctx, batch, side, docs)


def learn_answer(ctx: Context, batch: Batch, side: Side, doc: Document) -> None:
	"""Look up what a site's answer to a write links to that nobody asked for, as its controllers set it. What sync sent is
	known: an answer without more costs no look-up."""
	found = targets([doc], batch.shape, side)
	own = [doctype for doctype in found if (rule := ctx.rules.get(doctype)) and rule.naming == "own"]
	if any((doctype, name) not in batch.asked[side] for doctype in own for name in found[doctype]):
		learn(ctx, batch, side, [doc], answer=True)


def candidates(ctx: Context, doctype: str, side: Side, filters: Sequence[tuple]) -> list[Document]:
	"""The documents of a side that meet Frappe `filters`, the oldest first: as many as one list tells, and of those
	beyond it the ones that are not bound."""
	site = ctx.sites[side]
	found = site.find(doctype, filters, CANDIDATES)
	if len(found) < CANDIDATES:
		return found
	told = {doc["name"] for doc in found}
	beyond = [name for name in site.named(doctype, filters, ALL) if name not in told]
	known = ctx.ledger.stamps(doctype, side, beyond)
	return found + list(site.read(doctype, [name for name in beyond if name not in known]).values())


def told_there(batch: Batch, side: Side, target: str | None, value: str) -> str:
	"""A value of one side as the other one has it; of a Link to documents of `target`, the name that is theirs there."""
	if target is None:
		return value
	local = batch.terms[side].link_in(target, value)
	return local if other(side) == LOCAL else batch.terms[other(side)].link_out(target, local)


def equal(one: Fields, two: Fields) -> bool:
	"""Whether two canonical forms agree in every field that both show, whatever stands beside the documents."""
	return all(one[name] == two[name] for name in one if name in two and name not in BESIDE)
