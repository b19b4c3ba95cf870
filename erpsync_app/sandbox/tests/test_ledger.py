# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The ledger's contract suite against the sandbox's. `erpsync_app/tests/test_ledger.py` runs it against a real site."""

import pytest

from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.tests.ledger_contract import *  # noqa: F403


@pytest.fixture
def store() -> SqliteLedger:
	return SqliteLedger(Database())


@pytest.fixture
def doctype() -> str:
	return "Item"


@pytest.fixture
def ruled() -> str:
	return "Item"


@pytest.fixture
def conflicts(store):
	return store.conflicts


@pytest.fixture
def trail(store):
	return store.log
