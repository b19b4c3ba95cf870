# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What needs a person: the documents that are in conflict, have failed, or differ for good, each once, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import frappe

from erpsync_app.adapters.event_queue import key_of
from erpsync_app.engine.decision import DOCUMENT
from erpsync_app.erp_sync.labels import labels

MOST = 500
"""Documents that are told at once."""

Item = dict[str, Any]
"""A document that needs a person: `doctype`, `local_name`, `cloud_name`, `status` as in Sync Record, the `reason`, or the labels
of the fields that are `clashing`, and `since`; `record`, `conflict` and `events` are the names of what tells of it, `ignored`
whether a person has put it off."""


def items(*, ignored: bool = False, since: datetime | None = None) -> list[Item]:
	"""What the user may see of it, the oldest first; what was put off only with `ignored`; or what came up after `since`, in
	the site's time."""
	found: dict[str, Item] = {}
	records = _records(since)
	for row in records:
		found[_key(row)] = _item(row, row["status"], row["error"], row["modified"], record=row["name"])
	for row in _conflicts(since):
		about = found.get(_key(row)) or _item(row, "Conflict", None, row["opened_on"], record=row["record"])
		told = {"reason": row["refused"], "clashing": _clashing(row["ref_doctype"], row["clashes"])}
		found[_key(row)] = {**about, **told, "conflict": row["name"], "since": row["opened_on"]}
	for row in _events(since):
		here = row["side"] == "local"
		named = {
			"local_name": row["docname"] if here else None,
			"cloud_name": None if here else row["docname"],
		}
		item = found.setdefault(
			row["document_key"],
			_item({**named, "ref_doctype": row["ref_doctype"]}, "Failed", row["error"], row["modified"]),
		)
		item["events"].append(row["name"])
		item["reason"] = item["reason"] or row["error"]
	put_off = {row["name"]: row["ignored_error"] for row in records if row["ignored_error"]}
	for item in found.values():
		item["ignored"] = item["record"] in put_off and put_off[item["record"]] == item["reason"]
	told = [item for item in found.values() if ignored or not item["ignored"]]
	return sorted(told, key=lambda item: str(item["since"]))[:MOST]


def ignore(records: Iterable[str]) -> int:
	"""Put off what these Sync Records tell, until they tell something else. Answers how many could be put off."""
	rows = frappe.get_list(
		"Sync Record", {"name": ("in", list(records)), "error": ("is", "set")}, ["name", "error"]
	)
	for row in rows:
		frappe.db.set_value("Sync Record", row["name"], "ignored_error", row["error"], update_modified=False)
	return len(rows)


def _records(since: datetime | None) -> list[dict[str, Any]]:
	"""Those that have failed, or cannot be brought in step. What a person has left different says no reason."""
	fields = [
		"name",
		"ref_doctype",
		"local_name",
		"cloud_name",
		"status",
		"error",
		"ignored_error",
		"modified",
	]
	asks = {"status": ("in", ["Failed", "Diverged"]), "error": ("is", "set"), **_after("modified", since)}
	return frappe.get_list("Sync Record", asks, fields, order_by="modified asc", limit=MOST)


def _conflicts(since: datetime | None) -> list[dict[str, Any]]:
	fields = ["name", "ref_doctype", "local_name", "cloud_name", "record", "opened_on", "refused", "clashes"]
	asks = {"status": "Open", **_after("opened_on", since)}
	return frappe.get_list("Sync Conflict", asks, fields, order_by="opened_on asc", limit=MOST)


def _events(since: datetime | None) -> list[dict[str, Any]]:
	"""Those that were set aside."""
	fields = ["name", "ref_doctype", "docname", "side", "error", "document_key", "modified"]
	asks = {"state": "Failed", **_after("modified", since)}
	return frappe.get_list("Sync Event", asks, fields, order_by="modified asc", limit=MOST)


def _after(field: str, since: datetime | None) -> dict[str, Any]:
	return {field: (">", since)} if since else {}


def _item(
	row: dict[str, Any], status: str, reason: str | None, since: Any, record: str | None = None
) -> Item:
	names = {"local_name": row["local_name"], "cloud_name": row["cloud_name"]}
	about = {"doctype": row["ref_doctype"], **names, "status": status, "reason": reason, "since": since}
	return {**about, "record": record, "conflict": None, "clashing": [], "events": []}


def _key(row: dict[str, Any]) -> str:
	return key_of(row["ref_doctype"], row["local_name"] or row["cloud_name"] or "")


def _clashing(doctype: str, clashes: str | None) -> list[str]:
	"""The labels of the fields that clash; none where the whole document does."""
	names = [clash["field"] for clash in json.loads(clashes or "[]")]
	return [] if DOCUMENT in names else labels(doctype, names)
