# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the local site tells by Frappe's own lists."""

from __future__ import annotations

from collections.abc import Sequence

import frappe

from erpsync_app.adapters.compat import plain_sums, sum_fields, sums_are_structured
from erpsync_app.adapters.trail import Kept, document_in
from erpsync_app.engine.model import TRAIL, Document, Meta


def sums(doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple]) -> list[Document]:
	rows = frappe.get_all(
		doctype,
		fields=[*by, *sum_fields(fields, structured=sums_are_structured())],
		filters=[list(f) for f in filters],
		group_by=", ".join(by),
		order_by=", ".join(f"{field} asc" for field in by),
	)
	return plain_sums(rows, fields)


def used_tables(doctype: str, meta: Meta) -> set[str]:
	"""The child DocTypes of which some document of the DocType has a row."""
	tables = {child.doctype for child in meta.children.values()}
	return {table for table in tables if frappe.db.exists(table, {"parenttype": doctype})}


def kept(lines: Sequence[str]) -> Kept:
	rows = frappe.get_all(
		TRAIL,
		fields=["name", "data"],
		filters=[["name", "in", list(lines)]],
		order_by="name asc",
		as_list=True,
	)
	return {name: document_in(data) for name, data in rows}
