# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Paging by keyset: what a site lists past a cursor, in the order of a time and the name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from erpsync_app.engine.model import Cursor

T = TypeVar("T")


def past(
	listed: Callable[[list[Any], str, int], list[T]],
	time: str,
	filters: Sequence[Any],
	after: Cursor,
	limit: int,
) -> list[T]:
	"""The next `limit` of those that meet the Frappe `filters`, by their field `time` and the name. `listed` answers
	for filters, an order and a limit. After a name two simple queries, as Frappe's filters cannot say "later, or as late
	and further down by name"."""
	if not after.name:
		return listed([*filters, [time, ">=", after.modified]], f"{time} asc, name asc", limit)
	same_time = [*filters, [time, "=", after.modified], ["name", ">", after.name]]
	found = listed(same_time, "name asc", limit)
	if len(found) < limit:
		later = [*filters, [time, ">", after.modified]]
		found += listed(later, f"{time} asc, name asc", limit - len(found))
	return found
