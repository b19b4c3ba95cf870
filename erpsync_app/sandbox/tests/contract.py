# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What CloudSite may rely on at a site, and that it does what its port says there.

One suite, run against the sandbox and against a real ERPNext site, so that the one stands for the other. Whoever runs
it gives the fixtures `site` (a CloudSite that reads in small chunks), `person` (another user of the same site),
`limited` (a CloudSite of a user who may only read Customers, and no trail of deletions), `impostor` (one whose secret
is wrong), `tag` (a word that is in no name of the site yet) and `now` (a callable for the present).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import Blocked, Duplicate, Missing, NeedsPerson, Refused, Stale
from erpsync_app.engine.merged import named
from erpsync_app.engine.model import Cursor, Document, File
from erpsync_app.engine.tags import TAG_LINK, tags_in

TREES = (
	("Customer Group", "parent_customer_group", "All Customer Groups"),
	("Item Group", "parent_item_group", "All Item Groups"),
	("Territory", "parent_territory", "All Territories"),
)


class Person(Protocol):
	"""Somebody at the Desk of the site. Each answers the document as it is then."""

	def insert(self, doctype: str, **values: Any) -> Document: ...

	def save(self, doctype: str, name: str, **changes: Any) -> Document: ...

	def delete(self, doctype: str, name: str) -> None: ...

	def rename(self, doctype: str, old: str, new: str, *, merge: bool = False) -> None: ...


def item(tag: str, code: str = "", **values: Any) -> dict[str, Any]:
	return {
		"item_code": f"{tag} item {code}".strip(),
		"item_group": "All Item Groups",
		"stock_uom": "Nos",
		"is_stock_item": 0,
		**values,
	}


def customer(tag: str, code: str = "", **values: Any) -> dict[str, Any]:
	return {"customer_name": f"{tag} customer {code}".strip(), "customer_type": "Company", **values}


def version(site: CloudSite) -> int:
	"""Of Frappe, since a few things differ."""
	return int(site.about().versions["frappe"].split(".")[0])


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
	"""Alike but for the spelling of empty values, which the answer to a write may have its own way."""
	return {k: v for k, v in one.items() if v not in (None, "", 0)} == {
		k: v for k, v in other.items() if v not in (None, "", 0)
	}


def rows(doc: Mapping[str, Any], table: str, field: str) -> list[Any]:
	return [row[field] for row in doc[table]]


# -- the site itself


def test_the_user_owns_what_it_creates(site, tag):
	made = site.create("ToDo", {"description": tag}, None)
	assert site.user != "Guest"
	assert made["owner"] == made["modified_by"] == site.user


def test_modified_is_the_time_in_the_zone_of_the_site(site, tag, now):
	made = site.create("ToDo", {"description": tag}, None)
	told = datetime.fromisoformat(made["modified"]).replace(tzinfo=site.time_zone)
	assert abs(told - now()) < timedelta(minutes=5)


def test_about_tells_a_person_what_is_there(site):
	about = site.about()
	assert about.user == site.user
	assert about.time_zone == site.time_zone.key
	assert about.versions["frappe"] and about.versions["erpnext"]


# -- meta data


def test_meta_of_a_tree(site):
	meta = site.meta("Customer Group")
	assert meta.parent_field == "parent_customer_group"
	assert meta.autoname == "field:customer_group_name"
	assert meta.fields["customer_group_name"].required and meta.fields["customer_group_name"].unique
	assert meta.fields["parent_customer_group"].type == "Link"
	assert meta.fields["parent_customer_group"].options == "Customer Group"
	assert not meta.submittable


def test_meta_of_child_tables(site):
	meta = site.meta("Item")
	assert meta.fields["barcodes"].type == "Table"
	assert meta.children["barcodes"].doctype == "Item Barcode"
	assert meta.children["barcodes"].fields["barcode"].unique
	assert meta.children["uoms"].fields["uom"].options == "UOM"
	assert meta.parent_field is None


def test_meta_of_a_submittable_doctype(site):
	meta = site.meta("Sales Order")
	assert meta.submittable
	assert meta.autoname == "naming_series:"
	assert meta.fields["customer"].required
	assert meta.fields["grand_total"].read_only
	assert meta.fields["po_no"].allow_on_submit and not meta.fields["customer"].allow_on_submit


def test_meta_of_an_unknown_doctype(site):
	with pytest.raises(Missing):
		site.meta("No Such DocType")


# -- create


@pytest.mark.parametrize("doctype", ["ToDo", "Note"])
def test_create_names_at_random_without_a_name(site, tag, doctype):
	made = site.create(doctype, {"description": tag, "title": tag}, None)
	assert len(made["name"]) == 10


def test_create_keeps_a_name(site, tag):
	assert site.create("ToDo", {"description": tag}, f"{tag} todo")["name"] == f"{tag} todo"
	assert site.create("Customer", customer(tag, "a"), f"{tag} other")["name"] == f"{tag} other"
	assert set(site.read("Customer", [f"{tag} other", f"{tag} customer a"])) == {f"{tag} other"}


def test_a_customer_is_called_by_its_name_and_a_number(site, tag):
	names = [site.create("Customer", customer(tag), None)["name"] for _ in range(3)]
	assert names == [f"{tag} customer", f"{tag} customer - 1", f"{tag} customer - 2"]


def test_the_field_that_names_a_document_follows_its_name(site, tag):
	made = site.create("Territory", {"territory_name": f"{tag} said"}, f"{tag} named")
	assert made["name"] == made["territory_name"] == f"{tag} named"


def test_the_answer_to_a_create_is_what_is_there(site, tag):
	for doctype, values in (
		("ToDo", {"description": tag}),
		("Territory", {"territory_name": f"{tag} territory"}),
		("Item", item(tag, barcodes=[{"barcode": f"{tag}-1"}])),
	):
		made = site.create(doctype, values, None)
		found = site.read(doctype, [made["name"]])[made["name"]]
		assert same(
			made, {**found, "lft": made.get("lft"), "rgt": made.get("rgt")} if "lft" in found else found
		)
		assert set(made) == set(found)


def test_a_site_fills_in_what_was_not_sent(site, tag):
	made = site.create("Item", item(tag), None)
	assert made["item_name"] == f"{tag} item"
	assert made["description"] == (f"{tag} item" if version(site) < 16 else None)
	assert rows(made, "uoms", "uom") == ["Nos"]
	assert site.create("ToDo", {"description": tag}, None)["status"] == "Open"


def test_create_under_a_name_that_is_taken(site, tag):
	site.create("Customer", customer(tag), f"{tag} one")
	with pytest.raises(Duplicate):
		site.create("Customer", customer(tag), f"{tag} one")
	with pytest.raises(Duplicate):
		site.create("Customer", customer(tag), f"{tag} ONE")


@pytest.mark.parametrize("doctype", ["ToDo", "Note"])
def test_a_taken_name_is_made_up_anew_where_names_are_random(site, tag, doctype):
	"""So a create that is repeated makes a second document there, under a name that nobody asked for."""
	values = {"description": tag, "title": tag}
	assert site.create(doctype, values, f"{tag} one")["name"] == f"{tag} one"
	assert len(site.create(doctype, values, f"{tag} one")["name"]) == 10


def test_create_with_a_unique_value_that_is_taken(site, tag):
	site.create("Item", item(tag, "a", barcodes=[{"barcode": f"{tag}-1"}]), None)
	with pytest.raises(Refused):
		site.create("Item", item(tag, "b", barcodes=[{"barcode": f"{tag}-1"}]), None)
	assert not site.read("Item", [f"{tag} item b"])


def test_create_before_the_target_of_a_link_is_there(site, tag):
	with pytest.raises(Blocked, match=f"{tag} nowhere"):
		site.create("Customer", customer(tag, territory=f"{tag} nowhere"), None)
	assert not site.read("Customer", [f"{tag} customer"])


def test_a_link_takes_on_the_spelling_of_its_target(site, tag):
	site.create("Territory", {"territory_name": f"{tag} Land"}, None)
	made = site.create("Customer", customer(tag, territory=f"{tag} LAND"), None)
	assert made["territory"] == f"{tag} Land"


@pytest.mark.parametrize(
	("values", "words"),
	[
		({"description": ""}, "description"),
		({"description": "x", "status": "Nonsense"}, "nonsense"),
	],
)
def test_create_that_is_not_valid(site, values, words):
	with pytest.raises(Refused) as caught:
		site.create("ToDo", values, None)
	assert type(caught.value) is Refused
	assert words in str(caught.value).lower()
	assert "<" not in str(caught.value)


def test_create_with_too_long_a_value(site, tag):
	with pytest.raises(Refused):
		site.create("Customer", customer(tag, "x" * 140), None)


# -- read


def test_one_is_read_as_many_are(site, tag):
	made = [
		site.create("Item", item(tag, str(n), barcodes=[{"barcode": f"{tag}-{n}"}]), None) for n in range(3)
	]
	names = [doc["name"] for doc in made]
	many = site.read("Item", names)
	assert many == {name: site.read("Item", [name])[name] for name in names}
	assert [many[name]["barcodes"][0]["barcode"] for name in names] == [f"{tag}-{n}" for n in range(3)]


def test_reading_in_chunks(site, tag):
	names = [site.create("ToDo", {"description": f"{tag} {n}"}, f"{tag} {n:02d}")["name"] for n in range(13)]
	assert list(site.read("ToDo", names)) == names
	assert list(site.stamps("ToDo", names)) == names


def test_what_is_not_there_is_left_out(site, tag):
	site.create("Note", {"title": tag}, f"{tag} note")
	names = [f"{tag} note", f"{tag} NOTE", f"{tag} none"]
	assert set(site.read("Note", names)) == set(site.stamps("Note", names)) == {f"{tag} note"}
	assert site.read("Note", [f"{tag} none"]) == site.read("Note", [f"{tag} NOTE"]) == {}
	assert site.read("Note", []) == site.stamps("Note", []) == {}


def test_stamps_are_the_modified_of_the_documents(site, tag):
	made = site.create("Note", {"title": tag}, None)
	assert site.stamps("Note", [made["name"]]) == {made["name"]: made["modified"]}


# -- update


def test_update_writes_what_it_is_given_and_no_more(site, tag):
	made = site.create("Customer", customer(tag, website="w", tax_id="t"), None)
	changed = site.update("Customer", made["name"], {"website": "v"}, made["modified"])
	found = site.read("Customer", [made["name"]])[made["name"]]
	assert (changed["website"], changed["tax_id"]) == ("v", "t")
	assert same(changed, found)
	assert changed["modified"] > made["modified"]
	assert changed["creation"] == made["creation"]


def test_update_empties_a_field(site, tag):
	made = site.create("Customer", customer(tag, website="w"), None)
	changed = site.update("Customer", made["name"], {"website": None}, made["modified"])
	assert not changed["website"]


def test_update_of_what_was_changed_meanwhile(site, person, tag):
	made = site.create("Customer", customer(tag), None)
	person.save("Customer", made["name"], website="theirs")
	with pytest.raises(Stale):
		site.update("Customer", made["name"], {"website": "ours"}, made["modified"])
	assert site.read("Customer", [made["name"]])[made["name"]]["website"] == "theirs"


def test_update_of_what_is_not_there(site, tag):
	with pytest.raises(Missing):
		site.update("Customer", f"{tag} none", {"website": "v"}, "2026-01-01 00:00:00.000001")


def test_update_to_a_link_that_is_not_there(site, tag):
	made = site.create("Customer", customer(tag), None)
	with pytest.raises(Blocked):
		site.update("Customer", made["name"], {"territory": f"{tag} nowhere"}, made["modified"])


def test_a_save_without_a_change_moves_modified(site, tag):
	made = site.create("Note", {"title": tag, "content": "x"}, None)
	assert site.update("Note", made["name"], {"title": tag}, made["modified"])["modified"] > made["modified"]


# -- child tables


def test_rows_are_kept_in_order_and_named(site, tag):
	codes = [f"{tag}-{n}" for n in (3, 1, 2)]
	made = site.create("Item", item(tag, barcodes=[{"barcode": c} for c in codes]), None)
	assert rows(made, "barcodes", "barcode") == codes
	assert rows(made, "barcodes", "idx") == [1, 2, 3]
	assert len(set(rows(made, "barcodes", "name"))) == 3


def test_a_table_is_replaced_whole(site, tag):
	made = site.create("Item", item(tag, barcodes=[{"barcode": f"{tag}-{n}"} for n in range(3)]), None)
	kept = made["barcodes"][1]
	changed = site.update(
		"Item",
		made["name"],
		{"barcodes": [{**kept, "idx": 1}, {"barcode": f"{tag}-9", "idx": 2}]},
		made["modified"],
	)
	found = site.read("Item", [made["name"]])[made["name"]]
	for doc in (changed, found):
		assert rows(doc, "barcodes", "barcode") == [f"{tag}-1", f"{tag}-9"]
		assert doc["barcodes"][0]["name"] == kept["name"]
	assert rows(found, "uoms", "uom") == ["Nos"]


def test_a_row_under_an_unknown_name_vanishes_without_a_word(site, tag):
	made = site.create("Item", item(tag), None)
	site.update(
		"Item", made["name"], {"barcodes": [{"name": f"{tag}row", "barcode": f"{tag}-1"}]}, made["modified"]
	)
	assert site.read("Item", [made["name"]])[made["name"]]["barcodes"] == []


def test_a_new_row_gets_the_name_that_it_brings(site, tag):
	made = site.create("Item", item(tag, barcodes=[{"barcode": f"{tag}-1"}]), None)
	new = {"name": f"{tag}row", "__islocal": 1, "barcode": f"{tag}-2"}
	changes = {"barcodes": [{**new, "idx": 1}, {**made["barcodes"][0], "idx": 2}]}
	changed = site.update("Item", made["name"], changes, made["modified"])
	found = site.read("Item", [made["name"]])[made["name"]]
	for doc in (changed, found):
		assert rows(doc, "barcodes", "name") == [f"{tag}row", made["barcodes"][0]["name"]]
		assert rows(doc, "barcodes", "barcode") == [f"{tag}-2", f"{tag}-1"]
	assert "__islocal" not in found["barcodes"][0]


def test_a_new_row_whose_name_is_there_already_takes_its_place(site, tag):
	made = site.create("Item", item(tag, barcodes=[{"barcode": f"{tag}-1"}]), None)
	name = made["barcodes"][0]["name"]
	changes = {"barcodes": [{"name": name, "__islocal": 1, "barcode": f"{tag}-2"}]}
	site.update("Item", made["name"], changes, made["modified"])
	found = site.read("Item", [made["name"]])[made["name"]]
	assert [(row["name"], row["barcode"]) for row in found["barcodes"]] == [(name, f"{tag}-2")]


def test_a_new_row_whose_name_is_taken_elsewhere_gets_another(site, tag):
	there = site.create("Item", item(tag, "a", barcodes=[{"barcode": f"{tag}-1"}]), None)
	made = site.create("Item", item(tag, "b"), None)
	name = there["barcodes"][0]["name"]
	changes = {"barcodes": [{"name": name, "__islocal": 1, "barcode": f"{tag}-2"}]}
	changed = site.update("Item", made["name"], changes, made["modified"])
	assert rows(changed, "barcodes", "barcode") == [f"{tag}-2"] and rows(changed, "barcodes", "name") != [
		name
	]
	assert rows(site.read("Item", [there["name"]])[there["name"]], "barcodes", "barcode") == [f"{tag}-1"]


def test_a_created_document_names_its_rows_itself(site, tag):
	new = {"name": f"{tag}row", "__islocal": 1, "barcode": f"{tag}-1"}
	made = site.create("Item", item(tag, barcodes=[new]), None)
	assert rows(made, "barcodes", "name") != [f"{tag}row"]


def test_a_row_keeps_the_moment_that_it_brings_as_its_creation(site, tag):
	"""Of a document that is created, and whatever is edited afterwards."""
	moment = "2026-01-05 09:00:00.123456"
	new = {"barcode": f"{tag}-1", "creation": moment}
	made = site.create("Item", item(tag, barcodes=[new], creation=moment), None)
	assert rows(made, "barcodes", "creation") == [moment] and made["creation"] != moment
	changes = {"barcodes": [{**made["barcodes"][0], "barcode": f"{tag}-2"}]}
	site.update("Item", made["name"], changes, made["modified"])
	(left,) = site.read("Item", [made["name"]])[made["name"]]["barcodes"]
	assert (left["barcode"], left["creation"]) == (f"{tag}-2", moment)


def test_a_row_that_is_added_later_is_as_old_as_its_document(site, person, tag):
	made = site.create("Item", item(tag), None)
	changed = site.update("Item", made["name"], {"barcodes": [{"barcode": f"{tag}-1"}]}, made["modified"])
	assert rows(changed, "barcodes", "creation") == [made["creation"]] != [changed["modified"]]
	person.save("Item", made["name"], barcodes=[*changed["barcodes"], {"barcode": f"{tag}-2"}])
	found = site.read("Item", [made["name"]])[made["name"]]
	assert rows(found, "barcodes", "creation") == [made["creation"]] * 2


def test_rows_move_with_their_names(site, tag):
	made = site.create("Item", item(tag, barcodes=[{"barcode": f"{tag}-{n}"} for n in range(3)]), None)
	turned = [{**row, "idx": n} for n, row in enumerate(reversed(made["barcodes"]), start=1)]
	changed = site.update("Item", made["name"], {"barcodes": turned}, made["modified"])
	assert rows(changed, "barcodes", "name") == rows(made, "barcodes", "name")[::-1]
	found = site.read("Item", [made["name"]])[made["name"]]
	assert rows(found, "barcodes", "barcode") == [f"{tag}-2", f"{tag}-1", f"{tag}-0"]


def test_a_row_loses_what_it_does_not_carry(site, tag):
	made = site.create("Item", item(tag, barcodes=[{"barcode": f"{tag}-1", "uom": "Nos"}]), None)
	row = made["barcodes"][0]
	assert row["uom"] == "Nos"
	changes = {"barcodes": [{"name": row["name"], "barcode": f"{tag}-2"}]}
	site.update("Item", made["name"], changes, made["modified"])
	(left,) = site.read("Item", [made["name"]])[made["name"]]["barcodes"]
	assert (left["name"], left["barcode"], left["uom"]) == (row["name"], f"{tag}-2", None)


# -- delete


def test_delete(site, tag):
	made = site.create("Customer", customer(tag), None)
	site.delete("Customer", made["name"], made["modified"])
	assert site.read("Customer", [made["name"]]) == {}
	with pytest.raises(Missing):
		site.delete("Customer", made["name"], made["modified"])


def test_delete_of_what_was_changed_meanwhile(site, person, tag):
	made = site.create("Customer", customer(tag), None)
	person.save("Customer", made["name"], website="theirs")
	with pytest.raises(Stale):
		site.delete("Customer", made["name"], made["modified"])
	assert site.read("Customer", [made["name"]])


def test_delete_of_what_others_link_to(site, tag):
	land = site.create("Territory", {"territory_name": f"{tag} land"}, None)
	site.create("Customer", customer(tag, territory=land["name"]), None)
	with pytest.raises(Blocked):
		site.delete("Territory", land["name"], site.stamps("Territory", [land["name"]])[land["name"]])


def test_rename(site, person, tag):
	made = site.create("Customer", customer(tag), None)
	renamed = site.rename("Customer", made["name"], f"{tag} renamed", made["modified"])
	assert renamed["name"] == f"{tag} renamed"
	person.save("Customer", renamed["name"], website="theirs")
	with pytest.raises(Stale):
		site.rename("Customer", renamed["name"], f"{tag} again", renamed["modified"])
	assert list(site.stamps("Customer", [renamed["name"], f"{tag} again"])) == [renamed["name"]]
	with pytest.raises(Missing):
		site.rename("Customer", made["name"], f"{tag} again", made["modified"])


def test_a_deletion_leaves_a_trail(site, person, tag):
	made = [site.create("Note", {"title": tag, "public": 1}, f"{tag} {n}") for n in range(4)]
	before = Cursor(made[0]["modified"])
	site.delete("Note", made[0]["name"], made[0]["modified"])
	person.delete("Note", made[1]["name"])
	person.delete("Note", made[2]["name"])
	# A site whose clock was ahead once has lines of its own after these.
	trail = site.deletions(["Note", "ToDo"], before, 10_000)
	assert [d.name for d in trail if tag in d.name] == [f"{tag} {n}" for n in range(3)]
	assert [d.doctype for d in trail if tag in d.name] == ["Note"] * 3
	assert site.deletions(["ToDo"], before, 10_000) == [d for d in trail if d.doctype == "ToDo"]
	steps = [d for line in trail[:5] for d in site.deletions(["Note", "ToDo"], line.cursor, 1)]
	assert steps == trail[1:6]
	names = [doc["name"] for doc in made]
	when = site.deleted_at("Note", names)
	assert list(when) == names[:3]
	assert when == {d.name: d.cursor.modified for d in trail if tag in d.name}
	assert site.deleted_at("ToDo", names) == {}


def test_what_is_made_again_after_its_deletion_is_known_by_the_time(site, tag):
	made = site.create("Note", {"title": tag, "public": 1}, f"{tag} again")
	site.delete("Note", made["name"], made["modified"])
	made = site.create("Note", {"title": tag, "public": 1}, f"{tag} again")
	assert site.deleted_at("Note", [made["name"]])[made["name"]] < made["creation"]


# -- pages


def test_pages_by_name(site, person, tag):
	names = [f"{tag} {n}" for n in ("b", "C", "a", "ä1", "10", "9")]
	made = {name: site.create("Note", {"title": tag}, name) for name in names}
	seen, after = [], f"{tag} "
	while page := site.page_by_name("Note", after, 2):
		assert len(page) <= 2
		seen += [stamp for stamp in page if stamp.name.startswith(tag)]
		after = page[-1].name
	assert sorted(stamp.name for stamp in seen) == sorted(names)
	assert all(made[stamp.name]["modified"] == stamp.modified for stamp in seen)
	assert site.page_by_name("Note", None, 1)


def test_pages_by_time(site, person, tag):
	made = [site.create("Note", {"title": tag, "public": 1}, f"{tag} {n}") for n in (3, 1, 2)]
	start = Cursor(made[0]["modified"])
	person.save("Note", f"{tag} 1", title=f"{tag} changed")
	seen, after = [], start
	while page := site.page_by_time("Note", after, 2):
		seen += page
		after = Cursor(page[-1].modified, page[-1].name)
	assert [s.name for s in seen if s.name.startswith(tag)] == [f"{tag} 3", f"{tag} 2", f"{tag} 1"]
	assert [s.modified for s in seen] == sorted(s.modified for s in seen)
	past_the_first = site.page_by_time("Note", Cursor(seen[0].modified, seen[0].name), 100)
	assert past_the_first == seen[1:101]


def test_pages_of_whole_documents(site, tag):
	made = {n: site.create("Item", item(tag, n, barcodes=[{"barcode": f"{tag}-{n}"}]), None) for n in "cab"}
	named = [("item_code", "like", f"{tag}%")]
	pages = list(site.pages("Item", 2, named))
	assert [[doc["name"] for doc in page] for page in pages] == [
		[made[n]["name"] for n in names] for names in ("ab", "c")
	]
	seen = [doc for page in pages for doc in page]
	assert seen == list(site.read("Item", [doc["name"] for doc in seen]).values())
	assert len(next(site.pages("Item", 1))) == 1
	assert list(site.pages("Item", 1, [("item_code", "=", f"{tag} none")])) == []


def test_sums_of_number_fields(site, tag):
	site.create("Item", item(tag, "a", end_of_life="2030-01-01"), None)
	for code, rate, end in (("b", 1.25, "2031-01-01"), ("c", 2, "2031-01-01"), ("d", 4, "2032-01-01")):
		site.create("Item", item(tag, code, standard_rate=rate, end_of_life=end), None)
	named = [("item_code", "like", f"{tag}%")]
	assert site.sums("Item", ["end_of_life", "stock_uom"], ["standard_rate", "is_stock_item"], named) == [
		{"end_of_life": end, "stock_uom": "Nos", "standard_rate": total, "is_stock_item": 0.0}
		for end, total in (("2030-01-01", 0.0), ("2031-01-01", 3.25), ("2032-01-01", 4.0))
	]
	assert site.sums("Item", ["stock_uom"], ["standard_rate"], [("item_code", "=", f"{tag} none")]) == []


def test_sums_of_what_is_not_there(site):
	with pytest.raises(Missing):
		site.sums("No Such DocType", ["owner"], ["docstatus"])
	with pytest.raises(NeedsPerson):
		site.sums("Item", ["owner"], ["no_such_field"])


# -- find


def test_find_whole_documents_oldest_first(site, tag):
	made = [site.create("Item", item(tag, n, barcodes=[{"barcode": f"{tag}-{n}"}]), None) for n in "cab"]
	found = site.find("Item", [("item_code", "like", f"{tag}%")], 10)
	assert [doc["name"] for doc in found] == [doc["name"] for doc in made]
	assert found == list(site.read("Item", [doc["name"] for doc in made]).values())
	assert [doc["name"] for doc in site.find("Item", [("item_code", "like", f"{tag}%")], 2)] == [
		doc["name"] for doc in made[:2]
	]


def test_find_by_owner_and_time(site, person, tag):
	mine = site.create("ToDo", {"description": tag}, None)
	theirs = person.insert("ToDo", description=tag)
	by_me = site.find("ToDo", [("owner", "=", site.user), ("creation", ">=", mine["creation"])], 500)
	assert mine["name"] in [doc["name"] for doc in by_me]
	assert theirs["name"] not in [doc["name"] for doc in by_me]


def test_find_by_several_values(site, tag):
	names = [site.create("Note", {"title": f"{tag} {n}"}, None)["name"] for n in range(3)]
	found = site.find("Note", [("title", "in", [f"{tag} 0", f"{tag} 2", f"{tag} 7"])], 10)
	assert [doc["name"] for doc in found] == [names[0], names[2]]


def test_the_documents_with_a_row_of_a_moment(site, tag):
	moment = "2026-01-05 09:00:00.000001"
	rows_of = {n: [{"barcode": f"{tag}-{n}{m}", "creation": moment} for m in "12"] for n in "ab"}
	made = {site.create("Item", item(tag, n, barcodes=rows_of[n]), None)["name"] for n in "ba"}
	other_one = site.create("Item", item(tag, "c", barcodes=[{"barcode": f"{tag}-c"}]), None)
	found = site.with_row("Item", "Item Barcode", [moment, "2001-01-01 00:00:00.000001"])
	assert found == sorted(set(found)) and made == {name for name in found if name.startswith(tag)}
	assert site.with_row("Item", "Item Barcode", [other_one["creation"]]) == [other_one["name"]]
	assert site.with_row("Item", "Item Barcode", ["2001-01-01 00:00:00.000001"]) == []


def test_what_links_to_documents(site, tag):
	for n in "ab":
		barcodes = [{"barcode": f"{tag}-{n}{m}"} for m in "12"]
		site.create("Item", item(tag, n, barcodes=barcodes), None)
	wanted = [f"{tag}-{each}" for each in ("a1", "b1", "b2", "c1")]
	a, b = (item(tag, n)["item_code"] for n in "ab")
	found = [(a, f"{tag}-a1", 0), (b, f"{tag}-b1", 0), (b, f"{tag}-b2", 0)]
	assert sorted(site.linking("Item", "Item Barcode", "barcode", wanted)) == found
	where = [("barcode", "like", "%2")]
	assert site.linking("Item", "Item Barcode", "barcode", wanted, where) == found[2:]
	assert sorted(site.linking("Item", "Item", "item_code", [a, b])) == [(a, a, 0), (b, b, 0)]


def test_find_by_an_unknown_field_is_a_matter_of_the_settings(site):
	with pytest.raises(NeedsPerson, match="no_such_field"):
		site.find("Note", [("no_such_field", "=", "x")], 1)


def test_find_in_an_unknown_doctype(site):
	with pytest.raises((Missing, NeedsPerson)):
		site.find("No Such DocType", [], 1)


# -- names

STRANGE = [
	"quotes ' \" ` and \\ backslash",
	"angle < brackets > and & ampersand",
	"emoji 🚚 and 👩‍🏭",
	"right to left שלום مرحبا",
	"slash / in // the middle/",
	"percent % %s %20 %2F _",
	"question ? hash # semicolon ; equals = plus + at @ colon :",
	"comma, comma",
	"{{ braces }} {% and %} ${more} {0}",
	"ÄÖÜß ñ ç ő 中文 ไทย",
	"../../etc/passwd",
	"null",
	"tab\tand  two blanks",
	"'; drop table tabNote; --",
	"dots...",
]


@pytest.mark.parametrize("strange", STRANGE)
def test_strange_names_arrive_whole(site, tag, strange):
	name = f"{tag} {strange}"[:140]
	_lives_and_dies(site, name)


def test_a_name_as_long_as_can_be(site, tag):
	_lives_and_dies(site, f"{tag} ".ljust(140, "é"))


def test_a_slash_at_the_start(site, tag):
	_lives_and_dies(site, f"/{tag}/")


def _lives_and_dies(site: CloudSite, name: str) -> None:
	made = site.create("Note", {"title": "strange"}, name)
	assert made["name"] == name
	assert list(site.read("Note", [name])) == [name]
	assert list(site.read("Note", [name, "no such note"])) == [name]
	changed = site.update("Note", name, {"title": name}, made["modified"])
	assert changed["title"] == name
	assert [doc["name"] for doc in site.find("Note", [("name", "=", name)], 2)] == [name]
	assert site.stamps("Note", [name]) == {name: changed["modified"]}
	page = site.page_by_time("Note", Cursor(changed["modified"]), 100)
	assert name in [stamp.name for stamp in page]
	site.delete("Note", name, changed["modified"])
	assert site.stamps("Note", [name]) == {}
	assert list(site.deleted_at("Note", [name])) == [name]


@pytest.mark.parametrize(
	("given", "stored", "from_16"),
	[
		(
			"<b>bold</b> <script>alert(1)</script> & so",
			"<b>bold</b> &lt;script&gt;alert(1)&lt;/script&gt; &amp; so",
			"<b>bold</b>  &amp; so",
		),
		("2 < 3 & <i>so</i> > on", "2 &lt; 3 &amp; <i>so</i> &gt; on", ""),
		("a &lt; <em>b</em> &amp; c", "a &lt; <em>b</em> &amp; c", ""),
		("<unknown>x</unknown>", "&lt;unknown&gt;x&lt;/unknown&gt;", "x"),
	],
)
def test_what_looks_like_html_is_made_harmless(site, tag, given, stored, from_16):
	"""In names that an API gives, and in texts; so the name that was asked for is not the name that is there. What
	version 15 escapes, version 16 takes away."""
	if from_16 and version(site) >= 16:
		stored = from_16
	made = site.create("Note", {"title": f"{tag} {given}", "content": given}, f"{tag} {given}")
	assert made["name"] == made["title"] == f"{tag} {stored}"
	assert made["content"] == stored
	again = site.update("Note", made["name"], {"public": 1}, made["modified"])
	assert site.read("Note", [made["name"]])[made["name"]]["title"] == again["title"] == made["title"]


@pytest.mark.parametrize("name", ["<b>bold</b>", "a < b"])
def test_people_cannot_use_angle_brackets_in_names(person, tag, name):
	with pytest.raises(Exception, match=r"409|special characters"):
		person.insert("Territory", territory_name=f"{tag} {name}")


def test_what_others_may_not_see_is_left_out(site, person, tag):
	theirs = person.insert("Note", title=tag)
	assert site.read("Note", [theirs["name"]]) == site.stamps("Note", [theirs["name"]]) == {}
	assert site.find("Note", [("title", "=", tag)], 5) == []
	with pytest.raises(Refused, match="permission"):
		site.update("Note", theirs["name"], {"title": "ours"}, theirs["modified"])


@pytest.mark.parametrize("strange", ["{} blank at the end ", " {} blank at the start", "  {}  blanks  "])
def test_blanks_around_a_name_are_told_as_they_are(site, tag, strange):
	"""A person cannot make such a name, since Frappe strips it; a create by name can."""
	name = strange.format(tag)
	made = site.create("Note", {"title": tag}, name)
	assert list(site.read("Note", [made["name"]])) == [made["name"]] == [name]
	assert list(site.read("Note", [made["name"], "no such note"])) == [made["name"]]
	changed = site.update("Note", made["name"], {"title": "new"}, made["modified"])
	site.delete("Note", made["name"], changed["modified"])
	assert list(site.deleted_at("Note", [name, "no such note"])) == [name]


def test_rows_of_a_parent_with_blanks_around_its_name(site, tag):
	codes = [f" {tag} a", f"{tag} b"]
	for n, code in enumerate(codes):
		site.create("Item", {**item(tag), "item_code": code, "barcodes": [{"barcode": f"{tag}-{n}"}]}, code)
	assert [rows(doc, "barcodes", "barcode") for doc in site.read("Item", codes).values()] == [
		[f"{tag}-0"],
		[f"{tag}-1"],
	]


def test_names_that_people_give_are_stripped(person, site, tag):
	made = person.insert("Territory", territory_name=f"  {tag} land  ")
	assert made["name"] == f"{tag} land"


def test_rows_of_strangely_named_parents(site, tag):
	codes = [f"{tag} / 100% 'x'", f'{tag} "quoted"', f"{tag} 🚚"]
	for n, code in enumerate(codes):
		site.create("Item", {**item(tag), "item_code": code, "barcodes": [{"barcode": f"{tag}-{n}"}]}, code)
	found = site.read("Item", codes)
	assert {code: rows(doc, "barcodes", "barcode") for code, doc in found.items()} == {
		code: [f"{tag}-{n}"] for n, code in enumerate(codes)
	}


def test_texts_arrive_whole(site, tag):
	text = "line one\nline two\r\n\ttab \\ ' \" 🚚 % %s {} & ü"
	made = site.create("Customer", customer(tag, customer_details=text), None)
	assert site.read("Customer", [made["name"]])[made["name"]]["customer_details"] == text


ALIKE = [
	("é", "e"),
	("Ñ", "n"),
	("😀", "🎉"),
	("ß", "ss"),
	("Å", "a"),
	("Я", "я"),
	("œ", "oe"),
	("①", "1"),
	("end ", "end"),
]
APART = [
	("Ø", "o"),
	("ł", "l"),
	("й", "и"),
	("a-b", "ab"),
	("中", "文"),
	("😀😀", "😀"),
	("a\tb", "a b"),
	("'", "’"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_mariadb_takes_for_one(site, tag, one, other):
	site.create("Customer", customer(tag), f"{tag} {one}")
	with pytest.raises(Duplicate):
		site.create("Customer", customer(tag), f"{tag} {other}")
	assert site.read("Customer", [f"{tag} {other}"]) == {}


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_mariadb_tells_apart(site, tag, one, other):
	for name in (one, other):
		site.create("Note", {"title": tag}, f"{tag} {name}")
	assert list(site.read("Note", [f"{tag} {one}", f"{tag} {other}"])) == [f"{tag} {one}", f"{tag} {other}"]


# -- trees


@pytest.mark.parametrize(("doctype", "parent_field", "root"), TREES)
def test_a_node_without_a_parent_goes_under_the_root(site, tag, doctype, parent_field, root):
	made = site.create(doctype, {f"{doctype.lower().replace(' ', '_')}_name": f"{tag} node"}, None)
	assert made[parent_field] == root


def test_a_growing_tree_leaves_the_modified_of_the_others(site, tag):
	first = site.create("Territory", {"territory_name": f"{tag} a", "is_group": 1}, None)
	site.create("Territory", {"territory_name": f"{tag} b", "parent_territory": first["name"]}, None)
	found = site.read("Territory", [first["name"]])[first["name"]]
	assert found["modified"] == first["modified"]
	assert found["rgt"] - found["lft"] == 3


def test_a_node_with_children_cannot_be_deleted(site, tag):
	first = site.create("Territory", {"territory_name": f"{tag} a", "is_group": 1}, None)
	site.create("Territory", {"territory_name": f"{tag} b", "parent_territory": first["name"]}, None)
	with pytest.raises(Blocked):
		site.delete("Territory", first["name"], first["modified"])


def test_a_node_cannot_hang_below_itself(site, tag):
	first = site.create("Territory", {"territory_name": f"{tag} a", "is_group": 1}, None)
	second = site.create(
		"Territory", {"territory_name": f"{tag} b", "parent_territory": first["name"], "is_group": 1}, None
	)
	with pytest.raises(Refused):
		site.update("Territory", first["name"], {"parent_territory": second["name"]}, first["modified"])


# -- rename


def test_a_rename_leaves_modified_and_no_trail(site, person, tag):
	made = site.create("Territory", {"territory_name": f"{tag} old"}, None)
	holder = site.create("Customer", customer(tag, territory=f"{tag} old"), None)
	person.rename("Territory", f"{tag} old", f"{tag} new")
	found = site.read("Territory", [f"{tag} old", f"{tag} new"])
	assert list(found) == [f"{tag} new"]
	assert found[f"{tag} new"]["modified"] == made["modified"]
	assert found[f"{tag} new"]["territory_name"] == f"{tag} new"
	assert site.deleted_at("Territory", [f"{tag} old"]) == {}
	linking = site.read("Customer", [holder["name"]])[holder["name"]]
	assert (linking["territory"], linking["modified"]) == (f"{tag} new", holder["modified"])


def test_a_renamed_customer_takes_the_name_and_a_new_modified(site, person, tag):
	made = site.create("Customer", customer(tag), None)
	person.rename("Customer", made["name"], f"{tag} renamed")
	found = site.read("Customer", [f"{tag} renamed"])[f"{tag} renamed"]
	assert found["customer_name"] == f"{tag} renamed"
	assert found["modified"] > made["modified"]


# -- merge


@pytest.fixture
def two(site, person, tag) -> tuple[Document, Document]:
	"""Territories, and a Customer of the first. Signs that HTML has words for are in their names."""
	names = (f"{tag} one & more", f"{tag} 100 %")
	one, other = (person.insert("Territory", territory_name=name) for name in names)
	site.create("Customer", customer(tag, territory=one["name"]), None)
	return one, other


def test_a_merge_leaves_a_note_and_goes_to_the_trail(site, person, tag, two):
	gone, stays = two
	holder = site.read("Customer", [f"{tag} customer"])[f"{tag} customer"]
	since = gone["modified"]
	person.rename("Territory", gone["name"], stays["name"], merge=True)
	assert list(site.read("Territory", [gone["name"], stays["name"]])) == [stays["name"]]
	linking = site.read("Customer", [holder["name"]])[holder["name"]]
	assert (linking["territory"], linking["modified"]) == (stays["name"], holder["modified"])
	(note,) = [n for n in site.notes("Territory", since) if n.about == stays["name"]]
	assert named(note) == {gone["name"], stays["name"]}
	deleted = site.deleted_at("Territory", [gone["name"]])[gone["name"]]
	assert since < note.at <= deleted
	(line,) = [
		line for line in site.deletions(["Territory"], Cursor(since), 100) if line.name == gone["name"]
	]
	assert site.created([line]) == {line: gone["creation"]}


def test_a_rename_leaves_a_note_too(site, person, tag, two):
	one, _ = two
	new = f"{tag} renamed"
	person.rename("Territory", one["name"], new)
	(note,) = [n for n in site.notes("Territory", one["modified"]) if n.about == new]
	assert named(note) == {one["name"], new}


def test_sync_merges_what_is_as_it_was_read(site, person, tag, two):
	gone, stays = two
	holder = site.read("Customer", [f"{tag} customer"])[f"{tag} customer"]
	with pytest.raises(Refused, match="does not exist"):
		site.merge("Customer", holder["name"], f"{tag} nowhere", holder["modified"])
	person.save("Territory", gone["name"], territory_manager="")
	with pytest.raises(Stale):
		site.merge("Territory", gone["name"], stays["name"], gone["modified"])
	now = site.read("Territory", [gone["name"]])[gone["name"]]["modified"]
	site.merge("Territory", gone["name"], stays["name"], now)
	assert list(site.read("Territory", [gone["name"], stays["name"]])) == [stays["name"]]


def test_a_group_is_not_merged_into_a_leaf(site, person, tag, two):
	_, leaf = two
	group = person.insert("Territory", territory_name=f"{tag} group", is_group=1)
	with pytest.raises(Refused, match="Group-to-Group"):
		site.merge("Territory", group["name"], leaf["name"], group["modified"])


# -- submittable documents


@pytest.fixture
def order(site, tag) -> Document:
	"""A draft."""
	site.create("Customer", customer(tag), None)
	site.create("Item", item(tag), None)
	rows = [{"item_code": f"{tag} item", "qty": 2, "rate": 10}]
	values = {"customer": f"{tag} customer", "transaction_date": "2026-12-01", "delivery_date": "2027-01-01"}
	return site.create("Sales Order", {**values, "items": rows}, None)


def test_a_naming_series_and_what_is_computed(site, order, tag):
	assert order["name"].startswith("SAL-ORD-")
	assert (order["docstatus"], order["status"], order["grand_total"]) == (0, "Draft", 20)
	assert order["customer_name"] == f"{tag} customer"
	assert (order["items"][0]["amount"], order["items"][0]["item_name"]) == (20, f"{tag} item")
	assert site.read("Sales Order", [order["name"]])[order["name"]]["items"] == order["items"]


def test_the_number_of_the_last_document_is_given_again(site, order):
	copy = {field: order[field] for field in ("customer", "delivery_date")}
	copy["items"] = [{"item_code": order["items"][0]["item_code"], "qty": 1, "rate": 1}]
	site.delete("Sales Order", order["name"], order["modified"])
	again = site.create("Sales Order", copy, None)
	assert again["name"] == order["name"]
	assert site.deleted_at("Sales Order", [order["name"]])[order["name"]] < again["creation"]


def test_a_draft_cannot_be_cancelled(site, order):
	with pytest.raises(Refused):
		site.update("Sales Order", order["name"], {"docstatus": 2}, order["modified"])


def test_a_submitted_document_is_mostly_fixed(site, order, tag):
	submitted = site.update("Sales Order", order["name"], {"docstatus": 1}, order["modified"])
	assert (submitted["docstatus"], submitted["status"]) == (1, "To Deliver and Bill")
	assert submitted["items"][0]["docstatus"] == 1
	changed = site.update("Sales Order", order["name"], {"po_no": "PO-1"}, submitted["modified"])
	assert changed["po_no"] == "PO-1"
	row = {**changed["items"][0], "delivery_date": "2027-01-02"}
	changed = site.update("Sales Order", order["name"], {"items": [row]}, changed["modified"])
	assert changed["items"][0]["delivery_date"] == "2027-01-02"
	for changes in (
		{"items": [{**row, "qty": 7}]},
		{"items": [row, {"item_code": row["item_code"], "qty": 1}]},
		{"transaction_date": "2026-12-05"},
		{"customer": f"{tag} nobody"},
		{"docstatus": 0},
		{"items": []},
	):
		with pytest.raises(Refused):
			site.update("Sales Order", order["name"], changes, changed["modified"])
	with pytest.raises(Refused, match="Cancel"):
		site.delete("Sales Order", order["name"], changed["modified"])
	assert site.stamps("Sales Order", [order["name"]]) == {order["name"]: changed["modified"]}
	cancelled = site.update("Sales Order", order["name"], {"docstatus": 2}, changed["modified"])
	assert (cancelled["docstatus"], cancelled["status"]) == (2, "Cancelled")
	with pytest.raises(Refused):
		site.update("Sales Order", order["name"], {"po_no": "PO-2"}, cancelled["modified"])
	with pytest.raises(Blocked):
		site.delete("Item", f"{tag} item", site.stamps("Item", [f"{tag} item"])[f"{tag} item"])
	site.delete("Sales Order", order["name"], cancelled["modified"])


def test_a_submitted_document_keeps_what_it_once_fetched(site, person, order, tag):
	submitted = site.update("Sales Order", order["name"], {"docstatus": 1}, order["modified"])
	person.rename("Customer", order["customer"], f"{tag} renamed")
	changed = site.update("Sales Order", order["name"], {"po_no": "PO-1"}, submitted["modified"])
	assert (changed["customer"], changed["po_no"]) == (f"{tag} renamed", "PO-1")
	assert changed["customer_name"] == submitted["customer_name"] != f"{tag} renamed"


def test_a_target_that_values_are_fetched_from_is_missing(site, order, tag):
	values = {field: order[field] for field in ("customer", "delivery_date")}
	rows = [{"item_code": f"{tag} nothing", "qty": 1, "rate": 1}]
	with pytest.raises(Blocked, match=f"{tag} nothing"):
		site.create("Sales Order", {**values, "items": rows}, None)
	with pytest.raises(Blocked, match=f"{tag} nobody"):
		site.update("Sales Order", order["name"], {"customer": f"{tag} nobody"}, order["modified"])
	assert site.stamps("Sales Order", [order["name"]]) == {order["name"]: order["modified"]}


# -- rights


def test_what_a_user_lacks(site, limited):
	assert site.lacking("Customer") == site.lacking("Sales Order") == ()
	assert "read" not in site.lacking("Deleted Document")
	assert limited.lacking("Customer") == ("write", "create", "delete")
	assert limited.lacking("Deleted Document") == ("read", "write", "create", "delete")


def test_a_user_who_may_only_read(site, limited, tag):
	made = site.create("Customer", customer(tag), None)
	assert list(limited.read("Customer", [made["name"]])) == [made["name"]]
	with pytest.raises(Refused, match="permission"):
		limited.update("Customer", made["name"], {"website": "v"}, made["modified"])
	with pytest.raises(Refused, match="permission"):
		limited.create("Customer", customer(tag), None)
	with pytest.raises(Refused, match="permission"):
		limited.delete("Customer", made["name"], made["modified"])


def test_what_may_not_be_read_needs_a_person(limited):
	with pytest.raises(NeedsPerson):
		limited.deletions(["Customer"], Cursor("2026-01-01 00:00:00"), 1)


def test_a_wrong_secret_needs_a_person(impostor, tag):
	for call in (
		lambda: impostor.user,
		lambda: impostor.read("Customer", ["x", "y"]),
		lambda: impostor.stamps("Customer", ["x"]),
		lambda: impostor.meta("Customer"),
	):
		with pytest.raises(NeedsPerson) as caught:
			call()
		assert "secret" in str(caught.value) and "wrong-secret" not in str(caught.value)


# -- files


def pdf(title: str) -> bytes:
	"""A small but true one: version 16 looks for scripts in what is called so."""
	made, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
	catalog, pages = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"
	for number, part in enumerate((catalog, pages, b"<</Title<%s>>>" % title.encode().hex().encode()), 1):
		places.append(len(made))
		made += b"%d 0 obj%s\nendobj\n" % (number, part)
	table = b"".join(b"%010d 00000 n \n" % place for place in places)
	end = (
		b"xref\n0 4\n0000000000 65535 f \n%strailer<</Size 4/Root 1 0 R/Info 3 0 R>>\nstartxref\n%d\n%%%%EOF"
	)
	return made + end % (table, len(made))


def attached(site, tag, code="", **more) -> tuple[str, File]:
	"""A new item, and a file of its own that is attached to it."""
	name = site.create("Item", item(tag, code), None)["name"]
	file = File(f"{tag} {code} ü'.pdf", doctype="Item", document=name, **more)
	return name, site.add_file(file, pdf(tag))


@pytest.mark.parametrize("private", [True, False])
def test_a_file_is_stored_as_it_was_sent(site, tag, private):
	content = pdf(tag)
	name, made = attached(site, tag, private=private)
	assert made.url.startswith("/private/files/" if private else "/files/")
	assert made.file_name == f"{tag}  ü'.pdf" and made.private is private
	assert (made.doctype, made.document, made.owner) == ("Item", name, site.user)
	assert made.hash == hashlib.md5(content).hexdigest() and made.size == len(content)
	assert site.files("attached_to_name", [name], doctype="Item") == [made]
	assert site.files("attached_to_name", [name], doctype="Customer") == []
	assert site.files("file_url", [made.url]) == [made]
	assert site.files("content_hash", [made.hash], private=private, limit=1) == [made]
	assert site.files("content_hash", [made.hash], private=not private) == []
	assert site.download(made, 1000) == content


def test_no_more_is_read_of_a_file_than_is_asked_for(site, tag):
	_, made = attached(site, tag, private=True)
	with pytest.raises(Refused, match="more than"):
		site.download(made, 20)


@pytest.mark.parametrize(("folder", "error"), [("/files/", Missing), ("/private/files/", Refused)])
def test_a_file_that_is_gone(site, tag, folder, error):
	with pytest.raises(error):
		site.download(File(f"{tag}.pdf", url=f"{folder}{tag} gone.pdf"), 1000)


def test_what_is_there_is_attached_once_more_without_its_bytes(site, tag):
	text = f"{tag} ü".encode()
	name, other = (site.create("Item", item(tag, code), None)["name"] for code in "12")
	made = site.add_file(File(f"{tag}.txt", doctype="Item", document=name, private=True), text)
	again = site.add_file(
		File(f"{tag}.txt", url=made.url, doctype="Item", document=other, private=True), None
	)
	assert (again.url, again.hash, again.private) == (made.url, made.hash, True)
	site.delete("File", made.name, made.modified)
	assert site.download(again, 1000) == text  # its bytes stay while another has them


def test_the_hash_tells_whether_the_same_bytes_were_attached(site, tag):
	"""Version 16 takes what can be read as text of an old encoding for that, and stores it in another."""
	_, made = attached(site, tag, private=True)
	other = site.create("Item", item(tag, "2"), None)["name"]
	again = site.add_file(
		File(made.file_name, url=made.url, doctype="Item", document=other, private=True), None
	)
	assert (again.hash == made.hash) is (version(site) < 16)
	assert hashlib.md5(site.download(again, 1000)).hexdigest() == again.hash
	site.delete("File", again.name, again.modified)
	assert site.download(made, 1000) == pdf(tag)


def test_a_link_to_elsewhere_is_attached_as_it_is(site, tag):
	name = site.create("Item", item(tag), None)["name"]
	made = site.add_file(File("link", url=f"https://example.com/{tag}", doctype="Item", document=name), None)
	assert made.url == f"https://example.com/{tag}" and not made.hash


def test_a_name_that_is_taken_is_made_another_by_the_end_of_the_hash(site, tag):
	_, made = attached(site, tag)
	other = site.add_file(File(made.file_name), pdf(f"another {tag}"))
	assert other.file_name == made.file_name.removesuffix(".pdf") + other.hash[-6:] + ".pdf"
	assert other.url != made.url


def test_a_field_that_names_a_file_has_it_attached(site, tag):
	png = site.add_file(File(f"{tag}.png"), b"a picture of " + tag.encode())
	made = site.create("Item", item(tag, image=png.url), None)
	(file,) = site.files("attached_to_name", [made["name"]], doctype="Item")
	assert (file.name, file.field, file.url) == (png.name, "image", made["image"])
	other = site.create("Item", item(tag, "2", image=png.url), None)
	(file,) = site.files("attached_to_name", [other["name"]], doctype="Item")
	assert file.name != png.name and (file.field, file.url, file.hash) == ("image", png.url, png.hash)


def test_privacy_moves_the_bytes(site, tag):
	name, made = attached(site, tag)
	site.update("File", made.name, {"is_private": 1}, made.modified)
	(now,) = site.files("attached_to_name", [name], doctype="Item")
	assert now.private and now.url == f"/private{made.url}" and now.hash == made.hash
	assert site.download(now, 1000) == pdf(tag)


def test_what_is_attached_is_listed_from_a_moment_on(site, tag):
	_, one = attached(site, tag, "1")
	name, two = attached(site, tag, "2", private=True)
	assert two in site.attached_since(["Item", "Customer"], Cursor(one.modified, one.name), 1000)
	assert one not in site.attached_since(["Item", "Customer"], Cursor(one.modified, one.name), 1000)
	assert site.attached_since(["Customer"], Cursor(one.modified, one.name), 1000) == []
	assert site.read("Item", [name])[name]["modified"] <= two.modified  # the document is not touched


def test_the_trail_tells_what_a_deleted_file_was_attached_to(site, tag):
	name, made = attached(site, tag, private=True)
	before = site.stamps("Item", [name])
	site.delete("File", made.name, made.modified)
	assert site.stamps("Item", [name]) == before
	after = Cursor(before[name], "")
	lines = [d.cursor.name for d in site.deletions(["File"], after, 1000) if d.name == made.name]
	(gone,) = site.detached(lines)
	assert (gone.name, gone.doctype, gone.document, gone.hash) == (made.name, "Item", name, made.hash)
	with pytest.raises(Refused):
		site.download(made, 1000)


def test_files_go_with_their_document(site, tag):
	name, made = attached(site, tag)
	site.delete("Item", name, site.stamps("Item", [name])[name])
	assert site.files("name", [made.name]) == []


def test_files_follow_a_rename(site, tag):
	name, made = attached(site, tag)
	site.rename("Item", name, f"{tag} renamed", site.stamps("Item", [name])[name])
	assert [f.name for f in site.files("attached_to_name", [f"{tag} renamed"], doctype="Item")] == [made.name]


# -- what hangs at a document


def test_a_tag_is_kept_with_the_document_and_in_a_link_past_modified(site, tag):
	made = site.create("ToDo", {"description": tag}, None)
	name, one, two = made["name"], f"{tag} one", f"{tag} two"
	for word in (one, two, one):
		site.tag("ToDo", name, word, True)
	site.tag("ToDo", name, f"{tag} never", False)
	told = site.tags("ToDo", [name, f"{tag} nobody"])
	assert told.keys() == {name} and tags_in(told[name]).keys() == {one, two}
	assert site.stamps("ToDo", [name]) == {name: made["modified"]}
	links = site.find(TAG_LINK, [("document_name", "=", name)], 10)
	assert sorted((link["document_type"], link["tag"]) for link in links) == [("ToDo", one), ("ToDo", two)]


def test_a_tag_that_is_taken_away_leaves_no_trace(site, tag):
	made = site.create("ToDo", {"description": tag}, None)
	name = made["name"]
	site.tag("ToDo", name, tag, True)
	(link,) = site.find(TAG_LINK, [("document_name", "=", name)], 10)
	site.tag("ToDo", name, tag, False)
	assert tags_in(site.tags("ToDo", [name])[name]) == {}
	assert site.find(TAG_LINK, [("document_name", "=", name)], 10) == []
	assert site.deleted_at(TAG_LINK, [link["name"]]) == {}
	assert site.stamps("ToDo", [name]) == {name: made["modified"]}


def test_what_is_said_of_a_document_that_is_not_there_is_refused(site, tag):
	with pytest.raises(Blocked):
		about = {"reference_doctype": "Customer", "reference_name": f"{tag} nobody"}
		site.create("Comment", {"comment_type": "Comment", "content": tag, **about}, None)
	with pytest.raises(Blocked):
		about = {"reference_type": "Customer", "reference_name": f"{tag} nobody"}
		site.create("ToDo", {"description": tag, "allocated_to": "Administrator", **about}, None)


def test_comments_and_assignments_go_with_their_document_without_a_trace(site, tag):
	customer_name = site.create("Customer", customer(tag), None)["name"]
	about = {"reference_doctype": "Customer", "reference_name": customer_name}
	said = site.create(
		"Comment", {"comment_type": "Comment", "content": tag, "comment_by": "Anna", **about}, None
	)
	assert (said["comment_by"], said["reference_name"]) == ("Anna", customer_name)
	todo = {"reference_type": "Customer", "reference_name": customer_name, "allocated_to": "Administrator"}
	task = site.create("ToDo", {"description": tag, **todo}, None)
	read = site.read("Customer", [customer_name])[customer_name]
	site.delete("Customer", customer_name, read["modified"])
	for doctype, doc in (("Comment", said), ("ToDo", task)):
		end = time.monotonic() + 60
		while site.stamps(doctype, [doc["name"]]) and time.monotonic() < end:
			time.sleep(0.2)  # a worker of Frappe's sees to it
		assert site.stamps(doctype, [doc["name"]]) == {}
		assert site.deleted_at(doctype, [doc["name"]]) == {}
