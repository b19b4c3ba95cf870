# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What Frappe raises on the local site, as one of `engine.errors`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import frappe
from frappe.utils import strip_html

from erpsync_app.adapters.transactions import aborted, cause, collided, doubled
from erpsync_app.engine import errors

LONGEST_MESSAGE = 500


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
			return error(words_of(e))
	if doubled(e):  # of a unique index that Frappe does not know as one
		return errors.Duplicate(f"The local site has one like it already: {words_of(e)}")
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
		return errors.Refused(f"The local site's database failed: {words_of(e).splitlines()[0]}")
	return e


def _database_errors() -> tuple[type[Exception], ...]:
	db = frappe.db
	return db.ProgrammingError, db.OperationalError, db.InternalError, db.DataError


def words_of(e: Exception) -> str:
	"""What Frappe said, as plain text. Some errors carry their text in the message log alone; those of names and
	unique values carry only the names."""
	said = [str(arg) for arg in e.args if isinstance(arg, str)]
	if not said or isinstance(e, frappe.NameError | frappe.UniqueValidationError):
		said = [str(m.get("message", "")) for m in frappe.get_message_log()] or said
	text = " ".join(strip_html(part).strip() for part in said if part)
	return (text or f"The local site refused it: {type(e).__name__}.")[:LONGEST_MESSAGE]
