# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Rules that kept the names of documents which both sites number: what was bound stays so, by both its names."""

import frappe

from erpsync_app.erp_sync.naming import counts


def execute():
	rules = frappe.get_all(
		"Sync Rule", {"naming": "keep", "direction": "bidirectional"}, pluck="name", order_by="name asc"
	)
	for doctype in rules:
		if frappe.db.exists("DocType", doctype) and counts(frappe.get_meta(doctype)):
			frappe.db.set_value("Sync Rule", doctype, "naming", "own")
