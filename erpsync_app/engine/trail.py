# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The lines that a run writes into the trail of what sync did."""

from __future__ import annotations

from typing import Any

from erpsync_app.engine.context import Run
from erpsync_app.engine.model import LogEntry, Operation, Result
from erpsync_app.engine.pair import Pair


def log_entry(run: Run, pair: Pair, operation: Operation, outcome: Result, **more: Any) -> LogEntry:
	"""A line of the trail about a pair; `more` are further fields of LogEntry."""
	return LogEntry(
		doctype=pair.binding.doctype,
		names=pair.binding.names,
		operation=operation,
		outcome=outcome,
		trigger=pair.events[0].trigger,
		run=run.id,
		**more,
	)
