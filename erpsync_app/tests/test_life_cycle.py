# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The whole life of an ERP document, on two real ERPNext sites: draft, submitted, edited, cancelled, amended, replayed
by each site's own controllers."""

from __future__ import annotations

import json

import frappe
import pytest
from frappe.utils import add_days, today

from erpsync_app.adapters.transactions import begin_writing
from erpsync_app.tests.support import (
	CLOUD_URL,
	Person,
	count,
	differences,
	last_conflict,
	set_rules,
	sync,
	writes,
)
from erpsync_app.tests.test_main_job import customer, insert_here, item

pytestmark = pytest.mark.usefixtures("ledger")


def rules(prefix: str, **order) -> list[dict]:
	"""Rules for the documents of one test alone."""

	def only(field: str) -> str:
		return json.dumps([[field, "like", f"{prefix}%"]])

	return [
		{"ref_doctype": "Customer", "filters": only("customer_name")},
		{"ref_doctype": "Item", "filters": only("item_code")},
		{"ref_doctype": "Sales Order", "filters": only("customer"), **order},
	]


class Here:
	"""Someone who works on the local site, with the methods of `Person`."""

	def insert(self, doctype: str, **values) -> dict:
		begin_writing()
		doc = frappe.get_doc({"doctype": doctype, **values}).insert()
		frappe.db.commit()
		return doc.as_dict()

	def get(self, doctype: str, name: str) -> dict | None:
		frappe.db.rollback()
		return frappe.get_doc(doctype, name).as_dict() if frappe.db.exists(doctype, name) else None

	def edit(self, doctype: str, name: str, **values) -> None:
		begin_writing()
		doc = frappe.get_doc(doctype, name)
		doc.update(values)
		doc.save()
		frappe.db.commit()

	def delete(self, doctype: str, name: str) -> None:
		begin_writing()
		frappe.delete_doc(doctype, name)
		frappe.db.commit()

	def rename(self, doctype: str, old: str, new: str, *, merge: bool = False) -> None:
		begin_writing()
		frappe.rename_doc(doctype, old, new, merge=merge)
		frappe.db.commit()

	def submit(self, doctype: str, name: str) -> None:
		begin_writing()
		frappe.get_doc(doctype, name).submit()
		frappe.db.commit()

	def cancel(self, doctype: str, name: str) -> None:
		begin_writing()
		frappe.get_doc(doctype, name).cancel()
		frappe.db.commit()


class There(Here):
	"""The same on the cloud."""

	def __init__(self, person: Person):
		self.insert, self.get, self.edit, self.delete = person.insert, person.get, person.edit, person.delete
		self.person = person

	def rename(self, doctype: str, old: str, new: str, *, merge: bool = False) -> None:
		self.person.call("frappe.client.rename_doc", doctype=doctype, old_name=old, new_name=new, merge=merge)

	def submit(self, doctype: str, name: str) -> None:
		self.person.call("frappe.client.submit", doc=self.person.get(doctype, name))

	def cancel(self, doctype: str, name: str) -> None:
		self.person.call("frappe.client.cancel", doctype=doctype, name=name)


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person, prefix: str) -> tuple[Here, Here]:
	"""The side where the document is made, and the other one."""
	set_rules(*rules(prefix))
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


@pytest.fixture
def order(sides: tuple[Here, Here], prefix: str) -> dict:
	"""A draft order of a customer and an item that are new on the other side."""
	origin, _ = sides
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} item", "All Item Groups"))
	return origin.insert("Sales Order", **order_of(prefix))


def order_of(prefix: str, **values) -> dict:
	return {
		"customer": prefix,
		"company": frappe.defaults.get_global_default("company"),
		"transaction_date": today(),
		"delivery_date": add_days(today(), 7),
		"items": [
			{"item_code": f"{prefix} item", "qty": 2, "rate": 150, "delivery_date": add_days(today(), 7)}
		],
		**values,
	}


def twin(name: str, origin: Here, doctype: str = "Sales Order") -> str:
	"""The name of a document on the other side."""
	frappe.db.rollback()
	mine, its = ("cloud_name", "local_name") if isinstance(origin, There) else ("local_name", "cloud_name")
	found = frappe.db.get_value("Sync Record", {"ref_doctype": doctype, mine: name}, its)
	assert found, frappe.get_all("Sync Record", {mine: name}, ["*"])
	return found


def in_step() -> None:
	run = sync()
	assert run.counts["failed"] == 0, run.errors
	at_rest()
	assert count("Sync Event") == 0


def at_rest() -> None:
	"""A further sync writes nothing, by its own account and by the time of every document on both sites."""
	before = stamps()
	assert writes(sync()) == {}
	assert stamps() == before


def stamps() -> dict:
	frappe.db.rollback()
	cloud = Person(CLOUD_URL)
	return {
		doctype: (
			dict(frappe.get_all(doctype, fields=["name", "modified"], as_list=True)),
			cloud.stamps(doctype),
		)
		for doctype in frappe.get_all("Sync Rule", pluck="name")
	}


def test_an_order_goes_through_its_whole_life_on_both_sides(sides: tuple[Here, Here], order: dict):
	origin, mirror = sides
	in_step()
	copy = twin(order["name"], origin)
	assert mirror.get("Sales Order", copy)["docstatus"] == 0
	assert mirror.get("Sales Order", copy)["grand_total"] == 300

	origin.submit("Sales Order", order["name"])
	in_step()
	assert mirror.get("Sales Order", copy)["docstatus"] == 1
	assert mirror.get("Sales Order", copy)["status"] == origin.get("Sales Order", order["name"])["status"]

	mirror.edit(
		"Sales Order", copy, po_no="PO-77"
	)  # a field that may be changed after submit, edited on the other side
	in_step()
	assert origin.get("Sales Order", order["name"])["po_no"] == "PO-77"

	mirror.cancel("Sales Order", copy)
	in_step()
	assert origin.get("Sales Order", order["name"])["docstatus"] == 2

	amended = origin.insert("Sales Order", **order_of(order["customer"], amended_from=order["name"]))
	in_step()
	assert mirror.get("Sales Order", twin(amended["name"], origin))["amended_from"] == copy


def test_an_order_that_is_submitted_before_it_ever_crossed(sides: tuple[Here, Here], order: dict):
	origin, mirror = sides
	origin.submit("Sales Order", order["name"])
	in_step()
	assert mirror.get("Sales Order", twin(order["name"], origin))["docstatus"] == 1


def test_a_rule_may_keep_drafts(sides: tuple[Here, Here], order: dict):
	origin, mirror = sides
	set_rules(*rules(order["customer"], submit="draft"))
	origin.submit("Sales Order", order["name"])
	in_step()
	assert mirror.get("Sales Order", twin(order["name"], origin))["docstatus"] == 0


def test_a_submit_beats_an_edit_of_the_draft_which_is_kept(sides: tuple[Here, Here], order: dict):
	origin, mirror = sides
	in_step()
	copy = twin(order["name"], origin)
	mirror.edit("Sales Order", copy, order_type="Maintenance")
	origin.submit("Sales Order", order["name"])
	in_step()
	assert mirror.get("Sales Order", copy)["order_type"] == "Sales"
	assert mirror.get("Sales Order", copy)["docstatus"] == 1
	name = order["name"] if isinstance(mirror, There) else copy
	conflict = last_conflict("Sales Order", name)
	assert conflict["resolution"] == "Submit beats edit"
	values = conflict["clashes"]["order_type"]
	assert sorted((values["local"], values["cloud"])) == ["Maintenance", "Sales"]


def test_a_cancel_waits_for_no_edit_and_keeps_it(sides: tuple[Here, Here], order: dict):
	"""An edit that is allowed after submit crosses before the cancel; one of the same field on both sides is settled."""
	origin, mirror = sides
	origin.submit("Sales Order", order["name"])
	in_step()
	copy = twin(order["name"], origin)
	mirror.edit("Sales Order", copy, po_no="PO-99")
	origin.cancel("Sales Order", order["name"])
	in_step()
	assert (mirror.get("Sales Order", copy) or {})["docstatus"] == 2
	name = order["name"] if isinstance(mirror, There) else copy
	values = last_conflict("Sales Order", name)["clashes"]["po_no"]
	assert "PO-99" in (values["local"], values["cloud"]), "the edit is kept"


def test_two_orders_of_one_name_stay_two(cloud: Person, prefix: str):
	"""Made offline, each side's counter gave both the same name."""
	set_rules(*rules(prefix))
	here, there = Here(), There(cloud)
	insert_here(customer(prefix), item(f"{prefix} item", "All Item Groups"))
	in_step()
	name = f"SAL-ORD-{prefix}"
	frappe.get_doc({"doctype": "Sales Order", **order_of(prefix)}).insert(set_name=name)
	frappe.db.commit()
	path = f"{cloud.url}/api/v2/document/Sales Order"
	theirs = {**order_of(prefix), "name": name, "po_no": "another order"}
	assert cloud.session.post(path, json=theirs).json()["data"]["name"] == name
	in_step()
	ours_there, theirs_here = twin(name, here), twin(name, there)
	assert name not in (ours_there, theirs_here)
	assert cloud.get("Sales Order", ours_there).get("po_no") is None
	assert frappe.db.get_value("Sales Order", theirs_here, "po_no") == "another order"
	assert len(cloud.call("frappe.client.get_list", doctype="Sales Order", filters={"customer": prefix})) == 2
	assert frappe.db.count("Sales Order", {"customer": prefix}) == 2
	assert differences("Customer", [prefix]) == {}


def test_documents_that_wait_for_each_other_are_completed(cloud: Person, prefix: str):
	"""A Customer names its primary Contact, which links to the Customer: one of them has to go first."""
	set_rules(
		{"ref_doctype": "Customer", "filters": json.dumps([["customer_name", "like", f"{prefix}%"]])},
		{
			"ref_doctype": "Contact",
			"naming": "keep",
			"filters": json.dumps([["first_name", "like", f"{prefix}%"]]),
		},
	)
	here = Here()
	here.insert(**customer(prefix))
	contact = here.insert(
		"Contact",
		first_name=prefix,
		is_primary_contact=1,  # ERPNext 16 ticks it once a customer names the contact, ERPNext 15 does not
		links=[{"link_doctype": "Customer", "link_name": prefix}],
	)
	here.edit("Customer", prefix, customer_primary_contact=contact["name"])
	in_step()
	assert cloud.get("Customer", prefix)["customer_primary_contact"] == contact["name"]
	assert cloud.get("Contact", contact["name"])["links"][0]["link_name"] == prefix
