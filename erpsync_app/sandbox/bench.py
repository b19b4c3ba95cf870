# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What many simulated histories use one after the other: databases, and clients that know the meta data already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.model import LOCAL, SIDES, Side
from erpsync_app.sandbox.atomic import AtomicSite
from erpsync_app.sandbox.clock import START, SimulatedClock
from erpsync_app.sandbox.database import Database, marks
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.site import SandboxSite, User
from erpsync_app.sandbox.transport import direct_session

SYNC = User("sync@example.com", "sync-key", "sync-secret")


class UsedAgain(Database):
	"""One that is filled as `blank` is before each history, in place of a new one: its tables stay, and with them
	the statements that SQLite has prepared."""

	def __init__(self, blank: Database):
		super().__init__()
		self._made: set[str] = set()
		self._rows = {
			row["name"]: [tuple(r.values()) for r in blank.rows(f'select * from "{row["name"]}"')]
			for row in blank.rows("select name from sqlite_master where type = 'table'")
		}

	def clear(self) -> None:
		self._ends.clear()
		self.rollback()
		for name, rows in self._rows.items():
			self._connection.execute(f'delete from "{name}"')
			if rows:
				self._connection.executemany(f'insert into "{name}" values ({marks(rows[0])})', rows)

	def script(self, sql: str) -> None:
		if sql not in self._made:
			self._made.add(sql)
			super().script(sql)

	def collation(self, name: str, compare: Any) -> None:
		if name not in self._made:
			self._made.add(name)
			super().collation(name, compare)


class EngineDatabase:
	"""The local site's database as the ledger and the queue see it. Tells of each of their statements before it is
	carried out, and whether it is in no transaction."""

	def __init__(self, database: Database):
		self._database = database
		self.before: Callable[[bool], None] = lambda calm: None
		self.script, self.rollback = database.script, database.rollback

	def transaction(self) -> AbstractContextManager[None]:
		self.before(not self._database.is_open)
		return self._database.transaction()

	def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
		self.before(not self._database.is_open)
		return self._database.execute(sql, parameters)

	def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
		self.before(not self._database.is_open)
		return self._database.rows(sql, parameters)


class Bench:
	"""What many histories use one after the other: databases, and clients that know the meta data already."""

	def __init__(self) -> None:
		blank = {side: Database() for side in SIDES}
		for side in SIDES:
			_furnish(SandboxSite(SimulatedClock(START - timedelta(days=5)), name=side, database=blank[side]))
		SqliteLedger(blank[LOCAL])
		SqliteQueue(blank[LOCAL], SimulatedClock(), worker="")
		self.databases = {side: UsedAgain(blank[side]) for side in SIDES}
		self.engine = EngineDatabase(self.databases[LOCAL])
		for side, database in self.databases.items():
			SandboxSite(SimulatedClock(), name=side, database=database)
		SqliteLedger(self.engine)
		SqliteQueue(self.engine, SimulatedClock(), worker="")
		self.wire: dict[Side, Any] = {}
		self._clients: dict[tuple[Side, str, bool], CloudSite] = {}

	def clear(self) -> None:
		self.engine.before = lambda calm: None
		for database in self.databases.values():
			database.clear()

	def client(self, side: Side, zone: str, doctypes: Sequence[str], *, atomic: bool = False) -> CloudSite:
		"""Knows all that it keeps for its life, so that a history does not depend on those played before."""
		kind = partial(AtomicSite, self.databases[side]) if atomic else CloudSite
		if (side, zone, atomic) not in self._clients:
			self._clients[side, zone, atomic] = kind(
				side,
				url="https://erp.example.com",
				key=SYNC.key,
				secret=SYNC.secret,
				session=direct_session(lambda *request: self.wire[side](*request)),
			)
		client = self._clients[side, zone, atomic]
		_ = client.user, client.time_zone
		for doctype in doctypes:
			client.meta(doctype)
		return client


def _furnish(site: SandboxSite) -> None:
	"""What both sites hold from the start, and always had in common."""
	for doctype, root in (("Item Group", "All Item Groups"), ("Territory", "All Territories")):
		site.insert(doctype, {f"{doctype.lower().replace(' ', '_')}_name": root, "is_group": 1})
	site.insert("UOM", {"uom_name": "Nos"})
	site.insert("Item", {"item_code": "Base", "item_group": "All Item Groups", "stock_uom": "Nos"})
	site.insert("Customer", {"customer_name": "Base"})
