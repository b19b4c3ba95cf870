# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import re

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, escape_html

from erpsync_app import breakers
from erpsync_app.adapters.settings import know_encryption_key, lines
from erpsync_app.engine.webhooks import to_be_written_anew
from erpsync_app.erp_sync import rules_cache
from erpsync_app.erp_sync.cloud_url import normalise
from erpsync_app.erp_sync.lines import tidy

BESIDE = tuple(
	f"{side}_{listing}_cursor"
	for listing in ("files", "tags", "comments", "assignments")
	for side in ("local", "cloud")
)
"""The cursors of what hangs at documents."""

CURSORS = ("local_deletions_cursor", "cloud_deletions_cursor", *BESIDE)
KEPT_BY_SYNC = (
	*("last_notice", "last_scan", "last_error", "last_error_on", "last_verify", "verify_result"),
	*CURSORS,
	*breakers.KEPT,
	*("cloud_webhooks", "webhook_problem"),  # those of `webhooks`
)
AT_LEAST_ONE = (
	"webhook_body_limit_kb",
	"webhook_rate_limit",
	"scan_interval",
	"batch_size",
	"max_attempts",
	"backoff_seconds",
	"connect_timeout",
	"read_timeout",
)


class SyncSettings(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		acknowledged: DF.SmallText | None
		allow_http: DF.Check
		api_key: DF.Data | None
		api_secret: DF.Password | None
		backoff_seconds: DF.Int
		batch_size: DF.Int
		cloud_assignments_cursor: DF.Data | None
		cloud_comments_cursor: DF.Data | None
		cloud_deletions_cursor: DF.Data | None
		cloud_files_cursor: DF.Data | None
		cloud_identity: DF.SmallText | None
		cloud_tags_cursor: DF.Data | None
		cloud_url: DF.Data | None
		cloud_webhooks: DF.SmallText | None
		connect_timeout: DF.Int
		enabled: DF.Check
		exclude_fields: DF.SmallText | None
		keep_webhooks: DF.Check
		last_error: DF.Code | None
		last_error_on: DF.Datetime | None
		last_notice: DF.Datetime | None
		last_scan: DF.Datetime | None
		last_verify: DF.Datetime | None
		local_assignments_cursor: DF.Data | None
		local_comments_cursor: DF.Data | None
		local_deletions_cursor: DF.Data | None
		local_files_cursor: DF.Data | None
		local_identity: DF.SmallText | None
		local_tags_cursor: DF.Data | None
		local_url: DF.Data | None
		max_attempts: DF.Int
		max_deletions: DF.Int
		max_deletions_share: DF.Int
		max_overwrites: DF.Int
		max_overwrites_share: DF.Int
		max_updates: DF.Int
		max_updates_share: DF.Int
		pause_reason: DF.SmallText | None
		paused: DF.Check
		read_timeout: DF.Int
		resumed_on: DF.Datetime | None
		scan_interval: DF.Int
		sync_user: DF.Link
		tripped: DF.SmallText | None
		verify_result: DF.Code | None
		webhook_body_limit_kb: DF.Int
		webhook_problem: DF.Code | None
		webhook_rate_limit: DF.Int
		webhook_secret: DF.Password | None

	# end: auto-generated types
	def before_validate(self):
		self.keep_what_sync_keeps()
		self.exclude_fields = tidy(self.exclude_fields)
		if not self.paused:
			self.pause_reason = None

	def validate(self):
		know_encryption_key()  # the secrets are encrypted next
		self.cloud_url = normalise(self.cloud_url, "Cloud URL", allow_http=bool(self.allow_http))
		# What comes by it are signed hints, and no document.
		self.local_url = normalise(self.local_url, "Address of This Site for the Cloud", allow_http=True)
		self.forget_webhooks()
		self.check_numbers()
		self.check_sync_user()
		self.check_exclude_fields()
		self.check_complete()

	def on_update(self):
		rules_cache.clear()
		before = self.get_doc_before_save()
		if before and before.paused and not self.paused:
			breakers.acknowledge()

	def keep_what_sync_keeps(self):
		"""A form that stood open for an hour must not turn back the cursors."""
		stored = frappe.db.get_singles_dict(self.doctype)
		for fieldname in KEPT_BY_SYNC:
			self.set(fieldname, stored.get(fieldname))

	def forget_webhooks(self):
		"""Those of another cloud are none of this one's; with another secret, all of them are to be written anew."""
		if self.has_value_changed("cloud_url"):
			self.cloud_webhooks = None
		elif self.webhook_secret and not self.is_dummy_password(self.webhook_secret):
			self.cloud_webhooks = to_be_written_anew(self.cloud_webhooks)
		if not self.keep_webhooks:
			self.webhook_problem = None

	def check_numbers(self):
		for fieldname in AT_LEAST_ONE:
			if cint(self.get(fieldname)) < 1:
				frappe.throw(_("{0} must be 1 or more.").format(_(self.meta.get_label(fieldname))))

	def check_sync_user(self):
		if self.sync_user == "Guest" or not frappe.db.get_value("User", self.sync_user, "enabled"):
			frappe.throw(_("Sync cannot run as {0}: name an enabled user.").format(self.sync_user))

	def check_exclude_fields(self):
		for fieldname in lines(self.exclude_fields):
			if not re.fullmatch(r"\w+", fieldname):
				frappe.throw(
					_("{0} is not a fieldname: write one a line under Excluded Fields.").format(
						frappe.bold(escape_html(fieldname))
					)
				)

	def check_complete(self):
		missing = [name for name in ("cloud_url", "api_key", "api_secret") if not self.get(name)]
		if self.enabled and missing:
			labels = ", ".join(_(self.meta.get_label(name)) for name in missing)
			frappe.throw(_("Sync cannot be enabled yet, as this is not set: {0}.").format(labels))
