# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a document needs on the other side, and what stands in the way of its going, on two real sites."""

from __future__ import annotations

import json

import frappe
import pytest

from erpsync_app.tests.support import Person, count, set_rules, set_setting, sync
from erpsync_app.tests.test_life_cycle import Here, There, at_rest, in_step, order_of, rules, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")


def of_test(prefix: str, doctype: str, field: str, **more) -> dict:
	return {"ref_doctype": doctype, "filters": json.dumps([[field, "like", f"{prefix}%"]]), **more}


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person) -> tuple[Here, Here]:
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


def test_an_order_brings_along_all_that_it_needs(sides: tuple[Here, Here], prefix: str):
	"""Customer, address, contact, price list and items are new on the other side, and so are the item's price and
	group; then the order's whole life."""
	origin, mirror = sides
	set_rules(
		*rules(prefix),
		of_test(prefix, "Item Group", "item_group_name"),
		of_test(prefix, "Address", "address_title"),
		of_test(prefix, "Contact", "first_name"),
		of_test(prefix, "Price List", "price_list_name"),
		of_test(prefix, "Item Price", "item_code"),
	)
	currency = frappe.get_cached_value("Company", order_of(prefix)["company"], "default_currency")
	origin.insert("Price List", price_list_name=f"{prefix} prices", currency=currency, selling=1, enabled=1)
	origin.insert(
		"Item Group", item_group_name=f"{prefix} group", parent_item_group="All Item Groups", is_group=0
	)
	origin.insert(**item(f"{prefix} item", f"{prefix} group"))
	origin.insert(
		"Item Price", item_code=f"{prefix} item", price_list=f"{prefix} prices", price_list_rate=150
	)
	origin.insert(**customer(prefix, default_price_list=f"{prefix} prices"))
	link = [{"link_doctype": "Customer", "link_name": prefix}]
	address = origin.insert(
		"Address",
		address_title=prefix,
		address_type="Billing",
		address_line1="Main Street 1",
		city="Vienna",
		country="Austria",
		links=link,
	)["name"]
	contact = origin.insert("Contact", first_name=prefix, links=link)["name"]
	origin.edit("Customer", prefix, customer_primary_contact=contact, customer_primary_address=address)
	needs = {
		"customer_address": address,
		"contact_person": contact,
		"selling_price_list": f"{prefix} prices",
	}
	order = origin.insert("Sales Order", **order_of(prefix, **needs))
	in_step()
	copy = mirror.get("Sales Order", twin(order["name"], origin))
	for field, value in needs.items():
		assert copy[field] == value
	assert copy["grand_total"] == order["grand_total"] == 300
	assert copy["address_display"] == order["address_display"]
	assert mirror.get("Customer", prefix)["customer_primary_address"] == address
	assert mirror.get("Address", address)["links"][0]["link_name"] == prefix

	origin.submit("Sales Order", order["name"])
	mirror_name = copy["name"]
	in_step()
	mirror.edit("Sales Order", mirror_name, po_no="PO-1")
	in_step()
	assert origin.get("Sales Order", order["name"])["po_no"] == "PO-1"
	origin.cancel("Sales Order", order["name"])
	in_step()
	assert mirror.get("Sales Order", mirror_name)["docstatus"] == 2
	amended = mirror.insert("Sales Order", **order_of(prefix, **needs, amended_from=mirror_name))
	in_step()
	again = origin.get("Sales Order", twin(amended["name"], mirror))
	assert (again["amended_from"], again["docstatus"]) == (order["name"], 0)


@pytest.fixture
def soon(ledger: None):
	"""What was refused is tried again at once, and set aside after the second time."""
	set_setting(max_attempts=2)
	yield
	frappe.db.rollback()
	set_setting(max_attempts=3)


def test_a_link_to_what_no_rule_brings_waits_for_it(sides: tuple[Here, Here], soon: None, prefix: str):
	"""A Sales Partner that is on one side alone, and that no rule is for."""
	origin, mirror = sides
	set_rules(*rules(prefix))
	partner = f"{prefix} partner"
	values = {"partner_name": partner, "territory": "All Territories", "commission_rate": 5}
	origin.insert("Sales Partner", **values)
	origin.insert(**customer(prefix, default_sales_partner=partner))
	origin.insert(**customer(f"{prefix} other"))
	sync()
	assert mirror.get("Customer", f"{prefix} other"), "the rest flows"
	assert mirror.get("Customer", prefix) is None
	error = why("Customer", prefix, origin)
	assert partner in error and "Could not find" in error

	mirror.insert("Sales Partner", **values)
	in_step()
	assert mirror.get("Customer", prefix)["default_sales_partner"] == partner
	assert count("Sync Record", status="Failed") == 0


def test_a_link_to_what_is_there_under_the_same_name(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(*rules(prefix))
	for side in sides:
		side.insert(
			"Sales Partner",
			partner_name=f"{prefix} partner",
			territory="All Territories",
			commission_rate=5,
		)
	origin.insert(**customer(prefix, default_sales_partner=f"{prefix} partner"))
	in_step()
	assert mirror.get("Customer", prefix)["default_sales_partner"] == f"{prefix} partner"


def test_a_deletion_that_a_link_blocks_waits_until_it_is_gone(
	sides: tuple[Here, Here], soon: None, prefix: str
):
	origin, mirror = sides
	set_rules(*rules(prefix)[:2])  # no rule for what links to it
	origin.insert(**customer(prefix))
	origin.insert(**customer(f"{prefix} other"))
	origin.insert(**item(f"{prefix} item", "All Item Groups"))
	in_step()
	order = mirror.insert("Sales Order", **order_of(prefix))["name"]
	for name in (prefix, f"{prefix} other"):
		origin.delete("Customer", name)
	sync()
	assert mirror.get("Customer", f"{prefix} other") is None, "the rest flows"
	assert mirror.get("Customer", prefix), "the link holds it"
	error = why("Customer", prefix, origin)
	assert "is linked with Sales Order" in error or "disable this Customer instead of deleting" in error, (
		error
	)
	at_rest()

	mirror.delete("Sales Order", order)
	in_step()
	assert mirror.get("Customer", prefix) is None
	assert count("Sync Record", ref_doctype="Customer", local_name=prefix) == 0


def why(doctype: str, name: str, origin: Here) -> str:
	"""Why a document stands in quarantine."""
	frappe.db.rollback()
	field = "cloud_name" if isinstance(origin, There) else "local_name"
	record = frappe.db.get_value("Sync Record", {"ref_doctype": doctype, field: name}, ["status", "error"])
	assert record and record[0] == "Failed", record
	return record[1]
