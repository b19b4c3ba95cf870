# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Secrets stay where they are; the cloud is called where a person said, or not at all; a document is data."""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import frappe
import pytest
import requests
from frappe.utils.background_jobs import execute_job, get_redis_conn

from erpsync_app import runs
from erpsync_app.adapters import event_queue, settings
from erpsync_app.adapters.cloud_site import CloudSite
from erpsync_app.engine.errors import NeedsPerson, SyncError
from erpsync_app.engine.inbox import SIGNATURE_HEADER, sign
from erpsync_app.engine.model import Event
from erpsync_app.tests.machine import Answer, Asked, cloud_at, erpsync, server
from erpsync_app.tests.support import (
	BENCH,
	CLOUD_URL,
	LOCAL_URL,
	Person,
	count,
	differences,
	only,
	set_rules,
	set_setting,
	sync,
	take_away,
	writes,
)
from erpsync_app.tests.test_commands import DOWN, NOT_FRAPPE
from erpsync_app.tests.test_main_job import insert_here

pytestmark = pytest.mark.usefixtures("ledger")

KEY = "key-4711"
BRAND = "A document that sync tries to carry"
MARK = os.urandom(6).hex()
"""Of this run: what an earlier one has left says nothing about this code."""

SECRETS = {
	"the API secret": f"apisecret-{MARK}",
	"another API secret": f"odd-{MARK}-ümläut-€",
	"the webhook secret": f"whsecret-{MARK}",
}
API, ODD_API, WEBHOOK = SECRETS.values()


# -- secrets


@pytest.fixture
def secrets(ledger: None) -> Iterator[None]:
	"""Sync with secrets that are found again wherever they get to."""
	stored = frappe.get_doc("Sync Settings")
	before = {
		"api_key": stored.api_key,
		**{name: stored.get_password(name) for name in ("api_secret", "webhook_secret")},
	}
	set_rules({"ref_doctype": "Brand", "filters": json.dumps([["name", "=", BRAND]])})
	if not frappe.db.exists("Brand", BRAND):
		insert_here({"doctype": "Brand", "brand": BRAND})
	set_setting(enabled=1, api_key=KEY, api_secret=API, webhook_secret=WEBHOOK)
	yield
	frappe.db.rollback()
	frappe.set_user("Administrator")
	set_setting(enabled=0, **before)


def echo(asked: Asked) -> Answer:
	"""A site that says in its error what it was sent, as a server with debugging on does."""
	words = f"Invalid request: {asked.headers} {asked.body!r}"
	body = {"exc_type": "ValidationError", "_server_messages": json.dumps([json.dumps({"message": words})])}
	return Answer(417, json.dumps(body), {"Content-Type": "application/json"})


def echo_as_page(asked: Asked) -> Answer:
	return Answer(500, f"<pre>{asked.headers}</pre>", {"Content-Type": "text/html"})


def echo_in_redirect(asked: Asked) -> Answer:
	return Answer(301, "", {"Location": f"http://elsewhere.localhost/{asked.headers['Authorization']}"})


def test_the_secrets_appear_nowhere_after_runs_that_fail_in_every_way(
	secrets: None, local: Person, tmp_path: Path
):
	said: list[str] = []
	said += fail_everywhere(local, CLOUD_URL)  # which does not know the key
	said += fail_everywhere(local, DOWN)
	said += fail_everywhere(
		local, "https://a..localhost"
	)  # no label may be empty: fails deep within the client
	for answer, _ in NOT_FRAPPE.values():
		with server(lambda asked, answer=answer: answer) as there:
			said += fail_everywhere(local, there.url, quick=True)
	for answer in (echo, echo_as_page, echo_in_redirect):
		with server(answer) as there:
			said += fail_everywhere(local, there.url)
			assert any(API in asked.headers["Authorization"] for asked in there.asked), "it was really sent"
	with server(echo, certificate=certificate(tmp_path)) as there:
		said += fail_everywhere(local, there.url, quick=True)
	# A secret that no HTTP header can hold, pasted with a typographic sign in it: fails within http.client.
	set_setting(api_secret=ODD_API)
	said += fail_everywhere(local, CLOUD_URL)
	set_setting(api_secret=API)
	said += ask_everything(local)

	found = {
		name: [
			*(f"answer: {text[:300]}" for text in said if text and secret in text),
			*in_database(secret),
			*in_files(secret),
			*in_redis(secret),
		]
		for name, secret in SECRETS.items()
	}
	assert found == {name: [] for name in SECRETS}
	assert len(said) > 100, "enough was asked"
	assert in_redis("erpsync"), "the search does find what is there"
	for words in ("cannot be reached", "does not accept the API key", "does not belong there", "***"):
		assert any(words in text for text in said if text), words
	assert in_database(KEY), "which is no secret"
	assert in_files("erpsync_app")


def fail_everywhere(local: Person, url: str, quick: bool = False) -> list[str]:
	"""Runs that fail: in a job (whose crash Frappe logs with all its variables), by command, by a person's click."""
	said = []
	with cloud_at(url):
		frappe.db.delete("Sync Event")
		event_queue.insert([Event("local", "Brand", BRAND)])
		frappe.db.commit()
		for job in ("drain", "scan", "tick"):
			try:
				execute_job(frappe.local.site, f"erpsync_app.jobs.{job}", None, job, {}, is_async=False)
			except Exception as e:
				said.append(repr(e))
		frappe.db.rollback()
		frappe.set_user("Administrator")
		said += frappe.get_all("Sync Event", pluck="error")
		commands = (
			[["sync"], ["test-connections", "--json"]]
			if quick
			else [
				["sync", "--json"],
				["sync", "--dry-run"],
				["process-webhooks", "--once"],
				["test-connections"],
				["show-status", "--json"],
			]
		)
		said += [erpsync(*command).text for command in commands]
		for method in ("desk.test_connections", "desk.sync_all", "desk.set_up_webhooks"):
			answer = local.session.post(f"{LOCAL_URL}/api/method/erpsync_app.api.{method}", timeout=120)
			said.append(f"{answer.headers} {answer.text}")
	return said


def ask_everything(local: Person) -> list[str]:
	"""What every method that may be called answers, and what the Desk is told."""
	guest, said = requests.Session(), []
	for session in (guest, local.session):
		for path in (
			"method/erpsync_app.api.health",
			"method/erpsync_app.api.status",
			"resource/Sync Settings/Sync Settings",
			"method/frappe.desk.form.load.getdoc?doctype=Sync Settings&name=Sync Settings",
			"method/frappe.client.get?doctype=Sync Settings",
			'method/frappe.client.get_value?doctype=Sync Settings&fieldname=["api_secret","webhook_secret"]',
			"method/frappe.client.get_single_value?doctype=Sync Settings&field=api_secret",
			'resource/Error Log?fields=["*"]&limit_page_length=0',
			'resource/Version?fields=["*"]&filters=[["ref_doctype","like","Sync%"]]&limit_page_length=0',
		):
			said.append(session.get(f"{LOCAL_URL}/api/{path}", timeout=60).text)
		for doctype in ("Sync Event", "Sync Record", "Sync Log", "Sync Conflict", "Sync Rule"):
			path = f'resource/{doctype}?fields=["*"]&limit_page_length=0'
			said.append(session.get(f"{LOCAL_URL}/api/{path}", timeout=60).text)
		for method in (
			"settle",
			"sync_now",
			"retry_events",
			"sync_all",
			"test_connections",
			"set_up_webhooks",
		):
			url = f"{LOCAL_URL}/api/method/erpsync_app.api.desk.{method}"
			said.append(
				session.post(
					url, json={"conflict": "x", "choice": "y", "record": "x", "names": "x"}, timeout=120
				).text
			)
	for side in ("cloud", "local"):
		url = f"{LOCAL_URL}/api/method/erpsync_app.api.webhook.{side}"
		for body in (b"{}", b"{", b"[]", b'{"doctype": "Nothing", "name": "A"}'):
			for signature in ("wrong", sign(WEBHOOK, body), WEBHOOK):
				headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/json"}
				said.append(guest.post(url, data=body, headers=headers, timeout=30).text)
	for command in ("export-config", "show-status", "show-conflicts"):
		said += [erpsync(command).text, erpsync(command, "--json").text]
	return said


def in_database(secret: str) -> list[str]:
	"""The columns of all tables that hold it. Passwords are kept in `__Auth`, encrypted: searched like the rest."""
	frappe.db.rollback()
	columns: dict[str, list[str]] = {}
	for table, column in frappe.db.sql(
		"""select table_name, column_name from information_schema.columns where table_schema = database()
		and data_type in ('varchar', 'char', 'text', 'mediumtext', 'longtext', 'tinytext', 'json')"""
	):
		columns.setdefault(table, []).append(column)
	found = []
	for table, names in columns.items():
		match = " or ".join(f"`{name}` like %(like)s collate utf8mb4_general_ci" for name in names)
		number = frappe.db.sql(f"select count(*) from `{table}` where {match}", {"like": f"%{secret}%"})[0][0]
		if number:
			found.append(f"table {table}: {number}")
	return found


def in_files(secret: str) -> list[str]:
	"""The log files of the bench and its sites that hold it."""
	places = [Path(BENCH) / "logs", Path(BENCH) / ".erpsync" / "log", *Path(BENCH).glob("sites/*/logs")]
	forms = {secret.encode(), json.dumps(secret)[1:-1].encode(), repr(secret).encode()}
	return [
		str(file)
		for place in places
		for file in place.rglob("*")
		if file.is_file() and any(form in file.read_bytes() for form in forms)
	]


def in_redis(secret: str) -> list[str]:
	"""The keys of both Redis servers whose values hold it; RQ keeps its jobs compressed."""
	found = []
	for redis in (frappe.cache, get_redis_conn()):
		for key in redis.scan_iter():
			if any(secret.encode() in form for value in _values(redis, key) for form in _forms(value)):
				found.append(f"Redis {key!r}")
	return found


def _values(redis, key: bytes) -> list[bytes]:
	kind = redis.type(key)
	if kind == b"string":
		return [redis.execute_command("GET", key) or b""]
	if kind == b"hash":
		return [part for pair in redis.execute_command("HGETALL", key).items() for part in pair]
	if kind == b"list":
		return redis.execute_command("LRANGE", key, 0, -1)
	if kind == b"set":
		return list(redis.execute_command("SMEMBERS", key))
	if kind == b"zset":
		return redis.execute_command("ZRANGE", key, 0, -1)
	return []


def _forms(value: bytes) -> list[bytes]:
	forms = [value]
	try:
		forms.append(zlib.decompress(value))
	except zlib.error:
		pass
	return forms


def test_a_stored_secret_is_encrypted(secrets: None):
	(stored,) = frappe.db.sql(
		"select password from `__Auth` where doctype = 'Sync Settings' and fieldname = 'webhook_secret'",
		pluck=True,
	)
	assert WEBHOOK not in stored
	assert frappe.get_doc("Sync Settings").get_password("webhook_secret") == WEBHOOK
	assert frappe.get_doc("Sync Settings").webhook_secret == "*" * len(WEBHOOK)


def test_a_process_that_has_not_read_the_key_makes_no_second_one(
	secrets: None, monkeypatch: pytest.MonkeyPatch
):
	path = frappe.get_site_path("site_config.json")
	key = json.loads(Path(path).read_text())["encryption_key"]
	monkeypatch.delitem(frappe.local.conf, "encryption_key")
	settings._secret.cache_clear()
	assert settings.load(fresh=True).webhook_secret == WEBHOOK
	frappe.local.conf.pop("encryption_key")
	set_setting(webhook_secret=f"another-{WEBHOOK}")
	assert json.loads(Path(path).read_text())["encryption_key"] == key
	assert frappe.get_doc("Sync Settings").get_password("webhook_secret") == f"another-{WEBHOOK}"


def test_the_settings_in_memory_do_not_show_their_secrets(secrets: None):
	site = runs.cloud_site(settings.load())
	client = site._client
	shown = [repr(settings.load()), str(settings.load()), repr(site), repr(client), repr(client._auth)]
	assert not [text for text in shown if API in text or WEBHOOK in text]


# -- where the cloud is called


def site_at(url: str, **more) -> CloudSite:
	return CloudSite(url=url, key=KEY, secret=API, connect_timeout=5, read_timeout=5, **more)


def pong(asked: Asked) -> Answer:
	return Answer(200, '{"message": "someone@example.com"}', {"Content-Type": "application/json"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_key_not_sent_there(status: int):
	with server(pong) as elsewhere:
		moved = Answer(status, "", {"Location": f"{elsewhere.url}/api/method/frappe.auth.get_logged_user"})
		with server(lambda asked: moved) as there:
			with pytest.raises(SyncError, match=rf"{status} to {elsewhere.url}"):
				_ = site_at(there.url).user
			assert len(there.asked) == 1
		assert elsewhere.asked == []


def test_a_redirect_within_the_host_is_not_followed_either():
	with server(lambda asked: Answer(302, "", {"Location": "/login"})) as there:
		with pytest.raises(SyncError, match="sends elsewhere"):
			_ = site_at(there.url).user
		assert [asked.path for asked in there.asked] == ["/api/method/frappe.auth.get_logged_user"]


@pytest.fixture
def outside() -> str:
	"""An address of this machine that is not known to be this machine's."""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		try:
			s.connect(("192.0.2.1", 9))  # sends nothing
			address = s.getsockname()[0]
		except OSError:
			address = "127.0.0.1"
	if address.startswith("127."):
		pytest.skip("this machine has no address but loopback")
	return address


def test_plain_http_to_another_machine_is_refused_unless_a_person_allows_it(outside: str):
	with server(pong, host=outside) as there:
		with pytest.raises(NeedsPerson, match="use https"):
			_ = site_at(there.url).user
		assert there.asked == [], "nothing was sent"
		assert site_at(there.url, allow_http=True).user == "someone@example.com"
		assert len(there.asked) == 1


def test_a_url_past_the_forms_checks_is_refused_all_the_same(secrets: None, outside: str):
	with server(pong, host=outside) as there:
		with pytest.raises(frappe.ValidationError, match="https://"):
			set_setting(cloud_url=there.url)
		frappe.db.rollback()
		frappe.db.set_single_value("Sync Settings", {"cloud_url": there.url, "cloud_identity": None})
		frappe.db.commit()
		frappe.clear_document_cache("Sync Settings", "Sync Settings")
		try:
			with pytest.raises(NeedsPerson, match="use https"):
				runs.sync(trigger="command")
			assert erpsync("sync").code == 1
			assert there.asked == []
		finally:
			frappe.db.rollback()
			frappe.set_user("Administrator")
			frappe.clear_document_cache("Sync Settings", "Sync Settings")
			set_setting(cloud_url=CLOUD_URL)


def certificate(folder: Path, name: str = "localhost") -> tuple[str, str]:
	"""A certificate that nobody has signed but its owner."""
	from cryptography import x509
	from cryptography.hazmat.primitives import hashes, serialization
	from cryptography.hazmat.primitives.asymmetric import ec

	key = ec.generate_private_key(ec.SECP256R1())
	who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
	now = datetime.now(timezone.utc)
	made = (
		x509.CertificateBuilder()
		.subject_name(who)
		.issuer_name(who)
		.public_key(key.public_key())
		.serial_number(x509.random_serial_number())
		.not_valid_before(now - timedelta(days=1))
		.not_valid_after(now + timedelta(days=1))
		.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
		.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
		.sign(key, hashes.SHA256())
	)
	file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
	file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
	key_file.write_bytes(
		key.private_bytes(
			serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
		)
	)
	return str(file), str(key_file)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch):
	ours = certificate(tmp_path)
	with server(pong, certificate=ours) as there:
		with pytest.raises(NeedsPerson, match="cannot be trusted"):
			_ = site_at(there.url).user
		# A key to "trust everything" does not exist: neither plain http nor a setting opens it.
		with pytest.raises(NeedsPerson, match="cannot be trusted"):
			_ = site_at(there.url, allow_http=True).user
		assert there.asked == [], "nothing was sent"
		# What the machine trusts is trusted: a company's own authority needs no setting of ours.
		monkeypatch.setenv("REQUESTS_CA_BUNDLE", ours[0])
		assert site_at(there.url).user == "someone@example.com"


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch):
	theirs = certificate(tmp_path, "elsewhere.example.com")
	monkeypatch.setenv("REQUESTS_CA_BUNDLE", theirs[0])
	with server(pong, certificate=theirs) as there:
		with pytest.raises(NeedsPerson, match="cannot be trusted"):
			_ = site_at(there.url).user
		assert there.asked == []


def test_neither_cookies_nor_a_netrc_take_the_place_of_the_key(tmp_path: Path, monkeypatch):
	(tmp_path / "netrc").write_text("machine localhost login other password other\n")
	monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

	def answer(asked: Asked) -> Answer:
		told = pong(asked)
		told.headers["Set-Cookie"] = "sid=stolen; Path=/"
		return told

	with server(answer) as there:
		site = site_at(there.url)
		assert site.user and site._ask("frappe.auth.get_logged_user", "tell who is logged in")
		assert len(there.asked) == 2
		for asked in there.asked:
			assert asked.headers["Authorization"] == f"token {KEY}:{API}"
			assert "Cookie" not in asked.headers


# -- a document is data

NAMES = {
	"quotes": 'O\'Brien "&" `sons`',
	"SQL": "x'); DROP TABLE `tabBrand`; --",
	"entities": "a &lt;b&gt; & c; &#39;",
	"emoji": "🙂👩‍👩‍👧 Ltd",
	"right to left": "شركة \u202eabc\u202c עברית",
	"combining": "Zoe\u0308 e\u0301",
	"slash": "a/b\\c//d",
	"percent": "100% _off_ %s %(x)s {0}",
	"jinja": "{{ frappe.session.user }}{% raw %}",
	"path": "../../etc/passwd",
	"URL": "?a=b&c=d#e;f",
	"separator": "Brand::x|y",
	"like": "%",
	"digits": "007",
	"comma": "a, b; c",
	"inner blanks": "a  b\u00a0c",
	"null": "null",
	"bracket": '["like", "%"]',
}
"""Frappe forbids < and > in the name of a document and takes blanks off its end: these stand in values below."""

VALUES = {
	"script": "<script>alert(1)</script>",
	"image": "<img src=x onerror=alert(1)>",
	"angle brackets": "a < b > c",
	"quotes": "' \" ` '' \\' \\",
	"SQL": "'; delete from `tabBrand`; --",
	"trailing blank": "ends in a blank ",
	"leading blank": "  begins with blanks",
	"line breaks": "a\nb\r\nc\n",
	"percent": "100% %s %(x)s",
	"jinja": "{{ frappe.db.sql('select 1') }}",
	"long": "ü🙂" * 3000,
	"JSON": '{"a": [1, null]}',
	"asterisks": "*****",
	"NULL": "NULL",
	"control": "a\tb\u200b\ufeff",
}


def named(prefix: str, case: str) -> str:
	return f"{prefix} {NAMES[case]}"


@pytest.fixture
def brands(ledger: None, cloud: Person, prefix: str) -> Iterator[None]:
	set_rules(only("Brand", prefix))
	sync()
	yield
	take_away(cloud, "Brand", ["name", "like", f"{prefix}%"])


@pytest.mark.parametrize("made_on", ["local", "cloud"])
def test_documents_with_strange_names_cross_whole(brands: None, cloud: Person, prefix: str, made_on: str):
	names = [named(prefix, case) for case in NAMES] + [(prefix + "ü" * 140)[:140]]
	docs = [{"doctype": "Brand", "brand": name, "description": f"of {name}"} for name in names]
	if made_on == "local":
		insert_here(*docs)
	else:
		cloud.insert_many(docs)
	run = sync()
	assert (run.errors, run.counts["failed"]) == ([], 0)
	made = {"local": "create_cloud", "cloud": "create_local"}[made_on]
	assert writes(run) == {made: len(names)}
	assert sorted(cloud.stamps("Brand", f"{prefix}%")) == sorted(names)
	assert sorted(frappe.get_all("Brand", {"name": ("like", f"{prefix}%")}, pluck="name")) == sorted(names)
	assert differences("Brand", names) == {}
	assert writes(sync()) == {}

	for name in names:  # and back: edited on the side that did not make it
		if made_on == "local":
			cloud.edit("Brand", name, description=f"edited: {name}")
		else:
			frappe.get_doc("Brand", name).update({"description": f"edited: {name}"}).save()
	frappe.db.commit()
	back = {"local": "update_local", "cloud": "update_cloud"}[made_on]
	assert writes(sync()) == {back: len(names)}
	assert differences("Brand", names) == {}
	for name in names:
		assert frappe.db.get_value("Brand", name, "description") == cloud.get("Brand", name)["description"]

	for name in names[:5]:  # fewer than a breaker asks about
		cloud.delete("Brand", name)
	assert writes(sync()) == {"delete_local": 5}
	assert sorted(frappe.get_all("Brand", {"name": ("like", f"{prefix}%")}, pluck="name")) == sorted(
		names[5:]
	)
	assert count("Sync Record", status=("!=", "Synced")) == 0
	assert count("Sync Event") == 0


@pytest.mark.parametrize("made_on", ["local", "cloud"])
def test_strange_values_cross_as_the_site_that_took_them_keeps_them(
	brands: None, cloud: Person, prefix: str, made_on: str
):
	"""Frappe itself takes scripts out of what is saved; what it kept must be on both sides."""
	docs = [
		{"doctype": "Brand", "brand": f"{prefix} {case}", "description": value}
		for case, value in VALUES.items()
	]
	if made_on == "local":
		insert_here(*docs)
	else:
		cloud.insert_many(docs)
	run = sync()
	assert run.errors == []
	for doc in docs:
		ours = frappe.db.get_value("Brand", doc["brand"], "description")
		theirs = cloud.get("Brand", doc["brand"]).get("description")
		# A text's line ends are not what it says: the engine takes \r\n and \n for one, and no text and none too.
		ours, theirs = ((text or "").replace("\r\n", "\n") for text in (ours, theirs))
		assert ours == theirs, doc["brand"]
		assert "<script" not in ours and "onerror" not in ours
	assert writes(sync()) == {}, "and stays as it is"


def test_a_name_that_frappe_changes_is_the_same_on_both_sides(brands: None, cloud: Person, prefix: str):
	"""A blank at the end of a name does not survive the site where it is typed in: there is nothing to carry."""
	made = cloud.insert("Brand", brand=f"{prefix} x ", description="y")
	assert made["name"] == f"{prefix} x"
	insert_here({"doctype": "Brand", "brand": f"{prefix} z ", "description": "y"})
	sync()
	assert differences("Brand", [f"{prefix} x", f"{prefix} z"]) == {}
	for name in (f"{prefix} <b>", f"{prefix} >"):
		with pytest.raises(frappe.NameError):
			frappe.get_doc({"doctype": "Brand", "brand": name}).insert()
		frappe.db.rollback()


def test_a_conflict_shows_hostile_values_as_text(brands: None, cloud: Person, local: Person, prefix: str):
	"""The values of a clash are stored as they are; the Desk's table of them is made of text, in its script."""
	set_rules(only("Brand", prefix, policy="manual"))
	insert_here({"doctype": "Brand", "brand": prefix, "description": "base"})
	sync()
	hostile = "a < b <img src=x onerror=alert(1)>"
	frappe.db.set_value("Brand", prefix, "description", hostile)  # past the cleaning, as an import may
	frappe.db.commit()
	cloud.edit("Brand", prefix, description="theirs")
	sync()
	conflict = frappe.get_last_doc("Sync Conflict")
	assert [clash["local"] for clash in json.loads(conflict.clashes)] == [hostile]
	said = erpsync("show-conflicts", "--json").json
	assert said["conflicts"][0]["clashes"][0]["local"] == hostile
	# What the browser is sent is JSON, in which no tag is one.
	path = f"{LOCAL_URL}/api/resource/Sync Conflict/{conflict.name}"
	answer = local.session.get(path, timeout=30)
	assert answer.headers["Content-Type"].startswith("application/json")


def test_a_site_whose_name_is_hostile_is_told_as_text(secrets: None):
	"""What a cloud says in its errors reaches people through the trail and the Desk: without its tags."""
	words = '<script>alert(1)</script><b>No</b> & "so"'
	body = {"exc_type": "ValidationError", "_server_messages": json.dumps([json.dumps({"message": words})])}

	def answer(asked: Asked) -> Answer:
		return Answer(417, json.dumps(body), {"Content-Type": "application/json"})

	with server(answer) as there, cloud_at(there.url):
		said = erpsync("test-connections", "--json")
		(problem,) = said.json["sides"][1]["problems"]
		assert "<" not in problem
		assert 'No & "so"' in problem
