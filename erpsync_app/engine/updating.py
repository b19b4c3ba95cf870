# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Writes one update on one side: what takes a method, the other fields, a submit or cancel, the way through a workflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from erpsync_app.engine.acting import act
from erpsync_app.engine.batch import Batch, with_beside
from erpsync_app.engine.canonical import outbound
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.errors import Duplicate, Refused
from erpsync_app.engine.lifecycle import SUBMITTED, posted, posting
from erpsync_app.engine.model import other
from erpsync_app.engine.pair import Pair, docstatus
from erpsync_app.engine.references import with_births
from erpsync_app.engine.swaps import look_for_taken, without_taken
from erpsync_app.engine.transfer import bring
from erpsync_app.engine.workflow import before_walk, walk


def update(ctx: Context, batch: Batch, pair: Pair, write: Write, renew: Callable[[], None]) -> None:
	"""Carry out an update. Where it is refused since others have yet to give up a unique value, it is written without,
	as `pair.taken` says then."""
	plain, source = before_walk(batch, write), pair.docs[other(write.side)]
	plain = replace(plain, fields=with_births(batch, pair, plain))
	if write.docstatus == SUBMITTED and source:
		given = posting(batch.fields(source, other(write.side)))
		plain = replace(plain, fields={**given, **plain.fields})
	if (doc := pair.docs[write.side]) and docstatus(doc) == SUBMITTED:
		fields, rows = act(ctx, batch, pair, plain, renew)
		plain = replace(plain, fields=fields, rows=rows)
	try:
		_send(ctx, batch, pair, plain, renew)
	except Refused as e:
		# ERPNext tells of a value that is taken in more ways than one.
		pair.taken = look_for_taken(ctx, batch, pair, plain) if type(e) in (Refused, Duplicate) else ()
		if not pair.taken:
			raise
		_send(ctx, batch, pair, replace(without_taken(plain, pair.taken), docstatus=None), renew)
		return
	walk(ctx, batch, pair, write, renew)


def _send(ctx: Context, batch: Batch, pair: Pair, write: Write, renew: Callable[[], None]) -> None:
	side, before = write.side, pair.docs[write.side]
	assert before is not None
	bring(ctx, batch, pair, side, write.fields, renew)
	changes = posted(outbound(write.fields, batch.shape, batch.terms[side], before, write.rows), batch.shape)
	if write.docstatus is not None:
		changes["docstatus"] = write.docstatus
	if changes:
		made = ctx.sites[side].update(batch.rule.doctype, before["name"], changes, before["modified"])
		pair.docs[side] = with_beside(made, before)
