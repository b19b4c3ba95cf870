# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A local side whose writes are committed with the ledger, or not at all: by itself, and in a history."""

from datetime import timedelta
from functools import cache

import pytest

from erpsync_app.engine.errors import Duplicate, Missing, Stale
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Event, Outcome, Rule
from erpsync_app.sandbox.atomic import AtomicSite, leaving_open
from erpsync_app.sandbox.bench import SYNC, Bench
from erpsync_app.sandbox.clock import SimulatedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.faults import Fault
from erpsync_app.sandbox.history import Act, Deliver, History, Setup, Wait, Work
from erpsync_app.sandbox.invariants import check
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.simulation import Simulation
from erpsync_app.sandbox.site import SandboxSite
from erpsync_app.sandbox.transport import session_to


class Local:
	"""A site, its ledger and its queue, in one database; `told` are the webhooks that it has sent."""

	def __init__(self):
		self.database, self.clock, self.told = Database(), SimulatedClock(), []
		self.sandbox = SandboxSite(
			self.clock, users=[SYNC], database=self.database, on_webhook=self.told.append
		)
		self.ledger, self.queue = SqliteLedger(self.database), self.queue_of("one")
		self.site = AtomicSite(
			self.database,
			LOCAL,
			url="https://erp.example.com",
			key=SYNC.key,
			secret=SYNC.secret,
			session=session_to(leaving_open(self.database, self.sandbox.handle)),
		)

	def queue_of(self, worker, **more):
		return SqliteQueue(self.database, self.clock, worker=worker, **more)

	def customers(self):
		return self.sandbox.names("Customer")

	def create(self, name):
		return self.site.create("Customer", {"customer_name": name}, name)


@pytest.fixture
def local():
	return Local()


def bound(name, **more):
	return Outcome(Binding("Customer", {LOCAL: name, CLOUD: name}, **more))


def test_a_write_is_committed_with_the_next_save_and_told_then(local):
	local.create("A")
	assert local.customers() == ["A"]  # to who wrote it
	assert (local.told, local.sandbox.writes) == ([], 0)
	local.ledger.save([bound("A")])
	assert len(local.told) == local.sandbox.writes == 1
	local.queue.busy("Customer", ["A"])
	assert local.customers() == ["A"]


@pytest.mark.parametrize(
	"look", [lambda q: q.busy("Customer", ["A"]), lambda q: q.claim("Customer", "change", 1)]
)
def test_who_looks_at_what_is_there_now_has_lost_what_was_open(local, look):
	local.create("A")
	look(local.queue)
	assert (local.customers(), local.told, local.sandbox.writes) == ([], [], 0)


def test_the_queue_commits_it_too(local):
	local.create("A")
	local.queue.put([Event(LOCAL, "Customer", "A")])
	local.queue.busy("Customer", ["A"])
	assert local.customers() == ["A"]


def test_a_save_that_is_refused_takes_it_back(local):
	(first,) = local.ledger.save([bound("A")])
	local.ledger.save([Outcome(first)])
	local.create("B")
	with pytest.raises(Stale):
		local.ledger.save([Outcome(first)])
	assert local.customers() == []
	local.create("C")
	with pytest.raises(Duplicate):
		local.ledger.save([bound("A")])
	assert (local.customers(), local.told) == ([], [])


def test_a_write_that_fails_takes_back_what_is_open_and_no_more(local):
	local.create("A")
	local.ledger.save([])
	local.create("B")
	with pytest.raises(Missing):
		local.site.update("Customer", "C", {"website": "w"}, "2026-01-05 09:00:00")
	assert local.customers() == ["A"]
	made = local.create("B")
	with pytest.raises(Stale):
		local.site.delete("Customer", "A", made["modified"])
	assert local.customers() == ["A"]


def test_a_random_name_is_not_given_twice(local):
	before = local.site.create("ToDo", {"description": "x"}, None)["name"]
	local.queue.busy("ToDo", [before])
	assert local.site.create("ToDo", {"description": "x"}, None)["name"] != before


def test_a_young_lease_is_renewed_without_a_commit(local):
	queue = local.queue_of("two", renew_after=timedelta(minutes=1))
	local.queue.put([Event(LOCAL, "Customer", "A")])
	events = queue.claim("Customer", "change", 1)
	local.create("A")
	assert queue.renew(events)
	assert local.sandbox.writes == 0
	local.clock.sleep(61)
	assert queue.renew(events)
	assert local.sandbox.writes == 1


# -- in a history

HERE = Act(LOCAL, "insert", "Customer", "m1", {"customer_name": "C0", "tax_id": "m1"})
THERE = Act(CLOUD, "insert", "Customer", "m1", {"customer_name": "C0", "tax_id": "m1"})


bench = cache(Bench)


CUSTOMERS = Rule("Customer")


def played(*steps, atomic=True, rule=CUSTOMERS):
	setup = Setup((rule,), dict.fromkeys(SIDES, "UTC"), atomic=atomic)
	world = Simulation(History(1, setup, steps), bench())
	world.play()
	return world


def at_rest(world):
	world.settle()
	return world.problems + list(check(world))


@pytest.mark.parametrize("atomic", [True, False])
def test_killed_after_a_local_write_a_worker_leaves_neither_it_nor_a_word_of_it(atomic):
	world = played(THERE, Work("full", dies=("answer", 1)), atomic=atomic)
	assert world.deaths == 1
	assert world.sites[LOCAL].names("Customer") == (["Base"] if atomic else ["Base", "C0"])
	(begun,) = [b for b in world.ledger.all_bindings() if b.names[CLOUD] == "C0"]
	assert begun.intent and begun.names[LOCAL] is None
	assert at_rest(world) == []


def test_what_happens_meanwhile_in_the_same_database_comes_to_it_after_the_transaction():
	edit = Act(LOCAL, "save", "Customer", "m1", {"website": "t1"})
	world = played(THERE, Work("full", meanwhile=((("answer", 1), edit), (("answer", 1), Wait(9.0)))))
	assert world.sites[LOCAL].get("Customer", "C0")["website"] == "t1"
	assert at_rest(world) == []
	assert world.sites[CLOUD].get("Customer", "C0")["website"] == "t1"


def test_what_happens_meanwhile_comes_to_it_too_where_the_write_was_taken_back():
	edit = Act(LOCAL, "save", "Customer", "m1", {"website": "t1"})
	world = played(THERE, Work("full", dies=("answer", 1), meanwhile=((("answer", 1), edit),)))
	assert any(line.strip() == "not there" for line in world.trace)
	assert at_rest(world) == []


def test_a_worker_that_waited_for_the_transaction_of_a_dead_one_lives_and_dies_by_itself():
	second = Work("full", dies=("request", 1), buried=True)
	world = played(THERE, Work("full", dies=("answer", 1), meanwhile=((("answer", 1), second),)))
	assert world.deaths == 2
	assert at_rest(world) == []


@pytest.mark.parametrize(("fault", "answer"), [(Fault.LOST_TIMEOUT, "417"), (Fault.AFTER_TIMEOUT, "200")])
def test_of_faults_the_local_side_knows_only_the_transaction_that_was_quicker(fault, answer):
	"""Than the write, or than the save that would commit it."""
	world = played(HERE, Work("full"), Act(CLOUD, "save", "Customer", "m1", {"website": "t1"}))
	before, writes = len(world.trace), world.sites[LOCAL].writes
	world.perform(Work("full", faults=((("write", 1), fault),)))
	tries = [line.rsplit(" ", 1)[1] for line in world.trace[before:] if "local set_value" in line]
	assert tries == [answer, "200"]
	assert world.sites[LOCAL].writes == writes + 1
	assert at_rest(world) == []
	assert world.sites[LOCAL].get("Customer", "C0")["website"] == "t1"


@pytest.mark.parametrize("fault", [Fault.LOST_TIMEOUT, Fault.AFTER_TIMEOUT])
def test_a_collision_at_any_request_loses_nothing(fault):
	files = [Act(CLOUD, "attach", "Customer", "m1", {"file": f"t{n}", "private": False}) for n in (1, 2)]
	for number in range(1, 30):
		world = played(THERE, *files, Work("full", faults=((("request", number), fault),)))
		assert at_rest(world) == [], number


def test_a_local_rename_that_was_taken_back_is_not_remembered():
	"""Seed 90021321: the save after it collides; and its old name is another's on the other side by now."""
	world = played(
		HERE,
		Work("full"),
		Act(CLOUD, "rename", "Customer", "m1", {"name": "R"}),
		Deliver(0),
		Act(CLOUD, "insert", "Customer", "m2", {"customer_name": "C0", "tax_id": "m2"}),
		Work("", faults=((("request", 1), Fault.AFTER_HALF),)),
	)
	assert at_rest(world) == []
	for site in world.sites.values():
		assert {doc["name"]: doc["tax_id"] for doc in site.all("Customer")}.items() >= {
			"R": "m1",
			"C0": "m2",
		}.items()


def test_the_copy_of_an_order_with_a_file_gets_a_number_that_was_given_out_before():
	"""Seed 92011844: it is recorded before its file is brought, and its number was still that of the deleted one."""

	def order(side, day):
		row = {"item_code": "Base", "qty": 1.0, "rate": 3.0, "delivery_date": "1917-07-19"}
		values = {"transaction_date": day, "customer": "Base", "po_no": "t1", "items": [row]}
		return Act(side, "insert", "Sales Order", day, values)

	world = played(
		order(LOCAL, "1643-10-01"),
		Work("full"),
		order(CLOUD, "1643-11-03"),
		Act(LOCAL, "delete", "Sales Order", "1643-10-01"),
		Act(CLOUD, "attach", "Sales Order", "1643-11-03", {"file": "t2", "private": False}),
		Work("full"),
		rule=Rule("Sales Order", naming="own", deletes="ask", policy="manual"),
	)
	assert at_rest(world) == []
	(copy,) = world.sites[LOCAL].all("Sales Order")
	assert copy["name"] == "SAL-ORD-2026-00001" and len(world.sites[CLOUD].names("Sales Order")) == 2


def test_two_of_one_name_of_which_each_was_refused_on_the_other_side_are_one():
	"""Seed 95002581: both had a record of their own, and neither met the other one."""
	world = played(
		HERE,
		Work("short"),
		Act(CLOUD, "rename", "Customer", "m1", {"name": "R"}),
		Act(CLOUD, "insert", "Customer", "m2", {"customer_name": "C0", "tax_id": "m2"}),
		Act(LOCAL, "delete", "Customer", "m1"),
		Act(LOCAL, "insert", "Customer", "m3", {"customer_name": "C0", "tax_id": "m3"}),
	)
	assert at_rest(world) == []
	assert [site.names("Customer") for site in world.sites.values()] == [["Base", "C0", "R"]] * 2


def test_a_rename_that_collides_again_and_again_is_not_forgotten():
	"""Seed 96036175: the record of the failure held the new name, and nothing told any more that the other side had to
	follow; a new document of the old name failed for good then."""
	faults = ((("write", 3), Fault.LOST_GATEWAY), (("request", 2), Fault.AFTER_GATEWAY))
	world = played(
		THERE,
		Work("short"),
		Act(CLOUD, "rename", "Customer", "m1", {"name": "R"}),
		Work("full", faults=(*faults, (("write", 1), Fault.LOST_LOGIN_PAGE))),
		Act(CLOUD, "insert", "Customer", "m2", {"customer_name": "C0", "tax_id": "m2"}),
	)
	assert at_rest(world) == []
	assert [site.names("Customer") for site in world.sites.values()] == [["Base", "C0", "R"]] * 2
