# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a rename changes beside the document, and what a merge asks for."""

from __future__ import annotations

from html import escape

from erpsync_app.sandbox import naming
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES, HANGING, DocType, links_to
from erpsync_app.sandbox.store import Doc, Store, table


def check_merge(store: Store, kind: DocType, doc: Doc, found: str | None, new: str) -> None:
	if found is None:
		raise FrappeError(
			"ValidationError", f"{kind.name} {new} does not exist, select a new target to merge"
		)
	if found == doc["name"]:
		raise FrappeError("ValidationError", "No changes made because old and new name are the same.")
	if kind.tree and doc["is_group"] != store.value(kind, new, "is_group"):
		raise FrappeError(
			"NestedSetInvalidMergeError",
			"Merging is only possible between Group-to-Group or Leaf Node-to-Leaf Node",
		)
	if kind.tree and store.value(kind, new, kind.parent_field or "") == doc["name"]:
		# Frappe lets it pass, and has a node then that is its own parent.
		raise FrappeError("NestedSetRecursionError", "Item cannot be added to its own descendants")


def give_name(store: Store, kind: DocType, old: str, new: str) -> None:
	store.update(kind, old, {"name": new})
	if named_by := naming.source_field(kind):
		store.update(kind, new, {named_by: new})
	for t in kind.tables:
		rows = table(DOCTYPES[t.options or ""])
		store.db.execute(
			f"update {rows} set parent = ? where parent = ? and parenttype = ?", (new, old, kind.name)
		)


def lead_links(store: Store, doctype: str, old: str, new: str) -> None:
	"""Links to a document, and what hangs at it by its name, lead to the new name."""
	for linking, column in links_to(doctype):
		store.db.execute(
			f'update {table(linking)} set "{column.name}" = ? where "{column.name}" = ?', (new, old)
		)
	for hanging, of_doctype, of_name in HANGING:
		store.db.execute(
			f"update {table(DOCTYPES[hanging])} set {of_name} = ? where {of_doctype} = ? and {of_name} = ?",
			(new, doctype, old),
		)


def said(old: str, new: str, *, merge: bool) -> str:
	"""The comment that Frappe leaves."""
	text = "merged {} into {}" if merge else "renamed from {} to {}"
	return text.format(*(f"<strong>{escape(name, quote=False)}</strong>" for name in (old, new)))
