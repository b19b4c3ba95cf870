# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`bench --site SITE erpsync …` as a person types it: what it prints, how it exits, and one sentence for a mistake."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import frappe
import pytest

from erpsync_app import webhooks
from erpsync_app.tests.machine import FRAPPE, Answer, Running, Said, afresh, cloud_at, erpsync, server
from erpsync_app.tests.support import (
	CLOUD_SITE,
	CLOUD_URL,
	SECRET,
	SYNC_USER,
	Person,
	count,
	differences,
	only,
	set_rules,
	set_setting,
	sync,
	take_away,
	until,
)
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")

DOWN = "http://localhost:9"


@pytest.fixture
def rule(ledger: None, cloud: Person, prefix: str) -> Iterator[None]:
	"""One rule, for this test's documents alone: a sync of them is quick."""
	set_rules(only("Brand", prefix))
	sync()
	yield
	take_away(cloud, "Brand", ["name", "like", f"{prefix}%"])


def brand(name: str, **values: str) -> dict[str, str]:
	"""A document of a DocType of which there are few: what is to be looked at is this test's."""
	return {"doctype": "Brand", "brand": name, **values}


def failed(said: Said, *words: str) -> str:
	"""The sentence of a command that failed: on stderr, alone, and no traceback."""
	assert said.code == 1, said.text
	assert "Traceback" not in said.text
	sentence = said.err.strip()
	assert "\n" not in sentence, sentence
	assert sentence[-1] in ".!?" or ": " in sentence, sentence
	for word in words:
		assert word in sentence
	return sentence


def failed_as_json(said: Said, *words: str) -> str:
	assert said.code == 1, said.text
	assert "Traceback" not in said.text
	assert said.json["ok"] is False
	for word in words:
		assert word in said.json["error"]
	return said.json["error"]


# -- sync


def test_sync_says_what_it_did_and_then_that_there_is_nothing_to_do(cloud: Person, rule: None, prefix: str):
	insert_here(brand(f"{prefix} a"), brand(f"{prefix} b"))
	cloud.insert(**brand(f"{prefix} c"))
	said = erpsync("sync")
	assert said.code == 0, said.text
	assert re.search(r"2 created on the cloud site", said.out)
	assert re.search(r"1 created on the local site", said.out)
	assert differences("Brand", [f"{prefix} {n}" for n in "abc"]) == {}
	again = erpsync("sync")
	assert again.code == 0
	assert "Both sides are in step." in again.out


def test_sync_as_json(cloud: Person, rule: None, prefix: str):
	insert_here(brand(prefix))
	said = erpsync("sync", "--json")
	assert said.code == 0, said.text
	assert said.json["ok"] is True
	assert said.json["counts"] == {"create_cloud": 1}
	assert said.json["errors"] == []
	assert said.json["run"]
	assert isinstance(said.json["documents"], int)
	assert erpsync("sync", "--json").json["counts"] == {}


def test_sync_of_one_doctype_or_document_or_so_many(cloud: Person, rule: None, prefix: str):
	names = [f"{prefix} {n}" for n in "abcd"]
	insert_here(*(brand(name) for name in names))
	only = erpsync("sync", "--json", "--doctype", "Brand", "--docname", names[2])
	assert only.json["counts"] == {"create_cloud": 1}
	assert sorted(cloud.stamps("Brand", f"{prefix}%")) == [names[2]]
	two = erpsync("sync", "--json", "--doctype", "Brand", "--limit", "2")
	assert two.code == 0
	assert two.json["documents"] == 2
	erpsync("sync", "--json", "--doctype", "Brand")
	assert sorted(cloud.stamps("Brand", f"{prefix}%")) == names


def test_sync_in_one_direction(cloud: Person, rule: None, prefix: str):
	insert_here(brand(f"{prefix} ours"))
	cloud.insert(**brand(f"{prefix} theirs"))
	there = erpsync("sync", "--json", "--direction", "local_to_cloud")
	assert there.json["counts"] == {"create_cloud": 1}, there.text
	assert not frappe.db.exists("Brand", f"{prefix} theirs")
	here = erpsync("sync", "--json", "--direction", "cloud_to_local")
	assert here.json["counts"].get("create_local") == 1, here.text


def test_a_dry_run_shows_and_writes_nothing(cloud: Person, rule: None, prefix: str):
	insert_here(brand(f"{prefix} ours"))
	cloud.insert(**brand(f"{prefix} theirs"))
	said = erpsync("sync", "--dry-run", "--json")
	assert said.code == 0, said.text
	planned = {row["name"]: row["writes"] for row in said.json["planned"]}
	assert planned == {f"{prefix} ours": ["create on cloud"], f"{prefix} theirs": ["create on local"]}
	text = erpsync("sync", "--dry-run")
	assert text.code == 0
	assert f"Brand {prefix} ours: create on cloud" in text.out
	assert "2 documents would be written. Nothing was." in text.out
	assert cloud.get("Brand", f"{prefix} ours") is None
	assert count("Sync Event") == count("Sync Log") == count("Sync Record") == 0
	assert len(erpsync("sync", "--dry-run", "--json", "--limit", "1").json["planned"]) <= 1


def test_a_document_that_fails_fails_the_command_and_is_named(cloud: Person, rule: None, prefix: str):
	set_rules(only("Customer", prefix))
	insert_here({"doctype": "Customer Group", "customer_group_name": f"{prefix} group", "is_group": 0})
	insert_here(customer(f"{prefix} bad", customer_group=f"{prefix} group"), customer(f"{prefix} good"))
	said = erpsync("sync", "--json")
	assert said.code == 1
	assert said.json["ok"] is False
	assert said.json["counts"] == {"failed": 1, "create_cloud": 1, "retried": 2}, said.text
	(error,) = said.json["errors"]
	assert error.startswith(f"Customer {prefix} bad: ")
	assert f"{prefix} group" in error


# -- mistakes


@pytest.mark.parametrize(
	("arguments", "words"),
	[
		(("sync", "--docname", "A"), ("--docname needs --doctype",)),
		(("sync", "--dry-run", "--docname", "A"), ("--docname needs --doctype",)),
		(("sync", "--doctype", "No Such DocType"), ("No enabled Sync Rule", "No Such DocType", "Brand")),
		(("sync", "--doctype", "Supplier"), ("No enabled Sync Rule", "Supplier", "Brand")),
		(("sync", "--dry-run", "--doctype", "Supplier"), ("No enabled Sync Rule", "Supplier")),
	],
)
def test_a_mistake_in_the_options_is_one_sentence(rule: None, arguments: tuple, words: tuple):
	failed(erpsync(*arguments), *words)
	failed_as_json(erpsync(*arguments, "--json"), *words)


@pytest.mark.parametrize(
	"arguments",
	[
		("sync", "--direction", "sideways"),
		("sync", "--limit", "0"),
		("sync", "--limit", "many"),
		("sync", "--no-such-option"),
		("no-such-command",),
		("process-webhooks", "--interval", "0"),
		("import-config",),
	],
)
def test_what_click_refuses_is_told_as_click_does(rule: None, arguments: tuple):
	said = erpsync(*arguments)
	assert said.code == 2
	assert "Traceback" not in said.text
	assert said.out == ""


@pytest.mark.parametrize("file", ["/no/such/file.yaml", "/tmp"])
def test_a_file_that_cannot_be_read_is_named(rule: None, file: str):
	said = erpsync("import-config", file)
	assert (said.code, said.out) == (1, "")
	assert said.err.startswith(f"{file} cannot be read")


COMMANDS = {
	"sync": ("sync",),
	"sync of one": ("sync", "--doctype", "Brand", "--docname", "A"),
	"dry run": ("sync", "--dry-run"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_cloud_down(rule: None, command: str):
	words = ("The cloud site cannot be reached", "see that it is running", "Nothing is lost")
	with cloud_at(DOWN):
		failed(erpsync(*COMMANDS[command]), *words)
		failed_as_json(erpsync(*COMMANDS[command], "--json"), *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_key(rule: None, command: str):
	secret = frappe.get_doc("Sync Settings").get_password("api_secret")
	set_setting(api_secret="wrong-secret-0123")
	try:
		words = ("does not accept the API key and secret", "check")
		failed(erpsync(*COMMANDS[command]), *words)
		assert "wrong-secret-0123" not in failed_as_json(erpsync(*COMMANDS[command], "--json"), *words)
	finally:
		set_setting(api_secret=secret)


NOT_FRAPPE = {
	"a web page": (Answer(200, "<html>Welcome</html>", {"Content-Type": "text/html"}), "is the URL right"),
	"no page": (Answer(404, "<html>Not found</html>"), "is this the address of a Frappe site"),
	"a login page": (Answer(302, "", {"Location": "http://elsewhere.localhost/login"}), "login page"),
	"a new address": (Answer(301, "", {"Location": "http://elsewhere.localhost/"}), "has moved"),
	"a broken server": (Answer(500, "<html>Oops</html>"), "failed to"),
	"a gateway": (Answer(502, "Bad gateway"), "failed to"),
	"too many requests": (Answer(429, "slow down", {"Retry-After": "7"}), "too often"),
	"forbidden": (Answer(403, "<html>Forbidden</html>"), "refused to"),
	"other JSON": (Answer(200, '{"hello": "world"}', {"Content-Type": "application/json"}), ""),
	"a list": (Answer(200, "[1, 2]", {"Content-Type": "application/json"}), "is not Frappe's JSON"),
	"nothing": (Answer(200, b""), "is not Frappe's JSON"),
	"a broken connection": (None, "broke off"),
}


@pytest.mark.parametrize("case", NOT_FRAPPE)
def test_not_a_frappe_site(rule: None, case: str):
	answer, words = NOT_FRAPPE[case]
	with server(lambda asked: answer) as there, cloud_at(there.url):
		failed(erpsync("sync"), words)
		failed_as_json(erpsync("sync", "--json"), words)
		tested = erpsync("test-connections", "--json")
		assert (tested.code, tested.json["ok"]) == (1, False)
		(problem,) = tested.json["sides"][1]["problems"]
		assert words in problem


@pytest.mark.parametrize("field", ["filters", "match_fields", "direction", "policy", "naming"])
def test_a_rule_that_is_broken_is_named(rule: None, field: str):
	"""Past the form's checks: an import of data, a restored backup, a hand in the database."""
	frappe.db.set_value("Sync Rule", "Brand", field, "{broken")
	frappe.db.commit()
	frappe.clear_document_cache("Sync Rule", "Brand")
	for command in ("sync", "process-webhooks --once", "test-connections", "export-config"):
		said = erpsync(*command.split(), "--json")
		assert "Traceback" not in said.text
		assert said.code == 1, (command, said.text)
		assert "Brand" in said.out and "Sync Rule" in said.out, (command, said.text)
	failed(erpsync("sync"), "Sync Rule", "Brand")


def test_no_rule(ledger: None):
	set_rules()
	failed(erpsync("sync"), "There is no enabled Sync Rule", "import")
	failed_as_json(erpsync("process-webhooks", "--once", "--json"), "There is no enabled Sync Rule")


def test_paused(rule: None):
	set_setting(paused=1, pause_reason="stocktaking")
	try:
		failed(erpsync("sync"), "Sync is paused", "stocktaking")
		failed_as_json(erpsync("process-webhooks", "--once", "--json"), "stocktaking")
	finally:
		set_setting(paused=0)


@pytest.mark.parametrize(
	("place", "words"),
	[("nowhere.localhost", "does not exist"), (CLOUD_SITE, "is not installed")],
	ids=["not there", "without the app"],
)
def test_a_site_that_is_not_there_or_has_not_the_app(place: str, words: str):
	command = [*FRAPPE[:-1], place]
	failed(afresh("show-status", frappe_command=command), words)
	failed_as_json(afresh("show-status", "--json", frappe_command=command), words)


def test_no_site_is_named():
	said = afresh("show-status", "--json", frappe_command=FRAPPE[:-2])
	failed_as_json(said, "--site")


# -- connect, test-connections


@pytest.fixture
def unconnected(ledger: None) -> Iterator[dict[str, str]]:
	"""Sync Settings as after the installation; answers the environment that would connect it."""
	doc = frappe.get_doc("Sync Settings")
	environment = {
		"CLOUD_ERP_URL": doc.cloud_url,
		"CLOUD_API_KEY": doc.api_key,
		"CLOUD_API_SECRET": doc.get_password("api_secret"),
		"WEBHOOK_SECRET": SECRET,
	}
	set_setting(enabled=0, cloud_url="", api_key="", api_secret="", webhook_secret="")
	yield environment
	frappe.db.rollback()
	frappe.clear_document_cache("Sync Settings", "Sync Settings")
	if webhooks.number():
		webhooks.take_away()
	set_setting(
		enabled=0,
		keep_webhooks=0,
		allow_http=0,
		cloud_url=environment["CLOUD_ERP_URL"],
		api_key=environment["CLOUD_API_KEY"],
		api_secret=environment["CLOUD_API_SECRET"],
		webhook_secret=SECRET,
	)


def stored() -> tuple:
	frappe.db.rollback()
	doc = frappe.get_doc("Sync Settings")
	secrets = [doc.get_password(name, raise_exception=False) for name in ("api_secret", "webhook_secret")]
	return doc.enabled, doc.cloud_url or None, doc.api_key or None, *secrets


def test_connect_from_the_environment(unconnected: dict, cloud: Person):
	set_rules({"ref_doctype": "Brand"})
	said = erpsync("connect", "--json", environment=unconnected)
	assert said.code == 0, said.text
	assert said.json["ok"] is True
	assert [side["side"] for side in said.json["sides"]] == ["local", "cloud"]
	there = said.json["sides"][1]
	assert there["url"] == CLOUD_URL
	assert there["time_zone"] and there["versions"]["frappe"] and there["user"]
	assert stored() == (
		1,
		*(
			unconnected[name]
			for name in ("CLOUD_ERP_URL", "CLOUD_API_KEY", "CLOUD_API_SECRET", "WEBHOOK_SECRET")
		),
	)
	assert there["notes"] == [], "a webhook has come in"
	assert cloud.get("Webhook", "ERP Sync: Brand, on_change")
	for secret in (unconnected["CLOUD_API_SECRET"], SECRET):
		assert secret not in said.text
	text = erpsync("test-connections")
	assert text.code == 0
	assert "local: ok" in text.out and "cloud: ok" in text.out
	assert erpsync("connect").code == 0, "what is stored need not be told again"


@pytest.mark.parametrize("missing", ["CLOUD_ERP_URL", "CLOUD_API_KEY", "CLOUD_API_SECRET"])
def test_connect_says_which_variable_is_missing(unconnected: dict, missing: str):
	environment = {name: value for name, value in unconnected.items() if name != missing}
	for empty in ({}, {missing: ""}):
		failed(erpsync("connect", environment={**environment, **empty}), f"{missing} is not set")
		failed_as_json(
			erpsync("connect", "--json", environment={**environment, **empty}), f"{missing} is not set"
		)
	assert stored() == (0, None, None, None, None), "nothing is saved"


def test_connect_without_a_webhook_secret_says_what_that_means(unconnected: dict):
	set_rules({"ref_doctype": "Brand"})
	del unconnected["WEBHOOK_SECRET"]
	said = erpsync("connect", "--json", "--no-webhooks", environment=unconnected)
	assert said.code == 0, "the scans do without"
	(note,) = said.json["sides"][0]["notes"]
	assert "every webhook is refused" in note


@pytest.mark.parametrize(
	("url", "words"),
	[
		("cloud.example.com", "https://"),
		("ftp://cloud.example.com", "https://"),
		("https://", "name a host"),
		("https://user:pass@cloud.example.com", "no user, password"),
		("https://cloud.example.com/app", "leave out /app"),
		("https://cloud.example.com?x=1", "no user, password, ? or #"),
		("http://cloud.example.com", "https://"),
		("http://localhost.example.com", "https://"),
		("https://cloud.example.com:99999", "https://"),
		("<script>alert(1)</script>", "https://"),
	],
)
def test_connect_refuses_what_is_no_safe_address(unconnected: dict, url: str, words: str):
	failed(erpsync("connect", environment={**unconnected, "CLOUD_ERP_URL": url}), words)
	failed_as_json(erpsync("connect", "--json", environment={**unconnected, "CLOUD_ERP_URL": url}), words)
	assert stored()[:2] == (0, None), "nothing is saved"


def test_connect_with_a_wrong_secret_says_so_and_tells_no_secret(unconnected: dict):
	said = erpsync("connect", environment={**unconnected, "CLOUD_API_SECRET": "wrong-secret-0123"})
	assert said.code == 1
	assert "cloud: not ok" in said.out
	assert "does not accept the API key and secret" in said.out
	assert "wrong-secret-0123" not in said.text and "Traceback" not in said.text


def test_connect_asks_in_a_terminal_and_shows_no_secret(unconnected: dict):
	set_rules({"ref_doctype": "Brand"})
	pid, terminal = pty.fork()
	if pid == 0:  # pragma: no cover
		for name in unconnected:
			os.environ.pop(name, None)
		os.execv(FRAPPE[0], [*FRAPPE, "erpsync", "connect", "--no-webhooks"])
	shown = ""
	for question, value in (
		("URL of the cloud site", unconnected["CLOUD_ERP_URL"]),
		("API key", unconnected["CLOUD_API_KEY"]),
		("API secret", unconnected["CLOUD_API_SECRET"]),
	):
		shown += _read_until(terminal, question)
		os.write(terminal, f"{value}\n".encode())
	shown += _read_until(terminal, None)
	assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
	assert "cloud: ok" in shown
	assert stored()[3] == unconnected["CLOUD_API_SECRET"]
	for secret in (unconnected["CLOUD_API_SECRET"], SECRET):
		assert secret not in shown


def _read_until(terminal: int, words: str | None) -> str:
	shown, end = "", time.monotonic() + 60
	while words is None or f"{words}" not in shown or not shown.rstrip().endswith(":"):
		ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
		assert ready, f"not asked for {words}: {shown}"
		try:
			chunk = os.read(terminal, 4096)
		except OSError:  # the other end is closed
			chunk = b""
		if not chunk:
			break
		shown += chunk.decode()
	time.sleep(0.2)  # getpass drops what was typed before it has put out its question
	return shown


def test_test_connections_names_the_lacking_permission(ledger: None, cloud: Person):
	set_rules({"ref_doctype": "Brand"}, {"ref_doctype": "Vehicle"})
	said = erpsync("test-connections", "--json")
	there = said.json["sides"][1]
	assert said.code == 1
	assert set(there["lacking"]) == {"Vehicle"}
	(problem,) = there["problems"]
	assert "Vehicle" in problem and "Role Permissions Manager" in problem
	text = erpsync("test-connections")
	assert text.code == 1 and "Vehicle" in text.out and SYNC_USER in text.out


def test_test_connections_says_that_it_does_not_know_the_time_zone_for_sure(ledger: None, cloud: Person):
	roles = cloud.get("User", SYNC_USER)["roles"]
	assert not any("zone" in note for note in erpsync("test-connections", "--json").json["sides"][1]["notes"])
	cloud.edit("User", SYNC_USER, roles=[row for row in roles if row["role"] != "System Manager"])
	try:
		(note,) = erpsync("test-connections", "--json").json["sides"][1]["notes"]
	finally:
		cloud.edit("User", SYNC_USER, roles=[{"role": row["role"]} for row in roles])
	assert f"{SYNC_USER} may not read the cloud's System Settings" in note


# -- the queue


def test_process_webhooks_once(cloud: Person, rule: None, prefix: str):
	insert_here(brand(f"{prefix} a"), brand(f"{prefix} b"))
	queue(f"{prefix} a")
	said = erpsync("process-webhooks", "--once", "--json")
	assert said.code == 0, said.text
	assert said.json["counts"] == {"create_cloud": 1}, "what is not queued is left alone"
	queue(f"{prefix} b")
	text = erpsync("process-webhooks", "--once")
	assert text.code == 0
	assert "1 created on the cloud site" in text.out
	empty = erpsync("process-webhooks", "--once", "--json")
	assert (empty.code, empty.json["documents"]) == (0, 0)


def queue(name: str) -> None:
	from erpsync_app.adapters.event_queue import insert
	from erpsync_app.engine.model import Event

	insert([Event("local", "Brand", name)])
	frappe.db.commit()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("as_json", [False, True])
def test_process_webhooks_runs_on_until_it_is_told_to_end(
	cloud: Person, rule: None, prefix: str, how: signal.Signals, as_json: bool
):
	with Running("process-webhooks", "--interval", "0.2", *(["--json"] if as_json else [])) as running:
		for n in "ab":
			insert_here(brand(f"{prefix} {n}"))
			queue(f"{prefix} {n}")
			until(lambda n=n: cloud.get("Brand", f"{prefix} {n}"), what="the document in the cloud")
			until(lambda: count("Sync Event") == 0, what="an empty queue")
			until(lambda n=n: len(running.so_far().out.splitlines()) == "ab".index(n) + 1, what="its line")
		said = running.ended(how)
	assert said.code == 0, said.text
	assert said.err == "", "no traceback, no word"
	assert len(said.out.splitlines()) == 2, said.out
	if as_json:
		assert [json.loads(line)["documents"] for line in said.out.splitlines()] == [1, 1]


def test_told_to_end_in_the_middle_it_finishes_its_batch(cloud: Person, rule: None, prefix: str):
	set_setting(batch_size=10)
	names = [f"{prefix} {n:02}" for n in range(60)]
	insert_here(*(brand(name) for name in names))
	for name in names:
		queue(name)
	try:
		with Running("process-webhooks") as running:
			until(lambda: count("Sync Record", local_name=("like", f"{prefix}%")) >= 3, what="it at work")
			said = running.ended(signal.SIGTERM, 60)
	finally:
		set_setting(batch_size=100)
	assert (said.code, said.err) == (0, "")
	left = count("Sync Event")
	assert 0 < left < 60 and left % 10 == 0, "whole batches are done"
	assert count("Sync Event", state="Processing") == 0, "nothing is left leased"
	assert count("Sync Record", intent_side=("is", "set")) == 0
	assert erpsync("process-webhooks", "--once").code == 0
	assert differences("Brand", names) == {}


def test_process_webhooks_goes_on_when_the_cloud_comes_back(cloud: Person, rule: None, prefix: str):
	insert_here(brand(prefix))
	queue(prefix)
	with Running("process-webhooks", "--interval", "0.2") as running:
		with cloud_at(DOWN):
			until(lambda: "cannot be reached" in running.so_far().err, what="that it says so")
		set_setting(paused=1, pause_reason="stocktaking")
		until(lambda: "stocktaking" in running.so_far().err, what="that it says that it is paused")
		set_setting(paused=0)
		until(lambda: cloud.get("Brand", prefix), what=f"the document in the cloud: {running.so_far()}")
		assert running.so_far().code == -1, "a pause is no reason to end"
		said = running.ended(signal.SIGTERM)
	assert said.code == 0
	assert "Traceback" not in said.err


# -- what there is


def test_show_status(cloud: Person, rule: None, prefix: str):
	insert_here(brand(prefix))
	erpsync("sync")
	queue(prefix)
	said = erpsync("show-status", "--json")
	assert said.code == 0, said.text
	assert set(said.json) == {"ok", "queue", "records", "runs"}
	assert said.json["records"] == [{"doctype": "Brand", "status": "Synced", "count": 1}]
	assert said.json["queue"]["pending_webhooks"] == 1
	assert said.json["queue"]["oldest_pending_seconds"] >= 0
	assert [run["entries"] for run in said.json["runs"]] == [1]
	text = erpsync("show-status")
	assert text.code == 0
	assert re.search(r"Brand +Synced +1", text.out)
	assert "1 pending" in text.out


def test_show_conflicts(cloud: Person, ledger: None, prefix: str):
	set_rules(only("Brand", prefix, policy="manual"))
	sync()
	assert erpsync("show-conflicts").out.strip() == "No conflicts."
	assert erpsync("show-conflicts", "--json").json == {"ok": True, "conflicts": []}
	insert_here(brand(prefix, description="base"))
	sync()
	doc = frappe.get_doc("Brand", prefix)
	doc.update({"description": "ours"}).save()
	frappe.db.commit()
	cloud.edit("Brand", prefix, description="theirs")
	assert erpsync("sync").code == 0, "a conflict that waits for a person is no failure"
	said = erpsync("show-conflicts", "--json")
	(conflict,) = said.json["conflicts"]
	assert (conflict["doctype"], conflict["document"], conflict["status"]) == ("Brand", prefix, "Open")
	(clash,) = conflict["clashes"]
	assert (clash["field"], clash["base"], clash["local"], clash["cloud"]) == (
		"description",
		"base",
		"ours",
		"theirs",
	)
	text = erpsync("show-conflicts")
	assert "description: local 'ours', cloud 'theirs'" in text.out

	assert f"{conflict['name']}: Brand {prefix}, Open" in text.out

	frappe.db.set_value("Sync Conflict", conflict["name"], {"status": "Resolved", "resolution": "By hand"})
	frappe.db.commit()
	assert erpsync("show-conflicts", "--json").json["conflicts"] == []
	(resolved,) = erpsync("show-conflicts", "--all", "--json").json["conflicts"]
	assert (resolved["status"], resolved["resolution"]) == ("Resolved", "By hand")
	assert "By hand" in erpsync("show-conflicts", "--all").out


def clashing(cloud: Person, name: str) -> str:
	"""The name of an open conflict about the description of a brand: `ours`, `theirs`, and before both `base`."""
	set_rules(only("Brand", name, policy="manual"))
	insert_here(brand(name, description="base"))
	sync()
	frappe.get_doc("Brand", name).update({"description": "ours"}).save()
	frappe.db.commit()
	cloud.edit("Brand", name, description="theirs")
	sync()
	(conflict,) = frappe.get_all("Sync Conflict", {"status": "Open"}, pluck="name")
	return conflict


@pytest.mark.parametrize(
	("take", "values"),
	[("local", ["ours"] * 2), ("cloud", ["theirs"] * 2), ("neither", ["ours", "theirs"])],
)
def test_resolve(cloud: Person, local: Person, ledger: None, prefix: str, take: str, values: list[str]):
	name = clashing(cloud, prefix)
	said = erpsync("resolve", name, "--take", take, "--json")
	assert said.json == {"ok": True, "conflict": name}, said.text
	assert [site.get("Brand", prefix)["description"] for site in (local, cloud)] == values
	failed(erpsync("resolve", name, "--take", take), "resolved already")


def test_resolve_with_a_file(cloud: Person, local: Person, ledger: None, prefix: str, tmp_path: Path):
	name = clashing(cloud, prefix)
	failed(erpsync("resolve", name, "--take", "nowhere.yaml"), "no file nowhere.yaml")
	file = tmp_path / "chosen.yaml"
	for text, words in (
		("- a", "must say for each field"),
		("{", "is no YAML"),
		("image: {take: local}", "does not clash"),
	):
		file.write_text(text)
		failed(erpsync("resolve", name, "--take", str(file)), words)
	file.write_text("description: {value: both}")
	said = erpsync("resolve", name, "--take", str(file), "--json")
	assert said.json == {"ok": True, "conflict": name}, said.text
	assert [site.get("Brand", prefix)["description"] for site in (local, cloud)] == ["both", "both"]


def test_resolve_of_what_is_not_there(ledger: None):
	failed(erpsync("resolve", "nothing", "--take", "local"), "no Sync Conflict nothing")
	assert erpsync("resolve", "nothing").code == 2, "it is not said what to take"


def test_undo(cloud: Person, local: Person, ledger: None, prefix: str):
	set_rules(only("Brand", prefix))
	insert_here(brand(prefix, description="old"))
	sync()
	cloud.edit("Brand", prefix, description="new")
	sync()
	(log,) = frappe.get_all("Sync Log", {"local_name": prefix, "operation": "update"}, pluck="name")
	set_setting(enabled=1)
	said = erpsync("undo", log, "--json")
	fields = [{"field": "description", "before": "old", "now": "new"}]
	assert said.json == {"ok": True, "doctype": "Brand", "name": prefix, "fields": fields}, said.text
	until(lambda: [site.get("Brand", prefix)["description"] for site in (local, cloud)] == ["old", "old"])
	failed(erpsync("undo", log), "nothing to put back")
	failed(erpsync("undo", "nothing"), "There is no Sync Log nothing")


# -- rules as a file

DJANGO = """\
sync_rules:
  doctypes:
    - Customer
    - Item
    - Sales Order
  exclude_fields: [image, naming_series]
  conflict_resolution: cloud_wins
  doctype_rules:
    Item:
      direction: cloud_to_local
      priority: cloud
    Customer:
      direction: bidirectional
      priority: latest_timestamp
  retry:
    max_attempts: 5
    backoff_seconds: 3
  batch_size: 50
"""


@pytest.fixture
def settings_kept(ledger: None) -> Iterator[None]:
	fields = ("max_attempts", "backoff_seconds", "batch_size", "exclude_fields")
	doc = frappe.get_doc("Sync Settings")
	before = {field: doc.get(field) for field in fields}
	yield
	frappe.db.rollback()
	set_setting(**before)


def rules() -> dict[str, tuple]:
	frappe.db.rollback()
	fields = ["name", "direction", "policy", "naming", "enabled", "filters", "exclude_fields"]
	return {
		row[0]: row[1:]
		for row in frappe.get_all("Sync Rule", fields=fields, as_list=True, order_by="name asc")
	}


def test_the_file_of_the_django_version_is_read_as_it_is(settings_kept: None, tmp_path: Path):
	set_rules()
	file = tmp_path / "sync.yaml"
	file.write_text(DJANGO)
	said = erpsync("import-config", str(file), "--json")
	assert said.code == 0, said.text
	assert said.json == {"ok": True, "rules": ["Customer", "Item", "Sales Order"]}
	assert {name: row[:4] for name, row in rules().items()} == {
		"Customer": ("bidirectional", "latest_timestamp", "keep", 1),
		"Item": ("cloud_to_local", "cloud_wins", "keep", 1),
		"Sales Order": ("bidirectional", "cloud_wins", "own", 1),
	}
	doc = frappe.get_doc("Sync Settings")
	assert (doc.max_attempts, doc.backoff_seconds, doc.batch_size) == (5, 3, 50)
	assert doc.exclude_fields.split() == ["image", "naming_series"]


FILTERS = json.dumps([["disabled", "=", 0], ["name", "like", "%ä'\"%"]])


def test_what_is_exported_is_imported_as_it_was(settings_kept: None, tmp_path: Path):
	swapped = [("po_no", "tax_id"), ("tax_id", "po_no")]
	set_rules(
		{
			"ref_doctype": "Customer",
			"filters": FILTERS,
			"enabled": 0,
		},
		{"ref_doctype": "Item", "direction": "cloud_to_local", "exclude_fields": "description\nimage"},
		{
			"ref_doctype": "Sales Order",
			"naming": "own",
			"match_fields": "po_no\ncustomer",
			"field_map": [{"local_field": ours, "cloud_field": theirs} for ours, theirs in swapped],
		},
	)
	before = rules()
	said = erpsync("export-config")
	assert said.code == 0, said.text
	assert erpsync("export-config", "--json").json["yaml"] == said.out
	file = tmp_path / "sync.yaml"
	file.write_text(said.out)
	set_rules()
	assert erpsync("import-config", str(file)).code == 0
	assert rules() == before
	assert [
		(row.local_field, row.cloud_field) for row in frappe.get_doc("Sync Rule", "Sales Order").field_map
	] == swapped
	assert erpsync("export-config").out == said.out


MISTAKES = {
	"an unknown key": ("batch_size: 50", "batch_sise: 50", "line 18", "batch_size"),
	"an unknown DocType": ("    - Item\n", "    - Itme\n", "line 4", "Itme"),
	"an unknown direction": ("cloud_to_local", "cloud_to_locale", "line 10", "cloud_to_local"),
	"an unknown policy": (
		"conflict_resolution: cloud_wins",
		"conflict_resolution: cloud",
		"line 7",
		"cloud_wins",
	),
	"an unknown priority": ("priority: cloud", "priority: nobody", "line 11", "latest_timestamp"),
	"a rule for a DocType not listed": ("    - Item\n", "", "line 8", "Item"),
	"a number that is none": ("max_attempts: 5", "max_attempts: many", "line 16", "whole number"),
	"no YAML": ("doctypes:", "doctypes: [", "line", "YAML"),
	"a tab": ("  doctypes:", "\tdoctypes:", "line 2", "spaces"),
	"an object": ("batch_size: 50", "batch_size: !!python/object/apply:os.system ['true']", "line", "tags"),
	"another file": (DJANGO, "hello: world\n", "line 1", "sync_rules"),
	"an empty file": (DJANGO, "", "line 1", "empty"),
	"a field that is not there": (
		"      priority: cloud\n",
		'      priority: cloud\n      filters: [[no_such_field, "=", 1]]\n',
		"Item has no field",
		"no_such_field",
	),
	"a DocType that may not be synced": (
		"    - Item\n",
		"    - Item\n    - Sync Rule\n",
		"Sync Rule",
		"cannot be synced",
	),
	"a single": ("    - Item\n", "    - Item\n    - System Settings\n", "System Settings", "single"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_the_file_is_told_by_its_line_and_changes_nothing(
	settings_kept: None, tmp_path: Path, case: str
):
	right, wrong, line, words = MISTAKES[case]
	assert right in DJANGO
	set_rules({"ref_doctype": "Customer", "direction": "local_to_cloud"})
	before = rules(), frappe.get_doc("Sync Settings").as_dict(no_default_fields=True)
	file = tmp_path / "sync.yaml"
	file.write_text(DJANGO.replace(right, wrong))
	said = erpsync("import-config", str(file))
	assert said.code == 1, said.text
	assert "Traceback" not in said.text and said.out == ""
	assert line in said.err and words in said.err, said.err
	as_json = erpsync("import-config", str(file), "--json")
	assert as_json.code == 1
	assert line in as_json.json["error"] and words in as_json.json["error"]
	frappe.clear_document_cache("Sync Settings", "Sync Settings")
	assert (rules(), frappe.get_doc("Sync Settings").as_dict(no_default_fields=True)) == before


def test_no_secret_is_exported(ledger: None):
	doc = frappe.get_doc("Sync Settings")
	said = erpsync("export-config")
	for secret in (
		doc.api_key,
		doc.get_password("api_secret"),
		doc.get_password("webhook_secret"),
		doc.cloud_url,
	):
		assert secret not in said.text


def test_every_command_explains_itself():
	group = erpsync("--help")
	assert group.code == 0
	commands = ("connect", "disconnect", "test-connections", "sync", "process-webhooks", "show-status")
	for command in (*commands, "show-conflicts", "resolve", "undo", "import-config", "export-config"):
		assert command in group.out
		said = erpsync(command, "--help")
		assert said.code == 0
		assert "--json" in said.out
