# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What happens when a breaker trips, and when a person says go on. When it trips is the engine's (`engine.safety`).

Tripped, sync is paused like by a person, with the reason beside it; all events stay queued. Going on is clearing
Paused in Sync Settings, by hand or by `erpsync resume`: that acknowledges what tripped, and nothing else.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe import _
from frappe.utils import escape_html, get_datetime, get_system_timezone, now_datetime

from erpsync_app import jobs, notices
from erpsync_app.adapters import event_queue, identity, settings
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.transactions import alone
from erpsync_app.engine.errors import Halt
from erpsync_app.engine.model import CLOUD, LOCAL, Side
from erpsync_app.engine.safety import COUNTED, Breakers, moved

SETTINGS = "Sync Settings"
KEPT = ("tripped", "acknowledged", "resumed_on", "local_identity", "cloud_identity")
"""The fields of Sync Settings that are this module's. No form may turn them back."""

LOOKED = "erpsync_cloud_identity"
LOOK_AGAIN = 60
"""Seconds. A drain that a save woke does not ask the cloud who it is each time; a scan does."""

GO_ON = (
	"Look at what it would do with `bench --site {site} erpsync sync --dry-run`. To go on, clear Paused in Sync"
	" Settings, or run `bench --site {site} erpsync resume`."
)


def load(current: settings.Settings) -> Breakers:
	"""The breakers of one run."""
	stored = _stored()
	resumed = get_datetime(stored.get("resumed_on")) if stored.get("resumed_on") else None
	return Breakers(
		limits=current.limits,
		acknowledged=set(settings.lines(stored.get("acknowledged"))),
		counted_from=_aware(resumed) if resumed else None,
		paused=lambda: bool(frappe.db.get_single_value(SETTINGS, "paused", cache=False)),
	)


def keep(breakers: Breakers) -> None:
	"""Store what is left of the acknowledgements after a scan."""
	left = "\n".join(sorted(breakers.acknowledged))
	if left != (_stored().get("acknowledged") or ""):
		alone(lambda: _store(acknowledged=left))


# -- tripped


def trip(halt: Halt) -> None:
	"""Pause, and tell people. Committed when it returns; another worker may have tripped at the same thing."""
	frappe.db.rollback()
	reason = f"{halt}\n\n{GO_ON.format(site=frappe.local.site)}"

	def pause() -> bool:
		stored = _stored()
		keys = settings.lines(stored.get("tripped"))
		if frappe.utils.cint(stored.get("paused")) and halt.key in keys:
			return False
		# As a change of the document: a form that was open before must not clear it unseen.
		_store(paused=1, pause_reason=reason, tripped="\n".join([*keys, halt.key]), update_modified=True)
		return True

	if alone(pause):
		what = _("Sync is paused")
		notices.tell(f"<b>{what}</b>: {escape_html(str(halt))}", escape_html(reason).replace("\n", "<br>"))


# -- going on


def resume() -> list[str]:
	"""Clear Paused, and so acknowledge what tripped; answers that, one key each. For the command."""
	doc = frappe.get_doc(SETTINGS)
	tripped = settings.lines(doc.tripped)
	doc.paused = 0
	doc.save()
	frappe.db.commit()
	return tripped


def acknowledge() -> None:
	"""Let exactly what tripped pass; Sync Settings call it when Paused is cleared, in the same transaction.

	What was counted passes by its events: those that wait now. A side that is known to be empty or restored is let
	be until a scan finds that it is so no more. A new identity is recorded by the next run.
	"""
	stored = _stored()
	known = set(settings.lines(stored.get("acknowledged")))
	values: dict[str, Any] = {"tripped": None, "resumed_on": now_datetime()}
	for key in settings.lines(stored.get("tripped")):
		kind, side, doctype = key.split(":", 2)
		if kind in COUNTED:
			event_queue.let_pass(doctype)
		elif kind == "identity":
			values[f"{side}_identity"] = None
		else:
			known.add(key)
			if kind == "restored":
				_start_anew(side)
	_store(acknowledged="\n".join(sorted(known)), **values)
	if frappe.utils.cint(stored.get("enabled")):
		frappe.db.after_commit.add(jobs.wake)


def _start_anew(side: str) -> None:
	"""The next scan lists the side in full: what went back lies before the cursors."""
	table = frappe.qb.DocType("Sync Rule")
	frappe.qb.update(table).set(table[f"{side}_cursor"], None).run()


# -- identity


def check_identity(cloud: CloudSite, current: settings.Settings, *, always: bool) -> None:
	"""Raise Halt where a site is not the one that sync was set up with; what is not known yet is recorded."""
	found: dict[Side, dict[str, str]] = {LOCAL: identity.local()}
	if always or frappe.cache.get_value(LOOKED, expires=True) != current.cloud_url:
		found[CLOUD] = identity.cloud(cloud)
	stored = _stored()
	for side, now in found.items():
		was = json.loads(stored.get(f"{side}_identity") or "{}")
		if changed := moved(was, now):
			raise Halt(_another(side, changed, was, now), kind="identity", side=side)
		if any(now[mark] and not was.get(mark) for mark in now):
			_record(side, {**now, **{mark: value for mark, value in was.items() if value}})
	if found.get(CLOUD, {}).get("made on"):
		frappe.cache.set_value(LOOKED, current.cloud_url, expires_in_sec=LOOK_AGAIN)


def record_identity(cloud: CloudSite) -> None:
	"""Both sites are now the ones that sync is set up with: a person has just connected them."""
	_record(LOCAL, identity.local())
	_record(CLOUD, identity.cloud(cloud))


def _record(side: Side, marks: dict[str, str]) -> None:
	if side == LOCAL:
		identity.make_mark()
		marks = {**marks, identity.MARK: identity.local()[identity.MARK]}
	alone(lambda: _store(**{f"{side}_identity": json.dumps(marks, sort_keys=True)}))


def _another(side: Side, changed: list[str], was: dict[str, str], now: dict[str, str]) -> str:
	def told(mark: str) -> str:
		if mark != identity.MARK:
			return f"{mark} {now[mark]} instead of {was[mark]}"
		return f"{identity.MARK} {'missing' if now[mark] == identity.NO_MARK else 'another'}"

	marks = ", ".join(told(mark) for mark in changed)
	if side == LOCAL:
		return (
			f"This site is not the one that sync was set up on ({marks}). If it is a copy, for tests say, it must not"
			" write to the cloud: clear Enabled in its Sync Settings and take out the API key. If the site has moved,"
			" go on."
		)
	return (
		f"Another site than the one that sync was set up with answers at the cloud's address ({marks}). If that is a"
		" mistake, put the address right. If the cloud was made anew, go on."
	)


def _stored() -> dict[str, Any]:
	return frappe.db.get_singles_dict(SETTINGS)


def _store(*, update_modified: bool = False, **values: Any) -> None:
	frappe.db.set_single_value(SETTINGS, values, update_modified=update_modified)


def _aware(moment: datetime) -> datetime:
	return moment.replace(tzinfo=ZoneInfo(get_system_timezone())).astimezone(timezone.utc)
