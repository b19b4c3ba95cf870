# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import frappe
from frappe.model.document import Document


class SyncRecord(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		choice: DF.Literal["", "Keep local", "Keep cloud", "By hand"]
		cloud_baseline: DF.Code | None
		cloud_created: DF.Data | None
		cloud_docstatus: DF.Int
		cloud_modified: DF.Data | None
		cloud_name: DF.Data | None
		cloud_wrote: DF.SmallText | None
		error: DF.SmallText | None
		ignored_error: DF.Code | None
		intent_again: DF.Int
		intent_before: DF.Code | None
		intent_instead_of: DF.Data | None
		intent_sent: DF.Code | None
		intent_side: DF.Data | None
		intent_since: DF.Datetime | None
		last_synced: DF.Datetime | None
		local_baseline: DF.Code | None
		local_created: DF.Data | None
		local_docstatus: DF.Int
		local_modified: DF.Data | None
		local_name: DF.Data | None
		local_wrote: DF.SmallText | None
		ref_doctype: DF.Link
		row_map: DF.Code | None
		status: DF.Literal["Pending", "Synced", "Diverged", "Conflict", "Failed"]

	# end: auto-generated types
	def before_validate(self):
		"""A side without a document has no name: NULL, which may stand many times, and never ''."""
		self.local_name = self.local_name or None
		self.cloud_name = self.cloud_name or None


def on_doctype_update():
	"""A document is bound once; and what stands in which status, or is under way, is asked all the time."""
	frappe.db.add_unique("Sync Record", ["ref_doctype", "local_name"], "sync_record_local")
	frappe.db.add_unique("Sync Record", ["ref_doctype", "cloud_name"], "sync_record_cloud")
	frappe.db.add_index("Sync Record", ["status", "ref_doctype"], "sync_record_status")
	frappe.db.add_index("Sync Record", ["ref_doctype", "local_created"], "sync_record_local_created")
	frappe.db.add_index("Sync Record", ["ref_doctype", "cloud_created"], "sync_record_cloud_created")
	frappe.db.add_index("Sync Record", ["intent_side", "ref_doctype"], "sync_record_intent")
	frappe.db.add_index("Sync Record", ["ref_doctype", "local_modified"], "sync_record_local_newest")
	frappe.db.add_index("Sync Record", ["ref_doctype", "cloud_modified"], "sync_record_cloud_newest")
