# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Creates of which no answer was recorded: what they made is looked for before anything else is done.

It is known by its name, where that is the identity or was made up for it (see `name_for`). Where the site names it, by
all that was sent; by its rows, which bear the moment of the intent (see `stamped`); or, where people have edited it since
and it has none of these rows, by being most like what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from erpsync_app.engine.batch import CANDIDATES, Batch, Pair, equal, learn
from erpsync_app.engine.beside import beside
from erpsync_app.engine.canonical import instant, row_names
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.merged import named
from erpsync_app.engine.model import SIDES, Binding, Document, Fields, Held, Intent, RowMap, Side, other
from erpsync_app.engine.reused import is_another
from erpsync_app.engine.rows import Table, copy_name, row_map

CLOCK_MARGIN = timedelta(days=1)
"""How far the clocks of two sites may differ when what an unclear create made is looked for by all that was sent."""

FRUIT = "it may be what an unfinished create made"
"""Why a document has to wait."""

NEAR = timedelta(minutes=75)
"""How near to the sending it was made, where it is only like what was sent. Clocks that people look after differ by less,
also in the hour that comes twice when summer time ends; and the sync user may be a person, who has made others like it
on the same day."""


@dataclass
class _Search:
	"""For what one create has made: the documents that nobody accounts for, and the names by which it is known for sure."""

	intent: Intent
	free: list[Document]
	names: set[str]
	found: Document | None = None


def look_for_intents(ctx: Context, batch: Batch) -> None:
	"""A create of which no answer was recorded: look for what it may have made, before anything else."""
	begun = [(pair, intent) for pair in batch.pairs if (intent := pair.binding.intent)]
	searches = [_search(ctx, batch, pair, intent) for pair, intent in begun]
	others = {
		side: ctx.ledger.open_intents(batch.rule.doctype, side)
		for side in SIDES
		if any(intent.side == side for _, intent in begun)
	}
	# What is as it was sent is told for sure; only what is left then can be one that was edited since.
	for choose in (_as_sent, _with_its_rows, _most_like):
		for search in searches:
			side = search.intent.side
			if search.found or (choose is _most_like and ctx.sites[side].atomic):
				continue  # there nothing was made: whatever is only alike is another, and not to be touched
			taken = {each.found["name"] for each in searches if each.found}
			free = [doc for doc in search.free if doc["name"] not in taken]
			search.found = choose(batch, search, free, others[side])
	for (pair, intent), search in zip(begun, searches, strict=True):
		_recover(ctx, batch, pair, intent, search.found)


def may_be_of_another(ctx: Context, batch: Batch, pair: Pair, doc: Document, side: Side) -> bool:
	"""Whether an unbound document may be the fruit of another one's create whose answer has not been recorded yet. To
	take it for anything else would double it: the event of that one sorts it out."""
	if doc.get("owner") != ctx.sites[side].user:
		return False
	mine = pair.stored.intent if pair.stored else None
	others = [
		intent
		for intent in ctx.ledger.open_intents(batch.rule.doctype, side)
		if intent != mine and doc["creation"] >= _moment(batch, intent, -CLOCK_MARGIN)
	]
	if makes_up(batch):
		return any(doc["name"] in _names_for(intent) for intent in others)
	return bool(others)


def check_not_renamed(ctx: Context, batch: Batch, binding: Binding, doc: Document, side: Side) -> None:
	"""Raise Stale if a document that is about to be bound is bound by another name: it was renamed since it was read,
	and another worker was quicker. Two of one `creation` that are both there are two; where there are more, they were
	imported together, and it tells nothing."""
	created, doctype, site = doc.get("creation") or "", batch.rule.doctype, ctx.sites[side]
	known = ctx.ledger.by_creation(doctype, side, [created], limit=3).get(created, ())
	twins = {name for b in known if b.id != binding.id and (name := b.names.get(side))} - {doc["name"]}
	if len(twins) != 1:
		return
	names = {doc["name"], *twins}
	gone = names - site.stamps(doctype, sorted(names)).keys()
	if gone and gone - site.deleted_at(doctype, sorted(gone)).keys():  # a rename leaves no trail
		raise Stale(f"It was renamed on the {side} side in the meantime.")


def name_for(batch: Batch, source: str, intent: Intent) -> str | None:
	"""The name that a create asks for: that of the `source` where it is the identity, one that is made up of the intent
	where names are random anyway, so that what was made is known by it. None where the site is to name it."""
	if batch.rule.naming == "keep":
		return source
	return _names_for(intent)[0] if makes_up(batch) else None


def makes_up(batch: Batch) -> bool:
	"""Whether a create asks for a name that is made up."""
	return batch.rule.naming == "own" and batch.shape.random_names


def next_names(name: str, number: int) -> list[str]:
	"""The names that a create would ask for that is begun again so many times, after it asked for `name`."""
	names = [name]
	for _ in range(number):
		names.append(copy_name(names[-1]))
	return names[1:]


def _names_for(intent: Intent) -> list[str]:
	"""The made up names that the create has asked for so far, the last one first."""
	return next_names(intent.since.isoformat(), intent.again + 1)[::-1]


def begin(ctx: Context, batch: Batch, pair: Pair, side: Side, sent: Fields) -> Intent:
	"""The intent of a create. One that is begun again keeps the moment of the first, where that is what tells of a document
	that the create has made it: a worker that stood still may yet send the first (see `late.py`)."""
	before = pair.stored.intent if pair.stored else None
	instead_of = _name_before(pair, side)
	tells = makes_up(batch) or any(isinstance(value, list) and value for value in sent.values())
	if before and before.side == side and batch.rule.naming == "own" and tells:
		return Intent(side, before.since, sent, instead_of, before.again + 1)
	return Intent(side, ctx.clock.now(), sent, instead_of)


def _name_before(pair: Pair, side: Side) -> str | None:
	"""The name by which the document was known on a side that is to get it anew."""
	names = [binding.names.get(side) for binding in (pair.binding, pair.stored) if binding]
	begun = pair.stored.intent if pair.stored else None
	return next(filter(None, [*names, begun.instead_of if begun else None]), None)


def stamped(values: Document, batch: Batch, intent: Intent) -> Document:
	"""What is to be sent, the rows of its tables with moments of their own as their `creation`: that of the intent, and
	each a microsecond after the one before it. Frappe keeps the `creation` of a row that brings one
	(Document.set_user_and_timestamp; of the document itself it does not), and no edit changes it: so the document is
	known again, whatever people make of it, and so is each of its rows."""
	tables = {}
	for name in _tables(batch, intent.side):
		if rows := values.get(name):
			moments = _moments(batch, intent, len(rows))
			tables[name] = [{**row, "creation": at} for row, at in zip(rows, moments, strict=True)]
	return {**values, **tables}


def sent_rows(batch: Batch, source: Document, intent: Intent) -> dict[str, RowMap]:
	"""Who is who among the rows of a document and those that the create makes of them, which go by their moments until
	their names are known."""
	side = other(intent.side)
	names = row_names(source, batch.shape, side)
	return {
		table: RowMap.between(side, names[table], _moments(batch, intent, len(rows)))
		for table, rows in intent.sent.items()
		if table in names and rows
	}


def made_rows(batch: Batch, maps: Mapping[str, RowMap], made: Document, side: Side) -> dict[str, RowMap]:
	"""The same, once it is known what the create has `made` on `side`. Without the tables that the site has built anew:
	which row became which is told there by content."""
	known = {}
	for table, rows in maps.items():
		field = batch.shape.named(table)
		names = (
			{row["creation"]: str(row["name"]) for row in (made.get(field.on(side)) or ())} if field else {}
		)
		if any(moment in names for moment in rows.names(side)):
			known[table] = rows.renamed(side, names)
	return known


def _bears(doc: Document, batch: Batch, intent: Intent) -> bool:
	"""Whether a row of the document was sent with that intent."""
	longest = max((len(rows) for rows in intent.sent.values() if isinstance(rows, list)), default=0)
	moments = set(_moments(batch, intent, longest))
	return any(row["creation"] in moments for row in _rows(doc, batch, intent))


def _rows(doc: Document, batch: Batch, intent: Intent) -> list[Document]:
	"""Of the tables that were sent with rows."""
	sent = [f.on(intent.side) for f in batch.shape.fields if f.rows is not None and intent.sent.get(f.local)]
	return [row for name in sent for row in doc.get(name) or ()]


def _tables(batch: Batch, side: Side) -> list[str]:
	return [f.on(side) for f in batch.shape.fields if f.rows is not None]


def _moment(batch: Batch, intent: Intent, later: timedelta = timedelta(0)) -> str:
	"""When the intent was begun, or so much later, as its side tells a time."""
	zone = batch.terms[intent.side].zone
	return f"{(intent.since + later).astimezone(zone).replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _moments(batch: Batch, intent: Intent, number: int) -> list[str]:
	"""That of each row of a table."""
	return [_moment(batch, intent, timedelta(microseconds=at)) for at in range(number)]


def _recover(ctx: Context, batch: Batch, pair: Pair, intent: Intent, found: Document | None) -> None:
	if found is None:
		pair.binding = replace(pair.binding, intent=None, rows={})
		return
	if _untouched(found):
		# By itself: of many, a site tells documents and rows in two calls, between which someone may have edited one.
		found = ctx.sites[intent.side].read(batch.rule.doctype, [found["name"]]).get(found["name"], found)
		learn(ctx, batch, intent.side, [found])
	names = {**pair.binding.names, intent.side: found["name"]}
	# What was sent is the baseline of both sides: edits made since then are seen as such. Where nobody touched
	# what the create made, it is its own, with all that the site made of it.
	source = other(intent.side)
	begun = pair.binding.held.get(source)
	# A file or a tag that is there by now is an edit in any case: `modified` does not tell of it.
	bare = {name: {} for name in beside(batch.rule)}
	made = Held({**intent.sent, **bare}, modified="", created=found["creation"])
	rows = made_rows(batch, pair.binding.rows, found, intent.side)
	if _untouched(found):
		made = batch.held(found, intent.side)
		made = replace(made, fields={**made.fields, **bare})
		rows = {table: _untouched_rows(batch, table, known, intent, found) for table, known in rows.items()}
	held = {
		intent.side: made,
		source: Held({**intent.sent, **bare}, modified="", created=begun.created if begun else ""),
	}
	if found.get("owner") != ctx.sites[intent.side].user:
		held, rows = {}, {}  # someone else's, of the same name: a first contact
	if batch.rule.naming == "keep" and found["name"] != _name(pair.binding, intent) and not pair.renamed:
		pair.renamed = intent.side
	pair.docs[intent.side] = found
	pair.binding = replace(pair.binding, names=names, held=held, rows=rows, intent=None)
	batch.absorb(pair, intent.side)


def _untouched_rows(batch: Batch, table: str, known: RowMap, intent: Intent, found: Document) -> RowMap:
	"""Who is who if what the create made is as the site made it: the baselines are what was sent, and all of that."""
	side = intent.side
	names = row_names(found, batch.shape, side)[table]
	now = {
		side: Table(batch.fields(found, side)[table], names),
		other(side): Table(intent.sent[table], known.names(other(side))),
	}
	return row_map(known, now, written=True)


def _name(binding: Binding, intent: Intent) -> str:
	"""Of the document that was to be created, on the side that had it."""
	return binding.names.get(other(intent.side)) or ""


def _search(ctx: Context, batch: Batch, pair: Pair, intent: Intent) -> _Search:
	site, rule = ctx.sites[intent.side], batch.rule
	name = name_for(batch, _name(pair.stored or pair.binding, intent), intent)
	asked = _names_for(intent) if makes_up(batch) else [name] if name else []
	docs = site.read(rule.doctype, asked) if asked else {}
	found, names = [docs[name] for name in asked if name in docs], set(asked)
	if not found and not makes_up(batch):  # the site named it, or it was renamed since
		mine = [("owner", "=", site.user), ("creation", ">=", _moment(batch, intent, -CLOCK_MARGIN))]
		found = site.find(rule.doctype, mine, CANDIDATES)
		if name and found:
			notes = site.notes(rule.doctype, _moment(batch, intent, -CLOCK_MARGIN))
			names |= {note.about for note in notes if name in named(note)}
	learn(ctx, batch, intent.side, found)
	taken = ctx.ledger.bindings(rule.doctype, intent.side, [doc["name"] for doc in found])
	free = [
		doc
		for doc in found
		if doc["name"] not in taken or is_another(rule, taken[doc["name"]], intent.side, doc)
	]
	return _Search(intent, free, names)


def _as_sent(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""What has the name that was asked for, or had it before it was renamed; where none was, what holds all that was
	sent."""
	for doc in free:
		if doc["name"] in search.names or equal(search.intent.sent, batch.fields(doc, search.intent.side)):
			return doc
	return None


def _with_its_rows(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	return next((doc for doc in free if _bears(doc, batch, search.intent)), None)


def _most_like(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""One that is not as it was sent: someone has edited it since, or the site made something else of it. To create
	again would double it. What another create has a better claim to, that one made. Where the name is the identity,
	one of another name that nobody has touched is another document; so is one that has rows as old as itself, none of
	which was sent with the intent."""
	intent = search.intent
	rivals = [o for o in others if o.sent != intent.sent]

	def mine(doc: Document) -> bool:
		if (batch.rule.naming == "keep" and _untouched(doc)) or any(_bears(doc, batch, o) for o in others):
			return False
		if any(row["creation"] <= doc["creation"] for row in _rows(doc, batch, intent)):
			return False
		claim = _claim(batch, intent, doc)
		return claim[0] >= 0.5 and -claim[1] <= NEAR and all(_claim(batch, o, doc) <= claim for o in rivals)

	return max(filter(mine, free), key=lambda doc: _claim(batch, intent, doc), default=None)


def _claim(batch: Batch, intent: Intent, doc: Document) -> tuple[float, timedelta]:
	"""How much of what was sent the document holds; and how near to the sending it was made, as far as clocks tell."""
	fields = batch.fields(doc, intent.side)
	said = [name for name, value in intent.sent.items() if value]
	share = sum(_kept(intent.sent[name], fields.get(name)) for name in said) / max(len(said), 1)
	return share, -abs(instant(doc["creation"], batch.terms[intent.side].zone) - intent.since)


def _kept(sent: Any, now: Any) -> float:
	"""How much of a value is still there: of a table, the share of its rows."""
	if not isinstance(sent, list):
		return sent == now
	return sum(row in (now or ()) for row in sent) / len(sent)


def _untouched(doc: Document) -> bool:
	return doc["modified"] == doc.get("creation")
