# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sync Settings and Sync Rules as plain data. Nothing else reads these DocTypes for the engine."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

import frappe
from frappe.model import default_fields
from frappe.utils import get_datetime
from frappe.utils.password import get_decrypted_password, get_encryption_key

from erpsync_app.engine.bundles import BUNDLE
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.engine.followers import FOLLOWERS, with_followers
from erpsync_app.engine.model import MEGABYTE, OPTIONS, Rule
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.rules import check_filters
from erpsync_app.engine.safety import BY_HAND, COUNTED, Limit, Limits

RULES_KEY = "erpsync_rules"
"""The cache key of what `captured` asks; `erp_sync.rules_cache` puts it right when a rule or a setting changes."""

RULES_KEPT = timedelta(minutes=5)
"""How long at most: two people who save rules in the same moment may tell the older of both last."""

IN_FORCE = {"enabled": 1, "name": ("!=", BUNDLE)}
"""Each site makes bundles of its own: a rule for them has nothing to do."""

SYNC_USER = "erp-sync@example.com"
"""The user that sync runs as on this site unless Sync Settings name another one; made at installation."""


@dataclass(frozen=True)
class Settings:
	"""Sync Settings. The secrets are never shown, logged or exported: they are not part of the repr. Each is decrypted
	when it is asked for: a webhook needs one of them, a save none."""

	modified: str
	enabled: bool
	paused: bool
	pause_reason: str
	last_error: str
	cloud_url: str
	api_key: str
	allow_http: bool
	keeps_webhooks: bool
	webhook_problem: str
	local_url: str
	sync_user: str
	connect_timeout: float
	read_timeout: float
	scan_minutes: int
	batch_size: int
	retry: RetryPolicy
	excluded: frozenset[str]
	body_limit: int
	rate_limit: int
	limits: Limits

	@cached_property
	def api_secret(self) -> str:
		return _secret(frappe.local.site, "api_secret", self.modified)

	@cached_property
	def webhook_secret(self) -> str:
		return _secret(frappe.local.site, "webhook_secret", self.modified)

	def check(self) -> None:
		"""Raises NeedsPerson where the connection to the cloud is not set."""
		missing = [
			label
			for label, value in (
				("Cloud URL", self.cloud_url),
				("API Key", self.api_key),
				("API Secret", self.api_secret),
			)
			if not value
		]
		if missing:
			raise NeedsPerson(
				f"Sync Settings lack {' and '.join(missing)}: run `bench --site {frappe.local.site} erpsync connect`."
			)


def load(*, fresh: bool = False) -> Settings:
	"""`fresh` reads them anew: a process that runs on and on keeps what it has read once."""
	doc = (frappe.get_doc if fresh else frappe.get_cached_doc)("Sync Settings")
	return Settings(
		modified=str(doc.modified),
		enabled=bool(doc.enabled),
		paused=bool(doc.paused),
		pause_reason=doc.pause_reason or "",
		last_error=doc.last_error or "",
		cloud_url=(doc.cloud_url or "").rstrip("/"),
		api_key=doc.api_key or "",
		allow_http=bool(doc.allow_http),
		keeps_webhooks=bool(doc.keep_webhooks),
		webhook_problem=doc.webhook_problem or "",
		local_url=doc.local_url or "",
		sync_user=doc.sync_user or SYNC_USER,
		connect_timeout=doc.connect_timeout or 10,
		read_timeout=doc.read_timeout or 60,
		scan_minutes=doc.scan_interval or 5,
		batch_size=doc.batch_size or 100,
		retry=RetryPolicy(doc.max_attempts or 8, doc.backoff_seconds or 5),
		excluded=frozenset(lines(doc.exclude_fields)),
		body_limit=(doc.webhook_body_limit_kb or 1024) * 1024,
		rate_limit=doc.webhook_rate_limit or 20_000,
		limits=Limits(**{kind: _limit(doc, kind) for kind in COUNTED}),
	)


def _limit(doc, kind: str) -> Limit:
	number = doc.get(f"max_{kind}") or 0
	return Limit(number, doc.get(f"max_{kind}_share") or 0, number * BY_HAND if kind == "deletions" else 0)


@lru_cache(maxsize=16)
def _secret(site: str, fieldname: str, modified: str) -> str:
	"""As of a change of Sync Settings; kept in this process, so that not each of many webhooks asks for it."""
	know_encryption_key()
	return get_decrypted_password("Sync Settings", "Sync Settings", fieldname, raise_exception=False) or ""


def know_encryption_key() -> None:
	"""See to it that there is a key to encrypt secrets with, and that this process knows it: before one is stored or read.

	Frappe makes a key where it knows of none, and writes it over the one in the site's configuration. A web process of
	v16 goes by a configuration that may be a minute old: it would make a second key, and what was encrypted with the
	first could never be read again.
	"""
	conf = frappe.local.conf
	if not conf.get("encryption_key") and (key := frappe.get_site_config().get("encryption_key")):
		conf.encryption_key = key
	get_encryption_key()


def lines(text: str | None) -> list[str]:
	"""The fieldnames of a Small Text field, one a line."""
	return [line.strip() for line in (text or "").splitlines() if line.strip()]


def last_scan() -> datetime | None:
	"""When the last scan of all rules had listed both sides, naive, in the site's time zone. `get_single_value` makes year 1 of what is empty."""
	stored = frappe.db.get_singles_dict("Sync Settings").get("last_scan")
	return get_datetime(stored) if stored else None


def rules() -> dict[str, Rule]:
	"""The enabled rules by DocType, and those that follow from them."""
	names = frappe.get_all("Sync Rule", filters=IN_FORCE, pluck="name", order_by="name asc")
	return with_followers({name: rule_of(frappe.get_doc("Sync Rule", name)) for name in names})


def rule_of(doc) -> Rule:
	"""A Sync Rule document as the engine's Rule. Raises NeedsPerson for one that is broken: its form refuses that,
	an import of data or a hand in the database does not."""
	try:
		filters = json.loads(doc.filters or "[]")
		check_filters(filters)
		_check_choices(doc)
		_check_match_fields(doc)
	except (ValueError, TypeError) as e:
		raise NeedsPerson(
			f"The Sync Rule {doc.name} is broken ({e}): open it in the Desk, put that right and save it."
		) from None
	return Rule(
		doctype=doc.ref_doctype,
		direction=doc.direction,
		policy=doc.policy,
		filters=tuple((f[0], f[1], f[2]) for f in filters),
		field_map={row.local_field: row.cloud_field for row in doc.field_map},
		exclude=frozenset(lines(doc.exclude_fields)),
		match_fields=tuple(lines(doc.match_fields)),
		naming=doc.naming or "keep",
		deletes=doc.deletes,
		submit=doc.submit or "follow",
		attachments=bool(doc.attachments),
		**({"file_limit": doc.attachment_limit_mb * MEGABYTE} if doc.attachment_limit_mb else {}),
		**{option: bool(doc.get(option)) for option in OPTIONS},
	)


def _check_choices(doc) -> None:
	for each in doc.meta.get("fields", {"fieldtype": "Select"}):
		if (value := doc.get(each.fieldname)) and value not in each.options.split("\n"):
			raise ValueError(f"{each.label} cannot be {value!r}")


def _check_match_fields(doc) -> None:
	"""A field that is not there would match nothing, and every document be taken for a new one."""
	if names := lines(doc.match_fields):
		meta = frappe.get_meta(doc.ref_doctype)
		for name in names:
			if not meta.has_field(name) and name not in default_fields:
				raise ValueError(f"{doc.ref_doctype} has no field {name!r}")


def captured(doctype: str, option: str | None = None) -> bool:
	"""Whether a change of a document of this DocType is worth an event: sync is on, and there is a rule for it; and the
	rule has the option, if one is given.

	Asks the cache, not the database: every save of every document asks this.
	"""
	options = _known_rules().get(doctype)
	return options is not None and (option is None or option in options)


def captured_doctypes() -> list[str]:
	"""The DocTypes whose changes are captured. Asks the cache."""
	return list(_known_rules())


def followed(doctype: str) -> bool:
	"""Whether there is a rule with which documents of this DocType cross that are about others."""
	follower = FOLLOWERS.get(doctype)
	return follower is not None and any(follower.option in options for options in _known_rules().values())


def tell_rules() -> None:
	"""Tell all processes what the rules are: to be called when a change of them has been committed."""
	_keep(options_of_rules())


def options_of_rules() -> dict[str, list[str]]:
	"""The options of each enabled rule by DocType, from the database; empty where sync is off."""
	# Not from the connection's own memory: what is found here is told to all other processes.
	if not frappe.db.get_single_value("Sync Settings", "enabled", cache=False):
		return {}
	rows = frappe.get_all("Sync Rule", filters=IN_FORCE, fields=["name", *OPTIONS], order_by="name asc")
	return {row["name"]: [option for option in OPTIONS if row[option]] for row in rows}


def _known_rules() -> dict[str, list[str]]:
	"""What the cache has of `options_of_rules`. A cache that was emptied is filled again, but never overwritten: this
	transaction may be older than the last change of a rule, whose worker has told all others by now."""
	known = frappe.cache.get_value(RULES_KEY)
	if known is None:
		_keep(known := options_of_rules(), nx=True)
	return known


def _keep(known: dict[str, list[str]], **how: bool) -> None:
	key = frappe.cache.make_key(RULES_KEY)
	frappe.local.cache[key] = known
	with suppress(Exception):  # where Redis does not answer, the next one asks the database again
		frappe.cache.set(key, pickle.dumps(known), ex=RULES_KEPT, **how)
