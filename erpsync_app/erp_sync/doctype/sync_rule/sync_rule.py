# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import frappe
from frappe.model.document import Document

from erpsync_app.adapters import event_queue
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.model import OPTIONS
from erpsync_app.erp_sync import rule_checks, rules_cache
from erpsync_app.erp_sync.doctype.sync_settings.sync_settings import BESIDE
from erpsync_app.erp_sync.lines import tidy
from erpsync_app.erp_sync.naming import usual_naming
from erpsync_app.erp_sync.roles import check_may

CURSORS = ("local_cursor", "cloud_cursor")
KEPT_BY_SYNC = (*CURSORS, "drift")
WIDENING = ("direction", "filters", "enabled")
"""A change of these can let in documents that the scans have already passed."""

DELETIONS = {"local_deletions_cursor": None, "cloud_deletions_cursor": None}

LETTING_IN = ("enabled", "direction", "attachments", "attachment_limit_mb", *OPTIONS)
"""A change of these can let in what hangs at documents that have not changed: all of it is listed once more."""


class SyncRule(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from erpsync_app.erp_sync.doctype.sync_rule_field.sync_rule_field import SyncRuleField

		assignments: DF.Check
		attachment_limit_mb: DF.Int
		attachments: DF.Check
		cloud_cursor: DF.Data | None
		comments: DF.Check
		deletes: DF.Literal["propagate", "keep", "ask"]
		direction: DF.Literal["bidirectional", "cloud_to_local", "local_to_cloud"]
		drift: DF.Code | None
		enabled: DF.Check
		exclude_fields: DF.SmallText | None
		field_map: DF.Table[SyncRuleField]
		filters: DF.Code | None
		local_cursor: DF.Data | None
		match_fields: DF.SmallText | None
		naming: DF.Literal["", "keep", "own"]
		policy: DF.Literal["latest_timestamp", "cloud_wins", "local_wins", "manual"]
		ref_doctype: DF.Link
		submit: DF.Literal["follow", "draft"]
		tags: DF.Check

	# end: auto-generated types
	def before_validate(self):
		self.match_fields = tidy(self.match_fields)
		self.exclude_fields = tidy(self.exclude_fields)
		self.filters = (self.filters or "").strip() or None
		self.keep_what_sync_keeps()

	def validate(self):
		meta = rule_checks.syncable(self.ref_doctype)
		self.check_rights()
		if not self.naming:
			self.naming = usual_naming(meta)
		rule_checks.check_naming(self, meta)
		rule_checks.check_filters(self, meta)
		rule_checks.check_field_lists(self, meta)
		rule_checks.check_field_map(self, meta)
		if self.enabled:
			rule_checks.check_cycles(self)
			rule_checks.check_match_fields(self)
			rule_checks.check_with_cloud(self)
			rule_checks.tell_unruled(self)
			rule_checks.tell_mandatory(self, meta)

	def on_update(self):
		rules_cache.clear()
		if any(self.has_value_changed(fieldname) for fieldname in LETTING_IN):
			frappe.db.set_single_value("Sync Settings", dict.fromkeys(BESIDE), update_modified=False)
		if not self.enabled:
			event_queue.forget(self.ref_doctype)
		else:
			event_queue.look_again(self.ref_doctype)
			# The files of which the other site makes the same as of others: a setting there may be another by now.
			frappe.db.delete("Sync Record", {"ref_doctype": "File", "status": "Diverged"})
			if self.has_value_changed("enabled"):
				# What was deleted while nobody looked, the trails tell from their beginning.
				frappe.db.set_single_value("Sync Settings", DELETIONS, update_modified=False)

		forget_followers()

	def check_rights(self):
		"""A rule reads and writes all documents of its DocType, with the rights of sync."""
		for right in ("read", "write"):
			check_may(right, self.ref_doctype)

	def on_trash(self):
		self.check_rights()
		rules_cache.clear()
		event_queue.forget(self.ref_doctype)

	def after_delete(self):
		forget_followers()

	def keep_what_sync_keeps(self):
		"""A form that stood open for an hour must not turn back the cursors. Only what was already scanned
		and may now be wanted does."""
		if self.is_new():
			return
		stored = frappe.db.get_value(self.doctype, self.name, KEPT_BY_SYNC, as_dict=True)
		if any(self.has_value_changed(fieldname) for fieldname in WIDENING):
			stored.update(dict.fromkeys(CURSORS))
		self.update(stored)


def forget_followers():
	"""What waits of comments or assignments that no rule lets cross any more would wait for ever."""
	for doctype, follower in FOLLOWERS.items():
		ruled = {"name": doctype, "enabled": 1}, {follower.option: 1, "enabled": 1}
		if not any(frappe.db.exists("Sync Rule", filters) for filters in ruled):
			event_queue.forget(doctype)
