# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Plays a history on the two sites, and tells what is wrong afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import frappe
import requests

from erpsync_app import runs
from erpsync_app.engine.errors import SyncError
from erpsync_app.engine.model import other
from erpsync_app.tests.business import books, clerks
from erpsync_app.tests.business.steps import KILLED_SYNC, SYNC, Step
from erpsync_app.tests.business.world import World
from erpsync_app.tests.machine import forked
from erpsync_app.tests.support import CLOUD_SITE, LOCAL_SITE, count, sync, writes
from erpsync_app.tests.trade import Refused, refusals

REPOST = "erpnext.stock.doctype.repost_item_valuation.repost_item_valuation.repost_entries"


@dataclass
class Played:
	"""`problems` says in words what is wrong at the end; `skipped`, by step, why a clerk could not do it."""

	documents: int = 0
	seconds: float = 0
	problems: list[str] = field(default_factory=list)
	skipped: dict[int, str] = field(default_factory=dict)

	@property
	def kinds(self) -> set[str]:
		"""What the problems have in common with those of other histories: without names, numbers and steps."""
		return {re.sub(r"[\w.-]*\d[\w.-]*|[\"'].*", "…", problem)[:80] for problem in self.problems}


def play(world: World, steps: Sequence[Step], tell: Callable[[str], None] = lambda line: None) -> Played:
	"""Raises nothing for what sync does wrong: that is a problem of the history."""
	played = Played()
	began = time.monotonic()
	made: dict[int, tuple[str, str, str]] = {}
	try:
		for step in steps:
			tell(str(step))
			if step.act == SYNC:
				sync()
			elif step.act == KILLED_SYNC:
				forked(lambda seconds=step.seconds: _killed_after(seconds))
			elif why := _done(world, step, made):
				played.skipped[step.number] = why
				tell(f"      (not done: {why})")
		played.documents = len(made)
		played.problems.extend(_problems(world))
	except (AssertionError, SyncError) as e:
		played.problems.append(f"sync ended with: {e}")
	played.seconds = time.monotonic() - began
	return played


def _killed_after(seconds: float) -> None:
	"""A sync that is killed in the midst of whatever it does then."""
	timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL))
	timer.daemon = True
	timer.start()
	runs.sync(trigger="command")


def _done(world: World, step: Step, made: dict[int, tuple[str, str, str]]) -> str | None:
	"""Lets a clerk do a step; answers why it was not done, if it was not."""
	doc = None
	try:
		if step.of is not None:
			name = _name(step.of, step.side, made)
			if name is None:
				return f"what step {step.of} made is not there"
			doc = world.clerk(step.side).get(*name)
		new = clerks.act(world, step, doc)
	except (Refused, AssertionError, requests.RequestException) as e:
		return str(e)[:300]
	if new:
		made[step.number] = (step.side, new["doctype"], new["name"])
	return None


def _name(number: int, side: str, made: dict[int, tuple[str, str, str]]) -> tuple[str, str] | None:
	"""The document that a step made, as a side knows it; None if there is none, or if it has not come across."""
	if number not in made:
		return None
	where, doctype, name = made[number]
	if where == side:
		return doctype, name
	frappe.db.rollback()
	known = {"ref_doctype": doctype, f"{where}_name": name}
	copy = frappe.db.get_value("Sync Record", known, f"{other(where)}_name")
	return (doctype, copy) if copy else None


def _problems(world: World) -> Iterator[str]:
	for document, why in refusals().items():
		yield f"{document}: {why}"
	repost()
	yield from books.differences(world)
	written = writes(sync())
	if written:
		yield f"a further sync wrote: {written}"
	if left := count("Sync Event"):
		yield f"{left} events are left in the queue"


def repost() -> None:
	"""What the scheduler of ERPNext does once an hour on either site: goods are valued anew after what was entered
	for an earlier moment than something that was there already."""
	for site in (LOCAL_SITE, CLOUD_SITE):
		subprocess.run(
			[sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "--site", site, "execute", REPOST],
			check=True,
			capture_output=True,
			stdin=subprocess.DEVNULL,
			timeout=600,
		)
	frappe.db.rollback()
