# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Puts back what a sync overwrote, or deleted, as a line of the Sync Log keeps it.

It is an edit of the local document like any other, made by the person who asks for it and with that person's rights:
sync carries it to the cloud, whichever side it was that sync had overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import frappe
from frappe.core.doctype.deleted_document.deleted_document import restore as restore_deleted
from frappe.utils import get_datetime

from erpsync_app import edits
from erpsync_app.adapters import settings
from erpsync_app.engine.beside import BESIDE
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.engine.model import CLOUD, Fields
from erpsync_app.erp_sync.labels import labels

MARGIN = timedelta(seconds=2)
"""A line of the log may bear the moment at which the run's transaction began."""

NOTHING_TO_UNDO = {
	"create": "It overwrote nothing. Delete the document if it is not to be there.",
	"merge": "Frappe cannot take a merge apart. What the merged document held stands in the line of the Sync Log.",
}


@dataclass
class Undo:
	"""What undoing a line of the Sync Log would do. `fields` tell what stood there before sync wrote, and what stands there
	now, in canonical form; `edited` are the labels of those that someone has changed since. Of a document that sync
	deleted, `fields` hold what it was. `noted` is when the line was written, in the site's time."""

	log: str
	doctype: str
	name: str
	operation: str
	noted: datetime
	fields: list[dict[str, Any]] = field(default_factory=list)
	edited: list[str] = field(default_factory=list)


def look(log: str, only: Sequence[str] = ()) -> dict[str, Any]:
	"""What undoing this line of the Sync Log would do, as `Undo` tells it; `only` for some of its fields, if any are named.
	Raises NeedsPerson where it cannot be undone."""
	return asdict(_look(log, only))


def carry_out(log: str, only: Sequence[str] = (), *, over_edits: bool = False) -> str:
	"""Undo a line of the Sync Log, or `only` some fields of it; answers the name of the document. In the current transaction.

	Raises NeedsPerson where it cannot be undone, or where someone has edited the document since, unless `over_edits`; and
	what Frappe raises where the user may not, or a validation refuses it.
	"""
	undo = _look(log, only)
	if undo.edited and not over_edits:
		raise NeedsPerson(
			f"Someone has changed {', '.join(undo.edited)} of {undo.doctype} {undo.name} since. Undo it all the same, or"
			" leave it as it is."
		)
	if undo.operation == "delete":
		return _restore(undo)
	before = {each["field"]: each["before"] for each in undo.fields}
	if undo.operation == "rename":
		return frappe.rename_doc(undo.doctype, undo.name, before["name"], show_alert=False)
	edits.edit(undo.doctype, undo.name, before)
	return undo.name


def _look(log: str, only: Sequence[str]) -> Undo:
	line = frappe.db.get_value(
		"Sync Log",
		log,
		["name", "ref_doctype", "local_name", "operation", "overwritten", "creation"],
		as_dict=True,
	)
	if not line:
		raise NeedsPerson(f"There is no Sync Log {log}: take a name from the list of the Sync Log.")
	doctype, name, operation = line["ref_doctype"], line["local_name"], line["operation"]
	overwritten: Fields = json.loads(line["overwritten"] or "{}")
	if operation in NOTHING_TO_UNDO or not overwritten:
		raise NeedsPerson(NOTHING_TO_UNDO.get(operation, "It overwrote nothing."))
	if not frappe.db.exists("DocType", doctype):
		raise NeedsPerson(f"This site has no DocType {doctype} any more.")
	rule = settings.rules().get(doctype)
	if rule and not rule.writes(CLOUD):
		raise NeedsPerson(
			f"The rule of {doctype} lets nothing cross from here to the cloud: put it back on the cloud, and it comes here."
		)
	undo = Undo(log, doctype, name, operation, get_datetime(line["creation"]))
	there = bool(name and frappe.db.exists(doctype, name))
	if operation == "delete":
		if there:
			raise NeedsPerson(
				f"There is a {doctype} {name} again: compare the two, and take over what is missing."
			)
		undo.fields = [
			{"field": f, "before": value, "now": None} for f, value in overwritten.items() if value
		]
		return undo
	if not there:
		raise NeedsPerson(f"{doctype} {name} is not there any more: it was renamed or deleted since.")
	if operation == "rename":
		undo.fields = [{"field": "name", "before": overwritten["name"], "now": name}]
		undo.edited = labels(doctype, _written_since(line) & {"name"})
		return undo
	now = edits.present(doctype, name)
	wanted = (overwritten.keys() & now.keys()) - BESIDE
	told = [f for f in wanted if not _same(overwritten[f], now[f]) and (not only or f in only)]
	if not told and (lacking := overwritten.keys() - now.keys() - BESIDE):
		named = ", ".join(labels(doctype, sorted(lacking)))
		raise NeedsPerson(
			f"{named} cannot be put back here: it holds a file, or you have no right to write it."
		)
	if not told:
		raise NeedsPerson("It is as it was before: there is nothing to put back.")
	undo.fields = [{"field": f, "before": overwritten[f], "now": now[f]} for f in sorted(told)]
	since = _written_since(line) | _not_in_step(doctype, name, now)
	undo.edited = labels(doctype, sorted({*told} & since))
	return undo


def _written_since(line: dict[str, Any]) -> set[str]:
	"""The fields of the document that sync has written since, on either side: someone has edited them on the other."""
	later = frappe.get_all(
		"Sync Log",
		filters={
			"ref_doctype": line["ref_doctype"],
			"local_name": line["local_name"],
			"outcome": "Success",
			"creation": (">", line["creation"]),
		},
		pluck="changed_fields",
	)
	return {name for changed in later for name in (changed or "").splitlines()}


def _not_in_step(doctype: str, name: str, now: Fields) -> set[str]:
	"""The fields that were edited here and have yet to cross."""
	kept = frappe.db.get_value("Sync Record", {"ref_doctype": doctype, "local_name": name}, "local_baseline")
	baseline = json.loads(kept or "{}")
	return {name for name, value in now.items() if name in baseline and not _same(baseline[name], value)}


def _same(kept: Any, now: Any) -> bool:
	"""Whether a value is as it was kept; of rows, in the fields that were kept: those that both sites have."""
	if not isinstance(kept, list):
		return kept == now
	return len(kept) == len(now) and all(
		all(name in now_row and now_row[name] == value for name, value in row.items())
		for row, now_row in zip(kept, now, strict=True)
	)


def _restore(undo: Undo) -> str:
	"""The local document was deleted before sync noted it, be it by sync or by a person whom sync followed."""
	kept = frappe.get_all(
		"Deleted Document",
		filters={
			"deleted_doctype": undo.doctype,
			"deleted_name": undo.name,
			"restored": 0,
			"creation": ("<=", undo.noted + MARGIN),
		},
		pluck="name",
		order_by="creation desc",
		limit=1,
	)
	if not kept:
		raise NeedsPerson(
			f"Frappe's Deleted Document keeps {undo.doctype} {undo.name} no more, or it was restored: enter it anew from the"
			" line of the Sync Log."
		)
	restore_deleted(kept[0], alert=False)
	return frappe.db.get_value("Deleted Document", kept[0], "new_name")
