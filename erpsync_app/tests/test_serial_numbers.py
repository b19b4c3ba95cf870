# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Goods with serial numbers and batches, on two real ERPNext sites: the same numbers and batches are in stock on both,
and are worth the same, whoever received or delivered them, and however they were entered."""

from __future__ import annotations

import pytest
from frappe.utils import today

from erpsync_app.tests.support import Person, set_rules, sync
from erpsync_app.tests.test_main_job import customer
from erpsync_app.tests.trade import Clerk, clerks, company, in_step, refusals, stock_item, store
from erpsync_app.tests.trade import rules as rules_of

pytestmark = pytest.mark.usefixtures("at_rest_in_the_end")

OF_GOODS = {"Serial No": "item_code", "Batch": "item", "Serial and Batch Bundle": "item_code"}

Sides = tuple[Clerk, Clerk]


HERE, CLOUD = "made here", "made in the cloud"
WITH, WITHOUT = "rules for numbers", "no rules for numbers"

every_way = pytest.mark.parametrize(
	"sides", [f"{where}, {rules}" for where in (HERE, CLOUD) for rules in (WITH, WITHOUT)], indirect=True
)


@pytest.fixture(params=[f"{HERE}, {WITHOUT}", f"{CLOUD}, {WITH}"])
def sides(request, ledger: None, prefix: str, local: Person, cloud: Person) -> Sides:
	"""Who makes the goods, and the other one; with rules for all that is traded, with or without those for what serial
	numbers and batches are kept in."""
	where, rules = request.param.split(", ")
	more = OF_GOODS if rules == WITH else {}
	set_rules(
		*rules_of(prefix, **{"Stock Reconciliation": "set_warehouse", "Warehouse": "warehouse_name", **more})
	)
	here, there = clerks(local, cloud)
	return (here, there) if where == HERE else (there, here)


def entry_of(prefix: str, purpose: str, qty: float, **values) -> dict:
	"""A Stock Entry into or out of the store."""
	place = "t_warehouse" if purpose == "Material Receipt" else "s_warehouse"
	row = {"item_code": f"{prefix} stock", "qty": qty, place: store(), **values}
	return {"stock_entry_type": purpose, "company": company(), "remarks": prefix, "items": [row]}


def serial_item(name: str, **values) -> dict:
	return {**stock_item(name), "has_serial_no": 1, **values}


def batch_item(name: str, **values) -> dict:
	return {**stock_item(name), "has_batch_no": 1, **values}


def numbers(side: Clerk, prefix: str) -> dict[str, tuple]:
	"""By number: the item, the status, where it is, and the batch."""
	fields = ("item_code", "status", "warehouse", "batch_no")
	rows = side.listed("Serial No", {"item_code": ("like", f"{prefix}%")}, "name", *fields)
	return {row["name"]: tuple(row[field] or "" for field in fields) for row in rows}


def batches(side: Clerk, prefix: str) -> dict[str, tuple]:
	"""By batch: the item, the quantity on hand, and when it expires."""
	fields = ("item", "batch_qty", "expiry_date")
	rows = side.listed("Batch", {"item": ("like", f"{prefix}%")}, "name", *fields)
	return {row["name"]: tuple(row[field] or "" for field in fields) for row in rows}


def on_hand(side: Clerk, prefix: str) -> dict[tuple, tuple]:
	"""By item and warehouse: the quantity, and what it is worth."""
	fields = ("item_code", "warehouse", "actual_qty", "stock_value")
	rows = side.listed("Bin", {"item_code": ("like", f"{prefix}%")}, *fields)
	return {(row["item_code"], row["warehouse"]): (row["actual_qty"], row["stock_value"]) for row in rows}


def booked(side: Clerk, prefix: str) -> list[tuple]:
	"""The Serial and Batch Bundles of the test's items that are submitted: item, voucher type, warehouse, quantity, amount."""
	of_test = {"item_code": ("like", f"{prefix}%"), "docstatus": 1, "is_cancelled": 0}
	fields = ("item_code", "voucher_type", "warehouse", "total_qty", "total_amount", "is_rejected")
	rows = side.listed("Serial and Batch Bundle", of_test, *fields)
	return sorted(tuple(row[field] for field in fields) for row in rows)


def same_goods(sides: Sides, prefix: str) -> None:
	for of in (numbers, batches, on_hand, booked):
		origin, mirror = (of(side, prefix) for side in sides)
		assert origin == mirror, of.__name__
	assert on_hand(sides[0], prefix)


def bundle(side: Clerk, item: str, voucher_type: str, entries: list[dict], sign: int = 1, **values) -> str:
	"""A bundle as the dialog makes it, which makes the serial numbers first."""
	return side.insert(
		"Serial and Batch Bundle",
		item_code=item,
		voucher_type=voucher_type,
		company=company(),
		type_of_transaction="Inward" if sign > 0 else "Outward",
		posting_date=today(),
		entries=[{"qty": sign, "warehouse": store(), **entry} for entry in entries],
		**{"warehouse": store(), **values},
	)["name"]


@every_way
def test_serial_numbers_are_received_and_issued(sides: Sides, prefix: str):
	"""Case 14: typed, made of the item's series, and picked in the dialog."""
	origin, mirror = sides
	item = f"{prefix} stock"
	origin.insert(**serial_item(item, serial_no_series=f"{prefix}-.###"))
	typed = "\n".join(f"{prefix}-T{n}" for n in (3, 1, 2))
	origin.submitted(
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 3, basic_rate=4, use_serial_batch_fields=1, serial_no=typed),
	)
	origin.submitted("Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5))
	picked = [f"{prefix}-P{n}" for n in (1, 2)]
	for number in picked:
		origin.insert("Serial No", serial_no=number, item_code=item, company=company())
	of_dialog = bundle(origin, item, "Stock Entry", [{"serial_no": number} for number in picked])
	origin.submitted(
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 2, basic_rate=7, serial_and_batch_bundle=of_dialog),
	)
	in_step()
	same_goods(sides, prefix)
	assert len(numbers(mirror, prefix)) == 7
	assert {where for _, _, where, _ in numbers(mirror, prefix).values()} == {store()}

	gone = f"{prefix}-P1"
	issue = mirror.submitted(
		"Stock Entry",
		**entry_of(prefix, "Material Issue", 1, use_serial_batch_fields=1, serial_no=gone),
	)
	in_step()
	same_goods(sides, prefix)
	assert numbers(origin, prefix)[gone][1:3] == ("Consumed", "")
	assert on_hand(origin, prefix)[item, store()] == (6, 29)

	origin.cancel("Stock Entry", mirror.twin("Stock Entry", issue["name"]))
	in_step()
	same_goods(sides, prefix)
	assert numbers(mirror, prefix)[gone][1:3] == ("Active", store())


@every_way
def test_batches_are_received_and_issued(sides: Sides, prefix: str):
	"""Typed, made of the item's series, and several of one row, in the dialog."""
	origin, mirror = sides
	item = f"{prefix} stock"
	origin.insert(**batch_item(item, create_new_batch=1, batch_number_series=f"{prefix}-.###"))
	lots = [f"{prefix}-LOT{n}" for n in (1, 2, 3)]
	for lot in lots:
		origin.insert("Batch", batch_id=lot, item=item, expiry_date="2099-12-31")
	origin.submitted(
		"Stock Entry",
		**entry_of(prefix, "Material Receipt", 3, basic_rate=4, use_serial_batch_fields=1, batch_no=lots[0]),
	)
	origin.submitted("Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5))
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
	issue = mirror.submitted(
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

	mirror.cancel("Stock Entry", issue["name"])
	in_step()
	same_goods(sides, prefix)


def test_serial_numbers_of_several_batches_in_one_row(sides: Sides, prefix: str):
	origin, _ = sides
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
	origin.submitted(
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


def test_a_draft_that_is_edited(sides: Sides, prefix: str):
	"""Numbers that were in a bundle are typed on the other side, and the rows that nobody touched keep their bundles."""
	origin, mirror = sides
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
	copy = mirror.get("Stock Entry", origin.twin("Stock Entry", name))
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


def place(side: Clerk, prefix: str, name: str) -> str:
	"""Another warehouse."""
	whole = store().replace("Stores", "All Warehouses")
	values = {"warehouse_name": f"{prefix} {name}", "parent_warehouse": whole, "company": company()}
	return side.insert("Warehouse", **values)["name"]


def test_serial_numbers_are_bought_sold_and_come_back(sides: Sides, prefix: str):
	"""One of those that were received is rejected; one is delivered on the other side, and taken back; one is sold with
	its invoice; one goes back to the supplier."""
	origin, mirror = sides
	item, scrap = f"{prefix} stock", place(origin, prefix, "scrap")
	origin.insert(**serial_item(item))
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	good, bad = [f"{prefix}-{n}" for n in (1, 2, 3)], f"{prefix}-9"
	row = {"item_code": item, "qty": 3, "rate": 10, "warehouse": store(), "use_serial_batch_fields": 1}
	rejected = {"rejected_qty": 1, "received_qty": 4, "rejected_warehouse": scrap, "rejected_serial_no": bad}
	receipt = origin.submitted(
		"Purchase Receipt",
		supplier=prefix,
		company=company(),
		items=[{**row, "serial_no": "\n".join(good), **rejected}],
	)
	in_step()
	same_goods(sides, prefix)
	assert {n: where for n, (_, _, where, _) in numbers(mirror, prefix).items()} == {
		**dict.fromkeys(good, store()),
		bad: scrap,
	}

	sold = {"item_code": item, "qty": 1, "rate": 30, "warehouse": store(), "use_serial_batch_fields": 1}
	note = mirror.submitted(
		"Delivery Note", customer=prefix, company=company(), items=[{**sold, "serial_no": good[0]}]
	)
	mirror.submitted(
		"Sales Invoice",
		customer=prefix,
		company=company(),
		due_date=today(),
		update_stock=1,
		items=[{**sold, "serial_no": good[1]}],
	)
	in_step()
	same_goods(sides, prefix)
	assert {n: status for n, (_, status, _, _) in numbers(origin, prefix).items()} == {
		**dict.fromkeys(good[:2], "Delivered"),
		**dict.fromkeys((good[2], bad), "Active"),
	}

	delivered = origin.get("Delivery Note", mirror.twin("Delivery Note", note["name"]))
	origin.created(delivered, "Delivery Note")
	back = origin.mapped(receipt, "Purchase Receipt")
	for field in ("rejected_qty", "rejected_serial_no", "rejected_serial_and_batch_bundle"):
		back["items"][0].pop(field, None)
	back["items"][0] |= {"qty": -1, "received_qty": -1, "serial_and_batch_bundle": None}
	back["items"][0] |= {"serial_no": good[2], "use_serial_batch_fields": 1, "rejected_warehouse": None}
	origin.submitted(**back)
	in_step()
	same_goods(sides, prefix)
	assert numbers(mirror, prefix)[good[0]][1:3] == ("Active", store())
	assert numbers(mirror, prefix)[good[2]][2] == ""


def test_batches_of_a_purchase_and_serial_numbers_in_a_package(sides: Sides, prefix: str):
	"""Two batches in one row and some of one of them rejected, in the dialog; a set of goods that is packed for delivery."""
	origin, mirror = sides
	lot, drill, kit, scrap = (
		f"{prefix} lots",
		f"{prefix} drill",
		f"{prefix} kit",
		place(origin, prefix, "scrap"),
	)
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=prefix, supplier_group="All Supplier Groups")
	origin.insert(**batch_item(lot))
	origin.insert(**serial_item(drill))
	origin.insert(**stock_item(kit, is_stock_item=0))
	origin.insert("Product Bundle", new_item_code=kit, items=[{"item_code": drill, "qty": 2}])
	lots = [f"{prefix}-LOT{n}" for n in (1, 2)]
	for name in lots:
		origin.insert("Batch", batch_id=name, item=lot)
	good = bundle(
		origin, lot, "Purchase Receipt", [{"batch_no": name, "qty": n} for n, name in enumerate(lots, 2)]
	)
	bad = bundle(
		origin,
		lot,
		"Purchase Receipt",
		[{"batch_no": lots[0], "qty": 1, "warehouse": scrap}],
		warehouse=scrap,
		is_rejected=1,
	)
	row = {"item_code": lot, "qty": 5, "received_qty": 6, "rejected_qty": 1, "rate": 4, "warehouse": store()}
	row |= {
		"serial_and_batch_bundle": good,
		"rejected_serial_and_batch_bundle": bad,
		"rejected_warehouse": scrap,
	}
	drills = [f"{prefix}-D{n}" for n in (1, 2, 3)]
	typed = {"item_code": drill, "qty": 3, "rate": 10, "warehouse": store(), "use_serial_batch_fields": 1}
	origin.submitted(
		"Purchase Receipt",
		supplier=prefix,
		company=company(),
		items=[row, {**typed, "serial_no": "\n".join(drills)}],
	)
	in_step()
	same_goods(sides, prefix)
	assert on_hand(mirror, prefix)[lot, scrap] == (1, 0)

	sold = {"item_code": kit, "qty": 1, "rate": 99, "warehouse": store()}
	note = mirror.insert("Delivery Note", customer=prefix, company=company(), items=[sold])
	packed = {**note["packed_items"][0], "serial_no": "\n".join(drills[:2]), "use_serial_batch_fields": 1}
	mirror.edit("Delivery Note", note["name"], packed_items=[packed])
	mirror.submit("Delivery Note", note["name"])
	in_step()
	same_goods(sides, prefix)
	assert [status for _, status, *_ in numbers(origin, prefix).values()].count("Delivered") == 2


def test_goods_are_moved_and_counted(sides: Sides, prefix: str):
	origin, mirror = sides
	serial, lot, shop = f"{prefix} stock", f"{prefix} lots", place(origin, prefix, "shop")
	origin.insert(**serial_item(serial))
	origin.insert(**batch_item(lot))
	origin.insert("Batch", batch_id=f"{prefix}-LOT", item=lot)
	wanted = [f"{prefix}-{n}" for n in (1, 2, 3)]
	typed = {"use_serial_batch_fields": 1, "warehouse": shop}
	origin.submitted(
		"Stock Reconciliation",
		company=company(),
		purpose="Stock Reconciliation",
		set_warehouse=shop,
		items=[
			{"item_code": serial, "qty": 3, "valuation_rate": 8, "serial_no": "\n".join(wanted), **typed},
			{"item_code": lot, "qty": 5, "valuation_rate": 2, "batch_no": f"{prefix}-LOT", **typed},
		],
	)
	in_step()
	same_goods(sides, prefix)

	moved = entry_of(prefix, "Material Transfer", 1, use_serial_batch_fields=1, serial_no=wanted[2])
	moved["items"][0] |= {"s_warehouse": shop, "t_warehouse": store()}
	mirror.submitted("Stock Entry", **moved)
	in_step()
	same_goods(sides, prefix)
	assert numbers(origin, prefix)[wanted[2]][2] == store()

	mirror.submitted(
		"Stock Reconciliation",
		company=company(),
		purpose="Stock Reconciliation",
		set_warehouse=shop,
		items=[{"item_code": lot, "qty": 4, "valuation_rate": 3, "batch_no": f"{prefix}-LOT", **typed}],
	)
	in_step()
	same_goods(sides, prefix)
	assert on_hand(origin, prefix)[lot, shop] == (4, 12)


def test_goods_that_were_received_and_cancelled_before_the_first_sync(sides: Sides, prefix: str):
	origin, _ = sides
	item = f"{prefix} stock"
	origin.insert(**serial_item(item, serial_no_series=f"{prefix}-.###"))
	origin.submitted("Stock Entry", **entry_of(prefix, "Material Receipt", 1, basic_rate=5))
	gone = origin.submitted("Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5))
	origin.cancel("Stock Entry", gone["name"])
	in_step()
	same_goods(sides, prefix)


def test_a_series_goes_on_behind_the_numbers_that_have_crossed(sides: Sides, prefix: str):
	"""Else the site would make the same ones again, and refuse them: the clerk there could receive nothing any more."""
	origin, mirror = sides
	item, lot = f"{prefix} stock", f"{prefix} lots"
	origin.insert(**serial_item(item, serial_no_series=f"{prefix}-.YY.-.###"))
	origin.insert(**batch_item(lot, create_new_batch=1, batch_number_series=f"{prefix}-L.###"))
	rows = ({"item_code": item}, {"item_code": lot})
	for clerk in (origin, mirror, origin):
		for row in rows:
			clerk.submitted("Stock Entry", **entry_of(prefix, "Material Receipt", 2, basic_rate=5, **row))
		in_step()
	same_goods(sides, prefix)
	assert (len(numbers(mirror, prefix)), len(batches(mirror, prefix))) == (6, 3)


def receive_apart(sides: Sides, prefix: str, *rows: dict) -> list[str]:
	"""Each side receives goods that the other knows nothing of: one row for each. Answers the names of the entries, once
	sync has tried all that it tries."""
	made = []
	for side, row in zip(sides, rows, strict=True):
		entry = entry_of(prefix, "Material Receipt", 1, basic_rate=5, **row)
		made.append(side.submitted("Stock Entry", **entry)["name"])
	for _ in range(4):
		sync()
	return made


def told_of(entries: list[str], *words: str) -> None:
	"""A person is told of each of the entries why it does not cross, with all of these words."""
	told = refusals()
	for name in entries:
		why = told[f"Stock Entry {name}"]
		assert all(word in why for word in words), why


@pytest.mark.parametrize("of", ["two items", "one item"])
def test_one_serial_number_for_two_things(sides: Sides, prefix: str, of: str):
	"""Typed on each side, offline. Neither is taken for the other."""
	goods = f"{prefix} stock", f"{prefix} {'other' if of == 'two items' else 'stock'}"
	for name in dict.fromkeys(goods):
		sides[0].insert(**serial_item(name))
	in_step()
	number = f"{prefix}-1"
	typed = {"use_serial_batch_fields": 1, "serial_no": number}
	entries = receive_apart(sides, prefix, *({**typed, "item_code": item} for item in goods))
	told_of(entries, number, *goods, *entries)
	for side, item in zip(sides, goods, strict=True):
		assert numbers(side, prefix)[number][0] == item
		assert on_hand(side, prefix) == {(item, store()): (1, 5)}


def test_one_batch_number_for_two_batches(sides: Sides, prefix: str):
	"""Each side's counter is at the same number."""
	item = f"{prefix} stock"
	sides[0].insert(**batch_item(item, create_new_batch=1, batch_number_series=f"{prefix}-.###"))
	in_step()
	entries = receive_apart(sides, prefix, {}, {})
	told_of(entries, f"{prefix}-001", item, *entries)
	for side in sides:
		assert on_hand(side, prefix) == {(item, store()): (1, 5)}
