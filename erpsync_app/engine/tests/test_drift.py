# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from dataclasses import replace

import pytest

from erpsync_app.engine.drift import drift
from erpsync_app.engine.model import CLOUD, LOCAL, Field, Rule
from erpsync_app.engine.tests.builders import meta


def text(name, **more):
	return Field(name, "Data", **more)


A, B = text("a"), text("b")
LINK = Field("a", "Link", options="Item")


def told(local, cloud, *, children=None, **rule):
	children = children or ({}, {})
	one, two = (
		meta("Thing", *fields, children=tables)
		for fields, tables in zip((local, cloud), children, strict=True)
	)
	return drift(one, two, Rule("Thing", **rule))


MAPPED = [("a", CLOUD, "is mapped to x, which the cloud site does not have")]
TO_CLOUD = {"direction": "local_to_cloud"}


@pytest.mark.parametrize(
	("case", "local", "cloud", "rule", "expected"),
	[
		("alike", [A, B], [A, B], {}, []),
		("the cloud lacks one", [A, B], [A], {}, [("b", CLOUD, "is not on the cloud site")]),
		("the local site lacks one", [A], [A, B], {}, [("b", LOCAL, "is not on the local site")]),
		("computed on one side", [A, text("b", read_only=True)], [A], {}, []),
		("excluded", [A, B], [A], {"exclude": frozenset("b")}, []),
		("mapped", [A], [B], {"field_map": {"a": "b"}}, []),
		("mapped to nothing", [A], [B], {"field_map": {"a": "x"}, "exclude": frozenset("b")}, MAPPED),
		(
			"mandatory on the side that lacks nothing",
			[A],
			[A, text("b", required=True)],
			{},
			[("b", LOCAL, "is mandatory on the cloud site, and the local site does not have it")],
		),
		("but it has a default", [A], [A, text("b", required=True, default="x", read_only=True)], {}, []),
		(
			"mandatory where nothing is written",
			[A, text("b", required=True)],
			[A],
			TO_CLOUD,
			[("b", CLOUD, "is not on the cloud site")],
		),
		("mandatory on both", [text("a", required=True)], [text("a", required=True)], {}, []),
		(
			"mandatory on one side",
			[A],
			[text("a", required=True)],
			{},
			[("a", CLOUD, "is mandatory on the cloud site alone")],
		),
		("where it is never written", [text("a", required=True)], [A], TO_CLOUD, []),
		(
			"unique on one side",
			[text("a", unique=True)],
			[A],
			{},
			[("a", LOCAL, "is unique on the local site alone")],
		),
		(
			"read-only on one side",
			[text("a", read_only=True)],
			[A],
			{},
			[("a", LOCAL, "is read-only on the local site alone")],
		),
		("types of one family", [A], [Field("a", "Small Text")], {}, []),
		("numbers", [Field("a", "Float")], [Field("a", "Currency")], {}, []),
		(
			"types apart",
			[A],
			[Field("a", "Date")],
			{},
			[("a", CLOUD, "is of type Data on the local site and Date")],
		),
		("a table on one side", [A], [Field("a", "Table")], {}, [("a", CLOUD, "is of type Data")]),
		("one link", [LINK], [LINK], {}, []),
		(
			"links apart",
			[LINK],
			[replace(LINK, options="Asset")],
			{},
			[("a", CLOUD, "links to Item on the local site and to Asset")],
		),
		(
			"choices apart",
			[Field("a", "Select", options="X\nY")],
			[Field("a", "Select", options="X\nZ")],
			{},
			[
				("a", LOCAL, "lacks the choice Z on the local"),
				("a", CLOUD, "lacks the choice Y on the cloud"),
			],
		),
		(
			"out of reach",
			[A],
			[text("a", out_of_reach=True)],
			{},
			[("a", CLOUD, "is out of the sync user's reach on the cloud site")],
		),
		("each site's own", [A, Field("b", "Password")], [A], {}, []),
		("a section", [A, Field("b", "Section Break")], [A], {}, []),
	],
)
def test_drift(case, local, cloud, rule, expected):
	found = told(local, cloud, **rule)
	assert [(d.field, d.side) for d in found] == [e[:2] for e in expected], case
	assert all(d.why.startswith(e[2]) for d, e in zip(found, expected, strict=True)), found


def test_of_rows():
	table = Field("rows", "Table", options="Row")
	(found,) = told([table], [table], children=({"rows": meta("Row", A, B)}, {"rows": meta("Row", A)}))
	assert str(found) == (
		"rows.b is not on the cloud site, so its values stay on the local one. Add it there in Customize Form, map it"
		" to another field, or exclude it."
	)


def test_submittable_on_one_side():
	one = replace(meta("Thing", A), submittable=True)
	(found,) = drift(one, meta("Thing", A), Rule("Thing"))
	assert (found.field, found.side) == ("docstatus", CLOUD)
