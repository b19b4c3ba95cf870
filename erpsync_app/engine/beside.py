# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What stands beside a document, and is its own for all that: attachments and tags.

`modified` does not tell of it, it changes in any docstatus, and both sides may add to it at once. So it is a set to the
decision, a value `{member: what is said of it}`, merged member by member, and nothing in it ever clashes.

| value | member | what is said of it |
|---|---|---|
| `ATTACHMENTS` | a content, see `files` | 1 if it is private, else 0 |
| `TAGS` | a tag | 1 |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Rule, Side

ATTACHMENTS = "(attachments)"
TAGS = "(tags)"
BESIDE = frozenset((ATTACHMENTS, TAGS))

LEFT = "left"
"""The baseline of an attachment that could not cross: it differs from any value, so each look at the document tries
again, and it is known, so that no scan asks for that look."""

Members = dict[str, Any]


def beside(rule: Rule) -> frozenset[str]:
	"""Which of it the rule lets cross."""
	return frozenset(name for name, lets in ((ATTACHMENTS, rule.attachments), (TAGS, rule.tags)) if lets)


def merge_members(
	base_local: Members | None, base_cloud: Members | None, local: Members, cloud: Members
) -> dict[Side, Members]:
	"""What each side is to hold, of those that do not yet. They are merged one by one: what one side added or removed
	is so on the other. Where both changed the same one, what is there stays, and stays private."""
	now, base = {LOCAL: local, CLOUD: cloud}, {LOCAL: base_local, CLOUD: base_cloud}
	take = {side: dict(now[side]) for side in SIDES}
	unknown = base_local is None or base_cloud is None
	for told in {**local, **cloud}:
		values = {side: now[side].get(told) for side in SIDES}
		if values[LOCAL] == values[CLOUD]:
			continue
		# Nothing is known of the past: what is there was added.
		changed = [s for s in SIDES if values[s] != (None if unknown else (base[s] or {}).get(told))]
		if not changed:
			continue
		value = max((v for s in changed if (v := values[s]) is not None), default=None)
		for side in SIDES:
			take[side][told] = value
	wanted = {side: {told: v for told, v in take[side].items() if v is not None} for side in SIDES}
	return {side: wanted[side] for side in SIDES if wanted[side] != now[side]}


def settled(now: Members, there: Members, before: Members, left: Iterable[str] = ()) -> Members:
	"""The baseline of such a value on a side: of each member that is the same on both sides what is there, of the
	others what it was. Those in `left` could not cross."""
	found = {}
	for told in {**before, **now}:
		value = now.get(told)
		base = before.get(told)
		if there.get(told) == value:
			base = value
		elif told in left and value is not None:
			base = LEFT
		if base is not None:
			found[told] = base
	return found
