# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A DocType's meta data as Frappe's Desk loads it, as `engine.model.Meta`; and documents as it describes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from erpsync_app.adapters.workflows import is_workflow, workflow_of
from erpsync_app.engine.mapping import LAYOUT_TYPES, TABLE_TYPES
from erpsync_app.engine.model import Document, Field, Meta

STANDARD_FIELDS = ("name", "owner", "creation", "modified", "modified_by", "docstatus", "idx")
WORKFLOWS = "__workflow_docs"
"""Under this word comes the active workflow of a DocType, along with its states."""

ROW_FIELDS = (*STANDARD_FIELDS, "parent", "parentfield", "parenttype")


def meta_of(doctype: str, bundle: Sequence[Mapping[str, Any]], roles: Collection[str] | None = None) -> Meta:
	"""The Meta of `doctype` from the bundle that `frappe.desk.form.load.getdoctype` answers: the DocType and those
	of its child tables, with Custom Fields and Property Setters applied.

	`roles` are the user's; None where every permission level is theirs, or the site does not tell.

	A field that Frappe masks (v16) is left out: who may see it in full, REST does not tell, and all others read
	"XXXXXXXX", which must never reach the other side."""
	by_name = {entry.get("name"): entry for entry in bundle}
	meta = _meta(doctype, by_name[doctype], by_name, _levels(by_name[doctype], roles))
	found = [workflow_of(doc, roles) for doc in by_name[doctype].get(WORKFLOWS) or () if is_workflow(doc)]
	return replace(meta, workflow=found[0]) if found else meta


def asks_for_roles(bundle: Sequence[Mapping[str, Any]]) -> bool:
	"""Whether any field, or any step of a workflow, is for some of the roles only."""
	fields = (df for entry in bundle for df in entry.get("fields") or ())
	return any(df.get("permlevel") for df in fields) or any(entry.get(WORKFLOWS) for entry in bundle)


def _levels(entry: Mapping[str, Any], roles: Collection[str] | None) -> Collection[int] | None:
	"""The permission levels that the roles may read and write; a parent's hold for its rows. None for all."""
	if roles is None:
		return None
	mine = [p for p in entry.get("permissions") or () if p.get("role") in roles]
	read, write = ({p.get("permlevel") or 0 for p in mine if p.get(right)} for right in ("read", "write"))
	return (read & write) | {0}


def _meta(
	doctype: str,
	entry: Mapping[str, Any],
	by_name: Mapping[Any, Mapping[str, Any]],
	levels: Collection[int] | None,
) -> Meta:
	fields = {
		df["fieldname"]: _field(df, levels)
		for df in entry.get("fields") or ()
		if df.get("fieldname") and df.get("fieldtype") not in LAYOUT_TYPES and not df.get("mask")
	}
	children = {
		f.name: _meta(f.options or "", by_name.get(f.options) or {}, {}, levels)
		for f in fields.values()
		if f.type in TABLE_TYPES and not f.virtual and not entry.get("istable")
	}
	return Meta(
		doctype=doctype,
		fields=fields,
		children=children,
		parent_field=_parent_field(doctype, entry, fields),
		submittable=bool(entry.get("is_submittable")),
		autoname=entry.get("autoname") or None,
	)


def _field(df: Mapping[str, Any], levels: Collection[int] | None) -> Field:
	return Field(
		name=df["fieldname"],
		type=df.get("fieldtype") or "Data",
		label=df.get("label") or "",
		options=df.get("options") or None,
		read_only=bool(df.get("read_only")) or df.get("fieldtype") == "Read Only",
		allow_on_submit=bool(df.get("allow_on_submit")),
		required=bool(df.get("reqd")),
		unique=bool(df.get("unique")),
		virtual=bool(df.get("is_virtual")),
		default=df.get("default") or None,
		out_of_reach=levels is not None and (df.get("permlevel") or 0) not in levels,
	)


def _parent_field(doctype: str, entry: Mapping[str, Any], fields: Mapping[str, Field]) -> str | None:
	"""ERPNext's trees name the field in their controllers only, by the rule that is the default here."""
	if not entry.get("is_tree"):
		return None
	name = entry.get("nsm_parent_field") or "parent_" + doctype.lower().replace(" ", "_").replace("-", "_")
	return name if name in fields else None


def stored(meta: Meta, raw: Document, *, row: bool = False, whole: bool = False) -> Document:
	"""The stored fields and child tables of a document (or a row of one) that a site answered, without what each of
	Frappe's methods adds in its own way. A field that is missing is unreadable, and stays missing; unless the answer
	is `whole`, then it is empty."""
	names = [*(ROW_FIELDS if row else STANDARD_FIELDS)]
	names += [f.name for f in meta.fields.values() if not f.virtual and f.type not in TABLE_TYPES]
	doc = {name: raw.get(name) for name in names if whole or name in raw}
	if "name" in doc:
		doc["name"] = str(doc["name"])
	for stamp in ("creation", "modified"):
		# In the answer to a write Frappe spells out the microseconds even where they are none; read back it does
		# not, and it compares the text.
		if isinstance(value := doc.get(stamp), str):
			doc[stamp] = value.removesuffix(".000000")
	for table, child in meta.children.items():
		if table in raw or whole:
			doc[table] = [stored(child, each, row=True, whole=whole) for each in raw.get(table) or ()]
	return doc


def forget_tables(meta: Meta, child: Meta, docs: Iterable[Document]) -> None:
	"""Leave the tables of a child DocType out of the documents, as all is left out that cannot be read."""
	for table in [name for name, each in meta.children.items() if each.doctype == child.doctype]:
		for doc in docs:
			doc.pop(table, None)
