# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The words of the engine, as plain data. See DESIGN: side, document, baseline, event, binding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Side = Literal["local", "cloud"]
LOCAL: Side = "local"
CLOUD: Side = "cloud"
SIDES: tuple[Side, Side] = (LOCAL, CLOUD)

Document = dict[str, Any]
"""One document as its site gives it: raw field values, child tables as lists of dicts, and `name`,
`modified`, `creation` (strings, naive, in the site's time zone), `owner`, `docstatus`."""

Fields = dict[str, Any]
"""The canonical form of a document: synced fields only, in the local site's terms."""

Direction = Literal["bidirectional", "cloud_to_local", "local_to_cloud"]
Policy = Literal["latest_timestamp", "cloud_wins", "local_wins", "manual"]
Kind = Literal["change", "delete"]

Choice = Literal["Keep local", "Keep cloud", "By hand"]
"""What a person may choose for an open conflict. "By hand": both sides stand as they are now."""

Operation = Literal["create", "update", "rename", "merge", "delete", "bind", "conflict", "fail"]
Result = Literal["Success", "Failure", "Conflict"]

DIRECTIONS: tuple[Direction, ...] = ("bidirectional", "cloud_to_local", "local_to_cloud")
POLICIES: tuple[Policy, ...] = ("latest_timestamp", "cloud_wins", "local_wins", "manual")

MEGABYTE = 1024 * 1024

OPTIONS = ("tags", "comments", "assignments")
"""What of a document stays at home unless its rule says otherwise: so many fields of Rule."""


def other(side: Side) -> Side:
	return CLOUD if side == LOCAL else LOCAL


@dataclass(frozen=True, slots=True)
class Field:
	"""One field of a DocType, as its meta data describes it. `type` is Frappe's fieldtype; `out_of_reach` is that its
	permission level keeps the sync user from reading or writing it."""

	name: str
	type: str
	label: str = ""
	options: str | None = None
	read_only: bool = False
	allow_on_submit: bool = False
	required: bool = False
	hidden: bool = False
	unique: bool = False
	virtual: bool = False
	default: str | None = None
	out_of_reach: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
	"""One step of a workflow: `action` leads from `state` to `next_state`, for who has `role`; `mine` is that the sync user
	has it, `self_approval` that it may be taken by the owner of the document."""

	state: str
	action: str
	next_state: str
	role: str = ""
	mine: bool = True
	self_approval: bool = True


@dataclass(frozen=True, slots=True)
class Workflow:
	"""The active workflow of a DocType on one site. `field` holds the state of a document; `states` are in their order,
	the first being that of a new document, each with the docstatus that a document has in it."""

	name: str
	field: str
	states: Mapping[str, int]
	transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Meta:
	"""The meta data of one DocType on one site, Custom Fields and Property Setters applied.

	`children` holds the meta data of each child table by the fieldname of the table; `parent_field` is the
	Link to the parent in a tree (`nsm_parent_field`), None where the DocType is no tree.
	"""

	doctype: str
	fields: Mapping[str, Field]
	children: Mapping[str, Meta] = field(default_factory=dict)
	parent_field: str | None = None
	submittable: bool = False
	autoname: str | None = None
	workflow: Workflow | None = None


@dataclass(frozen=True, slots=True)
class Rule:
	"""How one DocType is synced.

	`filters` are Frappe filters `(fieldname, operator, value)` in local terms that a document must meet on
	first contact; `field_map` goes from local fieldname to the cloud's; `naming` is "keep" where the name is
	the identity of the document (Customer, Item) and "own" where each site names its own (naming series);
	`submit` is "follow" where the other side's document is submitted and cancelled too, "draft" where it stays one.
	`attachments` says whether files cross, those of Attach fields too; `file_limit` the largest that does, in bytes.
	`tags`, `comments` and `assignments` say whether those of a document cross; `follows` that the rule is one of the
	latter two (see `followers`).
	"""

	doctype: str
	direction: Direction = "bidirectional"
	policy: Policy = "latest_timestamp"
	filters: tuple[tuple[str, str, Any], ...] = ()
	field_map: Mapping[str, str] = field(default_factory=dict)
	exclude: frozenset[str] = frozenset()
	match_fields: tuple[str, ...] = ()
	naming: Literal["keep", "own"] = "keep"
	deletes: Literal["propagate", "keep", "ask"] = "propagate"
	submit: Literal["follow", "draft"] = "follow"
	attachments: bool = True
	file_limit: int = 25 * MEGABYTE
	tags: bool = False
	comments: bool = False
	assignments: bool = False
	follows: bool = False

	def writes(self, side: Side) -> bool:
		"""Whether changes may be written to `side`."""
		return self.direction != ("local_to_cloud" if side == LOCAL else "cloud_to_local")


@dataclass(frozen=True, slots=True)
class Event:
	"""A hint that a document may have changed on one side. Never data to be written.

	`name` is the document's name on `side`. `id` and `attempts` are the queue's; an event not yet queued has
	none. `trigger` says what told: hook, webhook, scan, command or person.
	"""

	side: Side
	doctype: str
	name: str
	kind: Kind = "change"
	trigger: str = "hook"
	id: str | None = None
	attempts: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
	"""How far a scan has come: the last `(modified, name)` seen, `modified` in the side's own words."""

	modified: str
	name: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
	"""One line of a listing: a document and when its site last modified it."""

	name: str
	modified: str

	@property
	def cursor(self) -> Cursor:
		"""Where a listing by time goes on after it."""
		return Cursor(self.modified, self.name)


TRAIL = "Deleted Document"
"""The DocType of the trail that a site keeps of its deletions."""


@dataclass(frozen=True, slots=True)
class Deletion:
	"""One line of a site's Deleted Document trail. `cursor` is where the trail goes on after it."""

	doctype: str
	name: str
	cursor: Cursor


@dataclass(frozen=True, slots=True)
class Note:
	"""What Frappe writes under a document (`about`, its present name) that was renamed, or into which another one was
	merged: HTML in the words of a person's language, with both names in it. `at` is when, naive, in the site's zone."""

	about: str
	content: str
	at: str


@dataclass(frozen=True, slots=True)
class File:
	"""One File record of a site: a file, and the document it is attached to, if it is. `hash` is Frappe's hash of the
	content, empty where there is none, as of a link to elsewhere; `field` is the Attach field it was uploaded for."""

	file_name: str
	url: str = ""
	hash: str = ""
	private: bool = False
	size: int = 0
	doctype: str | None = None
	document: str | None = None
	field: str | None = None
	name: str = ""
	owner: str = ""
	modified: str = ""

	@property
	def cursor(self) -> Cursor:
		"""Where a listing by time goes on after it."""
		return Cursor(self.modified, self.name)


@dataclass(frozen=True, slots=True)
class Intent:
	"""A create that was begun on `side` and of which no answer was recorded.

	`since` is when it was begun (aware, UTC); `sent` what was sent, in canonical form. `instead_of` is the name that the
	document had on that side before, if it was there and was deleted: another worker may know it by that. `again` is how
	often it was begun before, without an answer, and may have been sent; `before` what was sent then, as far as it was
	something else.
	"""

	side: Side
	since: datetime
	sent: Fields
	instead_of: str | None = None
	again: int = 0
	before: tuple[Fields, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
	"""What one side held after the last sync, read back from it: the baseline of that side.

	`created` is the document's `creation`, as its site tells it: neither an edit nor a rename changes that. `wrote` are the
	last writes of sync's on this side, the newest last: the `modified` that each left, and how many milliseconds it took.
	"""

	fields: Fields
	modified: str
	docstatus: int = 0
	created: str = ""
	wrote: tuple[tuple[str, int], ...] = ()

	@classmethod
	def begun(cls, doc: Document) -> Held:
		"""Of one that was never in step: no more than which document it is, should its name get another meaning."""
		return cls({}, modified="", created=doc.get("creation") or "")


@dataclass(frozen=True, slots=True)
class RowMap:
	"""Who is who among the rows of one child table. `local` and `cloud` are the names of the rows in the baselines, in
	their order; `same` leads from the local name of a row to the cloud's. A row that it lacks is on one side alone."""

	local: tuple[str, ...]
	cloud: tuple[str, ...]
	same: Mapping[str, str] = field(default_factory=dict)

	@classmethod
	def of(cls, told: Mapping[str, Any]) -> RowMap:
		"""From its fields as JSON keeps them."""
		return cls(tuple(told["local"]), tuple(told["cloud"]), told["same"])

	@classmethod
	def between(cls, side: Side, here: Sequence[str], there: Sequence[str]) -> RowMap:
		"""Of rows of `side` that are those of the other side, one by one."""
		local, cloud = (here, there) if side == LOCAL else (there, here)
		return cls(tuple(local), tuple(cloud), dict(zip(local, cloud, strict=True)))

	def names(self, side: Side) -> tuple[str, ...]:
		return self.local if side == LOCAL else self.cloud

	def renamed(self, side: Side, names: Mapping[str, str]) -> RowMap:
		"""With other names for rows of one side; those that `names` lacks keep theirs."""
		local, cloud = ([names.get(n, n) if each == side else n for n in self.names(each)] for each in SIDES)
		same = {
			names.get(here, here) if side == LOCAL else here: names.get(there, there)
			if side == CLOUD
			else there
			for here, there in self.same.items()
		}
		return RowMap(tuple(local), tuple(cloud), same)


@dataclass(frozen=True, slots=True)
class Binding:
	"""The pair of names of one document, and what is known of it on each side.

	A side without a name has no document yet (or its create is an open `intent`). `id` is the ledger's own;
	None for a binding that is not stored yet. `status` is one of `STATUSES`. `choice` is what a person chose for
	its open conflict, until it is carried out or refused. `rows` are its tables' row maps. `error` says why it failed, or
	which files of it stay at home. `version` is the ledger's own as well: it is another one after every change.
	"""

	doctype: str
	names: Mapping[Side, str | None]
	held: Mapping[Side, Held | None] = field(default_factory=dict)
	status: str = "Pending"
	error: str | None = None
	intent: Intent | None = None
	choice: Choice | None = None
	rows: Mapping[str, RowMap] = field(default_factory=dict)
	id: str | None = None
	version: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
	"""How far a document of the ledger has come: its name on the other side, None where it is not there yet, the
	docstatus that each side had after the last sync, and the status of its binding. `written` is when each side made it
	and last wrote it, by that sync: `creation` and `modified`, naive, in the side's zone. `wrote` as in `Held`."""

	name: str | None
	docstatus: Mapping[Side, int]
	status: str
	written: Mapping[Side, tuple[str, str]] = field(default_factory=dict)
	wrote: Mapping[Side, Sequence[tuple[str, int]]] = field(default_factory=dict)


STATUSES = ("Pending", "Synced", "Diverged", "Conflict", "Failed")
"""Of a binding: Pending (a create is under way), Synced, Diverged (they differ, and nothing is to be written: by the rule or
a person's choice, or since nothing can be, of which `error` names the fields), Conflict (open), Failed (`error` says why)."""


@dataclass(frozen=True, slots=True)
class Clash:
	"""One field that both sides changed to different values. `winner` is None while it waits for a person."""

	field: str
	base: Any
	local: Any
	cloud: Any
	winner: Side | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
	"""One line of the trail. `changed` are the fields that were written, `overwritten` what they held before
	(a whole document for a delete); `direction` is None where nothing was written."""

	doctype: str
	names: Mapping[Side, str | None]
	operation: Operation
	outcome: Result
	direction: Literal["cloud_to_local", "local_to_cloud"] | None = None
	changed: tuple[str, ...] = ()
	overwritten: Mapping[str, Any] | None = None
	message: str = ""
	milliseconds: int = 0
	trigger: str = ""
	run: str = ""


@dataclass(frozen=True, slots=True)
class Call:
	"""A call of a whitelisted function by its dotted path or, with a `document`, of one of its whitelisted methods. The
	document is one that the site has, told by `doctype` and `name`, or one that is never stored."""

	method: str
	arguments: Document = field(default_factory=dict)
	document: Document | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
	"""What the ledger is to remember of one document, all of it in one transaction.

	`binding` replaces what was stored under its `id`; `forget` removes it, if it was stored (both documents are gone).

	| `clashes` | `settled` | what happens to the conflict of the binding |
	|---|---|---|
	| some | None | one is opened, or the open one brought up to date |
	| some | a word | the open one, or a new one, is stored as resolved; the same clashes are never stored twice running |
	| none | a word | the open one, if there is one, is resolved |

	`refused` is why a choice or a policy could not be carried out: the latest conflict is then open (again) and shows it.
	The word is the name of a policy, "direction" (of a one-way rule), "Keep local", "Keep cloud", "By hand", "Converged",
	"Edit beats delete", "Merge beats edit" or "Submit beats edit".
	"""

	binding: Binding
	log: tuple[LogEntry, ...] = ()
	clashes: tuple[Clash, ...] = ()
	settled: str | None = None
	refused: str = ""
	forget: bool = False
