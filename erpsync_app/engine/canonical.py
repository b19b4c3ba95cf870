# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The canonical form of a document: two documents are equal when their canonical forms are.

It holds the synced fields alone, in the local site's terms, each value in one spelling. `canonical` leads in,
`outbound` leads out; what a site computes or spells otherwise shows in its own baseline, not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import partial
from typing import Any

from erpsync_app.engine.files import address, attached
from erpsync_app.engine.mapping import (
	FILE_TYPES,
	REFERRING_TYPES,
	Shape,
	SyncedField,
	Terms,
	link_target,
	relisted,
)
from erpsync_app.engine.model import LOCAL, Document, Fields, Side

INTEGER_TYPES = frozenset(("Int", "Long Int", "Check"))
NUMBER_TYPES = frozenset(("Float", "Currency", "Percent", "Rating", "Duration"))
PRECISION = 9
"""Decimal places that Frappe stores of a number: decimal(21,9)."""


def canonical(
	doc: Document, shape: Shape, terms: Terms, *, at_birth: bool = False, submitted: bool = False
) -> Fields:
	"""The canonical form of a site's document.

	Fields that the document does not carry (the user may not read them) are left out, not empty. Fields that
	are read-only after birth are left out too, unless `at_birth` asks for what a create is to send; and so are,
	where `submitted` says that both sides' documents are, those that may not be changed any more.
	"""
	found: Fields = {}
	for f in shape.fields:
		name = f.on(terms.side)
		if name not in doc or (f.at_birth and not at_birth):
			continue
		value = doc[name]
		if f.rows is not None:
			# Rows may be added to some tables after submit; to the others not, but fields of theirs may change.
			fixed = submitted and not f.after_submit
			if fixed and not any(each.after_submit for each in f.rows.fields):
				continue
			found[f.local] = [
				canonical(row, f.rows, terms, at_birth=at_birth, submitted=fixed) for row in value or ()
			]
		elif submitted and not f.after_submit:
			continue
		elif value and (target := link_target(f, doc, shape, terms.side)):
			found[f.local] = terms.link_in(target, value)
		elif f.type in FILE_TYPES:
			found[f.local] = attached(value, terms)
		elif f.lists and value and isinstance(value, str):
			found[f.local] = relisted(value, partial(terms.link_in, f.lists))
		else:
			spelling = spelled(value, f.type, terms.zone, terms.local_zone)
			refers = f.type in REFERRING_TYPES and spelling is not None
			found[f.local] = terms.rows_inward.get(spelling, spelling) if refers else spelling
	return found


def row_names(doc: Document, shape: Shape, side: Side) -> dict[str, list[str]]:
	"""By table, the names that the rows of a site's document have there, in their order."""
	tables = ((f.local, doc[f.on(side)]) for f in shape.fields if f.rows is not None and f.on(side) in doc)
	return {table: [str(row.get("name")) for row in rows or ()] for table, rows in tables}


def outbound(
	fields: Fields,
	shape: Shape,
	terms: Terms,
	current: Document | None = None,
	rows: Mapping[str, Sequence[str]] | None = None,
) -> Document:
	"""Canonical fields as the side of `terms` takes them.

	A child table is sent whole. `rows` holds, by table, the name of each of its rows on that side; of a table that it
	lacks, content tells which row is which. Each row that `current` (the side's own document) has already keeps its
	name and every field that is not synced: Frappe empties what a row does not carry, and a row under a name that the
	site does not know vanishes silently, unless it says that it is new.
	"""
	values: Document = {}
	for f in shape.fields:
		if f.local not in fields:
			continue
		value = fields[f.local]
		name = f.on(terms.side)
		if f.rows is not None:
			values[name] = _rows_out(
				value, f, terms, (current or {}).get(name) or [], (rows or {}).get(f.local)
			)
		elif value and (target := _target(f, fields, shape, current, terms)):
			values[name] = terms.link_out(target, value)
		elif f.type in FILE_TYPES:
			if (url := address(value, terms)) or not value:
				values[name] = url  # of a file that is not there, the field stays what it is
		elif f.type == "Datetime" and terms.side != LOCAL:
			held = (current or {}).get(name)
			same = held and spelled(held, f.type, terms.zone, terms.local_zone) == value
			# Of the hour that comes twice on the local side, which one it is only the other side knows.
			values[name] = held if same else spelled(value, f.type, terms.local_zone, terms.zone)
		elif f.lists and value:
			values[name] = relisted(value, partial(terms.link_out, f.lists))
		elif f.type in REFERRING_TYPES and value is not None:
			values[name] = terms.rows_outward.get(value, value)
		else:
			values[name] = value
	return values


def _target(
	f: SyncedField, fields: Fields, shape: Shape, current: Document | None, terms: Terms
) -> str | None:
	"""The DocType a canonical value points to; a Dynamic Link's chooser may be unchanged, so not in `fields`."""
	if f.type == "Dynamic Link" and f.options not in fields:
		return link_target(f, current or {}, shape, terms.side)
	return link_target(f, fields, shape, LOCAL)


def _rows_out(
	rows: Sequence[Fields],
	f: SyncedField,
	terms: Terms,
	current: Sequence[Document],
	names: Sequence[str] | None,
) -> list[Document]:
	assert f.rows is not None
	if names is None:
		matches = align(rows, [canonical(row, f.rows, terms) for row in current])
	else:
		at = {str(row["name"]): i for i, row in enumerate(current)}
		matches = [at.get(name) for name in names]
	out: list[Document] = []
	for row, match in zip(rows, matches, strict=True):
		if match is not None:
			out.append({**current[match], **outbound(row, f.rows, terms, current[match])})
		elif names and f.rows.takes_names:
			# Frappe's own mark of a row that is new: it is inserted under the name that it has.
			out.append({"name": names[len(out)], "__islocal": 1, **outbound(row, f.rows, terms)})
		else:
			out.append(outbound(row, f.rows, terms))
	for position, row in enumerate(out, start=1):
		row["idx"] = position
	return out


def align(wanted: Sequence[Fields], held: Sequence[Fields]) -> list[int | None]:
	"""For each wanted row the index of the held row that it is, or None for a new one.

	Equal rows first, then those left over in their order: an edited row stays the row it was.
	"""
	free = dict(enumerate(held))
	matches: list[int | None] = []
	for row in wanted:
		matches.append(next((i for i, h in free.items() if all(h.get(k) == v for k, v in row.items())), None))
		free.pop(matches[-1], None)  # type: ignore[arg-type]
	left = sorted(free)
	return [match if match is not None else (left.pop(0) if left else None) for match in matches]


def spelled(value: Any, kind: str, zone: tzinfo, into: tzinfo) -> Any:
	"""A value in its one spelling. A Datetime, naive in `zone`, is told in the zone `into`: it is an instant,
	and Frappe keeps instants in the site's own time zone. Values that make no sense are kept as text."""
	try:
		if kind in INTEGER_TYPES:
			return int(value or 0)
		if kind in NUMBER_TYPES:
			number = round(float(value or 0), PRECISION) + 0.0  # -0.0 becomes 0.0
			return number if number == number else str(number)  # NaN would differ from itself for ever
		if value is None or value == "":
			return None
		if kind == "Datetime":
			return _moved(value, zone, into)
		if kind == "Date":
			return (
				value.isoformat()[:10]
				if isinstance(value, date)
				else date.fromisoformat(str(value)[:10]).isoformat()
			)
		if kind == "Time":
			return _time(value)
		if kind == "JSON":
			return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
	except (TypeError, ValueError, OverflowError, RecursionError):
		pass
	return re.sub("\r+\n", "\n", str(value))


def _moved(value: Any, zone: tzinfo, into: tzinfo) -> str:
	moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
	if zone is not into:
		moment = moment.replace(tzinfo=zone).astimezone(into).replace(tzinfo=None)
	# Not by strftime, which writes the year 1 with one digit.
	return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _time(value: Any) -> str:
	"""Frappe gives a time of day as a timedelta, a time, or text with one or two digits for the hour."""
	if isinstance(value, time):
		value = timedelta(
			hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
		)
	if not isinstance(value, timedelta):
		match = re.fullmatch(r"(?:(\d+) days?, )?(\d+):(\d+)(?::(\d+)(?:\.(\d{1,6}))?)?", str(value))
		if not match:
			raise ValueError(value)
		days, hours, minutes, seconds, fraction = match.groups()
		value = timedelta(
			days=int(days or 0),
			hours=int(hours),
			minutes=int(minutes),
			seconds=int(seconds or 0),
			microseconds=int((fraction or "0").ljust(6, "0")),
		)
	whole, micro = divmod(value // timedelta(microseconds=1), 1_000_000)
	text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
	return f"{text}.{micro:06d}" if micro else text


def instant(modified: str, zone: tzinfo, *, fold: int = 0) -> datetime:
	"""A site's naive `modified` as a moment in UTC, comparable across sites: of the hour that comes twice when summer
	time ends the first, or with a `fold` of 1 the second one."""
	# In UTC, since Python compares two times of one zone by what their clocks show.
	return datetime.fromisoformat(modified).replace(tzinfo=zone, fold=fold).astimezone(timezone.utc)
