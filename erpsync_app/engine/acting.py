# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Carries out acts (see `acts`): calls the methods that a plain write cannot stand for, and sees what came of them.

Each call is guarded by the `modified` of the document as it was read. What was done and not recorded shows in the document
at the next look, and is not done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from erpsync_app.engine.acts import (
	ALLOCATIONS,
	FIELDS,
	ROWS,
	STATUS,
	UNRECONCILE,
	UPDATE_ITEMS,
	Allocated,
	allocations,
	button,
	decisions,
)
from erpsync_app.engine.batch import Batch, learn, with_beside
from erpsync_app.engine.canonical import outbound
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.lifecycle import SUBMITTED
from erpsync_app.engine.model import Call, Document, Fields, Side, other
from erpsync_app.engine.pair import Pair, docstatus

Rows = Mapping[str, Sequence[str]]


def act(
	ctx: Context, batch: Batch, pair: Pair, write: Write, renew: Callable[[], None]
) -> tuple[Fields, Rows]:
	"""Do of a write on a submitted document what takes a method; answers the fields and the row names that are left for
	a plain write. Raises Refused where a method does, or where it had no effect."""
	actor = _Actor(ctx, batch, pair, write.side, renew)
	fields, rows = dict(write.fields), dict(write.rows)
	wanted: Any = fields.pop(STATUS, actor)
	if wanted is None:
		actor.set_status(None)  # first: who is closed takes nothing else
	for name in ROWS.get(batch.rule.doctype, ()):
		if name in fields:
			left = actor.update_rows(name, fields.pop(name), rows.pop(name, None))
			if left:
				fields[name], rows[name] = left
	if ALLOCATIONS in fields:
		actor.allocate(fields.pop(ALLOCATIONS))
	for group, call in FIELDS.get(batch.rule.doctype, {}).items():
		if told := {name: fields.pop(name) for name in group if name in fields}:
			doc = actor.doc
			actor.do(call(batch.rule.doctype, doc, outbound(told, batch.shape, batch.terms[write.side], doc)))
	if wanted is not None and wanted is not actor:
		actor.set_status(wanted)
	return fields, rows


class _Actor:
	"""Works on the document of a pair on one side."""

	def __init__(self, ctx: Context, batch: Batch, pair: Pair, side: Side, renew: Callable[[], None]):
		self._ctx, self._batch, self._pair, self._side, self._renew = ctx, batch, pair, side, renew
		self._site, self._terms = ctx.sites[side], batch.terms[side]

	@property
	def doc(self) -> Document:
		doc = self._pair.docs[self._side]
		assert doc is not None
		return doc

	def do(self, call: Call) -> None:
		"""Make a call that changes the document, and read what has become of it."""
		self._ask(call)
		before, name, doctype = self.doc, self.doc["name"], self._batch.rule.doctype
		after = self._site.read(doctype, [name])[name]
		learn(self._ctx, self._batch, self._side, [after], answer=True)
		self._pair.docs[self._side] = with_beside(after, before)

	def _ask(self, call: Call) -> Document | None:
		self._renew()
		return self._site.call(self._batch.rule.doctype, self.doc["name"], self.doc["modified"], call)

	# -- what the acts are

	def set_status(self, wanted: str | None) -> None:
		shape, doctype = self._batch.shape, self._batch.rule.doctype
		now = decisions(self.doc, shape, self._terms)[STATUS]
		way = button(shape, now, wanted)
		if now == wanted or way is None:
			return
		source = self._pair.docs[other(self._side)] or {}
		status = shape.named("status")
		# One that is reopened is what its site computes; some take the other side's word for it.
		said = source.get(status.on(other(self._side))) if status and docstatus(source) == SUBMITTED else None
		self.do(way.call(doctype, self.doc["name"], wanted or said or "Submitted"))
		if decisions(self.doc, shape, self._terms)[STATUS] != wanted:
			raise Refused(
				f"The {self._side} site took the call of {way.method}, and the document is not {wanted or 'open'} there"
				" for that."
			)

	def update_rows(
		self, table: str, wanted: Sequence[Fields], names: Sequence[str] | None
	) -> tuple[list[Fields], list[str]] | None:
		"""Update Items. Answers the rows as a plain write is to make them, and their names, if it has to."""
		shape, doctype = self._batch.shape, self._batch.rule.doctype
		field = shape.named(table)
		assert field is not None and field.rows is not None
		cells = [f for f in field.rows.fields if f.local in ROWS[doctype][table]]
		on_site = field.on(self._side)
		before = {row["name"]: row for row in self._rows(table)}
		told = outbound(
			{table: wanted}, shape, self._terms, self.doc, {table: names} if names is not None else None
		)[on_site]
		sent = []
		for place, row in enumerate(told, start=1):
			line = {f.on(self._side): row.get(f.on(self._side)) for f in cells}
			known = {"docname": row["name"]} if row.get("name") in before else {}
			sent.append({**line, **known, "idx": place})
		kept = {line["docname"] for line in sent if "docname" in line}
		changed = kept != before.keys() or any(
			row.get(f.local) != before[line["docname"]][f.local]
			for row, line in zip(wanted, sent, strict=True)
			if "docname" in line
			for f in cells
			if f.local in row and f.local in before[line["docname"]]
		)
		if changed or len(kept) < len(sent):
			items = json.dumps(sent, default=str)
			arguments = {
				"parent_doctype": doctype,
				"trans_items": items,
				"parent_doctype_name": self.doc["name"],
				"child_docname": on_site,
			}
			self.do(Call(UPDATE_ITEMS, arguments))
		now = self._rows(table)
		made = iter([row["name"] for row in now if row["name"] not in before])
		asked = {line.get("docname") or next(made, None): row for row, line in zip(wanted, sent, strict=True)}
		if asked.keys() != {row["name"] for row in now}:
			raise Refused(
				f"The {self._side} site updated the rows of {table}, and they are others than asked for."
			)
		loose = {f.local for f in field.rows.fields if f.after_submit and f not in cells}
		held = {row.pop("name"): row for row in now}
		left = {}
		for name, row in asked.items():
			left[name] = {**held[name], **{cell: value for cell, value in row.items() if cell in loose}}
		in_step = list(left.items()) == list(held.items())  # in the same order, too
		return None if in_step else (list(left.values()), [str(name) for name in left])

	def _rows(self, table: str) -> list[Fields]:
		"""The rows of a table in canonical form, with the names that they have."""
		fields = self._batch.fields(self.doc, self._side, stage=SUBMITTED)
		field = self._batch.shape.named(table)
		assert field is not None
		rows = self.doc[field.on(self._side)]
		return [{**row, "name": raw["name"]} for row, raw in zip(fields[table], rows, strict=True)]

	def allocate(self, wanted: Sequence[Sequence]) -> None:
		"""Payment Reconciliation, as far as it is needed, and its undoing; in the order in which the other side did it."""
		doctype, source = self._batch.rule.doctype, other(self._side)
		want: dict[Allocated, float] = {tuple(member[:-1]): member[-1] for member in wanted}  # type: ignore[misc]
		theirs = allocations(self._pair.docs[source] or {}, doctype, self._batch.terms[source])
		for key, amount in self._allocated().items():
			if abs(want.get(key, 0)) < abs(amount):
				kind, name, *_ = self._outward(key)
				undone = {
					"company": self.doc.get("company"),
					"voucher_type": doctype,
					"voucher_no": self.doc["name"],
					"against_voucher_type": kind,
					"against_voucher_no": name,
				}
				self.do(Call(UNRECONCILE, {"selections": json.dumps([undone])}))
		in_turn = [*(key for key in theirs if key in want), *(key for key in want if key not in theirs)]
		for key in in_turn:
			missing = round(abs(want[key]) - abs(self._allocated().get(key, 0)), 6)
			if missing > 0:
				self._reconcile(key, missing)
		if self._allocated() != want:
			raise Refused(
				f"The {self._side} site reconciled the payment, and it is allocated otherwise than on the"
				f" {other(self._side)} side."
			)

	def _allocated(self) -> dict[Allocated, float]:
		return allocations(self.doc, self._batch.rule.doctype, self._terms)

	def _outward(self, key: Sequence[str]) -> tuple[str, str, str, str, str]:
		kind, name, party_type, party, account = key
		# What this side alone is allocated to was learned on the way in.
		back = {(doctype, here): there for (doctype, there), here in self._terms.inward.items()}
		out = {**back, **self._terms.outward}
		return (
			kind,
			out.get((kind, name), name),
			party_type,
			out.get((party_type, party), party),
			out.get(("Account", account), account),
		)

	def _reconcile(self, key: Sequence[str], amount: float) -> None:
		kind, name, party_type, party, account = self._outward(key)
		payments, invoices, allocation = "payments", "invoices", "allocation"
		tool: Document = {
			"doctype": "Payment Reconciliation",
			"__islocal": 1,
			"company": self.doc.get("company"),
			"party_type": party_type,
			"party": party,
			"receivable_payable_account": account,
			"payment_name": self.doc["name"],
			"invoice_name": name,
			"payment_limit": 0,
			"invoice_limit": 0,
		}
		if self.doc.get("book_advance_payments_in_separate_party_account"):
			receives = self.doc.get("payment_type") == "Receive"
			tool["default_advance_account"] = self.doc.get("paid_from" if receives else "paid_to")
		while amount > 0:
			listed = self._ask(Call("get_unreconciled_entries", {}, tool)) or {}
			mine = [row for row in listed.get(payments) or () if row["reference_name"] == self.doc["name"]]
			bill = [
				row
				for row in listed.get(invoices) or ()
				if (row["invoice_type"], row["invoice_number"]) == (kind, name)
			]
			if not (mine and bill):
				lacks = "nothing of the payment is left" if bill else f"{kind} {name} has nothing outstanding"
				raise Refused(f"It cannot be reconciled on the {self._side} side: {lacks} there.")
			part = min(amount, float(mine[0]["amount"]))
			asked = {payments: mine[:1], invoices: [{**bill[0], "outstanding_amount": part}]}
			listed = {**listed, "__islocal": 1}
			proposed = self._ask(Call("allocate_entries", {"args": asked}, listed)) or {}
			if not proposed.get(allocation):
				raise Refused(f"The {self._side} site did not propose an allocation to {kind} {name}.")
			self.do(Call("reconcile", {}, {**proposed, "__islocal": 1}))
			amount = round(amount - part, 6)
