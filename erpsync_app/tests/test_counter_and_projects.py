# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sales over the counter, leads and projects on two real sites: ERPNext makes a good deal of them by itself."""

from __future__ import annotations

import frappe
import pytest
from frappe.utils import add_days, now_datetime, today

from erpsync_app.tests.company import agree, from_now_on, in_stock, made, twin
from erpsync_app.tests.test_main_job import customer, item
from erpsync_app.tests.trade import (
	Clerk,
	Sides,
	alike,
	company,
	in_step,
	store,
)

pytestmark = pytest.mark.usefixtures("apart", "at_rest_in_the_end")


def now_as_text() -> str:
	return f"{now_datetime():%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def counter(sides: Sides, prefix: str) -> None:
	"""Where goods are sold for cash. Both sites book cash alike."""
	from_now_on(
		*("POS Profile", "POS Opening Entry", "POS Invoice", "POS Closing Entry", "POS Invoice Merge Log"),
		*("Sales Invoice", "Stock Entry"),
	)
	for clerk in sides:
		accounts = clerk.get("Mode of Payment", "Cash")["accounts"]
		if not any(row["company"] == company() for row in accounts):
			cash = {"company": company(), "default_account": clerk.account("default_cash_account")}
			clerk.edit("Mode of Payment", "Cash", accounts=[*accounts, cash])
		# Version 16 has the choice, and makes Sales Invoices where nobody chose.
		clerk.edit("POS Settings", "POS Settings", invoice_type="POS Invoice")
	origin, _ = sides
	origin.insert(**customer(prefix))
	in_stock(origin, f"{prefix} goods", 20)
	origin.insert(
		"POS Profile",
		name=prefix,
		company=company(),
		customer=prefix,
		warehouse=store(),
		currency=origin.account("default_currency"),
		selling_price_list="Standard Selling",
		write_off_account=origin.account("write_off_account"),
		write_off_cost_center=origin.account("cost_center"),
		payments=[{"mode_of_payment": "Cash", "default": 1}],
	)


def sold(clerk: Clerk, prefix: str, qty: float) -> dict:
	row = {"item_code": f"{prefix} goods", "qty": qty, "rate": 20, "warehouse": store()}
	return clerk.submitted(
		"POS Invoice",
		pos_profile=prefix,
		customer=prefix,
		company=company(),
		**{"is_pos": 1, "update_stock": 1, "items": [row]},
		payments=[{"mode_of_payment": "Cash", "amount": 20 * qty}],
	)


def test_the_counter_is_closed_in_the_evening(sides: Sides, prefix: str, counter: None):
	"""The closing makes one invoice of all. It takes those of its own cashier alone, and what crossed sync has made."""
	origin, _ = sides
	opening = origin.submitted(
		"POS Opening Entry",
		pos_profile=prefix,
		company=company(),
		user="Administrator",
		period_start_date=now_as_text(),
		balance_details=[{"mode_of_payment": "Cash", "opening_amount": 100}],
	)
	in_step()
	invoices = [sold(origin, prefix, qty) for qty in (1, 2)]
	in_step()
	told = ("posting_date", "grand_total", "customer")
	tables = frappe.get_meta("POS Closing Entry").get_table_fields()
	(table,) = [f.fieldname for f in tables if f.options == "POS Invoice Reference"]
	origin.submitted(
		"POS Closing Entry",
		**{field: opening[field] for field in ("pos_profile", "company", "user", "period_start_date")},
		pos_opening_entry=opening["name"],
		period_end_date=now_as_text(),
		posting_date=today(),
		**{table: [{"pos_invoice": doc["name"], **{f: doc[f] for f in told}} for doc in invoices]},
		payment_reconciliation=[
			{"mode_of_payment": "Cash", "opening_amount": 100, "expected_amount": 160, "closing_amount": 160}
		],
		**{"grand_total": 60, "net_total": 60, "total_quantity": 3},
	)
	agree()
	for clerk in sides:
		bills = clerk.listed("Sales Invoice", {"customer": prefix}, "grand_total", "docstatus")
		assert bills == [{"grand_total": 60, "docstatus": 1}], clerk.side
		seen = clerk.listed("POS Invoice", {"customer": prefix}, "status")
		assert [each["status"] for each in seen] == ["Consolidated"] * 2, clerk.side
	assert twin(sides, "POS Opening Entry", opening["name"])["status"] == "Closed"


def test_the_contact_and_the_address_of_a_quickly_entered_customer(sides: Sides, prefix: str):
	origin, _ = sides
	from_now_on("Contact", "Address")
	reached = {"mobile_no": "0123456", "email_id": f"{prefix.lower()}@example.com"}
	lives = {"address_line1": "Street 1", "city": "Town", "country": "United States"}
	origin.insert(**customer(f"{prefix} 2024"), **reached, **lives)  # as if it were counted
	agree()
	for clerk in sides:
		for doctype in ("Contact", "Address"):
			assert len(clerk.listed(doctype, [["name", "like", f"{prefix}%"]])) == 1, (clerk.side, doctype)


def test_a_lead_becomes_a_customer_who_orders(sides: Sides, prefix: str):
	origin, mirror = sides
	from_now_on("Lead", "Opportunity", "Quotation", "Sales Order", "Contact", "Address")
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	lead = origin.insert("Lead", first_name=f"{prefix} 2024", company_name=prefix, mobile_no="0123")
	in_step()
	chance = origin.call("erpnext.crm.doctype.lead.lead.make_opportunity", source_name=lead["name"])
	row = {"item_code": f"{prefix} service", "qty": 1, "rate": 10, "uom": "Nos"}
	chance = origin.insert(**{**chance, "items": [row]})
	in_step()
	offer = made(
		mirror,
		"erpnext.crm.doctype.opportunity.opportunity.make_quotation",
		source_name=twin(sides, "Opportunity", chance["name"])["name"],
	)
	in_step()
	won = origin.call("erpnext.crm.doctype.lead.lead.make_customer", source_name=lead["name"])
	groups = {"customer_group": "All Customer Groups", "territory": "All Territories"}
	origin.insert(**{**won, **groups})
	in_step()
	order = mirror.mapped(offer, "Sales Order")
	day = add_days(today(), 3)
	rows = [{**each, "delivery_date": day} for each in order["items"]]
	mirror.submitted(**{**order, "delivery_date": day, "items": rows})
	agree()
	alike(sides, "Lead", lead["name"], status="Converted")
	assert mirror.get("Quotation", offer["name"])["status"] == "Ordered"


def test_a_project_of_a_template_is_worked_on_and_billed(sides: Sides, prefix: str):
	"""ERPNext makes the tasks of the template on either side."""
	origin, mirror = sides
	from_now_on("Project", "Task", "Project Template", "Timesheet", "Sales Invoice")
	for clerk in sides:
		if not clerk.person.get("Holiday List", "erpsync tests"):
			days = {"from_date": "2020-01-01", "to_date": "2039-12-31"}
			clerk.insert("Holiday List", holiday_list_name="erpsync tests", **days)
		clerk.edit("Company", company(), default_holiday_list="erpsync tests")
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} service", "All Item Groups"), is_stock_item=0)
	steps = [
		origin.insert("Task", subject=f"{prefix} {at}", is_template=1, duration=1, start=at) for at in (0, 1)
	]
	rows = [{"task": step["name"], "subject": step["subject"]} for step in steps]
	origin.insert("Project Template", name=prefix, tasks=rows)
	in_step()
	project = origin.insert(
		"Project",
		project_name=prefix,
		project_template=prefix,
		expected_start_date=today(),
		company=company(),
	)["name"]
	in_step()
	for clerk, name in zip(sides, (project, twin(sides, "Project", project)["name"]), strict=True):
		assert len(clerk.listed("Task", {"project": name})) == 2, clerk.side
	task = origin.listed("Task", {"project": project})[0]["name"]
	origin.edit("Task", task, status="Completed", completed_on=today())
	hours = {"from_time": f"{today()} 08:00:00", "to_time": f"{today()} 10:00:00", "hours": 2}
	# Without "completed", version 16 takes the task for one that is still worked on.
	worth = {"is_billable": 1, "billing_hours": 2, "billing_rate": 50, "completed": 1}
	work = {"activity_type": "Execution", "project": project, "task": task, **hours, **worth}
	sheet = origin.submitted("Timesheet", company=company(), parent_project=project, time_logs=[work])
	in_step()
	bill = mirror.call(
		"erpnext.projects.doctype.timesheet.timesheet.make_sales_invoice",
		source_name=twin(sides, "Timesheet", sheet["name"])["name"],
		item_code=f"{prefix} service",
		customer=prefix,
	)
	mirror.submitted(**{**bill, "due_date": add_days(today(), 5)})
	agree()
	alike(sides, "Timesheet", sheet["name"], status="Billed", per_billed=100)
	assert origin.get("Project", project)["percent_complete"] == 50
