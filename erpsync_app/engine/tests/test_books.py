# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The books of two sides compared. The sites here are lists of entries that can be added up, and nothing else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from erpsync_app.engine.books import BOOKS, Line, compare, differ, is_kept
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Missing
from erpsync_app.engine.model import CLOUD, LOCAL, Binding, Event, Outcome, Rule
from erpsync_app.sandbox.clock import SimulatedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.ledger import SqliteLedger

ACCOUNTS, STOCK = BOOKS


class Entries:
	"""The entries of a site, by DocType."""

	def __init__(self, **entries: list[dict[str, Any]]):
		self.entries = {doctype.replace("_", " "): rows for doctype, rows in entries.items()}
		self.asked = 0

	def sums(self, doctype: str, by: Sequence[str], fields: Sequence[str], filters: Sequence[tuple] = ()):
		self.asked += 1
		if doctype not in self.entries:
			raise Missing(doctype)
		found: dict[tuple, dict[str, Any]] = {}
		for row in self.entries[doctype]:
			if all(
				row.get(name, 0) in asked if op == "in" else row.get(name, 0) == asked
				for name, op, asked in filters
			):
				key = tuple(row.get(name) for name in by)
				sums = found.setdefault(key, dict(zip(by, key, strict=True)))
				for name in fields:
					sums[name] = sums.get(name, 0.0) + row.get(name, 0)
		return list(found.values())

	def stamps(self, doctype: str, names: Sequence[str], filters: Sequence[tuple] = ()) -> dict[str, str]:
		there = {row["voucher_no"] for rows in self.entries.values() for row in rows}
		return {} if filters else dict.fromkeys(there & set(names), "then")


def entry(account: str, debit: float, voucher: str, party: str = "", **more: Any) -> dict[str, Any]:
	return {
		"account": account,
		"party_type": "Customer" if party else None,
		"party": party or None,
		"debit": debit,
		"voucher_type": "Sales Invoice",
		"voucher_no": voucher,
		**more,
	}


def context(local: list[dict], cloud: list[dict], *rules: Rule, **bound: dict[str, str]) -> Context:
	"""`bound` are the names on the cloud by those on the local side, by DocType."""
	database, clock = Database(), SimulatedClock()
	ledger = SqliteLedger(database, clock)
	for doctype, names in bound.items():
		for here, there in names.items():
			binding = Binding(doctype.replace("_", " "), {LOCAL: here, CLOUD: there}, status="Synced")
			ledger.save([Outcome(binding)])
	sites = {LOCAL: Entries(GL_Entry=local), CLOUD: Entries(GL_Entry=cloud)}
	queue = SqliteQueue(database, clock, worker="one")
	return Context(sites, ledger, queue, clock, {rule.doctype: rule for rule in rules})


INVOICES = Rule("Sales Invoice", naming="own")
CUSTOMERS = Rule("Customer", naming="own")


@pytest.mark.parametrize(
	("local", "cloud", "found"),
	[
		({}, {}, {}),
		({("A",): {"debit": 1.0}}, {("A",): {"debit": 1.0}}, {}),
		({("A",): {"debit": 1.0}}, {("A",): {"debit": 1.5}}, {("A",): {"debit": (1.0, 1.5)}}),
		({("A",): {"debit": 0.1 + 0.2}}, {("A",): {"debit": 0.3}}, {}),
		# A line that one side does not have is nought there.
		({("A",): {"debit": 0.0}}, {}, {}),
		({}, {("A",): {"debit": 2.0, "credit": 0.0}}, {("A",): {"debit": (0.0, 2.0)}}),
		# A sum that one side does not show is not.
		({("A",): {"debit": 1.0, "value": 3.0}}, {("A",): {"debit": 1.0}}, {}),
	],
)
def test_which_sums_differ(local, cloud, found):
	assert differ(local, cloud) == found


def test_books_that_agree_though_the_names_are_each_site_s_own():
	local = [entry("Debtors", 5, "SINV-1", "CUST-1"), entry("Debtors", 7, "SINV-2", "CUST-2")]
	cloud = [entry("Debtors", 5, "SINV-8", "CUST-2"), entry("Debtors", 7, "SINV-9", "CUST-1")]
	ctx = context(local, cloud, CUSTOMERS, INVOICES, Customer={"CUST-1": "CUST-2", "CUST-2": "CUST-1"})
	found = compare(ctx, ACCOUNTS)
	assert (found.lines, found.differ) == (2, [])
	assert [site.asked for site in ctx.sites.values()] == [1, 1]


def test_a_cancelled_entry_does_not_count():
	ctx = context([entry("Debtors", 5, "SINV-1", is_cancelled=1)], [], INVOICES)
	assert compare(ctx, ACCOUNTS).differ == []


def lines(ctx: Context) -> list[Line]:
	return compare(ctx, ACCOUNTS).differ


def test_a_voucher_on_one_side_only():
	ctx = context([entry("Debtors", 5, "SINV-1", "C"), entry("Debtors", 1, "SINV-2", "D")], [], INVOICES)
	first, second = lines(ctx)
	assert first.key == {"account": "Debtors", "party_type": "Customer", "party": "C"}
	assert first.sums == {"debit": (5.0, 0.0)}
	assert [(v.name, v.cause) for v in first.vouchers] == [("SINV-1", "unexplained")]
	assert [v.name for v in second.vouchers] == ["SINV-2"]
	ctx.queue.put([Event(LOCAL, "Sales Invoice", "SINV-1")])
	assert [line.cause for line in lines(ctx)] == ["waiting", "unexplained"]


def test_a_voucher_that_is_booked_otherwise():
	local = [entry("Sales", 5, "SINV-1"), entry("Sales", 7, "SINV-2")]
	cloud = [entry("Sales", 5, "SINV-8"), entry("Sales", 9, "SINV-9")]
	ctx = context(local, cloud, INVOICES, Sales_Invoice={"SINV-1": "SINV-8", "SINV-2": "SINV-9"})
	(line,) = lines(ctx)
	assert line.sums == {"debit": (12.0, 14.0)}
	assert [dict(v.names) for v in line.vouchers] == [{LOCAL: "SINV-2", CLOUD: "SINV-9"}]
	assert line.cause == "unexplained"


@pytest.mark.parametrize(
	"rules",
	[
		[],
		[replace(INVOICES, direction="cloud_to_local")],
		[replace(INVOICES, filters=(("company", "=", "Other"),))],
	],
)
def test_a_voucher_outside_the_rules(rules):
	(line,) = lines(context([entry("Sales", 5, "SINV-1")], [], *rules))
	assert line.cause == "outside the rules" and "Sales Invoice" in line.vouchers[0].why


def test_a_sum_that_no_voucher_explains():
	sites = {
		side: Entries(
			Bin=[{"item_code": "Bolt", "warehouse": "Stores", "actual_qty": number, "stock_value": 10}],
			Stock_Ledger_Entry=[],
		)
		for side, number in ((LOCAL, 5), (CLOUD, 6))
	}
	ctx = replace(context([], [], INVOICES), sites=sites)
	(line,) = compare(ctx, STOCK).differ
	assert line.key == {"item_code": "Bolt", "warehouse": "Stores"}
	assert (line.sums, line.vouchers, line.cause) == ({"actual_qty": (5.0, 6.0)}, [], "unexplained")


def test_whether_a_book_is_kept():
	assert is_kept(context([], [entry("Sales", 5, "SINV-1")], INVOICES), ACCOUNTS)
	assert not is_kept(context([], [entry("Sales", 5, "SINV-1")], CUSTOMERS), ACCOUNTS)
	assert not is_kept(context([], [], INVOICES), ACCOUNTS)
	assert not is_kept(context([], [], INVOICES), STOCK)  # no ERPNext there
