# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The Desk in a real browser, as people at work and a Sync Manager use it. Skipped where there is no Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import frappe
import pytest

from erpsync_app.adapters.settings import tell_rules
from erpsync_app.tests.support import LOCAL_URL, PASSWORD, Person, only, set_rules, set_setting, sync, until
from erpsync_app.tests.test_main_job import customer, insert_here

if TYPE_CHECKING:
	from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.usefixtures("ledger")

WIDE, NARROW = 1300, 400
"""Pixels: of a desk, and of a telephone."""

PATIENCE = 60_000
"""Milliseconds that a page may take on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
	found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
	executable = next(filter(None, found), None)
	if not executable:
		pytest.skip("There is no Chromium here: install one to try the Desk in it.")
	playwright = pytest.importorskip("playwright.sync_api")
	with playwright.sync_playwright() as started:
		browser = started.chromium.launch(executable_path=executable, args=["--no-sandbox"])
		yield browser
		browser.close()


@pytest.fixture(params=[WIDE])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
	"""A page of the Administrator, on which no script may fail."""
	context = browser.new_context(
		viewport={"width": request.param, "height": 900}, reduced_motion="reduce", base_url=LOCAL_URL
	)
	context.request.post("/api/method/login", data={"usr": "Administrator", "pwd": PASSWORD})
	page = context.new_page()
	page.set_default_timeout(PATIENCE)
	failed: list[str] = []
	page.on("pageerror", lambda error: failed.append(str(error)))
	yield page
	context.close()
	assert failed == []


@pytest.fixture
def crossed(cloud: Person, prefix: str) -> Iterator[str]:
	"""A customer in step; sync is on, but paused."""
	set_rules(only("Customer", prefix, policy="manual"))
	insert_here(customer(f"{prefix} Ada", website="old.example.com"))
	sync()
	switch(enabled=1, paused=1)
	yield f"{prefix} Ada"
	switch(enabled=0, paused=0)


def switch(**values: int) -> None:
	frappe.db.rollback()
	set_setting(**values)
	frappe.db.commit()
	tell_rules()


def fail(name: str) -> None:
	values = {"status": "Failed", "error": "No <b>such</b> Territory."}
	frappe.db.set_value("Sync Record", {"local_name": name}, values)
	frappe.db.commit()


def fits(page: Page) -> bool:
	return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True)
def test_a_document_says_that_it_has_failed_and_why(page: Page, crossed: str) -> None:
	fail(crossed)
	page.goto(f"/app/customer/{crossed}")
	banner = page.locator(".erpsync-banner")
	banner.wait_for()
	assert "No <b>such</b> Territory." in banner.inner_text()
	assert page.locator(".erpsync-chip").inner_text() == "Sync: Failed"
	assert page.locator(".erpsync-chip").is_visible() is (page.viewport_size["width"] == WIDE)
	assert fits(page)


def test_a_document_tells_its_history(page: Page, crossed: str) -> None:
	page.goto(f"/app/customer/{crossed}")
	page.locator(".erpsync-chip").wait_for()
	assert page.locator(".erpsync-chip").inner_text() == "Sync: In step"
	page.locator(".inner-group-button button", has_text="Sync").first.click()
	page.locator(".dropdown-item", has_text="History").first.click()
	dialog = page.locator(".modal.show")
	dialog.locator("td", has_text="Create").first.wait_for()
	assert "Local → Cloud" in dialog.inner_text()


def test_a_list_marks_what_is_not_in_step(page: Page, crossed: str, prefix: str) -> None:
	switch(paused=0)
	insert_here(customer(f"{prefix} Bea"))
	sync()
	switch(paused=1)
	fail(f"{prefix} Bea")
	page.goto(f'/app/customer?customer_name=["like","{prefix}%"]')
	page.locator(".erpsync-mark").first.wait_for()
	assert page.locator(".list-row").count() == 2
	assert page.locator(".erpsync-mark").get_attribute("title") == "Sync: Failed · No <b>such</b> Territory."


def clash(cloud: Person, name: str) -> str:
	"""An open conflict about the customer; answers its name."""
	switch(enabled=0, paused=0)
	doc = frappe.get_doc("Customer", name)
	doc.website = "here.example.com"
	doc.save()
	frappe.db.commit()
	cloud.edit("Customer", name, website="there.example.com")
	sync()
	return frappe.get_all("Sync Conflict", {"local_name": name, "status": "Open"}, pluck="name")[0]


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True)
def test_a_conflict_is_read_and_settled(page: Page, cloud: Person, crossed: str) -> None:
	conflict = clash(cloud, crossed)
	switch(enabled=1)
	page.goto(f"/app/sync-conflict/{conflict}")
	page.locator(".last-edits", has_text="Cloud: last saved by Administrator").wait_for()
	table = page.locator(".form-page table").first
	for text in ("Website", "old.example.com", "here.example.com", "there.example.com"):
		assert text in table.inner_text()
	assert fits(page)
	if page.viewport_size["width"] == WIDE:
		page.locator("button", has_text="Keep local").first.click()
		page.locator(".modal.show", has_text="On the cloud side, Website").wait_for()
		page.locator(".modal.show .btn-modal-primary").click()
		until(lambda: cloud.get("Customer", crossed)["website"] == "here.example.com")


def test_a_conflict_is_settled_with_a_value_typed_in(page: Page, cloud: Person, crossed: str) -> None:
	conflict = clash(cloud, crossed)
	switch(enabled=1)
	page.goto(f"/app/sync-conflict/{conflict}")
	page.locator("button", has_text="Choose by Field").first.click()
	dialog = page.locator(".modal.show")
	dialog.locator("[data-fieldname='take_0'] select").select_option("other")
	dialog.locator("[data-fieldname='value_0'] input").fill("typed.example.com")
	dialog.locator(".btn-modal-primary").click()
	until(lambda: cloud.get("Customer", crossed)["website"] == "typed.example.com")
	until(lambda: frappe.db.get_value("Customer", crossed, "website") == "typed.example.com")


def test_what_was_overwritten_is_put_back(page: Page, cloud: Person, crossed: str) -> None:
	switch(enabled=0, paused=0)
	cloud.edit("Customer", crossed, website="new.example.com")
	sync()
	(log,) = frappe.get_all("Sync Log", {"local_name": crossed, "operation": "update"}, pluck="name")
	switch(enabled=1)
	page.goto(f"/app/sync-log/{log}")
	page.locator("button", has_text="Put Back").first.click()
	dialog = page.locator(".modal.show")
	dialog.locator("td", has_text="new.example.com").wait_for()
	assert "old.example.com" in dialog.inner_text()
	dialog.locator(".btn-modal-primary").click()
	until(lambda: cloud.get("Customer", crossed)["website"] == "old.example.com")


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True)
def test_what_needs_attention_is_ignored_until_it_changes(page: Page, crossed: str) -> None:
	fail(crossed)
	page.goto("/app/sync-attention")
	row = page.locator("div.border-bottom", has_text=crossed)
	row.wait_for()
	assert "No <b>such</b> Territory." in row.inner_text()
	assert fits(page)
	row.locator("input").check()
	page.locator(".actions-btn-group button").first.click()
	page.locator(".actions-btn-group .dropdown-item", has_text="Ignore until It Changes").click()
	page.locator("text=Nothing needs attention").wait_for()


@pytest.mark.parametrize("page", [WIDE, NARROW], indirect=True)
def test_the_set_up_connects_and_shows_what_can_be_synced(page: Page, crossed: str) -> None:
	page.goto("/app/sync-setup")
	page.locator("button", has_text="Test and Save").click()
	page.locator("[data-set='Selling']").check()
	assert page.locator("[data-set='Masters']").is_checked(), "what it needs is chosen with it"
	assert page.locator(".checks .indicator.red").count() == 0
	assert fits(page)
