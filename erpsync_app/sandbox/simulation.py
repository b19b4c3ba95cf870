# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Plays a history: engine, REST client and ledger, unchanged, between two sandbox sites, with all that goes wrong.

There is one thread and no wall clock. What happens at once happens inside a worker's own step: before a request is
answered, or before a statement of its database, someone edits, a webhook arrives, a second worker runs to its end,
or the worker is gone. So a history is the same each time it is played.

The local side is one of two: a site that commits each write by itself, as the cloud does, or one that is in a transaction
with the ledger, as it is in truth (see `atomic.py`). What comes to that one meanwhile waits for the transaction's end.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.cycle import drain
from erpsync_app.engine.errors import NeedsPerson, Unavailable
from erpsync_app.engine.inbox import check_signature, parse
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, Side
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.scan import scan
from erpsync_app.sandbox import people
from erpsync_app.sandbox.atomic import AtomicLedger, leaving_open
from erpsync_app.sandbox.bench import SYNC, Bench
from erpsync_app.sandbox.clock import SimulatedClock, SkewedClock
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.faults import COLLIDED, Fault, answered
from erpsync_app.sandbox.history import (
	ABOUT,
	Act,
	Choose,
	Deliver,
	Happens,
	History,
	Moment,
	Network,
	Retry,
	Step,
	Wait,
	Work,
)
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.site import SIGNATURE, SandboxSite, Webhook
from erpsync_app.sandbox.worker import Endless, Killed, Worker

SECRET = "of the webhooks"
WRITES = (
	"/api/v2/document/",
	"/api/method/frappe.client.set_value",
	"/api/method/frappe.client.rename_doc",
	"/api/method/frappe.client.delete",
)
READS = (
	"/api/method/frappe.client.get",
	"/api/method/frappe.desk.form.load.getdoctype",
	"/api/method/download_file",
	"/files/",
	"/private/files/",
)
GOES_WITH_IT = ("frappe.client.rename_doc", "frappe.client.delete")
TIMED_OUT = 20.0
"""Seconds that a worker waits for an answer that does not come."""
LEASE = timedelta(minutes=5)
ENDLESS = 2000
"""Requests of one run: more than any that ends."""
SHORTLY = timedelta(seconds=30)
LAST_LOOKS = 5
"""Requests before a deletion with which it is seen whether anything stands beside the document that is not known."""
ROUNDS = 8
"""Of a full scan and the work it finds, within which two sites that nobody disturbs have to come to rest."""

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Problem:
	"""Something that must not be. `kind` is which invariant, `text` what about it."""

	kind: str
	text: str

	def __str__(self) -> str:
		return f"{self.kind}: {self.text}"


class Simulation:
	"""The two sites and the app between them, for one history. `trace` tells all that happened."""

	def __init__(self, history: History, bench: Bench):
		self.history, setup = history, history.setup
		bench.clear()
		self.clock = SimulatedClock(setup.start)
		self.problems: list[Problem] = []
		self.trace: list[str] = []
		self.witness = people.Witness()
		self.rules = {rule.doctype: rule for rule in setup.rules}
		self.database, self.local_database = bench.engine, bench.databases[LOCAL]
		self.sites = {
			side: SandboxSite(
				SkewedClock(
					self.clock,
					offset=timedelta(seconds=setup.offsets[side]),
					drift=setup.drifts[side],
				),
				name=side,
				time_zone=setup.zones[side],
				users=[SYNC],
				database=bench.databases[side],
				webhook_secret=SECRET,
				on_webhook=self._sent(side),
			)
			for side in SIDES
		}
		bench.wire = {side: site.handle for side, site in self.sites.items()}
		self.clients = {
			side: bench.client(
				side, setup.zones[side], list(self.rules), atomic=setup.atomic and side == LOCAL
			)
			for side in SIDES
		}
		bench.wire = {side: self._wire(side) for side in SIDES}
		self.database.before = self._before_statement
		self.ledger = (
			AtomicLedger(self.database, lambda: self.local_database.is_open and self._collides("save"))
			if setup.atomic
			else SqliteLedger(self.database)
		)
		self.queue = SqliteQueue(self.database, self.clock, worker="nobody")
		self.online = True
		self.workers = 0
		self.deaths = 0
		self.faults = 0
		self._hooks: list[tuple[Side, Webhook]] = []
		self._running: list[Worker | None] = []
		# Frappe has no delete or merge that checks the time: what happens between that look and the write goes with it.
		self._deleting = False

	# -- the story

	def play(self) -> None:
		for number, step in enumerate(self.history.steps, start=1):
			self.tell(f"-- {number}. {step}")
			self.perform(step)

	def tell(self, line: str) -> None:
		self.trace.append(f"{'    ' * len(self._running)}{line}")

	def perform(self, step: Step) -> None:
		if isinstance(step, Work):
			self.work(step)
			return
		self._running.append(None)
		try:
			if isinstance(step, Act):
				self.tell(people.do(self.sites[step.side], step, self.witness))
			elif isinstance(step, Deliver):
				self._deliver(step)
			elif isinstance(step, Wait):
				self.clock.sleep(step.seconds)
			elif isinstance(step, Network):
				self.online = step.up
			elif isinstance(step, Choose):
				self._choose(step)
			elif isinstance(step, Retry):
				for event, _ in self.queue.failed():
					self.queue.retry_failed(event.doctype, event.name)
		finally:
			self._running.pop()

	def settle(self) -> None:
		"""Nobody disturbs any more: full scans and work, until a whole round changes nothing anywhere."""
		self.online = True
		self.tell("-- nobody disturbs any more")
		for _ in range(ROUNDS):
			before = self.state()
			self._deliver(Deliver(0))
			self.work(Work("full"))
			for n in range(20):
				self._deliver(Deliver(0))
				due = self.queue.next_due()
				if due is None:
					break
				self.clock.sleep(max((due - self.clock.now()).total_seconds(), 2.0**n))
				self.work(Work())
			else:
				self.problem("stuck", f"the queue does not drain: {self._waiting()}")
				return
			if self.state() == before:
				return
		self.problem("echo", f"after {ROUNDS} full scans there is still something to write")

	def _waiting(self) -> list[Any]:
		return self.database.rows(
			"select distinct doctype, name, error from event where status = 'Pending' order by 1, 2 limit 3"
		)

	def state(self) -> Any:
		"""All that sync may have written, on the sites and in the ledger."""
		return [site.writes for site in self.sites.values()], self.ledger.contents()

	def problem(self, kind: str, text: str) -> None:
		self.problems.append(Problem(kind, text))

	# -- workers

	def work(self, work: Work) -> None:
		self.workers += 1
		worker = Worker(f"worker {self.workers}", work)
		run = Run(worker.name, "simulation")
		self._running.append(worker)
		try:
			# To renew is to commit what is open: the site's queue does it rarely.
			again = LEASE / 4 if self.clients[LOCAL].atomic else timedelta(0)
			queue = SqliteQueue(self.database, self.clock, worker=worker.name, lease=LEASE, renew_after=again)
			ctx = Context(
				self.clients,
				self.ledger,
				queue,
				self.clock,
				self.rules,
				retry=RetryPolicy(max_attempts=3),
				batch_size=self.history.setup.batch_size,
			)
			self._run(ctx, run, work, queue)
			self.local_database.commit()
			told = f"done: {dict(run.counts)}" + (f"; stopped: {run.stopped}" if run.stopped else "")
		except Killed:
			told = "died"
			self.deaths += 1
		except (Unavailable, NeedsPerson) as e:
			told = f"stopped: {e}"
			if isinstance(e, NeedsPerson):
				self.problem("needs a person", str(e))
		except Endless:
			told = "does not end"
			self.problem("stuck", "a run does not end")
		finally:
			self.local_database.rollback()
			self._running.pop()
		if getattr(run, "halt", None):
			self.problem("halted", str(run.halt))
		self.tell(f"{worker.name} {told}")
		if worker.dead and work.buried:
			self.queue.bury(worker.name)

	def _run(self, ctx: Context, run: Run, work: Work, queue: SqliteQueue) -> None:
		if work.scan:
			for events in scan(ctx, ctx.doctypes, full=work.scan == "full", trigger="scan"):
				self.tell(f"scan: {[(e.side, e.kind, e.name) for e in events]}")
				queue.put(events)
		drain(ctx, run)
		for _ in range(3 if work.scan else 0):
			# As a sync does: what is due shortly is waited for.
			due = None if run.stopped else queue.next_due()
			if due is None or due > self.clock.now() + SHORTLY:
				return
			self.clock.sleep(max((due - self.clock.now()).total_seconds(), 0.05))
			drain(ctx, run)

	def _at(self, *kinds: Happens) -> Fault | None:
		"""A worker has come to a moment of its life: what befalls it there."""
		worker = self._running[-1] if self._running else None
		if worker is None:
			return None
		if worker.dead:
			raise Killed
		fault = None
		for kind in kinds:
			worker.counts[kind] += 1
			moment = (kind, worker.counts[kind])
			if moment in worker.eventful:
				fault = self._strikes(worker, moment) or fault
		if worker.counts["request"] > ENDLESS:
			raise Endless
		return fault

	def _strikes(self, worker: Worker, moment: Moment) -> Fault | None:
		for at, step in worker.work.meanwhile:
			if at == moment and not self._deleting:
				self.tell(f"meanwhile, at {moment[0]} {moment[1]}: {step}")
				if isinstance(step, Act):
					worker.acts.append((worker.counts["request"], step))
				self._meanwhile(step)
		if worker.work.dies == moment:
			worker.dead = True
			raise Killed
		return next((fault for at, fault in worker.work.faults if at == moment), None)

	def _meanwhile(self, step: Step) -> None:
		"""What would have to do with the database in which the worker has a transaction open comes to it when that ends."""
		elsewhere = isinstance(step, Wait | Network) or (isinstance(step, Act) and step.side == CLOUD)
		if elsewhere or not self.local_database.is_open:
			self.perform(step)
		else:
			self.local_database.at_end(lambda committed: self._aside(step))

	def _aside(self, step: Step) -> None:
		"""Out of the life of the worker whose transaction it waited for, which may be dead by now."""
		self._running.append(None)
		self.perform(step)
		self._running.pop()

	def _before_statement(self, calm: bool) -> None:
		self._at("statement", *(("call",) if calm else ()))

	def _collides(self, what: str) -> bool:
		worker = self._running[-1] if self._running else None
		strikes = worker is not None and what in worker.collides
		if worker and strikes:
			worker.collides.remove(what)
		return strikes

	def _wire(self, side: Side) -> Any:
		handle, atomic = self.sites[side].handle, self.clients[side].atomic
		if atomic:
			handle = leaving_open(self.local_database, handle)

		def wire(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
			writes = path.startswith(WRITES)
			self._deleting = path.endswith(GOES_WITH_IT)
			fault = self._at("request", *(("write",) if writes else ()))
			self._deleting = False
			if side == CLOUD and not self.online:
				fault = Fault.LOST_CONNECT_TIMEOUT
			self.faults += fault is not None
			if atomic and fault:
				# No network is before a side whose database is ours, but other transactions are in it.
				self._running[-1].collides.add("save" if fault.took_effect else "write")
				fault = None
			collides = atomic and not path.startswith(READS) and self._collides("write")
			if path.endswith("frappe.client.delete"):
				self._goes_along(side, **json.loads(body))
			try:
				answer = COLLIDED if collides else answered(fault, handle, method, path, headers, body)
			except OSError as e:  # as all of requests' are
				self.clock.sleep(TIMED_OUT)
				self.tell(f"{side} {_shown(path, body)}: {fault.value if fault else e}")
				raise
			self.tell(f"{side} {_shown(path, body)}: {fault.value if fault else answer[0]}")
			if writes:
				self._at("answer")
			return answer

		return wire

	def _goes_along(self, side: Side, doctype: str, name: str) -> None:
		"""What people put beside a document since the last looks at it goes along with it: of that no time of Frappe's
		tells, and it has no call that looks and deletes at once."""
		doc, worker = self.sites[side].get(doctype, name), self._running[-1]
		marker = doc and doctype in people.MARKER_FIELDS and doc[people.MARKER_FIELDS[doctype]]
		for request, act in worker.acts if worker and marker else ():
			of = act.values.get(ABOUT) or (act.doctype, act.marker)
			if (
				act.side == side
				and of == (doctype, marker)
				and request >= worker.counts["request"] - LAST_LOOKS
			):
				self.witness.went_along(act)

	# -- webhooks and people

	def _sent(self, side: Side) -> Any:
		return lambda webhook: self._hooks.append((side, webhook))

	def _deliver(self, step: Deliver) -> None:
		chance = random.Random(step.salt)
		sent, self._hooks[:] = list(self._hooks), []
		if step.salt:
			chance.shuffle(sent)
		for side, webhook in sent:
			if chance.random() < step.delayed:
				self._hooks.append((side, webhook))
			elif chance.random() >= step.lost:
				check_signature(SECRET, webhook.body, webhook.headers.get(SIGNATURE))
				event = parse(webhook.body, side)
				if event.doctype in self.rules:
					self.queue.put([event] * (2 if chance.random() < step.doubled else 1))

	def _choose(self, step: Choose) -> None:
		open_ones = [b for b in self.ledger.all_bindings() if b.status == "Conflict" and not b.choice]
		if open_ones:
			binding = open_ones[step.which % len(open_ones)]
			self.database.execute(
				"update binding set choice = ?, version = version + 1 where id = ?", (step.choice, binding.id)
			)
			side = next(side for side in SIDES if binding.names.get(side))
			self.queue.put([Event(side, binding.doctype, binding.names[side] or "", trigger="person")])


def _shown(path: str, body: bytes) -> str:
	return f"{path.rsplit('/', 1)[-1].removeprefix('frappe.client.')} {body.decode()[:160]}"
