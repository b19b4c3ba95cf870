# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Rules that cannot work alone: the documents of one DocType are made from those of another, which each site numbers by
itself, and which no rule lets cross. A Delivery Note names its Sales Order."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import frappe
from frappe import _

from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.engine.model import Meta
from erpsync_app.engine.numbers import ANY
from erpsync_app.erp_sync.naming import counter_of


def unruled(doctype: str, ruled: Collection[str], excluded: Collection[str]) -> str:
	"""One sentence that names what the documents of the DocType are made from and that has no rule, "" if nothing is so.
	`ruled` are the DocTypes with a rule, `excluded` the fieldnames that do not cross."""
	found: dict[str, str] = {}
	for field, target in _links(LocalSite().meta(doctype), excluded):
		if target not in {doctype, *ruled, *found} and counter_of(target) == ANY:
			found[target] = field
	if not found:
		return ""
	named = ", ".join(f"{_(target)} ({field})" for target, field in found.items())
	return _(
		"A {0} that is made from one of these is set aside, since no rule lets them cross: {1}. Add Sync Rules for those that"
		" you use, or exclude the fields."
	).format(_(doctype), named)


def _links(
	meta: Meta, excluded: Collection[str], submittable: bool | None = None
) -> Iterator[tuple[str, str]]:
	"""The fields that lead to what a document is made from, and the DocTypes there: all that it must name, and of what can
	be submitted all that can be submitted."""
	submittable = meta.submittable if submittable is None else submittable
	for field in meta.fields.values():
		if field.name in excluded or field.virtual:
			continue
		if child := meta.children.get(field.name):
			yield from _links(child, excluded, submittable)
		elif (
			field.type == "Link"
			and field.options
			and (field.required or (submittable and _submits(field.options)))
		):
			yield field.name, field.options


def _submits(doctype: str) -> bool:
	return bool(frappe.db.exists("DocType", doctype) and frappe.get_meta(doctype).is_submittable)
