# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the tests on two real sites share: people at work on either site, and sync between them.

The tests run in a process that is connected to the local site; the cloud site, and the local one as its users see
it, are reached over HTTP alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import frappe
import requests
from frappe.model import data_fieldtypes

from erpsync_app import breakers, runs
from erpsync_app.adapters.transactions import alone, begin_writing
from erpsync_app.engine.canonical import canonical
from erpsync_app.engine.context import Run
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, Rule
from erpsync_app.erp_sync.doctype.sync_settings.sync_settings import CURSORS, KEPT_BY_SYNC

PORT = os.environ.get("ERPSYNC_TEST_PORT", "8010")
LOCAL_SITE = os.environ.get("ERPSYNC_TEST_LOCAL_SITE", "local.localhost")
CLOUD_SITE = os.environ.get("ERPSYNC_TEST_CLOUD_SITE", "cloud.localhost")
PASSWORD = os.environ.get("ERPSYNC_TEST_ADMIN_PASSWORD", "admin")
BENCH = os.environ.get("ERPSYNC_TEST_BENCH", os.path.abspath(".."))
LOCAL_URL = f"http://{LOCAL_SITE}:{PORT}"
CLOUD_URL = os.environ.get("ERPSYNC_TEST_CLOUD_URL") or f"http://{CLOUD_SITE}:{PORT}"
"""Of another bench where the variable names one, with another version of Frappe, say."""
SYNC_USER = "erpsync-tests@example.com"
SECRET = "a secret of the tests"

WEBHOOK_JSON = '{"doctype": {{ doc.doctype | tojson }}, "name": {{ doc.name | tojson }}, "event": "EVENT"}'

OURS = ("Sync Event", "Sync Record", "Sync Log", "Sync Conflict")


class Person:
	"""Someone who works on a site through its REST API, logged in as Administrator."""

	def __init__(self, url: str):
		self.url = url
		self.session = requests.Session()
		self.call("login", usr="Administrator", pwd=PASSWORD)

	def call(self, method: str, **arguments: Any) -> Any:
		answer = self.session.post(f"{self.url}/api/method/{method}", json=arguments, timeout=120)
		answer.raise_for_status()
		return answer.json().get("message")

	def insert(self, doctype: str, **values: Any) -> dict:
		return self.call("frappe.client.insert", doc={"doctype": doctype, **values})

	def insert_many(self, docs: list[dict]) -> None:
		for start in range(0, len(docs), 200):
			self.call("frappe.client.insert_many", docs=docs[start : start + 200])

	def get(self, doctype: str, name: str) -> dict | None:
		path = f"{self.url}/api/resource/{quote(doctype)}/{quote(name, safe='')}"
		answer = self.session.get(path, timeout=60)
		if answer.status_code == 404:
			return None
		answer.raise_for_status()
		return answer.json()["data"]

	def edit(self, doctype: str, name: str, **values: Any) -> dict:
		return self.call("frappe.client.set_value", doctype=doctype, name=name, fieldname=values)

	def delete(self, doctype: str, name: str) -> None:
		self.call("frappe.client.delete", doctype=doctype, name=name)

	def stamps(self, doctype: str, like: str = "%") -> dict[str, str]:
		rows = self.call(
			"frappe.client.get_list",
			doctype=doctype,
			filters=[["name", "like", like]],
			fields=["name", "modified"],
			limit_page_length=0,
		)
		return {row["name"]: row["modified"] for row in rows}


def sync(**options: Any) -> Run:
	"""A full sync in this process; it must not have stopped early."""
	run = runs.sync(trigger="command", **options)
	assert run.stopped is None, run.stopped
	frappe.db.rollback()
	return run


WRITES = ("create", "update", "rename", "merge", "delete", "attachments", "tags")


def writes(run: Run) -> dict[str, int]:
	"""The writes that a run made on either site."""
	return {name: number for name, number in run.counts.items() if number and name.split("_")[0] in WRITES}


def differences(doctype: str, names: Iterable[str], rule: Rule | None = None) -> dict[str, Any]:
	"""By name, what is not equal on both sites in the synced fields, after looking at both anew."""
	frappe.db.rollback()
	names = list(names)
	found: dict[str, Any] = {}
	with runs.opened() as ctx:
		local, cloud = ctx.sites[LOCAL], ctx.sites[CLOUD]
		shape = shape_of(local.meta(doctype), cloud.meta(doctype), rule or ctx.rules[doctype])
		ours, theirs = local.read(doctype, names), cloud.read(doctype, names)
		zone = local.time_zone
		for name in names:
			if name not in ours or name not in theirs:
				found[name] = f"local: {name in ours}, cloud: {name in theirs}"
				continue
			one = canonical(ours[name], shape, Terms(LOCAL, zone, zone))
			two = canonical(theirs[name], shape, Terms(CLOUD, cloud.time_zone, zone))
			if one != two:
				found[name] = {f: (one[f], two.get(f)) for f in one if one[f] != two.get(f)}
	return found


def count(doctype: str, **filters: Any) -> int:
	frappe.db.rollback()
	return frappe.db.count(doctype, filters)


def last_conflict(doctype: str, name: str) -> dict:
	frappe.db.rollback()
	rows = frappe.get_all(
		"Sync Conflict",
		filters={"ref_doctype": doctype, "local_name": name},
		fields=["name", "status", "resolution", "winner", "clashes", "resolved_by", "refused"],
		order_by="creation desc",
		limit=1,
	)
	assert rows, f"no Sync Conflict of {doctype} {name}"
	return {**rows[0], "clashes": {c["field"]: c for c in json.loads(rows[0]["clashes"])}}


PATIENCE = 600
"""Seconds: of a wake-up that was missed, the scheduler's next minute makes up, and at each full hour Frappe's and ERPNext's
jobs of all four sites stand before it in the same queue."""


def until(condition: Callable[[], Any], what: str = "") -> Any:
	"""Wait until a condition holds; answers its value."""
	end = time.monotonic() + PATIENCE
	while time.monotonic() < end:
		frappe.db.rollback()
		if value := condition():
			return value
		time.sleep(0.1)
	raise AssertionError(f"not within {PATIENCE} s: {what}; queued: {queued()}")


def queued() -> list[dict]:
	"""What the queue holds, as far as it helps to see why something did not cross."""
	fields = ["ref_doctype", "docname", "state", "attempts", "next_try", "lease_owner", "error"]
	return frappe.get_all("Sync Event", fields=fields, limit=20)


def set_rules(*rules: dict[str, Any]) -> None:
	"""Make these the only Sync Rules."""
	begin_writing()
	for name in frappe.get_all("Sync Rule", pluck="name"):
		frappe.delete_doc("Sync Rule", name)
	for rule in rules:
		frappe.get_doc({"doctype": "Sync Rule", "enabled": 1, **rule}).insert()
	frappe.db.commit()


def only(doctype: str, prefix: str, field: str = "name", **values: Any) -> dict[str, Any]:
	"""A rule for one test's documents alone: a sync of them is quick, whatever earlier tests have left."""
	return {"ref_doctype": doctype, "filters": json.dumps([[field, "like", f"{prefix}%"]]), **values}


def set_setting(**values: Any) -> None:
	"""As a person does, who saves once more where a worker wrote to the settings meanwhile."""

	def save() -> None:
		doc = frappe.get_doc("Sync Settings")
		doc.update(values)
		doc.save()

	alone(save)


@contextmanager
def a_user_with(*roles: str) -> Iterator[None]:
	"""This process acts as a new user with these roles alone; who is gone afterwards."""
	user = frappe.new_doc("User", email=f"{frappe.generate_hash()}@erpsync.example.com", first_name="Someone")
	user.send_welcome_email = 0
	user.extend("roles", [{"role": role} for role in roles])
	user.insert()
	frappe.set_user(user.name)
	try:
		yield
	finally:
		frappe.set_user("Administrator")
		frappe.db.rollback()


def put_jobs_right() -> None:
	"""A job of the local site's scheduler that ran while a test had moved the site's clock forward counts as done until
	that time has come: from now on it is due again."""
	frappe.db.rollback()
	job = frappe.qb.DocType("Scheduled Job Type")
	now = frappe.utils.now_datetime()
	begin_writing()
	frappe.qb.update(job).set(job.last_execution, now).where(job.last_execution > now).run()
	frappe.db.commit()


def take_away(cloud: Person, doctype: str, *filters: list) -> None:
	"""Documents of the tests, from both sites: the local ones past the hooks, so that nothing crosses."""
	frappe.db.rollback()
	begin_writing()
	frappe.db.delete(doctype, [list(f) for f in filters])
	frappe.db.commit()
	rows = cloud.call(
		"frappe.client.get_list", doctype=doctype, filters=[list(f) for f in filters], limit_page_length=0
	)
	for start in range(0, len(rows), 10):  # as many as Frappe deletes at once
		items = json.dumps([row["name"] for row in rows[start : start + 10]])
		cloud.call("frappe.desk.reportview.delete_items", doctype=doctype, items=items)


@contextmanager
def settings_anew() -> Iterator[None]:
	"""Sync Settings and Sync Rules as after the installation; what was there before comes back at the end."""
	doc = frappe.get_doc("Sync Settings")
	fields = [
		f for f in doc.meta.fields if f.fieldtype in data_fieldtypes and f.fieldname not in KEPT_BY_SYNC
	]
	before = {
		f.fieldname: doc.get_password(f.fieldname, raise_exception=False)
		if f.fieldtype == "Password"
		else doc.get(f.fieldname)
		for f in fields
	}
	rules = [
		frappe.get_doc("Sync Rule", name).as_dict() for name in frappe.get_all("Sync Rule", pluck="name")
	]
	fresh = frappe.new_doc("Sync Settings")
	set_setting(**{name: fresh.get(name) for name in before})
	set_rules()
	try:
		yield
	finally:
		frappe.db.rollback()
		frappe.set_user("Administrator")
		set_setting(enabled=0, paused=0)
		set_rules(*[{k: v for k, v in rule.items() if k != "name"} for rule in rules])
		forget_everything()
		set_setting(**before)


def forget_everything() -> None:
	"""Empty the ledger and the queue, put the cursors back to the start, and know neither site."""
	begin_writing()
	frappe.db.set_single_value("Sync Settings", dict.fromkeys((*breakers.KEPT, *CURSORS)))
	for doctype in OURS:
		frappe.db.delete(doctype)
	for side in (LOCAL, CLOUD):
		frappe.db.sql(f"update `tabSync Rule` set {side}_cursor = null")
	frappe.db.commit()


ROLES = (
	"System Manager",
	"Sales Master Manager",
	"Sales Manager",
	"Sales User",
	"Item Manager",
	"Stock Manager",
	"Stock User",
	"Accounts Manager",
	"Accounts User",
	"Purchase Master Manager",
	"Purchase Manager",
	"Purchase User",
	"Manufacturing Manager",
	"Manufacturing User",
	"Projects Manager",
	"Projects User",
	"Quality Manager",
)
"""Of the user that sync has on the cloud."""


def cloud_keys(person: Person) -> tuple[str, str]:
	"""The API key and secret of the user that sync has on the cloud, made by stock means."""
	roles = [{"role": role} for role in ROLES]
	user = person.get("User", SYNC_USER)
	if user is None:
		person.insert("User", email=SYNC_USER, first_name="Sync", send_welcome_email=0, roles=roles)
	elif not {*ROLES} <= {row["role"] for row in user["roles"]}:
		person.edit("User", SYNC_USER, roles=roles)
	secret = person.call("frappe.core.doctype.user.user.generate_keys", user=SYNC_USER)["api_secret"]
	return person.get("User", SYNC_USER)["api_key"], secret


@contextmanager
def letter_heads_of_both(cloud: Person) -> Iterator[None]:
	"""No document is made with a Letter Head that the other site does not have: ERPNext 16 comes with one that is filled
	in everywhere, ERPNext 15 with none."""
	off = []
	for person, other in ((local := Person(LOCAL_URL), cloud), (cloud, local)):
		heads = person.call("frappe.client.get_list", doctype="Letter Head", filters={"is_default": 1})
		off += [(person, head["name"]) for head in heads if other.get("Letter Head", head["name"]) is None]
	for person, name in off:
		person.edit(
			"Letter Head", name, is_default=0, disabled=1
		)  # one that is not disabled would be the default again
	frappe.db.rollback()  # or this process would fill the cache with the default as it was
	frappe.clear_cache()
	try:
		yield
	finally:
		for person, name in off:
			person.edit("Letter Head", name, is_default=1, disabled=0)


@contextmanager
def connected(cloud: Person) -> Iterator[None]:
	"""The local site knows the cloud; what it knew before comes back at the end."""
	key, secret = cloud_keys(cloud)
	# Webhooks of a demo would be refused, signed with its secret, and tried again and again by the workers.
	strangers = cloud.call(
		"frappe.client.get_list", doctype="Webhook", filters={"enabled": 1}, limit_page_length=0
	)
	for webhook in strangers:
		cloud.edit("Webhook", webhook["name"], enabled=0)
	with settings_anew(), letter_heads_of_both(cloud):
		set_setting(
			cloud_url=CLOUD_URL,
			api_key=key,
			api_secret=secret,
			webhook_secret=SECRET,
			max_attempts=3,
			backoff_seconds=1,
		)
		yield
	for webhook in strangers:
		if cloud.get("Webhook", webhook["name"]):  # a test may make and delete webhooks of the demo's names
			cloud.edit("Webhook", webhook["name"], enabled=1)


@contextmanager
def webhooks(
	cloud: Person,
	*doctypes: str,
	secret: str = SECRET,
	events: Iterable[str] = ("after_insert", "on_update", "on_trash", "on_change"),
	body: str = WEBHOOK_JSON,
	condition: str = "",
):
	"""The cloud's own Webhooks, as a person sets them up in its Desk."""
	made = []
	for doctype in doctypes:
		for event in events:
			name = f"erpsync tests {doctype} {event}"
			if cloud.get("Webhook", name):
				cloud.delete("Webhook", name)
			cloud.insert(
				"Webhook",
				name=name,
				webhook_doctype=doctype,
				webhook_docevent=event,
				enabled=1,
				request_url=f"{LOCAL_URL}/api/method/erpsync_app.api.webhook.cloud",
				request_method="POST",
				request_structure="JSON",
				enable_security=1,
				webhook_secret=secret,
				webhook_json=body.replace("EVENT", event),
				condition=condition,
				webhook_headers=[{"key": "Content-Type", "value": "application/json"}],
			)
			made.append(name)
	try:
		yield
	finally:
		for name in made:
			cloud.delete("Webhook", name)
