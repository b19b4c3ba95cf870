# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The tags of a document. Frappe keeps them in a column, past `modified` and all hooks, and a Tag Link for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from erpsync_app.engine.beside import Members
from erpsync_app.engine.errors import Stale
from erpsync_app.engine.model import Document, Side

if TYPE_CHECKING:
	from erpsync_app.engine.batch import Batch
	from erpsync_app.engine.context import Context
	from erpsync_app.engine.pair import Pair

TAG_LINK = "Tag Link"
"""It comes with a tag, and goes without a trace."""

USER_TAGS = "_user_tags"
"""The tags with commas between. Frappe lists it only where it is asked for by its name."""


def tags(doc: Document) -> Members | None:
	"""Of a document; None where they were not looked up."""
	return tags_in(doc[USER_TAGS]) if USER_TAGS in doc else None


def tags_in(stored: str | None) -> Members:
	return dict.fromkeys(filter(None, (stored or "").split(",")), 1)


def learn_tags(ctx: Context, batch: Batch, side: Side, docs: Iterable[Document]) -> None:
	"""Look up the tags of documents just read, a call for all of them."""
	by_name = {doc["name"]: doc for doc in docs} if batch.rule.tags else {}
	if by_name:
		for name, stored in ctx.sites[side].tags(batch.rule.doctype, list(by_name)).items():
			by_name[name][USER_TAGS] = stored


def check_tags(ctx: Context, batch: Batch, pair: Pair, side: Side) -> None:
	"""Raise Stale if a document was tagged since it was read: a deletion would take the tag along."""
	doc = pair.docs[side]
	if not doc or USER_TAGS not in doc:
		return
	now = ctx.sites[side].tags(batch.rule.doctype, [doc["name"]]).get(doc["name"])
	if new := sorted(tags_in(now).keys() - tags_in(doc[USER_TAGS]).keys()):
		raise Stale(f"It was tagged {new[0]} on the {side} side in the meantime.")


def retag(
	ctx: Context, batch: Batch, pair: Pair, side: Side, wanted: Members, renew: Callable[[], None]
) -> list[str]:
	"""Make the tags of a document what is `wanted`; answers what was done, in words. May be repeated."""
	doc, site = pair.docs[side], ctx.sites[side]
	assert doc is not None
	have = tags(doc) or {}
	changes = [(tag, tag in wanted) for tag in sorted(have.keys() ^ wanted.keys())]
	for tag, on in changes:
		renew()
		site.tag(batch.rule.doctype, doc["name"], tag, on)
		ctx.ledger.save([])  # by itself: what is refused after it is not to take it back
	doc[USER_TAGS] = ",".join(["", *sorted(wanted)])
	return [f"{'tagged' if on else 'removed the tag'} {tag}" for tag, on in changes]
