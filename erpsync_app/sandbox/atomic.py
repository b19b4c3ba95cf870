# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The local side as it is in truth: what sync writes there is in one transaction with the ledger and the queue.

It stands for `erpsync_app/adapters/local_site.py`. A write is committed by whatever commits next in that database, most
often the ledger's next save, or vanishes with it; and a write that fails takes back all that is open. The site itself is
asked as any other, by REST, with `leaving_open` before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.model import Binding, Document, Outcome
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.transport import Handler

Write = TypeVar("Write", bound=Callable[..., Any])


def leaving_open(database: Database, handle: Handler) -> Handler:
	"""A site's handler that leaves what a request has written uncommitted in the site's database."""

	def handler(*request: Any) -> Any:
		with database.left_open():
			return handle(*request)

	return handler


def _or_taken_back(write: Write) -> Write:
	"""A write that takes back all that is open where it fails."""

	@wraps(write)
	def written(self: AtomicSite, *args: Any, **more: Any) -> Any:
		try:
			return write(self, *args, **more)
		except Exception:
			self.database.rollback()
			raise

	return written  # type: ignore[return-value]


class AtomicLedger(SqliteLedger):
	"""`collides` tells whether another transaction is quicker than the save of this moment: it is refused then, and takes
	back the local write that came before it, as any save does that is refused."""

	def __init__(self, database: Database, collides: Callable[[], bool]):
		super().__init__(database)
		self._collides = collides

	def save(self, outcomes: Sequence[Outcome]) -> list[Binding]:
		if self._collides():
			self._db.rollback()
			raise Stale("Someone else was at this document's record in the meantime.")
		return super().save(outcomes)


class AtomicSite(CloudSite):
	"""`database` is that of the site, in which the ledger and the queue are too."""

	atomic = True

	def __init__(self, database: Database, *args: Any, **settings: Any):
		super().__init__(*args, **settings)
		self.database = database

	create = _or_taken_back(CloudSite.create)
	update = _or_taken_back(CloudSite.update)
	call = _or_taken_back(CloudSite.call)
	take = _or_taken_back(CloudSite.take)
	rename = _or_taken_back(CloudSite.rename)
	merge = _or_taken_back(CloudSite.merge)
	delete = _or_taken_back(CloudSite.delete)
	tag = _or_taken_back(CloudSite.tag)
	add_file = _or_taken_back(CloudSite.add_file)

	def _names_alike(self, doctype: str, values: Document, name: str) -> bool:
		return False  # Frappe's own insert takes any name for what it is

	def _check_as_of(self, doctype: str, name: str, modified: str) -> None:
		super()._check_as_of(doctype, name, modified)
		self.database.begin()  # the row is locked from here on
