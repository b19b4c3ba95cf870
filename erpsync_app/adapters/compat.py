# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What differs between Frappe v15 and v16, told by looking for the feature and not by a version number, and between the
databases that they know."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any


def masked_fields(meta) -> frozenset[str]:
	"""The fields of a DocType of which Frappe shows the session user "XXXXXXXX" in place of the value (v16).

	It does so on every way of reading, `frappe.get_all` included, and drops what is saved to them: they are neither
	to be compared nor to be written.
	"""
	find = getattr(meta, "get_masked_fields", None)
	return frozenset(field.fieldname for field in find()) if find else frozenset()


SUM_OF = "sum_of_"
"""Begins the name of a sum in a list: one that is called as its field is would hide the field."""


def sum_fields(fields: Sequence[str], *, structured: bool) -> list[Any]:
	"""The sums of number fields, as a list of Frappe asks for them: as text (v15), or `structured`, as v16 does, which
	takes no function as text."""
	if structured:
		return [{"SUM": field, "as": SUM_OF + field} for field in fields]
	return [f"sum({field}) as {SUM_OF}{field}" for field in fields]


def sums_are_structured() -> bool:
	"""Of this site. What another one takes is found by trying: v15 fails over a structure, v16 refuses text in order."""
	return find_spec("frappe.model.qb_query") is not None


def plain_sums(rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
	"""The rows of a list of sums, each sum under the name of its field. One that the user may not see is left out."""
	return [
		{
			**{name: value for name, value in row.items() if not name.startswith(SUM_OF)},
			**{field: float(row[SUM_OF + field] or 0) for field in fields if SUM_OF + field in row},
		}
		for row in rows
	]


def one_writer(db_type: str) -> bool:
	"""Whether the database has one lock for all that is written, and no lock of a row."""
	return db_type == "sqlite"


def kept_json(text: str, db_type: str) -> str:
	"""JSON as it is stored: Frappe's queries double each "%" of a value that has a "'" in it on SQLite, and never halve
	it again. In JSON a "'" stands only within texts, where it may be written otherwise."""
	return text.replace("'", r"\u0027") if db_type == "sqlite" else text


def unmade_indexes(meta, db_type: str) -> list[str]:
	"""The fields of a DocType that are to have an index and get none when Frappe makes the table (SQLite)."""
	return [field.fieldname for field in meta.fields if field.search_index] if db_type == "sqlite" else []
