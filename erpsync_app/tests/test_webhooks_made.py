# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The cloud's webhooks, made and kept in order by sync itself, on two real sites."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app import webhooks
from erpsync_app.tests.machine import erpsync
from erpsync_app.tests.support import (
	LOCAL_URL,
	SECRET,
	SYNC_USER,
	Person,
	count,
	only,
	set_rules,
	set_setting,
	sync,
	until,
)
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("kept")

NAMES = [f"ERP Sync: Customer, {event}" for event in ("after_insert", "on_change", "on_trash")]
OF_FILES = [f"ERP Sync: File, {event}" for event in ("after_insert", "on_trash")]
OURS = "ERP Sync: %"


@pytest.fixture
def kept(ledger: None, cloud: Person, prefix: str) -> Iterator[None]:
	"""A rule for this test's customers; sync keeps the cloud's webhooks in order, and is off."""
	for name in cloud.stamps("Webhook", OURS):
		cloud.delete("Webhook", name)
	set_rules(only("Customer", prefix, attachments=0))
	set_setting(keep_webhooks=1, local_url=LOCAL_URL)
	yield
	frappe.db.rollback()
	set_setting(enabled=0, paused=0, local_url="")
	if webhooks.number():
		webhooks.take_away()
	set_setting(keep_webhooks=0)


def keep(**how: bool) -> str:
	"""What a scan does about the webhooks; answers what is wrong."""
	problem = webhooks.keep(**how)
	frappe.db.rollback()
	assert problem == (frappe.db.get_single_value("Sync Settings", "webhook_problem", cache=False) or "")
	return problem


def test_they_are_made_and_what_changes_on_the_cloud_comes_by_them(cloud: Person, local: Person, prefix: str):
	sync()
	assert webhooks.set_up() == {"number": 3, "problem": ""}
	assert sorted(cloud.stamps("Webhook", OURS)) == NAMES, "and the probe is gone"
	set_setting(enabled=1)
	cloud.insert(**customer(prefix))
	until(lambda: local.get("Customer", prefix), what="the new customer here")
	cloud.edit("Customer", prefix, customer_details="edited there")
	until(
		lambda: local.get("Customer", prefix).get("customer_details") == "edited there", what="the edit here"
	)
	cloud.delete("Customer", prefix)
	until(lambda: local.get("Customer", prefix) is None, what="the deletion here")
	until(lambda: count("Sync Event", docname=prefix) == 0, what="an empty queue")


def test_what_is_as_it_was_made_is_not_written_again(cloud: Person):
	assert keep() == ""
	before = cloud.stamps("Webhook", OURS)
	assert keep() == keep(probing=True) == ""
	assert cloud.stamps("Webhook", OURS) == before


@pytest.mark.parametrize(
	"edit", [{"enabled": 0}, {"webhook_secret": "another"}, {"request_url": "https://elsewhere.example.com"}]
)
def test_what_somebody_changes_is_put_right(cloud: Person, edit: dict):
	keep()
	before = cloud.stamps("Webhook", OURS)
	cloud.edit("Webhook", NAMES[1], **edit)
	cloud.delete("Webhook", NAMES[2])
	assert keep() == ""
	assert {name: at for name, at in cloud.stamps("Webhook", OURS).items() if before[name] == at}.keys() == {
		NAMES[0]
	}
	webhook = cloud.get("Webhook", NAMES[1])
	assert (webhook["enabled"], webhook["request_url"]) == (
		1,
		f"{LOCAL_URL}/api/method/erpsync_app.api.webhook.cloud",
	)
	assert keep(probing=True) == "", "with our secret"


def test_they_follow_the_rules(cloud: Person, prefix: str):
	keep()
	set_rules(only("Customer", prefix, attachments=1), only("Brand", prefix))
	keep()
	brand = [name.replace("Customer", "Brand") for name in NAMES]
	assert sorted(cloud.stamps("Webhook", OURS)) == sorted([*brand, *NAMES, *OF_FILES])
	set_rules(only("Brand", prefix, attachments=0))
	keep()
	assert sorted(cloud.stamps("Webhook", OURS)) == brand
	set_rules(only("Brand", prefix, attachments=0, direction="local_to_cloud"))
	keep()
	assert cloud.stamps("Webhook", OURS) == {}


def test_another_secret_goes_into_all_of_them(cloud: Person):
	keep()
	before = cloud.stamps("Webhook", OURS)
	set_setting(webhook_secret="another one")
	try:
		assert keep(probing=True) == ""
		after = cloud.stamps("Webhook", OURS)
		assert sorted(after) == NAMES and not {*after.values()} & {*before.values()}
	finally:
		set_setting(webhook_secret=SECRET)


def test_a_cloud_that_cannot_reach_this_site_is_told_and_scans_do_without(
	cloud: Person, local: Person, prefix: str, monkeypatch
):
	monkeypatch.setattr(webhooks, "PATIENCE", 4)
	sync()
	set_setting(local_url="http://localhost:9")
	problem = webhooks.set_up()["problem"]
	assert problem.startswith(webhooks.SILENT) and "http://localhost:9" in problem
	assert keep() == problem, "it stands until a webhook comes in"
	assert problem in erpsync("test-connections", "--json").json["sides"][0]["notes"]
	cloud.insert(**customer(prefix))
	sync()
	assert local.get("Customer", prefix)
	set_setting(local_url=LOCAL_URL)
	monkeypatch.undo()
	assert keep(probing=True) == ""


def test_another_site_at_the_same_cloud_is_seen(cloud: Person):
	keep()
	cloud.edit(
		"Webhook", NAMES[0], request_url="https://other.example.lan/api/method/erpsync_app.api.webhook.cloud"
	)
	frappe.db.set_single_value("Sync Settings", "cloud_webhooks", None)
	frappe.db.commit()
	before = cloud.stamps("Webhook", OURS)
	problem = keep()
	assert "https://other.example.lan" in problem and "disconnect" in problem
	assert cloud.stamps("Webhook", OURS) == before
	for name in before:
		cloud.delete("Webhook", name)


def test_a_user_that_may_not_make_them_is_named(cloud: Person):
	roles = [{"role": row["role"]} for row in cloud.get("User", SYNC_USER)["roles"]]
	cloud.edit("User", SYNC_USER, roles=[row for row in roles if row["role"] != "System Manager"])
	try:
		problem = keep()
	finally:
		cloud.edit("User", SYNC_USER, roles=roles)
	assert "could not be set up" in problem and "Webhook" in problem
	assert cloud.stamps("Webhook", OURS) == {}
	assert keep() == ""


def test_disconnect_takes_them_away(cloud: Person):
	mine = {
		"webhook_doctype": "Brand",
		"webhook_docevent": "on_trash",
		"request_url": "https://mine.example.com",
	}
	cloud.insert("Webhook", name="ERP Sync: of a person", request_method="POST", **mine)
	keep()
	set_setting(enabled=1)
	said = erpsync("disconnect", "--json")
	assert said.json == {"ok": True, "webhooks": 3}, said.text
	frappe.db.rollback()
	assert [*cloud.stamps("Webhook", OURS)] == ["ERP Sync: of a person"]
	settings = frappe.get_doc("Sync Settings")
	assert not settings.enabled and not settings.keep_webhooks and settings.api_key
	cloud.delete("Webhook", "ERP Sync: of a person")


def test_the_buttons_of_the_desk(cloud: Person, local: Person):
	told = local.call("erpsync_app.api.desk.set_up_webhooks")
	assert told == {"number": 3, "problem": ""}
	assert sorted(cloud.stamps("Webhook", OURS)) == NAMES
	told = local.call("erpsync_app.api.desk.test_connections")
	assert [side["side"] for side in told["sides"]] == ["local", "cloud"] and "drift" in told
	for _ in range(2):
		assert local.call("frappe.auth.get_logged_user") == "Administrator", "nobody was logged out"


def test_what_the_cloud_refuses_keeps_no_other_from_being_made(cloud: Person, monkeypatch):
	real = webhooks.wanted

	def with_one_that_is_refused(rules, address):
		found = real(rules, address)
		return {"ERP Sync: A, on_change": {**found[NAMES[0]], "webhook_doctype": "No Such DocType"}, **found}

	monkeypatch.setattr(webhooks, "wanted", with_one_that_is_refused)
	problem = keep()
	assert "could not be set up" in problem and "No Such DocType" in problem
	assert sorted(cloud.stamps("Webhook", OURS)) == NAMES
	monkeypatch.undo()
	assert keep() == "", "a webhook has come in as well"


def test_without_webhooks_none_stay_behind(cloud: Person, monkeypatch):
	monkeypatch.setattr(webhooks, "PATIENCE", 1)
	set_setting(local_url="http://localhost:9")
	assert webhooks.set_up()["problem"]
	set_setting(enabled=1)
	said = erpsync("connect", "--no-webhooks", "--json")
	assert said.code == 0, said.text
	assert cloud.stamps("Webhook", OURS) == {}
	frappe.db.rollback()
	assert not frappe.db.get_single_value("Sync Settings", "webhook_problem", cache=False)
