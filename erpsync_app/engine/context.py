# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What one run of the engine works with, and the record of what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from erpsync_app.engine.acts import STATUSES, decided, opened
from erpsync_app.engine.drift import Drift, drift
from erpsync_app.engine.errors import Halt, Missing, Unreadable
from erpsync_app.engine.mapping import Shape, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Direction, Meta, Rule, Side
from erpsync_app.engine.ordering import order
from erpsync_app.engine.ports import Clock, EventQueue, Ledger, Site
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.safety import Breakers

MOST_ERRORS = 1000
"""Sentences that a run keeps for its summary; the trail has all."""


@dataclass
class Context:
	"""The ports and the rules of one run.

	`excluded` are the fieldnames that no DocType syncs; `forced` is the direction that a person narrowed the run
	to: what may not cross in it waits for another run. `aside` holds the DocTypes that cannot be read, and why: the
	rest goes on without them. `waiting` are the documents `(side, doctype, name)` that had to wait when they were looked
	at last, through no fault of their own; `waited` is how often in this run they waited for what is older.
	`counter` tells of a DocType which of its names a counter may have made (see `numbers`).
	"""

	sites: Mapping[Side, Site]
	ledger: Ledger
	queue: EventQueue
	clock: Clock
	rules: Mapping[str, Rule]
	excluded: frozenset[str] = frozenset()
	retry: RetryPolicy = field(default_factory=RetryPolicy)
	batch_size: int = 100
	breakers: Breakers = field(default_factory=Breakers)
	forced: Direction | None = None
	aside: dict[str, str] = field(default_factory=dict)
	waiting: set[tuple[Side, str, str]] = field(default_factory=set)
	waited: Counter[tuple[Side, str, str]] = field(default_factory=Counter)
	counter: Callable[[str], str] = lambda doctype: ""
	_shapes: dict[str, Shape] = field(default_factory=dict, repr=False)

	def shape(self, doctype: str) -> Shape:
		"""Kept for the run. Raises Unreadable where a side does not have the DocType."""
		if doctype not in self._shapes:
			metas = {side: self._meta(side, doctype) for side in SIDES}
			own = [name for name, rule in self.rules.items() if rule.naming == "own"]
			shape = shape_of(metas[LOCAL], metas[CLOUD], self.rules[doctype], self.excluded, own)
			unnamed = doctype not in STATUSES and decided(shape)
			found = self.sites[LOCAL].status_method(doctype) if unnamed and metas[LOCAL].submittable else None
			self._shapes[doctype] = opened(shape, found)
		return self._shapes[doctype]

	def drift(self, doctype: str) -> list[Drift]:
		"""What of the DocType cannot cross. Raises Unreadable where a side does not have it."""
		metas = {side: self._meta(side, doctype) for side in SIDES}
		return drift(metas[LOCAL], metas[CLOUD], self.rules[doctype], self.excluded)

	def _meta(self, side: Side, doctype: str) -> Meta:
		try:
			return self.sites[side].meta(doctype)
		except Missing as e:
			raise Unreadable(
				f"The {side} site has no DocType {doctype}: install the app that brings it there, or disable the"
				f" Sync Rule {doctype}."
			) from e

	@cached_property
	def doctypes(self) -> list[str]:
		"""The DocTypes of the rules, Link targets before those that link to them."""
		metas = {}
		for doctype in self.rules:
			with self.setting_aside(doctype):
				metas[doctype] = self._meta(LOCAL, doctype)
		# Of what follows others, the targets are known only document by document.
		return sorted(order(metas), key=lambda doctype: self.rules[doctype].follows)

	@contextmanager
	def setting_aside(self, doctype: str) -> Iterator[None]:
		"""If the DocType turns out to be unreadable, the run goes on without it."""
		try:
			yield
		except Unreadable as e:
			self.aside[doctype] = str(e)

	def directed(self, direction: Direction | None) -> Context:
		"""The same, with every rule forced into one direction; a rule that forbids it drops out."""
		if direction is None:
			return self
		rules = {
			doctype: replace(rule, direction=direction)
			for doctype, rule in self.rules.items()
			if rule.direction in ("bidirectional", direction)
		}
		return replace(self, rules=rules, forced=direction, _shapes={})


@dataclass
class Run:
	"""One run: its id and trigger go into the trail, its counts into the summary.

	`progress` is called with the number of documents done so far, after each batch. `stopped` says why a run ended
	before its work did, `halt` that it was a breaker; `aside` is the context's. `full` is that it listed every document,
	`until` when it begins no further batch, `breath` how many seconds it waits after a batch that was not full: what
	comes in drop by drop is then taken by the cupful. `through` counts the documents that had to wait for nothing, `wrote`
	the writes on either side. `errors` are the first of what failed, in sentences, `left` is how many documents have not
	crossed when it is over, be it for an earlier run's failure. `tally` and `bound` are the breakers' own counts, by
	breaker, DocType and side.
	"""

	id: str
	trigger: str
	progress: Callable[[int], None] = lambda done: None
	counts: Counter[str] = field(default_factory=Counter)
	done: int = 0
	stopped: str | None = None
	halt: Halt | None = None
	aside: Mapping[str, str] = field(default_factory=dict)
	full: bool = False
	until: datetime | None = None
	through: int = 0
	wrote: int = 0
	breath: float = 0
	errors: list[str] = field(default_factory=list)
	left: int = 0
	tally: Counter[tuple[str, str, str]] = field(default_factory=Counter)
	bound: dict[tuple[str, str, str], int] = field(default_factory=dict)

	@property
	def moved(self) -> int:
		"""Grows with each document that went through or was written."""
		written = (n for what, n in self.counts.items() if what.startswith(("create_", "update_")))
		return self.through + sum(written)

	def failed(self, doctype: str, name: str, error: str) -> None:
		self.counts["failed"] += 1
		if len(self.errors) < MOST_ERRORS:
			self.errors.append(f"{doctype} {name}: {error}")
