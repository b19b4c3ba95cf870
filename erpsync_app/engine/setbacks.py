# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What becomes of a document that could not be written: tried again, and after too many times quarantined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.days import TooSoon
from erpsync_app.engine.errors import Blocked, Duplicate, Refused, Stale
from erpsync_app.engine.model import Event, Outcome
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.retry import SHORTLY
from erpsync_app.engine.trail import log_entry


def refused(ctx: Context, run: Run, pair: Pair, e: Exception) -> None:
	"""Try the document again later; after too many times, quarantine it, and say why where people look."""
	error, blocked = str(e) if isinstance(e, Refused) else f"{type(e).__name__}: {e}", isinstance(e, Blocked)
	attempts = max(event.attempts for event in pair.events) + 1
	# Of what is deleted as one too many nothing new is known: it is looked for again.
	binding = pair.stored if pair.doubles and pair.stored else pair.as_failed()
	if pair.renamed and pair.stored:
		binding = replace(binding, names=pair.stored.names)  # or the other side would never follow
	# Only where the site said no is it sure that a create made nothing.
	in_vain = isinstance(e, Refused) and binding.intent and not pair.doubles
	after = replace(binding, intent=None, rows={}) if in_vain else binding
	if isinstance(e, TooSoon):
		ctx.queue.retry(pair.events, after=e.after, error=error, attempt=False)
		run.counts["waiting"] += 1
		if binding.id and in_vain:
			_note(ctx, Outcome(after))
		return
	if not ctx.retry.exhausted(attempts):
		wait = timedelta(0) if isinstance(e, Stale) else ctx.retry.wait(attempts)
		ctx.queue.retry(pair.events, after=wait, error=error, attempt=True, blocked=blocked)
		run.counts["retried"] += 1
		if binding.id and in_vain:
			_note(ctx, Outcome(after))
		return
	# By an earlier try, and nothing is new. What a person chose makes a conflict of it for as long as it is tried.
	told = binding.status in ("Failed", "Conflict") and binding.error == error
	entry = log_entry(run, pair, "fail", "Failure", message=error)
	failed = replace(after, status="Failed", error=error)
	unsettled = error if binding.choice else ""
	outcome = Outcome(failed, log=() if told else (entry,), refused=unsettled)
	if (in_vain or unsettled or not told) and not _note(ctx, outcome):
		# It may be that which stood in the way, and have done all there was to do.
		ctx.queue.retry(pair.events, after=SHORTLY, error=error, attempt=False)
		return
	quarantine(ctx, pair.events, error, blocked=blocked, seen=pair.seen)
	if not told:
		run.failed(binding.doctype, pair.name, error)


def quarantine(ctx: Context, events: Sequence[Event], error: str, **more: Any) -> None:
	"""Keep what is needed to try the document again, and no more: one that fails for years must not fill the queue."""
	needed = {
		(event.side, event.name, event.kind): event for event in sorted(events, key=lambda e: e.attempts)
	}
	ctx.queue.fail(list(needed.values()), error=error, **more)
	ctx.queue.done([event for event in events if event not in needed.values()])


def _note(ctx: Context, outcome: Outcome) -> bool:
	"""Remember of a document what failed; but for one that someone else has bound or settled in the meantime: the
	state to tell is that one's. False if someone else was at it since it was read."""
	try:
		ctx.ledger.save([outcome])
	except Duplicate:
		pass
	except Stale:
		return False
	return True
