# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""By itself: a worker is running, and nobody gives a command."""

from __future__ import annotations

import frappe
import pytest
from frappe.utils.background_jobs import create_job_id, get_redis_conn
from rq.job import Job, JobStatus

from erpsync_app import jobs, runs
from erpsync_app.engine.errors import Unavailable
from erpsync_app.tests.support import (
	CLOUD_URL,
	Person,
	count,
	only,
	set_rules,
	set_setting,
	sync,
	until,
	webhooks,
	writes,
)
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def live(ledger: None, cloud: Person, prefix: str):
	"""Sync is on, and the ledger knows what both sites hold."""
	set_rules(only("Customer", prefix))
	sync()
	set_setting(enabled=1)
	yield
	frappe.db.rollback()
	set_setting(enabled=0, paused=0)


@pytest.mark.usefixtures("live")
def test_a_save_here_appears_in_the_cloud(cloud: Person, local: Person, prefix: str):
	local.insert(**customer(prefix))
	until(lambda: cloud.get("Customer", prefix), what="the new customer in the cloud")
	local.edit("Customer", prefix, customer_details="edited here")
	until(
		lambda: cloud.get("Customer", prefix).get("customer_details") == "edited here",
		what="the edit in the cloud",
	)
	local.delete("Customer", prefix)
	until(lambda: cloud.get("Customer", prefix) is None, what="the deletion in the cloud")
	until(lambda: count("Sync Event", docname=prefix) == 0, what="an empty queue")


@pytest.mark.usefixtures("live")
def test_a_save_in_the_cloud_appears_here_by_its_signed_webhook(cloud: Person, local: Person, prefix: str):
	with webhooks(cloud, "Customer"):
		cloud.insert(**customer(prefix))
		until(lambda: local.get("Customer", prefix), what="the new customer here")
		cloud.edit("Customer", prefix, customer_details="edited there")
		until(
			lambda: local.get("Customer", prefix).get("customer_details") == "edited there",
			what="the edit here",
		)
		cloud.delete("Customer", prefix)
		until(lambda: local.get("Customer", prefix) is None, what="the deletion here")
		until(lambda: count("Sync Event", docname=prefix) == 0, what="an empty queue")


@pytest.mark.usefixtures("live")
def test_our_own_writes_cause_no_further_write(cloud: Person, local: Person, prefix: str):
	"""The cloud's webhooks tell us of what we wrote there, and the local hooks fire on what we write here."""
	with webhooks(cloud, "Customer"):
		local.insert(**customer(f"{prefix} a"))
		cloud.insert(**customer(f"{prefix} b"))
		names = (f"{prefix} a", f"{prefix} b")
		until(
			lambda: all(site.get("Customer", name) for name in names for site in (cloud, local)),
			what="both on both sides",
		)
		# The echo, if there is one, comes with the webhook of our own write: wait until that was worked on.
		requests = {"webhook": ("like", "erpsync tests%"), "reference_document": names[0]}
		until(lambda: cloud.call("frappe.client.get_count", doctype="Webhook Request Log", filters=requests))
		until(lambda: count("Sync Event", docname=("in", names)) == 0, what="an empty queue")
		log = frappe.get_all(
			"Sync Log", {"local_name": ("in", names)}, ["local_name", "operation", "direction"]
		)
		assert sorted((row.local_name, row.operation, row.direction) for row in log) == [
			(names[0], "create", "local_to_cloud"),
			(names[1], "create", "cloud_to_local"),
		]


@pytest.mark.usefixtures("live")
def test_with_webhooks_off_the_scan_finds_it(cloud: Person, local: Person, prefix: str):
	cloud.insert(**customer(prefix))
	jobs.start_scan()
	until(lambda: local.get("Customer", prefix), what="the new customer here")
	cloud.delete("Customer", prefix)
	jobs.start_scan()
	until(lambda: local.get("Customer", prefix) is None, what="the deletion here")


def test_the_scan_finds_what_no_hook_told(cloud: Person, prefix: str):
	set_rules(only("Customer", prefix))
	insert_here(customer(prefix))
	sync()
	frappe.db.set_value("Customer", prefix, "customer_details", "written past the hooks")
	frappe.db.commit()
	run = runs.sync(trigger="scan", full=False)
	assert writes(run) == {"update_cloud": 1}
	assert cloud.get("Customer", prefix)["customer_details"] == "written past the hooks"
	assert writes(runs.sync(trigger="scan", full=False)) == {}


@pytest.mark.usefixtures("live")
def test_a_save_does_not_fail_when_redis_is_down(monkeypatch, prefix: str):
	def refuse(*args, **kwargs):
		raise ConnectionError("Redis is down")

	set_setting(paused=1)  # so that no worker takes the event away before the test looks
	monkeypatch.setattr(jobs, "get_redis_conn", refuse)
	insert_here(customer(prefix))
	assert frappe.db.exists("Customer", prefix)
	assert count("Sync Event", docname=prefix) == 1


@pytest.mark.parametrize(
	("first", "second", "queued"),
	[
		(None, None, 0),
		(JobStatus.FINISHED, None, 0),
		(JobStatus.FAILED, JobStatus.STARTED, 0),
		(JobStatus.QUEUED, None, None),
		(JobStatus.STARTED, None, 1),
		(JobStatus.STARTED, JobStatus.FINISHED, 1),
		(JobStatus.STARTED, JobStatus.QUEUED, None),
		(JobStatus.STARTED, JobStatus.STARTED, None),
	],
)
def test_a_worker_is_woken_unless_one_is_about_to_look(monkeypatch, prefix: str, first, second, queued):
	job_ids = (f"{prefix} 1", f"{prefix} 2")
	made = [
		Job.create("frappe.ping", id=create_job_id(job_id), status=status, connection=get_redis_conn())
		for job_id, status in zip(job_ids, (first, second), strict=True)
		if status
	]
	asked: list[str] = []
	monkeypatch.setattr(jobs, "DRAIN_JOBS", job_ids)
	monkeypatch.setattr(frappe, "enqueue", lambda *args, job_id, **kwargs: asked.append(job_id))
	try:
		for job in made:
			job.save()
		jobs.wake()
	finally:
		for job in made:
			job.delete()
	assert asked == ([] if queued is None else [job_ids[queued]])


@pytest.mark.usefixtures("live")
def test_a_rolled_back_save_leaves_no_event(prefix: str):
	frappe.get_doc(customer(prefix)).insert()
	assert frappe.db.count("Sync Event", {"docname": prefix}) == 1, "in the same transaction"
	frappe.db.rollback()
	assert count("Sync Event", docname=prefix) == 0


def test_while_the_cloud_is_down_nothing_is_lost_and_nobody_blamed(cloud: Person, prefix: str):
	set_rules(only("Customer", prefix))
	insert_here(customer(prefix))
	sync()
	doc = frappe.get_doc("Customer", prefix)
	doc.update({"customer_details": "while it was down"}).save()
	frappe.db.commit()
	set_setting(cloud_url="http://localhost:9")
	try:
		stopped = runs.sync(trigger="command", doctype="Customer", name=prefix).stopped
	except Unavailable as e:  # at its first look, before there is a run to stop
		stopped = str(e)
	finally:
		set_setting(cloud_url=CLOUD_URL)
	assert "cloud site" in stopped
	assert count("Sync Record", local_name=prefix, status="Synced") == 1
	assert count("Sync Event", docname=prefix, attempts=(">", 0)) == 0
	sync(doctype="Customer", name=prefix)
	assert cloud.get("Customer", prefix)["customer_details"] == "while it was down"
