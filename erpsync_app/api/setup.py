# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the page *Set Up Sync* calls. For System Managers: it handles the keys of the cloud."""

from __future__ import annotations

from typing import Any

import frappe
from frappe import _
from frappe.utils import cint

from erpsync_app import setting_up
from erpsync_app.api import told_to_person


@frappe.whitelist(methods=["POST"])
def connect(
	cloud_url: str = "", api_key: str = "", api_secret: str = "", allow_http: bool | int = False
) -> list[dict[str, Any]]:
	"""Test an address and a key, save them if they work, and answer each check. See `setting_up.connect`."""
	frappe.only_for("System Manager")
	if not (cloud_url and api_key):
		frappe.throw(_("Enter the cloud's address, and the key and secret of the user for sync there."))
	return setting_up.connect(cloud_url, api_key.strip(), api_secret.strip(), bool(cint(allow_http)))


@frappe.whitelist(methods=["GET", "POST"])
def choices() -> list[dict[str, Any]]:
	"""What can be synced. See `setting_up.choices`."""
	frappe.only_for("System Manager")
	with told_to_person():
		return setting_up.choices()


@frappe.whitelist(methods=["POST"])
def start(sets: str | list) -> dict[str, Any]:
	"""Make rules and webhooks, and scan. See `setting_up.start`."""
	frappe.only_for("System Manager")
	with told_to_person():
		return setting_up.start(frappe.parse_json(sets))


@frappe.whitelist(methods=["GET", "POST"])
def progress() -> dict[str, int]:
	"""How far the first sync is: documents `done`, and what `waits` in the queue."""
	frappe.only_for("System Manager")
	waiting = frappe.db.count("Sync Event", {"state": ("in", ["Pending", "Processing"])})
	return {"done": frappe.db.count("Sync Record", {"status": ("!=", "Pending")}), "waits": waiting}
