# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Frappe's File records as `engine.model.File`, the same from both sites."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from erpsync_app.engine.model import File

FIELDS = (
	"name",
	"file_name",
	"file_url",
	"content_hash",
	"is_private",
	"file_size",
	"attached_to_doctype",
	"attached_to_name",
	"attached_to_field",
	"owner",
	"modified",
)


def file_of(row: Mapping[str, Any]) -> File:
	document, modified = row.get("attached_to_name"), row.get("modified") or ""
	if isinstance(modified, datetime):
		modified = f"{modified:%Y-%m-%d %H:%M:%S.%f}"
	else:
		modified = str(modified).removesuffix(
			".000000"
		)  # an answer to a write spells it out, a listing does not
	return File(
		name=str(row.get("name") or ""),
		file_name=row.get("file_name") or "",
		url=row.get("file_url") or "",
		hash=row.get("content_hash") or "",
		private=bool(row.get("is_private")),
		size=int(row.get("file_size") or 0),
		doctype=row.get("attached_to_doctype") or None,
		document=None if document in (None, "") else str(document),
		field=row.get("attached_to_field") or None,
		owner=row.get("owner") or "",
		modified=modified,
	)


def values_of(file: File) -> dict[str, Any]:
	"""What a new File record is made of, content and address aside."""
	return {
		"file_name": file.file_name,
		"is_private": int(file.private),
		"attached_to_doctype": file.doctype,
		"attached_to_name": file.document,
		"attached_to_field": file.field,
	}
