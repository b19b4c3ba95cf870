# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The documents of two sandbox sites compared: what is found, why, and at what cost."""

from dataclasses import replace

import pytest

from erpsync_app.engine.differences import Difference
from erpsync_app.engine.model import CLOUD, LOCAL, Event, Rule
from erpsync_app.engine.tests.world import World, calls_of, keep, own
from erpsync_app.engine.verify import Tally, look, suspects

ORDER = {"delivery_date": "2026-02-01", "items": [{"item_code": "Bolt", "qty": 2, "rate": 5}]}


def found(w: World, doctype: str = "Customer", tally: Tally | None = None) -> list[Difference]:
	writes = w.site_writes(), w.ledger.contents(), w.queue.pending()
	ctx, tally = w.context(), tally or Tally()
	differ = list(look(ctx, doctype, suspects(ctx, doctype, tally), tally))
	assert (w.site_writes(), w.ledger.contents(), w.queue.pending()) == writes
	return differ


def told(w: World, doctype: str = "Customer") -> dict[str, tuple]:
	return {each.name: (each.cause, each.missing, dict(each.fields)) for each in found(w, doctype)}


def world(*rules: Rule, customers: int = 3) -> World:
	w = World(*(rules or (keep("Customer"),)))
	for n in range(customers):
		w.people[(LOCAL, CLOUD)[n % 2]].insert("Customer", customer_name=f"C{n}", customer_type="Company")
	w.settle()
	return w


def test_nothing_is_found_where_all_is_in_step():
	w, tally = world(), Tally()
	assert found(w, tally=tally) == []
	assert (tally.compared["Customer"], tally.outside["Customer"]) == (3, 0)


def test_a_change_that_nothing_tells_of():
	w = world()
	w.sites[LOCAL].set_value("Customer", "C0", {"website": "x.test"}, update_modified=False)
	assert told(w) == {"C0": ("unexplained", None, {"website": ("x.test", None)})}
	w.put(Event(LOCAL, "Customer", "C0"))
	assert told(w)["C0"][0] == "waiting"
	w.settle()
	assert told(w) == {} and w.people[CLOUD].get("Customer", "C0", "website") == "x.test"


@pytest.fixture
def orders() -> tuple[World, dict]:
	"""An order on both sides, and its names."""
	w = World(own("Sales Order"), keep("Customer"), keep("Item"))
	for person in w.people.values():
		person.insert("Item Group", item_group_name="All Item Groups", is_group=1)
		person.insert("UOM", uom_name="Nos")
	w.people[LOCAL].insert("Customer", customer_name="C", customer_type="Company")
	w.people[LOCAL].insert("Item", item_code="Bolt", item_group="All Item Groups", stock_uom="Nos")
	name = w.people[LOCAL].insert("Sales Order", customer="C", **ORDER)
	w.settle()
	assert told(w, "Sales Order") == {}
	return w, dict(w.binding("Sales Order", LOCAL, name).names)


def test_a_read_only_field_that_the_controllers_keep(orders):
	w, names = orders
	w.sites[CLOUD].set_value("Sales Order", names[CLOUD], {"grand_total": 11}, update_modified=False)
	assert told(w, "Sales Order") == {names[LOCAL]: ("unexplained", None, {"grand_total": (10.0, 11.0)})}


def test_a_submitted_document_beside_a_draft(orders):
	w, names = orders
	w.sites[LOCAL].submit("Sales Order", names[LOCAL])
	((_, _, fields),) = told(w, "Sales Order").values()
	assert fields["docstatus"] == (1, 0)
	w.rules["Sales Order"] = replace(w.rules["Sales Order"], submit="draft")
	((_, _, fields),) = told(w, "Sales Order").values()
	assert fields.keys() == {"status"}


def test_a_document_of_names_of_its_own_on_each_side():
	w = world(own("Customer"))
	w.people[CLOUD].insert("ToDo", description="of another DocType")
	name = w.sites[CLOUD].names("Customer")[0]
	w.sites[CLOUD].set_value("Customer", name, {"tax_id": "7"}, update_modified=False)
	here = w.binding("Customer", CLOUD, name).names[LOCAL]
	(difference,) = found(w)
	assert difference.names == {LOCAL: here, CLOUD: name}
	assert difference.fields == {"tax_id": (None, "7")}


@pytest.mark.parametrize("side", [LOCAL, CLOUD])
def test_a_document_on_one_side_only(side):
	w = world()
	w.people[side].insert("Customer", customer_name="New", customer_type="Company")
	missing = CLOUD if side == LOCAL else LOCAL
	assert told(w) == {"New": ("unexplained", missing, {})}
	w.scan()
	assert told(w) == {"New": ("waiting", missing, {})}
	w.settle()
	assert told(w) == {}


def test_a_document_that_could_not_be_written():
	w = world(keep("Customer"))
	w.people[LOCAL].insert("Territory", territory_name="Here")
	w.people[LOCAL].insert("Customer", customer_name="New", customer_type="Company", territory="Here")
	w.settle()
	(difference,) = found(w)
	assert (difference.cause, difference.missing) == ("failed", CLOUD) and "Here" in difference.why


def test_an_open_conflict():
	w = world(keep("Customer", "manual"))
	for side, value in ((LOCAL, "1"), (CLOUD, "2")):
		w.people[side].save("Customer", "C0", tax_id=value)
	w.settle()
	assert told(w) == {"C0": ("conflict", None, {"tax_id": ("1", "2")})}


def test_what_the_rule_keeps_at_home_is_no_difference():
	w, tally = world(keep("Customer", "to local")), Tally()
	before = tally.outside["Customer"]
	w.people[LOCAL].insert("Customer", customer_name="Mine", customer_type="Company")
	assert found(w, tally=tally) == []
	assert tally.outside["Customer"] - before >= 1
	w.people[CLOUD].insert("Customer", customer_name="Theirs", customer_type="Company")
	assert told(w) == {"Theirs": ("unexplained", LOCAL, {})}


def test_filters():
	w = world(keep("Customer", filters=(("customer_name", "like", "C%"),)))
	w.people[LOCAL].insert("Customer", customer_name="Other", customer_type="Company")
	assert told(w) == {}
	# A document that was bound stays so when it does not meet them any more.
	w.sites[LOCAL].set_value("Customer", "C0", {"customer_name": "D0"}, update_modified=False)
	w.sites[CLOUD].set_value("Customer", "C0", {"customer_name": "E0"}, update_modified=False)
	assert told(w) == {"C0": ("unexplained", None, {"customer_name": ("D0", "E0")})}


def test_files_and_tags():
	w = world(keep("Customer", tags=True, attachments=True))
	w.people[LOCAL].attach("Customer", "C0", "terms.txt", b"terms")
	w.people[CLOUD].tag("Customer", "C1", "good")
	assert told(w) == {
		"C0": ("unexplained", None, {"(attachments)": (["terms.txt"], [])}),
		"C1": ("unexplained", None, {"(tags)": ([], ["good"])}),
	}
	w.settle()
	assert told(w) == {}


def test_only_the_named_documents_are_looked_at_again():
	w = world()
	for name in ("C0", "C1"):
		w.sites[LOCAL].set_value("Customer", name, {"tax_id": "x"}, update_modified=False)
	events = [Event(side, "Customer", "C1") for side in (LOCAL, CLOUD)]
	assert [each.name for each in look(w.context(), "Customer", events, Tally())] == ["C1"]


def test_documents_in_step_cost_a_few_calls_a_page():
	def calls(customers: int) -> list[str]:
		w = world(customers=customers)
		return calls_of(lambda around: suspects(w.context(around=around), "Customer", Tally()))

	few, many = calls(2), calls(30)
	assert len(few) == len(many) and not [call for call in many if ".read " in call or "bindings" in call]
