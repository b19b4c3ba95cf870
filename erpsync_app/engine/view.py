# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What one side shows of a document, for the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from erpsync_app.engine.acts import STATUS
from erpsync_app.engine.model import Fields


@dataclass(frozen=True, slots=True)
class View:
	"""What one side shows of a document now, in canonical form.

	`fields` is None where the side does not have it; `deleted` then tells whether its trail knows the deletion, and
	`merged` the document that it was merged into there.
	`modified` is aware. `writable` are the fields that the side takes in its docstatus; None for all.
	"""

	fields: Fields | None = None
	modified: datetime | None = None
	deleted: bool = False
	merged: str = ""
	docstatus: int = 0
	writable: frozenset[str] | None = None
	loose: Mapping[str, frozenset[str]] = field(default_factory=dict)
	"""By table: of its rows, only these fields change."""
	rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
	"""By table: the names of its rows."""
	statuses: frozenset[str | None] = frozenset()
	"""The decided statuses (see `acts`) that it can be brought to."""
	news: bool = False
	"""Something was said of it, a comment or an assignment, that has not crossed."""

	def takes(self, name: str, value: Any) -> bool:
		"""Whether the document takes that value in its docstatus."""
		if self.writable is None:
			return True
		if name == STATUS and value not in self.statuses:
			return False
		loose = self.loose.get(name)
		now = (self.fields or {}).get(name)
		return name in self.writable and (loose is None or without(value, loose) == without(now, loose))


def without(value: Any, names: frozenset[str] | None) -> Any:
	"""The rows of a table without those fields; any other value as it is."""
	if names is None:
		return value
	return [{key: each for key, each in row.items() if key not in names} for row in value or ()]
