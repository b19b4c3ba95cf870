# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents made from one another, on two real ERPNext sites: an order becomes a delivery, a delivery an invoice, an
invoice a payment. What a user looks at is the same on both sites, whoever made which of them where."""

from __future__ import annotations

import pytest

from erpsync_app.tests.support import set_rules
from erpsync_app.tests.test_main_job import customer, item
from erpsync_app.tests.trade import (
	Clerk,
	Sides,
	alike,
	in_step,
	invoice_of,
	order_of,
	purchase_of,
	rules,
	stock_item,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")


@pytest.fixture
def sides(sides: Sides, prefix: str) -> Sides:
	"""Both have goods in the store, a customer and a supplier."""
	set_rules(*rules(prefix))
	origin, _ = sides
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	origin.insert(**stock_item(f"{prefix} goods"))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	origin.received(f"{prefix} goods", 20, 5, prefix)
	in_step()
	return sides


def looks(clerk: Clerk, doctype: str, name: str, *fields: str) -> dict:
	"""What a user sees of a document."""
	doc = clerk.get(doctype, name)
	return {field: doc.get(field) for field in fields}


def row(clerk: Clerk, doctype: str, name: str, number: int = 0) -> dict:
	return clerk.get(doctype, name)["items"][number]


def leads(clerk: Clerk, doctype: str, name: str, *, by: str, to: tuple[str, str]) -> None:
	"""The first row of a document refers to the first row of another of the same site."""
	assert row(clerk, doctype, name)[by] == row(clerk, *to)["name"], f"{by} of the {clerk.side} {doctype}"


def delivered_in_part(clerk: Clerk, order: dict, qty: float) -> dict:
	doc = clerk.mapped(order, "Delivery Note")
	doc["items"][0]["qty"] = qty
	return clerk.submitted(**doc)


# -- selling


def test_an_order_that_is_delivered(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	note = delivered_in_part(origin, order, 3)
	in_step()
	copy = alike(sides, "Delivery Note", note["name"], docstatus=1, status="To Bill", grand_total=75)
	ordered = alike(
		sides, "Sales Order", order["name"], status="To Deliver and Bill", per_delivered=75, per_billed=0
	)
	leads(mirror, "Delivery Note", copy, by="so_detail", to=("Sales Order", ordered))
	assert row(mirror, "Delivery Note", copy)["against_sales_order"] == ordered
	assert [
		row(c, "Sales Order", n)["delivered_qty"] for c, n in ((origin, order["name"]), (mirror, ordered))
	] == [
		3,
		3,
	]


def test_an_order_of_one_side_that_the_other_delivers_and_bills(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	copy = mirror.get("Sales Order", origin.twin("Sales Order", order["name"]))
	note = mirror.created(copy, "Delivery Note")
	in_step()
	alike(sides, "Sales Order", order["name"], status="To Bill", per_delivered=100)
	came_back = mirror.twin("Delivery Note", note["name"])
	leads(origin, "Delivery Note", came_back, by="so_detail", to=("Sales Order", order["name"]))

	invoice = origin.created(origin.get("Delivery Note", came_back), "Sales Invoice")
	in_step()
	alike(
		sides, "Sales Order", order["name"], status="Completed", per_billed=100, billing_status="Fully Billed"
	)
	alike(sides, "Delivery Note", came_back, status="Completed", per_billed=100)
	billed = alike(sides, "Sales Invoice", invoice["name"], status="Unpaid", outstanding_amount=100)
	leads(mirror, "Sales Invoice", billed, by="dn_detail", to=("Delivery Note", note["name"]))
	leads(mirror, "Sales Invoice", billed, by="so_detail", to=("Sales Order", copy["name"]))


def test_an_order_delivered_and_billed_before_the_first_sync(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	note = origin.created(order, "Delivery Note")
	invoice = origin.created(note, "Sales Invoice")
	payment = origin.paid(invoice)
	in_step()
	ordered = alike(
		sides,
		"Sales Order",
		order["name"],
		status="Completed",
		per_delivered=100,
		per_billed=100,
		billing_status="Fully Billed",
	)
	sent = alike(sides, "Delivery Note", note["name"], status="Completed", per_billed=100)
	leads(mirror, "Delivery Note", sent, by="so_detail", to=("Sales Order", ordered))
	alike(sides, "Sales Invoice", invoice["name"], status="Paid", outstanding_amount=0)
	alike(sides, "Payment Entry", payment["name"], docstatus=1, paid_amount=100, unallocated_amount=0)


def test_an_order_that_is_billed(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	invoice = origin.created(order, "Sales Invoice")
	in_step()
	ordered = alike(
		sides,
		"Sales Order",
		order["name"],
		status="To Deliver",
		per_billed=100,
		billing_status="Fully Billed",
	)
	copy = alike(sides, "Sales Invoice", invoice["name"], status="Unpaid", outstanding_amount=100)
	leads(mirror, "Sales Invoice", copy, by="so_detail", to=("Sales Order", ordered))

	mirror.cancel("Sales Invoice", copy)
	in_step()
	alike(sides, "Sales Invoice", invoice["name"], docstatus=2, status="Cancelled")
	alike(
		sides,
		"Sales Order",
		order["name"],
		status="To Deliver and Bill",
		per_billed=0,
		billing_status="Not Billed",
	)


def test_a_quotation_that_becomes_an_order(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	offered = {**order_of(prefix), "quotation_to": "Customer", "party_name": prefix}
	quotation = origin.submitted(
		"Quotation",
		**{k: v for k, v in offered.items() if k not in ("customer", "delivery_date", "set_warehouse")},
	)
	in_step()
	alike(sides, "Quotation", quotation["name"], docstatus=1, status="Open")
	doc = origin.mapped(quotation, "Sales Order")
	doc["delivery_date"] = doc["items"][0]["delivery_date"] = order_of(prefix)["delivery_date"]
	order = origin.submitted(**doc)
	in_step()
	asked = alike(sides, "Quotation", quotation["name"], status="Ordered")
	copy = alike(sides, "Sales Order", order["name"], docstatus=1, grand_total=100)
	leads(mirror, "Sales Order", copy, by="quotation_item", to=("Quotation", asked))
	assert row(mirror, "Sales Order", copy)["prevdoc_docname"] == asked


def test_a_bundle_of_goods_is_delivered(sides: tuple[Clerk, Clerk], prefix: str):
	"""The packed goods are rows that refer to a row of the same document."""
	origin, mirror = sides
	origin.insert(**stock_item(f"{prefix} set", is_stock_item=0))
	origin.insert(
		"Product Bundle",
		new_item_code=f"{prefix} set",
		items=[{"item_code": f"{prefix} goods", "qty": 2}],
	)
	wanted = order_of(prefix)
	wanted["items"][0]["item_code"] = f"{prefix} set"
	order = origin.submitted("Sales Order", **wanted)
	in_step()
	note = origin.created(order, "Delivery Note")
	in_step()
	copy = alike(sides, "Delivery Note", note["name"], docstatus=1, status="To Bill")
	alike(sides, "Sales Order", order["name"], per_delivered=100, status="To Bill")
	doc = mirror.get("Delivery Note", copy)
	assert [(r["item_code"], r["qty"]) for r in doc["packed_items"]] == [(f"{prefix} goods", 8)]
	assert doc["packed_items"][0]["parent_detail_docname"] == doc["items"][0]["name"]


# -- buying


def test_goods_are_ordered_received_and_billed(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Purchase Order", **purchase_of(prefix))
	in_step()
	receipt = origin.created(order, "Purchase Receipt")
	in_step()
	alike(sides, "Purchase Order", order["name"], status="To Bill", per_received=100, per_billed=0)
	invoice = origin.created(receipt, "Purchase Invoice")
	in_step()
	ordered = alike(
		sides, "Purchase Order", order["name"], status="Completed", per_received=100, per_billed=100
	)
	received = alike(sides, "Purchase Receipt", receipt["name"], status="Completed", per_billed=100)
	billed = alike(sides, "Purchase Invoice", invoice["name"], status="Unpaid", outstanding_amount=50)
	leads(mirror, "Purchase Receipt", received, by="purchase_order_item", to=("Purchase Order", ordered))
	leads(mirror, "Purchase Invoice", billed, by="po_detail", to=("Purchase Order", ordered))
	leads(mirror, "Purchase Invoice", billed, by="pr_detail", to=("Purchase Receipt", received))


def test_goods_that_one_side_orders_are_received_and_billed_on_the_other(
	sides: tuple[Clerk, Clerk], prefix: str
):
	origin, mirror = sides
	order = origin.submitted("Purchase Order", **purchase_of(prefix))
	in_step()
	copy = mirror.get("Purchase Order", origin.twin("Purchase Order", order["name"]))
	receipt = mirror.created(copy, "Purchase Receipt")
	invoice = mirror.created(receipt, "Purchase Invoice")
	in_step()
	alike(sides, "Purchase Order", order["name"], status="Completed", per_received=100, per_billed=100)
	billed = mirror.twin("Purchase Invoice", invoice["name"])
	payment = origin.paid(origin.get("Purchase Invoice", billed))
	in_step()
	alike(sides, "Purchase Invoice", billed, status="Paid", outstanding_amount=0)
	alike(sides, "Payment Entry", payment["name"], payment_type="Pay", paid_amount=50)


# -- returns


def test_an_invoice_that_is_credited(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	invoice = origin.submitted("Sales Invoice", **invoice_of(prefix))
	in_step()
	doc = origin.mapped(invoice, "Sales Invoice")
	doc["items"][0]["qty"] = -1
	note = origin.submitted(**doc)
	in_step()
	credited = alike(sides, "Sales Invoice", note["name"], is_return=1, docstatus=1, grand_total=-50)
	copy = origin.twin("Sales Invoice", invoice["name"])
	assert mirror.get("Sales Invoice", credited)["return_against"] == copy
	leads(mirror, "Sales Invoice", credited, by="sales_invoice_item", to=("Sales Invoice", copy))
	seen = ("status", "outstanding_amount")
	for ours, theirs in ((invoice["name"], copy), (note["name"], credited)):
		assert looks(origin, "Sales Invoice", ours, *seen) == looks(mirror, "Sales Invoice", theirs, *seen)


def test_goods_that_come_back(sides: tuple[Clerk, Clerk], prefix: str):
	"""Delivered on one side, and taken back on the other; and so with goods that go back to the supplier."""
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	note = origin.created(order, "Delivery Note")
	receipt = origin.created(origin.submitted("Purchase Order", **purchase_of(prefix)), "Purchase Receipt")
	in_step()
	for doctype, sent, by in (
		("Delivery Note", note["name"], "dn_detail"),
		("Purchase Receipt", receipt["name"], "purchase_receipt_item"),
	):
		copy = origin.twin(doctype, sent)
		back = mirror.mapped(mirror.get(doctype, copy), doctype)
		back["items"][0]["qty"] = -1
		if doctype == "Purchase Receipt":
			back["items"][0]["received_qty"] = -1
		back = mirror.submitted(**back)
		in_step()
		came = alike((mirror, origin), doctype, back["name"], docstatus=1, is_return=1)
		leads(origin, doctype, came, by=by, to=(doctype, sent))
		assert origin.get(doctype, came)["return_against"] == sent
		seen = ("status", "per_returned", "per_billed")
		assert looks(origin, doctype, sent, *seen) == looks(mirror, doctype, copy, *seen)
		assert row(origin, doctype, sent)["returned_qty"] == row(mirror, doctype, copy)["returned_qty"] == 1


# -- what people do to a submitted document


def test_update_items_of_an_order(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	rows = origin.open_rows("Sales Order", order["name"])
	rows[0]["qty"] = 6
	added = {"item_code": f"{prefix} service", "qty": 1, "rate": 30, "uom": "Nos", "conversion_factor": 1}
	rows.append({**added, "delivery_date": rows[0]["delivery_date"], "idx": 2})
	origin.update_items("Sales Order", order["name"], rows)
	in_step()
	copy = alike(sides, "Sales Order", order["name"], docstatus=1, grand_total=180, total_qty=7)
	shown = [
		[(r["item_code"], r["qty"], r["rate"], r["amount"]) for r in clerk.get("Sales Order", name)["items"]]
		for clerk, name in ((origin, order["name"]), (mirror, copy))
	]
	assert shown[0] == shown[1] == [(f"{prefix} goods", 6, 25, 150), (f"{prefix} service", 1, 30, 30)]

	rows = mirror.open_rows("Sales Order", copy)
	mirror.update_items("Sales Order", copy, rows[:1])
	in_step()
	alike(sides, "Sales Order", order["name"], docstatus=1, grand_total=150, total_qty=6)
	assert len(origin.get("Sales Order", order["name"])["items"]) == 1


def test_update_items_of_an_order_to_a_supplier(sides: tuple[Clerk, Clerk], prefix: str):
	origin, _ = sides
	order = origin.submitted("Purchase Order", **purchase_of(prefix))
	in_step()
	rows = origin.open_rows("Purchase Order", order["name"])
	rows[0].update(qty=8, rate=11)
	origin.update_items("Purchase Order", order["name"], rows)
	in_step()
	alike(sides, "Purchase Order", order["name"], docstatus=1, grand_total=88, total_qty=8)


@pytest.mark.parametrize("doctype", ["Sales Order", "Purchase Order"])
def test_an_order_is_closed_and_opened_again(sides: tuple[Clerk, Clerk], prefix: str, doctype: str):
	origin, mirror = sides
	selling = doctype == "Sales Order"
	name = origin.submitted(doctype, **(order_of if selling else purchase_of)(prefix))["name"]
	in_step()
	before = origin.get(doctype, name)["status"]
	origin.set_status(doctype, name, "Closed")
	in_step()
	copy = alike(sides, doctype, name, status="Closed")
	mirror.set_status(doctype, copy, "Draft" if selling else "Submitted")
	in_step()
	alike(sides, doctype, name, status=before, docstatus=1)
	origin.set_status(doctype, name, "On Hold")
	in_step()
	alike(sides, doctype, name, status="On Hold")


def test_a_payment_that_is_reconciled_later(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	invoice = origin.submitted("Sales Invoice", **invoice_of(prefix))
	payment = origin.paid_on_account(prefix, 100)
	in_step()
	copy = alike(sides, "Sales Invoice", invoice["name"], status="Unpaid", outstanding_amount=100)
	origin.reconciled(prefix)
	in_step()
	alike(sides, "Sales Invoice", invoice["name"], status="Paid", outstanding_amount=0)
	money = alike(sides, "Payment Entry", payment["name"], docstatus=1, unallocated_amount=0)
	rows = mirror.get("Payment Entry", money)["references"]
	assert [(r["reference_name"], r["allocated_amount"]) for r in rows] == [(copy, 100)]


def test_an_order_is_cancelled_and_amended(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	origin.cancel("Sales Order", order["name"])
	amended = origin.amended("Sales Order", order["name"], po_no="second thoughts")
	note = origin.created(amended, "Delivery Note")
	in_step()
	copy = alike(sides, "Sales Order", order["name"], docstatus=2, status="Cancelled")
	again = alike(sides, "Sales Order", amended["name"], docstatus=1, status="To Bill", per_delivered=100)
	assert mirror.get("Sales Order", again)["amended_from"] == copy
	sent = origin.twin("Delivery Note", note["name"])
	leads(mirror, "Delivery Note", sent, by="so_detail", to=("Sales Order", again))


# -- both at one order


def test_both_clerks_deliver_from_one_order(sides: tuple[Clerk, Clerk], prefix: str):
	"""Each a part, with no sync between."""
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	copy = mirror.get("Sales Order", origin.twin("Sales Order", order["name"]))
	ours, theirs = delivered_in_part(origin, order, 1), delivered_in_part(mirror, copy, 2)
	in_step()
	alike(sides, "Sales Order", order["name"], per_delivered=75, status="To Deliver and Bill")
	assert [
		row(c, "Sales Order", n)["delivered_qty"]
		for c, n in ((origin, order["name"]), (mirror, copy["name"]))
	] == [3, 3]
	alike(sides, "Delivery Note", ours["name"], docstatus=1)
	alike((mirror, origin), "Delivery Note", theirs["name"], docstatus=1)


def test_an_advance_on_an_order(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	payment = origin.paid(order)
	in_step()
	copy = alike(sides, "Sales Order", order["name"], advance_paid=100)
	money = alike(
		sides, "Payment Entry", payment["name"], docstatus=1, paid_to=origin.account("default_cash_account")
	)
	assert mirror.get("Payment Entry", money)["references"][0]["reference_name"] == copy
