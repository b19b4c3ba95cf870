# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Brings a site to what the app expects of it. Idempotent: runs after install and after each migrate."""

import frappe

ROLE = "Sync Manager"
SETTINGS = "Sync Settings"


def after_install():
	make_role()
	fill_in_settings()


def after_migrate():
	make_role()
	fill_in_settings()


def before_uninstall():
	"""Frappe keeps the values of a Single whose DocType goes; the keys to the cloud must not outlive the app."""
	frappe.db.delete("Singles", {"doctype": SETTINGS})
	frappe.db.delete("__Auth", {"doctype": SETTINGS})


def make_role():
	if not frappe.db.exists("Role", ROLE):
		role = frappe.new_doc("Role", role_name=ROLE, desk_access=1)
		role.insert(ignore_permissions=True)


def fill_in_settings():
	"""Store the default of each setting that has no value yet.

	Frappe gives a Single its defaults only while nothing of it is stored: a setting that a later version adds
	would start as 0.
	"""
	stored = frappe.db.get_singles_dict(SETTINGS)
	missing = {
		field.fieldname: field.default
		for field in frappe.get_meta(SETTINGS).fields
		if field.default and field.fieldname not in stored
	}
	if missing:
		frappe.db.set_single_value(SETTINGS, missing, update_modified=False)
