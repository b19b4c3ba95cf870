# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Ways to a sandbox site: within the process, as a transport of `requests`, and by a real port for the demo."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

Handler = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]
"""`(method, path, headers, body) -> (status, headers, body)`; it may raise what `requests` would."""


class InProcess(BaseAdapter):
	"""A `requests` transport that ends in a handler instead of a network."""

	def __init__(self, handler: Handler):
		super().__init__()
		self._handler = handler

	def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
		body = request.body or b""
		status, headers, content = self._handler(
			request.method or "GET",
			request.path_url,
			CaseInsensitiveDict(request.headers),
			body.encode() if isinstance(body, str) else bytes(body),
		)
		response = requests.Response()
		response.status_code = status
		response.headers = CaseInsensitiveDict(headers)
		response.raw = io.BytesIO(content)
		response.url = request.url or ""
		response.request = request
		return response

	def close(self) -> None:
		pass


def session_to(handler: Handler) -> requests.Session:
	"""A session all of whose requests end in the handler, whatever their address."""
	session = requests.Session()
	session.trust_env = False
	for scheme in ("http://", "https://"):
		session.mount(scheme, InProcess(handler))
	return session


class _Whole(requests.Response):
	"""An answer that is all there, made without what one that is still to be read needs."""

	_content_consumed = True


class _Direct(requests.Session):
	"""Without what a session does around a request that changes nothing here: hooks, cookies, the time it took."""

	def __init__(self, handler: Handler):
		super().__init__()
		self.trust_env = False
		self._handler = handler

	def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
		body = request.body or b""
		response = _Whole.__new__(_Whole)
		response.status_code, headers, response._content = self._handler(
			request.method or "GET",
			request.path_url,
			request.headers,
			body.encode() if isinstance(body, str) else bytes(body),
		)
		response.headers = CaseInsensitiveDict(headers)
		response.raw = None
		response.url = request.url or ""
		response.request = request
		return response


def direct_session(handler: Handler) -> requests.Session:
	"""As `session_to`, in half the time."""
	return _Direct(handler)


@contextmanager
def served(handler: Handler, port: int = 0) -> Iterator[str]:
	"""The handler behind a port of this machine, for as long as the block lasts; answers its URL."""

	class _Request(BaseHTTPRequestHandler):
		protocol_version = "HTTP/1.1"

		def _serve(self) -> None:
			length = int(self.headers.get("Content-Length") or 0)
			status, headers, body = handler(
				self.command, self.path, CaseInsensitiveDict(self.headers.items()), self.rfile.read(length)
			)
			self.send_response(status)
			for name, value in headers.items():
				self.send_header(name, value)
			self.send_header("Content-Length", str(len(body)))
			self.end_headers()
			self.wfile.write(body)

		do_GET = do_POST = do_PUT = do_DELETE = _serve

		def log_message(self, *_: Any) -> None:
			pass

	server = ThreadingHTTPServer(("127.0.0.1", port), _Request)
	server.daemon_threads = True
	thread = threading.Thread(target=server.serve_forever, daemon=True)
	thread.start()
	try:
		yield f"http://127.0.0.1:{server.server_address[1]}"
	finally:
		server.shutdown()
		server.server_close()
		thread.join()
