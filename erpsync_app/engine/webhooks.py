# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The webhooks that the cloud is to have, as stock Frappe keeps them. Pure: what they are to be follows from the rules.

Source of the fields and of how a body is made: frappe/integrations/doctype/webhook/webhook.json and webhook.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from erpsync_app.engine.model import LOCAL, Document, Rule

WEBHOOK = "Webhook"
METHOD = "/api/method/erpsync_app.api.webhook.cloud"
NAME = "ERP Sync: {}, {}"
PROBE = "ERP Sync: probe"

NEW, CHANGED, DELETED = "after_insert", "on_change", "on_trash"
BODY = '{{"doctype": {{{{ {} | tojson }}}}, "name": {{{{ {} | tojson }}}}, "event": "{}"}}'
"""A hint: the document itself is always read. `tojson`, since a name may have a quote in it."""

CONDITIONS = {"Comment": 'doc.comment_type == "Comment"', "File": "doc.attached_to_name"}
"""Frappe keeps notes of its own among the comments; a file that is attached to nothing does not cross."""


@dataclass(frozen=True)
class Written:
	"""What was written of a webhook, as it is remembered: `modified` of it after that, and a digest of its fields."""

	modified: str
	digest: str


@dataclass(frozen=True)
class Todo:
	"""The webhooks to be written, and those that are not needed any more, by name."""

	write: dict[str, Document] = field(default_factory=dict)
	delete: list[str] = field(default_factory=list)


def wanted(rules: Mapping[str, Rule], address: str) -> dict[str, Document]:
	"""The webhooks that the rules need, by name, all but their secret. `address` is that of the local site, as the cloud
	reaches it, without a path."""
	told = [rule for rule in rules.values() if rule.writes(LOCAL)]
	found = {}
	for rule in told:
		for event in (NEW, CHANGED, DELETED):
			body = BODY.format("doc.doctype", "doc.name", event)
			found[NAME.format(rule.doctype, event)] = _webhook(rule.doctype, event, body, address)
	if any(rule.attachments for rule in told):
		for event in (NEW, DELETED):  # each is a change of the document that the file is attached to
			body = BODY.format("doc.attached_to_doctype", "doc.attached_to_name", CHANGED)
			found[NAME.format("File", event)] = _webhook("File", event, body, address)
	return found


def probe(address: str, token: str) -> Document:
	"""A webhook that tells of a change of itself: of nothing that anybody works with."""
	body = json.dumps({"doctype": WEBHOOK, "name": token, "event": "probe"})
	return {**_webhook(WEBHOOK, CHANGED, body, address), "condition": f'doc.name == "{PROBE}"'}


def todo(webhooks: Mapping[str, Document], there: Mapping[str, str], written: Mapping[str, Written]) -> Todo:
	"""What is to be done, so that the cloud has these `webhooks`: `there` is `modified` by name of those that it has, of
	these names and of what was `written` before."""
	write = {
		name: values
		for name, values in webhooks.items()
		if name not in written or written[name] != Written(there.get(name, ""), digest(values))
	}
	return Todo(write, sorted(name for name in written if name not in webhooks and name in there))


def load(stored: str | None) -> dict[str, Written]:
	"""What was written, by name, from what `dump` made of it."""
	return {name: Written(*each) for name, each in json.loads(stored or "{}").items()}


def dump(written: Mapping[str, Written]) -> str:
	return json.dumps({name: (each.modified, each.digest) for name, each in written.items()})


def to_be_written_anew(stored: str | None) -> str:
	"""What `dump` made, so that each of the webhooks is written anew at the next look: with another secret, say."""
	return dump({name: Written("", "") for name in load(stored)})


def digest(values: Document) -> str:
	return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _webhook(doctype: str, event: str, body: str, address: str) -> Document:
	return {
		"webhook_doctype": doctype,
		"webhook_docevent": event,
		"condition": CONDITIONS.get(doctype, ""),
		"enabled": 1,
		"is_dynamic_url": 0,
		"request_url": address + METHOD,
		"request_method": "POST",
		"request_structure": "JSON",
		"webhook_json": body,
		"webhook_headers": [{"key": "Content-Type", "value": "application/json"}],
		"enable_security": 1,
	}
