# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The files of a sandbox site, by Frappe's rules: File records, and the bytes that several of them may share."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES, DocType
from erpsync_app.sandbox.store import Doc, Store

if TYPE_CHECKING:
	from erpsync_app.sandbox.documents import Documents, User

ATTACH = frozenset(("Attach", "Attach Image"))
ON_THE_SITE = ("/files/", "/private/files/")
JPEG = (".jpg", ".jpeg", ".jpe")


def add(documents: Documents, user: User, values: Mapping[str, Any], content: bytes | None) -> Doc:
	"""A new File record: of `content`, or of what is there at `file_url`."""
	store, url = documents.store, str(values.get("file_url") or "")
	doctype, name = values.get("attached_to_doctype"), values.get("attached_to_name")
	if doctype and documents.load(user, doctype, name) and not user.may("write", doctype):
		raise FrappeError("PermissionError", f"User {user.name} has no write permission for {doctype}")
	record = {**values, "is_private": int(values.get("is_private") or 0)}
	if content is None and not url.startswith(ON_THE_SITE):
		return documents.insert(user, "File", record)
	if content is None:
		content = _bytes(store, url)
		if content is None:
			raise FrappeError("OSError", f"File {url} does not exist")
		record["is_private"] = int(url.startswith("/private"))
	if record["file_name"].lower().endswith(JPEG):
		# It strips EXIF, by encoding the picture anew: other bytes each time.
		content = b"JFIF" + hashlib.sha256(content).digest()
	record["content_hash"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
	record["file_size"] = len(content)
	same = _of(store, content_hash=record["content_hash"], is_private=record["is_private"])
	if same:
		record["file_url"] = same[0]["file_url"]
	else:
		record["file_name"], record["file_url"] = _free(store, record)
		store.db.execute("insert into content values (?, ?)", (record["file_url"], content))
	return documents.insert(user, "File", record)


def read(store: Store, url: str, *, guest: bool) -> bytes:
	content = _bytes(store, url)
	if url.startswith("/private") and (guest or content is None):
		raise FrappeError("PermissionError", "You don't have permission to access this file")
	if content is None:
		raise FrappeError("DoesNotExistError", url)
	return content


def lose(store: Store, url: str) -> None:
	"""Someone tidies up the disk."""
	store.db.execute("delete from content where url = ?", (url,))


def after_save(documents: Documents, user: User, kind: DocType, before: Doc | None, doc: Doc) -> None:
	"""What Frappe does about the files of a document that was saved, or about a File."""
	if kind.name == "File":
		if before and before["is_private"] != doc["is_private"]:
			_move(documents.store, before, doc)
		return
	for column in kind.stored:
		url = doc.get(column.name)
		if column.type not in ATTACH or not url or not url.startswith(ON_THE_SITE):
			continue
		mine = {
			"attached_to_doctype": kind.name,
			"attached_to_name": doc["name"],
			"attached_to_field": column.name,
		}
		if _of(documents.store, file_url=url, **mine):
			continue
		if free := [f for f in _of(documents.store, file_url=url) if not f["attached_to_doctype"]]:
			documents.store.update(DOCTYPES["File"], free[0]["name"], mine)
		elif _bytes(documents.store, url) is not None:
			add(documents, user, {"file_name": url.rpartition("/")[2], "file_url": url, **mine}, None)


def after_delete(documents: Documents, user: User, kind: DocType, doc: Doc) -> None:
	store = documents.store
	if kind.name != "File":
		for file in _of(store, attached_to_doctype=kind.name, attached_to_name=doc["name"]):
			documents.delete(user, "File", file["name"])
	elif doc["content_hash"] and not _of(store, content_hash=doc["content_hash"]):
		lose(store, doc["file_url"])


def after_rename(store: Store, doctype: str, old: str, new: str) -> None:
	store.db.execute(
		'update "tabFile" set attached_to_name = ? where attached_to_doctype = ? and attached_to_name = ?',
		(new, doctype, old),
	)


def _move(store: Store, before: Doc, doc: Doc) -> None:
	"""With the bytes go all File records of that content, and the field of the document they are attached to."""
	folder = "/private/files/" if doc["is_private"] else "/files/"
	url = folder + before["file_url"].rpartition("/")[2]
	store.db.execute("update content set url = ? where url = ?", (url, before["file_url"]))
	store.db.execute(
		'update "tabFile" set file_url = ?, is_private = ? where content_hash = ?',
		(url, doc["is_private"], doc["content_hash"]),
	)
	if doc["attached_to_field"]:
		parent = DOCTYPES[doc["attached_to_doctype"]]
		store.update(
			parent, doc["attached_to_name"], {doc["attached_to_field"]: url, "modified": doc["modified"]}
		)


def _free(store: Store, record: Mapping[str, Any]) -> tuple[str, str]:
	"""A name that no other file has, by the end of the hash if need be."""
	folder = "/private/files/" if record["is_private"] else "/files/"
	stem, extension = os.path.splitext(record["file_name"])
	for name in (record["file_name"], f"{stem}{record['content_hash'][-6:]}{extension}"):
		url = folder + re.sub(r"[/\\%?#]", "_", name)
		if _bytes(store, url) is None:
			break
	return name, url


def _bytes(store: Store, url: str) -> bytes | None:
	row = store.db.execute("select content from content where url = ?", (url,)).fetchone()
	return row[0] if row else None


def _of(store: Store, **values: Any) -> list[Doc]:
	where = " and ".join(f"{column} = ?" for column in values)
	return store.db.rows(
		f'select * from "tabFile" where {where} order by creation, name', list(values.values())
	)
