"""What `scripts/load` runs in the bench. Prints what it measures; exits 1 where something was lost."""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import frappe
from frappe.core.doctype.log_settings.log_settings import run_log_clean_up
from frappe.utils import add_to_date, now_datetime

from erpsync_app import runs
from erpsync_app.adapters.event_queue import insert
from erpsync_app.adapters.ledger import insert_rows
from erpsync_app.engine.inbox import SIGNATURE_HEADER, sign
from erpsync_app.engine.model import Event
from erpsync_app.tests import support

MOST = 1_000_000
SENDERS = 8
PATIENCE = 900
"""Seconds for the queue to drain."""

PREFIX = "erpsync load"
WEBHOOK = "/api/method/erpsync_app.api.webhook.cloud"
PING = "/api/method/ping"
LIMITS = ("max_deletions", "max_overwrites", "max_updates")


def main() -> None:
	parser = argparse.ArgumentParser(prog="scripts/load")
	parser.add_argument("part", choices=["webhooks", "retention"])
	parser.add_argument("--number", type=int)
	parser.add_argument("--documents", type=int, default=500)
	parser.add_argument("--seconds", type=float, default=60)
	options = parser.parse_args()
	if not (1 <= options.documents <= MOST and 1 <= (options.number or 1) <= MOST and options.seconds > 0):
		parser.error(f"numbers go from 1 to {MOST}")
	for host in (support.LOCAL_SITE, support.CLOUD_SITE):
		if not host.endswith(".localhost"):
			parser.error(f"{host} is not a site of this machine")
	if options.part == "webhooks":
		webhooks(options.number or 10_000, options.documents, options.seconds)
	else:
		retention(options.number or 100_000, options.documents)


@contextmanager
def site():
	"""The local site, connected to the cloud with one rule, and afterwards as it was."""
	frappe.init(site=support.LOCAL_SITE, sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
	cloud = support.Person(support.CLOUD_URL)
	key, secret = support.cloud_keys(cloud)
	mine = ["name", "like", f"{PREFIX}%"]
	support.take_away(cloud, "Brand", mine)  # what a run that was killed has left
	try:
		with support.settings_anew():
			support.set_rules(support.only("Brand", PREFIX))
			support.forget_everything()
			support.set_setting(
				cloud_url=support.CLOUD_URL,
				api_key=key,
				api_secret=secret,
				webhook_secret=support.SECRET,
				webhook_rate_limit=MOST,
				**dict.fromkeys(LIMITS, 0),
			)
			yield cloud
	finally:
		support.take_away(cloud, "Brand", mine)


def names_of(documents: int) -> list[str]:
	return [f"{PREFIX} {n:06}" for n in range(documents)]


def make_in_cloud(cloud: support.Person, names: list[str]) -> None:
	cloud.insert_many([{"doctype": "Brand", "brand": name, "description": f"of {name}"} for name in names])


# -- webhooks


def webhooks(number: int, documents: int, seconds: float) -> None:
	names = names_of(documents)
	with site() as cloud:
		make_in_cloud(cloud, names)
		idle = pings(5)
		bare = bare_requests(5)
		support.set_setting(enabled=1)
		bodies = [
			json.dumps({"doctype": "Brand", "name": names[n % documents]}).encode() for n in range(number)
		]
		sent = Sent()
		stop = threading.Event()
		while_busy: list[float] = []
		watch = threading.Thread(target=keep_pinging, args=(stop, while_busy))
		deepest, before, most = 0, memory(), memory()
		watch.start()
		began = time.monotonic()
		with ThreadPoolExecutor(SENDERS) as pool:
			for sender in range(SENDERS):
				pool.submit(send, bodies, sender, began, seconds, sent)
			while sent.all() < number:
				frappe.db.rollback()
				deepest = max(deepest, frappe.db.count("Sync Event"))
				most = {part: max(most[part], now) for part, now in memory().items()}
				time.sleep(1)
		took = time.monotonic() - began
		stop.set()
		watch.join()
		left = wait_for_an_empty_queue()
		drained = time.monotonic() - began
		here = dict(
			frappe.get_all(
				"Brand",
				{"name": ("like", f"{PREFIX}%")},
				["name", "description"],
				as_list=True,
				order_by="name",
			)
		)
		missing = [name for name in names if here.get(name) != f"of {name}"]
		after = memory()

		print(f"webhooks sent                    {number} about {documents} documents")
		print(f"  in                             {took:.1f} s, {number / took:.0f} a second")
		print(f"  bare `ping` on the idle server {bare:.0f} a second, by as many senders")
		print(f"  answered 'queued'              {sent.queued}")
		print(f"  answered otherwise             {sent.other} {sent.examples or ''}")
		print(f"queue at its deepest             {deepest} rows")
		print(f"queue empty after                {drained:.1f} s, rows left: {left}")
		print(f"documents lost                   {len(missing)}")
		print(f"ping on the idle server p50, p99 {p50(idle):.0f} ms, {p99(idle):.0f} ms ({len(idle)} asked)")
		print(
			f"ping meanwhile          p50, p99 {p50(while_busy):.0f} ms, {p99(while_busy):.0f} ms ({len(while_busy)} asked)"
		)
		for part in before:
			print(
				f"memory of {part:<22} {before[part]} MB before, {most[part]} MB at most, {after[part]} MB after"
			)
	lost = number - sent.queued
	if lost or missing or left:
		sys.exit(f"lost: {lost} webhooks, {len(missing)} documents, {left} rows left in the queue")


class Sent:
	"""What became of the webhooks."""

	def __init__(self):
		self.queued = self.other = 0
		self.examples: list[str] = []
		self._lock = threading.Lock()

	def note(self, answer: str) -> None:
		with self._lock:
			if answer == "queued":
				self.queued += 1
			else:
				self.other += 1
				self.examples = [*self.examples, answer][:3]

	def all(self) -> int:
		return self.queued + self.other


def send(bodies: list[bytes], sender: int, began: float, seconds: float, sent: Sent) -> None:
	"""Each sender's share, evenly over the time; as fast as it goes where that is too fast."""
	connection = Connection()
	for n in range(sender, len(bodies), SENDERS):
		time.sleep(max(began + seconds * n / len(bodies) - time.monotonic(), 0))
		headers = {SIGNATURE_HEADER: sign(support.SECRET, bodies[n]), "Content-Type": "application/json"}
		try:
			status, text = connection.ask("POST", WEBHOOK, bodies[n], headers)
			sent.note(json.loads(text).get("status", "") if status == 200 else f"{status} {text[:80]!r}")
		except Exception as e:
			sent.note(f"{type(e).__name__}: {e}"[:100])


class Connection:
	"""A kept connection to the local site. The senders share the machine with what they measure: they cost little."""

	def __init__(self):
		self._http = HTTPConnection(support.LOCAL_SITE, int(support.PORT), timeout=60)

	def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None):
		"""The status and the body of the answer."""
		try:
			self._http.request(method, path, body, headers or {})
			answer = self._http.getresponse()
			return answer.status, answer.read()
		except Exception:
			self._http.close()  # a new one for the next
			raise


def bare_requests(seconds: float) -> float:
	"""How many requests a second the web server answers that do nothing: what Frappe itself can take here."""
	end, count = time.monotonic() + seconds, [0] * SENDERS

	def ask(sender: int) -> None:
		connection = Connection()
		while time.monotonic() < end:
			connection.ask("GET", PING)
			count[sender] += 1

	with ThreadPoolExecutor(SENDERS) as pool:
		list(pool.map(ask, range(SENDERS)))
	return sum(count) / seconds


def pings(seconds: float) -> list[float]:
	stop, found = threading.Event(), []
	watch = threading.Thread(target=keep_pinging, args=(stop, found))
	watch.start()
	time.sleep(seconds)
	stop.set()
	watch.join()
	return found


def keep_pinging(stop: threading.Event, found: list[float]) -> None:
	connection = Connection()
	while not stop.is_set():
		began = time.monotonic()
		status, _ = connection.ask("GET", PING)
		assert status == 200, status
		found.append(1000 * (time.monotonic() - began))
		stop.wait(0.1)


def p50(found: list[float]) -> float:
	return statistics.median(found)


def p99(found: list[float]) -> float:
	return statistics.quantiles(found, n=100, method="inclusive")[98]


def wait_for_an_empty_queue() -> int:
	end = time.monotonic() + PATIENCE
	while time.monotonic() < end:
		frappe.db.rollback()
		if not (left := frappe.db.count("Sync Event")):
			return 0
		time.sleep(0.5)
	return left


def memory() -> dict[str, int]:
	"""Resident memory in MB of what `scripts/bench` has started, with its children."""
	return {
		name: sum(map(resident, family(pid)))
		for name in ("web", "worker-1", "worker-2")
		if (pid := pid_of(name))
	}


def pid_of(name: str) -> int | None:
	try:
		return int((Path(support.BENCH) / ".erpsync" / "run" / f"{name}.pid").read_text())
	except (OSError, ValueError):
		return None


def family(pid: int) -> list[int]:
	children = Path(f"/proc/{pid}/task/{pid}/children")
	return [pid, *(p for child in children.read_text().split() for p in family(int(child)))]


def resident(pid: int) -> int:
	pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
	return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000


# -- retention


def retention(number: int, documents: int) -> None:
	names = names_of(documents)
	with site() as cloud:
		make_in_cloud(cloud, names)
		support.sync()

		lines_before, began = frappe.db.count("Sync Log"), time.monotonic()
		for start in range(0, number, 1000):
			insert(
				[
					Event("cloud", "Brand", names[n % documents])
					for n in range(start, min(start + 1000, number))
				]
			)
		frappe.db.commit()
		queued, filled = frappe.db.count("Sync Event"), time.monotonic()
		size = megabytes("Sync Event")
		run = runs.drain(trigger="command")
		frappe.db.rollback()
		left, lines = frappe.db.count("Sync Event"), frappe.db.count("Sync Log") - lines_before
		print(
			f"events queued                    {queued} of {documents} documents in step, {size} MB, in {filled - began:.1f} s"
		)
		print(
			f"  worked on in                   {time.monotonic() - filled:.1f} s, each document once: {run.done}"
		)
		print(f"  writes                         {sum(support.writes(run).values())}")
		print(f"  rows left, lines added         {left}, {lines}")

		frappe.db.delete("Sync Log")
		age(number)
		lines, size = frappe.db.count("Sync Log"), megabytes("Sync Log")
		began = time.monotonic()
		run_log_clean_up()
		frappe.db.commit()
		kept = frappe.db.count("Sync Log")
		days = frappe.db.get_value("Logs To Clear", {"ref_doctype": "Sync Log"}, "days")
		(oldest,) = frappe.db.sql("select min(creation) from `tabSync Log`")[0]
		print(f"lines in the Sync Log            {lines} of 200 days, {size} MB")
		print(
			f"  cleared by Log Settings in     {time.monotonic() - began:.1f} s, those older than {days} days"
		)
		print(
			f"  kept                           {kept}, the oldest {(now_datetime() - oldest).days} days old"
		)
		age(number - kept)
		again = megabytes("Sync Log")
		run_log_clean_up()
		frappe.db.commit()
		print(f"  filled and cleared once more   {again} MB full, {frappe.db.count('Sync Log')} lines kept")
	if left or queued != number or (now_datetime() - oldest).days > int(days):
		sys.exit("the tables are not bounded")


def age(number: int) -> None:
	"""Lines as a busy site writes them in 200 days."""
	now = now_datetime()
	row = {
		"run": "load",
		"ref_doctype": "Brand",
		"operation": "update",
		"outcome": "Success",
		"overwritten": "x" * 200,
	}
	for start in range(0, number, 1000):
		many = range(start, min(start + 1000, number))
		made = insert_rows("Sync Log", [{**row, "local_name": f"{PREFIX} {n}"} for n in many])
		moment = add_to_date(now, days=-200 * start / number)
		frappe.db.set_value("Sync Log", {"name": ("in", made)}, "creation", moment, update_modified=False)
	frappe.db.commit()


def megabytes(doctype: str) -> int:
	frappe.db.sql(f"analyze table `tab{doctype}`")
	((size,),) = frappe.db.sql(
		"select data_length + index_length from information_schema.tables where table_schema = database()"
		" and table_name = %s",
		f"tab{doctype}",
	)
	return round(size / 1_000_000)


main()
