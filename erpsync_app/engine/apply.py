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
from typing import Any

from erpsync_app.engine.acts import still_open
from erpsync_app.engine.batch import Batch, learn_answer, with_beside
from erpsync_app.engine.beside import ATTACHMENTS, BESIDE, TAGS
from erpsync_app.engine.canonical import outbound
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.decision import Decision, Write
from erpsync_app.engine.dependencies import optional, unbound_links
from erpsync_app.engine.errors import Blocked, Duplicate, Stale
from erpsync_app.engine.files import FILES
from erpsync_app.engine.fixed import FIXED
from erpsync_app.engine.followers import check_news, look_at_followers
from erpsync_app.engine.intents import begin, check_not_renamed, name_for
from erpsync_app.engine.late import check_double
from erpsync_app.engine.lifecycle import SUBMITTED, posted
from erpsync_app.engine.mapping import CASHIERS
from erpsync_app.engine.model import (
	LOCAL,
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
from erpsync_app.engine.recording import record, save
from erpsync_app.engine.references import as_told, know_rows, own_rows, without_references
from erpsync_app.engine.retry import LeaseLost, NotYet
from erpsync_app.engine.reused import check_free
from erpsync_app.engine.submitted import beyond, undecided
from erpsync_app.engine.tags import USER_TAGS, check_tags, retag, tags
from erpsync_app.engine.trail import log_entry
from erpsync_app.engine.transfer import attach, bind_twins, bring, check_files, leave_out_twins
from erpsync_app.engine.updating import update
from erpsync_app.engine.workflow import begun, walking

BRINGING = {
	ATTACHMENTS: (attach, lambda doc: [file.file_name for file in doc.get(FILES, ())]),
	TAGS: (retag, lambda doc: sorted(tags(doc) or ())),
}
"""What makes it what it is to be on a side, and what tells what it was."""

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
	changes = decision.writes or decision.status != pair.binding.status
	settles = changes and any(clash.winner for clash in decision.clashes)
	if settles:
		# The loser's version is stored before it is overwritten; the same clash is never stored twice. One that is
		# written nowhere, in a rule of one direction, is told when it comes up, not by every look at it.
		save(ctx, pair, Outcome(pair.binding, clashes=decision.clashes, settled=decision.settled))
	bind_twins(ctx, batch, pair)
	log: list[LogEntry] = []

	def tell_at_once() -> None:
		save(ctx, pair, Outcome(pair.binding, log=tuple(log)))
		log.clear()

	try:
		for write in decision.writes:
			renew()
			if ctx.sites[write.side].atomic:
				# What is looked at before it is to be what is there now: a transaction may see what was when it began.
				ctx.ledger.save([])
			started = ctx.clock.now()
			overwritten = _write(ctx, batch, pair, write, renew)
			milliseconds = (ctx.clock.now() - started) // timedelta(milliseconds=1)
			doc = pair.docs[write.side]
			if doc:
				learn_answer(ctx, batch, write.side, doc)
			direction = "cloud_to_local" if write.side == LOCAL else "local_to_cloud"
			if not _only_beside(write):
				if doc:
					pair.wrote.setdefault(write.side, []).append((doc["modified"], milliseconds))
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
				tell_at_once()
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
					tell_at_once()  # it has been committed, whatever becomes of the rest
	except Exception as e:
		# One side may be written, and the other refuse: what was done stands in the trail all the same. But not what was
		# yet to be committed along with it: that has been taken back.
		refused = _unsettled(decision, write.side, e)
		after = replace(pair.binding, status="Conflict") if refused else pair.binding
		done = tuple(
			line for line in log if line.direction != "cloud_to_local" or not ctx.sites[LOCAL].atomic
		)
		if done or refused:
			save(ctx, pair, Outcome(after, log=done, refused=refused))
		raise
	if settles:
		run.counts["settled"] += 1
	pair.walking, pair.undecided = walking(batch, pair, decision), undecided(batch, pair)
	decision = replace(decision, held_back=pair.held_back)
	decision = _met(batch, pair, decision)
	if decision.status == "Synced" and (differs := beyond(batch, pair)):
		decision = replace(
			decision, status="Diverged", beyond=differs, held_back=decision.held_back | {FIXED}
		)
	pair.held_back = decision.held_back
	record(ctx, run, batch, pair, decision, log)


def _unsettled(decision: Decision, side: Side, error: Exception) -> str:
	"""Why the conflict is open again, where a write that was to settle it failed; "" where that one was to settle nothing,
	or the next look decides anew at once."""
	settling = any(clash.winner == other(side) for clash in decision.clashes)
	if not settling or isinstance(error, (Stale, LeaseLost, NotYet)):
		return ""
	return str(error) or type(error).__name__


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
	return decision if waiting - met else replace(decision, status="Synced", settled="Converged", refused="")


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
