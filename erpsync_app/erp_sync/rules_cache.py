# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What each worker keeps at hand of the rules and settings; `adapters.settings` fills it."""

import frappe

from erpsync_app.adapters.settings import RULES_KEY


def clear():
	"""Forget it now, and again when the transaction ends: until then another worker may have kept what it read
	of before, and this one what will be rolled back."""
	_clear()
	frappe.db.after_commit.add(_clear)
	frappe.db.after_rollback.add(_clear)


def _clear():
	frappe.cache.delete_value(RULES_KEY)
