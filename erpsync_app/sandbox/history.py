# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One history of two sites, as data: who does what, and what goes wrong.

A step carries all that it needs, its own chance too, and names a document by its marker, a value that no other
document has. So any step can be left out and the others still mean what they meant: that is how a history shrinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from erpsync_app.engine.model import SIDES, Rule, Side
from erpsync_app.sandbox.clock import START
from erpsync_app.sandbox.faults import Fault

Happens = Literal["request", "write", "answer", "statement", "call"]
Moment = tuple[Happens, int]
"""A point in a worker's life, counted from 1: before its n-th request, before or just after the n-th that writes,
before the n-th statement of its own database, or before the n-th of those that are in no transaction."""


ABOUT = "about"
"""Among the values of a comment or an assignment: the DocType and the marker of the document that it is about; of a
delivery, of the order that it delivers, and its rows say by `position` which rows of the order."""


@dataclass(frozen=True, slots=True)
class Act:
	"""A person does something to the document with that marker. In `values` a table is told by edits of its rows; of a
	merge they hold the marker of the document that it goes `into`."""

	side: Side
	what: Literal[
		"insert",
		"save",
		"save quietly",
		"delete",
		"submit",
		"cancel",
		"rename",
		"merge",
		"set status",
		"update items",
		"attach",
		"detach",
		"tag",
		"untag",
	]
	doctype: str
	marker: str
	values: Mapping[str, Any] = field(default_factory=dict)

	def __str__(self) -> str:
		values = f" {dict(self.values)}" if self.values else ""
		return f"a person on {self.side}: {self.what} {self.doctype} [{self.marker}]{values}"


@dataclass(frozen=True, slots=True)
class Rows:
	"""An edit of a child table: add `row` at `position`, change the cells of the one there to those of `row`, drop it
	or move it to the front."""

	what: Literal["add", "change", "drop", "move"]
	row: Mapping[str, Any] = field(default_factory=dict)
	position: int = 0


@dataclass(frozen=True, slots=True)
class Choose:
	"""A person settles one of the open conflicts."""

	which: int
	choice: Literal["Keep local", "Keep cloud"]

	def __str__(self) -> str:
		return f"a person settles open conflict {self.which}: {self.choice}"


@dataclass(frozen=True, slots=True)
class Retry:
	"""A person takes all documents out of quarantine."""

	def __str__(self) -> str:
		return "a person retries what failed"


@dataclass(frozen=True, slots=True)
class Deliver:
	"""The webhooks sent so far arrive: in any order, some not at all, some twice, some only with the next delivery."""

	salt: int
	lost: float = 0.0
	doubled: float = 0.0
	delayed: float = 0.0

	def __str__(self) -> str:
		return (
			f"webhooks arrive ({self.lost:.0%} lost, {self.doubled:.0%} doubled, {self.delayed:.0%} delayed)"
		)


@dataclass(frozen=True, slots=True)
class Wait:
	seconds: float

	def __str__(self) -> str:
		return f"{timedelta(seconds=self.seconds)} pass"


@dataclass(frozen=True, slots=True)
class Network:
	"""The local site loses its network, or has it back."""

	up: bool

	def __str__(self) -> str:
		return f"the network is {'back' if self.up else 'gone'}"


@dataclass(frozen=True, slots=True)
class Work:
	"""A worker runs, after a scan or without one.

	At a moment of its life a request meets a fault, or something happens `meanwhile`, or it `dies`; whether that is
	known (`buried`) or its lease has to run out.
	"""

	scan: Literal["", "short", "full"] = ""
	faults: tuple[tuple[Moment, Fault], ...] = ()
	dies: Moment | None = None
	buried: bool = False
	meanwhile: tuple[tuple[Moment, Step], ...] = ()

	def __str__(self) -> str:
		parts = [f"a worker runs{f' a {self.scan} scan' if self.scan else ''}"]
		parts += [f"{_at(moment)}: {fault.value}" for moment, fault in self.faults]
		parts += [f"{_at(moment)}: [{step}]" for moment, step in self.meanwhile]
		if self.dies:
			parts.append(f"{_at(self.dies)}: it dies{', and is buried' if self.buried else ''}")
		return "; ".join(parts)


def _at(moment: Moment) -> str:
	kind, number = moment
	return f"{'after write' if kind == 'answer' else f'before {kind}'} {number}"


Step = Act | Choose | Retry | Deliver | Wait | Network | Work


@dataclass(frozen=True, slots=True)
class Setup:
	"""The two sites and the rules: what stays the same throughout a history."""

	rules: tuple[Rule, ...]
	zones: Mapping[Side, str]
	offsets: Mapping[Side, float] = field(default_factory=lambda: dict.fromkeys(SIDES, 0.0))
	drifts: Mapping[Side, float] = field(default_factory=lambda: dict.fromkeys(SIDES, 0.0))
	start: datetime = START
	batch_size: int = 100
	atomic: bool = False
	"""Whether the local site is as it is in truth, in one transaction with the ledger (see `atomic.py`)."""

	def __str__(self) -> str:
		rules = "; ".join(
			f"{r.doctype}: {r.direction}, {r.policy}, deletes {r.deletes}, submit {r.submit}"
			for r in self.rules
		)
		clocks = ", ".join(
			f"{side} {self.zones[side]} {self.offsets[side]:+g}s {self.drifts[side] * 1e6:+g}ppm"
			for side in SIDES
		)
		atomic = "; atomic" if self.atomic else ""
		start = f"{self.start:%Y-%m-%d %H:%M}"
		return f"rules: {rules}\nsites: {clocks}; start {start}; batch {self.batch_size}{atomic}"


@dataclass(frozen=True, slots=True)
class History:
	seed: int
	setup: Setup
	steps: tuple[Step, ...]

	def __str__(self) -> str:
		steps = "\n".join(f"  {n}. {step}" for n, step in enumerate(self.steps, start=1))
		return f"seed {self.seed}\n{self.setup}\n{steps}"
