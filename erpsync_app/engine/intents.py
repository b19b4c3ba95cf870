# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Creates of which no answer was recorded: what they made is looked for before anything else is done.

It is known by its name, where that is the identity or was made up for it (see `name_for`). Where the site names it, by
all that was sent; by its rows, which bear its moments (see `moments.py`); or, where people have edited it since
and it has none of these rows, by being most like what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from erpsync_app.engine.batch import Batch, candidates, equal, learn
from erpsync_app.engine.beside import beside
from erpsync_app.engine.canonical import instant
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.followers import has_something
from erpsync_app.engine.likeness import kept, likeness, whole
from erpsync_app.engine.merged import renamed_to
from erpsync_app.engine.model import SIDES, Binding, Document, Fields, Held, Intent, RowMap, Side, other
from erpsync_app.engine.moments import made_rows, moment, moments_in, rows_sent, send_of, untouched_rows
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.references import know_rows
from erpsync_app.engine.reused import is_another
from erpsync_app.engine.rows import copy_name

CLOCK_MARGIN = timedelta(days=1)
"""How far the clocks of two sites may differ when what an unclear create made is looked for by all that was sent."""

CONTENTS = 10
"""How many contents of a create that was begun again and again are remembered."""

STEM = 17
"""How many letters of a name that is made up are the same however often its create is begun again."""

FRUIT = "it may be what an unfinished create made"
"""Why a document has to wait."""

AT_MOST = 10_000
"""Milliseconds that a create took whose answer was lost."""

NEAR = timedelta(minutes=75)
"""How near to the sending it was made, where it is only like what was sent. Clocks that people look after differ by less,
also in the hour that comes twice when summer time ends; and the sync user may be a person, who has made others like it
on the same day."""


@dataclass
class _Search:
	"""What is needed to find the document that a create has made: `free` are the documents that nothing else accounts for,
	`asked` the names that the create asked for, and `names` those and the names to which one was renamed since: a document
	of one of these is the one for sure. `namesake` is one that someone else has made under a name that was asked for."""

	intent: Intent
	free: list[Document]
	asked: list[str]
	names: set[str]
	namesake: Document | None
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
			taken = {each.found["name"] for each in searches if each.found and each.intent.side == side}
			free = [doc for doc in search.free if doc["name"] not in taken]
			search.found = choose(batch, search, free, others[side])
	for (pair, _), search in zip(begun, searches, strict=True):
		if _yields(ctx, batch, pair, search):
			continue
		_recover(ctx, batch, pair, search.intent, search.found or search.namesake, search.names)
		if search.found and search.namesake:
			batch.add(pair.newcomer(search.intent.side, search.namesake), search.intent.side)


def may_be_of_another(ctx: Context, batch: Batch, pair: Pair, doc: Document, side: Side) -> bool:
	"""Whether an unbound document may be the fruit of another one's create whose answer has not been recorded yet. To
	take it for anything else would double it: the event of that one sorts it out."""
	if doc.get("owner") != ctx.sites[side].user:
		return False
	mine = pair.stored.intent if pair.stored else None
	others = [
		intent
		for intent in ctx.ledger.open_intents(batch.rule.doctype, side)
		if intent != mine and doc["creation"] >= moment(batch, intent, -CLOCK_MARGIN)
	]
	if makes_up(batch):
		return any(may_have_made(batch, intent, doc) for intent in others)
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


def names_beside(name: str, times: int) -> list[str]:
	"""The names that a create which asked for `name` would ask for if it is begun again up to so many times, and those
	that it may have asked for before."""
	return [each for n in range(times + 1) if (each := _nth(name, n)) != name]


def _nth(name: str, number: int) -> str:
	return f"{name[:STEM]}{number:03x}"


def _names_for(intent: Intent) -> list[str]:
	"""The made up names that the create has asked for so far, the last one first."""
	name = copy_name(intent.since.isoformat())
	return [_nth(name, number) for number in range(intent.again, -1, -1)]


def may_have_made(batch: Batch, intent: Intent, doc: Document) -> bool:
	"""Whether the document bears what the create gives to what it makes, a name or the moments of its rows."""
	if makes_up(batch):
		return doc["name"] in _names_for(intent)
	return send_of(doc, batch, intent) is not None


def begin(ctx: Context, batch: Batch, pair: Pair, side: Side, sent: Fields) -> Intent:
	"""The intent of a create. One that is begun again remembers what may have been sent before; and it keeps the moment of
	the first, where that is what tells of a document that the create has made it: a worker that stood still may yet send
	the first (see `late.py`)."""
	stored, instead_of = pair.stored.intent if pair.stored else None, _name_before(pair, side)
	if not stored or stored.side != side:
		return Intent(side, ctx.clock.now(), sent, instead_of)
	before = tuple(each for each in (*stored.before, stored.sent) if each != sent)[-CONTENTS:]
	tells = makes_up(batch) or any(isinstance(value, list) and value for value in sent.values())
	if batch.rule.naming == "own" and tells:
		return Intent(side, stored.since, sent, instead_of, stored.again + 1, before)
	return Intent(side, ctx.clock.now(), sent, instead_of, before=before)


def _name_before(pair: Pair, side: Side) -> str | None:
	"""The name by which the document was known on a side that is to get it anew."""
	names = [binding.names.get(side) for binding in (pair.binding, pair.stored) if binding]
	begun = pair.stored.intent if pair.stored else None
	return next(filter(None, [*names, begun.instead_of if begun else None]), None)


def _yields(ctx: Context, batch: Batch, pair: Pair, search: _Search) -> bool:
	"""Whether what the create made is to be deleted, since someone else made a document of the name that was asked for
	a moment before, so that the site gave it another one. The two are one document then, as on any first contact. What
	people have touched or put something beside stays, and what was made at another time; the other side follows with the
	name."""
	side, found, namesake = search.intent.side, search.found, search.namesake
	if not found or not namesake or not _untouched(found) or found["name"] in search.names:
		return False
	near = -_claim(batch, search.intent, found)[1] <= NEAR
	if not near or has_something(ctx, batch, side, found["name"]):
		search.names.add(found["name"])
		return False
	pair.docs[side], pair.doubles = found, namesake["name"]
	pair.binding = replace(pair.binding, names={**pair.binding.names, side: found["name"]})
	batch.absorb(pair, side)
	return True


def _recover(
	ctx: Context, batch: Batch, pair: Pair, intent: Intent, found: Document | None, names: set[str]
) -> None:
	if found is None:
		pair.binding = replace(pair.binding, intent=None, rows={})
		return
	if _untouched(found):
		# By itself: of many, a site tells documents and rows in two calls, between which someone may have edited one.
		found = ctx.sites[intent.side].read(batch.rule.doctype, [found["name"]]).get(found["name"], found)
		learn(ctx, batch, intent.side, [found])
	held, rows = _baselines(batch, pair, intent, found)
	if found.get("owner") != ctx.sites[intent.side].user:
		held, rows = {}, {}  # someone else's, of the same name: a first contact
	# One that nobody touched, and of which no note says that it was renamed, was named so by its site.
	by_person = found["name"] in names or not _untouched(found)
	other_name = batch.rule.naming == "keep" and found["name"] != _name(pair.binding, intent)
	if other_name and by_person and not pair.renamed:
		pair.renamed = intent.side
	pair.docs[intent.side] = found
	bound = {**pair.binding.names, intent.side: found["name"]}
	pair.binding = replace(pair.binding, names=bound, held=held, rows=rows, intent=None)
	know_rows(batch, rows.values())
	batch.absorb(pair, intent.side)


def _baselines(
	batch: Batch, pair: Pair, intent: Intent, found: Document
) -> tuple[dict[Side, Held | None], Mapping[str, RowMap]]:
	"""What was sent is the baseline of both sides: edits made since then are seen as such. Where nobody touched what the
	create made, it is its own, with all that the site made of it."""
	side, sent, untouched = intent.side, _what_was_sent(batch, intent, found), _untouched(found)
	made = batch.held(found, side) if untouched else Held(sent, modified="", created=found["creation"])
	made = replace(made, wrote=((found["creation"], AT_MOST),))
	rows: Mapping[str, RowMap] = {}
	if sent is intent.sent:
		rows = (untouched_rows if untouched else made_rows)(batch, pair.binding.rows, intent, found)
	begun = pair.binding.held.get(other(side))
	# A file or a tag that is there by now is an edit in any case: `modified` does not tell of it.
	bare = {name: {} for name in beside(batch.rule)}
	theirs = Held({**sent, **bare}, modified="", created=begun.created if begun else "")
	return {side: replace(made, fields={**made.fields, **bare}), other(side): theirs}, rows


def _what_was_sent(batch: Batch, intent: Intent, found: Document) -> Fields:
	"""Of what was sent, first and again, that of which the document holds the most."""
	fields = batch.fields(found, intent.side)

	def held(sent: Fields) -> tuple[float, float]:
		values = [(value, fields.get(name)) for name, value in sent.items()]
		return sum(whole(*each) for each in values), sum(kept(*each) for each in values)

	return max((intent.sent, *intent.before[::-1]), key=held)


def _name(binding: Binding, intent: Intent) -> str:
	"""Of the document that was to be created, on the side that had it."""
	return binding.names.get(other(intent.side)) or ""


def _search(ctx: Context, batch: Batch, pair: Pair, intent: Intent) -> _Search:
	site, rule = ctx.sites[intent.side], batch.rule
	name = name_for(batch, _name(pair.stored or pair.binding, intent), intent)
	asked = _names_for(intent) if makes_up(batch) else [name] if name else []
	docs = site.read(rule.doctype, asked) if asked else {}
	there = _free(ctx, batch, intent, [docs[name] for name in asked if name in docs])
	free = [doc for doc in there if doc.get("owner") == site.user]
	namesake = next((doc for doc in there if doc not in free), None)
	names = set(asked)
	if rule.naming == "own" and not free:
		free = _free(ctx, batch, intent, _with_its_moments(ctx, batch, intent))
	if not free and not makes_up(batch):  # the site named it, or it was renamed since
		since = moment(batch, intent, -CLOCK_MARGIN)
		mine = [("owner", "=", site.user), ("creation", ">=", since)]
		free = _free(ctx, batch, intent, candidates(ctx, rule.doctype, intent.side, mine))
		if name and free:
			names |= renamed_to(ctx, rule.doctype, intent.side, name, since)
	learn(ctx, batch, intent.side, [*free, *([namesake] if namesake else [])])
	return _Search(intent, free, asked, names, namesake)


def _free(ctx: Context, batch: Batch, intent: Intent, found: Sequence[Document]) -> list[Document]:
	"""Those that nobody accounts for, by their names or by one that they had before they were renamed."""
	if not found:
		return []
	rule, side = batch.rule, intent.side
	taken = ctx.ledger.bindings(rule.doctype, side, [doc["name"] for doc in found])
	known = ctx.ledger.by_creation(rule.doctype, side, sorted({doc["creation"] for doc in found}))
	named_before = {
		created: names
		for created, bindings in known.items()
		if (names := {name for b in bindings if (name := b.names.get(side)) and name not in taken})
	}
	old = sorted(set().union(*named_before.values()))
	there = ctx.sites[side].read(rule.doctype, old) if old else {}
	renamed = {
		created
		for created, names in named_before.items()
		if any(there.get(name, {}).get("creation") != created for name in names)
	}
	return [
		doc
		for doc in found
		if doc["creation"] not in renamed
		and (doc["name"] not in taken or is_another(rule, taken[doc["name"]], side, doc))
	]


def _with_its_moments(ctx: Context, batch: Batch, intent: Intent) -> list[Document]:
	"""What has a row that was sent with the intent: of many that sync has made on that day it is not to be missed."""
	site, doctype = ctx.sites[intent.side], batch.rule.doctype
	names: set[str] = set()
	for table, child in site.meta(doctype).children.items():
		if given := moments_in(batch, intent, table):
			names.update(site.with_row(doctype, child.doctype, given))
	docs = site.read(doctype, sorted(names)).values() if names else ()
	return [doc for doc in docs if doc.get("owner") == site.user]


def _as_sent(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""What has the name that was asked for, or had it before it was renamed; where none was, what holds all that was
	sent."""
	intent = search.intent
	for doc in free:
		fields = batch.fields(doc, intent.side)
		if doc["name"] in search.names or any(equal(sent, fields) for sent in (intent.sent, *intent.before)):
			return doc
	return None


def _with_its_rows(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	told = [(n, doc) for doc in free if (n := send_of(doc, batch, search.intent)) is not None]
	return max(told, key=lambda each: each[0])[1] if told else None


def _most_like(
	batch: Batch, search: _Search, free: list[Document], others: Sequence[Intent]
) -> Document | None:
	"""One that is not as it was sent: someone has edited it since, or the site made something else of it. To create
	again would double it. What another create has a better claim to, that one made. Where the name is the identity,
	one of another name that nobody has touched is another document, and so is one that is called otherwise in the field
	which the name was taken from; so is one with rows that were sent with another intent, and one that nobody has touched
	and that has rows, none of which was sent with this one."""
	intent = search.intent
	rivals = [o for o in others if o.sent != intent.sent]
	called = {
		f: value for f, value in intent.sent.items() if batch.rule.naming == "keep" and value in search.asked
	}

	def mine(doc: Document) -> bool:
		rows = [row["creation"] for row in rows_sent(doc, batch, intent)]
		if _untouched(doc) and (rows or batch.rule.naming == "keep"):
			return False
		if any(created and created < doc["creation"] for created in rows):
			return False
		if called and not called.items() <= batch.fields(doc, intent.side).items():
			return False
		if any(send_of(doc, batch, o) is not None for o in others):
			return False
		claim = _claim(batch, intent, doc)
		return claim[0] >= 0.5 and -claim[1] <= NEAR and all(_claim(batch, o, doc) <= claim for o in rivals)

	return max(filter(mine, free), key=lambda doc: _claim(batch, intent, doc), default=None)


def _claim(batch: Batch, intent: Intent, doc: Document) -> tuple[float, timedelta]:
	"""How much of what was sent the document holds; and how near to the sending it was made, as far as clocks tell."""
	fields = batch.fields(doc, intent.side)
	share = max(likeness(sent, fields) for sent in (intent.sent, *intent.before))
	return share, -abs(instant(doc["creation"], batch.terms[intent.side].zone) - intent.since)


def _untouched(doc: Document) -> bool:
	return doc["modified"] == doc.get("creation")
