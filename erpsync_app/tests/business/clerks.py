# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What clerks do: each act of `steps.ACTS`, by ERPNext's own methods."""

from __future__ import annotations

from collections.abc import Callable

from frappe.utils import add_days, today

from erpsync_app.tests.business.drawing import CUSTOMERS, customer_of
from erpsync_app.tests.business.steps import Step
from erpsync_app.tests.business.world import FOREIGN, SUPPLIERS, World
from erpsync_app.tests.trade import Clerk

RATES = (1.05, 1.1, 1.25)
"""Of the foreign currency, from day to day."""


def act(world: World, step: Step, doc: dict | None) -> dict | None:
	"""Do a step; `doc` is the document it is about, as the clerk's site has it. Answers the document it made, if any.
	Raises Refused where ERPNext does not allow it."""
	return DONE[step.act](world.clerk(step.side), world, step, doc)


def _rows(world: World, step: Step, date_field: str) -> list[dict]:
	"""One row, or two of different goods: quantities can be halved often."""
	later = add_days(today(), 7)
	return [
		{
			"item_code": world.goods(step.pick // 7 + n),
			"qty": 16 * (1 + step.pick // 11 % 3),
			"rate": 10 + step.pick // 13 % 40,
			"warehouse": world.place("Stores"),
			date_field: later,
		}
		for n in range(1 + step.pick // 5 % 2)
	]


def _rate(step: Step) -> float:
	return RATES[step.pick % len(RATES)]


def _currency(step: Step, abroad: bool) -> dict:
	return {"currency": FOREIGN, "conversion_rate": _rate(step)} if abroad else {}


def _customer(world: World, step: Step) -> tuple[str, dict]:
	number = customer_of(step)
	return world.customer(number), _currency(step, number == CUSTOMERS - 1)


def quote(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	customer, currency = _customer(world, step)
	rows = [{**row, "delivery_date": None} for row in _rows(world, step, "delivery_date")]
	return clerk.submitted(
		"Quotation",
		quotation_to="Customer",
		party_name=customer,
		company=world.company,
		items=rows,
		**currency,
	)


def sell(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	customer, currency = _customer(world, step)
	return clerk.submitted(
		"Sales Order",
		customer=customer,
		company=world.company,
		delivery_date=add_days(today(), 7),
		items=_rows(world, step, "delivery_date"),
		**currency,
	)


def order(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	made = clerk.mapped(doc, "Sales Order")
	made["delivery_date"] = add_days(today(), 7)
	for row in made["items"]:
		row["delivery_date"] = made["delivery_date"]
	return clerk.submitted(**made)


def charge(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	customer, currency = _customer(world, step)
	return clerk.submitted(
		"Sales Invoice",
		customer=customer,
		company=world.company,
		due_date=add_days(today(), 30),
		items=[{"item_code": world.service, "qty": 2, "rate": 40 + step.pick % 50}],
		**currency,
	)


def buy(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	number = step.pick % SUPPLIERS
	return clerk.submitted(
		"Purchase Order",
		supplier=world.supplier(number),
		company=world.company,
		schedule_date=add_days(today(), 7),
		items=_rows(world, step, "schedule_date"),
		**_currency(step, number == SUPPLIERS - 1),
	)


def create(doctype: str) -> Callable[..., dict]:
	"""*Create > doctype*, of all that is left or of half of it."""

	def created(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
		made = clerk.mapped(doc, doctype)
		if step.part:
			for row in made["items"]:
				_halve(row)
		return clerk.submitted(**made)

	return created


def take_back(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	made = clerk.mapped(doc, doc["doctype"])
	for row in made["items"]:
		_halve(row)
	return clerk.submitted(**made)


def _halve(row: dict) -> None:
	row["qty"] = row["qty"] / 2
	if row.get("received_qty"):
		row["received_qty"] = row["qty"]


def pay(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	"""The foreign currency is worth something else than when the invoice was made."""
	abroad = doc["currency"] == FOREIGN
	return clerk.paid(doc, rate=_rate(step) if abroad else None, share=0.5 if step.part else 1)


def pay_on_account(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	return clerk.paid_on_account(world.customer(customer_of(step)), 100 + step.pick % 400)


def reconcile(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
	clerk.reconciled(doc["party"])


def stock(kind: str) -> Callable[..., dict]:
	"""A Stock Entry of a kind."""

	def entered(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
		row = {"item_code": world.goods(step.pick // 7), "qty": 1 + step.pick // 11 % 20}
		if kind != "Material Receipt":
			row["s_warehouse"] = world.place("Stores")
		if kind != "Material Issue":
			row["t_warehouse"] = world.place("Finished Goods" if kind == "Material Transfer" else "Stores")
		if kind == "Material Receipt":
			row["basic_rate"] = 4 + step.pick // 13 % 5
		return clerk.submitted("Stock Entry", stock_entry_type=kind, company=world.company, items=[row])

	return entered


def numbers_in(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	count, name = 1 + step.pick // 11 % 4, world.of_name(f"{step.number} {step.pick}")
	row = {
		"qty": count,
		"basic_rate": 4 + step.pick // 13 % 5,
		"t_warehouse": world.place("Stores"),
		"use_serial_batch_fields": 1,
	}
	if step.pick % 2:
		numbers = "\n".join(f"{name} {n}" for n in range(count))
		row |= {"item_code": world.tools, "serial_no": numbers}
	else:
		clerk.insert("Batch", batch_id=name, item=world.paint)
		row |= {"item_code": world.paint, "batch_no": name}
	return clerk.submitted(
		"Stock Entry", stock_entry_type="Material Receipt", company=world.company, items=[row]
	)


def numbers_out(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	(brought,) = doc["items"]
	same = {field: brought.get(field) for field in ("item_code", "qty", "serial_no", "batch_no")}
	row = {**same, "s_warehouse": brought["t_warehouse"], "use_serial_batch_fields": 1}
	return clerk.submitted(
		"Stock Entry", stock_entry_type="Material Issue", company=world.company, items=[row]
	)


def plan(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	bom = clerk.listed("BOM", {"item": world.product, "docstatus": 1, "is_default": 1})[0]["name"]
	return clerk.submitted(
		"Work Order",
		production_item=world.product,
		bom_no=bom,
		company=world.company,
		qty=16,
		skip_transfer=1,
		source_warehouse=world.place("Stores"),
		wip_warehouse=world.place("Work In Progress"),
		fg_warehouse=world.place("Finished Goods"),
		planned_start_date=today(),
	)


def produce(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	left = doc["qty"] - doc["produced_qty"]
	made = clerk.call(
		"erpnext.manufacturing.doctype.work_order.work_order.make_stock_entry",
		work_order_id=doc["name"],
		purpose="Manufacture",
		qty=left / 2 if step.part else left,
	)
	return clerk.submitted(**made)


def new_item(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	return clerk.insert(
		"Item",
		item_code=world.of_name(f"novelty {step.number} {step.pick}"),
		item_group="All Item Groups",
		stock_uom="Kg",
		is_stock_item=1,
		standard_rate=10 + step.pick % 30,
		valuation_rate=7,
		opening_stock=step.pick % 50,
		item_defaults=[{"company": world.company, "default_warehouse": world.place("Stores")}],
	)


def new_customer(clerk: Clerk, world: World, step: Step, doc: None) -> dict:
	return clerk.insert(
		"Customer",
		customer_name=world.of_name(f"stranger {step.number} {step.pick}"),
		customer_group="All Customer Groups",
		territory="All Territories",
	)


def edit(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
	clerk.edit(doc["doctype"], doc["name"], po_no=f"N {step.pick}")


def update_items(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
	rows = clerk.open_rows(doc["doctype"], doc["name"])
	rows[0]["qty"] += 16
	if step.pick % 2:
		added = {"item_code": world.service, "qty": 2, "rate": 30, "uom": "Kg", "conversion_factor": 1}
		dates = {f: rows[0][f] for f in ("delivery_date", "schedule_date") if f in rows[0]}
		rows.append({**added, **dates, "idx": len(rows) + 1})
	clerk.update_items(doc["doctype"], doc["name"], rows)


def status(closed: str) -> Callable[..., None]:
	def set_to(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
		clerk.set_status(doc["doctype"], doc["name"], closed)

	return set_to


def reopen(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
	clerk.set_status(doc["doctype"], doc["name"], "Draft" if doc["doctype"] == "Sales Order" else "Submitted")


def cancel(clerk: Clerk, world: World, step: Step, doc: dict) -> None:
	clerk.cancel(doc["doctype"], doc["name"])


def amend(clerk: Clerk, world: World, step: Step, doc: dict) -> dict:
	return clerk.amended(doc["doctype"], doc["name"])


DONE: dict[str, Callable[..., dict | None]] = {
	"quote": quote,
	"sell": sell,
	"order": order,
	"deliver": create("Delivery Note"),
	"bill": create("Sales Invoice"),
	"bill note": create("Sales Invoice"),
	"charge": charge,
	"pay": pay,
	"pay on account": pay_on_account,
	"reconcile": reconcile,
	"buy": buy,
	"receive": create("Purchase Receipt"),
	"bill receipt": create("Purchase Invoice"),
	"take back": take_back,
	"stock in": stock("Material Receipt"),
	"stock out": stock("Material Issue"),
	"move": stock("Material Transfer"),
	"numbers in": numbers_in,
	"numbers out": numbers_out,
	"plan": plan,
	"produce": produce,
	"new item": new_item,
	"new customer": new_customer,
	"edit": edit,
	"update items": update_items,
	"close": status("Closed"),
	"hold": status("On Hold"),
	"reopen": reopen,
	"cancel": cancel,
	"amend": amend,
}
