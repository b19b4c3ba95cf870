# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Who may do what: each role on each DocType, and the methods that the Desk calls."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app.adapters.settings import SYNC_USER
from erpsync_app.api import desk, setup
from erpsync_app.erp_sync.roles import check_may, may_see_sync

RIGHTS = ("read", "write", "create", "delete")
ALL, READ, NONE = set(RIGHTS), {"read"}, set()

MAY: dict[str, dict[str, set[str]]] = {
	"Sync Settings": {"System Manager": {"read", "write", "create"}, "Sync Manager": READ},
	"Sync Rule": {"System Manager": ALL, "Sync Manager": ALL},
	"Sync Event": {"System Manager": {"read", "delete"}, "Sync Manager": READ},
	"Sync Record": {"System Manager": READ, "Sync Manager": READ},
	"Sync Log": {"System Manager": READ, "Sync Manager": READ},
	"Sync Conflict": {"System Manager": READ, "Sync Manager": READ},
}
ROLES = ("System Manager", "Sync Manager", "Sales Manager", "Guest")
AND_SALES = "Sync Manager and Sales Master Manager"

METHODS = {
	"settle": lambda: desk.settle("none", "keep_local"),
	"settle_by_field": lambda: desk.settle_by_field("none", {}),
	"attention": lambda: desk.attention(),
	"ignore": lambda: desk.ignore([]),
	"last_edits": lambda: desk.last_edits("none"),
	"look_at_undo": lambda: desk.look_at_undo("none"),
	"undo": lambda: desk.undo("none"),
	"sync_now": lambda: desk.sync_now("none"),
	"retry_events": lambda: desk.retry_events([]),
	"sync_all": lambda: desk.sync_all(),
	"test_connections": lambda: desk.test_connections(),
	"set_up_webhooks": lambda: desk.set_up_webhooks(),
	"connect": lambda: setup.connect("https://cloud.example.com", "key", "secret"),
	"choices": lambda: setup.choices(),
	"start": lambda: setup.start([]),
	"progress": lambda: setup.progress(),
}


@pytest.fixture(scope="module")
def users(site: None) -> Iterator[dict[str, str]]:
	"""A user for each role, with that role alone; and a Sync Manager who may read and write customers."""
	frappe.db.rollback()
	found = {"Guest": "Guest"}
	for role in (*ROLES[:-1], AND_SALES):
		user = frappe.new_doc("User", email=f"{frappe.scrub(role)}@erpsync.example.com", first_name=role)
		user.send_welcome_email = 0
		user.extend("roles", [{"role": each} for each in role.split(" and ")])
		user.insert()
		found[role] = user.name
	yield found
	frappe.set_user("Administrator")
	frappe.db.rollback()


@pytest.fixture
def become(users: dict[str, str]) -> Iterator:
	yield lambda role: frappe.set_user(users[role])
	frappe.set_user("Administrator")


@pytest.mark.parametrize("right", RIGHTS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("doctype", MAY)
def test_rights_of_each_role(users: dict[str, str], doctype: str, role: str, right: str) -> None:
	expected = right in MAY[doctype].get(role, NONE)
	assert bool(frappe.has_permission(doctype, right, user=users[role])) is expected


@pytest.mark.parametrize("role", ["Sales Manager", "Guest"])
@pytest.mark.parametrize("doctype", [doctype for doctype in MAY if doctype != "Sync Settings"])
def test_others_cannot_list(become, doctype: str, role: str) -> None:
	become(role)
	with pytest.raises(frappe.PermissionError):
		frappe.get_list(doctype)


def test_only_a_system_manager_sees_the_keys(become) -> None:
	levels = {name: 1 for name in ("api_key", "api_secret", "webhook_secret")}
	meta = frappe.get_meta("Sync Settings")
	assert {field.fieldname: field.permlevel for field in meta.fields if field.permlevel} == levels

	for role, sees in (("System Manager", True), ("Sync Manager", False)):
		become(role)
		doc = frappe.get_doc("Sync Settings")
		doc.api_key = "the key"
		doc.apply_fieldlevel_read_permissions()
		assert (doc.get("api_key") == "the key") is sees


def test_a_sync_manager_makes_no_rule_for_code_or_rights(become) -> None:
	become("Sync Manager")
	for doctype in ("User", "Server Script", "Print Format", "Custom Field"):
		with pytest.raises(frappe.PermissionError, match="Only a System Manager"):
			frappe.new_doc("Sync Rule", ref_doctype=doctype).insert()


def test_a_sync_manager_makes_no_rule_for_what_others_alone_may_read(become) -> None:
	become("Sync Manager")
	with pytest.raises(frappe.PermissionError, match="no right to read"):
		frappe.new_doc("Sync Rule", ref_doctype="Sales Invoice", enabled=0).run_method("validate")
	become(AND_SALES)
	frappe.new_doc("Sync Rule", ref_doctype="Customer", enabled=0).run_method("validate")


def test_a_sync_manager_sees_and_settles_no_more_than_the_documents_let(become) -> None:
	customer = frappe.get_doc("Customer", frappe.get_all("Customer", limit=1, pluck="name")[0])
	about = {"ref_doctype": "Customer", "local_name": customer.name, "cloud_name": frappe.generate_hash()}
	frappe.db.delete("Sync Record", {"ref_doctype": "Customer", "local_name": customer.name})
	record = frappe.get_doc({"doctype": "Sync Record", **about, "status": "Conflict"}).insert(
		ignore_permissions=True
	)
	conflict = frappe.get_doc({"doctype": "Sync Conflict", **about, "record": record.name, "status": "Open"})
	conflict.insert(ignore_permissions=True)
	kept = [(doc.doctype, doc.name) for doc in (record, conflict)]

	become("Sync Manager")
	for doctype, name in kept:
		assert not frappe.get_doc(doctype, name).has_permission("read")
		assert not frappe.get_list(doctype, {"name": name})
	for method in (lambda: desk.settle(conflict.name, "keep_local"), lambda: desk.sync_now(record.name)):
		with pytest.raises(frappe.PermissionError, match=f"Customer {customer.name}"):
			method()
	become(AND_SALES)
	for doctype, name in kept:
		assert frappe.get_doc(doctype, name).has_permission("read")
		assert frappe.get_list(doctype, {"name": name})
	check_may("write", "Customer", customer.name)


@pytest.mark.parametrize("role", ["Sales Manager", "Guest"])
@pytest.mark.parametrize("method", METHODS)
def test_methods_of_the_desk_are_closed_to_others(become, method: str, role: str) -> None:
	become(role)
	with pytest.raises(frappe.PermissionError):
		METHODS[method]()


@pytest.mark.parametrize(
	"method", ["test_connections", "set_up_webhooks", "connect", "choices", "start", "progress"]
)
def test_a_sync_manager_may_not_use_the_keys(become, method: str) -> None:
	become("Sync Manager")
	with pytest.raises(frappe.PermissionError):
		METHODS[method]()


def test_methods_of_the_desk_are_open_to_sync_managers(become) -> None:
	become("Sync Manager")
	assert desk.retry_events([]) == 0
	with pytest.raises(frappe.DoesNotExistError):
		desk.settle("none", "keep_local")


@pytest.mark.parametrize(
	("role", "sees"), [(role, "Manager" in role and role != "Sales Manager") for role in ROLES]
)
def test_who_sees_the_app(become, role: str, sees: bool) -> None:
	become(role)
	assert may_see_sync() is sees


@pytest.mark.parametrize("desk_access", [0, 1])
def test_sync_gets_a_new_role_of_the_desk(site: None, prefix: str, desk_access: int) -> None:
	frappe.new_doc("Role", role_name=prefix, desk_access=desk_access).insert()
	try:
		assert (prefix in frappe.get_roles(SYNC_USER)) == bool(desk_access)
	finally:
		frappe.db.rollback()
		frappe.clear_cache(user=SYNC_USER)
