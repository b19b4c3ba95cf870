# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The breakers on two real sites: what trips them, how people learn of it, and how they say go on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import frappe
import pytest
from frappe.utils import get_datetime

from erpsync_app import breakers, jobs, notices, runs
from erpsync_app.adapters import identity, settings
from erpsync_app.api import desk, queue_status
from erpsync_app.engine.errors import Halt, NeedsPerson
from erpsync_app.tests.support import (
	BENCH,
	LOCAL_SITE,
	SYNC_USER,
	Person,
	count,
	differences,
	set_rules,
	set_setting,
	sync,
	writes,
)
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("ledger")

LIMITS = {
	"max_deletions": 3,
	"max_deletions_share": 20,
	"max_overwrites": 3,
	"max_overwrites_share": 20,
	"max_updates": 6,
	"max_updates_share": 50,
}
SETTINGS = "Sync Settings"


@pytest.fixture(autouse=True)
def small_limits(ledger: None) -> Iterator[None]:
	"""Limits that ten documents pass; and afterwards, nothing is known of what tripped."""
	before = {name: frappe.get_doc(SETTINGS).get(name) for name in LIMITS}
	set_setting(**LIMITS)
	forget()
	yield
	frappe.db.rollback()
	frappe.set_user("Administrator")
	set_setting(paused=0, **before)
	forget()


def forget() -> None:
	frappe.db.set_single_value(SETTINGS, dict.fromkeys(breakers.KEPT))
	frappe.db.delete("Notification Log", {"document_type": SETTINGS})
	frappe.db.commit()
	frappe.cache.delete_value(breakers.LOOKED)


@pytest.fixture
def names(ledger: None, cloud: Person, prefix: str) -> list[str]:
	"""Ten Customers, in step on both sides; the sites list others, which are not synced."""
	only = json.dumps([["customer_name", "like", f"{prefix}%"]])
	set_rules({"ref_doctype": "Customer", "policy": "cloud_wins", "filters": only})
	made = [frappe.get_doc(customer(f"{prefix} {n}")).insert().name for n in range(10)]
	frappe.db.commit()
	assert writes(sync()) == {"create_cloud": 10}
	assert writes(sync(full=False)) == {}
	assert differences("Customer", made) == {}
	return made


def status() -> dict:
	frappe.db.rollback()
	return queue_status()


def told() -> list[str]:
	frappe.db.rollback()
	return frappe.get_all("Notification Log", {"document_type": SETTINGS}, pluck="subject")


def stops(key: str, **options) -> str:
	"""A run stops at this breaker, and so does every further one until someone says go on. Answers why."""
	try:
		run = runs.sync(trigger="command", **options)
		assert run.halt, run.counts
	except Halt as halt:
		assert halt.key == key
	frappe.db.rollback()
	doc = frappe.get_doc(SETTINGS)
	assert (doc.paused, doc.tripped) == (1, key), doc.pause_reason
	with pytest.raises(NeedsPerson, match="Sync is paused"):
		runs.sync(trigger="command", **options)
	return doc.pause_reason


def resume() -> None:
	assert breakers.resume()
	assert status()["status"] != "paused"


def bench(*arguments: str) -> subprocess.CompletedProcess:
	command = [f"{BENCH}/env/bin/python", "-m", "frappe.utils.bench_helper", "frappe", "--site", LOCAL_SITE]
	return subprocess.run([*command, *arguments], cwd=f"{BENCH}/sites", capture_output=True, text=True)


@contextmanager
def out_of_sight(cloud: Person, prefix: str) -> Iterator[None]:
	"""The sync user sees one Customer only: a list that is empty without a trace, on a stock site."""
	other = cloud.insert(**customer(f"another {prefix}"))["name"]
	allowed = cloud.insert("User Permission", user=SYNC_USER, allow="Customer", for_value=other)["name"]
	try:
		yield
	finally:
		cloud.delete("User Permission", allowed)
		# Frappe forgets what it knows of a user's rights before it commits that: once more, for who asked in between.
		cloud.edit("User", SYNC_USER, bio=prefix)


# -- deletions


def test_a_mass_deletion_on_the_cloud_waits_for_a_person(cloud: Person, names: list[str]):
	for name in names[:5]:
		cloud.delete("Customer", name)
	reason = stops("deletions:cloud:Customer")
	assert "5 of 10 documents of Customer (50 %) were deleted on the cloud side" in reason
	assert f"bench --site {LOCAL_SITE} erpsync resume" in reason
	assert count("Customer", name=("in", names)) == 10
	assert count("Sync Event", kind="delete", state="Pending") == 5, "the events stay queued"

	assert status()["status"] == "paused"
	assert status()["reason"] == reason
	assert desk.state().startswith("Paused<") and "5 of 10 documents of Customer (50 %)" in desk.state()
	assert told() and all("5 of 10 documents of Customer" in subject for subject in told())
	assert len([p for p in runs.plan() if p.decision.writes]) == 5, "one may look while it is paused"

	resume()
	assert writes(sync()) == {"delete_local": 5}
	assert count("Customer", name=("in", names)) == 5
	assert told() and status()["reason"] is None

	for name in names[5:9]:
		cloud.delete("Customer", name)
	stops("deletions:cloud:Customer")  # it was those five that a person let pass
	assert count("Customer", name=("in", names)) == 5


def test_a_mass_deletion_here_waits_too(cloud: Person, names: list[str]):
	for name in names[:4]:
		frappe.delete_doc("Customer", name)
	frappe.db.commit()
	assert "4 of 10 documents of Customer" in stops("deletions:local:Customer")
	assert all(cloud.get("Customer", name) for name in names)
	set_setting(paused=0)  # the same as `resume`, in the Desk
	assert writes(sync()) == {"delete_cloud": 4}


def test_deletions_one_by_one_are_counted_over_the_hour(cloud: Person, names: list[str]):
	for name in names[:3]:
		cloud.delete("Customer", name)
		assert writes(sync(full=False)) == {"delete_local": 1}
	cloud.delete("Customer", names[3])
	assert "3 of them carried over within the last hour" in stops("deletions:cloud:Customer", full=False)
	resume()
	assert writes(sync(full=False)) == {"delete_local": 1}
	cloud.delete("Customer", names[4])
	assert writes(sync(full=False)) == {"delete_local": 1}, "the count began anew"


def test_a_few_deletions_are_normal_work(cloud: Person, names: list[str]):
	for name in names[:3]:
		cloud.delete("Customer", name)
	assert writes(sync()) == {"delete_local": 3}
	assert not told()


def test_while_it_is_paused_nobody_drains(cloud: Person, names: list[str]):
	for name in names[:5]:
		cloud.delete("Customer", name)
	stops("deletions:cloud:Customer")
	set_setting(enabled=1)
	try:
		jobs.drain()
		jobs.tick()
		assert count("Customer", name=("in", names)) == 10
	finally:
		set_setting(enabled=0)


# -- overwrites and updates


def test_too_many_overwrites_wait_for_a_person(cloud: Person, names: list[str], prefix: str):
	for name in names[:5]:
		cloud.edit("Customer", name, customer_details=f"{prefix} cloud")
		frappe.db.set_value("Customer", name, "customer_details", f"{prefix} local")
	frappe.db.commit()
	assert "were edited on both sides" in stops("overwrites:local:Customer")
	assert count("Customer", customer_details=f"{prefix} local") == 2
	resume()
	sync()
	assert count("Customer", customer_details=f"{prefix} local") == 0


def test_only_a_full_run_counts_updates(cloud: Person, names: list[str], prefix: str):
	for name in names:
		cloud.edit("Customer", name, customer_details=f"{prefix} again")
	assert writes(sync(full=False)) == {"update_local": 10}
	for name in names:
		cloud.edit("Customer", name, customer_details=f"{prefix} and again")
	assert "7 of 10 documents of Customer (70 %) differ" in stops("updates:local:Customer")
	resume()
	assert writes(sync()) == {"update_local": 4}


# -- a side as a whole


def test_an_emptied_doctype_of_the_cloud_waits_for_a_person(
	cloud: Person, names: list[str], prefix: str, monkeypatch
):
	monkeypatch.setattr("erpsync_app.engine.safety.MANY", 10)
	with out_of_sight(cloud, prefix):
		reason = stops("empty:cloud:Customer", full=False)
		assert "The cloud side lists 1 documents of Customer, where 10 are bound" in reason
		assert count("Customer", name=("in", names)) == 10
		resume()
		assert writes(sync(full=False)) == {}
		assert "empty:cloud:Customer" in frappe.get_doc(SETTINGS).acknowledged, "known, as long as it is so"
	assert writes(sync(full=False)) == {}
	assert not frappe.get_doc(SETTINGS).acknowledged, "news when it happens again"


def test_a_restored_local_site_waits_for_a_person(cloud: Person, names: list[str]):
	cursor = frappe.db.get_value("Sync Rule", "Customer", "local_cursor")
	modified, name = cursor.split("|")
	later = get_datetime(modified) + timedelta(days=1)
	frappe.db.set_value("Sync Rule", "Customer", "local_cursor", f"{later:%Y-%m-%d %H:%M:%S.%f}|{name}")
	frappe.db.commit()
	for full in (False, True):
		reason = stops("restored:local:", full=full)
		assert f"the last scan saw Customer {name} as of {later:%Y-%m-%d %H:%M}" in reason
		assert f"now it is as of {modified}" in reason
		if not full:
			forget()
			frappe.db.set_single_value(SETTINGS, "paused", 0)
			frappe.db.commit()
	resume()
	assert writes(sync(full=False)) == {}
	assert frappe.db.get_value("Sync Rule", "Customer", "local_cursor") == cursor, "counted anew"
	assert writes(sync(full=False)) == {}


def test_documents_that_went_back_wait_for_a_person(cloud: Person, names: list[str], prefix: str):
	for name in names[6:]:
		doc = frappe.get_doc("Customer", name)
		before = get_datetime(doc.modified) - timedelta(days=2)
		frappe.db.set_value(
			"Customer", name, {"customer_details": f"{prefix} old", "modified": before}, update_modified=False
		)
	frappe.db.commit()
	assert "documents went back in time: Customer" in stops("restored:local:", full=False)
	assert cloud.get("Customer", names[6]).get("customer_details") != f"{prefix} old"
	resume()
	assert writes(sync(full=False)) == {"update_cloud": 4}
	assert writes(sync(full=False)) == {}
	assert not frappe.get_doc(SETTINGS).acknowledged


def test_what_people_do_to_the_newest_document_is_normal_work(cloud: Person, names: list[str], prefix: str):
	cloud.call(
		"frappe.client.rename_doc", doctype="Customer", old_name=names[9], new_name=f"{prefix} renamed"
	)
	runs.sync(trigger="command", full=False)
	cloud.delete("Customer", f"{prefix} renamed")
	frappe.delete_doc("Customer", names[8])
	frappe.db.commit()
	for full in (False, True):
		runs.sync(trigger="command", full=full)
	assert status()["status"] != "paused" and not told()


# -- identity


def test_a_copy_of_this_site_stops_before_it_writes(cloud: Person, names: list[str], monkeypatch):
	frappe.db.set_value("Customer", names[0], "customer_details", "edited in a copy")
	frappe.db.commit()
	monkeypatch.setattr(frappe.local.conf, "host_name", "https://staging.example.com")
	reason = stops("identity:local:", full=False)
	assert (
		"This site is not the one that sync was set up on (address https://staging.example.com instead"
		in reason
	)
	assert cloud.get("Customer", names[0]).get("customer_details") != "edited in a copy"
	resume()
	assert "staging.example.com" not in (frappe.get_doc(SETTINGS).local_identity or "")
	assert writes(sync(full=False)) == {"update_cloud": 1}
	assert "staging.example.com" in frappe.get_doc(SETTINGS).local_identity


def test_a_site_made_from_a_backup_has_no_mark(names: list[str], monkeypatch):
	known = json.loads(frappe.get_doc(SETTINGS).local_identity)
	assert len(known[identity.MARK]) == 20
	monkeypatch.setattr(identity, "MARK_FILE", "erpsync.mark.of.nobody")
	reason = stops("identity:local:")
	assert "(mark of this copy missing)" in reason
	assert known[identity.MARK] not in reason


def test_another_cloud_stops_the_run(names: list[str], monkeypatch):
	known = json.loads(frappe.get_doc(SETTINGS).cloud_identity)
	assert get_datetime(known["made on"])
	known["made on"] = "2001-01-01 00:00:00"
	frappe.db.set_single_value(SETTINGS, "cloud_identity", json.dumps(known))
	frappe.db.commit()
	assert "made on" in stops("identity:cloud:")
	# To connect anew records who is there now; it is a person who says so.
	breakers.record_identity(runs.cloud_site(settings.load()))
	set_setting(paused=0)
	assert writes(sync()) == {}


def test_an_identity_that_is_as_it_was_stops_nothing(names: list[str]):
	before = frappe.get_doc(SETTINGS)
	assert writes(sync()) == {}
	assert runs.drain(trigger="hook").stopped is None
	frappe.db.rollback()
	after = frappe.get_doc(SETTINGS)
	assert (after.local_identity, after.cloud_identity) == (before.local_identity, before.cloud_identity)
	assert after.modified == before.modified


# -- going on


def test_the_commands_tell_and_resume(cloud: Person, names: list[str]):
	for name in names[:5]:
		cloud.delete("Customer", name)
	reason = stops("deletions:cloud:Customer")
	shown = bench("erpsync", "show-status")
	assert "Sync is paused" in shown.stdout and "5 of 10 documents of Customer" in shown.stdout
	refused = bench("erpsync", "sync")
	assert refused.returncode == 1 and "Sync is paused" in refused.stderr
	answer = json.loads(bench("erpsync", "resume", "--json").stdout)
	assert answer == {
		"ok": True,
		"resumed": True,
		"acknowledged": ["deletions:cloud:Customer"],
		"pause_reason": reason,
	}
	assert json.loads(bench("erpsync", "resume", "--json").stdout) == {"ok": True, "resumed": False}
	frappe.db.rollback()  # to see what the command did
	assert writes(sync()) == {"delete_local": 5}


def test_a_form_that_was_open_does_not_say_go_on(cloud: Person, names: list[str]):
	opened = frappe.get_doc(SETTINGS)
	for name in names[:5]:
		cloud.delete("Customer", name)
	stops("deletions:cloud:Customer")
	with pytest.raises(frappe.TimestampMismatchError):
		opened.save()
	frappe.db.rollback()
	assert status()["status"] == "paused"


def test_who_is_told(names: list[str]):
	assert "admin@example.com" in notices.people()


def test_pausing_by_hand_acknowledges_nothing(cloud: Person, names: list[str]):
	set_setting(paused=1, pause_reason="inventory")
	set_setting(paused=0)
	for name in names[:5]:
		cloud.delete("Customer", name)
	stops("deletions:cloud:Customer")
