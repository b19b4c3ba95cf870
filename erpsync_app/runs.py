# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Puts the engine together with the adapters of this site, and runs it: for jobs, commands and the Desk alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache

import frappe
from frappe.utils import now_datetime

from erpsync_app import breakers, drift
from erpsync_app.adapters import settings
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.event_queue import SiteEventQueue
from erpsync_app.adapters.ledger import SiteLedger
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.adapters.transactions import alone
from erpsync_app.engine import cycle
from erpsync_app.engine.aside import to_try
from erpsync_app.engine.bundles import Unbundled
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.errors import Halt, NeedsPerson, SyncError
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Direction, Event
from erpsync_app.engine.safety import Breakers
from erpsync_app.engine.scan import scan
from erpsync_app.erp_sync.naming import counter_of
from erpsync_app.left import tell_left

PATIENCE = timedelta(seconds=30)
"""How long `sync` waits for a document that waits for something under way, before it leaves it to the scheduler."""

MOMENT = timedelta(seconds=3)
"""How long it waits for one that was refused, and that time alone may help."""


class SystemClock:
	"""`engine.ports.Clock` by the clock of this machine."""

	def now(self) -> datetime:
		return datetime.now(timezone.utc)

	def sleep(self, seconds: float) -> None:
		time.sleep(seconds)


@contextmanager
def opened(
	direction: Direction | None = None, *, looking: bool = False, scanning: bool = False
) -> Iterator[Context]:
	"""The context of a run, acting as the sync user. Raises NeedsPerson where the settings do not allow a run.

	A breaker that trips in it pauses sync. One who is only `looking`, and writes nothing, may do so while it is
	paused. A run that is `scanning` asks the cloud who it is; others do once in a while.
	"""
	current = settings.load(fresh=True)
	current.check()
	if current.paused and not looking:
		raise NeedsPerson(f"Sync is paused: {current.pause_reason or 'someone paused it in Sync Settings'}")
	rules = settings.rules()
	if not rules:
		raise NeedsPerson("There is no enabled Sync Rule: create one, or import a rule file.")
	cloud = cloud_site(current)
	ctx = Context(
		sites={LOCAL: Unbundled(LocalSite()), CLOUD: Unbundled(cloud)},
		ledger=SiteLedger(),
		queue=SiteEventQueue(),
		clock=SystemClock(),
		rules=rules,
		excluded=current.excluded,
		retry=current.retry,
		batch_size=current.batch_size,
		breakers=Breakers(on=False) if looking else breakers.load(current),
		counter=cache(counter_of),
	)
	before = dict(frappe.local.session)
	frappe.set_user(current.sync_user)
	try:
		if not looking:
			breakers.check_identity(cloud, current, always=scanning)
		yield ctx.directed(direction)
	except Halt as halt:
		breakers.trip(halt)
		raise
	finally:
		frappe.set_user(before["user"])
		# In a request from the Desk, or the one who asked would be logged out: Frappe keeps what it finds here at its end.
		frappe.local.session.update(before)


def cloud_site(current: settings.Settings) -> CloudSite:
	return CloudSite(
		url=current.cloud_url,
		key=current.api_key,
		secret=current.api_secret,
		connect_timeout=current.connect_timeout,
		read_timeout=current.read_timeout,
		allow_http=current.allow_http,
	)


def new_run(trigger: str, progress: Callable[[int], None] | None = None) -> Run:
	return Run(frappe.generate_hash(length=10), trigger, progress or (lambda done: None))


def drain(
	*,
	trigger: str,
	patience: timedelta = timedelta(0),
	progress: Callable[[int], None] | None = None,
	until: datetime | None = None,
	breath: float = 0,
) -> Run:
	"""Process what is due in the queue, and what becomes due within `patience` after the last document done."""
	run = new_run(trigger, progress)
	run.until, run.breath = until, breath
	with _telling(run), opened() as ctx:
		run.aside = ctx.aside
		_drain_patiently(ctx, run, ctx.doctypes, patience=patience)
	return _tripped(run)


def sync(
	*,
	trigger: str,
	full: bool = True,
	doctype: str | None = None,
	name: str | None = None,
	direction: Direction | None = None,
	limit: int | None = None,
	progress: Callable[[int], None] | None = None,
	until: datetime | None = None,
) -> Run:
	"""Find what differs and bring it in step. `full` lists every document, else only those past the cursors. What is
	left when `until` has come, stays in the queue."""
	run = new_run(trigger, progress)
	run.until = until
	run.full = full and name is None
	everything = name is None and doctype is None and direction is None
	with _telling(run, everything=everything), opened(direction, scanning=True) as ctx:
		run.aside = ctx.aside
		doctypes = chosen(ctx, doctype)
		if name is not None:
			_check_name(ctx, doctypes[0], name)
			ctx.queue.put([Event(side, doctypes[0], name, trigger=trigger) for side in SIDES])
		else:
			drift.note(ctx, doctypes)
			ctx.queue.unblock()
			for events in scan(ctx, doctypes, full=full, trigger=trigger, move=direction is None):
				ctx.queue.put(to_try(ctx, events))
			breakers.keep(ctx.breakers)
			if everything:
				_remember_scan()  # a narrowed one has not seen what the scheduler waits for
		_drain_patiently(ctx, run, doctypes, name, limit)
	tell_left(run, doctypes, name)
	return _tripped(run)


def look_again(events: Sequence[Event]) -> Run:
	"""Queue the events, and process what is due of their DocTypes."""
	run = new_run("command")
	with _telling(run), opened() as ctx:
		run.aside = ctx.aside
		ctx.queue.put(events)
		named = {event.doctype for event in events}
		_drain_patiently(ctx, run, [doctype for doctype in ctx.doctypes if doctype in named])
	return _tripped(run)


def plan(
	*, doctype: str | None = None, name: str | None = None, direction: Direction | None = None
) -> Iterator[cycle.Planned]:
	"""What `sync` would do, document by document. Queues and writes nothing, and stops at nothing."""
	with opened(direction, looking=True) as ctx:
		doctypes = chosen(ctx, doctype)
		if name is not None:
			yield from cycle.plan(ctx, doctypes[0], [Event(side, doctypes[0], name) for side in SIDES])
			return
		seen = set()
		for page in scan(ctx, doctypes, full=True, trigger="plan", move=False):
			for start in range(0, len(page), ctx.batch_size):
				for planned in cycle.plan(ctx, page[0].doctype, page[start : start + ctx.batch_size]):
					# A document that changed on both sides is listed by both.
					if (key := (planned.doctype, planned.name)) not in seen:
						seen.add(key)
						yield planned


@contextmanager
def _telling(run: Run, *, everything: bool = False) -> Iterator[None]:
	"""What stops a run, or keeps a DocType out of it, stands in Sync Settings until one that scans everything goes
	through."""
	trouble = None
	try:
		yield
		trouble = None if run.halt else run.stopped  # why it is paused is told as such
	except SyncError as e:
		trouble = str(e)
		raise
	finally:
		sentences = [*run.aside.values(), *([trouble] if trouble else ())]
		if sentences or everything:
			_remember_error("\n".join(sentences))


def _remember_error(text: str) -> None:
	frappe.db.rollback()
	stored = frappe.db.get_singles_dict("Sync Settings")
	if not frappe.utils.cint(stored.get("paused")) and text != (stored.get("last_error") or ""):
		told = {"last_error": text or None, "last_error_on": now_datetime() if text else None}
		alone(lambda: frappe.db.set_single_value("Sync Settings", told, update_modified=False))


def _tripped(run: Run) -> Run:
	"""A breaker that tripped while draining let the run end in order, with its summary: pause now."""
	if run.halt:
		breakers.trip(run.halt)
	return run


def chosen(ctx: Context, doctype: str | None) -> list[str]:
	"""The DocTypes of a run. Raises NeedsPerson for one without a rule."""
	if doctype is None:
		return ctx.doctypes
	if doctype not in ctx.rules:
		allowed = ", ".join(ctx.rules) or "none"
		raise NeedsPerson(
			f"No enabled Sync Rule lets {doctype} cross that way; there are rules for: {allowed}."
		)
	return [doctype]


def _check_name(ctx: Context, doctype: str, name: str) -> None:
	for side in SIDES:
		if ctx.sites[side].stamps(doctype, [name]) or ctx.ledger.stamps(doctype, side, [name]):
			return
	raise NeedsPerson(f"There is no {doctype} {name} on either side: check the name.")


def _drain_patiently(
	ctx: Context,
	run: Run,
	doctypes: list[str],
	name: str | None = None,
	limit: int | None = None,
	*,
	patience: timedelta = PATIENCE,
) -> None:
	"""Drain, and again when what had to wait is due: an order waits for its customer, not for a scheduler."""
	end = ctx.clock.now() + patience
	while True:
		before, wrote = run.through, run.wrote
		cycle.drain(ctx, run, doctypes=doctypes, name=name, limit=limit)
		if (
			run.stopped
			or (limit is not None and run.done >= limit)
			or (run.until and ctx.clock.now() >= run.until)
		):
			return
		if name is not None:
			return
		now, readable = ctx.clock.now(), [doctype for doctype in doctypes if doctype not in ctx.aside]
		if run.through > before:
			# Not for what only waited, or was refused: to stay for that is to stay as long as it is so.
			end = now + patience
			if run.wrote > wrote:
				ctx.queue.hasten(readable)
		any_due = ctx.queue.next_due(readable)
		due = ctx.queue.next_due(readable, refused=False)
		if due is None or due > end:
			due = any_due if any_due and any_due <= min(now + MOMENT, end) else None
		if due is None:
			return
		# In short steps: what comes in meanwhile is not to wait for what was there.
		ctx.clock.sleep(min(max((due - now).total_seconds(), 0.05), 0.5))


def _remember_scan() -> None:
	alone(
		lambda: frappe.db.set_single_value(
			"Sync Settings", "last_scan", now_datetime(), update_modified=False
		)
	)


def waiting() -> int:
	"""How many events are due or being worked on; for the progress bar."""
	return frappe.db.count("Sync Event", {"state": ("in", ("Pending", "Processing"))})
