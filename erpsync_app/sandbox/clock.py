# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Time that passes when it is told to: `engine.ports.Clock` without a wall clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from erpsync_app.engine.ports import Clock

START = datetime(2026, 1, 5, 9, 0, 0, tzinfo=timezone.utc)


class SimulatedClock:
	"""Each look at it takes `tick`, so that two things that happen one after the other are told apart, as they are
	in the world. A tick of zero stops it."""

	def __init__(self, start: datetime = START, tick: timedelta = timedelta(milliseconds=1)):
		self._now = start
		self._tick = tick

	def now(self) -> datetime:
		self._now += self._tick
		return self._now

	def sleep(self, seconds: float) -> None:
		self._now += timedelta(seconds=seconds)


class SkewedClock:
	"""Another's clock as a site shows it: ahead by `offset`, and gaining `drift` seconds a second since `START`."""

	def __init__(self, clock: Clock, *, offset: timedelta = timedelta(0), drift: float = 0.0):
		self._clock = clock
		self._offset = offset
		self._drift = drift

	def now(self) -> datetime:
		now = self._clock.now()
		return now + self._offset + (now - START) * self._drift

	def sleep(self, seconds: float) -> None:
		self._clock.sleep(seconds)
