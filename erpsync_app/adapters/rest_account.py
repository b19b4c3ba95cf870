# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A stock site over REST, as its sync user finds it: who that is, the site's time zone and meta data, and the two calls
that everything else is asked by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import requests

from erpsync_app.adapters.rest_client import RestClient
from erpsync_app.adapters.rest_meta import asks_for_roles, meta_of
from erpsync_app.engine.errors import NeedsPerson, Refused, Unavailable
from erpsync_app.engine.model import CLOUD, Meta, Side

METHOD = "/api/method/"
FRAPPE_DEFAULT_ZONE = "Asia/Kolkata"
"""The zone that Frappe takes where System Settings name none."""

MANY = 1_000_000
"""A limit for lists that their filter bounds already. (Which number means "no limit" is not documented.)"""


class RestAccount:
	"""One stock site and the account that sync has there. `side` is "cloud" but for the sandbox, which speaks to both its sites this
	way.

	`chunk` is how many documents one call reads. `session` is the seam for a transport other than the network.
	"""

	def __init__(
		self,
		side: Side = CLOUD,
		*,
		url: str,
		key: str,
		secret: str,
		connect_timeout: float = 10,
		read_timeout: float = 60,
		chunk: int = 200,
		allow_http: bool = False,
		session: requests.Session | None = None,
	):
		self.side: Side = side
		self._chunk = chunk
		self._metas: dict[str, Meta] = {}
		self._client = RestClient(
			url=url,
			key=key,
			secret=secret,
			label=side,
			connect_timeout=connect_timeout,
			read_timeout=read_timeout,
			allow_http=allow_http,
			session=session,
		)

	# -- the site itself

	@cached_property
	def user(self) -> str:
		user = self._ask("frappe.auth.get_logged_user", "tell who is logged in")
		if not user or user == "Guest":
			raise NeedsPerson(
				f"The {self.side} site sees no credentials: does a proxy in front of it drop the Authorization header?"
			)
		return str(user)

	@cached_property
	def time_zone(self) -> ZoneInfo:
		name = self._system_zone or self._profile_zone()
		try:
			return ZoneInfo(name)
		except (KeyError, ValueError):
			raise NeedsPerson(
				f"The time zone {name} of the {self.side} site is not known here: install tzdata, or correct it in"
				" its System Settings."
			) from None

	@cached_property
	def _system_zone(self) -> str | None:
		"""The zone that the site writes its times in; None where the user may not see the System Settings."""
		try:
			name = self._ask(
				"frappe.client.get_single_value",
				"tell its time zone",
				doctype="System Settings",
				field="time_zone",
			)
		except (NeedsPerson, Refused):
			return None
		return name or FRAPPE_DEFAULT_ZONE

	def _profile_zone(self) -> str:
		"""The zone of the user's own profile: a copy of the site's, made when the user was. The best that a user
		without System Settings is told, and wrong where either was changed since."""
		answer = self._ask("frappe.client.get_time_zone", "tell its time zone")
		name = (answer or {}).get("time_zone") if isinstance(answer, dict) else None
		return name if isinstance(name, str) and name else FRAPPE_DEFAULT_ZONE

	@cached_property
	def _roles(self) -> frozenset[str] | None:
		"""The user's roles; None for who has all rights, or where the site does not tell the user."""
		if self.user == "Administrator":
			return None
		try:
			profile = self._ask("frappe.client.get", "tell its roles", doctype="User", name=self.user)
		except (NeedsPerson, Refused):
			return None
		rows = (profile or {}).get("roles")
		return frozenset(["All", *(row["role"] for row in rows)]) if rows else None

	def meta(self, doctype: str) -> Meta:
		if doctype not in self._metas:
			answer = self._client.post(
				f"{METHOD}frappe.desk.form.load.getdoctype",
				{"doctype": doctype},
				action=f"tell the fields of {doctype}",
			)
			try:
				bundle = answer.get("docs") or ()
				roles = self._roles if asks_for_roles(bundle) else None
				self._metas[doctype] = meta_of(doctype, bundle, roles)
			except (KeyError, TypeError, AttributeError):
				raise Unavailable(
					f"The {self.side} site did not tell the fields of {doctype} as Frappe does."
				) from None
		return self._metas[doctype]

	def _ask(self, method: str, action: str, **arguments: Any) -> Any:
		return self._client.post(METHOD + method, arguments, action=action).get("message")

	def _list(
		self,
		doctype: str,
		fields: Sequence[Any],
		filters: Sequence[Any],
		order_by: str,
		limit: int,
		*,
		parent: str | None = None,
		as_dict: bool = True,
		**more: Any,
	) -> list[Any]:
		"""Child DocTypes need the `parent` DocType, whose permission decides."""
		answer = self._ask(
			"frappe.client.get_list",
			f"list {doctype}",
			doctype=doctype,
			fields=list(fields),
			filters=list(filters),
			order_by=order_by,
			limit_page_length=limit,
			parent=parent,
			as_dict=as_dict,
			**more,
		)
		if not isinstance(answer, list):
			raise Unavailable(f"The {self.side} site did not list {doctype} as Frappe does.")
		return answer
