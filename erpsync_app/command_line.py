# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What every `bench erpsync` command has in common: the group, `--json`, the connection to the site, and how a mistake
is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import click
from frappe.commands import get_site, pass_context


@click.group("erpsync")
def erpsync():
	"""Keep this site in step with the cloud site."""


def command(name: str) -> Callable:
	"""A subcommand with `--json`, connected to the site of `bench --site`."""

	def decorate(function: Callable) -> Callable:
		@erpsync.command(name, help=function.__doc__)
		@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
		@pass_context
		@wraps(function)
		def run(context, as_json: bool, **options: Any) -> None:
			with connected(get_site(context, raise_err=False), as_json):
				function(as_json=as_json, **options)

		return run

	return decorate


@contextmanager
def connected(site: str | None, as_json: bool) -> Iterator[None]:
	"""Connect as Administrator, and turn what a user can mend into one sentence and exit code 1."""
	import frappe

	from erpsync_app.adapters.yaml_nodes import ConfigError
	from erpsync_app.engine.errors import SyncError

	if not site:
		fail("Name the site: bench --site SITE erpsync …", as_json)
	try:
		frappe.init(site=site)
	except frappe.IncorrectSitePath:
		fail(f"The site {site} does not exist on this bench: see that its name is right.", as_json)
	try:
		frappe.connect()
		if "erpsync_app" not in frappe.get_installed_apps():
			fail(
				f"erpsync_app is not installed on {site}: run bench --site {site} install-app erpsync_app",
				as_json,
			)
		yield
	except (SyncError, ConfigError, frappe.ValidationError) as e:
		frappe.db.rollback()
		fail(frappe.utils.strip_html(str(e)), as_json)
	except Exception:
		if database_answers():
			raise
		fail(f"The database of {site} does not answer: see that it is running, and run this again.", as_json)
	finally:
		frappe.destroy()


def database_answers() -> bool:
	import frappe

	try:
		frappe.db.sql("select 1")
	except Exception:
		return False
	return True


def fail(sentence: str, as_json: bool) -> NoReturn:
	"""End the command with one sentence and exit code 1."""
	if as_json:
		click.echo(json.dumps({"ok": False, "error": sentence}))
	else:
		click.secho(sentence, fg="red", err=True)
	raise SystemExit(1)


def show(as_json: bool, data: Any, text: Callable[[], None]) -> None:
	"""Print the data as JSON, or what `text` makes of it."""
	if as_json:
		click.echo(json.dumps(data, default=str, ensure_ascii=False))
	else:
		text()


def told(run: Any) -> dict[str, Any]:
	"""A run as `--json` tells it."""
	data = {
		"ok": not (run.stopped or run.aside or run.counts["failed"] or run.left),
		"run": run.id,
		"documents": run.done,
		"counts": {name: number for name, number in run.counts.items() if number},
		"errors": [*run.errors, *run.aside.values()],
	}
	return {**data, "error": run.stopped} if run.stopped else data
