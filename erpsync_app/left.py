# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What has not crossed when a run is over, with the reason: what was refused, is set aside or has failed, be it by this
run or an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import frappe
from frappe.query_builder import DocType

from erpsync_app.engine.context import MOST_ERRORS, Run


def tell_left(run: Run, doctypes: Sequence[str], name: str | None = None) -> None:
	"""Name in the summary of a run each document of these DocTypes that has not crossed, or the one of that name."""
	told = {}
	for doctype, local, cloud, error in (*_records(doctypes), *_events(doctypes)):
		if name is None or name in (local, cloud):
			told.setdefault((doctype, local or cloud), error)
	run.left = len(told)
	lines = [f"{doctype} {document}: {error}" for (doctype, document), error in told.items()]
	run.errors = list(dict.fromkeys([*run.errors, *lines]))[:MOST_ERRORS]


def _records(doctypes: Sequence[str]) -> Iterator[tuple]:
	record = DocType("Sync Record")
	yield from (
		frappe.qb.from_(record)
		.select(record.ref_doctype, record.local_name, record.cloud_name, record.error)
		.where((record.status == "Failed") & record.ref_doctype.isin([*doctypes, ""]))
		.orderby(record.ref_doctype, record.local_name, record.cloud_name)
		.limit(MOST_ERRORS)
	).run()


def _events(doctypes: Sequence[str]) -> Iterator[tuple]:
	"""By the local name, where the document has a record, as that tells it."""
	event, record = DocType("Sync Event"), DocType("Sync Record")
	bound = (record.ref_doctype == event.ref_doctype) & (record.cloud_name == event.docname)
	rows = (
		frappe.qb.from_(event)
		.left_join(record)
		.on(bound & (event.side == "cloud"))
		.select(event.ref_doctype, event.side, event.docname, record.local_name, event.error)
		.where(event.state.isin(("Pending", "Failed")) & (event.error != ""))
		.where((event.attempts > 0) & event.ref_doctype.isin([*doctypes, ""]))
		.orderby(event.ref_doctype, event.docname)
		.limit(MOST_ERRORS)
	).run()
	for doctype, side, docname, local, error in rows:
		yield doctype, docname if side == "local" else local, docname if side == "cloud" else None, error
