# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The durable queue: Sync Event rows in the local site's database.

Events on one document share a `document_key`, and a key is leased as a whole. The claim needs nothing but single
UPDATE statements and a second look after the commit, so it holds on every database of Frappe's, SQLite included.
Each step is a transaction of its own, and is done again where another worker's was quicker. When an event is due and
until when it is leased is kept in UTC: the site's own time comes twice when summer time ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import frappe
from frappe.query_builder import Case, DocType
from frappe.query_builder.functions import Min
from frappe.utils import get_datetime, now_datetime

from erpsync_app.adapters.ledger import insert_rows
from erpsync_app.adapters.processes import is_dead, owner
from erpsync_app.adapters.transactions import again, alone
from erpsync_app.engine.model import CLOUD, Event, Kind, Side
from erpsync_app.engine.retry import NEXT_RUN
from erpsync_app.engine.safety import BY_PERSON

LEASE = timedelta(seconds=120)
RENEW_AFTER = LEASE / 4
"""A lease younger than this is not renewed again: a write on a quick site costs no look at the database."""

CLAIM_AGAIN = timedelta(seconds=1)
COLUMNS = ("name", "side", "ref_doctype", "docname", "kind", "trigger", "attempts")


def utc_now() -> datetime:
	"""The present, naive, in UTC."""
	return datetime.now(timezone.utc).replace(tzinfo=None)


def key_of(doctype: str, local_name: str) -> str:
	"""What the events of one document have in common, on whichever side they happened."""
	return f"{doctype}::{local_name}"


def insert(events: Iterable[Event]) -> list[str]:
	"""Insert events into the current transaction, and answer their ids. No commit, no controller: one statement."""
	rows = [
		{
			"side": event.side,
			"ref_doctype": event.doctype,
			"docname": event.name,
			"kind": event.kind,
			"trigger": event.trigger,
			"state": "Pending",
			"document_key": key,
		}
		for event, key in _keyed(list(events))
	]
	return insert_rows("Sync Event", rows) if rows else []


def _keyed(events: Sequence[Event]) -> list[tuple[Event, str]]:
	"""Each event with its key. A cloud name is looked up in the bindings, once for each DocType; one that is not
	bound yet stands for itself."""
	local: dict[tuple[str, str], str] = {}
	for doctype in {event.doctype for event in events if event.side == CLOUD}:
		names = list({event.name for event in events if event.doctype == doctype and event.side == CLOUD})
		record = DocType("Sync Record")
		bound = (record.ref_doctype == doctype) & record.cloud_name.isin(names) & (record.local_name != "")
		rows = frappe.qb.from_(record).select(record.cloud_name, record.local_name).where(bound).run()
		local.update({(doctype, there): here for there, here in rows})

	def name(event: Event) -> str:
		return event.name if event.side != CLOUD else local.get((event.doctype, event.name), event.name)

	return [(event, key_of(event.doctype, name(event))) for event in events]


def forget(doctype: str) -> None:
	"""Drop what waits of a DocType that is synced no more. In the current transaction."""
	frappe.db.delete("Sync Event", {"ref_doctype": doctype, "state": ("!=", "Processing")})


def look_again(doctype: str) -> None:
	"""A person has changed what may have been in the way of documents that are set aside. In the current transaction."""
	table = DocType("Sync Event")
	_update((table.ref_doctype == doctype) & (table.state == "Failed"), state="Pending", attempts=0)


def let_pass(doctype: str) -> None:
	"""A person says of all that waits of a DocType: go on. In the current transaction."""
	table = DocType("Sync Event")
	_update((table.ref_doctype == doctype) & table.state.isin(("Pending", "Processing")), trigger=BY_PERSON)


def _update(where: Any, **values: Any) -> None:
	"""Change the events that meet `where`, a criterion of `frappe.qb`, in the current transaction.

	Found by a plain read and changed by their names: an UPDATE that searches by another index locks all that it passes
	on the way, also what people's own saves have just put there and not committed, and they would wait for each other.
	"""
	table = DocType("Sync Event")
	names = frappe.qb.from_(table).select(table.name).where(where).run(pluck=True)
	if names:
		query = frappe.qb.update(table).where(table.name.isin(names) & where)
		for column, value in values.items():
			query = query.set(table[column], value)
		query.run()


def _one_less(table: Any) -> Any:
	"""The attempts of what gets another one in the place of its last."""
	return Case().when(table.attempts > 0, table.attempts - 1).else_(0)


class SiteEventQueue:
	"""`engine.ports.EventQueue`. One instance is one worker's."""

	def __init__(self):
		self.owner = owner(frappe.generate_hash(length=8))
		self._renewed: datetime | None = None

	def put(self, events: Iterable[Event]) -> None:
		given = list(events)
		alone(lambda: insert(given))

	def claim(self, doctype: str, kind: Kind, limit: int, name: str | None = None) -> list[Event]:
		frappe.db.rollback()  # look at what is there now, not at an older snapshot
		again(self._reclaim)
		keys = again(lambda: self._take(doctype, kind, limit, name))
		if not keys:
			return []
		again(lambda: self._yield_to_others(keys))
		table = DocType("Sync Event")
		rows = (
			frappe.qb.from_(table)
			.select(*(table[column] for column in COLUMNS))
			.where(
				(table.lease_owner == self.owner)
				& table.document_key.isin(keys)
				& (table.state == "Processing")
			)
			.orderby(table.creation)
			.orderby(table.name)
		).run(as_dict=True)
		return [_event(row) for row in rows]

	def renew(self, events: Sequence[Event]) -> bool:
		now = utc_now()
		if not events or (self._renewed and timedelta(0) <= now - self._renewed < RENEW_AFTER):
			return True
		ids = [event.id for event in events]
		table = DocType("Sync Event")
		mine = (table.lease_owner == self.owner) & (table.state == "Processing")
		# A write of sync's may stand in the open transaction: no collision is to take it back unseen.
		alone(lambda: _update(mine, lease_until=now + LEASE))
		held = frappe.qb.from_(table).select(table.name).where(mine & table.name.isin(ids)).run()
		self._renewed = now
		return len(held) == len(ids) and utc_now() < now + LEASE

	def busy(self, doctype: str, names: Sequence[str]) -> bool:
		table = DocType("Sync Event")
		frappe.db.rollback()  # look at what is there now, not at an older snapshot
		others = (
			(table.ref_doctype == doctype)
			& table.docname.isin(list(names))
			& (table.state == "Processing")
			& (table.lease_owner != self.owner)
			& (table.lease_until > utc_now())
		)
		return bool(frappe.qb.from_(table).select(table.name).where(others).limit(1).run())

	def done(self, events: Sequence[Event]) -> None:
		if events:
			# Only what is still ours: an event that someone else has taken over is theirs to finish.
			mine = {"name": ("in", [event.id for event in events]), "lease_owner": self.owner}
			alone(lambda: frappe.db.delete("Sync Event", mine))

	def retry(
		self,
		events: Sequence[Event],
		*,
		after: timedelta,
		error: str,
		attempt: bool,
		blocked: bool = False,
	) -> None:
		due = utc_now() + after if after else None
		self._give_back(events, "Pending", error, due=due, attempt=attempt, blocked=blocked)

	def fail(
		self,
		events: Sequence[Event],
		*,
		error: str,
		blocked: bool = False,
		seen: Mapping[Side, str] | None = None,
	) -> None:
		for side in {event.side for event in events}:
			of_side = [event for event in events if event.side == side]
			self._give_back(
				of_side, "Failed", error, due=None, attempt=True, blocked=blocked, seen=(seen or {}).get(side)
			)

	def unblock(self) -> None:
		table = DocType("Sync Event")
		blocked = (table.state == "Failed") & (table.blocked == 1)
		self._make_due(blocked, state="Pending", attempts=_one_less(table))

	def hasten(self, doctypes: Sequence[str]) -> None:
		table = DocType("Sync Event")
		soon = (table.attempts == 0) & (table.next_try <= utc_now() + NEXT_RUN)
		waits = (table.state == "Pending") & ((table.blocked == 1) | soon)
		of_them = table.ref_doctype.isin(list(doctypes)) & table.next_try.isnotnull()
		self._make_due(waits & of_them, next_try=None)

	def _make_due(self, where: Any, **values: Any) -> None:
		alone(lambda: _update(where, **values))

	def states(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, tuple[str, str]]:
		filters = {"ref_doctype": doctype, "side": side, "docname": ("in", list(names))}
		fields = ["docname", "state", "error"]
		rows = frappe.get_all("Sync Event", filters, fields, order_by="creation asc, name asc", as_list=True)
		failed = {name: ("Failed", error or "") for name, state, error in rows if state == "Failed"}
		return failed | {name: ("Pending", error or "") for name, state, error in rows if state != "Failed"}

	def set_aside(self, doctype: str, side: Side) -> dict[str, str]:
		filters = {"ref_doctype": doctype, "side": side, "state": "Failed", "kind": "change"}
		rows = frappe.get_all("Sync Event", filters, ["docname", "seen"], order_by="creation asc")
		return {row["docname"]: row["seen"] or "" for row in rows}

	def deletions(self, doctype: str, side: Side) -> list[str]:
		table = DocType("Sync Event")
		rows = (
			frappe.qb.from_(table)
			.select(table.docname, table.kind, table.trigger)
			.distinct()
			.where((table.ref_doctype == doctype) & (table.side == side))
			.where(table.state.isin(("Pending", "Processing")))
		).run()
		let_through = {name for name, _, trigger in rows if trigger == BY_PERSON}
		return [
			name
			for name in dict.fromkeys(n for n, kind, _ in rows if kind == "delete")
			if name not in let_through
		]

	def next_due(self, doctypes: Sequence[str], *, refused: bool = True) -> datetime | None:
		table = DocType("Sync Event")
		waiting = frappe.qb.from_(table).where(
			(table.state == "Pending") & table.ref_doctype.isin(list(doctypes) or [""])
		)
		if not refused:
			waiting = waiting.where(table.attempts == 0)
		frappe.db.rollback()  # look at what is there now, not at an older snapshot
		if waiting.select(table.name).where(table.next_try.isnull()).limit(1).run():
			return datetime.now(timezone.utc)
		((due,),) = waiting.select(Min(table.next_try)).run()
		return get_datetime(due).replace(tzinfo=timezone.utc) if due else None

	def _give_back(
		self,
		events: Sequence[Event],
		state: str,
		error: str,
		*,
		due: datetime | None,
		attempt: bool,
		blocked: bool = False,
		seen: str | None = None,
	) -> None:
		if not events:
			return
		table = DocType("Sync Event")
		query = (
			frappe.qb.update(table)
			.set(table.state, state)
			.set(table.next_try, due)
			.set(table.error, error)
			.set(table.blocked, int(blocked))
			.set(table.seen, seen)
			.set(table.lease_owner, None)
			.set(table.lease_until, None)
			.set(table.modified, now_datetime())
			.where(table.name.isin([event.id for event in events]) & (table.lease_owner == self.owner))
		)
		if attempt:
			query = query.set(table.attempts, table.attempts + 1)
		if len(keys := {key for _, key in _keyed(events)}) == 1:  # it may have been bound since it was queued
			query = query.set(table.document_key, *keys)
		alone(query.run)

	def _take(self, doctype: str, kind: Kind, limit: int, name: str | None) -> list[str]:
		"""Lease what is due, as far as no one else has; answers the keys."""
		keys = self._due_keys(doctype, kind, limit, name)
		if not keys:
			frappe.db.rollback()  # end the transaction: the next look must not see this one's snapshot
			return []
		self._renewed = utc_now()
		table = DocType("Sync Event")
		ours = table.document_key.isin(keys)
		lease = {"lease_owner": self.owner, "lease_until": self._renewed + LEASE}
		_update(ours & (table.state == "Failed"), state="Processing", attempts=_one_less(table), **lease)
		_update(ours & (table.state == "Pending"), state="Processing", **lease)
		frappe.db.commit()
		return keys

	def _due_keys(self, doctype: str, kind: Kind, limit: int, name: str | None) -> list[str]:
		table, leased = DocType("Sync Event"), DocType("Sync Event").as_("leased")
		query = (
			frappe.qb.from_(table)
			.select(table.document_key)
			.where((table.ref_doctype == doctype) & (table.kind == kind) & (table.state == "Pending"))
			.where(table.next_try.isnull() | (table.next_try <= utc_now()))
			.where(
				table.document_key.notin(
					frappe.qb.from_(leased).select(leased.document_key).where(leased.state == "Processing")
				)
			)
			.groupby(table.document_key)
			.orderby(Min(table.creation))
			.limit(limit)
		)
		if name is not None:
			query = query.where(table.document_key == key_of(doctype, name))
		return [key for (key,) in query.run()]

	def _yield_to_others(self, keys: Sequence[str]) -> None:
		"""Give back every key of which another worker holds an event.

		Two workers may each have taken some events of one key. Both look after their commits, so the later one
		always sees the earlier one and steps back; if both do, both come again.
		"""
		table = DocType("Sync Event")
		taken = (
			frappe.qb.from_(table)
			.select(table.document_key)
			.distinct()
			.where(
				table.document_key.isin(keys)
				& (table.state == "Processing")
				& (table.lease_owner != self.owner)
			)
		).run(pluck=True)
		if taken:
			_update(
				(table.lease_owner == self.owner) & table.document_key.isin(taken),
				state="Pending",
				next_try=utc_now() + CLAIM_AGAIN,
				lease_owner=None,
			)
		frappe.db.commit()

	def _reclaim(self) -> None:
		"""Make due again what a worker left behind: past its lease, or its process is gone from this host."""
		table = DocType("Sync Event")
		leases = (
			frappe.qb.from_(table)
			.select(table.lease_owner, Min(table.lease_until))
			.where((table.state == "Processing") & (table.lease_owner != self.owner))
			.groupby(table.lease_owner)
		).run()
		now = utc_now()
		# SQLite tells the least of several times as text.
		lost = [o for o, until in leases if until is None or get_datetime(until) < now or is_dead(o)]
		if lost:
			_update(
				(table.state == "Processing") & table.lease_owner.isin(lost),
				state="Pending",
				next_try=None,
				lease_owner=None,
				lease_until=None,
			)
		frappe.db.commit()


def _event(row: dict) -> Event:
	side: Side = row["side"]
	return Event(
		side, row["ref_doctype"], row["docname"], row["kind"], row["trigger"], row["name"], row["attempts"]
	)
