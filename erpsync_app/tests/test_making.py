# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Manufacturing and subcontracting on two real sites: one side orders, the other makes, and both show the same."""

from __future__ import annotations

import json

import pytest
from frappe.utils import add_days, today

from erpsync_app.tests.company import agree, bill_of_materials, from_now_on, made, place, twin
from erpsync_app.tests.test_main_job import customer, item
from erpsync_app.tests.trade import (
	MATERIAL_REQUEST,
	PURCHASE_ORDER,
	Clerk,
	Sides,
	alike,
	company,
	in_step,
	purchase_of,
	store,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")

WORK_ORDER = "erpnext.manufacturing.doctype.work_order.work_order"
SUBCONTRACTING = "erpnext.subcontracting.doctype.subcontracting_order.subcontracting_order"


def work_order(clerk: Clerk, prefix: str, bom: dict) -> str:
	"""For four products; answers its name."""
	doc = clerk.call(f"{WORK_ORDER}.make_work_order", bom_no=bom["name"], item=f"{prefix} product", qty=4)
	doc.update(
		company=company(),
		source_warehouse=store(),
		wip_warehouse=place("Work In Progress"),
		fg_warehouse=place("Finished Goods"),
		planned_start_date=f"{today()} 08:00:00",
	)
	return clerk.submitted(**doc)["name"]


def entry(clerk: Clerk, order: str, purpose: str, qty: float) -> dict:
	return made(clerk, f"{WORK_ORDER}.make_stock_entry", work_order_id=order, purpose=purpose, qty=qty)


def test_a_work_order_is_stopped_resumed_and_closed(sides: Sides, prefix: str):
	origin, mirror = sides
	from_now_on("BOM", "Work Order", "Stock Entry")
	order = work_order(origin, prefix, bill_of_materials(origin, prefix))
	entry(origin, order, "Material Transfer for Manufacture", 2)
	in_step()
	copy = twin(sides, "Work Order", order)["name"]
	entry(mirror, copy, "Manufacture", 2)
	in_step()
	alike(sides, "Work Order", order, status="In Process", produced_qty=2)

	mirror.call(f"{WORK_ORDER}.stop_unstop", work_order=copy, status="Stopped")
	in_step()
	alike(sides, "Work Order", order, status="Stopped")
	origin.call(f"{WORK_ORDER}.stop_unstop", work_order=order, status="Resumed")
	in_step()
	alike(sides, "Work Order", order, status="In Process")
	mirror.call(f"{WORK_ORDER}.close_work_order", work_order=copy, status="Closed")
	agree()
	alike(sides, "Work Order", order, status="Closed")


def test_goods_were_made_before_the_first_sync(sides: Sides, prefix: str):
	origin, _ = sides
	from_now_on("BOM", "Work Order", "Stock Entry")
	order = work_order(origin, prefix, bill_of_materials(origin, prefix))
	entry(origin, order, "Material Transfer for Manufacture", 2)
	entry(origin, order, "Manufacture", 2)
	origin.call(f"{WORK_ORDER}.stop_unstop", work_order=order, status="Stopped")
	agree()
	alike(sides, "Work Order", order, status="Stopped", produced_qty=2)


def test_the_job_cards_of_a_work_order(sides: Sides, prefix: str):
	"""ERPNext makes them by itself; a card refers to a row of the order."""
	origin, mirror = sides
	from_now_on("Workstation", "Operation", "BOM", "Work Order", "Job Card", "Stock Entry")
	work = {"operation": f"{prefix} weld", "workstation": f"{prefix} bench", "time_in_mins": 10}
	origin.insert("Workstation", workstation_name=work["workstation"], hour_rate=60)
	origin.insert("Operation", name=work["operation"], workstation=work["workstation"])
	order = work_order(
		origin, prefix, bill_of_materials(origin, prefix, with_operations=1, operations=[work])
	)
	entry(origin, order, "Material Transfer for Manufacture", 4)
	in_step()
	(card,) = origin.listed("Job Card", {"work_order": order})
	hours = {"from_time": f"{today()} 08:00:00", "to_time": f"{today()} 08:40:00", "completed_qty": 4}
	origin.call("frappe.client.save", doc={**origin.get("Job Card", card["name"]), "time_logs": [hours]})
	origin.submit("Job Card", card["name"])
	in_step()
	assert len(mirror.listed("Job Card", {"work_order": twin(sides, "Work Order", order)["name"]})) == 1
	entry(mirror, twin(sides, "Work Order", order)["name"], "Manufacture", 4)
	agree()
	alike(sides, "Work Order", order, status="Completed", produced_qty=4)


def test_a_subcontractor_makes_the_goods(sides: Sides, prefix: str):
	"""The goods that are sent to him refer to rows that the controller of his order has computed."""
	origin, mirror = sides
	from_now_on("BOM", "Purchase Order", "Subcontracting Order", "Subcontracting Receipt", "Stock Entry")
	bill_of_materials(origin, prefix)
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	wanted = {"fg_item": f"{prefix} product", "fg_item_qty": 3, "warehouse": store()}
	row = {"item_code": f"{prefix} service", "qty": 3, "rate": 10, "schedule_date": add_days(today(), 7)}
	values = {"is_subcontracted": 1, "supplier_warehouse": place("Work In Progress")}
	bought = origin.submitted("Purchase Order", **purchase_of(prefix, items=[{**row, **wanted}], **values))
	in_step()
	order = made(
		origin,
		f"{PURCHASE_ORDER}.make_subcontracting_order",
		source_name=bought["name"],
	)
	in_step()
	copy = twin(sides, "Subcontracting Order", order["name"])
	made(
		mirror,
		"erpnext.controllers.subcontracting_controller.make_rm_stock_entry",
		subcontract_order=copy["name"],
		order_doctype="Subcontracting Order",
		rm_items=[
			{
				**{field: each[field] for field in ("name", "main_item_code", "rm_item_code", "stock_uom")},
				**{"qty": each["required_qty"], "warehouse": store(), "rate": 5},
			}
			for each in copy["supplied_items"]
		],
	)
	in_step()
	made(origin, f"{SUBCONTRACTING}.make_subcontracting_receipt", source_name=order["name"])
	agree()
	alike(sides, "Subcontracting Order", order["name"], status="Completed", per_received=100)


def test_what_is_asked_for_is_moved_bought_and_made(sides: Sides, prefix: str):
	origin, mirror = sides
	from_now_on(
		*("BOM", "Material Request", "Stock Entry", "Work Order"),
		*("Request for Quotation", "Supplier Quotation", "Purchase Order"),
	)
	bill_of_materials(origin, prefix)
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	day = add_days(today(), 5)

	def asked(kind: str, what: str, **row: object) -> str:
		line = {"item_code": f"{prefix} {what}", "qty": 3, "schedule_date": day}
		values = {"material_request_type": kind, "schedule_date": day, "company": company(), "title": prefix}
		line |= {"warehouse": place("Finished Goods"), **row}
		return origin.submitted("Material Request", items=[line], **values)["name"]

	move = asked("Material Transfer", "goods", from_warehouse=store())
	buy, make = asked("Purchase", "goods"), asked("Manufacture", "product")
	in_step()
	there = {name: twin(sides, "Material Request", name)["name"] for name in (move, buy, make)}
	made(mirror, f"{MATERIAL_REQUEST}.make_stock_entry", source_name=there[move])
	mirror.call(f"{MATERIAL_REQUEST}.raise_work_orders", material_request=there[make], company=company())
	call = mirror.call(f"{MATERIAL_REQUEST}.make_request_for_quotation", source_name=there[buy])
	call.update(suppliers=[{"supplier": prefix, "send_email": 0}], message_for_supplier="please")
	call = mirror.submitted(**call)
	in_step()
	offer = origin.call(
		"erpnext.buying.doctype.request_for_quotation.request_for_quotation.make_supplier_quotation_from_rfq",
		source_name=mirror.twin("Request for Quotation", call["name"]),
		for_supplier=prefix,
	)
	offer = origin.submitted(**{**offer, "items": [{**row, "rate": 12} for row in offer["items"]]})
	in_step()
	order = mirror.call(
		"erpnext.buying.doctype.supplier_quotation.supplier_quotation.make_purchase_order",
		source_name=twin(sides, "Supplier Quotation", offer["name"])["name"],
	)
	rows = [{**row, "schedule_date": day} for row in order["items"]]
	mirror.submitted(**{**order, "schedule_date": day, "items": rows})
	agree()
	alike(sides, "Material Request", move, status="Transferred")
	alike(sides, "Material Request", buy, status="Ordered")
	assert len(origin.listed("Work Order", {"material_request": make})) == 1


def test_what_was_sold_is_planned_and_made(sides: Sides, prefix: str):
	origin, mirror = sides
	from_now_on("Blanket Order", "BOM", "Sales Order", "Production Plan", "Work Order", "Stock Entry")
	bill_of_materials(origin, prefix)
	origin.insert(**customer(prefix))
	product = {"item_code": f"{prefix} product", "qty": 10, "rate": 25}
	days = {"from_date": today(), "to_date": add_days(today(), 100)}
	frame = origin.submitted(
		"Blanket Order",
		blanket_order_type="Selling",
		customer=prefix,
		company=company(),
		items=[product],
		**days,
	)
	in_step()
	order = mirror.call(
		"frappe.model.mapper.make_mapped_doc",
		method="erpnext.manufacturing.doctype.blanket_order.blanket_order.make_order",
		source_name=twin(sides, "Blanket Order", frame["name"])["name"],
		args=json.dumps({"doctype": "Sales Order"}),
	)
	due = {"delivery_date": add_days(today(), 3)}
	rows = [{**row, **due, "qty": 4, "warehouse": place("Finished Goods")} for row in order["items"]]
	order = mirror.submitted(**{**order, **due, "items": rows})
	in_step()
	assert origin.get("Blanket Order", frame["name"])["items"][0]["ordered_qty"] == 4

	sold = origin.get("Sales Order", mirror.twin("Sales Order", order["name"]))
	(bom,) = origin.listed("BOM", {"item": f"{prefix} product"})
	line = {"item_code": f"{prefix} product", "bom_no": bom["name"], "planned_qty": 4, "pending_qty": 4}
	line |= {"sales_order": sold["name"], "sales_order_item": sold["items"][0]["name"], "stock_uom": "Nos"}
	line |= {"warehouse": place("Finished Goods"), "planned_start_date": f"{today()} 08:00:00"}
	plan = origin.submitted(
		"Production Plan",
		company=company(),
		posting_date=today(),
		get_items_from="Sales Order",
		sales_orders=[{"sales_order": sold["name"], "sales_order_date": today(), "customer": prefix}],
		po_items=[line],
	)
	in_step()
	copy = twin(sides, "Production Plan", plan["name"])
	mirror.on_form(copy, "make_work_order")
	in_step()
	mirror.on_form(mirror.get("Production Plan", copy["name"]), "set_status", close=1, update_bin=1)
	agree()
	assert len(origin.listed("Work Order", {"production_plan": plan["name"]})) == 1
	alike(sides, "Production Plan", plan["name"], status="Closed")
