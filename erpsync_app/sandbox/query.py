# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`frappe.client.get_list` of a sandbox site: Frappe's filters, order and pages as SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from erpsync_app.sandbox.controllers import OF_THEIR_OWNERS
from erpsync_app.sandbox.documents import User, check, doctype_of
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES, INTEGERS, NUMBERS, OF_DOCUMENTS, DocType, columns_of
from erpsync_app.sandbox.store import Store, table

COMPARISONS = frozenset(("=", "!=", ">", "<", ">=", "<="))
NEVER_NULL = frozenset(("name", "creation", "modified"))
DEFAULT_PAGE = 20
SUM = re.compile(r"sum\((\w+)\) as (\w+)", re.IGNORECASE)
ORDER = re.compile(r"`?(\w+)`?(?:\s+(asc|desc))?", re.IGNORECASE)


def get_list(store: Store, user: User, arguments: Mapping[str, Any]) -> list[Any]:
	kind = doctype_of(arguments.get("doctype"))
	_check_readable(user, kind, arguments.get("parent"))
	wanted = arguments.get("fields") or ["name"]
	if wanted == ["*"]:
		fields = [_quoted(c) for c in columns_of(kind) if c not in OF_DOCUMENTS]
	else:
		fields = [_selected(kind, f) for f in wanted]
	conditions, values = _conditions(kind, arguments.get("filters") or [])
	if kind.name in OF_THEIR_OWNERS:
		conditions.append("(owner = ? or public = 1)")
		values.append(user.name)
	sql = f"select {', '.join(fields)} from {table(kind)}"
	if conditions:
		sql += f" where {' and '.join(conditions)}"
	if grouped := arguments.get("group_by"):
		sql += f" group by {', '.join(_quoted(_known(kind, f.strip())) for f in grouped.split(','))}"
	sql += f" order by {_order(kind, arguments.get('order_by') or 'modified desc')}"
	# A length of 0 is no limit; only one that is not given is the default page.
	length = int(arguments.get("limit_page_length", DEFAULT_PAGE) or 0)
	if length:
		sql += f" limit {length} offset {int(arguments.get('limit_start') or 0)}"
	rows = store.db.rows(sql, values)
	return rows if arguments.get("as_dict", True) else [list(row.values()) for row in rows]


def _check_readable(user: User, kind: DocType, parent: Any) -> None:
	"""A child table is read by the rights on the DocType that it belongs to, which the caller has to name."""
	if not kind.row:
		return check(user, "read", kind.name)
	owner = DOCTYPES.get(parent) if isinstance(parent, str) else None
	if owner is None or not any(t.options == kind.name for t in owner.tables):
		raise FrappeError("PermissionError")
	check(user, "read", owner.name)


def _selected(kind: DocType, field: Any) -> str:
	if isinstance(field, dict):  # as v16 has it
		raise FrappeError("TypeError", "unhashable type: 'dict'")
	if match := SUM.fullmatch(field):
		return f"sum({_quoted(_known(kind, match[1]))}) as {_quoted(match[2])}"
	return _quoted(_known(kind, field))


def _known(kind: DocType, field: Any) -> str:
	if field not in columns_of(kind):
		raise FrappeError("DataError", f"Field not permitted in query: {field}")
	return field


def _conditions(kind: DocType, filters: Any) -> tuple[list[str], list[Any]]:
	if isinstance(filters, Mapping):
		filters = [[f, *(v if isinstance(v, list) else ("=", v))] for f, v in filters.items()]
	conditions: list[str] = []
	values: list[Any] = []
	for entry in filters:
		field, operator, value = entry[-3:]
		condition, found = _condition(kind, _known(kind, field), str(operator).lower(), value)
		conditions.append(condition)
		values += found
	return conditions, values


def _condition(kind: DocType, field: str, operator: str, value: Any) -> tuple[str, Sequence[Any]]:
	column = _quoted(field)
	if operator in ("in", "not in"):
		given = value.split(",") if isinstance(value, str) else value or []
		# Frappe strips what it is given here, and nowhere else.
		listed = [str("" if v is None else v).strip() for v in given] or [""]
		if operator == "not in" or "" in listed:
			column = f"ifnull({column}, '')"
		return f"{column} {operator} ({', '.join('?' * len(listed))})", listed
	if operator == "is":
		return f"ifnull({column}, '') {'!=' if value == 'set' else '='} ''", ()
	if operator in ("like", "not like"):
		return f"ifnull({column}, '') {operator} ?", (value,)
	if operator not in COMPARISONS:
		raise FrappeError("ValidationError", f"Operator must be one of {', '.join(sorted(COMPARISONS))}")
	value = _value(kind, field, value)
	if field not in NEVER_NULL and not (value and operator == "="):
		column = f"ifnull({column}, {0 if isinstance(value, int | float) else repr('')})"
	return f"{column} {operator} ?", (value,)


def _value(kind: DocType, field: str, value: Any) -> Any:
	column = kind.columns.get(field)
	if field in ("docstatus", "idx") or (column and column.type in INTEGERS | NUMBERS):
		return float(value or 0)
	if field in ("creation", "modified") or (column and column.type == "Datetime"):
		try:
			return str(datetime.fromisoformat(str(value)))  # in the one spelling that sorts
		except ValueError:
			return str(value)
	return "" if value is None else str(value)


def _order(kind: DocType, order_by: str) -> str:
	parts = []
	for part in order_by.split(","):
		match = ORDER.fullmatch(part.strip())
		if not match:
			raise FrappeError("ValidationError", "Illegal SQL Query")
		parts.append(f"{_quoted(_known(kind, match[1]))} {match[2] or 'asc'}")
	return ", ".join(parts)


def _quoted(field: str) -> str:
	return f'"{field}"'


def form_bundle(kind: DocType) -> list[dict[str, Any]]:
	"""What `frappe.desk.form.load.getdoctype` answers: the DocType and those of its child tables."""
	children = [DOCTYPES[t.options or ""] for t in kind.tables]
	return [_described(d) for d in {d.name: d for d in (kind, *children)}.values()]


def _described(kind: DocType) -> dict[str, Any]:
	return {
		"doctype": "DocType",
		"name": kind.name,
		"autoname": kind.autoname,
		"istable": int(kind.row),
		"is_tree": int(kind.tree),
		"is_submittable": int(kind.submittable),
		"fields": [
			{
				"fieldname": c.name,
				"fieldtype": c.type,
				"label": c.name.replace("_", " ").title(),
				"options": c.options,
				"reqd": int(c.required),
				"unique": int(c.unique),
				"read_only": int(c.read_only),
				"allow_on_submit": int(c.on_submit),
				"is_virtual": 0,
			}
			for c in kind.columns.values()
		],
	}
