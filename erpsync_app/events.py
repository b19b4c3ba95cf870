# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Capture of local changes: one Sync Event in the user's own transaction, nothing else.

The user's save never waits for the network and never fails because of sync: what goes wrong here stands in the Error Log,
and the scan finds the change. An event is committed with the change it tells of, or vanishes with it; the worker is woken
after the commit.
"""

from __future__ import annotations

import frappe

from erpsync_app.adapters import event_queue, settings
from erpsync_app.adapters.local_site import OWN_WRITE
from erpsync_app.engine.files import FILE
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.model import LOCAL, Event, Kind
from erpsync_app.engine.rules import matches
from erpsync_app.engine.tags import TAG_LINK
from erpsync_app.jobs import wake

PENDING = "erpsync_pending_events"
"""The events that this transaction has queued already, and their ids: some documents are saved many times in one."""


def changed(doc, method: str | None = None) -> None:
	"""After a save, a submit, a cancel, an update after submit, or `db_set`."""
	if not doc.flags.in_delete:
		_capture_if_possible(doc, "change")


def deleted(doc, method: str | None = None) -> None:
	_capture_if_possible(doc, "delete")


def renamed(doc, method: str | None = None, *names) -> None:
	"""After a rename, which `modified` does not show. Frappe hands over the old name, the new one, and `merge`."""
	_capture_if_possible(doc, "change")


def _capture_if_possible(doc, kind: Kind) -> None:
	try:
		_capture(doc, kind)
	except Exception as e:
		# A deadlock has taken the user's whole transaction back, and on PostgreSQL any error keeps it from going on.
		if frappe.db.is_deadlocked(e) or frappe.db.db_type == "postgres":
			raise
		frappe.log_error(
			f"Sync could not note a change of {doc.doctype} {doc.name}", reference_doctype=doc.doctype
		)


def _capture(doc, kind: Kind) -> None:
	doctype, name, option = doc.doctype, doc.name, None
	if doctype == FILE:  # it travels with the document that it is attached to
		doctype, name, kind = doc.attached_to_doctype, doc.attached_to_name, "change"
	elif doctype == TAG_LINK:
		doctype, name, kind, option = doc.document_type, doc.document_name, "change", "tags"
	own = doc.flags.get(OWN_WRITE) or frappe.local.flags.get(OWN_WRITE) == (doc.doctype, doc.name)
	if own or _muted() or not (doctype and name):
		return
	if not (settings.captured(doctype, option) or _follows(doc)):
		return
	pending: dict[Event, str] = frappe.local.flags.setdefault(PENDING, {})
	event = Event(LOCAL, doctype, str(name), kind)
	# A rollback to a savepoint takes an event back, and tells nobody.
	if event in pending and frappe.db.exists("Sync Event", pending[event]):
		return
	if not pending:
		frappe.db.after_commit.add(_committed)
		frappe.db.after_rollback.add(pending.clear)
	(pending[event],) = event_queue.insert([event])


def _follows(doc) -> bool:
	"""Whether it is about a document that it crosses with."""
	follower = FOLLOWERS.get(doc.doctype)
	if not follower or not settings.captured(doc.get(follower.about[0]) or "", follower.option):
		return False
	return matches(follower.kind, doc.as_dict())


def _committed() -> None:
	frappe.local.flags.pop(PENDING, None)
	wake()


def _muted() -> bool:
	"""While an app is installed or migrated, its tables may not be there yet; the scan finds what changed."""
	flags = frappe.local.flags
	return bool(flags.in_install or flags.in_migrate or flags.in_patch or flags.in_uninstall)
