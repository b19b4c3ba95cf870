# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Files between two sandbox sites: what is merged, what travels, and what happens when something goes wrong."""

import pytest

from erpsync_app.engine.beside import ATTACHMENTS, LEFT, merge_members, settled
from erpsync_app.engine.files import plain_name
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, File, other
from erpsync_app.engine.tests.world import Killed, World, calls_of, keep, killed_after
from erpsync_app.sandbox import files
from erpsync_app.sandbox.faults import Fault

PDF, PNG, JPG = b"%PDF-1.4 a contract", b"\x89PNG a picture", b"JFIF a photo with EXIF"


@pytest.mark.parametrize(
	("base_local", "base_cloud", "local", "cloud", "wanted_local", "wanted_cloud"),
	[
		# 0 is public, 1 private; "" is none.
		("", "", "a0", "", "a0", "a0"),  # added on one side
		("", "", "a0", "b1", "a0 b1", "a0 b1"),  # on both
		("", "", "a0", "a0", "a0", "a0"),  # the same on both
		("a0", "a0", "", "a0", "", ""),  # removed
		("a0", "a0", "", "", "", ""),  # on both
		("a0", "a0", "b0", "a0", "b0", "b0"),  # replaced
		("a0", "a0", "b0", "a0 c0", "b0 c0", "b0 c0"),  # replaced here, added there
		("a0", "a0", "a1", "a0", "a1", "a1"),  # made private
		("a1", "a1", "a1", "a0", "a0", "a0"),  # made public
		("a0", "a0", "a1", "", "a1", "a1"),  # made private here, removed there: it stays
		("", "", "a0", "a1", "a1", "a1"),  # in doubt it is private
		(None, None, "a0", "b0", "a0 b0", "a0 b0"),  # nothing is known of the past
		(None, "", "a0", "", "a0", "a0"),
		(None, None, "a0", "a1", "a1", "a1"),
		("a left", "", "a0", "", "a0", "a0"),  # could not cross: tried again
		("a left", "", "", "", "", ""),  # could not cross, and is gone
		("a0", "b0", "a0", "b0", "a0", "b0"),  # each site has its own, as it always had
	],
)
def test_attachments_are_merged_one_by_one(base_local, base_cloud, local, cloud, wanted_local, wanted_cloud):
	bases, now = (_told(base_local), _told(base_cloud)), (_told(local), _told(cloud))
	expected = {LOCAL: _told(wanted_local), CLOUD: _told(wanted_cloud)}
	take = merge_members(*bases, *now)
	assert take == {s: v for (s, v), held in zip(expected.items(), now, strict=True) if v != held}
	mirrored = merge_members(*bases[::-1], *now[::-1])
	assert mirrored == {other(side): value for side, value in take.items()}


def _told(text):
	if text is None:
		return None
	words = text.replace(" left", "L").split()
	return {word[0]: LEFT if word[1] == "L" else int(word[1]) for word in words}


def test_a_baseline_is_what_is_the_same_on_both_sides():
	assert settled({"a": 0, "b": 1}, {"a": 0}, {"b": 1}) == {"a": 0, "b": 1}
	assert settled({"a": 0, "b": 1}, {"a": 0}, {}) == {"a": 0}
	assert settled({"a": 0, "b": 1}, {"a": 0}, {}, left=["b"]) == {"a": 0, "b": LEFT}
	# Removed here, and it may not be removed there: it goes on being seen.
	assert settled({}, {"a": 1}, {"a": 1}) == {"a": 1} and settled({}, {}, {"a": 1}) == {}


@pytest.mark.parametrize(
	("file", "plain"),
	[
		(File("a.pdf", hash="0123456789"), "a.pdf"),
		(File("a456789.pdf", hash="0123456789"), "a.pdf"),
		(File("a456789", hash="0123456789"), "a"),
		(File("456789", hash="0123456789"), "456789"),
		(File("link", url="https://elsewhere"), "link"),
	],
)
def test_the_name_of_a_file_is_told_without_what_a_site_appends(file, plain):
	assert plain_name(file) == plain


# -- over whole sites


@pytest.fixture
def world():
	made = World(*(keep(doctype, attachments=True) for doctype in ("Item", "ToDo")))
	for side in SIDES:
		made.people[side].insert("Item Group", item_group_name="All", is_group=1)
		made.people[side].insert("UOM", uom_name="Nos")
	return made


def make(world, side, code="Bolt", **more):
	return world.people[side].insert("Item", item_code=code, item_group="All", stock_uom="Nos", **more)


def held(world, side, name="Bolt"):
	"""The attachments of an item: name, content, whether private."""
	person = world.people[side]
	files = person.attachments("Item", name)
	return sorted((f["file_name"], person.site.content(f["file_url"]), f["is_private"]) for f in files)


def check_in_step(world, *names):
	world.settle()
	for name in names or ("Bolt",):
		assert held(world, LOCAL, name) == held(world, CLOUD, name)
	world.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_attachments_cross_with_a_new_document(world, side):
	name = make(world, side)
	world.people[side].attach("Item", name, "contract.pdf", PDF, private=True)
	world.people[side].attach("Item", name, "picture.png", PNG)
	check_in_step(world)
	assert held(world, other(side)) == [("contract.pdf", PDF, 1), ("picture.png", PNG, 0)]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("full", [True, False])
def test_what_is_attached_later_is_found_by_a_scan(world, side, full):
	name = make(world, side)
	world.settle()
	world.clock.sleep(3600)
	world.people[side].attach("Item", name, "contract.pdf", PDF, private=True)
	world.people[other(side)].attach("Item", name, "picture.png", PNG)
	world.sync(full=full)
	check_in_step(world)
	assert len(held(world, LOCAL)) == 2


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("full", [True, False])
def test_what_is_removed_is_removed(world, side, full):
	name = make(world, side)
	file = world.people[side].attach("Item", name, "contract.pdf", PDF)
	world.people[side].attach("Item", name, "picture.png", PNG)
	world.settle()
	world.clock.sleep(3600)
	world.people[side].delete("File", file["name"])
	world.sync(full=full)
	check_in_step(world)
	assert held(world, other(side)) == [("picture.png", PNG, 0)]


@pytest.mark.parametrize("side", SIDES)
def test_the_image_of_a_new_item_has_an_address_of_its_own(world, side):
	file = world.people[side].attach(None, None, "picture.png", PNG)
	make(world, side, image=file["file_url"])
	check_in_step(world)
	there = world.people[other(side)]
	assert there.site.content(there.get("Item", "Bolt", "image")) == PNG
	assert held(world, other(side)) == [("picture.png", PNG, 0)]


@pytest.mark.parametrize("side", SIDES)
def test_a_replaced_image(world, side):
	here, there = world.people[side], world.people[other(side)]
	name = make(world, side)
	old = here.attach("Item", name, "picture.png", PNG, field="image")
	here.save("Item", name, image=old["file_url"])
	world.settle()
	new = here.attach("Item", name, "picture.png", PNG + b"2", field="image", private=True)
	here.save("Item", name, image=new["file_url"])
	here.delete("File", old["name"])
	check_in_step(world)
	url = there.get("Item", name, "image")
	assert url.startswith("/private/files/") and there.site.content(url) == PNG + b"2"
	assert len(there.attachments("Item", name)) == 1


@pytest.mark.parametrize("side", SIDES)
def test_an_image_that_is_taken_away(world, side):
	here, there = world.people[side], world.people[other(side)]
	name = make(world, side)
	file = here.attach("Item", name, "picture.png", PNG, field="image")
	here.save("Item", name, image=file["file_url"])
	world.settle()
	here.save("Item", name, image=None)
	here.delete("File", file["name"])
	check_in_step(world)
	assert there.get("Item", name, "image") is None


@pytest.mark.parametrize("value", ["https://cdn.example.com/a.png", "/assets/erpnext/a.png"])
def test_an_address_that_is_no_file_of_the_site_crosses_as_it_is(world, value):
	make(world, LOCAL, image=value)
	check_in_step(world)
	assert world.people[CLOUD].get("Item", "Bolt", "image") == value


@pytest.mark.parametrize("side", SIDES)
def test_a_link_to_elsewhere_is_attached_as_a_link(world, side):
	name = make(world, side)
	values = {"file_name": "drive", "file_url": "https://drive.example.com/x"}
	values |= {"attached_to_doctype": "Item", "attached_to_name": name}
	world.people[side].insert("File", **values)
	world.settle()
	(file,) = world.people[other(side)].attachments("Item", name)
	assert file["file_url"] == "https://drive.example.com/x"
	world.check_steady()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("private", [True, False])
def test_privacy_follows(world, side, private):
	name = make(world, side)
	file = world.people[side].attach("Item", name, "contract.pdf", PDF, private=not private)
	world.settle()
	world.people[side].save("File", file["name"], is_private=int(private))
	check_in_step(world)
	assert held(world, other(side)) == [("contract.pdf", PDF, int(private))]


@pytest.mark.parametrize(("there", "times"), [(False, 1), (True, 0)])
def test_bytes_travel_once_for_each_content(world, there, times):
	for code in ("Bolt", "Nut", "Screw"):
		make(world, LOCAL, code)
		world.people[LOCAL].attach("Item", code, "data sheet.pdf", PDF)
	if there:
		world.people[CLOUD].attach(None, None, "another name.pdf", PDF)

	def run(around):
		ctx = world.context(around=around)
		world.scan(ctx)
		world.drain(ctx)

	assert len([call for call in calls_of(run) if ".download" in call]) == times
	check_in_step(world, "Bolt", "Nut", "Screw")


def with_images(world, side, *codes):
	for code in codes:
		name = make(world, side, code)
		file = world.people[side].attach("Item", name, "picture.png", PNG, field="image")
		world.people[side].save("Item", name, image=file["file_url"])


@pytest.mark.parametrize("side", SIDES)
def test_the_bytes_in_fields_travel_once_too(world, side):
	with_images(world, side, "Bolt", "Nut", "Screw")

	def run(around):
		ctx = world.context(around=around)
		world.scan(ctx)
		world.drain(ctx)

	assert len([call for call in calls_of(run) if ".download" in call]) == 1
	check_in_step(world, "Bolt", "Nut", "Screw")


@pytest.mark.parametrize("side", SIDES)
def test_a_site_that_stores_other_bytes_of_what_is_attached_by_its_address(world, side, monkeypatch):
	"""Version 16 reads it as text of an old encoding where it can."""
	add = files.add

	def add_as_16_does(documents, user, values, content):
		url = values.get("file_url") or ""
		if content is None and url.startswith(files.ON_THE_SITE):
			content = files.read(documents.store, url, guest=False).decode("cp1252").encode()
			values = {**values, "file_url": ""}
		return add(documents, user, values, content)

	monkeypatch.setattr(files, "add", add_as_16_does)
	with_images(world, side, "Bolt")
	check_in_step(world, "Bolt")
	with_images(world, side, "Nut", "Screw")
	make(world, side, "Washer")
	world.people[side].attach("Item", "Washer", "data sheet.png", PNG)
	check_in_step(world, "Bolt", "Nut", "Screw", "Washer")
	for code in ("Bolt", "Nut", "Screw", "Washer"):
		assert [content for _, content, _ in held(world, other(side), code)] == [PNG]


def test_a_picture_that_a_site_stores_otherwise(world):
	"""A JPEG is encoded anew by each site that takes it. It crosses once, and is removed as any other."""
	name = make(world, LOCAL)
	file = world.people[LOCAL].attach("Item", name, "photo.jpg", JPG, field="image")
	world.people[LOCAL].save("Item", name, image=file["file_url"])
	world.settle()
	(there,) = world.people[CLOUD].attachments("Item", name)
	assert there["content_hash"] != file["content_hash"]
	assert world.people[CLOUD].get("Item", name, "image") == there["file_url"]
	world.check_steady()
	make(world, LOCAL, "Nut")
	world.people[LOCAL].attach("Item", "Nut", "photo.jpg", JPG)
	world.sync()
	assert world.binding("Item", LOCAL, "Nut").held[LOCAL].fields[ATTACHMENTS] == {file["content_hash"]: 0}
	world.people[LOCAL].save("Item", name, image=None)
	world.people[LOCAL].delete("File", file["name"])
	world.settle()
	assert world.people[CLOUD].attachments("Item", name) == []
	assert [len(world.people[side].attachments("Item", "Nut")) for side in SIDES] == [1, 1]
	world.check_steady()


def test_a_file_over_the_limit_is_named_and_the_rest_flows(world):
	world.rules["Item"] = keep("Item", attachments=True, file_limit=100)
	name = make(world, LOCAL)
	big = world.people[LOCAL].attach("Item", name, "film.mp4", b"x" * 101, field="image")
	world.people[LOCAL].save("Item", name, image=big["file_url"], standard_rate=3.5)
	world.people[LOCAL].attach("Item", name, "contract.pdf", PDF)
	world.settle()
	binding = world.binding("Item", LOCAL, name)
	assert binding.status == "Synced" and "film.mp4 stays on the local side" in binding.error
	assert held(world, CLOUD) == [("contract.pdf", PDF, 0)]
	assert world.people[CLOUD].get("Item", name, "image", "standard_rate") == (None, 3.5)
	world.check_steady()
	# Tried again when the document changes, and then nothing is left to say.
	world.rules["Item"] = keep("Item", attachments=True)
	world.people[LOCAL].save("Item", name, standard_rate=4)
	check_in_step(world)
	assert world.binding("Item", LOCAL, name).error is None
	assert world.people[CLOUD].get("Item", name, "image").endswith("/film.mp4")


@pytest.mark.parametrize("side", SIDES)
def test_a_file_whose_bytes_are_gone_is_named_and_the_rest_flows(world, side):
	name = make(world, side, standard_rate=3.5)
	lost = world.people[side].attach("Item", name, "lost.pdf", PDF)
	world.people[side].attach("Item", name, "picture.png", PNG)
	world.sites[side].lose(lost["file_url"])
	world.settle()
	assert f"lost.pdf stays on the {side} side" in world.binding("Item", side, name).error
	assert held(world, other(side)) == [("picture.png", PNG, 0)]
	world.check_steady()


def test_a_file_of_the_same_name_has_another_address(world):
	make(world, LOCAL)
	world.people[CLOUD].attach(None, None, "contract.pdf", b"another")
	world.people[LOCAL].attach("Item", "Bolt", "contract.pdf", PDF)
	world.settle()
	((name, content, _),) = held(world, CLOUD)
	assert name != "contract.pdf" and content == PDF
	world.check_steady()


@pytest.mark.parametrize("direction", ["local_to_cloud", "cloud_to_local"])
def test_a_rule_of_one_direction(world, direction):
	world.rules["Item"] = keep("Item", attachments=True, direction=direction)
	source = LOCAL if direction == "local_to_cloud" else CLOUD
	name = make(world, source)
	file = world.people[source].attach("Item", name, "contract.pdf", PDF)
	world.settle()
	world.people[other(source)].attach("Item", name, "theirs.png", PNG)
	world.settle()
	assert world.binding("Item", source, name).status == "Diverged"
	assert [f[0] for f in held(world, source)] == ["contract.pdf"]
	world.people[source].delete("File", file["name"])
	world.settle()
	assert [f[0] for f in held(world, other(source))] == ["theirs.png"]


def test_without_attachments_files_and_their_fields_stay_at_home(world):
	world.rules["Item"] = keep("Item")
	file = world.people[LOCAL].attach(None, None, "picture.png", PNG)
	make(world, LOCAL, image=file["file_url"])
	world.settle()
	assert world.people[CLOUD].get("Item", "Bolt", "image") is None
	assert world.sites[CLOUD].all("File") == []


@pytest.mark.parametrize(
	("side", "new", "picture"),
	[
		(LOCAL, True, ("picture.png", PNG)),
		(CLOUD, False, ("picture.png", PNG)),
		(LOCAL, False, ("photo.jpg", JPG)),
		(CLOUD, True, ("photo.jpg", JPG)),
	],
)
def test_a_worker_that_dies_anywhere_leaves_no_double(world, side, new, picture):
	here = world.people[side]
	name = make(world, side)
	if not new:
		world.settle()
	file = here.attach("Item", name, *picture, field="image")
	here.save("Item", name, image=file["file_url"])
	here.attach("Item", name, "contract.pdf", PDF, private=True)
	world.scan()

	def run(world):
		def drain(around):
			world.drain(world.context(around=around))

		return drain

	for calls in range(1, len(calls_of(run(world.copy())))):
		twin = world.copy()
		with pytest.raises(Killed):
			run(twin)(killed_after(calls))
		twin.clock.sleep(3601)
		twin.settle()
		there = twin.people[other(side)]
		files = there.attachments("Item", name)
		assert sorted(f["file_name"] for f in files) == sorted((picture[0], "contract.pdf")), calls
		stray = [file for file in there.site.all("File") if not file["attached_to_name"]]
		assert len(stray) <= (picture[1] == JPG), calls  # died between an upload and its record
		assert there.get("Item", name, "image") in [f["file_url"] for f in files]
		written = twin.site_writes()
		twin.sync()
		assert twin.site_writes() == written


@pytest.mark.parametrize("picture", [("picture.png", PNG), ("photo.jpg", JPG)], ids=["png", "jpg"])
def test_an_upload_whose_answer_is_lost_is_not_repeated(world, picture):
	name = make(world, LOCAL)
	world.settle()
	world.people[LOCAL].attach("Item", name, *picture)
	world.fault(CLOUD, Fault.AFTER_TIMEOUT, path="upload_file", times=1)
	world.scan()
	assert world.drain().stopped
	world.mend()
	world.clock.sleep(3601)
	world.settle()
	assert len(world.people[CLOUD].attachments("Item", name)) == 1
	world.check_steady()


def test_a_rule_that_lets_more_in_has_all_files_listed_once_more(world):
	world.rules["Item"] = keep("Item", attachments=True, file_limit=10)
	make(world, LOCAL)
	world.people[LOCAL].attach("Item", "Bolt", "contract.pdf", PDF)
	world.settle()
	assert held(world, CLOUD) == []
	world.rules["Item"] = keep("Item", attachments=True)
	world.database.execute("delete from cursor where doctype = 'File'")  # as saving the rule does
	check_in_step(world)
	assert held(world, CLOUD) == [("contract.pdf", PDF, 0)]
