# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The tables of a sandbox site, and the collation of MariaDB, which Frappe compares names with."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.schema import (
	DOCTYPES,
	INTEGERS,
	NUMBERS,
	Column,
	DocType,
	columns_of,
)

Doc = dict[str, Any]


APART = frozenset("йЙїЇأإآؤئ")
"""Letters that the collation does not take for their base letter, though they are it with a mark."""

TOGETHER = str.maketrans({"œ": "oe", "Œ": "oe", "\u00a0": " ", "\u200b": None})


@lru_cache(maxsize=100_000)
def collated(text: str) -> str:
	"""What two texts have in common when MariaDB's `utf8mb4_unicode_ci` takes them for equal: letter case and
	accents count for nothing, nor do blanks at the end, and all characters beyond the basic plane (emoji) are one."""
	if text.isascii():
		return text.rstrip(" ").lower()
	bare: list[str] = []
	for c in text.translate(TOGETHER).rstrip(" "):
		if c > "\uffff":
			bare.append("\ufffd")
		elif c in APART:
			bare.append(c)
		else:
			bare += (part for part in unicodedata.normalize("NFKD", c) if not unicodedata.combining(part))
	return "".join(bare).casefold()


def _compare(one: str, two: str) -> int:
	a, b = collated(one), collated(two)
	return (a > b) - (a < b)


def _kind(column: Column) -> str:
	if column.type in INTEGERS:
		return "integer not null default 0"
	if column.type in NUMBERS:
		return "real not null default 0"
	return "text collate frappe" + (" unique" if column.unique else "")


def _table(doctype: DocType) -> str:
	lines = [
		"name text collate frappe primary key",
		"docstatus integer not null default 0",
		"idx integer default 0",
	]
	lines += [f"{c} text collate frappe" for c in doctype.standard if c not in ("name", "docstatus", "idx")]
	lines += [f'"{c.name}" {_kind(c)}' for c in doctype.stored]
	sql = f"create table if not exists {table(doctype)} ({', '.join(lines)}) without rowid;"
	if doctype.row:
		sql += f'create index if not exists "parent of {doctype.name}" on {table(doctype)} (parent);'
	else:
		sql += f'create index if not exists "modified of {doctype.name}" on {table(doctype)} (modified);'
	return sql


def table(doctype: DocType) -> str:
	return f'"tab{doctype.name}"'


SCHEMA = (
	"create table if not exists series (name text primary key, current integer not null);"
	"create table if not exists content (url text primary key, content blob not null);"
	+ "".join(_table(d) for d in DOCTYPES.values())
)


class Store:
	"""Documents as rows. What it is told, it stores; the rules are elsewhere."""

	def __init__(self, database: Database):
		self.db = database
		database.collation("frappe", _compare)
		database.script(SCHEMA)

	def get(self, doctype: DocType, name: str) -> Doc | None:
		"""The document with its child tables, under the name that is stored."""
		rows = self.db.rows(f"select * from {table(doctype)} where name = ?", (name,))
		if not rows:
			return None
		doc = rows[0]
		for t in doctype.tables:
			doc[t.name] = self.children(DOCTYPES[t.options or ""], doctype, doc["name"], t.name)
		return doc

	def children(self, row: DocType, parenttype: DocType, parent: str, parentfield: str) -> list[Doc]:
		return self.db.rows(
			f"select * from {table(row)} where parent = ? and parenttype = ? and parentfield = ? order by idx, name",
			(parent, parenttype.name, parentfield),
		)

	def value(self, doctype: DocType, name: str, column: str) -> Any:
		"""One value of a document; None where there is none."""
		row = self.db.execute(f'select "{column}" from {table(doctype)} where name = ?', (name,)).fetchone()
		return row[0] if row else None

	def insert(self, doctype: DocType, doc: Mapping[str, Any]) -> None:
		columns = columns_of(doctype)
		self.db.execute(
			f"insert into {table(doctype)} ({_quoted(columns)}) values ({', '.join('?' * len(columns))})",
			[doc.get(c) for c in columns],
		)

	def update(self, doctype: DocType, name: str, values: Mapping[str, Any]) -> None:
		"""Of a name that is not there: nothing happens."""
		settings = ", ".join(f'"{column}" = ?' for column in values)
		self.db.execute(f"update {table(doctype)} set {settings} where name = ?", [*values.values(), name])

	def delete(self, doctype: DocType, name: str) -> None:
		self.db.execute(f"delete from {table(doctype)} where name = ?", (name,))
		for t in doctype.tables:
			self.keep_rows(DOCTYPES[t.options or ""], doctype, name, t.name, ())

	def keep_rows(
		self, row: DocType, parenttype: DocType, parent: str, parentfield: str, kept: Sequence[str]
	) -> None:
		"""Delete the rows of one child table that are not among those kept."""
		self.db.execute(
			f"""delete from {table(row)} where parent = ? and parenttype = ? and parentfield = ?
			and name not in ({", ".join("?" * len(kept))})""",
			(parent, parenttype.name, parentfield, *kept),
		)

	def next_in_series(self, prefix: str) -> int:
		self.db.execute(
			"""insert into series values (?, 1) on conflict (name) do update set current = current + 1""",
			(prefix,),
		)
		return self.db.execute("select current from series where name = ?", (prefix,)).fetchone()[0]

	def revert_series(self, prefix: str, number: int) -> None:
		"""Frappe gives the number of the last document of a series out again once that is deleted."""
		self.db.execute(
			"update series set current = current - 1 where name = ? and current = ?", (prefix, number)
		)


def _quoted(columns: Sequence[str]) -> str:
	return ", ".join(f'"{c}"' for c in columns)
