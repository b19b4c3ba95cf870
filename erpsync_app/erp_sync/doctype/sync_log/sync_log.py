# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import add_days, cint, now_datetime

BATCH = 5000
"""Rows that `clear_old_logs` deletes in one transaction."""


class SyncLog(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		changed_fields: DF.Code | None
		cloud_name: DF.Data | None
		direction: DF.Literal["", "cloud_to_local", "local_to_cloud"]
		duration_ms: DF.Int
		local_name: DF.Data | None
		message: DF.SmallText | None
		operation: DF.Literal["create", "update", "rename", "merge", "delete", "bind", "conflict", "fail"]
		outcome: DF.Literal["Success", "Failure", "Conflict"]
		overwritten: DF.Code | None
		ref_doctype: DF.Link | None
		run: DF.Data | None
		trigger: DF.Data | None

	# end: auto-generated types
	def validate(self):
		if not self.is_new():
			frappe.throw(_("The Sync Log is a trail: nothing in it is changed afterwards."))

	def on_trash(self):
		frappe.throw(_("The Sync Log is a trail: only Log Settings clears it, by age."))

	@staticmethod
	def clear_old_logs(days: int = 90):
		"""In batches of their own: sync, which writes the trail meanwhile, never waits for all of it."""
		old = {"creation": ("<", add_days(now_datetime(), -cint(days)))}
		while names := frappe.get_all("Sync Log", old, pluck="name", order_by="creation asc", limit=BATCH):
			frappe.db.delete("Sync Log", {"name": ("in", names)})
			frappe.db.commit()


def on_doctype_update():
	"""Read newest first, or by document; cleared by age."""
	frappe.db.add_index("Sync Log", ["creation"], "sync_log_creation")
	frappe.db.add_index("Sync Log", ["ref_doctype", "local_name"], "sync_log_document")
