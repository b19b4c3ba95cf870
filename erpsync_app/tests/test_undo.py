# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a sync overwrote or deleted is put back by the one who asks for it, and crosses."""

from __future__ import annotations

import frappe
import pytest
from frappe.utils import add_to_date

from erpsync_app import undo
from erpsync_app.api import desk
from erpsync_app.engine.errors import NeedsPerson
from erpsync_app.tests.support import Person, a_user_with, differences, only, set_rules, set_setting, sync
from erpsync_app.tests.test_main_job import customer, insert_here, item

pytestmark = pytest.mark.usefixtures("at_rest_in_the_end")


@pytest.fixture
def crossed(cloud: Person, prefix: str) -> str:
	"""A customer that is in step on both sides."""
	set_rules(only("Customer", prefix))
	insert_here(customer(f"{prefix} Ada", website="old.example.com"))
	sync()
	return f"{prefix} Ada"


def line(doctype: str, name: str, operation: str = "update") -> str:
	"""The newest line of the trail about a document."""
	frappe.db.rollback()
	found = frappe.get_all(
		"Sync Log",
		{"ref_doctype": doctype, "local_name": name, "operation": operation},
		pluck="name",
		order_by="creation desc",
	)
	return found[0]


def carry_out(log: str, *only, **options) -> str:
	"""Sync is on while a person undoes something, so that the change is noted as any other is."""
	set_setting(enabled=1, paused=1)
	frappe.db.commit()
	try:
		name = undo.carry_out(log, *only, **options)
		frappe.db.commit()
	finally:
		frappe.db.rollback()
		set_setting(enabled=0, paused=0)
		frappe.db.commit()
	return name


def here(doctype: str, name: str, field: str) -> object:
	frappe.db.rollback()
	return frappe.db.get_value(doctype, name, field)


def test_what_the_cloud_overwrote_here_is_put_back_on_both_sides(cloud: Person, crossed: str) -> None:
	cloud.edit("Customer", crossed, website="new.example.com", customer_details="stays")
	sync()
	log = line("Customer", crossed)
	told = undo.look(log)
	assert [(f["field"], f["before"], f["now"]) for f in told["fields"]] == [
		("customer_details", None, "stays"),
		("website", "old.example.com", "new.example.com"),
	]
	assert told["edited"] == []
	assert carry_out(log) == crossed
	sync()
	assert here("Customer", crossed, "website") == "old.example.com"
	assert differences("Customer", [crossed]) == {}
	with pytest.raises(NeedsPerson, match="as it was before"):
		undo.look(log)


def test_what_was_overwritten_on_the_cloud_is_put_back_on_both_sides(cloud: Person, crossed: str) -> None:
	insert_edit(crossed, website="new.example.com")
	sync()
	carry_out(line("Customer", crossed))
	sync()
	assert cloud.get("Customer", crossed)["website"] == "old.example.com"
	assert differences("Customer", [crossed]) == {}


def insert_edit(name: str, **values) -> None:
	doc = frappe.get_doc("Customer", name)
	doc.update(values)
	doc.save()
	frappe.db.commit()


def test_the_version_that_lost_a_conflict_is_put_back(cloud: Person, crossed: str) -> None:
	insert_edit(crossed, website="here.example.com")
	cloud.edit("Customer", crossed, website="there.example.com", customer_details="stays")
	sync()
	assert here("Customer", crossed, "website") == "there.example.com"
	carry_out(line("Customer", crossed), ["website"])
	sync()
	there = cloud.get("Customer", crossed)
	assert (there["website"], there["customer_details"]) == ("here.example.com", "stays")


def test_rows_are_put_back_under_their_names(cloud: Person, prefix: str) -> None:
	set_rules(only("Item", prefix))
	name = f"{prefix} item"
	kept, gone = ({"barcode": f"{prefix}-{n}"} for n in (1, 2))
	insert_here({**item(name, "All Item Groups"), "barcodes": [kept, gone]})
	sync()
	rows = cloud.get("Item", name)["barcodes"]
	cloud.edit("Item", name, barcodes=[{**rows[0], "barcode": f"{prefix}-changed"}])
	sync()
	first = frappe.get_doc("Item", name).barcodes[0].name
	carry_out(line("Item", name))
	sync()
	barcodes = frappe.get_doc("Item", name).barcodes
	assert [row.barcode for row in barcodes] == [kept["barcode"], gone["barcode"]]
	assert first in [row.name for row in barcodes]
	assert differences("Item", [name]) == {}


def test_what_was_deleted_is_restored_and_crosses(cloud: Person, crossed: str) -> None:
	cloud.delete("Customer", crossed)
	sync()
	assert not frappe.db.exists("Customer", crossed)
	log = line("Customer", crossed, "delete")
	assert ("website", "old.example.com") in [(f["field"], f["before"]) for f in undo.look(log)["fields"]]
	assert carry_out(log) == crossed
	sync()
	assert cloud.get("Customer", crossed)["website"] == "old.example.com"
	assert differences("Customer", [crossed]) == {}
	with pytest.raises(NeedsPerson, match="again"):
		undo.look(log)


def test_a_later_document_of_the_name_is_not_restored_for_an_earlier_one(cloud: Person, crossed: str) -> None:
	cloud.delete("Customer", crossed)
	sync()
	log = line("Customer", crossed, "delete")
	cloud.insert(**customer(crossed, website="later.example.com"))
	sync()
	frappe.db.set_value("Sync Log", log, "creation", add_to_date(None, minutes=-5), update_modified=False)
	trail = {"deleted_doctype": "Customer", "deleted_name": crossed}
	earlier = frappe.get_all("Deleted Document", trail, pluck="name")[0]
	frappe.db.set_value(
		"Deleted Document", earlier, "creation", add_to_date(None, minutes=-5), update_modified=False
	)
	frappe.db.commit()
	cloud.delete("Customer", crossed)
	sync()
	carry_out(log)
	sync()
	assert cloud.get("Customer", crossed)["website"] == "old.example.com"


def test_a_file_is_not_put_back_and_that_is_said(cloud: Person, crossed: str) -> None:
	insert_edit(crossed, image="https://example.com/old.png")
	sync()
	cloud.edit("Customer", crossed, image="https://example.com/new.png")
	sync()
	with pytest.raises(NeedsPerson, match="cannot be put back here"):
		undo.look(line("Customer", crossed))


def test_a_rename_is_taken_back(cloud: Person, crossed: str) -> None:
	cloud.call("frappe.client.rename_doc", doctype="Customer", old_name=crossed, new_name=f"{crossed} B")
	sync()
	assert frappe.db.exists("Customer", f"{crossed} B")
	assert carry_out(line("Customer", f"{crossed} B", "rename")) == crossed
	sync()
	assert cloud.get("Customer", crossed) and not cloud.get("Customer", f"{crossed} B")


@pytest.mark.parametrize("where", ["here, and has yet to cross", "on the cloud, and has crossed"])
def test_what_was_edited_since_is_not_overwritten_unasked(cloud: Person, crossed: str, where: str) -> None:
	cloud.edit("Customer", crossed, website="new.example.com")
	sync()
	log = line("Customer", crossed)
	if where.startswith("here"):
		insert_edit(crossed, website="newest.example.com")
	else:
		cloud.edit("Customer", crossed, website="newest.example.com")
		sync()
	assert undo.look(log)["edited"] == ["Website"]
	with pytest.raises(NeedsPerson, match="Someone has changed Website"):
		carry_out(log)
	assert here("Customer", crossed, "website") == "newest.example.com"
	carry_out(log, over_edits=True)
	sync()
	assert cloud.get("Customer", crossed)["website"] == "old.example.com"


def test_what_cannot_be_undone_says_why(cloud: Person, crossed: str, prefix: str) -> None:
	with pytest.raises(NeedsPerson, match="There is no Sync Log nothing"):
		undo.look("nothing")
	with pytest.raises(NeedsPerson, match="overwrote nothing"):
		undo.look(line("Customer", crossed, "create"))
	cloud.edit("Customer", crossed, website="new.example.com")
	sync()
	log = line("Customer", crossed)
	set_rules(only("Customer", prefix, direction="cloud_to_local"))
	with pytest.raises(NeedsPerson, match="put it back on the cloud"):
		undo.look(log)


def test_only_who_may_write_the_document_undoes_it(cloud: Person, crossed: str) -> None:
	cloud.edit("Customer", crossed, website="new.example.com")
	sync()
	log = line("Customer", crossed)
	with a_user_with("Sync Manager"):
		for call in (desk.look_at_undo, desk.undo):
			with pytest.raises(frappe.PermissionError):
				call(log)
	assert desk.look_at_undo(log)["name"] == crossed
