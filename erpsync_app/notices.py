# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Tells whoever looks after sync what needs them: in the Desk's bell, and by e-mail where the user wants that of Frappe."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import frappe
from frappe import _
from frappe.desk.doctype.notification_log.notification_log import make_notification_logs
from frappe.utils import cint, escape_html, get_datetime, now_datetime

from erpsync_app import attention
from erpsync_app.adapters.transactions import alone
from erpsync_app.api import ROLES

SETTINGS = "Sync Settings"
ATTENTION = "/app/sync-attention"

AT_MOST_EVERY = timedelta(hours=1)
"""However much comes up: what comes after a notice waits for the next one."""


def tell(subject: str, content: str, link: str | None = None) -> None:
	"""Tell it, as HTML, to all who may see sync. That it fails undoes nothing."""
	try:
		notification = {
			"type": "Alert",
			"document_type": SETTINGS,
			"document_name": SETTINGS,
			"subject": subject,
			"email_content": content,
			"from_user": frappe.session.user,
			"link": link,
		}
		make_notification_logs(frappe._dict(notification), people())
		frappe.db.commit()
	except Exception:
		frappe.db.rollback()
		frappe.logger("erpsync").warning("could not notify those who look after sync", exc_info=True)


def tell_what_came_up() -> None:
	"""One notice of all that needs a person and came up since the last notice, if that is long enough ago."""
	stored = frappe.db.get_singles_dict(SETTINGS)
	since = get_datetime(stored["last_notice"]) if stored.get("last_notice") else None
	now = now_datetime()
	# A site that was there before the setting has it as by default.
	if not cint(stored.get("notify", 1)) or (since and now - since < AT_MOST_EVERY):
		return
	new = attention.items(since=since)
	stopped = stored.get("last_error")
	if stopped and since and get_datetime(stored.get("last_error_on")) <= since:
		stopped = None
	if not new and not stopped:
		return
	alone(lambda: frappe.db.set_single_value(SETTINGS, "last_notice", now, update_modified=False))
	if stopped:
		what = _("Sync cannot go on")
		tell(f"<b>{what}</b>: {escape_html(stopped)}", escape_html(stopped))
	if new:
		counts = Counter((item["doctype"], item["status"]) for item in new)
		lines = [
			f"<li>{escape_html(_(doctype))}: {number} × {escape_html(_(status))}</li>"
			for (doctype, status), number in sorted(counts.items())
		]
		told = _("Documents that newly need attention in sync: {0}").format(len(new))
		tell(told, f"<ul>{''.join(lines)}</ul>", ATTENTION)


def people() -> list[str]:
	"""The e-mail addresses by which Frappe names those who may see sync."""
	having = {"role": ("in", ROLES), "parenttype": "User"}
	names = frappe.get_all("Has Role", filters=having, pluck="parent", order_by="parent asc")
	users = {"name": ("in", [*names, "Administrator"]), "enabled": 1}
	return frappe.get_all("User", filters=users, pluck="email", order_by="email asc", distinct=True)
