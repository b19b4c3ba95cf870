# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine.inbox import LONGEST_NAME, Rejected, check_signature, parse, sign
from erpsync_app.engine.model import CLOUD, LOCAL, Event

SECRET = "s3cret, with ü"
BODY = b'{"doctype": "Customer", "name": "A", "event": "on_update"}'
DIGEST = hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()
GOOD = base64.b64encode(DIGEST).decode()


@pytest.mark.parametrize("signature", [GOOD, f" {GOOD} ", f"{GOOD}\r\n", sign(SECRET, BODY)])
def test_a_signature_of_the_body_is_taken(signature):
	check_signature(SECRET, BODY, signature)
	check_signature(SECRET, BODY, signature)  # a replay cannot be told, and only hints once more


@pytest.mark.parametrize(
	("description", "secret", "body", "signature"),
	[
		("no secret is set", "", BODY, sign("", BODY)),
		("absent", SECRET, BODY, None),
		("empty", SECRET, BODY, ""),
		("blank", SECRET, BODY, "  "),
		("of another secret", SECRET, BODY, sign("other", BODY)),
		("of another body", SECRET, BODY, sign(SECRET, BODY.replace(b"A", b"B"))),
		("of the body and a blank", SECRET, BODY + b" ", GOOD),
		("of no body", SECRET, BODY, sign(SECRET, b"")),
		("hex", SECRET, BODY, DIGEST.hex()),
		("hex in base64", SECRET, BODY, base64.b64encode(DIGEST.hex().encode()).decode()),
		("truncated", SECRET, BODY, GOOD[:-4]),
		("truncated, with padding", SECRET, BODY, base64.b64encode(DIGEST[:16]).decode()),
		("without its padding", SECRET, BODY, GOOD.rstrip("=")),
		("longer", SECRET, BODY, base64.b64encode(DIGEST + b"\x00").decode()),
		("with junk inside", SECRET, BODY, f"{GOOD[:10]}\n{GOOD[10:]}"),
		("not ASCII", SECRET, BODY, f"ü{GOOD[1:]}"),
		("with a surrogate", SECRET, BODY, f"\udcfc{GOOD[1:]}"),
		("SHA-1", SECRET, BODY, base64.b64encode(hmac.new(SECRET.encode(), BODY, "sha1").digest()).decode()),
		("a plain digest", SECRET, BODY, base64.b64encode(hashlib.sha256(BODY).digest()).decode()),
	],
)
def test_any_other_signature_is_refused(description, secret, body, signature):
	with pytest.raises(Rejected) as refused:
		check_signature(secret, body, signature)
	assert refused.value.status == 401, description
	assert GOOD not in str(refused.value) and SECRET not in str(refused.value)


@given(st.text())
def test_no_text_passes_for_a_signature(signature):
	with pytest.raises(Rejected):
		check_signature(SECRET, BODY, signature)


def test_what_a_webhook_tells():
	assert parse(BODY, CLOUD) == Event(CLOUD, "Customer", "A", "change", trigger="webhook")
	assert parse(BODY, LOCAL).side == LOCAL


@pytest.mark.parametrize(
	("told", "name", "kind"),
	[
		({"name": "A"}, "A", "change"),
		({"name": "A", "event": None}, "A", "change"),
		({"name": "A", "event": "on_cancel"}, "A", "change"),
		({"name": "A", "event": "on_trash"}, "A", "delete"),
		({"name": "A", "event": "after_delete"}, "A", "delete"),
		({"name": "A", "event": "delete"}, "A", "delete"),
		({"name": "A", "event": ["on_trash"]}, "A", "change"),
		({"name": "A", "kind": "delete", "side": "local", "id": 7}, "A", "change"),
		({"name": 12}, "12", "change"),
		({"name": 0}, "0", "change"),
		({"name": "x" * LONGEST_NAME}, "x" * LONGEST_NAME, "change"),
		({"name": " a/b\"'<b>%20\u202e🙂 "}, " a/b\"'<b>%20\u202e🙂 ", "change"),
	],
)
def test_names_and_kinds(told, name, kind):
	event = parse(json.dumps({"doctype": "Customer", **told}).encode(), CLOUD)
	assert (event.name, event.kind, event.trigger, event.id) == (name, kind, "webhook", None)


@pytest.mark.parametrize(
	"body",
	[
		b"",
		b"{",
		b"doctype=Customer&name=A",
		b"<html>",
		b"\xff\xfe",
		b"null",
		b'"Customer"',
		b"[]",
		b'[{"doctype": "Customer", "name": "A"}]',
		b"{}",
		b'{"doctype": "Customer"}',
		b'{"name": "A"}',
		b'{"doctype": "", "name": "A"}',
		b'{"doctype": "Customer", "name": ""}',
		b'{"doctype": "Customer", "name": null}',
		b'{"doctype": "Customer", "name": true}',
		b'{"doctype": "Customer", "name": 1.5}',
		b'{"doctype": "Customer", "name": ["A"]}',
		b'{"doctype": "Customer", "name": {"$ne": ""}}',
		b'{"doctype": 5.0, "name": "A"}',
		b'{"doctype": "Customer", "name": "a\\u0000b"}',
		b'{"doctype": "Customer", "name": "a\\ud800b"}',
		b'{"doctype": "Customer", "name": "%s"}' % (b"x" * (LONGEST_NAME + 1)),
		b'{"doctype": "Customer", "name": %s}' % (b"9" * (LONGEST_NAME + 1)),
		b'{"doctype": "Customer", "name": %s}' % (b"9" * 5000),
		b"[" * 100_000,
		b'{"a":' * 100_000,
	],
)
def test_what_is_no_event_is_rejected(body):
	with pytest.raises(Rejected) as rejected:
		parse(body, CLOUD)
	assert rejected.value.status == 400
	assert str(rejected.value).endswith(".") and len(str(rejected.value)) < 200


json_values = st.recursive(
	st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
	lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
	max_leaves=5,
)
objects = st.fixed_dictionaries({}, optional={key: json_values for key in ("doctype", "name", "event")})


@given(
	st.binary()
	| objects.map(lambda told: json.dumps(told).encode())
	| st.text().map(lambda t: t.encode("utf-8", "replace"))
)
def test_any_bytes_are_an_event_or_rejected(body):
	try:
		event = parse(body, CLOUD)
	except Rejected as rejected:
		assert rejected.status == 400
	else:
		for text in (event.doctype, event.name):
			assert 0 < len(text) <= LONGEST_NAME and "\x00" not in text
			text.encode()  # a database takes it
