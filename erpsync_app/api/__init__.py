# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The methods that the outside may call. Here: health for guests, status for Sync Managers, as flat JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

import frappe
from frappe import _
from frappe.utils import escape_html, get_datetime, get_system_timezone, now_datetime
from frappe.utils.background_jobs import get_redis_conn
from werkzeug.wrappers import Response

from erpsync_app.engine.errors import SyncError

HEALTH = "/api/method/erpsync_app.api.health"
ROLES = ("System Manager", "Sync Manager")
NO_DATABASE = "the database does not answer"
MINUTE = 60
"""In seconds: over which the calls of one address are counted."""


def limited(most: Callable[[], int]) -> Callable[[Callable], Callable]:
	"""A decorator: one address may call the method so many times a minute, and then gets 429.

	Frappe's own `rate_limit` looks at its counter and then adds to it: one that runs out in between is made anew
	without an end, and some day everybody is refused for good.
	"""

	def decorate(method: Callable) -> Callable:
		@wraps(method)
		def counted(*arguments, **named):
			if count_call(f"{method.__name__}:{frappe.local.request_ip}") > most():
				frappe.throw(_("Too many requests: try again in a minute."), frappe.RateLimitExceededError)
			return method(*arguments, **named)

		return counted

	return decorate


def count_call(key: str, seconds: int = MINUTE) -> int:
	"""How many calls of that key there were in these seconds, this one included. Counted and limited in one step."""
	key = frappe.cache.make_key(f"erpsync_calls:{key}")
	with frappe.cache.pipeline(transaction=True) as ask:
		ask.set(key, 0, ex=seconds, nx=True)
		ask.incr(key)
		return ask.execute()[1]


@frappe.whitelist(allow_guest=True, methods=["GET"])
@limited(lambda: 600)
def health() -> Response:
	"""Whether this site can take webhooks and work on them: 200, or 503 with the reason."""
	ailment = _ailment()
	if ailment == NO_DATABASE:
		# Frappe ends each request with a rollback and a look at the session: of what is gone, that would be a 500.
		frappe.local.db = frappe.local.session_obj = None
	return _health(ailment)


def mend_health(response: Response, request) -> None:
	"""An `after_request` hook: without its database or Redis, Frappe fails before `health` is called."""
	if response is not None and response.status_code >= 500 and request.path.rstrip("/") == HEALTH:
		replace(response, _health(_ailment() or "the site cannot serve requests"))


@frappe.whitelist(methods=["GET"])
def status() -> Response:
	"""How the queue stands. For Sync Managers and System Managers."""
	frappe.only_for(ROLES)
	return answer(200, queue_status())


def queue_status() -> dict[str, Any]:
	"""The queue in numbers; `last_scan` and `timestamp` are ISO 8601 in UTC. `reason` says why it is paused, or what
	stops it."""
	from erpsync_app.adapters import settings

	current = settings.load()
	counts = {
		state: frappe.db.count("Sync Event", {"state": state})
		for state in ("Pending", "Processing", "Failed")
	}
	oldest = frappe.get_all(
		"Sync Event", filters={"state": "Pending"}, fields=["creation"], order_by="creation asc", limit=1
	)
	return {
		"status": "paused" if current.paused else "running" if current.enabled else "disabled",
		"reason": (current.pause_reason if current.paused else current.last_error) or None,
		"pending_webhooks": counts["Pending"],
		"processing_webhooks": counts["Processing"],
		"failed": counts["Failed"],
		"oldest_pending_seconds": (
			# SQLite tells it as text.
			round(max((now_datetime() - get_datetime(oldest[0]["creation"])).total_seconds(), 0))
			if oldest
			else 0
		),
		"last_scan": _utc(settings.last_scan()),
		"timestamp": _now(),
	}


@contextmanager
def told_to_person() -> Iterator[None]:
	"""What the engine raises for a person is raised as the Desk shows it: frappe.ValidationError, as text and never as HTML."""
	try:
		yield
	except SyncError as e:
		frappe.throw(escape_html(str(e)))


def answer(code: int, body: dict[str, Any]) -> Response:
	"""A flat JSON response, without Frappe's `message` around it."""
	return Response(frappe.as_json(body), status=code, mimetype="application/json")


def replace(response: Response, by: Response) -> None:
	"""Make of a response that Frappe has built already another one."""
	response.status_code = by.status_code
	response.data = by.data
	response.mimetype = by.mimetype


def _health(ailment: str | None) -> Response:
	body = {"status": "unhealthy" if ailment else "healthy", "service": "erpsync", "timestamp": _now()}
	if ailment:
		body["reason"] = ailment
	return answer(503 if ailment else 200, body)


def _ailment() -> str | None:
	"""Which part is gone, in words that tell a guest nothing about the inside."""
	for part, works in (
		(NO_DATABASE, lambda: frappe.db.sql("select 1")),
		("Redis (cache) does not answer", lambda: frappe.cache.ping()),
		("Redis (queue) does not answer", lambda: get_redis_conn().ping()),
	):
		try:
			works()
		except Exception:
			return part
	return None


def _utc(moment: datetime | None) -> str | None:
	if not moment:
		return None
	aware = moment.replace(tzinfo=ZoneInfo(get_system_timezone()))
	return f"{aware.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _now() -> str:
	return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
