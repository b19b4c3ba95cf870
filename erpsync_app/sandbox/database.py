# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A SQLite database that many threads share: one connection, one lock, explicit transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Database:
	"""`path` is a file, or ":memory:" for one that lives as long as this object."""

	def __init__(self, path: str = ":memory:"):
		self._lock = threading.RLock()
		self._connection = sqlite3.connect(
			path, check_same_thread=False, isolation_level=None, timeout=30, cached_statements=1000
		)
		self._connection.row_factory = sqlite3.Row
		if path != ":memory:":
			self._connection.execute("pragma journal_mode=wal")
			self._connection.execute("pragma synchronous=normal")

	@contextmanager
	def transaction(self) -> Iterator[None]:
		"""Commits at the end, rolls back on any exception. Within another one it is part of it."""
		with self._lock:
			if self._connection.in_transaction:
				yield
				return
			self._connection.execute("begin immediate")
			try:
				yield
			except BaseException:
				self._connection.execute("rollback")
				raise
			self._connection.execute("commit")

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
