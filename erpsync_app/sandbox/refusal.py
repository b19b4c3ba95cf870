# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How a sandbox site says no: with Frappe's exception types and their statuses."""

from __future__ import annotations

STATUS = {
	"AuthenticationError": 401,
	"PermissionError": 403,
	"DoesNotExistError": 404,
	"NameError": 409,
	"DuplicateEntryError": 409,
}
VALIDATION = 417


class FrappeError(Exception):
	"""`str(error)` is the message for a person, HTML as in Frappe."""

	def __init__(self, exc_type: str, message: str = ""):
		super().__init__(message)
		self.exc_type = exc_type
		self.status = STATUS.get(exc_type, VALIDATION)
