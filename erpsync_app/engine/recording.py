# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the ledger is to remember of a pair."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import BESIDE, settled
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.decision import APART, Decision
from erpsync_app.engine.errors import Duplicate, Stale
from erpsync_app.engine.fixed import FIXED
from erpsync_app.engine.late import take_back
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Choice,
	Fields,
	Held,
	LogEntry,
	Outcome,
	Side,
	other,
)
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.references import as_told, know_rows, without_references
from erpsync_app.engine.retry import NotYet
from erpsync_app.engine.reused import let_go_of_twins
from erpsync_app.engine.submitted import without_undecided
from erpsync_app.engine.swaps import yet_to_tell
from erpsync_app.engine.trail import log_entry
from erpsync_app.engine.workflow import state_field

WRITES = 4
"""How many of its last writes are remembered of a document: created, submitted, and what follows within minutes."""


def save(ctx: Context, pair: Pair, outcome: Outcome) -> None:
	"""Record what became of a pair. What was just made is taken back where that is refused; NotYet is raised where a name
	stood for another document that is gone, which the ledger forgets: the next look at this one finds nothing in its way."""
	try:
		(pair.binding,) = ctx.ledger.save([outcome])
	except Exception as e:
		take_back(ctx, pair, overtaken=isinstance(e, Stale))
		if isinstance(e, Duplicate) and let_go_of_twins(ctx, outcome.binding, pair.docs):
			# From the start: where the ledger and the site are one database, the write before it was taken back.
			raise NotYet(
				f"a name of it stood for a {outcome.binding.doctype} that is gone", timedelta(0)
			) from e
		raise
	pair.made = None


def record(ctx: Context, run: Run, batch: Batch, pair: Pair, decision: Decision, log: list[LogEntry]) -> None:
	"""What became of a pair that was carried out: its baselines, its status, its conflict and the trail."""
	binding = pair.binding
	if decision.forget:
		if binding.id or log:
			save(ctx, pair, Outcome(binding, log=tuple(log), settled=decision.settled, forget=True))
		return
	if decision.status is None:
		if decision.writes or binding.intent:
			# It was renamed, which is saved, and its fields are decided about next; or what its create made is to be
			# deleted, which this run may not do.
			return
		if binding.id and not any(held and held.modified for held in binding.held.values()):
			# Begun, and never in step: there is nothing to remember of it.
			save(ctx, pair, Outcome(binding, settled="Converged", forget=True))
		elif pair.stored and pair.stored.intent and not binding.intent:
			# What its create made was found, and is not to be looked for for ever. The rule lets nothing more be done.
			save(ctx, pair, Outcome(replace(binding, status="Diverged")))
		return
	# What failed is in step with nothing: its baselines stay, and with them what has yet to cross.
	failed = decision.status == "Failed"
	rows = binding.rows if failed else batch.row_maps(pair, {f for w in decision.writes for f in w.fields})
	know_rows(batch, rows.values())
	held = pair.as_failed().held if failed else {side: _held(batch, pair, side, decision) for side in SIDES}
	held, rows = yet_to_tell(pair.taken, held, rows)
	if decision.status == "Diverged":
		crossed, maps = batch.unmet(pair)
		held = {side: h and replace(h, fields={**h.fields, **crossed[side]}) for side, h in held.items()}
		rows = {**rows, **maps}
	left = " ".join([*pair.left.values(), *decision.told_beyond]) or None
	after = replace(
		binding,
		held=held,
		rows=rows,
		status=decision.status,
		choice=None,
		error=decision.reason if failed or pair.unasked else left,
	)
	# What an unanswered create has made was found just now, and that is to be remembered.
	found = pair.stored and pair.stored.intent and not binding.intent
	if after == binding and not log and not pair.renamed and not found:
		return  # nothing new: a steady state writes nothing
	open_clashes = tuple(clash for clash in decision.clashes if clash.winner is None)
	if (failed or pair.unasked) and binding.status != decision.status:
		run.failed(binding.doctype, pair.name, decision.reason)
		log = [*log, log_entry(run, pair, "fail", "Failure", message=decision.reason)]
	elif open_clashes and binding.status != "Conflict":
		run.counts["conflicts"] += 1
		fields = tuple(clash.field for clash in open_clashes)
		log = [*log, log_entry(run, pair, "conflict", "Conflict", changed=fields, message=decision.reason)]
	elif binding.id is None and not log:
		run.counts["bound"] += 1
		log = [log_entry(run, pair, "bind", "Success", message="found on both sides")]
	if decision.refused:
		run.failed(binding.doctype, pair.name, decision.refused)
		log = [*log, log_entry(run, pair, "conflict", "Failure", message=decision.refused)]
	if left and left != binding.error:
		run.failed(binding.doctype, pair.name, left)
		log = [*log, log_entry(run, pair, "fail", "Failure", message=left)]
	# A document that failed may have an open conflict from before.
	settles = binding.status in ("Conflict", "Failed") and not decision.clashes
	settled = decision.settled if settles else None
	outcome = Outcome(after, log=tuple(log), clashes=open_clashes, settled=settled, refused=decision.refused)
	save(ctx, pair, outcome)


def _held(batch: Batch, pair: Pair, side: Side, decision: Decision) -> Held | None:
	"""The baseline of a side from what it holds now; of held back fields it stays what it was."""
	doc, rule = pair.docs[side], batch.rule_of(pair)
	before = pair.binding.held.get(side)
	if doc is None:
		return replace(before, fields={}) if before and decision.accepted else before
	wrote = (*(before.wrote if before else ()), *pair.wrote.get(side, ()))
	now = replace(batch.held(doc, side, stage=pair.stage), wrote=wrote[-WRITES:])
	old = before.fields if before else {}
	fields: Fields = {name: value for name, value in now.fields.items() if name not in decision.held_back}
	back = old
	if decision.status == "Diverged" and decision.settled in get_args(Choice):
		# What a person let stand on the side that only receives is an edit of what the source holds: to neither side a
		# change that the direction would settle once more.
		source = CLOUD if rule.writes(LOCAL) else LOCAL
		back = batch.fields(pair.docs[source] or {}, source, stage=pair.stage)
	fields.update({name: back[name] for name in decision.held_back if name in back})
	if decision.apart:
		fields[APART] = sorted(decision.apart)
	if not any(write.side == side for write in decision.writes):
		# They have yet to cross, and what the other side has in their place is nobody's edit.
		fields.update(dict.fromkeys(pair.left_out))
		fields = without_references(fields, batch.shape, as_told(batch, side, pair.own_rows))
	if pair.walking == other(side):
		fields[state_field(batch, pair.walking)] = None
	fields = without_undecided(batch, pair, fields, {w.side for w in decision.writes})
	there = pair.docs[other(side)]
	theirs = batch.fields(there, other(side)) if there else {}
	for name in BESIDE & now.fields.keys():
		# What may not cross is known from now on, and still shows as a difference.
		left = pair.left if rule.writes(other(side)) else now.fields[name]
		fields[name] = settled(now.fields[name], theirs.get(name) or {}, old.get(name) or {}, left)
	if decision.status == "Diverged" and (FIXED in decision.held_back or not rule.writes(other(side))):
		# Its edits have not crossed: keep it looking changed, so that every full scan finds it again.
		return replace(now, fields=fields, modified=before.modified if before else "")
	return replace(now, fields=fields)
