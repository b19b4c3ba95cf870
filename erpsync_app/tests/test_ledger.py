# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The ledger in the local site's database, whatever that is. It passes the same tests as the sandbox's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import frappe
import pytest
from frappe.utils import add_days, now_datetime

from erpsync_app.adapters.ledger import SiteLedger, insert_rows
from erpsync_app.engine.errors import Duplicate, Stale
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	TRAIL,
	Binding,
	Clash,
	Cursor,
	Held,
	Intent,
	LogEntry,
	Outcome,
)
from erpsync_app.erp_sync.doctype.sync_log import sync_log
from erpsync_app.tests.support import LOCAL_SITE, count, set_rules

pytestmark = pytest.mark.usefixtures("ledger")

HELD = {
	LOCAL: Held({"a": 1, "rows": [{"b": None}]}, "2026-01-01 00:00:00.500000"),
	CLOUD: Held({"a": "ü ' %s :x"}, "2026-01-02 00:00:00", docstatus=1),
}
OPEN = (Clash("a", 1, 2, 3),)
SETTLED = (Clash("a", 1, 2, 3, winner=CLOUD),)

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
def binding(prefix: str) -> Callable[..., Binding]:
	def make(local: str | None = "L", cloud: str | None = "C", **values) -> Binding:
		return Binding(
			f"{prefix} Item", {LOCAL: local, CLOUD: cloud}, **{"held": HELD, "status": "Synced", **values}
		)

	return make


def saved(store: SiteLedger, b: Binding, **outcome) -> Binding:
	(stored,) = store.save([Outcome(b, **outcome)])
	frappe.db.rollback()
	return stored


def conflicts(b: Binding) -> list[dict]:
	frappe.db.rollback()
	rows = frappe.get_all(
		"Sync Conflict",
		filters={"ref_doctype": b.doctype},
		fields=[
			"status",
			"resolution",
			"winner",
			"clashes",
			"record",
			"resolved_by",
			"local_name",
			"cloud_name",
		],
		order_by="creation asc, name asc",
	)
	return [{**row, "clashes": tuple(Clash(**c) for c in json.loads(row["clashes"]))} for row in rows]


def resolutions(b: Binding) -> list[tuple[tuple[Clash, ...], str | None]]:
	return [(row["clashes"], row["resolution"] or None) for row in conflicts(b)]


def test_a_binding_is_read_as_it_was_saved(store, binding):
	intent = Intent(CLOUD, datetime(2026, 1, 1, 12, 30, tzinfo=timezone.utc), {"a": [1]})
	stored = saved(store, binding(intent=intent, status="Failed", error="Why.", choice="Keep local"))
	assert stored.id
	assert replace(stored, id=None, version="") == binding(
		intent=intent, status="Failed", error="Why.", choice="Keep local"
	)
	doctype = stored.doctype
	(read,) = store.bindings(doctype, LOCAL, ["L", "x"]).values()
	assert replace(read, held=dict(read.held)) == stored
	assert list(store.bindings(doctype, CLOUD, ["C", "L"])) == ["C"]
	assert store.bindings("Other", LOCAL, ["L"]) == store.bindings(doctype, LOCAL, []) == {}


def test_a_binding_takes_the_place_of_the_one_before(store, binding):
	stored = saved(store, binding())
	changed = saved(store, replace(stored, names={LOCAL: "M", CLOUD: "C"}, held={}))
	assert changed.id == stored.id
	assert store.bindings(stored.doctype, CLOUD, ["C"])["C"].names[LOCAL] == "M"
	assert count("Sync Record", ref_doctype=stored.doctype) == 1


def test_many_bindings_without_a_name_on_a_side(store, binding):
	first, second = saved(store, binding("a", None)), saved(store, binding("b", None))
	saved(store, binding(None, "a"))
	saved(store, binding(None, "b"))
	assert first.id != second.id
	assert store.names(first.doctype, LOCAL, ["a", "b"]) == {}


@pytest.mark.parametrize("names", [("L", "other"), ("other", "C"), ("L", None)])
def test_a_name_is_bound_once_and_nothing_of_the_call_is_stored(store, binding, names):
	stored = saved(store, binding())
	entry = LogEntry(stored.doctype, {LOCAL: "x", CLOUD: "y"}, "bind", "Success")
	with pytest.raises(Duplicate):
		store.save([Outcome(binding("x", "y"), log=(entry,), clashes=OPEN), Outcome(binding(*names))])
	# and the transaction is one to go on with
	assert store.bindings(stored.doctype, LOCAL, ["L", "x"]) == {"L": stored}
	assert (
		count("Sync Log", ref_doctype=stored.doctype)
		== count("Sync Conflict", ref_doctype=stored.doctype)
		== 0
	)
	saved(store, replace(binding(), doctype=f"{stored.doctype} 2"))


def test_a_bound_name_cannot_be_taken_by_a_change_either(store, binding):
	saved(store, binding())
	other = saved(store, binding("x", "y"))
	with pytest.raises(Duplicate):
		store.save([Outcome(replace(other, names={LOCAL: "x", CLOUD: "C"}))])
	assert store.names(other.doctype, LOCAL, ["x"]) == {"x": "y"}


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


def test_stamps_and_names(store, binding):
	doctype = saved(store, binding("a", "A")).doctype
	saved(store, binding("b", "B", held={LOCAL: HELD[LOCAL]}))
	assert store.stamps(doctype, LOCAL, ["a", "b", "c"]) == dict.fromkeys(("a", "b"), HELD[LOCAL].modified)
	assert store.stamps(doctype, CLOUD, ["A", "B"]) == {"A": HELD[CLOUD].modified, "B": ""}
	assert store.names(doctype, LOCAL, ["a", "b", "c"]) == {"a": "A", "b": "B"}
	assert store.names(doctype, CLOUD, ["B"]) == {"B": "b"}


def test_more_names_than_one_query_takes(store, binding):
	names = [f"{n:04}" for n in range(450)]
	bound = store.save([Outcome(binding(name, name)) for name in names])
	assert list(store.names(bound[0].doctype, CLOUD, names)) == names


def test_a_forgotten_binding_leaves_its_names_free(store, binding):
	stored = saved(store, binding())
	saved(store, stored, forget=True)
	assert count("Sync Record", ref_doctype=stored.doctype) == 0
	saved(store, binding())


def test_the_trail(store, binding):
	names = {LOCAL: "L", CLOUD: None}
	doctype = binding().doctype
	entries = (
		LogEntry(
			doctype,
			names,
			"create",
			"Success",
			"local_to_cloud",
			("a", "b"),
			{"a": 1},
			run="r",
			trigger="scan",
		),
		LogEntry(doctype, names, "fail", "Failure", message="No."),
	)
	saved(store, binding(), log=entries)
	fields = ["operation", "outcome", "direction", "changed_fields", "overwritten", "message", "run"]
	rows = frappe.get_all(
		"Sync Log", filters={"ref_doctype": doctype}, fields=fields, order_by="operation asc", as_list=True
	)
	assert [tuple(value or None for value in row) for row in rows] == [
		("create", "Success", "local_to_cloud", "a\nb", '{"a": 1}', None, "r"),
		("fail", "Failure", None, None, None, "No.", None),
	]


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


# -- conflicts: the table at Outcome


def test_clashes_open_a_conflict_and_bring_it_up_to_date(store, binding):
	stored = saved(store, binding(), clashes=OPEN)
	newer = (Clash("a", 1, 2, 4), Clash("b", None, "x", "y"))
	stored = saved(store, stored, clashes=newer)
	assert resolutions(stored) == [(newer, None)]
	(row,) = conflicts(stored)
	assert (row["status"], row["record"], row["local_name"], row["cloud_name"]) == (
		"Open",
		stored.id,
		"L",
		"C",
	)


def test_settled_clashes_are_stored_as_resolved_never_twice_running(store, binding):
	stored = saved(store, binding(), clashes=SETTLED, settled="cloud_wins")
	stored = saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	assert resolutions(stored) == [(SETTLED, "cloud_wins")]
	(row,) = conflicts(stored)
	assert (row["status"], row["winner"], row["resolved_by"]) == ("Resolved", "cloud", "Administrator")
	later = (Clash("a", 2, 5, 6, winner=LOCAL),)
	stored = saved(store, stored, clashes=later, settled="local_wins")
	stored = saved(store, stored, clashes=SETTLED, settled="cloud_wins")
	assert [word for _, word in resolutions(stored)] == ["cloud_wins", "local_wins", "cloud_wins"]


def test_settled_clashes_close_the_open_conflict(store, binding):
	stored = saved(store, binding(), clashes=OPEN)
	for _ in range(2):
		stored = saved(store, stored, clashes=SETTLED, settled="Keep cloud")
		assert resolutions(stored) == [(SETTLED, "Keep cloud")]


def test_a_word_alone_closes_the_open_conflict_if_there_is_one(store, binding):
	stored = saved(store, binding(), settled="Converged")
	assert resolutions(stored) == []
	stored = saved(store, stored, clashes=OPEN)
	stored = saved(store, stored, settled="Converged")
	stored = saved(store, stored, settled="By hand")
	assert resolutions(stored) == [(OPEN, "Converged")]
	stored = saved(store, stored, clashes=OPEN)
	assert [word for _, word in resolutions(stored)] == ["Converged", None]


def test_who_chose_in_the_desk_is_kept(store, binding):
	stored = saved(store, binding(), clashes=OPEN)
	name = frappe.db.get_value("Sync Conflict", {"record": stored.id})
	frappe.db.set_value("Sync Conflict", name, "resolved_by", "someone@example.com")
	frappe.db.commit()
	stored = saved(store, stored, clashes=SETTLED, settled="Keep cloud")
	assert conflicts(stored)[0]["resolved_by"] == "someone@example.com"


def test_conflicts_are_of_one_document(store, binding):
	first, second = (
		saved(store, binding("a", "A"), clashes=OPEN),
		saved(store, binding("b", "B"), clashes=OPEN),
	)
	saved(store, first, settled="By hand")
	assert {row["local_name"]: row["status"] for row in conflicts(first)} == {"a": "Resolved", "b": "Open"}
	saved(store, second, settled="By hand", forget=True)
	assert {row["status"] for row in conflicts(first)} == {"Resolved"}


# -- cursors


def test_cursors(store):
	set_rules({"ref_doctype": "Note", "enabled": 0})
	assert store.cursor("Note", LOCAL) is store.cursor(TRAIL, LOCAL) is None
	store.move_cursor("Note", LOCAL, Cursor("2026-01-01", "a"))
	store.move_cursor("Note", CLOUD, Cursor("2026-01-02", "b|c"))
	store.move_cursor(TRAIL, LOCAL, Cursor("2026-01-03"))
	store.move_cursor("Note", LOCAL, Cursor("2026-01-04", "d"))
	frappe.db.rollback()
	assert store.cursor("Note", LOCAL) == Cursor("2026-01-04", "d")
	assert store.cursor("Note", CLOUD) == Cursor("2026-01-02", "b|c")
	assert store.cursor(TRAIL, LOCAL) == Cursor("2026-01-03", "")
	assert store.cursor(TRAIL, CLOUD) is None
