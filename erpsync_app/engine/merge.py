# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Three-way merge of one document, field by field.

There are two baselines, one a side, since a site computes and spells values of its own: a side has changed a
field when it differs from that side's own baseline.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from erpsync_app.engine.beside import BESIDE, merge_members
from erpsync_app.engine.fixed import FIXED
from erpsync_app.engine.model import CLOUD, LOCAL, Fields, Side

MISSING: Any = object()
"""Stands for a baseline that does not exist: first contact, or a field that is synced only now."""


@dataclass(frozen=True, slots=True)
class Merge:
	"""`take` holds, for each side, the fields that it is to take from the other, with their new values;
	`clashes` names the fields that both sides changed, each to another value."""

	take: dict[Side, Fields] = field(default_factory=lambda: {LOCAL: {}, CLOUD: {}})
	clashes: tuple[str, ...] = ()


def merge(base_local: Fields | None, base_cloud: Fields | None, local: Fields, cloud: Fields) -> Merge:
	"""Merge the canonical forms of one document on both sides. Only fields that both show are looked at."""
	take: dict[Side, Fields] = {LOCAL: {}, CLOUD: {}}
	clashes = []
	for name in local:
		if name not in cloud or name == FIXED:
			continue
		if name in BESIDE:
			bases = (None if base is None else base.get(name) for base in (base_local, base_cloud))
			for side, value in merge_members(*bases, local[name], cloud[name]).items():
				take[side][name] = value
			continue
		verdict = merge_field(
			MISSING if base_local is None else base_local.get(name, MISSING),
			MISSING if base_cloud is None else base_cloud.get(name, MISSING),
			local[name],
			cloud[name],
		)
		if verdict == "clash":
			clashes.append(name)
		elif verdict is not None:
			take[verdict][name] = cloud[name] if verdict == LOCAL else local[name]
	return Merge(take, tuple(clashes))


def merge_field(base_local: Any, base_cloud: Any, local: Any, cloud: Any) -> Side | str | None:
	"""Which side is to take the other's value: "local", "cloud", None for neither, or "clash"."""
	if local == cloud:
		return None
	if base_local is MISSING or base_cloud is MISSING:
		# Nothing is known of the past: a value beats an empty one, two values clash.
		if is_empty(local):
			return LOCAL
		return CLOUD if is_empty(cloud) else "clash"
	local_changed = local != base_local
	cloud_changed = cloud != base_cloud
	if local_changed and cloud_changed:
		return "clash"
	if local_changed:
		return CLOUD
	# Neither changed and yet they differ: each site has its own way with this field, and both were synced.
	return LOCAL if cloud_changed else None


def is_empty(value: Any) -> bool:
	"""Whether a canonical value says nothing. A zero does: it may well have been meant."""
	return value is None or value == []
