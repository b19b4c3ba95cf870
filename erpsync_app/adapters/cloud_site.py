# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`engine.ports.Site` over the REST API of a stock Frappe site: nothing of ours is installed there.

Every document is named in the body of a request, never in a URL: a path loses a trailing slash or blank, and some
proxies decode `%2F` before Frappe sees it. The one exception is a DocType's name on create.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from erpsync_app.adapters.rest_account import MANY, METHOD
from erpsync_app.adapters.rest_files import RestFiles
from erpsync_app.engine.errors import (
	Blocked,
	Duplicate,
	Missing,
	NeedsPerson,
	Refused,
	Stale,
	Unavailable,
	Unclear,
)
from erpsync_app.engine.model import Call, Document

RIGHTS = ("read", "write", "create", "delete")
RIGHTS_OF_SUBMITTABLE = ("submit", "cancel")
NAMING = "Document Naming Settings"
"""The form of Frappe in which a System Manager sets the counters of naming series."""


@dataclass(frozen=True, slots=True)
class About:
	"""What a site says of itself: `versions` by app, empty where the user may not see them. `time_zone_is_sure`
	is False where the user may not read System Settings: then it is that of the user's profile."""

	url: str
	user: str
	time_zone: str
	versions: Mapping[str, str]
	time_zone_is_sure: bool = True


class CloudSite(RestFiles):
	"""One stock site, read and written."""

	atomic = False

	def __init__(self, *args: Any, **settings: Any):
		super().__init__(*args, **settings)
		self._numbers: set[str] = set()
		"""The DocTypes whose documents this site does not name by what they are called."""

	def about(self) -> About:
		"""For a person who wants to know whether the connection works, and to what."""
		try:
			answer = self._ask("frappe.utils.change_log.get_versions", "tell its versions") or {}
		except NeedsPerson:
			# Some sites keep their versions to System Managers; sync does not need them.
			answer = {}
		versions = {app: str(entry.get("version") or "") for app, entry in answer.items()}
		sure = self._system_zone is not None
		return About(self._client.url, self.user, self.time_zone.key, versions, time_zone_is_sure=sure)

	def lacking(self, doctype: str) -> tuple[str, ...]:
		"""The rights on a DocType that sync may need and the user does not have, in Frappe's words."""
		meta = self.meta(doctype)
		needed = RIGHTS + (RIGHTS_OF_SUBMITTABLE if meta.submittable else ())
		return tuple(right for right in needed if not self._may(right, doctype))

	def shows(self, doctype: str) -> bool:
		"""Whether there is such a DocType, and the user may read its documents."""
		try:
			return self._may("read", doctype)
		except Refused:
			return False  # there is no such DocType

	def count(self, doctype: str) -> int:
		"""How many documents there are of a DocType that the site shows; for a person to see."""
		return int(self._ask("frappe.client.get_count", f"count {doctype}", doctype=doctype) or 0)

	def _may(self, right: str, doctype: str) -> bool:
		# Without a document's name Frappe answers for the DocType.
		answer = self._ask(
			"frappe.client.has_permission",
			f"tell the permissions on {doctype}",
			doctype=doctype,
			docname="",
			perm_type=right,
		)
		return bool(answer["has_permission"])

	def shared(
		self, doctype: str, fields: Sequence[str], filters: Sequence[Sequence[Any]]
	) -> tuple[Any, ...] | None:
		"""Values of `fields` that several documents have which meet the Frappe filters and have all of these fields;
		None where no two have the same. Frappe counts by one field and tells the fifty most frequent values."""
		meeting = [*(list(f) for f in filters), *([name, "is", "set"] for name in fields)]
		rows = self._ask(
			"frappe.desk.listview.get_group_by_count",
			f"count {doctype} by {fields[0]}",
			doctype=doctype,
			current_filters=json.dumps(meeting),
			field=fields[0],
		)
		repeated = [row["name"] for row in rows or () if row.get("count", 0) > 1]
		if not repeated or len(fields) == 1:
			return (repeated[0],) if repeated else None
		those = [*meeting, [fields[0], "in", repeated]]
		listed = Counter(map(tuple, self._list(doctype, fields, those, "name asc", MANY, as_dict=False)))
		return next((values for values, number in listed.items() if number > 1), None)

	# -- writing

	def create(self, doctype: str, values: Document, name: str | None) -> Document:
		self.meta(doctype)  # before the write: the answer to it must not be lost for want of this
		body = {key: value for key, value in values.items() if key not in ("doctype", "name")}
		named = name is not None and self._names_alike(doctype, values, name)
		if named and self._may_number(doctype) and self.stamps(doctype, [name]):
			# Of a name that is taken the controller would make another one, with a number behind it.
			raise Duplicate(f"{doctype} {name} is on the {self.side} site already.")
		if name is not None and not named:
			body["name"] = name
		elif name is not None:
			body["__newname"] = name  # what a prompt takes; whatever else names documents passes it over
		path = f"/api/v2/document/{quote(doctype, safe='')}"
		try:
			answer = self._client.post(
				path, body, action=f"create {doctype} {name or ''}".strip(), writes=True
			)
		except Missing as e:
			# What is not there cannot be the document that is to be made: it is something that it refers to.
			raise Blocked(str(e)) from None
		made = self._document_in(answer.get("data"), f"create {doctype}", Unclear)
		# This one method leaves out what is empty, so a field that is missing here is empty, not unreadable.
		made = self._plain(doctype, made, whole=True)
		return self._under(doctype, made, name) if named and name and made["name"] != name else made

	def _names_alike(self, doctype: str, values: Document, name: str) -> bool:
		"""Whether the site gives the document that name anyway. To ask for one is worse where it need not be: Frappe then
		names nothing by itself in the whole request, neither rows nor what a controller creates in it."""
		if doctype in self._numbers or name != name.strip():
			return False
		meta = self.meta(doctype)
		autoname = meta.autoname or ""
		if autoname.lower().startswith("field:"):
			return values.get(autoname[len("field:") :]) == name
		if self._may_number(doctype):
			fields = (f for f in meta.fields.values() if f.required and f.type == "Data")
			return any(values.get(f.name) == name for f in fields)
		return autoname.lower() == "prompt"

	def _may_number(self, doctype: str) -> bool:
		"""Whether a controller may be what names it: Customer's does so by what it is called, unless a setting says that
		it counts."""
		return (self.meta(doctype).autoname or "").lower() in ("", "naming_series:")

	def _under(self, doctype: str, made: Document, name: str) -> Document:
		"""A document that the site gave another name than was to be expected, under the one that it is to have. Raises
		Duplicate if that was given away a moment ago; then the document is taken back."""
		if self.stamps(doctype, [name]):
			try:
				self.delete(doctype, made["name"], made["modified"])
			except Refused as e:
				# Someone has edited it, or links to it, already: the next look finds out what it is.
				raise Unclear(f"{doctype} {name} was made as {made['name']}: {e}") from None
			raise Duplicate(f"{doctype} {name} is on the {self.side} site already.")
		self._numbers.add(doctype)
		try:
			return self.rename(doctype, made["name"], name, made["modified"])
		except (Refused, NeedsPerson):
			return made  # it goes by the name that the site gave it

	def update(self, doctype: str, name: str, changes: Document, modified: str) -> Document:
		self.meta(doctype)
		values = {key: value for key, value in changes.items() if key not in ("doctype", "name")}
		try:
			answer = self._client.post(
				f"{METHOD}frappe.client.set_value",
				{"doctype": doctype, "name": name, "fieldname": {**values, "modified": modified}},
				action=f"change {doctype} {name}",
				writes=True,
			)
		except Missing as e:
			if self.stamps(doctype, [name]):
				raise Blocked(str(e)) from None  # the document is there; what it refers to is not
			raise
		return self._plain(
			doctype, self._document_in(answer.get("message"), f"change {doctype} {name}", Unclear)
		)

	def call(self, doctype: str, name: str, modified: str, call: Call) -> Document | None:
		self._check_as_of(doctype, name, modified)
		path, body = f"{METHOD}{call.method}", call.arguments
		if call.document is not None:
			path = f"{METHOD}run_doc_method"
			told = {"dt": call.document["doctype"], "dn": call.document.get("name")}
			if call.document.get("__islocal"):
				told = {"docs": json.dumps(call.document, default=str)}
			# Of a method with an argument of that name, `args` is the value; of others, all arguments by name.
			given = json.dumps(call.arguments.get("args", call.arguments), default=str)
			body = {**told, "method": call.method, "args": given}
		answer = self._client.post(
			path, body, action=f"change {doctype} {name} by {call.method}", writes=True
		)
		return next(iter(answer.get("docs") or ()), None)

	def status_method(self, doctype: str) -> tuple[str, str] | None:
		return None  # no API tells the methods of a site

	def take(self, doctype: str, name: str, action: str, modified: str) -> Document:
		self.meta(doctype)
		self._check_as_of(doctype, name, modified)
		answer = self._client.post(
			f"{METHOD}frappe.model.workflow.apply_workflow",
			{"doc": json.dumps({"doctype": doctype, "name": name}), "action": action},
			action=f"{action} {doctype} {name}",
			writes=True,
		)
		# It may be submitted by a job, and then there is no document in the answer yet.
		made = self._document_in(answer.get("message"), f"{action} {doctype} {name}", Unclear)
		return self._plain(doctype, made)

	def rename(self, doctype: str, old: str, new: str, modified: str) -> Document:
		self._check_as_of(doctype, old, modified)
		answer = self._client.post(
			f"{METHOD}frappe.client.rename_doc",
			{"doctype": doctype, "old_name": old, "new_name": new},
			action=f"rename {doctype} {old}",
			writes=True,
		)
		name = str(answer.get("message") or new)
		try:
			return self.read(doctype, [name])[name]
		except KeyError:
			raise Unclear(
				f"The {self.side} site renamed {doctype} {old}, and does not show it as {name}."
			) from None

	def merge(self, doctype: str, name: str, into: str, modified: str) -> None:
		self._check_as_of(doctype, name, modified)
		self._client.post(
			f"{METHOD}frappe.client.rename_doc",
			{"doctype": doctype, "old_name": name, "new_name": into, "merge": True},
			action=f"merge {doctype} {name} into {into}",
			writes=True,
		)

	def delete(self, doctype: str, name: str, modified: str) -> None:
		self._check_as_of(doctype, name, modified)
		self._client.post(
			f"{METHOD}frappe.client.delete",
			{"doctype": doctype, "name": name},
			action=f"delete {doctype} {name}",
			writes=True,
		)

	def count_on(self, series: str, number: int) -> None:
		# The form as it is: Frappe takes nothing from one that it takes for out of date.
		form = self._ask("frappe.client.get", f"read {NAMING}", doctype=NAMING, name=NAMING)
		form |= {"doctype": NAMING, "name": NAMING, "prefix": series}

		def on_form(method: str, action: str, *, writes: bool = False) -> Any:
			body = {"docs": json.dumps(form), "method": method}
			return self._client.post(
				f"{METHOD}run_doc_method", body, action=f"{action} {series}", writes=writes
			).get("message")

		if int(on_form("get_current", "tell the counter of") or 0) < number:
			form["current_value"] = number
			on_form("update_series_start", "set the counter of", writes=True)

	def tag(self, doctype: str, name: str, tag: str, on: bool) -> None:
		method = "add_tag" if on else "remove_tag"
		self._client.post(
			f"{METHOD}frappe.desk.doctype.tag.tag.{method}",
			{"tag": tag, "dt": doctype, "dn": name},
			action=f"tag {doctype} {name}",
			writes=True,
		)

	def _check_as_of(self, doctype: str, name: str, modified: str) -> None:
		"""Frappe has no delete, merge or rename that checks the time: an edit between this call and the next goes with a
		document that is deleted or merged. Its last version stays in the Deleted Document trail, from where a person can
		restore it."""
		now = self.stamps(doctype, [name]).get(name)
		if now is None:
			raise Missing(f"{doctype} {name} is not on the {self.side} site any more.")
		if now != modified:
			raise Stale(f"{doctype} {name} has been changed on the {self.side} site since it was read.")

	def _document_in(self, answer: Any, action: str, error: type[Unavailable] = Unavailable) -> Document:
		if not isinstance(answer, dict) or not answer.get("name") or not answer.get("modified"):
			raise error(
				f"The {self.side} site did not {action} as Frappe does: its answer holds no document."
			)
		return answer
