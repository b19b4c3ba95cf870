# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""When to try again, and when to stop trying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LONGEST_WAIT = timedelta(hours=1)
SHORTLY = timedelta(seconds=2)
NEXT_RUN = timedelta(minutes=1)
"""Longer than any run waits for more."""


class NotYet(Exception):
	"""The document has to wait for something that is under way; it counts against nobody."""

	def __init__(self, message: str, after: timedelta = SHORTLY):
		super().__init__(message)
		self.after = after


class LeaseLost(Exception):
	"""Another worker has taken over: this one was away for longer than its lease. Nothing more is written."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
	"""Exponential back-off: `backoff_seconds`, then twice as long each time, at most an hour."""

	max_attempts: int = 8
	backoff_seconds: float = 5

	def exhausted(self, attempts: int) -> bool:
		"""Whether a document that failed `attempts` times is to be quarantined."""
		return attempts >= self.max_attempts

	def wait(self, attempts: int) -> timedelta:
		"""How long to wait after the `attempts`-th failure (1 is the first)."""
		# The exponent is bounded so that a large number of attempts does not overflow before it is capped.
		seconds = self.backoff_seconds * 2 ** min(max(attempts - 1, 0), 20)
		return min(timedelta(seconds=seconds), LONGEST_WAIT)
