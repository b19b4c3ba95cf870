# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sync Rules from and to the YAML file. All of a file or nothing of it."""

from __future__ import annotations

import json

import frappe

from erpsync_app.adapters import settings
from erpsync_app.adapters.config_file import Config, dump, parse
from erpsync_app.engine.model import MEGABYTE, OPTIONS, Rule
from erpsync_app.erp_sync.naming import usual_naming
from erpsync_app.erp_sync.rule_checks import syncable


def load(text: str) -> list[str]:
	"""Save the rules that the file names, and what it says of retries and batches; rules that it does not name
	stay. Answers the DocTypes. Raises ConfigError or frappe.ValidationError, and then nothing is changed."""
	config = parse(
		text,
		known_doctypes=lambda doctype: bool(frappe.db.exists("DocType", doctype)),
		usual_naming=lambda doctype: usual_naming(frappe.get_meta(doctype)),
	)
	for rule in config.rules:
		_save_rule(rule, enabled=rule.doctype not in config.disabled)
	_save_settings(config)
	frappe.db.commit()
	return [rule.doctype for rule in config.rules]


def save() -> str:
	"""The file that `load` makes the same rules of."""
	docs = [
		frappe.get_doc("Sync Rule", name)
		for name in frappe.get_all("Sync Rule", pluck="name", order_by="name asc")
	]
	current = settings.load()
	return dump(
		Config(
			rules=tuple(settings.rule_of(doc) for doc in docs),
			disabled=frozenset(doc.name for doc in docs if not doc.enabled),
			exclude_fields=current.excluded or None,
			max_attempts=current.retry.max_attempts,
			backoff_seconds=current.retry.backoff_seconds,
			batch_size=current.batch_size,
		)
	)


def _save_rule(rule: Rule, *, enabled: bool) -> None:
	# Before the form's own checks, which come after the naming: that breaks on a rule for Sync Rule.
	syncable(rule.doctype)
	# Asked by a filter: of a document named like its DocType, Frappe takes it for a Single and says that it is there
	if frappe.db.exists("Sync Rule", {"name": rule.doctype}):
		doc = frappe.get_doc("Sync Rule", rule.doctype)
	else:
		doc = frappe.new_doc("Sync Rule", ref_doctype=rule.doctype)
	doc.update(
		{
			"enabled": int(enabled),
			"direction": rule.direction,
			"policy": rule.policy,
			"naming": rule.naming,
			"deletes": rule.deletes,
			"submit": rule.submit,
			"attachments": int(rule.attachments),
			"attachment_limit_mb": rule.file_limit // MEGABYTE,
			**{option: int(getattr(rule, option)) for option in OPTIONS},
			"filters": json.dumps([list(f) for f in rule.filters]) if rule.filters else None,
			"match_fields": "\n".join(rule.match_fields),
			"exclude_fields": "\n".join(sorted(rule.exclude)),
			"field_map": [
				{"local_field": ours, "cloud_field": theirs} for ours, theirs in rule.field_map.items()
			],
		}
	)
	doc.save()


def _save_settings(config: Config) -> None:
	doc = frappe.get_doc("Sync Settings")
	if config.exclude_fields is not None:
		doc.exclude_fields = "\n".join(sorted(config.exclude_fields))
	for fieldname in ("max_attempts", "backoff_seconds", "batch_size"):
		if (value := getattr(config, fieldname)) is not None:
			doc.set(fieldname, value)
	doc.save()
