# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Draft, submitted, cancelled: how one side's document follows the other's.

docstatus only ever grows (0 draft, 1 submitted, 2 cancelled), so it needs no baseline: where the sides differ, the
one behind follows, one step at a time, through its site's own controllers. The ledger entries are their work.
"""

from __future__ import annotations

from collections.abc import Mapping

from erpsync_app.engine.mapping import AS_GIVEN, Shape
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, Rule, Side

SUBMITTED, CANCELLED = 1, 2

POSTING = frozenset(("posting_date", "posting_time"))
"""The day and time on which a document is booked. Stock is worth what it is by their order."""


def behind(rule: Rule, docstatus: Mapping[Side, int]) -> Side | None:
	"""The side whose document has to follow the other's; None where neither has to, or the rule keeps drafts."""
	if rule.submit == "draft" or docstatus[LOCAL] == docstatus[CLOUD]:
		return None
	return LOCAL if docstatus[LOCAL] < docstatus[CLOUD] else CLOUD


def lags(rule: Rule, docstatus: Mapping[Side, int]) -> bool:
	"""Whether one side is behind and may be written."""
	if any(side not in docstatus for side in SIDES):
		return False
	side = behind(rule, docstatus)
	return side is not None and rule.writes(side)


def posting(fields: Fields) -> Fields:
	"""What a submit takes along."""
	return {name: value for name, value in fields.items() if name in POSTING}


def posted(changes: Document, shape: Shape) -> Document:
	"""The changes, so that the site books on the day and time that they give."""
	return {**changes, AS_GIVEN: 1} if shape.posts and not POSTING.isdisjoint(changes) else changes
