# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The ledger in the local site's database: Sync Record, Sync Log, Sync Conflict, and the cursors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe.utils import get_datetime, get_system_timezone, now_datetime

from erpsync_app.adapters.compat import kept_json
from erpsync_app.adapters.transactions import again, begin_writing, collided, doubled
from erpsync_app.engine import errors
from erpsync_app.engine.files import FILE
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.model import (
	CLOUD,
	LOCAL,
	SIDES,
	TRAIL,
	Binding,
	Clash,
	Cursor,
	Held,
	Intent,
	LogEntry,
	Outcome,
	Progress,
	RowMap,
	Side,
	other,
)
from erpsync_app.engine.safety import BY_PERSON
from erpsync_app.engine.tags import TAG_LINK

RECORD = "Sync Record"
OF_ALL = {FILE: "files", TRAIL: "deletions", TAG_LINK: "tags"}
"""Listings that are one for all DocTypes: their cursors stand in Sync Settings, under these words."""

INTENT = [f"intent_{what}" for what in ("side", "since", "sent", "instead_of", "again", "before")]

SOMEONE_ELSE = "Someone else was at this document's Sync Record in the meantime."

CHUNK = 200


class SiteLedger:
	"""`engine.ports.Ledger`. Commits the local site's transaction, and so the local write that came before."""

	def bindings(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Binding]:
		rows = _records(doctype, f"{side}_name", names, ["*"])
		return {row[f"{side}_name"]: _binding(row) for row in rows}

	def stamps(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		name, modified = f"{side}_name", f"{side}_modified"
		return {
			row[name]: row[modified] or ""
			for row in _records(doctype, f"{side}_name", names, [name, modified])
		}

	def by_creation(
		self, doctype: str, side: Side, created: Sequence[str], limit: int = 0
	) -> dict[str, list[Binding]]:
		column, found = f"{side}_created", defaultdict(list)
		for row in _records(doctype, column, created, ["*"], limit):
			found[row[column]].append(_binding(row))
		return dict(found)

	def names(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, str]:
		here, there = f"{side}_name", f"{other(side)}_name"
		return {
			row[here]: row[there]
			for row in _records(doctype, f"{side}_name", names, [here, there])
			if row[there]
		}

	def row_maps(self, doctype: str, side: Side, names: Sequence[str]) -> list[RowMap]:
		found = _records(doctype, f"{side}_name", names, [f"{side}_name", "row_map"])
		return [each for row in found for each in _row_maps(row).values()]

	def progress(self, doctype: str, side: Side, names: Sequence[str]) -> dict[str, Progress]:
		here, there = f"{side}_name", f"{other(side)}_name"
		kept = ("docstatus", "created", "modified", "wrote")
		columns = [here, there, "status", *(f"{each}_{what}" for each in SIDES for what in kept)]
		return {
			row[here]: Progress(
				row[there] or None,
				{each: row[f"{each}_docstatus"] or 0 for each in SIDES},
				row["status"],
				{each: (row[f"{each}_created"] or "", row[f"{each}_modified"] or "") for each in SIDES},
				{each: _writes(row[f"{each}_wrote"]) for each in SIDES},
			)
			for row in _records(doctype, here, names, columns)
		}

	def newest(self, doctype: str, side: Side, limit: int) -> dict[str, str]:
		rows = frappe.get_all(
			RECORD,
			filters={
				"ref_doctype": doctype,
				"status": ("in", ("Synced", "Diverged", "Conflict")),
				f"{side}_modified": (">", ""),
			},
			fields=[f"{side}_name", f"{side}_modified"],
			order_by=f"{side}_modified desc",
			limit=limit,
			as_list=True,
		)
		return dict(rows)

	def bound(self, doctype: str, side: Side) -> int:
		return frappe.db.count(RECORD, {"ref_doctype": doctype, f"{side}_name": ("is", "set")})

	def deletions_since(self, doctype: str, side: Side, since: datetime) -> int:
		return frappe.db.count(
			"Sync Log",
			{
				"creation": (">=", _naive(since)),
				"ref_doctype": doctype,
				"operation": ("in", ("delete", "merge")),
				"direction": "cloud_to_local" if side == LOCAL else "local_to_cloud",
				"trigger": ("!=", BY_PERSON),
			},
		)

	def open_intents(self, doctype: str, side: Side) -> list[Intent]:
		rows = frappe.get_all(
			RECORD,
			filters={"ref_doctype": doctype, "intent_side": side},
			fields=INTENT,
			order_by="creation asc, name asc",
		)
		return [_intent(row) for row in rows]

	def save(self, outcomes: Sequence[Outcome]) -> list[Binding]:
		try:
			begin_writing()
			stored = [_save(outcome) for outcome in outcomes]
			frappe.db.commit()
		except Exception as e:
			frappe.db.rollback()
			if doubled(e):
				raise errors.Duplicate("Another worker has bound this document in the meantime.") from e
			if collided(e):
				# Not again: a local write that came before in this transaction has gone with it.
				raise errors.Stale(SOMEONE_ELSE) from e
			raise
		return stored

	def cursor(self, doctype: str, side: Side) -> Cursor | None:
		if listing := _listing(doctype):
			stored = frappe.db.get_single_value("Sync Settings", f"{side}_{listing}_cursor", cache=False)
		else:
			stored = frappe.db.get_value("Sync Rule", doctype, f"{side}_cursor")
		return Cursor(*stored.split("|", 1)) if stored else None

	def move_cursor(self, doctype: str, side: Side, to: Cursor) -> None:
		text = f"{to.modified}|{to.name}"

		def move() -> None:
			if listing := _listing(doctype):
				values = {f"{side}_{listing}_cursor": text}
				frappe.db.set_single_value("Sync Settings", values, update_modified=False)
			else:
				frappe.db.set_value("Sync Rule", doctype, {f"{side}_cursor": text}, update_modified=False)
			frappe.db.commit()

		again(move)


def _records(
	doctype: str, column: str, values: Sequence[str], fields: list[str], limit: int = 0
) -> list[dict[str, Any]]:
	found, wanted = [], set(values)
	for start in range(0, len(values), CHUNK):
		found += frappe.get_all(
			RECORD,
			filters={"ref_doctype": doctype, column: ("in", list(values[start : start + CHUNK]))},
			fields=fields,
			order_by=f"{column} asc",
			limit=limit,
		)
	# A database may take "ACME" and "Acme" for one name.
	return [row for row in found if row[column] in wanted]


def _binding(row: dict[str, Any]) -> Binding:
	held = {}
	for side in SIDES:
		if row[f"{side}_baseline"]:
			fields = json.loads(row[f"{side}_baseline"])
			held[side] = Held(
				fields,
				row[f"{side}_modified"] or "",
				row[f"{side}_docstatus"] or 0,
				row[f"{side}_created"] or "",
				_writes(row[f"{side}_wrote"]),
			)
	return Binding(
		doctype=row["ref_doctype"],
		names={side: row[f"{side}_name"] for side in SIDES},
		held=held,
		status=row["status"],
		error=row["error"] or None,
		intent=_intent(row) if row["intent_side"] else None,
		choice=row["choice"] or None,
		rows=_row_maps(row),
		id=row["name"],
		version=str(row["modified"]),
	)


def _intent(row: dict[str, Any]) -> Intent:
	return Intent(
		row["intent_side"],
		get_datetime(row["intent_since"]).replace(tzinfo=timezone.utc),
		json.loads(row["intent_sent"]),
		row["intent_instead_of"] or None,
		row["intent_again"],
		tuple(json.loads(row["intent_before"] or "[]")),
	)


def _row(binding: Binding) -> dict[str, Any]:
	intent = binding.intent
	row: dict[str, Any] = {
		"ref_doctype": binding.doctype,
		"status": binding.status,
		"error": binding.error,
		"choice": binding.choice,
		"intent_side": intent.side if intent else None,
		# In UTC, which has no hour that comes twice: names are made of it.
		"intent_since": intent.since.astimezone(timezone.utc).replace(tzinfo=None) if intent else None,
		"intent_sent": _json(intent.sent) if intent else None,
		"intent_instead_of": intent.instead_of if intent else None,
		"intent_again": intent.again if intent else 0,
		"intent_before": _json(intent.before) if intent and intent.before else None,
		"row_map": _json({table: asdict(each) for table, each in binding.rows.items()})
		if binding.rows
		else None,
	}
	if binding.status == "Synced":
		row["last_synced"] = now_datetime()
	if not binding.error:
		row["ignored_error"] = None  # what a person put off is over; should it come again, it is told again
	for side in SIDES:
		held = binding.held.get(side)
		row[f"{side}_name"] = binding.names.get(side)
		row[f"{side}_baseline"] = _json(held.fields) if held else None
		row[f"{side}_modified"] = held.modified if held else None
		row[f"{side}_docstatus"] = held.docstatus if held else 0
		row[f"{side}_created"] = held.created or None if held else None
		row[f"{side}_wrote"] = _json(held.wrote) if held and held.wrote else None
	return row


def _save(outcome: Outcome) -> Binding:
	binding = outcome.binding
	now = now_datetime()
	if binding.id:
		_check_alone(binding)
		if outcome.forget:
			frappe.db.delete(RECORD, {"name": binding.id})
		else:
			values = {**_row(binding), "modified": now, "modified_by": frappe.session.user}
			frappe.db.set_value(RECORD, binding.id, values, update_modified=False)
			binding = replace(binding, version=str(now))
	elif not outcome.forget:
		(name,) = insert_rows(RECORD, [{**_row(binding), "modified": now}])
		binding = replace(binding, id=name, version=str(now))
	if outcome.clashes or outcome.settled or outcome.refused:
		_settle(binding, outcome)
	if outcome.log:
		insert_rows("Sync Log", [_log_row(entry) for entry in outcome.log])
	return binding


def _check_alone(binding: Binding) -> None:
	"""Lock the record, and raise Stale if someone else has stored it, or forgotten it, since it was read. `modified` is
	its version, as it is to Frappe's own saves."""
	as_read = {"name": binding.id, "modified": binding.version}
	if not frappe.db.get_value(RECORD, as_read, for_update=True):
		raise errors.Stale(SOMEONE_ELSE)


def _writes(text: str | None) -> tuple[tuple[str, int], ...]:
	return tuple((at, took) for at, took in json.loads(text or "[]"))


def _row_maps(row: dict[str, Any]) -> dict[str, RowMap]:
	return {table: RowMap.of(told) for table, told in json.loads(row["row_map"] or "{}").items()}


def insert_rows(doctype: str, rows: list[dict[str, Any]]) -> list[str]:
	"""Insert rows of our own DocTypes in one statement: no controller has anything to add to them."""
	now, user = now_datetime(), frappe.session.user
	names = [frappe.generate_hash(length=20) for _ in rows]
	common = {"owner": user, "modified_by": user, "creation": now, "modified": now, "docstatus": 0, "idx": 0}
	complete = [{"name": name, **common, **row} for name, row in zip(names, rows, strict=True)]
	frappe.db.bulk_insert(doctype, list(complete[0]), [tuple(row.values()) for row in complete])
	return names


def _log_row(entry: LogEntry) -> dict[str, Any]:
	return {
		"run": entry.run,
		"ref_doctype": entry.doctype,
		"local_name": entry.names.get(LOCAL),
		"cloud_name": entry.names.get(CLOUD),
		"direction": entry.direction,
		"operation": entry.operation,
		"outcome": entry.outcome,
		"changed_fields": "\n".join(entry.changed),
		"overwritten": _json(entry.overwritten) if entry.overwritten else None,
		"message": entry.message,
		"duration_ms": entry.milliseconds,
		"trigger": entry.trigger,
	}


def _listing(doctype: str) -> str | None:
	"""The word in Sync Settings for a listing of which no Sync Rule can keep the cursor; None where one does."""
	follower = FOLLOWERS.get(doctype)
	if follower and not frappe.db.exists("Sync Rule", {"name": doctype, "enabled": 1}):
		return follower.option
	return OF_ALL.get(doctype)


def _settle(binding: Binding, outcome: Outcome) -> None:
	"""Open, refresh or resolve the conflict of a binding, as the table in `Outcome` says."""
	latest = frappe.get_all(
		"Sync Conflict",
		filters={"record": binding.id},
		fields=["name", "status", "clashes", "resolved_by"],
		order_by="creation desc, name desc",
		limit=1,
	)
	open_one = latest[0]["name"] if latest and latest[0]["status"] == "Open" else None
	row: dict[str, Any] = {}
	if outcome.clashes:
		row["clashes"] = _clashes(outcome.clashes)
		another = open_one and latest[0]["clashes"] != row["clashes"]
		if another and any(clash["winner"] for clash in json.loads(latest[0]["clashes"])):
			# Of what lost, some may have been overwritten before the rest was refused: it is kept.
			closed = {"status": "Resolved", "resolution": "Converged", "resolved_on": now_datetime()}
			frappe.db.set_value("Sync Conflict", open_one, {**closed, "refused": None})
			open_one = None
		if not open_one and outcome.settled and latest and latest[0]["clashes"] == row["clashes"]:
			return
	if outcome.settled:
		row.update(
			status="Resolved",
			resolution=outcome.settled,
			winner=next((clash.winner for clash in outcome.clashes if clash.winner), None),
			# Who chose in the Desk is noted there already; what a policy settled, the sync user settled.
			resolved_by=(latest[0]["resolved_by"] if open_one else None) or frappe.session.user,
			resolved_on=now_datetime(),
			refused=None,
		)
	if outcome.refused and latest:
		open_one = latest[0]["name"]
		chosen_by = latest[0]["resolved_by"] if binding.choice else None
		reopened = {"status": "Open", "resolution": None, "winner": None, "resolved_on": None}
		row.update(reopened, resolved_by=chosen_by, refused=outcome.refused)
	if open_one:
		frappe.db.set_value("Sync Conflict", open_one, row)
	elif outcome.clashes:
		named = {
			"record": binding.id,
			"ref_doctype": binding.doctype,
			"local_name": binding.names.get(LOCAL),
			"cloud_name": binding.names.get(CLOUD),
			"opened_on": now_datetime(),
		}
		insert_rows("Sync Conflict", [{"status": "Open", **named, **row}])


def _clashes(clashes: Sequence[Clash]) -> str:
	return _json(
		[
			{"field": c.field, "base": c.base, "local": c.local, "cloud": c.cloud, "winner": c.winner}
			for c in clashes
		]
	)


def _json(value: Any) -> str:
	return kept_json(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str), frappe.db.db_type)


def _naive(moment: datetime) -> datetime:
	return moment.astimezone(ZoneInfo(get_system_timezone())).replace(tzinfo=None)
