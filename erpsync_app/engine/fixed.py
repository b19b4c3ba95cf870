# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What of a submitted document nobody can write any more, and someone has changed all the same: a button of an app that
`acts` does not know, or a program that wrote past the form.

It cannot cross. So each side's baseline keeps a fingerprint of each such field, and a record in which they have parted
since they were submitted is Diverged, with the fields in its error, until they agree again. Left out are numbers, hidden
fields and a status: the controllers of a site compute these when another document says so, which may not have crossed yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

from erpsync_app.engine.acts import REFERENCES, ROWS
from erpsync_app.engine.canonical import INTEGER_TYPES, NUMBER_TYPES, canonical
from erpsync_app.engine.mapping import FILE_TYPES, Shape, Terms
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, Side

FIXED = "(fixed)"
"""In a baseline, the fingerprints by field."""

COMPUTED_TYPES = INTEGER_TYPES - {"Check"} | NUMBER_TYPES | FILE_TYPES
COMPUTED = frozenset(("status", "title"))


def fingerprints(doc: Document, fixed: Shape, terms: Terms) -> dict[str, str]:
	"""Of the `fixed` part of a submitted document, by field."""
	# Most are empty, and there are many.
	told = canonical(doc, fixed, terms).items()
	return {name: "" if value is None else _fingerprint(value) for name, value in told}


def fixed_part(shape: Shape) -> Shape:
	"""The fields that nobody can write once the document is submitted, and that no site computes."""
	left_out = {*ROWS.get(shape.doctype, ()), REFERENCES.get(shape.doctype)}
	fields = []
	for f in shape.fields:
		if f.after_submit or f.at_birth or f.type in COMPUTED_TYPES or f.local in COMPUTED | left_out:
			continue
		if f.hidden or f.local.endswith("_status"):
			continue
		if f.rows is not None:
			f = replace(f, rows=fixed_part(f.rows))
		fields.append(f)
	return replace(shape, fields=tuple(fields))


def parted(base: Mapping[Side, Fields], now: Mapping[Side, Fields]) -> frozenset[str]:
	"""The fields in which the sides differ and did not when they were last in step, or of which one alone has changed."""
	was = {side: base[side].get(FIXED) or {} for side in SIDES}
	has = {side: now[side].get(FIXED) or {} for side in SIDES}
	found = set()
	for name in has[LOCAL].keys() & has[CLOUD].keys() & was[LOCAL].keys() & was[CLOUD].keys():
		changed = {side for side in SIDES if has[side][name] != was[side][name]}
		both = len(changed) == len(SIDES)
		if (
			changed
			and has[LOCAL][name] != has[CLOUD][name]
			and (not both or was[LOCAL][name] == was[CLOUD][name])
		):
			found.add(name)
	return frozenset(found)


def _fingerprint(value: Any) -> str:
	return f"{crc32(repr(value).encode()):x}"
