# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The REST API of a sandbox site: requests in, answers in Frappe's shape out, by users with API keys."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from erpsync_app.sandbox import buttons, files
from erpsync_app.sandbox.documents import Documents, User, check, doctype_of
from erpsync_app.sandbox.query import form_bundle, get_list
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.schema import DOCTYPES
from erpsync_app.sandbox.store import Doc, Store

if TYPE_CHECKING:
	from erpsync_app.sandbox.site import SandboxSite

METHOD = "/api/method/"
CREATE = "/api/v2/document/"
GUEST = User("Guest")
VERSIONS = {
	"frappe": {"title": "Frappe Framework", "version": "15.0.0"},
	"erpnext": {"title": "ERPNext", "version": "15.0.0"},
}

Answer = tuple[int, dict[str, str], bytes]


class Rest:
	def __init__(self, site: SandboxSite, documents: Documents, store: Store, users: Iterable[User]):
		self._site = site
		self._documents = documents
		self._store = store
		self._users = {(u.key, u.secret): u for u in users}
		self._methods: Mapping[str, Callable[[User, dict[str, Any]], dict[str, Any]]] = {
			"frappe.auth.get_logged_user": lambda user, _: {"message": user.name},
			# This is the zone of the user's profile; the one that `modified` is written in is a system setting.
			"frappe.client.get_time_zone": lambda user, _: {
				"message": {"time_zone": user.time_zone or site.time_zone}
			},
			"frappe.client.get_single_value": self._get_single_value,
			"frappe.utils.change_log.get_versions": lambda user, _: {"message": VERSIONS},
			"frappe.desk.form.load.getdoctype": self._getdoctype,
			"frappe.client.has_permission": self._has_permission,
			"frappe.client.get_list": lambda user, a: {"message": get_list(store, user, a)},
			"frappe.client.get": self._get,
			"frappe.client.set_value": self._set_value,
			"frappe.client.rename_doc": self._rename,
			"frappe.client.delete": self._delete,
			"frappe.desk.doctype.tag.tag.add_tag": self._tagging(True),
			"frappe.desk.doctype.tag.tag.remove_tag": self._tagging(False),
			"upload_file": self._upload,
			buttons.UPDATE_STATUS: self._update_status,
			buttons.UPDATE_ITEMS: self._update_items,
		}

	def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
		route = urlsplit(path).path
		version_2 = route.startswith("/api/v2/")
		try:
			user = self._user(headers)
			if method == "GET" and route.startswith(files.ON_THE_SITE):
				content = files.read(self._store, unquote(route), guest=user is GUEST)
				return 200, {"Content-Type": "application/octet-stream"}, content
			arguments = _arguments(headers, body)
			if route == f"{METHOD}download_file":
				content = files.read(self._store, arguments.get("file_url") or "", guest=user is GUEST)
				return 200, {"Content-Type": "application/octet-stream"}, content
			if route.startswith(CREATE) and method == "POST":
				return _answer(200, self._create(user, unquote(route.removeprefix(CREATE)), arguments))
			if route.startswith(METHOD):
				return _answer(200, self._call(user, route.removeprefix(METHOD), arguments))
			if not route.startswith("/api/"):
				return (
					404,
					{"Content-Type": "text/html; charset=utf-8"},
					b"<!DOCTYPE html><title>Not Found</title>",
				)
			raise FrappeError("DoesNotExistError")
		except FrappeError as e:
			return _answer(e.status, _refusal_v2(e) if version_2 else _refusal(e))

	def _user(self, headers: Mapping[str, str]) -> User:
		scheme, _, token = headers.get("Authorization", "").partition(" ")
		if not token:
			return GUEST
		key, _, secret = token.partition(":")
		user = self._users.get((key, secret))
		if scheme.lower() != "token" or user is None:
			raise FrappeError("AuthenticationError")
		return user

	def _call(self, user: User, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
		if method not in self._methods:
			raise FrappeError(
				"ValidationError", f"Failed to get method for command {method} with No module named"
			)
		if user is GUEST and method != "frappe.client.get_time_zone":
			raise FrappeError("PermissionError", f"Function {method} is not whitelisted.")
		return self._methods[method](user, arguments)

	def _getdoctype(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		return {"docs": form_bundle(doctype_of(arguments.get("doctype"))), "user_settings": "{}"}

	def _get_single_value(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		if (arguments.get("doctype"), arguments.get("field")) != ("System Settings", "time_zone"):
			raise FrappeError("ValidationError", "Only System Settings, time_zone is played here")
		check(user, "read", "System Settings")
		return {"message": self._site.time_zone}

	def _has_permission(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		kind, right = doctype_of(arguments.get("doctype")), str(arguments.get("perm_type", "read")).lower()
		return {"message": {"has_permission": user.may(right, kind.name)}}

	def _get(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		doc = self._documents.load(user, arguments.get("doctype") or "", arguments.get("name") or "")
		check(user, "read", arguments["doctype"], doc)
		return {"message": _typed(arguments["doctype"], doc)}

	def _create(self, user: User, doctype: str, values: dict[str, Any]) -> dict[str, Any]:
		if user is GUEST:
			raise FrappeError("PermissionError")
		name = values.get("name")
		made = self._site.change(
			lambda: self._documents.insert(
				user, doctype, values, name if isinstance(name, str) and name else None
			)
		)
		return {"data": _without_nulls(_typed(doctype, _as_written(made)))}

	def _set_value(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		doctype, name, values = (arguments.get(a) for a in ("doctype", "name", "fieldname"))
		if isinstance(values, str):
			values = {values: arguments.get("value")}
		made = self._site.change(lambda: self._documents.save(user, doctype or "", name or "", values or {}))
		return {"message": _typed(doctype or "", _as_written(made))}

	def _update_status(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		self._site.update_status(arguments.get("name") or "", arguments.get("status") or "", user=user)
		return {}

	def _update_items(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		rows = json.loads(arguments.get("trans_items") or "[]")
		self._site.update_items(arguments.get("parent_doctype_name") or "", rows, user=user)
		return {}

	def _rename(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		doctype, old, new = (arguments.get(a) or "" for a in ("doctype", "old_name", "new_name"))
		merge = bool(arguments.get("merge"))
		return {
			"message": self._site.change(lambda: self._documents.rename(user, doctype, old, new, merge=merge))
		}

	def _delete(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		self._site.change(
			lambda: self._documents.delete(user, arguments.get("doctype") or "", arguments.get("name") or "")
		)
		return {}

	def _tagging(self, on: bool) -> Callable[[User, dict[str, Any]], dict[str, Any]]:
		def call(user: User, arguments: dict[str, Any]) -> dict[str, Any]:
			doctype, name, tag = (arguments.get(a) or "" for a in ("dt", "dn", "tag"))
			self._site.tag(doctype, name, tag, on, user=user)
			return {"message": tag} if on else {}

		return call

	def _upload(self, user: User, arguments: dict[str, Any]) -> dict[str, Any]:
		name, content = arguments.get("file") or (arguments.get("file_name"), None)
		values = {
			"file_name": name,
			"file_url": arguments.get("file_url"),
			"is_private": arguments.get("is_private"),
			"attached_to_doctype": arguments.get("doctype"),
			"attached_to_name": arguments.get("docname"),
			"attached_to_field": arguments.get("fieldname"),
		}
		made = self._site.change(lambda: files.add(self._documents, user, values, content))
		return {"message": _typed("File", _as_written(made))}


def _arguments(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
	"""Of a JSON object, or of a form, whose file is `(name, content)`."""
	kind = headers.get("Content-Type", "")
	if not kind.startswith("multipart/form-data"):
		return json.loads(body) if body else {}
	head = f"Content-Type: {kind}\r\n\r\n".encode()
	form: dict[str, Any] = {}
	for part in email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts():
		field = part.get_param("name", header="Content-Disposition")
		content = part.get_payload(decode=True)
		form[field] = (name, content) if (name := part.get_filename()) else content.decode()
	return form


def _typed(doctype: str, doc: Doc) -> Doc:
	"""A document as its method tells it, with the DocType in it and in each row."""
	typed: Doc = {"doctype": doctype, **doc}
	for t in DOCTYPES[doctype].tables:
		typed[t.name] = [{"doctype": t.options, **row} for row in doc[t.name]]
	return typed


def _as_written(doc: Doc) -> Doc:
	"""The answer to a write spells out the microseconds of `modified`, also where a read leaves them out."""
	modified = doc["modified"]
	return {**doc, "modified": modified if "." in modified else modified + ".000000"}


def _without_nulls(value: Any) -> Any:
	if isinstance(value, list):
		return [_without_nulls(v) for v in value]
	if isinstance(value, dict):
		return {k: _without_nulls(v) for k, v in value.items() if v is not None}
	return value


def _refusal(e: FrappeError) -> dict[str, Any]:
	body: dict[str, Any] = {"exception": f"frappe.exceptions.{e.exc_type}: {e}", "exc_type": e.exc_type}
	if str(e):
		told = {"message": str(e), "title": "Message", "indicator": "red", "raise_exception": 1}
		body["_server_messages"] = json.dumps([json.dumps(told)])
	return body


def _refusal_v2(e: FrappeError) -> dict[str, Any]:
	traceback = f"Traceback (most recent call last):\n  …\nfrappe.exceptions.{e.exc_type}: {e}\n"
	error = {"type": e.exc_type, "exception": traceback}
	if str(e):
		error |= {"message": str(e), "title": "Message", "indicator": "red"}
	return {"errors": [error]}


def _answer(status: int, body: dict[str, Any]) -> Answer:
	return status, {"Content-Type": "application/json"}, json.dumps(body).encode()
