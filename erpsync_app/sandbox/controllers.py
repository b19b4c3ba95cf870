# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What ERPNext's controllers do of their own: compute fields, refuse what does not fit, make documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES, DocType
from erpsync_app.sandbox.store import Doc, Store, table


def before_save(store: Store, doctype: DocType, doc: Doc) -> None:
	if doctype.tree:
		_under_root(store, doctype, doc)
	if controller := _BEFORE_SAVE.get(doctype.name):
		controller(doc)
	if (check := _CHECKS.get(doctype.name)) and doc["docstatus"] != 2:
		check(store, doc)


def after_insert(doctype: DocType, doc: Doc, insert: Callable[[str, dict[str, Any]], Any]) -> None:
	"""`insert` makes another document in the same request, as the same user."""
	if doctype.name == "Item" and doc["standard_rate"]:
		insert("Item Price", {"item_code": doc["name"], "price_list_rate": doc["standard_rate"]})


def on_trash(store: Store, doctype: DocType, name: str) -> None:
	"""The prices of an Item go with it, without a trace of their own."""
	if doctype.name == "Item":
		store.db.execute(f"delete from {table(DOCTYPES['Item Price'])} where item_code = ?", (name,))


def customer_name(store: Store, doc: Doc) -> str | None:
	"""A Customer is called by its `customer_name`, with a number behind it where that is taken."""
	name = doc.get("customer_name")
	if not name or store.value(DOCTYPES["Customer"], name, "name") is None:
		return name
	number = 1
	while store.value(DOCTYPES["Customer"], f"{name} - {number}", "name") is not None:
		number += 1
	return f"{name} - {number}"


def _under_root(store: Store, doctype: DocType, doc: Doc) -> None:
	"""There is one root, and what names no parent goes under it."""
	field = doctype.parent_field or ""
	if not doc.get(field):
		root = store.db.rows(f"select name from {table(doctype)} where ifnull({field}, '') = '' limit 1")
		if root and root[0]["name"] != doc["name"]:
			doc[field] = root[0]["name"]


def _item(doc: Doc) -> None:
	doc["item_name"] = doc.get("item_name") or doc["item_code"]
	doc["description"] = doc.get("description") or doc["item_name"]
	if doc.get("stock_uom") and doc["stock_uom"] not in [row.get("uom") for row in doc["uoms"]]:
		doc["uoms"].append({"uom": doc["stock_uom"], "conversion_factor": 1.0, "idx": len(doc["uoms"]) + 1})


def _sales_order(doc: Doc) -> None:
	for row in doc["items"]:
		row["amount"] = round((row.get("qty") or 0) * (row.get("rate") or 0), 2)
	doc["total_qty"] = sum(row.get("qty") or 0 for row in doc["items"])
	doc["grand_total"] = round(sum(row["amount"] for row in doc["items"]), 2)
	if doc["docstatus"] != 1 or doc["status"] not in DECIDED:
		doc["status"] = ("Draft", "To Deliver and Bill", "Cancelled")[doc["docstatus"]]


def _note(doc: Doc) -> None:
	doc["content"] = doc.get("content") or "<span></span>"


DECIDED = ("Closed", "On Hold")
"""What no controller computes of a Sales Order."""


def _delivery_note(doc: Doc) -> None:
	doc["total_qty"] = sum(row.get("qty") or 0 for row in doc["items"])


def _check_delivery_note(store: Store, doc: Doc) -> None:
	for row in doc["items"]:
		order, ordered = row.get("against_sales_order"), row.get("so_detail")
		if ordered and (not order or store.value(DOCTYPES["Sales Order Item"], ordered, "parent") != order):
			raise FrappeError("ValidationError", f"Invalid reference Sales Order Item {ordered}")
		if order and doc["docstatus"] == 1 and store.value(DOCTYPES["Sales Order"], order, "docstatus") != 1:
			raise FrappeError("ValidationError", f"Sales Order {order} is not submitted")


def _check_item_price(store: Store, doc: Doc) -> None:
	of_item = f"select name from {table(DOCTYPES['Item Price'])} where item_code = ? and name != ?"
	if store.db.rows(of_item, (doc.get("item_code"), doc["name"])):
		raise FrappeError(
			"ItemPriceDuplicateItem",
			"Item Price appears multiple times based on Price List, Supplier/Customer, Currency, Item, Batch, UOM, Qty, and"
			" Dates.",
		)


_BEFORE_SAVE: dict[str, Callable[[Doc], None]] = {
	"Item": _item,
	"Sales Order": _sales_order,
	"Delivery Note": _delivery_note,
	"Note": _note,
}
_CHECKS: dict[str, Callable[[Store, Doc], None]] = {
	"Delivery Note": _check_delivery_note,
	"Item Price": _check_item_price,
}

OF_THEIR_OWNERS = frozenset(("Note",))
"""A Note is seen by its owner alone unless it is public."""


def is_seen(doctype: str, doc: Doc, user: str) -> bool:
	return doctype not in OF_THEIR_OWNERS or doc["public"] or user in (doc["owner"], "Administrator")
