# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What ERPNext's controllers add to a document of their own: the fields that a site computes."""

from __future__ import annotations

from collections.abc import Callable

from erpsync_app.sandbox.schema import DOCTYPES, DocType
from erpsync_app.sandbox.store import Doc, Store, table


def before_save(store: Store, doctype: DocType, doc: Doc) -> None:
	if doctype.tree:
		_under_root(store, doctype, doc)
	if controller := _BEFORE_SAVE.get(doctype.name):
		controller(doc)


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

_BEFORE_SAVE: dict[str, Callable[[Doc], None]] = {"Item": _item, "Sales Order": _sales_order, "Note": _note}

OF_THEIR_OWNERS = frozenset(("Note",))
"""A Note is seen by its owner alone unless it is public."""


def is_seen(doctype: str, doc: Doc, user: str) -> bool:
	return doctype not in OF_THEIR_OWNERS or doc["public"] or user in (doc["owner"], "Administrator")
