# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How a sandbox site names its documents: from a field, by a series, at random, or as ERPNext names Customers."""

from __future__ import annotations

from collections.abc import Callable

from erpsync_app.sandbox.controllers import customer_name
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DocType
from erpsync_app.sandbox.store import Doc, Store

DIGITS = 5


def new_name(store: Store, kind: DocType, doc: Doc, hash_name: Callable[[], str]) -> str:
	if kind.name == "Customer":
		return checked(kind.name, customer_name(store, doc) or "")
	if field := source_field(kind):
		if not str(doc.get(field) or "").strip():
			raise FrappeError("ValidationError", f"{field} is required")
		return checked(kind.name, str(doc[field]))
	if kind.autoname == "naming_series:":
		if not doc.get("naming_series"):
			raise FrappeError("ValidationError", "Naming Series mandatory")
		prefix = _prefix(doc["naming_series"], doc["creation"])
		return f"{prefix}{store.next_in_series(prefix):0{DIGITS}d}"
	return hash_name()


def give_back(store: Store, kind: DocType, doc: Doc) -> None:
	"""The number of a document that goes, if it was the last of its series. A name that is no number of the series
	counts as number 0 of it, so that a series which stands there goes below: so it is in Frappe."""
	if kind.autoname == "naming_series:" and doc.get("naming_series"):
		prefix = _prefix(doc["naming_series"], doc["creation"])
		number = doc["name"].replace(prefix, "")
		store.revert_series(prefix, int(number) if number.isdecimal() else 0)


def source_field(kind: DocType) -> str | None:
	"""The field that the name comes from, and that is renamed with the document."""
	autoname = kind.autoname or ""
	return autoname.removeprefix("field:") if autoname.startswith("field:") else None


def checked(doctype: str, name: str) -> str:
	name = name.strip()
	if not name:
		raise FrappeError("ValidationError", f"No Name Specified for {doctype}")
	if "<" in name or ">" in name:
		raise FrappeError("NameError", "Name cannot contain special characters like '<', '>'")
	if name == doctype:
		raise FrappeError("NameError", f"Name of {doctype} cannot be {name}")
	return name


def _prefix(series: str, creation: str) -> str:
	parts = {"YYYY": creation[:4], "YY": creation[2:4], "MM": creation[5:7], "DD": creation[8:10]}
	return "".join(parts.get(part, part) for part in series.split("."))
