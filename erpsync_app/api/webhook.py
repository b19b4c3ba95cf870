# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The webhook methods: check the signature, insert one Sync Event, answer.

Open to guests, since the cloud has no login here; the signature over the raw bytes is the permission. Nothing is
read from the body but what changed where, and nothing is written but the queue row.
"""

from __future__ import annotations

import frappe
from werkzeug.wrappers import Response

from erpsync_app import webhooks
from erpsync_app.adapters import event_queue, settings
from erpsync_app.api import MINUTE, answer, limited, replace
from erpsync_app.engine.inbox import SIGNATURE_HEADER, Rejected, check_signature, parse
from erpsync_app.engine.model import CLOUD, LOCAL, Side
from erpsync_app.engine.webhooks import WEBHOOK
from erpsync_app.jobs import wake

METHODS = {"erpsync_app.api.webhook.cloud": CLOUD, "erpsync_app.api.webhook.local": LOCAL}
API = ("/api", "/api/v1", "/api/v2")


def _limit() -> int:
	return settings.load().rate_limit


@frappe.whitelist(allow_guest=True, methods=["POST"])
@limited(_limit)
def cloud():
	"""Take a signed webhook of the cloud site. Answers JSON: {"status": "queued" | "ignored"}."""
	return _take(CLOUD)


@frappe.whitelist(allow_guest=True, methods=["POST"])
@limited(_limit)
def local():
	"""The same for changes of this site that are made outside its ORM."""
	return _take(LOCAL)


def keep_to_the_address() -> None:
	"""A `before_request` hook. Frappe takes the arguments of a method from the body, and with `cmd` the method
	itself: a signed document that happens to have such a field would call another one, and be lost."""
	if _side(frappe.request.path):
		frappe.local.form_dict = frappe._dict()


def answer_in_our_words(response: Response | None, request) -> None:
	"""An `after_request` hook, for what Frappe answers before or instead of a method here. It parses a body that
	says it is JSON by itself, and answers a broken one with 500, one that is no object with 417; whoever calls too
	often gets a traceback. Give these the answers that all others get."""
	side = _side(request.path)
	if not side or response is None:
		return
	if response.status_code == 429:
		replace(
			response,
			_refused(
				Rejected(429, f"There were more than {_limit()} webhooks in a minute: try again later.")
			),
		)
		response.headers["Retry-After"] = str(MINUTE)
	elif response.status_code in (417, 500):
		try:
			_read(request, side)
		except Rejected as e:
			replace(response, _refused(e))


def _side(path: str) -> Side | None:
	"""Whose webhooks are taken at this address, if any are. Frappe serves a method under several."""
	base, _, method = path.partition("/method/")
	return METHODS.get(method.split("/")[0]) if base in API else None


def _take(side: Side) -> Response:
	try:
		event = _read(frappe.request, side)
		if event.doctype == WEBHOOK and webhooks.arrived(event.name):
			return answer(200, {"status": "received"})
		wanted = settings.captured(event.doctype) or settings.followed(event.doctype)
		if not wanted and not frappe.db.exists("DocType", event.doctype):
			raise Rejected(400, f"There is no DocType {event.doctype} here.")
	except Rejected as e:
		return _refused(e)
	if not wanted:
		return answer(200, {"status": "ignored", "message": f"No enabled Sync Rule for {event.doctype}."})
	event_queue.insert([event])
	frappe.db.after_commit.add(wake)
	return answer(200, {"status": "queued"})


def _read(request, side: Side):
	current = settings.load()
	if (request.content_length or 0) > current.body_limit:
		raise Rejected(413, f"The body is larger than {current.body_limit // 1024} KB.")
	body = request.get_data()
	if len(body) > current.body_limit:
		raise Rejected(413, f"The body is larger than {current.body_limit // 1024} KB.")
	check_signature(current.webhook_secret, body, request.headers.get(SIGNATURE_HEADER))
	return parse(body, side)


def _refused(e: Rejected) -> Response:
	return answer(e.status, {"status": "refused", "message": str(e)})
