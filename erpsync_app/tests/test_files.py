# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Files on two real sites, both ways: the same bytes, the same privacy, an address of the site's own."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import frappe
import pytest
import requests
from PIL import Image

from erpsync_app.sandbox.tests.contract import pdf
from erpsync_app.tests.support import (
	CLOUD_URL,
	LOCAL_URL,
	Person,
	count,
	differences,
	set_rules,
	set_setting,
	sync,
	until,
	webhooks,
	writes,
)
from erpsync_app.tests.test_life_cycle import order_of
from erpsync_app.tests.test_main_job import customer, item

pytestmark = pytest.mark.usefixtures("ledger")

FOR_A_FILE = (
	'{"doctype": {{ doc.attached_to_doctype | tojson }}, "name": {{ doc.attached_to_name | tojson }},'
	' "event": "on_change"}'
)


PDF = pdf("of some contract")


def picture(kind: str, colour: int) -> bytes:
	into = io.BytesIO()
	Image.effect_noise((32, 32), colour).convert("RGB").save(into, kind)
	return into.getvalue()


def photographs(*places: str) -> list[bytes]:
	"""The same picture, with a description in its EXIF that tells where it was taken."""
	taken, pixels = [], Image.effect_noise((32, 32), 50).convert("RGB")
	for place in places:
		exif, into = Image.Exif(), io.BytesIO()
		exif[0x010E] = place
		pixels.save(into, "JPEG", exif=exif)
		taken.append(into.getvalue())
	return taken


class Desk:
	"""Someone at one site, over HTTP, who attaches files and looks at them."""

	def __init__(self, url: str):
		self.person, self.url = Person(url), url
		self.insert, self.edit, self.get = self.person.insert, self.person.edit, self.person.get

	def attach(
		self,
		doctype: str,
		name: str,
		file_name: str,
		content: bytes,
		*,
		private: bool = False,
		field: str = "",
	) -> dict[str, Any]:
		form = {"doctype": doctype, "docname": name, "fieldname": field, "is_private": str(int(private))}
		answer = self.person.session.post(
			f"{self.url}/api/method/upload_file",
			data={**form, "folder": "Home/Attachments"},
			files={"file": (file_name, content)},
			timeout=60,
		)
		answer.raise_for_status()
		return answer.json()["message"]

	def remove(self, file: dict[str, Any]) -> None:
		self.person.delete("File", file["name"])

	def attachments(self, doctype: str, name: str) -> list[dict[str, Any]]:
		return self.person.call(
			"frappe.client.get_list",
			doctype="File",
			fields=[
				"name",
				"file_name",
				"file_url",
				"is_private",
				"content_hash",
				"owner",
				"attached_to_field",
			],
			filters={"attached_to_doctype": doctype, "attached_to_name": name},
			order_by="file_name asc",
			limit_page_length=0,
		)

	def bytes_at(self, url: str) -> bytes:
		answer = self.person.session.get(self.url + url, timeout=60)
		answer.raise_for_status()
		return answer.content

	def guest_sees(self, url: str) -> bool:
		return requests.get(self.url + url, timeout=60, allow_redirects=False).status_code == 200

	def held(self, doctype: str, name: str) -> list[tuple[str, bytes, int]]:
		files = self.attachments(doctype, name)
		return [(f["file_name"], self.bytes_at(f["file_url"]), f["is_private"]) for f in files]


@pytest.fixture(params=["from here", "from the cloud"])
def sides(request, ledger: None, prefix: str) -> tuple[Desk, Desk]:
	"""The side where something is done, and the other one."""
	rules(prefix)
	here, there = Desk(LOCAL_URL), Desk(CLOUD_URL)
	return (here, there) if request.param == "from here" else (there, here)


def rules(prefix: str, **more: Any) -> None:
	def only(field: str) -> str:
		return json.dumps([[field, "like", f"{prefix}%"]])

	set_rules(
		{"ref_doctype": "Customer", "filters": only("customer_name"), **more},
		{"ref_doctype": "Item", "filters": only("item_code"), **more},
		{"ref_doctype": "Sales Order", "filters": only("customer"), **more},
	)


def in_step() -> None:
	run = sync()
	assert run.counts["failed"] == 0, run.errors
	assert still()


def still() -> bool:
	"""Whether a further sync writes nothing, neither on a site nor in the ledger."""
	before = frappe.get_all("Sync Record", ["name", "last_synced"], order_by="name")
	again = sync()
	assert writes(again) == {}
	assert frappe.get_all("Sync Record", ["name", "last_synced"], order_by="name") == before
	return count("Sync Event") == 0


def test_a_private_pdf_and_a_public_picture_of_a_new_customer(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	contract, logo = f"{prefix} Vertrag ü.pdf", f"{prefix}.png"
	here.insert(**customer(prefix))
	here.attach("Customer", prefix, contract, PDF, private=True)
	here.attach("Customer", prefix, logo, png := picture("PNG", 10))
	in_step()
	assert there.held("Customer", prefix) == [(contract, PDF, 1), (logo, png, 0)]
	private, public = there.attachments("Customer", prefix)
	assert private["file_url"].startswith("/private/files/") and not there.guest_sees(private["file_url"])
	assert there.guest_sees(public["file_url"])


def test_what_is_attached_and_removed_later(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	here.insert(**customer(prefix))
	in_step()
	file = here.attach("Customer", prefix, f"{prefix}.pdf", PDF, private=True)
	there.attach("Customer", prefix, f"{prefix} theirs.txt", b"a text\r\nof two lines")
	in_step()
	assert here.held("Customer", prefix) == there.held("Customer", prefix)
	assert len(here.attachments("Customer", prefix)) == 2
	here.remove(file)
	in_step()
	assert [f["file_name"] for f in there.attachments("Customer", prefix)] == [f"{prefix} theirs.txt"]
	(left,) = here.attachments("Customer", prefix)
	here.edit("File", left["name"], is_private=1)
	in_step()
	(left,) = there.attachments("Customer", prefix)
	assert left["is_private"] and not there.guest_sees(left["file_url"])


def test_the_image_of_an_item(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	old, new = picture("PNG", 20), picture("PNG", 30)
	here.insert(**item(prefix, "All Item Groups"))
	first = here.attach("Item", prefix, f"{prefix}.png", old, field="image")
	here.edit("Item", prefix, image=first["file_url"])
	in_step()  # new on the other side, with an image
	image = there.get("Item", prefix)["image"]
	assert there.bytes_at(image) == old and there.guest_sees(image)
	assert len(there.attachments("Item", prefix)) == 1
	second = here.attach("Item", prefix, f"{prefix}.png", new, field="image", private=True)
	here.edit("Item", prefix, image=second["file_url"])
	here.remove(first)
	in_step()  # replaced
	image = there.get("Item", prefix)["image"]
	assert there.bytes_at(image) == new and not there.guest_sees(image)
	assert [f["file_url"] for f in there.attachments("Item", prefix)] == [image]
	here.edit("Item", prefix, image="https://cdn.example.com/picture.png")
	here.remove(second)
	in_step()  # no file of the site any more
	assert there.get("Item", prefix)["image"] == "https://cdn.example.com/picture.png"
	assert there.attachments("Item", prefix) == []
	assert differences("Item", [prefix]) == {}


def test_bytes_travel_once_for_each_content(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	sheet = picture("PNG", 40)
	for number in range(3):
		here.insert(**item(f"{prefix} {number}", "All Item Groups"))
		here.attach("Item", f"{prefix} {number}", f"{prefix} data sheet.png", sheet)
	in_step()
	found = [there.attachments("Item", f"{prefix} {number}") for number in range(3)]
	assert [len(files) for files in found] == [1, 1, 1]
	assert len({files[0]["file_url"] for files in found}) == 1
	assert there.bytes_at(found[0][0]["file_url"]) == sheet


def test_bytes_that_could_be_text_of_an_old_encoding(sides: tuple[Desk, Desk], prefix: str):
	"""Version 16 would store others where such a file is attached by its address."""
	here, there = sides
	text = f"Grüße an {prefix}".encode("cp1252")
	customers = [f"{prefix} one", f"{prefix} two"]
	for name in customers:
		here.insert(**customer(name))
		here.attach("Customer", name, f"{prefix}.txt", text)
	here.insert(**item(prefix, "All Item Groups"))
	image = here.attach("Item", prefix, f"{prefix}.txt", text, field="image")
	here.edit("Item", prefix, image=image["file_url"])
	in_step()
	for doctype, name in (*(("Customer", name) for name in customers), ("Item", prefix)):
		assert [held for _, held, _ in there.held(doctype, name)] == [text], name
	assert there.bytes_at(there.get("Item", prefix)["image"]) == text


def test_a_jpeg_which_sites_encode_anew(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	here.insert(**item(prefix, "All Item Groups"))
	content = picture("JPEG", 50)
	file = here.attach("Item", prefix, f"{prefix}.jpg", content, field="image")
	here.edit("Item", prefix, image=file["file_url"])
	in_step()
	second = f"{prefix} second"
	here.insert(**item(second, "All Item Groups"))
	here.attach("Item", second, f"{prefix}.jpg", content)
	in_step()
	assert len(there.attachments("Item", second)) == 1
	(copy,) = there.attachments("Item", prefix)
	assert there.get("Item", prefix)["image"] == copy["file_url"]
	assert Image.open(io.BytesIO(there.bytes_at(copy["file_url"]))).size == (32, 32)
	there.edit("Item", prefix, description="edited")
	in_step()
	assert len(there.attachments("Item", prefix)) == len(here.attachments("Item", prefix)) == 1
	there.edit("Item", prefix, image="")
	there.remove(copy)
	in_step()
	assert here.attachments("Item", prefix) == [] and not here.get("Item", prefix).get("image")


def test_two_photographs_that_differ_in_their_exif_alone(sides: tuple[Desk, Desk], prefix: str):
	"""Sites take the EXIF away from what is uploaded, unless a setting says otherwise: on the other side they are one."""
	here, there = sides
	here.insert(**customer(prefix))
	here.edit("System Settings", "System Settings", strip_exif_metadata_from_uploaded_images=0)
	try:
		for n, content in enumerate(photographs("Graz", "Linz")):
			here.attach("Customer", prefix, f"{prefix} {n}.jpg", content)
		assert len({file["content_hash"] for file in here.attachments("Customer", prefix)}) == 2
		(error,) = sync().errors
		assert f"{prefix} 1.jpg stays" in error and "the same file of it as of another one" in error
		assert still()
		assert [file["file_name"] for file in there.attachments("Customer", prefix)] == [f"{prefix} 0.jpg"]
		assert len(here.attachments("Customer", prefix)) == 2
	finally:
		here.edit("System Settings", "System Settings", strip_exif_metadata_from_uploaded_images=1)


def test_a_file_over_the_limit_is_named_and_the_rest_flows(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	rules(prefix, attachment_limit_mb=1)
	here.insert(**customer(prefix, website="https://example.com"))
	film = os.urandom(1024 * 1024 + 1)
	here.attach("Customer", prefix, f"{prefix} film.mp4", film)
	here.attach("Customer", prefix, f"{prefix}.pdf", PDF)
	run = sync()
	assert [f"{prefix} film.mp4" in error for error in run.errors] == [True]
	assert there.get("Customer", prefix)["website"] == "https://example.com"
	assert there.held("Customer", prefix) == [(f"{prefix}.pdf", PDF, 0)]
	record = frappe.get_doc("Sync Record", {"ref_doctype": "Customer", "local_name": prefix})
	assert record.status == "Synced" and "1.0 MB, and the rule's limit is 1.0 MB" in record.error
	assert still()
	for rule in ("Customer", "Item", "Sales Order"):
		frappe.get_doc("Sync Rule", rule).update({"attachment_limit_mb": 2}).save()
	frappe.db.commit()
	in_step()
	assert len(there.held("Customer", prefix)) == 2
	assert frappe.db.get_value("Sync Record", record.name, "error") is None


def test_a_file_whose_bytes_are_gone_is_named(ledger: None, prefix: str):
	rules(prefix)
	here, there = Desk(LOCAL_URL), Desk(CLOUD_URL)
	here.insert(**customer(prefix, website="https://example.com"))
	lost = here.attach("Customer", prefix, f"{prefix} lost.pdf", pdf(prefix), private=True)
	os.unlink(frappe.get_site_path(lost["file_url"].lstrip("/")))
	run = sync()
	assert f"{prefix} lost.pdf stays on the local side" in run.errors[0]
	assert there.get("Customer", prefix)["website"] == "https://example.com"
	assert still()


def test_a_file_of_a_submitted_order_and_the_picture_in_its_rows(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	here.insert(**customer(prefix))
	here.insert(**item(f"{prefix} item", "All Item Groups"))
	image = here.attach("Item", f"{prefix} item", f"{prefix}.png", png := picture("PNG", 60), field="image")
	here.edit("Item", f"{prefix} item", image=image["file_url"])
	values = order_of(prefix)
	values["items"][0]["image"] = image["file_url"]
	order = here.insert("Sales Order", **values)
	here.person.call("frappe.client.submit", doc=here.get("Sales Order", order["name"]))
	in_step()
	here.attach("Sales Order", order["name"], f"{prefix} signed.pdf", PDF, private=True)
	in_step()
	names = frappe.db.get_value(
		"Sync Record", {"ref_doctype": "Sales Order", "status": "Synced"}, ["local_name", "cloud_name"]
	)
	copy = next(iter(set(names) - {order["name"]}), order["name"])
	assert there.held("Sales Order", copy) == [(f"{prefix} signed.pdf", PDF, 1)]
	assert there.get("Sales Order", copy)["docstatus"] == 1
	assert there.bytes_at(there.get("Sales Order", copy)["items"][0]["image"]) == png


def test_without_attachments_files_and_their_fields_stay_at_home(sides: tuple[Desk, Desk], prefix: str):
	here, there = sides
	rules(prefix, attachments=0)
	here.insert(**item(prefix, "All Item Groups"))
	file = here.attach("Item", prefix, f"{prefix}.png", picture("PNG", 70), field="image")
	here.edit("Item", prefix, image=file["file_url"])
	in_step()
	assert not there.get("Item", prefix).get("image") and there.attachments("Item", prefix) == []


def test_files_have_no_rule_of_their_own(untouched: None):
	with pytest.raises(frappe.ValidationError, match="goes with what it is attached to"):
		frappe.get_doc({"doctype": "Sync Rule", "ref_doctype": "File"}).insert()


@pytest.fixture
def live(ledger: None, cloud: Person) -> Iterator[None]:
	set_rules({"ref_doctype": "Customer"})
	sync()
	set_setting(enabled=1)
	with webhooks(cloud, "Customer"), webhooks_of_files(cloud):
		yield
	frappe.db.rollback()
	set_setting(enabled=0)


def webhooks_of_files(cloud: Person):
	"""The cloud's own webhooks for files, which tell of the document that a file is attached to."""
	return webhooks(
		cloud, "File", events=("after_insert", "on_trash"), body=FOR_A_FILE, condition="doc.attached_to_name"
	)


@pytest.mark.usefixtures("live")
def test_by_itself_what_is_attached_arrives_and_what_is_removed_goes(prefix: str):
	for here, there in (sides := [Desk(LOCAL_URL), Desk(CLOUD_URL)], sides[::-1]):
		name = f"{prefix} {'here' if here.url == LOCAL_URL else 'there'}"
		here.insert(**customer(name))
		until(lambda: there.get("Customer", name), what="the customer")  # noqa: B023
		file = here.attach("Customer", name, f"{prefix}.pdf", pdf(name), private=True)
		held: Callable[[], list] = lambda: there.attachments("Customer", name)  # noqa: B023, E731
		until(held, what="the attachment")
		here.remove(file)
		until(lambda: not held(), what="the removal")  # noqa: B023
		until(lambda: count("Sync Event", docname=name) == 0, what="an empty queue")  # noqa: B023
