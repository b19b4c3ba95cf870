# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Tests both sides of the connection: who is it, which version, which time zone, what is missing, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import frappe
from frappe.utils import get_fullname, get_system_timezone

from erpsync_app import breakers, drift, runs
from erpsync_app.adapters import settings
from erpsync_app.adapters.cloud_site import RIGHTS, RIGHTS_OF_SUBMITTABLE
from erpsync_app.engine.canonical import spelled
from erpsync_app.engine.errors import Missing, SyncError
from erpsync_app.engine.model import LOCAL, SIDES, TRAIL, Rule
from erpsync_app.erp_sync.needs import unruled


@dataclass
class Side:
	"""What the test found on one side. `lacking` are rights by DocType; `problems` and `notes` are sentences
	for a person: what has to be mended, and what is good to know."""

	side: str
	url: str = ""
	user: str = ""
	time_zone: str = ""
	versions: dict[str, str] = field(default_factory=dict)
	lacking: dict[str, list[str]] = field(default_factory=dict)
	problems: list[str] = field(default_factory=list)
	notes: list[str] = field(default_factory=list)
	ok: bool = True


def test() -> list[dict]:
	"""Test both sides; never raises for a side that does not answer, its `problems` say why."""
	current = settings.load()
	rules = settings.rules()
	found = [_local(current, rules), _cloud(current, list(rules))]
	for side in found:
		if side.lacking:
			rights = "; ".join(f"{doctype}: {', '.join(r)}" for doctype, r in side.lacking.items())
			side.problems.append(
				f"The user {side.user} lacks rights on the {side.side} site ({rights}): give it a role that has them, in"
				" Role Permissions Manager there."
			)
		side.ok = not side.problems
	return [asdict(side) for side in found]


def drifted() -> dict[str, list[str]]:
	"""What of each synced DocType does not cross, in sentences; empty where a side does not tell."""
	try:
		with runs.opened(looking=True) as ctx:
			return {doctype: said for doctype, said in drift.found(ctx, ctx.rules).items() if said}
	except SyncError:
		return {}  # the test of the connection says what is wrong


def last_edits(doctype: str, names: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
	"""Who has last saved a document on each side, and when, by the local site's clock. `names` are its names by side; a
	user whom this site does not know is told by the address."""
	found: dict[str, dict[str, str]] = {}
	try:
		with runs.opened(looking=True) as ctx:
			zone = ctx.sites[LOCAL].time_zone
			for side in SIDES:
				site, name = ctx.sites[side], names.get(side)
				doc = site.read(doctype, [name]).get(name) if name else None
				if doc:
					at = spelled(doc["modified"], "Datetime", site.time_zone, zone)
					found[side] = {"user": get_fullname(doc["modified_by"]), "modified": at}
	except SyncError:
		pass  # whoever settles the conflict is told when it is carried out
	return found


def remember() -> None:
	"""Both sites are the ones that sync is set up with from now on: a person has just connected them."""
	try:
		breakers.record_identity(runs.cloud_site(settings.load()))
	except SyncError:
		pass  # the test says what is wrong; the first run that works records them


def _local(current: settings.Settings, rules: Mapping[str, Rule]) -> Side:
	side = Side(
		"local",
		url=frappe.utils.get_url(),
		user=current.sync_user,
		time_zone=get_system_timezone(),
		versions={app: frappe.get_attr(f"{app}.__version__") for app in frappe.get_installed_apps()},
	)
	if not rules:
		side.notes.append("There is no enabled Sync Rule: create one, or import a rule file.")
	for doctype in rules:
		needed = RIGHTS + (RIGHTS_OF_SUBMITTABLE if frappe.get_meta(doctype).is_submittable else ())
		lacking = [r for r in needed if not frappe.has_permission(doctype, r, user=current.sync_user)]
		if lacking:
			side.lacking[doctype] = lacking
	for doctype, rule in rules.items():
		if sentence := unruled(doctype, rules, current.excluded | rule.exclude):
			side.notes.append(sentence)
	if not current.enabled:
		side.problems.append("Sync is not enabled: tick Enabled in Sync Settings.")
	if current.webhook_problem:
		side.notes.append(current.webhook_problem)
	elif not current.webhook_secret:
		side.notes.append(
			"No webhook secret is set, so every webhook is refused: let sync keep the cloud's webhooks in order (Sync"
			" Settings), or let the scans do."
		)
	return side


def _cloud(current: settings.Settings, doctypes: list[str]) -> Side:
	side = Side("cloud", url=current.cloud_url)
	try:
		current.check()
		site = runs.cloud_site(current)
		about = site.about()
		side.user, side.time_zone, side.versions = about.user, about.time_zone, dict(about.versions)
		if not about.time_zone_is_sure:
			side.notes.append(
				f"{about.user} may not read the cloud's System Settings, so its time zone is taken to be {about.time_zone}, as"
				" in the user's profile. If the cloud's is another, every time crosses shifted: let the user read System"
				" Settings, or give its profile the cloud's time zone."
			)
		for doctype in doctypes:
			try:
				lacking = site.lacking(doctype)
			except Missing:
				side.problems.append(f"The cloud site has no DocType {doctype}: disable its Sync Rule.")
				continue
			if lacking:
				side.lacking[doctype] = list(lacking)
		# Sync learns of deletions there.
		if "read" in site.lacking(TRAIL):
			side.lacking[TRAIL] = ["read"]
	except SyncError as e:
		side.problems.append(str(e))
	return side
