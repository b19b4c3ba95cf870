# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who may work with sync. It reads and writes with rights of its own: whoever works with it sees and decides no more
of a document than the document's own DocType lets this user. A System Manager gives rights, and needs none."""

from __future__ import annotations

import frappe
from frappe import _

from erpsync_app.api import ROLES


def may_see_sync() -> bool:
	return not set(ROLES).isdisjoint(frappe.get_roles())


def may_read(doc, ptype: str | None = None, user: str | None = None, debug: bool = False) -> bool:
	"""Frappe's hook `has_permission`: what sync keeps of a document is for those who may read the document."""
	user = user or frappe.session.user
	name = doc.get("local_name") or doc.get("docname")
	about = name if name and frappe.db.exists(doc.ref_doctype, name) else None
	return _gives_rights(user) or bool(frappe.has_permission(doc.ref_doctype, "read", doc=about, user=user))


def readable(user: str | None = None, doctype: str = "") -> str:
	"""Frappe's hook `permission_query_conditions`: the same for a list, by DocType."""
	user = user or frappe.session.user
	if _gives_rights(user):
		return ""
	kept = frappe.get_all(doctype, pluck="ref_doctype", distinct=True, order_by="ref_doctype asc")
	allowed = [frappe.db.escape(each) for each in kept if frappe.has_permission(each, "read", user=user)]
	return f"`tab{doctype}`.ref_doctype in ({', '.join(allowed)})" if allowed else "1 = 0"


def check_may(right: str, doctype: str, name: str | None = None) -> None:
	"""Raise PermissionError unless the user has a right on a DocType, or on the document `name` if it is there."""
	about = name if name and frappe.db.exists(doctype, name) else None
	if not _gives_rights(frappe.session.user) and not frappe.has_permission(doctype, right, doc=about):
		frappe.throw(
			_("You have no right to {0} {1}: ask a System Manager.").format(
				_(right), " ".join(filter(None, (_(doctype), name)))
			),
			frappe.PermissionError,
		)


def _gives_rights(user: str) -> bool:
	return "System Manager" in frappe.get_roles(user)
