# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the buttons of the Desk call. What is to cross is only queued: the work is a worker's."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _
from frappe.utils import cint, escape_html, get_datetime, get_url_to_form, pretty_date

from erpsync_app import attention as attend
from erpsync_app import connections, edits, jobs, settling, webhooks
from erpsync_app import undo as undoing
from erpsync_app.adapters import event_queue
from erpsync_app.adapters.transactions import again
from erpsync_app.api import ROLES, queue_status, told_to_person
from erpsync_app.engine.model import CLOUD, LOCAL, Event
from erpsync_app.erp_sync.roles import check_may

CHOICES = {"keep_local": "Keep local", "keep_cloud": "Keep cloud", "by_hand": "By hand"}


@frappe.whitelist(methods=["POST"])
def settle(conflict: str, choice: str) -> None:
	"""Carry out a person's choice for an open conflict: keep_local, keep_cloud or by_hand."""
	frappe.only_for(ROLES)
	if choice not in CHOICES:
		frappe.throw(_("Choose one of: {0}.").format(", ".join(CHOICES)))

	_choose(conflict, CHOICES[choice])


@frappe.whitelist(methods=["POST"])
def settle_by_field(conflict: str, chosen: str | dict) -> None:
	"""Carry out a person's choice for each field of an open conflict: `{"take": side}`, where the side may also be `base`,
	what both had after the last sync; or `{"value": …}`. What is not chosen stays as it is on the local side."""
	frappe.only_for(ROLES)
	with told_to_person():
		_choose(conflict, CHOICES["keep_local"], frappe.parse_json(chosen))


def _choose(conflict: str, choice: str, chosen: dict[str, dict[str, Any]] | None = None) -> None:
	"""Note a person's choice; and write first, on the local side, what was chosen field by field."""

	def choose() -> None:
		doc = frappe.get_doc("Sync Conflict", conflict)
		if doc.status != "Open":
			frappe.throw(_("This conflict is resolved already."))
		check_may("write", doc.ref_doctype, doc.local_name)
		if chosen:
			edits.edit(doc.ref_doctype, doc.local_name, settling.values(doc.clashes, chosen))
		frappe.db.set_value("Sync Record", doc.record, "choice", choice)
		noted = {"resolved_by": frappe.session.user, "refused": None}
		frappe.db.set_value("Sync Conflict", conflict, noted)
		_queue(doc.ref_doctype, doc.local_name, doc.cloud_name)

	again(choose)  # a worker may be at the same document


@frappe.whitelist(methods=["GET", "POST"])
def last_edits(conflict: str) -> dict[str, dict[str, str]]:
	"""Who has last saved the document of a conflict on each side, and when, by this site's clock. Without a side where the
	document is not, or that does not answer."""
	frappe.only_for(ROLES)
	doc = frappe.get_doc("Sync Conflict", conflict)
	check_may("read", doc.ref_doctype, doc.local_name)
	return connections.last_edits(doc.ref_doctype, {LOCAL: doc.local_name, CLOUD: doc.cloud_name})


@frappe.whitelist(methods=["POST"])
def look_at_undo(log: str, only: str | list = ()) -> dict[str, Any]:
	"""What undoing a line of the Sync Log, or some fields of it, would do, as `undo.Undo` tells it."""
	_check_line(log, "read")
	with told_to_person():
		return undoing.look(log, frappe.parse_json(only))


@frappe.whitelist(methods=["POST"])
def undo(log: str, only: str | list = (), over_edits: bool | int = False) -> str:
	"""Put back what sync overwrote or deleted, as an edit of the user. Answers the name of the document."""
	_check_line(log, "write")
	fields, forced = frappe.parse_json(only), bool(cint(over_edits))
	with told_to_person():
		return again(lambda: undoing.carry_out(log, fields, over_edits=forced))  # a worker may be at it


@frappe.whitelist(methods=["POST"])
def set_up_webhooks() -> dict[str, str | int]:
	"""Make the webhooks on the cloud, and wait until one has come in. Answers how many, and what is wrong."""
	frappe.only_for("System Manager")
	return webhooks.set_up()


@frappe.whitelist(methods=["POST"])
def sync_now(record: str) -> None:
	"""Look at one bound document again, on both sides."""
	frappe.only_for(ROLES)
	doc = frappe.get_doc("Sync Record", record)
	check_may("read", doc.ref_doctype, doc.local_name)
	_queue(doc.ref_doctype, doc.local_name, doc.cloud_name)


@frappe.whitelist(methods=["GET", "POST"])
def attention(ignored: bool | int = False) -> list[attend.Item]:
	"""What needs a person, as `attention.items` tells it."""
	frappe.only_for(ROLES)
	return attend.items(ignored=bool(cint(ignored)))


@frappe.whitelist(methods=["POST"])
def ignore(records: str | list) -> int:
	"""Put off what these Sync Records tell, until they tell something else. Answers how many could be put off."""
	frappe.only_for(ROLES)
	return attend.ignore(frappe.parse_json(records))


@frappe.whitelist(methods=["POST"])
def retry_events(names: str | list) -> int:
	"""Make quarantined or waiting events due at once, with a clean count; answers how many."""
	frappe.only_for(ROLES)
	chosen = [name for name in frappe.parse_json(names) if isinstance(name, str)]
	table = frappe.qb.DocType("Sync Event")
	mine = table.name.isin(chosen) & (table.state != "Processing")

	def make_due() -> int:
		count = len(frappe.qb.from_(table).select(table.name).where(mine).run()) if chosen else 0
		if count:
			due = frappe.qb.update(table).set(table.state, "Pending").set(table.attempts, 0).where(mine)
			due.set(table.next_try, None).run()
			frappe.db.after_commit.add(jobs.wake)
		return count

	return again(make_due)  # a worker may be claiming them


@frappe.whitelist(methods=["POST"])
def sync_all() -> str:
	"""Scan both sides now. Answers what stopped sync last, if anything did: it may stop this scan as well."""
	frappe.only_for(ROLES)
	jobs.start_scan()
	return queue_status()["reason"] or ""


@frappe.whitelist(methods=["POST"])
def test_connections() -> dict[str, list | dict]:
	"""What `erpsync test-connections` tells, for the button in Sync Settings."""
	frappe.only_for("System Manager")
	return {"sides": connections.test(), "drift": connections.drifted()}


@frappe.whitelist(methods=["GET", "POST"])
def state() -> str:
	"""Whether sync runs, and what keeps it from running; HTML, for the number card of the workspace."""
	frappe.only_for(ROLES)
	now = queue_status()
	if now["status"] == "disabled":
		return _("Off")
	if not now["reason"]:
		return _("Paused") if now["status"] == "paused" else _("Running")
	word = _("Paused") if now["status"] == "paused" else _("In Trouble")
	why, settings = (
		escape_html(now["reason"].split("\n\n")[0]),
		get_url_to_form("Sync Settings", "Sync Settings"),
	)
	opens = _("Open Sync Settings")
	return f'{word}<div class="text-medium text-muted">{why} <a href="{settings}">{opens}</a></div>'


@frappe.whitelist(methods=["GET", "POST"])
def comparison() -> str:
	"""When both sites were last compared, and what came of it; HTML, for the number card of the workspace."""
	frappe.only_for(ROLES)
	stored = frappe.db.get_singles_dict("Sync Settings")
	if not stored.get("last_verify"):
		return _("Not Yet")
	result = escape_html(stored.get("verify_result") or "")
	return f'{pretty_date(get_datetime(stored["last_verify"]))}<div class="text-medium text-muted">{result}</div>'


def _check_line(log: str, right: str) -> None:
	"""Raise PermissionError unless the user may work with sync and has the right on the document of a Sync Log line."""
	frappe.only_for(ROLES)
	line = frappe.get_doc("Sync Log", log)
	check_may(right, line.ref_doctype, line.local_name)


def _queue(doctype: str, local_name: str | None, cloud_name: str | None) -> None:
	event = (
		Event(LOCAL, doctype, local_name, trigger="person")
		if local_name
		else Event(CLOUD, doctype, cloud_name or "", trigger="person")
	)
	event_queue.insert([event])
	frappe.db.after_commit.add(jobs.wake)
