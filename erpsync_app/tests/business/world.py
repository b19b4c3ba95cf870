# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The company whose business it is, new on both sites: with parties in two currencies, and goods in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass

import frappe

from erpsync_app.tests.business.drawing import CUSTOMERS
from erpsync_app.tests.support import Person, forget_everything, set_rules, sync
from erpsync_app.tests.trade import Clerk, clerks, count_apart, refusals

FOREIGN = "EUR"
SUPPLIERS = GOODS = 2
PLENTY = 10_000
"""Goods at the start, of each kind and in each warehouse: no clerk ever runs out."""

BY_COMPANY = (
	"Quotation",
	"Sales Order",
	"Delivery Note",
	"Sales Invoice",
	"Purchase Order",
	"Purchase Receipt",
	"Purchase Invoice",
	"Payment Entry",
	"Journal Entry",
	"Stock Entry",
	"BOM",
	"Work Order",
)
BY_NAME = {
	"Customer": "customer_name",
	"Supplier": "supplier_name",
	"Item": "item_code",
	"Item Price": "item_code",
}
"""DocTypes of a business, and the field that begins with the company's abbreviation where none holds the company."""


@dataclass(frozen=True)
class World:
	"""Names are the same on both sites; what a counter numbers is made by the histories alone."""

	company: str
	abbr: str
	here: Clerk
	there: Clerk

	def clerk(self, side: str) -> Clerk:
		return self.here if side == self.here.side else self.there

	@property
	def clerks(self) -> tuple[Clerk, Clerk]:
		return self.here, self.there

	def of_name(self, what: str) -> str:
		return f"{self.abbr} {what}"

	def place(self, warehouse: str) -> str:
		return f"{warehouse} - {self.abbr}"

	def customer(self, number: int) -> str:
		return self.of_name(f"customer {number}")

	def supplier(self, number: int) -> str:
		return self.of_name(f"supplier {number}")

	def goods(self, number: int) -> str:
		return self.of_name(f"goods {number % GOODS}")

	@property
	def service(self) -> str:
		return self.of_name("service")

	@property
	def tools(self) -> str:
		"""They have serial numbers."""
		return self.of_name("tools")

	@property
	def paint(self) -> str:
		"""It comes in batches."""
		return self.of_name("paint")

	@property
	def product(self) -> str:
		return self.of_name("product")

	@property
	def rules(self) -> dict[str, list]:
		"""By DocType, the filters that tell the company's documents."""
		return {
			**{doctype: [[field, "like", f"{self.abbr} %"]] for doctype, field in BY_NAME.items()},
			**{doctype: [["company", "=", self.company]] for doctype in BY_COMPANY},
		}


def founded(local: Person, cloud: Person) -> World:
	"""A new company, in step, with an empty ledger."""
	abbr = "B" + frappe.generate_hash(length=5).upper()
	company = f"Business {abbr}"
	here, there = clerks(local, cloud, company)
	world = World(company, abbr, here, there)
	count_apart(world.rules)
	for clerk in world.clerks:
		_found(clerk, world)
	forget_everything()
	set_rules(
		*({"ref_doctype": doctype, "filters": json.dumps(f)} for doctype, f in world.rules.items()),
	)
	_furnish(there, world)
	sync()
	assert not refusals(), refusals()
	return world


def _found(clerk: Clerk, world: World) -> None:
	"""What no rule carries, and each site has of itself: the company and its accounts."""
	clerk.insert(
		"Company",
		company_name=world.company,
		abbr=world.abbr,
		default_currency="USD",
		country="United States",
		create_chart_of_accounts_based_on="Standard Template",
		chart_of_accounts="Standard",
	)
	for name, like in (
		("Foreign Debtors", "default_receivable_account"),
		("Foreign Creditors", "default_payable_account"),
	):
		ours = clerk.get("Account", clerk.account(like))
		clerk.insert(
			"Account",
			account_name=name,
			parent_account=ours["parent_account"],
			company=world.company,
			account_type=ours["account_type"],
			account_currency=FOREIGN,
		)


def _furnish(clerk: Clerk, world: World) -> None:
	"""Parties, goods and what they are made of. The last customer and the last supplier are abroad."""
	for number in range(CUSTOMERS):
		clerk.insert(
			"Customer",
			customer_name=world.customer(number),
			customer_group="All Customer Groups",
			territory="All Territories",
			**_abroad(world, "Foreign Debtors", number == CUSTOMERS - 1),
		)
	for number in range(SUPPLIERS):
		clerk.insert(
			"Supplier",
			supplier_name=world.supplier(number),
			supplier_group="All Supplier Groups",
			**_abroad(world, "Foreign Creditors", number == SUPPLIERS - 1),
		)
	place = {"company": world.company, "default_warehouse": world.place("Stores")}
	item = {"item_group": "All Item Groups", "stock_uom": "Kg", "item_defaults": [place]}
	clerk.insert("Item", item_code=world.service, is_stock_item=0, **item)
	for code in (world.product, *(world.goods(n) for n in range(GOODS))):
		clerk.insert("Item", item_code=code, is_stock_item=1, valuation_rate=5, **item)
	for code, numbered in ((world.tools, "has_serial_no"), (world.paint, "has_batch_no")):
		clerk.insert("Item", item_code=code, is_stock_item=1, valuation_rate=5, **{numbered: 1}, **item)
	clerk.submitted(
		"Stock Entry",
		stock_entry_type="Material Receipt",
		company=world.company,
		items=[
			{
				"item_code": world.goods(n),
				"qty": PLENTY,
				"basic_rate": 5 + n,
				"t_warehouse": world.place(place),
			}
			for n in range(GOODS)
			for place in ("Stores", "Finished Goods")
		],
	)
	clerk.submitted(
		"BOM",
		item=world.product,
		company=world.company,
		quantity=1,
		items=[{"item_code": world.goods(0), "qty": 2, "rate": 5}],
	)


def _abroad(world: World, account: str, abroad: bool) -> dict:
	if not abroad:
		return {}
	accounts = [{"company": world.company, "account": world.place(account)}]
	return {"default_currency": FOREIGN, "accounts": accounts}
