# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The reading half of `engine.ports.Site` over REST: documents and listings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from erpsync_app.adapters.compat import plain_sums, sum_fields
from erpsync_app.adapters.keyset import past
from erpsync_app.adapters.rest_account import MANY, RestAccount
from erpsync_app.adapters.rest_meta import forget_tables, stored
from erpsync_app.adapters.trail import Kept, creations, document_in
from erpsync_app.engine.errors import NeedsPerson, Refused, Unavailable, Unreadable
from erpsync_app.engine.model import TRAIL, Cursor, Deletion, Document, Note, Stamp
from erpsync_app.engine.tags import USER_TAGS

STAMPS = 5
"""How many stamps one call lists for each document that one call reads: a scan compares a page of 1,000 at once."""


class RestReader(RestAccount):
	"""One stock site, as far as it is read."""

	_structured_sums = False
	"""Whether the site takes sums in the words of version 16."""

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		wanted = list(dict.fromkeys(name for name in names if name))
		if len(wanted) == 1 and (doc := self._read_one(doctype, wanted[0])):
			return {wanted[0]: doc}
		found: dict[str, Document] = {}
		for chunk in chunks(wanted, self._chunk):
			docs = self._by_name(doctype, chunk, ["*"])
			self._add_rows(doctype, docs)
			found.update(docs)
		return found

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		wanted = list(dict.fromkeys(name for name in names if name))
		found: dict[str, str] = {}
		for chunk in chunks(wanted, STAMPS * self._chunk):
			rows = self._by_name(doctype, chunk, ["name", "modified"], filters)
			found.update((name, row["modified"]) for name, row in rows.items())
		return found

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		names = self._names(doctype, filters, "creation asc, name asc", limit)
		docs = self.read(doctype, names)
		return [docs[name] for name in names if name in docs]

	def named(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[str]:
		return self._names(doctype, filters, "creation desc, name desc", limit)

	def pages(self, doctype: str, size: int, filters: Sequence[tuple] = ()) -> Iterator[list[Document]]:
		ours, meta = [["parenttype", "=", doctype]], self.meta(doctype)
		tables = {child.doctype for child in meta.children.values()}
		used = {t for t in tables if self._list(t, ["parent"], ours, "parent asc", 1, parent=doctype)}

		def page(*after: list[Any]) -> list[Document]:
			wanted = [*(list(f) for f in filters), *after]
			rows = self._list(doctype, ["*"], wanted, "name asc", size)
			docs = {str(row["name"]): self._plain(doctype, row) for row in rows}
			self._add_rows(doctype, docs, used)
			return list(docs.values())

		# While the caller works on a page, the site is asked for the next one.
		with ThreadPoolExecutor(1) as reader:
			ahead = reader.submit(page)
			while docs := ahead.result():
				ahead = reader.submit(page, ["name", ">", docs[-1]["name"]])
				yield docs

	def sums(
		self, doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple] = ()
	) -> list[Document]:
		def ask(structured: bool) -> list[Document]:
			wanted = [*by, *sum_fields(fields, structured=structured)]
			order = ", ".join(f"{field} asc" for field in by)
			conditions = [list(f) for f in filters]
			return self._list(doctype, wanted, conditions, order, MANY, group_by=", ".join(by))

		try:
			rows = ask(self._structured_sums)
		except Unreadable as refusal:
			try:
				rows = ask(not self._structured_sums)
			except (Unreadable, Unavailable):
				raise refusal from None  # it is not the way of asking that is wrong
			self._structured_sums = not self._structured_sums
		return plain_sums(rows, fields)

	def with_row(self, doctype: str, child: str, created: Sequence[str]) -> list[str]:
		found = set()
		for chunk in chunks(created, self._chunk):
			filters = [["creation", "in", chunk], ["parenttype", "=", doctype]]
			rows = self._list(child, ["parent"], filters, "parent asc", MANY, parent=doctype)
			found |= {str(row["parent"]) for row in rows if "parent" in row}
		return sorted(found)

	def linking(
		self, doctype: str, child: str, field: str, names: Sequence[str], where: Sequence[tuple] = ()
	) -> list[tuple[str, str, int]]:
		of_rows = child != doctype
		name = "parent" if of_rows else "name"
		more = [*(list(f) for f in where), *([["parenttype", "=", doctype]] if of_rows else [])]
		found = []
		for chunk in chunks(names, self._chunk):
			for of_names in any_of(field, chunk):
				rows = self._list(
					child,
					[name, field, "docstatus"],
					[of_names, *more],
					f"{name} asc",
					MANY,
					parent=doctype if of_rows else None,
				)
				# A field that is not for this user's eyes is left out of the rows.
				found += [
					(str(r[name]), str(r[field]), int(r["docstatus"]))
					for r in rows
					if name in r and field in r
				]
		return found

	def parents(self, doctype: str, child: str, rows: Sequence[str]) -> dict[str, str]:
		found: dict[str, str] = {}
		for chunk in chunks(rows, self._chunk):
			filters = [["name", "in", chunk], ["parenttype", "=", doctype]]
			fields = ["name", "parent"]
			listed = self._list(child, fields, filters, "name asc", MANY, parent=doctype)
			found.update((str(row["name"]), str(row["parent"])) for row in listed if "parent" in row)
		return found

	def tags(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		found: dict[str, str] = {}
		for chunk in chunks(list(dict.fromkeys(names)), self._chunk):
			rows = self._by_name(doctype, chunk, ["name", USER_TAGS])
			found.update((name, row.get(USER_TAGS) or "") for name, row in rows.items())
		return found

	def transitions(self, doctype: str, name: str) -> list[tuple[str, str]]:
		doc = json.dumps({"doctype": doctype, "name": name})
		rows = self._ask(
			"frappe.model.workflow.get_transitions", f"tell what is next for {doctype} {name}", doc=doc
		)
		return [(row["action"], row["next_state"]) for row in rows or ()]

	def page_by_name(self, doctype: str, after: str | None, limit: int) -> list[Stamp]:
		# The order is the database's, and so is the comparison: no name is passed over, whatever its collation.
		filters = [["name", ">", after]] if after is not None else []
		return self._stamps_of(doctype, filters, "name asc", limit)

	def page_by_time(self, doctype: str, after: Cursor, limit: int) -> list[Stamp]:
		return past(partial(self._stamps_of, doctype), "modified", [], after, limit)

	def deletions(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[Deletion]:
		of_them = [["deleted_doctype", "in", list(doctypes)]]
		fields = ["name", "creation", "deleted_doctype", "deleted_name"]
		rows = past(partial(self._list, TRAIL, fields), "creation", of_them, after, limit)
		return [
			Deletion(row["deleted_doctype"], row["deleted_name"], Cursor(row["creation"], str(row["name"])))
			for row in rows
		]

	def created(self, deletions: Sequence[Deletion]) -> dict[Deletion, str]:
		return creations(deletions, self._kept([deletion.cursor.name for deletion in deletions]))

	def deleted_at(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		found: dict[str, str] = {}
		for chunk in chunks(list(dict.fromkeys(names)), self._chunk):
			wanted = set(chunk)
			# A restored document is there again, and what became of it since, this entry does not tell.
			of_doctype = [["deleted_doctype", "=", doctype], ["restored", "=", 0]]
			for of_names in any_of("deleted_name", chunk):
				for name, when in self._list(
					TRAIL,
					["deleted_name", "creation"],
					[*of_doctype, of_names],
					"creation asc, name asc",
					MANY,
					as_dict=False,
				):
					if name in wanted:
						found[name] = when
		return found

	def notes(self, doctype: str, since: str) -> list[Note]:
		fields = ["reference_name", "content", "creation"]
		filters = [
			["comment_type", "=", "Edit"],
			["reference_doctype", "=", doctype],
			["creation", ">=", since],
		]
		try:
			rows = self._list("Comment", fields, filters, "creation asc, name asc", MANY, as_dict=False)
		except (NeedsPerson, Refused):
			return []  # for System Managers alone, unless the site says otherwise
		return [Note(str(about), content or "", at) for about, content, at in rows]

	# -- the calls beneath

	def _kept(self, lines: Sequence[str]) -> Kept:
		fields = ["name", "data"]
		return {
			str(name): document_in(data)
			for chunk in chunks(lines, self._chunk)
			for name, data in self._list(
				TRAIL, fields, [["name", "in", chunk]], "name asc", MANY, as_dict=False
			)
		}

	def _names(self, doctype: str, filters: Sequence[tuple], order_by: str, limit: int) -> list[str]:
		wanted = [list(f) for f in filters]
		return [
			str(name) for (name,) in self._list(doctype, ["name"], wanted, order_by, limit, as_dict=False)
		]

	def _stamps_of(self, doctype: str, filters: Sequence[Any], order_by: str, limit: int) -> list[Stamp]:
		rows = self._list(doctype, ["name", "modified"], filters, order_by, limit, as_dict=False)
		return [Stamp(str(name), modified) for name, modified in rows]

	def _by_name(
		self, doctype: str, names: Sequence[str], fields: Sequence[str], filters: Sequence[tuple] = ()
	) -> dict[str, Document]:
		"""The stored columns of the documents that have exactly these names. Most databases of Frappe take names
		that differ in case or accents alone for one, so they may list others."""
		wanted = set(names)
		found: dict[str, Document] = {}
		for of_names in any_of("name", names):
			for row in self._list(doctype, fields, [of_names, *(list(f) for f in filters)], "name asc", MANY):
				row["name"] = str(row["name"])
				if row["name"] in wanted:
					found[row["name"]] = self._plain(doctype, row) if "*" in fields else row
		return {name: found[name] for name in names if name in found}

	def _read_one(self, doctype: str, name: str) -> Document | None:
		"""One document with all its rows in one call; None where the lists have to tell."""
		try:
			answer = self._ask("frappe.client.get", f"read {doctype} {name}", doctype=doctype, name=name)
		except (Refused, NeedsPerson):
			# Not there, out of the user's sight, or its controller fails to load it: the lists can tell which.
			return None
		doc = self._plain(doctype, self._document_in(answer, f"read {doctype} {name}"))
		return doc if doc["name"] == name else None

	def _add_rows(
		self, doctype: str, docs: Mapping[str, Document], used: Collection[str] | None = None
	) -> None:
		"""Fill in the child tables, one call for each child DocType, or each of those `used`. After the documents, never before: rows that
		changed in between are then newer than `modified` says, which the next look puts right; the other way
		round the change would be passed over for good."""
		meta = self.meta(doctype)
		for doc in docs.values():
			doc.update((table, []) for table in meta.children)
		children = {child.doctype: child for child in meta.children.values()}
		for child in [c for c in children.values() if docs and (used is None or c.doctype in used)]:
			for of_parents in any_of("parent", list(docs)):
				for row in self._list(
					child.doctype,
					["*"],
					[of_parents, ["parenttype", "=", doctype]],
					"parent asc, parentfield asc, idx asc, name asc",
					MANY,
					parent=doctype,
				):
					if "parent" not in row:
						# No field of these rows is for this user's eyes: unreadable is not empty.
						forget_tables(meta, child, docs.values())
						break
					doc = docs.get(str(row["parent"]))
					if doc is not None and row.get("parentfield") in meta.children:
						doc[row["parentfield"]].append(stored(child, row, row=True))

	def _plain(self, doctype: str, raw: Document, *, whole: bool = False) -> Document:
		return stored(self.meta(doctype), raw, whole=whole)


def any_of(field: str, names: Sequence[str]) -> list[list[Any]]:
	"""Filters, each for a query of its own, that together find these names. Frappe strips what it is given to "in";
	"=" takes it as it is."""
	plain = [name for name in names if name == name.strip()]
	filters: list[list[Any]] = [[field, "in", plain]] if plain else []
	return filters + [[field, "=", name] for name in names if name != name.strip()]


def chunks(names: Sequence[str], size: int) -> Iterator[list[str]]:
	for start in range(0, len(names), size):
		yield list(names[start : start + size])
