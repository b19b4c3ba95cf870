# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""In what the meta data of the two sides differ so that something of a DocType cannot cross, or not always.

A field that one side lacks is in no `Shape`, so it harms nothing; but a person has to know that it stays at home.
Read-only fields that one side alone has are computed there, and are no news.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from erpsync_app.engine.canonical import INTEGER_TYPES, NUMBER_TYPES
from erpsync_app.engine.mapping import AT_BIRTH, TABLE_TYPES, has_data
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Field, Meta, Rule, Side, other

TYPES_OF_THEIR_OWN = frozenset(("Date", "Datetime", "Time", "JSON"))


@dataclass(frozen=True, slots=True)
class Drift:
	"""`field` is a local fieldname, or the cloud's of one that the local site lacks; for a row's after its table and a
	dot. `side` is where the obstacle is, `why` what it is, `remedy` what a person can do."""

	field: str
	side: Side
	why: str
	remedy: str

	def __str__(self) -> str:
		return f"{self.field} {self.why}. {self.remedy}"


def drift(local: Meta, cloud: Meta, rule: Rule, excluded: frozenset[str] = frozenset()) -> list[Drift]:
	"""All of it for the DocType of `rule`; `excluded` are fieldnames that no DocType syncs."""
	found = list(_tables(local, cloud, rule, dict(rule.field_map), rule.exclude | excluded, ""))
	if local.submittable != cloud.submittable:
		side = LOCAL if cloud.submittable else CLOUD
		why = f"cannot be submitted on the {side} site, and can on the {other(side)} one"
		found.append(Drift("docstatus", side, why, "Its documents stay drafts there."))
	return found


def _tables(
	local: Meta, cloud: Meta, rule: Rule, renamed: dict[str, str], excluded: frozenset[str], path: str
) -> Iterator[Drift]:
	reached = set()
	for ours in local.fields.values():
		name = renamed.get(ours.name, ours.name)
		if ours.name in excluded or not _stored(ours):
			reached.add(name)
			continue
		if ours.name not in renamed and ours.name in renamed.values():
			continue  # the cloud's field of this name belongs to another local field
		reached.add(name)
		theirs = cloud.fields.get(name)
		if theirs is None or not _stored(theirs):
			yield from _missing(path + ours.name, ours, CLOUD, rule, name if ours.name in renamed else "")
			continue
		yield from _both(path + ours.name, {LOCAL: ours, CLOUD: theirs}, rule)
		if ours.type in TABLE_TYPES and theirs.type in TABLE_TYPES:
			rows = local.children[ours.name], cloud.children[theirs.name]
			yield from _tables(*rows, rule, {}, excluded, f"{path}{ours.name}.")
	for theirs in cloud.fields.values():
		if theirs.name not in reached and theirs.name not in excluded and _stored(theirs):
			yield from _missing(path + theirs.name, theirs, LOCAL, rule)


def _stored(f: Field) -> bool:
	return has_data(f) and f.name not in AT_BIRTH


def _missing(path: str, f: Field, side: Side, rule: Rule, mapped: str = "") -> Iterator[Drift]:
	"""The `side` lacks what the other has as `f`."""
	holder = other(side)
	if mapped:
		why = f"is mapped to {mapped}, which the {side} site does not have"
		yield Drift(path, side, why, "Correct the Field Map, or add the field there.")
	elif f.required and f.default is None and rule.writes(holder):
		why = f"is mandatory on the {holder} site, and the {side} site does not have it"
		remedy = (
			"Give it a default value, or add it on the other side: without it what is created is refused."
		)
		yield Drift(path, side, why, remedy)
	elif not f.read_only:
		why = f"is not on the {side} site, so its values stay on the {holder} one"
		yield Drift(
			path, side, why, "Add it there in Customize Form, map it to another field, or exclude it."
		)


def _both(path: str, fields: dict[Side, Field], rule: Rule) -> Iterator[Drift]:
	local, cloud = fields[LOCAL], fields[CLOUD]
	for side in SIDES:
		if fields[side].out_of_reach:
			why = f"is out of the sync user's reach on the {side} site, by its permission level"
			yield Drift(path, side, why, "Give a role of that user the level, in Role Permissions Manager.")
	if _family(local) != _family(cloud):
		why = f"is of type {local.type} on the local site and {cloud.type} on the cloud site"
		tables = {local.type, cloud.type} & TABLE_TYPES
		remedy = "It does not cross." if tables else "What the other type cannot hold is refused."
		yield Drift(path, CLOUD, why, f"{remedy} Make the types alike, or exclude it.")
	elif local.type == cloud.type == "Link" and local.options != cloud.options:
		why = f"links to {local.options} on the local site and to {cloud.options} on the cloud site"
		yield Drift(path, CLOUD, why, "Make the links alike, or exclude it.")
	elif local.type == cloud.type == "Select":
		yield from _choices(path, fields, rule)
	for side in SIDES:
		mine, others = fields[side], fields[other(side)]
		if not rule.writes(side):
			continue
		if mine.required and not others.required and mine.default is None and not mine.read_only:
			why = f"is mandatory on the {side} site alone"
			yield Drift(path, side, why, "A document without it is refused there: make both sides alike.")
		if mine.unique and not others.unique:
			why = f"is unique on the {side} site alone"
			yield Drift(path, side, why, "A second document of one value is refused there.")
		if mine.read_only and not others.read_only:
			why = f"is read-only on the {side} site alone"
			yield Drift(
				path, side, why, "It crosses when a document is created, and is each site's own then."
			)


def _choices(path: str, fields: dict[Side, Field], rule: Rule) -> Iterator[Drift]:
	options = {side: (fields[side].options or "").split("\n") for side in SIDES}
	for side in SIDES:
		lacking = [o for o in options[other(side)] if o and o not in options[side]]
		if lacking and rule.writes(side):
			why = f"lacks the choice {', '.join(lacking)} on the {side} site"
			yield Drift(path, side, why, "A document with it is refused there: add the choice.")


def _family(f: Field) -> str:
	"""What a field can hold: types of one family hold the same values."""
	for family, types in (("table", TABLE_TYPES), ("integer", INTEGER_TYPES), ("number", NUMBER_TYPES)):
		if f.type in types:
			return family
	return f.type if f.type in TYPES_OF_THEIR_OWN else "text"
