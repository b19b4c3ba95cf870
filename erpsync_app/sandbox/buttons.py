# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the buttons of a submitted Sales Order do: Close, Hold, Re-open, Update Items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from erpsync_app.sandbox.documents import Documents, User
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.store import Doc

ORDER = "Sales Order"
UPDATE_STATUS = "erpnext.selling.doctype.sales_order.sales_order.update_status"
UPDATE_ITEMS = "erpnext.controllers.accounts_controller.update_child_qty_rate"


def update_status(documents: Documents, user: User, name: str, status: str) -> Doc:
	return documents.save(user, ORDER, name, {"status": status}, by_method=True)


def update_items(documents: Documents, user: User, name: str, rows: Sequence[Mapping[str, Any]]) -> Doc:
	"""The order has these rows afterwards: those with a `docname` are changed, the others added."""
	order = documents.load(user, ORDER, name)
	told = {row["docname"]: row for row in rows if row.get("docname")}
	if any(not row.get("qty") for row in rows):
		raise FrappeError("ValidationError", "Quantity cannot be zero.")
	items = [{**row, **_cells(told[row["name"]])} for row in order["items"] if row["name"] in told]
	items += [
		_cells(row) for row in rows if not row.get("docname")
	]  # in the order of the old ones, and behind them
	for place, row in enumerate(items, start=1):
		row["idx"] = place
	return documents.save(user, ORDER, name, {"items": items}, by_method=True)


def _cells(row: Mapping[str, Any]) -> Doc:
	return {cell: value for cell, value in row.items() if cell not in ("docname", "idx")}
