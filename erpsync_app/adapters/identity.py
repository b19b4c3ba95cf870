# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who a site is: marks by which a copy, or another site at the same address, is told from the one that sync was set
up with. Each is text by the name a person knows it by; an empty one says nothing.
"""

from __future__ import annotations

import os

import frappe

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import SyncError

MARK_FILE = "erpsync.mark"
"""In the site's folder, outside of all that `bench backup` takes along: a site made from a backup has all of this
site's database, the keys to the cloud included, and not this."""

MARK = "mark of this copy"
NO_MARK = "missing"
OLDEST = "Country"
"""Frappe makes these when a site is made, and every user may read them."""


def local() -> dict[str, str]:
	"""What a copy of this site does not have in common with it: a site restored from a backup has another mark, one
	that was copied with its files another name, folder, database or address. Workers on several machines agree in
	all of it: they share the site's folder."""
	conf = frappe.local.conf
	return {
		"site": frappe.local.site,
		"folder": os.path.realpath(frappe.get_site_path()),
		"database": f"{conf.db_name} on {conf.db_host or 'this machine'}",
		"address": conf.host_name or "",
		MARK: _mark(),
	}


def cloud(site: CloudSite) -> dict[str, str]:
	"""When the site that answers was made. Its address is no mark: a person wrote it down, and the same site may have
	several. A copy of the cloud, which is as old as the cloud, is told by what it lacks (see `watch`)."""
	try:
		found = site.find(OLDEST, [], 1)
	except SyncError:
		found = []  # down, or not for this user's eyes: the run itself will tell
	return {"made on": str(found[0].get("creation") or "") if found else ""}


def make_mark() -> None:
	"""Mark this site's folder, unless it is marked. Where it cannot be written, the other marks have to do."""
	if _mark() != NO_MARK:
		return
	try:
		with open(_path(), "w") as f:
			f.write(frappe.generate_hash(length=20))
	except OSError:
		frappe.logger("erpsync").warning("could not mark the site's folder", exc_info=True)


def _mark() -> str:
	try:
		with open(_path()) as f:
			return f.read().strip() or NO_MARK
	except OSError:
		return NO_MARK


def _path() -> str:
	return frappe.get_site_path(MARK_FILE)
