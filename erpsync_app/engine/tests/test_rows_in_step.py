# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Child tables through whole cycles, between two sandbox sites: what people make of the rows on both sides meets.

A table of credit limits is told as "X=1 Y=2": companies and amounts, in order.
"""

import pytest

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.rows import copy_name
from erpsync_app.engine.tests.world import Killed, World, calls_of, keep, killed_after, own
from erpsync_app.sandbox import controllers
from erpsync_app.sandbox.faults import Fault

TABLE = "credit_limits"


def limits(text):
	pairs = (word.split("=") for word in text.split())
	return [{"company": company, "credit_limit": float(amount)} for company, amount in pairs]


def customer(text, *words, **more):
	"""A Customer A with these rows, in step on both sides."""
	w = World(keep("Customer", *words, **more))
	source = CLOUD if "to local" in words else LOCAL
	w.people[source].insert("Customer", customer_name="A", credit_limits=limits(text))
	w.sync()
	assert told(w) == (text, text)
	return w


def told(w):
	return tuple(
		" ".join(
			f"{row['company']}={row['credit_limit']:g}" for row in w.people[side].get("Customer", "A", TABLE)
		)
		for side in SIDES
	)


def edit(w, side, text):
	"""A person makes the table what `text` says: a row stays itself by its company."""
	held = {row["company"]: row for row in w.people[side].get("Customer", "A", TABLE)}
	rows = [{**held.get(row["company"], {}), **row} for row in limits(text)]
	w.people[side].save(
		"Customer", "A", credit_limits=[{**row, "idx": n} for n, row in enumerate(rows, start=1)]
	)


def both(w, local, cloud):
	edit(w, LOCAL, local)
	edit(w, CLOUD, cloud)


@pytest.mark.parametrize(
	("what", "was", "local", "cloud", "after"),
	[
		("added here, changed there", "X=1", "X=1 Y=2", "X=9", "X=9 Y=2"),
		("added, changed and removed", "X=1 Y=2 Z=3", "X=1 Y=2 Z=3 W=4", "X=9 Y=2", "X=9 Y=2 W=4"),
		("added on each", "X=1", "X=1 Y=2", "X=1 Z=3", "X=1 Z=3 Y=2"),
		("two rows, one a side", "X=1 Y=2", "X=8 Y=2", "X=1 Y=9", "X=8 Y=9"),
		("moved here, changed there", "X=1 Y=2 Z=3", "Z=3 X=1 Y=2", "X=1 Y=9 Z=3", "Z=3 X=1 Y=9"),
		("all removed here, added there", "X=1 Y=2", "", "X=1 Y=2 Z=3", "Z=3"),
		("the same row added on each", "X=1", "X=1 Y=2", "X=1 Y=2", "X=1 Y=2"),
	],
)
@pytest.mark.parametrize("policy", ["manual", "local_wins"])
def test_both_sides_edit_the_rows(policy, what, was, local, cloud, after):
	w = customer(was, policy)
	both(w, local, cloud)
	w.sync()
	assert told(w) == (after, after)
	assert not w.ledger.conflicts()
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_rows_stay_themselves_from_round_to_round(side):
	w = customer("X=1 Y=2")
	for there, text in (
		(side, "X=1 Y=2 Z=3"),
		(other(side), "Z=3 Y=2 X=7"),
		(side, "Z=3 X=7 W=4"),
		(side, "W=5"),
	):
		before = {row["company"]: row["name"] for row in w.people[other(there)].get("Customer", "A", TABLE)}
		edit(w, there, text)
		w.sync()
		assert told(w) == (text, text)
		after = {row["company"]: row["name"] for row in w.people[other(there)].get("Customer", "A", TABLE)}
		assert all(after[company] == name for company, name in before.items() if company in after)
	w.check_in_step()
	w.check_steady()


def test_a_cell_that_both_changed_is_settled_and_the_rest_meets():
	w = customer("X=1 Y=2 Z=3", "cloud_wins")
	both(w, "X=5 Y=6 Z=3", "X=7 Y=2 Z=9")
	w.sync()
	assert told(w) == ("X=7 Y=6 Z=9",) * 2
	(conflict,) = w.ledger.conflicts()
	(clash,) = conflict.clashes
	assert (clash.field, clash.winner, conflict.resolution) == (TABLE, CLOUD, "cloud_wins")
	assert [[row["credit_limit"] for row in rows] for rows in (clash.base, clash.local, clash.cloud)] == [
		[1],
		[5],
		[7],
	]
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_an_edit_of_a_row_beats_its_removal(side):
	w = customer("X=1 Y=2")
	edit(w, side, "X=5 Y=2")
	edit(w, other(side), "Y=2")
	w.sync()
	assert told(w) == ("X=5 Y=2",) * 2
	(conflict,) = w.ledger.conflicts()
	assert (conflict.clashes[0].winner, conflict.resolution) == (side, "Edit beats delete")
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("policy", "after"), [("local_wins", "Y=2"), ("cloud_wins", "X=1"), ("manual", None)]
)
def test_each_side_removed_the_row_that_the_other_kept(policy, after):
	"""Many a table must not be empty, and nobody emptied it."""
	w = customer("X=1 Y=2", policy)
	both(w, "Y=2", "X=1")
	w.sync()
	assert told(w) == ((after, after) if after else ("Y=2", "X=1"))
	(conflict,) = w.ledger.conflicts()
	assert conflict.resolution == (policy if after else None)
	w.check_steady()
	if after is None:
		w.choose("Customer", LOCAL, "A", "Keep cloud")
		w.settle()
		assert told(w) == ("X=1", "X=1")
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("choice", "after"), [("Keep local", "X=5 Y=6 Z=9 W=4"), ("Keep cloud", "X=7 Y=6 Z=9 W=4")]
)
def test_a_person_settles_the_clashing_cells_and_the_rest_meets(choice, after):
	w = customer("X=1 Y=2 Z=3", "manual")
	both(w, "X=5 Y=6 Z=3 W=4", "X=7 Y=2 Z=9")
	w.sync()
	assert told(w) == ("X=5 Y=6 Z=3 W=4", "X=7 Y=2 Z=9"), "it waits whole"
	(conflict,) = w.open_conflicts()
	assert [clash.field for clash in conflict.clashes] == [TABLE]
	w.check_steady()
	w.choose("Customer", LOCAL, "A", choice)
	w.settle()
	assert told(w) == (after, after)
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize(
	("choice", "after"), [("Keep local", "X=5 Y=2"), ("Keep cloud", "Y=2"), ("By hand", None)]
)
def test_a_person_settles_a_removal(choice, after):
	w = customer("X=1 Y=2", "manual")
	both(w, "X=5 Y=2", "Y=2")
	w.sync()
	w.choose("Customer", LOCAL, "A", choice)
	w.settle()
	assert told(w) == ((after, after) if after else ("X=5 Y=2", "Y=2"))
	assert not w.open_conflicts()
	w.check_steady()
	edit(w, CLOUD, f"{after or 'Y=2'} Z=3")
	w.sync()
	assert told(w)[0] == f"{after or 'X=5 Y=2'} Z=3"


@pytest.mark.parametrize(
	("words", "source"), [("to cloud", LOCAL), ("to local", CLOUD)], ids=["to cloud", "to local"]
)
def test_rows_that_the_receiving_side_changed_stay_there(words, source):
	w, there = customer("X=1 Y=2 Z=3", words), other(source)
	edit(w, there, "X=1 Y=9 Z=3 V=5")
	for text, after in (
		("X=1 Y=2 Z=3", "X=1 Y=9 Z=3 V=5"),
		("X=8 Y=2 Z=3", "X=8 Y=9 Z=3 V=5"),
		("X=8 Y=2 Z=3 W=4", "X=8 Y=9 Z=3 V=5 W=4"),
		("Y=2 Z=3 W=4", "Y=9 Z=3 V=5 W=4"),
	):
		edit(w, source, text)
		w.sync()
		shown = dict(zip(SIDES, told(w), strict=True))
		assert shown[source] == text
		assert sorted(shown[there].split()) == sorted(after.split())
		assert w.binding("Customer", LOCAL, "A").status == "Diverged"
		w.check_steady()
	assert not w.ledger.conflicts()


def test_what_of_a_row_is_not_synced_stays():
	w = customer("X=1", exclude=frozenset(("bypass_credit_limit_check",)))
	edited = [{**row, "bypass_credit_limit_check": 1} for row in w.people[CLOUD].get("Customer", "A", TABLE)]
	w.people[CLOUD].save("Customer", "A", credit_limits=edited)
	both(w, "Y=2 X=5", "X=1 Z=3")
	w.sync()
	rows = {row["company"]: row for row in w.people[CLOUD].get("Customer", "A", TABLE)}
	assert sorted(rows) == ["X", "Y", "Z"]
	assert (rows["X"]["credit_limit"], rows["X"]["bypass_credit_limit_check"]) == (5, 1)


@pytest.mark.parametrize("side", SIDES)
def test_a_site_that_gives_its_rows_new_names(side):
	"""As controllers do that make a table anew with each save."""
	w = customer("X=1 Y=2 Z=3")
	w.people[side].save("Customer", "A", credit_limits=limits("X=1 Y=5 Z=3"))
	edit(w, other(side), "X=9 Y=2")
	w.sync()
	assert told(w) == ("X=9 Y=5",) * 2
	w.check_in_step()
	w.check_steady()


def test_bindings_from_before_there_was_a_row_map():
	w = customer("X=1 Y=2 Z=3")
	w.database.execute("update binding set rows = '{}'")
	w.check_steady()
	both(w, "X=1 Y=2 Z=3 W=4", "X=9 Y=2")
	w.sync()
	assert told(w) == ("X=9 Y=2 W=4",) * 2
	w.check_in_step()
	w.check_steady()


def test_first_contact_of_two_tables_is_a_clash_of_both():
	w = World(keep("Customer", "local_wins"))
	for side, text in ((LOCAL, "X=1 Y=2"), (CLOUD, "Y=2 Z=3")):
		w.people[side].insert("Customer", customer_name="A", credit_limits=limits(text))
	w.sync()
	assert told(w) == ("X=1 Y=2",) * 2
	assert [row["company"] for row in w.ledger.conflicts()[0].clashes[0].cloud] == ["Y", "Z"]
	both(w, "X=1 Y=5", "X=6 Y=2")
	w.sync()
	assert told(w) == ("X=6 Y=5",) * 2
	w.check_steady()


def test_what_both_sites_compute_of_the_rows_waits_for_no_person(monkeypatch):
	"""A field that a person may write, and that the controllers put right with each save."""

	def total(doc):
		doc["website"] = f"{sum(row['credit_limit'] for row in doc[TABLE]):g}"

	monkeypatch.setitem(controllers._BEFORE_SAVE, "Customer", total)
	w = customer("X=1", "manual")
	both(w, "X=1 Y=2", "X=1 Z=3")
	w.sync()
	assert not w.open_conflicts()
	assert [w.people[side].get("Customer", "A", "website") for side in SIDES] == ["6", "6"]
	w.check_in_step()
	w.check_steady()


# -- a write whose answer is lost

AFTER = [fault for fault in Fault if fault.took_effect]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fault", AFTER, ids=lambda fault: fault.name)
def test_an_added_row_does_not_double_when_the_answer_is_lost(fault, side):
	w = customer("X=1")
	there = other(side)
	edit(w, side, "X=1 Y=2")
	w.fault(there, fault, path="set_value", times=1)
	w.sync()
	w.mend()
	new = next(row for row in w.people[side].get("Customer", "A", TABLE) if row["company"] == "Y")
	copy = next(row for row in w.people[there].get("Customer", "A", TABLE) if row["company"] == "Y")
	assert copy["name"] == copy_name(new["name"])
	# Meanwhile both go on.
	edit(w, there, "X=1 Y=7 Z=3")
	edit(w, side, "X=5 Y=2")
	w.settle()
	assert sorted(told(w)[0].split()) in (["X=5", "Y=2", "Z=3"], ["X=5", "Y=7", "Z=3"])
	assert told(w)[0] == told(w)[1]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_rows_of_a_document_that_was_made_again_are_new(side):
	"""The row map is of the document that was deleted."""
	w, there = customer("X=1 Y=2"), other(side)
	w.people[there].delete("Customer", "A")
	edit(w, side, "X=5 Y=2")
	w.fault(there, Fault.AFTER_TIMEOUT, path="/api/v2/document/", times=1)
	w.sync()
	w.mend()
	edit(w, there, "X=7 Y=2")
	edit(w, side, "X=6 Y=2")
	w.settle()
	assert told(w) in (("X=6 Y=2",) * 2, ("X=7 Y=2",) * 2)
	w.check_in_step()
	w.check_steady()


def rows_on_both(w):
	both(w, "X=1 Y=2 Z=3 W=4", "V=5 Y=9 X=1")


def a_run(w, around):
	ctx = w.context(around=around)
	w.scan(ctx)
	w.drain(ctx)


def all_calls():
	w = customer("X=1 Y=2 Z=3")
	rows_on_both(w)
	return calls_of(lambda around: a_run(w, around))


CALLS = all_calls()


@pytest.mark.parametrize(
	"n", range(1, len(CALLS) + 1), ids=[f"{n} {c}" for n, c in enumerate(CALLS, start=1)]
)
def test_a_worker_dies_after_any_call(n):
	w = customer("X=1 Y=2 Z=3")
	rows_on_both(w)
	with pytest.raises(Killed):
		a_run(w, killed_after(n))
	w.queue.bury(f"worker {w.workers}")
	w.settle()
	assert told(w) == ("V=5 Y=9 W=4 X=1",) * 2
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("words", [("local_wins",), ("to local",), ("to cloud",)])
def test_a_worker_dies_over_rows_of_which_it_was_never_recorded_who_is_who(words):
	"""It is told once, from the rows as people left them: after a write of ours it would be told wrongly."""
	n, alive = 0, False
	while not alive:
		n += 1
		w = customer("X=1 Y=2 Z=3 V=6 W=7", *words)
		w.database.execute("update binding set rows = '{}'")
		both(w, "X=1 Y=9 Z=3 W=7", "X=5 N=4 Y=2 Z=3 V=6")
		try:
			a_run(w, killed_after(n))
		except Killed:
			w.queue.bury(f"worker {w.workers}")
		else:
			alive = True
		w.settle()
		for text in told(w):
			companies = [word[0] for word in text.split()]
			assert len(companies) == len(set(companies)), (n, told(w))
		if words == ("local_wins",):
			assert told(w) == ("X=5 N=4 Y=9 Z=3",) * 2, n
		w.check_steady()


# -- submitted documents


def order():
	w = World(keep("Customer"), keep("Item"), keep("Item Group"), keep("UOM"), own("Sales Order"))
	w.people[LOCAL].insert("Item Group", item_group_name="G", is_group=1)
	w.people[LOCAL].insert("UOM", uom_name="Nos")
	w.people[LOCAL].insert("Item", item_code="I", item_group="G", stock_uom="Nos")
	w.people[LOCAL].insert("Customer", customer_name="C")
	rows = [{"item_code": "I", "qty": n, "rate": 1} for n in (1, 2, 3)]
	name = w.people[LOCAL].insert("Sales Order", customer="C", items=rows)
	w.settle()
	return w, {LOCAL: name, CLOUD: w.binding("Sales Order", LOCAL, name).names[CLOUD]}


def test_computed_cells_are_each_sites_own():
	w, names = order()
	for side, changes in ((LOCAL, {0: 5}), (CLOUD, {1: 7})):
		rows = w.people[side].get("Sales Order", names[side], "items")
		edited = [{**row, "qty": changes.get(n, row["qty"])} for n, row in enumerate(rows)]
		w.people[side].save("Sales Order", names[side], items=edited)
	w.settle()
	for side in SIDES:
		doc = w.people[side].get("Sales Order", names[side])
		assert [(row["qty"], row["amount"]) for row in doc["items"]] == [(5, 5), (7, 7), (3, 3)]
		assert doc["grand_total"] == 15
	w.check_in_step()
	w.check_steady()


def test_rows_of_a_submitted_document_change_as_far_as_they_may():
	w, names = order()
	w.sites[LOCAL].submit("Sales Order", names[LOCAL])
	w.settle()
	for side, at, day in ((LOCAL, 0, "2026-03-01"), (CLOUD, 2, "2026-03-03")):
		rows = w.people[side].get("Sales Order", names[side], "items")
		rows[at]["delivery_date"] = day
		w.people[side].save("Sales Order", names[side], items=rows)
	w.settle()
	for side in SIDES:
		rows = w.people[side].get("Sales Order", names[side], "items")
		assert [row["delivery_date"] for row in rows] == ["2026-03-01", None, "2026-03-03"]
	assert not w.ledger.conflicts()
	w.check_steady()


def test_a_row_added_to_a_draft_that_is_submitted_there_cannot_cross():
	w, names = order()
	w.sites[CLOUD].submit("Sales Order", names[CLOUD])
	rows = w.people[LOCAL].get("Sales Order", names[LOCAL], "items")
	edited = [{**rows[0], "qty": 9}, *rows[1:], {"item_code": "I", "qty": 4, "rate": 1}]
	w.people[LOCAL].save("Sales Order", names[LOCAL], items=edited)
	w.settle()
	for side in SIDES:
		rows = w.people[side].get("Sales Order", names[side], "items")
		assert [row["qty"] for row in rows] == [1, 2, 3]
	(conflict,) = w.ledger.conflicts()
	assert conflict.resolution == "Submit beats edit"
	assert [row["qty"] for row in conflict.clashes[0].local] == [9, 2, 3, 4], "what could not cross is kept"
	w.check_steady()


def test_rows_by_a_hint_alone():
	"""A row edit is found by the event of its parent, and costs nothing when there is none."""
	w = customer("X=1 Y=2")
	edit(w, CLOUD, "X=1 Y=2 Z=3")
	w.put(Event(CLOUD, "Customer", "A", trigger="webhook"))
	w.drain()
	assert told(w) == ("X=1 Y=2 Z=3",) * 2
	writes = w.site_writes()
	w.put(Event(CLOUD, "Customer", "A", trigger="webhook"))
	w.drain()
	assert w.site_writes() == writes
