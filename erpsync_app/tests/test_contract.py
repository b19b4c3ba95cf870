# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The sandbox's contract suite against a real, stock ERPNext site: what the sandbox plays is what is there.

Everything goes over REST, so any site will do that may be littered with test documents; they are deleted at the end.
`ERPSYNC_TEST_CLOUD_URL` names one, else it is the cloud site of the bench (`scripts/bench env`).
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

pytest.register_assert_rewrite("erpsync_app.sandbox.tests.contract")

from erpsync_app.adapters.cloud_site import CloudSite  # noqa: E402
from erpsync_app.engine.model import Document  # noqa: E402
from erpsync_app.sandbox.tests.contract import *  # noqa: E402, F403

FULL = (
	"System Manager",
	"Sales Master Manager",
	"Sales Manager",
	"Sales User",
	"Item Manager",
	"Stock Manager",
	"Stock User",
)
MADE = (
	"File",
	"Sales Order",
	"Customer",
	"Item",
	"ToDo",
	"Note",
	"Territory",
	"Customer Group",
	"Item Group",
)


def _address() -> str:
	if url := os.environ.get("ERPSYNC_TEST_CLOUD_URL"):
		return url
	site, port = os.environ.get("ERPSYNC_TEST_CLOUD_SITE"), os.environ.get("ERPSYNC_TEST_PORT")
	if not (site and port):
		pytest.skip("no real site: run scripts/test, or set ERPSYNC_TEST_CLOUD_URL", allow_module_level=True)
	return f"http://{site}:{port}"


URL = _address()


class Desk:
	"""The site by stock REST methods, as someone whose requests this session carries."""

	def __init__(self, session: requests.Session):
		self._session = session

	def call(self, method: str, **arguments: Any) -> Any:
		answer = self._session.post(f"{URL}/api/method/{method}", json=arguments, timeout=60)
		answer.raise_for_status()
		return answer.json().get("message")

	def insert(self, doctype: str, **values: Any) -> Document:
		return self.call("frappe.client.insert", doc={"doctype": doctype, **values})

	def save(self, doctype: str, name: str, **changes: Any) -> Document:
		return self.call("frappe.client.set_value", doctype=doctype, name=name, fieldname=changes)

	def delete(self, doctype: str, name: str) -> None:
		self.call("frappe.client.delete", doctype=doctype, name=name)

	def rename(self, doctype: str, old: str, new: str, *, merge: bool = False) -> None:
		self.call("frappe.client.rename_doc", doctype=doctype, old_name=old, new_name=new, merge=merge)

	def listed(self, doctype: str, field: str, filters: list[Any], order_by: str = "name asc") -> list[Any]:
		rows = self.call(
			"frappe.client.get_list",
			doctype=doctype,
			fields=[field],
			filters=filters,
			order_by=order_by,
			limit_page_length=0,
		)
		return [row[field] for row in rows]


@pytest.fixture(scope="module")
def administrator() -> Desk:
	session = requests.Session()
	login = {"usr": "Administrator", "pwd": os.environ.get("ERPSYNC_TEST_ADMIN_PASSWORD", "admin")}
	session.post(f"{URL}/api/method/login", data=login, timeout=60).raise_for_status()
	return Desk(session)


@pytest.fixture(scope="module")
def user(administrator: Desk) -> Callable[..., tuple[str, str]]:
	"""Makes a user with these roles, once, and answers a key and a secret of it."""

	def make(email: str, *roles: str) -> tuple[str, str]:
		if not administrator.listed("User", "name", [["name", "=", email]]):
			administrator.insert(
				"User",
				email=email,
				first_name=email.split("@")[0],
				send_welcome_email=0,
				roles=[{"role": role} for role in roles],
			)
		secret = administrator.call("frappe.core.doctype.user.user.generate_keys", user=email)["api_secret"]
		return administrator.listed("User", "api_key", [["name", "=", email]])[0], secret

	return make


@pytest.fixture(scope="module")
def sync_key(administrator: Desk, user: Callable[..., tuple[str, str]]) -> Iterator[tuple[str, str]]:
	yield user("contract-sync@example.com", *FULL)
	owners = [["owner", "in", ["contract-sync@example.com", "contract-person@example.com"]]]
	for doctype in MADE:
		made: list[str] = []
		tree = doctype in ("Territory", "Customer Group", "Item Group")
		for name in administrator.listed(doctype, "name", owners, "lft desc" if tree else "name asc"):
			if doctype == "Sales Order" and administrator.listed(
				doctype, "docstatus", [["name", "=", name]]
			) == [1]:
				administrator.call("frappe.client.cancel", doctype=doctype, name=name)
			made.append(name)
		for start in range(0, len(made), 10):  # as many as Frappe deletes at once
			items = json.dumps(made[start : start + 10])
			administrator.call("frappe.desk.reportview.delete_items", doctype=doctype, items=items)


@pytest.fixture(scope="module")
def site(sync_key: tuple[str, str]) -> CloudSite:
	return CloudSite(url=URL, key=sync_key[0], secret=sync_key[1], chunk=5)


@pytest.fixture(scope="module")
def limited(user: Callable[..., tuple[str, str]]) -> CloudSite:
	key, secret = user("contract-limited@example.com", "Stock User")
	return CloudSite(url=URL, key=key, secret=secret)


@pytest.fixture(scope="module")
def impostor(sync_key: tuple[str, str]) -> CloudSite:
	return CloudSite(url=URL, key=sync_key[0], secret="wrong-secret")


@pytest.fixture(scope="module")
def person(user: Callable[..., tuple[str, str]]) -> Desk:
	key, secret = user("contract-person@example.com", *FULL)
	session = requests.Session()
	session.headers["Authorization"] = f"token {key}:{secret}"
	return Desk(session)


@pytest.fixture
def tag() -> str:
	return f"ct{uuid.uuid4().hex[:6]}"


@pytest.fixture
def now() -> Callable[[], datetime]:
	return lambda: datetime.now(timezone.utc)


def test_the_time_zone_is_that_of_the_site_not_of_the_users_profile(administrator, user):
	email = "contract-traveller@example.com"
	key, secret = user(email, "System Manager")
	administrator.save("User", email, time_zone="Pacific/Auckland")
	traveller = CloudSite(url=URL, key=key, secret=secret)
	zone = administrator.call("frappe.client.get_single_value", doctype="System Settings", field="time_zone")
	assert traveller.about().time_zone == zone != "Pacific/Auckland"
	assert traveller.about().time_zone_is_sure
