# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What fields are called where people read of them."""

from __future__ import annotations

from collections.abc import Iterable

import frappe
from frappe import _

from erpsync_app.engine.beside import ATTACHMENTS, TAGS


def labels(doctype: str, fields: Iterable[str]) -> list[str]:
	"""The labels of fields, and of what stands beside a document, in the language of the user; of a field that the site
	does not have, the name. The DocType may have gone with its app."""
	if not frappe.db.exists("DocType", doctype):
		return list(fields)
	meta = frappe.get_meta(doctype)
	known = {ATTACHMENTS: _("Attachments"), TAGS: _("Tags"), "name": _("ID")}
	known |= {df.fieldname: _(df.label, context=doctype) for df in meta.fields if df.label}
	return [known.get(name, name) for name in fields]
