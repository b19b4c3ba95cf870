# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What is refused since its day has yet to begin on the other side."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.days import TooSoon, or_too_soon
from erpsync_app.engine.decision import Decision, Write
from erpsync_app.engine.errors import Blocked, Refused
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, Binding, Field, Rule
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.tests.builders import meta

VIENNA, NEW_YORK = ZoneInfo("Europe/Vienna"), ZoneInfo("America/New_York")
PAST_MIDNIGHT = datetime(2026, 11, 28, 0, 30, tzinfo=VIENNA)
VOUCHER = meta("Voucher", Field("posting_date", "Date"), Field("due", "Date"), Field("words", "Data"))


def answer(posting_date: str, *, now=PAST_MIDNIGHT, refusal=None, side=CLOUD, **more) -> Refused:
	clock = SimpleNamespace(now=lambda: now.astimezone(timezone.utc))
	ctx = Context(sites={}, ledger=None, queue=None, clock=clock, rules={})
	terms = {LOCAL: Terms(LOCAL, VIENNA, VIENNA), CLOUD: Terms(CLOUD, NEW_YORK, VIENNA, {}, {})}
	batch = Batch(Rule("Voucher"), shape_of(VOUCHER, VOUCHER, Rule("Voucher")), [], terms)
	pair = Pair(Binding("Voucher", {}))
	source = LOCAL if side == CLOUD else CLOUD
	pair.docs[source] = {"name": "V", "posting_date": posting_date, **more}
	write = Write(side, "create", {})
	return or_too_soon(ctx, batch, pair, Decision((write,)), refusal or Refused("No."))


def test_it_waits_until_the_day_begins_there():
	found = answer("2026-11-28")
	assert isinstance(found, TooSoon)
	assert found.after == timedelta(hours=5, minutes=30)
	assert str(found) == (
		"No. On the cloud side posting_date, 2026-11-28, is yet to come: it is tried again when that day has begun"
		" there, at 2026-11-28 00:00 EST."
	)


@pytest.mark.parametrize(
	("case", "refusal"),
	[
		("of today there too", answer("2026-11-27")),
		("of tomorrow on both sides", answer("2026-11-29", due="2026-12-28")),
		("of no day", answer("", words="2026-11-28")),
		("the day has begun on both sides", answer("2026-11-28", now=PAST_MIDNIGHT + timedelta(hours=6))),
		("the side that is written is ahead", answer("2026-11-28", side=LOCAL)),
		("another document stands in the way", answer("2026-11-28", refusal=Blocked("No."))),
	],
)
def test_what_waiting_does_not_help_is_refused_as_before(case, refusal):
	assert type(refusal) in (Refused, Blocked) and str(refusal) == "No.", case
