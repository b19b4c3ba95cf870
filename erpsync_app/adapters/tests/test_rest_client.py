# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The client on a real socket: what breaks, what is sent, and what is not."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import requests

from erpsync_app.adapters.rest_client import RestClient, checked_url
from erpsync_app.engine.errors import NeedsPerson, Refused, SyncError, Unavailable, Unclear
from erpsync_app.sandbox.transport import served, session_to

KEY, SECRET = "key-0123", "secret-4567"
OK = (200, {"Content-Type": "application/json"}, b'{"message": 1}')


def client(url: str = "https://cloud.example.com", **options) -> RestClient:
	options = {"connect_timeout": 2, "read_timeout": 0.3, "label": "cloud", **options}
	return RestClient(url=url, key=KEY, secret=SECRET, **options)


@contextmanager
def socket_that(answer: Callable[[socket.socket], None]) -> Iterator[str]:
	"""A port of this machine that reads a request and does with the connection what it is told."""
	listener = socket.create_server(("127.0.0.1", 0))

	def serve() -> None:
		while True:
			try:
				connection, _ = listener.accept()
			except OSError:
				return
			with connection:
				connection.recv(65536)
				answer(connection)

	threading.Thread(target=serve, daemon=True).start()
	try:
		yield f"http://127.0.0.1:{listener.getsockname()[1]}"
	finally:
		listener.close()


def broken(url: str, *, writes: bool) -> type[SyncError]:
	with pytest.raises(SyncError) as caught:
		client(url).post("/api/method/x", {}, action="do it", writes=writes)
	assert SECRET not in str(caught.value) and KEY not in str(caught.value)
	# A traceback in a log must not lead to the request, which carries the secret.
	assert caught.value.__cause__ is None
	assert caught.value.__context__ is None or caught.value.__suppress_context__
	return type(caught.value)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
	("name", "answer"),
	[
		("slow", lambda c: time.sleep(0.6)),
		("closes at once", lambda c: None),
		("half a head", lambda c: c.sendall(HEAD[:20])),
		("half a body", lambda c: c.sendall(HEAD + b'{"message": ')),
		("not HTTP", lambda c: c.sendall(b"hello\r\n\r\n")),
		(
			"a body that is not its encoding",
			lambda c: c.sendall(
				b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
			),
		),
		("a body that is no JSON", lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")),
		("JSON, but no object", lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")),
	],
)
def test_when_the_answer_breaks_off_a_write_is_unclear(name, answer):
	with socket_that(answer) as url:
		assert broken(url, writes=False) is Unavailable
		assert broken(url, writes=True) is Unclear


def test_when_nothing_was_sent_a_write_has_not_happened():
	with socket.create_server(("127.0.0.1", 0)) as listener:
		closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
	assert broken(closed, writes=True) is broken(closed, writes=False) is Unavailable
	assert broken("https://no-such-host.invalid", writes=True) is Unavailable


def test_a_certificate_that_is_not_valid_needs_a_person(tmp_path):
	def refuse(*_):
		raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

	with pytest.raises(NeedsPerson, match="certificate"):
		client(session=session_to(refuse)).post("/x", {}, action="do it", writes=True)


def test_a_port_that_speaks_no_tls_needs_a_person():
	with socket_that(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
		assert broken(url.replace("http:", "https:"), writes=True) is NeedsPerson


def test_what_is_sent():
	seen: list[tuple[str, str, Mapping[str, str], bytes]] = []

	def handler(*request):
		seen.append(request)
		return OK

	assert client(session=session_to(handler)).post(
		"/api/method/x", {"a": "ü", "b": [1, None]}, action="ask"
	) == {"message": 1}
	((method, path, headers, body),) = seen
	assert (method, path) == ("POST", "/api/method/x")
	assert headers["Authorization"] == f"token {KEY}:{SECRET}"
	assert headers["Content-Type"] == headers["Accept"] == "application/json"
	assert headers["User-Agent"].startswith("erpsync_app/")
	assert json.loads(body) == {"a": "ü", "b": [1, None]}


def test_a_netrc_does_not_take_the_place_of_the_key(tmp_path, monkeypatch):
	netrc = tmp_path / "netrc"
	netrc.write_text("machine 127.0.0.1 login someone password else\n")
	monkeypatch.setenv("NETRC", str(netrc))
	seen = []

	def handler(method, path, headers, body):
		seen.append(headers["Authorization"])
		return OK

	with served(handler) as url:
		client(url).post("/x", {}, action="ask")
	assert seen == [f"token {KEY}:{SECRET}"]


def test_no_cookie_is_kept():
	seen = []

	def handler(method, path, headers, body):
		seen.append(headers.get("Cookie"))
		return 200, {"Content-Type": "application/json", "Set-Cookie": "sid=abc; Path=/"}, b"{}"

	with served(handler) as url:
		one = client(url)
		one.post("/x", {}, action="ask")
		one.post("/x", {}, action="ask")
	assert seen == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status):
	asked = []

	def handler(method, path, headers, body):
		asked.append(path)
		return status, {"Location": "https://elsewhere.example.com/y"}, b""

	with pytest.raises((NeedsPerson, Unavailable), match="elsewhere"):
		client(session=session_to(handler)).post("/x", {}, action="do it", writes=True)
	assert asked == ["/x"]


def test_the_secret_is_in_no_message_even_if_the_site_echoes_it():
	echo = json.dumps(
		{"exc_type": "ValidationError", "exception": f"X: bad header token {KEY}:{SECRET}"}
	).encode()
	handler = lambda *_: (417, {"Content-Type": "application/json"}, echo)  # noqa: E731
	with pytest.raises(Refused) as caught:
		client(session=session_to(handler)).post("/x", {}, action="do it", writes=True)
	assert SECRET not in str(caught.value) and KEY not in str(caught.value)
	assert "token ***:***" in str(caught.value)


def test_nothing_that_the_client_shows_of_itself_tells_the_secret():
	one = client(session=session_to(lambda *_: OK))
	shown = repr(one) + str(one) + repr(vars(one)["_auth"])
	assert SECRET not in shown and KEY not in shown


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused_before_it_is_sent(value):
	asked = []
	one = client(session=session_to(lambda *request: asked.append(request) or OK))
	with pytest.raises(Refused):
		one.post("/x", {"a": value}, action="do it", writes=True)
	assert not asked


@pytest.mark.parametrize(
	("url", "kept"),
	[
		("https://erp.example.com", "https://erp.example.com"),
		(" https://erp.example.com/ ", "https://erp.example.com"),
		("https://erp.example.com:8443/sub/", "https://erp.example.com:8443/sub"),
		("http://localhost:8000", "http://localhost:8000"),
		("http://cloud.localhost:8000/", "http://cloud.localhost:8000"),
		("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
		("http://[::1]:8000", "http://[::1]:8000"),
	],
)
def test_urls_that_are_good(url, kept):
	assert checked_url(url) == kept


@pytest.mark.parametrize(
	"url",
	[
		"",
		"erp.example.com",
		"ftp://erp.example.com",
		"https://",
		"https://[::1",
		"https://erp.example.com:port",
		"https://user:password@erp.example.com",
		"https://erp.example.com/?a=1",
		"https://erp.example.com/#app",
		"http://erp.example.com",
		"http://localhost.example.com",
		"http://10.0.0.5",
	],
)
def test_urls_that_credentials_are_not_sent_to(url):
	with pytest.raises(NeedsPerson) as caught:
		checked_url(url)
	assert "password@" not in str(caught.value)


def test_plain_http_only_if_a_person_says_so():
	assert checked_url("http://erp.lan", allow_http=True) == "http://erp.lan"


@pytest.mark.parametrize("bad", ["", "a b", "a:b", "a\nb", "a\u2026", "pässword"])
def test_keys_that_cannot_be_right_are_not_sent(bad):
	for key, secret in ((bad, SECRET), (KEY, bad)):
		with pytest.raises(NeedsPerson) as caught:
			RestClient(
				url="https://x.example.com",
				key=key,
				secret=secret,
				label="cloud",
				connect_timeout=1,
				read_timeout=1,
			)
		assert SECRET not in str(caught.value) and (not bad or bad not in str(caught.value))
