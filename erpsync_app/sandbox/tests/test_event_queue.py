# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from erpsync_app.engine.model import CLOUD, LOCAL, Event
from erpsync_app.sandbox.clock import SimulatedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.event_queue import SqliteQueue

LEASE = timedelta(minutes=5)


@pytest.fixture
def clock() -> SimulatedClock:
	return SimulatedClock(tick=timedelta(0))


@pytest.fixture
def database() -> Database:
	return Database()


@pytest.fixture
def queue(database, clock) -> SqliteQueue:
	return SqliteQueue(database, clock, worker="one", lease=LEASE)


@pytest.fixture
def other(database, clock) -> SqliteQueue:
	return SqliteQueue(database, clock, worker="two", lease=LEASE)


def event(name: str, **values) -> Event:
	return Event(**{"side": LOCAL, "doctype": "Item", "name": name, **values})


def claimed(queue: SqliteQueue, kind="change", limit=10, name=None, doctype="Item") -> list[str]:
	return [e.name for e in queue.claim(doctype, kind, limit, name)]


def test_what_is_put_is_due_at_once_in_order(queue):
	queue.put([event("b"), event("a"), event("c", doctype="Customer")])
	assert claimed(queue) == ["b", "a"]
	assert claimed(queue, doctype="Customer") == ["c"]


def test_an_event_comes_out_as_it_went_in(queue):
	queue.put([event("a", side=CLOUD, kind="delete", trigger="webhook")])
	(out,) = queue.claim("Item", "delete", 1)
	assert replace(out, id=None) == event("a", side=CLOUD, kind="delete", trigger="webhook")
	assert out.id


def test_what_became_of_the_events_of_documents(queue):
	queue.put([event("waits"), event("failed"), event("again"), event("there", side=CLOUD)])
	claim = queue.claim("Item", "change", 10)
	queue.retry(claim[:1], after=timedelta(0), error="not yet", attempt=True)
	queue.fail(claim[1:], error="too big")
	queue.put([event("again")])
	names = ["waits", "failed", "again", "there", "nobody"]
	assert queue.states("Item", LOCAL, names) == {
		"waits": ("Pending", "not yet"),
		"failed": ("Failed", "too big"),
		"again": ("Pending", ""),
	}
	assert queue.states("Item", CLOUD, names) == {"there": ("Failed", "too big")}


def test_the_limit_counts_documents(queue):
	queue.put([event("a"), event("a"), event("b"), event("c")])
	assert claimed(queue, limit=2) == ["a", "a", "b"]
	assert claimed(queue, limit=2) == ["c"]


def test_all_events_of_a_document_are_claimed_with_it(queue):
	queue.put([event("a", kind="delete"), event("a", side=CLOUD), event("b", kind="delete")])
	assert claimed(queue, kind="change") == ["a", "a"]
	assert claimed(queue, kind="delete") == ["b"]


def test_one_document_by_its_name(queue):
	queue.put([event("a"), event("b")])
	assert claimed(queue, name="b") == ["b"]


def test_no_document_is_leased_twice(queue, other):
	queue.put([event("a")])
	assert claimed(queue) == ["a"]
	queue.put([event("a", side=CLOUD), event("a", kind="delete")])
	assert claimed(queue) == claimed(other) == claimed(other, kind="delete") == []


def test_what_comes_in_meanwhile_stays(queue, other):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	queue.put([event("a")])
	queue.done(events)
	assert claimed(other) == ["a"]


def test_a_lease_runs_out(queue, other, clock):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	clock.sleep(LEASE.total_seconds() - 1)
	assert claimed(other) == []
	clock.sleep(1)
	assert claimed(other) == ["a"]
	assert not queue.renew(events)


def test_a_lease_is_prolonged(queue, other, clock):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	clock.sleep(LEASE.total_seconds() - 1)
	assert queue.renew(events)
	clock.sleep(LEASE.total_seconds() - 1)
	assert claimed(other) == []


def test_a_lease_that_ran_out_but_was_not_taken_can_be_prolonged(queue, other, clock):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	clock.sleep(LEASE.total_seconds() * 2)
	assert queue.renew(events)
	assert claimed(other) == []


def test_a_lease_that_ran_out_while_it_was_prolonged_is_lost(queue, clock, monkeypatch):
	"""Nobody has taken it, and somebody may at any moment."""
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	update = queue._update
	monkeypatch.setattr(queue, "_update", lambda *a: (update(*a), clock.sleep(LEASE.total_seconds()))[0])
	assert not queue.renew(events)


def test_who_lost_the_lease_changes_nothing_more(queue, other, clock):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	clock.sleep(LEASE.total_seconds())
	(taken,) = other.claim("Item", "change", 1)
	queue.done(events)
	queue.retry(events, after=timedelta(hours=1), error="x", attempt=True)
	queue.fail(events, error="x")
	assert other.renew([taken])
	assert not queue.failed()


def test_a_dead_worker_holds_nothing(queue, other):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	other.bury("one")
	assert not queue.renew(events)
	assert claimed(other) == ["a"]


def test_done_is_gone(queue, clock):
	queue.put([event("a"), event("a")])
	queue.done(queue.claim("Item", "change", 1))
	clock.sleep(10**6)
	assert claimed(queue) == []
	assert queue.pending() == 0


@pytest.mark.parametrize(("attempt", "attempts"), [(True, 1), (False, 0)])
def test_retry_waits_and_counts(queue, clock, attempt, attempts):
	queue.put([event("a")])
	queue.retry(queue.claim("Item", "change", 1), after=timedelta(seconds=30), error="busy", attempt=attempt)
	assert claimed(queue) == []
	assert queue.next_due() == clock.now() + timedelta(seconds=30)
	clock.sleep(30)
	(again,) = queue.claim("Item", "change", 1)
	assert again.attempts == attempts


def test_a_new_event_brings_back_what_waits(queue):
	queue.put([event("a")])
	queue.retry(queue.claim("Item", "change", 1), after=timedelta(hours=1), error="busy", attempt=True)
	queue.put([event("a")])
	assert [e.attempts for e in queue.claim("Item", "change", 1)] == [1, 0]


def test_quarantine_is_kept_until_the_document_changes(queue, clock):
	queue.put([event("a")])
	events = queue.claim("Item", "change", 1)
	queue.retry(events, after=timedelta(0), error="x", attempt=True)
	queue.fail(queue.claim("Item", "change", 1), error="It is broken.")
	clock.sleep(10**6)
	assert claimed(queue) == []
	assert queue.next_due() is None
	assert [(e.name, why) for e, why in queue.failed()] == [("a", "It is broken.")]
	queue.put([event("a", kind="delete")])
	assert [(e.kind, e.attempts) for e in queue.claim("Item", "delete", 1)] == [("change", 1), ("delete", 0)]
	assert not queue.failed()


def test_what_is_tried_again_and_again_has_its_last_try_each_time(queue):
	"""Else two documents that are claimed together, and that fail, would lift each other's quarantine for ever."""
	queue.put([event("a")])
	queue.retry(queue.claim("Item", "change", 1), after=timedelta(0), error="x", attempt=True)
	queue.fail(queue.claim("Item", "change", 1), error="x")
	for _ in range(2):
		queue.put([event("a")])
		events = queue.claim("Item", "change", 1)
		assert max(e.attempts for e in events) == 1
		queue.fail(events, error="x")


def test_what_is_blocked_is_made_due_by_what_went_through(queue, clock):
	queue.put([event(name) for name in "abcd"])
	after = {"c": timedelta(minutes=1)}
	for name in "abcd":
		(one,) = queue.claim("Item", "change", 1, name)
		queue.retry(
			[one],
			after=after.get(name, timedelta(hours=1)),
			error="x",
			attempt=name == "b",
			blocked=name == "a",
		)
	queue.hasten(["Item"])
	assert claimed(queue) == ["a", "c"]


def test_what_is_set_aside_is_known_by_when_it_was_changed(queue):
	queue.put([event("a"), event("a", side=CLOUD), event("b")])
	queue.fail(queue.claim("Item", "change", 2), error="x", seen={LOCAL: "then"})
	assert queue.set_aside("Item", LOCAL) == {"a": "then", "b": "then"}
	assert queue.set_aside("Item", CLOUD) == {"a": ""}


def test_quarantine_is_lifted_by_a_person(queue):
	queue.put([event("a"), event("b")])
	queue.fail(queue.claim("Item", "change", 2), error="x")
	queue.retry_failed("Item", "a")
	assert claimed(queue) == ["a"]
	assert [e.name for e, _ in queue.failed()] == ["b"]


def test_when_something_is_due_again(queue, other, clock):
	assert queue.next_due() is None
	queue.put([event("a")])
	assert queue.next_due() == clock.now()
	queue.claim("Item", "change", 1)
	assert queue.next_due() == clock.now() + LEASE
	other.bury("one")
	assert queue.next_due() == clock.now()


def test_nothing_is_nothing(queue):
	queue.put([])
	queue.done([])
	assert queue.renew([])
	queue.retry([], after=timedelta(0), error="", attempt=False)
	queue.fail([], error="")
	assert queue.claim("Item", "change", 5) == []


def test_it_lives_on_in_a_file(tmp_path, clock):
	path = str(tmp_path / "queue.sqlite")
	one = Database(path)
	SqliteQueue(one, clock, worker="one").put([event("a")])
	one.close()
	assert claimed(SqliteQueue(Database(path), clock, worker="one")) == ["a"]


def test_many_workers_share_the_work(tmp_path, clock):
	path = str(tmp_path / "queue.sqlite")
	SqliteQueue(Database(path), clock, worker="maker").put(event(f"{n % 100}") for n in range(300))

	def work(worker: int) -> list[str]:
		queue = SqliteQueue(Database(path), clock, worker=str(worker))
		names: list[str] = []
		while events := queue.claim("Item", "change", 3):
			assert queue.renew(events)
			names += {e.name for e in events}
			queue.done(events)
		return names

	with ThreadPoolExecutor(4) as pool:
		done = Counter(name for names in pool.map(work, range(4)) for name in names)
	assert done == Counter(str(n) for n in range(100))
