# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What `erpsync verify` prints for a person."""

from __future__ import annotations

from typing import Any

import click

from erpsync_app.engine.books import Line, Voucher
from erpsync_app.engine.differences import Difference, Values
from erpsync_app.engine.model import SIDES, other
from erpsync_app.verify import Report, summary

LONGEST = 60
"""Characters of a value."""

MOST_VOUCHERS = 10
"""Of a line of the books."""


def tell(report: Report) -> None:
	for doctype, number in report.tally.compared.items():
		outside = report.tally.outside[doctype]
		beside = f", {outside} more are outside the rules" if outside else ""
		click.echo(f"{doctype}: {number} documents compared{beside}")
	for difference in report.differ:
		_tell_document(difference)
	if left := report.differing - len(report.differ):
		click.echo(f"  ... and {left} more")
	for name, book in report.books.items():
		click.echo(f"{name.capitalize()}: {book.lines} lines compared")
		for line in book.differ:
			_tell_line(line)
	if report.run:
		click.echo(f"{report.run.done} documents were looked at again; this is how they are now.")
		for error in report.run.errors[:20]:
			click.secho(f"  ! {error}", fg="red")
	click.secho(summary(report), fg="green" if report.in_step else "red", err=not report.in_step)


def _tell_document(about: Difference) -> None:
	where = f" is on the {other(about.missing)} side alone" if about.missing else ""
	click.echo(f"  {_named(about)}{where}: {_cause(about.cause, about.why)}")
	for name, values in about.fields.items():
		click.echo(f"    {name}: {_both(values)}")


def _tell_line(line: Line) -> None:
	key = ", ".join(value for value in line.key.values() if value)
	click.echo(f"  {key}: {_cause(line.cause, '')}")
	for name, values in line.sums.items():
		click.echo(f"    {name}: {_both(values)}")
	for voucher in line.vouchers[:MOST_VOUCHERS]:
		click.echo(f"    booked otherwise: {_named(voucher)}: {_cause(voucher.cause, voucher.why)}")
	if left := len(line.vouchers[MOST_VOUCHERS:]):
		click.echo(f"    ... and {left} more vouchers")


def _named(about: Difference | Voucher) -> str:
	own, its = (about.names.get(side) for side in SIDES)
	return f"{about.doctype} {about.name}" + (f" (cloud: {its})" if own and its and own != its else "")


def _cause(cause: str, why: str) -> str:
	return f"{cause}. {why}" if why else cause


def _both(values: Values) -> str:
	return ", ".join(f"{side} {_short(value)}" for side, value in zip(SIDES, values, strict=True))


def _short(value: Any) -> str:
	text = repr(value)
	return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
