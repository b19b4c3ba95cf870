# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Whether a document meets the filters of a rule, decided here instead of by a database.

The answers are those that `frappe.get_list` gives for the same filters, with the differences between
MariaDB, PostgreSQL and SQLite settled one way for both sides: `like` ignores case, everything else minds it.
An empty value (None or "") counts as "" beside text, as 0 beside a number and as the earliest of all dates;
so `!=`, `not in`, `not like` and `<` hold for it, and `between` never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fnmatch import translate
from operator import eq, ge, gt, le, lt
from typing import Any

from erpsync_app.engine.model import CLOUD, Rule, Side

OPERATORS = ("=", "!=", ">", "<", ">=", "<=", "in", "not in", "like", "not like", "is", "between")

_COMPARE = {"=": eq, ">": gt, "<": lt, ">=": ge, "<=": le}
_NEGATED = {"!=": "=", "not in": "in", "not like": "like"}
_FIELDNAME = re.compile(r"\w+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{3}(\d{3})?)?)?)?")
_SHORT_HOUR = re.compile(r"\d:\d\d(:\d\d(\.\d+)?)?")
_DATE_LENGTH = len("2026-01-31")


def matches(filters: Iterable[tuple[str, str, Any]], fields: Mapping[str, Any]) -> bool:
	"""Whether the document meets every filter. The filters must have passed `check_filters`."""
	return all(_meets(fields.get(name), operator, asked) for name, operator, asked in filters)


def renamed(filters: Iterable[Sequence[Any]], names: Mapping[str, str]) -> list[tuple[str, str, Any]]:
	"""The filters with other fieldnames, as a Field Map leads to them; a name that it lacks stays."""
	return [(names.get(name, name), operator, value) for name, operator, value in filters]


def filters_on(rule: Rule, side: Side) -> list[tuple[str, str, Any]]:
	"""The filters of a rule by the fieldnames of a side."""
	return renamed(rule.filters, rule.field_map if side == CLOUD else {})


def check_filters(filters: Iterable[Any]) -> None:
	"""Raise ValueError, with one sentence for a person, at the first filter that makes no sense."""
	for item in filters:
		if not isinstance(item, list | tuple) or len(item) != 3:
			raise ValueError(f"a filter is [field, operator, value], not {item!r}")
		name, operator, value = item
		if not isinstance(name, str) or not _FIELDNAME.fullmatch(name):
			raise ValueError(f"{name!r} is not a fieldname to filter by")
		if operator not in OPERATORS:
			raise ValueError(
				f"unknown operator {operator!r} in the filter on {name}; allowed: {', '.join(OPERATORS)}"
			)
		if complaint := _wrong_value(operator, value):
			raise ValueError(f"the filter on {name} with {operator!r} needs {complaint}, not {value!r}")


def _wrong_value(operator: str, value: Any) -> str | None:
	"""What the operator needs, if `value` is not that."""
	several = list(value) if isinstance(value, list | tuple) else None
	if several is not None and any(isinstance(one, list | tuple | dict) for one in several):
		return "plain values"
	if operator in ("in", "not in"):
		return None if several else "a list of values"
	if operator == "between":
		complete = several is not None and len(several) == 2 and not any(map(_is_empty, several))
		return None if complete else "a list of two values, the first and the last"
	if operator == "is":
		return None if value in ("set", "not set") else "'set' or 'not set'"
	if several is not None or isinstance(value, dict):
		return "one value"
	if operator in (">", "<", ">=", "<=") and _is_empty(value):
		return "a value"
	return None


def _meets(held: Any, operator: str, asked: Any) -> bool:
	if operator in _NEGATED:
		return not _meets(held, _NEGATED[operator], asked)
	if operator == "is":
		return _is_empty(held) == (asked == "not set")
	if operator == "in":
		return any(eq(*_comparable(held, one)) for one in asked)
	if operator == "like":
		return _like(_text(held), _text(asked))
	if operator == "between":
		return not _is_empty(held) and _between(held, *asked)
	return _COMPARE[operator](*_comparable(held, asked))


def _between(held: Any, first: Any, last: Any) -> bool:
	# A date as the last value means the whole of that day: beside a bound without a time, only the date of
	# what is held counts.
	def at(bound: Any) -> Any:
		by_day = _moment(_text(bound)) and len(_text(bound)) == _DATE_LENGTH and _moment(_text(held))
		return _text(held)[:_DATE_LENGTH] if by_day else held

	return ge(*_comparable(at(first), first)) and le(*_comparable(at(last), last))


def _like(text: str, pattern: str) -> bool:
	# Frappe doubles every backslash on its way to SQL, so none of them escapes a wildcard.
	shell = "".join({"%": "*", "_": "?"}.get(c, f"[{c}]" if c in "*?[" else c) for c in pattern)
	return re.match(translate(shell), text, re.IGNORECASE) is not None


def _comparable(held: Any, asked: Any) -> tuple[Any, Any]:
	"""Both values in a form that Python compares as a database would."""
	if isinstance(held, int | float | Decimal) or isinstance(asked, int | float | Decimal):
		try:
			return float(held or 0), float(asked or 0)
		except (TypeError, ValueError, OverflowError):
			pass
	held, asked = _text(held), _text(asked)
	if len(held) == _DATE_LENGTH and _moment(held) and _moment(asked):
		asked = asked[:_DATE_LENGTH]  # a Date field knows no time of day
	held_at, asked_at = _moment(held), _moment(asked)
	return (held_at, asked_at) if held_at and asked_at else (held, asked)


def _text(value: Any) -> str:
	text = "" if value is None else str(value)
	return f"0{text}" if _SHORT_HOUR.fullmatch(text) else text


def _moment(text: str) -> datetime | None:
	if not _MOMENT.fullmatch(text):
		return None
	try:
		return datetime.fromisoformat(text)
	except ValueError:
		return None


def _is_empty(value: Any) -> bool:
	return value is None or value == "" or value == []
