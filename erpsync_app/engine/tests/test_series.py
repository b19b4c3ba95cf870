# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How far the counter of a naming series has come, told by the names that it made."""

from datetime import date

import pytest

from erpsync_app.engine.series import reached

DAY = date(2026, 3, 9)


@pytest.mark.parametrize(
	("series", "names", "number"),
	[
		("SN-.####", ["SN-0007", "SN-0012", "SN-0009"], 12),
		("SN-.####", ["SN-0007", "SN-12345678"], 7),
		("SN-.####", ["TYPED", "SN-", "SN-x1", "SN-²"], 0),
		("SN-.YY.-.MM.-.###", ["SN-26-03-004", "SN-26-02-900"], 4),
		(".###.-SN", ["005-SN", "006"], 5),
		("SN-.{warehouse}.-.###", ["SN-Stores-004"], 0),
		("SN-", ["SN-00004"], 0),
	],
)
def test_the_counter_shows_in_the_names(series: str, names: list[str], number: int):
	assert reached(series, names, DAY) == number
