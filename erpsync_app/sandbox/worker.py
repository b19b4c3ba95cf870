# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One worker of a simulated history: what is to befall it, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from erpsync_app.sandbox.history import Act, Happens, Moment, Work

MOMENTS: tuple[Happens, ...] = get_args(Happens)


class Killed(BaseException):
	"""The worker's process is gone: nothing of it runs any more, `finally` included."""


class Endless(Exception):
	"""A run that does not end."""


@dataclass
class Worker:
	"""One that runs, and how far it has come."""

	name: str
	work: Work
	counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOMENTS, 0))
	dead: bool = False
	collides: set[str] = field(default_factory=set)
	"""Where another transaction will be quicker: than its next local "write", or the next "save" that would commit one."""
	acts: list[tuple[int, Act]] = field(default_factory=list)
	"""What people did within its steps, each with the number of the request before which, or after which, it was done."""
	eventful: frozenset[Moment] = frozenset()

	def __post_init__(self) -> None:
		work = self.work
		moments = [moment for moment, _ in (*work.faults, *work.meanwhile)]
		self.eventful = frozenset([*moments, *([work.dies] if work.dies else [])])
