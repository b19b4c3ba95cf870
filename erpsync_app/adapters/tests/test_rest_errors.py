# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The table of `rest_errors`: every status and body, asked for by a read and by a write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.adapters.rest_errors import LONGEST_MESSAGE, LONGEST_WAIT, Answer, Call, error_of, plain
from erpsync_app.engine.errors import (
	Blocked,
	Duplicate,
	Missing,
	NeedsPerson,
	Refused,
	Stale,
	SyncError,
	Unavailable,
	Unclear,
	Unreadable,
)

READ = Call("The cloud site", "read Customer X")
WRITE = Call("The cloud site", "change Customer X", writes=True)

HTML = None
EMPTY: dict[str, Any] = {}


def v1(kind: str, *messages: str, **more: Any) -> dict[str, Any]:
	told = [json.dumps({"message": m, "title": "Message", "indicator": "red"}) for m in messages]
	return {"exc_type": kind, **({"_server_messages": json.dumps(told)} if told else {}), **more}


def v2(kind: str, **more: Any) -> dict[str, Any]:
	return {"errors": [{"type": kind, **more}]}


def answered(status: int, body: dict[str, Any] | None, call: Call, **headers: str) -> Exception:
	return error_of(Answer(status, headers, body), call)


TABLE = [
	# status, body, of a read, of a write
	(417, v1("TimestampMismatchError"), Stale, Stale),
	(404, v1("DoesNotExistError"), Missing, Missing),
	(409, v1("DuplicateEntryError"), Duplicate, Duplicate),
	(417, v1("UniqueValidationError"), Duplicate, Duplicate),
	(417, v1("LinkValidationError"), Blocked, Blocked),
	(417, v1("CancelledLinkError"), Blocked, Blocked),
	(417, v1("LinkExistsError"), Blocked, Blocked),
	(417, v1("NestedSetChildExistsError"), Blocked, Blocked),
	(401, v1("AuthenticationError"), NeedsPerson, NeedsPerson),
	(401, v1("SessionExpired"), NeedsPerson, NeedsPerson),
	(400, v1("CSRFTokenError"), NeedsPerson, NeedsPerson),
	(400, v1("InvalidAuthorizationToken"), NeedsPerson, NeedsPerson),
	(403, v1("PermissionError"), Unreadable, Refused),
	(417, v1("ValidationError"), Unreadable, Refused),
	(417, v1("MandatoryError"), Unreadable, Refused),
	(417, v1("DataError"), Unreadable, Refused),
	(409, v1("NameError"), Unreadable, Refused),
	(417, v1("UpdateAfterSubmitError"), Unreadable, Refused),
	(500, v1("QueryDeadlockError"), Unavailable, Unavailable),
	(500, v1("QueryTimeoutError"), Unavailable, Unavailable),
	(503, v1("SessionStopped"), Unavailable, Unavailable),
	(503, v1("InReadOnlyMode"), Unavailable, Unavailable),
	(503, v1("QueueOverloaded"), Unavailable, Unavailable),
	(429, v1("TooManyRequestsError"), Unavailable, Unavailable),
	(429, v1("RateLimitExceededError"), Unavailable, Unavailable),
	(500, v1("OperationalError"), Unavailable, Unclear),
	(500, v1("InterfaceError"), Unavailable, Unclear),
	(500, v1("KeyError"), Unavailable, Refused),
	(500, v1("ImportError"), Unavailable, Refused),
	(417, v2("TimestampMismatchError"), Stale, Stale),
	(409, v2("DuplicateEntryError"), Duplicate, Duplicate),
	(401, v2("AuthenticationError"), NeedsPerson, NeedsPerson),
	(403, v2("PermissionError"), Unreadable, Refused),
	(417, v2("MandatoryError"), Unreadable, Refused),
	# not Frappe's words
	(200, HTML, Unavailable, Unclear),
	(200, EMPTY, Unavailable, Unclear),
	(301, HTML, NeedsPerson, NeedsPerson),
	(308, HTML, NeedsPerson, NeedsPerson),
	(302, HTML, Unavailable, Unavailable),
	(303, HTML, Unavailable, Unavailable),
	(307, HTML, Unavailable, Unavailable),
	(400, HTML, NeedsPerson, Refused),
	(401, HTML, NeedsPerson, NeedsPerson),
	(403, HTML, NeedsPerson, Refused),
	(404, HTML, NeedsPerson, NeedsPerson),
	(404, EMPTY, NeedsPerson, NeedsPerson),
	(405, HTML, NeedsPerson, Refused),
	(408, HTML, Unavailable, Unavailable),
	(409, HTML, NeedsPerson, Refused),
	(413, HTML, NeedsPerson, Refused),
	(417, EMPTY, NeedsPerson, Refused),
	(429, HTML, Unavailable, Unavailable),
	(500, HTML, Unavailable, Unclear),
	(500, EMPTY, Unavailable, Unclear),
	(502, HTML, Unavailable, Unclear),
	(503, HTML, Unavailable, Unclear),
	(504, HTML, Unavailable, Unclear),
	(522, HTML, Unavailable, Unclear),
]


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), TABLE)
def test_each_answer_by_what_to_do_next(status, body, of_read, of_write):
	assert type(answered(status, body, READ)) is of_read
	assert type(answered(status, body, WRITE)) is of_write


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), TABLE)
def test_each_message_is_a_sentence_for_a_person(status, body, of_read, of_write):
	for call in (READ, WRITE):
		text = str(answered(status, body, call))
		assert len(text) > 20 and text[0].isupper() and text[-1] in ".?!"


@pytest.mark.parametrize(
	("headers", "seconds"),
	[
		({}, None),
		({"Retry-After": "7"}, 7),
		({"Retry-After": " 1.5 "}, 1.5),
		({"Retry-After": "-3"}, 0),
		({"Retry-After": "nan"}, None),
		({"Retry-After": "inf"}, LONGEST_WAIT),
		({"Retry-After": "999999"}, LONGEST_WAIT),
		({"Retry-After": "soon"}, None),
		({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT"}, None),
		({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT", "Date": "Mon, 05 Jan 2026 09:00:00 GMT"}, 30),
		({"Retry-After": "Mon, 05 Jan 2026 08:00:30 GMT", "Date": "Mon, 05 Jan 2026 09:00:00 GMT"}, 0),
	],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait(status, headers, seconds):
	error = answered(status, HTML, WRITE, **headers)
	assert isinstance(error, Unavailable)
	assert error.after == seconds


def test_frappes_own_words_are_kept_as_plain_text():
	message = (
		'Row #1: <a href="/app/x?a=1&amp;b=2">Item &lt;A&gt; &amp; B</a> is <strong>wrong</strong><br>today'
	)
	assert "Row #1: Item <A> & B is wrong today." in str(answered(417, v1("ValidationError", message), WRITE))
	assert "Item <A> & B" in str(answered(417, v2("ValidationError", message=message), WRITE))


def test_all_messages_are_told_each_once():
	text = str(
		answered(417, v1("MandatoryError", "Value missing: A", "Value missing: B", "Value missing: A"), WRITE)
	)
	assert text.count("Value missing: A") == text.count("Value missing: B") == 1


def test_a_traceback_is_not_for_people():
	trace = 'Traceback (most recent call last):\n  File "/home/frappe/x.py", line 1\nfrappe.exceptions.ValidationError: Too late'
	for body in (
		v1("ValidationError", exc=json.dumps([trace]), exception=trace),
		v2("ValidationError", exception=trace),
	):
		text = str(answered(417, body, WRITE))
		assert "Too late" in text
		assert "/home/frappe" not in text and "Traceback" not in text


def test_a_long_message_is_cut():
	assert len(str(answered(417, v1("ValidationError", "x" * 10_000), WRITE))) < LONGEST_MESSAGE + 100


@pytest.mark.parametrize(
	"body",
	[
		{"exc_type": 7},
		{"exc_type": None, "errors": None},
		{"errors": []},
		{"errors": ["x"]},
		{"errors": {"type": "x"}},
		{"errors": [{"type": None}]},
		v1("ValidationError") | {"_server_messages": "not json"},
		v1("ValidationError") | {"_server_messages": "[1, 2]"},
		v1("ValidationError") | {"_server_messages": 5, "messages": 7, "errors": 3, "exception": 9},
		v1("ValidationError") | {"_server_messages": '["{}"]', "messages": [1, {"message": None}]},
	],
)
def test_odd_bodies_do_no_harm(body):
	assert isinstance(answered(417, body, WRITE), Refused)
	assert isinstance(answered(500, body, READ), Unavailable)


ANY_JSON = st.recursive(
	st.none() | st.booleans() | st.integers() | st.text(max_size=20),
	lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
	max_leaves=8,
)
ANY_BODY = st.fixed_dictionaries(
	{},
	optional=dict.fromkeys(
		("exc_type", "errors", "_server_messages", "messages", "_error_message", "exception"),
		ANY_JSON
		| ANY_JSON.map(json.dumps)
		| st.lists(st.fixed_dictionaries({"type": ANY_JSON, "message": ANY_JSON})),
	),
)


@given(
	status=st.integers(100, 599), body=st.none() | ANY_BODY, retry=st.text(max_size=10), writes=st.booleans()
)
def test_whatever_is_answered_becomes_an_error_of_ours(status, body, retry, writes):
	error = error_of(Answer(status, {"Retry-After": retry}, body), Call("The cloud site", "read X", writes))
	assert isinstance(error, SyncError)
	assert 10 < len(str(error)) < 2 * LONGEST_MESSAGE


def test_a_redirect_tells_where_to_without_what_may_be_secret():
	text = str(answered(301, HTML, READ, Location="https://new.example.com/api?token=abc#x"))
	assert "https://new.example.com/api" in text
	assert "abc" not in text


@pytest.mark.parametrize(
	("html", "text"),
	[
		("a<br>b", "a b"),
		("<script>alert(1)</script>", "alert(1)"),
		("1 &lt; 2 &amp; 3", "1 < 2 & 3"),
		("a <", "a <"),
		("  a \n b ", "a b"),
		("", ""),
	],
)
def test_plain_text(html, text):
	assert plain(html) == text
