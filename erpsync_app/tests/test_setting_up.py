# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""From empty settings to the first document that crosses, as the page *Set Up Sync* does it."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app import jobs, webhooks
from erpsync_app.adapters import settings
from erpsync_app.api import setup
from erpsync_app.setting_up import NEEDS, SETS
from erpsync_app.tests.support import CLOUD_URL, LOCAL_URL, SYNC_USER, Person, set_rules, set_setting, sync
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def key(ledger: None) -> Iterator[tuple[str, str]]:
	"""The key and the secret of the cloud's sync user. What is set up goes with the test."""
	current = settings.load(fresh=True)
	kept = {"cloud_url": current.cloud_url, "api_key": current.api_key, "api_secret": current.api_secret}
	set_rules()
	yield kept["api_key"], kept["api_secret"]
	frappe.db.rollback()
	webhooks.take_away()
	set_rules()
	set_setting(**kept, enabled=0, keep_webhooks=0)
	frappe.db.commit()


def said(checks: list[dict]) -> dict[str, tuple[bool, str]]:
	return {check["label"]: (check["ok"], check["said"]) for check in checks}


def test_what_works_is_saved(key: tuple[str, str]) -> None:
	set_setting(cloud_url="https://elsewhere.example.com", api_key="old")
	found = said(setup.connect(CLOUD_URL + "/", *key))
	assert found["Cloud"][0] and CLOUD_URL in found["Cloud"][1]
	assert found["Key"] == (True, SYNC_USER)
	assert found["Scheduler"][0] and found["Workers"][0]
	current = settings.load(fresh=True)
	assert (current.cloud_url, current.api_key, current.api_secret) == (CLOUD_URL, *key)
	assert setup.connect(CLOUD_URL, key[0])[1]["ok"], "the stored secret is kept"


@pytest.mark.parametrize(
	("url", "secret", "words"),
	[
		(CLOUD_URL, "0" * 15, "does not accept the API key"),
		(CLOUD_URL, "wrong in length", "not whole"),
		("http://nowhere.localhost:1", "", "cannot be reached"),
		(LOCAL_URL, "", "does not accept the API key"),
	],
	ids=["another secret", "half a secret", "nobody there", "another site"],
)
def test_what_does_not_work_is_said_and_not_saved(
	key: tuple[str, str], url: str, secret: str, words: str
) -> None:
	found = said(setup.connect(url, key[0], secret or key[1]))
	assert not found["Cloud"][0] and words in found["Cloud"][1], found
	assert settings.load(fresh=True).cloud_url == CLOUD_URL


def test_this_site_itself_is_no_cloud(key: tuple[str, str]) -> None:
	user = frappe.get_doc("User", "Administrator")
	kept = user.api_key
	user.api_key = frappe.generate_hash(length=15)
	user.api_secret = secret = frappe.generate_hash(length=15)
	user.save()
	frappe.db.commit()
	try:
		found = said(setup.connect(LOCAL_URL, user.api_key, secret))
	finally:
		frappe.db.rollback()
		frappe.db.set_value("User", "Administrator", "api_key", kept)
		frappe.db.commit()
	assert not found["Cloud"][0] and "ERP Sync is installed there" in found["Cloud"][1]


@pytest.mark.parametrize(
	"url",
	["cloud.example.com", f"{CLOUD_URL}/app", "", "ftp://cloud.example.com"],
	ids=["no scheme", "a path", "nothing", "another scheme"],
)
def test_what_is_no_address_is_refused(key: tuple[str, str], url: str) -> None:
	with pytest.raises(frappe.ValidationError):
		setup.connect(url, *key)


def test_the_choices_are_counted_on_both_sides(key: tuple[str, str], cloud: Person) -> None:
	found = {each["name"]: each for each in setup.choices()}
	assert list(found) == list(SETS)
	assert all(set(NEEDS[name]) <= found.keys() for name in NEEDS)
	numbers = {each["doctype"]: each for each in found["Masters"]["doctypes"]}
	assert numbers["Customer"]["local"] == frappe.db.count("Customer")
	assert numbers["Customer"]["cloud"] == cloud.call("frappe.client.get_count", doctype="Customer")
	assert not numbers["Customer"]["ruled"]


def test_the_start_makes_rules_and_webhooks_and_the_first_document_crosses(
	key: tuple[str, str], cloud: Person, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	started: list[str] = []
	monkeypatch.setattr(jobs, "start_scan", lambda: started.append("scan"))
	cloud.insert(**customer(f"{prefix} Ada"))
	done = setup.start(["Selling"])
	rules = frappe.get_all("Sync Rule", {"enabled": 1}, pluck="name")
	assert set(rules) == set(done["rules"]) >= {*SETS["Selling"], "Customer", "Item"}
	assert "Purchase Order" not in rules
	assert (done["webhooks"], started) == ("", ["scan"])
	assert webhooks.number() > 0
	assert setup.start(["Selling"])["rules"] == [], "what is there is left as it is"
	sync(doctype="Customer", name=f"{prefix} Ada")
	assert frappe.db.exists("Customer", f"{prefix} Ada")
	assert setup.progress()["done"] >= 1


def test_nothing_chosen_starts_nothing(key: tuple[str, str]) -> None:
	with pytest.raises(frappe.ValidationError, match="Choose what to sync"):
		setup.start([])
	assert not frappe.get_all("Sync Rule")
