# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Makes a history that fails as short as it can be, and still fail in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from erpsync_app.tests.business.steps import SYNC, Step

Steps = tuple[Step, ...]

MOST_TRIES = 60
"""Each is a history of its own, on two real sites."""


def shrunk(steps: Steps, fails: Callable[[Steps], bool]) -> Steps:
	"""`fails` says whether the steps still show the same fault. Greedy: what is not needed goes, many steps first."""
	left = MOST_TRIES
	worked = True
	while worked:
		worked = False
		for fewer in _fewer(steps):
			if left == 0:
				return steps
			left -= 1
			if fails(fewer):
				steps, worked = fewer, True
				break
	return steps


def _fewer(steps: Steps) -> Iterator[Steps]:
	"""Without some steps, and without those that are about what they made. The sync at the end stays."""
	*before, last = steps
	seen = {steps}
	size = (len(before) + 1) // 2
	while size:
		for start in reversed(range(0, len(before), size)):
			kept = (*_whole(before[:start] + before[start + size :]), last)
			if kept not in seen:
				seen.add(kept)
				yield kept
		size //= 2


def _whole(steps: list[Step]) -> Iterator[Step]:
	"""Steps whose documents are made by a step before them; of several syncs in a row, one."""
	made: set[int] = set()
	before = None
	for step in steps:
		if (step.of is None or step.of in made) and not (step.act == SYNC == before):
			made.add(step.number)
			before = step.act
			yield step
