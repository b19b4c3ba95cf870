# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In which order DocTypes, and the documents of a tree, are written: what is linked to comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from erpsync_app.engine.model import Document, Meta


def order(metas: Mapping[str, Meta]) -> list[str]:
	"""The DocTypes, each after those that it or its child tables link to; the same answer for the same metas.

	A cycle is broken at its weakest link, and whoever writes completes that link later: at a read-only one if it has one,
	which may lead to what a controller made of the document, else at an optional one. Left aside are links to DocTypes that
	are not among `metas`, links of a DocType to itself (see `parents_first`), and Dynamic Links, whose target is known only
	document by document.
	"""
	needs = {doctype: _targets(doctype, metas) for doctype in sorted(metas)}
	while True:
		try:
			return list(TopologicalSorter({one: sorted(needs[one]) for one in needs}).static_order())
		except CycleError as error:
			cycle: list[str] = error.args[1]  # each is a target of the next
			strength = {(one, target): needs[one][target] for target, one in pairwise(cycle)}
			one, target = min(strength, key=lambda link: (strength[link], link))
			del needs[one][target]


def unbreakable(metas: Mapping[str, Meta]) -> list[str]:
	"""The DocTypes of a circle of mandatory Links, the first again at its end; empty if there is none. No document of
	these could be the first on a side that has none of them.

	A row's Link is mandatory only where the table is: a document can do without rows.
	"""
	needs = {doctype: {t for t in _mandatory(metas[doctype]) if t in metas} for doctype in sorted(metas)}
	try:
		tuple(TopologicalSorter({one: sorted(needs[one] - {one}) for one in needs}).static_order())
	except CycleError as error:
		return error.args[1][::-1]
	return []


def _mandatory(meta: Meta) -> set[str]:
	tables = [meta, *(rows for name, rows in meta.children.items() if meta.fields[name].required)]
	links = (f for table in tables for f in table.fields.values() if f.type == "Link" and f.required)
	return {f.options for f in links if f.options and f.default is None}


READ_ONLY, OPTIONAL, REQUIRED = range(3)


def _targets(doctype: str, metas: Mapping[str, Meta]) -> dict[str, int]:
	"""The DocTypes among `metas` that `doctype` links to, and how strong the strongest of those links is."""
	meta = metas[doctype]
	targets: dict[str, int] = {}
	tables = [(meta, False), *((rows, meta.fields[name].read_only) for name, rows in meta.children.items())]
	for table, fixed in tables:
		for link in table.fields.values():
			target = link.options
			if link.type == "Link" and not link.virtual and target in metas and target != doctype:
				weak = fixed or (link.read_only and not link.required)
				strength = READ_ONLY if weak else REQUIRED if link.required else OPTIONAL
				targets[target] = max(targets.get(target, READ_ONLY), strength)
	return targets


def parents_first(docs: Sequence[Document], parent_field: str) -> list[Document]:
	"""The documents of one tree, each after its parent where that is among them; otherwise as they came.

	Every document comes back exactly once, also where the parents run in a circle.
	"""
	position = {doc["name"]: at for at, doc in enumerate(docs)}
	placed: dict[int, None] = {}
	for start in range(len(docs)):
		line: dict[int, None] = {}
		at: int | None = start
		while at is not None and at not in placed and at not in line:
			line[at] = None
			at = position.get(docs[at].get(parent_field))
		placed.update(dict.fromkeys(reversed(line)))
	return [docs[at] for at in placed]
