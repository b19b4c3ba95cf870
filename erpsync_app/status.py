# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What there is to know of the state of sync, for the commands and the Desk."""

from __future__ import annotations

import json
from typing import Any

import frappe
from frappe.query_builder import Case
from frappe.query_builder.functions import Count, Max, Sum

from erpsync_app.api import queue_status

LAST_RUNS = 5


def overview() -> dict[str, Any]:
	"""The queue, the records by DocType and status, and the last runs that wrote anything."""
	record, log = frappe.qb.DocType("Sync Record"), frappe.qb.DocType("Sync Log")
	records = (
		frappe.qb.from_(record)
		.select(record.ref_doctype.as_("doctype"), record.status, Count("*").as_("count"))
		.groupby(record.ref_doctype, record.status)
		.orderby(record.ref_doctype)
		.orderby(record.status)
	).run(as_dict=True)
	runs = (
		frappe.qb.from_(log)
		.select(
			log.run,
			Max(log.creation).as_("at"),
			Count("*").as_("entries"),
			Sum(Case().when(log.outcome == "Failure", 1).else_(0)).as_("failures"),
		)
		.groupby(log.run)
		.orderby(Max(log.creation), order=frappe.qb.desc)
		.limit(LAST_RUNS)
	).run(as_dict=True)
	for run in runs:
		run["failures"] = int(run["failures"])
	return {"queue": queue_status(), "records": records, "runs": runs}


def conflicts(show_all: bool) -> list[dict[str, Any]]:
	"""Conflicts, newest first, with the values of both sides."""
	rows = frappe.get_all(
		"Sync Conflict",
		filters={} if show_all else {"status": "Open"},
		fields=[
			"name",
			"ref_doctype",
			"local_name",
			"cloud_name",
			"status",
			"resolution",
			"refused",
			"opened_on",
			"clashes",
		],
		order_by="creation desc",
	)
	return [
		{
			"name": row["name"],
			"doctype": row["ref_doctype"],
			"document": row["local_name"] or row["cloud_name"],
			"status": row["status"],
			"resolution": row["resolution"] or None,
			"refused": row["refused"] or None,
			"opened_on": row["opened_on"],
			"clashes": json.loads(row["clashes"] or "[]"),
		}
		for row in rows
	]
