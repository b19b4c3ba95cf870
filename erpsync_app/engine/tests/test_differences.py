# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In what two documents differ, as a table; which fields are compared; and why a document may differ."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from erpsync_app.engine.beside import LEFT
from erpsync_app.engine.differences import (
	alike,
	beside_apart,
	cause_of,
	compared,
	differences,
	fingerprint,
	given,
)
from erpsync_app.engine.mapping import Shape, SyncedField
from erpsync_app.engine.model import CLOUD, LOCAL, Binding, Intent
from erpsync_app.engine.tests.builders import rule


def f(name: str, kind: str = "Float", options: str | None = None, **more) -> SyncedField:
	return SyncedField(name, name, kind, options, **more)


ROWS = Shape("Row", (f("qty"), f("note", "Small Text"), f("bundle", "Link", "Bundle")))
SHAPE = Shape(
	"Thing",
	(
		f("total"),
		f("status", "Select"),
		f("discount", "Select", default="Percentage"),
		f("reserved", "Check", default="1"),
		f("frozen", "Check", default="0"),
		f("of_goods", "Float", default="1"),
		f("remarks", "Small Text"),
		f("customer", "Link", "Customer"),
		f("bundle", "Link", "Bundle"),
		f("kind", "Link", "DocType"),
		f("target", "Dynamic Link", "kind"),
		f("items", "Table", "Row", rows=ROWS),
	),
)
COVERED = ("Customer", "Thing")


def row(qty=1.0, note=None, bundle=None) -> dict:
	return {"qty": qty, "note": note, "bundle": bundle}


@pytest.mark.parametrize(
	("local", "cloud", "local_was", "cloud_was", "found"),
	[
		({}, {}, None, None, {}),
		({"total": 1.0}, {"total": 1.0}, None, None, {}),
		({"total": 1.0}, {"total": 2.0}, None, None, {"total": (1.0, 2.0)}),
		# A number that each side made of the same by another way.
		({"total": 33.333333333}, {"total": 33.333333334}, None, None, {}),
		({"total": 33.33}, {"total": 33.34}, None, None, {"total": (33.33, 33.34)}),
		# What one side does not show is no difference.
		({"total": 1.0}, {}, None, None, {}),
		# The baselines excuse no status and no number: a record must not say Synced of what differs.
		(
			{"status": "Open"},
			{"status": "Closed"},
			{"status": "Open"},
			{"status": "Closed"},
			{"status": ("Open", "Closed")},
		),
		({"total": 1.0}, {"total": 2.0}, {"total": 1.0}, {"total": 2.0}, {"total": (1.0, 2.0)}),
		# A status that depends on what came first, the payment or the credit note.
		({"status": "Paid"}, {"status": "Credit Note Issued"}, {}, {}, {}),
		({"customer": "A"}, {"customer": "B"}, {}, {}, {"customer": ("A", "B")}),
		# A default that was filled in on one side.
		({"discount": None}, {"discount": "Percentage"}, {}, {}, {}),
		({"discount": None}, {"discount": "Percentage"}, None, None, {"discount": (None, "Percentage")}),
		({"discount": None}, {"discount": "Amount"}, {}, {}, {"discount": (None, "Amount")}),
		# What a controller filled in when sync wrote the document, as the baselines tell.
		({"discount": None}, {"discount": "Amount"}, {"discount": None}, {"discount": "Amount"}, {}),
		# What it dropped of what sync wrote there.
		(
			{"discount": "Amount"},
			{"discount": None},
			{"discount": "Amount"},
			{"discount": None},
			{"discount": ("Amount", None)},
		),
		(
			{"discount": None},
			{"discount": "Amount"},
			{"discount": None},
			{"discount": None},
			{"discount": (None, "Amount")},
		),
		({"reserved": 0}, {"reserved": 1}, {"reserved": 0}, {"reserved": 1}, {}),
		({"frozen": 0}, {"frozen": 1}, {}, {}, {"frozen": (0, 1)}),
		({"of_goods": 0.0}, {"of_goods": 1.0}, {"of_goods": 0.0}, {"of_goods": 1.0}, {}),
		(
			{"remarks": {"file": "1"}},
			{"remarks": "https://example.com"},
			None,
			None,
			{"remarks": ({"file": "1"}, "https://example.com")},
		),
		({"reserved": 0}, {"reserved": 1}, {"reserved": 1}, {"reserved": 1}, {"reserved": (0, 1)}),
		# A text that each site made in its own words, as long as nobody changes it.
		(
			{"remarks": "of INV-1"},
			{"remarks": "of INV-7"},
			{"remarks": "of INV-1"},
			{"remarks": "of INV-7"},
			{},
		),
		({"remarks": "of INV-1"}, {"remarks": "of INV-7"}, {}, {}, {}),
		(
			{"remarks": "of INV-1"},
			{"remarks": "of INV-7"},
			{"remarks": "of INV-1"},
			{"remarks": "of INV-1"},
			{"remarks": ("of INV-1", "of INV-7")},
		),
		({"remarks": "a"}, {"remarks": "b"}, None, None, {"remarks": ("a", "b")}),
		({"remarks": "a"}, {"remarks": "b"}, {"remarks": "a"}, None, {"remarks": ("a", "b")}),
		# A Link to what does not cross.
		({"bundle": "S-1"}, {"bundle": "S-2"}, {"bundle": "S-1"}, {"bundle": "S-2"}, {}),
		({"bundle": "S-1"}, {"bundle": "S-2"}, None, None, {"bundle": ("S-1", "S-2")}),
		({"kind": "Bundle", "target": "1"}, {"kind": "Bundle", "target": "2"}, {}, {}, {}),
		({"kind": "Thing", "target": "1"}, {"kind": "Thing", "target": "2"}, {}, {}, {"target": ("1", "2")}),
		# A field that holds the name of its own document.
		({"remarks": "EMP-1"}, {"remarks": "EMP-9"}, None, None, {}),
		# Rows, one by one.
		({"items": [row(), row(2.0)]}, {"items": [row(), row(3.0)]}, {}, {}, {"items[2].qty": (2.0, 3.0)}),
		({"items": [row()]}, {"items": []}, {}, {}, {"items": ("1 rows", "0 rows")}),
		({"items": [row(note="a")]}, {"items": [row(note="b")]}, {}, {}, {}),
		(
			{"items": [row(note="a")]},
			{"items": [row(note="b")]},
			{"items": [row(note="a")]},
			{"items": [row(note="a")]},
			{"items[1].note": ("a", "b")},
		),
		(
			{"items": [row(bundle="a")]},
			{"items": [row(bundle="b")]},
			{"items": [row(bundle="a")]},
			{"items": []},
			{"items[1].bundle": ("a", "b")},
		),
	],
)
def test_in_what_two_documents_differ(local, cloud, local_was, cloud_was, found):
	now, was = {LOCAL: local, CLOUD: cloud}, {LOCAL: local_was, CLOUD: cloud_was}
	assert differences(SHAPE, now, was, {LOCAL: "EMP-1", CLOUD: "EMP-9"}, COVERED, [CLOUD]) == found


def test_which_fields_are_compared():
	fixed = {"at_birth": True}
	shape = Shape(
		"Thing",
		(
			f("title", "Data"),
			f("naming_series", "Select", at_birth=True),
			f("amended_from", "Link", "Thing", at_birth=True),
			*(f(name, kind, **fixed) for name, kind in (("status", "Select"), ("per_billed", "Percent"))),
			*(f(name, "Currency", **fixed) for name in ("outstanding_amount", "valuation_rate")),
			f("in_words", "Data", **fixed),
			f("seen_at", "Datetime", **fixed),
			f(
				"items",
				"Table",
				"Row",
				rows=Shape("Row", (f("rate"), f("billed_amt", **fixed), f("actual_qty", **fixed))),
			),
			f("packed", "Table", "Row", at_birth=True, rows=Shape("Row", (f("qty"), f("words", "Data")))),
		),
	)
	found = compared(shape)
	assert [field.local for field in found.fields] == [
		*("title", "status", "per_billed", "outstanding_amount", "items", "packed")
	]
	tables = {field.local: [each.local for each in field.rows.fields] for field in found.fields if field.rows}
	assert tables == {"items": ["rate", "billed_amt"], "packed": ["qty"]}
	assert not any(field.at_birth for field in found.fields)
	# Of a cancelled document nobody keeps what controllers have computed.
	found = compared(given(shape))
	assert [field.local for field in found.fields] == ["title", "items"]
	assert [each.local for each in found.fields[1].rows.fields] == ["rate"]


def test_what_a_person_sets_is_compared_under_whatever_name():
	assert [field.local for field in compared(Shape("Row", (f("valuation_rate"),))).fields] == [
		"valuation_rate"
	]


@pytest.mark.parametrize(
	("one", "two", "same"),
	[
		(1.0, 1.0 + 1e-9, True),
		(1e9, 1e9 + 0.01, False),
		(0.0, 0.01, False),
		("a", "a", True),
		(None, "", False),
	],
)
def test_what_is_one_to_a_person(one, two, same):
	assert alike(one, two) is same


def test_fingerprints():
	one = {"b": 1.0, "a": [{"x": 1}]}
	assert fingerprint(one, 1) == fingerprint({"b": 1.0, "a": [{"x": 1}]}, 1)
	assert len({fingerprint(one, 1), fingerprint(one, 2), fingerprint({**one, "b": 2.0}, 1)}) == 3


@pytest.mark.parametrize(
	("words", "local", "cloud", "was", "apart"),
	[
		((), {"a": 1}, {"a": 1}, {}, ([], [])),
		((), {"a": 1, "b": 1}, {"a": 1, "c": 1}, {}, (["b"], ["c"])),
		((), {"a": 1}, {"a": 0}, {}, (["a"], ["a"])),
		# One that could not cross.
		((), {"a": 1}, {}, {"a": LEFT}, ([], [])),
		# One way: what the receiving side has of its own.
		(("to local",), {"a": 1}, {"b": 1}, {}, ([], ["b"])),
		(("to cloud",), {"a": 1}, {"b": 1}, {}, (["a"], [])),
	],
)
def test_what_stands_beside_the_document(words, local, cloud, was, apart):
	assert beside_apart(rule(*words), {LOCAL: local, CLOUD: cloud}, {LOCAL: was, CLOUD: None}) == apart


BOUND = Binding("Thing", {LOCAL: "a", CLOUD: "a"}, status="Synced", id="1")
INTENT = Intent(CLOUD, datetime(2026, 1, 1, tzinfo=timezone.utc), {})


@pytest.mark.parametrize(
	("binding", "states", "cause", "why"),
	[
		(None, [], "unexplained", ""),
		(BOUND, [], "unexplained", ""),
		(BOUND, [("Pending", "")], "waiting", "It is in the queue."),
		(BOUND, [("Failed", "no"), ("Pending", "busy")], "waiting", "busy"),
		(replace(BOUND, intent=INTENT), [], "waiting", "Its create is under way."),
		(None, [("Failed", "too big")], "failed", "too big"),
		(replace(BOUND, status="Failed", error="no group"), [], "failed", "no group"),
		(replace(BOUND, status="Conflict"), [], "conflict", "Its Sync Conflict waits for a person."),
		(replace(BOUND, status="Conflict"), [("Pending", "")], "waiting", "It is in the queue."),
		(
			replace(BOUND, status="Diverged"),
			[],
			"diverged",
			"Sync knows that they differ, and has nothing to write.",
		),
		(replace(BOUND, status="Diverged", error="status differs"), [], "diverged", "status differs"),
	],
)
def test_why_a_document_may_differ(binding, states, cause, why):
	assert cause_of(binding, states) == (cause, why)
