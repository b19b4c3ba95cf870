# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Nested sets: `lft` and `rgt` of a tree DocType, which each site numbers for itself, past `modified`."""

from __future__ import annotations

from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DocType
from erpsync_app.sandbox.store import Doc, Store, table


def place(store: Store, doctype: DocType, doc: Doc) -> None:
	"""After a node was stored: check where it hangs, and number the tree anew."""
	field = doctype.parent_field or ""
	parents = _parents(store, doctype)
	seen, node = {doc["name"]}, parents[doc["name"]]
	while node:
		if node in seen:
			raise FrappeError("NestedSetRecursionError", "Item cannot be added to its own descendants")
		seen.add(node)
		node = parents.get(node)
	if sum(1 for parent in parents.values() if not parent) > 1:
		raise FrappeError("NestedSetMultipleRootsError", "Multiple root nodes not allowed.")
	store.update(doctype, doc["name"], {"old_parent": doc.get(field) or ""})
	renumber(store, doctype)


def check_leaf(store: Store, doctype: DocType, name: str) -> None:
	"""Before a node is deleted."""
	if name in _parents(store, doctype).values():
		raise FrappeError("NestedSetChildExistsError", f"Cannot delete {name} as it has child nodes")


def renumber(store: Store, doctype: DocType) -> None:
	below: dict[str, list[str]] = {}
	for name, parent in _parents(store, doctype).items():
		below.setdefault(parent, []).append(name)
	position = 0
	left: dict[str, int] = {}
	todo = [(name, False) for name in reversed(below.get("", []))]
	while todo:
		name, leaving = todo.pop()
		position += 1
		if leaving:
			store.update(doctype, name, {"lft": left[name], "rgt": position})
		else:
			left[name] = position
			todo.append((name, True))
			todo += [(child, False) for child in reversed(below.get(name, []))]


def _parents(store: Store, doctype: DocType) -> dict[str, str]:
	rows = store.db.rows(
		f"select name, {doctype.parent_field} as parent from {table(doctype)} order by creation, name"
	)
	return {row["name"]: row["parent"] or "" for row in rows}
