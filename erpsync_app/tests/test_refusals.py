# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a site refuses: told at once and by name, and tried again when something has changed. On two real sites."""

from __future__ import annotations

import time

import frappe
import pytest

from erpsync_app import runs
from erpsync_app.tests.machine import erpsync
from erpsync_app.tests.support import Person, count, only, set_rules, set_setting, sync
from erpsync_app.tests.test_life_cycle import Here, There, in_step
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture(autouse=True)
def as_shipped(ledger: None):
	"""As many tries, and as far apart, as a new installation has them."""
	set_setting(max_attempts=8, backoff_seconds=5)
	yield
	frappe.db.rollback()
	set_setting(max_attempts=3, backoff_seconds=1)


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, cloud: Person) -> tuple[Here, Here]:
	here, there = Here(), There(cloud)
	return (here, there) if request.param == "made here" else (there, here)


def contact_of_a_user(origin: Here, prefix: str) -> tuple[str, str]:
	"""A Contact that names a User whom the other side lacks; the names of both. A User brings a Contact along by itself,
	which is not this one."""
	user = f"{prefix.lower()}@example.com"
	origin.insert("User", email=user, first_name="Somebody", send_welcome_email=0)
	return origin.insert("Contact", first_name=f"{prefix} contact", user=user)["name"], user


def test_sync_names_what_did_not_cross_and_why_at_once(sides: tuple[Here, Here], prefix: str) -> None:
	origin, mirror = sides
	set_rules(only("Contact", prefix, "first_name"), only("Customer", prefix))
	contact, user = contact_of_a_user(origin, prefix)
	origin.insert(**customer(prefix))
	sync_began = time.monotonic()
	run = sync()
	assert time.monotonic() - sync_began < 15
	assert mirror.get("Customer", prefix), "the rest flows"
	(line,) = run.errors
	assert line.startswith(f"Contact {contact}: ") and user in line
	assert (run.left, run.counts["retried"] > 0) == (1, True)

	said = erpsync("sync")
	assert said.code == 1
	assert f"Contact {contact}: " in said.out and user in said.out
	said = erpsync("sync", "--json")
	assert said.json["ok"] is False and contact in said.json["errors"][0]

	mirror.insert("User", email=user, first_name="Somebody", send_welcome_email=0)
	for _ in range(2):
		run = sync()
	assert run.errors == [] and mirror.get("Contact", contact)["user"] == user


def test_what_failed_is_tried_again_when_it_changed(sides: tuple[Here, Here], prefix: str) -> None:
	"""Its barcode is another item's on the other side, where no rule takes that one up."""
	origin, mirror = sides
	set_setting(max_attempts=2)
	set_rules(only("Item", prefix))
	name, barcode = f"{prefix} one", f"{prefix}-code"
	mirror.insert(**item(f"X{prefix}", "All Item Groups"), barcodes=[{"barcode": barcode}])
	origin.insert(**item(name, "All Item Groups"), barcodes=[{"barcode": barcode}])
	frappe.db.delete("Sync Event")
	frappe.db.commit()
	sync()
	due = {"ref_doctype": "Item", "docname": name}
	frappe.db.set_value("Sync Event", due, "next_try", None, update_modified=False)
	frappe.db.commit()
	assert barcode in " ".join(sync().errors)

	def attempts() -> list[tuple]:
		frappe.db.rollback()
		return frappe.get_all("Sync Event", due, ["state", "attempts"], as_list=True)

	assert attempts() == (("Failed", 2),)
	for _ in range(3):
		run = sync()
		assert [line.split(": ")[0] for line in run.errors] == [f"Item {name}"], "it is told each time"
	assert attempts() == (("Failed", 2),)
	assert run.done == 0, "and not tried"

	run = runs.sync(trigger="command", doctype="Item", name=name)
	assert run.done == 1, "unless a person says so"
	origin.edit("Item", name, barcodes=[])
	in_step()
	assert mirror.get("Item", name)
	assert count("Sync Record", status="Failed") == 0


def test_a_saved_rule_tries_again_what_failed(cloud: Person, prefix: str) -> None:
	set_setting(max_attempts=1)
	set_rules(only("Contact", prefix, "first_name"))
	contact, _ = contact_of_a_user(Here(), prefix)
	assert sync().left == 1
	frappe.db.set_value("Sync Event", {"docname": contact}, "blocked", 0)
	frappe.db.commit()
	rule = frappe.get_doc("Sync Rule", "Contact")
	rule.update({"exclude_fields": "user"})
	rule.save()
	frappe.db.commit()
	in_step()
	assert cloud.get("Contact", contact)
