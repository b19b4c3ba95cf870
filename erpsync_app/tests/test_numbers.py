# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that each site numbers: one number on both sides, made offline, is two documents. On two real sites."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest
from frappe.model.document import Document

from erpsync_app.engine.numbers import ANY
from erpsync_app.erp_sync import naming
from erpsync_app.patches import numbers_are_no_identity
from erpsync_app.tests.support import (
	SYNC_USER,
	Person,
	count,
	differences,
	only,
	set_rules,
	sync,
	take_away,
	writes,
)
from erpsync_app.tests.test_life_cycle import Here, There, in_step, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture(scope="module", autouse=True)
def rights(connected: None, cloud: Person) -> None:
	"""The sync user may see and write employees and bills of materials on the cloud."""
	roles = {row["role"] for row in cloud.get("User", SYNC_USER)["roles"]}
	wanted = roles | {"HR Manager", "Manufacturing Manager", "Purchase Manager"}
	if wanted > roles:
		cloud.edit("User", SYNC_USER, roles=[{"role": role} for role in sorted(wanted)])


@pytest.fixture
def sides(cloud: Person) -> tuple[Here, Here]:
	return Here(), There(cloud)


@pytest.fixture(params=["first here", "first in the cloud"])
def in_turn(request, sides: tuple[Here, Here]) -> tuple[Here, Here]:
	"""The sides, in the order in which each makes its document."""
	return sides if request.param == "first here" else sides[::-1]


def all_of(side: Here, doctype: str, field: str, prefix: str) -> list[str]:
	"""The values of a field of one test's documents."""
	filters = [[field, "like", f"{prefix}%"]]
	if isinstance(side, There):
		rows = side.person.call(
			"frappe.client.get_list", doctype=doctype, filters=filters, fields=[field], limit_page_length=0
		)
		return sorted(row[field] for row in rows)
	frappe.db.rollback()
	return sorted(frappe.get_all(doctype, filters, pluck=field))


def employee(prefix: str, name: str) -> dict:
	return {
		"doctype": "Employee",
		"naming_series": f"{prefix}-.#####",
		"first_name": f"{prefix} {name}",
		"gender": "Female",
		"date_of_birth": "1990-01-01",
		"date_of_joining": "2020-01-01",
		"company": frappe.defaults.get_global_default("company"),
	}


def test_two_employees_of_one_number_stay_two(in_turn: tuple[Here, Here], prefix: str) -> None:
	set_rules(only("Employee", prefix, "first_name"))
	assert frappe.db.get_value("Sync Rule", "Employee", "naming") == "own"
	one, other = (
		side.insert(**employee(prefix, name)) for side, name in zip(in_turn, ("Anna", "Berta"), strict=True)
	)
	assert one["name"] == other["name"] == f"{prefix}-00001"
	in_step()
	for side in in_turn:
		assert all_of(side, "Employee", "first_name", prefix) == [f"{prefix} Anna", f"{prefix} Berta"]
	first, second = in_turn
	assert second.get("Employee", twin(one["name"], first, "Employee"))["first_name"] == f"{prefix} Anna"
	assert first.get("Employee", twin(other["name"], second, "Employee"))["first_name"] == f"{prefix} Berta"

	first.edit("Employee", one["name"], middle_name="Maria")
	in_step()
	assert second.get("Employee", twin(one["name"], first, "Employee"))["middle_name"] == "Maria"


def test_two_boms_of_one_item_stay_two(in_turn: tuple[Here, Here], prefix: str) -> None:
	set_rules(only("Item", prefix), only("BOM", prefix, "item"))
	assert frappe.db.get_value("Sync Rule", "BOM", "naming") == "own"
	first = in_turn[0]
	for name in ("table", "oak", "steel"):
		first.insert(**{**item(f"{prefix} {name}", "All Item Groups"), "valuation_rate": 10})
	in_step()
	made = []
	for side, part in zip(in_turn, ("oak", "steel"), strict=True):
		made.append(
			side.insert(
				"BOM",
				item=f"{prefix} table",
				company=frappe.defaults.get_global_default("company"),
				quantity=1,
				items=[{"item_code": f"{prefix} {part}", "qty": 4, "uom": "Nos", "rate": 10}],
			)["name"]
		)
		side.submit("BOM", made[-1])
	assert made == [f"BOM-{prefix} table-001"] * 2
	in_step()
	for side, name, there, part in zip(in_turn, made, in_turn[::-1], ("oak", "steel"), strict=True):
		copy = there.get("BOM", twin(name, side, "BOM"))
		assert (copy["items"][0]["item_code"], copy["docstatus"]) == (f"{prefix} {part}", 1)
		assert len(all_of(side, "BOM", "item", prefix)) == 2


@pytest.fixture
def by_series(request, sides: tuple[Here, Here]) -> Iterator[None]:
	"""A setting on both sites says that a series names the documents."""
	settings, field = request.param
	before = [side.get(settings, settings)[field] for side in sides]
	for side in sides:
		side.edit(settings, settings, **{field: "Naming Series"})
	frappe.clear_cache()
	yield
	for side, value in zip(sides, before, strict=True):
		side.edit(settings, settings, **{field: value})
	frappe.clear_cache()


def supplier(name: str) -> dict:
	return {"doctype": "Supplier", "supplier_name": name, "supplier_group": "All Supplier Groups"}


@pytest.mark.parametrize(
	("by_series", "make", "field"),
	[
		(("Selling Settings", "cust_master_name"), customer, "customer_name"),
		(("Buying Settings", "supp_master_name"), supplier, "supplier_name"),
		(
			("Stock Settings", "item_naming_by"),
			lambda name: item("", "All Item Groups") | {"item_name": name},
			"item_name",
		),
	],
	ids=["Customer", "Supplier", "Item"],
	indirect=["by_series"],
)
def test_two_of_one_number_stay_two_where_a_setting_names_them_by_series(
	by_series: None, in_turn: tuple[Here, Here], prefix: str, make, field: str
) -> None:
	doctype = make("")["doctype"]
	names = [f"{prefix} Anna", f"{prefix} Berta"]
	set_rules(only(doctype, prefix, field))
	assert frappe.db.get_value("Sync Rule", doctype, "naming") == "own"
	made = [
		side.insert(**{**make(name), "naming_series": f"{prefix}-.#####"})["name"]
		for side, name in zip(in_turn, names, strict=True)
	]
	assert made == [f"{prefix}-00001"] * 2
	in_step()
	for side, name in zip(in_turn, made, strict=True):
		assert all_of(side, doctype, field, prefix) == names
		assert twin(name, side, doctype) == f"{prefix}-00002"


@pytest.mark.parametrize("doctype", ["Employee", "BOM", "Sales Order", "Pricing Rule"])
def test_a_rule_that_keeps_numbers_is_refused(doctype: str) -> None:
	with pytest.raises(frappe.ValidationError, match="Choose own, or leave it empty"):
		set_rules({"ref_doctype": doctype, "naming": "keep"})
	frappe.db.rollback()
	set_rules({"ref_doctype": doctype, "naming": "keep", "direction": "cloud_to_local"})


@pytest.mark.parametrize("direction", ["bidirectional", "cloud_to_local", "local_to_cloud"])
def test_a_rule_that_keeps_numbers_all_the_same_overwrites_nobody(
	sides: tuple[Here, Here], prefix: str, direction: str
) -> None:
	"""It goes one way, or it is older than the refusal."""
	set_rules(only("Employee", prefix, "first_name", direction=direction))
	frappe.db.set_value("Sync Rule", "Employee", "naming", "keep")
	frappe.db.commit()
	for side, name in zip(sides, ("Anna", "Berta"), strict=True):
		side.insert(**employee(prefix, name))
	run = sync()
	assert "of this name of its own" in " ".join(run.errors)
	assert writes(sync()) == {}
	for side, name in zip(sides, ("Anna", "Berta"), strict=True):
		assert all_of(side, "Employee", "first_name", prefix) == [f"{prefix} {name}"]


def test_rules_of_before_are_put_right(prefix: str) -> None:
	set_rules(only("Employee", prefix), only("Brand", prefix))
	frappe.db.set_value("Sync Rule", "Employee", "naming", "keep")
	numbers_are_no_identity.execute()
	frappe.db.commit()
	assert frappe.db.get_value("Sync Rule", "Employee", "naming") == "own"
	assert frappe.db.get_value("Sync Rule", "Brand", "naming") == "keep"


def test_two_customers_of_one_name_and_number_are_told(sides: tuple[Here, Here], prefix: str) -> None:
	"""ERPNext puts a number behind the name of the second customer who is called the same."""
	set_rules(only("Customer", prefix))
	here, there = sides
	here.insert(**customer(prefix))
	in_step()
	for side, town in zip(sides, ("Graz", "Linz"), strict=True):
		assert side.insert(**customer(prefix, customer_details=town))["name"] == f"{prefix} - 1"
	assert "of this name of its own" in sync().errors[0]
	assert [side.get("Customer", f"{prefix} - 1")["customer_details"] for side in sides] == ["Graz", "Linz"]

	there.rename("Customer", f"{prefix} - 1", f"{prefix} Linz")
	in_step()
	assert differences("Customer", [prefix, f"{prefix} - 1", f"{prefix} Linz"]) == {}
	assert here.get("Customer", f"{prefix} Linz")["customer_details"] == "Linz"
	assert count("Sync Record", status="Failed") == 0
	take_away(there.person, "Customer", ["customer_name", "like", f"{prefix}%"])


# -- what names a DocType, in apps that nobody knows


class OwnName(Document):
	def autoname(self):
		self.name = f"{self.brand}-{frappe.db.count('Brand') + 1}"


class SetsField(Document):
	def before_insert(self):
		self.number_it()

	def number_it(self):
		self.brand = f"B-{frappe.db.count('Brand') + 1}"


class SetsByName(Document):
	def before_naming(self):
		self.set("brand", f"B-{frappe.db.count('Brand') + 1}")


class SetsAnother(Document):
	def before_insert(self):
		self.description = self.description or self.brand
		if self.brand == "name":
			self.get("brand")


@pytest.mark.parametrize(
	("controller", "usual"),
	[(OwnName, "own"), (SetsField, "own"), (SetsByName, "own"), (SetsAnother, "keep"), (Document, "keep")],
)
def test_a_controller_that_nobody_knows(monkeypatch, controller: type, usual: str) -> None:
	monkeypatch.setitem(frappe.controllers.setdefault(frappe.local.site, {}), "Brand", controller)
	assert naming.usual_naming(frappe.get_meta("Brand")) == usual


@pytest.mark.parametrize("event", ["autoname", "before_insert"])
def test_a_hook_that_nobody_knows(monkeypatch, event: str) -> None:
	hooks = {"Brand": {event: [f"{SetsField.__module__}.number_it"]}}
	monkeypatch.setattr(frappe, "get_doc_hooks", lambda: hooks)
	assert naming.usual_naming(frappe.get_meta("Brand")) == "own"


def number_it(doc: Document, method: str) -> None:
	doc.brand = "B-1"


def test_a_server_script_that_numbers(site: None) -> None:
	frappe.db.rollback()
	script = frappe.new_doc("Server Script", name="Number brands", script_type="DocType Event")
	script.update({"reference_doctype": "Brand", "doctype_event": "Before Insert"})
	script.script = "doc.brand = 'B-1'"
	script.insert(ignore_permissions=True)
	try:
		assert naming.usual_naming(frappe.get_meta("Brand")) == "own"
	finally:
		frappe.db.rollback()
		frappe.clear_cache()


@pytest.mark.parametrize(
	("doctype", "pattern"),
	[
		("Account", ""),
		("Warehouse", ""),
		("Price List", ""),
		("Item Price", ""),
		("User", ""),
		("Serial No", ""),
		("Asset Maintenance", ANY),
		("Employee", ANY),
		("Auto Repeat", ANY),
	],
)
def test_what_a_counter_made_of_the_names(doctype: str, pattern: str) -> None:
	assert naming.counter(frappe.get_meta(doctype)) == pattern
