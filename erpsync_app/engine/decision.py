# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What is to be done about one document, as data: what `reconcile` answers and `apply` carries out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from erpsync_app.engine.model import Clash, Fields, Side

DOCUMENT = "(document)"
"""Stands in a Clash for the document as a whole, where one side edited what the other deleted."""

APART = "(apart)"
"""Stands in the baselines for the names of the fields that a person has left different."""


@dataclass(frozen=True, slots=True)
class Write:
	"""One write on one side. `fields` are all for a create, the changed ones for an update, none for a delete or a merge
	into another document, `name` for a rename; `docstatus` is what an update submits or cancels to, None where it stays;
	`rows` are the names, by table, that the rows have or are to get on that side."""

	side: Side
	operation: Literal["create", "update", "rename", "merge", "delete"]
	fields: Fields = field(default_factory=dict)
	docstatus: int | None = None
	rows: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
	"""What to do about one document: the writes, then what to remember.

	`status` is the binding's afterwards, None for a document that stays unbound. `held_back` are the fields whose
	baselines stay as they were, so that the next cycle sees the same difference again. `forget` drops the
	binding. `accepted` is that one side goes on without the document: nothing is its baseline from then on.
	`settled` says what closed the open conflict, if any. `reason` is one sentence for a person. `beyond` are the fields
	that differ and that no method changes, `apart` those that a person has left different. `refused` says why a person's
	choice is not carried out.
	"""

	writes: tuple[Write, ...] = ()
	clashes: tuple[Clash, ...] = ()
	status: str | None = "Synced"
	held_back: frozenset[str] = frozenset()
	forget: bool = False
	accepted: bool = False
	settled: str | None = None
	reason: str = ""
	beyond: frozenset[str] = frozenset()
	apart: frozenset[str] = frozenset()
	refused: str = ""

	@property
	def told_beyond(self) -> list[str]:
		"""What differs and stays so, in one sentence."""
		names = ", ".join(sorted(name.strip("()") for name in self.beyond))
		return [f"Both sides differ in {names}, and no method of ERPNext changes that."] if names else []
