# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Numbers and batches that are two things of one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.bundles import BATCH, NUMBER, Unbundled
from erpsync_app.engine.errors import Refused, Stale
from erpsync_app.engine.goods import bring_goods, explained, look_at_goods
from erpsync_app.engine.mapping import Shape
from erpsync_app.engine.model import CLOUD, LOCAL, Binding, Document, Field, Meta, Rule
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.tests.test_bundles import ENTRY, SHAPE, TERMS, Stock, bundle, document

LOT = {"name": "L1", "item": "Drill", "creation": "2026-01-01"}


class Store(Stock):
	"""A site that also keeps numbers and batches."""

	def __init__(
		self, docs: Sequence[Document] = (), bundles: Sequence[Document] = (), **kept: list[Document]
	):
		super().__init__(docs, bundles)
		for doctype in (NUMBER, BATCH):
			self.docs[doctype] = {doc["name"]: doc for doc in kept.get(doctype.split()[0], ())}

	def meta(self, doctype: str) -> Meta:
		if doctype == BATCH:
			return Meta(BATCH, {name: Field(name, "Data") for name in ("batch_id", "item", "batch_qty")})
		return super().meta(doctype)

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		return {name: "now" for name in names if name in self.docs[doctype]}


def context(local: Store, cloud: Store, same: Mapping[str, str] | None = None) -> Any:
	def names(doctype: str, side: str, asked: Sequence[str]) -> dict[str, str]:
		return {name: there for name, there in (same or {}).items() if name in asked}

	ledger = SimpleNamespace(names=names, save=lambda outcomes: [])
	return SimpleNamespace(sites={LOCAL: Unbundled(local), CLOUD: Unbundled(cloud)}, ledger=ledger, rules={})


def batch_of(pair: Pair, rule: str = ENTRY, shape: Shape = SHAPE) -> Batch:
	return Batch(Rule(rule), shape, [pair], {LOCAL: TERMS, CLOUD: TERMS})


def pair_of(ctx: Any) -> Pair:
	"""An entry of the cloud that the local site lacks."""
	pair = Pair(Binding(ENTRY, {LOCAL: None, CLOUD: "E-1"}))
	pair.docs[CLOUD] = ctx.sites[CLOUD].read(ENTRY, ["E-1"])["E-1"]
	return pair


@pytest.mark.parametrize(
	("local", "told"),
	[
		({}, False),
		({"item": "Saw"}, True),
		({"reference_name": "R-1", "reference_doctype": ENTRY, "creation": "2026-01-02"}, True),
		({"reference_name": "R-1", "reference_doctype": ENTRY}, False),
		({"reference_name": "R-9", "reference_doctype": ENTRY, "creation": "2026-01-02"}, False),
	],
	ids=["it crossed", "of another item", "two counters", "a copied site", "of one receipt"],
)
def test_a_batch_of_one_name(local: dict, told: bool):
	theirs = {**LOT, "reference_name": "R-2", "reference_doctype": ENTRY}
	row = {"batch_no": "L1", "serial_no": None, "serial_and_batch_bundle": None}
	ctx = context(Store(Batch=[{**LOT, **local}]), Store([document(row)], Batch=[theirs]), {"R-9": "R-2"})
	pair = pair_of(ctx)
	look_at_goods(ctx, batch_of(pair))
	assert bool(pair.ambiguous) == told
	assert not told or "Batch L1" in pair.ambiguous

	# So also of the batch itself, on first contact.
	own = Pair(Binding(BATCH, {LOCAL: "L1", CLOUD: "L1"}))
	own.docs = {LOCAL: {**LOT, **local}, CLOUD: theirs}
	look_at_goods(ctx, batch_of(own, BATCH, Shape(BATCH, ())))
	assert bool(own.ambiguous) == told


def test_a_batch_that_the_other_side_lacks_is_made_as_it_is():
	row = {"batch_no": "L1", "serial_no": None, "serial_and_batch_bundle": None}
	local = Store()
	ctx = context(local, Store([document(row)], Batch=[{**LOT, "batch_id": "L1", "batch_qty": 7}]))
	pair = pair_of(ctx)
	batch = batch_of(pair)
	for _ in range(2):
		bring_goods(ctx, batch, LOCAL, batch.fields(pair.docs[CLOUD] or {}, CLOUD), lambda: None)
		local.docs[BATCH] |= {doc["batch_id"]: doc for doc in local.docs[BATCH].values()}
	assert local.sent == [{"batch_id": "L1", "item": "Drill"}], "once, and without what the site computes"
	ctx.rules = {BATCH: Rule(BATCH)}
	local.docs[BATCH].clear()
	bring_goods(ctx, batch, LOCAL, batch.fields(pair.docs[CLOUD] or {}, CLOUD), lambda: None)
	assert len(local.sent) == 1, "by its rule it crosses itself"


@pytest.mark.parametrize(
	("taken", "words"),
	[
		({"item_code": "Saw", "purchase_document_no": "R-7"}, ("two things", "Drill", "Saw", "E-1", "R-7")),
		({"item_code": "Drill", "purchase_document_no": "R-7"}, ("twice", "Drill", "E-1", "R-7")),
		({"item_code": "Drill"}, ("No.",)),
	],
	ids=["of another item", "received twice", "for another reason"],
)
def test_a_refusal_is_told_by_what_stands_behind_it(taken: dict, words: tuple[str, ...]):
	row = {"serial_no": None, "batch_no": None, "serial_and_batch_bundle": "B"}
	cloud = Store([document(row, docstatus=1)], [bundle("B", ("S1", None, 1))])
	ctx = context(Store(Serial=[{"name": "S1", **taken}]), cloud)
	pair = pair_of(ctx)
	refusal = explained(ctx, batch_of(pair), pair, Refused("No."))
	assert all(word in str(refusal) for word in words)
	stale = Stale("Later.")
	assert explained(ctx, batch_of(pair), pair, stale) is stale


def test_what_goes_out_is_told_as_it_was_refused():
	row = {"serial_no": None, "batch_no": None, "serial_and_batch_bundle": "B"}
	cloud = Store([document(row, docstatus=1)], [bundle("B", ("S1", None, -1))])
	ctx = context(Store(Serial=[{"name": "S1", "item_code": "Drill", "purchase_document_no": "R"}]), cloud)
	pair = pair_of(ctx)
	assert str(explained(ctx, batch_of(pair), pair, Refused("No."))) == "No."
