# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The breakers: their predicates as tables, then whole cycles between two sandbox sites."""

from datetime import datetime, timedelta, timezone

import pytest

from erpsync_app.engine.context import Run
from erpsync_app.engine.cycle import drain
from erpsync_app.engine.errors import Halt
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Cursor, Event, other
from erpsync_app.engine.safety import (
	Breakers,
	Limit,
	Limits,
	doubtful,
	emptied,
	moved,
	went_back,
)
from erpsync_app.engine.tests.world import World, keep
from erpsync_app.sandbox.schema import DOCTYPES
from erpsync_app.sandbox.store import table

C = "Customer"
DAY = "2026-01-05 %s:00.000000"


# -- predicates


@pytest.mark.parametrize(
	("limit", "number", "of", "passed"),
	[
		(Limit(20, 20), 20, 20, False),  # not more than the number, be it all
		(Limit(20, 20), 21, 21, True),
		(Limit(20, 20), 21, 104, True),
		(Limit(20, 20), 21, 105, False),  # exactly the share
		(Limit(20, 20), 200, 10_000, False),
		(Limit(20, 20, 100), 100, 10_000, False),
		(Limit(20, 20, 100), 101, 10_000, True),  # whatever the share
		(Limit(0, 20, 100), 101, 10_000, False),
		(Limit(20, 0), 21, 10_000, True),  # no share: the number alone
		(Limit(0, 20), 10_000, 10_000, False),  # no limit
		(Limit(0, 0), 10_000, 0, False),
		(Limit(5, 50), 6, 0, True),
	],
)
def test_a_limit_is_passed_by_number_and_share(limit, number, of, passed):
	assert limit.passed(number, of) is passed


@pytest.mark.parametrize(
	("recorded", "listed", "expected"),
	[
		({}, {}, []),
		({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, []),
		({"a": "1", "b": "2"}, {"b": "2"}, []),  # b clears what is older
		({"a": "1", "b": "2"}, {"b": "3"}, ["a"]),  # newer than recorded: b is well, and clears nobody
		({"a": "1", "b": "2"}, {"a": "1"}, ["b"]),
		({"a": "1", "b": "2"}, {"a": "1", "b": "0"}, ["b"]),
		({"a": "1", "b": "2"}, {}, ["a", "b"]),
		({"a": "1", "b": "2"}, {"c": "9"}, ["a", "b"]),
	],
)
def test_who_is_doubtful(recorded, listed, expected):
	assert doubtful(recorded, listed) == expected


@pytest.mark.parametrize(
	("recorded", "now", "back"),
	[
		("12:00", "12:00", False),
		("12:00", "13:00", False),
		("12:00", "11:00", False),  # summer time ended
		("12:00", "10:00", False),
		("12:00", "09:59", True),
		("12:00", None, False),  # gone is another matter
		(None, "09:00", False),  # nothing was recorded
	],
)
def test_who_went_back(recorded, now, back):
	found = went_back({"a": DAY % recorded if recorded else ""}, {"a": DAY % now} if now else {})
	assert found == (["a"] if back else [])


@pytest.mark.parametrize(
	("bound", "left", "expected"),
	[(0, 0, False), (19, 0, False), (20, 0, True), (20, 2, True), (20, 3, False), (1000, 100, True)],
)
def test_what_counts_as_emptied(bound, left, expected):
	assert emptied(bound, left) is expected


@pytest.mark.parametrize(
	("was", "now", "changed"),
	[
		({}, {"site": "a"}, []),
		({"site": "a"}, {"site": "a"}, []),
		({"site": "a", "folder": "f"}, {"site": "b", "folder": "f"}, ["site"]),
		({"site": ""}, {"site": "b"}, []),  # was not known
		({"site": "a"}, {"site": ""}, []),  # cannot be told now
		({"site": "a"}, {}, []),
	],
)
def test_whether_a_site_is_another(was, now, changed):
	assert moved(was, now) == changed


def test_what_was_done_before_a_person_said_go_on_is_not_counted():
	now = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
	minute = timedelta(minutes=1)
	assert Breakers().counting_since(now) == now - 60 * minute
	assert Breakers(counted_from=now - minute).counting_since(now) == now - minute
	assert Breakers(counted_from=now - 90 * minute).counting_since(now) == now - 60 * minute


# -- cycles

SMALL = Limits(Limit(3, 20), Limit(3, 20), Limit(3, 50))


def in_step(count=10, *words, **more):
	"""`count` Customers, in step on both sides, all some hours ago."""
	w = World(keep(C, *words, **more))
	for n in range(count):
		w.people[SIDES[n % 2]].insert(C, customer_name=f"c{n:03}", tax_id="1")
	w.sync()
	w.check_in_step()
	w.clock.sleep(5 * 3600)
	return w


def run(w, breakers=None, *, full=False, whole=False, **more):
	"""A scan and a drain with small limits. `whole` is that the run counts as a full one."""
	ctx = w.context(breakers=breakers or Breakers(SMALL), **more)
	w.scan(ctx, full=full or whole)
	done = Run("run", "test", full=whole)
	drain(ctx, done)
	return done


def counts(w):
	return w.count(C)


def delete(w, side, *numbers):
	for n in numbers:
		w.people[side].delete(C, f"c{n:03}")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("batch", [1, 2, 100])
def test_too_many_deletions_stop_before_the_first(side, batch):
	w = in_step()
	delete(w, side, 1, 2, 3, 4)
	for _ in range(2):  # nobody said anything: it trips again
		done = run(w, batch_size=batch)
		assert done.halt and done.halt.key == f"deletions:{side}:Customer"
		assert "4 of 10 documents of Customer (40 %)" in done.stopped and side in done.stopped
		assert "c001, c002, c003 and 1 more" in done.stopped
	assert counts(w)[side == LOCAL] == 10
	w.queue.let_pass(C)
	done = run(w, batch_size=batch)
	assert not done.stopped and done.counts[f"delete_{other(side)}"] == 4
	assert counts(w) == (6, 6)
	w.check_in_step()
	delete(w, side, 5, 6, 7, 8)
	assert run(w, batch_size=batch).halt, "what was let pass were those four"
	assert counts(w)[side == LOCAL] == 6


@pytest.mark.parametrize("limits", [SMALL, Limits(Limit(0, 20)), Limits()])
def test_a_few_deletions_pass(limits):
	w = in_step()
	delete(w, CLOUD, 1, 2, 3)
	assert run(w, Breakers(limits)).counts["delete_local"] == 3
	assert counts(w) == (7, 7)


def test_many_deletions_that_are_a_small_part_pass():
	w = in_step(40)
	delete(w, CLOUD, *range(8))
	assert run(w).counts["delete_local"] == 8


def test_without_a_limit_all_pass():
	w = in_step()
	delete(w, CLOUD, *range(10))
	assert run(w, Breakers(Limits(deletions=Limit(0, 20)))).counts["delete_local"] == 10


@pytest.mark.parametrize("deletes", ["keep", "ask"])
def test_deletions_that_delete_nothing_pass(deletes):
	w = in_step(10, deletes=deletes)
	delete(w, CLOUD, *range(10))
	assert not run(w).stopped
	assert counts(w) == (10, 0)


def test_deletions_that_come_one_by_one_are_counted_over_an_hour():
	w = in_step()
	for n in range(3):
		delete(w, CLOUD, n)
		w.put(Event(CLOUD, C, f"c{n:03}", "delete", "webhook"))
		assert w.drain(w.context(breakers=Breakers(SMALL))).counts["delete_local"] == 1
		w.clock.sleep(60)
	delete(w, CLOUD, 3)
	w.put(Event(CLOUD, C, "c003", "delete", "webhook"))
	halt = w.drain(w.context(breakers=Breakers(SMALL))).halt
	assert (
		halt
		and "4 of 10 documents" in str(halt)
		and "3 of them carried over within the last hour" in str(halt)
	)
	w.queue.let_pass(C)
	resumed = Breakers(SMALL, counted_from=w.clock.now())
	assert w.drain(w.context(breakers=resumed)).counts["delete_local"] == 1
	delete(w, CLOUD, 4)
	w.put(Event(CLOUD, C, "c004", "delete", "webhook"))
	assert w.drain(w.context(breakers=resumed)).counts["delete_local"] == 1, "the count began anew"


def test_deletions_of_the_day_are_normal():
	w = in_step()
	for n in range(8):
		delete(w, CLOUD, n)
		assert not run(w).stopped
		w.clock.sleep(1300)


def test_what_is_deleted_after_an_edit_is_counted_too():
	"""It is claimed by its edit, before any deletion is."""
	w = in_step()
	for n in range(4):
		w.people[LOCAL].save(C, f"c{n:03}", tax_id="2")
		delete(w, LOCAL, n)
		w.put(Event(LOCAL, C, f"c{n:03}"), Event(LOCAL, C, f"c{n:03}", "delete"))
	assert w.drain(w.context(breakers=Breakers(SMALL), batch_size=1)).halt
	assert counts(w) == (6, 10)


def test_hints_of_deletions_are_not_deletions():
	w = in_step()
	w.put(*(Event(CLOUD, C, f"c{n:03}", "delete", "webhook") for n in range(1, 10)))  # they are all there
	w.put(*(Event(CLOUD, C, f"never synced {n}", "delete", "webhook") for n in range(20)))
	delete(w, CLOUD, 0)
	assert not run(w, batch_size=2).stopped
	assert counts(w) == (9, 9)


def clash(w, *numbers):
	for n in numbers:
		w.people[CLOUD].save(C, f"c{n:03}", tax_id="cloud")
		w.people[LOCAL].save(C, f"c{n:03}", tax_id="local")


def test_too_many_overwrites_stop():
	w = in_step(10, "cloud_wins")
	clash(w, *range(5))
	done = run(w)
	assert done.halt and done.halt.key == "overwrites:local:Customer"
	assert "4 of 10 documents of Customer (40 %) were edited on both sides" in done.stopped
	assert done.counts["update_local"] == 3
	w.queue.let_pass(C)
	assert not run(w).stopped
	w.check_in_step()


@pytest.mark.parametrize("words", [("cloud_wins",), ("manual",)])
def test_a_few_clashes_pass(words):
	w = in_step(10, *words)
	clash(w, *range(3 if words == ("cloud_wins",) else 10))
	assert not run(w).stopped


def test_clashes_on_first_contact_are_not_counted():
	w = World(keep(C, "cloud_wins"))
	for n in range(10):
		for side in SIDES:
			w.people[side].insert(C, customer_name=f"c{n:03}", tax_id=side)
	assert not run(w, whole=True).stopped
	w.check_in_step()


def test_too_many_updates_stop_a_full_run_alone():
	w = in_step()
	for n in range(6):
		w.people[CLOUD].save(C, f"c{n:03}", tax_id="2")
	assert not run(w, batch_size=2).stopped, "a day's work"
	for n in range(6):
		w.people[CLOUD].save(C, f"c{n:03}", tax_id="3")
	done = run(w, whole=True)
	assert done.halt and done.halt.key == "updates:local:Customer"
	assert "differ from the cloud side in one full run" in done.stopped
	w.queue.let_pass(C)
	assert not run(w, whole=True).stopped
	w.check_in_step()


def test_another_worker_that_tripped_stops_this_one_too():
	w = in_step()
	w.people[CLOUD].save(C, "c000", tax_id="2")
	done = run(w, Breakers(paused=lambda: True))
	assert done.stopped and not done.halt and not done.done


# -- a side as a whole


def truncate(w, side):
	"""What no trail tells of."""
	w.sites[side]._db.execute(f"delete from {table(DOCTYPES[C])}")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("full", [False, True])
def test_an_emptied_side_stops_the_scan(side, full):
	w = in_step(25)
	truncate(w, side)
	breakers = Breakers()
	with pytest.raises(
		Halt, match=f"The {side} side lists no documents of Customer, where 25 are bound"
	) as e:
		run(w, breakers, full=full)
	assert e.value.key == f"empty:{side}:Customer"
	assert w.queue.pending() == 0
	breakers.acknowledged.add(e.value.key)
	for _ in range(2):
		run(w, breakers, full=full)
		assert breakers.acknowledged == {e.value.key}, "known, as long as it is so"
	for n in range(25):
		w.people[side].insert(C, customer_name=f"c{n:03}", tax_id="1")
	run(w, breakers, full=full)
	assert breakers.acknowledged == set(), "and news when it happens again"


@pytest.mark.parametrize("full", [False, True])
def test_a_side_that_people_emptied_is_a_matter_of_deletions(full):
	w = in_step(25)
	delete(w, CLOUD, *range(25))
	done = run(w, Breakers(), full=full)
	assert done.halt and done.halt.kind == "deletions"
	w.queue.let_pass(C)
	assert not run(w, Breakers(), full=full).stopped
	assert counts(w) == (0, 0)


def test_a_few_documents_may_vanish():
	w = in_step(2)
	truncate(w, CLOUD)
	assert not run(w, Breakers()).stopped


def test_a_small_doctype_that_vanishes_is_a_restored_side():
	w = in_step(5)
	truncate(w, CLOUD)
	with pytest.raises(Halt, match="now it is not there, nor are others, and none was deleted"):
		run(w, Breakers())


def restore(w, side, *numbers):
	"""Some documents are again as they were three hours before."""
	for n in numbers:
		then = datetime.fromisoformat(w.people[side].get(C, f"c{n:03}")["modified"]) - timedelta(hours=3)
		w.sites[side].set_value(
			C, f"c{n:03}", {"tax_id": "old", "modified": str(then)}, update_modified=False
		)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("full", [False, True])
def test_a_restored_side_stops_the_scan(side, full):
	w = in_step()
	restore(w, side, *range(10))
	w.people[side].insert(C, customer_name="new since")  # the side is at work again
	breakers = Breakers()
	with pytest.raises(Halt, match=f"The {side} side is older than it was: documents went back in time") as e:
		run(w, breakers, full=full)
	assert e.value.key == f"restored:{side}:"
	assert w.queue.pending() == 0 or side == CLOUD
	breakers.acknowledged.add(e.value.key)
	w.database.execute("delete from cursor where side = ?", (side,))
	assert not run(w, breakers, full=full).stopped
	run(w, breakers, full=full)
	assert breakers.acknowledged == set()
	w.check_in_step()
	assert w.people[other(side)].get(C, "c003", "tax_id") == "old"


@pytest.mark.parametrize("full", [False, True])
def test_a_cursor_ahead_of_its_side_stops_the_scan(full):
	"""Nothing was edited since the backup, but for one document: the scan's own last one tells."""
	w = in_step()
	last = w.ledger.cursor(C, CLOUD)
	w.ledger.move_cursor(
		C, CLOUD, Cursor(str(datetime.fromisoformat(last.modified) + timedelta(hours=3)), last.name)
	)
	with pytest.raises(Halt, match=f"the last scan saw Customer {last.name} as of .* and now it is as of"):
		run(w, full=full)


def delete_newest(w):
	w.people[CLOUD].delete(C, w.ledger.cursor(C, CLOUD).name)


def rename_newest(w):
	w.sites[CLOUD].rename(C, w.ledger.cursor(C, CLOUD).name, "renamed")


def rename_and_delete_newest(w):
	rename_newest(w)
	w.people[CLOUD].delete(C, "renamed")


def edit_newest(w):
	w.people[CLOUD].save(C, w.ledger.cursor(C, CLOUD).name, tax_id="2")


def two_went_back(w):
	restore(w, CLOUD, 2, 4)


def summer_time_ends(w):
	for n in range(10):
		then = datetime.fromisoformat(w.people[CLOUD].get(C, f"c{n:03}")["modified"]) - timedelta(minutes=50)
		w.sites[CLOUD].set_value(C, f"c{n:03}", {"tax_id": "2", "modified": str(then)}, update_modified=False)
	w.people[CLOUD].insert(C, customer_name="new since")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
	"happens",
	[
		lambda w: None,
		delete_newest,
		rename_newest,
		rename_and_delete_newest,
		edit_newest,
		summer_time_ends,
	],
)
def test_normal_work_stops_nothing(happens, full):
	w = in_step(30)
	happens(w)
	for _ in range(2):
		assert not run(w, Breakers(), full=full).stopped
		w.clock.sleep(7200)


def test_a_scan_at_rest_asks_for_nothing_more():
	w = in_step(30)
	calls = []

	def around(label, call):
		calls.append(label)
		return call()

	ctx = w.context(breakers=Breakers(), around=around)
	w.scan(ctx, full=False)
	assert not [label for label in calls if label.endswith(("stamps", "page_by_name"))], calls


def test_who_is_only_looking_is_not_stopped():
	w = in_step(25)
	delete(w, CLOUD, *range(24))
	restore(w, LOCAL, *range(24))
	assert not run(w, Breakers(on=False)).halt
