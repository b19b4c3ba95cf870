# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import pytest

from erpsync_app.adapters.trail import creations, document_in
from erpsync_app.engine.model import Cursor, Deletion

LINE = Deletion("Item", "A", Cursor("2026-01-06 09:00:00.000001", "line"))


@pytest.mark.parametrize(
	("data", "creation"),
	[
		('{"doctype": "Item", "creation": "2026-01-05 09:00:00.000001"}', "2026-01-05 09:00:00.000001"),
		('{"doctype": "Item"}', None),
		('{"creation": 7}', None),
		("[1]", None),
		("half a docu", None),
		("", None),
		(None, None),
	],
)
def test_the_creation_in_a_line_of_the_trail(data, creation):
	assert creations([LINE], {"line": document_in(data)}).get(LINE) == creation
