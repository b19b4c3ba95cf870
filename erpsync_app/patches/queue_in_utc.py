# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Events that wait by the site's own time are due at once: from now on their times are in UTC."""

import frappe


def execute():
	event = frappe.qb.DocType("Sync Event")
	frappe.qb.update(event).set(event.next_try, None).set(event.lease_until, None).run()
