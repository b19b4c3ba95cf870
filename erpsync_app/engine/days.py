# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A day that has begun on one side may still be tomorrow on the other, which refuses what is booked on it: ERPNext takes
no receipt of goods in the future. What is refused there while a day that it gives has yet to begin is tried again when
it has begun, and no attempt is counted until then.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Decision
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.model import other
from erpsync_app.engine.pair import Pair


class TooSoon(Refused):
	"""The site may take it `after` some time: when a day that the document gives has begun there, or when an older document
	is cancelled, as it is on the other side."""

	def __init__(self, message: str, after: timedelta):
		super().__init__(message)
		self.after = after


def or_too_soon(ctx: Context, batch: Batch, pair: Pair, decision: Decision, refusal: Refused) -> Refused:
	"""The refusal; a TooSoon instead where it is plain that waiting may help: a date of the document has come on its own
	side and not yet on the side that is written."""
	if type(refusal) is not Refused:
		return refusal
	now = ctx.clock.now()
	today = {side: now.astimezone(terms.zone).date() for side, terms in batch.terms.items()}
	for side in (write.side for write in decision.writes):
		doc, zone = pair.docs[other(side)], batch.terms[side].zone
		dates = [f for f in batch.shape.fields if f.type == "Date"]
		for f, value in ((f, str(doc.get(f.on(other(side))) or "")) for f in dates if doc):
			if str(today[side]) < value <= str(today[other(side)]):
				begins = datetime.combine(datetime.fromisoformat(value), time(), zone)
				return TooSoon(
					f"{refusal} On the {side} side {f.local}, {value}, is yet to come: it is tried again when that day"
					f" has begun there, at {begins:%Y-%m-%d %H:%M %Z}.",
					begins - now,
				)
	return refusal
