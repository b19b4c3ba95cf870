# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Rows of goods, as `Unbundled` shows them and as it writes them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone
from typing import Any

import pytest

from erpsync_app.engine.bundles import BUNDLE, Unbundled, bundle_of, numbers_in, shown
from erpsync_app.engine.canonical import canonical, outbound
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.engine.mapping import Terms, links, shape_of
from erpsync_app.engine.model import CLOUD, Document, Field, Meta, Rule

ENTRY = "Stock Entry"
ROW = Meta(
	"Stock Entry Detail",
	{
		"item_code": Field("item_code", "Link", options="Item"),
		"qty": Field("qty", "Float"),
		"serial_no": Field("serial_no", "Text"),
		"batch_no": Field("batch_no", "Link", options="Batch"),
		"use_serial_batch_fields": Field("use_serial_batch_fields", "Check"),
		"serial_and_batch_bundle": Field("serial_and_batch_bundle", "Link", options=BUNDLE),
	},
)
META = Meta(
	ENTRY,
	{"company": Field("company", "Link", options="Company"), "items": Field("items", "Table")},
	{"items": ROW},
	submittable=True,
)
SHAPE = shape_of(shown(META), shown(META), Rule(ENTRY))
TERMS = Terms(CLOUD, timezone.utc, timezone.utc)


class Stock:
	"""A site of a few documents, which makes bundles and counts what it is asked."""

	user = "sync@example.com"

	def __init__(self, docs: Sequence[Document] = (), bundles: Sequence[Document] = ()):
		self.docs = {ENTRY: {doc["name"]: doc for doc in docs}, BUNDLE: {doc["name"]: doc for doc in bundles}}
		self.asked: list[str] = []
		self.sent: list[Document] = []

	def meta(self, doctype: str) -> Meta:
		return META if doctype == ENTRY else Meta(doctype, {})

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		self.asked.append(f"read {doctype}")
		return {name: _copy(doc) for name in names if (doc := self.docs[doctype].get(name))}

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		self.asked.append(f"find {doctype}")
		equal = [(field, value) for field, operator, value in filters if operator == "="]
		return [
			_copy(doc)
			for doc in self.docs[doctype].values()
			if all(doc.get(f) == value for f, value in equal)
		]

	def create(self, doctype: str, values: Document, name: str | None) -> Document:
		name = name or f"{doctype} {len(self.docs[doctype]) + 1}"
		self.sent.append(values)
		made = {"owner": self.user, "docstatus": 0, **_copy(values), "name": name}
		self.docs[doctype][name] = made
		return _copy(made)

	def update(self, doctype: str, name: str, changes: Document, modified: str) -> Document:
		self.sent.append(changes)
		self.docs[doctype][name] |= _copy(changes)
		return _copy(self.docs[doctype][name])


def _copy(doc: Document) -> Document:
	return {key: [dict(row) for row in v] if isinstance(v, list) else v for key, v in doc.items()}


def document(*rows: Document, **values: Any) -> Document:
	named = [{"name": f"row {at}", "item_code": "Drill", **row} for at, row in enumerate(rows)]
	return {"name": "E-1", "company": "Acme", "docstatus": 0, **values, "items": named}


def bundle(name: str, *entries: tuple, **values: Any) -> Document:
	rows = [{"serial_no": s, "batch_no": b, "qty": qty, "warehouse": "Stores"} for s, b, qty in entries]
	return {"name": name, "item_code": "Drill", "warehouse": "Stores", "entries": rows, **values}


def told(doc: Document, *bundles: Document) -> list[Document]:
	"""The rows of the document in canonical form."""
	site = Unbundled(Stock([doc], bundles))
	return canonical(site.read(ENTRY, [doc["name"]])[doc["name"]], SHAPE, TERMS)["items"]


def goods(row: Document) -> tuple:
	return row["serial_no"], row["batch_no"], row["serial_and_batch_bundle"]


def test_a_document_without_goods_of_that_kind_costs_nothing_and_stays_what_it_is():
	empty = {"qty": 2, "serial_no": None, "batch_no": None, "serial_and_batch_bundle": None}
	stock = Stock([document(empty)])
	site = Unbundled(stock)
	doc = site.read(ENTRY, ["E-1"])["E-1"]
	assert stock.asked == [f"read {ENTRY}"]
	assert goods(canonical(doc, SHAPE, TERMS)["items"][0]) == (None, None, [])
	site.update(ENTRY, "E-1", {"items": doc["items"]}, "")
	assert stock.sent == [{"items": document(empty)["items"]}]


@pytest.mark.parametrize(
	("row", "bundles"),
	[
		({"serial_no": "S2\nS1"}, []),
		({"serial_no": "S1, S2,", "serial_and_batch_bundle": None}, []),
		({"serial_and_batch_bundle": "B"}, [bundle("B", ("S2", None, 1), ("S1", None, 1))]),
		({"serial_no": "S2,S1", "serial_and_batch_bundle": "B"}, [bundle("B", ("S1", "", 1), ("S2", "", 1))]),
		({"serial_no": "S1\nS2", "serial_and_batch_bundle": "unreadable"}, []),
	],
	ids=["typed", "with commas", "of the dialog", "of a series", "its bundle cannot be read"],
)
def test_the_same_numbers_are_told_alike(row: Document, bundles: list[Document]):
	row = {"serial_no": None, "batch_no": "", "serial_and_batch_bundle": "", **row}
	assert goods(told(document(row), *bundles)[0]) == ("S1\nS2", None, [])


def test_where_the_user_may_not_see_bundles_the_rows_own_fields_have_to_do():
	class Closed(Stock):
		def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
			if doctype == BUNDLE:
				raise NeedsPerson("not permitted")
			return super().read(doctype, names)

	row = {"serial_no": "S1,S2", "batch_no": None, "serial_and_batch_bundle": "B"}
	doc = Unbundled(Closed([document(row)])).read(ENTRY, ["E-1"])["E-1"]
	assert goods(canonical(doc, SHAPE, TERMS)["items"][0]) == ("S1\nS2", None, [])


def test_one_batch_is_told_in_the_row_and_several_by_their_entries():
	one, two = (
		{"batch_no": None, "serial_no": "", "serial_and_batch_bundle": name} for name in ("one", "two")
	)
	bundles = [bundle("one", (None, "LOT-1", 5)), bundle("two", (None, "LOT-2", 2), (None, "LOT-1", 3))]
	stock = Stock([document(one, two)], bundles)
	doc = Unbundled(stock).read(ENTRY, ["E-1"])["E-1"]
	assert stock.asked == [f"read {ENTRY}", f"read {BUNDLE}"], "one call for all bundles"
	first, second = canonical(doc, SHAPE, TERMS)["items"]
	assert goods(first) == (None, "LOT-1", [])
	assert [(e["batch_no"], e["qty"]) for e in second["serial_and_batch_bundle"]] == [
		("LOT-1", 3),
		("LOT-2", 2),
	]
	assert ("Batch", "LOT-2") in set(links(doc, SHAPE, CLOUD)), "rows wait for the batches of their bundles"


def test_of_a_cancelled_document_the_bundles_tell_whose_they_were():
	theirs = {"voucher_type": ENTRY, "voucher_no": "E-1", "voucher_detail_no": "row 0"}
	out = bundle("out", ("S1", None, -1), **theirs)
	row = {"serial_no": None, "batch_no": None, "serial_and_batch_bundle": None}
	assert (
		goods(told(document(row, docstatus=2), out, bundle("copy", ("S9", None, 1), **theirs))[0])[0] == "S1"
	)


def sent(doc: Document, changes: Document, *bundles: Document) -> tuple[Stock, Document]:
	"""What an update with these canonical rows sends of the first row."""
	stock = Stock([doc], bundles)
	site = Unbundled(stock)
	current = site.read(ENTRY, ["E-1"])["E-1"]
	rows = canonical(current, SHAPE, TERMS)["items"]
	values = outbound({"items": [{**rows[0], **changes}]}, SHAPE, TERMS, current)
	site.update(ENTRY, "E-1", values, "")
	return stock, stock.sent[-1]["items"][0]


def test_a_row_whose_goods_nobody_touched_is_sent_as_the_site_has_it():
	held = {
		"serial_no": "S2,S1",
		"batch_no": None,
		"serial_and_batch_bundle": "B",
		"use_serial_batch_fields": 0,
	}
	stock, row = sent(document(held), {"qty": 2}, bundle("B", ("S2", None, 1), ("S1", None, 1)))
	assert row == {"name": "row 0", "item_code": "Drill", **held, "qty": 2, "idx": 1}
	stock, row = sent(
		document({**held, "serial_no": None}), {"qty": 5}, bundle("B", (None, "L1", 2), (None, "L2", 3))
	)
	assert row["serial_and_batch_bundle"] == "B"
	assert f"find {BUNDLE}" not in stock.asked


def test_numbers_that_changed_are_typed_and_the_bundle_is_let_go_of():
	held = {"serial_no": None, "serial_and_batch_bundle": "B", "use_serial_batch_fields": 0}
	_, row = sent(document(held), {"serial_no": "S1\nS3"}, bundle("B", ("S2", None, 1), ("S1", None, 1)))
	assert (row["serial_no"], row["serial_and_batch_bundle"], row["use_serial_batch_fields"]) == (
		"S1\nS3",
		None,
		1,
	)


def test_for_several_batches_a_bundle_is_made_once():
	entries = [{"batch_no": lot, "qty": -n, "warehouse": "Stores"} for n, lot in ((2, "L1"), (3, "L2"))]
	row = {"item_code": "Drill", "serial_and_batch_bundle": entries, "serial_no": None, "batch_no": None}
	stock = Stock()
	site = Unbundled(stock)
	for _ in range(2):  # the first one's answer was lost, or it was refused
		site.create(ENTRY, {"company": "Acme", "items": [row]}, None)
	(name,) = stock.docs[BUNDLE]
	made = stock.docs[BUNDLE][name]
	assert (made["type_of_transaction"], made["warehouse"], made["company"]) == ("Outward", "Stores", "Acme")
	assert [(e["batch_no"], e["qty"]) for e in made["entries"]] == [("L1", -2), ("L2", -3)]
	assert stock.sent[-1]["items"][0]["serial_and_batch_bundle"] == name
	assert stock.sent[-1]["items"][0]["use_serial_batch_fields"] == 0


def test_two_rows_of_equal_batches_have_a_bundle_each():
	entries = [{"batch_no": lot, "qty": 2, "warehouse": "Stores"} for lot in ("L1", "L2")]
	rows = [{"item_code": "Drill", "serial_and_batch_bundle": entries} for _ in range(2)]
	stock = Stock()
	Unbundled(stock).create(ENTRY, {"company": "Acme", "items": rows}, None)
	one, two = (row["serial_and_batch_bundle"] for row in stock.sent[-1]["items"])
	assert {one, two} == stock.docs[BUNDLE].keys() and one != two


def test_a_rejected_bundle_is_one():
	entries = [{"batch_no": "L1", "qty": 1, "warehouse": "Rejected"}]
	assert (
		bundle_of({"item_code": "Drill"}, "rejected_serial_and_batch_bundle", entries, {})["is_rejected"] == 1
	)
	assert bundle_of({"item_code": "Drill"}, "serial_and_batch_bundle", entries, {})["is_rejected"] == 0


def test_what_each_site_computes_of_a_number_does_not_cross():
	names = ("warehouse", "status", "purchase_document_no", "reference_name", "item_code")
	fields = {name: Field(name, "Data", read_only=True) for name in names}
	assert list(shown(Meta("Serial No", fields)).fields) == ["item_code"]
	assert shown(Meta(BUNDLE, fields)).fields == {}
	assert shown(Meta("Item", fields)).fields == fields


def test_numbers_in_a_text():
	assert numbers_in(" S1 ,S2\n\nS3,") == ["S1", "S2", "S3"]
	assert numbers_in(None) == []
