# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents that get another name, go into another document, or hang elsewhere in their tree, on two real sites."""

from __future__ import annotations

import json
from datetime import timedelta

import frappe
import pytest

from erpsync_app import runs
from erpsync_app.adapters import event_queue
from erpsync_app.engine.model import CLOUD, LOCAL, Event
from erpsync_app.tests.support import Person, count, differences, last_conflict, only, queued, set_rules, sync
from erpsync_app.tests.test_life_cycle import Here, There, in_step, order_of, rules, twin
from erpsync_app.tests.test_main_job import customer, group, insert_here, item

pytestmark = pytest.mark.usefixtures("ledger")

ONE, OTHER, ORDER = "{} one", "{} other", "Sales Order"


@pytest.fixture(params=["here", "in the cloud"])
def sides(request, ledger: None, cloud: Person, prefix: str) -> tuple[Here, Here]:
	"""The side where something happens, and the other one."""
	set_rules(*rules(prefix))
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "here" else (there, here)


@pytest.fixture
def customers(sides: tuple[Here, Here], prefix: str) -> tuple[str, str]:
	"""Two of them, in step, with an order each."""
	origin, _ = sides
	one, two = ONE.format(prefix), OTHER.format(prefix)
	origin.insert(**item(f"{prefix} item", "All Item Groups"))
	for name in (one, two):
		origin.insert(**customer(name, website=f"https://{name[-3:]}.example.com"))
		origin.insert(ORDER, **order_of(prefix, customer=name))
	in_step()
	return one, two


def orders(side: Here, prefix: str) -> list[str]:
	"""Whose the orders are."""
	filters = [["customer", "like", f"{prefix}%"]]
	if isinstance(side, There):
		rows = side.person.call(
			"frappe.client.get_list", doctype=ORDER, filters=filters, fields=["customer"], limit_page_length=0
		)
		return sorted(row["customer"] for row in rows)
	frappe.db.rollback()
	return sorted(frappe.get_all(ORDER, filters=filters, pluck="customer"))


def test_a_merge_crosses_and_links_follow(sides: tuple[Here, Here], customers: tuple[str, str], prefix: str):
	origin, mirror = sides
	gone, stays = customers
	origin.rename("Customer", gone, stays, merge=True)
	in_step()
	for side in sides:
		assert side.get("Customer", gone) is None
		assert orders(side, prefix) == [stays, stays]
	assert differences("Customer", [stays]) == {}
	assert count("Sync Record", ref_doctype="Customer", local_name=gone) == 0
	assert count("Sync Record", ref_doctype="Customer", local_name=stays, status="Synced") == 1
	assert count("Sync Log", ref_doctype="Customer", operation="delete") == 0
	assert count("Sync Log", ref_doctype="Customer", operation="merge") == 1
	assert mirror.get("Customer", stays)["website"] == "https://her.example.com"


def test_a_merge_beats_an_edit_which_is_kept(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str
):
	origin, mirror = sides
	gone, stays = customers
	mirror.edit("Customer", gone, customer_details="asked for a discount")
	origin.rename("Customer", gone, stays, merge=True)
	in_step()
	assert mirror.get("Customer", gone) is None
	assert orders(mirror, prefix) == [stays, stays]
	conflict = last_conflict("Customer", gone)
	assert conflict["resolution"] == "Merge beats edit"
	assert "asked for a discount" in json.dumps(conflict["clashes"])


def test_a_merge_into_a_customer_that_is_new(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str
):
	origin, mirror = sides
	gone, _ = customers
	new = f"{prefix} new"
	origin.insert(**customer(new))
	origin.rename("Customer", gone, new, merge=True)
	in_step()
	assert mirror.get("Customer", gone) is None
	assert orders(mirror, prefix) == orders(origin, prefix) == sorted((new, customers[1]))


def test_a_name_that_is_used_again_after_a_merge(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str
):
	origin, mirror = sides
	gone, stays = customers
	origin.rename("Customer", gone, stays, merge=True)
	origin.insert(**customer(gone, website="https://again.example.com"))
	in_step()
	assert mirror.get("Customer", gone)["website"] == "https://again.example.com"
	assert orders(mirror, prefix) == orders(origin, prefix) == [stays, stays]


@pytest.mark.parametrize("tries_left", [3, 1])
def test_a_number_that_is_given_out_again_before_anyone_looked(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str, tries_left: int
):
	"""Its last order was deleted, and the series takes the number back; the record still stands for that one. A local
	order is made in one transaction with the record that meets it."""
	origin, mirror = sides
	near = CLOUD if isinstance(origin, There) else LOCAL
	first = origin.insert(ORDER, **order_of(prefix, customer=customers[0]))["name"]
	in_step()
	number = twin(first, origin)
	mirror.delete(ORDER, number)
	second = origin.insert(ORDER, **order_of(prefix, customer=customers[1]))["name"]
	frappe.db.delete("Sync Event")
	event_queue.insert([Event(near, ORDER, second)])
	frappe.db.set_value("Sync Event", {"docname": second}, "attempts", 3 - tries_left)
	frappe.db.commit()
	assert runs.drain(trigger="command", patience=timedelta(seconds=5)).stopped is None
	assert mirror.get(ORDER, number)["customer"] == customers[1]
	assert count("Sync Log", **{f"{near}_name": second, "operation": "fail"}) == 0
	in_step()
	assert twin(second, origin) == number
	assert origin.get(ORDER, first) is None
	assert orders(mirror, prefix) == orders(origin, prefix) == sorted((*customers, customers[1]))


def test_each_side_merges_the_one_into_the_other(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str
):
	origin, mirror = sides
	one, two = customers
	origin.rename("Customer", one, two, merge=True)
	mirror.rename("Customer", two, one, merge=True)
	in_step()
	assert orders(origin, prefix) == orders(mirror, prefix)
	(record,) = frappe.get_all(
		"Sync Record", {"ref_doctype": "Customer", "local_name": ("like", f"{prefix}%")}, ["*"]
	)
	assert record.local_name == record.cloud_name in (one, two)
	assert record.status == "Synced"
	assert orders(origin, prefix) == [record.local_name] * 2


def test_a_renamed_customer_keeps_its_orders(
	sides: tuple[Here, Here], customers: tuple[str, str], prefix: str
):
	origin, mirror = sides
	one, two = customers
	origin.rename("Customer", one, f"{prefix} renamed")
	in_step()
	assert orders(mirror, prefix) == orders(origin, prefix) == sorted((f"{prefix} renamed", two))


def test_a_branch_of_a_tree_moves(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_rules(
		{"ref_doctype": "Item Group", "filters": json.dumps([["item_group_name", "like", f"{prefix}%"]])}
	)
	old, new, branch, leaf = (f"{prefix} {what}" for what in ("old", "new", "branch", "leaf"))
	for name, parent in ((old, "All Item Groups"), (new, "All Item Groups"), (branch, old), (leaf, branch)):
		origin.insert(**group(name, parent, is_group=int(name != leaf)))
	in_step()
	assert spans(mirror) and under(mirror, old) == {branch, leaf}

	origin.edit("Item Group", branch, parent_item_group=new)
	in_step()
	for side in sides:
		assert spans(side)
		assert (under(side, old), under(side, new)) == (set(), {branch, leaf})
	assert differences("Item Group", [old, new, branch, leaf]) == {}

	# Both at once: here the leaf moves, there the branch is hung elsewhere again.
	origin.edit("Item Group", leaf, parent_item_group=old)
	mirror.edit("Item Group", branch, parent_item_group=old)
	in_step()
	for side in sides:
		assert spans(side)
		assert (under(side, old), under(side, new)) == ({branch, leaf}, set())


def nodes(side: Here) -> dict[str, dict]:
	fields = ["name", "lft", "rgt", "parent_item_group"]
	if isinstance(side, There):
		rows = side.person.call(
			"frappe.client.get_list", doctype="Item Group", fields=fields, limit_page_length=0
		)
	else:
		frappe.db.rollback()
		rows = frappe.get_all("Item Group", fields=fields)
	return {row["name"]: row for row in rows}


def spans(side: Here) -> bool:
	"""Whether the tree is numbered as nested sets are: each node within its parent, and no number twice."""
	tree = nodes(side)
	numbers = [node[end] for node in tree.values() for end in ("lft", "rgt")]
	assert len(numbers) == len(set(numbers))
	for node in tree.values():
		parent = tree.get(node["parent_item_group"] or "")
		assert node["lft"] < node["rgt"]
		assert parent is None or parent["lft"] < node["lft"] < node["rgt"] < parent["rgt"], node
	return True


def under(side: Here, name: str) -> set[str]:
	tree = nodes(side)
	top = tree[name]
	return {each for each, node in tree.items() if top["lft"] < node["lft"] and node["rgt"] < top["rgt"]}


def test_names_that_the_database_takes_for_one(cloud: Person, prefix: str):
	"""Each side has its own spelling, once deleted and made again: neither is taken for the other, and the rest goes on."""
	set_rules(only("Brand", prefix))
	for n in range(2):
		insert_here({"doctype": "Brand", "brand": f"{prefix} acme"})
		cloud.insert("Brand", brand=f"{prefix} ACME")
		cloud.insert("Brand", brand=f"{prefix} other {n}")
		sync()
		assert frappe.db.get_value("Brand", f"{prefix} acme", "name") == f"{prefix} acme"
		assert list(cloud.stamps("Brand", f"{prefix} acme")) == [f"{prefix} ACME"]
		assert frappe.db.exists("Brand", f"{prefix} other {n}")
		told = [event["error"] for event in queued()]
		assert len(told) == 2 and all("acme" in (error or "").lower() for error in told), told
		frappe.delete_doc("Brand", f"{prefix} acme")
		frappe.db.commit()
		cloud.delete("Brand", f"{prefix} ACME")
		sync()
