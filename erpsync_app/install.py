# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Brings a site to what the app expects of it. Idempotent: runs after install and after each migrate."""

import frappe

from erpsync_app.adapters.settings import SYNC_USER, know_encryption_key

ROLE = "Sync Manager"
SETTINGS = "Sync Settings"


ROLES_OF_NOBODY = ("Administrator", "Guest", "All", "Desk User")
"""Roles that Frappe gives by itself."""


def before_install():
	know_encryption_key()
	# Frappe saves Sync Settings with their defaults, which name this user, before it calls after_install.
	make_sync_user()


def after_install():
	make_role()
	make_sync_user()
	fill_in_settings()


def after_migrate():
	make_role()
	make_sync_user()
	fill_in_settings()


def before_uninstall():
	"""Frappe keeps the values of a Single whose DocType goes; the keys to the cloud must not outlive the app."""
	frappe.db.delete("Singles", {"doctype": SETTINGS})
	frappe.db.delete("__Auth", {"doctype": SETTINGS})


def make_role():
	if not frappe.db.exists("Role", ROLE):
		role = frappe.new_doc("Role", role_name=ROLE, desk_access=1)
		role.insert(ignore_permissions=True)


def make_sync_user():
	"""Make the user that sync runs as, or give it the roles that were made since.

	It has every role of the Desk, as it has to write whatever a rule lets cross. It has no password, so nobody logs in as it.
	"""
	if not frappe.db.exists("User", SYNC_USER):
		user = frappe.new_doc("User", email=SYNC_USER, first_name="ERP Sync", send_welcome_email=0)
		user.insert(ignore_permissions=True)
	user = frappe.get_doc("User", SYNC_USER)
	filters = {"desk_access": 1, "disabled": 0, "name": ("not in", ROLES_OF_NOBODY)}
	roles = set(frappe.get_all("Role", filters, pluck="name", order_by="name asc"))
	if missing := roles - {row.role for row in user.roles}:
		user.extend("roles", [{"role": role} for role in sorted(missing)])
		user.save(ignore_permissions=True)


def role_saved(doc, method=None):
	"""A role that a person or an app makes is one of the sync user's from then on."""
	if frappe.db.exists("User", SYNC_USER):
		make_sync_user()


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
