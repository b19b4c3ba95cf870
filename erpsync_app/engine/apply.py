# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Carries out one decision and records it: the one path of every write, on either side.

Before a write is stored what a crash would lose; after each document, the binding, both baselines and the trail
are committed in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

from erpsync_app.engine.acts import still_open
from erpsync_app.engine.batch import Batch, learn_answer, with_beside
from erpsync_app.engine.beside import ATTACHMENTS, BESIDE, TAGS, settled
from erpsync_app.engine.canonical import outbound
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.dependencies import optional, unbound_links
from erpsync_app.engine.errors import Blocked, Duplicate, Stale
from erpsync_app.engine.files import FILES
from erpsync_app.engine.fixed import FIXED
from erpsync_app.engine.followers import check_news, look_at_followers
from erpsync_app.engine.intents import begin, check_not_renamed, name_for
from erpsync_app.engine.late import check_double, take_back
from erpsync_app.engine.lifecycle import SUBMITTED, posted
from erpsync_app.engine.mapping import CASHIERS
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Choice,
	Document,
	Fields,
	Held,
	LogEntry,
	Outcome,
	Side,
	other,
)
from erpsync_app.engine.moments import made_rows, sent_rows, stamped
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.reconcile import Decision, Write
from erpsync_app.engine.references import as_told, know_rows, own_rows, without_references
from erpsync_app.engine.reused import check_free, let_go_of_twins
from erpsync_app.engine.submitted import beyond, undecided, without_undecided
from erpsync_app.engine.swaps import yet_to_tell
from erpsync_app.engine.tags import USER_TAGS, check_tags, retag, tags
from erpsync_app.engine.trail import log_entry
from erpsync_app.engine.transfer import attach, bind_twins, bring, check_files, leave_out_twins
from erpsync_app.engine.updating import update
from erpsync_app.engine.workflow import begun, state_field, walking

BRINGING = {
	ATTACHMENTS: (attach, lambda doc: [file.file_name for file in doc.get(FILES, ())]),
	TAGS: (retag, lambda doc: sorted(tags(doc) or ())),
}
"""What makes it what it is to be on a side, and what tells what it was."""

WRITES = 4
"""How many of its last writes are remembered of a document: created, submitted, and what follows within minutes."""

NOTHING: Document = {FILES: [], USER_TAGS: ""}
"""What stands beside a document that was just created."""


def apply(
	ctx: Context, run: Run, batch: Batch, pair: Pair, decision: Decision, renew: Callable[[], None]
) -> None:
	"""Write what the decision says and record it. `renew` prolongs the lease, and raises when it is lost."""
	pair.held_back, pair.left_out, pair.left = decision.held_back, frozenset(), {}
	pair.own_rows, pair.taken = frozenset(), ()
	if decision.writes:
		renew()  # before anything is stored: the binding may be what it was before another worker was at it
	if maps := batch.first_maps(pair, {name for write in decision.writes for name in write.rows}):
		save(ctx, pair, Outcome(replace(pair.binding, rows={**pair.binding.rows, **maps})))
	settles = any(clash.winner for clash in decision.clashes)
	if settles and (decision.writes or decision.status != pair.binding.status):
		# The loser's version is stored before it is overwritten; the same clash is never stored twice. One that is
		# written nowhere, in a rule of one direction, is told when it comes up, not by every look at it.
		save(ctx, pair, Outcome(pair.binding, clashes=decision.clashes, settled=decision.settled))
		run.counts["settled"] += 1
	bind_twins(ctx, batch, pair)
	log: list[LogEntry] = []
	try:
		for write in decision.writes:
			renew()
			started = ctx.clock.now()
			overwritten = _write(ctx, batch, pair, write, renew)
			milliseconds = (ctx.clock.now() - started) // timedelta(milliseconds=1)
			if doc := pair.docs[write.side]:
				learn_answer(ctx, batch, write.side, doc)
				pair.wrote.setdefault(write.side, []).append((doc["modified"], milliseconds))
			direction = "cloud_to_local" if write.side == LOCAL else "local_to_cloud"
			if not _only_beside(write):
				log.append(
					log_entry(
						run,
						pair,
						write.operation,
						"Success",
						direction=direction,
						changed=tuple(name for name in write.fields if name not in BESIDE),
						overwritten=overwritten,
						message=decision.reason,
						milliseconds=milliseconds,
					)
				)
				run.counts[f"{write.operation}_{write.side}"] += 1
			beside = _beside(write)
			if log and (beside or write.operation == "rename"):
				# At once: a local write that is refused after it takes all of its transaction back.
				save(ctx, pair, Outcome(pair.binding, log=tuple(log)))
				log.clear()
			for name in beside:
				bring_beside, held = BRINGING[name]
				before = held(pair.docs[write.side] or {})
				if done := bring_beside(ctx, batch, pair, write.side, write.fields[name], renew):
					log.append(
						log_entry(
							run,
							pair,
							"update",
							"Success",
							direction=direction,
							changed=(name,),
							overwritten={name: before},
							message=", ".join(done),
						)
					)
					run.counts[f"{name.strip('()')}_{write.side}"] += len(done)
	except Exception:
		if log:  # one side is written, the other refused: what was done stands in the trail all the same
			save(ctx, pair, Outcome(pair.binding, log=tuple(log)))
		raise
	pair.walking, pair.undecided = walking(batch, pair, decision), undecided(batch, pair)
	decision = replace(decision, held_back=pair.held_back)
	decision = _met(batch, pair, decision)
	if decision.status == "Synced" and (differs := beyond(batch, pair)):
		decision = replace(
			decision, status="Diverged", beyond=differs, held_back=decision.held_back | {FIXED}
		)
	pair.held_back = decision.held_back
	_record(ctx, run, batch, pair, decision, log)


def _met(batch: Batch, pair: Pair, decision: Decision) -> Decision:
	"""The decision without the clashes that the writes have done away with: what each site had computed from edits that
	were its own alone, as totals and payment schedules are, it has now computed from all of them."""
	waiting = {clash.field for clash in decision.clashes if clash.winner is None}
	if not (waiting and decision.writes and all(pair.docs.values())):
		return decision
	here, there = (batch.fields(doc, side, stage=pair.stage) for side, doc in pair.docs.items() if doc)
	met = {name for name in waiting & here.keys() & there.keys() if here[name] == there[name]}
	if not met:
		return decision
	clashes = tuple(clash for clash in decision.clashes if clash.field not in met)
	decision = replace(decision, clashes=clashes, held_back=decision.held_back - met)
	return decision if waiting - met else replace(decision, status="Synced", settled="Converged")


def save(ctx: Context, pair: Pair, outcome: Outcome) -> None:
	"""Record what became of a pair. What was just made is taken back where that is refused; Stale is raised where a name
	stood for another document that is gone, which the ledger forgets."""
	try:
		(pair.binding,) = ctx.ledger.save([outcome])
	except Exception as e:
		take_back(ctx, pair, overtaken=isinstance(e, Stale))
		if isinstance(e, Duplicate) and let_go_of_twins(ctx, outcome.binding):
			# From the start: where the ledger and the site are one database, the write before it was taken back.
			raise Stale(f"A name of it stood for a {outcome.binding.doctype} that is gone.") from e
		raise
	pair.made = None


def _write(
	ctx: Context, batch: Batch, pair: Pair, write: Write, renew: Callable[[], None]
) -> dict[str, Any] | None:
	"""Carry out one write; answers what it overwrote, in canonical form."""
	side, site, doctype = write.side, ctx.sites[write.side], batch.rule.doctype
	before = pair.docs[side]
	if write.operation == "create":
		_create(ctx, batch, pair, side, renew)
		return None
	assert before is not None
	if write.operation == "rename":
		renamed = site.rename(doctype, before["name"], write.fields["name"], before["modified"])
		pair.docs[side] = renamed
		pair.binding = replace(pair.binding, names={**pair.binding.names, side: renamed["name"]})
		return {"name": before["name"]}
	if write.operation in ("delete", "merge"):
		check_files(ctx, batch, pair, side)
		check_tags(ctx, batch, pair, side)
		if write.operation == "delete":
			check_news(ctx, batch, pair, side)
			check_double(ctx, batch, pair, side)
			site.delete(doctype, before["name"], before["modified"])
		else:
			survivor = pair.merged[other(side)]
			assert survivor and survivor.counterpart
			leave_out_twins(ctx, batch, pair, side, survivor.counterpart)
			site.merge(doctype, before["name"], survivor.counterpart, before["modified"])
		pair.docs[side] = None
		return batch.fields(before, side, at_birth=True)
	if _only_beside(write):
		return None
	held = batch.fields(before, side, stage=pair.stage)
	update(ctx, batch, pair, write, renew)
	return {name: held.get(name) for name in write.fields}


def _only_beside(write: Write) -> bool:
	return write.operation == "update" and write.docstatus is None and write.fields.keys() <= BESIDE


def _beside(write: Write) -> list[str]:
	"""What beside the document is to be made what the write says; one that was just created has nothing to lose."""
	named = sorted(BESIDE & write.fields.keys())
	return [name for name in named if write.fields[name] or write.operation == "update"]


def _create(ctx: Context, batch: Batch, pair: Pair, side: Side, renew: Callable[[], None]) -> None:
	"""Create the document on `side`; without the optional links to what is not there yet, if the site insists on them."""
	source = other(side)
	doc = pair.docs[source]
	assert doc is not None
	fields, rows_of_it = batch.fields(doc, source, at_birth=True), own_rows(doc, batch.shape, source)
	sent = without_references(fields, batch.shape, as_told(batch, source, rows_of_it))
	pair.own_rows = rows_of_it if sent != fields else frozenset()
	sent = begun(batch, side, still_open(batch.shape, sent) if docstatus(doc) == SUBMITTED else sent)
	bring(ctx, batch, pair, side, sent, renew)
	unbound = list(unbound_links(ctx, batch, pair, source, sent))
	left_out = optional(batch, {field for field, _, _ in unbound})
	own = {field for field, doctype, _ in unbound if ctx.rules[doctype].naming == "own"} & left_out
	try:
		made = _send(ctx, batch, pair, side, sent, own, renew)
	except Blocked:
		if left_out <= own:
			raise
		made = _send(ctx, batch, pair, side, sent, left_out, renew)
	except Duplicate as e:
		check_free(ctx, batch.rule, side, doc["name"], e)
		raise
	pair.docs[side] = with_beside(made, {key: none for key, none in NOTHING.items() if key in doc})
	names = {source: doc["name"], side: made["name"]}
	assert pair.binding.intent
	rows = made_rows(batch, pair.binding.rows, pair.binding.intent, made)
	pair.binding = replace(pair.binding, names=names, rows=rows, intent=None)
	know_rows(batch, rows.values())


def _send(
	ctx: Context,
	batch: Batch,
	pair: Pair,
	side: Side,
	sent: Fields,
	left_out: set[str],
	renew: Callable[[], None],
) -> Document:
	"""Send a create without the links `left_out`. If the answer never arrives, the next cycle looks for what this may
	have made before it creates again."""
	source = other(side)
	doc = pair.docs[source]
	assert doc is not None
	values = {field: None if field in left_out else value for field, value in sent.items()}
	base = {f: values[f] for f in batch.fields(doc, source) if f not in BESIDE}
	intent = begin(ctx, batch, pair, side, base)
	# A conflict that led here stays open until the create is recorded, and a failure stands until it is overcome.
	status = pair.binding.status if pair.binding.status in ("Conflict", "Failed") else "Pending"
	names, held = {source: doc["name"], side: None}, {source: Held.begun(doc)}
	rows = sent_rows(batch, doc, intent)
	begun = replace(pair.binding, names=names, held=held, status=status, intent=intent, rows=rows)
	save(ctx, pair, Outcome(begun))
	if begun.id:  # it may have been there once, and what was said of it there went with it
		look_at_followers(ctx, batch.rule, source, doc["name"])
	else:
		_check_new(ctx, batch, pair, doc, source)
	renew()  # once more: whoever took over while that was stored has created it
	given = {field: value for field, value in values.items() if field not in left_out}
	sends = stamped(posted(outbound(given, batch.shape, batch.terms[side]), batch.shape), batch, intent)
	site, doctype = ctx.sites[side], batch.rule.doctype
	if cashier := CASHIERS.get(doctype):
		sends[cashier] = site.user
	made = site.create(doctype, sends, name_for(batch, doc["name"], intent))
	pair.made = (pair.binding, made)
	pair.left_out = frozenset(left_out)
	return made


def _check_new(ctx: Context, batch: Batch, pair: Pair, doc: Document, source: Side) -> None:
	"""Once the create is begun, so that of two workers who know the document by two names one sees the other. What was
	begun in vain is forgotten."""
	try:
		check_not_renamed(ctx, batch, pair.binding, doc, source)
	except Stale:
		ctx.ledger.save([Outcome(pair.binding, forget=True)])
		pair.binding = replace(pair.binding, intent=None, id=None)
		raise


def _record(
	ctx: Context, run: Run, batch: Batch, pair: Pair, decision: Decision, log: list[LogEntry]
) -> None:
	binding = pair.binding
	if decision.forget:
		if binding.id or log:
			save(ctx, pair, Outcome(binding, log=tuple(log), settled=decision.settled, forget=True))
		return
	if decision.status is None:
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
	if left and left != binding.error:
		run.failed(binding.doctype, pair.name, left)
		log = [*log, log_entry(run, pair, "fail", "Failure", message=left)]
	# A document that failed may have an open conflict from before.
	settles = binding.status in ("Conflict", "Failed") and not decision.clashes
	settled = decision.settled if settles else None
	save(ctx, pair, Outcome(after, log=tuple(log), clashes=open_clashes, settled=settled))


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
