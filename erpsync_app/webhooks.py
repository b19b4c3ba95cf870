# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The cloud's webhooks, made and kept in order by sync itself: with its key on the cloud, as an administrator would.

Sync Settings remember each as it was written. What somebody edits there since, its secret too, shows in its
`modified`: one list tells whether all is as it was.
"""

from __future__ import annotations

import time
from typing import Any

import frappe

from erpsync_app import breakers, runs
from erpsync_app.adapters import settings
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.transactions import alone
from erpsync_app.engine.errors import NeedsPerson, Refused, SyncError, Unclear
from erpsync_app.engine.model import Document
from erpsync_app.engine.webhooks import (
	METHOD,
	PROBE,
	WEBHOOK,
	Written,
	digest,
	dump,
	load,
	probe,
	to_be_written_anew,
	todo,
	wanted,
)

SETTINGS = "Sync Settings"
PATIENCE = 15.0
"""Seconds within which a probe has to arrive: a job of the cloud sends it."""

LOOK = 0.2
SENT, ARRIVED = b"sent", b"arrived"
KNOWN = 120
"""Seconds for which the token of a probe is known."""
SILENT = "The cloud's webhooks do not arrive here"
REQUEST_LOG = "Webhook Request Log"
MOST_TOLD = 200
"""Letters of what the cloud noted that are told."""


def set_up() -> dict[str, Any]:
	"""Make the cloud's webhooks what the rules need, all of them anew, and send one as a probe. Answers their `number`, and
	the `problem` in a sentence, "" where there is none. From now on each scan keeps them in order."""
	alone(lambda: _store(cloud_webhooks=to_be_written_anew(_stored())))
	problem = _keep(probing=True)
	return {"number": number(), "problem": problem}


def keep(*, probing: bool = False) -> str:
	"""Put right what has changed in the cloud's webhooks, or in the rules, since the last look; `probing` sends one as
	well. Answers, and shows in Sync Settings, what is wrong. Nothing is done where people see to the webhooks."""
	return _keep(probing) if settings.load(fresh=True).keeps_webhooks else ""


def take_away() -> int:
	"""Delete from the cloud the webhooks that sync has made there; answers how many. Raises SyncError, also where this is
	a copy of the site that has made them."""
	current = settings.load(fresh=True)
	current.check()
	site, names = runs.cloud_site(current), [*_written(), PROBE]
	breakers.check_identity(site, current, always=True)
	there = site.stamps(WEBHOOK, sorted(names))
	for name, modified in there.items():
		_delete(site, name, modified)
	alone(lambda: _store(cloud_webhooks=None, webhook_problem=None))
	return len(there.keys() - {PROBE})


def number() -> int:
	"""How many webhooks sync has made on the cloud."""
	return len(_written())


def arrived(token: str) -> bool:
	"""Note that a probe has come in. False where nobody waits for one of that token."""
	if not _noted(token):
		return False
	_note(token, ARRIVED)
	return True


def _keep(probing: bool) -> str:
	current = settings.load(fresh=True)
	if not current.webhook_secret:
		alone(_make_secret)
		current = settings.load(fresh=True)
	problem = current.webhook_problem if current.webhook_problem.startswith(SILENT) else ""
	asked = probing
	# Whether they arrive is not known before the first one, nor after they could not be set up.
	probing = probing or not _written() or bool(current.webhook_problem and not problem)
	try:
		current.check()
		site = runs.cloud_site(current)
		# The run of which this is the end has just asked the cloud who it is.
		breakers.check_identity(site, current, always=asked)
		_put_right(current, site)
		if probing:
			problem = _probe(current, site) if _written() else ""
	except SyncError as e:
		problem = f"The cloud's webhooks could not be set up: {e}"
	if problem != current.webhook_problem:
		alone(lambda: _store(webhook_problem=problem or None))
	return problem


def _make_secret() -> None:
	doc = frappe.get_doc(SETTINGS)
	if not doc.webhook_secret:
		doc.webhook_secret = frappe.generate_hash(length=40)
		doc.save(ignore_permissions=True)


def _put_right(current: settings.Settings, site: CloudSite) -> None:
	"""Write and delete what is to be; one that the cloud refuses keeps none of the others from it. Raises SyncError."""
	stored = _stored()
	written, webhooks = load(stored), wanted(settings.rules(), _address(current))
	names = sorted({*webhooks, *written})
	there = site.stamps(WEBHOOK, names) if names else {}
	what = todo(webhooks, there, written)
	if not (what.write or what.delete or written.keys() - webhooks.keys()):
		return
	_check_ours(
		site, _address(current), [name for name in what.write if name in there and name not in written]
	)
	now = {name: each for name, each in written.items() if name in webhooks or name in there}
	first: Refused | None = None
	try:
		for name, values in what.write.items():
			try:
				modified = _send(site, name, values, there.get(name), current)
				now[name] = Written(modified, digest(values))
			except Refused as e:
				first = first or e
		for name in what.delete:
			_delete(site, name, there[name])
			del now[name]
	finally:
		alone(lambda: _store_if(stored, dump(now)))
	if first:
		raise first


def _store_if(read: str, now: str) -> None:
	"""Unless somebody has marked them meanwhile, to be written with another secret, say: then they are looked at again."""
	if _stored() == read:
		_store(cloud_webhooks=now)


def _send(
	site: CloudSite, name: str, values: Document, modified: str | None, current: settings.Settings
) -> str:
	"""Write a webhook with its secret, or make it where there is none as of `modified`; answers its new `modified`. Frappe's
	Error Log tells the variables of each frame: the secret is in this one alone, and only our own errors leave it."""
	sent = {**values, "webhook_secret": current.webhook_secret}
	try:
		doc = site.update(WEBHOOK, name, sent, modified) if modified else site.create(WEBHOOK, sent, name)
	except SyncError as e:
		error: SyncError = e
	except Exception as e:
		error = Unclear(f"The webhook {name} could not be written ({type(e).__name__}).")
	else:
		return doc["modified"]
	raise error from None


def _delete(site: CloudSite, name: str, modified: str) -> None:
	"""Disabled first: to delete one does not tell the cloud's processes, which would go on looking for it."""
	disabled = site.update(WEBHOOK, name, {"enabled": 0}, modified)
	site.delete(WEBHOOK, name, disabled["modified"])


def _check_ours(site: CloudSite, address: str, names: list[str]) -> None:
	"""Raise NeedsPerson if one of the webhooks, which this site has not made, leads to another site."""
	for name, doc in site.read(WEBHOOK, names).items():
		leads_to = doc.get("request_url") or ""
		if leads_to.endswith(METHOD) and leads_to != address + METHOD:
			raise NeedsPerson(
				f"the cloud's webhook {name} sends to {leads_to.removesuffix(METHOD)}. If another site is in step with this"
				" cloud, run `erpsync disconnect` there first; if it was this one's address, delete that webhook on the cloud."
			)


def _probe(current: settings.Settings, site: CloudSite) -> str:
	"""Let a webhook come in; answers why none does, or ""."""
	address, token = _address(current), frappe.generate_hash(length=20)
	if left := site.stamps(WEBHOOK, [PROBE]):  # by one that was killed
		_delete(site, PROBE, left[PROBE])
	_note(token, SENT)
	sent = made = _send(site, PROBE, probe(address, token), None, current)
	try:
		sent = site.update(WEBHOOK, PROBE, {"timeout": 6}, made)["modified"]
		until = time.monotonic() + PATIENCE
		while _noted(token) != ARRIVED:
			if time.monotonic() > until:
				return (
					f"{SILENT}: {_why_silent(site, made)}. The cloud has to reach {address}; where this site has another"
					" address for it, set that in Sync Settings. Without them, changes there cross with the scans, every"
					f" {current.scan_minutes} minutes."
				)
			time.sleep(LOOK)
	finally:
		_delete(site, PROBE, sent)
	return ""


def _why_silent(site: CloudSite, since: str) -> str:
	"""What the cloud noted when it sent the probe, in short."""
	try:
		log = site.find(REQUEST_LOG, [("webhook", "=", PROBE), ("creation", ">=", since)], 1)
	except (Refused, NeedsPerson):
		log = []
	if not log:
		return f"it has sent none within {PATIENCE:.0f} seconds, so perhaps no worker runs there"
	if answer := log[0].get("response"):
		return f"it was answered “{' '.join(answer.split())[:MOST_TOLD]}”"
	told = (log[0].get("error") or "").strip().splitlines()
	return f"it noted “{told[-1][:MOST_TOLD]}”" if told else "it was not answered in time"


def _address(current: settings.Settings) -> str:
	# Not the address in a browser, which a job does not know.
	return (current.local_url or frappe.utils.get_url(allow_header_override=False)).rstrip("/")


def _written() -> dict[str, Written]:
	return load(_stored())


def _stored() -> str:
	return frappe.db.get_singles_dict(SETTINGS).get("cloud_webhooks") or ""


def _store(**values: str | None) -> None:
	frappe.db.set_single_value(SETTINGS, values, update_modified=False)


def _note(token: str, what: bytes) -> None:
	# Past Frappe's own methods, which keep what this process has set, and would not see what another one has.
	frappe.cache.set(_key(token), what, ex=KNOWN)


def _noted(token: str) -> bytes | None:
	return frappe.cache.get(_key(token))


def _key(token: str) -> str:
	return frappe.cache.make_key(f"erpsync_probe:{token}")
