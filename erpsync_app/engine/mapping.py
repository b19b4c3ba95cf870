# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What of a DocType is synced, and how one side's terms become the other's.

A `Shape` is made once a run from the meta data of both sides and the rule: the fields that both sides have,
under their two names. A field that one side lacks is in no shape, so its absence is never taken for "cleared".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from erpsync_app.engine.model import CLOUD, LOCAL, Document, Field, File, Meta, Rule, Side, Workflow

LAYOUT_TYPES = frozenset(
	("Section Break", "Column Break", "Tab Break", "HTML", "Button", "Heading", "Fold", "Image")
)
SITES_OWN_TYPES = frozenset(("Password",))
"""A password reads as asterisks."""

FILE_TYPES = frozenset(("Attach", "Attach Image"))
"""They hold the address of a file, which is worth nothing without the file."""

TABLE_TYPES = frozenset(("Table", "Table MultiSelect"))
REFERRING_TYPES = frozenset(("Data", "Small Text", "Text", "Read Only", "Link"))
"""Their value may be the name of a row (see `references`); of a Link, where it leads to a child DocType."""

LISTING_TYPES = frozenset(("Data", "Small Text", "Text", "Long Text", "Code", "JSON"))
"""Their value may be a list of names of documents, as JSON or in lines."""

AS_GIVEN = "set_posting_time"
"""Tells ERPNext to book on the day and time that a document gives, and not at present: set by whoever writes, so it is
no difference between the sites."""

NEVER_SYNCED = frozenset(
	(
		*("lft", "rgt", "old_parent"),
		*("parent", "parentfield", "parenttype", "idx", "name"),
		AS_GIVEN,
	)
)
"""The nested-set columns belong to each site's own tree; the second line is what Frappe keeps of a row."""

AT_BIRTH = frozenset(("naming_series", "amended_from"))
"""Sent when a document is created, as read-only fields are, and each site's own from then on."""

CASHIERS = {"POS Opening Entry": "user", "POS Closing Entry": "user"}
"""The field that holds the cashier. A closing takes the invoices that its cashier has made; those that crossed are made by
sync, so that on the other side sync is the cashier, too."""


def only_at_birth(doctype: str) -> frozenset[str]:
	"""The fields of a DocType that are sent when a document is created, and each site's own from then on, though they are
	not read-only."""
	return AT_BIRTH | {CASHIERS[doctype]} if doctype in CASHIERS else AT_BIRTH


@dataclass(frozen=True, slots=True)
class SyncedField:
	"""A field that both sides have. `options` are the local side's. Where `at_birth` holds, the value is sent
	with a create only: it is read-only, so the controllers of each site keep it from then on. Where `after_submit`
	holds, a person may change it on a submitted document; all else there is the controllers'."""

	local: str
	cloud: str
	type: str
	options: str | None = None
	at_birth: bool = False
	after_submit: bool = False
	required: bool = False
	default: str | None = None
	rows: Shape | None = None
	hidden: bool = False
	acted: bool = False
	"""It changes on a submitted document by an act alone, see `acts`."""
	lists: str | None = None
	"""The DocType whose documents a text field names, several at once."""

	def on(self, side: Side) -> str:
		return self.local if side == LOCAL else self.cloud


@dataclass(frozen=True, slots=True)
class Shape:
	"""The synced fields of a DocType, or of one of its child tables. `posts` says that both sites have to be told to
	book on the day that is given."""

	doctype: str
	fields: tuple[SyncedField, ...]
	posts: bool = False
	takes_names: bool = True
	"""Of a child table: a new row may be given a name. Not where a site counts its rows, or makes names of another kind."""
	random_names: bool = False
	"""Both sites make up the names of documents, which mean nothing: a new one may be given any."""
	button: tuple[str, str] | None = None
	"""The method, and its argument for the name, that gives a document a status, where `acts` does not name it."""
	workflows: Mapping[Side, Workflow] = field(default_factory=dict)
	"""The active workflow of each side that has one."""

	def named(self, local: str) -> SyncedField | None:
		return next((f for f in self.fields if f.local == local), None)

	def named_on(self, side: Side, name: str) -> SyncedField | None:
		return next((f for f in self.fields if f.on(side) == name), None)


@dataclass(frozen=True, slots=True)
class Terms:
	"""How one side speaks: its time zone, and the names of documents whose names differ.

	`inward` leads from this side's `(doctype, name)` to the local name, `outward` back; both are empty for the
	local side. A name that they lack is the same on both sides. The "name" of a File is the hash of its content there.
	`files` are those that the side's documents mention, by their address. `rows_inward` and `rows_outward` do the same for
	the names of rows that documents refer to (see `references`).
	"""

	side: Side
	zone: tzinfo
	local_zone: tzinfo
	inward: Mapping[tuple[str, str], str] = field(default_factory=dict)
	outward: Mapping[tuple[str, str], str] = field(default_factory=dict)
	files: dict[str, File] = field(default_factory=dict)
	rows_inward: dict[str, str] = field(default_factory=dict)
	rows_outward: dict[str, str] = field(default_factory=dict)

	def link_in(self, target: str, name: str) -> str:
		"""The local name of the document, or of the row of a child DocType, that a Link of this side leads to."""
		return self.inward.get((target, name)) or self.rows_inward.get(name, name)

	def link_out(self, target: str, name: str) -> str:
		"""This side's name of what a Link leads to in the local site's terms."""
		return self.outward.get((target, name)) or self.rows_outward.get(name, name)


def shape_of(
	local: Meta,
	cloud: Meta,
	rule: Rule,
	excluded: frozenset[str] = frozenset(),
	own_named: Iterable[str] = (),
) -> Shape:
	"""The shape of `rule.doctype`; `excluded` are fieldnames that no DocType syncs. `own_named` are the DocTypes whose
	documents have a name of their own on each side: a text field that is called after one of them, as `pricing_rules` is
	after Pricing Rule, lists documents of it."""
	kinds = frozenset() if rule.attachments else FILE_TYPES
	lists = {name: doctype for doctype in own_named for name in _called_after(doctype)}
	shape = _shape(local, cloud, dict(rule.field_map), rule.exclude | excluded, kinds, lists)
	workflows = {side: meta.workflow for side, meta in ((LOCAL, local), (CLOUD, cloud)) if meta.workflow}
	states = {(side, workflow.field) for side, workflow in workflows.items()}
	fields = (
		# A state is gone on from by the actions of its workflow, whatever the field says of itself.
		replace(f, at_birth=False, after_submit=True) if states & {(LOCAL, f.local), (CLOUD, f.cloud)} else f
		for f in shape.fields
	)
	return replace(shape, fields=tuple(fields), workflows=workflows)


def _called_after(doctype: str) -> tuple[str, str]:
	name = doctype.lower().replace(" ", "_").replace("-", "_")
	return name, f"{name}s"


def _shape(
	local: Meta,
	cloud: Meta,
	renamed: Mapping[str, str],
	excluded: frozenset[str],
	kinds: frozenset[str],
	lists: Mapping[str, str],
) -> Shape:
	"""`excluded` are fieldnames, `kinds` fieldtypes that are left out; `lists` the DocTypes that text fields list, by
	fieldname."""
	taken, own = set(renamed.values()), only_at_birth(local.doctype)
	fields = []
	for ours in local.fields.values():
		theirs = cloud.fields.get(renamed.get(ours.name, ours.name))
		if theirs is None or not all(has_data(f) and not f.out_of_reach for f in (ours, theirs)):
			continue
		if ours.name in excluded or ours.type in kinds:
			continue
		if ours.name not in renamed and ours.name in taken:
			continue  # the cloud's field of this name belongs to another local field
		rows, kind, options = None, ours.type, ours.options
		if (ours.type in TABLE_TYPES) != (theirs.type in TABLE_TYPES):
			continue
		if {ours.type, theirs.type} == {"Date", "Datetime"}:
			kind = "Date"  # as the dates of a Task, in versions 15 and 16: a day has no time zone
		if kind == "Data" and ours.name.endswith("_docname"):
			# A Dynamic Link in all but its type: prevdoc_docname with prevdoc_doctype, in an Installation Note.
			chooser = ours.name.removesuffix("name") + "type"
			if chooser in local.fields and renamed.get(chooser, chooser) in cloud.fields:
				kind, options = "Dynamic Link", chooser
		if ours.type in TABLE_TYPES:
			rows = _shape(local.children[ours.name], cloud.children[theirs.name], {}, excluded, kinds, lists)
		fields.append(
			SyncedField(
				local=ours.name,
				cloud=theirs.name,
				type=kind,
				options=options,
				at_birth=ours.read_only or theirs.read_only or ours.name in own,
				after_submit=ours.allow_on_submit and theirs.allow_on_submit,
				required=ours.required or theirs.required,
				hidden=ours.hidden or theirs.hidden,
				default=ours.default or theirs.default,
				rows=rows,
				lists=lists.get(ours.name) if ours.type in LISTING_TYPES else None,
			)
		)
	takes_names = all((meta.autoname or "hash").lower() == "hash" for meta in (local, cloud))
	posts = AS_GIVEN in local.fields and AS_GIVEN in cloud.fields
	# Where there is no rule, code may make the name. The local site knows; the cloud is taken to have the same code.
	random_names = (local.autoname or "").lower() == "hash" == (cloud.autoname or "hash").lower()
	return Shape(local.doctype, tuple(fields), posts, takes_names, random_names)


def has_data(f: Field) -> bool:
	"""Whether the field stores what may cross, be it in the sync user's reach or not."""
	return not (f.virtual or f.type in LAYOUT_TYPES | SITES_OWN_TYPES or f.name in NEVER_SYNCED)


def links(doc: Document, shape: Shape, side: Side) -> Iterator[tuple[str, str]]:
	"""Every `(doctype, name)` that the document's synced fields point to, in the side's own names."""
	for f in shape.fields:
		value = doc.get(f.on(side))
		if not value:
			continue
		if f.rows is not None:
			for row in value:
				yield from links(row, f.rows, side)
		elif f.lists:
			yield from ((f.lists, name) for name in listed(value))
		elif target := link_target(f, doc, shape, side):
			yield target, value


def listed(text: str) -> list[str]:
	"""The names that a text lists: as JSON, or in lines, or between commas."""
	names = _json_names(text)
	return [name for each in re.split(r"[\n,]", text) if (name := each.strip())] if names is None else names


def relisted(text: str, name_of: Callable[[str], str]) -> str:
	"""The text with each name that it lists replaced by what `name_of` answers for it; all else in it stays, since it may
	be no list at all."""
	names = _json_names(text)
	if names is not None:
		return json.dumps([name_of(name) for name in names])
	# Each part between lines and commas, without the blanks around it.
	return re.sub(r"[^\n,\s](?:[^\n,]*[^\n,\s])?", lambda part: name_of(part[0]), text)


def _json_names(text: str) -> list[str] | None:
	"""The names of a JSON list; None where the text is something else."""
	if text.lstrip().startswith("["):
		with suppress(ValueError, RecursionError):
			found = json.loads(text)
			return found if all(isinstance(each, str) for each in found) else None
	return None


def link_target(f: SyncedField, doc: Document, shape: Shape, side: Side) -> str | None:
	"""The DocType that a field points to; None where it is no Link, or a Dynamic Link to nothing."""
	if f.type == "Link":
		return f.options
	if f.type == "Dynamic Link" and f.options:
		chooser = shape.named(f.options)
		return doc.get(chooser.on(side) if chooser else f.options)
	return None


def targets(docs: Iterable[Document], shape: Shape, side: Side) -> dict[str, set[str]]:
	"""The names that the documents point to, by DocType: one look-up each serves the whole batch."""
	found: dict[str, set[str]] = {}
	for doc in docs:
		for doctype, name in links(doc, shape, side):
			found.setdefault(doctype, set()).add(name)
	return found
