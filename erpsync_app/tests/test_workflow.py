# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Documents with a workflow, on two real sites: each is led through the workflow of its site, step by step."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import frappe
import pytest
from frappe.model.workflow import apply_workflow

from erpsync_app import runs
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.tests.machine import forked
from erpsync_app.tests.support import Person, count, set_rules, sync
from erpsync_app.tests.test_life_cycle import Here, There, at_rest, in_step, order_of, rules, twin
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")

NAME, FIELD = "ERP Sync tests of orders", "workflow_state"
STATES = {"Sync Draft": 0, "Sync Asked": 0, "Sync Approved": 1, "Sync Packed": 1, "Sync Dropped": 2}
STEPS = (
	("Sync Draft", "Sync Ask", "Sync Asked"),
	("Sync Asked", "Sync Return", "Sync Draft"),
	("Sync Asked", "Sync Approve", "Sync Approved"),
	("Sync Approved", "Sync Pack", "Sync Packed"),
	("Sync Approved", "Sync Drop", "Sync Dropped"),
	("Sync Packed", "Sync Drop", "Sync Dropped"),
)


def set_up(side: Here, **role_of: str) -> None:
	"""An active workflow of Sales Orders; `role_of` names another role for the steps of an action."""
	for state in STATES:
		if not side.get("Workflow State", state):
			side.insert("Workflow State", workflow_state_name=state)
	for action in {action for _, action, _ in STEPS}:
		if not side.get("Workflow Action Master", action):
			side.insert("Workflow Action Master", workflow_action_name=action)
	side.insert(
		"Workflow",
		workflow_name=NAME,
		document_type="Sales Order",
		is_active=1,
		send_email_alert=0,
		workflow_state_field=FIELD,
		states=[
			{"state": state, "doc_status": str(status), "allow_edit": "Sales User"}
			for state, status in STATES.items()
		],
		transitions=[
			{
				"state": state,
				"action": action,
				"next_state": end,
				"allowed": role_of.get(action.split()[-1], "Sales User"),
				"allow_self_approval": 1,
			}
			for state, action, end in STEPS
		],
	)


def take_down(side: Here) -> None:
	for doctype, name in (("Workflow", NAME), ("Custom Field", f"Sales Order-{FIELD}")):
		if side.get(doctype, name):
			side.delete(doctype, name)


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person, prefix: str) -> Iterator[tuple[Here, Here]]:
	"""The side where orders are made, with the workflow, and the other one, which each test sets up by itself."""
	here, there = Here(), There(cloud)
	for side in (here, there):
		take_down(side)
	origin, mirror = (here, there) if request.param == "made here" else (there, here)
	set_up(origin)
	set_rules(*rules(prefix))
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} item", "All Item Groups"))
	yield origin, mirror
	frappe.db.rollback()
	for side in (here, there):
		take_down(side)


def take(side: Here, name: str, *actions: str) -> None:
	for action in actions:
		if isinstance(side, There):
			doc = json.dumps({"doctype": "Sales Order", "name": name})
			side.person.call("frappe.model.workflow.apply_workflow", doc=doc, action=f"Sync {action}")
		else:
			apply_workflow(frappe.get_doc("Sales Order", name), f"Sync {action}")
			frappe.db.commit()


def state(side: Here, name: str) -> tuple[str, int]:
	doc = side.get("Sales Order", name) or {}
	return doc[FIELD], doc["docstatus"]


def test_a_document_that_is_some_transitions_on_before_the_first_sync(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_up(mirror)
	orders = [origin.insert("Sales Order", **order_of(prefix))["name"] for _ in range(5)]
	for name, actions in zip(
		orders,
		((), ("Ask",), ("Ask", "Approve"), ("Ask", "Approve", "Pack"), ("Ask", "Approve", "Pack", "Drop")),
		strict=True,
	):
		take(origin, name, *actions)
	in_step()
	for name, reached in zip(orders, STATES.items(), strict=True):
		assert state(origin, name) == reached
		assert state(mirror, twin(name, origin)) == reached


def test_a_document_goes_on_by_whoever_is_next(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_up(mirror)
	name = origin.insert("Sales Order", **order_of(prefix))["name"]
	in_step()
	copy = twin(name, origin)
	origin.edit("Sales Order", name, po_no="PO-1")
	take(origin, name, "Ask")
	in_step()
	assert state(mirror, copy) == ("Sync Asked", 0)
	assert mirror.get("Sales Order", copy)["po_no"] == "PO-1"
	take(mirror, copy, "Return")
	in_step()
	assert state(origin, name) == ("Sync Draft", 0)
	take(origin, name, "Ask", "Approve")
	in_step()
	assert state(mirror, copy) == ("Sync Approved", 1)
	take(mirror, copy, "Pack", "Drop")
	in_step()
	assert state(origin, name) == ("Sync Dropped", 2)


def test_the_one_who_came_further_on_the_same_way_is_followed(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_up(mirror)
	name = origin.insert("Sales Order", **order_of(prefix))["name"]
	in_step()
	copy = twin(name, origin)
	take(origin, name, "Ask", "Approve")
	take(mirror, copy, "Ask")  # later, and not as far
	in_step()
	assert state(origin, name) == state(mirror, copy) == ("Sync Approved", 1)
	assert count("Sync Conflict") == 0


def test_a_walk_that_broke_off_is_gone_on_with(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_up(mirror)
	name = origin.insert("Sales Order", **order_of(prefix))["name"]
	in_step()
	take(origin, name, "Ask", "Approve")
	site = CloudSite if isinstance(mirror, There) else LocalSite
	taken = site.take

	def killed(self, *args):
		taken(self, *args)
		frappe.db.commit()  # as if the lease had been renewed just now
		os.kill(os.getpid(), signal.SIGKILL)

	def run() -> None:
		site.take = killed
		runs.sync(trigger="command")

	assert forked(run) == -signal.SIGKILL
	assert state(mirror, twin(name, origin)) == ("Sync Asked", 0)
	in_step()
	assert state(mirror, twin(name, origin)) == ("Sync Approved", 1)
	assert state(origin, name) == ("Sync Approved", 1)


def test_an_order_that_the_other_side_has_no_workflow_for(sides: tuple[Here, Here], prefix: str):
	"""Submitted and cancelled it is all the same."""
	origin, mirror = sides
	name = origin.insert("Sales Order", **order_of(prefix))["name"]
	take(origin, name, "Ask", "Approve")
	in_step()
	copy = twin(name, origin)
	assert mirror.get("Sales Order", copy)["docstatus"] == 1
	mirror.cancel("Sales Order", copy)
	in_step()
	# Frappe leaves the state as it is where a document is cancelled by no transition.
	assert state(origin, name) == ("Sync Approved", 2)


def why(name: str, origin: Here) -> str:
	mine = "cloud_name" if isinstance(origin, There) else "local_name"
	frappe.db.rollback()
	found = frappe.db.get_value(
		"Sync Record", {"ref_doctype": "Sales Order", mine: name}, ["status", "error"]
	)
	assert found and found[0] == "Failed", found
	return found[1]


def test_a_state_that_the_workflow_of_the_other_side_lacks_is_told(sides: tuple[Here, Here], prefix: str):
	origin, mirror = sides
	set_up(mirror)
	doc = mirror.get("Workflow", NAME)
	mirror.edit(
		"Workflow",
		NAME,
		states=[row for row in doc["states"] if row["state"] != "Sync Packed"],
		transitions=[
			row for row in doc["transitions"] if "Sync Packed" not in (row["state"], row["next_state"])
		],
	)
	first, second = (origin.insert("Sales Order", **order_of(prefix))["name"] for _ in range(2))
	take(origin, first, "Ask", "Approve", "Pack")
	take(origin, second, "Ask")
	sync()
	assert "has no state Sync Packed: add it there" in why(first, origin)
	assert state(mirror, twin(second, origin)) == ("Sync Asked", 0), "the rest flows"
	at_rest()


def test_the_role_that_is_missing_is_told(ledger: None, cloud: Person, prefix: str):
	here, there = Here(), There(cloud)
	try:
		for side in (here, there):
			take_down(side)
		set_up(here)
		set_up(there, Approve="Auditor")
		set_rules(*rules(prefix))
		here.insert(**customer(prefix))
		here.insert(**item(f"{prefix} item", "All Item Groups"))
		name = here.insert("Sales Order", **order_of(prefix))["name"]
		take(here, name, "Ask", "Approve")
		sync()
		assert why(name, here) == (
			f"The workflow {NAME} of the cloud site lets nobody without the role Auditor lead a document from Sync Draft"
			" to Sync Approved: give it to the sync user there."
		)
		at_rest()
	finally:
		frappe.db.rollback()
		for side in (here, there):
			take_down(side)
