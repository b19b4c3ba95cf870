# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Three-way merge of one child table, row by row.

A row is the same on both sides where the row map of the binding says so. A row that is added on one side is given, on
the other, a name made of its own: so a write whose answer was lost is recognised by the rows that it left behind, and
no row doubles, whatever people have made of it since. What no name tells is told by content: equal rows are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from erpsync_app.engine.canonical import align
from erpsync_app.engine.merge import MISSING, merge_field
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Fields, RowMap, Side, other

PLACE = "#"
"""Begins what stands for the name of a row that is gone and whose name nobody knows: its place in the baseline."""


def copy_name(name: str) -> str:
	"""The name that a row gets on the other side, made of the one that it has on its own."""
	return hashlib.sha256(name.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Table:
	"""The rows of a table on one side, in order, and the names that they have there; no names where none are known."""

	rows: Sequence[Fields]
	names: Sequence[str] = ()


@dataclass(slots=True)
class Line:
	"""One row as both sides know it: what each side held of it after the last sync, and holds now; `names` are those of
	now, or else the last ones that are known."""

	held: dict[Side, Fields] = field(default_factory=dict)
	now: dict[Side, Fields] = field(default_factory=dict)
	names: dict[Side, str] = field(default_factory=dict)

	def edited(self, side: Side) -> bool:
		"""Whether the row of that side is new, or not what it was."""
		held = self.held.get(side)
		return held is None or any(held.get(name, value) != value for name, value in self.now[side].items())


@dataclass(frozen=True, slots=True)
class RowClash:
	"""A row that both sides changed, or one edited and the other removed (`removed`); or one that a side removed while the
	other removed all else. `winner` is None while it is open."""

	line: Line
	winner: Side | None
	removed: bool


@dataclass(slots=True)
class RowMerge:
	"""`take` holds the whole table, as it is to be, of each side that is to change it."""

	take: dict[Side, Table] = field(default_factory=dict)
	clashes: list[RowClash] = field(default_factory=list)


class Lines:
	"""The rows of one table on both sides, joined; `held` is how both sides held it after the last sync."""

	def __init__(self, held: Mapping[Side, Table], now: Mapping[Side, Table], same: Mapping[str, str]):
		self.now = now
		self._held: dict[Side, list[Line]] = {}
		self._order: dict[Side, list[Line]] = {}
		self._join_held(held, same)
		for side in SIDES:
			self._join_now(side, held[side], now[side])
		self._meet()

	def _join_held(self, held: Mapping[Side, Table], same: Mapping[str, str]) -> None:
		local, cloud = held[LOCAL], held[CLOUD]
		self._held = {side: [Line(held={side: row}) for row in held[side].rows] for side in SIDES}
		for side in SIDES:
			for line, name in zip(self._held[side], held[side].names, strict=False):
				line.names[side] = name
		if _named(local) and _named(cloud):
			at = {name: i for i, name in enumerate(cloud.names)}
			partners = [at[there] if (there := same.get(name)) in at else None for name in local.names]
		else:
			partners = align(local.rows, cloud.rows)
		for i, j in enumerate(partners):
			if j is not None:
				line, there = self._held[LOCAL][i], self._held[CLOUD][j]
				line.held |= there.held
				line.names |= there.names
				self._held[CLOUD][j] = line

	def _join_now(self, side: Side, held: Table, now: Table) -> None:
		"""Each row of now is one of the held ones, by its name, or by its content if it was given a new name; or it is
		new."""
		if _named(held):
			at = {name: i for i, name in enumerate(held.names)}
			found = [at.get(name) for name in now.names]
			_match_equal(now.rows, held.rows, found)
		else:
			found = align(now.rows, held.rows)
		self._order[side] = []
		for row, name, i in zip(now.rows, now.names, found, strict=True):
			line = Line() if i is None else self._held[side][i]
			line.now[side], line.names[side] = row, name
			self._order[side].append(line)

	def _meet(self) -> None:
		"""A row that one side alone has may be the other's already: what a write did whose answer was lost."""
		for side in SIDES:
			there = other(side)
			strangers = [line for line in self._order[there] if set(line.now) == {there} and not line.held]
			waiting = [line for line in self._order[side] if there not in line.now and line.edited(side)]
			for line in waiting:
				copy = next((s for s in strangers if s.names[there] == copy_name(line.names[side])), None)
				if copy:
					strangers.remove(copy)
					self._fuse(line, copy, there)
			for line in waiting:
				same = [
					s for s in strangers if there not in line.now and same_row(line.now[side], s.now[there])
				]
				if same:
					strangers.remove(same[0])
					self._fuse(line, same[0], there)

	def _fuse(self, line: Line, stranger: Line, side: Side) -> None:
		line.now[side], line.names[side] = stranger.now[side], stranger.names[side]
		order = self._order[side]
		order[next(i for i, each in enumerate(order) if each is stranger)] = line

	# -- merging

	def merge(self, winner: Side | None, chosen: bool) -> RowMerge:
		"""`winner` is the side whose values win, None while a person is to say; an edit beats a removal, unless a person
		has `chosen`. If each side removed what the other kept, no row would be left, as nobody has it: that is a clash,
		too."""
		done, after = self._merged(winner, chosen)
		if all(self._removed(side) for side in SIDES) and not all(after.values()):
			done, after = self._merged(winner, chosen, emptied=True)
		if any(clash.winner is None for clash in done.clashes):
			return done  # nothing of it is written while it waits
		orders = self._orders(after, winner)
		for side in SIDES:
			rows = [after[side][id(line)] for line in orders[side]]
			if rows != list(self.now[side].rows):
				done.take[side] = Table(rows, [_name_on(side, line) for line in orders[side]])
		return done

	def _removed(self, side: Side) -> bool:
		"""Whether a row of both is gone there, and only there."""
		return any(len(line.held) == 2 and set(line.now) == {other(side)} for line in self._all())

	def _merged(
		self, winner: Side | None, chosen: bool, emptied: bool = False
	) -> tuple[RowMerge, dict[Side, dict[int, Fields]]]:
		"""The clashes, and what each side is to hold of each row. If it was `emptied`, no removal goes without saying."""
		done = RowMerge()
		after: dict[Side, dict[int, Fields]] = {LOCAL: {}, CLOUD: {}}
		for line in self._all():
			if clash := _merge_line(line, winner, chosen, emptied, after):
				done.clashes.append(clash)
		return done, after

	def as_on(self, side: Side) -> Table:
		"""The table for the other side, if it is to be as on this one."""
		lines = self._order[side]
		return Table([line.now[side] for line in lines], [_name_on(other(side), line) for line in lines])

	def unmet(self, side: Side) -> tuple[dict[Side, Table], RowMap]:
		"""The baselines of both sides, and their row map, in which all is in step but what `side` would have to take from
		the other and may not: of that they stay as they were, so that it goes on being seen."""
		there = other(side)
		base: dict[Side, dict[int, Fields]] = {LOCAL: {}, CLOUD: {}}
		for line in self._all():
			rows: Mapping[Side, Fields] = line.now
			if len(line.now) == 2:
				rows = _without_edits(line, there)
			elif there in line.now and line.edited(there):
				rows = line.held
			elif side in line.now and there in line.held and not line.edited(side):
				rows = line.held
			for each, row in rows.items():
				base[each][id(line)] = row
		orders = {each: _merged_order(self._order[each], self._held[each]) for each in SIDES}
		if self._moved(there) and not self._moved(side):
			orders[there] = _merged_order(self._held[there], self._order[there])
		tables, lines = {}, {}
		for each in SIDES:
			lines[each] = [line for line in orders[each] if id(line) in base[each]]
			rows_of_it = [base[each][id(line)] for line in lines[each]]
			tables[each] = Table(rows_of_it, tuple(line.names.get(each, "") for line in lines[each]))
		pairs = [line for line in lines[LOCAL] if id(line) in base[CLOUD] and len(line.names) == 2]
		same = {line.names[LOCAL]: line.names[CLOUD] for line in pairs}
		return tables, RowMap(tuple(tables[LOCAL].names), tuple(tables[CLOUD].names), same)

	def known(self) -> RowMap:
		"""Who is who among the rows of the baselines, as they were joined. One that is gone goes by its place."""
		names: dict[Side, list[str]] = {}
		for side in SIDES:
			names[side] = [
				line.names.setdefault(side, f"{PLACE}{at}") for at, line in enumerate(self._held[side])
			]
		pairs = [line for line in self._held[LOCAL] if CLOUD in line.held]
		same = {line.names[LOCAL]: line.names[CLOUD] for line in pairs}
		return RowMap(tuple(names[LOCAL]), tuple(names[CLOUD]), same)

	def _all(self) -> list[Line]:
		lines = [line for of_side in (self._order, self._held) for side in SIDES for line in of_side[side]]
		return list({id(line): line for line in lines}.values())

	def _orders(
		self, after: Mapping[Side, Mapping[int, Fields]], winner: Side | None
	) -> dict[Side, list[Line]]:
		moved = {side: self._moved(side) for side in SIDES}
		lead = winner or LOCAL
		if moved[LOCAL] != moved[CLOUD]:
			lead = LOCAL if moved[LOCAL] else CLOUD
		joint = _merged_order(self._order[lead], self._order[other(lead)])
		# Rows that both have and that were never in step have no order yet.
		unordered = any(len(line.now) == 2 > len(line.held) for line in joint)
		orders = {}
		for side in SIDES:
			gains = any(side not in line.now and id(line) in after[side] for line in joint)
			# A site may have an order of its own: it is left alone for as long as nobody moves a row or adds one.
			follows = gains or (side != lead and (moved[other(side)] or unordered))
			order = joint if follows else self._order[side]
			orders[side] = [line for line in order if id(line) in after[side]]
		return orders

	def _moved(self, side: Side) -> bool:
		stayed = [line for line in self._held[side] if side in line.now]
		return [id(line) for line in self._order[side] if side in line.held] != [id(line) for line in stayed]


def _merge_line(
	line: Line, winner: Side | None, chosen: bool, emptied: bool, after: Mapping[Side, dict[int, Fields]]
) -> RowClash | None:
	"""Put what each side is to hold of the row into `after`."""
	if len(line.now) == 2:
		return _merge_cells(line, winner, after)
	if not line.now:
		return None
	(side,) = line.now
	there, row = other(side), line.now[side]
	edited = line.edited(side)
	clash = None
	if there in line.held and side in line.held:  # removed there
		if not (edited or emptied):
			return None
		prevails = edited and not chosen and winner is not None
		clash = RowClash(line, side if prevails else winner, removed=edited)
		if clash.winner != side:
			return clash
	after[side][id(line)] = row
	if edited or clash:  # what a site made of its own accord stays with it, for as long as nobody touches it
		after[there][id(line)] = row
	return clash


def _merge_cells(line: Line, winner: Side | None, after: Mapping[Side, dict[int, Fields]]) -> RowClash | None:
	rows = {side: dict(line.now[side]) for side in SIDES}
	clashes = False
	for name in line.now[LOCAL]:
		if name not in line.now[CLOUD]:
			continue
		verdict = _verdict(line, name)
		if verdict == "clash":
			clashes, verdict = True, other(winner) if winner else None
		if verdict:
			rows[verdict][name] = line.now[other(verdict)][name]
	for side in SIDES:
		after[side][id(line)] = rows[side]
	return RowClash(line, winner, removed=False) if clashes else None


def _verdict(line: Line, name: str) -> Any:
	"""As `merge_field` has it, of one cell."""
	was = {side: line.held.get(side, {}).get(name, MISSING) for side in SIDES}
	return merge_field(was[LOCAL], was[CLOUD], line.now[LOCAL][name], line.now[CLOUD][name])


def _without_edits(line: Line, side: Side) -> dict[Side, Fields]:
	"""The row on both sides, but for the cells that this one edited: those as they were."""
	rows = {each: dict(row) for each, row in line.now.items()}
	for name in line.now[side]:
		if name in line.now[other(side)] and _verdict(line, name) == other(side):
			for each in SIDES:
				rows[each].pop(name)
				if name in line.held.get(each, {}):
					rows[each][name] = line.held[each][name]
	return rows


def _merged_order(lead: Sequence[Line], follow: Sequence[Line]) -> list[Line]:
	"""The order of `lead`, with what it lacks behind its predecessor in `follow`."""
	order = list(lead)
	known = {id(line) for line in lead}
	place = 0
	for line in follow:
		if id(line) in known:
			place = next(i for i, each in enumerate(order) if each is line) + 1
		else:
			order.insert(place, line)
			place += 1
	return order


def _name_on(side: Side, line: Line) -> str:
	return line.names[side] if side in line.now else copy_name(line.names[other(side)])


def _named(table: Table) -> bool:
	return len(table.names) == len(table.rows)


def same_row(one: Fields, two: Fields) -> bool:
	"""Whether two rows agree in every cell that both show."""
	return all(one[name] == two[name] for name in one if name in two)


def _match_equal(wanted: Sequence[Fields], held: Sequence[Fields], found: list[int | None]) -> None:
	"""Fill in what is not found yet: held rows of equal content, in their order."""
	taken = set(found)
	free = [i for i in range(len(held)) if i not in taken]
	for at, row in enumerate(wanted):
		if (
			found[at] is None
			and (same := next((i for i in free if same_row(row, held[i])), None)) is not None
		):
			found[at] = same
			free.remove(same)


def joined(was: Mapping[Side, Sequence[Fields]], known: RowMap | None, now: Mapping[Side, Table]) -> Lines:
	"""The rows of a table, `was` being its baselines and `known` their row map."""
	known = known or RowMap((), ())
	return Lines({side: Table(was[side], known.names(side)) for side in SIDES}, now, known.same)


# -- the row map


def row_map(old: RowMap | None, now: Mapping[Side, Table], written: bool) -> RowMap:
	"""Who is who among the rows of a table, once both sides are in step.

	What the old map joins stays joined, and what it knows as one side's alone stays alone. Of the others equal rows are
	one; and where the table was `written` just now, those left over are what became of each other, in their order.
	Rows that are gone on both sides stay joined as well: a text of another document may still refer to them.
	"""
	names = {side: tuple(now[side].names) for side in SIDES}
	there = set(names[CLOUD])
	old_same = dict(old.same) if old else {}
	same = {one: two for one in names[LOCAL] if (two := old_same.get(one)) in there}
	copies = {copy_name(name): name for name in names[LOCAL] if name not in same}
	taken = set(same.values())
	same |= {copies[two]: two for two in names[CLOUD] if two in copies and two not in taken}
	taken = set(same.values())
	same |= {one: two for one in names[LOCAL] if one not in same and (two := copy_name(one)) in there - taken}
	alone = {
		LOCAL: (set(old.local) if old else set()) - set(old_same) | set(same),
		CLOUD: (set(old.cloud) if old else set()) - set(old_same.values()) | set(same.values()),
	}
	left = {
		side: [
			(name, row)
			for name, row in zip(now[side].names, now[side].rows, strict=True)
			if name not in alone[side]
		]
		for side in SIDES
	}
	rows = {side: [row for _, row in left[side]] for side in SIDES}
	found: list[int | None] = [None] * len(rows[LOCAL])
	if written:
		found = align(rows[LOCAL], rows[CLOUD])
	else:
		_match_equal(rows[LOCAL], rows[CLOUD], found)
	same |= {left[LOCAL][i][0]: left[CLOUD][j][0] for i, j in enumerate(found) if j is not None}
	here, taken = set(names[LOCAL]), set(same.values())
	gone = {
		one: two
		for one, two in old_same.items()
		if one not in here
		and two not in there | taken
		and not one.startswith(PLACE)
		and not two.startswith(PLACE)
	}
	return RowMap(names[LOCAL], names[CLOUD], {**gone, **same})
