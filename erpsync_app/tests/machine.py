# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The machine that the tests on real sites run on: commands as a person types them, services that are stopped and
started, and a server that is no Frappe site."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

import click
import frappe
import pytest
from frappe.utils.bench_helper import get_app_groups

from erpsync_app.tests.support import BENCH, CLOUD_URL, LOCAL_SITE, set_setting

FRAPPE = (sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "--site", LOCAL_SITE)
OURS = ("CLOUD_ERP_URL", "CLOUD_API_KEY", "CLOUD_API_SECRET", "WEBHOOK_SECRET")
SECONDS = 300
"""More than any command of these tests takes."""

STATE = Path(BENCH) / ".erpsync"
SERVICES = ("mariadb", "redis-cache", "redis-queue", "web", "worker-1", "worker-2", "scheduler")


@dataclass
class Said:
	"""What a command answered."""

	code: int
	out: str
	err: str

	@property
	def json(self) -> dict[str, Any]:
		"""What it printed, which must be one JSON object and nothing else."""
		told = json.loads(self.out)
		assert isinstance(told, dict), self.out
		return told

	@property
	def text(self) -> str:
		return f"{self.out}\n{self.err}"


def erpsync(*arguments: str, environment: Mapping[str, str] | None = None, stdin: str = "") -> Said:
	"""`bench --site SITE erpsync …`, in a process of its own. Forked, since to import everything anew for each of
	some hundred commands takes minutes; `afresh` does that."""
	with TemporaryFile() as into, TemporaryFile() as out, TemporaryFile() as err:
		into.write(stdin.encode())
		into.seek(0)
		code = _forked(lambda: _become_the_command(arguments, environment or {}, into, out, err))
		return Said(code, _all(out), _all(err))


def forked(work: Callable[[], object]) -> int:
	"""What code ends with that runs in a process of its own, connected to the site: an exit code, or the negative
	number of the signal that killed it."""

	def connected() -> None:
		frappe.init(site=LOCAL_SITE, sites_path=".")
		frappe.connect()
		frappe.set_user("Administrator")
		work()
		frappe.db.commit()

	return _forked(connected)


def _forked(work: Callable[[], object]) -> int:
	frappe.db.rollback()
	pid = os.fork()
	if pid == 0:
		_end_with(work)
	end = time.monotonic() + SECONDS
	while time.monotonic() < end:
		done, status = os.waitpid(pid, os.WNOHANG)
		if done:
			frappe.db.rollback()
			return os.waitstatus_to_exitcode(status)
		time.sleep(0.01)
	os.kill(pid, signal.SIGKILL)
	os.waitpid(pid, 0)
	raise AssertionError(f"the command did not end within {SECONDS} s")


def _end_with(work: Callable[[], object]) -> NoReturn:
	code = 1
	try:
		# The connection is the parent's: forgotten, and never closed, which would close it for the parent too.
		_inherited.append(frappe.local.db)
		frappe.release_local(frappe.local)  # werkzeug's on version 15, Frappe's own on 16
		work()
		code = 0
	except SystemExit as e:
		code = e.code if isinstance(e.code, int) else int(e.code is not None)
	except BaseException:
		traceback.print_exc()
	finally:
		sys.stdout.flush()
		sys.stderr.flush()
		os._exit(code)


_inherited: list[Any] = []


def _become_the_command(arguments: Sequence[str], environment: Mapping[str, str], *files: IO[bytes]) -> None:
	for number, file in enumerate(files):
		os.dup2(file.fileno(), number)
	sys.stdin = open(0, closefd=False)
	sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))
	for name in OURS:
		os.environ.pop(name, None)
	os.environ.update(environment)
	command = click.Group(commands=get_app_groups())
	command(args=[*FRAPPE[3:], "erpsync", *arguments], prog_name="bench")


def afresh(*arguments: str, frappe_command: Sequence[str] = FRAPPE) -> Said:
	"""The same, from nothing."""
	done = subprocess.run(
		[*frappe_command, "erpsync", *arguments],
		env=_clean_environment(),
		stdin=subprocess.DEVNULL,
		capture_output=True,
		text=True,
		timeout=SECONDS,
	)
	return Said(done.returncode, done.stdout, done.stderr)


def _all(file: IO[bytes]) -> str:
	# From where it begins, without moving the place where another process writes.
	return os.pread(file.fileno(), 10_000_000, 0).decode()


def _clean_environment() -> dict[str, str]:
	return {name: value for name, value in os.environ.items() if name not in OURS}


class Running:
	"""The same command, left running."""

	def __init__(self, *arguments: str):
		self._out, self._err = TemporaryFile(), TemporaryFile()
		self.process = subprocess.Popen(
			[*FRAPPE, "erpsync", *arguments],
			env={**_clean_environment(), "PYTHONUNBUFFERED": "1"},
			stdin=subprocess.DEVNULL,
			stdout=self._out,
			stderr=self._err,
		)

	def so_far(self) -> Said:
		"""What it has printed; `code` is -1 while it runs."""
		code = self.process.poll()
		return Said(-1 if code is None else code, _all(self._out), _all(self._err))

	def ended(self, how: signal.Signals, seconds: float = 30) -> Said:
		"""Told to end by a signal, what it says."""
		self.process.send_signal(how)
		self.process.wait(seconds)
		return self.so_far()

	def __enter__(self) -> Running:
		return self

	def __exit__(self, *exception: object) -> None:
		self.process.kill()
		self.process.wait()
		self._out.close()
		self._err.close()


@contextmanager
def cloud_at(url: str, **more: Any) -> Iterator[None]:
	"""The cloud is said to be elsewhere. That it was somewhere else is forgotten, or sync would stop to ask."""
	try:
		set_setting(cloud_url=url, **more)
		_forget_identity()
		yield
	finally:
		frappe.db.rollback()
		set_setting(cloud_url=CLOUD_URL)
		_forget_identity()


def _forget_identity() -> None:
	frappe.db.set_single_value("Sync Settings", {"cloud_identity": None, "tripped": None, "paused": 0})
	frappe.db.commit()


# -- services


def needs_services() -> None:
	"""Skip where the services of the bench are not `scripts/bench`'s own, to be stopped and started at will."""
	if not all(_pid(name) for name in SERVICES):
		pytest.skip("the services of this bench were not all started by scripts/bench")


def _pid(name: str) -> int | None:
	try:
		pid = int((STATE / "run" / f"{name}.pid").read_text())
		os.kill(pid, 0)
	except (OSError, ValueError):
		return None
	return pid


def _ended(pid: int) -> bool:
	try:
		return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
	except OSError:
		return True


@contextmanager
def without(*services: str) -> Iterator[None]:
	"""The bench without some of its services, which are back when this ends."""
	needs_services()
	try:
		for name in services:
			stop(name)
		yield
	finally:
		start_services()
		connect_again()


def connect_again() -> None:
	frappe.destroy()
	frappe.init(site=LOCAL_SITE, sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")


def stop(name: str, how: signal.Signals = signal.SIGTERM) -> None:
	pid = _pid(name)
	assert pid, f"{name} does not run"
	os.kill(pid, how)
	end = time.monotonic() + 60
	while not _ended(pid):
		assert time.monotonic() < end, f"{name} does not end"
		time.sleep(0.05)
	(STATE / "run" / f"{name}.pid").unlink(missing_ok=True)


def start_services() -> None:
	"""Start what does not run, and wait until both sites answer."""
	script = Path(BENCH) / "apps" / "erpsync_app" / "scripts" / "bench"
	done = subprocess.run(
		["bash", str(script), "start"],
		env={**os.environ, "ERPSYNC_BENCH": BENCH},
		stdin=subprocess.DEVNULL,
		capture_output=True,
		text=True,
		timeout=300,
	)
	assert done.returncode == 0, done.stdout + done.stderr


# -- a server that is no Frappe site


@dataclass
class Answer:
	status: int = 200
	body: bytes | str = b""
	headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
	"""A request that arrived."""

	path: str
	headers: dict[str, str]
	body: bytes


@dataclass
class Server:
	url: str
	asked: list[Asked] = field(default_factory=list)


@contextmanager
def server(
	answer: Callable[[Asked], Answer | None],
	*,
	certificate: tuple[str, str] | None = None,
	host: str = "localhost",
) -> Iterator[Server]:
	"""An HTTP server on this machine, https with a `certificate` (file, key file). `answer` None breaks the
	connection off. `host` is the name or the address to call it by."""

	class Handler(BaseHTTPRequestHandler):
		protocol_version = "HTTP/1.1"

		def do_POST(self) -> None:
			body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
			asked = Asked(self.path, dict(self.headers), body)
			here.asked.append(asked)
			told = answer(asked)
			if told is None:
				self.connection.shutdown(socket.SHUT_RDWR)
				self.close_connection = True
				return
			content = told.body.encode() if isinstance(told.body, str) else told.body
			self.send_response(told.status)
			for name, value in {"Content-Length": str(len(content)), **told.headers}.items():
				self.send_header(name, value)
			self.end_headers()
			self.wfile.write(content)

		do_GET = do_PUT = do_POST

		def log_message(self, *arguments: Any) -> None:
			pass

	httpd = ThreadingHTTPServer(("127.0.0.1" if host == "localhost" else host, 0), Handler)
	httpd.daemon_threads = True
	if certificate:
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(*certificate)
		httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
	scheme = "https" if certificate else "http"
	here = Server(f"{scheme}://{host}:{httpd.server_address[1]}")
	threading.Thread(target=httpd.serve_forever, daemon=True).start()
	try:
		yield here
	finally:
		httpd.shutdown()
		httpd.server_close()
