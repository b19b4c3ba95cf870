# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the contract cannot ask a real site for: time at will, faults, webhooks, and the same history twice."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import requests

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import NeedsPerson, SyncError, Unavailable, Unclear
from erpsync_app.engine.inbox import check_signature, parse
from erpsync_app.engine.model import CLOUD, LOCAL, Cursor
from erpsync_app.sandbox.clock import START, SimulatedClock, SkewedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.faults import RETRY_AFTER, Fault, Faults, by_chance
from erpsync_app.sandbox.site import SIGNATURE, FrappeError, SandboxSite, User, Webhook
from erpsync_app.sandbox.transport import served, session_to

SYNC = User("sync@example.com", "key", "secret")
STILL = timedelta(0)


def client(handler, **options) -> CloudSite:
	return CloudSite(
		url="https://x.example.com", key="key", secret="secret", session=session_to(handler), **options
	)


@pytest.fixture
def clock() -> SimulatedClock:
	return SimulatedClock()


@pytest.fixture
def sandbox(clock) -> SandboxSite:
	return SandboxSite(clock, users=[SYNC])


# -- time


def test_the_simulated_clock_goes_when_told_to():
	clock = SimulatedClock(tick=STILL)
	assert clock.now() == clock.now() == START
	clock.sleep(1.5)
	assert clock.now() - START == timedelta(seconds=1.5)
	assert SimulatedClock().now() < SimulatedClock(tick=timedelta(seconds=1)).now()


def test_a_skewed_clock_is_ahead_and_drifts():
	clock = SimulatedClock(tick=STILL)
	skewed = SkewedClock(clock, offset=timedelta(minutes=2), drift=0.001)
	assert skewed.now() - clock.now() == timedelta(minutes=2)
	skewed.sleep(1000)
	assert skewed.now() - clock.now() == timedelta(minutes=2, seconds=1)


def test_modified_is_written_as_frappe_writes_it():
	clock = SimulatedClock(tick=STILL)
	site = SandboxSite(clock, time_zone="America/New_York")
	assert site.insert("ToDo", {"description": "x"})["modified"] == "2026-01-05 04:00:00"
	clock.sleep(0.25)
	assert site.insert("ToDo", {"description": "x"})["modified"] == "2026-01-05 04:00:00.250000"


def test_documents_of_one_moment_are_paged_through_by_name():
	site = SandboxSite(SimulatedClock(tick=STILL), users=[SYNC])
	cloud = client(site.handle)
	names = [cloud.create("Note", {"title": "x"}, f"n{n}")["name"] for n in (3, 1, 4, 2, 5)]
	seen, after = [], Cursor("2026-01-01")
	while page := cloud.page_by_time("Note", after, 2):
		seen += [stamp.name for stamp in page]
		after = Cursor(page[-1].modified, page[-1].name)
	assert seen == sorted(names)
	for name in names:
		site.delete("Note", name)
	assert sorted(d.name for d in cloud.deletions(["Note"], Cursor("2026-01-01"), 9)) == sorted(names)
	first = cloud.deletions(["Note"], Cursor("2026-01-01"), 2)
	assert len(first + cloud.deletions(["Note"], first[-1].cursor, 9)) == 5


def test_stamps_without_microseconds_still_guard_an_update():
	clock = SimulatedClock(tick=STILL)
	site = SandboxSite(clock, users=[SYNC])
	cloud = client(site.handle)
	made = cloud.create("Note", {"title": "x"}, None)
	assert "." not in made["modified"]
	assert cloud.update("Note", made["name"], {"title": "y"}, made["modified"])["title"] == "y"


# -- the same history twice


def _history(seed: int) -> list[object]:
	chance, told = random.Random(seed), []
	site = SandboxSite(SimulatedClock(), users=[SYNC], on_webhook=told.append)
	cloud = client(Faults(site.handle, by_chance(chance, 0.3)))
	outcomes: list[object] = []
	for n in range(60):
		try:
			made = cloud.create("ToDo", {"description": str(n)}, None)
			cloud.delete("ToDo", made["name"], made["modified"])
		except SyncError as e:
			outcomes.append((type(e), str(e)))
	return [outcomes, told, site.all("ToDo"), site.all("Deleted Document")]


def test_one_seed_is_one_history():
	assert _history(7) == _history(7)
	assert _history(7) != _history(8)


# -- faults


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_of_a_write(sandbox, fault):
	faults = Faults(sandbox.handle, lambda method, path: fault if "/document/" in path else None)
	cloud = client(faults)
	with pytest.raises((Unavailable, NeedsPerson)) as caught:
		cloud.create("Note", {"title": "x"}, "n")
	assert bool(sandbox.get("Note", "n")) is fault.took_effect
	assert faults.struck == [fault]
	if fault.took_effect:
		assert type(caught.value) is Unclear
	if type(caught.value) is Unavailable:
		assert not fault.took_effect
	faults.choose = lambda method, path: None
	assert cloud.read("Note", ["n"]).keys() == ({"n"} if fault.took_effect else set())


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_of_a_read(sandbox, fault):
	sandbox.insert("ToDo", {"description": "x"})
	for call in (
		lambda cloud: cloud.user,
		lambda cloud: cloud.time_zone,
		lambda cloud: cloud.meta("ToDo"),
		lambda cloud: cloud.read("ToDo", ["a"]),
		lambda cloud: cloud.stamps("ToDo", ["a", "b"]),
		lambda cloud: cloud.page_by_name("ToDo", None, 5),
		lambda cloud: cloud.deletions(["ToDo"], Cursor("2026-01-01"), 5),
	):
		with pytest.raises(Unavailable) as caught:
			call(client(Faults(sandbox.handle, lambda *_: fault)))
		assert type(caught.value) is Unavailable
		assert caught.value.after == (RETRY_AFTER if fault is Fault.LOST_BUSY else None)


def test_a_wrong_address_needs_a_person():
	with pytest.raises(NeedsPerson, match="Frappe site"):
		client(lambda *_: (404, {}, b"<html>")).meta("Item")


# -- webhooks


@pytest.fixture
def told(sandbox) -> list[Webhook]:
	hooks: list[Webhook] = []
	sandbox.on_webhook = hooks.append
	return hooks


def events(told: list[Webhook]) -> list[str]:
	seen = [f"{b['event']} {b['name']}" for b in (json.loads(hook.body) for hook in told)]
	told.clear()
	return seen


def test_what_webhooks_tell_of(sandbox, told):
	sandbox.insert("Customer Group", {"customer_group_name": "All", "is_group": 1})
	assert events(told) == ["after_insert All"]
	sandbox.save("Customer Group", "All", {"is_group": 1})
	assert events(told) == ["on_change All"]
	sandbox.insert("Customer", {"customer_name": "A"})
	sandbox.rename("Customer", "A", "B")
	assert events(told) == ["after_insert A", "on_change B"]
	sandbox.rename("Customer Group", "All", "Every")
	sandbox.set_value("Customer", "B", {"website": "w"})
	assert events(told) == []
	sandbox.delete("Customer", "B")
	assert events(told) == ["on_trash B", "on_change B"]


def test_a_refused_change_tells_nothing(sandbox, told):
	with pytest.raises(FrappeError):
		sandbox.insert("Customer", {"customer_name": "A", "territory": "nowhere"})
	sandbox.insert("ToDo", {"description": "x"})
	assert len(events(told)) == 1
	assert sandbox.writes == 1


def test_webhooks_are_signed_as_the_inbox_checks(clock):
	hooks: list[Webhook] = []
	site = SandboxSite(
		clock, webhook_secret="s3cret", on_webhook=hooks.append, webhook_events=["after_insert"]
	)
	site.insert("Note", {"title": "ü"})
	(hook,) = hooks
	check_signature("s3cret", hook.body, hook.headers[SIGNATURE])
	assert parse(hook.body, CLOUD).name == site.names("Note")[0]


def test_the_document_is_there_when_the_webhook_comes(sandbox):
	seen = []
	sandbox.on_webhook = lambda hook: seen.append(sandbox.get("ToDo", json.loads(hook.body)["name"]))
	sandbox.insert("ToDo", {"description": "x"})
	assert seen[0]["description"] == "x"


# -- people past the hooks


def test_a_change_past_the_hooks(sandbox):
	name = sandbox.insert("ToDo", {"description": "x"})["name"]
	before = sandbox.get("ToDo", name)["modified"]
	sandbox.set_value("ToDo", name, {"description": "y"}, update_modified=False)
	assert (sandbox.get("ToDo", name)["description"], sandbox.get("ToDo", name)["modified"]) == ("y", before)
	sandbox.set_value("ToDo", name, {"description": "z"})
	assert sandbox.get("ToDo", name)["modified"] > before


def test_a_row_can_be_taken_from_another_document(sandbox):
	"""As in Frappe, where a row is updated by its name alone."""
	sandbox.insert("Item Group", {"item_group_name": "All"})
	sandbox.insert("UOM", {"uom_name": "Nos"})
	common = {"item_group": "All", "stock_uom": "Nos"}
	one = sandbox.insert("Item", {"item_code": "a", "barcodes": [{"barcode": "1"}], **common})
	two = sandbox.insert("Item", {"item_code": "b", **common})
	sandbox.save("Item", two["name"], {"barcodes": one["barcodes"]})
	assert sandbox.get("Item", "a")["barcodes"] == []
	assert [row["barcode"] for row in sandbox.get("Item", "b")["barcodes"]] == ["1"]


# -- transports


def test_the_same_over_a_port(sandbox):
	with served(sandbox.handle) as url:
		cloud = CloudSite(LOCAL, url=url, key="key", secret="secret")
		assert cloud.side == LOCAL
		made = cloud.create("Note", {"title": "ü 🚚"}, "slash / and 100%")
		assert cloud.read("Note", [made["name"]]) == {made["name"]: made}
		assert requests.get(url, timeout=5).status_code == 404
		with ThreadPoolExecutor(4) as pool:
			list(
				pool.map(
					lambda n: CloudSite(url=url, key="key", secret="secret").create(
						"ToDo", {"description": n}, None
					),
					range(20),
				)
			)
	assert len(sandbox.names("ToDo")) == 20


def test_a_site_in_a_file(tmp_path, clock):
	path = str(tmp_path / "site.sqlite")
	database = Database(path)
	made = SandboxSite(clock, database=database).insert("ToDo", {"description": "x"})
	database.close()
	again = SandboxSite(clock, database=Database(path))
	assert again.get("ToDo", made["name"]) == made
	assert again.insert("ToDo", {"description": "x"})["name"] != made["name"]


def test_zones_are_the_sites_own(clock):
	site = SandboxSite(clock, users=[SYNC], time_zone="Pacific/Auckland")
	assert client(site.handle).time_zone == ZoneInfo("Pacific/Auckland")
