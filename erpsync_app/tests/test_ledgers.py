# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that make ledger entries, on two real ERPNext sites. The entries are the work of each site's own
controllers and never cross; so what is to be shown is that both sites end with the same sums, each made once."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable

import frappe
import pytest
from frappe.utils import add_days, today

from erpsync_app import runs
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.engine.errors import Unclear
from erpsync_app.tests.machine import forked
from erpsync_app.tests.support import Person, set_rules
from erpsync_app.tests.test_life_cycle import Here, There, in_step, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")

Sums = dict[tuple[str, ...], float]


def rules(prefix: str, *doctypes: str) -> list[dict]:
	"""Of the masters with the prefix, and of the vouchers that have it in a field for people's own words."""

	def only(field: str) -> str:
		return json.dumps([[field, "like", f"{prefix}%"]])

	masters = {"Customer": "customer_name", "Supplier": "supplier_name", "Item": "item_code"}
	vouchers = {
		"Sales Invoice": "customer",
		"Purchase Receipt": "supplier",
		"Stock Entry": "remarks",
		"Payment Entry": "party",
	}
	return [
		{"ref_doctype": doctype, "filters": only(field)}
		for doctype, field in {**masters, **{d: vouchers[d] for d in doctypes}}.items()
	]


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person) -> tuple[Here, Here]:
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


def company() -> str:
	return frappe.defaults.get_global_default("company")


def account(of: str) -> str:
	"""One of the company's accounts, which both sites made alike when they were set up."""
	return frappe.get_cached_value("Company", company(), of)


def store() -> str:
	return f"Stores - {frappe.get_cached_value('Company', company(), 'abbr')}"


def stock_item(name: str) -> dict:
	return {**item(name, "All Item Groups"), "is_stock_item": 1}


def invoice_of(prefix: str, **values) -> dict:
	return {
		"customer": prefix,
		"company": company(),
		"due_date": add_days(today(), 30),
		"items": [{"item_code": f"{prefix} service", "qty": 3, "rate": 70.5}],
		"taxes": [
			{
				"charge_type": "On Net Total",
				"account_head": tax_account(),
				"description": "VAT",
				"rate": 20,
			}
		],
		**values,
	}


def tax_account() -> str:
	return frappe.get_all(
		"Account",
		{"company": company(), "account_type": "Tax", "is_group": 0},
		pluck="name",
		order_by="name",
		limit=1,
	)[0]


def entry_of(prefix: str, purpose: str, qty: float, **values) -> dict:
	"""A stock entry into or out of the store."""
	place = "t_warehouse" if purpose == "Material Receipt" else "s_warehouse"
	row = {"item_code": f"{prefix} stock", "qty": qty, place: store(), **values}
	return {
		"stock_entry_type": purpose,
		"company": company(),
		"remarks": prefix,
		"items": [row],
	}


def general(side: Here, doctype: str, name: str) -> Sums:
	"""What a voucher made in the general ledger, by account and day."""
	rows = listed(
		side,
		"GL Entry",
		{"voucher_type": doctype, "voucher_no": name, "is_cancelled": 0},
		["account", "posting_date", "debit", "credit", "party"],
	)
	return summed(rows, ("account", "posting_date", "party"), ("debit", "credit"))


def stock(side: Here, prefix: str) -> Sums:
	"""What is in stock of a test's items, by item, warehouse and day, and what it is worth."""
	rows = listed(
		side,
		"Stock Ledger Entry",
		{"item_code": ("like", f"{prefix}%"), "is_cancelled": 0},
		["item_code", "warehouse", "posting_date", "actual_qty", "stock_value_difference"],
	)
	return summed(rows, ("item_code", "warehouse", "posting_date"), ("actual_qty", "stock_value_difference"))


def listed(side: Here, doctype: str, filters: dict, fields: list[str]) -> list[dict]:
	if isinstance(side, There):
		return side.person.call(
			"frappe.client.get_list", doctype=doctype, filters=filters, fields=fields, limit_page_length=0
		)
	frappe.db.rollback()
	return frappe.get_all(doctype, filters=filters, fields=fields)


def summed(rows: list[dict], by: tuple[str, ...], what: tuple[str, ...]) -> Sums:
	sums: Sums = defaultdict(float)
	for row in rows:
		for field in what:
			sums[(*(str(row[each] or "") for each in by), field)] += row[field]
	return {key: round(value, 6) for key, value in sums.items() if round(value, 6)}


def names(side: Here, doctype: str, **filters: object) -> list[str]:
	return [row["name"] for row in listed(side, doctype, filters, ["name"])]


def test_an_invoice_is_in_both_ledgers_once_and_a_cancel_takes_it_out(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(*rules(prefix, "Sales Invoice"))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	name = origin.insert("Sales Invoice", **invoice_of(prefix))["name"]
	in_step()
	copy = twin(name, origin, "Sales Invoice")
	assert general(mirror, "Sales Invoice", copy) == {}

	origin.submit("Sales Invoice", name)
	in_step()
	ours, theirs = general(origin, "Sales Invoice", name), general(mirror, "Sales Invoice", copy)
	assert ours == theirs
	assert ours[account("default_receivable_account"), today(), prefix, "debit"] == 253.8
	assert mirror.get("Sales Invoice", copy)["outstanding_amount"] == 253.8
	assert (
		mirror.get("Sales Invoice", copy)["status"] == origin.get("Sales Invoice", name)["status"] == "Unpaid"
	)

	mirror.cancel("Sales Invoice", copy)
	in_step()
	assert origin.get("Sales Invoice", name)["docstatus"] == 2
	assert general(origin, "Sales Invoice", name) == general(mirror, "Sales Invoice", copy) == {}


def test_a_voucher_is_booked_on_the_day_of_the_side_where_it_was_made(sides: tuple[Here, Here], prefix: str):
	"""ERPNext books on the present day, unless it is told to keep the one that is given."""
	origin, mirror = sides
	set_rules(*rules(prefix, "Sales Invoice"))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	day = add_days(today(), -3)
	name = origin.insert(
		"Sales Invoice", **invoice_of(prefix, posting_date=day, posting_time="08:30:00", set_posting_time=1)
	)["name"]
	origin.submit("Sales Invoice", name)
	in_step()
	copy = mirror.get("Sales Invoice", twin(name, origin, "Sales Invoice"))
	assert (str(copy["posting_date"]), str(copy["posting_time"])) == (day, "8:30:00")


def test_what_is_in_stock_is_worth_the_same_on_both_sides(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(*rules(prefix, "Stock Entry"))
	origin.insert(**stock_item(f"{prefix} stock"))
	made = []
	for entry in (
		entry_of(prefix, "Material Receipt", 10, basic_rate=4),
		entry_of(prefix, "Material Receipt", 10, basic_rate=7),
		entry_of(prefix, "Material Issue", 15),
	):
		made.append(origin.insert("Stock Entry", **entry)["name"])
		origin.submit("Stock Entry", made[-1])
	in_step()
	assert stock(origin, prefix) == stock(mirror, prefix)
	qty, worth = (
		(f"{prefix} stock", store(), today(), what) for what in ("actual_qty", "stock_value_difference")
	)
	assert (stock(mirror, prefix)[qty], stock(mirror, prefix)[worth]) == (5, 35), "first in, first out"
	for name in made:
		ours, copy = general(origin, "Stock Entry", name), twin(name, origin, "Stock Entry")
		assert ours and ours == general(mirror, "Stock Entry", copy)

	mirror.cancel("Stock Entry", twin(made[-1], origin, "Stock Entry"))
	in_step()
	assert stock(origin, prefix) == stock(mirror, prefix)
	assert (stock(origin, prefix)[qty], stock(origin, prefix)[worth]) == (20, 110)


def test_goods_received_and_an_invoice_paid(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(*rules(prefix, "Sales Invoice", "Payment Entry", "Purchase Receipt"))
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=f"{prefix} supplier", supplier_group="All Supplier Groups")
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	origin.insert(**stock_item(f"{prefix} stock"))
	receipt = origin.insert(
		"Purchase Receipt",
		supplier=f"{prefix} supplier",
		company=company(),
		items=[{"item_code": f"{prefix} stock", "qty": 4, "rate": 12.5, "warehouse": store()}],
	)["name"]
	origin.submit("Purchase Receipt", receipt)
	invoice = origin.insert("Sales Invoice", **invoice_of(prefix))["name"]
	origin.submit("Sales Invoice", invoice)
	in_step()
	assert stock(origin, prefix) == stock(mirror, prefix) != {}
	assert general(origin, "Purchase Receipt", receipt) == general(
		mirror, "Purchase Receipt", twin(receipt, origin, "Purchase Receipt")
	)

	copy = twin(invoice, origin, "Sales Invoice")
	paid = mirror.insert(
		"Payment Entry",
		payment_type="Receive",
		party_type="Customer",
		party=prefix,
		company=company(),
		paid_from=account("default_receivable_account"),
		paid_to=account("default_cash_account"),
		paid_from_account_currency=account("default_currency"),
		paid_to_account_currency=account("default_currency"),
		paid_amount=253.8,
		received_amount=253.8,
		references=[
			{"reference_doctype": "Sales Invoice", "reference_name": copy, "allocated_amount": 253.8}
		],
	)["name"]
	mirror.submit("Payment Entry", paid)
	in_step()
	assert general(mirror, "Payment Entry", paid) == general(
		origin, "Payment Entry", twin(paid, mirror, "Payment Entry")
	)
	for side, name in ((origin, invoice), (mirror, copy)):
		doc = side.get("Sales Invoice", name)
		assert (doc["status"], doc["outstanding_amount"]) == ("Paid", 0)


def killed() -> None:
	os.kill(os.getpid(), signal.SIGKILL)


def unclear() -> None:
	raise Unclear("the answer did not arrive")


@pytest.mark.parametrize(
	("moment", "befalls"),
	[("before", killed), ("after", killed), ("after", unclear)],
	ids=["killed before the submit", "killed after it", "its answer is lost"],
)
def test_whatever_befalls_a_submit_it_is_booked_once(
	sides: tuple[Here, Here], prefix: str, moment: str, befalls: Callable[[], None]
):
	origin, mirror = sides
	set_rules(*rules(prefix, "Sales Invoice", "Stock Entry"))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	origin.insert(**stock_item(f"{prefix} stock"))
	invoice = origin.insert("Sales Invoice", **invoice_of(prefix))["name"]
	entry = origin.insert("Stock Entry", **entry_of(prefix, "Material Receipt", 10, basic_rate=4))["name"]
	in_step()
	for doctype, name in (("Sales Invoice", invoice), ("Stock Entry", entry)):
		origin.submit(doctype, name)
		assert forked(submit_meets(mirror, moment, befalls)) == (-signal.SIGKILL if befalls is killed else 0)
	in_step()
	for doctype, name in (("Sales Invoice", invoice), ("Stock Entry", entry)):
		copies = names(mirror, doctype, **{"remarks" if doctype == "Stock Entry" else "customer": prefix})
		assert copies == [twin(name, origin, doctype)]
		assert general(origin, doctype, name) == general(mirror, doctype, copies[0]) != {}
	assert stock(origin, prefix) == stock(mirror, prefix) != {}


def submit_meets(mirror: Here, moment: str, befalls: Callable[[], None]) -> Callable[[], None]:
	"""A sync to whose first submit something happens."""
	site = CloudSite if isinstance(mirror, There) else LocalSite
	update = site.update

	def struck(self, doctype: str, name: str, changes: dict, modified: str):
		if changes.get("docstatus") != 1:
			return update(self, doctype, name, changes, modified)
		site.update = update
		if moment == "before":
			befalls()
		made = update(self, doctype, name, changes, modified)
		befalls()
		return made

	def run() -> None:
		site.update = struck
		runs.sync(trigger="command")

	return run
