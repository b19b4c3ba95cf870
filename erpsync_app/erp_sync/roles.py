# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who may work with sync. It reads and writes with rights of its own, so that what it keeps of documents is shown in a form
to those alone who may read the document, and in a list to those who may read its DocType. A System Manager, who gives
rights, sees all."""

from __future__ import annotations

import frappe
from frappe import _
from frappe.utils import escape_html

from erpsync_app.api import ROLES
from erpsync_app.engine.model import CLOUD


def may_see_sync() -> bool:
	return not set(ROLES).isdisjoint(frappe.get_roles())


def may_read(doc, ptype: str | None = None, user: str | None = None, debug: bool = False) -> bool:
	"""Frappe's hook `has_permission` of what sync keeps of documents. An event of the cloud tells the name there alone."""
	local = doc.get("local_name") or (doc.get("docname") if doc.get("side") != CLOUD else None)
	return _may("read", doc.ref_doctype, local, user or frappe.session.user)


def readable(user: str | None = None, doctype: str = "") -> str:
	"""Frappe's hook `permission_query_conditions`: the same for a list, by DocType."""
	user = user or frappe.session.user
	if _gives_rights(user):
		return ""
	kept = frappe.get_all(doctype, pluck="ref_doctype", distinct=True, order_by="ref_doctype asc")
	allowed = [frappe.db.escape(each) for each in kept if _may("read", each, None, user)]
	return f"`tab{doctype}`.ref_doctype in ({', '.join(allowed)})" if allowed else "1 = 0"


def check_may(right: str, doctype: str, name: str | None = None) -> None:
	"""Raise PermissionError unless the user has a right on a DocType, or on the local document `name` if it is there."""
	if not _may(right, doctype, name, frappe.session.user):
		about = escape_html(" ".join(filter(None, (_(doctype), name))))
		frappe.throw(
			_("You have no right to {0} {1}: ask a System Manager.").format(_(right), about),
			frappe.PermissionError,
		)


def _may(right: str, doctype: str | None, name: str | None, user: str) -> bool:
	if _gives_rights(user):
		return True
	if not doctype or not frappe.db.exists("DocType", doctype):
		return False  # what is remembered of a DocType stays when its app is gone
	about = name if name and frappe.db.exists(doctype, name) else None
	return bool(frappe.has_permission(doctype, right, doc=about, user=user))


def _gives_rights(user: str) -> bool:
	return "System Manager" in frappe.get_roles(user)
