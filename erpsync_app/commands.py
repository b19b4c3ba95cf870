# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`bench --site SITE erpsync …`. What a command prints is here; what it does is in `runs`, `connections` and `api`.

Every command takes `--json`, exits non-zero on failure, and answers a user's mistake with one sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

import erpsync_app.decision_commands  # noqa: F401  (they join the group)
from erpsync_app.command_line import command, erpsync, fail, show, told

ENVIRONMENT = {
	"cloud_url": ("CLOUD_ERP_URL", "URL of the cloud site"),
	"api_key": ("CLOUD_API_KEY", "API key"),
	"api_secret": ("CLOUD_API_SECRET", "API secret"),
}
FROM_ENVIRONMENT = {"local_url": "LOCAL_ERP_URL", "webhook_secret": "WEBHOOK_SECRET"}
"""What most sites need not be told: their own address, and a secret of a person's choice."""
MOST_TOLD = 100
"""Documents that did not cross which `sync` names; `--json` names more."""


@command("connect")
@click.option(
	"--webhooks/--no-webhooks", default=True, help="Make the cloud's webhooks, and keep them in order."
)
def connect(as_json: bool, webhooks: bool) -> None:
	"""Name the cloud site, save its keys, make its webhooks, and test the connection.

	Reads CLOUD_ERP_URL, CLOUD_API_KEY and CLOUD_API_SECRET from the environment, and asks for what is not there. There
	may be LOCAL_ERP_URL as well, the address at which the cloud reaches this site, and WEBHOOK_SECRET.
	"""
	import frappe

	from erpsync_app import connections
	from erpsync_app.webhooks import number, set_up, take_away

	doc = frappe.get_doc("Sync Settings")
	for fieldname, (variable, label) in ENVIRONMENT.items():
		secret = fieldname == "api_secret"
		stored = doc.get(fieldname)
		value = os.environ.get(variable)
		if value is None and not as_json and click.get_text_stream("stdin").isatty():
			shown = "keep the present one" if secret and stored else stored
			value = click.prompt(label, default=shown or "", hide_input=secret, show_default=bool(shown))
			value = None if secret and value == shown else value
		if value:
			doc.set(fieldname, value)
		elif not stored:
			fail(f"{variable} is not set: set it in the environment, or run this in a terminal.", as_json)
	for fieldname, variable in FROM_ENVIRONMENT.items():
		if value := os.environ.get(variable):
			doc.set(fieldname, value)
	doc.enabled, doc.keep_webhooks = 1, int(webhooks)
	doc.save()
	frappe.db.commit()
	connections.remember()
	if not webhooks and number():
		take_away()
	_show_connections(as_json, set_up() if webhooks else None)


@command("disconnect")
def disconnect(as_json: bool) -> None:
	"""Stop sync, and delete the webhooks that it has made on the cloud. Rules, records and keys stay."""
	import frappe

	from erpsync_app.webhooks import take_away

	doc = frappe.get_doc("Sync Settings")
	doc.enabled = doc.keep_webhooks = 0
	doc.save()
	frappe.db.commit()
	deleted = take_away()
	show(
		as_json,
		{"ok": True, "webhooks": deleted},
		lambda: click.echo(f"Sync is off. {deleted} webhooks were deleted on the cloud."),
	)


@command("test-connections")
def test_connections(as_json: bool) -> None:
	"""Test both sides: URL, user, versions, time zone, missing permissions, fields that do not cross, what to do."""
	_show_connections(as_json)


def _show_connections(as_json: bool, webhooks: dict[str, Any] | None = None) -> None:
	from erpsync_app import connections

	sides, drift = connections.test(), connections.drifted()

	def text() -> None:
		for side in sides:
			click.secho(
				f"{side['side']}: {'ok' if side['ok'] else 'not ok'}", fg="green" if side["ok"] else "red"
			)
			versions = ", ".join(f"{app} {version}" for app, version in side["versions"].items())
			for label, value in (
				("URL", side["url"]),
				("user", side["user"]),
				("versions", versions),
				("time zone", side["time_zone"]),
			):
				click.echo(f"  {label:<10}{value or '-'}")
			for problem in side["problems"]:
				click.echo(f"  {click.style('!', fg='red')} {problem}")
			for note in side["notes"]:
				click.echo(f"  - {note}")
		if webhooks and webhooks["number"] and not webhooks["problem"]:
			click.echo(f"webhooks: {webhooks['number']} on the cloud, and one has come in")
		for doctype, sentences in drift.items():
			click.secho(f"{doctype}: not all of it crosses", fg="yellow")
			for sentence in sentences:
				click.echo(f"  - {sentence}")

	data = {"ok": all(side["ok"] for side in sides), "sides": sides, "drift": drift}
	show(as_json, {**data, "webhooks": webhooks} if webhooks else data, text)
	if not all(side["ok"] for side in sides):
		raise SystemExit(1)


@command("sync")
@click.option("--doctype", help="Only documents of this DocType.")
@click.option("--docname", help="Only the document of this name (with --doctype).")
@click.option(
	"--direction",
	type=click.Choice(["cloud_to_local", "local_to_cloud"]),
	help="Only changes that go this way.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many documents.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and write nothing.")
def sync(
	as_json: bool,
	doctype: str | None,
	docname: str | None,
	direction: str | None,
	limit: int | None,
	dry_run: bool,
) -> None:
	"""Find what differs on both sides and bring it in step."""
	from erpsync_app.engine.errors import NeedsPerson

	if docname and not doctype:
		raise NeedsPerson("--docname needs --doctype: name the DocType of the document too.")
	if dry_run:
		_dry_run(as_json, doctype, docname, direction, limit)
		return
	from erpsync_app import runs

	with _progress(as_json) as progress:
		run = runs.sync(
			trigger="command",
			doctype=doctype,
			name=docname,
			direction=direction,
			limit=limit,
			progress=progress,
		)
	_summary(as_json, run)


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[int], None]]:
	"""A bar that grows with the documents done; how many there will be, nobody knows before they are listed."""
	if as_json or not click.get_text_stream("stderr").isatty():
		yield lambda done: None
		return
	from erpsync_app import runs

	with click.progressbar(length=1, label="Syncing", file=click.get_text_stream("stderr")) as bar:

		def progress(done: int) -> None:
			bar.length = max(done + runs.waiting(), 1)
			bar.update(done - bar.pos)

		yield progress


def _summary(as_json: bool, run: Any) -> None:
	from erpsync_app.erp_sync.words import COUNTS

	data = told(run)

	def text() -> None:
		click.echo(f"{run.done} documents looked at")
		for name, number in data["counts"].items():
			click.echo(f"  {number:>6} {COUNTS.get(name, name)}")
		for error in run.errors[:MOST_TOLD]:
			click.secho(f"  ! {error}", fg="red")
		if run.left > MOST_TOLD:
			click.secho(f"  ! and {run.left - MOST_TOLD} more: see Sync Event and Sync Record", fg="red")
		for sentence in run.aside.values():
			click.secho(sentence, fg="red", err=True)
		if run.stopped:
			click.secho(run.stopped, fg="red", err=True)
		elif not data["counts"] and data["ok"]:
			click.secho("Both sides are in step.", fg="green")

	show(as_json, data, text)
	if not data["ok"]:
		raise SystemExit(1)


def _dry_run(
	as_json: bool, doctype: str | None, docname: str | None, direction: str | None, limit: int | None
) -> None:
	from itertools import islice

	from erpsync_app import runs

	planned = islice(runs.plan(doctype=doctype, name=docname, direction=direction), limit)
	rows = []
	for item in planned:
		writes = [f"{write.operation} on {write.side}" for write in item.decision.writes]
		if not writes and not item.decision.clashes and item.decision.status != "Failed":
			continue
		row = {
			"doctype": item.doctype,
			"name": item.name,
			"writes": writes,
			"fields": sorted({f for write in item.decision.writes for f in write.fields}),
			"clashes": [clash.field for clash in item.decision.clashes],
			"reason": item.decision.reason,
		}
		rows.append(row)
		if not as_json:
			click.echo(
				f"{item.doctype} {item.name}: {', '.join(writes) or 'nothing'} ({item.decision.reason})"
			)
	show(
		as_json,
		{"ok": True, "planned": rows},
		lambda: click.echo(_what_would_be_done(rows)),
	)


def _what_would_be_done(rows: list[dict[str, Any]]) -> str:
	written = sum(bool(row["writes"]) for row in rows)
	others = f", {len(rows) - written} would be left for a person" if written < len(rows) else ""
	return f"{written} documents would be written{others}. Nothing was."


@command("verify")
@click.option("--doctype", help="Only documents of this DocType.")
@click.option("--books", is_flag=True, help="Only the books: the trial balance, and the stock.")
@click.option("--repair", is_flag=True, help="Let sync look again at what differs.")
def verify(as_json: bool, doctype: str | None, books: bool, repair: bool) -> None:
	"""Compare what both sites hold: the documents of each rule, and the books. Exits with 1 where they differ."""
	from erpsync_app import verify
	from erpsync_app.verify_words import tell

	report = verify.compare(doctype=doctype, books=books, repair=repair)
	show(as_json, verify.as_data(report), lambda: tell(report))
	if not report.in_step:
		raise SystemExit(1)


@command("process-webhooks")
@click.option("--once", is_flag=True, help="Process what is due, and end.")
@click.option("--interval", type=click.FloatRange(min=0.1), default=2, show_default=True, help="Seconds.")
def process_webhooks(as_json: bool, once: bool, interval: float) -> None:
	"""Process the queue of events, on and on. The bench's workers do so by themselves; this is for the others."""
	from erpsync_app import runs
	from erpsync_app.process import process_on

	if once:
		_summary(as_json, runs.drain(trigger="command"))
		return
	process_on(as_json, interval)


@command("show-status")
def show_status(as_json: bool) -> None:
	"""Show the records by status and DocType, the queue, and the last runs."""
	from erpsync_app import status

	data = status.overview()

	def text() -> None:
		queue = data["queue"]
		click.echo(f"Sync is {queue['status']}. Last scan: {queue['last_scan'] or 'never'}.")
		if queue["reason"]:
			click.secho(queue["reason"], fg="red")
		click.echo(
			f"Queue: {queue['pending_webhooks']} pending (the oldest for {queue['oldest_pending_seconds']} s),"
			f" {queue['processing_webhooks']} in process, {queue['failed']} failed"
		)
		for row in data["records"]:
			click.echo(f"  {row['doctype']:<30}{row['status']:<12}{row['count']:>8}")
		for run in data["runs"]:
			click.echo(
				f"Run {run['run']} {run['at']}: {run['entries']} log entries, {run['failures']} failures"
			)

	show(as_json, {"ok": True, **data}, text)


@command("resume")
def resume(as_json: bool) -> None:
	"""Go on after sync paused, by itself or by hand: what stopped it may pass."""
	import frappe

	from erpsync_app import breakers

	stored = frappe.get_doc("Sync Settings")
	if not stored.paused:
		show(as_json, {"ok": True, "resumed": False}, lambda: click.echo("Sync is not paused."))
		return
	data = {
		"ok": True,
		"resumed": True,
		"acknowledged": breakers.resume(),
		"pause_reason": stored.pause_reason,
	}
	show(as_json, data, lambda: click.secho("Sync goes on.", fg="green"))


@command("import-config")
@click.argument("file")
def import_config(as_json: bool, file: str) -> None:
	"""Make Sync Rules of a YAML file; one mistake in it, and nothing is changed."""
	from erpsync_app import config

	try:
		with open(_path(file), encoding="utf-8", errors="replace") as f:
			text = f.read()
	except OSError as e:
		fail(f"{file} cannot be read ({e.strerror}): give the path of a YAML file.", as_json)
	names = config.load(text)
	show(
		as_json,
		{"ok": True, "rules": names},
		lambda: click.echo(f"{len(names)} rules saved: {', '.join(names)}"),
	)


def _path(file: str) -> str:
	"""The path as the person meant it: bench changes into its sites folder before it runs a command."""
	places = (os.environ.get("PWD", "."), os.pardir, os.curdir)
	return next((p for place in places if os.path.isfile(p := os.path.join(place, file))), file)


@command("export-config")
def export_config(as_json: bool) -> None:
	"""Print the Sync Rules as YAML, without any secret."""
	from erpsync_app import config

	text = config.save()
	show(as_json, {"ok": True, "yaml": text}, lambda: click.echo(text, nl=False))


commands = [erpsync]
