# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The ledger in the local site's database, whatever that is: the contract suite of ledgers, and what it alone does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import frappe
import pytest
from frappe.utils import add_days, now_datetime

pytest.register_assert_rewrite("erpsync_app.sandbox.tests.ledger_contract")

from erpsync_app.adapters.ledger import SiteLedger, insert_rows  # noqa: E402
from erpsync_app.adapters.transactions import begin_writing  # noqa: E402
from erpsync_app.engine.errors import Duplicate, Stale  # noqa: E402
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Clash, LogEntry, Outcome  # noqa: E402
from erpsync_app.erp_sync.doctype.sync_log import sync_log  # noqa: E402
from erpsync_app.sandbox.ledger import Conflict  # noqa: E402
from erpsync_app.sandbox.tests.ledger_contract import *  # noqa: E402, F403
from erpsync_app.sandbox.tests.ledger_contract import OPEN, SETTLED, saved  # noqa: E402
from erpsync_app.tests.support import LOCAL_SITE, count, set_rules  # noqa: E402

pytestmark = pytest.mark.usefixtures("ledger")

MEANWHILE = """
import sys, frappe
frappe.init(site=sys.argv[1], sites_path=".")
frappe.connect()
if sys.argv[3] == "chosen":
	frappe.db.set_value("Sync Record", sys.argv[2], "choice", "By hand")
else:
	frappe.db.delete("Sync Record", {"name": sys.argv[2]})
frappe.db.commit()
"""


@pytest.fixture
def store() -> SiteLedger:
	return SiteLedger()


@pytest.fixture
def doctype(prefix: str) -> str:
	return f"{prefix} Item"


@pytest.fixture
def ruled() -> str:
	set_rules({"ref_doctype": "Note", "enabled": 0})
	return "Note"


def stored_rows(table: str, doctype: str) -> list[dict[str, Any]]:
	frappe.db.rollback()  # what is not committed is not stored
	rows = frappe.get_all(table, {"ref_doctype": doctype}, ["*"], order_by="creation asc, name asc")
	names = ("local_name", "cloud_name")
	return [
		{**row, "names": {side: row[n] or None for side, n in zip(SIDES, names, strict=True)}} for row in rows
	]


@pytest.fixture
def conflicts(doctype: str) -> Callable[[], list[Conflict]]:
	def read() -> list[Conflict]:
		return [
			Conflict(
				doctype,
				row["names"],
				tuple(Clash(**clash) for clash in json.loads(row["clashes"])),
				row["resolution"] or None,
				row["refused"] or None,
			)
			for row in stored_rows("Sync Conflict", doctype)
		]

	return read


@pytest.fixture
def trail(doctype: str) -> Callable[[], list[LogEntry]]:
	def read() -> list[LogEntry]:
		return [
			LogEntry(
				doctype,
				row["names"],
				row["operation"],
				row["outcome"],
				row["direction"] or None,
				tuple((row["changed_fields"] or "").split()),
				json.loads(row["overwritten"]) if row["overwritten"] else None,
				row["message"] or "",
				row["duration_ms"],
				row["trigger"] or "",
				row["run"] or "",
			)
			for row in stored_rows("Sync Log", doctype)
		]

	return read


def test_what_is_saved_is_committed(store, binding, doctype):
	stored = saved(store, binding())
	frappe.db.rollback()
	assert store.bindings(doctype, LOCAL, ["L"]) == {"L": stored}


def test_the_desk_shows_a_conflict_with_its_record(store, binding, doctype):
	stored = saved(store, binding(), clashes=OPEN)
	(row,) = stored_rows("Sync Conflict", doctype)
	assert (row["status"], row["record"]) == ("Open", stored.id)
	saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	(row,) = stored_rows("Sync Conflict", doctype)
	assert (row["status"], row["winner"], row["resolved_by"]) == ("Resolved", "cloud", "Administrator")


def test_a_local_write_goes_with_a_save_that_fails(store, binding):
	stored = saved(store, binding())
	note = frappe.get_doc({"doctype": "Note", "title": stored.doctype}).insert()
	with pytest.raises(Duplicate):
		store.save([Outcome(binding("L", "other"))])
	assert not frappe.db.exists("Note", note.name)


def meanwhile(record: str, change: str) -> None:
	"""Another process is at a Sync Record."""
	subprocess.run([sys.executable, "-c", MEANWHILE, LOCAL_SITE, record, change], check=True)


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("change", ["chosen", "forgotten"])
def test_someone_at_the_same_record_in_the_meantime(store, binding, change, forget, anew):
	"""Whether it was changed before or after the transaction began: nothing is stored, nor the local write."""
	stored = saved(store, binding())
	if anew:
		frappe.db.close()
	store.bindings(stored.doctype, LOCAL, ["L"])  # the snapshot begins
	meanwhile(stored.id, change)
	begin_writing()  # as the local site does
	note = frappe.get_doc({"doctype": "Note", "title": stored.doctype}).insert()
	entry = LogEntry(stored.doctype, {LOCAL: "L", CLOUD: "C"}, "update", "Success")
	with pytest.raises(Stale):
		store.save([Outcome(replace(stored, error="ours"), log=(entry,), forget=forget)])
	now = store.bindings(stored.doctype, LOCAL, ["L"])
	if change == "chosen":
		assert (now["L"].error, now["L"].choice) == (None, "By hand")
		saved(store, replace(now["L"], error="ours"))
	else:
		assert now == {}
	assert count("Sync Log", ref_doctype=stored.doctype) == 0
	assert not frappe.db.exists("Note", note.name)


def test_a_save_after_someone_else_was_at_another_record(store, binding):
	first, other = saved(store, binding()), saved(store, binding("M", "D"))
	store.bindings(first.doctype, LOCAL, ["L"])  # the snapshot begins
	meanwhile(other.id, "chosen")
	saved(store, replace(first, error="ours"))
	assert store.bindings(first.doctype, LOCAL, ["L"])["L"].error == "ours"


def test_more_names_than_one_query_takes(store, binding):
	names = [f"{n:04}" for n in range(450)]
	bound = store.save([Outcome(binding(name, name)) for name in names])
	assert list(store.names(bound[0].doctype, CLOUD, names)) == names


def test_log_settings_clear_the_trail_by_age(ledger, monkeypatch):
	monkeypatch.setattr(sync_log, "BATCH", 2)
	rows = insert_rows(
		"Sync Log", [{"ref_doctype": "Customer", "operation": "bind", "outcome": "Success"}] * 6
	)
	old = add_days(now_datetime(), -31)
	frappe.db.set_value("Sync Log", {"name": ("in", rows[:5])}, "creation", old, update_modified=False)
	frappe.db.commit()
	log_settings = frappe.get_doc("Log Settings")
	log_settings.logs_to_clear = [row for row in log_settings.logs_to_clear if row.ref_doctype != "Sync Log"]
	log_settings.add_default_logtypes()
	assert [row.days for row in log_settings.logs_to_clear if row.ref_doctype == "Sync Log"] == [90]

	sync_log.SyncLog.clear_old_logs(30)
	frappe.db.rollback()
	assert frappe.get_all("Sync Log", pluck="name") == rows[5:]


def test_who_chose_in_the_desk_is_kept(store, binding):
	stored = saved(store, binding(), clashes=OPEN)
	name = frappe.db.get_value("Sync Conflict", {"record": stored.id})
	frappe.db.set_value("Sync Conflict", name, "resolved_by", "someone@example.com")
	frappe.db.commit()
	stored = saved(store, stored, clashes=SETTLED, settled="Keep cloud")
	assert stored_rows("Sync Conflict", stored.doctype)[0]["resolved_by"] == "someone@example.com"
