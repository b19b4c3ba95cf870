# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Fixtures of the tests on two real sites. The present settings and rules are put back when the tests end."""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Iterator
from pathlib import Path

import frappe
import pytest

from erpsync_app.adapters.settings import RULES_KEY
from erpsync_app.tests import support
from erpsync_app.tests.machine import connect_again
from erpsync_app.tests.support import CLOUD_URL, LOCAL_SITE, LOCAL_URL, Person
from erpsync_app.tests.test_life_cycle import at_rest
from erpsync_app.tests.trade import Sides, clerks, count_apart


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
	"""A test that is marked `alone` waits until none is under way in the other process, and none begins meanwhile."""
	turn, run = (
		(Path(support.BENCH) / ".erpsync" / "run" / name).open("a") for name in ("turn.lock", "alone.lock")
	)
	with turn, run:
		fcntl.flock(turn, fcntl.LOCK_EX)  # who waits for the others to end goes before those who would begin
		fcntl.flock(run, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
		fcntl.flock(turn, fcntl.LOCK_UN)
		_look_at_connection()
		return (yield)


def _look_at_connection() -> None:
	"""A test in the other process may have restarted the database."""
	if getattr(frappe.local, "db", None):
		try:
			frappe.db.sql("select 1")
		except frappe.db.OperationalError:
			connect_again()


@pytest.fixture(scope="session")
def site() -> Iterator[None]:
	"""This process, connected to the local site as Administrator."""
	frappe.init(site=LOCAL_SITE, sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
	support.put_jobs_right()  # a test run that was broken off may have left the clock moved
	yield
	frappe.destroy()


@pytest.fixture(scope="session")
def cloud() -> Person:
	return Person(CLOUD_URL)


@pytest.fixture(scope="session")
def local() -> Person:
	return Person(LOCAL_URL)


@pytest.fixture(scope="session")
def connected(site: None, cloud: Person) -> Iterator[None]:
	"""The local site knows the cloud; what it knew before comes back at the end."""
	with support.connected(cloud):
		yield


@pytest.fixture(scope="session")
def apart(site: None) -> None:
	"""The local site numbers its documents otherwise than the cloud does."""
	count_apart()


@pytest.fixture
def ledger(connected: None) -> Iterator[None]:
	"""An empty ledger and queue, sync switched off: nothing happens but what the test does."""
	support.set_setting(enabled=0, paused=0)
	support.forget_everything()
	yield
	frappe.db.rollback()
	frappe.set_user("Administrator")


@pytest.fixture
def at_rest_in_the_end(ledger: None) -> Iterator[None]:
	"""A sync after the test writes nothing, if the test had anything to sync."""
	support.set_rules()  # those of an earlier test
	yield
	if support.count("Sync Rule"):
		at_rest()


@pytest.fixture(params=["made here", "made in the cloud"])
def sides(request, ledger: None, local: Person, cloud: Person) -> Sides:
	"""The clerk who makes the first documents, and the one on the other side; modules add what their tests begin with."""
	here, there = clerks(local, cloud)
	return (here, there) if request.param == "made here" else (there, here)


@pytest.fixture
def prefix() -> str:
	"""Begins the names of one test's documents, so that no test meets another's."""
	return f"T{frappe.generate_hash(length=6)}"


@pytest.fixture
def untouched(site: None) -> Iterator[None]:
	"""The test runs as Administrator in a transaction of its own, of which nothing stays, and without the rules
	that the site has."""
	frappe.db.rollback()
	frappe.set_user("Administrator")
	frappe.db.delete("Sync Rule")
	frappe.db.delete("Sync Rule Field")
	yield
	frappe.db.rollback()
	frappe.set_user("Administrator")
	frappe.clear_document_cache("Sync Settings", "Sync Settings")
	frappe.cache.delete_value(RULES_KEY)
