# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Comments and assignments: documents about other documents, which cross where the rule of those says so.

Each is synced as any document is, under a rule that follows from the rules of what they are about. It goes no
other way than its leader, the document that it is about, and not before it.

Frappe deletes them with their leader, without a trace. So what is newly said of a document counts as an edit of it
where the other side deleted it; and what went with a leader that came back is made again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import NeedsPerson, Refused, Stale
from erpsync_app.engine.model import LOCAL, SIDES, Binding, Document, Event, Rule, Side, other
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.rules import filters_on, matches

Filter = tuple[str, str, Any]

MOST = 10_000
"""How many followers of a kind are looked at, of the documents of a batch."""


@dataclass(frozen=True, slots=True)
class Follower:
	"""A DocType of such documents. `option` is the word of a rule that lets them cross, `about` their fields for the
	leader's DocType and name. Which of them are meant: `kind` says it at any time, `taken_up` at first contact."""

	option: Literal["comments", "assignments"]
	about: tuple[str, str]
	kind: tuple[Filter, ...] = ()
	taken_up: tuple[Filter, ...] = ()
	match_fields: tuple[str, ...] = ()
	exclude: frozenset[str] = frozenset()


FOLLOWERS: Mapping[str, Follower] = {
	"Comment": Follower(
		"comments",
		("reference_doctype", "reference_name"),
		kind=(
			("comment_type", "=", "Comment"),
		),  # Frappe keeps its own notes of a document in the same table
		exclude=frozenset(("seen", "ip_address", "reference_owner")),
	),
	"ToDo": Follower(
		"assignments",
		("reference_type", "reference_name"),
		taken_up=(("status", "=", "Open"),),
		# A person has one open assignment to a document, as Frappe sees to.
		match_fields=("allocated_to", "reference_type", "reference_name", "status"),
		exclude=frozenset(("assignment_rule",)),
	),
}


def with_followers(rules: Mapping[str, Rule]) -> dict[str, Rule]:
	"""The rules of people, and those that follow from them. One that a person wrote for such a DocType stands instead."""
	following = {}
	for doctype, follower in FOLLOWERS.items():
		leaders = sorted(rule.doctype for rule in rules.values() if getattr(rule, follower.option))
		if leaders and doctype not in rules:
			following[doctype] = Rule(
				doctype,
				filters=(*follower.kind, *follower.taken_up, (follower.about[0], "in", leaders)),
				match_fields=follower.match_fields,
				exclude=follower.exclude,
				naming="own",
				attachments=False,
				follows=True,
			)
	return {**rules, **following}


def look_at_leaders(ctx: Context, batch: Batch) -> None:
	"""See where the documents of a batch may go, and leave out those whose leaders do not cross: nothing would ever end
	their waiting."""
	if not batch.rule.follows:
		return
	follower = FOLLOWERS[batch.rule.doctype]
	of_doctype, of_name = follower.about
	unbound: dict[tuple[Side, str], dict[str, list[Pair]]] = {}
	for pair in batch.pairs:
		for side, doc in pair.docs.items():
			if doc is None:
				continue
			doctype, name = str(doc.get(of_doctype) or ""), str(doc.get(of_name) or "")
			leader = ctx.rules.get(doctype)
			lets = leader is not None and getattr(leader, follower.option)
			pair.closed |= {s for s in SIDES if not (leader and lets and leader.writes(s))}
			if not pair.binding.id and name not in batch.bound[side].get(doctype, ()):
				unbound.setdefault((side, doctype), {}).setdefault(name, []).append(pair)
	for (side, doctype), pairs in unbound.items():
		leader = ctx.rules.get(doctype)
		met = ctx.sites[side].stamps(doctype, list(pairs), filters_on(leader, side)) if leader else {}
		for name in pairs.keys() - met.keys():
			for pair in pairs[name]:
				pair.in_scope = False


def look_for_news(ctx: Context, batch: Batch) -> None:
	"""See of which documents that the other side deleted something is said that has not crossed."""
	for side in SIDES:
		going = {doc["name"]: p for p in batch.pairs if (doc := p.docs[side]) and p.deleted[other(side)]}
		for name in _with_news(ctx, batch.rule, side, going) & going.keys():
			going[name].news.add(side)


def check_news(ctx: Context, batch: Batch, pair: Pair, side: Side) -> None:
	"""Raise Stale if something was said of the document since it was read: a deletion would take it along."""
	doc = pair.docs[side]
	if doc and side not in pair.news and _with_news(ctx, batch.rule, side, [doc["name"]]):
		raise Stale(f"Something was said of it on the {side} side in the meantime.")


def look_at_followers(ctx: Context, rule: Rule, side: Side, name: str | None) -> None:
	"""Queue what is said of a document on `side`: on the other one it went with a document that was deleted."""
	found = _about(ctx, rule, side, [name] if name else [])
	ctx.queue.put(
		[Event(side, doctype, doc["name"], trigger="scan") for doctype, docs in found for doc in docs]
	)


def _with_news(ctx: Context, rule: Rule, side: Side, names: Collection[str]) -> set[str]:
	news = set()
	for doctype, docs in _about(ctx, rule, side, names):
		known = ctx.ledger.stamps(doctype, side, [doc["name"] for doc in docs])
		follower, unchanged = FOLLOWERS[doctype], []
		for doc in docs:
			was = known.get(doc["name"])
			if was == doc["modified"]:
				unchanged.append(doc)
			# What was closed before it crossed stays at home, and goes with its document.
			elif was is not None or matches(follower.taken_up, doc):
				news.add(str(doc[follower.about[1]]))
		news |= _merged_in(ctx, rule, side, doctype, unchanged)
	return news


def _merged_in(ctx: Context, rule: Rule, side: Side, doctype: str, docs: Sequence[Document]) -> set[str]:
	"""The documents of which something is said that was said of another one when it was in step: that one was merged into
	them, which touches neither them nor what is said."""
	of_name = FOLLOWERS[doctype].about[1]
	bound = ctx.ledger.bindings(doctype, side, [doc["name"] for doc in docs]) if docs else {}
	# Of each document the local names of those of which it was said before.
	before: dict[str, set[str]] = {}
	for doc in docs:
		held = bound[doc["name"]].held.get(side) if doc["name"] in bound else None
		if held and (old := held.fields.get(of_name)):
			before.setdefault(str(doc[of_name]), set()).add(str(old))
	leaders = ctx.ledger.bindings(rule.doctype, side, sorted(before)) if before else {}
	others = {
		name: olds - {leaders[name].names.get(LOCAL)} for name, olds in before.items() if name in leaders
	}
	moved = sorted(set().union(*others.values()))
	if not moved:
		return set()
	# One that was only renamed has left no trail of a deletion.
	theirs = {
		old: name
		for old, binding in ctx.ledger.bindings(rule.doctype, LOCAL, moved).items()
		if (name := binding.names.get(side))
	}
	gone = ctx.sites[side].deleted_at(rule.doctype, sorted(theirs.values())) if theirs else {}
	return {name for name, olds in others.items() if any(theirs.get(old) in gone for old in olds)}


def _about(
	ctx: Context, rule: Rule, side: Side, names: Collection[str]
) -> Iterator[tuple[str, list[Document]]]:
	"""What is said of documents on a side and may cross, by its DocType."""
	for doctype, follower in FOLLOWERS.items():
		if names and getattr(rule, follower.option) and doctype in ctx.rules and ctx.rules[doctype].follows:
			of_doctype, of_name = follower.about
			these = [(of_doctype, "=", rule.doctype), (of_name, "in", sorted(names))]
			yield doctype, ctx.sites[side].find(doctype, [*follower.kind, *these], MOST)


def look_for_vanished(ctx: Context, batch: Batch) -> None:
	"""What is gone from a side without a trace went with its leader. It is made again where the leader was made again
	since, and waits while that is under way; else, as anything that is newly said of a leader that is gone there, it
	stays where it is: whoever makes the leader again has it looked at."""
	if not batch.rule.follows:
		return
	of_doctype, of_name = FOLLOWERS[batch.rule.doctype].about
	for side in SIDES:
		alone: dict[str, dict[str, list[Pair]]] = {}
		for pair in batch.pairs:
			doc = pair.docs[other(side)]
			if doc and not pair.docs[side] and not pair.deleted[side]:
				doctype, name = str(doc.get(of_doctype) or ""), str(doc.get(of_name) or "")
				alone.setdefault(doctype, {}).setdefault(name, []).append(pair)
		for doctype, pairs in alone.items():
			leaders = ctx.ledger.bindings(doctype, other(side), sorted(pairs))
			names = {name for leader in leaders.values() if (name := leader.names.get(side))}
			found = ctx.sites[side].read(doctype, sorted(names)) if names else {}
			for name, leader in leaders.items():
				for pair in pairs.get(name, ()):
					_look_at_leader(ctx, batch, pair, side, leader, found.get(leader.names.get(side) or ""))


def _look_at_leader(
	ctx: Context, batch: Batch, pair: Pair, side: Side, leader: Binding, found: Document | None
) -> None:
	"""`found` is what the leader's name means on that side; nothing, where the name was let go of for another one."""
	held, base = pair.binding.held.get(side), leader.held.get(side)
	another = bool(found and base and base.created not in ("", found["creation"]))
	if leader.intent and leader.status != "Failed":
		pair.awaits = f"the {leader.doctype} that it is about is being created on the {side} side"
	elif not (base or leader.names.get(side)):
		pass  # it was never there, and is waited for as any document that is linked to
	elif found is None and leader.status in ("Diverged", "Conflict", "Failed"):
		pair.in_scope = False
	elif another and leader.status in ("Conflict", "Failed"):
		pair.in_scope = False  # a person is to see what becomes of its leader
	elif found is None:
		# Deleted or renamed, which its own event tells.
		pair.awaits = f"the {leader.doctype} that it is about is not to be found on the {side} side"
		pair.looks_at = Event(other(side), leader.doctype, leader.names[other(side)] or "", trigger="scan")
	elif another:
		# Deleted and made again, or merged away and its name given to another: its own event tells.
		pair.awaits = f"the {leader.doctype} that it is about is another one on the {side} side by now"
	elif held and (
		(held.created and found["creation"] > held.created)
		or _was_about_another(ctx, batch, pair, side, leader)
	):
		names = {**pair.binding.names, side: None}
		pair.binding = replace(pair.binding, names=names, held={**pair.binding.held, side: None})


def _was_about_another(ctx: Context, batch: Batch, pair: Pair, side: Side, leader: Binding) -> bool:
	"""Whether it went with another leader: it was about that one when it was in step, which has been merged away since on
	the side where it still is."""
	doc, held = pair.docs[other(side)], pair.binding.held.get(side)
	of_name = FOLLOWERS[batch.rule.doctype].about[1]
	old = held.fields.get(of_name) if held else None
	if not (doc and old) or old == batch.fields(doc, other(side)).get(of_name):
		return False
	# Both are names of the local site. A leader that was only renamed has left no trail of a deletion.
	return old in ctx.sites[LOCAL].deleted_at(leader.doctype, [old])


def has_something(ctx: Context, batch: Batch, side: Side, name: str) -> bool:
	"""Whether people have put something beside the document, which does not touch it; also where it cannot be seen."""
	site, doctype = ctx.sites[side], batch.rule.doctype
	try:
		if (
			site.files("attached_to_name", [name], doctype=doctype, limit=1)
			or site.tags(doctype, [name])[name]
		):
			return True
		for kind, follower in FOLLOWERS.items():
			of_doctype, of_name = follower.about
			about = [*follower.kind, (of_doctype, "=", doctype), (of_name, "=", name)]
			if site.find(kind, about, 1):
				return True
	except (NeedsPerson, Refused):
		return True
	return False
