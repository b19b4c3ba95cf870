# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Compares the books of both sides: the trial balance by account and party, the stock by item and warehouse, as of now.

Each side adds its own up, in a query for each book; what differs is traced to the vouchers in a second one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from erpsync_app.engine.context import Context
from erpsync_app.engine.differences import Cause, alike, cause_of
from erpsync_app.engine.errors import Missing
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Side, other
from erpsync_app.engine.rules import filters_on

Key = tuple[str, ...]
Sums = Mapping[Key, Mapping[str, float]]

TRACED = 200
"""Of so many lines of a book the vouchers are looked up, and of so many vouchers of a line it is told what is known."""

AT_ONCE = 50
"""Values that one query filters by."""


@dataclass(frozen=True, slots=True)
class Book:
	"""What is added up. `by` leads from each field of a line to the DocType whose documents it names, or to the field
	that names the DocType; `sums` are the fields added up. `entries` is the DocType that has a line for each voucher,
	`of_voucher` its fields for the same sums."""

	name: str
	doctype: str
	by: Mapping[str, str]
	sums: Sequence[str]
	entries: str
	of_voucher: Sequence[str]
	filters: Sequence[tuple] = ()


NOT_CANCELLED = (("is_cancelled", "=", 0),)
BOOKS = (
	Book(
		"accounts",
		"GL Entry",
		{"account": "Account", "party_type": "", "party": "party_type"},
		("debit", "credit", "debit_in_account_currency", "credit_in_account_currency"),
		"GL Entry",
		("debit", "credit", "debit_in_account_currency", "credit_in_account_currency"),
		NOT_CANCELLED,
	),
	Book(
		"stock",
		"Bin",
		{"item_code": "Item", "warehouse": "Warehouse"},
		("actual_qty", "stock_value"),
		"Stock Ledger Entry",
		("actual_qty", "stock_value_difference"),
	),
)


@dataclass(frozen=True, slots=True)
class Voucher:
	"""A document that is booked otherwise on the two sides, and why, as far as it is known."""

	doctype: str
	names: Mapping[Side, str | None]
	cause: Cause
	why: str = ""

	@property
	def name(self) -> str:
		return self.names.get(LOCAL) or self.names.get(CLOUD) or "?"


@dataclass(frozen=True, slots=True)
class Line:
	"""A line of a book that differs: what it is of, and the sums of both sides that are not the same."""

	book: str
	key: Mapping[str, str]
	sums: Mapping[str, tuple[float, float]]
	vouchers: Sequence[Voucher] = ()

	@property
	def cause(self) -> Cause:
		"""That of all its vouchers, if they have one in common."""
		causes = {voucher.cause for voucher in self.vouchers}
		return causes.pop() if len(causes) == 1 else "unexplained"


@dataclass
class Compared:
	"""A book that was compared: how many lines it has, and those that differ."""

	lines: int = 0
	differ: list[Line] = field(default_factory=list)


def is_kept(ctx: Context, book: Book) -> bool:
	"""Whether documents that a rule lets cross are booked in it. Without any, each site keeps books of its own."""
	for side in SIDES:
		try:
			rows = ctx.sites[side].sums(book.entries, ["voucher_type"], ["docstatus"])
		except Missing:
			return False
		if any(row["voucher_type"] in ctx.rules for row in rows):
			return True
	return False


def compare(ctx: Context, book: Book) -> Compared:
	"""A book of both sides, line by line. Raises NeedsPerson where a side cannot tell."""
	sums = {side: _sums(ctx, book, side) for side in SIDES}
	found = differ(sums[LOCAL], sums[CLOUD])
	traced = _trace(ctx, book, list(found)[:TRACED])
	lines = [
		Line(book.name, dict(zip(book.by, key, strict=True)), values, traced.get(key, ()))
		for key, values in found.items()
	]
	return Compared(len(sums[LOCAL].keys() | sums[CLOUD].keys()), lines)


def differ(local: Sums, cloud: Sums) -> dict[Key, dict[str, tuple[float, float]]]:
	"""The sums that are not the same, by line. A line that one side does not have is nought there."""
	found = {}
	for key in sorted(local.keys() | cloud.keys()):
		here, there = local.get(key), cloud.get(key)
		# Of a line that both have, what one user may not see is no nought.
		names = here.keys() & there.keys() if here and there else (here or there or {}).keys()
		both = {name: ((here or {}).get(name, 0.0), (there or {}).get(name, 0.0)) for name in sorted(names)}
		if apart := {name: values for name, values in both.items() if not alike(*values)}:
			found[key] = apart
	return found


def _sums(ctx: Context, book: Book, side: Side) -> dict[Key, dict[str, float]]:
	rows = ctx.sites[side].sums(book.doctype, list(book.by), book.sums, book.filters)
	found: dict[Key, dict[str, float]] = {}
	for row, key in zip(rows, _keys(ctx, book, side, rows), strict=True):
		_add(found.setdefault(key, {}), row, book.sums)
	return found


def _add(to: dict[str, float], row: Document, names: Sequence[str]) -> None:
	for name in names:
		if name in row:
			to[name] = to.get(name, 0.0) + row[name]


def _keys(ctx: Context, book: Book, side: Side, rows: Sequence[Document]) -> list[Key]:
	"""What each row is of, in local names."""
	wanted = defaultdict(set)
	for row in rows:
		for name, value in row.items():
			if name in book.by and value:
				wanted[_target(book, name, row)].add(value)
	local = {doctype: _inward(ctx, side, doctype, names) for doctype, names in wanted.items()}

	def told(row: Document, name: str) -> str:
		value = row.get(name) or ""
		return local[_target(book, name, row)].get(value, value) if value else ""

	return [tuple(told(row, name) for name in book.by) for row in rows]


def _target(book: Book, name: str, row: Document) -> str:
	target = book.by[name]
	return (row.get(target) or "") if target in book.by else target


def _inward(ctx: Context, side: Side, doctype: str, names: Iterable[str]) -> Mapping[str, str]:
	"""The local name by the cloud's, of documents whose names may differ."""
	return ctx.ledger.names(doctype, CLOUD, sorted(names)) if side == CLOUD and doctype in ctx.rules else {}


# -- the vouchers


def _trace(ctx: Context, book: Book, keys: Sequence[Key]) -> dict[Key, list[Voucher]]:
	"""By line, the vouchers that are booked otherwise on the two sides."""
	if not keys:
		return {}
	booked = {side: _booked(ctx, book, side, keys) for side in SIDES}
	apart: dict[Key, list[Key]] = {}
	for key in keys:
		found = differ(booked[LOCAL].get(key, {}), booked[CLOUD].get(key, {}))
		apart[key] = list(found)[:TRACED]
	known = _known(ctx, {voucher for vouchers in apart.values() for voucher in vouchers})
	return {key: [known[voucher] for voucher in vouchers] for key, vouchers in apart.items()}


def _booked(
	ctx: Context, book: Book, side: Side, keys: Sequence[Key]
) -> dict[Key, dict[Key, dict[str, float]]]:
	"""By line and voucher `(doctype, local name)`, the sums."""
	first, target = next(iter(book.by.items()))
	asked = sorted({key[0] for key in keys})
	if side == CLOUD and target in ctx.rules:
		outward = ctx.ledger.names(target, LOCAL, asked)
		asked = [outward.get(name, name) for name in asked]
	wanted = set(keys)
	found: dict[Key, dict[Key, dict[str, float]]] = {}
	for start in range(0, len(asked), AT_ONCE):
		filters = [*NOT_CANCELLED, (first, "in", asked[start : start + AT_ONCE])]
		by = [*book.by, "voucher_type", "voucher_no"]
		rows = ctx.sites[side].sums(book.entries, by, book.of_voucher, filters)
		keyed = list(zip(rows, _keys(ctx, book, side, rows), strict=True))
		rows = [row for row, key in keyed if key in wanted]
		local = {
			doctype: _inward(
				ctx, side, doctype, {r["voucher_no"] for r in rows if r["voucher_type"] == doctype}
			)
			for doctype in {row["voucher_type"] for row in rows}
		}
		for row, key in keyed:
			if key in wanted:
				doctype, name = row["voucher_type"] or "", row["voucher_no"] or ""
				voucher = (doctype, local[row["voucher_type"]].get(name, name))
				_add(found.setdefault(key, {}).setdefault(voucher, {}), row, book.of_voucher)
	return found


def _known(ctx: Context, vouchers: Iterable[Key]) -> dict[Key, Voucher]:
	"""What is known of each voucher `(doctype, local name, or the cloud's of one that is not bound)`."""
	names = defaultdict(set)
	for doctype, name in vouchers:
		names[doctype].add(name)
	found: dict[Key, Voucher] = {}
	for doctype, of_it in names.items():
		for name, voucher in _of_doctype(ctx, doctype, sorted(of_it)).items():
			found[doctype, name] = voucher
	return found


def _of_doctype(ctx: Context, doctype: str, names: Sequence[str]) -> dict[str, Voucher]:
	if doctype not in ctx.rules:
		why = f"No Sync Rule lets {doctype} cross."
		return {
			name: Voucher(doctype, {LOCAL: name, CLOUD: name}, "outside the rules", why) for name in names
		}
	local = ctx.ledger.bindings(doctype, LOCAL, names)
	cloud = ctx.ledger.bindings(doctype, CLOUD, [name for name in names if name not in local])
	states = {side: dict(ctx.queue.states(doctype, side, names)) for side in SIDES}
	there = {
		CLOUD: [bound for b in local.values() if (bound := b.names.get(CLOUD))],
		LOCAL: [bound for b in cloud.values() if (bound := b.names.get(LOCAL))],
	}
	for side in SIDES:
		if there[side]:
			states[side] |= ctx.queue.states(doctype, side, there[side])
	unbound = [name for name in names if name not in local and name not in cloud]
	outside = _outside(ctx, doctype, unbound)
	found = {}
	for name in names:
		binding = local.get(name) or cloud.get(name)
		both = binding.names if binding else {LOCAL: name, CLOUD: name}
		cause, why = cause_of(
			binding, [states[side][n] for side in SIDES if (n := both.get(side)) in states[side]]
		)
		if cause == "unexplained" and name in outside:
			cause, why = "outside the rules", f"The Sync Rule {doctype} does not let it cross."
		found[name] = Voucher(doctype, both, cause, why)
	return found


def _outside(ctx: Context, doctype: str, names: Sequence[str]) -> set[str]:
	"""Those that no side has that the rule lets it cross from."""
	rule, open_on = ctx.rules[doctype], set()
	for side in SIDES:
		if names and rule.writes(other(side)):
			open_on |= ctx.sites[side].stamps(doctype, names, filters_on(rule, side)).keys()
	return set(names) - open_on
