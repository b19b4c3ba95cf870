# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpsync_app.engine.model import Field, Meta
from erpsync_app.engine.ordering import order, parents_first, unbreakable


def meta(doctype, *links, children=(), **more):
	"""Links as "Target" (optional), "Target!" (required) or "Target?" (read-only)."""
	fields = {name: Field(name, "Table", options=rows.doctype) for name, rows in dict(children).items()}
	for at, link in enumerate(links):
		required, read_only = link.endswith("!"), link.endswith("?")
		fields[f"f{at}"] = Field(
			f"f{at}", "Link", options=link.rstrip("!?"), required=required, read_only=read_only
		)
	return Meta(doctype, fields, children=dict(children), **more)


def metas(*all_of_them):
	return {one.doctype: one for one in all_of_them}


def table(doctype, rows, **more):
	return Meta(
		doctype, {"rows": Field("rows", "Table", options=rows.doctype, **more)}, children={"rows": rows}
	)


@pytest.mark.parametrize(
	("description", "given_metas", "expected"),
	[
		("nothing", metas(), []),
		("no links: by name", metas(meta("B"), meta("A")), ["A", "B"]),
		(
			"targets first, through the whole chain",
			metas(meta("A", "B!"), meta("B", "C"), meta("C")),
			["C", "B", "A"],
		),
		("a target that is not synced", metas(meta("A", "Currency!")), ["A"]),
		("a link to itself", metas(meta("Item Group", "Item Group!")), ["Item Group"]),
		(
			"the links of a child table",
			metas(meta("Order", children={"items": meta("Order Item", "Part!")}), meta("Part")),
			["Part", "Order"],
		),
		("a cycle, broken at its optional link", metas(meta("A", "B!"), meta("B", "A")), ["B", "A"]),
		("the same, the other way round", metas(meta("A", "B"), meta("B", "A!")), ["A", "B"]),
		(
			"a required link beside an optional one to the same target",
			metas(meta("A", "B", "B!"), meta("B", "A")),
			["B", "A"],
		),
		("a cycle, broken at its read-only link", metas(meta("A", "B"), meta("B", "A?")), ["B", "A"]),
		("the same, the other way round", metas(meta("A", "B?"), meta("B", "A")), ["A", "B"]),
		(
			"a cycle that runs through the rows of a read-only table, whatever their links are",
			metas(table("A", meta("Row", "B!"), read_only=True), meta("B", "A")),
			["A", "B"],
		),
		("a cycle of required links alone", metas(meta("A", "B!"), meta("B", "A!")), ["A", "B"]),
		(
			"what links into a cycle still comes after it",
			metas(meta("Address", "Customer"), meta("Customer", "Group!"), meta("Group", "Customer")),
			["Group", "Customer", "Address"],
		),
		(
			"two cycles that share a DocType",
			metas(meta("Account", "Company!"), meta("Company", "Account", "Item"), meta("Item", "Company!")),
			["Company", "Account", "Item"],
		),
	],
)
def test_order(description, given_metas, expected):
	assert order(given_metas) == expected, description


@pytest.mark.parametrize(
	("description", "given_metas", "expected"),
	[
		("none", metas(meta("A", "B!"), meta("B")), []),
		("of optional links", metas(meta("A", "B"), meta("B", "A")), []),
		("that one optional link breaks", metas(meta("A", "B!"), meta("B", "A")), []),
		("of mandatory links", metas(meta("A", "B!"), meta("B", "A!")), ["A", "B", "A"]),
		("longer", metas(meta("A", "B!"), meta("B", "C!"), meta("C", "A!")), ["A", "B", "C", "A"]),
		("by way of what is not synced", metas(meta("A", "X!")), []),
		("to itself, as in a tree", metas(meta("A", "A!")), []),
		("in rows", metas(table("A", meta("Row", "B!"), required=False), meta("B", "A!")), []),
		(
			"in rows that must be there",
			metas(table("A", meta("Row", "B!"), required=True), meta("B", "A!")),
			["A", "B", "A"],
		),
	],
)
def test_a_circle_that_no_optional_link_breaks(description, given_metas, expected):
	assert unbreakable(given_metas) == expected, description


def test_dynamic_and_virtual_links_do_not_count():
	fields = {
		"party": Field("party", "Dynamic Link", options="Customer"),
		"shown": Field("shown", "Link", options="Customer", virtual=True),
	}
	assert order({"Customer": meta("Customer", "Bank!"), "Bank": Meta("Bank", fields)}) == [
		"Bank",
		"Customer",
	]


_names = st.sampled_from("ABCDEFG")


@settings(deadline=None)
@given(st.dictionaries(_names, st.lists(st.tuples(_names, st.booleans()))), st.randoms())
def test_order_is_whole_stable_and_keeps_required_links_without_a_cycle(links, shuffle: random.Random):
	given_metas = {
		one: meta(one, *(target + "!" * required for target, required in links[one])) for one in links
	}
	answer = order(given_metas)
	shuffled = list(given_metas.items())
	shuffle.shuffle(shuffled)
	assert sorted(answer) == sorted(links)
	assert order(dict(shuffled)) == answer

	# Targets with a smaller name can make no cycle: all of those links must hold.
	acyclic = {one: [f"{t}{'!' * r}" for t, r in links[one] if t < one] for one in links}
	answer = order({one: meta(one, *acyclic[one]) for one in links})
	for one, targets in acyclic.items():
		for target in targets:
			if (target := target.rstrip("!")) in links:
				assert answer.index(target) < answer.index(one)


def tree(*pairs):
	return [{"name": name, "parent_item_group": parent} for name, parent in pairs]


@pytest.mark.parametrize(
	("description", "docs", "expected"),
	[
		("nothing", (), ""),
		("already in order", (("a", None), ("b", "a")), "ab"),
		("a child before its parent", (("b", "a"), ("a", "")), "ab"),
		("a chain from the bottom", (("d", "c"), ("c", "b"), ("b", "a"), ("a", None)), "abcd"),
		("as they came, where no parent asks otherwise", (("z", None), ("y", None), ("x", "y")), "zyx"),
		("a parent that is elsewhere", (("b", "All Item Groups"), ("a", "Away")), "ba"),
		("a document that is its own parent", (("a", "a"), ("b", "a")), "ab"),
		("a circle", (("a", "b"), ("b", "a"), ("c", "a")), "bac"),
	],
)
def test_parents_first(description, docs, expected):
	ordered = parents_first(tree(*docs), "parent_item_group")
	assert "".join(doc["name"] for doc in ordered) == expected, description


def test_parents_first_without_the_field_and_down_a_deep_tree():
	assert parents_first([{"name": "b"}, {"name": "a"}], "parent") == [{"name": "b"}, {"name": "a"}]
	deep = [{"name": str(at), "parent": str(at + 1)} for at in range(5000)]
	assert parents_first(deep, "parent") == deep[::-1]


@settings(deadline=None)
@given(st.lists(st.tuples(_names, st.none() | _names)))
def test_parents_first_loses_and_doubles_nothing(pairs):
	docs = tree(*pairs)
	ordered = parents_first(docs, "parent_item_group")
	assert sorted(map(id, ordered)) == sorted(map(id, docs))
