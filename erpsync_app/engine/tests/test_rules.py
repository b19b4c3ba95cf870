# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpsync_app.engine.rules import OPERATORS, check_filters, matches


@pytest.mark.parametrize(
	("held", "operator", "asked", "expected"),
	[
		# text
		("Retail", "=", "Retail", True),
		("Retail", "=", "retail", False),
		("Retail", "!=", "Retail", False),
		("b", ">", "a", True),
		("a", "<=", "a", True),
		# empty values: None and "" are one
		(None, "=", "", True),
		("", "=", None, True),
		(None, "!=", "", False),
		(None, "!=", "Retail", True),
		(None, "=", 0, True),
		(None, "!=", 5, True),
		(None, "<", "2026-01-01", True),
		(None, ">", "2026-01-01", False),
		(None, ">=", "2026-01-01", False),
		("", "<", 5, True),
		# numbers, however they are written
		(1, "=", "1", True),
		("1", "=", 1, True),
		(True, "=", 1, True),
		(9, "<", "10", True),
		(Decimal("1.50"), "=", 1.5, True),
		(0, "!=", 0.0, False),
		("abc", "=", 1, False),
		(10**400, ">", 1, True),
		([{"name": "row"}], "=", 1, False),
		# dates and times
		("2026-01-31", "=", date(2026, 1, 31), True),
		("2026-01-31 00:00:00", "=", "2026-01-31", True),
		("2026-01-31 10:00:00.000000", "=", "2026-01-31 10:00:00", True),
		("2026-01-31 10:00:00.000001", ">", datetime(2026, 1, 31, 10), True),
		("2026-01-31", "=", "2026-01-31 10:00:00", True),
		("2026-01-31 10:00:00", ">", "2026-01-31", True),
		("9:30:00", "<", "10:00:00", True),
		(timedelta(hours=9), "<", "10:00:00", True),
		("2026-99-99", "=", "2026-99-99", True),
		# in
		("A", "in", ["A", "B"], True),
		("C", "in", ["A", "B"], False),
		("a", "in", ["A"], False),
		(None, "in", ["A"], False),
		(None, "in", ["A", ""], True),
		(None, "in", ["A", None], True),
		(5, "in", ["5"], True),
		("A", "not in", ["A"], False),
		(None, "not in", ["A"], True),
		(None, "not in", ["A", ""], False),
		# like
		("Big Steel", "like", "%steel%", True),
		("Big Steel", "like", "steel%", False),
		("Steel", "like", "stee_", True),
		("Steel", "like", "ste_", False),
		("Steel", "like", "steel", True),
		("two\nlines", "like", "two%lines", True),
		("a*[b]?", "like", "a*[b]?", True),
		("axb", "like", "a*b", False),
		("100%", "like", "100\\%", False),
		("back\\slash", "like", "back\\%", True),
		("a" * 5000, "like", "%a" * 30 + "%b", False),
		(None, "like", "x%", False),
		(None, "not like", "x%", True),
		("x1", "not like", "X%", False),
		(120, "like", "12%", True),
		# is
		("x", "is", "set", True),
		("", "is", "set", False),
		(None, "is", "not set", True),
		(0, "is", "set", True),
		([], "is", "not set", True),
		# between
		("2026-01-31", "between", ["2026-01-01", "2026-01-31"], True),
		("2026-01-31 23:59:59.500000", "between", ["2026-01-01", "2026-01-31"], True),
		("2026-02-01 00:00:00.000000", "between", ["2026-01-01", "2026-01-31"], False),
		("2026-01-01 00:00:00", "between", ["2026-01-01", "2026-01-31"], True),
		("2026-01-31 12:00:00", "between", ["2026-01-31 11:00:00", "2026-01-31 11:30:00"], False),
		("2026-01-31", "between", ["2026-01-31 11:00:00", "2026-01-31 11:30:00"], True),
		(5, "between", [1, 5], True),
		(6, "between", (1, 5), False),
		(None, "between", [0, 5], False),
		("", "between", ["", "x"], False),
	],
)
def test_one_filter(held, operator, asked, expected):
	assert matches([("f", operator, asked)], {"f": held}) is expected


def test_all_filters_must_hold_and_a_missing_field_is_empty():
	filters = [("disabled", "=", 0), ("territory", "is", "not set")]
	assert matches(filters, {"disabled": 0})
	assert not matches(filters, {"disabled": 0, "territory": "India"})
	assert not matches(filters, {"disabled": 1})
	assert matches([], {})


@pytest.mark.parametrize(
	("item", "sentence"),
	[
		("disabled", "a filter is [field, operator, value], not 'disabled'"),
		(["disabled", 0], "a filter is [field, operator, value], not ['disabled', 0]"),
		(["a b", "=", 0], "'a b' is not a fieldname to filter by"),
		([None, "=", 0], "None is not a fieldname to filter by"),
		(["f", "~", 0], "unknown operator '~' in the filter on f; allowed: =, !=, >, <,"),
		(["f", None, 0], "unknown operator None in the filter on f"),
		(["f", "in", []], "the filter on f with 'in' needs a list of values, not []"),
		(["f", "in", 5], "needs a list of values, not 5"),
		(["f", "not in", "A, B"], "needs a list of values, not 'A, B'"),
		(["f", "IN", ["A"]], "unknown operator 'IN' in the filter on f"),
		(["f", ["in"], ["A"]], "unknown operator ['in'] in the filter on f"),
		(["f", "in", [["a"]]], "needs plain values"),
		(["f", "between", ["2026-01-01"]], "needs a list of two values"),
		(["f", "between", ["2026-01-01", None]], "needs a list of two values"),
		(["f", "is", "empty"], "needs 'set' or 'not set', not 'empty'"),
		(["f", "is", None], "needs 'set' or 'not set', not None"),
		(["f", "=", ["a"]], "needs one value, not ['a']"),
		(["f", "=", {}], "needs one value, not {}"),
		(["f", ">", None], "needs a value, not None"),
	],
)
def test_a_filter_that_makes_no_sense(item, sentence):
	with pytest.raises(ValueError) as caught:
		check_filters([("fine", "=", 1), item])
	assert sentence in str(caught.value)


_scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes()


@settings(deadline=None)
@given(st.sampled_from(OPERATORS), _scalar, _scalar | st.lists(_scalar))
def test_what_passes_the_check_has_an_answer(operator, held, asked):
	try:
		check_filters([("f", operator, asked)])
	except ValueError:
		return
	assert matches([("f", operator, asked)], {"f": held}) in (True, False)


@settings(deadline=None)
@given(_scalar, st.text() | st.integers())
def test_each_negation_is_the_opposite(held, asked):
	for operator, negated, value in (
		("=", "!=", asked),
		("in", "not in", [asked]),
		("like", "not like", asked),
	):
		assert matches([("f", operator, value)], {"f": held}) != matches([("f", negated, value)], {"f": held})
