# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""References to rows through whole cycles: deliveries of the rows of orders, between two sandbox sites."""

import pytest

from erpsync_app.engine.mapping import Shape
from erpsync_app.engine.mapping import SyncedField as Synced
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.references import own_rows, without_references
from erpsync_app.engine.tests.world import ANNA, Killed, World, calls_of, keep, killed_after, own
from erpsync_app.sandbox import controllers

ORDER, NOTE = "Sales Order", "Delivery Note"


def trade(*words):
	"""Both sites have an Item and a Customer, and nothing is ordered yet."""
	w = World(keep("Customer"), keep("Item"), own(ORDER, *words), own(NOTE, *words))
	for side in SIDES:
		w.people[side].insert("Item Group", item_group_name="G", is_group=1)
		w.people[side].insert("UOM", uom_name="Nos")
		w.people[side].insert("Item", item_code="I", item_group="G", stock_uom="Nos")
		w.people[side].insert("Customer", customer_name="C")
	# So that the two sites name their documents differently: the number of the last one alone is given out again.
	for name in (order(w, LOCAL), order(w, LOCAL)):
		w.people[LOCAL].delete(ORDER, name)
	w.people[LOCAL].site.insert("ToDo", {"description": "x"})
	w.sync()
	return w


def order(w, side, *quantities):
	rows = [{"item_code": "I", "qty": qty, "rate": 1} for qty in quantities or (1, 2)]
	return w.people[side].insert(ORDER, customer="C", items=rows)


def ordered(side="local", *, submitted=True):
	"""An order of 1 and 2 pieces in step; its names by side."""
	w = trade()
	name = order(w, side)
	if submitted:
		w.sites[side].submit(ORDER, name, user=ANNA)
	w.settle()
	return w, there(w, ORDER, side, name)


def there(w, doctype, side, name):
	return w.binding(doctype, side, name).names


def deliver(w, side, names, *quantities, **more):
	"""A delivery of the rows of an order with these quantities."""
	rows = {row["qty"]: row["name"] for row in w.people[side].get(ORDER, names[side], "items")}
	items = [row_of(names[side], rows[qty], qty) for qty in quantities or (2,)]
	return w.people[side].insert(NOTE, customer="C", items=items, **more)


def row_of(order_name, so_detail, qty):
	return {"item_code": "I", "qty": qty, "against_sales_order": order_name, "so_detail": so_detail}


def delivered(w, side, name):
	"""By its own quantity, the quantity of the order's row that each row of the delivery leads to on the side."""
	note = w.people[side].get(NOTE, name)
	found = {}
	for row in note["items"]:
		rows = {
			each["name"]: each["qty"]
			for each in w.people[side].get(ORDER, row["against_sales_order"])["items"]
		}
		found[row["qty"]] = rows.get(row["so_detail"])
	return found


def within(w, side, name):
	"""By its quantity, the quantity of the row of the same delivery that each row leads to on the side."""
	rows = w.people[side].get(NOTE, name, "items")
	names = {row["name"]: row["qty"] for row in rows}
	return {row["qty"]: names.get(row["parent_row"], row["parent_row"]) for row in rows}


def at_rest(w):
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("of", SIDES)
def test_a_delivery_leads_to_the_same_row_of_its_order(side, of):
	w, names = ordered(of)
	note = deliver(w, side, names)
	w.sites[side].submit(NOTE, note, user=ANNA)
	w.settle()
	for each, name in there(w, NOTE, side, note).items():
		assert delivered(w, each, name) == {2: 2}
		assert w.people[each].get(NOTE, name, "docstatus") == 1
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
def test_an_order_and_its_delivery_cross_at_once(side):
	w = trade()
	name = order(w, side)
	w.sites[side].submit(ORDER, name, user=ANNA)
	note = deliver(w, side, {side: name}, 2, 1)
	w.settle()
	for each, copy in there(w, NOTE, side, note).items():
		assert delivered(w, each, copy) == {1: 1, 2: 2}
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
def test_a_row_that_was_added_is_delivered_before_its_order_crosses_again(side):
	w, names = ordered(submitted=False)
	rows = w.people[side].get(ORDER, names[side], "items")
	w.people[side].save(ORDER, names[side], items=[*rows, {"item_code": "I", "qty": 3, "rate": 1}])
	note = deliver(w, side, names, 3)
	w.put(Event(side, NOTE, note))
	w.drain()
	w.settle()
	for each, name in there(w, NOTE, side, note).items():
		assert delivered(w, each, name) == {3: 3}
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
def test_a_delivery_waits_for_the_row_that_it_delivers(side):
	"""To cross without the row would be refused, or lead nowhere."""
	w, names = ordered(submitted=False)
	rows = w.people[side].get(ORDER, names[side], "items")
	w.people[side].save(ORDER, names[side], items=[*rows, {"item_code": "I", "qty": 3, "rate": 1}])
	note = deliver(w, side, names, 3)
	w.put(Event(side, NOTE, note))
	w.drain(doctypes=[NOTE])
	assert w.count(NOTE) == ((1, 0) if side == LOCAL else (0, 1))
	waiting = w.database.rows("select doctype, error from event order by doctype")
	assert [row["doctype"] for row in waiting] == [NOTE, ORDER]
	assert f"A row of Sales Order {names[side]}, which it refers to, is not synced yet" in waiting[0]["error"]


@pytest.mark.parametrize("side", SIDES)
def test_a_row_added_to_a_delivery_keeps_its_reference(side):
	"""The reference is read-only, and each site's own once it is there: of a new row it is told all the same."""
	w, names = ordered()
	note = there(w, NOTE, side, _draft(w, side, names))
	rows = {row["qty"]: row["name"] for row in w.people[side].get(ORDER, names[side], "items")}
	items = w.people[side].get(NOTE, note[side], "items")
	w.people[side].save(NOTE, note[side], items=[*items, row_of(names[side], rows[1], 1)])
	w.settle()
	for each, name in note.items():
		assert delivered(w, each, name) == {1: 1, 2: 2}
	at_rest(w)


def _draft(w, side, names):
	note = deliver(w, side, names)
	w.settle()
	return note


@pytest.mark.parametrize("side", SIDES)
def test_references_to_rows_of_the_document_itself(side):
	w, names = ordered()
	note = _with_parents(w, side, names)
	w.settle()
	for each, name in there(w, NOTE, side, note).items():
		assert within(w, each, name) == {1: 2, 2: None}
		assert delivered(w, each, name) == {1: 1, 2: 2}
	at_rest(w)


def _with_parents(w, side, names):
	"""A draft in which the row of 1 piece refers to that of 2."""
	note = deliver(w, side, names, 2, 1)
	first, second = w.people[side].get(NOTE, note, "items")
	second["parent_row"] = first["name"]
	w.people[side].save(NOTE, note, items=[first, second])
	return note


@pytest.mark.parametrize("side", SIDES)
def test_a_reference_within_the_document_is_edited_on_the_other_side(side):
	w, names = ordered()
	note = deliver(w, side, names, 2, 1)
	w.settle()
	note, there_ = there(w, NOTE, side, note), other(side)
	first, second = w.people[there_].get(NOTE, note[there_], "items")
	first["parent_row"] = second["name"]
	w.people[there_].save(NOTE, note[there_], items=[first, second])
	w.settle()
	for each, name in note.items():
		assert within(w, each, name) == {2: 1, 1: None}
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("by", SIDES)
def test_a_reference_to_a_row_that_was_removed_since(side, by):
	"""It leads nowhere on both sides, and no site takes the other's name for an edit."""
	w, names = ordered()
	note = _with_parents(w, side, names)
	w.settle()
	note = there(w, NOTE, side, note)
	second = w.people[by].get(NOTE, note[by], "items")[1]
	w.people[by].save(NOTE, note[by], items=[{**second, "idx": 1}])
	w.settle()
	for each, name in note.items():
		((qty, leads_to),) = within(w, each, name).items()
		assert qty == 1 and leads_to
	told = [w.people[each].get(NOTE, name, "items")[0]["parent_row"] for each, name in note.items()]
	assert told[0] != told[1], "each site's own name of the row that is gone"
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
def test_a_document_made_again_refers_to_its_own_new_rows(side):
	"""The row map of the deleted copy is not that of the new one."""
	w, names = ordered()
	note = _with_parents(w, side, names)
	w.settle()
	note, there_ = there(w, NOTE, side, note), other(side)
	w.people[there_].delete(NOTE, note[there_])
	w.people[side].save(NOTE, note[side], instructions="an edit beats a deletion")
	w.settle()
	for each, name in there(w, NOTE, side, note[side]).items():
		assert within(w, each, name) == {1: 2, 2: None}
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("text", ["deadbeef42", "0123456789", "a" * 20, "not a row"])
def test_a_text_that_merely_looks_like_the_name_of_a_row(side, text):
	w, names = ordered()
	note = deliver(w, side, names, instructions=text)
	w.settle()
	for each, name in there(w, NOTE, side, note).items():
		assert w.people[each].get(NOTE, name, "instructions") == text
	at_rest(w)


@pytest.mark.parametrize("side", SIDES)
def test_the_name_of_a_row_of_what_it_does_not_link_to_is_a_text(side):
	w, names = ordered()
	stranger = w.people[side].get(ORDER, names[side], "items")[0]["name"]
	note = w.people[side].insert(
		NOTE, customer="C", instructions=stranger, items=[{"item_code": "I", "qty": 1}]
	)
	w.settle()
	for each, name in there(w, NOTE, side, note).items():
		assert w.people[each].get(NOTE, name, "instructions") == stranger
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_worker_dies_after_any_call(side):
	"""The order and a delivery with all kinds of references are new: none is lost, none leads astray."""
	start = trade()
	name = order(start, side)
	_with_parents(start, side, {side: name})

	def run(w, around):
		ctx = w.context(around=around)
		w.scan(ctx)
		w.drain(ctx)

	calls = calls_of(lambda around: run(start.copy(), around))
	first = next(n for n, call in enumerate(calls) if " ".join(call.split()).endswith(f"create {ORDER}"))
	for n in range(first, len(calls) + 1):
		w = start.copy()
		with pytest.raises(Killed):
			run(w, killed_after(n))
		w.queue.bury(f"worker {w.workers}")
		w.settle()
		assert (w.count(ORDER), w.count(NOTE)) == ((1, 1), (1, 1)), calls[n - 1]
		for each in SIDES:
			(note,) = w.sites[each].names(NOTE)
			assert delivered(w, each, note) == {1: 1, 2: 2}, calls[n - 1]
			assert within(w, each, note) == {1: 2, 2: None}, calls[n - 1]
		w.check_steady([True])


# -- pure


ROWS = Shape("Row", (Synced("at", "at", "Data"), Synced("qty", "qty", "Float")))
THING = Shape("Thing", (Synced("of", "von", "Data"), Synced("rows", "zeilen", "Table", rows=ROWS)))


def test_own_rows_by_the_names_of_each_side():
	doc = {"rows": [{"name": "r1"}, {"name": None}], "zeilen": [{"name": "r2"}]}
	assert own_rows(doc, THING, LOCAL) == {"r1"}
	assert own_rows(doc, THING, CLOUD) == {"r2"}


def test_references_are_left_out_of_rows_too():
	fields = {"of": "r1", "rows": [{"at": "r2", "qty": 1.0}, {"at": "r3", "qty": 2.0}]}
	told = without_references(fields, THING, {"r1", "r2"})
	assert told == {"of": None, "rows": [{"at": None, "qty": 1.0}, {"at": "r3", "qty": 2.0}]}
	assert without_references(fields, THING, ()) is fields


@pytest.mark.parametrize("side", SIDES)
def test_what_a_site_answers_to_a_write_is_told_in_the_terms_of_both(side, monkeypatch):
	"""Also a Link that its controller has set: a baseline in a site's own names would show as an edit of nobody's."""
	w, names = ordered(side)
	assert names[LOCAL] != names[CLOUD]
	w.rules["ToDo"] = own("ToDo")
	todo = w.people[side].insert("ToDo", description="d")

	def filled_in(doc):
		doc["reference_type"], doc["reference_name"] = ORDER, names[other(side)]

	monkeypatch.setitem(controllers._BEFORE_SAVE, "ToDo", filled_in)
	w.sync()
	held = w.binding("ToDo", side, todo).held[other(side)]
	assert held.fields["reference_name"] == names[LOCAL]
