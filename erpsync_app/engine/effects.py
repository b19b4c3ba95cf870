# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that a site makes by itself when another one is written there: the price of an Item with a standard rate, the
Stock Entry of its opening stock, the exchange gain of a payment. When sync writes the cause on the other side, that site
makes its own; the two are one document, and are bound instead of being created once more.

They are told by three things: the sync user made them, no create of sync's accounts for them, and they link to a document
that sync wrote. What was made while that write was under way, the site made for sure. What was made within minutes of it
may be a background job's; or a person's who works with the account that sync has on the cloud.

| found on one side alone | on the other side | what happens |
|---|---|---|
| what the site made by itself, for sure | a document equal to it that is not bound | the two are bound |
| | none | it stays at home, and its record says so |
| what the site may have made | a document equal to it that is not bound | the two are bound |
| | none | it is created there, as any document |
| what a person made | what that site (may have) made by itself, equal to it | the two are bound |
| | none | it is created there, as any document |

On the local site nobody works as the sync user: a document of that user's which the site may have made, the site made for
sure. Where the sync user is Administrator, a document that the site may have made counts as a person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from erpsync_app.engine.batch import CANDIDATES, Batch, equal, learn, told_there
from erpsync_app.engine.canonical import NUMBER_TYPES
from erpsync_app.engine.context import Context
from erpsync_app.engine.intents import may_be_of_another
from erpsync_app.engine.mapping import Shape, link_target, links
from erpsync_app.engine.model import LOCAL, SIDES, Binding, Document, Fields, Side, other
from erpsync_app.engine.numbers import namesakes
from erpsync_app.engine.pair import Pair

ADMINISTRATOR = "Administrator"

Made = Literal["surely", "maybe", "not"]
SURELY: Made = "surely"
MAYBE: Made = "maybe"
NOT: Made = "not"

RIGHT_AFTER = timedelta(minutes=10)
"""How long after the write of its cause a job in the background may make a document."""

IN_THE_WRITE = timedelta(minutes=1)
"""How long before its cause was last modified a document may be made: a controller may go on with the cause, in the same
request, when it has made it."""

TELLING_TYPES = frozenset(("Link", "Dynamic Link", "Select", "Date", "Check", "Int")) | NUMBER_TYPES
"""Two documents of one cause agree in fields of these types. A text may hold a name that each site gave, or words in a
site's own language."""


def look_for_effects(ctx: Context, batch: Batch) -> None:
	"""Find the counterparts of what one of the sites made by itself."""
	_know_by_name(ctx, batch)
	if batch.rule.follows or not (batch.rule.naming == "own" or batch.shape.random_names):
		return  # people say it, or the name tells
	for side in SIDES:
		lonely = [
			pair
			for pair in batch.pairs
			if pair.alone(side) and not (pair.ambiguous or pair.awaits or pair.doubles)
		]
		made_here = [(pair, _made_by_site(ctx, batch, pair, side, pair.docs[side])) for pair in lonely]
		for pair, made in made_here:
			if made == SURELY:
				pair.unasked = side
		_meet(ctx, batch, side, [pair for pair, made in made_here if made != NOT])
		_meet(
			ctx, batch, side, [pair for pair in lonely if not (pair.unasked or pair.effect)], made_there=True
		)


def _know_by_name(ctx: Context, batch: Batch) -> None:
	"""Two documents of one name that looks counted are one all the same if a site made one of them by itself: so are the
	Contacts of a Lead that is called after a year."""
	for pair, here, there in namesakes(batch):
		made = [_made_by_site(ctx, batch, pair, side, pair.docs[side]) for side in SIDES]
		pair.effect = SURELY in made or (MAYBE in made and _equal_in_essence(batch, here, LOCAL, there))


def _made_by_site(ctx: Context, batch: Batch, pair: Pair, side: Side, doc: Document | None) -> Made:
	"""Whether the site made a document by itself; `pair` is the one that it is, or may be, of."""
	user = ctx.sites[side].user
	if not doc or doc.get("owner") != user or (_was_sent(doc) and not _handed_on(ctx, batch, doc, side)):
		return NOT
	if may_be_of_another(ctx, batch, pair, doc, side):
		return NOT
	made = datetime.fromisoformat(doc["creation"])
	causes = [batch.bound[side].get(doctype, {}).get(name) for doctype, name in links(doc, batch.shape, side)]
	if any(_in_a_write(made, cause.wrote.get(side, ())) for cause in causes if cause):
		return SURELY
	if user == ADMINISTRATOR or not any(
		_near(made, cause.written.get(side, ())) for cause in causes if cause
	):
		return NOT
	return SURELY if side == LOCAL else MAYBE


def _in_a_write(made: datetime, wrote: Sequence[tuple[str, int]]) -> bool:
	"""Whether something was made while one of these writes was under way, which left its moment somewhere in it."""
	return any(
		abs(made - datetime.fromisoformat(at)) <= timedelta(milliseconds=took + 1) for at, took in wrote
	)


def _near(made: datetime, written: Sequence[str]) -> bool:
	moments = [datetime.fromisoformat(each) for each in written if each]
	return any(-IN_THE_WRITE <= made - moment <= RIGHT_AFTER for moment in moments)


def _meet(
	ctx: Context, batch: Batch, side: Side, lonely: Sequence[Pair], *, made_there: bool = False
) -> None:
	"""Bind each of the pairs to an equal document of the other side that is not bound; with `made_there` only to what that
	site made by itself."""
	there = other(side)
	doctype, site = batch.rule.doctype, ctx.sites[there]
	if not lonely:
		return
	of_sync = [("owner", "=", site.user)] if made_there else []
	names = site.named(doctype, [*of_sync, *_alike(batch, side, lonely)], CANDIDATES)
	known = ctx.ledger.bindings(doctype, there, names)
	free = [name for name in names if name not in known or _stays_at_home(known[name], there)]
	read = list(site.read(doctype, free).values()) if free else []
	learn(ctx, batch, there, read)
	found = [doc for doc in read if not made_there or _made_by_site(ctx, batch, lonely[0], there, doc) != NOT]
	for degree in (_equal, _equal_in_essence, _equal_but_for_dates):
		for pair in [p for p in lonely if p.alone(side)]:
			doc = pair.docs[side]
			assert doc is not None
			same = _closest(batch, doc, side, [each for each in found if degree(batch, doc, side, each)])
			if same and (degree is _equal or len(same) == 1):
				found.remove(same[0])
				_bind(batch, pair, there, same[0], known.get(same[0]["name"]))


def _closest(batch: Batch, doc: Document, side: Side, same: Sequence[Document]) -> list[Document]:
	"""Those of them that agree with the document in the most fields: the tasks of one project differ in their subjects."""
	fields = batch.fields(doc, side)
	agreeing = [_agreeing(fields, batch.fields(each, other(side))) for each in same]
	return [each for each, count in zip(same, agreeing, strict=True) if count == max(agreeing)]


def _agreeing(one: Fields, two: Fields) -> int:
	"""In how many fields both say the same. What both leave empty tells nothing."""
	return sum(bool(one[name]) and one[name] == two[name] for name in one.keys() & two.keys())


def _bind(batch: Batch, pair: Pair, there: Side, doc: Document, known: Binding | None) -> None:
	"""What is known of a document that stayed at home is from now on known of the pair."""
	if known and not pair.binding.id:
		names = {**pair.binding.names, there: doc["name"]}
		pair.binding, pair.stored = replace(known, names=names), known
	else:
		pair.binding = replace(pair.binding, names={**pair.binding.names, there: doc["name"]})
	pair.docs[there], pair.unasked, pair.effect = doc, None, True
	batch.absorb(pair, there)


def _stays_at_home(binding: Binding, side: Side) -> bool:
	"""Whether the record says no more than that the site made the document by itself."""
	return binding.status == "Diverged" and not binding.names.get(other(side)) and not binding.intent


def _was_sent(doc: Document) -> bool:
	"""Whether a create of sync's made it, whose rows bear moments of their own (see `moments`)."""
	tables = [value for value in doc.values() if isinstance(value, list)]
	rows = [row for table in tables for row in table if isinstance(row, dict)]  # a list may be of its files
	return any((row.get("creation") or doc["creation"]) < doc["creation"] for row in rows)


def _handed_on(ctx: Context, batch: Batch, doc: Document, side: Side) -> bool:
	"""Whether rows of the document are those of one that it links to, along with their moments: a POS Closing Entry hands
	its rows on to the merge log that it makes."""
	site, bound = ctx.sites[side], batch.bound[side]
	for table, child in site.meta(batch.rule.doctype).children.items():
		moments = {row.get("creation") or doc["creation"] for row in doc.get(table) or ()}
		created = sorted(moment for moment in moments if moment < doc["creation"])
		for doctype, name in links(doc, batch.shape, side) if created else ():
			if name not in bound.get(doctype, ()):
				continue
			tables = {each.doctype for each in site.meta(doctype).children.values()}
			if child.doctype in tables and name in site.with_row(doctype, child.doctype, created):
				return True
	return False


def _alike(batch: Batch, side: Side, lonely: Sequence[Pair]) -> list[tuple[str, str, list[Any]]]:
	"""Frappe filters that the counterparts on the other side meet: their Links lead to the same documents."""
	there, filters = other(side), []
	docs = [doc for pair in lonely if (doc := pair.docs[side])]
	for f in batch.shape.fields:
		values = [doc.get(f.on(side)) for doc in docs]
		if f.type in ("Link", "Select") and not f.at_birth and all(values):
			told = {
				told_there(batch, side, f.options if f.type == "Link" else None, value) for value in values
			}
			filters.append((f.on(there), "in", sorted(told)))
	return filters


def _equal(batch: Batch, doc: Document, side: Side, candidate: Document) -> bool:
	return equal(batch.fields(doc, side), batch.fields(candidate, other(side)))


def _equal_in_essence(batch: Batch, doc: Document, side: Side, candidate: Document) -> bool:
	return _agree(batch, doc, side, candidate, TELLING_TYPES)


def _equal_but_for_dates(batch: Batch, doc: Document, side: Side, candidate: Document) -> bool:
	"""What a site makes on the day on which the cause arrives bears that day."""
	return _agree(batch, doc, side, candidate, TELLING_TYPES - {"Date"})


def _agree(batch: Batch, doc: Document, side: Side, candidate: Document, types: frozenset[str]) -> bool:
	one, two = batch.fields(doc, side), batch.fields(candidate, other(side))
	return _essence(one, batch.shape, types) == _essence(two, batch.shape, types)


def _essence(fields: Fields, shape: Shape, types: frozenset[str]) -> Fields:
	"""The fields of these types alone, also of the rows."""
	told: Fields = {}
	for f in shape.fields:
		if f.local not in fields:
			continue
		if f.rows is not None:
			told[f.local] = [_essence(row, f.rows, types) for row in fields[f.local] or ()]
		elif f.type in types or link_target(f, fields, shape, LOCAL):
			told[f.local] = fields[f.local]
	return told
