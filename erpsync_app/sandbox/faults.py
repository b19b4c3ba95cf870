# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A bad network in front of a sandbox site: what can go wrong between a request and its answer, on demand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from enum import Enum

import requests

from erpsync_app.sandbox.transport import Handler

HTML = {"Content-Type": "text/html; charset=utf-8"}


class Fault(Enum):
	"""`LOST` faults keep the request from the site; `AFTER` faults strike when it has taken effect already."""

	LOST_REFUSED = "connection refused"
	LOST_CONNECT_TIMEOUT = "time-out before sending"
	LOST_TIMEOUT = "time-out, and the request never arrived"
	LOST_BUSY = "429 with Retry-After"
	LOST_MAINTENANCE = "503, the site is being updated"
	LOST_BROKEN_SERVER = "500 without a reason, before it took effect"
	LOST_GATEWAY = "502 of a proxy, before it took effect"
	LOST_LOGIN_PAGE = "200 with HTML"
	LOST_REDIRECT = "302 to a login page"
	AFTER_TIMEOUT = "time-out after it took effect"
	AFTER_BROKEN_OFF = "connection broken after it took effect"
	AFTER_BROKEN_SERVER = "500 without a reason, after it took effect"
	AFTER_GATEWAY = "504 of a proxy after it took effect"
	AFTER_HALF = "half a body"

	@property
	def took_effect(self) -> bool:
		return self.name.startswith("AFTER")


Choose = Callable[[str, str], Fault | None]
"""`(method, path)` of a request → what befalls it."""

RETRY_AFTER = 7

COLLIDED = 417, {"Content-Type": "application/json"}, b'{"exc_type": "SerializationFailure"}'
"""The answer of a site whose database let another transaction go first: nothing was written."""


class Faults:
	"""A handler that passes requests on, but for the faults that `choose` picks; `struck` keeps them."""

	def __init__(self, handler: Handler, choose: Choose):
		self._handler = handler
		self.choose = choose
		self.struck: list[Fault] = []

	def __call__(
		self, method: str, path: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, Mapping[str, str], bytes]:
		fault = self.choose(method, path)
		if fault is None:
			return self._handler(method, path, headers, body)
		self.struck.append(fault)
		return answered(fault, self._handler, method, path, headers, body)


def answered(
	fault: Fault | None, handler: Handler, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, Mapping[str, str], bytes]:
	"""What a request meets with: the handler's answer, spoilt by the fault if there is one."""
	if fault is None:
		return handler(method, path, headers, body)
	if fault.took_effect:
		return _after(fault, handler(method, path, headers, body))
	return _instead(fault)


def by_chance(chance: random.Random, rate: float, faults: tuple[Fault, ...] = tuple(Fault)) -> Choose:
	"""A fault in this share of the requests, the same ones for the same seed."""
	return lambda method, path: chance.choice(faults) if chance.random() < rate else None


def _instead(fault: Fault) -> tuple[int, Mapping[str, str], bytes]:
	if fault is Fault.LOST_REFUSED:
		raise requests.exceptions.ProxyError("connection refused")
	if fault is Fault.LOST_CONNECT_TIMEOUT:
		raise requests.ConnectTimeout("timed out while connecting")
	if fault is Fault.LOST_TIMEOUT:
		raise requests.ReadTimeout("read timed out")
	if fault is Fault.LOST_BUSY:
		return 429, {**HTML, "Retry-After": str(RETRY_AFTER)}, b"Too Many Requests"
	if fault is Fault.LOST_MAINTENANCE:
		return 503, {"Content-Type": "application/json"}, b'{"exc_type": "SessionStopped"}'
	if fault is Fault.LOST_BROKEN_SERVER:
		return 500, HTML, b"<h1>Internal Server Error</h1>"
	if fault is Fault.LOST_GATEWAY:
		return 502, HTML, b"<h1>502 Bad Gateway</h1>"
	if fault is Fault.LOST_REDIRECT:
		return 302, {"Location": "https://login.example.com/"}, b""
	return 200, HTML, b"<!DOCTYPE html><title>Log in</title>"


def _after(
	fault: Fault, answer: tuple[int, Mapping[str, str], bytes]
) -> tuple[int, Mapping[str, str], bytes]:
	status, headers, body = answer
	if fault is Fault.AFTER_TIMEOUT:
		raise requests.ReadTimeout("read timed out")
	if fault is Fault.AFTER_BROKEN_OFF:
		raise requests.ConnectionError("connection aborted: reset by peer")
	if fault is Fault.AFTER_BROKEN_SERVER:
		return 500, HTML, b"<h1>Internal Server Error</h1>"
	if fault is Fault.AFTER_GATEWAY:
		return 504, HTML, b"<h1>504 Gateway Time-out</h1>"
	return status, headers, body[: len(body) // 2]
