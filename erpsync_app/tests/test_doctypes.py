# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the DocTypes accept, keep and refuse."""

from __future__ import annotations

import json
import re
from typing import get_args

import frappe
import pytest
from frappe.model.delete_doc import check_if_doc_is_linked
from frappe.utils import now_datetime

from erpsync_app import install
from erpsync_app.adapters import settings
from erpsync_app.adapters.ledger import insert_rows
from erpsync_app.api.desk import CHOICES
from erpsync_app.engine import model

OURS = (
	"Sync Settings",
	"Sync Rule",
	"Sync Rule Field",
	"Sync Event",
	"Sync Record",
	"Sync Log",
	"Sync Conflict",
)


pytestmark = pytest.mark.usefixtures("untouched")


def the_settings(**values):
	doc = frappe.get_doc("Sync Settings")
	doc.update({"enabled": 0, "allow_http": 0, **values})
	return doc


# What the rest of the app counts on


@pytest.mark.parametrize(
	("doctype", "fieldname"),
	[("Sync Event", "document_key"), ("Sync Conflict", "record"), ("Sync Conflict", "status")],
)
def test_a_field_that_is_searched_by_has_an_index(doctype, fieldname):
	assert frappe.get_meta(doctype).get_field(fieldname).search_index
	assert frappe.db.get_column_index(f"tab{doctype}", fieldname)


@pytest.mark.parametrize(
	("doctype", "fieldname", "words"),
	[
		("Sync Rule", "direction", model.DIRECTIONS),
		("Sync Rule", "policy", model.POLICIES),
		("Sync Rule", "naming", ("keep", "own")),
		("Sync Rule", "deletes", ("propagate", "keep", "ask")),
		("Sync Event", "side", model.SIDES),
		("Sync Event", "kind", get_args(model.Kind)),
		("Sync Event", "state", ("Pending", "Processing", "Failed")),
		("Sync Record", "status", model.STATUSES),
		("Sync Record", "choice", tuple(CHOICES.values())),
		("Sync Log", "direction", ("cloud_to_local", "local_to_cloud")),
		("Sync Log", "operation", get_args(model.Operation)),
		("Sync Log", "outcome", get_args(model.Result)),
		("Sync Conflict", "winner", model.SIDES),
		(
			"Sync Conflict",
			"resolution",
			(
				*("latest_timestamp", "cloud_wins", "local_wins", "direction"),
				*CHOICES.values(),
				*("Converged", "Edit beats delete", "Merge beats edit", "Submit beats edit"),
			),
		),
	],
)
def test_the_words_are_the_engines(doctype: str, fieldname: str, words: tuple[str, ...]) -> None:
	options = frappe.get_meta(doctype).get_options(fieldname).split("\n")
	assert [option for option in options if option] == list(words)


@pytest.mark.parametrize(
	("doctype", "fieldname"), [("Sync Log", "operation"), ("Sync Conflict", "resolution")]
)
def test_the_desk_has_words_for_them(doctype: str, fieldname: str) -> None:
	with open(frappe.get_app_path("erpsync_app", "public", "js", "erpsync.bundle.js")) as f:
		script = f.read()
	options = filter(None, frappe.get_meta(doctype).get_options(fieldname).split("\n"))
	assert not [word for word in options if not re.search(rf'^\t\t"?{word}"?: __\(', script, re.MULTILINE)]


@pytest.mark.parametrize("doctype", OURS)
def test_neither_searched_nor_versioned(doctype: str) -> None:
	meta = frappe.get_meta(doctype)
	assert not meta.show_name_in_global_search
	assert not any(field.in_global_search for field in meta.fields)
	assert bool(meta.track_changes) is (doctype in ("Sync Settings", "Sync Rule"))


@pytest.mark.parametrize("doctype", OURS)
def test_text_of_others_is_kept_and_shown_as_text(doctype: str) -> None:
	"""A Code field is neither sanitised when stored nor rendered as HTML; a site's error message may hold any."""
	meta = frappe.get_meta(doctype)
	for fieldname in ("error", "message", "pause_reason", "overwritten", "clashes", "local_baseline"):
		if meta.has_field(fieldname):
			assert meta.get_field(fieldname).fieldtype == "Code"


def test_the_workspace_leads_to_what_is_there() -> None:
	workspace = frappe.get_doc("Workspace", "ERP Sync")
	assert workspace.public and {row.role for row in workspace.roles} == {"System Manager", "Sync Manager"}
	targets = {row.link_to for row in [*workspace.links, *workspace.shortcuts] if row.link_to}
	assert targets == set(OURS) - {"Sync Rule Field"} | {"sync-attention", "sync-setup"}
	assert all(frappe.db.exists("Page", page) for page in ("sync-attention", "sync-setup"))
	for row in workspace.number_cards:
		assert frappe.db.exists("Number Card", row.number_card_name)


# Sync Settings


def test_a_fresh_site_has_the_defaults() -> None:
	frappe.db.delete("Singles", {"doctype": "Sync Settings"})
	install.after_install()
	doc = frappe.get_doc("Sync Settings")
	defaults = {
		"enabled": 0,
		"paused": 0,
		"sync_user": settings.SYNC_USER,
		"connect_timeout": 10,
		"read_timeout": 60,
		"scan_interval": 5,
		"batch_size": 100,
		"max_attempts": 8,
		"backoff_seconds": 5,
		"webhook_body_limit_kb": 1024,
		"webhook_rate_limit": 20000,
	}
	assert {name: doc.get(name) for name in defaults} == defaults


def test_a_setting_of_a_later_version_gets_its_default_and_no_other_is_touched() -> None:
	frappe.db.set_single_value("Sync Settings", "batch_size", 7)
	frappe.db.delete("Singles", {"doctype": "Sync Settings", "field": "max_attempts"})
	install.after_migrate()
	install.after_migrate()
	doc = frappe.get_doc("Sync Settings")
	assert (doc.batch_size, doc.max_attempts) == (7, 8)
	assert frappe.db.get_value("Role", "Sync Manager", "desk_access") == 1


@pytest.mark.parametrize(
	("given", "kept"),
	[
		("", ""),
		(" https://erp.example.com/ ", "https://erp.example.com"),
		("https://ERP.example.com:8443///", "https://erp.example.com:8443"),
		("http://localhost:8000", "http://localhost:8000"),
		("http://cloud.localhost:8010/", "http://cloud.localhost:8010"),
		("http://127.0.0.1", "http://127.0.0.1"),
		("http://[::1]:8000", "http://[::1]:8000"),
	],
)
def test_an_address_has_one_spelling(given: str, kept: str) -> None:
	doc = the_settings(cloud_url=given)
	doc.save()
	assert (doc.cloud_url or "") == kept


@pytest.mark.parametrize(
	("given", "complaint"),
	[
		("erp.example.com", "must begin with https://"),
		("ftp://erp.example.com", "must begin with https://"),
		("https://", "name a host"),
		("https://erp.example.com:port", "name a host"),
		("http://erp.example.com", "Allow Plain HTTP"),
		("http://localhost.example.com", "Allow Plain HTTP"),
		("http://10.0.0.5", "Allow Plain HTTP"),
		("https://me:pass@erp.example.com", "the address only"),
		("https://erp.example.com?x=1", "the address only"),
		("https://erp.example.com/app", "leave out /app"),
	],
)
def test_an_address_that_is_none_or_not_safe_is_refused(given: str, complaint: str) -> None:
	with pytest.raises(frappe.ValidationError, match=complaint):
		the_settings(cloud_url=given).save()


def test_plain_http_is_a_persons_word() -> None:
	doc = the_settings(cloud_url="http://erp.example.com", allow_http=1)
	doc.save()
	assert doc.cloud_url == "http://erp.example.com"


@pytest.mark.parametrize(
	("values", "complaint"),
	[
		({"batch_size": 0}, "Documents per Batch must be 1 or more"),
		({"max_attempts": 0}, "must be 1 or more"),
		({"read_timeout": 0}, "must be 1 or more"),
		({"sync_user": "Guest"}, "name an enabled user"),
		({"exclude_fields": "disabled\nno such field"}, "is not a fieldname"),
		({"enabled": 1, "cloud_url": "", "api_key": ""}, "Cloud URL, API Key"),
	],
)
def test_settings_that_cannot_work_are_refused(values: dict, complaint: str) -> None:
	with pytest.raises(frappe.ValidationError, match=complaint):
		the_settings(**values).save()


def test_a_form_left_open_turns_back_no_cursor() -> None:
	form = the_settings()
	form.last_scan = form.local_deletions_cursor = None
	scanned = now_datetime().replace(microsecond=0)
	kept = {
		"local_deletions_cursor": "2026-01-01|b",
		"cloud_deletions_cursor": "2026-01-01|c",
		"last_scan": scanned,
	}
	frappe.db.set_single_value("Sync Settings", kept, update_modified=False)
	form.save()
	assert {name: frappe.db.get_single_value("Sync Settings", name, cache=False) for name in kept} == kept


def test_no_scan_yet_stays_no_scan() -> None:
	frappe.db.set_single_value("Sync Settings", "last_scan", None, update_modified=False)
	the_settings().save()
	assert frappe.get_doc("Sync Settings").last_scan is None


def test_secrets_are_kept_out_of_sight() -> None:
	doc = the_settings(api_secret="known-of-api-1", webhook_secret="known-of-hooks")
	doc.save()
	doc.update({"api_secret": "known-of-api-22"})
	doc.save()
	seen = [frappe.as_json(frappe.get_doc("Sync Settings").as_dict()), repr(settings.load())]
	seen += frappe.get_all("Version", {"ref_doctype": "Sync Settings"}, pluck="data")
	assert settings.load().api_secret == "known-of-api-22"
	assert not any("known-of" in text for text in seen)


def test_unpausing_forgets_the_reason() -> None:
	the_settings(paused=1, pause_reason="The key is wrong.").save()
	doc = the_settings(paused=0)
	doc.save()
	assert not doc.pause_reason


# Sync Record


def a_record(**values):
	return frappe.new_doc("Sync Record", ref_doctype="Customer", **values)


def test_a_side_without_a_document_has_no_name() -> None:
	prefix = frappe.generate_hash(length=8)
	for number in range(2):
		a_record(local_name="", cloud_name=f"{prefix}-{number}").insert()
		a_record(local_name=f"{prefix}-{number}", cloud_name="").insert()
	rows = frappe.get_all(
		"Sync Record", {"cloud_name": ("like", f"{prefix}-%")}, ["local_name"], order_by="name asc"
	)
	assert [row.local_name for row in rows] == [None, None]


@pytest.mark.parametrize("side", model.SIDES)
def test_a_document_is_bound_once(side: str) -> None:
	name = frappe.generate_hash(length=8)
	a_record(**{f"{side}_name": name}).insert()
	frappe.db.savepoint("bound_once")
	with pytest.raises(Exception) as refused:  # which one is the database's affair
		insert_rows("Sync Record", [{"ref_doctype": "Customer", f"{side}_name": name}])
	assert frappe.db.is_duplicate_entry(refused.value)
	frappe.db.rollback(save_point="bound_once")
	assert frappe.db.count("Sync Record", {f"{side}_name": name}) == 1


def test_what_a_side_held_is_kept_to_the_letter() -> None:
	held = json.dumps({"details": "<script>1</script> & <b onclick=x>'\"</b>"})
	record = a_record(
		local_name=frappe.generate_hash(length=8), local_baseline=held, error="<img src=x>"
	).insert()
	record.reload()
	assert (record.local_baseline, record.error) == (held, "<img src=x>")


# Sync Log


def test_the_trail_is_only_added_to() -> None:
	log = frappe.new_doc("Sync Log", ref_doctype="Customer", operation="bind", outcome="Success").insert()
	log.message = "something else"
	with pytest.raises(frappe.ValidationError, match="trail"):
		log.save()
	with pytest.raises(frappe.ValidationError, match="trail"):
		log.delete()


# What is remembered of a document binds nothing


def test_what_is_remembered_is_no_reason_to_keep_a_document() -> None:
	record = a_record(local_name=frappe.generate_hash(length=8)).insert()
	frappe.new_doc("Sync Conflict", record=record.name, ref_doctype="Customer", clashes="[]").insert()
	check_if_doc_is_linked(record)  # raises if it is


def test_what_a_cloud_says_is_shown_as_text(site: None):
	"""The Desk of version 15 shows a read-only field of these types as HTML."""
	as_html = ("Small Text", "Text", "Long Text", "Text Editor", "HTML Editor", "Markdown Editor")
	shown = {"parent": ("like", "Sync %"), "fieldtype": ("in", as_html), "read_only": 1, "hidden": 0}
	assert frappe.get_all("DocField", shown, ["parent", "fieldname"], parent_doctype="DocType") == []
