# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who looks after sync is told what needs them: once, and not every minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import frappe
import pytest
from frappe.utils import now_datetime

from erpsync_app import jobs
from erpsync_app.notices import ATTENTION, SETTINGS
from erpsync_app.tests.support import Person, only, set_rules, set_setting, sync
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture
def failed(cloud: Person, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
	"""A document that has failed, as of now. Sync is on, but no worker is woken, so that it stays so."""
	monkeypatch.setattr(jobs, "_enqueue", lambda *job: None)
	set_rules(only("Customer", prefix))
	insert_here(customer(f"{prefix} Ada"))
	sync()
	fail(f"{prefix} Ada")
	set_setting(enabled=1, notify=1)
	store(last_notice=None, last_error=None, last_error_on=None)
	frappe.db.delete("Notification Log", {"document_type": SETTINGS})
	frappe.db.commit()
	yield f"{prefix} Ada"
	set_setting(enabled=0)
	store(last_error=None, last_error_on=None)


def fail(name: str) -> None:
	frappe.db.set_value(
		"Sync Record", {"local_name": name}, {"status": "Failed", "error": "No such Territory."}
	)
	frappe.db.commit()


def store(**values) -> None:
	frappe.db.set_single_value(SETTINGS, values, update_modified=False)
	frappe.db.commit()


def told() -> list[dict]:
	"""What the scheduler's next minute tells the Administrator."""
	jobs.tick()
	frappe.db.rollback()
	mine = {"document_type": SETTINGS, "for_user": "Administrator"}
	return frappe.get_all(
		"Notification Log", mine, ["subject", "link", "email_content"], order_by="creation asc"
	)


def test_what_came_up_is_told_once(failed: str, cloud: Person, prefix: str) -> None:
	(notice,) = told()
	assert notice["subject"] == "Documents that newly need attention in sync: 1"
	assert notice["link"] == ATTENTION
	assert "Customer: 1 × Failed" in notice["email_content"]
	assert len(told()) == 1
	store(last_notice=now_datetime() - timedelta(hours=2))
	frappe.db.set_value(
		"Sync Record",
		{"local_name": failed},
		"modified",
		now_datetime() - timedelta(hours=3),
		update_modified=False,
	)
	frappe.db.commit()
	assert len(told()) == 1, "nothing came up since"


def test_what_comes_up_within_the_hour_waits_for_the_next_notice(failed: str, prefix: str) -> None:
	assert len(told()) == 1
	insert_here(customer(f"{prefix} Bea"))
	sync()
	fail(f"{prefix} Bea")
	assert len(told()) == 1
	store(last_notice=now_datetime() - timedelta(hours=1, minutes=1))
	assert told()[-1]["subject"] == "Documents that newly need attention in sync: 2"


def test_what_stops_sync_is_told(failed: str) -> None:
	assert len(told()) == 1
	store(
		last_notice=now_datetime() - timedelta(hours=1, minutes=1),
		last_error="The cloud does not accept the <API> key.",
		last_error_on=now_datetime(),
	)
	subjects = [notice["subject"] for notice in told()[1:]]
	assert "<b>Sync cannot go on</b>: The cloud does not accept the &lt;API&gt; key." in subjects


def test_who_does_not_want_it_is_not_told(failed: str) -> None:
	set_setting(notify=0)
	assert told() == []
