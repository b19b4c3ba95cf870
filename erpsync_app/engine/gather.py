# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""From events to pairs: who is who on the other side, and what both sides hold now.

Everything is read in bulk, a few look-ups for a whole batch of one DocType. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo

from erpsync_app.engine.batch import CANDIDATES, Batch, candidates, learn, told_there
from erpsync_app.engine.cancels import look_for_linking
from erpsync_app.engine.canonical import instant
from erpsync_app.engine.context import Context
from erpsync_app.engine.dependencies import unbound_links
from erpsync_app.engine.effects import look_for_effects
from erpsync_app.engine.files import find_twins
from erpsync_app.engine.followers import look_at_leaders, look_for_news, look_for_vanished
from erpsync_app.engine.goods import look_at_goods
from erpsync_app.engine.intents import FRUIT, look_for_intents, may_be_of_another
from erpsync_app.engine.late import look_for_late
from erpsync_app.engine.mapping import Terms, link_target
from erpsync_app.engine.merged import look_for_merged
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Binding,
	Document,
	Event,
	Rule,
	Side,
	other,
)
from erpsync_app.engine.numbers import agree, is_one, look_for_namesakes
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.reused import is_another
from erpsync_app.engine.rules import matches

USERS = {"User": "name", "Contact": "user"}
"""The DocTypes that show the users of a site, and the field that names the user."""


def gather(ctx: Context, doctype: str, events: Sequence[Event]) -> Batch:
	"""Pair up the documents of the events, all of one DocType, and read both sides of each."""
	rule, shape = ctx.rules[doctype], ctx.shape(doctype)
	pairs = _pair_up(ctx, rule, events)
	batch = Batch(rule, shape, pairs, terms_of(ctx), ctx.counter(doctype))
	_read(ctx, batch)
	look_for_merged(ctx, batch, usurped=True)
	_part_from_reused(ctx, batch)
	_look_for_renames(ctx, batch)
	look_for_intents(ctx, batch)
	_meet(ctx, batch)
	look_for_merged(ctx, batch)
	_look_for_deletions(ctx, batch)
	look_for_late(ctx, batch)
	look_for_effects(ctx, batch)
	look_for_linking(ctx, batch)
	find_twins(ctx, batch)
	for pair in batch.pairs:
		pair.in_scope = bool(pair.binding.id) or (_in_scope(batch, pair) and not _is_sync_user(ctx, pair))
	look_for_namesakes(batch)
	look_at_leaders(ctx, batch)
	look_at_goods(ctx, batch)
	look_for_vanished(ctx, batch)
	look_for_news(ctx, batch)
	return batch


def _pair_up(ctx: Context, rule: Rule, events: Sequence[Event]) -> list[Pair]:
	"""One pair for each document. Events on both sides of one document meet in one pair where the binding, or
	the rule that the name is the identity, says that they belong together."""
	names = {side: list({e.name for e in events if e.side == side}) for side in SIDES}
	known = {side: dict(ctx.ledger.bindings(rule.doctype, side, names[side])) for side in SIDES}
	if rule.naming == "keep":
		for side in SIDES:
			# Of the other side's document of that name a create is under way here, or was refused.
			free = [name for name in names[side] if name not in known[side]]
			for name, binding in ctx.ledger.bindings(rule.doctype, other(side), free).items():
				if binding.names.get(side) is None:
					known[side][name] = binding
	pairs: dict[object, Pair] = {}
	for event in events:
		binding = known[event.side].get(event.name)
		if binding:
			key: object = binding.id
		else:
			key = event.name if rule.naming == "keep" else (event.side, event.name)
			binding = Binding(rule.doctype, {event.side: event.name, other(event.side): None})
		pair = pairs.setdefault(key, Pair(binding, stored=binding if binding.id else None))
		pair.events.append(event)
		if pair.binding.id is None:
			pair.binding = replace(pair.binding, names={**pair.binding.names, event.side: event.name})
	return list(pairs.values())


def terms_of(ctx: Context) -> dict[Side, Terms]:
	zone = ctx.sites[LOCAL].time_zone
	return {LOCAL: Terms(LOCAL, zone, zone), CLOUD: Terms(CLOUD, ctx.sites[CLOUD].time_zone, zone, {}, {})}


def _read(ctx: Context, batch: Batch) -> None:
	for side in SIDES:
		names = [name for pair in batch.pairs if (name := pair.binding.names.get(side))]
		docs = ctx.sites[side].read(batch.rule.doctype, names) if names else {}
		for pair in batch.pairs:
			pair.docs[side] = docs.get(pair.binding.names.get(side) or "")
		learn(ctx, batch, side, docs.values())


def _part_from_reused(ctx: Context, batch: Batch) -> None:
	"""A name that now means another document: that one is new here, or was renamed, and the bound one is let go of."""
	for at, pair in enumerate(batch.pairs):
		for side in SIDES:
			doc = pair.docs[side]
			if (
				doc
				and pair.binding.id
				and (
					is_another(batch.rule, pair.binding, side, doc)
					or _was_renamed(ctx, batch, pair, side, doc)
				)
			):
				batch.pairs[at] = pair.newcomer(side, doc)
				batch.pairs[at].usurps = pair.binding, side
				break


def _was_renamed(ctx: Context, batch: Batch, pair: Pair, side: Side, doc: Document) -> bool:
	"""Whether what has the name now is a bound document that had another one."""
	if not pair.made_again(side) or pair.binding.intent:
		return False
	created, doctype = doc["creation"], batch.rule.doctype
	known = [
		b
		for b in ctx.ledger.by_creation(doctype, side, [created]).get(created, ())
		if b.id != pair.binding.id
	]
	names = [name for b in known if (name := b.names.get(side))]
	there = ctx.sites[side].read(doctype, names) if names else {}
	return any(there.get(name, {}).get("creation") != created for name in names)


def _meet(ctx: Context, batch: Batch) -> None:
	"""First contact: find the document that an unbound one is on the other side, if it is there; by the match fields of
	the rule, then by the name."""
	for side in SIDES:
		for fields in (batch.rule.match_fields, ()) if batch.rule.match_fields else ((),):
			_meet_by(ctx, batch, side, fields)


def _meet_by(ctx: Context, batch: Batch, side: Side, fields: tuple[str, ...]) -> None:
	there = other(side)
	lonely = [
		pair
		for pair in batch.pairs
		if pair.alone(side) and not pair.ambiguous and _tells(ctx, batch, pair, side, fields)
	]
	if not lonely:
		return
	met = _candidates(ctx, batch, side, lonely, fields)
	learn(ctx, batch, there, met)
	known = ctx.ledger.bindings(batch.rule.doctype, there, [doc["name"] for doc in met])
	# Each of two of one name was tried to be created on the other side, and refused since the other one is there.
	apart = {name: b for name, b in known.items() if batch.rule.naming == "keep" and _met_nobody(b, side)}
	# What an unclear create has made is told by now, and recorded later.
	bound = {doc["name"] for p in batch.pairs if p.binding.id and (doc := p.docs[there])}
	taken = (known.keys() | bound) - apart.keys()
	free = [doc for doc in met if doc["name"] not in taken]
	for pair in lonely:
		doc = pair.docs[side]
		assert doc is not None
		found = [c for c in free if _is_same(batch, doc, side, c, fields)]
		if len(found) > 1:
			pair.ambiguous = f"{len(found)} documents on the {there} side match it by {', '.join(fields)}"
		elif (
			found
			and batch.rule.naming == "own"
			and (
				may_be_of_another(ctx, batch, pair, doc, side)
				or may_be_of_another(ctx, batch, pair, found[0], there)
			)
		):
			pair.awaits = FRUIT
		elif found:
			free.remove(found[0])
			if record := apart.get(found[0]["name"]):
				pair.usurps = record, there
			pair.docs[there] = found[0]
			pair.binding = replace(pair.binding, names={**pair.binding.names, there: found[0]["name"]})
			batch.absorb(pair, there)


def _met_nobody(binding: Binding, side: Side) -> bool:
	"""Whether its document was never on `side`, and is not about to be."""
	return not (binding.names.get(side) or binding.held.get(side) or binding.intent)


def _tells(ctx: Context, batch: Batch, pair: Pair, side: Side, fields: tuple[str, ...]) -> bool:
	"""Whether the match fields may be compared: not where one links to a document that has yet to cross and that each site
	names by itself, since there its name is another one's, if it is anyone's."""
	found = unbound_links(ctx, batch, pair, side, fields) if fields else ()
	return all(ctx.rules[doctype].naming != "own" for _, doctype, _ in found)


def _candidates(
	ctx: Context, batch: Batch, side: Side, lonely: list[Pair], fields: tuple[str, ...]
) -> list[Document]:
	there, rule = other(side), batch.rule
	if not fields:
		names = [pair.binding.names[side] or "" for pair in lonely]
		return list(ctx.sites[there].read(rule.doctype, names).values())
	first = batch.shape.named(fields[0])
	docs = [doc for pair in lonely if (doc := pair.docs[side]) and first and doc.get(first.on(side))]
	if not docs:
		return []
	wanted = list(rule.filters if rule.follows else ())
	for f in filter(None, map(batch.shape.named, fields)):
		values = [doc.get(f.on(side)) for doc in docs]
		# In which each value stands as it is, and each of the documents has one.
		if f is first or (f.type in ("Data", "Link", "Dynamic Link", "Select") and all(values)):
			links_to = [link_target(f, doc, batch.shape, side) for doc in docs]
			told = {told_there(batch, side, *each) for each in zip(links_to, values, strict=True)}
			wanted.append((f.on(there), "in", sorted(told)))
	return candidates(ctx, rule.doctype, there, wanted)


def _is_same(batch: Batch, doc: Document, side: Side, candidate: Document, fields: tuple[str, ...]) -> bool:
	if fields:
		return agree(batch.fields(doc, side), batch.fields(candidate, other(side)), fields)
	if batch.rule.naming == "own":
		return is_one(batch, doc, side, candidate)
	return doc["name"] == candidate["name"]


def _look_for_renames(ctx: Context, batch: Batch) -> None:
	"""A rename leaves no trail that tells it, but `creation` stays: a bound name that is gone and an unbound document
	of that creation are one. So it is found from either end, whichever of them an event names."""
	for side in SIDES:
		strangers = {
			doc["creation"]: p for p in batch.pairs if p.binding.id is None and (doc := p.docs[side])
		}
		told = ctx.ledger.by_creation(batch.rule.doctype, side, list(strangers)) if strangers else {}
		known = {created: found[0] for created, found in told.items() if len(found) == 1}
		names = [name for b in known.values() if (name := b.names.get(side))]
		there = ctx.sites[side].read(batch.rule.doctype, names) if names else {}
		for created, binding in known.items():
			holder = there.get(binding.names.get(side) or "")
			if holder is None or holder["creation"] != created:  # the name is gone, or another's by now
				_take_over(ctx, batch, strangers[created], binding, side)
	# When both sides have had their turn: whoever was renamed on the one may have been renamed on the other as well.
	for side in SIDES:
		_look_for_gone(ctx, batch, side)


def _look_for_gone(ctx: Context, batch: Batch, side: Side) -> None:
	gone = {
		held.created: pair
		for pair in batch.pairs
		if (held := pair.binding.held.get(side))
		and held.created
		# Gone, or its name is another's by now.
		and (pair.docs[side] or {}).get("creation") != held.created
	}
	if not gone:
		return
	found = ctx.sites[side].find(batch.rule.doctype, [("creation", "in", sorted(gone))], CANDIDATES)
	taken = ctx.ledger.bindings(batch.rule.doctype, side, [doc["name"] for doc in found])
	for moment, pair in gone.items():
		same = [doc for doc in found if doc["creation"] == moment and doc["name"] not in taken]
		if len(same) == 1:
			learn(ctx, batch, side, same)
			if usurper := pair.docs[side]:
				batch.add(pair.newcomer(side, usurper), side)
			pair.docs[side], pair.renamed = same[0], side
			pair.binding = replace(pair.binding, names={**pair.binding.names, side: same[0]["name"]})
			batch.absorb(pair, side)


def _take_over(ctx: Context, batch: Batch, pair: Pair, binding: Binding, side: Side) -> None:
	"""The unbound document of a pair is the bound one under a new name."""
	doc, there = pair.docs[side], other(side)
	assert doc is not None
	pair.stored = binding
	pair.binding = replace(binding, names={**binding.names, side: doc["name"]})
	pair.renamed = side
	for twin in [p for p in batch.pairs if p is not pair and p.binding.id == binding.id]:
		pair.events += twin.events
		batch.pairs.remove(twin)
		if usurper := twin.docs[side]:
			batch.add(twin.newcomer(side, usurper), side)
	name = binding.names.get(there)
	pair.docs[there] = ctx.sites[there].read(batch.rule.doctype, [name]).get(name) if name else None
	learn(ctx, batch, there, [d for d in (pair.docs[there],) if d])


def _look_for_deletions(ctx: Context, batch: Batch) -> None:
	for side in SIDES:
		gone = {
			name: pair
			for pair in batch.pairs
			if pair.docs[side] is None
			and not pair.merged[side]
			and pair.binding.held.get(side)
			and (name := pair.binding.names.get(side))
		}
		for pair in batch.pairs:
			# Its name was let go of, since another document has it.
			pair.deleted[side] |= bool(pair.binding.held.get(side) and not pair.binding.names.get(side))
		if not gone:
			continue
		zone = batch.terms[side].zone
		for name, when in ctx.sites[side].deleted_at(batch.rule.doctype, list(gone)).items():
			held = gone[name].binding.held[side]
			# A deletion that was surely before the last sync was of an earlier document of that name.
			gone[name].deleted[side] = held is not None and _may_follow(when, held.modified, zone)


def _may_follow(when: str, modified: str, zone: tzinfo) -> bool:
	"""Whether one naive time of a site may be later than another, which is empty for one of long ago."""
	return not modified or instant(when, zone, fold=1) >= instant(modified, zone)


def _in_scope(batch: Batch, pair: Pair) -> bool:
	"""Whether a document that is not bound yet meets the rule's filters, on a side that has it."""
	return any(
		matches(batch.rule.filters, {**doc, **batch.fields(doc, side, at_birth=True)})
		for side in SIDES
		if (doc := pair.docs[side]) is not None
	)


def _is_sync_user(ctx: Context, pair: Pair) -> bool:
	"""Whether the document is the user that sync runs as on either site, or the Contact of that user: each site has its
	own."""
	users, field = {site.user for site in ctx.sites.values()}, USERS.get(pair.binding.doctype)
	return field is not None and any(doc and doc.get(field) in users for doc in pair.docs.values())
