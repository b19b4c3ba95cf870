# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Baselines are what a side holds, and not what was sent: a site computes fields of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import BESIDE
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.files import learn_files
from erpsync_app.engine.model import SIDES, Outcome, Side
from erpsync_app.engine.pair import Pair


def read_back(ctx: Context, batch: Batch, written: Sequence[tuple[Pair, Side]]) -> None:
	"""Make the baselines what the sites hold, where that is not what they answered to the write.

	Only of a document that is still as of that write: what someone changed since then is no baseline, but a change
	that is still to be carried over.
	"""
	outcomes: dict[str, Outcome] = {}
	for side in SIDES:
		site, doctype = ctx.sites[side], batch.rule.doctype
		pairs = {name: p for p, s in written if s == side and (name := p.binding.names.get(side))}
		docs = site.read(doctype, list(pairs)) if pairs else {}
		# Of many, a site tells documents and rows in two calls, between which someone may have edited one.
		since = site.stamps(doctype, list(docs)) if len(docs) > 1 else {}
		learn_files(ctx, batch, side, list(docs.values()))
		for name, doc in docs.items():
			binding = pairs[name].binding
			held = binding.held.get(side)
			if held is None or binding.id is None:
				continue
			if not (held.modified == doc["modified"] == since.get(name, doc["modified"])):
				continue
			# What someone attached since then shows in no `modified`.
			back = pairs[name].held_back | BESIDE
			fields = batch.fields(doc, side, stage=pairs[name].stage)
			# also those that have no baseline yet
			fields = {f: value for f, value in fields.items() if f not in back}
			fields.update({f: value for f, value in held.fields.items() if f in back})
			if (now := replace(held, fields=fields)) != held:
				pairs[name].docs[side] = doc
				rows = batch.row_maps(pairs[name])
				binding = replace(binding, held={**binding.held, side: now}, rows=rows)
				pairs[name].binding = binding
				outcomes[binding.id] = Outcome(binding)
	if not outcomes:
		return
	try:
		ctx.ledger.save(list(outcomes.values()))
	except Stale:
		for outcome in outcomes.values():
			with suppress(Stale):  # someone else was at this one since, and knows better
				ctx.ledger.save([outcome])
