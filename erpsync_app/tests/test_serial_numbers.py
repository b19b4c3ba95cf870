# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Goods with serial numbers and batches, on two real ERPNext sites: the same numbers and batches are in stock on both,
and are worth the same, whoever received or delivered them, and however they were entered."""

from __future__ import annotations

import json

import frappe
import pytest
from frappe.utils import today

from erpsync_app.tests.support import Person, count, set_rules, sync
from erpsync_app.tests.test_ledgers import company, entry_of, listed, stock, stock_item, store
from erpsync_app.tests.test_life_cycle import Here, There, at_rest, in_step, twin
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("ledger")

GOODS = {"Serial No": "item_code", "Batch": "item", "Serial and Batch Bundle": "item_code"}


def rules(prefix: str, *doctypes: str) -> list[dict]:
	fields = {
		"Item": "item_code",
		"Customer": "customer_name",
		"Supplier": "supplier_name",
		"Stock Entry": "remarks",
		"Purchase Receipt": "supplier",
		"Delivery Note": "customer",
		"Sales Invoice": "customer",
		**GOODS,
	}
	return [
		{"ref_doctype": doctype, "filters": json.dumps([[fields[doctype], "like", f"{prefix}%"]])}
		for doctype in doctypes
	]


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person) -> tuple[Here, Here]:
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


@pytest.fixture(params=[False, True], ids=["no rules for numbers", "rules for numbers"])
def documents(request, prefix: str):
	"""Make the rules of a test's DocTypes, with those for what serial numbers and batches are kept in or without."""
	more = GOODS if request.param else ()
	return lambda *doctypes: set_rules(*rules(prefix, "Item", *doctypes, *more))


def serial_item(name: str, **values) -> dict:
	return {**stock_item(name), "has_serial_no": 1, **values}


def batch_item(name: str, **values) -> dict:
	return {**stock_item(name), "has_batch_no": 1, **values}


def numbers(side: Here, prefix: str) -> dict[str, tuple]:
	rows = listed(
		side,
		"Serial No",
		{"item_code": ("like", f"{prefix}%")},
		["name", "item_code", "status", "warehouse", "batch_no"],
	)
	return {
		row["name"]: (row["item_code"], row["status"], row["warehouse"], row["batch_no"] or "")
		for row in rows
	}


def batches(side: Here, prefix: str) -> dict[str, tuple]:
	rows = listed(
		side, "Batch", {"item": ("like", f"{prefix}%")}, ["name", "item", "batch_qty", "expiry_date"]
	)
	return {row["name"]: (row["item"], row["batch_qty"], str(row["expiry_date"] or "")) for row in rows}


def bins(side: Here, prefix: str) -> dict[tuple, tuple]:
	rows = listed(
		side,
		"Bin",
		{"item_code": ("like", f"{prefix}%")},
		["item_code", "warehouse", "actual_qty", "stock_value"],
	)
	return {(row["item_code"], row["warehouse"]): (row["actual_qty"], row["stock_value"]) for row in rows}


def bundles(side: Here, prefix: str) -> list[tuple]:
	"""What the bundles hold that count."""
	rows = listed(
		side,
		"Serial and Batch Bundle",
		{"item_code": ("like", f"{prefix}%"), "docstatus": 1, "is_cancelled": 0},
		["item_code", "voucher_type", "warehouse", "total_qty", "total_amount"],
	)
	return sorted(tuple(row.values()) for row in rows)


def same_goods(sides: tuple[Here, Here], prefix: str) -> None:
	origin, mirror = sides
	assert numbers(origin, prefix) == numbers(mirror, prefix)
	assert batches(origin, prefix) == batches(mirror, prefix)
	assert bins(origin, prefix) == bins(mirror, prefix)
	assert stock(origin, prefix) == stock(mirror, prefix) != {}
	assert bundles(origin, prefix) == bundles(mirror, prefix)
	frappe.db.rollback()
	assert not frappe.get_all("Sync Record", {"status": ("not in", ("Synced",))}, ["*"])


def bundle(side: Here, item: str, voucher_type: str, entries: list[dict], sign: int = 1, **values) -> str:
	"""A bundle as the dialog makes it, which makes the serial numbers first."""
	return side.insert(
		"Serial and Batch Bundle",
		item_code=item,
		voucher_type=voucher_type,
		company=company(),
		warehouse=store(),
		type_of_transaction="Inward" if sign > 0 else "Outward",
		posting_date=today(),
		entries=[{"qty": sign, "warehouse": store(), **entry} for entry in entries],
		**values,
	)["name"]


def made(side: Here, doctype: str, **values) -> str:
	name = side.insert(doctype, **values)["name"]
	side.submit(doctype, name)
	return name


def test_serial_numbers_are_received_and_issued(sides: tuple[Here, Here], prefix: str, documents):
	"""Case 14: typed, made of the item's series, and picked in the dialog."""
	origin, mirror = sides
	documents("Stock Entry")
	item = f"{prefix} stock"
	origin.insert(**serial_item(item, serial_no_series=f"{prefix}-.###"))
	typed = "\n".join(f"{prefix}-T{n}" for n in (3, 1, 2))
	made(
		origin,
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 3, basic_rate=4, use_serial_batch_fields=1, serial_no=typed),
	)
	made(origin, "Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5))
	picked = [f"{prefix}-P{n}" for n in (1, 2)]
	for number in picked:
		origin.insert("Serial No", serial_no=number, item_code=item, company=company())
	of_dialog = bundle(origin, item, "Stock Entry", [{"serial_no": number} for number in picked])
	made(
		origin,
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 2, basic_rate=7, serial_and_batch_bundle=of_dialog),
	)
	in_step()
	same_goods(sides, prefix)
	assert len(numbers(mirror, prefix)) == 7
	assert {where for _, _, where, _ in numbers(mirror, prefix).values()} == {store()}

	gone = f"{prefix}-P1"
	issue = made(
		mirror,
		"Stock Entry",
		**entry_of(prefix, "Material Issue", 1, use_serial_batch_fields=1, serial_no=gone),
	)
	in_step()
	same_goods(sides, prefix)
	assert numbers(origin, prefix)[gone][1:3] == ("Consumed", None)
	assert bins(origin, prefix)[item, store()] == (6, 29)

	origin.cancel("Stock Entry", twin(issue, mirror, "Stock Entry"))
	in_step()
	same_goods(sides, prefix)
	assert numbers(mirror, prefix)[gone][1:3] == ("Active", store())


def test_batches_are_received_and_issued(sides: tuple[Here, Here], prefix: str, documents):
	"""Typed, made of the item's series, and several of one row, in the dialog."""
	origin, mirror = sides
	documents("Stock Entry")
	item = f"{prefix} stock"
	origin.insert(**batch_item(item, create_new_batch=1, batch_number_series=f"{prefix}-.###"))
	lots = [f"{prefix}-LOT{n}" for n in (1, 2, 3)]
	for lot in lots:
		origin.insert("Batch", batch_id=lot, item=item, expiry_date="2099-12-31")
	made(
		origin,
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 3, basic_rate=4, use_serial_batch_fields=1, batch_no=lots[0]),
	)
	made(origin, "Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5))
	two = bundle(
		origin, item, "Stock Entry", [{"batch_no": lots[1], "qty": 6}, {"batch_no": lots[2], "qty": 4}]
	)
	draft = origin.insert(
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 10, basic_rate=7, serial_and_batch_bundle=two),
	)["name"]
	in_step()
	origin.submit("Stock Entry", draft)
	in_step()
	same_goods(sides, prefix)
	assert sorted(qty for _, qty, _ in batches(mirror, prefix).values()) == [2, 3, 4, 6]
	assert batches(mirror, prefix)[lots[2]] == (item, 4, "2099-12-31")

	out = [{"batch_no": lots[0], "qty": -1}, {"batch_no": lots[1], "qty": -5}]
	issue = made(
		mirror,
		"Stock Entry",
		**entry_of(
			prefix,
			"Material Issue",
			6,
			serial_and_batch_bundle=bundle(mirror, item, "Stock Entry", out, sign=-1),
		),
	)
	in_step()
	same_goods(sides, prefix)
	assert batches(origin, prefix)[lots[1]][1] == 1

	mirror.cancel("Stock Entry", issue)
	in_step()
	same_goods(sides, prefix)


def test_serial_numbers_of_several_batches_in_one_row(sides: tuple[Here, Here], prefix: str, documents):
	origin, _ = sides
	documents("Stock Entry")
	item = f"{prefix} stock"
	origin.insert(**serial_item(item, has_batch_no=1))
	for lot in (1, 2):
		origin.insert("Batch", batch_id=f"{prefix}-LOT{lot}", item=item)
		for n in (1, 2):
			origin.insert(
				"Serial No",
				serial_no=f"{prefix}-{lot}{n}",
				item_code=item,
				company=company(),
				batch_no=f"{prefix}-LOT{lot}",
			)
	entries = [
		{"serial_no": f"{prefix}-{lot}{n}", "batch_no": f"{prefix}-LOT{lot}"}
		for n in (1, 2)
		for lot in (1, 2)
	]
	made(
		origin,
		"Stock Entry",
		**entry_of(
			prefix,
			"Material Receipt",
			4,
			basic_rate=3,
			serial_and_batch_bundle=bundle(origin, item, "Stock Entry", entries),
		),
	)
	in_step()
	same_goods(sides, prefix)


def test_a_draft_that_is_edited(sides: tuple[Here, Here], prefix: str, documents):
	"""Numbers that were in a bundle are typed on the other side, and the rows that nobody touched keep their bundles."""
	origin, mirror = sides
	documents("Stock Entry")
	item = f"{prefix} stock"
	origin.insert(**batch_item(item))
	lots = [f"{prefix}-LOT{n}" for n in (1, 2)]
	for lot in lots:
		origin.insert("Batch", batch_id=lot, item=item)
	two = bundle(origin, item, "Stock Entry", [{"batch_no": lot, "qty": 2} for lot in lots])
	entry = entry_of(prefix, "Material Receipt", 4, basic_rate=7, serial_and_batch_bundle=two)
	entry["items"] += entry_of(prefix, "Material Receipt", 1, basic_rate=2, batch_no=lots[1])["items"]
	name = origin.insert("Stock Entry", **entry)["name"]
	in_step()
	copy = mirror.get("Stock Entry", twin(name, origin, "Stock Entry"))
	copy["items"][1]["batch_no"], copy["items"][1]["qty"] = lots[0], 3
	mirror.edit("Stock Entry", copy["name"], items=[dict(row) for row in copy["items"]])
	in_step()
	assert origin.get("Stock Entry", name)["items"][0]["serial_and_batch_bundle"] == two
	row = copy["items"][0]
	row = {**row, "serial_and_batch_bundle": None, "batch_no": lots[1], "use_serial_batch_fields": 1}
	mirror.edit("Stock Entry", copy["name"], items=[row, dict(copy["items"][1])])
	in_step()
	row = origin.get("Stock Entry", name)["items"][0]
	assert (row.get("serial_and_batch_bundle"), row["batch_no"]) == (None, lots[1])
	mirror.submit("Stock Entry", copy["name"])
	in_step()
	same_goods(sides, prefix)
	assert batches(origin, prefix)[lots[0]][1] == 3
