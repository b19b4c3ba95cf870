# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Fixtures of the tests on two real sites. The present settings and rules are put back when the tests end."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app.adapters.settings import RULES_KEY
from erpsync_app.tests import support
from erpsync_app.tests.support import CLOUD_URL, LOCAL_SITE, LOCAL_URL, Person
from erpsync_app.tests.test_life_cycle import at_rest
from erpsync_app.tests.trade import count_apart


@pytest.fixture(scope="session")
def site() -> Iterator[None]:
	"""This process, connected to the local site as Administrator."""
	frappe.init(site=LOCAL_SITE, sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
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
	yield
	if support.count("Sync Rule"):
		at_rest()


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
