# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Ways through a workflow, and what a write becomes where the side has one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timezone

import pytest

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Decision, Write
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Field, Held, Rule, Transition, Workflow
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.tests.builders import meta
from erpsync_app.engine.workflow import (
	allowed,
	anybody,
	before_walk,
	begun,
	by_walking,
	check_way,
	no_way,
	on_their_way,
	walk,
	walking,
	way,
)


def step(text: str, **more) -> Transition:
	"""`"Draft Ask Asked"` leads from Draft to Asked by Ask."""
	state, action, next_state = text.split()
	return Transition(state, action, next_state, **{"role": "Clerk", **more})


LEAVE = Workflow(
	"Leave",
	"state",
	{"Draft": 0, "Asked": 0, "Rejected": 0, "Approved": 1, "Taken": 1, "Cancelled": 2},
	(
		step("Draft Ask Asked"),
		step("Asked Reject Rejected"),
		step("Rejected Revise Draft"),
		step("Asked Approve Approved"),
		step("Draft Grant Approved", role="Chief", mine=False),
		step("Approved Note Taken"),
		step("Approved Cancel Cancelled"),
	),
)
PLAIN = replace(LEAVE, transitions=(step("Draft Ask Asked"), step("Asked Reject Draft")))
"""One that neither submits nor cancels by a transition."""


@pytest.mark.parametrize(
	("workflow", "start", "end", "may", "actions"),
	[
		(LEAVE, "Draft", "Draft", allowed(False), []),
		(LEAVE, "Draft", "Asked", allowed(False), ["Ask"]),
		(LEAVE, "Draft", "Approved", allowed(False), ["Ask", "Approve"]),
		(LEAVE, "Draft", "Approved", anybody, ["Grant"]),
		(LEAVE, "Draft", "Cancelled", allowed(False), ["Ask", "Approve", "Cancel"]),
		(LEAVE, "Rejected", "Taken", allowed(False), ["Revise", "Ask", "Approve", "Note"]),
		(LEAVE, "Taken", "Cancelled", allowed(False), None),
		(LEAVE, "Approved", "Draft", anybody, None),
		(LEAVE, "Draft", "Unknown", anybody, None),
		(LEAVE, "Unknown", "Draft", anybody, None),
		(PLAIN, "Draft", "Approved", allowed(False), [""]),
		(PLAIN, "Draft", "Cancelled", allowed(False), ["", ""]),
		(PLAIN, "Approved", "Taken", anybody, None),
	],
)
def test_the_shortest_way(workflow, start, end, may, actions):
	found = way(workflow, start, end, may)
	assert (None if found is None else [each.action for each in found]) == actions


def test_nobody_approves_a_document_of_their_own_unless_they_may():
	strict = replace(LEAVE, transitions=(step("Draft Ask Asked", self_approval=False),))
	assert way(strict, "Draft", "Asked", allowed(False))
	assert way(strict, "Draft", "Asked", allowed(True)) is None


@pytest.mark.parametrize(
	("start", "end", "changes", "says"),
	[
		("Draft", "Granted", {}, "has no state Granted: add it there"),
		("Approved", "Draft", {}, "has no way from Approved to Draft"),
		(
			"Draft",
			"Approved",
			{"mine": False},
			"without the role Chief lead a document from Draft to Approved",
		),
		("Draft", "Asked", {"self_approval": False}, "allow self approval in its transition Ask there"),
		(
			"Draft",
			"Asked",
			{},
			"leads from Draft to Asked by Ask, whose condition this document does not meet",
		),
	],
)
def test_where_there_is_no_way_one_sentence_says_why(start, end, changes, says):
	changed = tuple(replace(each, **changes) if each.role == "Clerk" else each for each in LEAVE.transitions)
	workflow = replace(LEAVE, transitions=changed)
	assert says in no_way(workflow, start, end, CLOUD)
	assert no_way(workflow, start, end, CLOUD).startswith("The workflow Leave of the cloud site ")


# -- in a batch


def batch_of(*, local=LEAVE, cloud=LEAVE, **rule) -> Batch:
	fields = (Field("state", "Link", options="Workflow State", read_only=True), Field("days", "Int"))
	rule = Rule("Thing", **rule)
	metas = [meta("Thing", *fields, submittable=True, workflow=each) for each in (local, cloud)]
	terms = {side: Terms(side, timezone.utc, timezone.utc, {}, {}) for side in SIDES}
	return Batch(rule, shape_of(*metas, rule), [], terms)


def pair_of(local: str, cloud: str, was: str | tuple[str, str] = "Draft") -> Pair:
	"""A document in a state on each side, and in which they were after the last sync."""
	states = dict(zip(SIDES, (local, cloud), strict=True))
	bases = dict(zip(SIDES, (was, was) if isinstance(was, str) else was, strict=True))
	held = {side: Held({"state": bases[side], "days": 1}, "then") for side in SIDES}
	pair = Pair(Binding("Thing", dict.fromkeys(SIDES, "T"), held=held))
	pair.docs = {side: a_doc(states[side]) for side in SIDES}
	return pair


def a_doc(state: str) -> dict:
	status = LEAVE.states.get(state, 0)
	return {"name": "T", "state": state, "docstatus": status, "days": 1, "modified": "now", "owner": "anna"}


def test_a_state_crosses_whatever_its_field_says_of_itself():
	(state, _) = batch_of().shape.fields
	assert (state.at_birth, state.after_submit) == (False, True)
	(state, _) = batch_of(local=None, cloud=None).shape.fields
	assert (state.at_birth, state.after_submit) == (True, False)


def test_a_create_is_sent_in_the_first_state():
	fields = {"state": "Approved", "days": 1}
	assert begun(batch_of(), CLOUD, fields) == {"state": "Draft", "days": 1}
	assert begun(batch_of(cloud=None), CLOUD, fields) == fields


@pytest.mark.parametrize(
	("case", "local", "cloud", "was", "follows"),
	[
		("one went on", "Asked", "Draft", "Draft", None),
		("both to the same state", "Asked", "Asked", "Draft", None),
		("one further than the other", "Asked", "Approved", "Draft", LOCAL),
		("the other way", "Approved", "Asked", "Draft", CLOUD),
		("to where one comes by no way of the other's", "Rejected", "Approved", "Draft", None),
		("not on the way", "Draft", "Taken", "Rejected", LOCAL),
		("a create whose walk broke off", "Approved", "Asked", (None, "Draft"), CLOUD),
	],
)
def test_who_is_on_the_way_to_the_others_state_follows(case, local, cloud, was, follows):
	batch, pair = batch_of(), pair_of(local, cloud, was)
	held = on_their_way(batch, pair)
	changed = [side for side in SIDES if held[side] != pair.binding.held[side]]
	assert changed == ([follows] if follows else []), case
	for side in changed:
		assert held[side].fields == {"state": {LOCAL: local, CLOUD: cloud}[side], "days": 1}


@pytest.mark.parametrize(
	("case", "there", "write", "becomes"),
	[
		(
			"a state of the same docstatus",
			"Draft",
			Write(CLOUD, "update", {"state": "Asked"}),
			Write(CLOUD, "update", {"state": "Asked"}),
		),
		(
			"one that submits",
			"Asked",
			Write(CLOUD, "update", {"state": "Approved"}, docstatus=1),
			Write(CLOUD, "update", {"state": "Approved"}, docstatus=1),
		),
		(
			"one that submits first, and cancels then",
			"Draft",
			Write(CLOUD, "update", {"state": "Cancelled"}, docstatus=1),
			Write(CLOUD, "update", {"state": "Cancelled"}, docstatus=1),
		),
		(
			"one that cancels",
			"Approved",
			Write(CLOUD, "update", {"state": "Cancelled", "days": 2}),
			Write(CLOUD, "update", {"state": "Cancelled", "days": 2}, docstatus=2),
		),
		(
			"the docstatus alone: the other side has no workflow",
			"Draft",
			Write(CLOUD, "update", {"days": 2}, docstatus=1),
			Write(CLOUD, "update", {"days": 2}, docstatus=1),
		),
	],
)
def test_the_state_implies_the_docstatus(case, there, write, becomes):
	found = by_walking(batch_of(), pair_of("Cancelled", there), Decision((write,)))
	assert found.writes == (becomes,), case


def test_a_rule_that_keeps_drafts_goes_to_no_state_of_a_submitted_document():
	batch, pair = batch_of(submit="draft"), pair_of("Approved", "Asked")
	found = by_walking(batch, pair, Decision((Write(CLOUD, "update", {"state": "Approved", "days": 2}),)))
	assert found.writes == (Write(CLOUD, "update", {"days": 2}),)
	assert by_walking(batch, pair, Decision((Write(CLOUD, "update", {"state": "Approved"}),))).writes == ()
	write = Write(CLOUD, "update", {"state": "Rejected"})
	assert by_walking(batch, pair, Decision((write,))).writes == (write,)


def test_the_other_fields_are_written_before_the_walk():
	write = Write(CLOUD, "update", {"state": "Approved", "days": 2}, docstatus=1)
	assert before_walk(batch_of(), write) == Write(CLOUD, "update", {"days": 2})
	assert before_walk(batch_of(cloud=None), write) == write
	plain = Write(CLOUD, "update", {"days": 2}, docstatus=1)
	assert before_walk(batch_of(), plain) == plain


class Site:
	"""A site with one document, whose workflow lets one take all transitions but those in `shut`."""

	user, atomic = "sync", False

	def __init__(self, state: str, shut=()):
		self.doc, self.shut, self.taken = a_doc(state), shut, []

	def transitions(self, doctype, name):
		steps = [each for each in LEAVE.transitions if each.state == self.doc["state"]]
		return [(each.action, each.next_state) for each in steps if each.action not in self.shut]

	def take(self, doctype, name, action, modified):
		assert modified == self.doc["modified"]
		(end,) = [end for each, end in self.transitions(doctype, name) if each == action]
		self.taken.append(action)
		self.doc = {**a_doc(end), "modified": f"after {action}"}
		return self.doc

	def update(self, doctype, name, changes, modified):
		self.taken.append(changes)
		self.doc = {**a_doc({1: "Approved", 2: "Cancelled"}[changes["docstatus"]])}
		return self.doc


def walked(target: str, start: str, *, shut=(), workflow=LEAVE) -> tuple[Site, Pair]:
	batch, pair, site = batch_of(cloud=workflow), pair_of(target, start), Site(start, shut)
	ctx = Context(sites={CLOUD: site}, ledger=None, queue=None, clock=None, rules={})
	walk(ctx, batch, pair, Write(CLOUD, "update", {"state": target}), lambda: None)
	return site, pair


@pytest.mark.parametrize(
	("start", "target", "taken", "reached"),
	[
		("Draft", "Asked", ["Ask"], "Asked"),
		("Draft", "Approved", ["Ask", "Approve"], "Approved"),
		("Rejected", "Approved", ["Revise", "Ask", "Approve"], "Approved"),
		("Draft", "Taken", ["Ask", "Approve"], "Approved"),
		("Draft", "Cancelled", ["Ask", "Approve"], "Approved"),
		("Approved", "Cancelled", ["Cancel"], "Cancelled"),
		("Approved", "Approved", [], "Approved"),
	],
)
def test_a_walk_goes_to_the_state_or_to_the_first_change_of_the_docstatus(start, target, taken, reached):
	site, pair = walked(target, start)
	assert site.taken == taken
	assert pair.docs[CLOUD]["state"] == site.doc["state"] == reached
	write = Write(CLOUD, "update", {"state": target})
	assert walking(batch_of(), pair, Decision((write,))) == (None if reached == target else CLOUD)


def test_where_no_transition_submits_or_cancels_it_is_done_plainly():
	site, pair = walked("Approved", "Draft", workflow=PLAIN)
	assert site.taken == [{"docstatus": 1}] and pair.docs[CLOUD]["state"] == "Approved"
	site, pair = walked("Cancelled", "Approved", workflow=PLAIN)
	assert site.taken == [{"docstatus": 2, "state": "Cancelled"}]


def test_a_step_whose_condition_is_not_met_is_gone_around_or_told():
	granted = tuple(replace(each, mine=True) for each in LEAVE.transitions)
	site, _ = walked("Approved", "Draft", shut=("Grant",), workflow=replace(LEAVE, transitions=granted))
	assert site.taken == ["Ask", "Approve"]
	with pytest.raises(Refused, match="whose condition this document does not meet"):
		walked("Approved", "Asked", shut=("Approve",))


def test_a_way_that_is_not_there_is_told_before_anything_is_written():
	ctx = Context(sites={CLOUD: Site("Taken")}, ledger=None, queue=None, clock=None, rules={})
	with pytest.raises(Refused, match="has no way from Taken to Draft"):
		write = Write(CLOUD, "update", {"state": "Draft", "days": 2})
		check_way(ctx, batch_of(), pair_of("Draft", "Taken"), write)
	check_way(ctx, batch_of(), pair_of("Draft", "Taken"), Write(CLOUD, "update", {"days": 2}))
	check_way(ctx, batch_of(cloud=None), pair_of("Draft", "Taken"), write)
