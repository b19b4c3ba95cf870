# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What `erpsync verify` finds of a company, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from erpsync_app import verify
from erpsync_app.engine.differences import Values
from erpsync_app.tests.business.world import World


def differences(world: World) -> Iterator[str]:
	"""The documents of the rules, all of which are the company's; and of the books the company's own lines, since
	of the bench's other companies nothing crosses."""
	report = verify.compare()
	for each in report.differ:
		where = f"is missing on the {each.missing} site" if each.missing else _both(each.fields)
		yield f"{each.doctype} {each.name} ({each.cause}): {where} {each.why}".rstrip()
	for book in report.books.values():
		for line in book.differ:
			if any(world.abbr in value for value in line.key.values()):
				of = ", ".join(filter(None, line.key.values()))
				vouchers = ", ".join(f"{voucher.doctype} {voucher.name}" for voucher in line.vouchers)
				yield f"{line.book}, {of}: {_both(line.sums)} ({line.cause}) {vouchers}".rstrip()
	yield from report.aside


def _both(fields: Mapping[str, Values]) -> str:
	return "; ".join(f"{name} is {one}, and {two} in the cloud" for name, (one, two) in fields.items())
