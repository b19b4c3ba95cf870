# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What differs between Frappe v15 and v16. Each is told by looking for the feature, not by a version number."""

from __future__ import annotations


def masked_fields(meta) -> frozenset[str]:
	"""The fields of a DocType of which Frappe shows the session user "XXXXXXXX" in place of the value (v16).

	It does so on every way of reading, `frappe.get_all` included, and drops what is saved to them: they are neither
	to be compared nor to be written.
	"""
	find = getattr(meta, "get_masked_fields", None)
	return frozenset(field.fieldname for field in find()) if find else frozenset()
