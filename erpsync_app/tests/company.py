# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the tests share that are about what a company does beside trading: it makes, stores, sells over the counter and runs
projects. Their documents are told from those of other tests by when they were made."""

from __future__ import annotations

import json
from typing import Any

from frappe.utils import add_to_date, now

from erpsync_app import verify
from erpsync_app.tests.support import set_rules
from erpsync_app.tests.trade import Clerk, Sides, company, in_step, stock_item, store

MASTERS = ("Customer", "Supplier", "Item", "Item Price")


def from_now_on(*doctypes: str) -> None:
	"""Rules for what is made from now on, of these DocTypes and of what they are about. Not for what earlier tests have
	made while they had moved the clock to another day."""
	begun = [
		["creation", ">=", add_to_date(now(), seconds=-1)],
		["creation", "<", add_to_date(now(), hours=1)],
	]
	filters = json.dumps(begun)
	set_rules(*({"ref_doctype": doctype, "filters": filters} for doctype in (*MASTERS, *doctypes)))


def agree() -> None:
	"""Sync, and let `verify` compare the documents: all that both sites compute is the same as well."""
	in_step()
	differ = verify.compare().differ
	assert not differ, "\n".join(map(str, differ))


def twin(sides: Sides, doctype: str, name: str) -> dict:
	"""The second clerk's document that is the first one's `name`."""
	origin, mirror = sides
	return mirror.get(doctype, origin.twin(doctype, name))


def made(clerk: Clerk, method: str, /, **arguments: Any) -> dict:
	"""What a button of ERPNext opens, submitted as it is."""
	return clerk.submitted(**clerk.call(method, **arguments))


def place(warehouse: str) -> str:
	return store().replace("Stores", warehouse)


def in_stock(clerk: Clerk, item: str, qty: float, rate: float = 5) -> None:
	"""A new item, of which so many are in the store."""
	clerk.insert(**stock_item(item, valuation_rate=rate))
	clerk.received(item, qty, rate, item)


def bill_of_materials(clerk: Clerk, prefix: str, **values: Any) -> dict:
	"""Of a product, two pieces of goods go into each. The goods are in the store."""
	in_stock(clerk, f"{prefix} goods", 20)
	clerk.insert(**stock_item(f"{prefix} product", is_sub_contracted_item=1))
	parts = [{"item_code": f"{prefix} goods", "qty": 2, "rate": 5}]
	return clerk.submitted(
		"BOM", item=f"{prefix} product", company=company(), quantity=1, items=parts, **values
	)
