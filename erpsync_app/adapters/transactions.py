# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Transactions that meet in the local site's database: which error says so, and what to do then."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import frappe

from erpsync_app.adapters.compat import one_writer

TRIES = 6
PAUSE = 0.05
"""Seconds, at most, before the first further try; each waits longer than the one before."""

SERIALIZATION_FAILURE = "40001"
ABORTED = "25P02"
"""PostgreSQL's answer to every query of a transaction after one that failed."""

T = TypeVar("T")


def collided(e: Exception) -> bool:
	"""Whether the database refused a statement only because another transaction was quicker: done anew from the
	start of the transaction it may pass. MariaDB and SQLite call it a deadlock or a lock. PostgreSQL refuses to
	change a row that changed since the snapshot, in the first transaction of a connection, which is all of most web
	requests: Frappe begins that one with REPEATABLE READ (those after it are READ COMMITTED), and has no word for it.
	"""
	return isinstance(e, frappe.QueryDeadlockError) or getattr(e, "pgcode", None) == SERIALIZATION_FAILURE


def doubled(e: Exception) -> bool:
	"""Whether the database refused a row because its name, or a unique value of it, is taken."""
	return bool(e.args) and bool(frappe.db.is_duplicate_entry(e))


def cause(e: Exception) -> Exception:
	"""What went wrong first. Frappe may ask the database something (a translation, say) while it handles an error of
	the database; then PostgreSQL refuses that too, and only this refusal comes up."""
	while aborted(e) and isinstance(e.__context__, Exception):
		e = e.__context__
	return e


def aborted(e: Exception) -> bool:
	"""Whether all that is known is that an earlier query of the transaction had failed (PostgreSQL)."""
	return getattr(e, "pgcode", None) == ABORTED


def again(work: Callable[[], T]) -> T:
	"""Do `work`, which is the whole of a transaction, and once more whenever it collides. Raises the collision in the
	end. What stood in the transaction before is lost with a collision: commit it first."""
	for tried in range(1, TRIES + 1):
		try:
			if tried > 1 and one_writer(frappe.db.db_type):
				_take_lock()  # in a transaction that has not read yet, which waits
			return work()
		except Exception as e:
			if not collided(e) or tried == TRIES:
				raise
			frappe.db.rollback()
			time.sleep(random.uniform(0, PAUSE * tried))
	raise AssertionError("unreachable")


def alone(work: Callable[[], T]) -> T:
	"""Do `work` in a transaction of its own, committed when this returns, and once more whenever it collides. What was
	open is committed first: a write after a read from long ago may collide with what was committed meanwhile."""

	def whole() -> T:
		done = work()
		frappe.db.commit()
		return done

	frappe.db.commit()
	return again(whole)


def begin_writing() -> None:
	"""Let what is written next wait for others, where the database would refuse it at once.

	On SQLite, whoever has read in a transaction is refused the first write of it while someone else is writing, or if
	someone has committed since: waiting would not help, as what was read is old. So the lock is taken before; where that
	is refused, the transaction has held nothing but reads and begins anew. Who has written already holds the lock.
	"""
	if one_writer(frappe.db.db_type):
		again(_take_lock)


def _take_lock() -> None:
	frappe.db.sql("delete from `tabSync Event` where 1 = 0")
