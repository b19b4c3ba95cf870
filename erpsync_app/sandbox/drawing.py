# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Draws a history from a seed: the same one at any time, on any machine."""

from __future__ import annotations

import random
from datetime import date, datetime, timezone
from typing import Any

from erpsync_app.engine.followers import FOLLOWERS, with_followers
from erpsync_app.engine.model import POLICIES, SIDES, Rule, Side
from erpsync_app.sandbox.clock import START
from erpsync_app.sandbox.faults import Fault
from erpsync_app.sandbox.history import (
	ABOUT,
	Act,
	Choose,
	Deliver,
	History,
	Moment,
	Network,
	Retry,
	Rows,
	Setup,
	Step,
	Wait,
	Work,
)

ZONES = (
	("Asia/Kolkata", "America/New_York"),
	("Europe/Berlin", "Asia/Kolkata"),
	("Europe/Berlin", "Europe/Berlin"),
	("UTC", "Pacific/Auckland"),
)
STARTS = (
	*[START] * 8,
	# Shortly before clocks are put back, and forth: Berlin, New York.
	datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),
	datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc),
	datetime(2026, 3, 29, 0, 30, tzinfo=timezone.utc),
)
FAMILIES = (
	*[("Customer",)] * 5,
	*[("ToDo",)] * 3,
	*[("Note",)] * 3,
	*[("Item",)] * 2,
	*[("Territory", "Customer")] * 2,
	*[("Sales Order",)] * 3,
	*[("Customer", "Sales Order")] * 2,
)
TRADE = ("Sales Order", "Delivery Note")
OWN = frozenset(("ToDo", "Note", *TRADE))
SUBMITTED_SORTS = frozenset(TRADE)
RENAMED_SORTS = frozenset(("Customer",))
MERGED_SORTS = frozenset(("Customer", "Item", "Territory"))
TABLES = {"Customer": "credit_limits", "Sales Order": "items", "Item": "barcodes"}
PEOPLE = ("eve@example.com", "bob@example.com", "joe@example.com")
"""Who is assigned to documents: few, so that people on both sides often mean the same one."""
NAMES = 4
"""Few names, so that people on both sides often mean the same document, or reuse a name."""

ATOMIC = 0.5
"""Share of histories whose local side is in one transaction with the ledger."""

DAY = 86_400.0
TOKENS, MARKERS = 700_000, 600_000


Shares = dict[str, float]
"""Of what people do, by what it is."""


class Draw:
	"""One seed's chance. Every value that people save is one that nobody else saves: it can be told where it went."""

	def __init__(self, seed: int, shares: Shares):
		self.seed, self.renames, self.merges = seed, shares["renames"], shares["merges"]
		self.files, self.tags = shares["files"], shares["tags"]
		self.followers, self.buttons = shares["followers"], shares["buttons"]
		self.deliveries, self.atomic = shares["deliveries"], shares["atomic"]
		self.chance = random.Random(seed)
		self.fond_of_rows = False
		self._tokens = 0
		self._markers: dict[str, list[str]] = {}

	def history(self) -> History:
		c = self.chance
		family = c.choice(FAMILIES)
		if self.deliveries and c.random() < self.deliveries:
			family = TRADE
		steps: list[Step] = []
		if family[-1] in TABLES and c.random() < 0.4:
			# All are at the rows of one document, which is in step to begin with.
			steps = [self.act(family[-1:]), Work("full")]
			self.fond_of_rows = True
		steps += [self.step(family[-1:] if self.fond_of_rows else family) for _ in range(c.randint(12, 36))]
		return History(self.seed, self.setup(family), tuple(steps))

	def setup(self, family: tuple[str, ...]) -> Setup:
		c = self.chance
		zones = c.choice(ZONES)
		direction = c.choice((*["bidirectional"] * 6, "cloud_to_local", "local_to_cloud"))
		policy, deletes = c.choice(POLICIES), c.choice((*["propagate"] * 6, "keep", "ask"))
		submit = c.choice((*["follow"] * 4, "draft"))
		rules = tuple(
			Rule(
				doctype,
				direction=direction,
				policy=policy,
				deletes=deletes,
				submit=submit,
				naming="own" if doctype in OWN else "keep",
				tags=bool(self.tags),
				comments=bool(self.followers),
				assignments=bool(self.followers),
			)
			for doctype in family
		)
		return Setup(
			tuple(with_followers({rule.doctype: rule for rule in rules}).values()),
			zones=dict(zip(SIDES, zones, strict=True)),
			offsets={side: c.choice((0.0, 0.0, 3.0, -40.0, 240.0)) for side in SIDES},
			drifts={side: c.choice((0.0, 0.0, 2e-5, -2e-5)) for side in SIDES},
			start=c.choice(STARTS),
			batch_size=c.choice((1, 3, 100, 100)),
			atomic=c.random() < self.atomic,
		)

	def step(self, family: tuple[str, ...]) -> Step:
		c, roll = self.chance, self.chance.random()
		if roll < 0.52:
			return self.act(family)
		if roll < 0.64:
			return self.delivery()
		if roll < 0.68:
			return Wait(c.choice((1.0, 30.0, 400.0, 4000.0, DAY)))
		if roll < 0.70:
			return Network(up=c.random() < 0.5)
		if roll < 0.72:
			return Choose(c.randrange(4), c.choice(("Keep local", "Keep cloud")))
		return Retry() if roll < 0.73 else self.work(family)

	def delivery(self) -> Deliver:
		c = self.chance
		lost, doubled, delayed = (c.choice((0.0, 0.0, 0.3)) for _ in range(3))
		return Deliver(c.randrange(10**6), lost, doubled, delayed)

	def work(self, family: tuple[str, ...], depth: int = 0) -> Work:
		c = self.chance
		bad = 0 if c.random() < 0.5 else c.randint(1, 3)
		faults = tuple((self.moment("request", "write", "write"), c.choice(tuple(Fault))) for _ in range(bad))
		dies = self.moment("request", "write", "answer", "statement") if c.random() < 0.25 else None
		meanwhile: list[tuple[Moment, Step]] = []
		while depth < 2 and c.random() < 0.4:
			roll = c.random()
			if roll < 0.6:
				at = self.moment("request", "write", "write", "answer", "call")
				meanwhile.append((at, self.act(family, of_late=2)))
			elif roll < 0.7:
				meanwhile.append((self.moment("request", "call"), self.delivery()))
			elif roll < 0.8:
				meanwhile.append((self.moment("request", "call"), Wait(400.0)))
			else:
				at = self.moment("request", "write", "answer", "call")
				meanwhile.append((at, self.work(family, depth + 1)))
		scan = c.choice(("", "", "short", "short", "full"))
		return Work(scan, faults, dies, c.random() < 0.5, tuple(meanwhile))

	def moment(self, *kinds: Any) -> Moment:
		kind = self.chance.choice(kinds)
		most = {"request": 24, "write": 4, "answer": 4, "statement": 60, "call": 30}[kind]
		return kind, self.chance.randint(1, most)

	# -- people

	def act(self, family: tuple[str, ...], of_late: int = 4) -> Act:
		c = self.chance
		doctype, side = c.choice(family), c.choice(SIDES)
		known = self._markers.setdefault(doctype, [])
		if known and self.followers and c.random() < self.followers:
			if doctype not in FOLLOWERS:
				return self.act_of_follower(side, doctype, c.choice(known[-of_late:]))
		if known and self.tags and c.random() < self.tags:
			what, said = (
				("untag", {"position": c.randrange(3)}) if c.random() < 0.3 else ("tag", {"tag": self.text()})
			)
			return Act(side, what, doctype, c.choice(known[-of_late:]), said)
		if known and self.buttons and doctype == "Sales Order" and c.random() < self.buttons:
			return self.act_of_button(side, doctype, c.choice(known[-of_late:]))
		orders = self._markers.get("Sales Order", [])
		if doctype == "Delivery Note" and not (known or orders):
			doctype, known = "Sales Order", self._markers.setdefault("Sales Order", [])
		roll = c.random()
		if self.fond_of_rows:
			roll, of_late = 0.35 + 0.55 * roll, 1
		if not known or roll < 0.28:
			marker, values = self.birth(doctype)
			if doctype == "Delivery Note":
				values[ABOUT] = ("Sales Order", c.choice(orders[-of_late:]))
			known.append(marker)
			return Act(side, "insert", doctype, marker, values)
		marker = c.choice(known[-of_late:])
		if roll < 0.40 and doctype in SUBMITTED_SORTS:
			return Act(side, "submit" if roll < 0.36 else "cancel", doctype, marker)
		if roll < 0.28 + self.renames and doctype in RENAMED_SORTS:
			return Act(side, "rename", doctype, marker, {"name": f"R{self.token()}"})
		if 0 <= roll - 0.28 - self.renames < self.merges and doctype in MERGED_SORTS:
			others = [m for m in known[-of_late:] if m != marker] or [marker]
			return Act(side, "merge", doctype, marker, {"into": c.choice(others)})
		if roll > 0.88:
			return Act(side, "delete", doctype, marker)
		if roll > 0.88 - self.files:
			if c.random() < 0.3:
				return Act(side, "detach", doctype, marker, {"position": c.randrange(3)})
			return Act(side, "attach", doctype, marker, {"file": self.text(), "private": c.random() < 0.5})
		what = "save quietly" if c.random() < 0.1 and doctype != "Territory" else "save"
		return Act(side, what, doctype, marker, self.edit(doctype, quietly=what != "save"))

	def act_of_button(self, side: Side, doctype: str, marker: str) -> Act:
		"""Someone submits it, closes it, holds it, opens it again or updates its items."""
		c, roll = self.chance, self.chance.random()
		if roll < 0.3:
			return Act(side, "submit", doctype, marker)
		if roll < 0.6:
			status = c.choice(("Closed", "On Hold", "To Deliver and Bill"))
			return Act(side, "set status", doctype, marker, {"status": status})
		edits = tuple(self.row_edit(doctype) for _ in range(c.choice((1, 1, 2))))
		return Act(side, "update items", doctype, marker, {TABLES[doctype]: edits})

	def act_of_follower(self, side: Side, leader: str, of_leader: str) -> Act:
		"""Someone comments on a document or assigns it to somebody, or edits, closes or deletes what is there of these."""
		c, doctype = self.chance, self.chance.choice(tuple(FOLLOWERS))
		known = self._markers.setdefault(doctype, [])
		roll = c.random()
		if not known or roll < 0.4:
			known.append(f"m{self.token()}")
			said = {"comment_by": known[-1], "content": self.text()}
			if doctype == "ToDo":
				said = {"description": known[-1], "date": self.day(), "allocated_to": c.choice(PEOPLE)}
			return Act(side, "insert", doctype, known[-1], {**said, ABOUT: (leader, of_leader)})
		marker = c.choice(known[-2:])
		if roll < 0.8:
			edit = {"content": self.text()} if doctype == "Comment" else {"date": self.day()}
			return Act(side, "save", doctype, marker, edit)
		if roll < 0.9 and doctype == "ToDo":
			return Act(side, "save", doctype, marker, {"status": "Closed"})
		return Act(side, "delete", doctype, marker)

	def token(self) -> int:
		self._tokens += 1
		return self._tokens

	def text(self) -> str:
		return f"t{self.token()}"

	def day(self) -> str:
		return date.fromordinal(TOKENS + self.token()).isoformat()

	def number(self) -> float:
		return 100_000.0 + self.token()

	def birth(self, doctype: str) -> tuple[str, dict[str, Any]]:
		"""The marker of a new document, and its values."""
		c, marker = self.chance, f"m{self.token()}"
		if doctype == "Customer":
			values = {"customer_name": f"C{c.randrange(NAMES)}", "tax_id": marker, "website": self.text()}
			if c.random() < 0.4:
				values["credit_limits"] = [self.row(doctype) for _ in range(c.randint(1, 4))]
			return marker, values
		if doctype == "Item":
			named = {
				"item_code": f"I{c.randrange(NAMES)}",
				"item_group": "All Item Groups",
				"stock_uom": "Nos",
			}
			return marker, {**named, "description": marker, "item_name": self.text()}
		if doctype == "Territory":
			marker = f"T{c.randrange(NAMES)}"
			parent = c.choice(("All Territories", f"T{c.randrange(NAMES)}"))
			return marker, {"territory_name": marker, "is_group": 1, "parent_territory": parent}
		if doctype == "ToDo":
			return marker, {"description": marker, "date": self.day(), "priority": c.choice(("High", "Low"))}
		if doctype == "Note":
			return marker, {"title": marker, "public": 1, "content": self.text()}
		marker = date.fromordinal(MARKERS + self.token()).isoformat()
		if doctype == "Delivery Note":
			rows = [{"position": c.randrange(4), "qty": self.number()} for _ in range(c.randint(1, 2))]
			return marker, {"posting_date": marker, "instructions": self.text(), "items": rows}
		rows = [self.row(doctype) for _ in range(c.randint(1, 3))]
		customer = c.choice(("Base", f"C{c.randrange(NAMES)}"))
		return marker, {"transaction_date": marker, "customer": customer, "po_no": self.text(), "items": rows}

	def edit(self, doctype: str, *, quietly: bool) -> dict[str, Any]:
		c = self.chance
		one: dict[str, Any] = {
			"Customer": lambda: {"website": self.text()},
			"Item": lambda: {"item_name": self.text()},
			"Territory": lambda: {
				"parent_territory": c.choice(("All Territories", f"T{c.randrange(NAMES)}")),
				"is_group": 1,
			},
			"ToDo": lambda: {"date": self.day()},
			"Note": lambda: {"content": self.text()},
			"Sales Order": lambda: {"po_no": self.text()},
			"Delivery Note": lambda: {"instructions": self.text()},
		}[doctype]()
		two: dict[str, Any] = {
			"Customer": lambda: {"customer_details": self.text()},
			"Item": lambda: {"standard_rate": self.number()},
			"Territory": lambda: one,
			"ToDo": lambda: {"priority": c.choice(("High", "Low"))},
			"Note": lambda: {"expire_notification_on": self.day()},
			"Sales Order": lambda: {"delivery_date": self.day()},
			"Delivery Note": lambda: one,
		}[doctype]()
		if table := TABLES.get(doctype):
			if not quietly and c.random() < (0.8 if self.fond_of_rows else 0.4):
				rows = tuple(self.row_edit(doctype) for _ in range(c.choice((1, 1, 2))))
				return {table: rows, **(two if c.random() < 0.2 else {})}
		return c.choice((one, one, two, {**one, **two}))

	def row(self, doctype: str) -> dict[str, Any]:
		if doctype == "Customer":
			return {"company": self.text(), "credit_limit": self.number()}
		if doctype == "Item":
			return {"barcode": self.text()}
		return {"item_code": "Base", "qty": self.number(), "rate": 3.0, "delivery_date": self.day()}

	def row_edit(self, doctype: str) -> Rows:
		c = self.chance
		what, row = c.choice(("add", "add", "change", "change", "change", "drop", "move")), self.row(doctype)
		if what == "change" and c.random() < 0.7:  # one cell
			cell = c.choice([name for name in row if name not in ("item_code", "rate")])
			row = {cell: row[cell]}
		return Rows(what, row if what in ("add", "change") else {}, c.randrange(4))


def draw(
	seed: int,
	*,
	renames: float = 0.03,
	merges: float = 0.03,
	files: float = 0.0,
	tags: float = 0.0,
	followers: float = 0.0,
	buttons: float = 0.0,
	deliveries: float = 0.0,
	atomic: float = ATOMIC,
) -> History:
	"""The history of that seed: the same one at any time, on any machine. The others are shares of what people do;
	`deliveries` of histories about them, `atomic` of histories with such a local side."""
	shares = {"renames": renames, "merges": merges, "files": files, "tags": tags, "followers": followers}
	return Draw(seed, {**shares, "buttons": buttons, "deliveries": deliveries, "atomic": atomic}).history()
