# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A number is no identity: of two documents that have one name since each site's counter came to the same number,
neither may be taken for the other.

Which names a counter has made is told by a pattern for each DocType (`Context.counter`): an empty one where the name is
made of what the document says, `ANY` where every name may be counted; else it fits those that end in a number, which a
controller adds where the name itself is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from erpsync_app.engine.batch import Batch, equal
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Document, Fields, Side, other
from erpsync_app.engine.pair import Pair

ANY = "."


def is_one(batch: Batch, doc: Document, side: Side, candidate: Document) -> bool:
	"""Whether two documents that never met, `doc` on `side` and the candidate on the other, are one whose name a counter
	made: only if they are equal in content, or were made in the same moment, as in a copy of a site."""
	if doc["name"] != candidate["name"]:
		return False
	same = equal(batch.fields(doc, side), batch.fields(candidate, other(side)))
	return same or _made(doc) == _made(candidate)


def _made(doc: Document) -> datetime:
	"""As its site tells it, in its own time zone: a copy of a site is a copy of that as well."""
	return datetime.fromisoformat(doc["creation"])


def namesakes(batch: Batch) -> Iterator[tuple[Pair, Document, Document]]:
	"""The pairs that the name alone has brought together, although each side's document may be another one, since a counter
	may have made the name; with the local document and the cloud's."""
	for pair in batch.pairs if batch.rule.naming == "keep" and batch.counter else ():
		here, there = (pair.docs[side] for side in SIDES)
		met = any(pair.binding.held.values()) or pair.binding.intent
		if not here or not there or met or pair.ambiguous:
			continue
		if here["name"] == there["name"] and re.search(batch.counter, here["name"]):
			yield pair, here, there


def look_for_namesakes(batch: Batch) -> None:
	"""Find those of them of which nothing tells that they are one: a person has to say which it is."""
	for pair, here, there in namesakes(batch):
		if pair.effect or not pair.in_scope:
			continue
		if not is_one(batch, here, LOCAL, there) and not _match(batch, here, there):
			pair.ambiguous = (
				f"each site has a {batch.rule.doctype} of this name of its own, and both may have counted to the same"
				" number: rename one of them; or, if they are one, make them alike"
			)


def _match(batch: Batch, local: Document, cloud: Document) -> bool:
	"""Whether the match fields of the rule say that they are one."""
	fields = batch.rule.match_fields
	return bool(fields) and agree(batch.fields(local, LOCAL), batch.fields(cloud, CLOUD), fields)


def agree(here: Fields, there: Fields, names: Sequence[str]) -> bool:
	"""Whether both documents hold the same in all of these fields."""
	return all(here.get(name) is not None and here.get(name) == there.get(name) for name in names)
