# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Workflows: a state that is some transitions away is reached by taking them, one by one.

Frappe lets a document begin in the first state of its workflow alone, and go from one state to another by a transition
only. So a create is sent in the first state; and a write that changes the state sends the other fields, and then walks:
the shortest way that the sync user may take. The state implies the docstatus: a transition submits or cancels by itself,
and a walk stops where it has done so, so that what waits for a submitted document, or is to go before a cancel, has its
turn. A walk that broke off is gone on with: a state on the way is nobody's edit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Decision, Write
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.lifecycle import CANCELLED, SUBMITTED
from erpsync_app.engine.model import SIDES, Document, Fields, Held, Side, Transition, Workflow, other
from erpsync_app.engine.pair import Pair, docstatus

Way = tuple[Transition, ...]

PLAINLY = ""
"""The action of a step that no transition takes: the document is submitted or cancelled as one without a workflow is."""


def first_state(workflow: Workflow) -> str:
	return next(iter(workflow.states))


def way(workflow: Workflow, start: str, end: str, may: Callable[[Transition], bool]) -> Way | None:
	"""The shortest way from one state to another by transitions that one may take; None where there is none. Of several
	that are as short, the one whose transitions stand first in the workflow."""
	found: dict[str, Way] = {start: ()}
	reached = [start]
	for state in reached:  # grows while it is gone through
		for step in _steps(workflow):
			if step.state == state and step.next_state not in found and may(step):
				found[step.next_state] = (*found[state], step)
				reached.append(step.next_state)
	return found.get(end)


def _steps(workflow: Workflow) -> list[Transition]:
	"""The transitions; and where none of them submits, or none cancels, the steps that Frappe lets one take without: a
	submit leads to the first state of that docstatus, a cancel to the one that is given along."""
	led_to = {workflow.states.get(each.next_state) for each in workflow.transitions}
	steps = list(workflow.transitions)
	for stage in {SUBMITTED, CANCELLED} - led_to:
		ends = [state for state, status in workflow.states.items() if status == stage]
		starts = [state for state, status in workflow.states.items() if status == stage - 1]
		for end in ends[:1] if stage == SUBMITTED else ends:
			steps += [Transition(state, PLAINLY, end) for state in starts]
	return steps


def allowed(own: bool) -> Callable[[Transition], bool]:
	"""Whether the sync user may take a transition, by its roles; `own` is that the document is its own."""
	return lambda step: step.mine and (step.self_approval or not own)


def anybody(step: Transition) -> bool:
	return True


def no_way(workflow: Workflow, start: str, end: str, side: Side) -> str:
	"""Why the sync user cannot lead a document from one state to another: one sentence, with what to do."""
	the_workflow = f"The workflow {workflow.name} of the {side} site"
	if end not in workflow.states:
		return f"{the_workflow} has no state {end}: add it there."
	steps = way(workflow, start, end, anybody)
	if steps is None:
		return f"{the_workflow} has no way from {start} to {end}."
	roles = list(dict.fromkeys(step.role for step in steps if not step.mine))
	if roles:
		many = "roles" if len(roles) > 1 else "role"
		return (
			f"{the_workflow} lets nobody without the {many} {' and '.join(roles)} lead a document from {start} to {end}:"
			" give it to the sync user there."
		)
	forbidden = [step.action for step in steps if not step.self_approval]
	if forbidden:
		return (
			f"{the_workflow} lets nobody lead a document of their own from {start} to {end}: allow self approval in its"
			f" transition {forbidden[0]} there."
		)
	return f"{the_workflow} leads from {start} to {end} by {steps[0].action}, whose condition this document does not meet."


# -- in a batch


def begun(batch: Batch, side: Side, fields: Fields) -> Fields:
	"""The fields of a create, in the state that the workflow of the side begins with."""
	workflow, name = batch.shape.workflows.get(side), state_field(batch, side)
	return {**fields, name: first_state(workflow)} if workflow and name in fields else fields


def on_their_way(batch: Batch, pair: Pair) -> Mapping[Side, Held | None]:
	"""The baselines; but where both sides have gone on from a state, and one has come to a state on the way to that of the
	other, its present state is its baseline: it follows."""
	held = dict(pair.binding.held)
	if not batch.shape.workflows:
		return held
	now = {side: batch.fields(doc, side) for side, doc in pair.docs.items() if doc}
	for side, workflow in batch.shape.workflows.items():
		here, there, name = held.get(side), held.get(other(side)), state_field(batch, side)
		if not (here and there and name and len(now) == len(SIDES)):
			continue
		was, state, end = here.fields.get(name), now[side].get(name), now[other(side)].get(name)
		if was and end and state not in (was, end) and end != there.fields.get(name):
			# Whichever way it is, of those that the sync user may have taken.
			ways = [way(workflow, was, end, may) for may in (allowed(True), allowed(False), anybody)]
			if any(state == step.next_state for steps in ways for step in steps or ()):
				held[side] = replace(here, fields={**here.fields, name: state})
	return held


def by_walking(batch: Batch, pair: Pair, decision: Decision) -> Decision:
	"""The decision, in which an update that changes the state submits or cancels what the way to it submits or cancels
	next. Where the rule keeps drafts, no state is gone to that only a submitted document has."""
	writes = []
	for write in decision.writes:
		if target := _target(batch, write):
			doc, workflow = pair.docs[write.side], batch.shape.workflows[write.side]
			now, then = docstatus(doc or {}), workflow.states.get(target, 0)
			if batch.rule.submit == "draft" and then > now:
				write = _without_state(batch, write)
				if write.operation == "update" and not write.fields:
					continue
			elif write.operation == "update":
				write = replace(write, docstatus=now + 1 if then > now else None)
		writes.append(write)
	return replace(decision, writes=tuple(writes))


def before_walk(batch: Batch, write: Write) -> Write:
	"""The part of an update that is written before the workflow's actions are taken. If the update changes the workflow state,
	that part leaves out the state and the docstatus: the actions set both."""
	return replace(_without_state(batch, write), docstatus=None) if _target(batch, write) else write


def check_way(ctx: Context, batch: Batch, pair: Pair, write: Write) -> None:
	"""Raise Refused, in words, where an update changes the state to one that the sync user cannot lead it to: before
	anything of it is written."""
	target, doc = _target(batch, write), pair.docs[write.side]
	if target and doc:
		workflow, may = batch.shape.workflows[write.side], _allowed_of(ctx, doc, write.side)
		state = str(doc.get(workflow.field) or "")
		if way(workflow, state, target, may) is None:
			raise Refused(no_way(workflow, state, target, write.side))


def walk(ctx: Context, batch: Batch, pair: Pair, write: Write, renew: Callable[[], None]) -> None:
	"""Take the transitions that lead to the state of an update, up to the first that submits or cancels. Raises Refused,
	in words, where there is no way."""
	target, side, doc = _target(batch, write), write.side, pair.docs[write.side]
	if target is None or doc is None:
		return
	workflow, site, doctype = batch.shape.workflows[side], ctx.sites[side], batch.rule.doctype
	came, passed = docstatus(doc), set()
	while (state := str(doc.get(workflow.field) or "")) != target and docstatus(doc) == came:
		step = _next_step(
			workflow, state, target, _allowed_of(ctx, doc, side), site.transitions(doctype, doc["name"])
		)
		if step is None or state in passed:
			raise Refused(no_way(workflow, state, target, side))
		passed.add(state)
		if not site.atomic:
			renew()  # what is committed together is not to be cut in two
		if step.action == PLAINLY:
			given = {workflow.field: step.next_state} if came + 1 == CANCELLED else {}
			changes = {"docstatus": came + 1, **given}
			doc = {**doc, **site.update(doctype, doc["name"], changes, doc["modified"])}
		else:
			doc = {**doc, **site.take(doctype, doc["name"], step.action, doc["modified"])}
		pair.docs[side] = doc


def walking(batch: Batch, pair: Pair, decision: Decision) -> Side | None:
	"""The side whose document was written and has yet to go on to the state of the other side's."""
	for write in decision.writes:
		target, doc = _target(batch, write), pair.docs[write.side]
		if target and doc and doc.get(batch.shape.workflows[write.side].field) != target:
			return write.side
	return None


def state_field(batch: Batch, side: Side) -> str | None:
	"""The local name of the field that holds the state by the workflow of a side; None where it has none that is synced."""
	workflow = batch.shape.workflows.get(side)
	found = batch.shape.named_on(side, workflow.field) if workflow else None
	return found.local if found else None


def _target(batch: Batch, write: Write) -> str | None:
	"""The state that a create or an update leads to, on a side with a workflow."""
	name = state_field(batch, write.side)
	return write.fields.get(name) if name and write.operation in ("create", "update") else None


def _without_state(batch: Batch, write: Write) -> Write:
	name = state_field(batch, write.side)
	return replace(write, fields={field: value for field, value in write.fields.items() if field != name})


def _allowed_of(ctx: Context, doc: Document, side: Side) -> Callable[[Transition], bool]:
	user = ctx.sites[side].user
	# To Administrator the restriction does not apply.
	return allowed(doc.get("owner") == user != "Administrator")


def _next_step(
	workflow: Workflow,
	state: str,
	target: str,
	may: Callable[[Transition], bool],
	open_now: Collection[tuple[str, str]],
) -> Transition | None:
	"""The first step of the shortest way. `open_now` are the actions, and the states that they lead to, whose conditions
	the document meets."""
	ways = []
	for step in _steps(workflow):
		if step.state == state and may(step):
			rest = way(workflow, step.next_state, target, may)
			if rest is not None and (step.action == PLAINLY or (step.action, step.next_state) in open_now):
				ways.append((step, *rest))
	return min(ways, key=len)[0] if ways else None
