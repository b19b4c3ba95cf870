# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Thinks up a history from a seed.

The one who draws sees both sites, and draws nothing that only a person could put right afterwards: the same goods
delivered by both sides, an order closed here while there is delivered from it. Whatever both sides may do to one
order with no sync between, and each in good faith, is drawn: half of it delivered here, half of the rest there."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from erpsync_app.engine.model import SIDES, other
from erpsync_app.tests.business.steps import ACTS, KILLED_SYNC, SYNC, Step

CUSTOMERS = 3
PER_SYNC = 6
"""Steps between two syncs, on the average, while the line is up."""
SHARE_KILLED = 0.15
"""Of the syncs."""
SHARE_OFFLINE = 0.25
"""Of a history, in one stretch: no sync."""
SHARE_SAME = 0.4
"""Of the steps, that are about what the other side is working on too, or else about what was worked on last."""


@dataclass(eq=False)
class Family:
	"""Documents that were made from one another, or the account of one customer."""

	touched: set[str] = field(default_factory=set)
	"""The sides that have worked on it since the last sync."""
	held_by: str | None = None
	"""The side that did what the other must have seen before it does anything."""


@dataclass(eq=False)
class Made:
	"""A document, as far as drawing needs to know it."""

	step: Step
	kind: str
	family: Family
	account: Family | None = None
	"""What a customer owes and has paid."""
	parent: Made | None = None
	crossed: bool = False
	cancelled: bool = False
	amended: bool = False
	resting: bool = False
	"""Closed, or on hold."""
	settled: bool = False
	"""Part of a reconciliation: to be cancelled and returned no more."""
	done: set[str] = field(default_factory=set)
	"""The acts of which nothing is left."""
	begun: set[tuple[str, str]] = field(default_factory=set)
	"""The acts, each with its side, that were done in part since the last sync."""
	children: list[Made] = field(default_factory=list)

	@property
	def families(self) -> tuple[Family, ...]:
		return (self.family, self.account) if self.account else (self.family,)

	def has_living(self) -> bool:
		return any(not child.cancelled for child in self.children)


def customer_of(step: Step) -> int:
	"""Which of the customers a step is about that begins something. The last one is abroad, where nobody pays
	beforehand: the first one does instead."""
	number = step.pick % CUSTOMERS
	return 0 if step.act == "pay on account" and number == CUSTOMERS - 1 else number


def draw(seed: int, documents: int, *, without: Collection[str] = ()) -> tuple[Step, ...]:
	"""A history in which so many documents are made; it ends with a sync. `without` names acts that nobody does."""
	return tuple(_Drawing(seed, documents, without).steps())


class _Drawing:
	def __init__(self, seed: int, documents: int, without: Collection[str]):
		self.chance = random.Random(seed)
		self.documents = documents
		self.acts = {name: act for name, act in ACTS.items() if name not in without}
		self.made: list[Made] = []
		self.accounts: dict[int, Family] = {}
		self.number = 0
		self.last: Made | None = None

	def steps(self) -> Iterator[Step]:
		offline = self.chance.random() * (1 - SHARE_OFFLINE) * self.documents
		idle = True  # nothing has happened that could cross
		while len(self.made) < self.documents:
			down = offline <= len(self.made) < offline + SHARE_OFFLINE * self.documents
			if not down and not idle and self.chance.random() < 1 / PER_SYNC:
				yield self._sync()
				idle = True
			elif step := self._act():
				yield step
				idle = False
		yield self._next(SYNC)

	def _next(self, act: str, **values: object) -> Step:
		self.number += 1
		return Step(self.number, act, pick=self.chance.randrange(1_000_000), **values)

	def _sync(self) -> Step:
		if self.chance.random() < SHARE_KILLED:
			return self._next(KILLED_SYNC)  # nobody knows what has crossed
		for made in self.made:
			made.crossed = True
			made.begun.clear()
			for family in made.families:
				family.touched.clear()
				family.held_by = None
		return self._next(SYNC)

	def _act(self) -> Step | None:
		side = self.chance.choice(SIDES)
		names = list(self.acts)
		name = self.chance.choices(names, [self.acts[n].weight for n in names])[0]
		act = self.acts[name]
		if not act.kinds:
			return self._begin(side, name)
		found = [
			(made, part)
			for made in self.made
			if made.kind in act.kinds and (made.crossed or made.step.side == side)
			for part in self._ways(side, name, made)
		]
		if not found:
			return None
		of_last = [each for each in found if self.last in (each[0], each[0].parent)]
		of_both = [each for each in found if other(side) in each[0].family.touched]
		if (nearer := of_both or of_last) and self.chance.random() < SHARE_SAME:
			found = nearer
		made, part = self.chance.choice(found)
		return self._do(side, name, made, part=part)

	def _begin(self, side: str, name: str) -> Step | None:
		step = self._next(name, side=side)
		kind = self.acts[name].makes
		account = None
		if kind in ("order", "quotation", "invoice", "money"):
			account = self.accounts.setdefault(customer_of(step), Family())
			if account.held_by == other(side):
				return None
		if kind:
			self.last = Made(step, kind, Family(), account)
			self.made.append(self.last)
			for family in self.last.families:
				family.touched.add(side)
		return step

	def _ways(self, side: str, name: str, made: Made) -> Iterator[bool]:
		"""How an act may be done to a document now: in part, as a whole, both or neither."""
		if any(family.held_by == other(side) for family in made.families):
			return
		if (name == "amend") != made.cancelled or (name == "reopen") != made.resting:
			return
		if name in made.done or not self._makes_sense(name, made):
			return
		if name == "edit":
			yield False
			return
		if self.acts[name].parts and (name, side) not in made.begun:
			yield True
		if other(side) not in self._concerned(name, made).touched:
			yield False

	@staticmethod
	def _concerned(name: str, made: Made) -> Family:
		"""Who must not have worked on what, when an act is done as a whole."""
		return made.account if name == "reconcile" and made.account else made.family

	def _makes_sense(self, name: str, made: Made) -> bool:
		if name in ("bill", "bill note"):
			# of an order either the order itself is billed or its deliveries are
			order = made if made.kind == "order" else made.parent
			return bool(order) and (order.step.number % 2 == 0) == (name == "bill")
		if name == "cancel":
			return not made.has_living() and not made.settled
		if name == "amend":
			return not made.amended
		if name == "take back":
			return not made.settled and made.parent is not None
		if name == "update items":
			return not made.has_living()
		return True

	def _do(self, side: str, name: str, made: Made, *, part: bool) -> Step:
		act = self.acts[name]
		step = self._next(name, side=side, of=made.step.number, part=part)
		self.last = made
		for family in made.families:
			family.touched.add(side)
		if not part and name != "edit":
			self._concerned(name, made).held_by = side
		if part:
			made.begun.add((name, side))
		elif name in (
			"deliver",
			"bill",
			"bill note",
			"pay",
			"receive",
			"bill receipt",
			"order",
			"produce",
			"numbers out",
			"reconcile",
		):
			made.done.add(name)
		kind = made.kind if name == "amend" else act.makes
		if kind:
			child = Made(step, kind, made.family, made.account, None if name == "amend" else made)
			self.made.append(child)
			if name != "amend":
				made.children.append(child)
		self._note(name, made)
		return step

	def _note(self, name: str, made: Made) -> None:
		"""What an act leaves behind."""
		if name in ("close", "hold", "reopen"):
			made.resting = name != "reopen"
		elif name == "cancel":
			made.cancelled = True
			if made.parent:
				made.parent.done.discard(made.step.act)
		elif name == "amend":
			made.amended = True
		elif name == "take back":
			made.done |= {"take back", "bill note", "bill receipt"}
		elif name == "reconcile":
			for each in self.made:
				each.settled = each.settled or each.account is made.account
