# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A worker that stands still for longer than its lease, in the middle of a create: another one has done its work when
it goes on. Nothing doubles."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import frappe
import pytest

from erpsync_app import runs
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.engine.errors import Stale, Unavailable
from erpsync_app.engine.late import LATE
from erpsync_app.tests.support import LOCAL_SITE, Person, count, only, set_rules, sync
from erpsync_app.tests.test_life_cycle import Here, There, at_rest, in_step, order_of, rules
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")

ANOTHER = """
import sys, frappe
frappe.init(site=sys.argv[1], sites_path=".")
frappe.connect()
frappe.set_user("Administrator")
frappe.db.sql("update `tabSync Event` set lease_until = '2020-01-01' where state = 'Processing'")
frappe.db.commit()
from erpsync_app import runs
run = runs.drain(trigger="command")
assert run.done, "there was work to do"
assert run.stopped is None, run.stopped
"""

REFUSED = "refused"
"""In place of the name of what was created late: the database would not have it."""


def another_worker() -> None:
	subprocess.run([sys.executable, "-c", ANOTHER, LOCAL_SITE], check=True)


def stalled(
	monkeypatch: pytest.MonkeyPatch, site: type, doctype: str, when: str, seconds: float = 0
) -> list[str]:
	"""Once, before or after a create of the DocType, another worker does all there is; answers what was created late, so
	many `seconds` after that."""
	create: Callable[..., dict] = site.create
	late: list[str] = []

	def create_late(self, of: str, *values) -> dict:
		first = of == doctype and not late
		if first and when == "before":
			late.append("")
			another_worker()
			time.sleep(seconds)
		try:
			made = create(self, of, *values)
		except Stale:
			# MariaDB from 11.6 on refuses a write to a row (the series', here) that changed since the transaction began.
			if first:
				late[:] = [REFUSED]
			raise
		if first:
			late[:] = [made["name"]]
		if first and when == "after":
			another_worker()
		return made

	monkeypatch.setattr(site, "create", create_late)
	return late


def nothing_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
	def unanswered(self, doctype: str, name: str, modified: str) -> None:
		raise Unavailable(f"The cloud site did not answer when it was asked to delete {doctype} {name}.")

	monkeypatch.setattr(CloudSite, "delete", unanswered)


CASES = [("here", "before"), ("here", "after"), ("in the cloud", "before")]
"""Where the document is made first. A local one that was created is not there for anyone until it is recorded."""


@pytest.mark.parametrize("doctype", ["Note", "Sales Order"])
@pytest.mark.parametrize(("where", "when"), CASES)
def test_a_create_that_comes_too_late(
	cloud: Person, prefix: str, monkeypatch: pytest.MonkeyPatch, where: str, when: str, doctype: str
):
	set_rules(*rules(prefix), only("Note", prefix, "title", naming="own"))
	here, there = Here(), There(cloud)
	origin, mirror = (here, there) if where == "here" else (there, here)
	origin.insert(**customer(prefix))
	origin.insert(**item(f"{prefix} item", "All Item Groups"))
	in_step()
	values = {"title": prefix, "public": 1} if doctype == "Note" else order_of(prefix)
	origin.insert(doctype, **values)
	late = stalled(monkeypatch, CloudSite if where == "here" else LocalSite, doctype, when)
	assert runs.sync(trigger="command").stopped is None
	assert late != [""], "it was created late, or refused"
	assert late != [REFUSED] or (where, when) == ("in the cloud", "before")
	in_step()
	assert (mirror.get(doctype, late[0]) is not None) == (when == "after")
	check_once(cloud, prefix, doctype)


def make_too_late(monkeypatch: pytest.MonkeyPatch, here: Here, prefix: str, doctype: str, way: str) -> str:
	"""What was made too late in the cloud and could not be deleted again."""
	set_rules(*rules(prefix, direction=way), only("Note", prefix, "title", naming="own", direction=way))
	here.insert(**customer(prefix))
	here.insert(**item(f"{prefix} item", "All Item Groups"))
	in_step()
	here.insert(doctype, **({"title": prefix, "public": 1} if doctype == "Note" else order_of(prefix)))
	late = stalled(monkeypatch, CloudSite, doctype, "before", LATE.total_seconds())
	nothing_is_deleted(monkeypatch)
	assert "did not answer" in (runs.sync(trigger="command").stopped or "")
	monkeypatch.undo()
	return late[0]


@pytest.mark.parametrize("way", ["bidirectional", "local_to_cloud"])
@pytest.mark.parametrize("doctype", ["Note", "Sales Order"])
def test_what_could_not_be_taken_back_is_deleted_by_the_next_run(
	cloud: Person, prefix: str, monkeypatch: pytest.MonkeyPatch, doctype: str, way: str
):
	there = There(cloud)
	late = make_too_late(monkeypatch, Here(), prefix, doctype, way)
	assert there.get(doctype, late) is not None
	in_step()
	assert there.get(doctype, late) is None
	(entry,) = frappe.get_all("Sync Log", {"ref_doctype": doctype, "cloud_name": late}, ["*"])
	assert entry.operation == "delete" and "made a second time" in entry.message
	check_once(cloud, prefix, doctype)


@pytest.mark.parametrize("doctype", ["Note", "Sales Order"])
def test_what_a_person_has_edited_by_then_is_told_until_a_person_deletes_it(
	cloud: Person, prefix: str, monkeypatch: pytest.MonkeyPatch, doctype: str
):
	there = There(cloud)
	late = make_too_late(monkeypatch, Here(), prefix, doctype, "bidirectional")
	there.edit(doctype, late, **({"content": "theirs"} if doctype == "Note" else {"po_no": "theirs"}))
	assert sync().counts["failed"] == 1
	assert there.get(doctype, late) is not None
	assert count(doctype, **{"title" if doctype == "Note" else "customer": prefix}) == 1
	(failed,) = frappe.get_all("Sync Record", {"status": "Failed"}, ["ref_doctype", "cloud_name", "error"])
	assert (failed.ref_doctype, failed.cloud_name) == (doctype, late)
	assert "made it a second time" in failed.error and "delete this one" in failed.error
	at_rest()
	there.delete(doctype, late)
	in_step()
	assert count("Sync Record", status=("!=", "Synced")) == 0
	check_once(cloud, prefix, doctype)


def check_once(cloud: Person, prefix: str, doctype: str) -> None:
	field = "title" if doctype == "Note" else "customer"
	assert count(doctype, **{field: prefix}) == 1
	found = cloud.call("frappe.client.get_list", doctype=doctype, filters={field: prefix})
	assert len(found) == 1
	(record,) = frappe.get_all("Sync Record", {"ref_doctype": doctype, "local_name": ("is", "set")}, ["*"])
	assert (record.status, record.intent_side) == ("Synced", None)
