# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What each worker keeps at hand of the rules and settings; `adapters.settings` reads it."""

import frappe

from erpsync_app.adapters.settings import RULES_KEY, tell_rules


def clear():
	"""Forget it now, so that this transaction goes by its own changes; and when it is committed, tell all workers: one may
	have kept what it read of before."""
	_forget()
	frappe.db.after_commit.add(tell_rules)
	frappe.db.after_rollback.add(_forget)


def _forget():
	frappe.cache.delete_value(RULES_KEY)
