# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Compares what both sites hold, for the command and for the nightly scan: the documents of each rule, and the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import frappe
from frappe import _
from frappe.utils import now_datetime

from erpsync_app import runs
from erpsync_app.adapters.transactions import alone
from erpsync_app.engine import books as ledgers
from erpsync_app.engine.books import BOOKS, Book, Compared, Line, Voucher
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.differences import CAUSES, Difference
from erpsync_app.engine.errors import Missing, Unreadable
from erpsync_app.engine.model import SIDES, Event
from erpsync_app.engine.verify import Tally, look, suspects

MOST_TOLD = 1000
"""Differing documents that a report holds in full; all are counted, and all are looked at again."""


@dataclass
class Report:
	"""What was compared and what differs. `events` name what differs, `aside` says what could not be compared; `run` is
	what looked at it again, if that was asked for, and then the rest is as it was found after that."""

	tally: Tally = field(default_factory=Tally)
	differ: list[Difference] = field(default_factory=list)
	differing: int = 0
	books: dict[str, Compared] = field(default_factory=dict)
	aside: list[str] = field(default_factory=list)
	events: list[Event] = field(default_factory=list)
	run: Run | None = None

	@property
	def in_step(self) -> bool:
		return not (self.differing or self.aside or any(book.differ for book in self.books.values()))

	def add(self, differences: Iterable[Difference]) -> None:
		for difference in differences:
			self.differing += 1
			if len(self.differ) < MOST_TOLD:
				self.differ.append(difference)
			self.note_events(difference)

	def note_events(self, about: Difference | Voucher) -> None:
		"""One for each side that has a name for it."""
		named = [
			Event(side, about.doctype, name, trigger="command") for side, name in about.names.items() if name
		]
		self.events += [event for event in named if about.cause != "outside the rules"]


def compare(*, doctype: str | None = None, books: bool = False, repair: bool = False) -> Report:
	"""Compare the documents of all rules and the books; with a `doctype` its documents alone, with `books` those alone,
	with both both. `repair` lets sync look again at what differs, and compares that anew. Raises NeedsPerson for a
	DocType without a rule."""
	everything = doctype is None and not books
	with runs.opened(looking=True) as ctx:
		doctypes = runs.chosen(ctx, doctype) if doctype or everything else []
		report = Report(aside=list(ctx.aside.values()))
		for each in doctypes:
			with _setting_aside(report):
				_compare_documents(ctx, report, each)
		if books or everything:
			_compare_books(ctx, report, BOOKS, asked_for=books)
	if repair and report.events:
		report = _repaired(report)
	if everything:
		_note(report)
	return report


def _compare_documents(ctx: Context, report: Report, doctype: str) -> None:
	_look_anew()
	found = suspects(ctx, doctype, report.tally)
	_look_anew()
	report.add(look(ctx, doctype, found, report.tally))


def _compare_books(ctx: Context, report: Report, books: Iterable[Book], *, asked_for: bool) -> None:
	for book in books:
		with _setting_aside(report):
			if not (asked_for or ledgers.is_kept(ctx, book)):
				continue
			_look_anew()
			found = ledgers.compare(ctx, book)
			if found.differ:
				# What was just on its way when it was added up has arrived by the second time.
				before = [line.key for line in found.differ]
				_look_anew()
				found = ledgers.compare(ctx, book)
				found.differ = [line for line in found.differ if line.key in before]
			report.books[book.name] = found
			for line in found.differ:
				for voucher in line.vouchers:
					report.note_events(voucher)


def _look_anew() -> None:
	"""End the transaction: in it, the local site would be seen as it was when it began."""
	frappe.db.rollback()


def _repaired(before: Report) -> Report:
	"""Look at what differs again, as sync does, and compare it once more."""
	after = Report(before.tally, aside=before.aside)
	after.run = runs.look_again(list(dict.fromkeys(before.events)))
	with runs.opened(looking=True) as ctx:
		for doctype in dict.fromkeys(event.doctype for event in before.events):
			named = [event for event in before.events if event.doctype == doctype]
			after.add(look(ctx, doctype, named, Tally()))
		_compare_books(ctx, after, [book for book in BOOKS if book.name in before.books], asked_for=True)
	return after


@contextmanager
def _setting_aside(report: Report) -> Iterator[None]:
	"""What a side cannot tell does not keep the rest from being compared."""
	try:
		yield
	except (Unreadable, Missing) as e:
		report.aside.append(str(e))


# -- told


def as_data(report: Report) -> dict[str, Any]:
	"""A report as `--json` tells it."""
	return {
		"ok": report.in_step,
		"compared": dict(report.tally.compared),
		"outside_the_rules": dict(report.tally.outside),
		"differing": report.differing,
		"differences": [_difference(each) for each in report.differ],
		"books": {
			name: {"compared": book.lines, "differences": [_line(line) for line in book.differ]}
			for name, book in report.books.items()
		},
		"errors": report.aside,
		**({"looked_at_again": report.run.done} if report.run else {}),
	}


def _difference(about: Difference) -> dict[str, Any]:
	return {
		"doctype": about.doctype,
		**_names(about),
		"missing_on": about.missing,
		"fields": {name: dict(zip(SIDES, values, strict=True)) for name, values in about.fields.items()},
		"cause": about.cause,
		"why": about.why,
	}


def _line(line: Line) -> dict[str, Any]:
	return {
		**line.key,
		"sums": {name: dict(zip(SIDES, values, strict=True)) for name, values in line.sums.items()},
		"cause": line.cause,
		"vouchers": [
			{"doctype": each.doctype, **_names(each), "cause": each.cause, "why": each.why}
			for each in line.vouchers
		],
	}


def _names(about: Difference | Voucher) -> dict[str, str | None]:
	return {f"{side}_name": about.names.get(side) for side in SIDES}


def summary(report: Report) -> str:
	"""A report in a sentence or two."""
	documents = sum(report.tally.compared.values())
	lines = [line for book in report.books.values() for line in book.differ]
	if report.in_step:
		if report.books:
			return _("Both sites are in step: {0} documents and the books are the same.").format(documents)
		return _("Both sites are in step: {0} documents are the same.").format(documents)
	told = []
	if report.differing:
		told.append(_("{0} of {1} documents differ").format(report.differing, documents))
	if lines:
		told.append(_("{0} lines of the books differ").format(len(lines)))
	sentences = [f"{', '.join(told)} ({_causes([*report.differ, *lines])})."] if told else []
	return " ".join([*sentences, *report.aside])


def _causes(differ: Iterable[Difference | Line]) -> str:
	counted = Counter(each.cause for each in differ)
	words = {
		"waiting": _("waiting"),
		"failed": _("failed"),
		"conflict": _("conflict"),
		"diverged": _("diverged"),
		"outside the rules": _("outside the rules"),
		"unexplained": _("unexplained"),
	}
	return ", ".join(f"{counted[cause]} {words[cause]}" for cause in CAUSES if counted[cause])


def _note(report: Report) -> None:
	"""Keep the result for the workspace. Committed when it returns."""
	told = {"last_verify": now_datetime(), "verify_result": summary(report)}
	alone(lambda: frappe.db.set_single_value("Sync Settings", told, update_modified=False))
