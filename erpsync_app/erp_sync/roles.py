# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who may work with sync."""

import frappe

from erpsync_app.api import ROLES


def may_see_sync() -> bool:
	return not set(ROLES).isdisjoint(frappe.get_roles())
