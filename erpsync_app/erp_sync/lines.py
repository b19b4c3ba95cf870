# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A list of fieldnames as a person types it: one a line."""

from erpsync_app.adapters.settings import lines


def tidy(text: str | None) -> str | None:
	"""The list without empty lines, blanks and repetitions; None for an empty one."""
	return "\n".join(dict.fromkeys(lines(text))) or None
