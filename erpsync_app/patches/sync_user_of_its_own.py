# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sync ran as Administrator unless someone chose another user. Administrator is a person at work, too, so nothing told
what people had done from what sync had: from now on sync runs as a user of its own."""

import frappe

from erpsync_app.adapters.settings import SYNC_USER
from erpsync_app.install import make_sync_user


def execute():
	stored = frappe.db.get_singles_dict("Sync Settings").get("sync_user")
	if stored == "Administrator":
		make_sync_user()
		frappe.db.set_single_value("Sync Settings", "sync_user", SYNC_USER, update_modified=False)
