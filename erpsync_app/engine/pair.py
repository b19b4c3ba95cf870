# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One document on both sides, as a cycle works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Document, Event, Held, Side, other


@dataclass(frozen=True, slots=True)
class Survivor:
	"""The document that another was merged into: its name there, and that of its counterpart on the other side; None
	where that is not there."""

	name: str
	counterpart: str | None


@dataclass(frozen=True, slots=True)
class Taken:
	"""Values of a unique field that another document has yet to give up on `side`: of the document, or, where `table` is
	not empty, of its rows."""

	side: Side
	table: str
	field: str
	values: frozenset[str]

	def keeps(self, row: Mapping[str, Any]) -> bool:
		return row.get(self.field) not in self.values


@dataclass
class Pair:
	"""One document on both sides, as it is now.

	`binding` is stored already, or as yet unsaved; `ambiguous` says why its counterpart cannot be told; `renamed` is
	the side where it turned up under a new name; `held_back`
	are the fields whose baselines stay as they were (see Decision); `left_out` are the links that a create left for
	later. `merged` is, by the side where it is gone, what it was merged into; `crossed` the binding of that document
	where the other side merged that one into this; `usurped` that its name is another document's by now; `left` says of
	each file that could not cross why, `twins` are the hashes of files that turned out to be one; `closed` are the sides
	that the rule of what the document is about lets nobody write to, `news` those where something was said of it that
	has not crossed; `awaits` says what it has to wait for, `looks_at` what is to be looked at for that; `made` is what
	was just created, and the binding with the intent of it, until that is recorded; `doubles` names another document,
	where what a create made is one too many: the same create had made that one before, or someone else had, under the same
	name.
	"""

	binding: Binding
	events: list[Event] = field(default_factory=list)
	docs: dict[Side, Document | None] = field(default_factory=lambda: {LOCAL: None, CLOUD: None})
	deleted: dict[Side, bool] = field(default_factory=lambda: {LOCAL: False, CLOUD: False})
	merged: dict[Side, Survivor | None] = field(default_factory=lambda: {LOCAL: None, CLOUD: None})
	crossed: Binding | None = None
	usurped: bool = False
	in_scope: bool = True
	ambiguous: str = ""
	renamed: Side | None = None
	held_back: frozenset[str] = frozenset()
	left_out: frozenset[str] = frozenset()
	unasked: Side | None = None
	wrote: dict[Side, list[tuple[str, int]]] = field(default_factory=dict)
	"""What this cycle has written, as in `Held.wrote`."""
	"""The side whose site made the document by itself, where the other one has none like it."""
	effect: bool = False
	"""Each site made its document of the pair by itself."""
	own_rows: frozenset[str] = frozenset()
	"""The document's own rows to which a create could not tell the references, since it was to name them."""
	left: dict[str, str] = field(default_factory=dict)
	twins: list[dict[Side, str]] = field(default_factory=list)
	closed: set[Side] = field(default_factory=set)
	news: set[Side] = field(default_factory=set)
	awaits: str = ""
	looks_at: Event | None = None
	made: tuple[Binding, Document] | None = None
	doubles: str = ""
	usurps: tuple[Binding, Side] | None = None
	"""The binding whose name on that side means this document now."""
	taken: tuple[Taken, ...] = ()
	"""What an update had to leave out, since other documents have yet to give it up."""
	walking: Side | None = None
	"""The side whose document has yet to go on to the state of the other side's (see `workflow`)."""
	undecided: frozenset[str] = frozenset()
	"""What people had done to one side's document by acts before the other's was submitted just now."""
	kept_by: tuple[str, str, str] | None = None
	"""What has to come further on the other side before this is cancelled or closed there: DocType, name, status of its binding."""
	stored: Binding | None = None
	"""The binding as the ledger had it when the pair was made."""

	@property
	def name(self) -> str:
		"""The name to tell a person: the local one if there is one."""
		return self.binding.names.get(LOCAL) or self.binding.names.get(CLOUD) or "?"

	def newcomer(self, side: Side, doc: Document) -> Pair:
		"""The document that has the name now by which this one was known on that side: new here, as far as is known."""
		new = Pair(Binding(self.binding.doctype, {side: doc["name"], other(side): None}), self.events)
		new.docs[side] = doc
		return new

	def made_again(self, side: Side) -> bool:
		"""Whether the side has another document than it had: the old one was deleted, and one of its name made since."""
		doc, held = self.docs[side], self.binding.held.get(side)
		return bool(doc and held and held.created and doc.get("creation") != held.created)

	def alone(self, side: Side) -> bool:
		"""Whether the side has a document that the other one never had, as far as is known, and is not about to get."""
		there = other(side)
		met = self.binding.names.get(there) or self.binding.held.get(there) or self.binding.intent
		return bool(self.docs[side] and not met)

	def as_failed(self) -> Binding:
		"""The binding as it is to be stored with a failure. Of what was never in step, and is on one side alone, it says
		which document that is; of two that are yet to meet, whatever becomes of one is nothing to the other."""
		if any(self.binding.held.values()) or all(self.docs.values()):
			return self.binding
		return replace(self.binding, held={side: Held.begun(doc) for side, doc in self.docs.items() if doc})

	@property
	def seen(self) -> dict[Side, str]:
		"""By side, when its document and that of the other side were last modified."""
		at = {side: (doc or {}).get("modified", "") for side, doc in self.docs.items()}
		return {side: f"{at[side]};{at[other(side)]}" for side in SIDES}

	@property
	def stage(self) -> int:
		"""How far both sides have come: 0 while one is a draft, or where one has none, 1 submitted, 2 cancelled."""
		come = [docstatus(doc) for doc in self.docs.values() if doc]
		return min(come) if len(come) == len(SIDES) else 0


def docstatus(doc: Document) -> int:
	return int(doc.get("docstatus") or 0)
