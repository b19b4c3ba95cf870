# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import frappe
from frappe.model.document import Document

from erpsync_app.adapters.compat import unmade_indexes


class SyncEvent(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		attempts: DF.Int
		blocked: DF.Check
		docname: DF.Data
		document_key: DF.Data | None
		error: DF.SmallText | None
		kind: DF.Literal["change", "delete"]
		lease_owner: DF.Data | None
		lease_until: DF.Datetime | None
		next_try: DF.Datetime | None
		ref_doctype: DF.Link
		seen: DF.Data | None
		side: DF.Literal["local", "cloud"]
		state: DF.Literal["Pending", "Processing", "Failed"]
		trigger: DF.Data | None
	# end: auto-generated types
	pass


def on_doctype_update():
	"""What a worker claims by."""
	frappe.db.add_index("Sync Event", ["state", "ref_doctype", "next_try"], "sync_event_due")
	for field in unmade_indexes(frappe.get_meta("Sync Event"), frappe.db.db_type):
		frappe.db.add_index("Sync Event", [field], f"sync_event_{field}")
