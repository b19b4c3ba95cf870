# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What files are to the decision: values like any other, told by their content and never by their address.

A content is told by Frappe's hash of it on the local site. A site may store other bytes than it was given (it strips
EXIF from every JPEG, by its settings); which hash of the one side is which of the other is then bound in the ledger,
as the names of documents are. A file that is a link to elsewhere is told by that address.

| value | canonical form |
|---|---|
| the attachments of a document, as the field `ATTACHMENTS` | `{content: 1 if private else 0}` |
| an Attach field, the address of a file of the site | `{"file": its name, "hash": content, "private": 0 or 1}` |
| an Attach field, any other address | the text |
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from erpsync_app.engine.beside import Members
from erpsync_app.engine.mapping import FILE_TYPES, Shape, Terms
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, File, Side, other

if TYPE_CHECKING:
	from erpsync_app.engine.batch import Batch
	from erpsync_app.engine.context import Context

FILE = "File"
FILES = "(files)"
"""Under this key a document that was read carries its File records, oldest first."""

ON_THE_SITE = ("/files/", "/private/files/")
ELSEWHERE = ("http://", "https://")
JPEG = (".jpg", ".jpeg", ".jpe")


def content(file: File, terms: Terms) -> str:
	"""What the file is told by; empty for one that nobody can tell."""
	if file.url.startswith(ELSEWHERE):
		return file.url
	return terms.inward.get((FILE, file.hash), file.hash) if file.url.startswith(ON_THE_SITE) else ""


def attachments(doc: Document, terms: Terms) -> Members | None:
	"""Of a document; None where they were not looked up. The same content twice is one attachment."""
	if FILES not in doc:
		return None
	found: Members = {}
	for file in doc[FILES]:
		if told := content(file, terms):
			found.setdefault(told, int(file.private))
	return found


def attached(value: str | None, terms: Terms) -> Any:
	"""The canonical form of an Attach field's value."""
	if not value or not value.startswith(ON_THE_SITE):
		return value or None
	url = value.partition("?")[0]
	file = terms.files.get(url)
	if file is None:
		return {"file": url.rpartition("/")[2], "hash": "", "private": int(url.startswith("/private"))}
	return {"file": plain_name(file), "hash": content(file, terms), "private": int(file.private)}


def address(value: Any, terms: Terms) -> str | None:
	"""An Attach field's canonical value as the side of `terms` takes it; None where it does not have the file."""
	if not isinstance(value, dict):
		return value
	return next((url for url, file in terms.files.items() if is_content(file, value, terms)), None)


def is_content(file: File, value: Mapping[str, Any], terms: Terms) -> bool:
	told = retold(value["hash"], terms)
	return bool(told) and content(file, terms) == told and file.private == bool(value["private"])


def retold(told: str, terms: Terms) -> str:
	"""A content as it is told since it was bound: a decision from before then tells it by the cloud's hash."""
	return terms.inward.get((FILE, told), told)


def plain_name(file: File) -> str:
	"""Without the end of its hash, which Frappe appends where another file has the name."""
	stem, extension = os.path.splitext(file.file_name)
	return (stem.removesuffix(file.hash[-6:]) if file.hash else "") + extension or file.file_name


def is_reencoded(file_name: str) -> bool:
	"""Whether a site may store other bytes than it is given."""
	return file_name.lower().endswith(JPEG)


def contents(fields: Fields, shape: Shape) -> Iterable[tuple[str, Mapping[str, Any], bool]]:
	"""Each `(field, value, in a row)` of the Attach fields that hold a file of a site; for a row the field is that of
	its table."""
	for f in shape.fields:
		value = fields.get(f.local)
		if f.rows is not None:
			for row in value or ():
				yield from ((f.local, held, True) for _, held, _ in contents(row, f.rows))
		elif f.type in FILE_TYPES and isinstance(value, dict):
			yield f.local, value, False


def learn_files(ctx: Context, batch: Batch, side: Side, docs: list[Document]) -> None:
	"""Look up the files that documents just read have or mention, a call or two for all of them."""
	if batch.rule.attachments and docs:
		names = [doc["name"] for doc in docs]
		attached = ctx.sites[side].files("attached_to_name", names, doctype=batch.rule.doctype)
		keep_files(ctx, batch, side, docs, attached)


def keep_files(ctx: Context, batch: Batch, side: Side, docs: list[Document], files: Iterable[File]) -> None:
	"""Keep the files of documents in mind, and look up what else the documents mention."""
	site, terms = ctx.sites[side], batch.terms[side]
	by_name: dict[str, list[File]] = {doc["name"]: [] for doc in docs}
	for file in files:
		by_name.get(file.document or "", []).append(file)
	for doc in docs:
		doc[FILES] = by_name[doc["name"]]
	found = [file for files in by_name.values() for file in files]
	mentioned = {url.partition("?")[0] for doc in docs for url in _addresses(doc, batch.shape, side)}
	if unknown := mentioned - {file.url for file in found} - terms.files.keys():
		found += site.files("file_url", sorted(unknown))
	meet(ctx, batch, side, found)


def meet(ctx: Context, batch: Batch, side: Side, files: list[File]) -> None:
	"""Keep files in mind by their address, and look up what their contents are on the other side."""
	cloud = batch.terms[CLOUD]
	lead = cloud.outward if side == LOCAL else cloud.inward
	assert isinstance(lead, dict)
	for file in files:
		batch.terms[side].files.setdefault(file.url, file)
	if hashes := sorted({file.hash for file in files if file.hash}):
		known = ctx.ledger.names(FILE, side, hashes)
		lead.update({(FILE, own): there for own, there in known.items()})


def alias(batch: Batch, hashes: Mapping[Side, str]) -> None:
	"""From now on both hashes are one content."""
	local, cloud = (FILE, hashes[LOCAL]), (FILE, hashes[CLOUD])
	batch.terms[CLOUD].outward[local] = hashes[CLOUD]  # type: ignore[index]
	for side in SIDES:
		batch.terms[side].inward[cloud] = hashes[LOCAL]  # type: ignore[index]


def find_twins(ctx: Context, batch: Batch) -> None:
	"""A picture that was sent, and whose answer was lost: it is there under its name, with other bytes, and nobody
	knows it. To send it again, or back, would double it."""
	for pair in batch.pairs:
		docs = {side: doc for side, doc in pair.docs.items() if doc}
		if len(docs) < len(SIDES):
			continue
		told = {side: attachments(docs[side], batch.terms[side]) or {} for side in SIDES}
		loose = {
			side: [
				file
				for file in docs[side].get(FILES, ())
				if is_reencoded(file.file_name) and content(file, batch.terms[side]) not in told[other(side)]
			]
			for side in SIDES
		}
		for file in loose[LOCAL]:
			for twin in loose[CLOUD]:
				sent = file.owner == ctx.sites[LOCAL].user or twin.owner == ctx.sites[CLOUD].user
				alike = plain_name(file) == plain_name(twin) and file.private == twin.private
				if sent and alike and file.hash and twin.hash:
					pair.twins.append({LOCAL: file.hash, CLOUD: twin.hash})
					alias(batch, pair.twins[-1])
					loose[CLOUD].remove(twin)
					break


def _addresses(doc: Document, shape: Shape, side: Side) -> Iterable[str]:
	for f in shape.fields:
		value = doc.get(f.on(side))
		if f.rows is not None:
			for row in value or ():
				yield from _addresses(row, f.rows, side)
		elif f.type in FILE_TYPES and value and value.startswith(ON_THE_SITE):
			yield value
