# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`erpsync process-webhooks` as a process of its own, which runs on and on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import frappe

from erpsync_app import runs
from erpsync_app.command_line import database_answers, show, told
from erpsync_app.engine.errors import SyncError


def process_on(as_json: bool, interval: float) -> None:
	"""Look at the queue every `interval` seconds until SIGTERM or Ctrl-C."""
	with _told_to_end() as ending:
		_process(as_json, interval, ending)


def _process(as_json: bool, interval: float, ending: threading.Event) -> None:
	"""Until told to end. A trouble is told when it begins, not each round; it may pass, so it ends nothing."""

	def progress(done: int) -> None:
		if ending.is_set():  # between two batches: nothing is left leased, and no write unrecorded
			raise _Ended

	site, trouble = frappe.local.site, None
	while not ending.is_set():
		run, was = None, trouble
		try:
			_connect_anew(site)
			run = runs.drain(trigger="command", progress=progress)
			trouble = run.stopped or " ".join(run.aside.values())
		except _Ended:
			return
		except (SyncError, frappe.ValidationError) as e:
			trouble = frappe.utils.strip_html(str(e))
		except Exception:
			if database_answers():
				raise
			trouble = f"The database of {site} does not answer: see that it is running."
		if run and run.done:
			at = frappe.utils.now()
			show(as_json, told(run), lambda at=at, done=run.done: click.echo(f"{at} {done} documents"))
		if trouble and trouble != was:
			click.secho(trouble, fg="red", err=True)
		ending.wait(interval)


def _connect_anew(site: str) -> None:
	"""Within one connection Frappe goes on with the settings that it has read once, and a database that was
	restarted stays lost."""
	frappe.destroy()
	frappe.init(site=site)
	frappe.connect()


class _Ended(Exception):
	"""Raised between two batches after a signal to end."""


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
	"""An event that SIGTERM and Ctrl-C set. The second time, they end the process at once."""
	ending = threading.Event()

	def end(number: int, frame: Any) -> None:
		ending.set()
		signal.signal(number, signal.SIG_DFL)

	before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
	try:
		yield ending
	finally:
		for number, handler in before.items():
			signal.signal(number, handler)
