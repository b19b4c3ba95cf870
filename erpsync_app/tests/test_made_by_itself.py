# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What ERPNext makes by itself when a document is saved or submitted, on two real sites. Each site makes its own; the
two are one document, and neither site has it twice."""

from __future__ import annotations

import json
from collections.abc import Iterator

import frappe
import pytest
from frappe.utils import now

from erpsync_app.tests.support import Person, set_rules, set_setting
from erpsync_app.tests.test_main_job import customer, item
from erpsync_app.tests.trade import (
	Clerk,
	Sides,
	company,
	in_step,
	invoice_of,
	rules,
	stock_item,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")

FOREIGN = "INR"


@pytest.fixture
def sides(sides: Sides, prefix: str) -> Sides:
	set_rules(*rules(prefix))
	return sides


def one_on_each(sides: tuple[Clerk, Clerk], doctype: str, filters: dict | list, *fields: str) -> list[dict]:
	"""The only such document of each side; they are bound to each other."""
	origin, _ = sides
	rows = [clerk.listed(doctype, filters, "name", *fields) for clerk in sides]
	assert [len(each) for each in rows] == [1, 1], f"{doctype}: {rows}"
	assert origin.twin(doctype, rows[0][0]["name"]) == rows[1][0]["name"]
	return [each[0] for each in rows]


def test_the_price_of_an_item_with_a_standard_rate(sides: tuple[Clerk, Clerk], prefix: str):
	origin, _ = sides
	origin.insert(**stock_item(f"{prefix} goods", standard_rate=100))
	in_step()
	prices = one_on_each(sides, "Item Price", {"item_code": f"{prefix} goods"}, "price_list_rate", "uom")
	assert [(p["price_list_rate"], p["uom"]) for p in prices] == [(100, "Nos"), (100, "Nos")]

	origin.edit("Item Price", prices[0]["name"], price_list_rate=110)
	in_step()
	prices = one_on_each(sides, "Item Price", {"item_code": f"{prefix} goods"}, "price_list_rate")
	assert [p["price_list_rate"] for p in prices] == [110, 110]


def test_the_price_of_a_second_price_list_crosses_as_any_document(sides: tuple[Clerk, Clerk], prefix: str):
	"""Made by a person beside the one that ERPNext makes."""
	origin, _ = sides
	origin.insert(**stock_item(f"{prefix} goods", standard_rate=100))
	origin.insert(
		"Item Price", item_code=f"{prefix} goods", price_list="Standard Buying", uom="Nos", price_list_rate=60
	)
	in_step()
	for price_list, rate in (("Standard Selling", 100), ("Standard Buying", 60)):
		filters = {"item_code": f"{prefix} goods", "price_list": price_list}
		prices = one_on_each(sides, "Item Price", filters, "price_list_rate")
		assert [p["price_list_rate"] for p in prices] == [rate, rate]


def test_the_opening_stock_of_an_item(sides: tuple[Clerk, Clerk], prefix: str):
	"""The entry says nothing of the test: it is told by when it was made."""
	origin, _ = sides
	new = [["creation", ">=", now()]]
	begun = {"ref_doctype": "Stock Entry", "filters": json.dumps(new)}
	set_rules(*(r for r in rules(prefix) if r["ref_doctype"] != "Stock Entry"), begun)
	origin.insert(**stock_item(f"{prefix} goods", opening_stock=10, valuation_rate=5))
	in_step()
	entries = one_on_each(sides, "Stock Entry", new, "docstatus", "total_amount")
	assert [(e["docstatus"], e["total_amount"]) for e in entries] == [(1, 50), (1, 50)]
	for clerk in sides:
		held = clerk.listed("Bin", {"item_code": f"{prefix} goods"}, "actual_qty", "stock_value")
		assert [r for r in held if r["actual_qty"]] == [{"actual_qty": 10, "stock_value": 50}], clerk.side


@pytest.fixture
def foreign(sides: tuple[Clerk, Clerk], prefix: str) -> str:
	"""A customer who owes in another currency. Both sites have the account."""
	ours = frappe.get_doc("Account", sides[0].account("default_receivable_account"))
	for clerk in sides:
		clerk.insert(
			"Account",
			account_name=prefix,
			parent_account=ours.parent_account,
			company=company(),
			account_type="Receivable",
			account_currency=FOREIGN,
		)
	origin, _ = sides
	debtors = ours.name.replace(ours.account_name, prefix)
	origin.insert(
		**customer(prefix, default_currency=FOREIGN, accounts=[{"company": company(), "account": debtors}])
	)
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	return debtors


@pytest.mark.parametrize("order", ["before the first sync", "step by step", "paid on the other side"])
def test_the_exchange_gain_of_a_payment(sides: tuple[Clerk, Clerk], prefix: str, foreign: str, order: str):
	origin, mirror = sides
	billed = invoice_of(prefix, currency=FOREIGN, conversion_rate=75, debit_to=foreign, ignore_pricing_rule=1)
	invoice = origin.submitted("Sales Invoice", **billed)
	if order == "before the first sync":
		origin.paid(invoice, rate=80)
	else:
		in_step()
		payer = mirror if order == "paid on the other side" else origin
		name = invoice["name"] if payer is origin else origin.twin("Sales Invoice", invoice["name"])
		payer.paid(payer.get("Sales Invoice", name), rate=80)
	in_step()
	entries = one_on_each(
		sides, "Journal Entry", {"title": prefix, "docstatus": 1}, "voucher_type", "total_debit"
	)
	for entry in entries:
		assert (entry["voucher_type"], entry["total_debit"]) == ("Exchange Gain Or Loss", 500)
	payments = one_on_each(sides, "Payment Entry", {"party": prefix, "docstatus": 1})
	copy = origin.twin("Sales Invoice", invoice["name"])
	for clerk, name, payment, entry in zip(sides, (invoice["name"], copy), payments, entries, strict=True):
		seen = clerk.get("Sales Invoice", name)
		assert (seen["status"], seen["outstanding_amount"]) == ("Paid", 0), clerk.side
		accounts = clerk.get("Journal Entry", entry["name"])["accounts"]
		assert {r["reference_name"] for r in accounts} == {name, payment["name"]}, clerk.side
		booked = clerk.listed(
			"GL Entry", {"party": prefix, "account": foreign, "is_cancelled": 0}, "debit", "credit"
		)
		assert sum(r["debit"] - r["credit"] for r in booked) == 0, f"{clerk.side}: {booked}"


def test_the_exchange_gain_goes_with_its_payment(sides: tuple[Clerk, Clerk], prefix: str, foreign: str):
	origin, mirror = sides
	billed = invoice_of(prefix, currency=FOREIGN, conversion_rate=75, debit_to=foreign)
	invoice = origin.submitted("Sales Invoice", **billed)
	payment = origin.paid(invoice, rate=80)
	in_step()
	mirror.cancel("Payment Entry", origin.twin("Payment Entry", payment["name"]))
	in_step()
	one_on_each(sides, "Journal Entry", {"title": prefix, "docstatus": 2})
	for clerk, name in zip(
		sides, (invoice["name"], origin.twin("Sales Invoice", invoice["name"])), strict=True
	):
		seen = clerk.get("Sales Invoice", name)
		assert (seen["status"], seen["outstanding_amount"]) == ("Unpaid", 100), clerk.side


def test_what_one_site_made_and_a_person_deleted_stays_deleted(sides: tuple[Clerk, Clerk], prefix: str):
	origin, mirror = sides
	origin.insert(**stock_item(f"{prefix} goods", standard_rate=100))
	in_step()
	prices = one_on_each(sides, "Item Price", {"item_code": f"{prefix} goods"})
	mirror.person.delete("Item Price", prices[1]["name"])
	in_step()
	assert [clerk.listed("Item Price", {"item_code": f"{prefix} goods"}) for clerk in sides] == [[], []]


@pytest.fixture
def shared_account(ledger: None, cloud: Person) -> Iterator[None]:
	"""Sync works in the cloud as Administrator, as people do."""
	settings = frappe.get_doc("Sync Settings")
	before = {"api_key": settings.api_key, "api_secret": settings.get_password("api_secret")}
	secret = cloud.call("frappe.core.doctype.user.user.generate_keys", user="Administrator")["api_secret"]
	set_setting(api_key=cloud.get("User", "Administrator")["api_key"], api_secret=secret)
	yield
	frappe.db.rollback()
	set_setting(**before)


def test_people_work_with_the_account_that_sync_has_in_the_cloud(
	shared_account: None, sides: tuple[Clerk, Clerk], prefix: str, foreign: str
):
	"""What a site makes by itself is one document all the same, and what people make right after a sync is theirs."""
	origin, mirror = sides
	origin.insert(**stock_item(f"{prefix} goods", standard_rate=100))
	billed = invoice_of(prefix, currency=FOREIGN, conversion_rate=75, debit_to=foreign)
	origin.paid(origin.submitted("Sales Invoice", **billed), rate=80)
	in_step()
	for doctype, filters in (
		("Item Price", {"item_code": f"{prefix} goods"}),
		("Journal Entry", {"title": prefix}),
	):
		one_on_each(sides, doctype, filters)
	for clerk, of_it in ((mirror, origin), (origin, mirror)):
		made = clerk.submitted("Sales Invoice", **billed)
		in_step()
		assert of_it.get("Sales Invoice", clerk.twin("Sales Invoice", made["name"]))["docstatus"] == 1
