# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Compares what both sites hold of a company: its documents, what is booked, what is in stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import frappe

from erpsync_app.engine.model import SIDES
from erpsync_app.tests.business.world import World
from erpsync_app.tests.trade import Clerk

SEEN = (
	"docstatus",
	"status",
	"per_delivered",
	"per_billed",
	"per_received",
	"per_returned",
	"billing_status",
	"delivery_status",
	"grand_total",
	"outstanding_amount",
	"advance_paid",
	"unallocated_amount",
	"total_debit",
	"total_amount",
	"produced_qty",
	"price_list_rate",
)
"""What people look at in a list: of each, those that the DocType has."""

PENNY = 0.01


def differences(world: World) -> list[str]:
	"""In words, what is not the same on both sites. Empty: the books agree."""
	return [
		*(told for doctype in world.rules for told in _documents(world, doctype)),
		*_sums(world, "booked", _booked),
		*_sums(world, "in stock", _in_stock),
	]


def _documents(world: World, doctype: str) -> Iterator[str]:
	fields = [f for f in SEEN if f == "docstatus" or frappe.get_meta(doctype).has_field(f)]
	ours, theirs = (
		{row.pop("name"): row for row in clerk.listed(doctype, world.rules[doctype], "name", *fields)}
		for clerk in world.clerks
	)
	frappe.db.rollback()
	pairs = frappe.get_all(
		"Sync Record",
		filters={"ref_doctype": doctype},
		fields=[f"{side}_name as {side}" for side in SIDES],
		order_by="name asc",
	)
	for pair in pairs:
		one, two = ours.pop(pair.local, None), theirs.pop(pair.cloud, None)
		for field in fields:
			if one and two and not _same(one[field], two[field]):
				yield (
					f"{doctype} {pair.local} ({pair.cloud} in the cloud): {field} is {one[field]}, "
					f"and {two[field]} in the cloud"
				)
		if bool(one) != bool(two):
			yield f"{doctype} {pair.local or pair.cloud} is on the {'local' if one else 'cloud'} site alone"
	for name in ours:
		yield f"{doctype} {name} of the local site has no record"
	for name in theirs:
		yield f"{doctype} {name} of the cloud has no record"


def _same(one: object, two: object) -> bool:
	if isinstance(one, int | float) and isinstance(two, int | float):
		return abs(one - two) < PENNY
	return (one or None) == (two or None)


Sums = dict[tuple[str, ...], float]


def _sums(world: World, what: str, of) -> Iterator[str]:
	ours, theirs = (of(world, clerk) for clerk in world.clerks)
	for key in sorted({*ours, *theirs}):
		one, two = ours[key], theirs[key]
		if abs(one - two) >= PENNY:
			yield f"{what}, {', '.join(filter(None, key))}: {one:.2f}, and {two:.2f} in the cloud"


def _booked(world: World, clerk: Clerk) -> Sums:
	"""The trial balance, by account and party."""
	sums: Sums = defaultdict(float)
	filters = {"company": world.company, "is_cancelled": 0}
	for row in clerk.listed("GL Entry", filters, "account", "party", "debit", "credit"):
		sums[row["account"], row["party"] or ""] += row["debit"] - row["credit"]
	return sums


def _in_stock(world: World, clerk: Clerk) -> Sums:
	sums: Sums = defaultdict(float)
	measures = ("actual_qty", "stock_value", "reserved_qty", "ordered_qty", "planned_qty")
	filters = [["item_code", "like", f"{world.abbr} %"]]
	for row in clerk.listed("Bin", filters, "item_code", "warehouse", *measures):
		for measure in measures:
			sums[row["item_code"], row["warehouse"], measure] += row[measure]
	return sums
