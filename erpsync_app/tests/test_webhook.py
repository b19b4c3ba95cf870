# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The webhook methods over real HTTP: what is not signed, or makes no sense, is told so and leaves nothing behind."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import frappe
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app import runs
from erpsync_app.api import count_call
from erpsync_app.engine.inbox import SIGNATURE_HEADER, sign
from erpsync_app.tests.support import LOCAL_URL, SECRET, Person, count, set_rules, set_setting, writes
from erpsync_app.tests.test_main_job import customer

pytestmark = pytest.mark.usefixtures("listening")

METHOD = f"{LOCAL_URL}/api/method/erpsync_app.api.webhook."
JSON = "application/json"
BODY = b'{"doctype": "Customer", "name": "Anyone", "event": "on_update"}'


@pytest.fixture(scope="module", autouse=True)
def _listening(connected: None) -> Iterator[None]:
	"""Sync is on, with no worker that could take a row away before the test looks: the rule's DocType is queued,
	and its events are not due for anyone but the test, since sync is paused."""
	set_rules({"ref_doctype": "Customer"})
	set_setting(enabled=1, paused=1, pause_reason="the tests look at the queue")
	yield
	frappe.db.rollback()
	set_setting(enabled=0, paused=0)


@pytest.fixture
def listening() -> Iterator[None]:
	frappe.db.delete("Sync Event")
	frappe.db.commit()
	forget_the_rate()
	yield
	frappe.db.rollback()


def forget_the_rate() -> None:
	for key in frappe.cache.get_keys("erpsync_calls:"):
		frappe.cache.delete(key)


def post(
	body: bytes,
	signature: str | None = "right",
	*,
	content_type: str | None = None,
	side: str = "cloud",
	**more,
) -> requests.Response:
	headers = {"Content-Type": content_type} if content_type else {}
	if signature == "right":
		signature = sign(SECRET, body)
	if signature is not None:
		headers[SIGNATURE_HEADER] = signature
	return requests.post(f"{METHOD}{side}", data=body, headers={**headers, **more}, timeout=30)


def told(answer: requests.Response, status: int) -> str:
	"""The sentence of a refusal: JSON, one sentence, no traceback, and nothing queued."""
	assert answer.status_code == status, answer.text
	assert answer.headers["Content-Type"].startswith(JSON)
	body = answer.json()
	assert set(body) == {"status", "message"}
	assert body["status"] == "refused"
	sentence = body["message"]
	assert sentence.endswith(".") and "\n" not in sentence and "Traceback" not in sentence
	assert count("Sync Event") == 0, "nothing is queued"
	return sentence


def rows() -> tuple[tuple, ...]:
	frappe.db.rollback()
	fields = ["side", "ref_doctype", "docname", "kind", "state", "trigger"]
	# On PostgreSQL Frappe v15 answers a list.
	return tuple(frappe.get_all("Sync Event", fields=fields, order_by="creation asc", as_list=True))


@pytest.mark.parametrize("side", ["cloud", "local"])
@pytest.mark.parametrize("content_type", [None, JSON, "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_signed_is_queued(side: str, content_type: str | None):
	answer = post(BODY, side=side, content_type=content_type)
	assert (answer.status_code, answer.json()) == (200, {"status": "queued"})
	assert rows() == ((side, "Customer", "Anyone", "change", "Pending", "webhook"),)


@pytest.mark.parametrize(
	("event", "kind"), [("on_trash", "delete"), ("after_insert", "change"), (None, "change")]
)
def test_the_event_says_whether_it_is_a_deletion(event: str | None, kind: str):
	post(json.dumps({"doctype": "Customer", "name": "A", "event": event}).encode())
	assert [row[3] for row in rows()] == [kind]


def hex_of(secret: str, body: bytes) -> str:
	return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


SIGNATURES = {
	"absent": (None, "is missing"),
	"empty": ("", "is missing"),
	"of another secret": (sign("another secret", BODY), "does not fit"),
	"of another body": (sign(SECRET, BODY + b" "), "does not fit"),
	"of the empty body": (sign(SECRET, b""), "does not fit"),
	"in hex": (hex_of(SECRET, BODY), "does not fit"),
	"hex, in base64": (base64.b64encode(hex_of(SECRET, BODY).encode()).decode(), "does not fit"),
	"truncated": (sign(SECRET, BODY)[:-4], "does not fit"),
	"truncated by a sign": (sign(SECRET, BODY)[:-1], "is not base64"),
	"doubled": (sign(SECRET, BODY) * 2, "is not base64"),
	"no base64": ("sha256=%%%", "is not base64"),
	"Latin-1": ("ü" * 44, "is not base64"),
	"the secret itself": (SECRET, "is not base64"),
	"long": ("A" * 4000, "does not fit"),
}


@pytest.mark.parametrize("side", ["cloud", "local"])
@pytest.mark.parametrize("content_type", [None, JSON])
@pytest.mark.parametrize("case", SIGNATURES)
def test_no_valid_signature_no_row(case: str, content_type: str | None, side: str):
	signature, why = SIGNATURES[case]
	headers = {"Content-Type": content_type} if content_type else {}
	if signature is not None:
		headers[SIGNATURE_HEADER] = signature.encode("latin-1")
	answer = requests.post(f"{METHOD}{side}", data=BODY, headers=headers, timeout=30)
	assert why in told(answer, 401)


def test_a_body_that_was_changed_on_the_way_is_refused():
	signature = sign(SECRET, BODY)
	for changed in (BODY[:-1], BODY + b"\n", BODY.replace(b"Anyone", b"Someone"), b""):
		told(post(changed, signature), 401)


def test_a_replay_is_taken_as_the_hint_that_it_is_and_changes_nothing(cloud: Person, prefix: str):
	set_setting(paused=0, enabled=0)
	try:
		cloud.insert(**customer(prefix, customer_details="as it is"))
		runs.sync(trigger="command", doctype="Customer", name=prefix)
		set_setting(enabled=1, paused=1)
		body = json.dumps({"doctype": "Customer", "name": prefix, "customer_details": "as it was"}).encode()
		for _ in range(3):
			assert post(body).json() == {"status": "queued"}
		set_setting(paused=0, enabled=0)
		run = runs.drain(trigger="command")
		assert run.done == 1, "three events of one document are worked on once"
		assert writes(run) == {}
		assert count("Sync Event") == 0
		assert frappe.db.get_value("Customer", prefix, "customer_details") == "as it is"
	finally:
		frappe.db.rollback()
		set_setting(enabled=1, paused=1)


@pytest.mark.parametrize("side", ["cloud", "local"])
def test_without_a_secret_every_webhook_is_refused(side: str):
	set_setting(webhook_secret="")
	try:
		for signature in (None, sign("", BODY), sign(SECRET, BODY), sign("None", BODY)):
			assert "No webhook secret is set" in told(post(BODY, signature, side=side), 401)
	finally:
		set_setting(webhook_secret=SECRET)


BROKEN = {
	"nothing": (b"", "is not JSON"),
	"a word": (b"Customer", "is not JSON"),
	"cut off": (BODY[:-10], "is not JSON"),
	"half a bracket": (b"{", "is not JSON"),
	"trailing comma": (b'{"doctype": "Customer", "name": "A",}', "is not JSON"),
	"two objects": (BODY + BODY, "is not JSON"),
	"Python": (b"{'doctype': 'Customer', 'name': 'A'}", "is not JSON"),
	"a tower of brackets": (b"[" * 100_000, "is not JSON"),
	"a number without end": (b'{"doctype": "Customer", "name": ' + b"1" * 5000 + b"}", "is not JSON"),
	"no UTF-8": (b'{"doctype": "Customer", "name": "\xff\xfe"}', "is not JSON"),
	"UTF-16": (BODY.decode().encode("utf-16"), "is not JSON"),
	"a list": (b'[{"doctype": "Customer", "name": "A"}]', "is not a JSON object"),
	"an empty list": (b"[]", "is not a JSON object"),
	"a text": (b'"Customer"', "is not a JSON object"),
	"a number": (b"42", "is not a JSON object"),
	"true": (b"true", "is not a JSON object"),
	"null": (b"null", "is not a JSON object"),
	"no name": (b'{"doctype": "Customer"}', "has no name"),
	"no doctype": (b'{"name": "A"}', "has no doctype"),
	"an empty name": (b'{"doctype": "Customer", "name": ""}', "has no name"),
	"a name that is null": (b'{"doctype": "Customer", "name": null}', "has no name"),
	"a name that is true": (b'{"doctype": "Customer", "name": true}', "has no name"),
	"a name that is a list": (b'{"doctype": "Customer", "name": ["like", "%"]}', "has no name"),
	"a doctype that is an object": (b'{"doctype": {"a": 1}, "name": "A"}', "has no doctype"),
	"a name of 141 characters": (
		json.dumps({"doctype": "Customer", "name": "x" * 141}).encode(),
		"has no name",
	),
	"a name with NUL": (b'{"doctype": "Customer", "name": "a\\u0000b"}', "has no name"),
	"half a surrogate pair": (b'{"doctype": "Customer", "name": "\\ud800"}', "has no name"),
	"an unknown DocType": (
		b'{"doctype": "No Such DocType", "name": "A"}',
		"There is no DocType No Such DocType",
	),
	"SQL for a DocType": (b'{"doctype": "Customer` where 1=1 -- ", "name": "A"}', "There is no DocType"),
	"HTML for a DocType": (
		b'{"doctype": "<img src=x onerror=alert(1)>", "name": "A"}',
		"There is no DocType",
	),
}


@pytest.mark.parametrize("side", ["cloud", "local"])
@pytest.mark.parametrize("content_type", [None, JSON])
@pytest.mark.parametrize("case", BROKEN)
def test_a_body_that_makes_no_sense_is_told_so(case: str, content_type: str | None, side: str):
	body, why = BROKEN[case]
	assert why in told(post(body, content_type=content_type, side=side), 400)


@pytest.mark.parametrize("content_type", [None, JSON])
@pytest.mark.parametrize("case", ["cut off", "a text", "a list", "an unknown DocType", "a tower of brackets"])
def test_who_has_not_signed_learns_nothing_of_the_body(case: str, content_type: str | None):
	for signature in (None, sign("another secret", BROKEN[case][0])):
		sentence = told(post(BROKEN[case][0], signature, content_type=content_type), 401)
		assert "JSON" not in sentence and "DocType" not in sentence


def test_every_address_of_the_method_answers_alike():
	"""Frappe serves a method under three addresses, and one may end in a slash."""
	for path in ("/api/method/", "/api/v1/method/", "/api/v2/method/"):
		for end in ("", "/"):
			url = f"{LOCAL_URL}{path}erpsync_app.api.webhook.cloud{end}"
			for body in (b"{", b"null"):
				headers = {"Content-Type": JSON, SIGNATURE_HEADER: sign(SECRET, body)}
				told(requests.post(url, data=body, headers=headers, timeout=30), 400)


@pytest.mark.parametrize("side", ["cloud", "local"])
def test_a_doctype_without_a_rule_is_ignored(side: str):
	body = b'{"doctype": "Supplier", "name": "A"}'
	answer = post(body, side=side)
	assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
	assert "Supplier" in answer.json()["message"]
	assert rows() == ()


def test_a_doctype_with_a_disabled_rule_or_sync_switched_off_is_ignored():
	set_setting(enabled=0)
	try:
		assert post(BODY).json()["status"] == "ignored"
	finally:
		set_setting(enabled=1)
	assert post(BODY).json()["status"] == "queued"
	assert len(rows()) == 1
	set_rules({"ref_doctype": "Customer", "enabled": 0})
	try:
		assert post(BODY).json()["status"] == "ignored"
	finally:
		set_rules({"ref_doctype": "Customer"})
	assert rows() == (), "what waited of it is forgotten with the rule"


@pytest.mark.parametrize("content_type", [None, JSON])
def test_a_body_over_the_limit_is_refused(content_type: str | None):
	set_setting(webhook_body_limit_kb=4)
	try:
		fits = json.dumps({"doctype": "Customer", "name": "A", "rest": ""}).encode()
		fits = fits[:-2] + b"x" * (4096 - len(fits)) + fits[-2:]
		assert post(fits, content_type=content_type).json() == {"status": "queued"}
		frappe.db.rollback()
		frappe.db.delete("Sync Event")
		frappe.db.commit()
		over = fits[:-2] + b"x" + fits[-2:]
		assert told(post(over, content_type=content_type), 413) == "The body is larger than 4 KB."
		assert told(post(over, None, content_type=content_type), 413), "before its signature is reckoned"
		assert told(post(b"{" * 5000, content_type=content_type), 413)

		def pieces() -> Iterator[bytes]:  # no Content-Length
			yield over[:100]
			yield over[100:]

		headers = {SIGNATURE_HEADER: sign(SECRET, over)}
		headers |= {"Content-Type": content_type} if content_type else {}
		# A web server may pass on a body in chunks or refuse it; it must not become an event.
		chunked = requests.post(f"{METHOD}cloud", data=pieces(), headers=headers, timeout=30)
		assert chunked.status_code >= 400
		assert count("Sync Event") == 0
	finally:
		set_setting(webhook_body_limit_kb=1024)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_taken(method: str):
	"""What Frappe answers to a method that may not be called this way: 403, as JSON."""
	headers = {SIGNATURE_HEADER: sign(SECRET, b"")}
	answer = requests.request(
		method, f"{METHOD}cloud", params={"doctype": "Customer", "name": "A"}, headers=headers, timeout=30
	)
	assert answer.status_code == 403
	if method != "HEAD":
		assert answer.json()["exc_type"] == "PermissionError"
	assert rows() == ()


@pytest.mark.parametrize("content_type", [None, JSON, "application/x-www-form-urlencoded"])
def test_a_body_or_address_that_names_another_method_calls_this_one(content_type: str | None):
	"""Frappe lets `cmd` in a body name the method to call, whatever the address says."""
	body = b'{"doctype": "Customer", "name": "A", "cmd": "ping", "fn": "x", "args": [1], "self": 2, "_": 3}'
	answer = post(body, content_type=content_type)
	assert answer.json() == {"status": "queued"}, answer.text
	assert [row[2] for row in rows()] == ["A"]
	frappe.db.delete("Sync Event")
	frappe.db.commit()
	told(post(body, None, content_type=content_type), 401)
	url = f"{METHOD}cloud?cmd=ping&fn=x"
	headers = {"Content-Type": content_type} if content_type else {}
	told(requests.post(url, data=body, headers=headers, timeout=30), 401)


def test_a_form_that_names_another_method_calls_this_one():
	body = b"cmd=ping&doctype=Customer&name=A"
	assert "not JSON" in told(post(body, content_type="application/x-www-form-urlencoded"), 400)


def test_too_many_are_told_to_wait():
	set_setting(webhook_rate_limit=5)
	forget_the_rate()
	try:
		answers = [post(BODY) for _ in range(7)]
		assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
		frappe.db.rollback()
		frappe.db.delete("Sync Event")
		frappe.db.commit()
		assert "more than 5" in told(answers[-1], 429)
		assert int(answers[-1].headers["Retry-After"]) >= 1
		assert post(BODY, side="local").status_code == 200, "each side has its own count"
	finally:
		set_setting(webhook_rate_limit=20_000)
		forget_the_rate()
	assert post(BODY).status_code == 200


def test_who_does_not_sign_is_counted_as_well():
	set_setting(webhook_rate_limit=3)
	forget_the_rate()
	try:
		assert [post(BODY, None).status_code for _ in range(5)] == [401] * 3 + [429] * 2
	finally:
		set_setting(webhook_rate_limit=20_000)
		forget_the_rate()


def test_the_count_of_calls_always_ends():
	"""One that runs out between a look and a count would be made anew without an end, and refuse everybody for good."""
	key, ends = f"test:{frappe.generate_hash()}", time.monotonic() + 4
	site = frappe.local.site

	def count_on(_: int) -> int:
		frappe.init(site=site, sites_path=".")
		made = 0
		while time.monotonic() < ends:
			made += count_call(key, seconds=1) == 1
			assert frappe.cache.ttl(frappe.cache.make_key(f"erpsync_calls:{key}")) != -1
		return made

	with ThreadPoolExecutor(4) as pool:
		begun = sum(pool.map(count_on, range(4)))
	assert begun >= 3, "it ran out, and began anew"


def test_a_login_is_no_signature(local: Person):
	"""A System Manager's session or key opens nothing here: the signature does."""
	answer = local.session.post(f"{METHOD}cloud", data=BODY, timeout=30)
	told(answer, 401)


NAMES = {
	"quotes": 'O\'Brien "&" `sons`',
	"SQL": "Robert'); DROP TABLE `tabCustomer`; --",
	"angle brackets": "<script>alert(1)</script>",
	"140 characters": "ü" * 140,
	"emoji": "🙂👩‍👩‍👧 Ltd",
	"right to left": "شركة \u202eabc\u202c עברית",
	"slash": "a/b\\c",
	"blanks": " a  b ",
	"percent": "100% _off_ %s %(x)s {0}",
	"jinja": "{{ frappe.session.user }}",
	"path": "../../etc/passwd",
	"line break": "a\nb",
	"separator": "Customer::x",
	"like": "%",
	"number": "0",
}


@pytest.mark.parametrize("side", ["cloud", "local"])
@pytest.mark.parametrize("case", NAMES)
def test_a_strange_name_arrives_whole(case: str, side: str):
	name = NAMES[case]
	for ascii_only in (True, False):  # Frappe's tojson escapes, others do not
		body = json.dumps({"doctype": "Customer", "name": name}, ensure_ascii=ascii_only).encode()
		assert post(body, content_type=JSON, side=side).json() == {"status": "queued"}
	assert [row[2] for row in rows()] == [name, name]


def test_a_name_that_is_a_number_is_a_name():
	post(b'{"doctype": "Customer", "name": 4711}')
	assert [row[2] for row in rows()] == ["4711"]


def test_500_webhooks_of_50_documents_are_worked_on_once_each(cloud: Person, prefix: str):
	names = [f"{prefix} {n:02}" for n in range(50)]
	cloud.insert_many([customer(name) for name in names])
	bodies = [json.dumps({"doctype": "Customer", "name": name}).encode() for name in names] * 10
	with ThreadPoolExecutor(8) as pool:
		answers = list(pool.map(post, bodies))
	assert {answer.status_code for answer in answers} == {200}
	assert count("Sync Event") == 500, "none is lost"
	set_setting(paused=0, enabled=0)
	try:
		run = runs.drain(trigger="command")
	finally:
		frappe.db.rollback()
		set_setting(enabled=1, paused=1)
	assert run.stopped is None
	assert (run.done, writes(run)) == (50, {"create_local": 50})
	assert count("Sync Event") == 0
	assert sorted(frappe.get_all("Customer", {"name": ("like", f"{prefix}%")}, pluck="name")) == names


values = st.none() | st.booleans() | st.integers() | st.text(max_size=200) | st.lists(st.text(), max_size=2)
objects = st.fixed_dictionaries(
	{
		"doctype": st.sampled_from(["Customer", "Supplier", "Customer`", "customer", "User"]) | values,
		"name": values,
	},
	optional={key: values for key in ("event", "cmd", "args", "data", "run_doc_method")},
)
bodies = st.binary(max_size=300) | (objects | values).map(lambda told: json.dumps(told).encode())
types = st.sampled_from(
	[None, JSON, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)


@given(bodies, types, st.sampled_from(["cloud", "local"]), st.booleans(), st.text("abc=/+ é\t", max_size=60))
def test_whatever_is_sent_is_queued_ignored_or_refused_and_the_server_stands(
	body: bytes, content_type: str | None, side: str, signed: bool, signature: str
):
	frappe.db.delete("Sync Event")
	frappe.db.commit()
	headers = {
		SIGNATURE_HEADER: sign(SECRET, body).encode() if signed else signature.strip().encode("latin-1")
	}
	headers |= {"Content-Type": content_type} if content_type else {}
	answer = requests.post(f"{METHOD}{side}", data=body, headers=headers, timeout=30)
	if answer.status_code == 200 and signed:
		queued = answer.json()["status"] == "queued"
		assert [(row[0], row[1]) for row in rows()] == ([(side, "Customer")] if queued else [])
	else:
		told(answer, 400 if signed else 401)
