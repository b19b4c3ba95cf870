# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How a DocType names its documents, as far as sync cares."""

import frappe
from frappe.model.base_document import get_controller


def usual_naming(meta) -> str:
	"""`own` where a counter of the site makes the names, so that both sites would give the same name to
	different documents; else `keep`: the name says which document it is."""
	return "own" if counts(meta) else "keep"


def counts(meta) -> bool:
	autoname = (meta.autoname or "").lower()
	if frappe.db.exists("Document Naming Rule", {"document_type": meta.name, "disabled": 0}):
		return True
	if autoname.startswith("naming_series"):
		return not names_itself(meta) or series_is_asked_for(meta)
	return autoname == "autoincrement" or "#" in autoname


def names_itself(meta) -> bool:
	"""Whether the controller chooses the name, like Customer's, whose settings may say: by its own name."""
	return hasattr(get_controller(meta.name), "autoname")


def series_is_asked_for(meta) -> bool:
	series = meta.get_field("naming_series")
	return bool(series and series.reqd and not series.hidden)
