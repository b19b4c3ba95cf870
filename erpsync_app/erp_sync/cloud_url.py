# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The addresses of the sites: one spelling, and nothing sent in the clear by mistake."""

from urllib.parse import urlsplit

import frappe
from frappe import _
from frappe.utils import escape_html

HERE = ("localhost", "127.0.0.1", "::1")


def normalise(url: str | None, label: str, *, allow_http: bool = False) -> str:
	"""`url` without what does not belong to it. Raises for what is no address, or not a safe one, by the field's label."""
	url = (url or "").strip().rstrip("/")
	if not url:
		return ""
	try:
		parts = urlsplit(url)
		host, port = parts.hostname, parts.port
	except ValueError:
		host = None
	if not host or parts.scheme not in ("http", "https"):
		frappe.throw(
			_("The {0} must begin with https:// and name a host, like https://erp.example.com.").format(
				_(label)
			)
		)
	if parts.username or parts.password or parts.query or parts.fragment:
		frappe.throw(_("The {0} must hold the address only: no user, password, ? or #.").format(_(label)))
	if parts.path:
		frappe.throw(
			_("The {0} must end after the host: leave out {1}.").format(_(label), escape_html(parts.path))
		)
	if parts.scheme == "http" and not allow_http and not is_here(host):
		frappe.throw(
			_("The {0} must begin with https://, unless Allow Plain HTTP is ticked.").format(_(label))
		)
	host = f"[{host}]" if ":" in host else host
	return f"{parts.scheme}://{host}:{port}" if port else f"{parts.scheme}://{host}"


def is_here(host: str) -> bool:
	return host in HERE or host.endswith(".localhost")
