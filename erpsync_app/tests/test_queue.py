# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The event queue in the local site's database, whatever that is: who may work on which document, and when.

Every test's events are of a DocType of its own making, which no rule names: no worker of the bench touches them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import frappe
import pytest

from erpsync_app.adapters import event_queue
from erpsync_app.adapters.event_queue import LEASE, SiteEventQueue, key_of
from erpsync_app.adapters.ledger import SiteLedger
from erpsync_app.engine.model import CLOUD, LOCAL, Binding, Event, Outcome
from erpsync_app.tests.support import LOCAL_SITE

pytestmark = pytest.mark.usefixtures("ledger")

WORKER = """
import json, sys, time
import frappe
frappe.init(site=sys.argv[1], sites_path=".")
frappe.connect()
from erpsync_app.adapters.event_queue import SiteEventQueue
doctype, size, work = sys.argv[2], int(sys.argv[3]), sys.argv[4]
queue = SiteEventQueue()
print("ready", flush=True)
sys.stdin.readline()
while True:
	events = queue.claim(doctype, "change", size)
	print(json.dumps(sorted({e.name for e in events})), flush=True)
	if work == "hold":
		time.sleep(600)
	if events:
		assert queue.renew(events)
		time.sleep(0.002)
		queue.done(events)
		continue
	frappe.db.rollback()
	if not frappe.db.count("Sync Event", {"ref_doctype": doctype}):
		break
	time.sleep(0.02)
"""


@pytest.fixture
def doctype(prefix: str) -> str:
	return f"{prefix} Nothing"


@pytest.fixture
def event(doctype: str) -> Callable[..., Event]:
	def make(name: str, **values) -> Event:
		return Event(**{"side": LOCAL, "doctype": doctype, "name": name, **values})

	return make


@pytest.fixture
def one() -> SiteEventQueue:
	return SiteEventQueue()


@pytest.fixture
def two() -> SiteEventQueue:
	return SiteEventQueue()


@pytest.fixture
def claimed(doctype: str) -> Callable[..., list[str]]:
	"""The names of the events that a worker gets, sorted."""

	def claim(queue: SiteEventQueue, kind="change", limit=10, name: str | None = None) -> list[str]:
		return sorted(e.name for e in queue.claim(doctype, kind, limit, name))

	return claim


@pytest.fixture
def rows(doctype: str) -> Callable[[], list[dict]]:
	"""What is in the queue, oldest first."""

	def read() -> list[dict]:
		frappe.db.rollback()
		fields = [
			"name",
			"docname",
			"state",
			"attempts",
			"next_try",
			"error",
			"blocked",
			"lease_owner",
			"lease_until",
		]
		return frappe.get_all(
			"Sync Event", filters={"ref_doctype": doctype}, fields=fields, order_by="creation asc, name asc"
		)

	return read


@pytest.fixture
def pass_by(doctype: str) -> Callable[[timedelta], None]:
	"""Let time pass for what waits or is leased."""

	def turn(by: timedelta) -> None:
		for row in frappe.get_all(
			"Sync Event", filters={"ref_doctype": doctype}, fields=["name", "next_try", "lease_until"]
		):
			values = {f: row[f] - by for f in ("next_try", "lease_until") if row[f]}
			if values:
				frappe.db.set_value("Sync Event", row["name"], values, update_modified=False)
		frappe.db.commit()

	return turn


@contextmanager
def worker(doctype: str, size: int = 3, work: str = "done") -> Iterator[subprocess.Popen]:
	"""Another process that claims and finishes, or claims and holds, from when it is told a line on."""
	command = [sys.executable, "-c", WORKER, LOCAL_SITE, doctype, str(size), work]
	process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
	try:
		assert process.stdout.readline() == "ready\n"
		yield process
	finally:
		process.kill()
		process.wait()


def go(process: subprocess.Popen) -> None:
	process.stdin.write("\n")
	process.stdin.flush()


# -- what is due


def test_an_event_comes_out_as_it_went_in(one, event):
	one.put([event("a", side=CLOUD, kind="delete", trigger="webhook")])
	(out,) = one.claim(event("a").doctype, "delete", 1)
	assert out == event("a", side=CLOUD, kind="delete", trigger="webhook", id=out.id)
	assert out.id


def test_the_limit_counts_documents(one, event, claimed):
	one.put([event("a")])
	one.put([event("a"), event("b")])
	one.put([event("c")])
	first = claimed(one, limit=2)
	assert sorted(first + claimed(one, limit=2)) == ["a", "a", "b", "c"]
	assert len(set(first)) == 2


def test_the_oldest_first(one, event, claimed):
	for name in ("c", "a", "b"):
		one.put([event(name)])
	assert [claimed(one, limit=1) for _ in range(4)] == [["c"], ["a"], ["b"], []]


def test_all_events_of_a_document_are_claimed_with_it(one, event, claimed):
	one.put([event("a", kind="delete"), event("a", side=CLOUD), event("b", kind="delete")])
	assert claimed(one) == ["a", "a"]
	assert claimed(one, kind="delete") == ["b"]


def test_quarantined_ones_too(one, event, claimed, rows):
	one.put([event("a")])
	one.fail(one.claim(event("a").doctype, "change", 1), error="It is broken.")
	assert claimed(one) == []
	one.put([event("a", kind="delete")])
	assert claimed(one, kind="delete") == ["a", "a"]
	assert [row["state"] for row in rows()] == ["Processing"] * 2


def test_the_two_names_of_a_bound_document_are_one(one, event, claimed, doctype):
	SiteLedger().save([Outcome(Binding(doctype, {LOCAL: "here", CLOUD: "there"}))])
	one.put([event("here"), event("there", side=CLOUD), event("there")])
	assert claimed(one, limit=1, name="here") == ["here", "there"]
	assert claimed(one) == ["there"]


def test_one_document_by_its_name(one, event, claimed):
	one.put([event("a"), event("b")])
	assert claimed(one, name="b") == ["b"]


def test_nothing_is_nothing(one, claimed, doctype):
	one.put([])
	one.done([])
	one.retry([], after=timedelta(0), error="", attempt=False)
	one.fail([], error="")
	assert one.renew([])
	assert claimed(one) == []
	assert one.next_due([doctype]) is None


# -- who has it


def test_no_document_is_leased_twice(one, two, event, claimed):
	one.put([event("a")])
	assert claimed(one) == ["a"]
	one.put([event("a", side=CLOUD), event("a", kind="delete")])
	assert claimed(two) == claimed(two, kind="delete") == claimed(one) == []


def test_the_later_of_two_claims_steps_back(one, two, event, claimed, doctype, monkeypatch, pass_by):
	"""Both looked before either took: each has some of the events."""
	one.put([event("a")])
	held = one.claim(doctype, "change", 1)
	one.put([event("a"), event("b")])
	keys = [key_of(doctype, "a"), key_of(doctype, "b")]
	monkeypatch.setattr(two, "_due_keys", lambda *_: keys)
	assert claimed(two) == ["b"]
	monkeypatch.undo()
	pass_by(timedelta(seconds=5))
	assert claimed(two) == []
	assert one.renew(held)
	one.done(held)
	assert claimed(two) == ["a"]


def test_a_lease_that_ran_out_while_it_was_prolonged_is_lost(one, event, doctype, monkeypatch):
	one.put([event("a")])
	events = one.claim(doctype, "change", 1)
	assert one.renew(events)
	monkeypatch.setattr(event_queue, "LEASE", timedelta(microseconds=1))
	monkeypatch.setattr(event_queue, "RENEW_AFTER", timedelta(0))
	assert not one.renew(events)


def test_what_comes_in_meanwhile_stays(one, two, event, claimed):
	one.put([event("a")])
	events = one.claim(event("a").doctype, "change", 1)
	one.put([event("a")])
	one.done(events)
	assert claimed(two) == ["a"]


def test_many_processes_share_the_work(one, event, doctype):
	one.put(event(f"{n % 60}") for n in range(180))
	with worker(doctype) as first, worker(doctype) as second, worker(doctype) as third:
		for process in (first, second, third):
			go(process)
		told = [process.communicate(timeout=120)[0].splitlines() for process in (first, second, third)]
		assert [process.returncode for process in (first, second, third)] == [0, 0, 0]
	done = Counter(name for lines in told for line in lines for name in json.loads(line))
	assert done == Counter(str(n) for n in range(60))
	assert sum(1 for lines in told if any(json.loads(line) for line in lines)) > 1, "one did it all"


# -- how long


def test_a_lease_runs_out(one, two, event, claimed, pass_by):
	one.put([event("a")])
	events = one.claim(event("a").doctype, "change", 1)
	pass_by(LEASE - timedelta(seconds=20))
	assert claimed(two) == []
	pass_by(timedelta(seconds=21))
	assert claimed(two) == ["a"]
	one._renewed = None
	assert not one.renew(events)


def test_a_lease_is_prolonged(one, two, event, claimed, pass_by):
	one.put([event("a")])
	events = one.claim(event("a").doctype, "change", 1)
	pass_by(LEASE - timedelta(seconds=20))
	one._renewed -= LEASE
	assert one.renew(events)
	pass_by(LEASE - timedelta(seconds=20))
	assert claimed(two) == []


def test_a_lease_that_ran_out_but_was_not_taken_can_be_prolonged(one, two, event, claimed, pass_by):
	one.put([event("a")])
	events = one.claim(event("a").doctype, "change", 1)
	pass_by(LEASE * 2)
	one._renewed -= LEASE
	assert one.renew(events)
	assert claimed(two) == []


def test_who_lost_the_lease_changes_nothing_more(one, two, event, doctype, pass_by, rows):
	one.put([event("a")])
	events = one.claim(doctype, "change", 1)
	pass_by(LEASE * 2)
	(taken,) = two.claim(doctype, "change", 1)
	one.done(events)
	one.retry(events, after=timedelta(hours=1), error="x", attempt=True)
	one.fail(events, error="x")
	assert [(row["state"], row["lease_owner"], row["attempts"]) for row in rows()] == [
		("Processing", two.owner, 0)
	]
	two._renewed = None
	assert two.renew([taken])


def test_a_killed_process_holds_nothing(one, event, claimed, doctype):
	one.put([event("a"), event("b")])
	with worker(doctype, size=1, work="hold") as holder:
		go(holder)
		held = json.loads(holder.stdout.readline())
		assert len(held) == 1
		assert claimed(one) == sorted({"a", "b"} - set(held))
		os.kill(holder.pid, signal.SIGKILL)
		holder.wait()
		assert claimed(one) == held


def test_a_process_of_another_host_is_not_taken_for_dead(one, two, event, claimed, doctype, pass_by):
	one.owner = f"elsewhere:{one.owner.partition(':')[2]}"
	one.put([event("a")])
	assert claimed(one) == ["a"]
	assert claimed(two) == []
	pass_by(LEASE * 2)
	assert claimed(two) == ["a"]


# -- what becomes of it


def test_done_is_gone(one, event, rows):
	one.put([event("a"), event("a")])
	one.done(one.claim(event("a").doctype, "change", 1))
	assert rows() == []


@pytest.mark.parametrize(("attempt", "attempts"), [(True, 1), (False, 0)])
def test_retry_waits_and_counts(one, event, claimed, doctype, pass_by, rows, attempt, attempts):
	one.put([event("a")])
	due = datetime.now(timezone.utc) + timedelta(seconds=30)
	one.retry(one.claim(doctype, "change", 1), after=timedelta(seconds=30), error="busy", attempt=attempt)
	assert claimed(one) == []
	(row,) = rows()
	assert (row["state"], row["attempts"], row["error"]) == ("Pending", attempts, "busy")
	assert row["lease_owner"] is row["lease_until"] is None
	assert abs(one.next_due([doctype]) - due) < timedelta(seconds=5)
	pass_by(timedelta(seconds=31))
	(again,) = one.claim(doctype, "change", 1)
	assert again.attempts == attempts


def test_the_hour_that_comes_twice_is_two_hours(one, event, claimed, doctype, monkeypatch):
	"""On 2026-10-25 at 01:00 UTC the clocks of Vienna go back from 3 to 2."""
	now = datetime(2026, 10, 25, 0, 45)
	monkeypatch.setattr(event_queue, "utc_now", lambda: now)
	one.put([event("a")])
	one.retry(one.claim(doctype, "change", 1), after=timedelta(minutes=30), error="busy", attempt=True)
	assert one.next_due([doctype]) == datetime(2026, 10, 25, 1, 15, tzinfo=timezone.utc)
	now = datetime(2026, 10, 25, 1, 14)
	assert claimed(one) == []
	now = datetime(2026, 10, 25, 1, 15)
	assert claimed(one) == ["a"]


def test_retry_at_once(one, event, claimed, doctype):
	one.put([event("a")])
	one.retry(one.claim(doctype, "change", 1), after=timedelta(0), error="stale", attempt=True)
	assert claimed(one) == ["a"]


def test_a_new_event_brings_back_what_waits(one, event, doctype):
	one.put([event("a")])
	one.retry(one.claim(doctype, "change", 1), after=timedelta(hours=1), error="busy", attempt=True)
	one.put([event("a")])
	assert sorted(e.attempts for e in one.claim(doctype, "change", 1)) == [0, 1]


def test_quarantine_is_kept(one, event, claimed, doctype, pass_by, rows):
	one.put([event("a")])
	one.fail(one.claim(doctype, "change", 1), error="It is broken.")
	pass_by(timedelta(days=100))
	assert claimed(one) == []
	assert one.next_due([doctype]) is None
	(row,) = rows()
	assert (row["state"], row["error"], row["attempts"], row["blocked"]) == ("Failed", "It is broken.", 1, 0)


def test_what_was_blocked_is_tried_again(one, event, claimed, doctype):
	one.put([event("a"), event("b")])
	one.fail(one.claim(doctype, "change", 1, "a"), error="Its group is missing.", blocked=True)
	one.fail(one.claim(doctype, "change", 1, "b"), error="It is broken.")
	one.unblock()
	assert claimed(one) == ["a"]


def test_what_is_tried_again_and_again_counts_no_further_than_its_last_try(one, event, doctype, rows):
	one.put([event("a")])
	one.retry(one.claim(doctype, "change", 1), after=timedelta(0), error="x", attempt=True, blocked=True)
	one.fail(one.claim(doctype, "change", 1), error="x", blocked=True)
	for again in (one.unblock, lambda: one.put([event("a")])) * 2:
		again()
		one.fail(one.claim(doctype, "change", 1), error="x", blocked=True)
		assert max(row["attempts"] for row in rows()) == 2


def test_what_is_blocked_is_made_due_by_what_went_through(one, event, claimed, doctype):
	one.put([event(name) for name in "abcd"])
	after = {"c": timedelta(minutes=1)}
	for name in "abcd":
		(claim,) = one.claim(doctype, "change", 1, name)
		one.retry(
			[claim],
			after=after.get(name, timedelta(hours=1)),
			error="x",
			attempt=name == "b",
			blocked=name == "a",
		)
	one.hasten([doctype])
	assert one.next_due([doctype]) <= datetime.now(timezone.utc)
	assert claimed(one) == ["a", "c"]


def test_what_is_set_aside_is_known_by_when_it_was_changed(one, event, doctype):
	one.put([event("a"), event("a", side=CLOUD), event("b")])
	one.fail(one.claim(doctype, "change", 2), error="x", seen={LOCAL: "then"})
	assert one.set_aside(doctype, LOCAL) == {"a": "then", "b": "then"}
	assert one.set_aside(doctype, CLOUD) == {"a": ""}


def test_next_due_is_the_first_to_wait(one, event, doctype, prefix):
	assert one.next_due([doctype]) is None
	one.put([event("a"), event("b")])
	soon, late = timedelta(minutes=5), timedelta(hours=5)
	one.retry(one.claim(doctype, "change", 1, "a"), after=late, error="", attempt=False)
	one.retry(one.claim(doctype, "change", 1, "b"), after=soon, error="", attempt=False)
	due = one.next_due([doctype, "Other"])
	assert abs(due - datetime.now(timezone.utc) - soon) < timedelta(seconds=10)
	one.put([event("c")])
	assert one.next_due([doctype]) <= datetime.now(timezone.utc)
	assert one.next_due([f"{prefix} Other"]) is None
	one.claim(doctype, "change", 1, "c")
	assert one.next_due([doctype]) == due, "what is leased does not count"


def test_deletions_that_wait(one, event, doctype):
	one.put([event("a", kind="delete"), event("b"), event("c", kind="delete", side=CLOUD)])
	assert one.deletions(doctype, LOCAL) == ["a"]
	assert one.deletions(doctype, CLOUD) == ["c"]
	event_queue.let_pass(doctype)
	assert one.deletions(doctype, LOCAL) == []


# -- in someone's own transaction


def test_an_event_vanishes_with_the_change_it_tells_of(event, claimed, one):
	event_queue.insert([event("a")])
	frappe.db.rollback()
	assert claimed(one) == []
	event_queue.insert([event("a")])
	frappe.db.commit()
	assert claimed(one) == ["a"]


def test_a_save_does_not_wait_for_a_claim(one, event, claimed, doctype):
	"""A claim locks nothing that a user's save needs."""
	one.put([event("a")])
	with worker(doctype, work="hold") as holder:
		go(holder)
		assert json.loads(holder.stdout.readline()) == ["a"]
		began = time.monotonic()
		event_queue.insert([event("a"), event("b")])
		frappe.db.commit()
		assert time.monotonic() - began < 2
