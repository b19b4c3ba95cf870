# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A site on SQLite that speaks Frappe's REST API as far as sync uses it, and acts as people would on it.

It holds to what a real site does, odd as it may be; one contract suite runs against both. There is no wall clock
and no chance in it: the clock is given, and names that Frappe makes at random are counted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from erpsync_app.engine.ports import Clock
from erpsync_app.sandbox import buttons, files
from erpsync_app.sandbox.database import Database
from erpsync_app.sandbox.documents import Documents, User
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.rest import Rest
from erpsync_app.sandbox.schema import DOCTYPES
from erpsync_app.sandbox.store import Doc, Store, table
from erpsync_app.sandbox.values import CANCELLED, SUBMITTED

ADMINISTRATOR = User("Administrator")
SIGNATURE = "X-Frappe-Webhook-Signature"


@dataclass(frozen=True, slots=True)
class Webhook:
	"""A request that a site's webhook makes: the caller delivers it, or loses it."""

	headers: Mapping[str, str]
	body: bytes


class SandboxSite:
	"""`users` may call it by their keys. `on_webhook` is called after each commit, once for each document and
	configured event; the body is signed with `webhook_secret`, as a stock webhook with a secret is."""

	def __init__(
		self,
		clock: Clock,
		*,
		name: str = "sandbox",
		time_zone: str = "Asia/Kolkata",
		users: Iterable[User] = (),
		database: Database | None = None,
		webhook_secret: str = "",
		webhook_events: Iterable[str] = ("after_insert", "on_change", "on_trash"),
		on_webhook: Callable[[Webhook], None] | None = None,
	):
		self.name = name
		self.time_zone = time_zone
		self._zone = ZoneInfo(time_zone)
		self._clock = clock
		self._db = database or Database()
		self._store = Store(self._db)
		self._documents = Documents(self._store, self.now, self._hash_name)
		self._rest = Rest(self, self._documents, self._store, users)
		self._webhook_secret = webhook_secret.encode()
		self._webhook_events = frozenset(webhook_events)
		self.on_webhook = on_webhook
		self.writes = 0
		"""How many changes were committed."""
		self._taken_back = 0

	def now(self) -> str:
		"""The time as the site writes it down: naive, in its own zone, without microseconds where they are none."""
		return str(self._clock.now().astimezone(self._zone).replace(tzinfo=None))

	# -- over the network

	def handle(
		self, method: str, path: str, headers: Mapping[str, str], body: bytes
	) -> tuple[int, dict[str, str], bytes]:
		"""One request and its answer: status, headers, body."""
		return self._rest.handle(method, path, headers, body)

	# -- as a person, by the Desk

	def insert(self, doctype: str, values: Mapping[str, Any], *, user: User = ADMINISTRATOR) -> Doc:
		return self.change(lambda: self._documents.insert(user, doctype, values))

	def save(self, doctype: str, name: str, changes: Mapping[str, Any], *, user: User = ADMINISTRATOR) -> Doc:
		return self.change(lambda: self._documents.save(user, doctype, name, changes))

	def submit(self, doctype: str, name: str, *, user: User = ADMINISTRATOR) -> Doc:
		return self.save(doctype, name, {"docstatus": SUBMITTED}, user=user)

	def cancel(self, doctype: str, name: str, *, user: User = ADMINISTRATOR) -> Doc:
		return self.save(doctype, name, {"docstatus": CANCELLED}, user=user)

	def update_status(self, name: str, status: str, *, user: User = ADMINISTRATOR) -> Doc:
		return self.change(lambda: buttons.update_status(self._documents, user, name, status))

	def update_items(
		self, name: str, rows: Sequence[Mapping[str, Any]], *, user: User = ADMINISTRATOR
	) -> Doc:
		return self.change(lambda: buttons.update_items(self._documents, user, name, rows))

	def delete(self, doctype: str, name: str, *, user: User = ADMINISTRATOR) -> None:
		self.change(lambda: self._documents.delete(user, doctype, name))

	def rename(
		self, doctype: str, old: str, new: str, *, merge: bool = False, user: User = ADMINISTRATOR
	) -> str:
		return self.change(lambda: self._documents.rename(user, doctype, old, new, merge=merge))

	def set_value(
		self, doctype: str, name: str, values: Mapping[str, Any], *, update_modified: bool = True
	) -> None:
		"""A change that no hook and no webhook tells of."""
		self.change(lambda: self._documents.set_value(doctype, name, values, update_modified=update_modified))

	def tag(self, doctype: str, name: str, tag: str, on: bool, *, user: User = ADMINISTRATOR) -> None:
		self.change(lambda: self._documents.tag(user, doctype, name, tag, on))

	def attach(
		self,
		doctype: str | None,
		name: str | None,
		file_name: str,
		content: bytes,
		*,
		private: bool = False,
		field: str | None = None,
		user: User = ADMINISTRATOR,
	) -> Doc:
		"""Upload a file for a document; answers its File record."""
		values = {
			"file_name": file_name,
			"is_private": private,
			"attached_to_doctype": doctype,
			"attached_to_name": name,
			"attached_to_field": field,
		}
		return self.change(lambda: files.add(self._documents, user, values, content))

	def attachments(self, doctype: str, name: str) -> list[Doc]:
		return self._db.rows(
			'select * from "tabFile" where attached_to_doctype = ? and attached_to_name = ? order by file_name, name',
			(doctype, name),
		)

	def content(self, url: str) -> bytes:
		return files.read(self._store, url, guest=False)

	def lose(self, url: str) -> None:
		"""The bytes of a file are gone from the disk."""
		files.lose(self._store, url)

	def get(self, doctype: str, name: str) -> Doc | None:
		return self._store.get(DOCTYPES[doctype], name)

	def names(self, doctype: str) -> list[str]:
		return [
			row["name"] for row in self._db.rows(f"select name from {table(DOCTYPES[doctype])} order by name")
		]

	def name_of(self, doctype: str, field: str, value: str) -> str | None:
		"""The name of the first document whose field has that value."""
		rows = self._db.rows(
			f'select name from {table(DOCTYPES[doctype])} where "{field}" = ? order by name limit 1', (value,)
		)
		return rows[0]["name"] if rows else None

	def all(self, doctype: str) -> list[Doc]:
		return [doc for name in self.names(doctype) if (doc := self.get(doctype, name))]

	# -- beneath

	def change(self, work: Callable[[], Any]) -> Any:
		"""Do `work` in one transaction; tell the webhooks after the commit."""
		hooks = self._documents.hooks
		with self._db.transaction():
			hooks.clear()
			done = work()
			self._db.at_end(partial(self._ended, list(dict.fromkeys(hooks))))
		return done

	def _ended(self, told: Sequence[tuple[str, str, str]], committed: bool) -> None:
		if not committed:
			self._taken_back += 1
			return
		self.writes += 1
		for doctype, name, event in told if self.on_webhook else ():
			if event in self._webhook_events:
				self.on_webhook(self._webhook(doctype, name, event))

	def _webhook(self, doctype: str, name: str, event: str) -> Webhook:
		body = json.dumps({"doctype": doctype, "name": name, "event": event}).encode()
		headers = {}
		if self._webhook_secret:
			digest = hmac.new(self._webhook_secret, body, hashlib.sha256).digest()
			headers[SIGNATURE] = base64.b64encode(digest).decode()
		return Webhook(headers, body)

	def _hash_name(self) -> str:
		"""Ten characters that look like Frappe's random names, and come out the same each time. Unlike the number of a
		series, one that someone has seen is not given again when its transaction is taken back."""
		number = self._store.next_in_series("")
		return hashlib.sha256(f"{self.name} {number}{'+' * self._taken_back}".encode()).hexdigest()[:10]


__all__ = ["ADMINISTRATOR", "SIGNATURE", "FrappeError", "SandboxSite", "User", "Webhook"]
