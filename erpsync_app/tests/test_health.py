# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Health for guests and status for Sync Managers, over HTTP; with parts of the bench really stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import frappe
import pytest
import requests

from erpsync_app.adapters.event_queue import insert
from erpsync_app.engine.inbox import SIGNATURE_HEADER, sign
from erpsync_app.engine.model import Event
from erpsync_app.tests.machine import afresh, without
from erpsync_app.tests.support import (
	LOCAL_URL,
	SECRET,
	Person,
	count,
	only,
	set_rules,
	set_setting,
	sync,
	until,
)
from erpsync_app.tests.test_main_job import customer, insert_here

HEALTH = f"{LOCAL_URL}/api/method/erpsync_app.api.health"
STATUS = f"{LOCAL_URL}/api/method/erpsync_app.api.status"
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

pytestmark = pytest.mark.usefixtures("ledger")


def healthy(**more) -> dict[str, str]:
	answer = requests.get(HEALTH, timeout=60, **more)
	assert answer.status_code == 200, answer.text
	assert answer.headers["Content-Type"].startswith("application/json")
	return answer.json()


def unhealthy(**more) -> str:
	"""The reason; and nothing else about the inside."""
	answer = requests.get(HEALTH, timeout=120, **more)
	assert answer.status_code == 503, (answer.status_code, answer.text[:2000])
	assert answer.headers["Content-Type"].startswith("application/json")
	body = answer.json()
	assert set(body) == {"status", "service", "timestamp", "reason"}
	assert (body["status"], body["service"]) == ("unhealthy", "erpsync")
	assert UTC.fullmatch(body["timestamp"])
	assert "Traceback" not in answer.text and "127.0.0.1" not in answer.text and "/opt" not in answer.text
	return body["reason"]


def moment(text: str) -> datetime:
	assert UTC.fullmatch(text)
	return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_guest_is_told_that_all_is_well_in_flat_json():
	body = healthy()
	assert set(body) == {"status", "service", "timestamp"}
	assert (body["status"], body["service"]) == ("healthy", "erpsync")
	assert abs(datetime.now(timezone.utc) - moment(body["timestamp"])) < timedelta(seconds=30)


def test_it_is_the_same_for_who_is_logged_in(local: Person):
	assert local.session.get(HEALTH, timeout=30).json()["status"] == "healthy"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_health_is_asked_by_get(method: str):
	assert requests.request(method, HEALTH, timeout=30).status_code == 403


@pytest.mark.alone
@pytest.mark.parametrize(
	("service", "reason"),
	[
		("redis-cache", "Redis (cache) does not answer"),
		("redis-queue", "Redis (queue) does not answer"),
		("mariadb", "the database does not answer"),
	],
)
def test_what_is_gone_is_told_and_comes_back(service: str, reason: str):
	with without(service):
		assert unhealthy() == reason
		assert unhealthy(headers={"Accept": "text/html"}) == reason, "a browser is told the same"
	until(lambda: requests.get(HEALTH, timeout=60).status_code == 200, what="health after all runs again")


@pytest.mark.alone
def test_with_redis_gone_a_save_and_a_webhook_succeed_and_wait(cloud: Person, local: Person, prefix: str):
	"""The queue is in the database: without RQ nobody is woken, and the next tick does it."""
	set_rules(only("Customer", prefix))
	set_setting(enabled=1)
	try:
		with without("redis-queue"):
			local.insert(**customer(f"{prefix} a"))
			body = f'{{"doctype": "Customer", "name": "{prefix} b"}}'.encode()
			cloud.insert(**customer(f"{prefix} b"))
			headers = {SIGNATURE_HEADER: sign(SECRET, body)}
			url = f"{LOCAL_URL}/api/method/erpsync_app.api.webhook.cloud"
			answer = requests.post(url, data=body, headers=headers, timeout=60)
			assert answer.json() == {"status": "queued"}
			assert count("Sync Event", docname=("like", f"{prefix}%")) == 2
		# Nobody saves anything more: it is the scheduler that looks.
		until(lambda: cloud.get("Customer", f"{prefix} a"), "the local customer in the cloud")
		until(lambda: local.get("Customer", f"{prefix} b"), "the cloud's customer here")
	finally:
		frappe.db.rollback()
		set_setting(enabled=0)


@pytest.mark.alone
def test_without_its_database_a_command_says_so_in_one_sentence():
	with without("mariadb"):
		said = afresh("show-status")
		as_json = afresh("show-status", "--json")
	assert said.code == 1
	assert "database" in said.err and "Traceback" not in said.text and len(said.err.strip().splitlines()) == 1
	assert as_json.code == 1 and "database" in as_json.json["error"]


# -- status


@pytest.fixture
def people(site: None) -> Iterator[dict[str, requests.Session]]:
	"""Sessions of users with one role each."""
	sessions = {}
	for role in ("System Manager", "Sync Manager", "Sales Manager"):
		email = f"erpsync-tests-{frappe.scrub(role)}@example.com"
		if not frappe.db.exists("User", email):
			frappe.get_doc(
				{
					"doctype": "User",
					"email": email,
					"first_name": role,
					"send_welcome_email": 0,
					"user_type": "System User",
				}
			).insert()
		user = frappe.get_doc("User", email)
		user.roles = []
		user.new_password = "a long-winded Password 4711"
		user.append("roles", {"role": role})
		user.save()
		frappe.db.commit()
		session = requests.Session()
		login = {"usr": email, "pwd": "a long-winded Password 4711"}
		session.post(f"{LOCAL_URL}/api/method/login", json=login, timeout=30).raise_for_status()
		sessions[role] = session
	yield sessions


def test_status_is_for_those_who_look_after_sync(people: dict[str, requests.Session], local: Person):
	for role in ("System Manager", "Sync Manager"):
		assert people[role].get(STATUS, timeout=30).status_code == 200
	assert local.session.get(STATUS, timeout=30).status_code == 200
	for session in (people["Sales Manager"], requests.Session()):
		answer = session.get(STATUS, timeout=30)
		assert answer.status_code == 403
		assert "pending_webhooks" not in answer.text


def test_status_in_the_fields_that_monitors_know(local: Person, prefix: str):
	set_rules({"ref_doctype": "Brand"})
	answer = local.session.get(STATUS, timeout=30)
	assert answer.headers["Content-Type"].startswith("application/json")
	body = answer.json()
	fields = ("status", "pending_webhooks", "processing_webhooks", "failed", "oldest_pending_seconds")
	# Why it does not run is told beside them: it is what a monitor would ask next.
	assert set(body) == {*fields, "last_scan", "timestamp", "reason"}
	assert body["status"] == "disabled"
	assert [body[field] for field in fields[1:]] == [0, 0, 0, 0]
	moment(body["timestamp"])

	sync()
	insert_here({"doctype": "Brand", "brand": prefix})
	insert([Event("local", "Brand", f"{prefix} {n}") for n in range(4)])
	names = frappe.get_all("Sync Event", pluck="name")
	frappe.db.set_value("Sync Event", names[0], "state", "Failed")
	frappe.db.set_value("Sync Event", names[1], "state", "Processing")
	old = frappe.utils.add_to_date(None, seconds=-100)
	frappe.db.set_value("Sync Event", names[2], "creation", old, update_modified=False)
	frappe.db.commit()
	body = local.session.get(STATUS, timeout=30).json()
	assert (body["pending_webhooks"], body["processing_webhooks"], body["failed"]) == (2, 1, 1)
	assert 100 <= body["oldest_pending_seconds"] < 200
	assert abs(datetime.now(timezone.utc) - moment(body["last_scan"])) < timedelta(seconds=60)


def test_status_tells_running_and_paused_and_why(local: Person):
	set_rules({"ref_doctype": "Brand"})
	set_setting(enabled=1)
	try:
		assert local.session.get(STATUS, timeout=30).json()["status"] == "running"
		set_setting(paused=1, pause_reason="stocktaking")
		body = local.session.get(STATUS, timeout=30).json()
		assert (body["status"], body["reason"]) == ("paused", "stocktaking")
	finally:
		set_setting(enabled=0, paused=0)
