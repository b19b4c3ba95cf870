# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Breakers: the predicates that stop a run before it does harm, and what a person has said about them.

Pure, and about numbers, names and times alone; `watch.py` asks them at the right moments and raises `Halt`.

| breaker | guards against | a person's "go on" means |
|---|---|---|
| deletions | a mass deletion that is carried to the other side | what waits in the queue now may pass |
| overwrites | clashes that overwrite the loser in great number | the same |
| updates | a full run that rewrites most of a DocType | the same |
| empty | a side that lists nothing of what it held | it is known, until the side holds something again |
| restored | a side that is older than it was: a restored backup | its present state counts; the cursors start anew |
| identity | a copy with live credentials, another cloud at the old address | the new identity is recorded |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

COUNTED = ("deletions", "overwrites", "updates")
"""The breakers that count documents, and so have a `Limit`. The others look at a side as a whole."""

BY_PERSON = "person"
"""The trigger of an event that a person has let pass: it counts for no limit."""

TALLY = timedelta(hours=1)
"""How far back deletions are counted. A list that is deleted in the Desk arrives one by one, each in a run of its
own: no single run shows how many they are."""

MANY = 20
"""From so many bound documents on, a DocType that lists almost nothing is a surprise."""

ALMOST_NOTHING = 10
"""Percent of the bound documents."""

BY_HAND = 5
"""So many times the number of a limit on deletions, nobody deletes by hand, however many documents there are."""

FEW = 3
"""So many documents whose `modified` went back are no accident of one document."""

CLOCK_PUT_BACK = timedelta(hours=2)
"""`modified` may go back by an hour when summer time ends; by this much only if the past came back."""


@dataclass(frozen=True, slots=True)
class Limit:
	"""More than `number` documents, and more than `share` percent of those that are bound.

	Both must be passed: a handful is harmless in a small DocType, and so is a small part of a large one. More than
	`outright` documents pass it whatever their share. Without a share the number alone decides; a number of 0 is no limit.
	"""

	number: int = 0
	share: float = 0
	outright: int = 0

	def passed(self, number: int, of: int) -> bool:
		if not 0 < self.number < number:
			return False
		return number * 100 > self.share * of or 0 < self.outright < number

	def __str__(self) -> str:
		text = f"{self.number} documents" + (f" and {self.share:g} %" if self.share else "")
		return text + (f", or {self.outright} documents" if self.share and self.outright else "")


@dataclass(frozen=True, slots=True)
class Limits:
	"""What a run may do to one side of one DocType without asking.

	An overwrite is of a document that was in step, by the winner of a clash; an update of a full run is any other.
	Creates do no harm, and neither does first contact, where nothing was in step: neither is counted.
	"""

	deletions: Limit = Limit(20, 20, 20 * BY_HAND)
	overwrites: Limit = Limit(100, 25)
	updates: Limit = Limit(1000, 80)


@dataclass
class Breakers:
	"""The limits of a run, and what a person has said.

	`acknowledged` holds the keys (see `Halt`) of what is known and may go on; a scan takes out what is no longer so,
	and the caller keeps what is left. `counted_from` is when a person last said go on: what was done before is not
	held against what comes. `paused` is asked before each batch: another worker may have tripped meanwhile.
	"""

	limits: Limits = Limits()
	acknowledged: set[str] = field(default_factory=set)
	counted_from: datetime | None = None
	paused: Callable[[], bool] = lambda: False
	on: bool = True

	def counting_since(self, now: datetime) -> datetime:
		return max(now - TALLY, self.counted_from or now - TALLY)


def doubtful(recorded: Mapping[str, str], listed: Mapping[str, str]) -> list[str]:
	"""The names of which a listing does not say that they are as recorded, or newer.

	A restored backup holds nothing that was written after it was taken. So one document that is still as recorded
	clears all that were recorded before it: in a side at rest the last one clears all, and nothing more is asked.
	"""
	witness = max(
		(modified for name, modified in recorded.items() if listed.get(name) == modified), default=""
	)
	return [
		name for name, modified in recorded.items() if modified > witness and listed.get(name, "") < modified
	]


def went_back(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
	"""The names whose `modified` is well before the recorded one. A site never does that by itself: each save makes
	it later. It is the past come back, or a clock that was far ahead."""

	def older(name: str) -> bool:
		return _moment(recorded[name]) - _moment(now[name]) > CLOCK_PUT_BACK

	return [name for name in recorded if recorded[name] and now.get(name) and older(name)]


def emptied(bound: int, left: int) -> bool:
	"""Whether a side that holds `left` documents should hold many. It guards against an empty database, a table that
	was truncated, a user who lost the right to see: none of them is a decision to delete."""
	return bound >= MANY and left * 100 <= bound * ALMOST_NOTHING


def moved(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
	"""The marks of a site's identity that changed. What was not known, or cannot be told now, says nothing."""
	return [mark for mark in was if was[mark] and now.get(mark) and was[mark] != now[mark]]


def percent(number: int, of: int) -> int:
	return round(100 * number / of) if of else 100


def _moment(modified: str) -> datetime:
	return datetime.fromisoformat(modified)
