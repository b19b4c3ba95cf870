"""The story without a bench: two sandbox sites on SQLite, each behind a port of this machine, and between them the
engine, the REST client and the signature check of the app. Usage: stage_sandbox.py RULES
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from queue import Queue
from typing import Any

import requests
from story import Teller, Trouble, tell

from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.adapters.config_file import parse as parse_rules
from erpsync_app.engine import cycle
from erpsync_app.engine.context import Context, Run
from erpsync_app.engine.inbox import SIGNATURE_HEADER, Rejected, check_signature, parse
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Side
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.scan import scan
from erpsync_app.erp_sync.words import COUNTS
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.event_queue import SqliteQueue
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.schema import DOCTYPES
from erpsync_app.sandbox.site import FrappeError, SandboxSite, User, Webhook
from erpsync_app.sandbox.transport import served

WEBHOOK = "/api/method/erpsync_app.api.webhook."
ROOTS = {
	"Customer Group": "All Customer Groups",
	"Territory": "All Territories",
	"Item Group": "All Item Groups",
}
ZONES = {LOCAL: "Europe/Vienna", CLOUD: "America/New_York"}


class WallClock:
	def now(self) -> datetime:
		return datetime.now(timezone.utc)

	def sleep(self, seconds: float) -> None:
		time.sleep(seconds)


class Worker:
	"""Someone at work on a sandbox site."""

	def __init__(self, site: SandboxSite):
		self._site = site

	def insert(self, doctype: str, **values: Any) -> str:
		return self._do(lambda: self._site.insert(doctype, values))["name"]

	def get(self, doctype: str, name: str) -> dict[str, Any] | None:
		return self._site.get(doctype, name)

	def edit(self, doctype: str, name: str, **values: Any) -> None:
		self._do(lambda: self._site.save(doctype, name, values))

	def delete(self, doctype: str, name: str) -> None:
		self._do(lambda: self._site.delete(doctype, name))

	def _do(self, work: Callable[[], Any]) -> Any:
		try:
			return work()
		except FrappeError as e:
			raise Trouble(f"The sandbox site {self._site.name} refused: {e}") from None


class Sandbox:
	"""`story.Stage` on two sandbox sites. Closes what it opened."""

	def __init__(self, rules: str):
		self._clock = WallClock()
		self._secret = secrets.token_urlsafe(32)
		self._open = ExitStack()
		self._sending: Queue[tuple[Side, Webhook]] = Queue()
		self._wake = threading.Event()
		self._running = threading.Event()  # cleared while sync is paused
		self._running.set()
		self._drain_lock = threading.Lock()

		database = Database()
		self._ledger = SqliteLedger(database)
		self._queue = SqliteQueue(database, self._clock, worker="demo")
		user = User("erpsync@example.com", key=secrets.token_hex(8), secret=secrets.token_hex(8))
		sites = {side: self._site(side, user) for side in SIDES}
		self.urls = {side: self._open.enter_context(served(site.handle)) for side, site in sites.items()}
		self._inbox = self._open.enter_context(served(self._receive))
		self.local, self.cloud = Worker(sites[LOCAL]), Worker(sites[CLOUD])

		config = parse_rules(rules, known_doctypes=DOCTYPES.__contains__, usual_naming=lambda doctype: "keep")
		self._context = Context(
			sites={
				side: CloudSite(side, url=url, key=user.key, secret=user.secret)
				for side, url in self.urls.items()
			},
			ledger=self._ledger,
			queue=self._queue,
			clock=self._clock,
			rules={rule.doctype: rule for rule in config.rules},
			retry=RetryPolicy(),
		)
		for work in (self._send, self._drain_on_and_on):
			threading.Thread(target=work, daemon=True).start()

	def close(self) -> None:
		self._running.clear()
		with self._drain_lock:
			self._open.close()

	def _site(self, side: Side, user: User) -> SandboxSite:
		"""A site that holds what every ERPNext holds from the start."""
		site = SandboxSite(
			self._clock, name=side, time_zone=ZONES[side], users=[user], webhook_secret=self._secret
		)
		for doctype, root in ROOTS.items():
			title = f"{doctype.lower().replace(' ', '_')}_name"
			site.insert(doctype, {title: root, "is_group": 1})
		site.insert("UOM", {"uom_name": "Nos"})
		site.on_webhook = lambda webhook: self._sending.put((side, webhook))
		return site

	# -- webhooks, over HTTP

	def _send(self) -> None:
		while True:
			side, webhook = self._sending.get()
			try:
				self._post(side, webhook.body, webhook.headers)
			except requests.RequestException:
				pass  # a lost webhook; the next scan makes it good

	def _post(self, side: Side, body: bytes, headers: Mapping[str, str]) -> int:
		session = requests.Session()
		session.trust_env = False
		return session.post(self._inbox + WEBHOOK + side, data=body, headers=headers, timeout=10).status_code

	def _receive(
		self, method: str, path: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, dict[str, str], bytes]:
		side = path.removeprefix(WEBHOOK)
		status, answer = 200, {"status": "queued"}
		try:
			if side not in SIDES:
				raise Rejected(404, "There is nothing here.")
			check_signature(self._secret, body, headers.get(SIGNATURE_HEADER))
			event = parse(body, side)
			if event.doctype in self._context.rules:
				self._queue.put([event])
				self._wake.set()
		except Rejected as e:
			status, answer = e.status, {"status": "refused", "message": str(e)}
		return status, {"Content-Type": "application/json"}, json.dumps(answer).encode()

	def forge(self, doctype: str, name: str) -> int:
		body = json.dumps({"doctype": doctype, "name": name, "event": "on_trash"}).encode()
		return self._post(CLOUD, body, {SIGNATURE_HEADER: "bm90IHRoZSByaWdodCBzaWduYXR1cmU="})

	# -- sync

	def sync(self) -> dict[str, int]:
		self._running.clear()  # so that this run does the work, and can tell of it
		try:
			return self._sync()
		finally:
			self._running.set()

	def _sync(self) -> dict[str, int]:
		for events in scan(self._context, self._context.doctypes, full=True, trigger="command"):
			self._queue.put(events)
		run = Run("sync", "command")
		end = time.monotonic() + 30
		while self._queue.pending() and time.monotonic() < end:
			self._drain(run)
			time.sleep(0.05)
		if run.stopped or run.errors:
			raise Trouble(run.stopped or run.errors[0])
		return {COUNTS.get(what, what): number for what, number in run.counts.items() if number}

	def _drain_on_and_on(self) -> None:
		while True:
			self._wake.wait(timeout=0.5)
			self._wake.clear()
			if self._running.is_set() and self._queue.pending():
				self._drain(Run("drain", "webhook"))

	def _drain(self, run: Run) -> None:
		with self._drain_lock:
			cycle.drain(self._context, run)

	def waiting(self) -> int:
		return self._sending.qsize() + self._queue.pending()

	def pause(self) -> None:
		self._running.clear()

	def resume(self) -> None:
		self._running.set()

	def conflict(self, doctype: str, name: str) -> dict[str, Any] | None:
		for found in reversed(self._ledger.conflicts()):
			if found.doctype == doctype and found.names[LOCAL] == name:
				return {
					"status": "Resolved" if found.resolution else "Open",
					"resolution": found.resolution,
					"clashes": {c.field: {"local": c.local, "cloud": c.cloud} for c in found.clashes},
				}
		return None

	def where_to_look(self) -> str:
		failed = "; ".join(f"{event.doctype} {event.name}: {error}" for event, error in self._queue.failed())
		return f"What was set aside: {failed or 'nothing'}. scripts/test --pure tests the same engine."


def main() -> None:
	teller = Teller()
	with open(sys.argv[1], encoding="utf-8") as f:
		stage = Sandbox(f.read())
	teller.say("Two sandbox sites stand in for ERPNext. Between them work the app's own engine, REST")
	teller.say(
		f"client and signature check, over HTTP: local {stage.urls[LOCAL]}, cloud {stage.urls[CLOUD]}."
	)
	try:
		ok = tell(stage, teller)
	finally:
		stage.close()
	if not ok:
		raise SystemExit(1)
	print("\nNothing is left running. scripts/demo shows the same on two real ERPNext sites.")


if __name__ == "__main__":
	main()
