# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A SQLite database that many threads share: one connection, one lock, explicit transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Database:
	"""`path` is a file, or ":memory:" for one that lives as long as this object."""

	def __init__(self, path: str = ":memory:"):
		self._lock = threading.RLock()
		self._within = self._stays = False
		self._ends: list[Callable[[bool], None]] = []
		self._connection = sqlite3.connect(
			path, check_same_thread=False, isolation_level=None, timeout=30, cached_statements=1000
		)
		self._connection.row_factory = sqlite3.Row
		if path != ":memory:":
			self._connection.execute("pragma journal_mode=wal")
			self._connection.execute("pragma synchronous=normal")

	@contextmanager
	def transaction(self) -> Iterator[None]:
		"""Commits at the end, rolls back on any exception; and with it goes what was left open before. Within another one
		it is part of it."""
		with self._lock:
			if self._within:
				yield
				return
			self.begin()
			self._within = True
			try:
				yield
			except BaseException:
				self._within = False
				self.rollback()
				raise
			self._within = False
			if not self._stays:
				self.commit()

	@contextmanager
	def left_open(self) -> Iterator[None]:
		"""A transaction within is left open: the next one, or who says so, commits it or takes it back."""
		self._stays = True
		try:
			yield
		finally:
			self._stays = False

	@property
	def is_open(self) -> bool:
		return self._connection.in_transaction

	def begin(self) -> None:
		"""Open a transaction, if none is."""
		if not self._connection.in_transaction:
			self._connection.execute("begin immediate")

	def commit(self) -> None:
		self._end("commit")

	def rollback(self) -> None:
		self._end("rollback")

	def _end(self, how: str) -> None:
		if self._connection.in_transaction:
			self._connection.execute(how)
			# Who is told may begin transactions of its own, and those end by themselves.
			ends, self._ends, self._stays = self._ends, [], False
			for told in ends:
				told(how == "commit")

	def at_end(self, told: Callable[[bool], None]) -> None:
		"""Call `told` once the open transaction has ended, with whether it was committed."""
		self._ends.append(told)

	def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
		with self._lock:
			return self._connection.execute(sql, parameters)

	def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
		with self._lock:
			return [dict(row) for row in self._connection.execute(sql, parameters)]

	def script(self, sql: str) -> None:
		with self._lock:
			self._connection.executescript(sql)

	def collation(self, name: str, compare: Any) -> None:
		self._connection.create_collation(name, compare)

	def close(self) -> None:
		with self._lock:
			self._connection.close()


def marks(values: Sequence[Any]) -> str:
	"""Placeholders for an `in (…)`."""
	return ", ".join("?" * len(values))
