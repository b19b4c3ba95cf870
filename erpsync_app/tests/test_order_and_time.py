# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In which order documents that depend on one another cross, and what has to wait for its time, on two real sites."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app.adapters.event_queue import utc_now
from erpsync_app.tests.support import Person, count, put_jobs_right, set_rules, sync
from erpsync_app.tests.test_ledgers import (
	account,
	company,
	general,
	invoice_of,
	rules,
	stock,
	stock_item,
	store,
)
from erpsync_app.tests.test_life_cycle import Here, There, in_step, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person, prefix: str) -> tuple[Here, Here]:
	"""The side where all is made, with a customer and a service to sell, and the other one."""
	here, there = Here(), There(cloud)
	origin, mirror = (here, there) if request.param == "made here" else (there, here)
	set_rules(*rules(prefix, "Sales Invoice", "Payment Entry"))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	return origin, mirror


def submitted(side: Here, doctype: str, **values) -> str:
	name = side.insert(doctype, **values)["name"]
	side.submit(doctype, name)
	return name


def payment_of(prefix: str, invoice: str, amount: float, **values) -> dict:
	reference = {"reference_doctype": "Sales Invoice", "reference_name": invoice, "allocated_amount": amount}
	currency = account("default_currency")
	return {
		"payment_type": "Receive",
		"party_type": "Customer",
		"party": prefix,
		"company": company(),
		"paid_from": account("default_receivable_account"),
		"paid_to": account("default_cash_account"),
		"paid_from_account_currency": currency,
		"paid_to_account_currency": currency,
		"paid_amount": amount,
		"received_amount": amount,
		"references": [reference],
		**values,
	}


def copy_of(origin: Here, mirror: Here, doctype: str, name: str) -> dict:
	return mirror.get(doctype, twin(name, origin, doctype)) or {}


def test_a_cancelled_history_crosses_on_the_first_sync(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	invoice = submitted(origin, "Sales Invoice", **invoice_of(prefix))
	payment = submitted(origin, "Payment Entry", **payment_of(prefix, invoice, 100))
	origin.cancel("Payment Entry", payment)
	origin.cancel("Sales Invoice", invoice)
	in_step()
	for doctype, name in (("Sales Invoice", invoice), ("Payment Entry", payment)):
		copy = copy_of(origin, mirror, doctype, name)
		assert copy["docstatus"] == 2
		assert general(origin, doctype, name) == general(mirror, doctype, copy["name"]) == {}
	paid = copy_of(origin, mirror, "Payment Entry", payment)
	assert [row["reference_name"] for row in paid["references"]] == [twin(invoice, origin, "Sales Invoice")]


def test_what_was_cancelled_after_it_crossed_is_cancelled_in_the_same_order(
	sides: tuple[Here, Here], prefix: str
):
	"""ERPNext takes an invoice that is cancelled out of the payment of it, if that is still in force."""
	origin, mirror = sides
	invoice = submitted(origin, "Sales Invoice", **invoice_of(prefix))
	payment = submitted(origin, "Payment Entry", **payment_of(prefix, invoice, 100))
	in_step()
	origin.cancel("Payment Entry", payment)
	origin.cancel("Sales Invoice", invoice)
	in_step()
	assert copy_of(origin, mirror, "Sales Invoice", invoice)["docstatus"] == 2
	paid = copy_of(origin, mirror, "Payment Entry", payment)
	assert paid["docstatus"] == 2
	assert [row["reference_name"] for row in paid["references"]] == [twin(invoice, origin, "Sales Invoice")]


def test_a_history_of_which_some_is_cancelled_and_some_amended(sides: tuple[Here, Here], prefix: str):
	"""Two invoices, each with a payment: of the first all is cancelled, and both are amended; of the second the payment
	alone, and it is paid anew."""
	origin, mirror = sides
	invoices = [submitted(origin, "Sales Invoice", **invoice_of(prefix)) for _ in range(2)]
	payments = [submitted(origin, "Payment Entry", **payment_of(prefix, each, 100)) for each in invoices]
	for payment in payments:
		origin.cancel("Payment Entry", payment)
	origin.cancel("Sales Invoice", invoices[0])
	again = submitted(origin, "Sales Invoice", **invoice_of(prefix, amended_from=invoices[0]))
	paid = submitted(origin, "Payment Entry", **payment_of(prefix, again, 120, amended_from=payments[0]))
	anew = submitted(origin, "Payment Entry", **payment_of(prefix, invoices[1], 53.8))
	in_step()

	def there(doctype: str, name: str, *fields: str) -> tuple:
		copy = copy_of(origin, mirror, doctype, name)
		return tuple(copy[field] for field in fields)

	assert there("Sales Invoice", invoices[0], "docstatus") == (2,)
	for payment in payments:
		assert there("Payment Entry", payment, "docstatus") == (2,)
	first = twin(invoices[0], origin, "Sales Invoice")
	assert there("Sales Invoice", again, "docstatus", "amended_from", "outstanding_amount") == (
		1,
		first,
		133.8,
	)
	old = twin(payments[0], origin, "Payment Entry")
	assert there("Payment Entry", paid, "docstatus", "amended_from") == (1, old)
	assert there("Sales Invoice", invoices[1], "docstatus", "outstanding_amount") == (1, 200)
	assert there("Payment Entry", anew, "docstatus") == (1,)


@pytest.fixture(params=["ahead", "behind"])
def far_apart(request, ledger: None, cloud: Person) -> Iterator[tuple[Here, Here]]:
	"""Two sites with more than a day between their clocks, and the one whose clock is ahead first."""
	here, there = Here(), There(cloud)
	before = {side: side.get("System Settings", "System Settings")["time_zone"] for side in (here, there)}
	zones = dict(zip((here, there), ("Pacific/Kiritimati", "Pacific/Pago_Pago"), strict=True))
	if request.param == "behind":
		zones = dict(zip(zones, reversed(zones.values()), strict=True))
	for side, zone in zones.items():
		side.edit("System Settings", "System Settings", time_zone=zone)
	try:
		yield (here, there) if request.param == "ahead" else (there, here)
	finally:
		frappe.db.rollback()
		for side, zone in before.items():
			side.edit("System Settings", "System Settings", time_zone=zone)
		put_jobs_right()


def test_goods_that_were_received_tomorrow_wait_for_the_day(far_apart: tuple[Here, Here], prefix: str):
	origin, mirror = far_apart
	set_rules(*rules(prefix, "Purchase Receipt"))
	origin.insert("Supplier", supplier_name=f"{prefix} supplier", supplier_group="All Supplier Groups")
	origin.insert(**stock_item(f"{prefix} stock"))
	rows = [{"item_code": f"{prefix} stock", "qty": 4, "rate": 12.5, "warehouse": store()}]
	values = {"supplier": f"{prefix} supplier", "company": company(), "items": rows}
	name = submitted(origin, "Purchase Receipt", **values)
	day = str(origin.get("Purchase Receipt", name)["posting_date"])
	run = sync()
	assert run.counts["failed"] == run.counts["retried"] == 0, run.errors
	waits = frappe.get_all(
		"Sync Event",
		{"ref_doctype": "Purchase Receipt", "docname": name},
		["state", "attempts", "error", "next_try"],
	)
	assert {(event["state"], event["attempts"]) for event in waits} == {("Pending", 0)}
	assert all(f"posting_date, {day}, is yet to come" in event["error"] for event in waits)
	hours = [(event["next_try"] - utc_now()).total_seconds() / 3600 for event in waits]
	assert all(0 < each < 26 for each in hours), hours

	zone = origin.get("System Settings", "System Settings")["time_zone"]
	mirror.edit("System Settings", "System Settings", time_zone=zone)  # the day has come
	in_step()
	assert copy_of(origin, mirror, "Purchase Receipt", name)["docstatus"] == 1
	assert stock(origin, prefix) == stock(mirror, prefix) != {}


def barcodes(side: Here, name: str) -> list[str]:
	return [row["barcode"] for row in side.get("Item", name)["barcodes"]]


def give(side: Here, name: str, *codes: str) -> None:
	"""Make these the barcodes of an item; rows that it has already are written over, as a person would."""
	rows = side.get("Item", name)["barcodes"][: len(codes)]
	given = [{**row, "barcode": code} for row, code in zip(rows, codes, strict=False)]
	side.edit("Item", name, barcodes=[*given, *({"barcode": code} for code in codes[len(given) :])])


@pytest.mark.parametrize("number", [2, 3])
def test_unique_values_that_change_hands_cross(sides: tuple[Here, Here], prefix: str, number: int):
	"""Each item gets the barcode of the next one, and the last one that of the first; with another one that stays."""
	origin, _ = sides
	names = [f"{prefix} item {n}" for n in range(number)]
	codes = [f"{prefix}{n}" for n in range(number)]
	for name, code in zip(names, codes, strict=True):
		rows = [{"barcode": f"{code}-own"}, {"barcode": code}]
		origin.insert(**item(name, "All Item Groups"), barcodes=rows)
	in_step()
	for name, code in zip(names, codes, strict=True):
		give(origin, name, f"{code}-own", f"{code}-for-now")
	for name, code, new in zip(names, codes, [*codes[1:], codes[0]], strict=True):
		give(origin, name, f"{code}-own", new)
	in_step()
	for side in sides:
		for name, code, new in zip(names, codes, [*codes[1:], codes[0]], strict=True):
			assert barcodes(side, name) == [f"{code}-own", new]
	assert count("Sync Conflict") == 0


def test_a_value_that_another_document_keeps_is_refused(sides: tuple[Here, Here], prefix: str):
	"""It is in nobody's way but the document's own, which loses nothing by it."""
	origin, mirror = sides
	one, two = f"{prefix} one", f"{prefix} two"
	origin.insert(**item(one, "All Item Groups"), barcodes=[{"barcode": f"{prefix}1"}])
	in_step()
	mirror.insert(**item(two, "All Item Groups"), barcodes=[{"barcode": f"{prefix}2"}])
	give(origin, one, f"{prefix}2")
	sync()
	assert barcodes(mirror, one) == [f"{prefix}1"]
	assert barcodes(mirror, two) == [f"{prefix}2"]
