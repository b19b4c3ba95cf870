# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""One Frappe site's REST API over one `requests` session: a call in, JSON or an error of `engine.errors` out.

What it sends, it sends to the address that a person named: no redirect is followed, no cookie sent, no `.netrc`
read, and certificates are checked. The key and the secret are in no message.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import encode_multipart_formdata
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from erpsync_app import __version__
from erpsync_app.adapters.rest_errors import Answer, Call, error_of
from erpsync_app.engine.errors import Missing, NeedsPerson, Refused, SyncError, Unavailable, Unclear

SHORTEST_SECRET = 4
"""Characters. To blot out less would make messages unreadable, and hide nothing."""


CHUNK = 64 * 1024


class _Token(AuthBase):
	"""Frappe's token authentication, as an object that does not show the secret when it is shown itself."""

	def __init__(self, key: str, secret: str):
		self._value = f"token {key}:{secret}"

	def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
		request.headers["Authorization"] = self._value
		return request


class RestClient:
	"""`post` is almost all there is: Frappe reads and writes by POST with the arguments in the body, where names of any
	length and spelling arrive whole; a URL loses some of them on the way. `upload` and `download` are for files."""

	def __init__(
		self,
		*,
		url: str,
		key: str,
		secret: str,
		label: str,
		connect_timeout: float,
		read_timeout: float,
		allow_http: bool = False,
		session: requests.Session | None = None,
	):
		self.url = checked_url(url, allow_http=allow_http)
		if not (_is_token(key) and _is_token(secret)):
			raise NeedsPerson(
				f"The API key and secret of the {label} site are not whole: copy both from the user's settings there."
			)
		self._label = f"The {label} site"
		self._secrets = tuple(s for s in (secret, key) if len(s) >= SHORTEST_SECRET)
		self._auth = _Token(key, secret)
		self._timeout = (connect_timeout, read_timeout)
		self._headers = {
			"User-Agent": f"erpsync_app/{__version__}",
			"Accept": "application/json",
			"Content-Type": "application/json",
		}
		self._session = session or requests.Session()
		# Requests are made by hand, past what a session adds of its own to each: cookies (a second identity, which
		# asks for a CSRF token) and a `.netrc` (which takes the place of the key). Of its surroundings remain the
		# proxy and the certificates that are trusted.
		self._settings = self._session.merge_environment_settings(self.url, {}, None, None, None)
		self._blank: requests.PreparedRequest | None = None

	def post(
		self, path: str, arguments: Mapping[str, Any], *, action: str, writes: bool = False
	) -> dict[str, Any]:
		"""The JSON object that the site answers. `action` completes "refused to …" for a person."""
		try:
			payload = json.dumps(arguments, allow_nan=False, default=str).encode()
		except ValueError as e:
			raise Refused(f"It cannot be sent as JSON: {e}.") from None
		with self._scrubbing():
			return self._answer(self._request(path, payload), Call(self._label, action, writes))

	def upload(
		self, path: str, form: Mapping[str, str | tuple[str, bytes]], *, action: str
	) -> dict[str, Any]:
		"""Post a form; a file in it is `(name, content)`. Answers as `post` does."""
		payload, content_type = encode_multipart_formdata(form)
		with self._scrubbing():
			return self._answer(self._request(path, payload, content_type), Call(self._label, action, True))

	def download(self, path: str, limit: int, *, action: str) -> bytes:
		"""The bytes at a path. Raises Missing where there are none, Refused where they are more than `limit`, or
		elsewhere."""
		call = Call(self._label, action)
		request = self._request(path, b"")
		request.method, request.body = "GET", None
		for header in ("Content-Type", "Content-Length"):
			request.headers.pop(header, None)
		with self._scrubbing(), closing(self._sent(request, call, stream=True)) as response:
			if response.status_code == 404:
				raise Missing(f"its bytes are not there any more: {self._label.lower()} does not find them.")
			if response.status_code == 403:
				raise Refused(f"{self._label.lower()} does not let the sync user read it.")
			if 300 <= response.status_code < 400:
				raise Refused(f"{self._label.lower()} keeps it at another address, and sync follows none.")
			if response.status_code != 200:
				raise error_of(Answer(response.status_code, response.headers, None), call)
			try:
				return _bounded(response, limit)
			except (requests.RequestException, HTTPError):
				raise Unavailable(f"{call.site} broke off when it was asked to {call.action}.") from None

	@contextmanager
	def _scrubbing(self) -> Iterator[None]:
		try:
			yield
		except SyncError as e:
			e.args = (self._scrubbed(str(e)),)
			raise

	def _answer(self, request: requests.PreparedRequest, call: Call) -> dict[str, Any]:
		response = self._sent(request, call)
		answer = Answer(response.status_code, response.headers, _json_object(response))
		if answer.status in (200, 201, 202) and answer.body is not None and "exc_type" not in answer.body:
			return answer.body
		raise error_of(answer, call)

	def _sent(
		self, request: requests.PreparedRequest, call: Call, *, stream: bool = False
	) -> requests.Response:
		try:
			return self._session.send(
				request,
				timeout=self._timeout,
				allow_redirects=False,
				**{**self._settings, "stream": stream},
			)
		except requests.RequestException as e:
			# `from None`: the exception below carries the request, and with it the secret.
			raise _failure(e, call) from None
		except Exception as e:
			# Some get through `requests` as they are. Left alone, one ends a job, and Frappe's Error Log keeps the
			# variables of all its frames: the headers.
			raise _surprise(e, call) from None

	def _request(self, path: str, payload: bytes, content_type: str = "") -> requests.PreparedRequest:
		if self._blank is None:
			# Once: to take the same URL and headers to pieces for each request costs as much as a small answer.
			self._blank = requests.Request("POST", self.url, self._headers).prepare()
		request = self._blank.copy()
		request.url = (request.url or "").rstrip("/") + path
		if content_type:
			request.headers["Content-Type"] = content_type
		request.prepare_body(payload, None)
		request.prepare_auth(self._auth)
		return request

	def _scrubbed(self, text: str) -> str:
		for secret in self._secrets:
			text = text.replace(secret, "***")
		return text

	def close(self) -> None:
		self._session.close()


def checked_url(url: str, *, allow_http: bool = False) -> str:
	"""The URL in the form that paths are appended to. Raises NeedsPerson where credentials should not go there."""
	try:
		parts = urlsplit(url.strip())
		host, _ = parts.hostname, parts.port
	except ValueError:
		host = None
	if not host or parts.scheme not in ("http", "https"):
		raise NeedsPerson("The URL of the cloud site must look like https://erp.example.com.")
	if parts.username or parts.password or parts.query or parts.fragment:
		raise NeedsPerson(
			"The URL of the cloud site must be its address alone, without user, password, ? or #."
		)
	if parts.scheme == "http" and not (allow_http or _is_this_machine(host)):
		raise NeedsPerson(
			f"http://{host} would send the API secret readable to everyone on the way: use https."
		)
	return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_token(text: str) -> bool:
	"""Whether it can be a half of Frappe's `key:secret`. An accident of copying would break the header, or show."""
	return bool(text) and text.isascii() and text.isprintable() and not set(text) & set(" :")


def _is_this_machine(host: str) -> bool:
	if host == "localhost" or host.endswith(".localhost"):
		return True
	try:
		return ipaddress.ip_address(host).is_loopback
	except ValueError:
		return False


def _bounded(response: requests.Response, limit: int) -> bytes:
	content = bytearray()
	for chunk in response.iter_content(CHUNK):
		content += chunk
		if len(content) > limit:
			raise Refused(f"it has more than the {limit} bytes that may be read of it.")
	return bytes(content)


def _json_object(response: requests.Response) -> dict[str, Any] | None:
	try:
		body = json.loads(response.content)
	except (ValueError, RecursionError):
		return None
	return body if isinstance(body, dict) else None


def _failure(e: requests.RequestException, call: Call) -> SyncError:
	"""No answer arrived. What matters is whether a write may have been received."""
	if isinstance(e, requests.exceptions.SSLError) and "EOF" not in str(e):
		return NeedsPerson(f"{call.site} cannot be trusted: its certificate is not valid for that address.")
	if isinstance(e, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
		return NeedsPerson(f"{call.site} cannot be called: its URL is not valid.")
	if isinstance(e, requests.exceptions.ProxyError) or _never_sent(e):
		return Unavailable(
			f"{call.site} cannot be reached: see that it is running and that its URL is right. Nothing is lost: sync"
			" goes on later."
		)
	what = "did not answer in time" if isinstance(e, requests.Timeout) else "broke off"
	text = f"{call.site} {what} when it was asked to {call.action}."
	return Unclear(text) if call.writes else Unavailable(text)


def _surprise(e: Exception, call: Call) -> SyncError:
	if isinstance(e, HTTPError | UnicodeError):  # before anything was sent
		return NeedsPerson(
			f"{call.site} cannot be called: a character in its URL, the API key or the API secret does not belong there."
		)
	text = f"{call.site} could not be asked to {call.action} ({type(e).__name__})."
	return Unclear(text) if call.writes else Unavailable(text)


def _never_sent(e: requests.RequestException) -> bool:
	"""Whether the connection was not even made."""
	if isinstance(e, requests.ConnectTimeout):
		return True
	reason = e.args[0] if e.args else None
	if isinstance(reason, MaxRetryError):
		reason = reason.reason
	return isinstance(reason, NewConnectionError | ConnectTimeoutError)
