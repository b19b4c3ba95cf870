# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What differs between the DocTypes of two real sites is named, and what a rule cannot mean there is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import frappe
import pytest

from erpsync_app.adapters import settings
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES
from erpsync_app.runs import cloud_site
from erpsync_app.tests.machine import erpsync
from erpsync_app.tests.support import Person, count, set_rules, set_setting, sync, writes
from erpsync_app.tests.test_main_job import insert_here

pytestmark = pytest.mark.usefixtures("ledger")

FIELDS = ("erpsync_here", "erpsync_there", "erpsync_must")


@pytest.fixture(scope="module")
def fields(connected: None, cloud: Person, local: Person) -> Iterator[None]:
	"""Of Brand: a Custom Field on each side alone, and one that the cloud alone insists on."""

	def custom(name: str, **more) -> dict:
		return {"doctype": "Custom Field", "dt": "Brand", "fieldname": name, "label": name, **more}

	_remove(cloud, local)
	local.insert_many([custom("erpsync_here", fieldtype="Data")])
	cloud.insert_many([custom("erpsync_there", fieldtype="Data")])
	frappe.db.rollback()
	frappe.db.sql(
		"update tabBrand set erpsync_here = null"
	)  # a column outlives its field, with what was in it
	frappe.db.commit()
	frappe.clear_cache(doctype="Brand")
	yield
	_remove(cloud, local)


def _remove(*people: Person) -> None:
	for person in people:
		for field in FIELDS:
			name = f"Brand-{field}"
			if person.call("frappe.client.get_list", doctype="Custom Field", filters={"name": name}):
				person.delete("Custom Field", name)
	frappe.db.rollback()
	frappe.clear_cache(doctype="Brand")


def drift_of(doctype: str) -> list[str]:
	frappe.db.rollback()
	return (frappe.db.get_value("Sync Rule", doctype, "drift") or "").splitlines()


def test_a_field_of_one_side_is_named_and_the_rest_crosses(
	fields: None, cloud: Person, local: Person, prefix: str
):
	set_rules({"ref_doctype": "Brand", "filters": json.dumps([["name", "like", f"{prefix}%"]])})
	local.insert_many([{"doctype": "Brand", "brand": f"{prefix} here", "erpsync_here": prefix}])
	cloud.insert_many([{"doctype": "Brand", "brand": f"{prefix} there", "erpsync_there": prefix}])
	run = sync()
	assert writes(run) == {"create_cloud": 1, "create_local": 1}
	told = {line.split()[0]: line for line in drift_of("Brand")}
	assert told["erpsync_here"].startswith("erpsync_here is not on the cloud site")
	assert told["erpsync_there"].startswith("erpsync_there is not on the local site")
	said = erpsync("test-connections", "--json").json
	assert set(told.values()) <= set(said["drift"]["Brand"])

	# What one side lacks is not cleared by it.
	cloud.edit("Brand", f"{prefix} here", description="edited there")
	assert writes(sync()) == {"update_local": 1}
	assert frappe.db.get_value("Brand", f"{prefix} here", "erpsync_here") == prefix
	assert cloud.get("Brand", f"{prefix} there")["erpsync_there"] == prefix
	assert writes(sync()) == {}

	cloud.delete("Custom Field", "Brand-erpsync_there")
	sync()
	assert not any("erpsync_there" in line for line in drift_of("Brand"))


def test_a_field_that_one_side_insists_on_quarantines_what_lacks_it(fields: None, cloud: Person, prefix: str):
	set_rules({"ref_doctype": "Brand", "filters": json.dumps([["name", "like", f"{prefix}%"]])})
	must = {"fieldname": "erpsync_must", "label": "erpsync_must", "fieldtype": "Data", "reqd": 1}
	cloud.insert_many([{"doctype": "Custom Field", "dt": "Brand", **must}])
	try:
		insert_here({"doctype": "Brand", "brand": prefix})
		sync()
		record = frappe.get_last_doc("Sync Record", {"local_name": prefix})
		assert record.status == "Failed" and "erpsync_must" in record.error
		assert any(
			line.startswith(
				"erpsync_must is mandatory on the cloud site, and the local site does not have it"
			)
			for line in drift_of("Brand")
		)
	finally:
		cloud.delete("Custom Field", "Brand-erpsync_must")
	frappe.get_doc("Brand", prefix).update({"description": "again"}).save()
	frappe.db.commit()
	frappe.db.set_value("Sync Event", {"docname": prefix}, {"state": "Pending", "next_try": None})
	frappe.db.commit()
	sync()
	assert cloud.get("Brand", prefix)["description"] == "again"
	assert count("Sync Record", status=("!=", "Synced")) == 0


@pytest.mark.parametrize(
	("values", "complaint"),
	[
		(
			{"field_map": [("description", "no_such_thing")]},
			"has no field <strong>no_such_thing</strong> on the cloud",
		),
		({"match_fields": "erpsync_here"}, "has no field <strong>erpsync_here</strong> on the cloud"),
		(
			{"filters": '[["erpsync_here", "is", "set"]]'},
			"has no field <strong>erpsync_here</strong> on the cloud",
		),
	],
)
def test_what_the_cloud_lacks_is_refused_when_the_rule_is_saved(fields: None, values: dict, complaint: str):
	rows = [{"local_field": ours, "cloud_field": theirs} for ours, theirs in values.pop("field_map", [])]
	set_rules()
	with pytest.raises(frappe.ValidationError, match=complaint):
		frappe.new_doc("Sync Rule", ref_doctype="Brand", field_map=rows, **values).insert()


@pytest.mark.parametrize("side", SIDES)
def test_match_fields_that_do_not_tell_documents_apart_are_refused(cloud: Person, prefix: str, side: str):
	brands = [
		{"doctype": "Brand", "brand": f"{prefix} {n}", "description": f"{prefix} one"} for n in range(2)
	]
	set_rules()
	insert_here(*brands) if side == LOCAL else cloud.insert_many(brands)
	filters = json.dumps([["name", "like", f"{prefix}%"]])
	rule = {"ref_doctype": "Brand", "filters": filters}
	where = {LOCAL: "this site", CLOUD: "the cloud site"}[side]
	with pytest.raises(frappe.ValidationError, match=f"on {where} several have <strong>{prefix} one"):
		frappe.new_doc("Sync Rule", **rule, match_fields="description").insert()
	frappe.new_doc("Sync Rule", **rule, match_fields="description\nbrand").insert()
	frappe.db.rollback()


def test_a_cloud_that_cannot_be_asked_does_not_keep_a_rule_from_being_saved(connected: None):
	set_rules()
	before = frappe.db.get_single_value("Sync Settings", "cloud_url")
	set_setting(cloud_url="http://127.0.0.1:9")
	try:
		frappe.clear_messages()
		frappe.new_doc("Sync Rule", ref_doctype="Brand", match_fields="brand").insert()
		assert "Not checked with the cloud" in str(frappe.get_message_log())
	finally:
		frappe.db.rollback()
		set_setting(cloud_url=before)


def test_a_circle_of_mandatory_links_is_refused(connected: None):
	"""Each of two DocTypes must link to the other, so neither can have a first document."""
	names = ("Erpsync Egg", "Erpsync Hen")
	try:
		for name in names:
			doc = {"doctype": "DocType", "name": name, "module": "Custom", "custom": 1, "autoname": "hash"}
			frappe.get_doc(
				{**doc, "fields": [{"fieldname": "a", "fieldtype": "Data", "label": "A"}]}
			).insert()
		for name, target in (names, names[::-1]):
			doc = frappe.get_doc("DocType", name)
			link = {"fieldname": "b", "fieldtype": "Link", "options": target, "label": "B", "reqd": 1}
			doc.append("fields", link)
			doc.save()
		set_rules({"ref_doctype": names[0]})
		with pytest.raises(frappe.ValidationError, match="Egg → Erpsync Hen → Erpsync Egg"):
			frappe.new_doc("Sync Rule", ref_doctype=names[1]).insert()
	finally:
		frappe.db.rollback()
		set_rules()
		for name in names:
			frappe.delete_doc("DocType", name, force=True, ignore_missing=True)
		frappe.db.commit()


def test_a_field_beyond_the_users_permission_level_is_named_and_left_alone(
	cloud: Person, local: Person, prefix: str
):
	"""On the cloud the sync user may neither read nor write a field: it is no empty field, and is not written."""
	level = {"fieldname": "erpsync_there", "label": "x", "fieldtype": "Data", "permlevel": 7}
	for person in (cloud, local):
		_remove(person)
		person.insert_many([{"doctype": "Custom Field", "dt": "Brand", **level}])
	frappe.clear_cache(doctype="Brand")
	user = f"{prefix.lower()}@example.com"
	roles = [{"role": "System Manager"}, {"role": "Item Manager"}]
	cloud.insert_many(
		[{"doctype": "User", "email": user, "first_name": prefix, "roles": roles, "send_welcome_email": 0}]
	)
	secret = cloud.call("frappe.core.doctype.user.user.generate_keys", user=user)["api_secret"]
	key = cloud.get("User", user)["api_key"]
	before = {name: getattr(settings.load(fresh=True), name) for name in ("api_key", "api_secret")}
	set_setting(api_key=key, api_secret=secret)
	try:
		(field,) = (
			f
			for f in cloud_site(settings.load(fresh=True)).meta("Brand").fields.values()
			if f.name == "erpsync_there"
		)
		assert field.out_of_reach
		set_rules({"ref_doctype": "Brand", "filters": json.dumps([["name", "like", f"{prefix}%"]])})
		insert_here({"doctype": "Brand", "brand": prefix, "erpsync_there": "kept here"})
		assert writes(sync()) == {"create_cloud": 1}
		cloud.edit("Brand", prefix, erpsync_there="kept there", description="crosses")
		assert writes(sync()) == {"update_local": 1}
		assert frappe.db.get_value("Brand", prefix, ["erpsync_there", "description"]) == (
			"kept here",
			"crosses",
		)
		assert any("out of the sync user's reach on the cloud site" in line for line in drift_of("Brand"))
	finally:
		frappe.db.rollback()
		set_setting(**before)
		_remove(cloud, local)
