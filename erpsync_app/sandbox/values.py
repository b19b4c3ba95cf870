# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The values of a document as Frappe stores them: defaults, types, rows of child tables, and what may not be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES, INTEGERS, LENGTH, NUMBERS, VARCHAR, Column, DocType
from erpsync_app.sandbox.store import Doc

DRAFT, SUBMITTED, CANCELLED = 0, 1, 2


def rows_of(kind: DocType, doc: Doc) -> list[Doc]:
	return [row for t in kind.tables for row in doc[t.name]]


def with_defaults(kind: DocType, values: Mapping[str, Any], now: str) -> Doc:
	"""The fields of the DocType as they are stored; an empty one takes its default."""
	doc: Doc = {}
	for column in kind.stored:
		value = values.get(column.name)
		if value is None and column.default is not None:
			value = now[:10] if column.default == "Today" else column.default
		doc[column.name] = _cast(column, value)
	for t in kind.tables:
		doc[t.name] = _table_of(t, values.get(t.name), now)
	return doc


def _table_of(t: Column, rows: Any, now: str) -> list[Doc]:
	made = []
	for position, row in enumerate(rows or (), start=1):
		new = with_defaults(DOCTYPES[t.options or ""], row, now)
		new.update(
			name=row.get("name"),
			idx=row.get("idx") or position,
			owner=row.get("owner"),
			creation=row.get("creation"),
			__islocal=row.get("__islocal"),
		)
		made.append(new)
	return made


def changed(kind: DocType, before: Doc, changes: Mapping[str, Any]) -> Doc:
	"""A row of a table holds what the change carries of it, and nothing of what it was."""
	doc = {**before, "docstatus": int(changes.get("docstatus", before["docstatus"]) or 0)}
	for column in kind.stored:
		if column.name in changes:
			doc[column.name] = _cast(column, changes[column.name])
	for t in kind.tables:
		given = changes[t.name] if t.name in changes else before[t.name]
		doc[t.name] = _table_of(t, given, before["creation"])
	return doc


def _cast(column: Column, value: Any) -> Any:
	try:
		if column.type == "Check":
			return 1 if int(value or 0) else 0
		if column.type in INTEGERS:
			return int(value or 0)
		if column.type in NUMBERS:
			return round(float(value or 0), 9)
	except (TypeError, ValueError):
		return 0
	if value is None or (value == "" and (column.type in ("Date", "Datetime", "Time") or column.unique)):
		return None
	return str(value)


def check_values(kind: DocType, doc: Doc) -> None:
	for column in kind.stored:
		value = doc.get(column.name)
		if not value:
			continue
		if (
			column.type == "Select"
			and column.name != "naming_series"
			and value not in (column.options or "").split("\n")
		):
			raise FrappeError(
				"ValidationError", f'{column.name} cannot be "{value}". It should be one of {column.options}'
			)
		if column.type in VARCHAR and len(str(value)) > LENGTH:
			raise FrappeError(
				"CharacterLengthExceededError",
				f"{kind.name}: '{column.name}' ({value}) will get truncated, as max characters allowed is {LENGTH}",
			)


def check_after_submit(kind: DocType, before: Doc, after: Doc) -> None:
	for column in kind.stored:
		if (
			not column.on_submit
			and column.name not in ("status",)
			and before[column.name] != after[column.name]
		):
			raise FrappeError(
				"UpdateAfterSubmitError", f"Not allowed to change {column.name} after submission"
			)
	for t in kind.tables:
		fixed = [c.name for c in DOCTYPES[t.options or ""].stored if not c.on_submit]
		# Row for row by name: their order is nobody's business.
		was, now = (
			{row["name"]: [row.get(f) for f in fixed] for row in doc[t.name]} for doc in (before, after)
		)
		if was != now or len(after[t.name]) != len(now):
			raise FrappeError("UpdateAfterSubmitError", f"Not allowed to change {t.name} after submission")


def linked_doctype(column: Column, doc: Mapping[str, Any]) -> str | None:
	"""The DocType that a Link points to, a dynamic one by the field that chooses it; None where the column is no Link."""
	if column.type == "Dynamic Link":
		return doc.get(column.options or "")
	return column.options if column.type == "Link" else None


def fetches(column: Column, link: Column) -> bool:
	"""Whether the column's value is copied from the document that the link points to."""
	return (column.fetch_from or "").startswith(link.name + ".")
