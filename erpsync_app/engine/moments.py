# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The moments that the rows of a create bear as their `creation`: that of its intent, and each a microsecond after the
one before it. Frappe keeps the `creation` of a row that brings one (Document.set_user_and_timestamp; of the document
itself it does not), and an edit in the Desk sends it along: so the document is known again, whatever people make of
it, and so is each of its rows. A row that comes without one gets its document's, and is told from no other. The rows
of a create that is begun again bear moments of their own, a second before those of the one before: rows that were
sent are older than their document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.canonical import row_names
from erpsync_app.engine.model import Document, Intent, RowMap, other
from erpsync_app.engine.rows import Table, row_map

APART = timedelta(seconds=1)
NEXT_ROW = timedelta(microseconds=1)


def moment(batch: Batch, intent: Intent, later: timedelta = timedelta(0)) -> str:
	"""When the intent was first begun, or so much later, as its side tells a time."""
	zone = batch.terms[intent.side].zone
	return str((intent.since + later).astimezone(zone).replace(tzinfo=None))


def moments(batch: Batch, intent: Intent, number: int, again: int | None = None) -> list[str]:
	"""Those of so many rows; of the create as it was begun last, or `again` for the n-th time."""
	earlier = (intent.again if again is None else again) * APART
	return [moment(batch, intent, at * NEXT_ROW - earlier) for at in range(number)]


def moments_in(batch: Batch, intent: Intent, table: str) -> list[str]:
	"""All that a row of the table, as it is called on the side of the intent, may bear of it."""
	field = batch.shape.named_on(intent.side, table)
	number = len(intent.sent.get(field.local) or ()) if field else 0
	return [each for n in range(intent.again + 1) for each in moments(batch, intent, number, n)]


def moments_beside(of_row: str, times: int) -> list[str]:
	"""The moments that a row would have, had its create been begun up to so many times before, or after, it was."""
	at = datetime.fromisoformat(of_row)
	return [str(at + n * APART) for n in range(-times, times + 1) if n]


def stamped(values: Document, batch: Batch, intent: Intent) -> Document:
	"""What is to be sent, each row of its tables with its moment."""
	tables = {}
	for name in (f.on(intent.side) for f in batch.shape.fields if f.rows is not None):
		if rows := values.get(name):
			given = moments(batch, intent, len(rows))
			tables[name] = [{**row, "creation": at} for row, at in zip(rows, given, strict=True)]
	return {**values, **tables}


def rows_sent(doc: Document, batch: Batch, intent: Intent) -> list[Document]:
	"""The document's rows of the tables that were sent with rows."""
	sent = [f.on(intent.side) for f in batch.shape.fields if f.rows is not None and intent.sent.get(f.local)]
	return [row for name in sent for row in doc.get(name) or ()]


def send_of(doc: Document, batch: Batch, intent: Intent) -> int | None:
	"""Of the times that the create was begun, the last one of which the document has a row; None where it has none."""
	here = {row["creation"] for row in rows_sent(doc, batch, intent)}
	longest = max((len(rows) for rows in intent.sent.values() if isinstance(rows, list)), default=0)
	sends = range(intent.again, -1, -1) if here else ()
	return next((n for n in sends if not here.isdisjoint(moments(batch, intent, longest, n))), None)


def sent_rows(batch: Batch, source: Document, intent: Intent) -> dict[str, RowMap]:
	"""Who is who among the rows of a document and those that the create makes of them, which go by their moments until
	their names are known."""
	side = other(intent.side)
	names = row_names(source, batch.shape, side)
	return {
		table: RowMap.between(side, names[table], moments(batch, intent, len(rows)))
		for table, rows in intent.sent.items()
		if table in names and rows
	}


def made_rows(batch: Batch, maps: Mapping[str, RowMap], intent: Intent, made: Document) -> dict[str, RowMap]:
	"""The same, once it is known what the create has `made`. Without the tables that the site has built anew:
	which row became which is told there by content."""
	known, side = {}, intent.side
	for table, rows in maps.items():
		field = batch.shape.named(table)
		there = made.get(field.on(side)) if field else None
		names = {row["creation"]: str(row["name"]) for row in there or ()}
		if any(each in names for each in rows.names(side)):
			known[table] = rows.renamed(side, names)
	return known


def untouched_rows(
	batch: Batch, maps: Mapping[str, RowMap], intent: Intent, found: Document
) -> dict[str, RowMap]:
	"""The same, if what the create made is as the site made it: the baselines are what was sent, and all of that."""
	side, fields = intent.side, batch.fields(found, intent.side)
	names = row_names(found, batch.shape, side)
	known = {}
	for table, rows in made_rows(batch, maps, intent, found).items():
		if table in fields:
			sent = Table(intent.sent[table], rows.names(other(side)))
			now = {side: Table(fields[table], names[table]), other(side): sent}
			known[table] = row_map(rows, now, written=True)
	return known
