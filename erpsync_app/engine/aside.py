# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What is set aside stays so while nothing has changed: a scan that finds it again is no reason to try it again."""

from __future__ import annotations

from collections.abc import Sequence

from erpsync_app.engine.context import Context
from erpsync_app.engine.model import Event


def to_try(ctx: Context, events: Sequence[Event]) -> list[Event]:
	"""The events that a scan found, of which each is one change of one document, without those of documents that are set
	aside and are as they were when they failed."""
	places = {(event.doctype, event.side): ctx.sites[event.side] for event in events}
	unchanged: set[tuple[str, str, str]] = set()
	for (doctype, side), site in places.items():
		named = {e.name for e in events if (e.doctype, e.side, e.kind) == (doctype, side, "change")}
		aside = {n: seen for n, seen in ctx.queue.set_aside(doctype, side).items() if seen and n in named}
		now = site.stamps(doctype, sorted(aside)) if aside else {}
		unchanged |= {(doctype, side, n) for n, seen in aside.items() if now.get(n) == seen}
	return [e for e in events if e.kind != "change" or (e.doctype, e.side, e.name) not in unchanged]
