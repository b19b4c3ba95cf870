# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The counter of a naming series, as it shows in the names that it makes.

A series is a text with dots between its parts: `#` signs stand for the counter, some words for parts of the day, all
else for itself. `SN-.YY.-.####` makes SN-26-0007.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

OF_THE_DAY = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}
OF_THE_DOCUMENT = ("{", "WW", "FY", "timestamp")
"""How parts begin that only the site can tell."""


def reached(series: str, names: Iterable[str], day: date) -> int:
	"""The highest number that the counter had to be at to make one of the names on that day; 0 where it made none. A
	longer number is taken for one that a person typed, not for one of a counter that has outgrown its series."""
	parts = series.split(".")
	if not any(part.startswith("#") for part in parts) or any(
		part.startswith(OF_THE_DOCUMENT) for part in parts
	):
		return 0
	at = next(i for i, part in enumerate(parts) if part.startswith("#"))
	before, after = (
		"".join(day.strftime(OF_THE_DAY[part]) if part in OF_THE_DAY else part for part in some)
		for some in (parts[:at], parts[at + 1 :])
	)
	counted = (name[len(before) : len(name) - len(after)] for name in names if _fits(name, before, after))
	digits = [
		number
		for number in counted
		if len(number) == len(parts[at]) and number.isascii() and number.isdigit()
	]
	return max(map(int, digits), default=0)


def _fits(name: str, before: str, after: str) -> bool:
	return name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)
