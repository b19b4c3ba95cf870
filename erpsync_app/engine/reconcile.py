# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The decision: what to do about one document, given what was and what is on both sides.

Pure, and complete: `reconcile` answers for every combination of views with a `Decision`, which is data. A clash
is data too, never an error. The table of its cases is `tests/test_reconcile.py`.

Vocabulary of the branches: a side *has* the document, *deleted* it (its trail says so) or *lost* it (gone
without a trace); a side is *writable* when the rule's direction lets changes go there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from erpsync_app.engine.acts import STATUS
from erpsync_app.engine.decision import APART, DOCUMENT, Decision, Write
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED, behind
from erpsync_app.engine.merge import Merge, merge
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Choice,
	Clash,
	Fields,
	Held,
	RowMap,
	Rule,
	Side,
	other,
)
from erpsync_app.engine.rows import Lines, RowClash, Table, joined
from erpsync_app.engine.view import View


def reconcile(
	rule: Rule,
	held: Mapping[Side, Held | None],
	views: Mapping[Side, View],
	choice: Choice | None = None,
	contested: bool = False,
	rows: Mapping[str, RowMap] | None = None,
) -> Decision:
	"""Decide about one document.

	`held` are the baselines: both None on first contact. `choice` settles what would be an open clash. `contested`
	says that the sides were left different: what has no baseline then never crossed. `rows` are the row maps of the
	child tables.
	"""
	has = {side: views[side].fields is not None for side in SIDES}
	if has[LOCAL] and has[CLOUD]:
		return _both(rule, held, views, choice, rows or {})
	if not has[LOCAL] and not has[CLOUD]:
		return Decision(status=None, forget=True, settled="Converged", reason="gone on both sides")
	here: Side = LOCAL if has[LOCAL] else CLOUD
	last = held.get(other(here))
	if last is None:
		return _new(rule, here, views[here])
	# Where nothing is the baseline already, the deletion is an old one, which the trail may have forgotten.
	if last.fields and not views[other(here)].deleted:
		# A rename, a document moved out of the user's sight: no reason to delete anything.
		return Decision(
			status="Failed",
			reason=f"gone on the {other(here)} side without a trace in Deleted Document: it was renamed there, or"
			" the sync user may not see it any more",
		)
	return _deleted(rule, here, held, views, choice, contested)


def _new(rule: Rule, here: Side, view: View) -> Decision:
	"""One side has it, the other never had."""
	there = other(here)
	if not rule.writes(there):
		return Decision(status=None, reason=f"the rule writes nothing to the {there} side")
	assert view.fields is not None
	create = Write(there, "create", view.fields)
	return Decision((create,), settled="Converged", reason=f"new on the {here} side")


def _both(
	rule: Rule,
	held: Mapping[Side, Held | None],
	views: Mapping[Side, View],
	choice: Choice | None,
	maps: Mapping[str, RowMap],
) -> Decision:
	base = {side: h.fields if (h := held.get(side)) else None for side in SIDES}
	now: dict[Side, Fields] = {side: views[side].fields or {} for side in SIDES}
	merged = merge(base[LOCAL], base[CLOUD], now[LOCAL], now[CLOUD])
	follower = behind(rule, {side: views[side].docstatus for side in SIDES})
	apart = {name for fields in base.values() for name in (fields or {}).get(APART, ())}
	if choice == "By hand":
		if merged.clashes and follower:
			ahead = other(follower)
			refused = _refusal(ahead, views[ahead], "the other side has to follow")
			return _asking(rule, held, views, maps, refused)
		apart |= {*merged.clashes}
		merged = replace(merged, clashes=())  # what clashes stands as it is on both sides; the rest flows
	tables = _tables(merged, base, views, maps)
	take: dict[Side, Fields] = {
		side: {name: value for name, value in merged.take[side].items() if name not in tables}
		for side in SIDES
	}
	rows: dict[Side, dict[str, Sequence[str]]] = {LOCAL: {}, CLOUD: {}}

	winner, settled = _winner(rule, views, choice)
	clashes = [_clash(name, base, now, winner) for name in merged.clashes if name not in tables]
	for clash in clashes:
		if winner:
			take[other(winner)][clash.field] = now[winner][clash.field]
	for name, lines in tables.items():
		by_row = lines.merge(winner, chosen=bool(choice))
		for side, table in by_row.take.items():
			take[side][name], rows[side][name] = table.rows, table.names
		if (
			by_row.clashes
			and not clashes
			and not choice
			and all(c.removed and c.winner for c in by_row.clashes)
		):
			settled = "Edit beats delete"
		clashes += _row_clashes(name, by_row.clashes)
	beyond: frozenset[str] = frozenset()
	for side in SIDES:
		for name in [name for name, value in take[side].items() if not views[side].takes(name, value)]:
			if name == STATUS and views[side].docstatus == SUBMITTED:
				beyond |= {name}
				del take[side][name]
				clashes = [clash for clash in clashes if clash.field != name]
				continue
			if choice and (winner == other(side) or (winner is None and follower)):
				refused = _refusal(side, views[side], f"{name} cannot be changed there any more")
				return _asking(rule, held, views, maps, refused)
			if choice == "By hand":
				apart |= {name}
				del take[side][name]
				continue
			# It is submitted or cancelled there: the edit cannot cross, so that side's value is the one to keep.
			del take[side][name]
			keeps = side if winner else None
			clashes = [clash for clash in clashes if clash.field != name] + [_clash(name, base, now, keeps)]
			settled = settled if choice else "Submit beats edit"
			if keeps:
				there = other(side)
				take[there][name] = now[side][name]
				rows[there].pop(name, None)
				if name in tables:
					rows[there][name] = tables[name].as_on(side).names

	# A one-way rule: what the receiving side changed on its own stays there, and stays visible as a difference.
	diverged = frozenset(name for side in SIDES if not rule.writes(side) for name in take[side])
	open_fields = frozenset(c.field for c in clashes if c.winner is None)
	follower = None if open_fields else follower
	writes = tuple(
		replace(w, rows=rows[side])
		for side in (CLOUD, LOCAL)
		if rule.writes(side) and (w := _update(side, take, views, follower))
	)
	stays_behind = follower is not None and not rule.writes(follower)
	apart = {f for f in apart & now[LOCAL].keys() & now[CLOUD].keys() if now[LOCAL][f] != now[CLOUD][f]}
	apart -= take[LOCAL].keys() | take[CLOUD].keys() | open_fields
	differs = diverged or stays_behind or beyond or apart
	return Decision(
		writes=writes,
		clashes=tuple(clashes),
		status="Conflict" if open_fields else "Diverged" if differs else "Synced",
		held_back=open_fields | diverged | beyond,
		settled=None if open_fields else settled if clashes or choice == "By hand" else "Converged",
		reason=_reason(clashes, writes),
		beyond=beyond,
		apart=frozenset(apart),
	)


def _asking(
	rule: Rule,
	held: Mapping[Side, Held | None],
	views: Mapping[Side, View],
	maps: Mapping[str, RowMap],
	refused: str,
) -> Decision:
	"""The decision without a person's choice, which cannot be carried out."""
	decision = _both(replace(rule, policy="manual"), held, views, None, maps)
	return replace(decision, refused=refused if decision.status == "Conflict" else "")


def _refusal(side: Side, view: View, why: str) -> str:
	state, instead = (
		("cancelled", "amend") if view.docstatus == CANCELLED else ("submitted", "cancel and amend")
	)
	return f"On the {side} side it is {state}, and {why}: choose Keep {side}, or {instead} it."


def _tables(
	merged: Merge,
	base: Mapping[Side, Fields | None],
	views: Mapping[Side, View],
	maps: Mapping[str, RowMap],
) -> dict[str, Lines]:
	"""The child tables that changed, their rows joined. Without a baseline a table is a field like any other."""
	tables = {}
	for name in (*merged.take[LOCAL], *merged.take[CLOUD], *merged.clashes):
		if all(name in views[side].rows and name in (base[side] or {}) for side in SIDES):
			was = {side: (base[side] or {})[name] for side in SIDES}
			now = {side: Table((views[side].fields or {})[name], views[side].rows[name]) for side in SIDES}
			tables[name] = joined(was, maps.get(name), now)
	return tables


def _row_clashes(name: str, found: Sequence[RowClash]) -> Iterator[Clash]:
	"""The rows of a table that clash, those with one winner together."""
	for winner in (LOCAL, CLOUD, None):
		lines = [clash.line for clash in found if clash.winner == winner]
		if lines:
			yield Clash(
				name,
				base=[line.held[LOCAL] for line in lines if LOCAL in line.held],
				local=[line.now[LOCAL] for line in lines if LOCAL in line.now],
				cloud=[line.now[CLOUD] for line in lines if CLOUD in line.now],
				winner=winner,
			)


def _update(
	side: Side, take: Mapping[Side, Fields], views: Mapping[Side, View], follower: Side | None
) -> Write | None:
	"""The update that a side gets: its new values, and the step from draft to submitted to cancelled."""
	step = views[side].docstatus + 1 if side == follower else None
	if step == CANCELLED:
		if not take[side]:
			return Write(side, "update", docstatus=step)
		step = None  # first what was edited: a cancelled document takes nothing any more
	return Write(side, "update", take[side], step) if take[side] or step else None


def _winner(rule: Rule, views: Mapping[Side, View], choice: Choice | None) -> tuple[Side | None, str]:
	"""The side whose values win the clashes, None while they wait for a person; and what settled it."""
	if choice == "Keep local":
		return LOCAL, choice
	if choice == "Keep cloud":
		return CLOUD, choice
	if choice:
		return None, choice
	if not rule.writes(LOCAL):
		return LOCAL, "direction"
	if not rule.writes(CLOUD):
		return CLOUD, "direction"
	if rule.policy == "manual":
		return None, rule.policy
	if rule.policy == "latest_timestamp":
		local, cloud = views[LOCAL].modified, views[CLOUD].modified
		# The same instant on both: the cloud's, for want of a better reason; the loser is kept in the conflict.
		return (LOCAL if local and cloud and local > cloud else CLOUD), rule.policy
	return (LOCAL if rule.policy == "local_wins" else CLOUD), rule.policy


def _deleted(
	rule: Rule,
	here: Side,
	held: Mapping[Side, Held | None],
	views: Mapping[Side, View],
	choice: Choice | None,
	contested: bool,
) -> Decision:
	"""`here` has it, the other side deleted it after the last sync, or merged it into another document.

	A merge is more than a deletion, since Links follow it: no rule can keep the document here without setting them
	apart, and to bring it back would not lead them back. So it is carried over whatever was edited, which the conflict
	keeps.
	"""
	there = other(here)
	survivor = views[there].merged
	gone = f"merged into {survivor} on the {there} side" if survivor else f"deleted on the {there} side"
	now, base, last = views[here].fields or {}, held.get(here), held.get(there)
	# A field without a baseline is synced only now, and nothing says that it was edited; or it waits for a person.
	edited = base is None or not base.fields or any(now[f] != v for f, v in base.fields.items() if f in now)
	if contested and base is not None:
		edited = edited or any(f not in base.fields for f in now)
	edited = edited or views[here].news  # it would go with the document
	recreate = (Write(there, "create", now),)
	remove = (Write(here, "merge" if survivor else "delete"),)

	keep = choice == ("Keep local" if here == LOCAL else "Keep cloud")
	if choice == "By hand" or (choice and not rule.writes(there if keep else here)):
		return Decision(status="Diverged", accepted=True, settled=choice, reason=f"{gone}, kept here")
	if choice:
		return Decision(
			writes=recreate if keep else remove,
			# The conflict keeps what goes: it may have been edited since it was shown.
			clashes=() if keep else (_document_clash(here, now, winner=there),),
			forget=not keep,
			status="Synced" if keep else None,
			settled=choice,
			reason=f"{gone}; a person chose: {choice}",
		)
	if not edited:
		if last and not last.fields:
			return Decision(status="Diverged", accepted=True, reason=f"{gone}, kept here")
		if not rule.writes(here) or (rule.deletes == "keep" and not survivor):
			return Decision(status="Diverged", reason=f"{gone}, kept here by the rule")
		if rule.deletes != "ask":
			return Decision(
				writes=remove,
				status=None,
				forget=True,
				settled="Converged",
				reason=gone,
			)
	if not edited or rule.policy == "manual":
		clash = _document_clash(here, now, winner=None)
		return Decision(
			clashes=(clash,),
			status="Conflict",
			held_back=frozenset(now),  # an edit stays an edit until a person has decided
			reason=f"{gone}{' and edited here' if edited else ''}: a person decides",
		)
	if survivor and rule.writes(here):
		return Decision(
			writes=remove,
			clashes=(_document_clash(here, now, winner=there),),
			status=None,
			forget=True,
			settled="Merge beats edit",
			reason=f"{gone}, and edited here since: merge beats edit",
		)
	# Edit beats delete: an edit cannot be made again by anyone else, a deletion can be repeated.
	clash = _document_clash(here, now, winner=here)
	if not rule.writes(there):
		return Decision(
			clashes=(clash,),
			status="Diverged",
			held_back=frozenset(now),
			settled="Edit beats delete",
			reason=f"edited here, {gone}",
		)
	return Decision(
		writes=recreate,
		clashes=(clash,),
		settled="Edit beats delete",
		reason=f"{gone}, but edited here since: edit beats delete",
	)


def _clash(
	name: str, base: Mapping[Side, Fields | None], now: Mapping[Side, Fields], winner: Side | None
) -> Clash:
	return Clash(
		field=name,
		base=(base[LOCAL] or {}).get(name),
		local=now[LOCAL][name],
		cloud=now[CLOUD][name],
		winner=winner,
	)


def _document_clash(here: Side, now: Fields, winner: Side | None) -> Clash:
	values: dict[Side, Any] = {here: now, other(here): None}
	return Clash(DOCUMENT, base=None, local=values[LOCAL], cloud=values[CLOUD], winner=winner)


def _reason(clashes: Sequence[Clash], writes: Sequence[Write]) -> str:
	if clashes:
		names = ", ".join(dict.fromkeys(c.field for c in clashes))
		winners = {c.winner for c in clashes}
		if None in winners:
			return f"both sides changed {names}: a person decides"
		won = " and ".join(f"the {side} side" for side in SIDES if side in winners)
		return f"both sides changed {names}: {won} wins"
	return "changed" if writes else "equal"
