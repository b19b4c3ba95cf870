# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One cycle: claim events, read both sides, reconcile, apply, record.

Crash-safe by the order of its steps. What would be lost is stored first (an intent before a create, a clash before
its loser is overwritten); what was done is recorded at once after it; and a cycle that starts over sees on the
sites themselves what its predecessor did. So a crash at any point costs a repeated look, never a repeated write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from erpsync_app.engine.apply import apply
from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import ATTACHMENTS
from erpsync_app.engine.cancels import check_cancel, look_at_kept
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.days import TooSoon, or_too_soon
from erpsync_app.engine.decision import Decision, Write
from erpsync_app.engine.dependencies import check_targets, diverged
from erpsync_app.engine.errors import (
	Blocked,
	Halt,
	NeedsPerson,
	Refused,
	Unavailable,
	Unclear,
	Unreadable,
)
from erpsync_app.engine.fixed import FIXED
from erpsync_app.engine.followers import look_at_followers
from erpsync_app.engine.gather import gather
from erpsync_app.engine.goods import explained
from erpsync_app.engine.intents import FRUIT, may_be_of_another
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED, lags
from erpsync_app.engine.merged import look_next, unite
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Event, Kind, Outcome, Rule, Side, other
from erpsync_app.engine.ordering import parents_first
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.read_back import read_back
from erpsync_app.engine.reconcile import reconcile
from erpsync_app.engine.recording import save
from erpsync_app.engine.retry import NEXT_RUN, LeaseLost, NotYet
from erpsync_app.engine.reused import is_another, let_go
from erpsync_app.engine.setbacks import quarantine, refused
from erpsync_app.engine.submitted import lasting, remembered
from erpsync_app.engine.watch import before_batch, before_write
from erpsync_app.engine.workflow import by_walking, check_way, on_their_way

MADE_BY_SITE = (
	"The {0} site made it by itself when sync wrote another document there, and the {1} site has none like it: a setting or"
	" a document that makes it is not the same on both sites. It stays on the {0} site: make both sites alike, or delete it."
)


@dataclass(frozen=True)
class Planned:
	"""What a cycle would do about one document, for `--dry-run`."""

	doctype: str
	name: str
	decision: Decision


def drain(
	ctx: Context,
	run: Run,
	*,
	doctypes: Sequence[str] | None = None,
	name: str | None = None,
	limit: int | None = None,
) -> None:
	"""Process the due events until none is left, or `limit` documents are done.

	A side that does not answer ends the run, `run.stopped` says why; its events are due again after a while. So does a
	breaker (`run.halt`), and that another worker or a person paused sync. A DocType that cannot be read is left aside.
	"""
	passes: list[tuple[str, Kind]] = []
	for doctype in doctypes or ctx.doctypes:
		passes.append((doctype, "change"))
	# Deletions in the opposite order: what links to a document goes before it.
	passes += [(doctype, "delete") for doctype, _ in reversed(passes)]
	worked = True
	while worked:
		worked = False
		for doctype, kind in passes:
			while limit is None or run.done < limit:
				if run.until and ctx.clock.now() >= run.until:
					return
				if ctx.breakers.paused():
					run.stopped = "Sync was paused meanwhile."
					return
				size = ctx.batch_size if limit is None else min(ctx.batch_size, limit - run.done)
				if doctype in ctx.aside or not (events := ctx.queue.claim(doctype, kind, size, name)):
					break
				worked, before = True, run.moved
				if not _process(ctx, run, doctype, events):
					return
				if run.moved == before:
					break  # what they wait for may be of a DocType that has yet to have its turn
				if run.breath and len(events) < size:
					ctx.clock.sleep(run.breath)


def plan(ctx: Context, doctype: str, events: Sequence[Event]) -> list[Planned]:
	"""What `drain` would do about the events, of one DocType. Writes nothing, neither on a site nor here."""
	batch = _gather(ctx, doctype, events)
	return [Planned(doctype, pair.name, _decide(batch, pair)) for pair in _in_order(ctx, batch)]


def _process(ctx: Context, run: Run, doctype: str, events: list[Event]) -> bool:
	"""Carry one claimed batch through. False when the run has to stop."""
	waiting = {event.id: event for event in events}
	done: list[Event] = []
	try:
		batch = _gather(ctx, doctype, events)
		before_batch(ctx, batch)
		written: list[tuple[Pair, Side]] = []
		left = Counter(event.id for pair in batch.pairs for event in pair.events)
		makes_room = False
		for pair in _in_order(ctx, batch):
			try:
				names = {(side, doctype, name) for side, name in pair.binding.names.items() if name}
				ctx.waiting -= names
				sides = _one(ctx, run, batch, pair)
				written += sides
				done += pair.events
				run.through += 1
				run.wrote += len(sides)
			except NotYet as e:
				ctx.waiting |= names
				ctx.queue.retry(pair.events, after=e.after, error=str(e), attempt=False)
				run.counts["waiting"] += 1
				cancelled = any(doc and docstatus(doc) == CANCELLED for doc in pair.docs.values())
				makes_room = makes_room or (cancelled and not e.after)
			except Unclear as e:
				# Later than the others: if it is this document that makes the site fail, the rest goes before it.
				attempts = max(event.attempts for event in pair.events) + 1
				ctx.queue.retry(pair.events, after=ctx.retry.wait(attempts), error=str(e), attempt=True)
				for event in pair.events:
					waiting.pop(event.id, None)
				raise
			except (Unavailable, NeedsPerson, LeaseLost):
				raise
			except Exception as e:  # one bad document must not hold up the rest, whatever is wrong with it
				if makes_room and type(e) is Refused:
					# An older one has yet to be cancelled, step by step: a payment of the same invoice, say.
					e = TooSoon(str(e), timedelta(0))
					ctx.waiting |= names
				refused(ctx, run, pair, e)
			left.subtract(event.id for event in pair.events)
			for event in pair.events:
				# It may be of two documents: one that was renamed, and what has its name by now.
				if left[event.id] <= 0:
					waiting.pop(event.id, None)
			run.done += 1
		read_back(ctx, batch, written)
		if batch.look_again:
			ctx.queue.put(sorted(batch.look_again, key=lambda event: (event.doctype, event.name)))
	except LeaseLost:
		run.counts["lost"] += 1
		# What of the batch is still ours is not to wait until this worker has ended.
		ctx.queue.retry(list(waiting.values()), after=timedelta(0), error="", attempt=False)
	except Unreadable as e:
		ctx.aside[doctype] = str(e)
		after = timedelta(seconds=ctx.retry.backoff_seconds)
		ctx.queue.retry(list(waiting.values()), after=max(after, NEXT_RUN), error=str(e), attempt=False)
	except (Unavailable, NeedsPerson) as e:
		run.stopped = str(e)
		run.halt = e if isinstance(e, Halt) else None
		# What a breaker holds back is due when a person says go on: until then nothing is claimed.
		after = 0 if run.halt else getattr(e, "after", None) or ctx.retry.backoff_seconds
		ctx.queue.retry(list(waiting.values()), after=timedelta(seconds=after), error=str(e), attempt=False)
		return False
	except Exception as e:  # nobody foresaw it, and it tells of no document: find the one
		return _one_by_one(ctx, run, doctype, list(waiting.values()), e)
	finally:
		ctx.queue.done(done)
		run.progress(run.done)
	return True


def _one_by_one(ctx: Context, run: Run, doctype: str, events: Sequence[Event], e: Exception) -> bool:
	"""Carry each document of a batch that broke through by itself, so that only the bad one stays behind. False when the
	run has to stop: what is left then is given back."""
	by_name: dict[str, list[Event]] = {}
	for event in events:
		by_name.setdefault(event.name, []).append(event)
	if len(by_name) > 1:
		left = list(by_name.values())
		while left and _process(ctx, run, doctype, left.pop(0)):
			pass
		# At once: what waits is due when the run goes on, and a breaker that tripped holds it until then.
		ctx.queue.retry([e for each in left for e in each], after=timedelta(0), error="", attempt=False)
		return not run.stopped
	attempts = max((event.attempts for event in events), default=0) + 1
	error = f"{type(e).__name__}: {e}"
	run.failed(doctype, next(iter(by_name), "?"), error)
	if ctx.retry.exhausted(attempts):
		quarantine(ctx, events, error)
	else:
		ctx.queue.retry(events, after=ctx.retry.wait(attempts), error=error, attempt=True)
	return True


def _gather(ctx: Context, doctype: str, events: Sequence[Event]) -> Batch:
	try:
		return gather(ctx, doctype, events)
	except Refused as e:
		raise Unreadable(f"{doctype} cannot be read: {e}") from e


def _in_order(ctx: Context, batch: Batch) -> list[Pair]:
	"""In the order in which they were made; in a tree parents before children, and where both go, children first."""
	parent_field = ctx.sites[LOCAL].meta(batch.rule.doctype).parent_field
	if parent_field is None:
		return sorted(batch.pairs, key=batch.born)
	shown = [(pair, doc) for pair in batch.pairs if (doc := pair.docs[LOCAL] or pair.docs[CLOUD])]
	pair_of = {id(doc): pair for pair, doc in shown}
	ordered = [pair_of[id(doc)] for doc in parents_first([doc for _, doc in shown], parent_field)]
	going = [pair for pair in ordered if any(pair.deleted.values())]
	staying = [pair for pair in ordered if not any(pair.deleted.values())]
	return staying + going[::-1] + [pair for pair in batch.pairs if not any(pair.docs.values())]


def _one(ctx: Context, run: Run, batch: Batch, pair: Pair) -> list[tuple[Pair, Side]]:
	"""Reconcile and apply one document; answers the sides that were written, for the reading back."""
	if pair.awaits:
		ctx.queue.put([pair.looks_at] if pair.looks_at else [])
		raise NotYet(pair.awaits)
	if pair.usurps:
		# What has the name may as well be what another worker has made of the bound one meanwhile.
		_check_alone(ctx, pair, pair.usurps[0])
		let_go(ctx, *pair.usurps)
	if pair.stored and _stands_for_another(batch, pair):
		_check_alone(ctx, pair, pair.stored)
		save(ctx, pair, Outcome(pair.binding))
		raise NotYet("it was renamed, and its old name is another one's by now", timedelta(0))
	decision = _decide(batch, pair)
	if ctx.forced and decision.clashes:
		raise NotYet(f"both sides changed it, and the run is {ctx.forced} only", NEXT_RUN)
	before_write(ctx, run, batch, pair, decision)
	if pair.crossed:
		_unite(ctx, batch.rule, pair)
	for write in decision.writes:
		source = other(write.side)
		survivor = pair.merged[source]
		if write.operation == "merge" and not (survivor and survivor.counterpart):
			raise Blocked(_awaited(batch, pair, source))
		check_targets(ctx, batch, pair, write)
		check_cancel(pair, write)
		check_way(ctx, batch, pair, write)
		doc = pair.docs[source]
		if write.operation == "create" and doc and not pair.binding.id:
			if may_be_of_another(ctx, batch, pair, doc, source):
				raise NotYet(FRUIT)
		if pair.stored and (write.operation == "create" or ATTACHMENTS in write.fields):
			_check_alone(ctx, pair, pair.stored)

	again = [side for side in SIDES if pair.made_again(side)]
	for side in SIDES:
		survivor = pair.merged[side]
		if side in again:
			look_at_followers(ctx, batch.rule, other(side), pair.binding.names.get(other(side)))
		if survivor and not pair.docs[other(side)]:
			look_at_followers(ctx, batch.rule, side, survivor.name)

	def renew() -> None:
		if not ctx.queue.renew(pair.events):
			raise LeaseLost

	try:
		apply(ctx, run, batch, pair, decision, renew)
	except Refused as e:
		raise or_too_soon(ctx, batch, pair, decision, explained(ctx, batch, pair, e)) from e
	if decision.writes:
		batch.arrived(pair)
	for side in again:
		# Once more: another worker may have looked at them before it was known what has become of this one.
		look_at_followers(ctx, batch.rule, other(side), pair.binding.names.get(other(side)))
	for write in decision.writes:
		batch.look_again |= diverged(ctx, batch, pair, write.side)
		if write.docstatus == CANCELLED:
			look_at_kept(ctx, batch, pair, write.side)
	if decision.forget:
		ctx.queue.put(look_next(pair, decision))
	if pair.doubles and pair.binding.intent:
		after = timedelta(0) if decision.writes else NEXT_RUN  # a run of one direction may not delete it
		raise NotYet("what its create made is deleted, and the document of its name is looked at next", after)
	if pair.left_out:
		raise Blocked(f"It is written, but {', '.join(sorted(pair.left_out))} waits for what it links to.")
	if pair.taken:
		values = ", ".join(sorted(value for each in pair.taken for value in each.values))
		raise NotYet(f"it is written but for {values}, which other documents have yet to give up")
	if pair.walking:
		raise NotYet("it is written, and goes on in its workflow next", timedelta(0))
	if pair.own_rows:
		raise NotYet("it is written, and the references to its own rows come next", timedelta(0))
	if decision.writes and lags(batch.rule, {side: docstatus(doc) for side, doc in pair.docs.items() if doc}):
		for write in decision.writes:
			doc = pair.docs[write.side]
			if doc and write.docstatus is not None and docstatus(doc) != write.docstatus:
				# To ask for it again at once, for ever, would be no better.
				raise Refused(
					f"The {write.side} site took the change, and did not submit or cancel the document."
				)
		raise NotYet("it is written, and to be submitted or cancelled next", timedelta(0))
	if decision.writes and (any(w.operation == "rename" for w in decision.writes) or pair.undecided):
		raise NotYet("it is renamed or submitted, and the rest comes next", timedelta(0))
	if ctx.forced and (decision.status == "Diverged" or (decision.status is None and not decision.forget)):
		raise NotYet(f"it may not cross in a run that is {ctx.forced} only", NEXT_RUN)
	return [(pair, write.side) for write in decision.writes if pair.docs[write.side]]


def _stands_for_another(batch: Batch, pair: Pair) -> bool:
	"""Whether a name of the binding means another document by now, which shows once it is known that the document was
	renamed on the other side, or what its create has made there."""
	return any(doc and is_another(batch.rule, pair.binding, side, doc) for side, doc in pair.docs.items())


def _awaited(batch: Batch, pair: Pair, side: Side) -> str:
	survivor = pair.merged[side]
	assert survivor
	return f"It was merged into {batch.rule.doctype} {survivor.name} on the {side} side, which is not synced yet."


def _unite(ctx: Context, rule: Rule, pair: Pair) -> None:
	for binding in (pair.stored, pair.crossed):
		if binding:
			_check_alone(ctx, pair, binding)
	unite(ctx, rule, pair)
	raise NotYet("each side merged it into what the other side merged into it", timedelta(0))


def _check_alone(ctx: Context, pair: Pair, stored: Binding) -> None:
	"""A document that has two names may be in the hands of two workers, by an event of each. Of an update `modified`
	tells; a create, and a file that is attached, are only safe if nobody else is at it, or was since the binding was read.
	"""
	names = {side: name for side, name in stored.names.items() if name}
	before = [stored.intent.instead_of] if stored.intent and stored.intent.instead_of else []
	if ctx.queue.busy(stored.doctype, [*names.values(), *before]):
		raise NotYet("another worker is at it, by the other side's name")
	for side, name in names.items():
		if ctx.ledger.bindings(stored.doctype, side, [name]).get(name) != stored:
			raise NotYet("another worker was at it meanwhile")


def _decide(batch: Batch, pair: Pair) -> Decision:
	if pair.doubles:
		intent = pair.binding.intent
		side = intent.side if intent else LOCAL if pair.docs[LOCAL] else CLOUD
		why = "one of its name was made there a moment before" if intent else "made a second time, too late"
		reason = f"{why}: it is {pair.doubles}"
		if not batch.rule.writes(side):
			return Decision(status=None, reason=reason)
		return Decision((Write(side, "delete"),), status=None, forget=True, reason=reason)
	if pair.ambiguous:
		return Decision(status="Failed", reason=pair.ambiguous)
	if pair.crossed:
		return Decision(status=None, reason="merged into each other, which leaves one document")
	if len(pair.closed) == len(SIDES):
		return Decision(status=None, reason="what it is about does not cross")
	if not pair.in_scope or pair.awaits:
		return Decision(status=None, reason=pair.awaits or "it does not meet the filters of the rule")
	if pair.unasked:
		return Decision(status="Diverged", reason=MADE_BY_SITE.format(pair.unasked, other(pair.unasked)))
	parted = [] if pair.effect else batch.parted(pair)
	if parted and pair.stage == SUBMITTED:
		return Decision(
			status="Failed",
			reason=f"submitted on both sides with different {', '.join(parted)}: cancel and amend one of them",
		)
	views = {side: batch.view(pair, side) for side in SIDES}
	binding = pair.binding
	contested = binding.status in ("Conflict", "Diverged")
	held = remembered(batch, pair, on_their_way(batch, pair), views)
	decision = reconcile(batch.rule_of(pair), held, views, binding.choice, contested, binding.rows)
	decision = by_walking(batch, pair, decision)
	if rename := _rename(batch, pair):
		# By itself: a site changes fields along with a name, and the rest is decided when it has.
		return Decision(writes=rename, status=None, reason=f"renamed on the {pair.renamed} side")
	if (left := lasting(batch, pair) | {*parted}) and decision.status == "Synced":
		# An edit that did not cross before nobody could change it any more is out of sight: not in step for that.
		back = frozenset((FIXED,)) if pair.stage == SUBMITTED else frozenset()
		return replace(decision, status="Diverged", settled="Submit beats edit", beyond=left, held_back=back)
	return decision


def _rename(batch: Batch, pair: Pair) -> tuple[Write, ...]:
	"""The name follows to the other side, where the rule says that it is the identity."""
	if pair.renamed is None or batch.rule.naming == "own":
		return ()
	new, side = pair.binding.names.get(pair.renamed), other(pair.renamed)
	if pair.docs[side] is None or pair.binding.names.get(side) == new or not batch.rule.writes(side):
		return ()
	return (Write(side, "rename", {"name": new}),)
