# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Serial numbers and batches in the rows of stock documents, as ERPNext keeps them.

A row tells its goods in its own fields, where someone typed them, or in a document of its own, a bundle, which it links
to. When the document is submitted, the site makes a bundle of what was typed. So each site has bundles of its own, and
what crosses is what they hold: a site is read and written through `Unbundled`, which shows the rows of both sides
alike and leaves the bundles to the controllers of each.

| the row has | shown |
|---|---|
| goods in its own fields | these, the serial numbers sorted, one a line |
| bundles of one batch, or of none | the same, whatever its own fields say |
| bundles of several batches, which its own fields cannot say | in place of the link the entries, as rows of a table |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from erpsync_app.engine.canonical import PRECISION
from erpsync_app.engine.errors import NeedsPerson, Refused, SyncError
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED
from erpsync_app.engine.model import Document, Field, Meta
from erpsync_app.engine.ports import Site
from erpsync_app.engine.series import reached

BUNDLE = "Serial and Batch Bundle"
NUMBER, BATCH = "Serial No", "Batch"

GOODS = {NUMBER: "item_code", BATCH: "item"}
"""Of a number or batch the field that says what goods it is of: of other goods it is another one."""

TYPED = {
	"serial_and_batch_bundle": "serial_no",
	"rejected_serial_and_batch_bundle": "rejected_serial_no",
}
"""By the link to a bundle, the field of the same row where its serial numbers are typed."""
BATCH_FIELD = "batch_no"
IS_TYPED = "use_serial_batch_fields"
"""Tells ERPNext to make the bundle of what is typed."""
ROWS_OWN = (*TYPED, *TYPED.values(), BATCH_FIELD, IS_TYPED)

OF_THE_SITE = {
	NUMBER: frozenset(
		(
			*("warehouse", "status", "customer", "purchase_document_no", "purchase_rate"),
			*("asset", "asset_status", "location", "employee", "maintenance_status"),
			# on version 16, for purchase_document_no
			*("reference_doctype", "reference_name", "posting_date"),
		)
	),
	BATCH: frozenset(("reference_doctype", "reference_name", "batch_qty", "produced_qty")),
}
"""What each site's own stock documents make of a number or batch; to send it is refused, or wrong."""

ENTRIES = Meta(
	"Serial and Batch Entry",
	{
		"serial_no": Field("serial_no", "Link", options=NUMBER),
		"batch_no": Field("batch_no", "Link", options=BATCH),
		"warehouse": Field("warehouse", "Link", options="Warehouse"),
		"qty": Field("qty", "Float"),
	},
)
"""What of an entry crosses. `qty` is negative in what goes out; all else is computed from it."""

MOST = 10_000
"""Bundles of the cancelled documents of one batch: more are not looked at."""

SERIES = ("serial_no_series", "batch_number_series")
"""The fields of an Item that say how its numbers and batches are named."""

HELD = "(as the site has it)"
"""Under this key a row keeps what its own fields held before they were told."""


@dataclass(frozen=True, slots=True)
class Own:
	"""`fields` are the row's own, as the site has them, `told` what was told of them, and `entries` those of its bundles."""

	fields: Mapping[str, Any]
	told: tuple
	entries: Sequence[Document]


class Unbundled:
	"""A `Site` in whose documents the goods of a row stand in place of its bundles. All else is the site's."""

	def __init__(self, site: Site):
		self._site = site
		self._metas: dict[str, Meta] = {}
		self._series: dict[str, set[str]] = {}
		self._counted: dict[str, int] = {}

	def __getattr__(self, name: str) -> Any:
		return getattr(self._site, name)

	def meta(self, doctype: str) -> Meta:
		if doctype not in self._metas:
			self._metas[doctype] = shown(self._site.meta(doctype))
		return self._metas[doctype]

	def read(self, doctype: str, names: Sequence[str]) -> dict[str, Document]:
		docs = self._site.read(doctype, names)
		self._tell(doctype, docs.values())
		return docs

	def find(self, doctype: str, filters: Sequence[tuple], limit: int) -> list[Document]:
		docs = self._site.find(doctype, filters, limit)
		self._tell(doctype, docs)
		return docs

	def pages(self, doctype: str, size: int, filters: Sequence[tuple] = ()) -> Iterator[list[Document]]:
		for docs in self._site.pages(doctype, size, filters):
			self._tell(doctype, docs)
			yield docs

	def take(self, doctype: str, name: str, action: str, modified: str) -> Document:
		taken = self._site.take(doctype, name, action, modified)
		self._tell(doctype, [taken])
		return taken

	def rename(self, doctype: str, old: str, new: str, modified: str) -> Document:
		renamed = self._site.rename(doctype, old, new, modified)
		self._tell(doctype, [renamed])
		return renamed

	def create(self, doctype: str, values: Document, name: str | None) -> Document:
		made = self._site.create(doctype, self._untold(doctype, values), name)
		self._tell(doctype, [made])
		return made

	def update(self, doctype: str, name: str, changes: Document, modified: str) -> Document:
		made = self._site.update(doctype, name, self._untold(doctype, changes, name), modified)
		self._tell(doctype, [made])
		if changes.get("docstatus") == SUBMITTED:
			with suppress(SyncError):  # it is submitted all the same
				self._count_on(made)
		return made

	def _count_on(self, doc: Document) -> None:
		"""Of what came in with the document, some was named by a series on the other side: the counter here would make the
		same names next, and each time, since a save that is refused for it takes back what was counted."""
		day = date.fromisoformat(str(doc.get("posting_date") or doc["creation"])[:10])
		came: dict[str, set[str]] = {}
		for row in rows_of_goods(doc):
			for entry in row[HELD].entries:
				if entry.get("qty", 0) > 0:
					names = {entry.get("serial_no"), entry.get("batch_no")} - {None, ""}
					came.setdefault(row.get("rm_item_code") or row["item_code"], set()).update(names)
		if new := sorted(came.keys() - self._series.keys()):
			items = self._site.read("Item", new)
			self._series |= {
				item: {series for field in SERIES if (series := items.get(item, {}).get(field))}
				for item in new
			}
		for item, names in came.items():
			for series in sorted(self._series[item]):
				number = reached(series, names, day)
				if number > self._counted.get(series, 0):
					self._site.count_on(series, number)
					self._counted[series] = number

	# -- reading

	def _tables(self, doctype: str) -> dict[str, Meta]:
		children = self._site.meta(doctype).children
		return {table: meta for table, meta in children.items() if not TYPED.keys().isdisjoint(meta.fields)}

	def _tell(self, doctype: str, docs: Iterable[Document]) -> None:
		"""Put the goods in place of the bundles, which are read in one call for all the documents."""
		tables = self._tables(doctype)
		rows = [(table, doc, row) for doc in docs for table in tables for row in doc.get(table) or ()]
		if not rows:
			return
		names = {name for _, _, row in rows for link in TYPED if (name := row.get(link))}
		bundles: dict[str, Document] = {}
		if names:
			with suppress(NeedsPerson, Refused):  # not for this user's eyes: the row's own fields have to do
				bundles = self._site.read(BUNDLE, sorted(names))
		gone = self._of_cancelled(doctype, {doc["name"] for _, doc, _ in rows if _is_cancelled(doc)})
		for table, doc, row in rows:
			found = {link: bundles.get(row.get(link) or "") for link in TYPED if link in row}
			if _is_cancelled(doc):
				found = {link: b or gone.get((doc["name"], row["name"], link)) for link, b in found.items()}
			entries = {link: (bundle or {}).get("entries") or [] for link, bundle in found.items()}
			tell(row, entries, several=IS_TYPED in tables[table].fields)

	def _of_cancelled(self, doctype: str, names: set[str]) -> dict[tuple[str, str, str], Document]:
		"""A cancel takes the links off the rows; the bundles still tell whose they were, by document, row and link."""
		if not names:
			return {}
		theirs = [("voucher_type", "=", doctype), ("voucher_no", "in", sorted(names))]
		found: dict[tuple[str, str, str], Document] = {}
		link, rejected = TYPED
		bundles: list[Document] = []
		with suppress(NeedsPerson, Refused):
			bundles = self._site.find(BUNDLE, theirs, MOST)
		for bundle in bundles:
			# Of a transfer the one that goes out is made first, and is the row's.
			key = bundle.get("voucher_no") or "", bundle.get("voucher_detail_no") or ""
			found.setdefault((*key, rejected if bundle.get("is_rejected") else link), bundle)
		return found

	# -- writing

	def _untold(self, doctype: str, values: Document, name: str | None = None) -> Document:
		"""What is to be sent, in the row's own fields again."""
		out, bundles = dict(values), []
		for table, meta in self._tables(doctype).items():
			if values.get(table):
				out[table] = [untold(row, IS_TYPED in meta.fields) for row in values[table]]
				bundles += [
					(row, link) for row in out[table] for link in TYPED if isinstance(row.get(link), list)
				]
		if bundles:
			known = values if "company" in values or not name else self._site.read(doctype, [name])[name]
			head = {"voucher_type": doctype, "company": known.get("company")}
			head |= {day: values[day] for day in ("posting_date", "posting_time") if values.get(day)}
			taken: set[str] = set()
			for row, link in bundles:
				row[link] = self._bundle(bundle_of(row, link, row[link], head), taken)
				taken.add(row[link])
		return out

	def _bundle(self, bundle: Document, taken: Collection[str]) -> str:
		"""The name of a draft of the bundle. One that a create made which was refused, or never answered, is free yet, but
		for those that are `taken`."""
		free = [
			("docstatus", "=", 0),
			("owner", "=", self._site.user),
			("voucher_no", "is", "not set"),
			*((field, "=", bundle[field]) for field in ("voucher_type", "item_code", "warehouse")),
		]
		for found in self._site.find(BUNDLE, free, MOST):
			same = _entries(found.get("entries")) == _entries(bundle["entries"])
			if same and found["name"] not in taken:
				return found["name"]
		return self._site.create(BUNDLE, bundle, None)["name"]


def shown(meta: Meta) -> Meta:
	"""The meta data of the documents as `Unbundled` shows them."""
	if meta.doctype == BUNDLE:
		return replace(meta, fields={}, children={})
	mine = OF_THE_SITE.get(meta.doctype, frozenset())
	fields = {name: f for name, f in meta.fields.items() if name not in mine}
	children = {name: shown(child) for name, child in meta.children.items()}
	links = [name for name, f in fields.items() if f.type == "Link" and f.options == BUNDLE]
	for name in links:
		f = fields.pop(name)
		if name in TYPED and IS_TYPED in meta.fields:
			fields[name] = replace(f, type="Table", options=ENTRIES.doctype)
			children[name] = ENTRIES
	if links:
		fields.pop(IS_TYPED, None)
	return replace(meta, fields=fields, children=children)


def tell(row: Document, entries: Mapping[str, Sequence[Document]], several: bool) -> None:
	"""Tell in a row the goods of its bundles, whose entries are given by the link to each. `several` is that such rows may
	have bundles of several batches."""
	fields = {name: row[name] for name in ROWS_OWN if name in row}
	every = [entry for of_link in entries.values() for entry in of_link]
	batches = {entry.get("batch_no") for entry in every} - {None, ""}
	split = several and len(batches) > 1
	for link, typed in TYPED.items():
		if link not in row:
			continue
		mine = entries.get(link) or ()
		numbers = [entry["serial_no"] for entry in mine if entry.get("serial_no")]
		row[link] = sorted(map(_entry, mine), key=_key) if split else []
		if typed in row:
			row[typed] = None if split else "\n".join(sorted(numbers or numbers_in(row[typed]))) or None
	if every and BATCH_FIELD in row:
		row[BATCH_FIELD] = None if split else next(iter(batches), None)
	if any(fields.values()):
		row[HELD] = Own(fields, goods(row), every)


def untold(row: Document, typed: bool) -> Document:
	"""A row with its goods in its own fields again; where it is told by the entries of bundles, these are a list yet.
	`typed` is that such rows say whether their goods were typed."""
	row = dict(row)
	own: Own | None = row.pop(HELD, None)
	if own and goods(row) == own.told:
		return {**row, **own.fields}
	row.update({link: row[link] or None for link in TYPED if link in row})
	bundled = any(row.get(link) for link in TYPED)
	if typed and (bundled or any(row.get(each) for each in (*TYPED.values(), BATCH_FIELD))):
		row[IS_TYPED] = int(not bundled)
	return row


def rows_of_goods(doc: Document) -> Iterator[Document]:
	"""The rows of a document that keep what their own fields held."""
	for rows in doc.values():
		for row in rows if isinstance(rows, list) else ():
			if isinstance(row, dict) and HELD in row:
				yield row


def bundle_of(row: Document, link: str, entries: Sequence[Document], head: Document) -> Document:
	"""The draft of a bundle for a row; `head` is what its document says."""
	return {
		**head,
		"item_code": row.get("rm_item_code") or row.get("item_code"),
		"warehouse": entries[0]["warehouse"],
		"type_of_transaction": "Outward" if entries[0]["qty"] < 0 else "Inward",
		"is_rejected": int(link != next(iter(TYPED))),
		"entries": [_entry(entry) for entry in entries],
	}


def numbers_in(typed: str | None) -> list[str]:
	"""The serial numbers in a text, which has one a line or commas between."""
	return [number for each in (typed or "").replace(",", "\n").split("\n") if (number := each.strip())]


def goods(row: Document) -> tuple:
	"""What a row that was told says of its goods, to be compared."""
	numbers = (tuple(numbers_in(row.get(typed))) for typed in TYPED.values())
	return (*numbers, row.get(BATCH_FIELD) or None, *(_entries(row.get(link)) for link in TYPED))


def _entry(entry: Document) -> Document:
	return {name: entry.get(name) or None for name in ENTRIES.fields} | {"qty": float(entry.get("qty") or 0)}


def _key(entry: Document) -> tuple:
	names = (entry.get(name) or "" for name in ("batch_no", "serial_no", "warehouse"))
	return (*names, round(float(entry.get("qty") or 0), PRECISION))


def _entries(entries: Iterable[Document] | None) -> tuple:
	return tuple(sorted(map(_key, entries or ())))


def _is_cancelled(doc: Document) -> bool:
	return int(doc.get("docstatus") or 0) == CANCELLED
