# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The commands by which a person decides: `show-conflicts`, `resolve` and `undo`."""

from __future__ import annotations

from typing import Any

import click

from erpsync_app.command_line import command, fail, show

TAKE = {"local": "keep_local", "cloud": "keep_cloud", "neither": "by_hand"}


@command("show-conflicts")
@click.option("--all", "show_all", is_flag=True, help="Resolved ones too.")
def show_conflicts(as_json: bool, show_all: bool) -> None:
	"""Show the open conflicts, field by field."""
	from erpsync_app import status

	conflicts = status.conflicts(show_all)

	def text() -> None:
		for conflict in conflicts:
			how = f" ({conflict['resolution']})" if conflict["resolution"] else ""
			click.echo(
				f"{conflict['name']}: {conflict['doctype']} {conflict['document']}, {conflict['status']}{how}"
			)
			if conflict["refused"]:
				click.echo(f"  {conflict['refused']}")
			for clash in conflict["clashes"]:
				click.echo(f"  {clash['field']}: local {clash['local']!r}, cloud {clash['cloud']!r}")
		click.echo(f"{len(conflicts)} conflicts" if conflicts else "No conflicts.")

	show(as_json, {"ok": True, "conflicts": conflicts}, text)


@command("resolve")
@click.argument("conflict")
@click.option(
	"--take",
	required=True,
	metavar="local|cloud|neither|FILE",
	help="Whose values both sites are to have; `neither` leaves both as they are. Or a YAML file that says for each field"
	" `take: local`, `take: cloud` or `take: base` (what both had after the last sync), or a `value`.",
)
def resolve(as_json: bool, conflict: str, take: str) -> None:
	"""Settle an open conflict, by the name that show-conflicts tells, and carry it out at once."""
	import frappe

	from erpsync_app import runs
	from erpsync_app.api import desk

	if not frappe.db.exists("Sync Conflict", conflict):
		fail(f"There is no Sync Conflict {conflict}: take a name that show-conflicts tells.", as_json)
	if take in TAKE:
		desk.settle(conflict, TAKE[take])
	else:
		desk.settle_by_field(conflict, _chosen(take, as_json))
	frappe.db.commit()
	runs.drain(trigger="command")
	frappe.db.rollback()
	status, refused, document = frappe.db.get_value(
		"Sync Conflict", conflict, ["status", "refused", "local_name"]
	)
	if refused:
		fail(refused, as_json)
	if status == "Open":
		fail("It could not be carried out yet; sync tries again. See show-conflicts.", as_json)
	show(as_json, {"ok": True, "conflict": conflict}, lambda: click.echo(f"{document}: {status}."))


def _chosen(path: str, as_json: bool) -> dict[str, dict[str, Any]]:
	"""What a file says of each field."""
	import yaml

	try:
		with open(path) as file:
			chosen = yaml.safe_load(file)
	except OSError:
		fail(f"Take one of {', '.join(TAKE)}, or name a file: there is no file {path}.", as_json)
	except yaml.YAMLError as e:
		fail(f"{path} is no YAML: {' '.join(str(e).split())}", as_json)
	if not isinstance(chosen, dict) or not all(isinstance(each, dict) for each in chosen.values()):
		fail(f"{path} must say for each field `take:` a side, or a `value:`.", as_json)
	return chosen


@command("undo")
@click.argument("log")
@click.option("--over-edits", is_flag=True, help="Also where someone has edited the document since.")
def undo(as_json: bool, log: str, over_edits: bool) -> None:
	"""Put back what a sync overwrote or deleted, by the name of a Sync Log line, and let it cross at once."""
	import frappe

	from erpsync_app import runs
	from erpsync_app import undo as undoing

	told = undoing.look(log)
	name = undoing.carry_out(log, over_edits=over_edits)
	frappe.db.commit()
	if frappe.db.get_single_value("Sync Settings", "enabled"):
		runs.drain(trigger="command")
		frappe.db.rollback()

	def text() -> None:
		for each in told["fields"]:
			click.echo(f"  {each['field']}: {each['now']!r} -> {each['before']!r}")
		click.echo(f"{told['doctype']} {name} is as it was before.")

	show(as_json, {"ok": True, "doctype": told["doctype"], "name": name, "fields": told["fields"]}, text)
