# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`engine.ports.Ledger` on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from erpsync_app.engine.errors import Duplicate, Stale
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	Binding,
	Clash,
	Cursor,
	Held,
	Intent,
	LogEntry,
	Outcome,
	Progress,
	RowMap,
	Side,
	other,
)
from erpsync_app.engine.ports import Clock
from erpsync_app.engine.safety import BY_PERSON
from erpsync_app.sandbox.database import Database, marks

SCHEMA = """
create table if not exists binding (
	id integer primary key autoincrement, doctype text not null,
	local_name text, cloud_name text, local_held text, cloud_held text,
	local_modified text, cloud_modified text, local_created text, cloud_created text,
	status text not null, error text, choice text, intent_side text, intent text, rows text,
	version integer not null default 1,
	unique (doctype, local_name), unique (doctype, cloud_name)
);
create table if not exists conflict (
	id integer primary key autoincrement, binding integer not null, doctype text not null,
	local_name text, cloud_name text, clashes text not null, resolution text, refused text
);
create table if not exists log (id integer primary key autoincrement, entry text not null, at text not null);
create table if not exists cursor (
	doctype text not null, side text not null, modified text not null, name text not null,
	primary key (doctype, side)
);
"""


@dataclass(frozen=True, slots=True)
class Conflict:
	"""A stored conflict; `resolution` is None while it is open, and `refused` then says why it could not be settled."""

	doctype: str
	names: Mapping[Side, str | None]
	clashes: tuple[Clash, ...]
	resolution: str | None
	refused: str | None = None


class SqliteLedger:
	"""With a `clock` it knows how old the lines of its trail are; without one they are of no age."""

	def __init__(self, database: Database, clock: Clock | None = None):
		self._db = database
		self._clock = clock
		database.script(SCHEMA)

	def bindings(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Binding]:
		rows = self._rows("*", doctype, side, names)
		return {row[f"{side}_name"]: _binding(row) for row in rows}

	def stamps(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		rows = self._rows(f"{side}_name as name, {side}_modified as modified", doctype, side, names)
		return {row["name"]: row["modified"] or "" for row in rows}

	def by_creation(
		self, doctype: str, side: Side, created: Sequence[str], limit: int = 0
	) -> dict[str, list[Binding]]:
		column, found = f"{side}_created", defaultdict(list)
		where = f"doctype = ? and {column} in ({marks(created)})"
		sql = f"select * from binding where {where} order by id limit {limit or -1}"
		for row in self._db.rows(sql, (doctype, *created)):
			found[row[column]].append(_binding(row))
		return dict(found)

	def names(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		rows = self._rows(f"{side}_name as here, {other(side)}_name as there", doctype, side, names)
		return {row["here"]: row["there"] for row in rows if row["there"] is not None}

	def row_maps(self, doctype: str, side: Side, names: Sequence[str]) -> list[RowMap]:
		rows = self._rows("rows", doctype, side, names)
		return [RowMap.of(told) for row in rows for told in json.loads(row["rows"] or "{}").values()]

	def progress(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Progress]:
		return {
			name: Progress(
				binding.names.get(other(side)),
				{each: held.docstatus if (held := binding.held.get(each)) else 0 for each in SIDES},
				binding.status,
				{
					each: (held.created, held.modified) if (held := binding.held.get(each)) else ("", "")
					for each in SIDES
				},
				{each: held.wrote if (held := binding.held.get(each)) else () for each in SIDES},
			)
			for name, binding in self.bindings(doctype, side, names).items()
		}

	def newest(self, doctype: str, side: Side, limit: int) -> dict[str, str]:
		rows = self._db.rows(
			f"""select {side}_name as name, {side}_modified as modified from binding where doctype = ?
			and status in ('Synced', 'Diverged', 'Conflict') and {side}_modified > ''
			order by {side}_modified desc limit ?""",
			(doctype, limit),
		)
		return {row["name"]: row["modified"] for row in rows}

	def bound(self, doctype: str, side: Side) -> int:
		return self._db.execute(
			f"select count(*) from binding where doctype = ? and {side}_name is not null", (doctype,)
		).fetchone()[0]

	def deletions_since(self, doctype: str, side: Side, since: datetime) -> int:
		entries = self._db.rows(
			"select entry from log where at >= ?", (since.isoformat(timespec="microseconds"),)
		)
		found = (json.loads(row["entry"]) for row in entries)
		return sum(
			entry["operation"] in ("delete", "merge")
			and entry["doctype"] == doctype
			and entry["direction"] == ("cloud_to_local" if side == LOCAL else "local_to_cloud")
			and entry["trigger"] != BY_PERSON
			for entry in found
		)

	def open_intents(self, doctype: str, side: Side) -> list[Intent]:
		rows = self._db.rows(
			"select * from binding where doctype = ? and intent_side = ? order by id", (doctype, side)
		)
		return [intent for row in rows if (intent := _binding(row).intent)]

	def save(self, outcomes: Sequence[Outcome]) -> list[Binding]:
		with self._db.transaction():
			return [self._save(outcome) for outcome in outcomes]

	def cursor(self, doctype: str, side: Side) -> Cursor | None:
		rows = self._db.rows(
			"select modified, name from cursor where doctype = ? and side = ?", (doctype, side)
		)
		return Cursor(**rows[0]) if rows else None

	def move_cursor(self, doctype: str, side: Side, to: Cursor) -> None:
		with self._db.transaction():
			self._db.execute(
				"insert or replace into cursor (doctype, side, modified, name) values (?, ?, ?, ?)",
				(doctype, side, to.modified, to.name),
			)

	# -- for people and tests

	def all_bindings(self, doctype: str | None = None) -> list[Binding]:
		rows = self._db.rows(
			"select * from binding where ? is null or doctype = ? order by id", (doctype, doctype)
		)
		return [_binding(row) for row in rows]

	def contents(self) -> list[list[dict[str, Any]]]:
		"""All that is stored about documents; versions, which tell nothing of them, left out."""
		tables = [
			self._db.rows(f"select * from {table} order by id") for table in ("binding", "conflict", "log")
		]
		return [[{k: v for k, v in row.items() if k != "version"} for row in table] for table in tables]

	def conflicts(self, *, open_only: bool = False) -> list[Conflict]:
		rows = self._db.rows(
			"select * from conflict where not ? or resolution is null order by id", (open_only,)
		)
		return [
			Conflict(row["doctype"], _names(row), _clashes(row["clashes"]), row["resolution"], row["refused"])
			for row in rows
		]

	def log(self) -> list[LogEntry]:
		entries = (json.loads(row["entry"]) for row in self._db.rows("select entry from log order by id"))
		return [LogEntry(**{**entry, "changed": tuple(entry["changed"])}) for entry in entries]

	# -- beneath

	def _rows(self, what: str, doctype: str, side: Side, names: Sequence[str]) -> list[dict[str, Any]]:
		return self._db.rows(
			f"select {what} from binding where doctype = ? and {side}_name in ({marks(names)})",
			(doctype, *names),
		)

	def _save(self, outcome: Outcome) -> Binding:
		binding = outcome.binding
		if not outcome.forget:
			binding = self._store(binding)
		self._store_conflict(binding, outcome.clashes, outcome.settled)
		if outcome.refused:
			self._db.execute(
				"""update conflict set resolution = null, refused = ? where id =
				(select max(id) from conflict where binding = ?)""",
				(outcome.refused, binding.id),
			)
		if outcome.forget and binding.id:
			self._alone(
				binding, "delete from binding where id = ? and version = ?", (binding.id, binding.version)
			)
		for entry in outcome.log:
			at = self._clock.now().isoformat(timespec="microseconds") if self._clock else ""
			self._db.execute("insert into log (entry, at) values (?, ?)", (json.dumps(asdict(entry)), at))
		return binding

	def _store(self, b: Binding) -> Binding:
		row: dict[str, Any] = {
			"doctype": b.doctype,
			"status": b.status,
			"error": b.error,
			"choice": b.choice,
			"intent_side": b.intent.side if b.intent else None,
			"intent": json.dumps({**asdict(b.intent), "since": b.intent.since.isoformat()})
			if b.intent
			else None,
			"rows": json.dumps({table: asdict(each) for table, each in sorted(b.rows.items())}),
		}
		for side in SIDES:
			held = b.held.get(side)
			row[f"{side}_name"] = b.names.get(side)
			row[f"{side}_held"] = json.dumps(asdict(held)) if held else None
			row[f"{side}_modified"] = held.modified if held else None
			row[f"{side}_created"] = held.created or None if held else None
		try:
			if b.id is None:
				stored = self._db.execute(
					f"insert into binding ({', '.join(row)}) values ({marks(list(row))})", list(row.values())
				)
				return replace(b, id=str(stored.lastrowid), version="1")
			changes = ", ".join(f"{column} = ?" for column in row)
			self._alone(
				b,
				f"update binding set {changes}, version = version + 1 where id = ? and version = ?",
				[*row.values(), b.id, b.version],
			)
			return replace(b, version=str(int(b.version) + 1))
		except sqlite3.IntegrityError:
			names = " and ".join(f"{b.names[side]} ({side})" for side in SIDES if b.names.get(side))
			raise Duplicate(f"{b.doctype} {names} is bound to another document already.") from None

	def _alone(self, b: Binding, sql: str, values: Sequence[Any]) -> None:
		if not self._db.execute(sql, values).rowcount:
			raise Stale(f"Someone else has changed what is known of {b.doctype} {b.names} in the meantime.")

	def _store_conflict(self, binding: Binding, clashes: Sequence[Clash], settled: str | None) -> None:
		"""As the table at `Outcome` says."""
		if not clashes:
			if settled:
				self._db.execute(
					"""update conflict set resolution = ?, refused = null
					where binding = ? and resolution is null""",
					(settled, binding.id),
				)
			return
		text = json.dumps([asdict(clash) for clash in clashes])
		# Of what lost, some may have been overwritten before the rest was refused: it is kept.
		self._db.execute(
			"""update conflict set resolution = 'Converged', refused = null
			where binding = ? and resolution is null and clashes <> ? and clashes like '%"winner": "%'""",
			(binding.id, text),
		)
		updated = self._db.execute(
			"""update conflict set clashes = ?, resolution = ?, refused = case when ? is null then refused end
			where binding = ? and resolution is null""",
			(text, settled, settled, binding.id),
		)
		if updated.rowcount:
			return
		last = self._db.rows(
			"select clashes from conflict where binding = ? order by id desc limit 1", (binding.id,)
		)
		if settled is None or not last or last[0]["clashes"] != text:
			self._insert_conflict(binding, text, settled)

	def _insert_conflict(self, b: Binding, clashes: str, resolution: str | None) -> None:
		self._db.execute(
			"""insert into conflict (binding, doctype, local_name, cloud_name, clashes, resolution)
			values (?, ?, ?, ?, ?, ?)""",
			(b.id, b.doctype, b.names.get(LOCAL), b.names.get(CLOUD), clashes, resolution),
		)


def _names(row: Mapping[str, Any]) -> dict[Side, str | None]:
	return {side: row[f"{side}_name"] for side in SIDES}


def _clashes(text: str) -> tuple[Clash, ...]:
	return tuple(Clash(**clash) for clash in json.loads(text))


def _held(text: str | None) -> Held | None:
	if not text:
		return None
	told = json.loads(text)
	return Held(**{**told, "wrote": tuple((at, took) for at, took in told["wrote"])})


def _binding(row: Mapping[str, Any]) -> Binding:
	intent = None
	if row["intent_side"]:
		told = json.loads(row["intent"])
		since, before = datetime.fromisoformat(told["since"]), tuple(told["before"])
		intent = Intent(**{**told, "since": since, "before": before})
	return Binding(
		doctype=row["doctype"],
		names=_names(row),
		held={side: _held(row[f"{side}_held"]) for side in SIDES},
		status=row["status"],
		error=row["error"],
		choice=row["choice"],
		intent=intent,
		rows={table: RowMap.of(told) for table, told in json.loads(row["rows"]).items()},
		id=str(row["id"]),
		version=str(row["version"]),
	)
