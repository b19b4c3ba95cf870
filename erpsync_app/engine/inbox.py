# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Webhooks: is it signed, and what does it tell? Pure, and the same for both sides and for the sandbox.

A stock Frappe Webhook signs its body: X-Frappe-Webhook-Signature is base64(HMAC-SHA256(secret, body)). There is no
time in it, so a replay cannot be told from the original; it is harmless, since what arrives is only a hint.
Source: frappe/integrations/doctype/webhook/webhook.py, get_webhook_headers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from typing import Any

from erpsync_app.engine.model import Event, Kind, Side

SIGNATURE_HEADER = "X-Frappe-Webhook-Signature"
LONGEST_NAME = 140
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""Characters that JSON can tell and no database takes: NUL, and halves of a pair."""

DELETIONS = ("on_trash", "after_delete", "delete")


class Rejected(ValueError):
	"""A webhook that is not taken. `status` is the HTTP status to answer with."""

	def __init__(self, status: int, message: str):
		super().__init__(message)
		self.status = status


def sign(secret: str, body: bytes) -> str:
	"""The signature that a stock Frappe site sends with `body`."""
	return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def check_signature(secret: str, body: bytes, signature: str | None) -> None:
	"""Raises Rejected (401) unless `signature` is that of `body`. No secret set means refused."""
	if not secret:
		raise Rejected(401, "No webhook secret is set here: set one in Sync Settings.")
	if not signature:
		raise Rejected(401, f"The header {SIGNATURE_HEADER} is missing: enable security on the Webhook.")
	try:
		# Compared as bytes: equal signatures have one spelling only once decoded strictly.
		given = base64.b64decode(signature.strip(), validate=True)
	except (binascii.Error, ValueError):
		raise Rejected(401, "The signature is not base64.") from None
	if not hmac.compare_digest(given, hmac.new(secret.encode(), body, hashlib.sha256).digest()):
		raise Rejected(401, "The signature does not fit the body: the secrets of both sites differ.")


def parse(body: bytes, side: Side) -> Event:
	"""The event that a webhook's JSON body tells of: an object with `doctype`, `name` and perhaps `event`.

	Raises Rejected (400). Further keys are ignored: a payload is a hint, never data to be written.
	"""
	try:
		told: Any = json.loads(body.decode("utf-8"))
	except (ValueError, RecursionError):  # no UTF-8, no JSON, a number of 5000 digits, a tower of brackets
		raise Rejected(400, "The body is not JSON.") from None
	if not isinstance(told, dict):
		raise Rejected(400, "The body is not a JSON object with doctype and name.")
	doctype, name = _text(told, "doctype"), _text(told, "name")
	kind: Kind = "delete" if told.get("event") in DELETIONS else "change"
	return Event(side, doctype, name, kind, trigger="webhook")


def _text(told: dict[str, Any], key: str) -> str:
	value = told.get(key)
	if isinstance(value, int) and not isinstance(value, bool):
		value = str(value)  # the name of a DocType that counts its documents
	if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or UNSTORABLE.search(value):
		raise Rejected(400, f"The body has no {key}: text of 1 to {LONGEST_NAME} characters.")
	return value
