# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sums over the documents of the local site, through Frappe's own lists."""

from __future__ import annotations

from collections.abc import Sequence

import frappe

from erpsync_app.adapters.compat import plain_sums, sum_fields, sums_are_structured
from erpsync_app.engine.model import Document


def sums(doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple]) -> list[Document]:
	rows = frappe.get_all(
		doctype,
		fields=[*by, *sum_fields(fields, structured=sums_are_structured())],
		filters=[list(f) for f in filters],
		group_by=", ".join(by),
		order_by=", ".join(f"{field} asc" for field in by),
	)
	return plain_sums(rows, fields)
