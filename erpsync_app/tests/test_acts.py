# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What people do to a submitted document by a button of ERPNext, on two real sites: it is done on the other one too."""

from __future__ import annotations

import json

import frappe
import pytest
from frappe.utils import add_days, today

from erpsync_app.adapters import local_calls
from erpsync_app.api import desk
from erpsync_app.tests.support import last_conflict, set_rules, sync
from erpsync_app.tests.test_main_job import customer, item
from erpsync_app.tests.trade import (
	FILTERED_BY,
	PURCHASE_INVOICE,
	Clerk,
	Sides,
	alike,
	company,
	in_step,
	invoice_of,
	refusals,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")

UNRECONCILE = (
	"erpnext.accounts.doctype.unreconcile_payment.unreconcile_payment.create_unreconcile_doc_for_selection"
)


@pytest.fixture
def sides(sides: Sides, prefix: str) -> Sides:
	"""There are a customer, a supplier and a service."""
	origin, _ = sides
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	return sides


def only(prefix: str, *doctypes: str, **values: object) -> None:
	"""Rules for these DocTypes, of one test's documents alone; `values` are the rules' own."""
	set_rules(
		*(
			{"ref_doctype": doctype, "filters": json.dumps([[FILTERED_BY[doctype], "like", f"{prefix}%"]])}
			| (values if doctype == doctypes[0] else {})
			for doctype in (*doctypes, "Customer", "Supplier", "Item")
		)
	)


def order_of(prefix: str, **values: object) -> dict:
	day = add_days(today(), 7)
	row = {"item_code": f"{prefix} service", "qty": 4, "rate": 25, "delivery_date": day}
	return {"customer": prefix, "company": company(), "delivery_date": day, "items": [row], **values}


def test_a_request_is_stopped_and_an_offer_is_lost(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	only(prefix, "Material Request", "Quotation")
	line = {"item_code": f"{prefix} service", "qty": 1}
	request = origin.submitted(
		"Material Request",
		title=prefix,
		company=company(),
		material_request_type="Purchase",
		schedule_date=add_days(today(), 7),
		items=[{**line, "schedule_date": add_days(today(), 7)}],
	)["name"]
	offer = origin.submitted(
		"Quotation", quotation_to="Customer", party_name=prefix, company=company(), items=[line]
	)
	in_step()
	before = origin.get("Material Request", request)["status"]

	origin.set_status("Material Request", request, "Stopped")
	origin.on_form(
		offer, "declare_enquiry_lost", lost_reasons_list=[], competitors=[], detailed_reason="too dear"
	)
	in_step()
	copy = alike(sides, "Material Request", request, status="Stopped", docstatus=1)
	alike(sides, "Quotation", offer["name"], status="Lost", order_lost_reason="too dear")

	mirror.set_status("Material Request", copy, "Submitted")
	in_step()
	alike(sides, "Material Request", request, status=before)


def test_what_was_closed_before_the_first_sync_and_what_both_sides_decide(
	sides: tuple[Clerk, Clerk], prefix: str
):
	origin, mirror = sides
	only(prefix, "Sales Order", policy="local_wins")
	order = origin.submitted("Sales Order", **order_of(prefix))["name"]
	origin.set_status("Sales Order", order, "Closed")
	in_step()
	copy = alike(sides, "Sales Order", order, status="Closed", docstatus=1)
	origin.set_status("Sales Order", order, "Draft")
	in_step()
	alike(sides, "Sales Order", order, status="To Deliver and Bill")

	names = {origin.side: order, mirror.side: copy}
	for clerk, status, qty in ((origin, "Closed", 5), (mirror, "On Hold", 7)):
		rows = clerk.open_rows("Sales Order", names[clerk.side])
		clerk.update_items("Sales Order", names[clerk.side], [{**rows[0], "qty": qty}])
		clerk.set_status("Sales Order", names[clerk.side], status)
	sync()
	wins = origin.side == "local"
	alike(
		sides,
		"Sales Order",
		order,
		status="Closed" if wins else "On Hold",
		total_qty=5 if wins else 7,
		grand_total=125 if wins else 175,
	)
	assert not refusals()
	conflict = last_conflict("Sales Order", names["local"])
	assert conflict["status"] != "Open"
	assert {"(status)", "items"} <= conflict["clashes"].keys()


def test_what_was_delivered_before_an_order_was_closed_goes_before_that(
	sides: tuple[Clerk, Clerk], prefix: str
):
	"""An order that is closed takes no further deliveries."""
	origin, mirror = sides
	only(prefix, "Sales Order", "Delivery Note")
	order = origin.submitted("Sales Order", **order_of(prefix))
	for round_ in ("before the first sync", "later"):
		note = origin.mapped(origin.get("Sales Order", order["name"]), "Delivery Note")
		note["items"][0]["qty"] = 1
		note = origin.submitted(**note)
		origin.set_status("Sales Order", order["name"], "Closed")
		in_step()
		alike(sides, "Sales Order", order["name"], status="Closed")
		alike(sides, "Delivery Note", note["name"], docstatus=1)
		if round_ == "before the first sync":
			mirror.set_status("Sales Order", origin.twin("Sales Order", order["name"]), "Draft")
			in_step()


def test_a_payment_is_reconciled_and_that_is_undone(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	only(prefix, "Payment Entry", "Sales Invoice", "Journal Entry")
	invoice = origin.submitted("Sales Invoice", **invoice_of(prefix))["name"]
	payment = origin.paid_on_account(prefix, 60)["name"]
	party = {
		"party_type": "Customer",
		"party": prefix,
		"account": origin.account("default_receivable_account"),
	}
	journal = origin.submitted(
		"Journal Entry",
		title=prefix,
		company=company(),
		posting_date=today(),
		accounts=[
			{**party, "credit_in_account_currency": 70},
			{"account": origin.account("default_cash_account"), "debit_in_account_currency": 70},
		],
	)["name"]
	in_step()
	origin.reconciled(prefix)
	in_step()
	copy = alike(sides, "Sales Invoice", invoice, outstanding_amount=0, status="Paid")
	alike(sides, "Payment Entry", payment, unallocated_amount=0)
	paid = origin.twin("Payment Entry", payment)
	booked = origin.twin("Journal Entry", journal)
	rows = mirror.get("Journal Entry", booked)["accounts"]
	assert sorted((r.get("reference_name") or "", r["credit_in_account_currency"]) for r in rows) == sorted(
		[("", 0), ("", 30), (copy, 40)]
	)

	undone = {"voucher_type": "Payment Entry", "voucher_no": paid, "against_voucher_type": "Sales Invoice"}
	undone |= {"company": company(), "against_voucher_no": copy}
	mirror.call(UNRECONCILE, selections=json.dumps([undone]))
	in_step()
	alike(sides, "Sales Invoice", invoice, outstanding_amount=60, status="Partly Paid")
	alike(sides, "Payment Entry", payment, unallocated_amount=60)


def test_a_payment_is_allocated_in_the_order_of_the_other_side(sides: tuple[Clerk, Clerk], prefix: str):
	"""Which is not that of the invoices' names."""
	origin, mirror = sides
	only(prefix, "Payment Entry", "Sales Invoice")
	bills = [origin.submitted("Sales Invoice", **invoice_of(prefix, rate=rate))["name"] for rate in (50, 30)]
	payment = origin.paid_on_account(prefix, 160)["name"]
	in_step()
	for bill in reversed(bills):
		origin.reconciled(prefix, bill)
	in_step()
	paid = mirror.get("Payment Entry", origin.twin("Payment Entry", payment))["references"]
	assert [row["reference_name"] for row in paid] == [
		origin.twin("Sales Invoice", bill) for bill in reversed(bills)
	]


def test_an_invoice_is_blocked_and_a_payment_cleared(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	only(prefix, "Purchase Invoice", "Payment Entry")
	bill = origin.submitted(
		"Purchase Invoice",
		supplier=prefix,
		company=company(),
		items=[{"item_code": f"{prefix} service", "qty": 1, "rate": 90}],
	)["name"]
	payment = origin.paid_on_account(prefix, 40)["name"]
	in_step()
	day = add_days(today(), 5)
	origin.call(
		f"{PURCHASE_INVOICE}.block_invoice", name=bill, release_date=day, hold_comment="a wrong price"
	)
	copy = origin.twin("Payment Entry", payment)
	form = {
		"doctype": "Bank Clearance",
		"__islocal": 1,
		"account": origin.account("default_cash_account"),
		"from_date": today(),
		"to_date": today(),
		"include_reconciled_entries": 1,
		"payment_entries": [
			{
				"doctype": "Bank Clearance Detail",
				"idx": 1,
				"payment_document": "Payment Entry",
				"payment_entry": copy,
				"clearance_date": today(),
			}
		],
	}
	mirror.on_form(form, "update_clearance_date")
	in_step()
	copy = alike(sides, "Purchase Invoice", bill, on_hold=1, release_date=day, hold_comment="a wrong price")
	alike(sides, "Payment Entry", payment, clearance_date=today())

	mirror.call(f"{PURCHASE_INVOICE}.change_release_date", name=copy, release_date=today())
	in_step()
	alike(sides, "Purchase Invoice", bill, on_hold=1, release_date=today())
	mirror.call(f"{PURCHASE_INVOICE}.unblock_invoice", name=copy)
	in_step()
	alike(sides, "Purchase Invoice", bill, on_hold=0, release_date=None)


def test_what_no_method_carries_over_is_told_until_it_is_the_same_again(
	sides: tuple[Clerk, Clerk], prefix: str
):
	"""A button of an app that nobody here knows, or a program, that writes past the form."""
	origin, mirror = sides
	only(prefix, "Sales Order")
	order = origin.submitted("Sales Order", **order_of(prefix))["name"]
	in_step()
	ours = order if origin.side == "local" else origin.twin("Sales Order", order)
	frappe.db.set_value("Sales Order", ours, "order_type", "Maintenance")
	frappe.db.commit()
	sync()
	told = refusals()[f"Sales Order {ours}"]
	assert told.startswith("Diverged") and "order_type" in told

	frappe.db.set_value("Sales Order", ours, "order_type", "Sales")
	frappe.db.commit()
	in_step()
	assert mirror.get("Sales Order", origin.twin("Sales Order", order))["order_type"] == "Sales"


@pytest.mark.parametrize(
	("doctype", "found"),
	[
		("Purchase Order", ("erpnext.buying.doctype.purchase_order.purchase_order.update_status", "name")),
		(
			"Delivery Note",
			("erpnext.stock.doctype.delivery_note.delivery_note.update_delivery_note_status", "docname"),
		),
		("Item", None),
	],
)
def test_the_method_that_gives_a_status_is_found_in_the_code_of_an_app(doctype: str, found: tuple | None):
	"""For a DocType that nobody named; tried with some whose methods are known."""
	assert local_calls.status_method(doctype) == found


def test_what_is_cancelled_on_one_side_is_not_brought_back_by_a_choice(
	sides: tuple[Clerk, Clerk], prefix: str
):
	"""Whoever keeps the edit of the other side is told why that cannot be, and both stay as they are until a person chooses
	what can."""
	origin, mirror = sides
	only(prefix, "Sales Order", policy="manual")
	order = origin.submitted("Sales Order", **order_of(prefix))["name"]
	in_step()
	copy = origin.twin("Sales Order", order)
	names = {origin.side: order, mirror.side: copy}
	origin.cancel("Sales Order", order)
	mirror.edit("Sales Order", copy, po_no="new")
	sync()
	for choice in (f"keep_{mirror.side}", "by_hand"):
		desk.settle(last_conflict("Sales Order", names["local"])["name"], choice)
		frappe.db.commit()
		sync()
		conflict = last_conflict("Sales Order", names["local"])
		assert (conflict["status"], conflict["resolved_by"]) == ("Open", None)
		assert f"On the {origin.side} side it is cancelled" in conflict["refused"]
		kept = mirror.get("Sales Order", copy)
		assert (kept["docstatus"], kept["po_no"]) == (1, "new")
	desk.settle(conflict["name"], f"keep_{origin.side}")
	frappe.db.commit()
	in_step()
	alike(sides, "Sales Order", order, docstatus=2, status="Cancelled")
	assert last_conflict("Sales Order", names["local"])["resolution"] == f"Keep {origin.side}"
