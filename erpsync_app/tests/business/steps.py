# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A history: what happens in a business, one step after the other, as data that can be drawn, left out and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from erpsync_app.engine.model import LOCAL


class Act(NamedTuple):
	"""Something that a clerk does to a document."""

	says: str
	"""In words; `{of}` is the step whose document it is about, `{part}` how much of it."""
	weight: int
	kinds: tuple[str, ...] = ()
	"""Of documents that it is done to; none: it stands at the beginning."""
	makes: str = ""
	"""What kind of document it makes, if any."""
	parts: bool = False
	"""It may be done to half of what is left, and by both sides at once."""


ACTS = {
	"quote": Act("sends a quotation", 2, makes="quotation"),
	"sell": Act("takes an order of a customer", 8, makes="order"),
	"order": Act("makes an order of {of}", 6, ("quotation",), "order"),
	"deliver": Act("delivers {part}{of}", 14, ("order",), "note", True),
	"bill": Act("bills {part}{of}", 10, ("order",), "invoice", True),
	"bill note": Act("bills {of}", 10, ("note",), "invoice"),
	"charge": Act("bills a service at once", 4, makes="invoice"),
	"pay": Act("enters a payment of {part}{of}", 12, ("invoice", "purchase invoice"), "payment", True),
	"pay on account": Act("enters money of a customer that is for no invoice yet", 3, makes="money"),
	"reconcile": Act("sets what is open with the customer of {of} against each other", 8, ("money",)),
	"buy": Act("orders goods of a supplier", 5, makes="purchase order"),
	"receive": Act("receives {part}{of}", 9, ("purchase order",), "receipt", True),
	"bill receipt": Act("enters the supplier's invoice for {of}", 9, ("receipt",), "purchase invoice"),
	"take back": Act(
		"takes half of {of} back", 4, ("note", "invoice", "receipt", "purchase invoice"), "return"
	),
	"stock in": Act("puts goods into the store", 4, makes="entry"),
	"stock out": Act("takes goods out of the store", 3, makes="entry"),
	"move": Act("moves goods from one warehouse to another", 3, makes="entry"),
	"numbers in": Act("puts goods with serial numbers, or of a batch, into the store", 3, makes="numbered"),
	"numbers out": Act("takes out what {of} put in", 6, ("numbered",), "entry"),
	"plan": Act("makes a work order", 3, makes="work order"),
	"produce": Act("produces {part}{of}", 6, ("work order",), "entry", True),
	"new item": Act("makes an item with a price and with goods in stock", 2),
	"new customer": Act("makes a customer", 1),
	"edit": Act("notes a number on {of}", 4, ("order", "invoice")),
	"update items": Act("updates the items of {of}", 3, ("order", "purchase order")),
	"close": Act("closes {of}", 2, ("order", "purchase order")),
	"hold": Act("puts {of} on hold", 1, ("order", "purchase order")),
	"reopen": Act("opens {of} again", 8, ("order", "purchase order")),
	"cancel": Act(
		"cancels {of}",
		5,
		(
			"order",
			"note",
			"invoice",
			"payment",
			"purchase order",
			"receipt",
			"purchase invoice",
			"entry",
			"numbered",
			"return",
		),
	),
	"amend": Act("amends {of}", 6, ("order", "purchase order"), ""),
}
"""All that clerks do. `amend` makes a document of the kind that it is done to."""

SYNC, KILLED_SYNC = "sync", "killed sync"


@dataclass(frozen=True, slots=True)
class Step:
	"""`of` is the number of the step that made the document it is about; `part`, that it is done to half of what is
	left; `pick` says which customer, goods, amounts."""

	number: int
	act: str
	side: str = LOCAL
	of: int | None = None
	part: bool = False
	pick: int = 0

	def __str__(self) -> str:
		if self.act == SYNC:
			return f"{self.number:4}. Sync."
		if self.act == KILLED_SYNC:
			return f"{self.number:4}. A sync is killed after {self.seconds:.1f} seconds."
		clerk = "A clerk on the local site" if self.side == LOCAL else "A clerk in the cloud"
		says = ACTS[self.act].says.format(
			part="half of " if self.part else "", of=f"what step {self.of} made"
		)
		return f"{self.number:4}. {clerk} {says}."

	@property
	def seconds(self) -> float:
		"""After which a sync is killed."""
		return 0.3 + self.pick % 60 / 10
