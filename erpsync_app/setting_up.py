# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The first set-up, step by step: the cloud's address and key, tested before they are saved; what to sync; and the start.

The page *Set Up Sync* in the Desk is made of it. What is set up can be changed later in Sync Settings and Sync Rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import frappe
from frappe import _
from frappe.utils import get_system_timezone
from frappe.utils.background_jobs import get_workers
from frappe.utils.scheduler import is_scheduler_inactive

from erpsync_app import connections, jobs, runs, webhooks
from erpsync_app.adapters import settings
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import SyncError
from erpsync_app.erp_sync.cloud_url import normalise

APP = "erpsync_app"

SETS: dict[str, tuple[str, ...]] = {
	"Masters": (
		*("Customer Group", "Supplier Group", "Territory", "Item Group", "UOM", "Warehouse", "Price List"),
		*("Customer", "Supplier", "Item", "Item Price", "Address", "Contact"),
	),
	"Selling": ("Quotation", "Sales Order", "Delivery Note", "Sales Invoice"),
	"Buying": ("Material Request", "Purchase Order", "Purchase Receipt", "Purchase Invoice"),
	"Stock": ("Serial No", "Batch", "Stock Entry", "Stock Reconciliation"),
	"Accounts": ("Payment Entry", "Journal Entry"),
	"Manufacturing": ("BOM", "Work Order"),
}
"""What businesses sync together, in the order in which one builds on the other."""

NEEDS: dict[str, tuple[str, ...]] = {
	"Selling": ("Masters",),
	"Buying": ("Masters",),
	"Stock": ("Masters",),
	"Accounts": ("Masters", "Selling", "Buying"),
	"Manufacturing": ("Masters", "Stock"),
}
"""Without which sets the documents of a set cannot cross."""


@dataclass(frozen=True)
class Check:
	"""One thing that was looked at: a sentence of what was found, or of what to do where it is not `ok`."""

	label: str
	ok: bool
	said: str


def connect(cloud_url: str, api_key: str, api_secret: str, allow_http: bool = False) -> list[dict[str, Any]]:
	"""Test an address and a key of the cloud, and save them if they work. An empty secret stands for the stored one.
	Answers each check. Raises frappe.ValidationError for what is no address."""
	doc = frappe.get_doc("Sync Settings")
	url = normalise(cloud_url, "Cloud URL", allow_http=allow_http)
	secret = api_secret or doc.get_password("api_secret", raise_exception=False) or ""
	checks = [*_of_the_cloud(url, api_key, secret, allow_http), *_of_this_site()]
	if checks[0].ok and checks[1].ok:
		doc.update({"cloud_url": url, "api_key": api_key, "allow_http": int(allow_http)})
		if api_secret:
			doc.api_secret = api_secret
		doc.save()
		frappe.db.commit()
		connections.remember()
	return [asdict(check) for check in checks]


def choices() -> list[dict[str, Any]]:
	"""The sets that this site can sync: of each, its `name`, the sets that it `needs`, and its `doctypes`, each with the
	number of documents on the `local` and the `cloud` side (None where the cloud has no such DocType, or does not show it
	to the user), and whether it has a rule."""
	cloud = runs.cloud_site(settings.load(fresh=True))
	ruled = set(frappe.get_all("Sync Rule", {"enabled": 1}, pluck="name"))
	return [
		{
			"name": name,
			"needs": list(NEEDS.get(name, ())),
			"doctypes": [
				{
					"doctype": doctype,
					"local": frappe.db.count(doctype),
					"cloud": cloud.count(doctype) if cloud.shows(doctype) else None,
					"ruled": doctype in ruled,
				}
				for doctype in here
			],
		}
		for name in SETS
		if (here := _here(name))
	]


def start(sets: Sequence[str]) -> dict[str, Any]:
	"""Make the rules of these sets and of those that they need, switch sync on, make the cloud's webhooks, and scan. Answers
	the DocTypes that got a `rules`, what is wrong with the `webhooks` ("" if nothing is), and what the sides `say`."""
	chosen = {each for name in sets if name in SETS for each in (name, *NEEDS.get(name, ()))}
	if not chosen:
		frappe.throw(_("Choose what to sync."))
	cloud = runs.cloud_site(settings.load(fresh=True))
	there = [doctype for name in SETS if name in chosen for doctype in _here(name) if cloud.shows(doctype)]
	made = [doctype for doctype in there if _rule(doctype)]
	doc = frappe.get_doc("Sync Settings")
	doc.enabled = doc.keep_webhooks = 1
	doc.save()
	frappe.clear_messages()  # what each rule alone would lack, the others bring
	frappe.db.commit()
	problem = webhooks.set_up()["problem"]
	said = [sentence for side in connections.test() for sentence in side["problems"]]
	jobs.start_scan()
	return {"rules": made, "webhooks": problem, "say": said}


def _rule(doctype: str) -> bool:
	"""Make a rule as a new one is in the Desk, or switch on the one that is there. False where there was one in force."""
	if not frappe.db.exists("Sync Rule", {"name": doctype}):
		frappe.new_doc("Sync Rule", ref_doctype=doctype, enabled=1).insert()
		return True
	rule = frappe.get_doc("Sync Rule", doctype)
	if rule.enabled:
		return False
	rule.enabled = 1
	rule.save()
	return True


def _of_the_cloud(url: str, key: str, secret: str, allow_http: bool) -> list[Check]:
	"""Whether it answers, and whether it takes the key; what it is, if so."""
	current = settings.load(fresh=True)
	timeouts = {"connect_timeout": current.connect_timeout, "read_timeout": current.read_timeout}
	try:
		site = CloudSite(url=url, key=key, secret=secret, allow_http=allow_http, **timeouts)
		about = site.about()
	except SyncError as e:
		return [Check(_("Cloud"), False, str(e)), Check(_("Key"), False, _("Not tried."))]
	versions = ", ".join(f"{app} {version}" for app, version in about.versions.items())
	if APP in about.versions:
		said = _(
			"ERP Sync is installed there: it is this site, or another local one. Name the cloud's address."
		)
		return [Check(_("Cloud"), False, said), Check(_("Key"), True, about.user)]
	ours = set(frappe.get_installed_apps()) - {APP}
	lacking = sorted(ours - about.versions.keys()) if about.versions else []
	zone = _("{0}; this site: {1}").format(about.time_zone, get_system_timezone())
	sure = _("Let {0} read System Settings there, or times may cross shifted.").format(about.user)
	apps = _("The cloud lacks {0}: what belongs to it cannot cross.").format(", ".join(lacking))
	return [
		Check(_("Cloud"), True, " · ".join(filter(None, (url, versions)))),
		Check(_("Key"), True, about.user),
		Check(_("Apps"), not lacking, apps if lacking else _("The same on both sites.")),
		Check(_("Time Zone"), about.time_zone_is_sure, zone if about.time_zone_is_sure else sure),
	]


def _of_this_site() -> list[Check]:
	off = is_scheduler_inactive(verbose=False)
	enable = _(
		"It is off: run bench --site {0} enable-scheduler, and see that bench runs its schedule."
	).format(frappe.local.site)
	try:
		workers = len(get_workers())
	except Exception:
		workers = 0
	none = _("No worker runs: start bench, or its supervisor.")
	return [
		Check(_("Scheduler"), not off, enable if off else _("On.")),
		Check(_("Workers"), workers > 0, str(workers) if workers else none),
	]


def _here(name: str) -> list[str]:
	return [doctype for doctype in SETS[name] if frappe.db.exists("DocType", doctype)]
