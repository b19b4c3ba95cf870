# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The life of a document on a sandbox site: insert, save, delete, rename, by Frappe's rules and in its order of checks.

Each method is one transaction's worth; the caller opens and commits it. `hooks` collects what webhooks can tell.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from erpsync_app.sandbox import controllers, files, naming, renaming, tree
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.sanitize import sanitized
from erpsync_app.sandbox.schema import DOCTYPES, HANGING, DocType, columns_of, links_to
from erpsync_app.sandbox.store import Doc, Store, table
from erpsync_app.sandbox.values import (
	CANCELLED,
	DRAFT,
	SUBMITTED,
	changed,
	check_after_submit,
	check_values,
	fetches,
	linked_doctype,
	rows_of,
	with_defaults,
)


@dataclass(frozen=True, slots=True)
class User:
	"""A user and the key that it calls with. `lacks` are the rights withheld, by DocType ("*" for all)."""

	name: str
	key: str = ""
	secret: str = ""
	lacks: Mapping[str, frozenset[str]] = field(default_factory=dict)
	time_zone: str | None = None
	"""Of the user's profile; None where it is that of the site."""

	def may(self, right: str, doctype: str) -> bool:
		return right not in self.lacks.get(doctype, ()) and right not in self.lacks.get("*", ())


class Documents:
	"""`now` tells the site's naive time, `hash_name` makes the next random name."""

	def __init__(self, store: Store, now: Callable[[], str], hash_name: Callable[[], str]):
		self.store = store
		self.hooks: list[tuple[str, str, str]] = []
		self._now = now
		self._hash_name = hash_name

	def load(self, user: User, doctype: str, name: str) -> Doc:
		kind = doctype_of(doctype)
		doc = self.store.get(kind, name) if isinstance(name, str) else None
		if doc is None:
			check(user, "read", doctype)
			raise FrappeError("DoesNotExistError", f"{doctype} {name} not found")
		return doc

	def insert(self, user: User, doctype: str, values: Mapping[str, Any], name: str | None = None) -> Doc:
		"""`name` is kept as it is, unchecked, as Frappe's v2 API keeps it."""
		kind = doctype_of(doctype)
		now = self._now()
		doc = with_defaults(kind, values, now)
		doc.update(owner=user.name, creation=now, modified=now, modified_by=user.name, idx=0, name=name)
		doc["docstatus"] = int(values.get("docstatus") or DRAFT)
		if doc["docstatus"] not in (DRAFT, SUBMITTED):
			raise FrappeError(
				"DocstatusTransitionError", "Cannot change docstatus from 0 (Draft) to 2 (Cancelled)"
			)
		if (amended := doc.get("amended_from")) and self.store.value(kind, amended, "docstatus") != CANCELLED:
			raise FrappeError(
				"ValidationError",
				f"{amended} cannot be amended because it is not cancelled. Please cancel the document before creating an"
				" amendment.",
			)
		self._check_links(kind, doc, fresh=True)
		check(user, "create", doctype)
		if doc["docstatus"] == SUBMITTED:
			check(user, "submit", doctype)
		if name is None:
			doc["name"] = naming.new_name(self.store, kind, doc, self._hash_name)
			for row in rows_of(kind, doc):
				row["name"] = None
		self._validate(kind, doc)
		if kind.autoname == "hash" and self.store.value(kind, doc["name"], "name") is not None:
			doc["name"] = self._hash_name()  # a collision of random names, Frappe thinks
		self._write(lambda: self.store.insert(kind, doc), kind, doc)
		self._store_rows(kind, doc, user, now)
		if kind.tree:
			tree.place(self.store, kind, doc)
		self._hook(
			kind, doc["name"], "after_insert", "on_update", *(("on_submit",) if doc["docstatus"] else ())
		)
		files.after_save(self, user, kind, None, doc)
		controllers.after_insert(kind, doc, lambda *made: self.insert(user, *made))
		return self._stored(kind, doc["name"])

	def save(self, user: User, doctype: str, name: str, changes: Mapping[str, Any], by_method=False) -> Doc:
		"""`changes` may hold `docstatus`, and `modified` to check that nobody was faster; a method may change more."""
		before = self.load(user, doctype, name)
		kind, name = DOCTYPES[doctype], before["name"]
		doc = changed(kind, before, changes)
		check(user, "write", doctype, before)
		if str(changes.get("modified", before["modified"])) != before["modified"]:
			raise FrappeError(
				"TimestampMismatchError",
				f"Error: Document has been modified after you have opened it ({before['modified']},"
				f" {changes['modified']}). Please refresh to get the latest document.",
			)
		_check_transition(user, doctype, before["docstatus"], doc["docstatus"])
		now = self._now()
		doc.update(modified=now, modified_by=user.name)
		if doc["docstatus"] != CANCELLED:
			self._check_links(kind, doc)
		else:
			self._check_not_linked(kind, name, " and docstatus = 1")
		if before["docstatus"] == doc["docstatus"] == SUBMITTED and not by_method:
			check_after_submit(kind, before, doc)
		self._validate(kind, doc)
		stored = {c: doc.get(c) for c in columns_of(kind) if c not in ("name", "lft", "rgt")}
		self._write(lambda: self.store.update(kind, name, stored), kind, doc)
		self._store_rows(kind, doc, user, now)
		if kind.tree:
			tree.place(self.store, kind, doc)
		moved = {SUBMITTED: "on_submit", CANCELLED: "on_cancel"}.get(doc["docstatus"])
		event = moved if moved and before["docstatus"] != doc["docstatus"] else "on_update"
		self._hook(kind, name, event, "on_change")
		files.after_save(self, user, kind, before, doc)
		return self._stored(kind, name)

	def delete(self, user: User, doctype: str, name: str) -> None:
		doc = self.load(user, doctype, name)
		kind, name = DOCTYPES[doctype], doc["name"]
		if not (user.may("delete", doctype) and controllers.is_seen(doctype, doc, user.name)):
			raise FrappeError("PermissionError", f"User not allowed to delete {doctype}: {name}")
		if kind.submittable and doc["docstatus"] == SUBMITTED:
			raise FrappeError(
				"ValidationError",
				f"{doctype} {name}: Submitted Record cannot be deleted. You must Cancel it first.",
			)
		if kind.tree:
			tree.check_leaf(self.store, kind, name)
		controllers.on_trash(self.store, kind, name)
		self._check_not_linked(kind, name)
		naming.give_back(self.store, kind, doc)
		self.store.delete(kind, name)
		if kind.tree:
			tree.renumber(self.store, kind)
		for hanging, of_doctype, of_name in HANGING:
			self.store.db.execute(
				f"delete from {table(DOCTYPES[hanging])} where {of_doctype} = ? and {of_name} = ?",
				(doctype, name),
			)
		self._note(
			"Deleted Document",
			user,
			deleted_doctype=doctype,
			deleted_name=name,
			restored=0,
			data=json.dumps({"doctype": doctype, **doc}),
		)
		files.after_delete(self, user, kind, doc)
		self._hook(kind, name, "on_trash", "on_change")

	def rename(self, user: User, doctype: str, old: str, new: str, *, merge: bool = False) -> str:
		"""Changes every Link to the document without a word to whoever holds it, and leaves no trail but a comment.
		With `merge` the document goes, and the Links are to another one."""
		doc = self.load(user, doctype, old)
		kind, old = DOCTYPES[doctype], doc["name"]
		new = naming.checked(doctype, new)
		found = self.store.value(kind, new, "name")
		check(user, "write", doctype)
		if merge:
			renaming.check_merge(self.store, kind, doc, found, new)
		elif found not in (None, old):
			raise FrappeError(
				"ValidationError", f"Another {doctype} with name {new} exists, select another name"
			)
		else:
			renaming.give_name(self.store, kind, old, new)
		renaming.lead_links(self.store, doctype, old, new)
		files.after_rename(self.store, doctype, old, new)
		if doctype == "Customer":
			# ERPNext's own after_rename; this one does touch `modified`, and fires on_change.
			self.set_value(doctype, new, {"customer_name": new})
			self._hook(kind, new, "on_change")
		self._note(
			"Comment",
			user,
			comment_type="Edit",
			reference_doctype=doctype,
			reference_name=new,
			content=renaming.said(old, new, merge=merge),
		)
		if merge:
			self.delete(user, doctype, old)
		return new

	def tag(self, user: User, doctype: str, name: str, tag: str, on: bool) -> None:
		doc = self.load(user, doctype, name)
		kind, name = DOCTYPES[doctype], doc["name"]
		check(user, "write", doctype, doc)
		tags = [each for each in (doc["_user_tags"] or "").split(",") if each]
		if on and tag not in tags:
			tags.append(tag)
			self._note("Tag Link", user, document_type=doctype, document_name=name, tag=tag)
		elif not on:
			tags = [each for each in tags if each.lower() != tag.lower()]
			self.store.db.execute(
				'delete from "tabTag Link" where document_type = ? and document_name = ? and tag = ?',
				(doctype, name, tag),
			)
		self.store.update(kind, name, {"_user_tags": ",".join(["", *tags]) if tags else ""})

	def set_value(
		self, doctype: str, name: str, values: Mapping[str, Any], *, update_modified: bool = True
	) -> None:
		"""Past all hooks and checks, as `frappe.db.set_value` does."""
		stamp = {"modified": self._now()} if update_modified else {}
		self.store.update(doctype_of(doctype), name, {**values, **stamp})

	# -- beneath

	def _note(self, doctype: str, user: User, **values: Any) -> None:
		"""One of the documents that Frappe makes by itself."""
		now = self._now()
		stamp = {"name": self._hash_name(), "creation": now, "modified": now, "docstatus": 0}
		self.store.insert(
			DOCTYPES[doctype], {**stamp, "owner": user.name, "modified_by": user.name, **values}
		)

	def _stored(self, kind: DocType, name: str) -> Doc:
		doc = self.store.get(kind, name)
		assert doc is not None
		return doc

	def _hook(self, kind: DocType, name: str, *events: str) -> None:
		self.hooks += [(kind.name, name, event) for event in events]

	def _check_links(self, kind: DocType, doc: Doc, *, fresh: bool = False) -> None:
		"""Every Link target must be there; the value takes on the target's own spelling, and what is fetched from
		it its value: in what is submitted, only what is new or may still change."""
		submitted = doc["docstatus"] == SUBMITTED
		missing = self._bad_links(kind, doc, kept=submitted and not fresh)
		for t in kind.tables:
			for row in doc[t.name]:
				prefix = f"Row #{row['idx']}: "
				kept = submitted and not fresh and bool(row.get("name")) and not row.get("__islocal")
				missing += [
					prefix + text for text in self._bad_links(DOCTYPES[t.options or ""], row, kept=kept)
				]
		if missing:
			raise FrappeError("LinkValidationError", f"Could not find {', '.join(missing)}")

	def _bad_links(self, kind: DocType, doc: Doc, *, kept: bool) -> list[str]:
		bad = []
		for column in kind.stored:
			value = doc.get(column.name)
			if not value or not (doctype := linked_doctype(column, doc)):
				continue
			target = DOCTYPES[doctype]
			found = self.store.value(target, value, "name")
			if found is None:
				if not any(fetches(c, column) for c in kind.stored):
					bad.append(f"{column.name}: {value}")
				continue
			doc[column.name] = found
			for fetched in kind.stored:
				if fetches(fetched, column) and (fetched.on_submit or not kept):
					doc[fetched.name] = self.store.value(
						target, found, (fetched.fetch_from or "").split(".")[1]
					)
		return bad

	def _check_fetched(self, kind: DocType, doc: Doc) -> None:
		"""A missing target that values are fetched from passes Frappe's check of the Links; the controllers stumble
		over it when they look it up."""
		parts = [(kind, doc), *((DOCTYPES[t.options or ""], row) for t in kind.tables for row in doc[t.name])]
		for part, values in parts:
			for column in part.stored:
				target = DOCTYPES.get(column.options or "") if column.type == "Link" else None
				value = values.get(column.name)
				if target and value and self.store.value(target, value, "name") is None:
					raise FrappeError("DoesNotExistError", f"{target.name} {value} not found")

	def _check_not_linked(self, kind: DocType, name: str, which: str = "") -> None:
		"""`which` narrows down, in SQL, the documents that stand in the way."""
		for linking, column in links_to(kind.name):
			if linking.ignored_on_delete:
				continue
			where, by = ("parent", "parent") if linking.row else ("name", "name")
			for row in self.store.db.rows(
				f'select {by} as name from {table(linking)} where "{column.name}" = ?{which}', (name,)
			):
				if linking is kind and row["name"] == name:
					continue
				raise FrappeError(
					"LinkExistsError",
					f'Cannot delete or cancel because {kind.name} <a href="/app/Form/{kind.name}/{name}">{name}</a>'
					f" is linked with {linking.name} {row[where] if where in row else row['name']}",
				)

	def _validate(self, kind: DocType, doc: Doc) -> None:
		if named_by := naming.source_field(kind):
			doc[named_by] = doc["name"]
		self._check_fetched(kind, doc)
		controllers.before_save(self.store, kind, doc)
		if doc["docstatus"] == CANCELLED:
			return
		missing = [c.name for c in kind.columns.values() if c.required and doc.get(c.name) in (None, "", [])]
		for t in kind.tables:
			columns = DOCTYPES[t.options or ""].stored
			missing += [
				c.name for row in doc[t.name] for c in columns if c.required and row.get(c.name) in (None, "")
			]
		if missing:
			raise FrappeError("MandatoryError", f"[{kind.name}, {doc['name']}]: {', '.join(missing)}")
		check_values(kind, doc)
		for t in kind.tables:
			for row in doc[t.name]:
				check_values(DOCTYPES[t.options or ""], row)
		if doc["docstatus"] == DRAFT:
			for part in (doc, *rows_of(kind, doc)):
				part.update({f: sanitized(v) for f, v in part.items() if isinstance(v, str)})

	def _store_rows(self, kind: DocType, doc: Doc, user: User, now: str) -> None:
		"""Replace the child tables. A row with a name is one to update: where no row has that name, it is gone; unless
		it says that it is new."""
		for t in kind.tables:
			row_kind = DOCTYPES[t.options or ""]
			fresh = doc["creation"] == now
			kept = [row["name"] for row in doc[t.name] if row.get("name") and not row.get("__islocal")]
			self.store.keep_rows(row_kind, kind, doc["name"], t.name, kept)
			for row in doc[t.name]:
				row.update(
					parent=doc["name"], parenttype=kind.name, parentfield=t.name, docstatus=doc["docstatus"]
				)
				row.update(modified=now, modified_by=user.name)
				row["owner"] = row.get("owner") or user.name
				row["creation"] = row.get("creation") or doc["creation"]  # also of a row that is added later
				if row.get("name") and not (fresh or row.get("__islocal")):
					values = {c: row.get(c) for c in columns_of(row_kind) if c != "name"}
					self._write(
						lambda k=row_kind, r=row, v=values: self.store.update(k, r["name"], v), row_kind, row
					)
				else:
					row["name"] = row.get("name") or self._hash_name()
					if (
						row_kind.autoname == "hash"
						and self.store.value(row_kind, row["name"], "name") is not None
					):
						row["name"] = self._hash_name()  # a collision of random names, Frappe thinks
					self._write(lambda k=row_kind, r=row: self.store.insert(k, r), row_kind, row)

	def _write(self, write: Callable[[], None], kind: DocType, doc: Doc) -> None:
		try:
			write()
		except sqlite3.IntegrityError as e:
			taken = str(e).rsplit(".", 1)[-1]
			if taken == "name":
				raise FrappeError(
					"DuplicateEntryError", f"{kind.name} <strong>{doc['name']}</strong> already exists"
				) from None
			raise FrappeError("UniqueValidationError", f"{taken} must be unique") from None


def doctype_of(name: Any) -> DocType:
	if kind := DOCTYPES.get(name) if isinstance(name, str) else None:
		return kind
	raise FrappeError("DoesNotExistError", f"DocType {name} not found")


def check(user: User, right: str, doctype: str, doc: Doc | None = None) -> None:
	"""Of a DocType, or of one document of it."""
	if not user.may(right, doctype) or (doc and not controllers.is_seen(doctype, doc, user.name)):
		raise FrappeError("PermissionError", f"User {user.name} has no {right} permission for {doctype}")


def _check_transition(user: User, doctype: str, before: int, after: int) -> None:
	allowed = {
		(DRAFT, DRAFT): None,
		(DRAFT, SUBMITTED): "submit",
		(SUBMITTED, SUBMITTED): "submit",
		(SUBMITTED, CANCELLED): "cancel",
	}
	if before == CANCELLED:
		raise FrappeError("ValidationError", "Cannot edit cancelled document")
	if (before, after) not in allowed:
		raise FrappeError("DocstatusTransitionError", f"Cannot change docstatus from {before} to {after}")
	if right := allowed[before, after]:
		check(user, right, doctype)
