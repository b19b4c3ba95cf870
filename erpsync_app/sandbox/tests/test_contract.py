# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The contract suite against the sandbox. `erpsync_app/tests/test_contract.py` runs it against a real site."""

from functools import partial
from typing import Any

import pytest

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.model import Document
from erpsync_app.sandbox.atomic import AtomicSite
from erpsync_app.sandbox.clock import SimulatedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.site import SandboxSite, User
from erpsync_app.sandbox.tests.contract import *  # noqa: F403
from erpsync_app.sandbox.tests.contract import TREES
from erpsync_app.sandbox.transport import session_to

SYNC = User("sync@example.com", "sync-key", "sync-secret")
ANNA = User("anna@example.com")
LIMITED = User(
	"limited@example.com",
	"limited-key",
	"limited-secret",
	lacks={
		"Customer": frozenset(("write", "create", "delete")),
		"Deleted Document": frozenset(("read", "write", "create", "delete")),
	},
)


class SandboxPerson:
	def __init__(self, site: SandboxSite):
		self._site = site

	def insert(self, doctype: str, **values: Any) -> Document:
		return self._site.insert(doctype, values, user=ANNA)

	def save(self, doctype: str, name: str, **changes: Any) -> Document:
		return self._site.save(doctype, name, changes, user=ANNA)

	def delete(self, doctype: str, name: str) -> None:
		self._site.delete(doctype, name, user=ANNA)

	def rename(self, doctype: str, old: str, new: str, *, merge: bool = False) -> None:
		self._site.rename(doctype, old, new, merge=merge, user=ANNA)


@pytest.fixture
def clock() -> SimulatedClock:
	return SimulatedClock()


@pytest.fixture
def database() -> Database:
	return Database()


@pytest.fixture
def sandbox(clock: SimulatedClock, database: Database) -> SandboxSite:
	site = SandboxSite(clock, users=[SYNC, LIMITED], time_zone="America/New_York", database=database)
	for doctype, _, root in TREES:
		site.insert(doctype, {f"{doctype.lower().replace(' ', '_')}_name": root, "is_group": 1})
	site.insert("UOM", {"uom_name": "Nos"})
	return site


def client(sandbox: SandboxSite, user: User, secret: str | None = None, kind: Any = CloudSite) -> CloudSite:
	return kind(
		url="https://cloud.example.com",
		key=user.key,
		secret=secret or user.secret,
		chunk=5,
		session=session_to(sandbox.handle),
	)


@pytest.fixture(params=["by REST", "atomic"])
def site(request, sandbox: SandboxSite, database: Database) -> CloudSite:
	"""Also the one that is the local side of a simulation, each of whose writes is committed here before the next."""
	return client(
		sandbox, SYNC, kind=partial(AtomicSite, database) if request.param == "atomic" else CloudSite
	)


@pytest.fixture
def limited(sandbox: SandboxSite) -> CloudSite:
	return client(sandbox, LIMITED)


@pytest.fixture
def impostor(sandbox: SandboxSite) -> CloudSite:
	return client(sandbox, SYNC, "wrong-secret")


@pytest.fixture
def person(sandbox: SandboxSite) -> SandboxPerson:
	return SandboxPerson(sandbox)


@pytest.fixture
def tag() -> str:
	return "ct1"


@pytest.fixture
def now(clock: SimulatedClock):
	return clock.now


def test_the_time_zone_is_that_of_the_site_not_of_the_users_profile(clock):
	away = User("away@example.com", "k", "s", time_zone="Pacific/Auckland")
	unsure = User(
		"unsure@example.com", "l", "s", time_zone="Pacific/Auckland", lacks={"System Settings": {"read"}}
	)
	sandbox = SandboxSite(clock, users=[away, unsure], time_zone="America/New_York")
	about = client(sandbox, away).about()
	assert (about.time_zone, about.time_zone_is_sure) == ("America/New_York", True)
	about = client(sandbox, unsure).about()
	assert (about.time_zone, about.time_zone_is_sure) == ("Pacific/Auckland", False)
