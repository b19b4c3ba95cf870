# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`engine.ports.EventQueue` on SQLite.

One document is one `(doctype, name)`, whichever side the event is of: the two sides of a document that keeps its
name are never worked on by two workers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from erpsync_app.engine.model import Event, Kind, Side
from erpsync_app.engine.ports import Clock
from erpsync_app.engine.retry import NEXT_RUN
from erpsync_app.engine.safety import BY_PERSON
from erpsync_app.sandbox.database import Database, marks

SCHEMA = """
create table if not exists event (
	id integer primary key autoincrement,
	side text not null, doctype text not null, name text not null, kind text not null, trigger_ text not null,
	status text not null default 'Pending', attempts integer not null default 0, error text,
	blocked integer not null default 0, seen text, due text not null, worker text, lease_until text
);
create index if not exists event_document on event (doctype, name);
create index if not exists event_due on event (doctype, kind, status, due);
create table if not exists dead_worker (name text primary key);
"""

LEASED = "(worker is not null and lease_until > :now and worker not in (select name from dead_worker))"


class SqliteQueue:
	"""The queue as the worker `worker` sees it. Several may share one database.

	It may be that of a site. As the site's own queue does, it takes back what is open there before it looks at what others
	do, and commits it with whatever it changes; a lease younger than `renew_after` is not renewed again.
	"""

	def __init__(
		self,
		database: Database,
		clock: Clock,
		*,
		worker: str,
		lease: timedelta = timedelta(minutes=5),
		renew_after: timedelta = timedelta(0),
	):
		self._db = database
		self._clock = clock
		self._worker = worker
		self._lease, self._renew_after = lease, renew_after
		self._renewed: datetime | None = None
		database.script(SCHEMA)

	def put(self, events: Iterable[Event]) -> None:
		now = _text(self._clock.now())
		with self._db.transaction():
			for e in events:
				self._db.execute(
					"insert into event (side, doctype, name, kind, trigger_, due) values (?, ?, ?, ?, ?, ?)",
					(e.side, e.doctype, e.name, e.kind, e.trigger, now),
				)

	def claim(self, doctype: str, kind: Kind, limit: int, name: str | None = None) -> list[Event]:
		self._db.rollback()
		self._renewed = now = self._clock.now()
		known = {"doctype": doctype, "kind": kind, "limit": limit, "name": name, "now": _text(now)}
		with self._db.transaction():
			due = self._db.execute(
				f"""select name from event e
				where doctype = :doctype and kind = :kind and status = 'Pending' and due <= :now
				and (:name is null or name = :name)
				and not exists (
					select 1 from event other
					where other.doctype = e.doctype and other.name = e.name and {LEASED}
				)
				group by name order by min(id) limit :limit""",
				known,
			)
			names = [row["name"] for row in due]
			if not names:
				return []
			self._db.execute(
				f"""update event set worker = ?, lease_until = ?, status = 'Pending'
				where doctype = ? and name in ({marks(names)})""",
				(self._worker, _text(now + self._lease), doctype, *names),
			)
			rows = self._db.rows(
				f"select * from event where doctype = ? and name in ({marks(names)}) order by id",
				(doctype, *names),
			)
		return [_event(row) for row in rows]

	def renew(self, events: Sequence[Event]) -> bool:
		now = self._clock.now()
		if self._renewed and now - self._renewed < self._renew_after:
			return True
		self._renewed, until = now, now + self._lease
		kept = self._update(events, "lease_until = ?", (_text(until),)) == len(events)
		return kept and self._clock.now() < until

	def busy(self, doctype: str, names: Sequence[str]) -> bool:
		self._db.rollback()
		known = {"doctype": doctype, "me": self._worker, "now": _text(self._clock.now())}
		known |= {f"n{i}": name for i, name in enumerate(names)}
		listed = ", ".join(f":n{i}" for i in range(len(names)))
		found = self._db.execute(
			f"""select 1 from event where doctype = :doctype and name in ({listed})
			and worker != :me and {LEASED} limit 1""",
			known,
		)
		return found.fetchone() is not None

	def done(self, events: Sequence[Event]) -> None:
		ids = [e.id for e in events]
		if not ids:
			return
		with self._db.transaction():
			self._db.execute(
				f"delete from event where id in ({marks(ids)}) and worker = ?", (*ids, self._worker)
			)

	def retry(
		self,
		events: Sequence[Event],
		*,
		after: timedelta,
		error: str,
		attempt: bool,
		blocked: bool = False,
	) -> None:
		due = _text(self._clock.now() + after)
		self._update(
			events,
			"due = ?, error = ?, attempts = attempts + ?, blocked = ?, worker = null, lease_until = null",
			(due, error, int(attempt), int(blocked)),
		)

	def hasten(self, doctypes: Sequence[str]) -> None:
		with self._db.transaction():
			self._db.execute(
				f"""update event set due = ? where status = 'Pending' and (blocked or (attempts = 0 and due <= ?))
				and worker is null and doctype in ({marks(doctypes)})""",
				(_text(self._clock.now()), _text(self._clock.now() + NEXT_RUN), *doctypes),
			)

	def set_aside(self, doctype: str, side: Side) -> dict[str, str]:
		rows = self._db.rows(
			"""select name, seen from event where doctype = ? and side = ? and status = 'Failed'
			and kind = 'change' order by id""",
			(doctype, side),
		)
		return {row["name"]: row["seen"] or "" for row in rows}

	def fail(
		self,
		events: Sequence[Event],
		*,
		error: str,
		blocked: bool = False,
		seen: Mapping[Side, str] | None = None,
	) -> None:
		change = "status = 'Failed', error = ?, blocked = ?, seen = ?, worker = null, lease_until = null"
		for side in {event.side for event in events}:
			of_side = [event for event in events if event.side == side]
			self._update(of_side, change, (error, int(blocked), (seen or {}).get(side)))

	def unblock(self) -> None:
		with self._db.transaction():
			self._db.execute(
				"update event set status = 'Pending', due = ? where status = 'Failed' and blocked",
				(_text(self._clock.now()),),
			)

	def states(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, tuple[str, str]]:
		rows = self._db.rows(
			f"""select name, status, error from event where doctype = ? and side = ? and name in ({marks(names)})
			order by status, id""",
			(doctype, side, *names),
		)
		return {row["name"]: (row["status"], row["error"] or "") for row in rows}  # "Pending" after "Failed"

	def deletions(self, doctype: str, side: Side) -> list[str]:
		waiting = self._db.rows(
			"""select name from event where doctype = ? and side = ? and status = 'Pending'
			group by name having max(kind = 'delete') and not max(trigger_ = ?)""",
			(doctype, side, BY_PERSON),
		)
		return [row["name"] for row in waiting]

	def _update(self, events: Sequence[Event], change: str, values: tuple[Any, ...]) -> int:
		"""Of the events that are still leased to this worker."""
		ids = [e.id for e in events]
		if not ids:
			return 0
		with self._db.transaction():
			return self._db.execute(
				f"""update event set {change} where id in ({marks(ids)}) and worker = ?
				and worker not in (select name from dead_worker)""",
				(*values, *ids, self._worker),
			).rowcount

	# -- for people and tests

	def bury(self, worker: str) -> None:
		"""The worker is known to be dead: what it has leased is due again, and it can renew nothing."""
		with self._db.transaction():
			self._db.execute("insert or ignore into dead_worker values (?)", (worker,))

	def retry_failed(self, doctype: str, name: str) -> None:
		"""A person takes a document out of quarantine."""
		with self._db.transaction():
			self._db.execute(
				"""update event set status = 'Pending', attempts = 0, due = ?
				where doctype = ? and name = ? and status = 'Failed'""",
				(_text(self._clock.now()), doctype, name),
			)

	def let_pass(self, doctype: str) -> None:
		"""A person says of all that waits: go on."""
		with self._db.transaction():
			self._db.execute("update event set trigger_ = ? where doctype = ?", (BY_PERSON, doctype))

	def pending(self) -> int:
		"""How many events wait or are under way."""
		return self._db.execute("select count(*) from event where status = 'Pending'").fetchone()[0]

	def next_due(self) -> datetime | None:
		"""When there is something to do again; None when nothing is pending."""
		self._db.rollback()
		row = self._db.execute(
			"""select min(max(due, case when worker in (select name from dead_worker) then ''
			else ifnull(lease_until, '') end)) from event where status = 'Pending'"""
		).fetchone()
		return datetime.fromisoformat(row[0]) if row[0] else None

	def failed(self) -> list[tuple[Event, str]]:
		"""The quarantined events and why."""
		rows = self._db.rows("select * from event where status = 'Failed' order by id")
		return [(_event(row), row["error"]) for row in rows]


def _event(row: dict[str, Any]) -> Event:
	return Event(
		side=row["side"],
		doctype=row["doctype"],
		name=row["name"],
		kind=row["kind"],
		trigger=row["trigger_"],
		id=str(row["id"]),
		attempts=row["attempts"],
	)


def _text(moment: datetime) -> str:
	"""One length, so that text sorts as time does."""
	return moment.isoformat(timespec="microseconds")
