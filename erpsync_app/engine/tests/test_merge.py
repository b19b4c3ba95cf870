# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine.merge import MISSING, is_empty, merge, merge_field
from erpsync_app.engine.model import CLOUD, LOCAL

ROWS_1, ROWS_2, ROWS_3 = [{"x": 1}], [{"x": 1}, {"x": 2}], [{"x": 3}]


@pytest.mark.parametrize(
	("description", "base_local", "base_cloud", "local", "cloud", "verdict"),
	[
		("in step", "1", "1", "1", "1", None),
		("local changed", "1", "1", "2", "1", CLOUD),
		("cloud changed", "1", "1", "1", "2", LOCAL),
		("both, alike", "1", "1", "2", "2", None),
		("both, unlike", "1", "1", "2", "3", "clash"),
		("local cleared", "1", "1", None, "1", CLOUD),
		("local cleared, cloud changed", "1", "1", None, "2", "clash"),
		("a zero is a value", 1.0, 1.0, 0.0, 1.0, CLOUD),
		("each its own way", "1", "x", "1", "x", None),
		("each its own way, local changed", "1", "x", "2", "x", CLOUD),
		("each its own way, both changed", "1", "x", "2", "y", "clash"),
		("each its own way, now alike", "1", "x", "x", "x", None),
		("first contact, equal", MISSING, MISSING, "1", "1", None),
		("first contact, local says nothing", MISSING, MISSING, None, "1", LOCAL),
		("first contact, cloud says nothing", MISSING, MISSING, "1", None, CLOUD),
		("first contact, two values", MISSING, MISSING, "1", "2", "clash"),
		("first contact, a zero may be meant", MISSING, MISSING, 0, 5, "clash"),
		("first contact, no rows", MISSING, MISSING, [], ROWS_1, LOCAL),
		("only the cloud's past is known", MISSING, "1", "2", "1", "clash"),
		("only the local past is known", "1", MISSING, None, "1", LOCAL),
		("a row more on local", ROWS_1, ROWS_1, ROWS_2, ROWS_1, CLOUD),
		("all rows gone on cloud", ROWS_1, ROWS_1, ROWS_1, [], LOCAL),
		("rows changed on both", ROWS_1, ROWS_1, ROWS_2, ROWS_3, "clash"),
	],
)
def test_a_field(description, base_local, base_cloud, local, cloud, verdict):
	assert merge_field(base_local, base_cloud, local, cloud) == verdict, description


def test_the_merge_of_a_document():
	base = {"mine": 1, "theirs": 1, "both": 1, "same": 1, "only_local": 1}
	local = {"mine": 2, "theirs": 1, "both": 2, "same": 1, "only_local": 2}
	cloud = {"mine": 1, "theirs": 3, "both": 3, "same": 1, "only_cloud": 3}
	merged = merge(base, {**base, "only_cloud": 1}, local, cloud)
	assert merged.take == {LOCAL: {"theirs": 3}, CLOUD: {"mine": 2}}
	assert merged.clashes == ("both",)


@pytest.mark.parametrize(
	("value", "empty"), [(None, True), ([], True), (0, False), ("0", False), ([{}], False)]
)
def test_empty(value, empty):
	assert is_empty(value) is empty


documents = st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, 0, "1", "2", ROWS_1]))


@given(st.none() | documents, st.none() | documents, documents, documents)
def test_both_sides_meet_or_clash(base_local, base_cloud, local, cloud):
	merged = merge(base_local, base_cloud, local, cloud)
	after = {LOCAL: {**local, **merged.take[LOCAL]}, CLOUD: {**cloud, **merged.take[CLOUD]}}
	for name in set(local) & set(cloud):
		own_way = (base_local or {}).get(name, "?") == local[name] and (base_cloud or {}).get(
			name, "?"
		) == cloud[name]
		assert name in merged.clashes or after[LOCAL][name] == after[CLOUD][name] or own_way
	taken = [set(merged.take[LOCAL]), set(merged.take[CLOUD]), set(merged.clashes)]
	assert len(set().union(*taken)) == sum(map(len, taken))
	# Swapping the sides swaps the answer.
	mirrored = merge(base_cloud, base_local, cloud, local)
	assert mirrored.take == {LOCAL: merged.take[CLOUD], CLOUD: merged.take[LOCAL]}
	assert set(mirrored.clashes) == set(merged.clashes)
