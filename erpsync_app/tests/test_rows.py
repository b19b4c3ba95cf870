# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Rows of child tables on two real ERPNext sites: added, changed, removed and moved on both, through real controllers.

An order is told by its rows as "a=1 b=2": items and quantities, in order.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import frappe
import pytest
from frappe.utils import add_days, today

from erpsync_app import runs
from erpsync_app.adapters.ledger import SiteLedger
from erpsync_app.adapters.rest_client import RestClient
from erpsync_app.api.desk import settle
from erpsync_app.engine.errors import Unclear
from erpsync_app.engine.rows import copy_name
from erpsync_app.tests.machine import forked
from erpsync_app.tests.support import Person, count, last_conflict, set_rules, sync
from erpsync_app.tests.test_life_cycle import Here, There, in_step, order_of, twin
from erpsync_app.tests.test_life_cycle import rules as rules_of
from erpsync_app.tests.test_main_job import customer, insert_here, item

pytestmark = pytest.mark.usefixtures("ledger")

ITEMS = "abcde"


class Order:
	"""One Sales Order, as it is on each side."""

	def __init__(self, prefix: str, here: Here, there: Here, name: str):
		self.prefix = prefix
		self.sides = {"here": (here, name), "there": (there, twin(name, here))}

	def rows(self, side: str) -> list[dict]:
		someone, name = self.sides[side]
		# As a browser has them: all dates as text.
		rows = json.loads(frappe.as_json(someone.get("Sales Order", name)["items"]))
		return sorted(rows, key=lambda row: row["idx"])

	def told(self, side: str) -> str:
		return " ".join(f"{self._short(row)}={row['qty']:g}" for row in self.rows(side))

	def edit(self, side: str, text: str, **cells) -> None:
		"""Make the rows what `text` says; a row stays itself by its item."""
		someone, name = self.sides[side]
		held = {self._short(row): row for row in self.rows(side)}
		rows = []
		for n, word in enumerate(text.split(), start=1):
			short, _, qty = word.partition("=")
			row = held.get(short) or row_of(self.prefix, short)
			rows.append({**row, "idx": n, "qty": float(qty), **cells.get(short, {})})
		someone.edit("Sales Order", name, items=rows)

	def _short(self, row: dict) -> str:
		return row["item_code"].removeprefix(f"{self.prefix} ")

	def check(self, expected: str) -> None:
		"""Both sides hold these rows, each once, and their totals; and nothing is left to do."""
		in_step()
		assert (self.told("here"), self.told("there")) == (expected, expected)
		for someone, name in self.sides.values():
			doc = someone.get("Sales Order", name)
			assert doc["total_qty"] == sum(row["qty"] for row in doc["items"])
			assert doc["grand_total"] == sum(row["amount"] for row in doc["items"]) > 0


def row_of(prefix: str, short: str, qty: float = 1) -> dict:
	(row,) = order_of(prefix)["items"]
	return {**row, "item_code": f"{prefix} {short}", "qty": qty, "rate": 10}


@pytest.fixture
def order(cloud: Person, prefix: str) -> Order:
	"""A draft of three rows, in step on both sides."""
	set_rules(*rules_of(prefix))
	here = Here()
	here.insert(**customer(prefix))
	for short in ITEMS:
		here.insert(**item(f"{prefix} {short}", "All Item Groups"))
	rows = [row_of(prefix, short, n) for n, short in enumerate("abc", start=1)]
	made = here.insert("Sales Order", **{**order_of(prefix), "items": rows})
	in_step()
	order = Order(prefix, here, There(cloud), made["name"])
	order.check("a=1 b=2 c=3")
	return order


@pytest.mark.parametrize(
	("here", "there", "after"),
	[
		("a=1 b=2 c=3 d=4", "a=9 b=2", "a=9 b=2 d=4"),
		("a=1 b=2 c=3 d=4", "a=1 b=2 c=3 e=5", "a=1 b=2 c=3 d=4 e=5"),
		("c=3 a=1 b=2", "a=1 b=7 c=3", "c=3 a=1 b=7"),
		("a=1 b=2 d=4 c=3", "c=3 a=1 b=2", "c=3 a=1 b=2 d=4"),
		("c=3", "a=1 b=2 c=6", "c=6"),
	],
	ids=["added, changed and removed", "added on each", "moved", "moved and added", "removed"],
)
def test_what_both_sides_made_of_the_rows_meets(order: Order, here: str, there: str, after: str):
	names = {row["item_code"]: row["name"] for side in order.sides for row in order.rows(side)}
	order.edit("here", here)
	order.edit("there", there)
	order.check(after)
	# Both sites have put the payment schedule to their own totals meanwhile: that is told, and settled.
	told = frappe.get_all("Sync Conflict", {"ref_doctype": "Sales Order"}, pluck="clashes")
	assert {clash["field"] for clashes in told for clash in json.loads(clashes)} <= {"payment_schedule"}
	# A row stays itself: what links to it goes on linking to it.
	stayed = {row["item_code"]: row["name"] for side in order.sides for row in order.rows(side)}
	assert all(stayed[code] == name for code, name in names.items() if code in stayed)


def test_from_round_to_round(order: Order):
	for side, text in (
		("there", "a=1 b=2 c=3 d=4"),
		("here", "d=4 b=2 a=1"),
		("there", "d=5 a=1 e=6"),
		("here", "e=6 d=5"),
	):
		order.edit(side, text)
		order.check(text)


def test_two_cells_of_one_row_and_one_that_clashes(order: Order, prefix: str):
	set_rules(*rules_of(prefix, policy="local_wins"))
	order.edit("here", "a=5 b=2 c=3", b={"additional_notes": "from here"})
	order.edit("there", "a=7 b=8 c=3")
	order.check("a=5 b=8 c=3")
	notes = {side: [row.get("additional_notes") for row in order.rows(side)] for side in order.sides}
	assert notes["here"] == notes["there"] == [None, "from here", None]
	conflict = last_conflict("Sales Order", order.sides["here"][1])
	clash = conflict["clashes"]["items"]
	assert (conflict["resolution"], clash["winner"]) == ("local_wins", "local")
	assert [[row["qty"] for row in clash[version]] for version in ("base", "local", "cloud")] == [
		[1],
		[5],
		[7],
	]


@pytest.mark.parametrize("side", ["here", "there"])
def test_an_edit_of_a_row_beats_its_removal(order: Order, side: str):
	order.edit(side, "a=5 b=2 c=3")
	order.edit("there" if side == "here" else "here", "b=2 c=3")
	order.check("a=5 b=2 c=3")
	assert last_conflict("Sales Order", order.sides["here"][1])["resolution"] == "Edit beats delete"


def test_a_clash_that_waits_holds_the_table_whole(order: Order, prefix: str):
	set_rules(*rules_of(prefix, policy="manual"))
	order.edit("here", "a=5 b=2 c=3 d=4")
	order.edit("there", "a=7 b=2")
	in_step()
	assert (order.told("here"), order.told("there")) == ("a=5 b=2 c=3 d=4", "a=7 b=2")
	conflict = last_conflict("Sales Order", order.sides["here"][1])
	assert conflict["status"] == "Open"
	settle(conflict["name"], "keep_cloud")
	order.check("a=7 b=2 d=4")


def test_rows_of_a_submitted_order(order: Order):
	here, name = order.sides["here"]
	here.submit("Sales Order", name)
	in_step()
	days = {"here": "2031-01-01", "there": "2031-03-03"}
	order.edit("here", "a=1 b=2 c=3", a={"delivery_date": days["here"]})
	order.edit("there", "a=1 b=2 c=3", c={"delivery_date": days["there"]})
	in_step()
	for side in order.sides:
		assert [str(row["delivery_date"]) for row in order.rows(side)][::2] == list(days.values())


def sync_unanswered(what: str, monkeypatch) -> None:
	"""A run whose write to the cloud takes effect, by a path that holds `what`, and is never answered."""
	post = RestClient.post

	def unclear(self, path, arguments, **more):
		answer = post(self, path, arguments, **more)
		if what in path:
			raise Unclear("The answer was lost.")
		return answer

	with monkeypatch.context() as patched:
		patched.setattr(RestClient, "post", unclear)
		assert runs.sync(trigger="command").stopped
	frappe.db.rollback()


def test_an_order_whose_create_was_never_answered_is_known_whatever_was_made_of_it(
	order: Order, cloud: Person, prefix: str, monkeypatch
):
	rows = [row_of(prefix, short, n) for n, short in enumerate("ab", start=1)]
	mine = order.sides["here"][0].insert(
		"Sales Order", **{**order_of(prefix), "items": rows, "po_no": "sent"}
	)
	sync_unanswered("/document/", monkeypatch)

	def in_the_cloud() -> list[str]:
		found = cloud.call("frappe.client.get_list", doctype="Sales Order", filters={"customer": prefix})
		return [row["name"] for row in found if row["name"] != order.sides["there"][1]]

	(made,) = in_the_cloud()
	later = str(add_days(today(), 30))
	rows = cloud.get("Sales Order", made)["items"]
	items = [{**row, "qty": 7 + n, "rate": 3, "delivery_date": later} for n, row in enumerate(rows)]
	cloud.edit("Sales Order", made, po_no="edited", delivery_date=later, items=items)
	in_step()
	assert in_the_cloud() == [made]
	assert count("Sales Order", customer=prefix) == 2
	assert frappe.db.get_value("Sales Order", mine["name"], "po_no") == "edited"
	assert twin(mine["name"], order.sides["here"][0]) == made


def test_a_row_whose_write_was_never_answered_does_not_double(order: Order, monkeypatch):
	order.edit("here", "a=1 b=2 c=3 d=4")
	sync_unanswered("set_value", monkeypatch)
	assert order.told("there") == "a=1 b=2 c=3 d=4"
	assert order.rows("there")[3]["name"] == copy_name(order.rows("here")[3]["name"])
	order.edit("there", "a=1 b=2 c=3 d=8")
	order.check("a=1 b=2 c=3 d=8")


def test_a_run_that_is_killed_after_its_write_leaves_no_row_twice(order: Order):
	order.edit("here", "a=1 b=2 c=3 d=4")
	order.edit("there", "a=1 b=9 c=3 e=5")

	def killed() -> None:
		save = SiteLedger.save

		def die(self, outcomes):
			if any(entry.operation == "update" for outcome in outcomes for entry in outcome.log):
				os.kill(os.getpid(), signal.SIGKILL)
			return save(self, outcomes)

		SiteLedger.save = die
		sync()

	assert forked(killed) == -signal.SIGKILL
	assert order.told("there") == "a=1 b=9 c=3 d=4 e=5", "the cloud was written, and nothing was recorded"
	order.edit("there", "e=5 a=1 b=9 c=3 d=6")
	order.check("e=5 a=1 b=9 c=3 d=6")


def test_a_record_from_before_there_was_a_row_map(order: Order):
	frappe.db.sql("update `tabSync Record` set row_map = null")
	frappe.db.commit()
	in_step()
	order.edit("here", "a=1 b=2 c=3 d=4")
	order.edit("there", "a=9 c=3")
	order.check("a=9 c=3 d=4")
	row_map = json.loads(frappe.db.get_value("Sync Record", {"ref_doctype": "Sales Order"}, "row_map"))
	assert len(row_map["items"]["same"]) == 3


@pytest.fixture
def multiselect(ledger: None, cloud: Person) -> Iterator[str]:
	"""A field of Customers on both sites: ERPNext's own Table MultiSelects are read-only or in rare DocTypes."""
	field = {
		"doctype": "Custom Field",
		"dt": "Customer",
		"fieldname": "erpsync_competitors",
		"label": "Competitors",
		"fieldtype": "Table MultiSelect",
		"options": "Competitor Detail",
	}
	name = f"{field['dt']}-{field['fieldname']}"
	insert_here(field)
	cloud.insert(**field)
	yield field["fieldname"]
	frappe.delete_doc("Custom Field", name)
	frappe.db.commit()
	cloud.delete("Custom Field", name)


def test_a_table_multiselect(cloud: Person, prefix: str, multiselect: str):
	set_rules(
		{"ref_doctype": "Competitor", "filters": json.dumps([["competitor_name", "like", f"{prefix}%"]])},
		{"ref_doctype": "Customer", "filters": json.dumps([["customer_name", "like", f"{prefix}%"]])},
	)
	for short in "abcd":
		insert_here({"doctype": "Competitor", "competitor_name": f"{prefix} {short}"})
	insert_here(customer(prefix, **{multiselect: [{"competitor": f"{prefix} {short}"} for short in "ab"]}))
	in_step()

	def now(someone: Here) -> list[dict]:
		return sorted(someone.get("Customer", prefix)[multiselect], key=lambda row: row["idx"])

	here, there = Here(), There(cloud)
	ours, theirs = now(here), now(there)
	here.edit("Customer", prefix, **{multiselect: [*ours, {"competitor": f"{prefix} c"}]})
	there.edit("Customer", prefix, **{multiselect: [theirs[1], {"competitor": f"{prefix} d"}]})
	in_step()
	after = [
		[row["competitor"].removeprefix(f"{prefix} ") for row in now(someone)] for someone in (here, there)
	]
	assert after[0] == after[1]
	assert sorted(after[0]) == ["b", "c", "d"]
	assert count("Sync Conflict", ref_doctype="Customer") == 0
