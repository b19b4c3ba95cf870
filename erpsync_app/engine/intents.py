# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Creates of which no answer was recorded: what they made is looked for before anything else is done.

It is known by its name, where that is the identity or was made up for it (see `name_for`). Where the site names it, by
all that was sent; by its rows, which bear the moment of the intent (see `stamped`); or, where people have edited it since
and it has none of these rows, by being most like what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from erpsync_app.engine.batch import CANDIDATES, Batch, Pair, equal, learn
from erpsync_app.engine.beside import beside
from erpsync_app.engine.canonical import instant
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.model import SIDES, Binding, Document, Held, Intent, Outcome, Side, other
from erpsync_app.engine.reused import is_another
from erpsync_app.engine.rows import copy_name

CLOCK_MARGIN = timedelta(days=1)
"""How far the clocks of two sites may differ when what an unclear create made is looked for by all that was sent."""

FRUIT = "it may be what an unfinished create made"
"""Why a document has to wait."""

NEAR = timedelta(minutes=75)
"""How near to the sending it was made, where it is only like what was sent. Clocks that people look after differ by less,
also in the hour that comes twice when summer time ends; and the sync user may be a person, who has made others like it
on the same day."""


def look_for_intents(ctx: Context, batch: Batch) -> None:
	"""A create of which no answer was recorded: look for what it may have made, before anything else."""
	begun = [(pair, intent) for pair in batch.pairs if (intent := pair.binding.intent)]
	looked = [(pair, intent, _candidates_for(ctx, batch, pair, intent)) for pair, intent in begun]
	others = {
		side: ctx.ledger.open_intents(batch.rule.doctype, side)
		for side in SIDES
		if any(intent.side == side for _, intent in begun)
	}
	# What is as it was sent is told for sure; only what is left then can be one that was edited since.
	found: dict[int, Document] = {}
	for choose in (_as_sent, _with_its_rows, _most_like):
		for pair, intent, free in looked:
			if choose is _most_like and ctx.sites[intent.side].atomic:
				continue  # nothing was made: whatever is only alike is another, and not to be touched
			taken = {doc["name"] for doc in found.values()}
			left = [doc for doc in free if doc["name"] not in taken]
			if id(pair) not in found and (
				doc := choose(batch, _name(pair, intent), intent, left, others[intent.side])
			):
				found[id(pair)] = doc
	for pair, intent in begun:
		_recover(ctx, batch, pair, intent, found.get(id(pair)))


def may_be_of_another(ctx: Context, batch: Batch, pair: Pair, doc: Document, side: Side) -> bool:
	"""Whether an unbound document may be the fruit of another one's create whose answer has not been recorded yet. To
	take it for anything else would double it: the event of that one sorts it out."""
	if doc.get("owner") != ctx.sites[side].user:
		return False
	mine = pair.stored.intent if pair.stored else None
	others = [
		intent
		for intent in ctx.ledger.open_intents(batch.rule.doctype, side)
		if intent != mine and doc["creation"] >= _moment(batch, intent, CLOCK_MARGIN)
	]
	if _made_up(batch):
		return any(doc["name"] == name_for(batch, "", intent) for intent in others)
	return bool(others)


def take_back(ctx: Context, pair: Pair, overtaken: bool) -> None:
	"""What was just created could not be recorded. If another worker has taken over meanwhile and creates, or has created,
	it as well, it is deleted; but not what anybody has bound or changed, nor what the next look for the intent will find.
	"""
	if not pair.made:
		return
	begun, made = pair.made
	assert begun.intent
	side, doctype, source = begun.intent.side, begun.doctype, other(begun.intent.side)
	if ctx.sites[side].atomic:
		pair.binding = begun  # it went with the save that failed, and its name is free again
		return
	name = begun.names.get(source) or ""
	known = ctx.ledger.bindings(doctype, source, [name]).get(name)
	still_open = known and known.intent and known.intent.since == begun.intent.since
	if overtaken and not still_open and not ctx.ledger.bindings(doctype, side, [made["name"]]):
		if known:  # whoever has read it in the meantime, and what was created along with it, is to read again
			ctx.ledger.save([Outcome(known)])
		ctx.sites[side].delete(doctype, made["name"], made["modified"])


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
	return copy_name(intent.since.isoformat()) if _made_up(batch) else None


def _made_up(batch: Batch) -> bool:
	return batch.rule.naming == "own" and batch.shape.random_names


def stamped(values: Document, batch: Batch, intent: Intent) -> Document:
	"""What is to be sent, each row of its tables with the moment of the intent as its `creation`. Frappe keeps the
	`creation` of a row that brings one (Document.set_user_and_timestamp; of the document itself it does not), and no
	edit changes it: so the document is known again, whatever people make of it."""
	moment = {"creation": _moment(batch, intent)}
	tables = {name: rows for name in _tables(batch, intent.side) if (rows := values.get(name))}
	return {**values, **{name: [{**row, **moment} for row in rows] for name, rows in tables.items()}}


def _bears(doc: Document, batch: Batch, intent: Intent) -> bool:
	"""Whether a row of the document was sent with that intent."""
	moment = _moment(batch, intent)
	return any(row["creation"] == moment for row in _rows(doc, batch, intent))


def _rows(doc: Document, batch: Batch, intent: Intent) -> list[Document]:
	"""Of the tables that were sent with rows."""
	sent = [f.on(intent.side) for f in batch.shape.fields if f.rows is not None and intent.sent.get(f.local)]
	return [row for name in sent for row in doc.get(name) or ()]


def _tables(batch: Batch, side: Side) -> list[str]:
	return [f.on(side) for f in batch.shape.fields if f.rows is not None]


def _moment(batch: Batch, intent: Intent, earlier: timedelta = timedelta(0)) -> str:
	"""When the intent was begun, or so much earlier, as its side tells a time."""
	zone = batch.terms[intent.side].zone
	return f"{(intent.since - earlier).astimezone(zone).replace(tzinfo=None):%Y-%m-%d %H:%M:%S.%f}"


def _recover(ctx: Context, batch: Batch, pair: Pair, intent: Intent, found: Document | None) -> None:
	if found is None:
		pair.binding = replace(pair.binding, intent=None)
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
	if _untouched(found):
		made = batch.held(found, intent.side)
		made = replace(made, fields={**made.fields, **bare})
	held = {
		intent.side: made,
		source: Held({**intent.sent, **bare}, modified="", created=begun.created if begun else ""),
	}
	if found.get("owner") != ctx.sites[intent.side].user:
		held = {}  # someone else's, of the same name: a first contact
	if batch.rule.naming == "keep" and found["name"] != _name(pair, intent) and not pair.renamed:
		pair.renamed = intent.side
	pair.docs[intent.side] = found
	pair.binding = replace(pair.binding, names=names, held=held, intent=None)
	batch.absorb(pair, intent.side)


def _name(pair: Pair, intent: Intent) -> str:
	"""Of the document that was to be created, on the side that had it."""
	return pair.binding.names.get(other(intent.side)) or ""


def _candidates_for(ctx: Context, batch: Batch, pair: Pair, intent: Intent) -> list[Document]:
	"""The documents that nobody accounts for and that the create may have made."""
	site, rule = ctx.sites[intent.side], batch.rule
	name = name_for(batch, _name(pair, intent), intent)
	found = list(site.read(rule.doctype, [name]).values()) if name else []
	if not found and not _made_up(batch):  # the site named it, or it was renamed since
		mine = [("owner", "=", site.user), ("creation", ">=", _moment(batch, intent, CLOCK_MARGIN))]
		found = site.find(rule.doctype, mine, CANDIDATES)
	learn(ctx, batch, intent.side, found)
	taken = ctx.ledger.bindings(rule.doctype, intent.side, [doc["name"] for doc in found])
	return [
		doc
		for doc in found
		if doc["name"] not in taken or is_another(rule, taken[doc["name"]], intent.side, doc)
	]


def _as_sent(
	batch: Batch, name: str, intent: Intent, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""What has the name that was asked for; where none was, what holds all that was sent."""
	for doc in free:
		if doc["name"] == name_for(batch, name, intent):
			return doc
		if equal(intent.sent, batch.fields(doc, intent.side)):
			return doc
	return None


def _with_its_rows(
	batch: Batch, name: str, intent: Intent, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	return next((doc for doc in free if _bears(doc, batch, intent)), None)


def _most_like(
	batch: Batch, name: str, intent: Intent, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""One that is not as it was sent: someone has edited it since, or the site made something else of it. To create
	again would double it. What another create has a better claim to, that one made. Where the name is the identity,
	one of another name that nobody has touched is another document; so is one that has rows as old as itself, none of
	which was sent with the intent."""
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
