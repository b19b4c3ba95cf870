# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What people do to a submitted document by a button of ERPNext, and the method that does it on the other site.

A plain write cannot: a submitted document takes no new value of these fields, and what a button does has effects of its
own. Each act is decided as an edit is. What it changes is a field of the canonical form, as long as both sides'
documents are submitted, with baselines and a three-way merge:

| field | what a person did | method |
|---|---|---|
| `STATUS` | closed, held, stopped, reopened, declared lost; a status that the site computes is None | `STATUSES` |
| a table of `ROWS` | Update Items | `update_child_qty_rate` |
| `ALLOCATIONS` | reconciled a payment, or undid that | Payment Reconciliation, Unreconcile Payment |
| a field of `FIELDS` | blocked an invoice, cleared a payment | of the invoice, Bank Clearance |
| a field of `DIALOGS` | said why it was lost; read-only, since a dialog writes it | none: a plain write |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from erpsync_app.engine.mapping import Shape, SyncedField, Terms
from erpsync_app.engine.model import Call, Document, Fields

STATUS = "(status)"
ALLOCATIONS = "(allocations)"
DECISIONS = frozenset((STATUS, ALLOCATIONS))
"""What is no field of the documents themselves."""

STICKY = frozenset(("Closed", "On Hold", "Stopped", "Lost", "Scrapped"))
"""The values of a read-only status that no site computes, in a DocType that `STATUSES` does not have."""

SELLING = "erpnext.selling.doctype.sales_order.sales_order"
BUYING = "erpnext.buying.doctype.purchase_order.purchase_order"
STOCK = "erpnext.stock.doctype"
MAKING = "erpnext.manufacturing.doctype.work_order.work_order"
INVOICE = "erpnext.accounts.doctype.purchase_invoice.purchase_invoice"
UPDATE_ITEMS = "erpnext.controllers.accounts_controller.update_child_qty_rate"
UNRECONCILE = (
	"erpnext.accounts.doctype.unreconcile_payment.unreconcile_payment.create_unreconcile_doc_for_selection"
)


@dataclass(frozen=True, slots=True)
class Button:
	"""The method that gives a document a status. It takes the document's name as the argument `name` and the status as
	`status`; without a `name` it is a method of the document, which takes what `more` says, or else the status."""

	method: str
	name: str = ""
	more: Mapping[str, Any] = field(default_factory=dict)

	def call(self, doctype: str, name: str, status: str) -> Call:
		if not self.name:
			return Call(
				self.method, dict(self.more) or {"status": status}, {"doctype": doctype, "name": name}
			)
		return Call(self.method, {self.name: name, "status": status})


Ways = tuple[Button, Button | None]
"""How a status is given, and how it is taken back; None where nobody can."""


def _both_ways(method: str, name: str) -> Ways:
	button = Button(method, name)
	return button, button


_SALES_ORDER = _both_ways(f"{SELLING}.update_status", "name")
_PURCHASE_ORDER = _both_ways(f"{BUYING}.update_status", "name")

STATUSES: Mapping[str, Mapping[str, Ways]] = {
	"Sales Order": {"Closed": _SALES_ORDER, "On Hold": _SALES_ORDER},
	"Purchase Order": {
		"Closed": _PURCHASE_ORDER,
		"On Hold": _PURCHASE_ORDER,
		"Delivered": _PURCHASE_ORDER,
	},
	"Delivery Note": {
		"Closed": _both_ways(f"{STOCK}.delivery_note.delivery_note.update_delivery_note_status", "docname")
	},
	"Purchase Receipt": {
		"Closed": _both_ways(
			f"{STOCK}.purchase_receipt.purchase_receipt.update_purchase_receipt_status", "docname"
		)
	},
	"Material Request": {
		"Stopped": _both_ways(f"{STOCK}.material_request.material_request.update_status", "name")
	},
	"Subcontracting Order": {
		"Closed": _both_ways(
			"erpnext.subcontracting.doctype.subcontracting_order.subcontracting_order"
			".update_subcontracting_order_status",
			"sco",
		)
	},
	"Work Order": {
		"Stopped": _both_ways(f"{MAKING}.stop_unstop", "work_order"),
		"Closed": (Button(f"{MAKING}.close_work_order", "work_order"), None),
	},
	"Production Plan": {
		"Closed": (
			Button("set_status", more={"close": 1, "update_bin": 1}),
			Button("set_status", more={"close": 0, "update_bin": 1}),
		)
	},
	"POS Opening Entry": {},  # its closing closes it
	# The reasons are fields that a plain write brings.
	"Quotation": {
		"Lost": (Button("declare_enquiry_lost", more={"lost_reasons_list": [], "competitors": []}), None)
	},
}

_LINE = ("item_code", "qty", "rate", "uom", "conversion_factor")

ROWS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
	"Sales Order": {"items": (*_LINE, "delivery_date", "bom_no")},
	"Purchase Order": {"items": (*_LINE, "schedule_date", "fg_item", "fg_item_qty")},
	# Since version 16.
	"Quotation": {"items": _LINE},
	"Supplier Quotation": {"items": _LINE},
}
"""By table, what Update Items sets of a row. It adds rows and removes them, too."""

HOLD = ("on_hold", "release_date", "hold_comment")
CLEARANCE = ("clearance_date",)

DIALOGS: Mapping[str, tuple[str, ...]] = {
	"Opportunity": ("lost_reasons", "competitors", "order_lost_reason"),
	"Quotation": ("lost_reasons",),
}


def opened(shape: Shape, found: tuple[str, str] | None = None) -> Shape:
	"""The shape in which what acts change may change after submit. `found` is the method, and its argument for the name,
	that gives a document of a DocType nobody named here a status."""
	names = {
		*DIALOGS.get(shape.doctype, ()),
		*(name for group in FIELDS.get(shape.doctype, {}) for name in group),
	}
	tables = ROWS.get(shape.doctype, {})

	def open_up(f: SyncedField) -> SyncedField:
		if f.local in names:
			return replace(
				f,
				at_birth=False,
				after_submit=True,
				acted=not f.after_submit,
				rows=f.rows and _with(f.rows, None),
			)
		if f.rows is not None and f.local in tables:
			return replace(f, rows=_with(f.rows, frozenset(tables[f.local])))
		return f

	return replace(shape, fields=tuple(open_up(f) for f in shape.fields), button=found)


def _with(rows: Shape, names: frozenset[str] | None) -> Shape:
	"""The shape of rows of which these cells may change after submit; None for all."""
	return replace(
		rows,
		fields=tuple(
			replace(f, at_birth=False, after_submit=True, acted=not f.after_submit)
			if names is None or f.local in names
			else f
			for f in rows.fields
		),
	)


def acted(shape: Shape) -> frozenset[str]:
	"""The fields that acts alone change, but for tables."""
	status = {STATUS} if decided(shape) else set()
	allocations = {ALLOCATIONS} if shape.doctype in ALLOCATED else set()
	return frozenset((*status, *allocations)).union(*FIELDS.get(shape.doctype, ()))


def touched(doctype: str, fields: Collection[str]) -> set[str]:
	"""The fields of the document that a write changes, where some stand for an act."""
	return {*fields, REFERENCES[doctype]} if ALLOCATIONS in fields else set(fields)


# -- a status that is a person's


def decided(shape: Shape) -> frozenset[str]:
	"""The values of `status` that a person gave the document; all others are computed."""
	status = shape.named("status")
	if status is None or not status.at_birth:
		return frozenset()
	if shape.doctype in STATUSES:
		return frozenset(STATUSES[shape.doctype])
	return STICKY & frozenset((status.options or "").split("\n"))


def still_open(shape: Shape, fields: Fields) -> Fields:
	"""The fields of the create of a document that is submitted, without a status that it gets afterwards. One that is
	created closed is closed as soon as it is submitted, and takes nothing that was made from it before. One that the site
	computes would be wrong for the draft: ERPNext 16 refuses to submit an opening of the counter beside an open one, and
	the draft would be that one."""
	status, value = shape.named("status"), fields.get("status")
	if status is None or not status.at_birth:
		return fields  # it is a person's, as any other field
	computed = shape.doctype in STATUSES and value not in decided(shape)
	given_later = value in within_reach(shape, None) - {None}
	return {name: fields[name] for name in fields if name != "status"} if computed or given_later else fields


def button(shape: Shape, now: str | None, wanted: str | None) -> Button | None:
	"""What brings a document from one decided status to another; None where nothing does."""
	ways = STATUSES.get(shape.doctype)
	if ways is None:
		return Button(*shape.button) if shape.button else None
	back = ways[now][1] if now else None
	if now and back is None:
		return None
	return ways[wanted][0] if wanted else back


def within_reach(shape: Shape, now: str | None) -> frozenset[str | None]:
	"""The decided statuses that a document can be brought to, the present one included."""
	return frozenset(value for value in (*decided(shape), None) if value == now or button(shape, now, value))


def decisions(doc: Document, shape: Shape, terms: Terms) -> Fields:
	"""What people decided about a submitted document, in canonical form. Of a cancelled one nothing holds any more. What the
	document does not carry is left out, as everywhere: the user may not read it."""
	found: Fields = {}
	submitted = int(doc.get("docstatus") or 0) == 1
	status, values = shape.named("status"), decided(shape)
	if status and values and status.on(terms.side) in doc:
		value = doc[status.on(terms.side)]
		found[STATUS] = value if submitted and value in values else None
	table = shape.named(REFERENCES.get(shape.doctype, ""))
	if submitted and table and table.on(terms.side) in doc:
		found[ALLOCATIONS] = allocated(doc, shape.doctype, terms)
	return found


# -- what a payment pays


Allocated = tuple[str, str, str, str, str]
"""DocType and name of what a payment is allocated to, party type, party and account."""


def allocated(doc: Document, doctype: str, terms: Terms) -> list[list]:
	"""What a payment is allocated to, as `[*Allocated, amount]`, in canonical form."""
	return [[*key, amount] for key, amount in sorted(allocations(doc, doctype, terms).items())]


def allocations(doc: Document, doctype: str, terms: Terms) -> dict[Allocated, float]:
	"""The amounts that a payment is allocated to, in the local site's names and in the order of its rows."""
	amounts: dict[Allocated, float] = {}
	for kind, name, party_type, party, account, amount in ALLOCATED[doctype](doc):
		if not (kind and name and amount):
			continue
		key = (
			kind,
			terms.inward.get((kind, name), name),
			party_type or "",
			terms.inward.get((party_type, party), party) or "",
			terms.inward.get(("Account", account), account) or "",
		)
		amounts[key] = amounts.get(key, 0) + amount
	return {key: amount for key, each in amounts.items() if (amount := round(each, 6))}


def _of_payment(doc: Document) -> list[tuple]:
	account = doc.get("paid_from" if doc.get("payment_type") == "Receive" else "paid_to")
	return [
		(
			row.get("reference_doctype"),
			row.get("reference_name"),
			doc.get("party_type"),
			doc.get("party"),
			row.get("account") or account,
			float(row.get("allocated_amount") or 0),
		)
		for row in doc.get("references") or ()
	]


def _of_journal(doc: Document) -> list[tuple]:
	return [
		(
			row.get("reference_type"),
			row.get("reference_name"),
			row.get("party_type"),
			row.get("party"),
			row.get("account"),
			float(row.get("credit_in_account_currency") or 0)
			- float(row.get("debit_in_account_currency") or 0),
		)
		for row in doc.get("accounts") or ()
		if row.get("party")
	]


ALLOCATED: Mapping[str, Callable[[Document], list[tuple]]] = {
	"Payment Entry": _of_payment,
	"Journal Entry": _of_journal,
}
REFERENCES = {"Payment Entry": "references", "Journal Entry": "accounts"}
"""The table that says what a payment is allocated to."""


# -- single fields


def _hold(doctype: str, doc: Document, wanted: Fields) -> Call:
	told = {name: wanted.get(name, doc.get(name)) for name in HOLD}
	if not told["on_hold"]:
		return Call(f"{INVOICE}.unblock_invoice", {"name": doc["name"]})
	if doc.get("on_hold") and wanted.keys() == {"release_date"}:
		return Call(
			f"{INVOICE}.change_release_date", {"name": doc["name"], "release_date": told["release_date"]}
		)
	return Call(
		f"{INVOICE}.block_invoice",
		{"name": doc["name"], "release_date": told["release_date"], "hold_comment": told["hold_comment"]},
	)


def _clear(doctype: str, doc: Document, wanted: Fields) -> Call:
	accounts = [doc.get("cash_bank_account")]
	if doctype == "Payment Entry":
		accounts = [doc.get("paid_to" if doc.get("payment_type") == "Receive" else "paid_from")]
	accounts += [row.get("account") for row in doc.get("accounts") or ()]
	row = {"payment_document": doctype, "payment_entry": doc["name"], **wanted}
	clearance = {
		"doctype": "Bank Clearance",
		"__islocal": 1,
		# It lists what is there when it is done, of which nobody reads anything.
		"account": next((account for account in accounts if account), None),
		"from_date": doc.get("posting_date"),
		"to_date": doc.get("posting_date"),
		"include_reconciled_entries": 1,
		"payment_entries": [{"doctype": "Bank Clearance Detail", "idx": 1, **row}],
	}
	return Call("update_clearance_date", {}, clearance)


Act = Callable[[str, Document, Fields], Call]

FIELDS: Mapping[str, Mapping[tuple[str, ...], Act]] = {
	"Purchase Invoice": {HOLD: _hold, CLEARANCE: _clear},
	"Payment Entry": {CLEARANCE: _clear},
	"Journal Entry": {CLEARANCE: _clear},
}
"""By the fields that one method sets together: the call, of the document as its side has it and of the new values, told as
that side tells them."""
