# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import frappe
from frappe.model.document import Document

from erpsync_app.adapters.compat import unmade_indexes


class SyncConflict(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		clashes: DF.Code | None
		cloud_name: DF.Data | None
		local_name: DF.Data | None
		opened_on: DF.Datetime | None
		record: DF.Link | None
		ref_doctype: DF.Link
		refused: DF.Code | None
		resolution: DF.Literal[
			"",
			"latest_timestamp",
			"cloud_wins",
			"local_wins",
			"direction",
			"Keep local",
			"Keep cloud",
			"By hand",
			"Converged",
			"Edit beats delete",
			"Merge beats edit",
			"Submit beats edit",
		]
		resolved_by: DF.Link | None
		resolved_on: DF.Datetime | None
		status: DF.Literal["Open", "Resolved"]
		winner: DF.Literal["", "local", "cloud"]
	# end: auto-generated types
	pass


def on_doctype_update():
	"""What the list and each record are asked by."""
	for field in unmade_indexes(frappe.get_meta("Sync Conflict"), frappe.db.db_type):
		frappe.db.add_index("Sync Conflict", [field], f"sync_conflict_{field}")
