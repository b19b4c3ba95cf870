# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What went wrong in a REST call, as an error of `engine.errors`: named by what to do next.

Frappe tells the reason by `exc_type`, not by the status (most refusals are 417), so that goes first; the status
decides where the answer is not Frappe's: a proxy, a login page, a server that is going down.

The one question behind most lines: may a write have taken effect? An answer with an `exc_type` says no, Frappe has
rolled back. An answer of anything in front of Frappe to a write does not say, so it is Unclear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

from erpsync_app.engine.errors import (
	Blocked,
	Duplicate,
	Missing,
	NeedsPerson,
	Refused,
	Stale,
	SyncError,
	Unavailable,
	Unclear,
	Unreadable,
)

LONGEST_MESSAGE = 500
LONGEST_WAIT = 3600.0
"""Seconds. A site that asks for more is asked again after an hour all the same."""

BY_TYPE: Mapping[str, type[Refused]] = {
	"TimestampMismatchError": Stale,
	"SerializationFailure": Stale,  # of PostgreSQL: someone else was quicker, and nothing was written
	"DoesNotExistError": Missing,
	"FileNotFoundError": Missing,
	"DuplicateEntryError": Duplicate,
	"UniqueValidationError": Duplicate,
	"LinkValidationError": Blocked,
	"CancelledLinkError": Blocked,
	"LinkExistsError": Blocked,
	"NestedSetChildExistsError": Blocked,
}

CREDENTIALS = frozenset(
	(
		"AuthenticationError",
		"SessionExpired",
		"CSRFTokenError",
		"InvalidAuthorizationHeader",
		"InvalidAuthorizationPrefix",
		"InvalidAuthorizationToken",
	)
)

BUSY = frozenset(
	(
		"QueryDeadlockError",
		"QueryTimeoutError",
		"SessionStopped",
		"InReadOnlyMode",
		"QueueOverloaded",
		"TooManyRequestsError",
		"RateLimitExceededError",
	)
)

DATABASE = frozenset(("OperationalError", "InterfaceError"))
"""Of the database's driver: it went away, or a query is wrong. After a write the first may have cut a commit."""

TEMPORARY_REDIRECTS = frozenset((302, 303, 307))


@dataclass(frozen=True, slots=True)
class Call:
	"""What was asked for, in words for the message. `writes` says whether it may have changed something."""

	site: str
	action: str
	writes: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
	"""What came back: `body` is its parsed JSON where it was a JSON object, else None."""

	status: int
	headers: Mapping[str, str]
	body: dict[str, Any] | None


def error_of(answer: Answer, call: Call) -> SyncError:
	"""The error that an answer stands for. Only for answers that are not what was asked for."""
	kind = _exc_type(answer.body)
	if kind:
		return _by_type(kind, answer, call)
	return _by_status(answer, call)


def _by_type(kind: str, answer: Answer, call: Call) -> SyncError:
	body = answer.body or {}
	words = _words(body) or f"{kind}."
	said = f"{call.site} refused to {call.action}: {words}"
	if kind in CREDENTIALS:
		return NeedsPerson(
			f"{call.site} does not accept the API key and secret: check them, and that the user is enabled."
		)
	if kind == "PermissionError":
		# To a write it may concern this one document (user permissions); a list that may not be read at all is a
		# matter of the user's roles.
		if call.writes:
			return Refused(
				f"{said} Give the sync user that permission there, or leave the document out by a filter."
			)
		return Unreadable(f"{said} Give the sync user a role there that may do it.")
	if kind in BUSY:
		return Unavailable(
			f"{call.site} is busy or under maintenance: {words}", after=_retry_after(answer.headers)
		)
	if kind in BY_TYPE:
		return BY_TYPE[kind](said)
	if kind in DATABASE and call.writes:
		return Unclear(f"The database of {call.site} failed while it was to {call.action}: {words}")
	if answer.status >= 500 and not call.writes:
		return Unavailable(
			f"{call.site} failed to {call.action}: {words}", after=_retry_after(answer.headers)
		)
	if call.writes:
		return Refused(said)
	# A read is refused for what was asked (an unknown field in a filter, a method that is not there): no document
	# is to blame, and asking again will not help.
	return Unreadable(said)


def _by_status(answer: Answer, call: Call) -> SyncError:
	status, after = answer.status, _retry_after(answer.headers)
	if status == 200:
		text = f"{call.site} answered something that is not Frappe's JSON: is the URL right, is a proxy or login page in front?"
		return Unclear(text) if call.writes else Unavailable(text)
	if 300 <= status < 400:
		return _redirect(answer, call)
	if status == 401:
		return NeedsPerson(
			f"{call.site} does not accept the credentials (401): check the API key and secret."
		)
	if status == 404:
		return NeedsPerson(
			f"{call.site} does not know Frappe's API (404): is this the address of a Frappe site?"
		)
	if status == 429:
		return Unavailable(f"{call.site} is asked too often (429).", after=after)
	if status == 408:
		return Unavailable(f"{call.site} timed out while it was asked to {call.action} (408).", after=after)
	if status >= 500:
		text = f"{call.site} failed to {call.action} ({status})."
		# A gateway's answer, or that of a server that broke down: what became of a write, it does not tell.
		return Unclear(text, after=after) if call.writes else Unavailable(text, after=after)
	text = f"{call.site}, or something in front of it, refused to {call.action} ({status})."
	return Refused(text) if call.writes else NeedsPerson(text)


def _redirect(answer: Answer, call: Call) -> SyncError:
	# Neither host nor path is followed: the credentials go to the address that a person named, and nowhere else.
	target = re.sub(r"[?#].*", "", answer.headers.get("Location", ""))[:200]
	if answer.status in TEMPORARY_REDIRECTS:
		return Unavailable(
			f"{call.site} sends elsewhere for now ({answer.status} to {target}): a login page or a captive network?"
		)
	return NeedsPerson(
		f"{call.site} has moved ({answer.status} to {target}): if that is right, set it as the URL."
	)


def _exc_type(body: dict[str, Any] | None) -> str | None:
	"""v1 answers `exc_type`, v2 `errors: [{"type": …}]`."""
	if not body:
		return None
	if isinstance(kind := body.get("exc_type"), str) and kind:
		return kind
	for error in _dicts(body.get("errors")):
		if isinstance(kind := error.get("type"), str) and kind:
			return kind
	return None


def _words(body: Mapping[str, Any]) -> str:
	"""Frappe's own words for a person, as plain text; empty where it said none."""
	messages: list[str] = []
	for entry in _dicts(body.get("errors")):
		messages.append(str(entry.get("message") or _last_line(entry.get("exception"))))
	for entry in [*_server_messages(body.get("_server_messages")), *_dicts(body.get("messages"))]:
		messages.append(str(entry.get("message") or ""))
	messages.append(str(body.get("_error_message") or ""))
	said = list(dict.fromkeys(text for message in messages if (text := plain(message))))
	if not said:
		said = [plain(_last_line(body.get("exception")))]
	words = " ".join(said)
	if words and words[-1] not in ".!?":
		words += "."
	return words if len(words) <= LONGEST_MESSAGE else words[: LONGEST_MESSAGE - 1] + "…"


def _dicts(entries: Any) -> list[dict[str, Any]]:
	return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _server_messages(raw: Any) -> list[dict[str, Any]]:
	"""A JSON list of JSON objects, each encoded once more."""
	try:
		return _dicts([json.loads(entry) for entry in json.loads(raw)])
	except (TypeError, ValueError):
		return []


def _last_line(traceback: Any) -> str:
	"""What a traceback ends with, without the name of the exception: the rest of it is not for people."""
	lines = str(traceback or "").strip().splitlines()
	return re.sub(r"^[\w.]+(Error|Exception)\b:?\s*", "", lines[-1]) if lines else ""


def plain(text: str) -> str:
	"""Text out of Frappe's HTML messages: no tags, no entities, one line."""
	return " ".join(unescape(re.sub(r"<[^<>]*>", " ", text)).split())


def _retry_after(headers: Mapping[str, str]) -> float | None:
	"""Seconds to wait, from Retry-After: a number, or a date, which is taken against the answer's own Date."""
	value = headers.get("Retry-After", "").strip()
	if not value:
		return None
	try:
		seconds = float(value)
	except ValueError:
		try:
			seconds = (
				parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
			).total_seconds()
		except (TypeError, ValueError):
			return None
	return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None
