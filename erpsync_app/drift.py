# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Where people are told in what the two sides' DocTypes differ: on the Sync Rule, by each scan; in test-connections;
and when a rule is saved that the cloud could not follow. What a difference is, `engine.drift` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import frappe

from erpsync_app.adapters.transactions import alone
from erpsync_app.engine.context import Context


def found(ctx: Context, doctypes: Iterable[str]) -> Mapping[str, list[str]]:
	"""The sentences by DocType; of one that cannot be read, none: `ctx.aside` says so."""
	told = {}
	for doctype in doctypes:
		with ctx.setting_aside(doctype):
			told[doctype] = [str(each) for each in ctx.drift(doctype)]
	return told


def note(ctx: Context, doctypes: Iterable[str]) -> None:
	"""Keep on each rule what was found, where it is not what was found before. Committed when it returns."""
	known = dict(frappe.get_all("Sync Rule", fields=["name", "drift"], as_list=True, order_by="name asc"))
	for doctype, sentences in found(ctx, [doctype for doctype in doctypes if doctype in known]).items():
		text = "\n".join(sentences)
		if text != (known.get(doctype) or ""):
			alone(partial(frappe.db.set_value, "Sync Rule", doctype, "drift", text, update_modified=False))
