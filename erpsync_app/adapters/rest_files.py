# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The files of a stock site over REST: their records, their bytes, and new ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from erpsync_app.adapters.files import FIELDS, file_of
from erpsync_app.adapters.keyset import past
from erpsync_app.adapters.rest_account import MANY, METHOD
from erpsync_app.adapters.rest_reader import RestReader, any_of, chunks
from erpsync_app.adapters.trail import deleted_files
from erpsync_app.engine.errors import Missing, Refused, Unavailable, Unclear, Unreadable
from erpsync_app.engine.model import Cursor, File

UPLOAD = f"{METHOD}upload_file"
FOLDERS = {True: "Home/Attachments", False: "Home"}
"""Where the Desk puts a file that is attached, and one that is not."""


class RestFiles(RestReader):
	def files(
		self,
		by: str,
		values: Sequence[str],
		*,
		doctype: str | None = None,
		private: bool | None = None,
		limit: int = 0,
	) -> list[File]:
		more: list[Any] = [["is_folder", "=", 0]]
		if doctype is not None:
			more.append(["attached_to_doctype", "=", doctype])
		if private is not None:
			more.append(["is_private", "=", int(private)])
		found: list[File] = []
		for chunk in chunks(list(dict.fromkeys(values)), self._chunk):
			for wanted in any_of(by, chunk):
				rows = self._list("File", FIELDS, [wanted, *more], "creation asc, name asc", limit or MANY)
				found += [file_of(row) for row in rows]
		return found

	def attached_since(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[File]:
		ours = [["attached_to_doctype", "in", list(doctypes)], ["is_folder", "=", 0]]
		rows = past(partial(self._list, "File", FIELDS), "modified", ours, after, limit)
		return [file_of(row) for row in rows]

	def detached(self, lines: Sequence[str]) -> list[File]:
		return deleted_files(self._kept(lines))

	def download(self, file: File, limit: int) -> bytes:
		# Past the methods that hand out a file: some of them read it as text on the way.
		action = f"send {file.file_name}"
		try:
			content = self._client.download(quote(file.url, safe="/"), limit, action=action)
		except Unavailable:
			# Where a public file is gone, a site may break over the page to say so. This method says it in a word: that
			# there is none, or, on v16, that nobody may read it. A public file needs no permission, so it is gone.
			try:
				self._client.post(f"{METHOD}download_file", {"file_url": file.url}, action=action)
			except Unreadable:
				if file.private:
					raise
				raise Missing(f"the {self.side} site has no such file any more.") from None
			raise
		if file.hash and hashlib.md5(content, usedforsecurity=False).hexdigest() != file.hash:
			raise Refused(f"what the {self.side} site sends for it is not what its File record says.")
		return content

	def add_file(self, file: File, content: bytes | None) -> File:
		action = f"take the file {file.file_name}"
		values = {
			"file_name": file.file_name,
			"is_private": str(int(file.private)),
			"folder": FOLDERS[file.document is not None],
		}
		if file.document is not None:
			values |= {"doctype": file.doctype or "", "docname": file.document}
			values |= {"fieldname": file.field} if file.field else {}
		if content is None:
			answer = self._client.post(UPLOAD, {**values, "file_url": file.url}, action=action, writes=True)
		else:
			# In a form a quotation mark ends the name.
			part = (file.file_name.replace('"', "'"), content)
			answer = self._client.upload(UPLOAD, {**values, "file": part}, action=action)
		made = answer.get("message")
		if not isinstance(made, dict) or not made.get("file_url"):
			raise Unclear(f"The {self.side} site did not {action} as Frappe does: its answer holds no file.")
		return file_of(made)
