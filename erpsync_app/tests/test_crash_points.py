# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Killed with SIGKILL between any two commits, and with the services under it gone: the next run ends right.

What is committed is all that outlives a process, so between two commits there are two states to be killed in: with
and without what was written to the cloud since the last one. A run is killed in each of them once.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator

import frappe
import pytest
from frappe.database.database import Database
from frappe.utils.background_jobs import get_redis_conn

from erpsync_app import jobs, runs
from erpsync_app.adapters.rest_client import RestClient
from erpsync_app.tests.machine import Running, erpsync, forked, needs_services, stop, without
from erpsync_app.tests.support import (
	SYNC_USER,
	Person,
	count,
	differences,
	only,
	set_rules,
	set_setting,
	sync,
	take_away,
	until,
	writes,
)
from erpsync_app.tests.test_main_job import insert_here

pytestmark = pytest.mark.usefixtures("ledger")

MOST = 120
"""Steps. A run of this size has about half as many; one that never survives is an error of this test."""

LIMITS = ("max_deletions", "max_overwrites", "max_updates")


@pytest.fixture
def rules(ledger: None, cloud: Person, prefix: str) -> Iterator[None]:
	"""One DocType of a name for both sides, one where each side names its own. The breakers are told to let pass
	what many small runs delete in an hour."""
	before = {field: frappe.db.get_single_value("Sync Settings", field) for field in LIMITS}
	set_setting(**dict.fromkeys(LIMITS, 0))
	set_rules(only("Brand", prefix), only("ToDo", prefix, "description", naming="own"))
	# What an unclear create made is looked for among what this user has made of late: not what other tests have left.
	take_away(cloud, "ToDo", ["owner", "=", SYNC_USER])
	yield
	frappe.db.rollback()
	frappe.set_user("Administrator")
	set_setting(**before)
	take_away(cloud, "Brand", ["name", "like", f"{prefix}%"])
	take_away(cloud, "ToDo", ["description", "like", f"{prefix}%"])


def brand(name: str, **values: str) -> dict[str, str]:
	return {"doctype": "Brand", "brand": name, "description": "base", **values}


def todo(description: str) -> dict[str, str]:
	return {"doctype": "ToDo", "description": description}


OLD = ("updated here", "updated there", "deleted here", "deleted there", "clash")


def people_at_work(cloud: Person, prefix: str) -> None:
	"""On each side one creates, updates and deletes; in one document both edit the same field."""
	insert_here(brand(f"{prefix} made here"), todo(f"{prefix} made here"))
	cloud.insert_many([brand(f"{prefix} made there"), todo(f"{prefix} made there")])
	for name, text in ((f"{prefix} updated here", "edited here"), (f"{prefix} clash", "clash here")):
		frappe.get_doc("Brand", name).update({"description": text}).save()
	frappe.delete_doc("Brand", f"{prefix} deleted here")
	frappe.db.commit()
	cloud.edit("Brand", f"{prefix} updated there", description="edited there")
	cloud.edit("Brand", f"{prefix} clash", description="clash there")
	cloud.delete("Brand", f"{prefix} deleted there")


def assert_right(cloud: Person, prefix: str) -> None:
	"""Both sides hold what everyone did, once, and nothing is left over."""
	frappe.db.rollback()
	brands = sorted(f"{prefix} {what}" for what in ("made here", "made there", *OLD[:2], "clash"))
	like = f"{prefix} %"
	assert sorted(frappe.get_all("Brand", {"name": ("like", like)}, pluck="name")) == brands
	assert sorted(cloud.stamps("Brand", like)) == brands
	assert differences("Brand", brands) == {}
	held = {name: frappe.db.get_value("Brand", f"{prefix} {name}", "description") for name in OLD[:2]}
	assert held == {"updated here": "edited here", "updated there": "edited there"}

	todos = sorted((f"{prefix} made here", f"{prefix} made there"))
	here = frappe.get_all("ToDo", {"description": ("like", like)}, pluck="description")
	filters = [["description", "like", like]]
	there = cloud.call(
		"frappe.client.get_list", doctype="ToDo", filters=filters, fields=["description"], limit_page_length=0
	)
	assert (sorted(here), sorted(row["description"] for row in there)) == (todos, todos), "none is doubled"

	conflicts = frappe.get_all("Sync Conflict", {"local_name": f"{prefix} clash"}, ["status", "clashes"])
	assert [conflict.status for conflict in conflicts] == ["Resolved"], "told once"
	(clash,) = json.loads(conflicts[0].clashes)
	assert (clash["local"], clash["cloud"]) == ("clash here", "clash there"), "the loser's version is kept"

	assert count("Sync Event") == 0
	assert count("Sync Record", intent_side=("is", "set")) == 0
	assert count("Sync Record", status=("!=", "Synced")) == 0


def killed_at(step: int) -> Callable[[], None]:
	"""A sync that kills itself before its n-th commit or write to the cloud."""

	def run() -> None:
		left = step

		def count_down() -> None:
			nonlocal left
			left -= 1
			if left == 0:
				os.kill(os.getpid(), signal.SIGKILL)

		commit, post = Database.commit, RestClient.post

		def counted_commit(self, *arguments, **options):
			count_down()
			return commit(self, *arguments, **options)

		def counted_post(self, path, arguments, *, action, writes=False):
			if writes:
				count_down()
			return post(self, path, arguments, action=action, writes=writes)

		Database.commit, RestClient.post = counted_commit, counted_post
		stopped = runs.sync(trigger="command").stopped
		assert stopped is None, stopped

	return run


def test_killed_before_each_commit_and_each_write_the_next_run_ends_right(
	cloud: Person, rules: None, prefix: str, capsys
):
	sets = [f"{prefix} {n:03}" for n in range(1, MOST + 1)]
	survived, began = None, time.monotonic()
	for n, mine in enumerate(sets, 1):
		if n % 20 == 1:  # what there is before people come to work, for the next twenty
			cloud.insert_many([brand(f"{s} {what}") for s in sets[n - 1 : n + 19] for what in OLD])
			sync()
		people_at_work(cloud, mine)
		code = forked(killed_at(n))
		if code == 0:
			survived = n
		else:
			assert code == -signal.SIGKILL
		sync()
		assert_right(cloud, mine)
		if survived:
			break
	assert writes(sync()) == {}, "and then there is nothing to do"
	assert survived, f"still killed at step {MOST}"
	with capsys.disabled():
		print(f"\n{survived - 1} crash points in {time.monotonic() - began:.0f} s, all right")
	assert survived > 30, "the run was killed in each of its parts"


def test_killed_again_and_again_it_gets_there(cloud: Person, rules: None, prefix: str):
	"""Each run is killed a little later than the one before, over one and the same work."""
	mine = f"{prefix} one"
	cloud.insert_many([brand(f"{mine} {what}") for what in OLD])
	sync()
	people_at_work(cloud, mine)
	for step in range(4, MOST, 4):
		if forked(killed_at(step)) == 0:
			break
	sync()
	assert_right(cloud, mine)
	assert writes(sync()) == {}


@pytest.fixture
def many(rules: None, cloud: Person, prefix: str) -> list[str]:
	"""Names of documents that are to cross: too many to be done before something happens."""
	names = [f"{prefix} {n:03}" for n in range(120)]
	insert_here(*(brand(name) for name in names[:60]))
	cloud.insert_many([brand(name) for name in names[60:]])
	return names


def in_step(cloud: Person, prefix: str, names: list[str]) -> None:
	assert sorted(cloud.stamps("Brand", f"{prefix}%")) == names
	assert sorted(frappe.get_all("Brand", {"name": ("like", f"{prefix}%")}, pluck="name")) == names
	assert differences("Brand", names) == {}
	assert count("Sync Event") == 0
	assert count("Sync Record", intent_side=("is", "set")) == 0
	assert count("Sync Record", status=("!=", "Synced")) == 0
	assert writes(sync()) == {}


@pytest.mark.alone
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_database_is_restarted_in_a_cycle(
	cloud: Person, many: list[str], prefix: str, how: signal.Signals
):
	needs_services()
	with Running("sync", "--json") as running:
		until(lambda: count("Sync Record") >= 5, what="the sync under way")
		with without():  # whatever comes, all is started again
			stop("mariadb", how)
			running.process.wait(120)
		said = running.so_far()
	assert said.code == 1, said.text
	# Both sites live in it: which of them notices first is chance.
	told = said.json["error"]
	assert ("database" in told or told.startswith("The cloud site")) and "Traceback" not in said.text, (
		said.text
	)
	assert count("Sync Record") < len(many), "it had not finished"
	sync()
	in_step(cloud, prefix, many)


@pytest.mark.alone
def test_redis_is_flushed_with_jobs_queued(cloud: Person, rules: None, prefix: str):
	"""RQ's jobs only wake a worker. Gone, they are missed by nobody: the scheduler looks at the queue."""
	needs_services()
	with without("scheduler", "worker-1", "worker-2"):
		set_setting(enabled=1)
		insert_here(brand(prefix))
		assert count("Sync Event", docname=prefix) == 1
		queued = [key for key in get_redis_conn().scan_iter("rq:job:*") if jobs.DRAIN_JOBS[0].encode() in key]
		assert queued, "a worker was to be woken"
		get_redis_conn().flushall()
		frappe.cache.flushall()
	try:
		assert count("Sync Event", docname=prefix) == 1
		jobs.tick()  # what the scheduler runs each minute
		until(lambda: cloud.get("Brand", prefix), "the document in the cloud")
		until(lambda: count("Sync Event") == 0, "an empty queue")
	finally:
		frappe.db.rollback()
		set_setting(enabled=0)
	sync()
	in_step(cloud, prefix, [prefix])


class Disk:
	"""Makes MariaDB refuse each insert into a table, with the error that it gives when the disk is full."""

	def fill(self, doctype: str) -> None:
		frappe.db.sql_ddl(
			f"""create trigger erpsync_tests_full before insert on `tab{doctype}` for each row
			signal sqlstate 'HY000' set mysql_errno = 1114, message_text = 'The table is full'"""
		)

	def free(self) -> None:
		frappe.db.rollback()
		frappe.db.sql_ddl("drop trigger if exists erpsync_tests_full")


@pytest.fixture
def disk(site: None) -> Iterator[Disk]:
	if frappe.db.db_type != "mariadb":
		pytest.skip("the full disk is played by a trigger of MariaDB")
	disk = Disk()
	disk.free()
	yield disk
	disk.free()


@pytest.mark.parametrize("doctype", ["Sync Log", "Sync Record"])
def test_the_disk_is_full_on_a_write_to_the_trail(
	cloud: Person, rules: None, prefix: str, disk: Disk, doctype: str
):
	mine = f"{prefix} one"
	cloud.insert_many([brand(f"{mine} {what}") for what in OLD])
	sync()
	people_at_work(cloud, mine)
	disk.fill(doctype)
	for _ in range(4):  # more often than a document may fail
		said = erpsync("sync", "--json")
		assert said.code == 1, said.text
	disk.free()
	sync()
	assert_right(cloud, mine)
	assert writes(sync()) == {}


def test_an_event_that_cannot_be_stored_does_not_fail_the_save(
	cloud: Person, rules: None, prefix: str, disk: Disk
):
	"""The scan finds the change, and the Error Log tells why it had to."""
	set_setting(enabled=1)
	disk.fill("Sync Event")
	try:
		insert_here(brand(prefix))
	finally:
		disk.free()
		set_setting(enabled=0)
	told = frappe.get_all("Error Log", {"method": ("like", f"%{prefix}%")}, pluck="error")
	assert len(told) == 1 and "full" in told[0]
	assert count("Sync Event") == 0
	sync()
	assert cloud.get("Brand", prefix)
