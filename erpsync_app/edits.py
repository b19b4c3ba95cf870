# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""An edit of a local document by the person who is logged in, in the values that sync keeps of documents."""

from __future__ import annotations

from dataclasses import replace

import frappe

from erpsync_app.adapters import settings
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.engine.canonical import canonical, outbound
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.engine.mapping import FILE_TYPES, Shape, Terms, shape_of
from erpsync_app.engine.model import LOCAL, Fields
from erpsync_app.erp_sync.labels import labels


def present(doctype: str, name: str) -> Fields:
	"""What a document holds now, in canonical form; without files, and without what the user may not write."""
	site = LocalSite()
	return canonical(site.read(doctype, [name])[name], _shape(site, doctype), _terms(site))


def edit(doctype: str, name: str, fields: Fields) -> None:
	"""Write fields in canonical form, in the current transaction. Sync takes it for what it is, an edit of that person: their
	rights and the validations apply, and it crosses. Raises NeedsPerson for a field that cannot be written so."""
	site = LocalSite()
	shape = _shape(site, doctype)
	if lacking := fields.keys() - {each.local for each in shape.fields}:
		named = ", ".join(labels(doctype, sorted(lacking)))
		raise NeedsPerson(
			f"{named} cannot be written here: it holds a file, or you have no right to write it."
		)
	values = outbound(fields, shape, _terms(site), site.read(doctype, [name])[name])
	doc = frappe.get_doc(doctype, name)
	doc.update(values)
	doc.save()


def _shape(site: LocalSite, doctype: str) -> Shape:
	"""That of the local document alone: the cloud is not asked."""
	rule = settings.rules().get(doctype)
	if not rule:
		raise NeedsPerson(
			f"There is no enabled Sync Rule for {doctype}, so that nobody knows which fields it syncs."
		)
	meta = site.meta(doctype)
	shape = shape_of(meta, meta, replace(rule, field_map={}), settings.load().excluded)
	return replace(shape, fields=tuple(each for each in shape.fields if each.type not in FILE_TYPES))


def _terms(site: LocalSite) -> Terms:
	return Terms(LOCAL, site.time_zone, site.time_zone)
