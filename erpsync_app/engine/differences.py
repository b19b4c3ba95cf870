# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In what two documents differ that sync holds to be one, for a person who compares the sites. Pure.

This looks at more than a cycle does: also at read-only fields, which each site's controllers keep, such as the status,
the percentages and the outstanding amount. What a site says in words of its own is let be.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timezone
from math import isclose
from typing import Any, Literal

from erpsync_app.engine.beside import LEFT, Members
from erpsync_app.engine.canonical import INTEGER_TYPES, NUMBER_TYPES, spelled
from erpsync_app.engine.mapping import Shape, SyncedField, link_target, only_at_birth
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Fields, Rule, Side, other

TELLING_TYPES = INTEGER_TYPES | NUMBER_TYPES | {"Select", "Date", "Link", "Dynamic Link"}
"""Of read-only fields those in which both sites' controllers come to the same; texts each makes in its own language, and
moments at its own time."""

WORDED_TYPES = frozenset(
	"Data,Small Text,Text,Long Text,Text Editor,HTML Editor,Markdown Editor,Code,JSON".split(",")
)
"""They may mention documents and rows by the names that these have on a site."""

SNAPSHOTS = frozenset(
	(
		*("actual_qty", "actual_batch_qty", "projected_qty", "company_total_stock", "total_projected_qty"),
		*("available_qty", "available_qty_at_source_warehouse", "available_qty_at_wip_warehouse"),
		*("available_qty_for_consumption", "current_stock", "current_qty", "current_amount"),
		*("current_valuation_rate", "quantity_difference", "amount_difference", "difference_amount"),
		*("valuation_rate", "incoming_rate", "last_purchase_rate", "gross_profit"),
		*("party_balance", "paid_from_account_balance", "paid_to_account_balance", "total_asset_cost"),
	)
)
"""Read-only fields that keep what a site had in stock, or what that was worth, in the moment when the document was saved
there. What it has now, the books tell. (An Asset that comes with its receipt costs nothing on ERPNext 16 until it is saved.)
"""

ROW_SNAPSHOTS = SNAPSHOTS | {"outstanding_amount", "stock_uom_rate", "transaction_date"}
"""The same of rows: a payment keeps what was open of an invoice when it was saved. What is open now, the invoice tells. The
last two ERPNext fills in when an order is saved, and not in a row that Update Items adds."""

PAID = (frozenset(("Paid", "Credit Note Issued")), frozenset(("Paid", "Debit Note Issued")))
"""Statuses of an invoice of which nothing is open. ERPNext sets the one that is right when the invoice is paid, and does not
look again when a credit note is submitted or cancelled later."""

TOLERANCE = 1e-6
"""Two numbers that differ by no more are one: each site rounds on its own way to it."""

Cause = Literal["waiting", "failed", "conflict", "diverged", "outside the rules", "unexplained"]
CAUSES: tuple[Cause, ...] = (
	"waiting",
	"failed",
	"conflict",
	"diverged",
	"outside the rules",
	"unexplained",
)

Values = tuple[Any, Any]
"""What the local side holds, and what the cloud."""


@dataclass(frozen=True, slots=True)
class Difference:
	"""One document that is not the same on both sides. `missing` is the side that does not have it, else None; `fields`
	holds the values of both sides by field, of a row as `items[2].qty`. `why` says more of the cause, in a sentence, or
	is empty."""

	doctype: str
	names: Mapping[Side, str | None]
	cause: Cause
	why: str = ""
	missing: Side | None = None
	fields: Mapping[str, Values] = field(default_factory=dict)

	@property
	def name(self) -> str:
		"""The name to tell a person."""
		return self.names.get(LOCAL) or self.names.get(CLOUD) or "?"


def given(shape: Shape) -> Shape:
	"""Of the fields that both sites have to agree in those that people set: no controller keeps the others of a document
	that is cancelled, and what each site had computed until then stays there."""
	kept = (f for f in shape.fields if not f.at_birth)
	return replace(
		shape, fields=tuple(replace(f, rows=given(f.rows)) if f.rows is not None else f for f in kept)
	)


def compared(shape: Shape, *, read_only: bool = False, snapshots: Collection[str] = SNAPSHOTS) -> Shape:
	"""The fields that both sites have to agree in, as a shape whose canonical form holds them all. Of what is `read_only`
	as a whole, as the rows of a read-only table are, and of read-only fields, those that tell something."""
	fields, own = [], only_at_birth(shape.doctype)
	for f in shape.fields:
		fixed = read_only or f.at_birth
		if f.local in own or (fixed and f.local in snapshots):
			continue
		if f.rows is not None:
			f = replace(f, rows=compared(f.rows, read_only=fixed, snapshots=ROW_SNAPSHOTS))
		elif fixed and f.type not in TELLING_TYPES:
			continue
		fields.append(replace(f, at_birth=False))
	return replace(shape, fields=tuple(fields))


def fingerprint(fields: Fields, docstatus: int) -> int:
	"""Equal for equal canonical forms of one shape, within one process."""
	return hash((docstatus, json.dumps(fields, default=str)))


def differences(
	shape: Shape,
	now: Mapping[Side, Fields],
	was: Mapping[Side, Fields | None],
	names: Mapping[Side, str | None],
	covered: Collection[str] = (),
	copies: Collection[Side] = (),
) -> dict[str, Values]:
	"""In what the canonical forms of both sides differ, by field. `was` are the baselines; `names` those of the document;
	`covered` the DocTypes that have a rule, `copies` the sides on which sync wrote the document.

	A text with names in it, a time of the day (what ERPNext makes by itself bears that of its making), a Link to what does
	not cross, a default, and what a site filled in when sync wrote the document there, each site may have of its own: that
	counts only if it was changed since both were in step."""
	return dict(_differences(shape, now, was, names, covered, copies))


def _differences(
	shape: Shape,
	now: Mapping[Side, Fields],
	was: Mapping[Side, Fields | None],
	names: Mapping[Side, str | None],
	covered: Collection[str],
	copies: Collection[Side],
) -> Iterator[tuple[str, Values]]:
	for f in shape.fields:
		if any(f.local not in now[side] for side in SIDES):
			continue
		here, there = (now[side][f.local] for side in SIDES)
		if f.rows is None:
			own = (here, there) == (names.get(LOCAL), names.get(CLOUD))
			if not (own or alike(here, there) or _its_own(f, shape, now, was, covered, copies)):
				yield f.local, (here, there)
		elif len(here) != len(there):
			yield f.local, (f"{len(here)} rows", f"{len(there)} rows")
		else:
			for at, rows in enumerate(zip(here, there, strict=True)):
				found = _differences(
					f.rows,
					dict(zip(SIDES, rows, strict=True)),
					{side: _row(was[side], f.local, at, len(here)) for side in SIDES},
					{},
					covered,
					copies,
				)
				yield from ((f"{f.local}[{at + 1}].{name}", values) for name, values in found)


def _row(fields: Fields | None, table: str, at: int, count: int) -> Fields | None:
	"""The baseline of a row; one that is not known, as in a document that is submitted, is not known to be another."""
	if fields is None:
		return None
	rows = fields.get(table)
	if rows is None:
		return {}
	return rows[at] if len(rows) == count else None


def _its_own(
	f: SyncedField,
	shape: Shape,
	now: Mapping[Side, Fields],
	was: Mapping[Side, Fields | None],
	covered: Collection[str],
	copies: Collection[Side],
) -> bool:
	values = [now[side][f.local] for side in SIDES]
	targets = [link_target(f, now[side], shape, LOCAL) for side in SIDES]
	elsewhere = all(targets) and not any(target in covered for target in targets)
	default = spelled(f.default, f.type, timezone.utc, timezone.utc)
	defaulted = not all(values) and default in [value for value in values if value]
	known = all(fields is not None and f.local in fields for fields in was.values())
	filled_in = defaulted or (
		known and any(now[side][f.local] is not None and now[other(side)][f.local] is None for side in copies)
	)
	return (f.type in WORDED_TYPES or f.type == "Time" or elsewhere or filled_in) and all(
		fields is not None and fields.get(f.local, now[side][f.local]) == now[side][f.local]
		for side, fields in was.items()
	)


def alike(one: Any, two: Any) -> bool:
	"""Whether two canonical values are one to a person."""
	if isinstance(one, float) and isinstance(two, float):
		return isclose(one, two, rel_tol=1e-12, abs_tol=TOLERANCE)
	return one == two or (isinstance(one, str) and isinstance(two, str) and {one, two} in PAID)


def beside_apart(
	rule: Rule, now: Mapping[Side, Members], was: Mapping[Side, Members | None]
) -> tuple[list[str], list[str]]:
	"""The members of a set beside the document, such as its files, that the local side has alone, and those that the
	cloud has; but for those that the rule keeps at home. One that is private on one side alone is in both."""
	apart: dict[Side, list[str]] = {LOCAL: [], CLOUD: []}
	for member in {**now[LOCAL], **now[CLOUD]}:
		values = {side: now[side].get(member) for side in SIDES}
		if values[LOCAL] == values[CLOUD] or LEFT in ((was[side] or {}).get(member) for side in SIDES):
			continue
		for side in SIDES:
			if values[side] is not None and rule.writes(other(side)):
				apart[side].append(member)
	return apart[LOCAL], apart[CLOUD]


def cause_of(binding: Binding | None, states: Sequence[tuple[str, str]]) -> tuple[Cause, str]:
	"""Why a document may differ, as far as sync knows. `states` are those of its events on either side (see
	`EventQueue.states`)."""
	if waits := [error for state, error in states if state == "Pending"]:
		return "waiting", next(filter(None, waits), "") or "It is in the queue."
	status = binding.status if binding else ""
	if binding and (binding.intent or status == "Pending"):
		return "waiting", "Its create is under way."
	if failed := [error for state, error in states if state == "Failed"]:
		return "failed", next(filter(None, [*failed, binding and binding.error]), "") or ""
	if binding and status == "Failed":
		return "failed", binding.error or ""
	if binding and status == "Conflict":
		return "conflict", "Its Sync Conflict waits for a person."
	if binding and status == "Diverged":
		return "diverged", binding.error or "Sync knows that they differ, and has nothing to write."
	return "unexplained", ""
