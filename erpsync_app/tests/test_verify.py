# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`erpsync verify` on two real ERPNext sites: what it tells of documents and books that differ, why, and that looking
again brings in step what can be."""

from __future__ import annotations

import frappe
import pytest

from erpsync_app import jobs, verify
from erpsync_app.api import desk
from erpsync_app.tests.machine import erpsync
from erpsync_app.tests.support import Person, only, set_rules, set_setting, sync
from erpsync_app.tests.test_ledgers import (
	account,
	company,
	entry_of,
	invoice_of,
	rules,
	stock_item,
	store,
)
from erpsync_app.tests.test_life_cycle import Here, There, in_step, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person) -> tuple[Here, Here]:
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


@pytest.fixture
def acme(ledger: None, prefix: str) -> str:
	"""A customer that is in step on both sites."""
	set_rules(only("Customer", prefix))
	Here().insert(**customer(prefix, website="https://old.example.com"))
	in_step()
	return prefix


@pytest.fixture
def invoice(sides: tuple[Here, Here], prefix: str) -> tuple[str, str]:
	"""A submitted invoice that is in step: its name here and in the cloud."""
	origin, _ = sides
	set_rules(*rules(prefix, "Sales Invoice"))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	name = origin.insert("Sales Invoice", **invoice_of(prefix))["name"]
	origin.submit("Sales Invoice", name)
	in_step()
	names = name, twin(name, origin, "Sales Invoice")
	return names if not isinstance(origin, There) else names[::-1]


def unnoticed(doctype: str, name: str, **values) -> None:
	"""A change of the local site that neither a hook nor `modified` tells of."""
	frappe.db.set_value(doctype, name, values, update_modified=False)
	frappe.db.commit()


def lines(book: str, prefix: str) -> list[dict]:
	"""The lines of a book that differ, of this test's parties or items: others may have left more."""
	frappe.db.rollback()
	told = verify.as_data(verify.compare(books=True))["books"][book]["differences"]
	return [line for line in told if prefix in f"{line.get('party')} {line.get('item_code')}"]


def test_two_sites_in_step(acme: str):
	said = erpsync("verify", "--json")
	assert said.code == 0, said.text
	assert said.json["ok"] and said.json["differences"] == [] and said.json["books"] == {}
	assert said.json["compared"] == {"Customer": 1}
	said = erpsync("verify")
	assert said.code == 0 and "in step" in said.out


def test_a_change_that_nothing_tells_of(acme: str, cloud: Person):
	unnoticed("Customer", acme, website="https://new.example.com")
	cloud_before = cloud.stamps("Customer", acme)
	said = erpsync("verify", "--doctype", "Customer", "--json")
	assert said.code == 1 and not said.json["ok"]
	(difference,) = said.json["differences"]
	assert difference["local_name"] == difference["cloud_name"] == acme
	assert (difference["cause"], difference["missing_on"]) == ("unexplained", None)
	assert difference["fields"] == {
		"website": {"local": "https://new.example.com", "cloud": "https://old.example.com"}
	}
	assert cloud.stamps("Customer", acme) == cloud_before
	assert frappe.db.count("Sync Event") == 0

	said = erpsync("verify", "--repair", "--json")
	assert said.code == 0, said.text
	assert said.json["ok"] and said.json["looked_at_again"] == 1
	assert cloud.get("Customer", acme)["website"] == "https://new.example.com"
	at_the_end = erpsync("verify")
	assert at_the_end.code == 0, at_the_end.text


def test_a_change_in_the_cloud(acme: str, cloud: Person):
	cloud.edit("Customer", acme, customer_details="new")
	said = erpsync("verify")
	assert said.code == 1 and f"Customer {acme}" in said.out and "customer_details" in said.out
	assert erpsync("verify", "--repair").code == 0
	assert Here().get("Customer", acme)["customer_details"] == "new"


def test_a_document_on_one_side_only(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(only("Customer", prefix))
	side, missing = ("cloud", "local") if isinstance(origin, There) else ("local", "cloud")
	origin.insert(**customer(prefix))
	(difference,) = erpsync("verify", "--json").json["differences"]
	assert difference["missing_on"] == missing and difference[f"{side}_name"] == prefix
	assert erpsync("verify", "--repair").code == 0
	assert mirror.get("Customer", prefix)


def test_a_document_that_could_not_be_written_is_told_with_the_reason(sides: tuple[Here, Here], prefix: str):
	origin, _ = sides
	set_rules(only("Customer", prefix))
	origin.insert("Territory", territory_name=f"{prefix} place", parent_territory="All Territories")
	origin.insert(**customer(prefix, territory=f"{prefix} place"))
	set_setting(max_attempts=1)
	try:
		sync()
	finally:
		set_setting(max_attempts=3)
	said = erpsync("verify", "--json")
	(difference,) = said.json["differences"]
	assert said.code == 1 and difference["cause"] in ("failed", "waiting")
	assert f"{prefix} place" in difference["why"]
	for side in sides:
		side.delete("Customer", prefix) if side.get("Customer", prefix) else None
	origin.delete("Territory", f"{prefix} place")


def test_what_the_rule_keeps_at_home_is_no_difference(prefix: str):
	set_rules(only("Customer", prefix, direction="cloud_to_local"))
	Here().insert(**customer(prefix))
	said = erpsync("verify", "--json")
	assert said.code == 0, said.text
	assert said.json["outside_the_rules"] == {"Customer": 1}


def test_an_outstanding_amount_that_differs(invoice: tuple[str, str]):
	here, there = invoice
	report = verify.compare(doctype="Sales Invoice")
	assert report.in_step, report.differ
	unnoticed("Sales Invoice", here, outstanding_amount=1, status="Overdue")
	said = erpsync("verify", "--doctype", "Sales Invoice", "--json")
	(difference,) = said.json["differences"]
	assert said.code == 1
	assert (difference["local_name"], difference["cloud_name"]) == (here, there)
	assert difference["fields"]["outstanding_amount"] == {"local": 1.0, "cloud": 253.8}
	assert difference["fields"]["status"] == {"local": "Overdue", "cloud": "Unpaid"}
	assert difference["cause"] == "unexplained"


def test_books_that_differ_by_account_and_party(
	sides: tuple[Here, Here], invoice: tuple[str, str], prefix: str
):
	origin, _ = sides
	side, other = ("cloud", "local") if isinstance(origin, There) else ("local", "cloud")
	assert lines("accounts", prefix) == []
	second = origin.insert("Sales Invoice", **invoice_of(prefix))["name"]
	origin.submit("Sales Invoice", second)
	(line,) = lines("accounts", prefix)
	assert (line["account"], line["party"]) == (account("default_receivable_account"), prefix)
	assert line["sums"]["debit"] == {side: 507.6, other: 253.8}
	(voucher,) = line["vouchers"]
	assert (voucher["doctype"], voucher[f"{side}_name"]) == ("Sales Invoice", second)
	in_step()
	assert lines("accounts", prefix) == []

	entry = frappe.db.get_value("GL Entry", {"voucher_no": invoice[0], "party": prefix}, "name")
	unnoticed("GL Entry", entry, debit=250)
	(line,) = lines("accounts", prefix)
	assert line["sums"] == {"debit": {"local": 503.8, "cloud": 507.6}}
	assert [(v["local_name"], v["cloud_name"], v["cause"]) for v in line["vouchers"]] == [
		(*invoice, "unexplained")
	]
	said = erpsync("verify", "--books")
	assert said.code == 1 and f"{account('default_receivable_account')}, Customer, {prefix}" in said.out
	unnoticed("GL Entry", entry, debit=253.8)
	assert lines("accounts", prefix) == []


def test_stock_that_differs_by_item_and_warehouse(sides: tuple[Here, Here], prefix: str):
	origin, _ = sides
	side, other = ("cloud", "local") if isinstance(origin, There) else ("local", "cloud")
	set_rules(*rules(prefix, "Stock Entry"))
	origin.insert(**stock_item(f"{prefix} stock"))
	name = origin.insert("Stock Entry", **entry_of(prefix, "Material Receipt", 10, basic_rate=4))["name"]
	origin.submit("Stock Entry", name)
	(line,) = lines("stock", prefix)
	assert (line["item_code"], line["warehouse"]) == (f"{prefix} stock", store())
	assert line["sums"] == {
		"actual_qty": {side: 10.0, other: 0.0},
		"stock_value": {side: 40.0, other: 0.0},
	}
	assert [v[f"{side}_name"] for v in line["vouchers"]] == [name]
	in_step()
	assert lines("stock", prefix) == []
	report = verify.compare(doctype="Stock Entry")
	assert report.in_step, report.differ


def test_documents_of_all_kinds_are_in_step_after_a_sync(sides: tuple[Here, Here], prefix: str):
	"""Names, rows and texts that each site has of its own are no difference."""
	origin, mirror = sides
	set_rules(*rules(prefix, "Sales Invoice", "Payment Entry", "Purchase Receipt"))
	origin.insert(**customer(prefix))
	origin.insert("Supplier", supplier_name=f"{prefix} supplier", supplier_group="All Supplier Groups")
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	origin.insert(**stock_item(f"{prefix} stock"))
	goods = [{"item_code": f"{prefix} stock", "qty": 4, "rate": 12.5, "warehouse": store()}]
	receipt = {"supplier": f"{prefix} supplier", "company": company(), "items": goods}
	for doctype, values in (
		("Purchase Receipt", receipt),
		("Sales Invoice", invoice_of(prefix)),
		("Sales Invoice", invoice_of(prefix)),
	):
		name = origin.insert(doctype, **values)["name"]
		origin.submit(doctype, name)
	in_step()
	copy = twin(name, origin, "Sales Invoice")
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
		paid_amount=100,
		received_amount=100,
		references=[{"reference_doctype": "Sales Invoice", "reference_name": copy, "allocated_amount": 100}],
	)["name"]
	mirror.submit("Payment Entry", paid)
	in_step()
	for doctype in ("Customer", "Supplier", "Item", "Purchase Receipt", "Sales Invoice", "Payment Entry"):
		report = verify.compare(doctype=doctype)
		assert report.in_step and report.tally.compared[doctype], report.differ
	assert lines("accounts", prefix) == lines("stock", prefix) == []


def test_a_doctype_without_a_rule(acme: str):
	said = erpsync("verify", "--doctype", "Item")
	assert said.code == 1 and "Sync Rule" in said.err and "Traceback" not in said.text
	said = erpsync("verify", "--doctype", "Item", "--json")
	assert said.code == 1 and "Sync Rule" in said.json["error"]


def test_while_sync_is_paused_one_may_look_but_not_repair(acme: str):
	unnoticed("Customer", acme, website="https://new.example.com")
	set_setting(paused=1)
	try:
		assert erpsync("verify", "--json").json["differing"] == 1
		said = erpsync("verify", "--repair")
		assert said.code == 1 and "paused" in said.err
	finally:
		set_setting(paused=0)


def test_the_nightly_scan_notes_the_result(acme: str, cloud: Person):
	set_setting(enabled=1)
	try:
		jobs.scan_all()
		frappe.db.rollback()
		stored = frappe.db.get_singles_dict("Sync Settings")
		assert stored.last_verify and "in step" in stored.verify_result
		assert "in step" in desk.comparison()
		unnoticed("Customer", acme, customer_group=frappe.db.get_value("Customer Group", {"is_group": 0}))
		erpsync("verify")
		frappe.db.rollback()
		assert "1 of 1 documents differ" in desk.comparison()
		set_setting(scan_interval=7)
		assert "1 of 1" in frappe.db.get_singles_dict("Sync Settings").verify_result
	finally:
		set_setting(enabled=0, scan_interval=5)
