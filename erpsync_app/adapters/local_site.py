# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The local site, through Frappe's ORM.

Reads are bulk queries that see everything; writes go through the document's own controller, with the rights of
the session user. A failed write leaves nothing behind: the transaction is rolled back, which holds nothing but
that write, since the ledger commits after each. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe.desk.doctype.tag.tag import DocTags
from frappe.model.naming import NamingSeries
from frappe.model.workflow import apply_workflow, get_transitions
from frappe.utils import get_system_timezone

from erpsync_app.adapters import local_calls, local_files, local_lists
from erpsync_app.adapters.keyset import past
from erpsync_app.adapters.local_errors import translated, words_of
from erpsync_app.adapters.local_meta import meta_of
from erpsync_app.adapters.trail import creations, deleted_files
from erpsync_app.adapters.transactions import begin_writing
from erpsync_app.engine import errors
from erpsync_app.engine.model import (
	LOCAL,
	TRAIL,
	Call,
	Cursor,
	Deletion,
	Document,
	File,
	Meta,
	Note,
	Stamp,
)
from erpsync_app.engine.tags import USER_TAGS

OWN_WRITE = "erpsync_own_write"
"""The flag on a document that sync itself writes: its hooks tell sync nothing new. While a method is called that reads
the document by itself, it stands in the flags of the process, with the DocType and the name."""


class LocalSite:
	"""`engine.ports.Site` for the site that this process is connected to.

	Most databases of Frappe take names that differ in case or accents alone for one: asked for *ACME* they tell of *Acme*,
	which is another name to sync. So what comes back is looked through for what was asked for.
	"""

	side = LOCAL
	atomic = True

	def __init__(self):
		_forget_values()  # a setting may have changed since an earlier run of this process; in this one they stay as they are
		self._metas: dict[str, Meta] = {}
		self.time_zone = ZoneInfo(get_system_timezone())

	@property
	def user(self) -> str:
		return frappe.session.user

	def meta(self, doctype: str) -> Meta:
		if doctype not in self._metas:
			if not frappe.db.exists("DocType", doctype):
				raise errors.Missing(f"There is no DocType {doctype} on the local site.")
			self._metas[doctype] = meta_of(frappe.get_meta(doctype))
		return self._metas[doctype]

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		wanted = set(names)
		rows = _rows(doctype, [["name", "in", list(wanted)]]) if wanted else []
		return self._with_children(doctype, [row for row in rows if str(row["name"]) in wanted])

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		wanted = set(names)
		if not wanted:
			return {}
		found = _stamps(doctype, [["name", "in", list(wanted)], *(list(f) for f in filters)], "name asc", 0)
		return {stamp.name: stamp.modified for stamp in found if stamp.name in wanted}

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		rows = _rows(doctype, [list(f) for f in filters], order_by="creation asc, name asc", limit=limit)
		return list(self._with_children(doctype, rows).values())

	def named(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[str]:
		wanted = [list(f) for f in filters]
		order = "creation desc, name desc"
		found = frappe.get_all(doctype, filters=wanted, pluck="name", order_by=order, limit=limit)
		return [str(name) for name in found]

	def pages(self, doctype: str, size: int, filters: Sequence[tuple] = ()) -> Iterator[list[Document]]:
		used = local_lists.used_tables(doctype, self.meta(doctype))
		after: list[Any] = []
		while rows := _rows(doctype, [*(list(f) for f in filters), *after], limit=size):
			yield list(self._with_children(doctype, rows, used).values())
			after = [["name", ">", rows[-1]["name"]]]

	def sums(
		self, doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple] = ()
	) -> list[Document]:
		self.meta(doctype)
		return local_lists.sums(doctype, by, fields, filters)

	def with_row(self, doctype: str, child: str, created: Sequence[str]) -> list[str]:
		filters = {"creation": ("in", list(created)), "parenttype": doctype}
		return sorted(set(frappe.get_all(child, filters, pluck="parent")))

	def linking(
		self, doctype: str, child: str, field: str, names: Sequence[str], where: Sequence[tuple] = ()
	) -> list[tuple[str, str, int]]:
		filters = [[field, "in", list(names)], *(list(f) for f in where)]
		if child != doctype:
			filters.append(["parenttype", "=", doctype])
		name = "name" if child == doctype else "parent"
		rows = frappe.get_all(
			child, filters=filters, fields=[name, field, "docstatus"], order_by=f"{name} asc", as_list=True
		)
		return [(str(found), str(value), int(status)) for found, value, status in rows]

	def parents(self, doctype: str, child: str, rows: Sequence[str]) -> dict[str, str]:
		filters = {"name": ("in", list(rows)), "parenttype": doctype}
		found = frappe.get_all(child, filters, ["name", "parent"], order_by="name asc", as_list=True)
		return {str(name): str(parent) for name, parent in found}

	def page_by_name(self, doctype: str, after: str | None, limit: int) -> list[Stamp]:
		filters = [] if after is None else [["name", ">", after]]
		return _stamps(doctype, filters, "name asc", limit)

	def page_by_time(self, doctype: str, after: Cursor, limit: int) -> list[Stamp]:
		return past(partial(_stamps, doctype), "modified", [], after, limit)

	def deletions(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[Deletion]:
		ours = [["deleted_doctype", "in", list(doctypes)]]
		return past(_deletions, "creation", ours, after, limit)

	def created(self, deletions: Sequence[Deletion]) -> dict[Deletion, str]:
		return creations(deletions, local_lists.kept([deletion.cursor.name for deletion in deletions]))

	def deleted_at(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		filters = [
			["deleted_doctype", "=", doctype],
			["deleted_name", "in", list(names)],
			["restored", "=", 0],
		]
		found, wanted = _deletions(filters, "creation asc, name asc", 0), set(names)
		return {d.name: d.cursor.modified for d in found if d.name in wanted}

	def notes(self, doctype: str, since: str) -> list[Note]:
		rows = frappe.get_all(
			"Comment",
			filters=[
				["comment_type", "=", "Edit"],
				["reference_doctype", "=", doctype],
				["creation", ">=", since],
			],
			fields=["reference_name", "content", "creation"],
			order_by="creation asc, name asc",
			as_list=True,
		)
		return [Note(str(about), content or "", _text(at)) for about, content, at in rows]

	def create(self, doctype: str, values: Document, name: str | None) -> Document:
		try:
			with _writing():
				doc = frappe.get_doc({**values, "doctype": doctype})
				doc.flags[OWN_WRITE] = True
				doc.insert(set_name=name)
		except errors.Missing as e:
			# What is not there cannot be the document that is to be made: it is something that it refers to.
			raise errors.Blocked(str(e)) from None
		return self.read(doctype, [doc.name])[str(doc.name)]

	def update(self, doctype: str, name: str, changes: Document, modified: str) -> Document:
		try:
			with _writing():
				doc = _locked(doctype, name, modified)
				doc.flags[OWN_WRITE] = True
				doc.update(changes)
				doc.save()
		except errors.Missing as e:
			if self.stamps(doctype, [name]):
				raise errors.Blocked(str(e)) from None  # the document is there; what it refers to is not
			raise
		return self.read(doctype, [name])[name]

	def call(self, doctype: str, name: str, modified: str, call: Call) -> Document | None:
		with _writing():
			_locked(doctype, name, modified)
			return local_calls.make(call, OWN_WRITE, (doctype, name))

	status_method = staticmethod(local_calls.status_method)

	def transitions(self, doctype: str, name: str) -> list[tuple[str, str]]:
		with _taken_back():  # it may refuse
			rows = get_transitions(frappe.get_doc(doctype, name))
		return [(row["action"], row["next_state"]) for row in rows]

	def take(self, doctype: str, name: str, action: str, modified: str) -> Document:
		with _writing():
			doc = _locked(doctype, name, modified)
			doc.flags[OWN_WRITE] = True
			apply_workflow(doc, action)
		return self.read(doctype, [name])[name]

	def rename(self, doctype: str, old: str, new: str, modified: str) -> Document:
		with _writing():
			_locked(doctype, old, modified)
			made = frappe.rename_doc(doctype, old, new, show_alert=False)
			_forget_values()
		return self.read(doctype, [made])[made]

	def merge(self, doctype: str, name: str, into: str, modified: str) -> None:
		with _writing():
			_locked(doctype, name, modified)
			frappe.rename_doc(doctype, name, into, merge=True, show_alert=False)
			_forget_values()

	def delete(self, doctype: str, name: str, modified: str) -> None:
		with _writing():
			_locked(doctype, name, modified)
			frappe.delete_doc(doctype, name, flags={OWN_WRITE: True}, ignore_missing=False)
			_forget_values()

	def count_on(self, series: str, number: int) -> None:
		# Not within `_writing`: a failure here is not to take back the document that was written before it.
		counter = NamingSeries(series)
		if counter.get_current_value() < number:
			counter.update_counter(number)

	def tags(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		if not names:
			return {}
		rows = frappe.get_all(doctype, fields=["name", USER_TAGS], filters=[["name", "in", list(names)]])
		return {str(row["name"]): row.get(USER_TAGS) or "" for row in rows}

	def tag(self, doctype: str, name: str, tag: str, on: bool) -> None:
		with _writing():
			(DocTags(doctype).add if on else DocTags(doctype).remove)(name, tag)

	def files(
		self,
		by: str,
		values: Sequence[str],
		*,
		doctype: str | None = None,
		private: bool | None = None,
		limit: int = 0,
	) -> list[File]:
		return local_files.files(by, values, doctype, private, limit)

	def attached_since(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[File]:
		return local_files.attached_since(doctypes, after, limit)

	def detached(self, lines: Sequence[str]) -> list[File]:
		return deleted_files(local_lists.kept(lines))

	def download(self, file: File, limit: int) -> bytes:
		return local_files.download(file, limit)

	def add_file(self, file: File, content: bytes | None) -> File:
		with _writing():
			doc = local_files.new_file(file, content)
			doc.flags[OWN_WRITE] = True
			try:
				doc.insert()
			except OSError as e:
				raise errors.Refused(words_of(e)) from e
		return local_files.files("name", [doc.name], None, None, 0)[0]

	def _with_children(
		self, doctype: str, rows: list[Document], used: Collection[str] | None = None
	) -> dict[str, Document]:
		# A name is text everywhere, as in events and in `parent`; a DocType that counts its documents has numbers.
		docs = {(name := str(row["name"])): {**row, "name": name} for row in rows}
		if not docs:
			return docs
		tables: dict[str, list[str]] = {}
		for fieldname, child in self.meta(doctype).children.items():
			tables.setdefault(child.doctype, []).append(fieldname)
		for child, fieldnames in tables.items():
			for doc in docs.values():
				doc.update({fieldname: [] for fieldname in fieldnames})
			if used is not None and child not in used:
				continue
			of_these = [
				["parent", "in", list(docs)],
				["parenttype", "=", doctype],
				["parentfield", "in", fieldnames],
			]
			for row in _rows(child, of_these, order_by="idx asc"):
				if row["parent"] in docs:
					docs[row["parent"]][row["parentfield"]].append(row)
		return docs


def _rows(doctype: str, filters: list, *, order_by: str = "name asc", limit: int = 0) -> list[Document]:
	rows = frappe.get_all(
		doctype, fields=["*"], filters=filters, order_by=order_by, limit=limit, as_list=False
	)
	return [{**row, "modified": _text(row["modified"]), "creation": _text(row["creation"])} for row in rows]


def _stamps(doctype: str, filters: list, order_by: str, limit: int) -> list[Stamp]:
	rows = frappe.get_all(
		doctype,
		fields=["name", "modified"],
		filters=filters,
		order_by=order_by,
		limit=limit,
		as_list=True,
	)
	return [Stamp(str(name), _text(modified)) for name, modified in rows]


def _deletions(filters: list, order_by: str, limit: int) -> list[Deletion]:
	rows = frappe.get_all(
		TRAIL,
		fields=["deleted_doctype", "deleted_name", "creation", "name"],
		filters=filters,
		order_by=order_by,
		limit=limit,
		as_list=True,
	)
	return [
		Deletion(doctype, deleted, Cursor(_text(creation), name)) for doctype, deleted, creation, name in rows
	]


def _text(moment: datetime | str | None) -> str:
	"""A naive time as Frappe's REST gives it, so that both sides' adapters say the same."""
	return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if isinstance(moment, datetime) else str(moment or "")


def _locked(doctype: str, name: str, modified: str):
	"""The document under a row lock, as it was at `modified`. Raises Stale if it is not so any more."""
	doc = frappe.get_doc(doctype, name, for_update=True)
	if _text(frappe.utils.get_datetime(doc.modified)) != modified:
		raise errors.Stale(f"{doctype} {name} was modified on the local site in the meantime.")
	return doc


@contextmanager
def _writing() -> Iterator[None]:
	with _taken_back():
		begin_writing()
		yield


@contextmanager
def _taken_back() -> Iterator[None]:
	"""Translate what Frappe raises, take the write back, and keep its messages from piling up."""
	# ERPNext keeps the accounts of all warehouses for the life of a process, and a warehouse may be newer than that.
	frappe.local.flags.pop("warehouse_account_map", None)
	try:
		yield
	except Exception as e:
		frappe.db.rollback()
		_forget_values()
		raise translated(e) from e
	finally:
		frappe.clear_messages()


def _forget_values() -> None:
	"""Frappe remembers for the life of a connection whether a Link target was there, and what the settings are."""
	frappe.db.value_cache.clear()
