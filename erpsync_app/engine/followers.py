# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Comments and assignments: documents about other documents, which cross where the rule of those says so.

Each is synced as any document is, under a rule that follows from the rules of what they are about. It goes no
other way than its leader, the document that it is about, and not before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from erpsync_app.engine.batch import Batch, Pair
from erpsync_app.engine.context import Context
from erpsync_app.engine.model import SIDES, Rule, Side
from erpsync_app.engine.rules import filters_on

Filter = tuple[str, str, Any]


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
		kind=(("comment_type", "=", "Comment"),),  # Frappe keeps its own notes of a document in the same table
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
