# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Names that a site gave out twice: a naming series takes back the number of its last document once that is deleted,
and the next document gets it. A bound name then means another document than the one that was bound.

Where the name is the identity, the new document simply is the old one, unless that was renamed on the other side;
here it is about names that are no identity. `creation` tells their documents apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Blocked, Duplicate, Refused, Unreadable
from erpsync_app.engine.model import SIDES, Binding, Document, Event, Outcome, Progress, Rule, Side, other


def is_another(rule: Rule, binding: Binding, side: Side, doc: Document) -> bool:
	"""Whether the document of a bound name is not the one that was bound."""
	held = binding.held.get(side)
	if not held or not held.created or held.created == doc.get("creation"):
		return False
	if rule.naming == "own":
		return True
	# Of one whose create is open, what that has made is looked for first; whether it was renamed, too.
	return not binding.intent and binding.names.get(side) != (binding.names.get(other(side)) or "")


def given_away(ctx: Context, doctype: str, side: Side, bound: Mapping[str, Progress]) -> set[str]:
	"""Which of these names on `side`, of bound documents as the ledger knows them, do not lead to the counterparts that it
	tells: on one side or the other the name is another document's by now. Only where each site names its own: elsewhere a
	document of the name simply is the bound one. A name that is made up at random is never given out again."""
	if ctx.rules[doctype].naming != "own" or doctype in ctx.aside:
		return set()
	try:
		return _given_away(ctx, doctype, side, bound)
	except (Unreadable, Refused):
		return set()  # of what cannot be read nobody can tell, and what links to it goes by the ledger


def _given_away(ctx: Context, doctype: str, side: Side, bound: Mapping[str, Progress]) -> set[str]:
	found = set()
	for each in SIDES:
		there = {(name if each == side else progress.name): name for name, progress in bound.items()}
		made = {n: at for n, name in there.items() if n and (at := bound[name].written[each][0])}
		site = ctx.sites[each]
		if not made or (site.meta(doctype).autoname or "").lower() == "hash":
			continue
		# Most are what they were, which one list tells; only of the others is asked whether they are there at all.
		same = site.stamps(doctype, sorted(made), [("creation", "in", sorted({*made.values()}))])
		others = sorted(made.keys() - same.keys())
		found |= {there[name] for name in (site.stamps(doctype, others) if others else ())}
	return found


def let_go(ctx: Context, binding: Binding, side: Side) -> None:
	"""The document that was bound is gone, and its name is free for another one. What is to become of its counterpart
	is decided with an event of its own: that comes first, so that no crash loses it."""
	name, held = binding.names.get(other(side)), binding.held.get(side)
	if name is None or held is None:
		ctx.ledger.save([Outcome(binding, settled="Converged", forget=True)])
		return
	ctx.queue.put([Event(other(side), binding.doctype, name, trigger="scan")])
	nameless = replace(
		binding,
		names={**binding.names, side: None},
		held={**binding.held, side: replace(held, modified="")},
	)
	ctx.ledger.save([Outcome(nameless)])


def let_go_of_twins(ctx: Context, binding: Binding, docs: Mapping[Side, Document | None]) -> bool:
	"""Free the names of a binding of these documents that stand for others, long gone. False where there was nothing to
	free."""
	rule, freed = ctx.rules[binding.doctype], False
	for side in SIDES:
		name, doc = binding.names.get(side), docs.get(side)
		if name is None or doc is None:
			continue
		for twin in ctx.ledger.bindings(binding.doctype, side, [name]).values():
			if twin.id != binding.id and is_another(rule, twin, side, doc):
				let_go(ctx, twin, side)
				freed = True
	return freed


def check_free(ctx: Context, rule: Rule, side: Side, name: str, refusal: Duplicate) -> None:
	"""Raise Blocked, which says why, if a name that is the identity was refused on `side` since it is still that of another
	document's record, about which a person has been asked."""
	known = ctx.ledger.bindings(rule.doctype, side, [name]).get(name) if rule.naming == "keep" else None
	if known and known.status == "Conflict":
		raise Blocked(
			f"Its name on the {side} side still stands for {known.names.get(other(side)) or 'one that is gone'}, about"
			" which a person has to decide."
		) from refusal
