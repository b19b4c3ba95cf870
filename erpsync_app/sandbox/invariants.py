# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What must hold of two sites at rest, asked after each simulated history. See DESIGN, "What must always hold".

Every check is of what stands on the sites and in the ledger, and of what people did; none asks the engine.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from erpsync_app.engine.canonical import canonical
from erpsync_app.engine.decision import DOCUMENT
from erpsync_app.engine.followers import FOLLOWERS
from erpsync_app.engine.late import TOLD
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Clash, Rule, Side, other
from erpsync_app.engine.rules import matches
from erpsync_app.engine.tags import tags_in
from erpsync_app.sandbox.ledger import Conflict
from erpsync_app.sandbox.people import MARKER_FIELDS, PERSON, tokens
from erpsync_app.sandbox.simulation import Problem, Simulation
from erpsync_app.sandbox.store import Doc

ATTACHED = "(attached)"
"""Under this key a document holds its files, each with its content and whether it is private."""
TAGGED = "(tagged)"
"""Under this key, its tags."""

REASONS = (
	TOLD,
	r"gone on the \w+ side without a trace",
	r"Cannot delete or cancel because",
	r"as it has child nodes",
	r"Submitted Record cannot be deleted",
	r"Could not find",
	r"(?<!which it refers to, )is not synced yet",
	r"documents on the \w+ side match it",
	r"must be unique",
	r"Item cannot be added to its own descendants",
	r"not found\.",
	r"submitted on both sides with different",
	r"about which a person has to decide",
	r"Another \w+ with name .* exists",
	r"is not (submitted|cancelled) on the \w+ side yet",
	# Time and again another transaction was quicker than the write, or than the save after it (see `AtomicLedger`).
	r"SerializationFailure|Someone else was at this document's record in the meantime",
)
"""Why a document may stand in quarantine for good: only for what a person alone can put right."""


def check(world: Simulation) -> Iterator[Problem]:
	"""Every invariant that does not hold."""
	docs = {
		side: {doctype: {doc["name"]: doc for doc in site.all(doctype)} for doctype in world.rules}
		for side, site in world.sites.items()
	}
	for side, site in world.sites.items():
		for doctype, of_doctype in docs[side].items():
			for name, doc in of_doctype.items():
				doc[ATTACHED] = [
					(site.content(file["file_url"]).decode(), file["is_private"])
					for file in site.attachments(doctype, name)
				]
				doc[TAGGED] = sorted(tags_in(doc["_user_tags"]))
	yield from _nothing_under_way(world)
	yield from _converged(world, docs)
	yield from _every_document_known(world, docs)
	yield from _once(world, docs)
	yield from _rows_once(world, docs)
	yield from _references(world, docs)
	yield from _no_edit_lost(world, docs)


def _nothing_under_way(world: Simulation) -> Iterator[Problem]:
	if waiting := world.queue.pending():
		yield Problem("stuck", f"{waiting} events wait")
	for event, why in world.queue.failed():
		if not (_good(why) or _row_is_gone(world, event.side, event.doctype, event.name)):
			yield Problem(
				"failed", f"for no good reason: {event.doctype} {event.name} on {event.side}: {why}"
			)
	for b in world.ledger.all_bindings():
		# What a person chose waits too for what stands in its way.
		if b.intent or b.status == "Pending" or (b.choice and b.status != "Failed"):
			yield Problem("stuck", f"not finished: {_told(b)}")


def _converged(world: Simulation, docs: dict) -> Iterator[Problem]:
	conflicts: dict[str, list[Conflict]] = {}
	for row, conflict in zip(
		world.database.rows("select binding from conflict order by id"), world.ledger.conflicts(), strict=True
	):
		conflicts.setdefault(str(row["binding"]), []).append(conflict)
	for b in world.ledger.all_bindings():
		rule = world.rules[b.doctype]
		pair = {side: docs[side][b.doctype].get(b.names.get(side) or "") for side in SIDES}
		mine = conflicts.get(b.id or "", [])
		if b.status == "Failed":
			if not (
				_good(b.error) or any(_row_is_gone(world, s, b.doctype, n or "") for s, n in b.names.items())
			):
				yield Problem("failed", f"for no good reason: {_told(b)}")
			elif "without a trace" in (b.error or "") and not world.witness.renamed:
				yield Problem("failed", f"nothing was renamed: {_told(b)}")
		elif b.status == "Conflict":
			if not any(c.resolution is None for c in mine):
				yield Problem("diverged", f"in conflict, and none is open: {_told(b)}")
		elif rule.follows and not all(pair.values()) and not _is_owed(world, rule, pair):
			continue  # it went with its document, or was left alone since that does not cross
		elif b.status == "Diverged":
			if rule.follows:
				doc = pair[LOCAL] or pair[CLOUD]
				rule = world.rules[doc[FOLLOWERS[b.doctype].about[0]]]
			crosses = (rule.direction, rule.deletes, rule.submit) == ("bidirectional", "propagate", "follow")
			# What both sides cancelled before it had crossed, nobody can write any more.
			cancelled = all(doc and doc["docstatus"] == 2 for doc in pair.values())
			if crosses and not (cancelled and any(_equal(world, rule, b, pair, []))):
				yield Problem("diverged", f"the rule lets everything cross: {_told(b)}")
		elif not (pair[LOCAL] and pair[CLOUD]):
			yield Problem("diverged", f"{b.status}, and on one side alone: {_told(b)}")
		else:
			yield from _equal(world, rule, b, pair, mine)


def _equal(
	world: Simulation, rule: Rule, b: Binding, pair: dict[Side, Doc], conflicts: list[Conflict]
) -> Iterator[Problem]:
	"""A pair that counts as synced is equal, but for what a document that is submitted or cancelled does not take any
	more: that, a conflict has to say."""
	if rule.submit == "follow" and pair[LOCAL]["docstatus"] != pair[CLOUD]["docstatus"]:
		yield Problem("diverged", f"docstatus {[pair[s]['docstatus'] for s in SIDES]}: {_told(b)}")
	shape = shape_of(world.clients[LOCAL].meta(b.doctype), world.clients[CLOUD].meta(b.doctype), rule)
	inward = {(o.doctype, o.names[CLOUD] or ""): o.names[LOCAL] or "" for o in world.ledger.all_bindings()}
	zones = {side: world.clients[side].time_zone for side in SIDES}
	terms = {
		LOCAL: Terms(LOCAL, zones[LOCAL], zones[LOCAL]),
		CLOUD: Terms(CLOUD, zones[CLOUD], zones[LOCAL], inward, {}),
	}
	one, two = (canonical(pair[side], shape, terms[side]) for side in SIDES)
	for beside in (ATTACHED, *((TAGGED,) if rule.tags else ())):
		here, there = (pair[side][beside] for side in SIDES)
		if here != there:
			yield Problem("diverged", f"{beside} {here} and {there}: {_told(b)}")
	statuses = {pair[side].get("status") for side in SIDES} if "amended_from" in pair[LOCAL] else set()
	if len(statuses) > 1 and all(pair[side]["docstatus"] == 1 for side in SIDES):
		yield Problem("diverged", f"its status is {sorted(statuses)}: {_told(b)}")
	told = {clash.field for conflict in conflicts for clash in conflict.clashes}
	submitted = any(pair[side]["docstatus"] for side in SIDES)
	for name in one:
		if one[name] != two[name] and not (submitted and name in told):
			if not any(value in _merged_away(world) for value in (one[name], two[name]) if value):
				yield Problem("diverged", f"{name} is {one[name]!r} and {two[name]!r}: {_told(b)}")


def _merged_away(world: Simulation) -> Iterator[str]:
	"""The local names of documents that were merged on one side and may stay on the other: the merge waits, or a person
	or the one direction of the rule kept them. It led the links of its own side away and touched none of the documents
	that have them, so no scan sees those: what tells of it is the record of the one that is gone, or the conflict that
	was about all of it."""
	for b in world.ledger.all_bindings():
		for side, name in b.names.items():
			waits = b.status == "Conflict" or "It was merged into" in (b.error or "")
			may_stay = waits or not world.rules[b.doctype].writes(other(side))
			if name and may_stay and not world.sites[side].get(b.doctype, name):
				yield b.names[LOCAL] or ""
	for conflict in world.ledger.conflicts():
		one_way = world.rules[conflict.doctype].direction != "bidirectional"
		chosen = (conflict.resolution or "").startswith("Keep")
		if (one_way or chosen) and any(clash.field == DOCUMENT for clash in conflict.clashes):
			yield conflict.names[LOCAL] or ""


def _every_document_known(world: Simulation, docs: dict) -> Iterator[Problem]:
	"""No document is passed over: it is bound, or failed, or the rule keeps it on its side."""
	bindings = world.ledger.all_bindings()
	quarantined = {(event.doctype, event.name) for event, _ in world.queue.failed()}
	for side in SIDES:
		bound = {(b.doctype, b.names.get(side)) for b in bindings}
		for doctype, rule in world.rules.items():
			for name, doc in docs[side][doctype].items():
				crosses = _crosses(world, rule, side, doc) if rule.follows else rule.writes(other(side))
				if (doctype, name) not in bound | quarantined and crosses:
					yield Problem(
						"diverged", f"{doctype} {name} on {side} is not synced, and nothing says why"
					)


def _crosses(world: Simulation, rule: Rule, side: Side, doc: Doc) -> bool:
	"""Whether a comment or an assignment is to be on the other side too: its document is there, and may go there."""
	of_doctype, of_name = FOLLOWERS[rule.doctype].about
	leader = world.rules.get(doc[of_doctype])
	if leader is None or not leader.writes(other(side)) or not matches(rule.filters, doc):
		return False
	binding = world.ledger.bindings(leader.doctype, side, [doc[of_name]]).get(doc[of_name])
	there = binding.names.get(other(side)) if binding else None
	found = world.sites[other(side)].get(leader.doctype, there) if there else None
	if binding and found and binding.status == "Conflict" and (held := binding.held.get(other(side))):
		return held.created in ("", found["creation"])  # else a person is asked about one that is gone there
	return bool(found)


def _is_owed(world: Simulation, rule: Rule, pair: dict[Side, Doc]) -> bool:
	"""Whether the side that lacks a bound comment or assignment is to have it."""
	side = next((side for side in SIDES if pair[side]), None)
	return side is not None and _crosses(world, rule, side, pair[side])


def _once(world: Simulation, docs: dict) -> Iterator[Problem]:
	# Two documents of one name met, one marker was about to win, and one was renamed before that was recorded: they
	# are two again, and rightly so.
	parted = world.witness.renamed & set(
		tokens([asdict(c) for each in world.ledger.conflicts() for c in each.clashes])
	)
	# What a worker made too late and a person has edited since is told, and one of the two is for a person to delete.
	told = {
		(side, b.doctype, b.names.get(side))
		for b in world.ledger.all_bindings()
		for side in SIDES
		if (b.error or "").startswith(TOLD)
	}
	for side in SIDES:
		for doctype in world.rules:
			marks = Counter(
				doc[MARKER_FIELDS[doctype]]
				for name, doc in docs[side][doctype].items()
				if (side, doctype, name) not in told
			)
			for marker, times in marks.items():
				if times > 1 and marker and marker not in parted:
					names = [
						name
						for name, doc in docs[side][doctype].items()
						if doc[MARKER_FIELDS[doctype]] == marker
					]
					yield Problem("twice", f"{doctype} [{marker}] is there {times} times on {side}: {names}")


def _rows_once(world: Simulation, docs: dict) -> Iterator[Problem]:
	"""No value of a row stands in two rows of its table: nobody saved it twice."""
	for side in SIDES:
		for doctype in world.rules:
			for name, doc in docs[side][doctype].items():
				for table, rows in doc.items():
					values = Counter(tokens(rows if isinstance(rows, list) else []))
					for token, times in values.items():
						if times > 1:
							yield Problem(
								"row twice",
								f"{token} in {times} rows of {table} of {doctype} {name} on {side}",
							)


def _references(world: Simulation, docs: dict) -> Iterator[Problem]:
	"""The rows of a delivery lead to the same rows of its order on both sides. Nobody edits the rows of a delivery."""
	bindings = world.ledger.all_bindings()
	same = {pair for b in bindings for rows in b.rows.values() for pair in rows.same.items()}
	for b in bindings:
		pair = [docs[side][b.doctype].get(b.names.get(side) or "") for side in SIDES]
		if b.doctype == "Delivery Note" and all(pair):
			for one, two in zip(*(doc["items"] for doc in pair), strict=True):
				if (one["so_detail"], two["so_detail"]) not in same:
					yield Problem(
						"astray", f"{one['so_detail']} and {two['so_detail']} are no pair: {_told(b)}"
					)


def _row_is_gone(world: Simulation, side: Side, doctype: str, name: str) -> bool:
	"""Whether a delivery is of a row of its order that the other side has not, or not any more."""
	note = world.sites[side].get(doctype, name) if doctype == "Delivery Note" else None
	for row in note["items"] if note else ():
		order = row["against_sales_order"]
		binding = world.ledger.bindings("Sales Order", side, [order]).get(order)
		there = world.sites[other(side)].get("Sales Order", (binding and binding.names[other(side)]) or "")
		same = (
			{pair[side == CLOUD]: pair[side == LOCAL] for pair in binding.rows["items"].same.items()}
			if there
			else {}
		)
		if same.get(row["so_detail"]) not in {each["name"] for each in (there or {}).get("items", ())}:
			return True
	return False


def _no_edit_lost(world: Simulation, docs: dict) -> Iterator[Problem]:
	"""Every value that a person saved stands in a document; or a person replaced it, or deleted the document, who
	had it before their eyes; or a conflict keeps it."""
	kept = set(tokens([list(of_side.values()) for of_side in docs.values()]))
	kept |= set(tokens([asdict(clash) for c in world.ledger.conflicts() for clash in c.clashes]))
	# Whom a person's choice deletes in full view goes with its files and tags.
	choices = [
		c
		for c in world.ledger.conflicts()
		if c.resolution != "Merge beats edit" and any(map(_takes_document_away, c.clashes))
	]
	chosen = {(c.doctype, side, c.names[side]) for c in choices for side in SIDES}
	for side, site in world.sites.items():
		for gone in site.all("Deleted Document"):
			data = json.loads(gone["data"])
			of = (data.get("attached_to_doctype"), side, data.get("attached_to_name"))
			if gone["owner"] == PERSON.name or of in chosen:
				kept |= set(tokens(data))
			elif (gone["deleted_doctype"], side, gone["deleted_name"]) in chosen:
				kept |= set(tokens(data.get("_user_tags")))
	# And with what is said of it, of which Frappe keeps nothing. Some are marked by their name.
	went = {name for _, _, name in chosen} | set(
		tokens([asdict(clash) for c in choices for clash in c.clashes])
	)
	there = {
		doc[MARKER_FIELDS[doctype]]
		for of_side in docs.values()
		for doctype, found in of_side.items()
		for doc in found.values()
	}
	at_home = world.witness.closed - there
	for token, act in world.witness.saved.items():
		leader = world.witness.leaders.get(act.marker)
		if act.marker in at_home or (leader and leader in went - there):
			continue
		if token not in kept and token not in world.witness.superseded:
			yield Problem("lost", f"{token}, which was saved by: {act}")


def _takes_document_away(clash: Clash) -> bool:
	return clash.field == DOCUMENT and clash.winner is not None and getattr(clash, clash.winner) is None


def _good(why: str | None) -> bool:
	return any(re.search(reason, why or "") for reason in REASONS)


def _told(b: Binding) -> str:
	return f"{b.doctype} {b.names.get(LOCAL)} | {b.names.get(CLOUD)} {b.status} {b.error or ''}".rstrip()
