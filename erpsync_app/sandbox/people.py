# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The people of a simulated history, and what is remembered of all they did: the witness that invariants ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from erpsync_app.engine.beside import TAGS
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.tags import tags_in
from erpsync_app.sandbox.documents import User
from erpsync_app.sandbox.history import ABOUT, Act, Rows
from erpsync_app.sandbox.refusal import FrappeError
from erpsync_app.sandbox.site import SandboxSite
from erpsync_app.sandbox.store import Doc
from erpsync_app.sandbox.values import SUBMITTED

PERSON = User("anna@example.com")
MARKER_FIELDS = {
	"Customer": "tax_id",
	"Item": "description",
	"Territory": "territory_name",
	"ToDo": "description",
	"Note": "title",
	"Sales Order": "transaction_date",
	"Delivery Note": "posting_date",
	"Comment": "comment_by",
}
ITEM_CELLS = ("item_code", "qty", "rate", "delivery_date")
COMPUTED = frozenset(("amount", "total_qty", "grand_total"))


@dataclass
class Witness:
	"""`saved` are the tokens that people saved, with where and in what; `superseded` those that a person replaced or
	took out who had them before their eyes."""

	saved: dict[str, Act] = field(default_factory=dict)
	superseded: set[str] = field(default_factory=set)
	renamed: set[str] = field(default_factory=set)
	"""Markers of renamed documents."""
	leaders: dict[str, str] = field(default_factory=dict)
	"""Of each comment and assignment, by its marker, the marker of the document that it is about."""
	closed: set[str] = field(default_factory=set)
	"""Markers of assignments that may stay at home from then on, and go with their document."""

	def went_along(self, act: Act) -> None:
		"""What somebody attached, tagged or said goes with its document, which nobody can tell any more."""
		if act.what in ("attach", "tag") or act.doctype in FOLLOWERS:
			self.superseded |= {token for token, saved in self.saved.items() if saved is act}

	def of_save(self, act: Act, before: Doc | None, after: Doc) -> None:
		was = set(tokens(before)) if before else set()
		now = set(tokens(after))
		for token in sorted(now - was):
			# Saved again by a person, it stands again.
			self.saved[token] = act
			self.superseded.discard(token)
		self.superseded |= was - now


def do(site: SandboxSite, act: Act, witness: Witness) -> str:
	"""Do what a person does, and say what came of it. What the site refuses, or is not there, is not done."""
	try:
		return _DO[act.what](site, act, witness)
	except FrappeError as e:
		return f"refused: {e}"


def _insert(site: SandboxSite, act: Act, witness: Witness) -> str:
	values = dict(act.values)
	if ABOUT in values:
		doctype, marker = values.pop(ABOUT)
		if (leader := find(site, replace(act, doctype=doctype, marker=marker))) is None:
			return "not there"
		if act.doctype == "Delivery Note":
			values |= {"customer": leader["customer"], "items": _delivered(leader, values["items"])}
		else:
			about = FOLLOWERS[act.doctype].about
			values |= dict(zip(about, (doctype, leader["name"]), strict=True))
			witness.leaders[act.marker] = marker
	made = site.insert(act.doctype, values, user=PERSON)
	witness.of_save(act, None, made)
	return made["name"]


def _delivered(order: Doc, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
	"""The rows of a delivery of an order's rows, as ERPNext makes them."""
	rows = []
	for row in wanted:
		ordered = order["items"][row["position"] % len(order["items"])]
		refers = {"against_sales_order": order["name"], "so_detail": ordered["name"]}
		rows.append({"item_code": ordered["item_code"], "qty": row["qty"], **refers})
	return rows


def _save(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None:
		return "not there"
	after = site.save(act.doctype, before["name"], _changes(before, act.values), user=PERSON)
	witness.of_save(act, before, after)
	if act.doctype == "ToDo" and after["status"] == "Closed":
		witness.closed.add(act.marker)
	return after["name"]


def _save_quietly(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None or before["docstatus"]:
		return "not there, or no draft"
	site.set_value(act.doctype, before["name"], act.values)
	witness.of_save(act, before, site.get(act.doctype, before["name"]) or {})
	return before["name"]


def _delete(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None:
		return "not there"
	gone = set(tokens(hanging(site, act.doctype, before["name"])))
	site.delete(act.doctype, before["name"], user=PERSON)
	witness.superseded |= gone
	return before["name"]


def _step(docstatus: int) -> Any:
	def take(site: SandboxSite, act: Act, witness: Witness) -> str:
		if (before := find(site, act)) is None:
			return "not there"
		site.save(act.doctype, before["name"], {"docstatus": docstatus}, user=PERSON)
		return before["name"]

	return take


def _rename(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None:
		return "not there"
	named = site.rename(act.doctype, before["name"], act.values["name"], user=PERSON)
	witness.renamed.add(act.marker)
	return named


def _merge(site: SandboxSite, act: Act, witness: Witness) -> str:
	before, into = find(site, act), find(site, replace(act, marker=act.values["into"]))
	if before is None or into is None:
		return "not there"
	site.rename(act.doctype, before["name"], into["name"], merge=True, user=PERSON)
	witness.superseded |= set(tokens(before))
	return f"{before['name']} into {into['name']}"


def _set_status(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None or before["docstatus"] != SUBMITTED:
		return "not there, or not submitted"
	site.update_status(before["name"], act.values["status"], user=PERSON)
	return f"{before['name']}: {act.values['status']}"


def _update_items(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None or before["docstatus"] != SUBMITTED:
		return "not there, or not submitted"
	rows = _rows(before["items"], act.values["items"])
	told = [{**{cell: row.get(cell) for cell in ITEM_CELLS}, "docname": row.get("name")} for row in rows]
	after = site.update_items(before["name"], told, user=PERSON)
	witness.of_save(act, before, after)
	return before["name"]


def _attach(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None:
		return "not there"
	token, private = act.values["file"], act.values["private"]
	site.attach(act.doctype, before["name"], token, token.encode(), private=private, user=PERSON)
	witness.saved[token] = act
	return f"{before['name']}: {token}"


def _detach(site: SandboxSite, act: Act, witness: Witness) -> str:
	before = find(site, act)
	files = site.attachments(act.doctype, before["name"]) if before else []
	if not files:
		return "nothing there"
	file = files[act.values["position"] % len(files)]
	site.delete("File", file["name"], user=PERSON)
	witness.superseded.add(file["file_name"])
	return f"{file['attached_to_name']}: {file['file_name']}"


def _tag(site: SandboxSite, act: Act, witness: Witness) -> str:
	if (before := find(site, act)) is None:
		return "not there"
	site.tag(act.doctype, before["name"], act.values["tag"], True, user=PERSON)
	witness.saved[act.values["tag"]] = act
	return f"{before['name']}: {act.values['tag']}"


def _untag(site: SandboxSite, act: Act, witness: Witness) -> str:
	before = find(site, act)
	there = sorted(tags_in(before["_user_tags"])) if before else []
	if before is None or not there:
		return "nothing there"
	tag = there[act.values["position"] % len(there)]
	site.tag(act.doctype, before["name"], tag, False, user=PERSON)
	witness.superseded.add(tag)
	return f"{before['name']}: {tag}"


_DO = {
	"insert": _insert,
	"save": _save,
	"save quietly": _save_quietly,
	"delete": _delete,
	"submit": _step(1),
	"cancel": _step(2),
	"rename": _rename,
	"merge": _merge,
	"set status": _set_status,
	"update items": _update_items,
	"attach": _attach,
	"detach": _detach,
	"tag": _tag,
	"untag": _untag,
}


def find(site: SandboxSite, act: Act) -> Doc | None:
	"""The document with the marker, whatever its name."""
	name = site.name_of(act.doctype, MARKER_FIELDS[act.doctype], act.marker)
	return site.get(act.doctype, name) if name else None


def hanging(site: SandboxSite, doctype: str, name: str) -> list[Doc]:
	"""The comments on a document and its assignments."""
	about = {follower: follows.about for follower, follows in FOLLOWERS.items()}
	return [
		doc
		for follower, (of_doctype, of_name) in about.items()
		for doc in site.all(follower)
		if (doc[of_doctype], doc[of_name]) == (doctype, name)
	]


def _changes(before: Doc, values: Mapping[str, Any]) -> dict[str, Any]:
	changes = {}
	for name, value in values.items():
		if isinstance(value, tuple):
			value = _rows(before[name], value)
		changes[name] = value
	return changes


def _rows(held: list[Doc], edits: tuple[Rows, ...]) -> list[Doc]:
	rows = [dict(row) for row in held]
	for edit in edits:
		if edit.what == "add":
			rows.insert(edit.position % (len(rows) + 1), dict(edit.row))
		elif rows:
			row = rows.pop(edit.position % len(rows))
			if edit.what == "change":
				rows.insert(edit.position % (len(rows) + 1), {**row, **edit.row})
			elif edit.what == "move":
				rows.insert(0, row)
	return [{**row, "idx": n} for n, row in enumerate(rows, start=1)]


def tokens(value: Any) -> Iterator[str]:
	"""Every token in a document, a list or a mapping, as text; markers are tokens too."""
	if isinstance(value, Mapping):
		for name, each in value.items():
			if name not in COMPUTED:
				yield from tokens(list(each or ()) if name == TAGS else each)
	elif isinstance(value, list | tuple):
		for each in value:
			yield from tokens(each)
	elif isinstance(value, str):
		if value.startswith(",t"):  # tags
			yield from value.strip(",").split(",")
		elif value[:1] in ("t", "m") and value[1:].isdigit():
			yield value
		elif len(value) == 10 and "1600" < value[:4] < "1950" and value[4] == "-":
			yield value
	elif isinstance(value, float) and value > 100_000 and value.is_integer() and value < 1_000_000:
		yield str(value)
