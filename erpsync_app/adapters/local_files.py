# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The files of the local site, through Frappe's ORM and its disk. Part of `LocalSite`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import frappe

from erpsync_app.adapters.files import FIELDS, file_of, values_of
from erpsync_app.adapters.keyset import past
from erpsync_app.engine import errors
from erpsync_app.engine.model import Cursor, File


def files(
	by: str, values: Sequence[str], doctype: str | None, private: bool | None, limit: int
) -> list[File]:
	filters: list[list[Any]] = [[by, "in", list(values)], ["is_folder", "=", 0]]
	if doctype is not None:
		filters.append(["attached_to_doctype", "=", doctype])
	if private is not None:
		filters.append(["is_private", "=", int(private)])
	return _listed(filters, "creation asc, name asc", limit) if values else []


def attached_since(doctypes: Sequence[str], after: Cursor, limit: int) -> list[File]:
	ours = [["attached_to_doctype", "in", list(doctypes)], ["is_folder", "=", 0]]
	return past(_listed, "modified", ours, after, limit)


def download(file: File, limit: int) -> bytes:
	# From the disk: Frappe's `get_content` decodes what looks like text, and would lose bytes.
	path = frappe.get_doc("File", file.name).get_full_path()
	try:
		if os.path.getsize(path) > limit:
			raise errors.Refused(f"it has more than the {limit} bytes that may be read of it.")
		with open(path, "rb") as stored:
			return stored.read()
	except FileNotFoundError:
		raise errors.Missing("its bytes are not on the local site's disk any more.") from None


def new_file(file: File, content: bytes | None):
	"""The document to insert."""
	source = {"file_url": file.url} if content is None else {"content": content}
	return frappe.get_doc({"doctype": "File", **values_of(file), **source})


def _listed(filters: list[list[Any]], order_by: str, limit: int) -> list[File]:
	rows = frappe.get_all("File", fields=list(FIELDS), filters=filters, order_by=order_by, limit=limit)
	return [file_of(row) for row in rows]
