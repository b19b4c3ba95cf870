# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from datetime import timezone
from zoneinfo import ZoneInfo

import pytest

from erpsync_app.engine.canonical import canonical, outbound
from erpsync_app.engine.mapping import Terms, links, listed, relisted, shape_of, targets
from erpsync_app.engine.model import CLOUD, LOCAL, Field, Rule
from erpsync_app.engine.tests.builders import meta


def text(name, **more):
	return Field(name, "Data", **more)


def shape(local, cloud=None, *, children=None, excluded=(), **rule):
	children = children or {}
	one = meta("Thing", *local, children=children)
	two = meta("Thing", *(local if cloud is None else cloud), children=children)
	return shape_of(one, two, Rule("Thing", **rule), frozenset(excluded))


def pairs(shape):
	return {f.local: f.cloud for f in shape.fields}


A, B, C = text("a"), text("b"), text("c")


@pytest.mark.parametrize(
	("description", "local", "cloud", "rule", "expected"),
	[
		("both have it", [A, B], [A, B], {}, {"a": "a", "b": "b"}),
		("a field that local lacks", [A], [A, B], {}, {"a": "a"}),
		("a field that the cloud lacks", [A, B], [A], {}, {"a": "a"}),
		("renamed", [A], [B], {"field_map": {"a": "b"}}, {"a": "b"}),
		("renamed to what the cloud lacks", [A], [A], {"field_map": {"a": "b"}}, {}),
		("renamed onto a field of both", [A, B], [B], {"field_map": {"a": "b"}}, {"a": "b"}),
		("swapped", [A, B], [A, B], {"field_map": {"a": "b", "b": "a"}}, {"a": "b", "b": "a"}),
		("a chain", [A, B], [B, C], {"field_map": {"a": "b", "b": "c"}}, {"a": "b", "b": "c"}),
		("excluded by the rule", [A, B], [A, B], {"exclude": frozenset("a")}, {"b": "b"}),
		(
			"never",
			[A, *map(text, ("name", "lft", "rgt", "old_parent", "idx", "parent"))],
			None,
			{},
			{"a": "a"},
		),
		("a password", [A, Field("b", "Password")], None, {}, {"a": "a"}),
		("a password on one side", [A, B], [A, Field("b", "Password")], {}, {"a": "a"}),
		("virtual", [A, text("b", virtual=True)], None, {}, {"a": "a"}),
		("virtual on one side", [A, B], [A, text("b", virtual=True)], {}, {"a": "a"}),
		("layout", [A, Field("b", "Section Break"), Field("c", "Image")], None, {}, {"a": "a"}),
		("a table on one side", [A, B], [A, Field("b", "Table")], {}, {"a": "a"}),
	],
)
def test_what_is_synced(description, local, cloud, rule, expected):
	assert pairs(shape(local, cloud, **rule)) == expected, description


@pytest.mark.parametrize("local", ["Date", "Datetime"])
def test_a_day_that_is_a_moment_on_one_side_is_no_other_day_in_another_zone(local):
	"""The dates of a Task are days on version 15 and moments on version 16."""
	cloud = "Datetime" if local == "Date" else "Date"
	found = shape([Field("a", local)], [Field("a", cloud)])
	far, here = ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")
	terms = {LOCAL: Terms(LOCAL, here, here), CLOUD: Terms(CLOUD, far, here, {}, {})}
	stored = {"Date": "2026-03-01", "Datetime": "2026-03-01 00:00:00.000000"}
	for side, kind in ((LOCAL, local), (CLOUD, cloud)):
		assert canonical({"a": stored[kind]}, found, terms[side]) == {"a": "2026-03-01"}
		assert outbound({"a": "2026-03-01"}, found, terms[side]) == {"a": "2026-03-01"}


def test_a_text_that_is_a_dynamic_link_in_all_but_its_type():
	told = shape([text("prevdoc_doctype"), text("prevdoc_docname"), text("prevdoc_detail_docname")])
	doc = dict.fromkeys(("prevdoc_docname", "prevdoc_detail_docname"), "N-1") | {"prevdoc_doctype": "Note"}
	assert list(links(doc, told, LOCAL)) == [("Note", "N-1")]


def test_fields_that_no_doctype_syncs_are_left_out_of_rows_too():
	rows = meta("Row", A, B)
	found = shape([A, B, Field("rows", "Table", options="Row")], children={"rows": rows}, excluded=["b"])
	assert pairs(found) == {"a": "a", "rows": "rows"}
	assert pairs(found.named("rows").rows) == {"a": "a"}


@pytest.mark.parametrize(
	("local", "cloud", "at_birth"),
	[
		(A, A, False),
		(text("a", read_only=True), A, True),
		(A, text("a", read_only=True), True),
		(text("naming_series"), text("naming_series"), True),
		(text("amended_from"), text("amended_from"), True),
	],
)
def test_at_birth(local, cloud, at_birth):
	(found,) = shape([local], [cloud]).fields
	assert found.at_birth is at_birth


def test_a_field_is_told_by_its_local_name():
	found = shape([A], [B], field_map={"a": "b"})
	assert found.named("b") is None
	assert (found.named("a").on(LOCAL), found.named("a").on(CLOUD)) == ("a", "b")


LINKING = shape(
	[
		Field("customer", "Link", options="Customer"),
		Field("party_type", "Link", options="DocType"),
		Field("party", "Dynamic Link", options="party_type"),
		Field("rows", "Table", options="Row"),
		text("remark"),
	],
	[
		Field("client", "Link", options="Customer"),
		Field("kind", "Link", options="DocType"),
		Field("party", "Dynamic Link", options="kind"),
		Field("rows", "Table", options="Row"),
		text("remark"),
	],
	children={"rows": meta("Row", Field("item", "Link", options="Item"), A)},
	field_map={"customer": "client", "party_type": "kind"},
)


def test_links_by_the_names_of_each_side():
	local = {
		"customer": "C1",
		"party_type": "Supplier",
		"party": "S1",
		"remark": "x",
		"rows": [{"item": "I1", "a": "y"}, {"item": None}],
	}
	cloud = {"client": "C1", "kind": "Supplier", "party": "S1", "rows": [{"item": "I1"}]}
	expected = {("Customer", "C1"), ("DocType", "Supplier"), ("Supplier", "S1"), ("Item", "I1")}
	assert set(links(local, LINKING, LOCAL)) == expected
	assert set(links(cloud, LINKING, CLOUD)) == expected


@pytest.mark.parametrize(
	"doc", [{}, {"customer": "", "rows": None}, {"party": "S1"}, {"party": "S1", "party_type": None}]
)
def test_no_links(doc):
	assert not list(links(doc, LINKING, LOCAL))


def test_targets_of_a_batch():
	docs = [{"customer": "C1"}, {"customer": "C2", "rows": [{"item": "I1"}]}, {"customer": "C1"}]
	assert targets(docs, LINKING, LOCAL) == {"Customer": {"C1", "C2"}, "Item": {"I1"}}


NAMES = {"P1": "Q1", "P 2": "Q 2"}


@pytest.mark.parametrize(
	("text", "names", "told"),
	[
		('["P1", "P 2"]', ["P1", "P 2"], '["Q1", "Q 2"]'),
		('[\n "P1"\n]', ["P1"], '["Q1"]'),
		("[]", [], "[]"),
		("P1", ["P1"], "Q1"),
		("P1\nP 2\n", ["P1", "P 2"], "Q1\nQ 2\n"),
		("P1, P 2,P3", ["P1", "P 2", "P3"], "Q1, Q 2,P3"),
		("", [], ""),
		("Hello, world.\n\n\tP1 and  more, [", ["Hello", "world.", "P1 and  more", "["], None),
		('[{"a": 1}, {"b": "P1 "}]', ['[{"a": 1}', '{"b": "P1 "}]'], None),
		("[1, 2]", ["[1", "2]"], None),
		("[P1, P 2", ["[P1", "P 2"], "[P1, Q 2"),
	],
)
def test_names_that_a_text_lists(text, names, told):
	assert listed(text) == names
	assert relisted(text, lambda name: NAMES.get(name, name)) == (text if told is None else told)


def listing(name, kind="Small Text"):
	one = meta("Thing", Field(name, kind))
	return shape_of(one, one, Rule("Thing"), own_named=["Pricing Rule"]).fields[0].lists


@pytest.mark.parametrize(
	("name", "kind", "lists"),
	[
		("pricing_rules", "Small Text", "Pricing Rule"),
		("pricing_rule", "Data", "Pricing Rule"),
		("pricing_rules", "Code", "Pricing Rule"),
		("pricing_rules", "Float", None),
		("rules", "Small Text", None),
		("coupon_codes", "Small Text", None),
	],
)
def test_a_text_field_called_after_a_doctype_lists_its_documents(name, kind, lists):
	"""Only of a DocType whose documents have a name of their own on each side."""
	assert listing(name, kind) == lists


def test_names_in_a_text_are_told_in_the_other_sides_terms():
	one = meta("Thing", Field("pricing_rules", "Small Text"))
	found, utc = shape_of(one, one, Rule("Thing"), own_named=["Pricing Rule"]), timezone.utc
	inward, outward = {("Pricing Rule", "P1"): "Q1"}, {("Pricing Rule", "Q1"): "P1"}
	cloud = Terms(CLOUD, utc, utc, inward, outward)
	doc = {"pricing_rules": '["P1", "P2"]'}
	assert targets([doc], found, CLOUD) == {"Pricing Rule": {"P1", "P2"}}
	assert canonical(doc, found, cloud) == {"pricing_rules": '["Q1", "P2"]'}
	assert outbound({"pricing_rules": '["Q1", "P2"]'}, found, cloud) == doc
