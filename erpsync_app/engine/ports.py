# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the engine needs from the world: the protocols that adapters and the sandbox fulfil.

Every method may raise the errors of `engine.errors`, and nothing else that a caller should handle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from erpsync_app.engine.model import (
	Binding,
	Call,
	Cursor,
	Deletion,
	Document,
	Event,
	File,
	Intent,
	Kind,
	Meta,
	Note,
	Outcome,
	Progress,
	RowMap,
	Side,
	Stamp,
)

ALL = 10_000_000
"""As a limit: more documents than any site has."""


class Site(Protocol):
	"""One ERPNext site. Reads are in bulk; each write is one document, through its own controller."""

	side: Side

	atomic: bool
	"""Whether what it writes is committed together with the ledger's next `save`, or not at all."""

	@property
	def user(self) -> str:
		"""The user whose rights sync has on this site; the owner of what it creates."""

	@property
	def time_zone(self) -> tzinfo:
		"""The zone of every naive time that this site tells or takes."""

	def meta(self, doctype: str) -> Meta:
		"""Kept for the life of the adapter. Raises Missing for an unknown DocType."""

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		"""The documents with their child tables, by name; those not there are left out."""

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		"""`modified` by name; those not there, or not meeting the Frappe filters, are left out."""

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		"""Whole documents that meet Frappe filters `(fieldname, operator, value)`, oldest first."""

	def named(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[str]:
		"""The names of the documents that meet Frappe filters, the newest first."""

	def pages(self, doctype: str, size: int, filters: Sequence[tuple] = ()) -> Iterator[list[Document]]:
		"""All whole documents that meet the Frappe filters, in order of name, `size` at a time. A child table in which no
		document has a row when the first page is read is taken for empty."""

	def sums(
		self, doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple] = ()
	) -> list[Document]:
		"""The sums of number fields over all documents that meet the Frappe filters, one row for each combination of the
		values of the fields `by`."""

	def with_row(self, doctype: str, child: str, created: Sequence[str]) -> list[str]:
		"""The names of the documents that have a row of the child DocType with one of these `creation`, in order."""

	def linking(
		self, doctype: str, child: str, field: str, names: Sequence[str], where: Sequence[tuple] = ()
	) -> list[tuple[str, str, int]]:
		"""The documents that have one of `names` in the field `field` of a row of the child DocType, or of their own
		where `child` is `doctype`: `(name, value of the field, docstatus)`. `where` are further Frappe filters."""

	def parents(self, doctype: str, child: str, rows: Sequence[str]) -> dict[str, str]:
		"""The document of `doctype` that each of these rows of the child DocType belongs to, by the name of the row; those
		not there are left out."""

	def page_by_name(self, doctype: str, after: str | None, limit: int) -> list[Stamp]:
		"""The next `limit` stamps in order of name; an empty list at the end."""

	def page_by_time(self, doctype: str, after: Cursor, limit: int) -> list[Stamp]:
		"""The next `limit` stamps past `(modified, name)`, in that order; an empty list at the end."""

	def deletions(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[Deletion]:
		"""The next lines of the Deleted Document trail past `after`, in order of `(creation, name)`."""

	def created(self, deletions: Sequence[Deletion]) -> dict[Deletion, str]:
		"""The `creation` of deleted documents, from what the trail keeps of them. Those of which it keeps nothing that
		can be read are left out."""

	def deleted_at(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		"""When the Deleted Document trail last saw each of `names` deleted, in the site's naive time. A name
		that is gone without a trace was renamed, or is out of the user's sight: never a reason to delete."""

	def notes(self, doctype: str, since: str) -> list[Note]:
		"""Frappe's notes of renames and merges of the DocType's documents that are still there, from the naive time
		`since` on, oldest first. None where the user may not see them."""

	def create(self, doctype: str, values: Document, name: str | None) -> Document:
		"""Insert, under `name` where one is given, and answer what the site made of it."""

	def update(self, doctype: str, name: str, changes: Document, modified: str) -> Document:
		"""Write `changes` (child tables whole) if the document is still as of `modified`, else raise Stale.
		Answers what the site made of it."""

	def call(self, doctype: str, name: str, modified: str, call: Call) -> Document | None:
		"""Make the call if the document `name` is still as of `modified`, else raise Stale. Answers the document whose
		method it is, as it is afterwards; None for a function."""

	def status_method(self, doctype: str) -> tuple[str, str] | None:
		"""The whitelisted method that gives a document a `status`: a function of the DocType's own module, by its dotted
		path, and the argument that takes the name; or a method of the document, and an empty text. None where there is
		none."""

	def rename(self, doctype: str, old: str, new: str, modified: str) -> Document:
		"""Rename by Frappe's own rename, which carries every Link along, if the document is still as of `modified`, else
		raise Stale; answers it under its new name."""

	def merge(self, doctype: str, name: str, into: str, modified: str) -> None:
		"""Merge the document into another one by Frappe's own rename, which leads every Link to that one and deletes
		this one; if it is still as of `modified`, else raise Stale."""

	def transitions(self, doctype: str, name: str) -> list[tuple[str, str]]:
		"""Of a document with a workflow: the actions, and the states that they lead to, that are open to the user in the
		document's present state, with its present values."""

	def take(self, doctype: str, name: str, action: str, modified: str) -> Document:
		"""Take the transition `action` of the document's workflow, which may submit or cancel it, if it is still as of
		`modified`, else raise Stale. Answers what the site made of it."""

	def delete(self, doctype: str, name: str, modified: str) -> None:
		"""Delete the document if it is still as of `modified`, else raise Stale."""

	def files(
		self,
		by: str,
		values: Sequence[str],
		*,
		doctype: str | None = None,
		private: bool | None = None,
		limit: int = 0,
	) -> list[File]:
		"""The File records whose field `by` is one of `values`, oldest first; of those attached to documents of
		`doctype`, if that is given. A `limit` of 0 is none."""

	def attached_since(self, doctypes: Sequence[str], after: Cursor, limit: int) -> list[File]:
		"""The next `limit` File records past `(modified, name)` that are attached to documents of `doctypes`."""

	def detached(self, lines: Sequence[str]) -> list[File]:
		"""The File records of which lines of the Deleted Document trail tell, by the names of the lines."""

	def download(self, file: File, limit: int) -> bytes:
		"""The content. Raises Missing where it is gone, Refused where it has more than `limit` bytes."""

	def add_file(self, file: File, content: bytes | None) -> File:
		"""Make a File record: of `content`, or, where that is None, of what is there at the file's `url`. Answers it as
		the site has it, whose `url`, `hash` and `file_name` are its own."""

	def count_on(self, series: str, number: int) -> None:
		"""See to it that the counter of a naming series is at `number` at least, so that it makes no name that is taken.
		Raises NeedsPerson or Refused where the user may not."""

	def tags(self, doctype: str, names: Sequence[str]) -> dict[str, str]:
		"""The tags of documents as the site keeps them, with commas between, by name; those not there are left out."""

	def tag(self, doctype: str, name: str, tag: str, on: bool) -> None:
		"""Give the document a tag, or take it away; no harm is done where that is so already."""


class Ledger(Protocol):
	"""Remembers bindings, baselines, conflicts and the trail. Each `save` is committed when it returns."""

	def bindings(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Binding]:
		"""Bindings by their name on `side`; names that are not bound are left out."""

	def stamps(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		"""The `modified` of the side's baseline, by name; without the baselines themselves, for scans."""

	def by_creation(
		self, doctype: str, side: Side, created: Sequence[str], limit: int = 0
	) -> dict[str, list[Binding]]:
		"""Bindings by the `creation` of their document on `side`, which tells one document as a rule: those that were
		imported together may share it. A `limit` of 0 is none."""

	def names(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		"""The name on the other side by the name on `side`; for Link values."""

	def row_maps(self, doctype: str, side: Side, names: Sequence[str]) -> list[RowMap]:
		"""The row maps of all child tables of the documents of these names on `side`."""

	def progress(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Progress]:
		"""How far the documents have come, by their name on `side`; what the ledger does not know is left out."""

	def newest(self, doctype: str, side: Side, limit: int) -> dict[str, str]:
		"""The `modified` of the side's baseline of the documents that were modified last there, by name; without
		those that failed or are under way."""

	def bound(self, doctype: str, side: Side) -> int:
		"""How many bound documents have a name on `side`."""

	def deletions_since(self, doctype: str, side: Side, since: datetime) -> int:
		"""How many documents sync deleted or merged away on `side`, but for those that a person let pass."""

	def open_intents(self, doctype: str, side: Side) -> list[Intent]:
		"""The creates on `side` that were begun and not yet recorded."""

	def save(self, outcomes: Sequence[Outcome]) -> list[Binding]:
		"""Store all, commit, and answer the bindings as stored (with ids). A binding whose name on a side is
		bound already raises Duplicate, one that someone else has changed since it was read Stale; then nothing of
		the call is stored, nor a local write that came before it."""

	def cursor(self, doctype: str, side: Side) -> Cursor | None:
		"""Where the next scan goes on; None before the first. Cursors stay as they were when nothing moved. `File`,
		`Tag Link` and `Deleted Document` have one each, for all DocTypes."""

	def move_cursor(self, doctype: str, side: Side, to: Cursor) -> None: ...


class EventQueue(Protocol):
	"""The durable queue of events. What it does is committed when the call returns."""

	def put(self, events: Iterable[Event]) -> None:
		"""Queue events, due at once. Several on one document are processed as one."""

	def claim(self, doctype: str, kind: Kind, limit: int, name: str | None = None) -> list[Event]:
		"""Lease the due events of up to `limit` documents to this worker, atomically: no document is leased to
		two workers. An event past its lease, or whose worker is dead, is due again. All events of a claimed
		document are claimed with it, whatever their kind, quarantined ones too."""

	def renew(self, events: Sequence[Event]) -> bool:
		"""Prolong the lease before a write. False if it was lost, be it that this itself took longer than a lease lasts:
		then write nothing more."""

	def busy(self, doctype: str, names: Sequence[str]) -> bool:
		"""Whether another worker holds events of one of these documents."""

	def done(self, events: Sequence[Event]) -> None: ...

	def retry(
		self,
		events: Sequence[Event],
		*,
		after: timedelta,
		error: str,
		attempt: bool,
		blocked: bool = False,
	) -> None:
		"""Give back, due again after a while. `attempt` says whether it counts against the document; what is `blocked` by
		another document is made due by `hasten`."""

	def hasten(self, doctypes: Sequence[str]) -> None:
		"""Make due what waits for another document, which may have gone through by now: what is blocked, and what is to be
		tried at the next run."""

	def next_due(self, doctypes: Sequence[str], *, refused: bool = True) -> datetime | None:
		"""When the next waiting event is due (aware, UTC); None where none waits. Leased and quarantined
		events do not count, nor, if `refused` says so, those of documents that were refused before."""

	def set_aside(self, doctype: str, side: Side) -> dict[str, str]:
		"""The quarantined documents of a side, by name, with what `fail` was told that was seen then, "" where it was nothing."""

	def states(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, tuple[str, str]]:
		"""By name, of those that have events on `side`: "Pending" or "Failed", and the last error, if there was one. One
		that waits counts for more than one that failed."""

	def deletions(self, doctype: str, side: Side) -> list[str]:
		"""The names of the documents of which a deletion on `side` waits or is under way, but for those that a
		person let pass."""

	def fail(
		self,
		events: Sequence[Event],
		*,
		error: str,
		blocked: bool = False,
		seen: Mapping[Side, str] | None = None,
	) -> None:
		"""Quarantine: kept, not due, until a person retries it or the document changes again. What is `blocked` by
		another document is also tried again by `unblock`. `seen` tells, by the side of an event, as of when it failed (see
		`Pair.seen`)."""

	def unblock(self) -> None:
		"""Make due what is quarantined as blocked, for one more try in the place of its last: what it waits for may be there
		by now."""


class Clock(Protocol):
	def now(self) -> datetime:
		"""The present, aware, in UTC."""

	def sleep(self, seconds: float) -> None: ...
