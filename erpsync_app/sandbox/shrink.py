# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Makes a history that fails as short as it can be, and still fail in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from erpsync_app.engine.model import SIDES
from erpsync_app.sandbox.clock import START
from erpsync_app.sandbox.history import Deliver, History, Step, Work

MOST_TRIES = 600


def shrunk(history: History, fails: Callable[[History], bool]) -> History:
	"""`fails` says whether a history still shows the same fault. Greedy: each part that is not needed goes."""
	tries = MOST_TRIES
	worked = True
	while worked:
		worked = False
		for smaller in _smaller(history):
			tries -= 1
			if tries < 0:
				return history
			if fails(smaller):
				history, worked = smaller, True
				break
	return history


def _smaller(history: History) -> Iterator[History]:
	"""What is left when one part is left out: many steps first, then single ones, then parts of steps."""
	steps = history.steps
	size = len(steps) // 2
	while size:
		for start in range(0, len(steps), size):
			yield replace(history, steps=steps[:start] + steps[start + size :])
		size //= 2
	for at, step in enumerate(steps):
		for simpler in _simpler(step):
			yield replace(history, steps=(*steps[:at], simpler, *steps[at + 1 :]))
	setup = history.setup
	for calm in (
		replace(setup, offsets=dict.fromkeys(SIDES, 0.0)),
		replace(setup, drifts=dict.fromkeys(SIDES, 0.0)),
		replace(setup, zones=dict.fromkeys(SIDES, "UTC")),
		replace(setup, start=START),
		replace(setup, batch_size=100),
		replace(setup, atomic=False),
	):
		if calm != setup:
			yield replace(history, setup=calm)


def _simpler(step: Step) -> Iterator[Step]:
	if isinstance(step, Deliver) and step != Deliver(0):
		yield Deliver(0)
	if not isinstance(step, Work):
		return
	for name in ("faults", "meanwhile"):
		parts = getattr(step, name)
		for at in range(len(parts)):
			yield replace(step, **{name: parts[:at] + parts[at + 1 :]})
	if step.dies:
		yield replace(step, dies=None)
	if step.scan:
		yield replace(step, scan="")
	for at, (moment, inner) in enumerate(step.meanwhile):
		for simpler in _simpler(inner):
			parts = step.meanwhile
			yield replace(step, meanwhile=(*parts[:at], (moment, simpler), *parts[at + 1 :]))
