# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Rules that cannot work alone, and what the two sites say of the same DocTypes. On two real sites."""

from __future__ import annotations

from dataclasses import replace

import frappe
import pytest

from erpsync_app import connections, runs
from erpsync_app.engine.mapping import LAYOUT_TYPES
from erpsync_app.engine.model import CLOUD, LOCAL, Meta
from erpsync_app.tests.support import Person, only, set_rules, sync
from erpsync_app.tests.test_life_cycle import Here, There, in_step, twin
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("ledger")

SHIPPED = (
	*(
		"Customer",
		"Supplier",
		"Item",
		"Item Price",
		"Price List",
		"Contact",
		"Address",
		"Employee",
		"Lead",
		"Project",
	),
	*("Quotation", "Sales Order", "Delivery Note", "Sales Invoice", "Material Request", "Purchase Order"),
	*(
		"Purchase Receipt",
		"Purchase Invoice",
		"Payment Entry",
		"Journal Entry",
		"Stock Entry",
		"BOM",
		"Work Order",
	),
	*(
		"Item Group",
		"Account",
		"Warehouse",
		"Asset",
		"Timesheet",
		"Item Attribute",
		"Item Alternative",
		"ToDo",
	),
)


def told(meta: Meta) -> Meta:
	"""Without what stores nothing, and what is the user's on that site."""
	fields = {
		name: replace(field, out_of_reach=False)
		for name, field in meta.fields.items()
		if field.type not in LAYOUT_TYPES
	}
	return replace(meta, fields=fields, children={name: told(child) for name, child in meta.children.items()})


def test_both_sites_tell_the_same_of_what_is_the_same() -> None:
	set_rules({"ref_doctype": "Brand"})
	with runs.opened(looking=True) as ctx:
		for doctype in SHIPPED:
			local, cloud = (told(ctx.sites[side].meta(doctype)) for side in (LOCAL, CLOUD))
			assert local.fields == cloud.fields, doctype
			for name, child in local.children.items():
				assert child.fields == cloud.children[name].fields, (doctype, name)
				assert child.autoname == cloud.children[name].autoname, (doctype, name)
			for what in ("parent_field", "submittable"):
				assert getattr(local, what) == getattr(cloud, what), (doctype, what)
			# Where no rule makes the names, only the local site can tell whether code does.
			assert local.autoname == cloud.autoname or (local.autoname, cloud.autoname) == ("hash", None)


def test_nothing_is_said_of_customers_as_they_are_shipped() -> None:
	set_rules({"ref_doctype": "Customer"}, {"ref_doctype": "Item"})
	assert connections.drifted() == {}
	assert not [n for side in connections.test() for n in side["notes"] if "Customer" in n or "Item" in n]


def said() -> str:
	return " ".join(str(message.get("message", message)) for message in frappe.get_message_log())


def test_a_rule_that_cannot_work_alone_is_told(cloud: Person) -> None:
	frappe.clear_messages()
	set_rules({"ref_doctype": "Delivery Note"})
	assert "Sales Order (against_sales_order)" in said() and "Add Sync Rules" in said()
	notes = " ".join(note for side in connections.test() for note in side["notes"])
	assert "Sales Order (against_sales_order)" in notes

	frappe.clear_messages()
	set_rules({"ref_doctype": "Delivery Note", "exclude_fields": "against_sales_order"})
	assert "Sales Order (" not in said()


@pytest.mark.parametrize("made", ["made here", "made in the cloud"])
def test_a_link_to_a_number_that_no_rule_brings_leads_to_nobody_else(
	cloud: Person, prefix: str, made: str
) -> None:
	"""Each site has a lead of that number, and they are two."""
	origin, mirror = (Here(), There(cloud)) if made == "made here" else (There(cloud), Here())
	set_rules(only("Customer", prefix))
	lead = {"naming_series": f"{prefix}-.#####", "first_name": f"{prefix} lead"}
	number = origin.insert("Lead", **lead)["name"]
	assert mirror.insert("Lead", **{**lead, "first_name": f"{prefix} other"})["name"] == number
	origin.insert(**customer(prefix, lead_name=number))
	(line,) = sync().errors
	assert f"lead_name links to Lead {number}" in line and "add a Sync Rule for Lead" in line
	assert mirror.get("Customer", prefix) is None

	frappe.get_doc({"doctype": "Sync Rule", "enabled": 1, **only("Lead", prefix, "first_name")}).insert()
	frappe.db.commit()
	sync()  # a lead and its customer may link to each other
	in_step()
	assert mirror.get("Customer", prefix)["lead_name"] == twin(number, origin, "Lead") != number
