# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The local site, through Frappe's ORM.

Reads are bulk queries that see everything; writes go through the document's own controller, with the rights of
the session user. A failed write leaves nothing behind: the transaction is rolled back, which holds nothing but
that write, since the ledger commits after each. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe.desk.doctype.tag.tag import DocTags
from frappe.utils import get_system_timezone, strip_html

from erpsync_app.adapters import local_files, local_lists
from erpsync_app.adapters.compat import masked_fields
from erpsync_app.adapters.keyset import past
from erpsync_app.adapters.trail import creations, deleted_files
from erpsync_app.adapters.transactions import aborted, cause, collided, doubled
from erpsync_app.engine import errors
from erpsync_app.engine.mapping import TABLE_TYPES
from erpsync_app.engine.model import (
	LOCAL,
	TRAIL,
	Cursor,
	Deletion,
	Document,
	Field,
	File,
	Meta,
	Note,
	Stamp,
)
from erpsync_app.engine.tags import USER_TAGS

OWN_WRITE = "erpsync_own_write"
"""The flag on a document that sync itself writes: its hooks tell sync nothing new."""

LONGEST_MESSAGE = 500


class LocalSite:
	"""`engine.ports.Site` for the site that this process is connected to."""

	side = LOCAL
	atomic = True

	def __init__(self):
		self._metas: dict[str, Meta] = {}
		self.time_zone = ZoneInfo(get_system_timezone())

	@property
	def user(self) -> str:
		return frappe.session.user

	def meta(self, doctype: str) -> Meta:
		if doctype not in self._metas:
			if not frappe.db.exists("DocType", doctype):
				raise errors.Missing(f"There is no DocType {doctype} on the local site.")
			self._metas[doctype] = _meta(frappe.get_meta(doctype))
		return self._metas[doctype]

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		return self._with_children(doctype, _rows(doctype, [["name", "in", list(names)]])) if names else {}

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		if not names:
			return {}
		wanted = [["name", "in", list(names)], *(list(f) for f in filters)]
		return {s.name: s.modified for s in _stamps(doctype, wanted, "name asc", 0)}

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		rows = _rows(doctype, [list(f) for f in filters], order_by="creation asc, name asc", limit=limit)
		return list(self._with_children(doctype, rows).values())

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
		return {d.name: d.cursor.modified for d in _deletions(filters, "creation asc, name asc", 0)}

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

	def rename(self, doctype: str, old: str, new: str) -> Document:
		with _writing():
			made = frappe.rename_doc(doctype, old, new, show_alert=False)
			_forget_links()
		return self.read(doctype, [made])[made]

	def merge(self, doctype: str, name: str, into: str, modified: str) -> None:
		with _writing():
			_locked(doctype, name, modified)
			frappe.rename_doc(doctype, name, into, merge=True, show_alert=False)
			_forget_links()

	def delete(self, doctype: str, name: str, modified: str) -> None:
		with _writing():
			_locked(doctype, name, modified)
			frappe.delete_doc(doctype, name, flags={OWN_WRITE: True}, ignore_missing=False)
			_forget_links()

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
				raise errors.Refused(_words(e)) from e
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
				docs[row["parent"]][row["parentfield"]].append(row)
		return docs


def _meta(meta, parent: str | None = None) -> Meta:
	"""`parent` is the DocType of whose table it is: a row has its parent's permissions."""
	hidden = masked_fields(meta)
	# What is read here is read with all rights; what is written, with the session user's.
	all_rights = frappe.session.user == "Administrator"
	levels = {0, *meta.get_permlevel_access("write", parent)}
	fields = {
		f.fieldname: Field(
			name=f.fieldname,
			type=f.fieldtype,
			label=f.label or "",
			options=f.options,
			read_only=bool(f.read_only),
			allow_on_submit=bool(f.allow_on_submit),
			required=bool(f.reqd),
			unique=bool(f.unique),
			virtual=bool(f.get("is_virtual")),
			default=f.default or None,
			out_of_reach=not all_rights and (f.permlevel or 0) not in levels,
		)
		for f in meta.fields
		if f.fieldname not in hidden
	}
	children = {
		f.fieldname: _meta(frappe.get_meta(f.options), meta.name)
		for f in meta.fields
		if f.fieldtype in TABLE_TYPES and not f.get("is_virtual") and f.fieldname not in hidden
	}
	return Meta(
		doctype=meta.name,
		fields=fields,
		children=children,
		parent_field=(meta.nsm_parent_field or f"parent_{frappe.scrub(meta.name)}") if meta.is_tree else None,
		submittable=bool(meta.is_submittable),
		autoname=meta.autoname,
	)


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
	"""Translate what Frappe raises, take the write back, and keep its messages from piling up."""
	try:
		yield
	except Exception as e:
		frappe.db.rollback()
		_forget_links()
		raise translated(e) from e
	finally:
		frappe.clear_messages()


def _forget_links() -> None:
	"""Frappe remembers for the life of a connection whether a Link target was there."""
	frappe.db.value_cache.clear()


def translated(e: Exception) -> Exception:
	"""Frappe's exception as one of `engine.errors`; what is not Frappe's stays what it is."""
	e = cause(e)
	kinds: list[tuple[Any, Callable[[str], Exception]]] = [
		(frappe.TimestampMismatchError, errors.Stale),
		(frappe.DoesNotExistError, errors.Missing),
		((frappe.DuplicateEntryError, frappe.UniqueValidationError), errors.Duplicate),
		((frappe.LinkValidationError, frappe.LinkExistsError), errors.Blocked),
		((frappe.QueryTimeoutError, frappe.DocumentLockedError), errors.Stale),
		((frappe.ValidationError, frappe.PermissionError, frappe.NameError), errors.Refused),
	]
	for exceptions, error in kinds:
		if isinstance(e, exceptions):
			return error(_words(e))
	if doubled(e):  # of a unique index that Frappe does not know as one
		return errors.Duplicate(f"The local site has one like it already: {_words(e)}")
	if collided(e):
		return errors.Stale("Someone else wrote on the local site in the same moment.")
	if aborted(e):
		return errors.Refused(
			"The local site's database refused a query of Frappe's own while this was written, and with it the rest; which"
			" one is in the logs of the site."
		)
	if isinstance(e, _database_errors()) and not frappe.db.is_interface_error(e):
		# It is taken back, so for certain nothing was written; a person has to see what the database said.
		# The lines after the first show the query, which is no one's business here.
		return errors.Refused(f"The local site's database failed: {_words(e).splitlines()[0]}")
	return e


def _database_errors() -> tuple[type[Exception], ...]:
	db = frappe.db
	return db.ProgrammingError, db.OperationalError, db.InternalError, db.DataError


def _words(e: Exception) -> str:
	"""What Frappe said, as plain text. Some errors carry their text in the message log alone; those of names and
	unique values carry only the names."""
	said = [str(arg) for arg in e.args if isinstance(arg, str)]
	if not said or isinstance(e, frappe.NameError | frappe.UniqueValidationError):
		said = [str(m.get("message", "")) for m in frappe.get_message_log()] or said
	text = " ".join(strip_html(part).strip() for part in said if part)
	return (text or f"The local site refused it: {type(e).__name__}.")[:LONGEST_MESSAGE]
