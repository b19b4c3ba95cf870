# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A DocType's meta data as the local site has it, as `engine.model.Meta`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import frappe
from frappe.model.base_document import get_controller

from erpsync_app.adapters.compat import masked_fields
from erpsync_app.adapters.workflows import workflow_of
from erpsync_app.engine.mapping import TABLE_TYPES
from erpsync_app.engine.model import Field, Meta, Workflow


def meta_of(meta: Any, parent: str | None = None) -> Meta:
	"""`parent` is the DocType of whose table it is: a row has its parent's permissions."""
	hidden = masked_fields(meta)
	# What is read here is read with all rights; what is written, with the session user's.
	all_rights = frappe.session.user == "Administrator"
	levels = {0, *meta.get_permlevel_access("write", parent)}
	fields = {
		f.fieldname: Field(
			name=f.fieldname,
			type=f.fieldtype,
			label=f.label or "",
			options=f.options or None,
			read_only=bool(f.read_only) or f.fieldtype == "Read Only",
			allow_on_submit=bool(f.allow_on_submit),
			required=bool(f.reqd),
			hidden=bool(f.hidden),
			unique=bool(f.unique),
			virtual=bool(f.get("is_virtual")),
			default=f.default or None,
			out_of_reach=not all_rights and (f.permlevel or 0) not in levels,
		)
		for f in meta.fields
		if f.fieldname not in hidden
	}
	children = {
		f.fieldname: meta_of(frappe.get_meta(f.options), meta.name)
		for f in meta.fields
		if f.fieldtype in TABLE_TYPES and not f.get("is_virtual") and f.fieldname not in hidden
	}
	return Meta(
		doctype=meta.name,
		fields=fields,
		children=children,
		parent_field=(meta.nsm_parent_field or f"parent_{frappe.scrub(meta.name)}") if meta.is_tree else None,
		submittable=bool(meta.is_submittable),
		autoname=meta.autoname or (None if meta.istable else _unruled(meta.name)),
		workflow=_workflow(meta),
	)


def _unruled(doctype: str) -> str | None:
	"""Without a rule Frappe makes up a name, unless code makes one: then nothing is known of it."""
	return None if has_naming_rule(doctype) or named_by_code(doctype) else "hash"


def has_naming_rule(doctype: str) -> bool:
	return bool(frappe.db.exists("Document Naming Rule", {"document_type": doctype, "disabled": 0}))


def named_by_code(doctype: str) -> bool:
	return hasattr(get_controller(doctype), "autoname") or any(handlers(doctype, "autoname"))


def handlers(doctype: str, event: str) -> Iterator[str]:
	"""The dotted paths of what apps have hooked to an event of the DocType."""
	hooks = frappe.get_doc_hooks()
	for each in (doctype, "*"):
		yield from hooks.get(each, {}).get(event, ())


def _workflow(meta: Any) -> Workflow | None:
	name = meta.get_workflow()
	return (
		workflow_of(frappe.get_cached_doc("Workflow", name).as_dict(), frappe.get_roles()) if name else None
	)
