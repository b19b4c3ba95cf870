# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What people do to a submitted document by a button: closing, holding, reopening, Update Items.

The rows of an order are told as "4x25 2x30": quantities and rates, in order.
"""

from dataclasses import replace

import pytest

from erpsync_app.engine.acts import (
	ROWS,
	STATUS,
	STATUSES,
	allocated,
	button,
	decided,
	decisions,
	opened,
	still_open,
	within_reach,
)
from erpsync_app.engine.fixed import FIXED, parted
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Field, Held, Outcome, Rule, other
from erpsync_app.engine.reconcile import reconcile
from erpsync_app.engine.tests.builders import meta
from erpsync_app.engine.tests.world import ANNA, Killed, World, calls_of, keep, killed_after, own
from erpsync_app.engine.view import View

ORDER = "Sales Order"


# -- the decision


def view(status, *, reach=("Closed", "On Hold", None), docstatus=1):
	return View(
		{STATUS: status, "a": "1"},
		docstatus=docstatus,
		writable=frozenset((STATUS, "a")),
		statuses=frozenset((status, *reach)),
	)


@pytest.mark.parametrize(
	("what", "policy", "was", "local", "cloud", "writes", "status"),
	[
		("nothing", "manual", (None, None), None, None, {}, "Synced"),
		("closed here", "manual", (None, None), "Closed", None, {CLOUD: "Closed"}, "Synced"),
		("closed there", "manual", (None, None), None, "Closed", {LOCAL: "Closed"}, "Synced"),
		("reopened", "manual", ("Closed", "Closed"), None, "Closed", {CLOUD: None}, "Synced"),
		(
			"held, closed here",
			"manual",
			("On Hold", "On Hold"),
			"Closed",
			"On Hold",
			{CLOUD: "Closed"},
			"Synced",
		),
		("both closed it", "manual", (None, None), "Closed", "Closed", {}, "Synced"),
		("each another", "manual", (None, None), "Closed", "On Hold", {}, "Conflict"),
		("each another", "local_wins", (None, None), "Closed", "On Hold", {CLOUD: "Closed"}, "Synced"),
		("each another", "cloud_wins", (None, None), "Closed", "On Hold", {LOCAL: "On Hold"}, "Synced"),
		("never looked at before", "manual", None, "Closed", None, {CLOUD: "Closed"}, "Synced"),
	],
)
def test_a_status_is_decided_as_an_edit_is(what, policy, was, local, cloud, writes, status):
	base = dict(zip(SIDES, was, strict=True)) if was else {}
	held = {side: Held({"a": "1", **({STATUS: base[side]} if was else {})}, "then") for side in SIDES}
	decision = reconcile(Rule(ORDER, policy=policy), held, {LOCAL: view(local), CLOUD: view(cloud)})
	assert {write.side: write.fields.get(STATUS, "no") for write in decision.writes} == writes, what
	assert decision.status == status


def test_what_no_method_does_is_told():
	views = {LOCAL: view("Closed"), CLOUD: view(None, reach=())}
	held = {side: Held({"a": "1", STATUS: None}, "then") for side in SIDES}
	decision = reconcile(Rule(ORDER), held, views)
	assert not decision.writes
	assert (decision.status, decision.beyond, decision.held_back) == ("Diverged", {STATUS}, {STATUS})
	assert "status" in decision.told_beyond[0]


def test_a_document_that_was_cancelled_is_not_closed():
	"""It is reopened on the other side, to be cancelled there."""
	shown = {LOCAL: replace(view(None, docstatus=2), writable=frozenset()), CLOUD: view("Closed")}
	held = {side: Held({"a": "1", STATUS: "Closed"}, "then", 1) for side in SIDES}
	decision = reconcile(Rule(ORDER), held, shown)
	assert [(w.side, w.fields, w.docstatus) for w in decision.writes] == [(CLOUD, {STATUS: None}, None)]


def shape(doctype, options, found=None):
	status = Field("status", "Select", options=options, read_only=True)
	one = meta(doctype, status)
	return opened(shape_of(one, one, Rule(doctype)), found)


@pytest.mark.parametrize(
	("doctype", "options", "found", "values", "now", "reach"),
	[
		(ORDER, "Draft\nClosed", None, {"Closed", "On Hold"}, None, {None, "Closed", "On Hold"}),
		("Work Order", "", None, {"Stopped", "Closed"}, "Closed", {"Closed"}),
		("Work Order", "", None, {"Stopped", "Closed"}, "Stopped", {None, "Stopped", "Closed"}),
		("Quotation", "", None, {"Lost"}, None, {None, "Lost"}),
		("Quotation", "", None, {"Lost"}, "Lost", {"Lost"}),
		("Work Slip", "Draft\nOpen\nStopped", None, {"Stopped"}, None, {None}),
		(
			"Work Slip",
			"Draft\nOpen\nStopped",
			("app.slip.update_status", "slip"),
			{"Stopped"},
			None,
			{None, "Stopped"},
		),
		("Work Slip", "Draft\nPaid", None, set(), None, {None}),
	],
)
def test_which_statuses_people_give_and_which_are_within_reach(doctype, options, found, values, now, reach):
	of = shape(doctype, options, found)
	assert decided(of) == values
	assert within_reach(of, now) == reach


def test_a_method_that_nobody_named_is_called_as_it_was_found():
	call = button(shape("Work Slip", "Stopped", ("app.slip.update_status", "slip")), None, "Stopped").call(
		"Work Slip", "WS-1", "Stopped"
	)
	assert (call.method, call.arguments) == ("app.slip.update_status", {"slip": "WS-1", "status": "Stopped"})


def test_every_status_of_the_table_can_be_called():
	for doctype, ways in STATUSES.items():
		for value, both in ways.items():
			for way in filter(None, both):
				call = way.call(doctype, "X-1", value)
				assert call.document or "X-1" in call.arguments.values()


@pytest.mark.parametrize(
	("docstatus", "status", "told"),
	[(1, "Closed", "Closed"), (1, "To Bill", None), (2, "Closed", None)],
)
def test_what_a_document_says_of_its_status(docstatus, status, told):
	terms = Terms(LOCAL, None, None)  # type: ignore[arg-type]
	doc = {"docstatus": docstatus, "status": status}
	assert decisions(doc, shape(ORDER, ""), terms) == {STATUS: told}


def pays(doctype, **doc):
	terms = Terms(
		CLOUD, None, None, {("Sales Invoice", "SI-9"): "SI-1", ("Customer", "B"): "A", ("Account", "D"): "C"}
	)
	return allocated({"docstatus": 1, **doc}, doctype, terms)


def test_what_a_payment_is_allocated_to():
	row = {"reference_doctype": "Sales Invoice", "reference_name": "SI-9"}
	made = pays(
		"Payment Entry",
		payment_type="Receive",
		party_type="Customer",
		party="B",
		paid_from="D",
		paid_to="Bank",
		references=[
			{**row, "allocated_amount": 40},
			{**row, "allocated_amount": 20.5},
			{**row, "reference_name": "SI-8", "allocated_amount": 0},
		],
	)
	assert made == [["Sales Invoice", "SI-1", "Customer", "A", "C", 60.5]]


def test_what_a_journal_entry_is_allocated_to():
	party = {"party_type": "Customer", "party": "B", "account": "D"}
	rows = [
		{**party, "credit_in_account_currency": 30},
		{
			**party,
			"credit_in_account_currency": 40,
			"reference_type": "Sales Invoice",
			"reference_name": "SI-9",
		},
		{"account": "Bank", "debit_in_account_currency": 70},
	]
	assert pays("Journal Entry", accounts=rows) == [["Sales Invoice", "SI-1", "Customer", "A", "C", 40]]


# -- what nobody can write any more


@pytest.mark.parametrize(
	("was", "now", "found"),
	[
		(("x", "x"), ("x", "x"), False),
		(("x", "x"), ("y", "x"), True),
		(("x", "x"), ("y", "y"), False),
		(("x", "x"), ("y", "z"), True),
		(("x", "o"), ("x", "o"), False),
		(("x", "o"), ("y", "o"), True),
		(("x", "o"), ("o", "o"), False),
		# Each site computes it in its own way, and both anew.
		(("x", "o"), ("y", "p"), False),
		((None, None), ("y", "p"), False),
	],
)
def test_a_field_that_nobody_can_write_has_parted(was, now, found):
	base = {s: {FIXED: {"f": v}} if v else {} for s, v in zip(SIDES, was, strict=True)}
	shown = {s: {FIXED: {"f": v}} for s, v in zip(SIDES, now, strict=True)}
	assert parted(base, shown) == ({"f"} if found else set())


# -- through whole cycles


def rows(text):
	pairs = (word.split("x") for word in text.split())
	return [{"item_code": "X", "qty": float(qty), "rate": float(rate)} for qty, rate in pairs]


def submitted(text, *words, **more):
	"""An order that is submitted on the local side and has not crossed yet."""
	w = World(keep("Customer"), keep("Item"), own(ORDER, *words, **more))
	here = w.people[LOCAL]
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="All", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
	here.insert("Customer", customer_name="A")
	here.insert("Item", item_code="X", item_group="All", stock_uom="Nos")
	name = here.insert(ORDER, customer="A", items=rows(text))
	w.sites[LOCAL].submit(ORDER, name)
	return w, name


def order(text="4x25", *words, **more):
	"""A submitted order, in step on both sides; answers its names."""
	w, name = submitted(text, *words, **more)
	w.settle()
	assert told(w, name) == (text, text)
	return w, name


def names(w, name):
	return w.binding(ORDER, LOCAL, name).names


def told(w, name):
	docs = [w.sites[side].get(ORDER, its) for side, its in sorted(names(w, name).items(), reverse=True)]
	return tuple(" ".join(f"{r['qty']:g}x{r['rate']:g}" for r in doc["items"]) for doc in docs)


def statuses(w, name):
	return {w.sites[side].get(ORDER, its)["status"] for side, its in names(w, name).items()}


def update_items(w, name, side, text):
	"""A person makes the rows what `text` says; the first ones stay themselves."""
	its = names(w, name)[side]
	held = w.sites[side].get(ORDER, its)["items"]
	wanted = rows(text)
	for row, was in zip(wanted, held, strict=False):
		row["docname"] = was["name"]
	w.sites[side].update_items(its, wanted)


@pytest.mark.parametrize("side", SIDES)
def test_an_order_is_closed_held_and_opened_again(side):
	w, name = order()
	for by, status in ((side, "Closed"), (other(side), "To Deliver and Bill"), (side, "On Hold")):
		w.sites[by].update_status(names(w, name)[by], status)
		w.settle()
		assert statuses(w, name) == {status}
		assert w.binding(ORDER, LOCAL, name).status == "Synced"
		w.check_steady()


def test_an_order_that_was_closed_before_the_first_sync():
	w, name = submitted("4x25")
	w.sites[LOCAL].update_status(name, "Closed")
	w.settle()
	assert statuses(w, name) == {"Closed"}
	w.check_steady()


def test_an_order_that_was_closed_and_is_touched_on_the_other_side_before_it_is_closed_there():
	"""As by a delivery that crosses first."""
	w, name = submitted("4x25")
	w.sites[LOCAL].update_status(name, "Closed")
	plain, done = w.wire[CLOUD], []

	def handle(method, path, headers, body):
		answer = plain(method, path, headers, body)
		made = w.sites[CLOUD].names(ORDER)
		if not done and made and w.sites[CLOUD].get(ORDER, made[0])["docstatus"] == 1:
			done.append(w.sites[CLOUD].save(ORDER, made[0], {"po_no": "x"}, user=ANNA))
		return answer

	w.wire[CLOUD] = handle
	w.settle()
	assert done and statuses(w, name) == {"Closed"}
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("doctype", "options", "status", "sent"),
	[
		(ORDER, "", "Closed", False),  # it is closed afterwards
		(ORDER, "", "To Deliver", False),  # the site computes it
		("POS Opening Entry", "", "Open", False),
		("Work Slip", "Draft\nOpen\nStopped", "Stopped", True),  # nothing gives it that afterwards
		("Work Slip", "Draft\nOpen\nStopped", "Open", True),  # nobody knows what its controllers do
	],
)
def test_a_create_tells_no_status_that_the_document_gets_later(doctype, options, status, sent):
	left = still_open(shape(doctype, options), {"status": status, "total": 1})
	assert left == {"total": 1, **({"status": status} if sent else {})}


@pytest.mark.parametrize(
	("what", "was", "text"),
	[
		("another quantity", "4x25", "6x25"),
		("another rate", "4x25", "4x30"),
		("a row more", "4x25", "4x25 1x30"),
		("changed, and two rows more", "4x25", "6x25 1x30 2x30"),
		("a row less", "4x25 2x30", "4x25"),
		("a row less, one changed, one more", "4x25 2x30 1x9", "4x25 3x30"),
	],
)
@pytest.mark.parametrize("side", SIDES)
def test_update_items(side, what, was, text):
	w, name = order(was)
	update_items(w, name, side, text)
	w.settle()
	assert told(w, name) == (text, text)
	totals = {w.sites[s].get(ORDER, its)["grand_total"] for s, its in names(w, name).items()}
	assert len(totals) == 1
	w.check_in_step()
	w.check_steady()
	# And once more, from the other side: the rows are known by their names.
	update_items(w, name, other(side), "9x9 8x8 7x7")
	w.settle()
	assert told(w, name) == ("9x9 8x8 7x7",) * 2
	w.check_steady()


@pytest.mark.parametrize(
	("what", "local", "cloud", "after", "clashes"),
	[
		("cells of one row", "6x25", "4x30", "6x30", 0),
		("one cell", "6x25", "7x25", "6x25", 1),
		("a row on each", "4x25 1x10", "4x25 2x20", "4x25 1x10 2x20", 0),
	],
)
def test_update_items_on_both_sides(what, local, cloud, after, clashes):
	w, name = order("4x25", "local_wins")
	update_items(w, name, LOCAL, local)
	update_items(w, name, CLOUD, cloud)
	w.settle()
	one, two = told(w, name)
	assert sorted(one.split()) == sorted(two.split()) == sorted(after.split()), what
	assert len(w.ledger.conflicts()) == clashes and not w.open_conflicts()
	w.check_steady()


def test_update_items_and_a_field_that_takes_a_plain_write():
	w, name = order("4x25")
	day = "2030-01-05"
	line = w.sites[LOCAL].get(ORDER, name)["items"][0]
	w.people[LOCAL].save(ORDER, name, po_no="7", items=[{**line, "delivery_date": day}])
	update_items(w, name, LOCAL, "6x25 1x1")
	w.sites[LOCAL].update_status(name, "Closed")
	w.settle()
	doc = w.sites[CLOUD].get(ORDER, names(w, name)[CLOUD])
	assert (doc["po_no"], doc["status"], doc["items"][0]["delivery_date"]) == ("7", "Closed", day)
	assert told(w, name) == ("6x25 1x1",) * 2
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_rows_that_are_moved_on_a_submitted_order(side):
	w, name = order("4x25 2x30 1x10")
	its = names(w, name)[side]
	lines = w.sites[side].get(ORDER, its)["items"]
	moved = [{**line, "idx": n} for n, line in enumerate((lines[2], *lines[:2]), start=1)]
	w.people[side].save(ORDER, its, items=moved)
	w.settle()
	assert told(w, name) == ("1x10 4x25 2x30",) * 2
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_worker_that_is_killed_at_any_point_adds_no_row_twice(side):
	def changed():
		w, name = order("4x25 2x30")
		update_items(w, name, side, "6x25 2x30 1x10 1x10")
		w.sites[side].update_status(names(w, name)[side], "On Hold")
		return w, name

	def synced_by(w, around):
		ctx = w.context(around=around)
		w.scan(ctx)
		w.drain(ctx)

	w, name = changed()
	calls = calls_of(lambda around: synced_by(w, around))
	start, _ = changed()
	for at in range(1, len(calls) + 1):
		w = start.copy()
		with pytest.raises(Killed):
			synced_by(w, killed_after(at))
		w.clock.sleep(3600)
		w.settle()
		assert told(w, name) == ("6x25 2x30 1x10 1x10",) * 2, f"after {at} calls: {calls[at - 1]}"
		assert statuses(w, name) == {"On Hold"}
		w.check_steady((True,))


@pytest.mark.parametrize("side", SIDES)
def test_what_a_program_wrote_past_the_form_is_told_until_it_is_the_same_again(side):
	w, name = order()
	its = names(w, name)
	w.sites[side].set_value(ORDER, its[side], {"transaction_date": "2031-01-05"})
	w.settle()
	found = w.binding(ORDER, LOCAL, name)
	assert found.status == "Diverged" and "transaction_date" in (found.error or "")
	w.check_steady((False,))
	w.sites[other(side)].set_value(ORDER, its[other(side)], {"transaction_date": "2031-01-05"})
	w.settle()
	found = w.binding(ORDER, LOCAL, name)
	assert (found.status, found.error) == ("Synced", None)
	w.check_steady()


def as_before(w, name):
	"""The record of an order as it was before acts crossed: its baselines know nothing of what acts change."""
	binding, held = w.binding(ORDER, LOCAL, name), {}
	for side, h in binding.held.items():
		fields = {key: value for key, value in h.fields.items() if key not in (STATUS, FIXED)}
		fields["items"] = [
			{key: value for key, value in row.items() if key not in ROWS[ORDER]["items"]}
			for row in fields.get("items", ())
		]
		held[side] = replace(h, fields=fields)
	w.ledger.save([Outcome(replace(binding, held=held))])
	w.clock.sleep(3600)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("policy", ["latest_timestamp", "cloud_wins", "local_wins", "manual"])
def test_the_first_act_on_an_order_that_crossed_before_acts_did(policy, side):
	w, name = order("4x25", policy)
	for each in SIDES:
		w.sites[each].update_status(names(w, name)[each], "Closed")
	w.settle()
	as_before(w, name)
	stamps = w.stamps()
	w.settle()
	assert w.stamps() == stamps
	w.sites[side].update_status(names(w, name)[side], "To Deliver and Bill")
	w.settle()
	assert statuses(w, name) == {"To Deliver and Bill"}
	as_before(w, name)
	update_items(w, name, side, "6x25")
	w.settle()
	assert told(w, name) == ("6x25", "6x25")
	assert not w.ledger.conflicts()
