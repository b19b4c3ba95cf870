# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the Desk shows of sync on a document that has a rule, to everyone who may read the document: how it stands, what it
is called on the cloud, and what sync has done with it. A DocType without a rule costs no query."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _
from frappe.query_builder import DocType
from frappe.utils import escape_html
from pypika.terms import NullValue

from erpsync_app.adapters import settings
from erpsync_app.adapters.event_queue import key_of
from erpsync_app.erp_sync.labels import labels

MOST_LINES = 20
"""Of the Sync Log, that a form shows."""

Standing = dict[str, Any]
"""How a document stands: `status` as in Sync Record, where Pending is also what waits in the queue; `error`, why it does
not cross; `cloud_name`, `record` (the name of the Sync Record) and `last_synced`, each None where there is none yet."""


def add_to_form(doc, method: str | None = None) -> None:
	"""Frappe's event `onload`: how the document stands goes to the form along with the document."""
	if not settings.captured(doc.doctype):
		return
	try:
		doc.set_onload("erpsync", _standings(doc.doctype, [str(doc.name)]).get(str(doc.name)))
	except Exception:
		# Whoever opens a document gets it, whatever is wrong with sync.
		frappe.log_error(
			f"Sync could not tell how {doc.doctype} {doc.name} stands", reference_doctype=doc.doctype
		)


def add_to_boot(bootinfo) -> None:
	"""Frappe's hook `extend_bootinfo`: of which DocTypes a list asks how its documents stand."""
	bootinfo.erpsync_doctypes = settings.captured_doctypes()


@frappe.whitelist(methods=["GET", "POST"])
def standings(doctype: str, names: str | list) -> dict[str, Standing]:
	"""How those of the named documents stand that the user may read, by name; without those that sync does not know."""
	if not settings.captured(doctype):
		return {}
	chosen = [name for name in frappe.parse_json(names) if isinstance(name, str)]
	readable = frappe.get_list(doctype, {"name": ("in", chosen)}, pluck="name", limit=len(chosen))
	return _standings(doctype, [str(name) for name in readable])


@frappe.whitelist(methods=["GET", "POST"])
def history(doctype: str, name: str) -> list[dict[str, Any]]:
	"""What sync has done with a document, newest first, as in the Sync Log. Raises PermissionError where the user may not
	read the document."""
	frappe.get_doc(doctype, name).check_permission("read")
	fields = ["name", "creation", "operation", "direction", "outcome", "changed_fields", "message"]
	lines = _log(doctype, name, fields)
	for line in lines:
		changed = _changed(doctype, line)
		line["changed"] = changed if line["operation"] == "update" else []
		del line["changed_fields"]
	return lines


def timeline(doctype: str, name: str) -> list[dict[str, Any]]:
	"""Frappe's hook `additional_timeline_content`: what came from the cloud, and when."""
	if not settings.captured(doctype):
		return []
	written = {"outcome": "Success", "direction": "cloud_to_local"}
	lines = _log(doctype, name, ["creation", "operation", "changed_fields"], **written)
	return [{"icon": "refresh", "creation": line.creation, "content": _told(doctype, line)} for line in lines]


def _told(doctype: str, line: dict[str, Any]) -> str:
	"""A line of the timeline, as HTML."""
	sentences = {
		"create": _("Sync created this document from the cloud's"),
		"rename": _("Sync renamed this document, as it was on the cloud"),
		"merge": _("Sync merged this document, as it was on the cloud"),
	}
	if told := sentences.get(line["operation"]):
		return told
	changed = ", ".join(_changed(doctype, line))
	return _("Sync brought from the cloud: {0}").format(escape_html(changed or _("Status")))


def _changed(doctype: str, line: dict[str, Any]) -> list[str]:
	"""The labels of the fields of a line, which keeps a name a line."""
	return labels(doctype, (line["changed_fields"] or "").splitlines())


def _log(doctype: str, name: str, fields: list[str], **filters: str) -> list[dict[str, Any]]:
	of_it = {"ref_doctype": doctype, "local_name": name, **filters}
	return frappe.get_all("Sync Log", of_it, fields, order_by="creation desc", limit=MOST_LINES)


def _standings(doctype: str, names: list[str]) -> dict[str, Standing]:
	"""How each document stands, by its local name: by its record, and by what waits in the queue. One query."""
	if not names:
		return {}
	record, event = DocType("Sync Record"), DocType("Sync Event")
	keys = {key_of(doctype, name): name for name in names}
	nothing = NullValue()
	records = (
		frappe.qb.from_(record)
		.select(record.local_name, record.status, record.error)
		.select(record.cloud_name, record.name, record.last_synced)
		.where((record.ref_doctype == doctype) & record.local_name.isin(names))
	)
	events = (
		frappe.qb.from_(event)
		.select(event.document_key, event.state, event.error, nothing, nothing, nothing)
		.where(event.document_key.isin(list(keys)))
	)
	records.wrap_set_operation_queries = False  # SQLite takes no brackets there
	found: dict[str, Standing] = {}
	queued: dict[str, Standing] = {}
	for name, status, error, cloud_name, record_name, last_synced in records.union_all(events).run():
		if record_name:
			known = {"cloud_name": cloud_name, "record": record_name, "last_synced": last_synced}
			found[name] = {"status": status, "error": error, **known}
		elif name := keys.get(name):  # the database takes names that differ in case alone for one
			status = "Failed" if status == "Failed" else "Pending"
			if queued.get(name, {}).get("status") != "Failed":
				queued[name] = {"status": status, "error": error}
	nobody = dict.fromkeys(("cloud_name", "record", "last_synced"))
	for name, waits in queued.items():
		standing = found.setdefault(name, {**nobody, "status": "Pending", "error": None})
		if standing["status"] not in ("Failed", "Conflict") or waits["status"] == "Failed":
			standing.update(status=waits["status"], error=waits["error"] or standing["error"])
	return found
