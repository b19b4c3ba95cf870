# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Two sandbox sites, the ledger and the queue between them, and what may befall them: for `test_cycle.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.aside import to_try
from erpsync_app.engine.canonical import canonical
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.cycle import drain
from erpsync_app.engine.mapping import Terms
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Choice, Direction, Event, Rule, Side
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.scan import scan
from erpsync_app.sandbox.clock import SimulatedClock
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.faults import Fault, Faults
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.site import SandboxSite, User
from erpsync_app.sandbox.transport import Handler, session_to

SYNC = User("sync@example.com", "sync-key", "sync-secret")
ANNA = User("anna@example.com")
ZONES = {LOCAL: "Asia/Kolkata", CLOUD: "America/New_York"}
SITE_CALLS = (
	"read pages sums stamps find named with_row linking parents page_by_name page_by_time deletions deleted_at create"
	" update delete call meta"
	" files attached_since detached download add_file tags tag"
).split()
LEDGER_CALLS = "bindings stamps names progress open_intents save cursor move_cursor".split()
QUEUE_CALLS = "put claim renew busy done retry next_due fail".split()


class Killed(BaseException):
	"""The worker's process is gone: nothing of it runs any more, `finally` included."""


class Watched:
	"""A port whose calls are told to `around`, which gets the name of the call and the call itself."""

	def __init__(
		self, port: Any, calls: Sequence[str], label: str, around: Callable[[str, Callable[[], Any]], Any]
	):
		self._port, self._calls, self._label, self._around = port, frozenset(calls), label, around

	def __getattr__(self, name: str) -> Any:
		found = getattr(self._port, name)
		if name not in self._calls:
			return found

		def call(*args: Any, **more: Any) -> Any:
			what = args[0] if args and isinstance(args[0], str) else ""
			return self._around(f"{self._label}.{name} {what}".strip(), lambda: found(*args, **more))

		return call


class World:
	"""`people[side]` acts on a site as a person does. `wire[side]` is the way to a site: replace it by a bad one."""

	def __init__(self, *rules: Rule, zones: Mapping[Side, str] = ZONES, retry: RetryPolicy | None = None):
		self.clock, self.zones = SimulatedClock(), zones
		self.rules = {rule.doctype: rule for rule in rules}
		self.retry = retry or RetryPolicy(max_attempts=4)
		self.databases = {name: Database() for name in (*SIDES, "engine")}
		self.sites = {
			side: SandboxSite(
				self.clock, name=side, time_zone=zones[side], users=[SYNC], database=self.databases[side]
			)
			for side in SIDES
		}
		self.people = {side: Person(site) for side, site in self.sites.items()}
		self.wire: dict[Side, Handler] = {side: site.handle for side, site in self.sites.items()}
		self.database = self.databases["engine"]
		self.ledger = SqliteLedger(self.database, self.clock)
		self.clients = {side: self._client(side) for side in SIDES}
		self.queue = self.queue_of("worker 0")
		self.workers = 0

	def copy(self) -> World:
		"""Another world in the same state, made faster than by going through its history again."""
		twin = World(*self.rules.values(), zones=self.zones, retry=self.retry)
		twin.clock.sleep((self.clock.now() - twin.clock.now()).total_seconds())
		for name, database in self.databases.items():
			database._connection.backup(twin.databases[name]._connection)
		return twin

	# -- running

	def queue_of(self, worker: str) -> SqliteQueue:
		return SqliteQueue(self.database, self.clock, worker=worker)

	def context(
		self, *, around: Callable[[str, Callable[[], Any]], Any] | None = None, **more: Any
	) -> Context:
		"""The context of a new worker, which knows nothing but the meta data. `around` is told of every call to a
		port."""
		self.workers += 1
		queue: Any = self.queue_of(f"worker {self.workers}")
		sites: dict[Side, Any] = dict(self.clients)
		ledger: Any = self.ledger
		if around:
			sites = {side: Watched(site, SITE_CALLS, side, around) for side, site in sites.items()}
			ledger, queue = (
				Watched(ledger, LEDGER_CALLS, "ledger", around),
				Watched(queue, QUEUE_CALLS, "queue", around),
			)
		return Context(sites, ledger, queue, self.clock, self.rules, **{"retry": self.retry, **more})

	def _client(self, side: Side) -> CloudSite:
		return CloudSite(
			side,
			url="https://erp.example.com",
			key=SYNC.key,
			secret=SYNC.secret,
			session=session_to(lambda *request: self.wire[side](*request)),
		)

	def scan(self, ctx: Context | None = None, *, full: bool = True) -> None:
		ctx = ctx or self.context()
		ctx.queue.unblock()
		for events in scan(ctx, ctx.doctypes, full=full, trigger="scan", move=ctx.forced is None):
			ctx.queue.put(to_try(ctx, events))

	def drain(self, ctx: Context | None = None, **more: Any) -> Run:
		run = Run("run", "test")
		drain(ctx or self.context(), run, **more)
		return run

	def sync(self, *, full: bool = True, direction: Direction | None = None, **more: Any) -> Run:
		"""One scan and one drain."""
		ctx = self.context().directed(direction)
		self.scan(ctx, full=full)
		return self.drain(ctx, **more)

	def settle(self) -> None:
		"""Scan and drain, hour by hour, until nothing is left to do."""
		self.scan()
		for _ in range(12):
			run = self.drain()
			assert not run.stopped, run.stopped
			if not self.queue.pending():
				return
			self.clock.sleep(3601)
		raise AssertionError(f"the queue does not drain: {self.database.rows('select * from event')}")

	def put(self, *events: Event) -> None:
		self.queue.put(events)

	def choose(self, doctype: str, side: Side, name: str, choice: Choice) -> None:
		"""A person settles the open conflict of a document."""
		binding = self.binding(doctype, side, name)
		self.database.execute(
			"update binding set choice = ?, version = version + 1 where id = ?", (choice, binding.id)
		)
		self.put(Event(side, doctype, name, trigger="person"))

	def fault(self, side: Side, fault: Fault, *, path: str = "", times: int | None = None) -> Faults:
		"""The next `times` requests to a path that holds `path` meet with a fault; by default all, for ever."""
		left = [times]

		def choose(method: str, asked: str) -> Fault | None:
			if path not in asked or left[0] == 0:
				return None
			left[0] = None if left[0] is None else left[0] - 1
			return fault

		self.wire[side] = faults = Faults(self.sites[side].handle, choose)
		return faults

	def mend(self) -> None:
		self.wire = {side: site.handle for side, site in self.sites.items()}

	# -- looking

	def binding(self, doctype: str, side: Side, name: str):
		return self.ledger.bindings(doctype, side, [name]).get(name)

	def stamps(self) -> dict[tuple[Side, str, str], str]:
		"""When every document was last modified: what a write would change."""
		return {
			(side, doctype, doc["name"]): doc["modified"]
			for side, site in self.sites.items()
			for doctype in self.rules
			for doc in site.all(doctype)
		}

	def open_conflicts(self) -> list[Any]:
		return self.ledger.conflicts(open_only=True)

	def count(self, doctype: str) -> tuple[int, int]:
		return len(self.sites[LOCAL].names(doctype)), len(self.sites[CLOUD].names(doctype))

	def check_in_step(self, doctypes: Sequence[str] = ()) -> None:
		"""Every document is bound to one on the other side, and equal to it; nothing is under way."""
		assert self.queue.pending() == 0 and not self.queue.failed()
		ctx = self.context()
		inward = {(b.doctype, b.names[CLOUD] or ""): b.names[LOCAL] or "" for b in self.ledger.all_bindings()}
		zone = ctx.sites[LOCAL].time_zone
		maps = [each.same for b in self.ledger.all_bindings() for each in b.rows.values()]
		rows = {cloud: local for same in maps for local, cloud in same.items()}
		terms = {
			LOCAL: Terms(LOCAL, zone, zone),
			CLOUD: Terms(CLOUD, ctx.sites[CLOUD].time_zone, zone, inward, {}, rows_inward=rows),
		}
		for doctype in doctypes or self.rules:
			shape = ctx.shape(doctype)
			pairs = [b for b in self.ledger.all_bindings(doctype)]
			for side in SIDES:
				assert sorted(b.names[side] or "" for b in pairs) == sorted(self.sites[side].names(doctype))
			for b in pairs:
				assert b.status == "Synced" and b.intent is None and b.choice is None, b
				docs = {side: self.sites[side].get(doctype, b.names[side] or "") for side in SIDES}
				one, two = (canonical(docs[side] or {}, shape, terms[side]) for side in SIDES)
				assert one == two

	def check_steady(self, scans: Sequence[bool] = (True, False)) -> None:
		"""Another full scan and drain, and a short one, write nothing, neither on a site nor in the ledger."""
		stamps, ledger, writes = self.stamps(), self.ledger.contents(), self.site_writes()
		for full in scans:

			def run(around: Callable[[str, Callable[[], Any]], Any], full: bool = full) -> None:
				ctx = self.context(around=around)
				self.scan(ctx, full=full)
				self.drain(ctx)

			assert not [call for call in calls_of(run) if call.startswith("ledger.save")]
		assert self.stamps() == stamps
		assert self.site_writes() == writes
		assert self.ledger.contents() == ledger
		assert self.queue.pending() == 0

	def site_writes(self) -> int:
		return sum(site.writes for site in self.sites.values())


class Person:
	"""Someone at the Desk of one site."""

	def __init__(self, site: SandboxSite):
		self.site = site

	def insert(self, doctype: str, **fields: Any) -> str:
		return self.site.insert(doctype, fields, user=ANNA)["name"]

	def save(self, doctype: str, name: str, **fields: Any) -> None:
		self.site.save(doctype, name, fields, user=ANNA)

	def delete(self, doctype: str, name: str) -> None:
		self.site.delete(doctype, name, user=ANNA)

	def tag(self, doctype: str, name: str, tag: str) -> None:
		self.site.tag(doctype, name, tag, True, user=ANNA)

	def untag(self, doctype: str, name: str, tag: str) -> None:
		self.site.tag(doctype, name, tag, False, user=ANNA)

	def attach(self, doctype: str, name: str, file_name: str, content: bytes, **more: Any) -> dict[str, Any]:
		return self.site.attach(doctype, name, file_name, content, user=ANNA, **more)

	def attachments(self, doctype: str, name: str) -> list[dict[str, Any]]:
		return self.site.attachments(doctype, name)

	def get(self, doctype: str, name: str, *fields: str) -> Any:
		doc = self.site.get(doctype, name)
		if doc is None or not fields:
			return doc
		return doc[fields[0]] if len(fields) == 1 else tuple(doc[f] for f in fields)


def killed_after(calls: int) -> Callable[[str, Callable[[], Any]], Any]:
	"""Dies when `calls` calls to ports have been carried out."""
	left = [calls]

	def around(label: str, call: Callable[[], Any]) -> Any:
		if left[0] <= 0:
			raise Killed
		done = call()
		left[0] -= 1
		if left[0] == 0:
			raise Killed
		return done

	return around


def interrupted_before(
	call_number: int, event: Callable[[], None]
) -> Callable[[str, Callable[[], Any]], Any]:
	"""Something happens just before the n-th call to a port, counted from 1."""
	count = [0]

	def around(label: str, call: Callable[[], Any]) -> Any:
		count[0] += 1
		if count[0] == call_number:
			event()
		return call()

	return around


def calls_of(run: Callable[[Callable[[str, Callable[[], Any]], Any]], Any]) -> list[str]:
	"""The calls to ports that `run` makes."""
	made: list[str] = []

	def around(label: str, call: Callable[[], Any]) -> Any:
		made.append(label)
		return call()

	run(around)
	return made


def keep(doctype: str, *words: str, **more: Any) -> Rule:
	"""A rule as `builders.rule` makes it, of a DocType whose name is the identity."""
	from erpsync_app.engine.tests.builders import rule

	return rule(*words, doctype=doctype, **more)


def own(doctype: str, *words: str, **more: Any) -> Rule:
	"""The same, of a DocType that each site names by itself."""
	return replace(keep(doctype, *words, **more), naming="own")


HOUR = timedelta(hours=1)
