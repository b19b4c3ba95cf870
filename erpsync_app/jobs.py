# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The only place that enqueues, and what RQ and the scheduler run.

The queue of work is Sync Event, in the database; RQ jobs are only what wakes a worker to look at it. So a job that
is lost costs time, never an event: the scheduler looks every minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import frappe
from frappe.utils import now_datetime
from frappe.utils.background_jobs import create_job_id, get_redis_conn
from rq.job import Job, JobStatus

from erpsync_app.engine.errors import NeedsPerson, Unavailable

PATIENCE = timedelta(seconds=10)
"""How long a drain stays for what has to be tried again shortly, such as an order whose customer is on its way."""

LONGEST = timedelta(minutes=30)
"""After which a job begins no further batch: what is left, the scheduler's next tick gives to another."""

BREATH = 0.3
"""Seconds between two looks of a drain while little comes in. It costs the later of two changes no more than that, and
spares a busy site a cycle, and often a job, for each change."""

TIMEOUT = 6 * 60 * 60
"""Seconds after which RQ breaks a job off, wherever it is: long enough for a scan of a large site, and what it began."""

DRAIN_JOBS = ("erpsync_drain", "erpsync_drain_next")
SCAN_JOBS = ("erpsync_scan", "erpsync_scan_next")
"""Two ids for one job: while the first is running, what it may not see any more queues the second."""


def wake() -> None:
	"""See to it that a worker looks at the queue soon. Never raises: Redis may be down, or RQ's queue full."""
	try:
		_enqueue(drain, "default", DRAIN_JOBS)
	except Exception:
		frappe.logger("erpsync").warning("could not wake a worker; the scheduler will", exc_info=True)


def start_scan() -> None:
	"""Queue a scan, unless one is queued."""
	_enqueue(scan, "long", SCAN_JOBS)


def _enqueue(method: Callable[[], None], queue: str, job_ids: Sequence[str]) -> None:
	for job_id, status in zip(job_ids, _statuses(job_ids), strict=True):
		if status == JobStatus.QUEUED:
			return
		if status != JobStatus.STARTED:
			frappe.enqueue(method, queue=queue, timeout=TIMEOUT, job_id=job_id, deduplicate=True)
			return


def _statuses(job_ids: Sequence[str]) -> list[str]:
	"""How the jobs stand, "" of one that is not there. One question for all of them, and that for nothing else: Frappe
	and RQ fetch and unpack a whole job to tell its status, and each webhook and each save asks."""
	with get_redis_conn().pipeline(transaction=False) as ask:
		for job_id in job_ids:
			ask.hget(Job.key_for(create_job_id(job_id)), "status")
		return [(status or b"").decode() for status in ask.execute()]


def drain() -> None:
	"""Process what is due, and what will be in a moment. An RQ job."""
	from erpsync_app import runs

	_quietly(lambda until: runs.drain(trigger="hook", patience=PATIENCE, until=until, breath=BREATH))


def scan() -> None:
	"""List both sides past their cursors, queue what changed, and process it. An RQ job."""
	from erpsync_app import runs, webhooks

	def work(until: datetime) -> None:
		runs.sync(trigger="scan", full=False, until=until)
		webhooks.keep()  # not before: of a copy of a site, the run says that it is one

	_quietly(work)


def scan_all() -> None:
	"""Every day, by the scheduler: list every document of both sides, for what `modified` does not show, as a rename; then
	compare what both sides hold, for what no listing shows."""
	from erpsync_app import runs, verify, webhooks

	def work(until: datetime) -> None:
		runs.sync(trigger="scan", full=True, until=until)
		verify.compare()
		webhooks.keep(probing=True)

	_quietly(work)


def tick() -> None:
	"""Every minute, by the scheduler: wake a worker for what has become due, scan when it is time, and tell people what
	needs them."""
	from erpsync_app import notices
	from erpsync_app.adapters import settings

	current = settings.load()
	if not current.enabled or current.paused:
		return
	if frappe.db.exists("Sync Event", {"state": ("in", ("Pending", "Processing"))}):
		wake()
	last = settings.last_scan()
	if not last or (now_datetime() - last).total_seconds() >= current.scan_minutes * 60:
		start_scan()
	notices.tell_what_came_up()


def _quietly(work: Callable[[datetime], object]) -> None:
	"""Do the work if sync is on. A cloud that is down or a key that is wrong is no crash of the job: the status says so,
	the events wait."""
	from erpsync_app.adapters import settings

	current = settings.load()
	if not current.enabled or current.paused:
		return
	try:
		work(datetime.now(timezone.utc) + LONGEST)
	except (Unavailable, NeedsPerson) as e:
		frappe.logger("erpsync").warning(str(e))
