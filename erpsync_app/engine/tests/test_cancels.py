# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which documents keep another one from being cancelled or closed on the other side."""

from __future__ import annotations

from datetime import timezone
from types import SimpleNamespace

import pytest

from erpsync_app.engine.acts import STATUS
from erpsync_app.engine.batch import Batch
from erpsync_app.engine.cancels import check_cancel, look_for_linking
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.errors import Blocked
from erpsync_app.engine.mapping import Terms
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Field, Progress, Rule
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.retry import NotYet
from erpsync_app.engine.tests.builders import meta

INVOICE = meta(
	"Invoice",
	Field("amended_from", "Link", options="Invoice"),
	Field("payment", "Link", options="Payment"),
	Field("status", "Select", options="Open\nClosed", read_only=True),
	submittable=True,
)
PAYMENT = meta(
	"Payment",
	Field("paid_for", "Table", options="Payment Row"),
	children={
		"paid_for": meta(
			"Payment Row", Field("type", "Data"), Field("name_of", "Dynamic Link", options="type")
		)
	},
	submittable=True,
)
NEW = None
"""Not known to the ledger."""


class Site:
	"""A site where payment P is for the invoice I."""

	def __init__(self, docstatus: int, meeting: bool):
		self.docstatus, self.meeting = docstatus, meeting

	def meta(self, doctype):
		return {"Invoice": INVOICE, "Payment": PAYMENT}[doctype]

	def status_method(self, doctype):
		return "close_it", "name"

	def linking(self, doctype, child, field, names, where=()):
		if doctype != "Payment":
			return []
		assert (child, field, names, where) == ("Payment Row", "name_of", ["I"], [("type", "=", "Invoice")])
		return [("P", "I", self.docstatus)]

	def stamps(self, doctype, names, filters=()):
		return dict.fromkeys(names, "now") if self.meeting else {}


def pair_of(*, here=2, there=1, **more) -> Pair:
	pair = Pair(Binding("Invoice", {LOCAL: "I", CLOUD: "I there"}))
	pair.docs = {
		LOCAL: {"name": "I", "docstatus": here, **more},
		CLOUD: {"name": "I there", "docstatus": there},
	}
	return pair


def looked_at(pair, *, payment=2, known=NEW, meeting=True, **rule):
	rules = {"Invoice": Rule("Invoice"), "Payment": Rule("Payment", **rule)}
	ledger = SimpleNamespace(progress=lambda doctype, side, names: {"P": known} if known else {})
	site = Site(payment, meeting)
	ctx = Context(sites={LOCAL: site, CLOUD: site}, ledger=ledger, queue=None, clock=None, rules=rules)
	terms = {side: Terms(side, timezone.utc, timezone.utc, {}, {}) for side in SIDES}
	look_for_linking(ctx, Batch(rules["Invoice"], ctx.shape("Invoice"), [pair], terms))
	return pair.kept_by


def come(there, status="Synced", name="P there"):
	return Progress(name, {LOCAL: 2, CLOUD: there}, status)


@pytest.mark.parametrize(
	("case", "payment", "known", "kept"),
	[
		("not there yet", 2, NEW, True),
		("its create is under way", 2, come(0, name=None), True),
		("a draft there", 2, come(0), True),
		("submitted there, cancelled here", 2, come(1), True),
		("cancelled there too", 2, come(2), False),
		("in force on both sides: the site undoes the link, as it did here", 1, come(1), False),
		("a draft that has yet to go there", 0, NEW, True),
		("a draft on both sides", 0, come(0), False),
	],
)
def test_a_cancel_waits_for_what_links_to_it(case, payment, known, kept):
	found = looked_at(pair_of(), payment=payment, known=known)
	assert found == (("Payment", "P", known.status if known else "") if kept else None), case


@pytest.mark.parametrize(
	("case", "payment", "known", "kept"),
	[
		("not there yet", 1, NEW, True),
		("a draft there", 1, come(0), True),
		("submitted there", 1, come(1), False),
		("submitted there, cancelled here", 2, come(1), False),
		("a draft that has yet to go there", 0, NEW, True),
	],
)
def test_a_close_waits_for_what_links_to_it(case, payment, known, kept):
	pair = pair_of(here=1, status="Closed")
	found = looked_at(pair, payment=payment, known=known)
	assert found == (("Payment", "P", known.status if known else "") if kept else None), case
	pair.docs[CLOUD]["status"] = "Closed"
	pair.kept_by = None
	assert looked_at(pair, payment=payment, known=known) is None, "it is closed there as well"


@pytest.mark.parametrize("stage", [(2, 0), (2, 2), (1, 1)])
def test_only_a_cancel_that_comes_next_is_looked_into(stage):
	here, there = stage
	assert looked_at(pair_of(here=here, there=there)) is None


def test_what_does_not_cross_keeps_nothing():
	assert looked_at(pair_of(), meeting=False) is None
	assert looked_at(pair_of(), submit="draft") is None
	assert looked_at(pair_of(), direction="cloud_to_local") is None


def test_two_that_link_to_each_other_wait_no_longer_than_until_both_are_there():
	assert looked_at(pair_of(payment="P"), known=come(1)) is None
	assert looked_at(pair_of(payment="P"), known=come(0)) is not None


@pytest.mark.parametrize(
	("status", "error"), [("Pending", NotYet), ("Synced", NotYet), ("Failed", Blocked), ("Conflict", Blocked)]
)
def test_what_has_failed_is_said_to_stand_in_the_way(status, error):
	pair = pair_of()
	pair.kept_by = "Payment", "P", status
	check_cancel(pair, Write(CLOUD, "update", docstatus=1))
	check_cancel(pair, Write(CLOUD, "update", {STATUS: None}))
	for write in (Write(CLOUD, "update", docstatus=2), Write(CLOUD, "update", {STATUS: "Closed"})):
		with pytest.raises(
			error, match="Payment P, which links to it, has yet to come as far on the cloud side"
		):
			check_cancel(pair, write)
