# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What happens in a store, on two real sites: goods are counted, picked and valued anew, notes and receipts closed."""

from __future__ import annotations

import pytest
from frappe.utils import now_datetime, today

from erpsync_app.tests.company import agree, from_now_on, in_stock, made, twin
from erpsync_app.tests.test_main_job import customer
from erpsync_app.tests.trade import (
	DELIVERY_NOTE,
	PURCHASE_RECEIPT,
	Sides,
	alike,
	company,
	in_step,
	order_of,
	purchase_of,
	stock_item,
	store,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")

NOTE = f"{DELIVERY_NOTE}.update_delivery_note_status"
RECEIPT = f"{PURCHASE_RECEIPT}.update_purchase_receipt_status"


@pytest.fixture
def sides(sides: Sides, prefix: str) -> Sides:
	"""There are a customer and a supplier, and there will be rules for what follows."""
	origin, _ = sides
	from_now_on(
		*("Sales Order", "Pick List", "Delivery Note", "Purchase Order", "Purchase Receipt"),
		*("Stock Entry", "Stock Reconciliation", "Landed Cost Voucher"),
		*("Packing Slip", "Quality Inspection", "Installation Note"),
	)
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	return sides


def test_a_note_and_a_receipt_are_closed_and_opened_again(sides: Sides, prefix: str):
	origin, mirror = sides
	in_stock(origin, f"{prefix} goods", 20)
	note = origin.created(origin.submitted("Sales Order", **order_of(prefix)), "Delivery Note")
	bought = origin.submitted("Purchase Order", **purchase_of(prefix))
	receipt = origin.created(bought, "Purchase Receipt")
	in_step()
	before = [doc["status"] for doc in (note, receipt)]
	note_there = twin(sides, "Delivery Note", note["name"])["name"]
	receipt_there = twin(sides, "Purchase Receipt", receipt["name"])["name"]

	mirror.call(NOTE, docname=note_there, status="Closed")
	origin.call(RECEIPT, docname=receipt["name"], status="Closed")
	in_step()
	assert origin.get("Delivery Note", note["name"])["status"] == "Closed"
	assert mirror.get("Purchase Receipt", receipt_there)["status"] == "Closed"
	origin.call(NOTE, docname=note["name"], status="Draft")
	mirror.call(RECEIPT, docname=receipt_there, status="Submitted")
	agree()
	assert [
		mirror.get("Delivery Note", note_there)["status"],
		origin.get("Purchase Receipt", receipt["name"])["status"],
	] == before


def test_freight_is_put_on_the_goods_later(sides: Sides, prefix: str):
	origin, mirror = sides
	origin.insert(**stock_item(f"{prefix} goods"))
	row = {"item_code": f"{prefix} goods", "qty": 5, "rate": 10, "warehouse": store()}
	receipt = origin.submitted("Purchase Receipt", supplier=prefix, company=company(), items=[row])
	in_step()
	copy = twin(sides, "Purchase Receipt", receipt["name"])
	of = {"receipt_document_type": "Purchase Receipt", "receipt_document": copy["name"]}
	line = {field: copy["items"][0][field] for field in ("item_code", "qty", "rate", "amount", "cost_center")}
	line |= {"purchase_receipt_item": copy["items"][0]["name"], "description": "goods"}
	mirror.submitted(
		"Landed Cost Voucher",
		company=company(),
		distribute_charges_based_on="Qty",
		purchase_receipts=[{**of, "supplier": prefix, "grand_total": 50}],
		items=[{**of, **line, "applicable_charges": 25}],
		taxes=[
			{
				"description": "Freight",
				"expense_account": mirror.account("default_expense_account"),
				"amount": 25,
			}
		],
	)
	agree()
	for clerk in sides:
		held = clerk.listed("Bin", {"item_code": f"{prefix} goods", "warehouse": store()}, "stock_value")
		assert held == [{"stock_value": 75}], clerk.side


def test_goods_are_counted_and_picked(sides: Sides, prefix: str):
	origin, mirror = sides
	origin.insert(**stock_item(f"{prefix} goods"))
	counted = {"item_code": f"{prefix} goods", "warehouse": store(), "qty": 10, "valuation_rate": 5}
	origin.submitted(
		"Stock Reconciliation",
		company=company(),
		purpose="Stock Reconciliation",
		expense_account=origin.account("stock_adjustment_account"),
		items=[counted],
	)
	order = origin.submitted("Sales Order", **order_of(prefix))
	in_step()
	picked = made(
		mirror,
		"erpnext.selling.doctype.sales_order.sales_order.create_pick_list",
		source_name=twin(sides, "Sales Order", order["name"])["name"],
	)
	in_step()
	note = origin.call(
		"erpnext.stock.doctype.pick_list.pick_list.create_delivery_note",
		source_name=mirror.twin("Pick List", picked["name"]),
	)
	origin.submit("Delivery Note", note["name"])
	agree()
	alike(sides, "Sales Order", order["name"], per_delivered=100, per_picked=100)


def test_goods_are_packed_checked_and_installed(sides: Sides, prefix: str):
	"""A slip fills a draft; an inspection is told to the row that it is about; and an Installation Note keeps the name of
	the delivery in a text."""
	origin, mirror = sides
	in_stock(origin, f"{prefix} goods", 20)
	origin.edit("Item", f"{prefix} goods", inspection_required_before_purchase=1)
	order = origin.submitted("Sales Order", **order_of(prefix))
	note = origin.insert(**origin.mapped(order, "Delivery Note"))
	row = {"item_code": f"{prefix} goods", "qty": 5, "rate": 10, "warehouse": store()}
	receipt = origin.insert("Purchase Receipt", supplier=prefix, company=company(), items=[row])
	in_step()
	there = twin(sides, "Delivery Note", note["name"])
	mirror.created(there, "Packing Slip")
	checked = twin(sides, "Purchase Receipt", receipt["name"])
	mirror.submitted(
		"Quality Inspection",
		inspection_type="Incoming",
		reference_type="Purchase Receipt",
		reference_name=checked["name"],
		child_row_reference=checked["items"][0]["name"],
		item_code=f"{prefix} goods",
		report_date=today(),
		inspected_by="Administrator",
		**{"status": "Accepted", "manual_inspection": 1, "sample_size": 1},
	)
	in_step()
	origin.submit("Delivery Note", note["name"])
	origin.submit("Purchase Receipt", receipt["name"])
	in_step()
	installed = mirror.created(there, "Installation Note", inst_date=today())
	agree()
	copy = origin.get("Installation Note", mirror.twin("Installation Note", installed["name"]))
	assert copy["items"][0]["prevdoc_docname"] == note["name"]
	assert origin.get("Delivery Note", note["name"])["items"][0]["installed_qty"] == 4


def test_an_asset_comes_with_its_receipt_and_is_moved(sides: Sides, prefix: str):
	"""Each site makes the asset by itself, and the two are one. A movement sets its location, which nobody can change
	otherwise."""
	origin, mirror = sides
	from_now_on("Asset", "Asset Movement", "Asset Category", "Location", "Purchase Receipt")

	def account(kind: str) -> str:
		filters = {"account_type": kind, "company": company(), "is_group": 0}
		return origin.listed("Account", filters)[0]["name"]

	accounts = {
		"company_name": company(),
		"fixed_asset_account": account("Fixed Asset"),
		"accumulated_depreciation_account": account("Accumulated Depreciation"),
		"depreciation_expense_account": account("Depreciation"),
	}
	for name in ("here", "there"):
		origin.insert("Location", location_name=f"{prefix} {name}")
	origin.insert("Asset Category", asset_category_name=prefix, accounts=[accounts])
	made_of = {"auto_create_assets": 1, "asset_naming_series": "ACC-ASS-.YYYY.-", "asset_category": prefix}
	car = {"is_stock_item": 0, "is_fixed_asset": 1, **made_of}
	origin.insert(**stock_item(f"{prefix} car", **car))
	origin.insert("Supplier", supplier_name=f"{prefix} dealer", supplier_group="All Supplier Groups")
	row = {"item_code": f"{prefix} car", "qty": 2, "rate": 1000, "warehouse": store()}
	row |= {"asset_location": f"{prefix} here"}
	origin.submitted("Purchase Receipt", supplier=f"{prefix} dealer", company=company(), items=[row])
	in_step()
	for clerk in sides:
		assert len(clerk.listed("Asset", {"item_code": f"{prefix} car"})) == 2, clerk.side
	asset = origin.listed("Asset", {"item_code": f"{prefix} car"})[0]["name"]
	there = origin.twin("Asset", asset)
	mirror.edit("Asset", there, available_for_use_date=today(), location=f"{prefix} here")
	mirror.submit("Asset", there)
	in_step()
	way = {"source_location": f"{prefix} here", "target_location": f"{prefix} there"}
	mirror.submitted(
		"Asset Movement",
		purpose="Transfer",
		company=company(),
		transaction_date=f"{now_datetime():%Y-%m-%d %H:%M:%S}",
		assets=[{"asset": there, **way}],
	)
	agree()
	assert origin.get("Asset", asset)["location"] == f"{prefix} there"
