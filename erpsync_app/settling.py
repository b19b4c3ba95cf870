# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a person chooses for the fields of a conflict, one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from erpsync_app.engine.decision import DOCUMENT
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.engine.model import Fields

TAKEN_FROM = ("local", "cloud", "base")


def values(clashes: str, chosen: Mapping[str, Mapping[str, Any]]) -> Fields:
	"""The value of each field that is to be written on the local side, from the stored clashes of a conflict. Raises
	NeedsPerson for a choice that cannot be made."""
	by_field = {clash["field"]: clash for clash in json.loads(clashes or "[]")}
	if DOCUMENT in by_field:
		raise NeedsPerson(
			"This is about the whole document: keep that of the local side or that of the cloud."
		)
	if strangers := chosen.keys() - by_field.keys():
		named = ", ".join(sorted(strangers))
		raise NeedsPerson(f"{named} does not clash: choose among {', '.join(sorted(by_field))}.")
	found: Fields = {}
	for field, choice in chosen.items():
		clash = by_field[field]
		if choice.get("take") == "local":
			continue  # what stands there now may be newer than what the conflict tells
		if any(isinstance(clash.get(each), list) for each in TAKEN_FROM):
			# A conflict tells of those rows alone that clash.
			raise NeedsPerson(f"{field} has rows: keep those of one side, or put them right yourself.")
		if choice.get("take") in TAKEN_FROM:
			found[field] = clash[choice["take"]]
		elif "value" in choice:
			found[field] = choice["value"]
		else:
			raise NeedsPerson(f"Choose for {field} one of {', '.join(TAKEN_FROM)}, or give a value.")
	return found
