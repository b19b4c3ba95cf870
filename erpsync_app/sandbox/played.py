# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One history from beginning to end: played, brought to rest, and judged."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from erpsync_app.sandbox.bench import Bench
from erpsync_app.sandbox.drawing import draw
from erpsync_app.sandbox.history import History
from erpsync_app.sandbox.invariants import check
from erpsync_app.sandbox.simulation import Problem, Simulation


@dataclass
class Played:
	"""What came of a history: `problems` is what must not be, `trace` all that happened, `counts` how much of it."""

	problems: list[Problem]
	trace: list[str]
	counts: Counter[str] = field(default_factory=Counter)


@cache
def _bench() -> Bench:
	return Bench()


def play(history: History) -> Played:
	world = Simulation(history, _bench())
	try:
		world.play()
		world.settle()
		world.problems += check(world)
	except Exception:
		world.problem("crash", traceback.format_exc(limit=-6))
	counts = Counter({"steps": len(history.steps), "workers": world.workers, "faulty requests": world.faults})
	counts["deaths"] = world.deaths
	counts["people's values"] = len(world.witness.saved)
	counts["failed records"] = sum(b.status == "Failed" for b in world.ledger.all_bindings())
	counts["conflicts"] = len(world.ledger.conflicts())
	return Played(world.problems, world.trace, counts)


def judged(seed: int, **shares: float) -> tuple[int, list[str], Counter[str]]:
	"""The seed, the problems of its history, and what happened in it: what one process tells another. The shares are
	those that `draw` takes."""
	played = play(draw(seed, **shares))
	return seed, [str(problem) for problem in played.problems], played.counts


def same_fault(one: Played, two: Played) -> bool:
	"""Whether the second fails as the first did."""
	return bool(one.problems and two.problems) and one.problems[0].kind == two.problems[0].kind
