# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A clerk who trades on either site, by the methods of ERPNext that the buttons of its Desk call, and over REST."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import frappe
import requests
from frappe.model.naming import NamingSeries
from frappe.utils import add_days, today

from erpsync_app.engine.model import CLOUD, LOCAL, other
from erpsync_app.tests.support import Person, count, sync

QUOTATION = "erpnext.selling.doctype.quotation.quotation"
SALES_ORDER = "erpnext.selling.doctype.sales_order.sales_order"
DELIVERY_NOTE = "erpnext.stock.doctype.delivery_note.delivery_note"
SALES_INVOICE = "erpnext.accounts.doctype.sales_invoice.sales_invoice"
MATERIAL_REQUEST = "erpnext.stock.doctype.material_request.material_request"
PURCHASE_ORDER = "erpnext.buying.doctype.purchase_order.purchase_order"
PURCHASE_RECEIPT = "erpnext.stock.doctype.purchase_receipt.purchase_receipt"
PURCHASE_INVOICE = "erpnext.accounts.doctype.purchase_invoice.purchase_invoice"

CREATE = {
	("Quotation", "Sales Order"): f"{QUOTATION}.make_sales_order",
	("Sales Order", "Delivery Note"): f"{SALES_ORDER}.make_delivery_note",
	("Sales Order", "Sales Invoice"): f"{SALES_ORDER}.make_sales_invoice",
	("Sales Order", "Material Request"): f"{SALES_ORDER}.make_material_request",
	("Delivery Note", "Sales Invoice"): f"{DELIVERY_NOTE}.make_sales_invoice",
	("Delivery Note", "Delivery Note"): f"{DELIVERY_NOTE}.make_sales_return",
	("Delivery Note", "Packing Slip"): f"{DELIVERY_NOTE}.make_packing_slip",
	("Delivery Note", "Installation Note"): f"{DELIVERY_NOTE}.make_installation_note",
	("Sales Invoice", "Delivery Note"): f"{SALES_INVOICE}.make_delivery_note",
	("Sales Invoice", "Sales Invoice"): f"{SALES_INVOICE}.make_sales_return",
	("Material Request", "Purchase Order"): f"{MATERIAL_REQUEST}.make_purchase_order",
	("Purchase Order", "Purchase Receipt"): f"{PURCHASE_ORDER}.make_purchase_receipt",
	("Purchase Order", "Purchase Invoice"): f"{PURCHASE_ORDER}.make_purchase_invoice",
	("Purchase Receipt", "Purchase Invoice"): f"{PURCHASE_RECEIPT}.make_purchase_invoice",
	("Purchase Receipt", "Purchase Receipt"): f"{PURCHASE_RECEIPT}.make_purchase_return",
	("Purchase Invoice", "Purchase Invoice"): f"{PURCHASE_INVOICE}.make_debit_note",
}
"""What *Create* makes of a document. Of itself: its return."""

UPDATE_STATUS = {
	"Sales Order": f"{SALES_ORDER}.update_status",
	"Purchase Order": f"{PURCHASE_ORDER}.update_status",
	"Material Request": f"{MATERIAL_REQUEST}.update_status",
}

APART = 50_000
PAID = ("paid_amount", "received_amount", "allocated_amount")

FILTERED_BY = {
	"Customer": "customer_name",
	"Supplier": "supplier_name",
	"Item": "item_code",
	"Item Price": "item_code",
	"Product Bundle": "new_item_code",
	"Quotation": "party_name",
	"Sales Order": "customer",
	"Delivery Note": "customer",
	"Sales Invoice": "customer",
	"Material Request": "title",
	"Purchase Order": "supplier",
	"Purchase Receipt": "supplier",
	"Purchase Invoice": "supplier",
	"Payment Entry": "party",
	"Journal Entry": "title",
	"Stock Entry": "remarks",
}
"""By which field a test's own documents are told from those that other tests have left."""


class Refused(Exception):
	"""ERPNext did not do what it was asked; the text says why."""


class Clerk:
	"""Someone at the Desk of one site, who works for one company: the site's own, if none is named."""

	def __init__(self, side: str, person: Person, of: str | None = None):
		self.side, self.person = side, person
		self.company = of or company()
		self._accounts: dict | None = None

	def account(self, use: str) -> str:
		"""One of the company's default accounts, by its fieldname."""
		self._accounts = self._accounts or self.get("Company", self.company)
		return self._accounts[use]

	# -- any document

	def call(self, method: str, /, **arguments: Any) -> Any:
		return self._post(method, arguments).get("message")

	def on_form(self, doc: dict, method: str, /, **arguments: Any) -> dict:
		"""A button of an open form: what the form holds afterwards."""
		told = self._post("run_doc_method", {"docs": json.dumps(doc), "method": method, "args": arguments})
		return told["docs"][0]

	def _post(self, method: str, arguments: dict) -> dict:
		try:
			url = f"{self.person.url}/api/method/{method}"
			answer = self.person.session.post(url, json=arguments, timeout=120)
		except requests.ConnectionError:  # the site closed an idle connection
			answer = self.person.session.post(url, json=arguments, timeout=120)
		told = answer.json()
		if answer.status_code >= 400:
			said = [json.loads(m)["message"] for m in json.loads(told.get("_server_messages") or "[]")]
			raise Refused(f"{told.get('exc_type')}: {'; '.join(said) or told.get('exception')}")
		return told

	def get(self, doctype: str, name: str) -> dict:
		found = self.person.get(doctype, name)
		assert found, f"{doctype} {name} is not on the {self.side} site"
		return found

	def insert(self, doctype: str, **values: Any) -> dict:
		return self.call("frappe.client.insert", doc={"doctype": doctype, **values})

	def submit(self, doctype: str, name: str) -> dict:
		return self.call("frappe.client.submit", doc=self.get(doctype, name))

	def submitted(self, doctype: str, **values: Any) -> dict:
		return self.submit(doctype, self.insert(doctype, **values)["name"])

	def edit(self, doctype: str, name: str, **values: Any) -> dict:
		return self.call("frappe.client.set_value", doctype=doctype, name=name, fieldname=values)

	def cancel(self, doctype: str, name: str) -> dict:
		return self.call("frappe.client.cancel", doctype=doctype, name=name)

	def amended(self, doctype: str, name: str, **values: Any) -> dict:
		"""*Amend*, with some values changed, and *Submit*."""
		doc = self.get(doctype, name)
		assert doc["docstatus"] == 2
		return self.submitted(**{**_copied(doc), "amended_from": name, **values})

	def listed(self, doctype: str, filters: Any, *fields: str) -> list[dict]:
		return self.call(
			"frappe.client.get_list",
			doctype=doctype,
			filters=filters,
			fields=list(fields or ("name",)),
			order_by="creation asc, name asc",
			limit_page_length=0,
		)

	# -- trade

	def created(self, source: dict, doctype: str, **values: Any) -> dict:
		"""*Create > doctype* on a document, and *Submit*. `values` are those that the clerk changes before."""
		return self.submitted(**{**self.mapped(source, doctype), **values})

	def mapped(self, source: dict, doctype: str) -> dict:
		"""What *Create > doctype* opens: not saved yet."""
		method = CREATE[source["doctype"], doctype]
		return self.call("frappe.model.mapper.make_mapped_doc", method=method, source_name=source["name"])

	def paid(self, invoice: dict, *, rate: float | None = None, share: float = 1) -> dict:
		"""*Create > Payment* on an invoice or order, in cash, and *Submit*. `rate` is that of the day, where the
		party's account is in another currency; `share`, how much of what is open is paid."""
		doc = self.call(
			"erpnext.accounts.doctype.payment_entry.payment_entry.get_payment_entry",
			dt=invoice["doctype"],
			dn=invoice["name"],
			bank_account=self.account("default_cash_account"),
		)
		for part in (doc, *doc["references"]):
			part.update({f: round(part[f] * share, 2) for f in PAID if f in part})
		if rate and doc["payment_type"] == "Receive":
			doc.update(source_exchange_rate=rate, received_amount=doc["paid_amount"] * rate)
		elif rate:
			doc.update(target_exchange_rate=rate, paid_amount=doc["received_amount"] * rate)
		return self.submitted(**doc)

	def paid_on_account(self, customer: str, amount: float) -> dict:
		"""Money of a customer that is for no invoice yet."""
		return self.submitted(
			"Payment Entry",
			payment_type="Receive",
			party_type="Customer",
			party=customer,
			company=self.company,
			paid_from=self.account("default_receivable_account"),
			paid_to=self.account("default_cash_account"),
			paid_amount=amount,
			received_amount=amount,
		)

	def reconciled(self, customer: str, invoice: str = "") -> None:
		"""*Payment Reconciliation*: everything of a customer that is open is set against each other, or one invoice alone."""
		form = {
			"doctype": "Payment Reconciliation",
			"name": "Payment Reconciliation",
			"company": self.company,
			"party_type": "Customer",
			"party": customer,
			"receivable_payable_account": self.account("default_receivable_account"),
		}
		form = self.on_form(form, "get_unreconciled_entries")
		invoices = [row for row in form["invoices"] if invoice in ("", row["invoice_number"])]
		rows = {"payments": form["payments"], "invoices": invoices}
		assert all(rows.values()), f"nothing to reconcile on the {self.side} site: {rows}"
		form = self.on_form(form, "allocate_entries", **rows)
		self.on_form(form, "reconcile")

	def set_status(self, doctype: str, name: str, status: str) -> None:
		"""*Status > Close*, *Hold*; *Re-open* is the status Draft for an order of a customer, Submitted for others."""
		self.call(UPDATE_STATUS[doctype], status=status, name=name)

	def update_items(self, doctype: str, name: str, rows: list[dict]) -> None:
		"""*Update Items* on a submitted order, whose rows these are afterwards; a row without `docname` is new."""
		self.call(
			"erpnext.controllers.accounts_controller.update_child_qty_rate",
			parent_doctype=doctype,
			trans_items=json.dumps(rows),
			parent_doctype_name=name,
		)

	def open_rows(self, doctype: str, name: str) -> list[dict]:
		"""What the dialogue of *Update Items* shows."""
		fields = ("item_code", "qty", "rate", "uom", "conversion_factor", "delivery_date", "schedule_date")
		return [
			{"docname": row["name"], "idx": row["idx"], **{f: row[f] for f in fields if row.get(f)}}
			for row in self.get(doctype, name)["items"]
		]

	def received(self, item: str, qty: float, rate: float, note: str) -> dict:
		"""Goods that come into the store; `note` goes into the remarks."""
		return self.submitted(
			"Stock Entry",
			stock_entry_type="Material Receipt",
			company=company(),
			remarks=note,
			items=[{"item_code": item, "qty": qty, "basic_rate": rate, "t_warehouse": store()}],
		)

	# -- the other side

	def twin(self, doctype: str, name: str) -> str:
		"""The name that this clerk's document has on the other side."""
		frappe.db.rollback()
		mine, its = f"{self.side}_name", f"{other(self.side)}_name"
		found = frappe.db.get_value("Sync Record", {"ref_doctype": doctype, mine: name}, its)
		assert found, f"{doctype} {name} of the {self.side} site has no twin; {refusals()}"
		return found


def _copied(doc: dict) -> dict:
	"""What Frappe's *Amend* and *Duplicate* take over of a document."""
	left = ("name", "owner", "creation", "modified", "modified_by", "docstatus", "parent", "status")
	return {
		field: [{**_copied(row), "doctype": row["doctype"]} for row in value]
		if isinstance(value, list)
		else value
		for field, value in doc.items()
		if field not in left and not field.startswith("_") and value is not None
	}


def company() -> str:
	return frappe.defaults.get_global_default("company")


def store() -> str:
	return f"Stores - {frappe.get_cached_value('Company', company(), 'abbr')}"


# -- what documents hold at the start


def stock_item(name: str, **values: Any) -> dict:
	return {
		"doctype": "Item",
		"item_code": name,
		"item_group": "All Item Groups",
		"stock_uom": "Nos",
		"is_stock_item": 1,
		**values,
	}


def order_of(prefix: str, qty: float = 4, rate: float = 25, **values: Any) -> dict:
	"""A Sales Order of a customer who is named by the prefix."""
	row = {"item_code": f"{prefix} goods", "qty": qty, "rate": rate}
	return {
		"customer": prefix,
		"company": company(),
		"transaction_date": today(),
		"delivery_date": add_days(today(), 7),
		"set_warehouse": store(),
		"items": [{**row, "warehouse": store(), "delivery_date": add_days(today(), 7)}],
		**values,
	}


def purchase_of(prefix: str, qty: float = 5, rate: float = 10, **values: Any) -> dict:
	"""A Purchase Order of the supplier of the same name."""
	row = {"item_code": f"{prefix} goods", "qty": qty, "rate": rate}
	return {
		"supplier": prefix,
		"company": company(),
		"transaction_date": today(),
		"schedule_date": add_days(today(), 7),
		"set_warehouse": store(),
		"items": [{**row, "warehouse": store(), "schedule_date": add_days(today(), 7)}],
		**values,
	}


def invoice_of(prefix: str, qty: float = 2, rate: float = 50, **values: Any) -> dict:
	"""A Sales Invoice of a service."""
	return {
		"customer": prefix,
		"company": company(),
		"due_date": add_days(today(), 30),
		"items": [{"item_code": f"{prefix} service", "qty": qty, "rate": rate}],
		**values,
	}


def rules(prefix: str, **by_other_fields: str) -> list[dict]:
	"""Rules for all that a company trades with, each for one test's documents alone."""
	return [
		{"ref_doctype": doctype, "filters": json.dumps([[field, "like", f"{prefix}%"]])}
		for doctype, field in {**FILTERED_BY, **by_other_fields}.items()
	]


# -- sync


def in_step() -> None:
	"""Sync: nothing was refused, nothing is left to do. That a further sync writes nothing is asserted after each test, by
	`at_rest_in_the_end`."""
	sync()
	told = refusals()
	assert not told, told
	assert not count("Sync Event"), "sync left something to do"


def refusals() -> dict[str, str]:
	"""What did not cross, and why."""
	frappe.db.rollback()
	rows = frappe.get_all(
		"Sync Record",
		filters={"status": ("!=", "Synced")},
		fields=["ref_doctype", "local_name", "cloud_name", "status", "error"],
		order_by="creation asc",
	)
	told = {
		f"{row.ref_doctype} {row.local_name or row.cloud_name}": f"{row.status}: {row.error}" for row in rows
	}
	events = frappe.get_all(
		"Sync Event", ["ref_doctype", "docname", "state", "error"], order_by="creation asc"
	)
	return {f"{e.ref_doctype} {e.docname}": f"{e.state}: {e.error}" for e in events} | told


def count_apart(doctypes: Iterable[str] = FILTERED_BY) -> None:
	"""Let the local site's counters be far from the cloud's: no two documents are one by the luck of a number."""
	for doctype in doctypes:
		field = frappe.get_meta(doctype).get_field("naming_series")
		for series in filter(None, (field.options or "").split("\n") if field else ()):
			counter = NamingSeries(series)
			if counter.get_current_value() < APART:
				counter.update_counter(APART)
	frappe.db.commit()


Sides = tuple[Clerk, Clerk]
"""The clerk who makes the first documents, and the one on the other side."""


def alike(sides: Sides, doctype: str, name: str, **seen: object) -> str:
	"""Both sides show this of a document of the first clerk; answers its name on the other side."""
	origin, mirror = sides
	copy = origin.twin(doctype, name)
	shown = [
		{field: clerk.get(doctype, its).get(field) for field in seen}
		for clerk, its in ((origin, name), (mirror, copy))
	]
	assert shown == [seen, seen], f"{doctype} {name}, on the {origin.side} and the {mirror.side} site"
	return copy


def clerks(local: Person, cloud: Person, of: str | None = None) -> tuple[Clerk, Clerk]:
	return Clerk(LOCAL, local, of), Clerk(CLOUD, cloud, of)
