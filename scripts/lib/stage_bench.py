"""The story on the two ERPNext sites of a bench: sets the cloud up by stock means, connects, and plays.

Usage: stage_bench.py BENCH_SCRIPT, with the output of `scripts/bench env` in the environment.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import quote

from story import Teller, Trouble, tell

from erpsync_app.erp_sync.words import COUNTS

BENCH_SCRIPT = sys.argv[1]
BENCH = os.environ["ERPSYNC_TEST_BENCH"]
LOCAL_SITE = os.environ["ERPSYNC_TEST_LOCAL_SITE"]
CLOUD_SITE = os.environ["ERPSYNC_TEST_CLOUD_SITE"]
PORT = os.environ["ERPSYNC_TEST_PORT"]
PASSWORD = os.environ["ERPSYNC_TEST_ADMIN_PASSWORD"]
LOCAL_URL = f"http://{LOCAL_SITE}:{PORT}"
CLOUD_URL = f"http://{CLOUD_SITE}:{PORT}"

RULES = f"{BENCH}/apps/erpsync_app/docs/example-rules.yaml"
SYNC_USER = "erpsync@example.com"
ROLES = ("System Manager", "Sales Master Manager", "Item Manager")


class Site:
	"""Administrator at work on a site, through its REST API."""

	def __init__(self, url: str):
		self._url = url
		# No proxy of the machine's: the sites are on this machine.
		self._opener = urllib.request.build_opener(
			urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
		)
		self.call("login", usr="Administrator", pwd=PASSWORD)

	def call(self, method: str, **arguments: Any) -> Any:
		return self._ask(f"/api/method/{method}", arguments).get("message")

	def insert(self, doctype: str, **values: Any) -> str:
		return self.call("frappe.client.insert", doc={"doctype": doctype, **values})["name"]

	def get(self, doctype: str, name: str) -> dict[str, Any] | None:
		answer = self._ask(f"/api/resource/{quote(doctype)}/{quote(name, safe='')}", may_lack=True)
		return answer.get("data")

	def edit(self, doctype: str, name: str, **values: Any) -> None:
		self.call("frappe.client.set_value", doctype=doctype, name=name, fieldname=values)

	def delete(self, doctype: str, name: str) -> None:
		self.call("frappe.client.delete", doctype=doctype, name=name)

	def listed(
		self, doctype: str, fields: list[str], filters: list[Any], limit: int = 0
	) -> list[dict[str, Any]]:
		return self.call(
			"frappe.client.get_list",
			doctype=doctype,
			fields=fields,
			filters=filters,
			order_by="creation desc",
			limit_page_length=limit,
		)

	def status(self) -> dict[str, Any]:
		return self._ask("/api/method/erpsync_app.api.status")

	def _ask(
		self, path: str, arguments: dict[str, Any] | None = None, *, may_lack: bool = False
	) -> dict[str, Any]:
		body = None if arguments is None else json.dumps(arguments).encode()
		headers = {"Accept": "application/json", "Content-Type": "application/json"}
		request = urllib.request.Request(self._url + path, data=body, headers=headers)
		try:
			with self._opener.open(request, timeout=120) as answer:
				return json.loads(answer.read() or b"{}")
		except urllib.error.HTTPError as e:
			if e.code == 404 and may_lack:
				return {}
			raise Trouble(f"{self._url} answered {e.code} to {path}: {_reason(e)}") from None
		except (OSError, ValueError) as e:
			raise Trouble(f"{self._url} did not answer {path}: {e}") from None


def _reason(e: urllib.error.HTTPError) -> str:
	try:
		told = json.loads(e.read())
		messages = json.loads(told.get("_server_messages") or "[]")
		return json.loads(messages[0])["message"] if messages else told.get("exc_type") or "no reason given"
	except (ValueError, KeyError, TypeError):
		return "no reason given"


def erpsync(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
	"""`bench --site … erpsync …` in the bench; what it answers. The environment goes in by a pipe, where nobody
	who lists the processes sees the secrets."""
	command = shlex.join(["bench", "--site", LOCAL_SITE, "erpsync", *arguments, "--json"])
	lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in (environment or {}).items())
	done = subprocess.run(
		[BENCH_SCRIPT, "run", "bash", "-c", f'eval "$(cat)"; exec {command} </dev/null'],
		input=lines,
		capture_output=True,
		text=True,
		check=False,
	)
	try:
		answer = json.loads(done.stdout.strip().splitlines()[-1])
	except (IndexError, ValueError):
		told = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
		raise Trouble(f"`{command}` failed with status {done.returncode}: {told}") from None
	if done.returncode == 0:
		return answer
	problems = [problem for side in answer.get("sides", ()) for problem in side["problems"]]
	raise Trouble(
		answer.get("error") or " ".join(problems or answer.get("errors", ())) or f"`{command}` failed."
	)


class Bench:
	"""`story.Stage` on a bench."""

	def __init__(self, local: Site, cloud: Site):
		self.local = local
		self.cloud = cloud

	def sync(self) -> dict[str, int]:
		return {COUNTS.get(what, what): number for what, number in erpsync("sync")["counts"].items()}

	def waiting(self) -> int:
		status = self.local.status()
		return status["pending_webhooks"] + status["processing_webhooks"]

	def pause(self) -> None:
		self.local.edit(
			"Sync Settings", "Sync Settings", paused=1, pause_reason="scripts/demo plays a broken line"
		)

	def resume(self) -> None:
		self.local.edit("Sync Settings", "Sync Settings", paused=0)

	def conflict(self, doctype: str, name: str) -> dict[str, Any] | None:
		rows = self.local.listed(
			"Sync Conflict",
			["status", "resolution", "clashes"],
			[["ref_doctype", "=", doctype], ["local_name", "=", name]],
			limit=1,
		)
		if not rows:
			return None
		return {**rows[0], "clashes": {clash["field"]: clash for clash in json.loads(rows[0]["clashes"])}}

	def forge(self, doctype: str, name: str) -> int:
		body = json.dumps({"doctype": doctype, "name": name, "event": "on_trash"}).encode()
		headers = {
			"Content-Type": "application/json",
			"X-Frappe-Webhook-Signature": "bm90IHRoZSByaWdodCBvbmU=",
		}
		request = urllib.request.Request(
			f"{LOCAL_URL}/api/method/erpsync_app.api.webhook.cloud", data=body, headers=headers
		)
		try:
			guest = urllib.request.build_opener(urllib.request.ProxyHandler({}))
			with guest.open(request, timeout=30) as answer:
				return answer.status
		except urllib.error.HTTPError as e:
			return e.code
		except OSError as e:
			raise Trouble(f"{LOCAL_URL} did not answer: {e}") from None

	def where_to_look(self) -> str:
		return f"Look at {LOCAL_URL}/app/erp-sync, and at the logs in {BENCH}/.erpsync/log and {BENCH}/logs."


def make_keys(cloud: Site) -> tuple[str, str]:
	"""A user of its own for sync on the cloud, and a new API key for it."""
	if cloud.get("User", SYNC_USER) is None:
		cloud.insert("User", email=SYNC_USER, first_name="ERP Sync", send_welcome_email=0)
	cloud.edit("User", SYNC_USER, enabled=1, roles=[{"role": role} for role in ROLES])
	secret = cloud.call("frappe.core.doctype.user.user.generate_keys", user=SYNC_USER)["api_secret"]
	return cloud.get("User", SYNC_USER)["api_key"], secret


@contextmanager
def setting_up(teller: Teller, title: str) -> Iterator[None]:
	teller.step(title)
	try:
		yield
	except Trouble as e:
		teller.failed(str(e))
		raise SystemExit(1) from None


def main() -> None:
	teller = Teller()
	with setting_up(teller, "The cloud is a stock ERPNext: a user with an API key"):
		local, cloud = Site(LOCAL_URL), Site(CLOUD_URL)
		if local.get("Sync Settings", "Sync Settings").get("paused"):
			local.edit("Sync Settings", "Sync Settings", paused=0)
		key, api_secret = make_keys(cloud)
		teller.done(f"The user {SYNC_USER} has a key.")
	with setting_up(teller, "The local site has the app: rules and connection"):
		teller.say(f"bench --site {LOCAL_SITE} erpsync import-config {RULES}")
		rules = erpsync("import-config", RULES)["rules"]
		others = local.listed("Sync Rule", ["name"], [["enabled", "=", 1], ["name", "not in", rules]])
		if others:  # the demo's user in the cloud has no rights for what they need
			told = ", ".join(rule["name"] for rule in others)
			raise Trouble(f"The site has Sync Rules of its own, for {told}: disable them and run this again.")
		teller.done(f"Rules for {', '.join(rules)}.")
		teller.say(f"bench --site {LOCAL_SITE} erpsync connect")
		answer = erpsync(
			"connect",
			environment={
				"CLOUD_ERP_URL": CLOUD_URL,
				"CLOUD_API_KEY": key,
				"CLOUD_API_SECRET": api_secret,
				"LOCAL_ERP_URL": LOCAL_URL,
			},
		)
		there = answer["sides"][1]
		versions = ", ".join(f"{app} {version}" for app, version in there["versions"].items())
		teller.done(f"Connected to {there['url']} as {there['user']} ({versions}, {there['time_zone']}).")
		made = answer["webhooks"]
		if made["problem"]:
			raise Trouble(made["problem"])
		teller.done(
			f"{made['number']} webhooks on the cloud tell {LOCAL_URL} what changes there; one has come in."
		)
	if not tell(Bench(local, cloud), teller):
		raise SystemExit(1)
	print(
		f"""
Have a look yourself, as Administrator with the password {PASSWORD}:
  local  {LOCAL_URL}/app/erp-sync
  cloud  {CLOUD_URL}
Change a Customer or an Item on either, and see it on the other. scripts/demo --stop ends it all."""
	)


if __name__ == "__main__":
	main()
