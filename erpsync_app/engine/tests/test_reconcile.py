# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The decision table. How to read a row:

	(what it is, the rule, the baselines, local now, cloud now, the choice if any, what is expected)

Documents are told as "a=1 b=2", with "@3" for the minute of the last change; "never", "deleted" and "lost" (gone
without a trace) are documents that are not there. The expected decision is told by `does(...)`; what it leaves out
is as in a decision that does nothing to a document in step.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine.decision import DOCUMENT
from erpsync_app.engine.model import CLOUD, DIRECTIONS, LOCAL, POLICIES, SIDES, Held, Rule, other
from erpsync_app.engine.reconcile import reconcile
from erpsync_app.engine.tests.builders import (
	DELETES,
	NOON,
	carried_out,
	changed,
	held,
	rule,
	swapped,
	values,
	view,
)


def does(
	cloud=None,
	local=None,
	*,
	create=None,
	delete=None,
	merge=None,
	clash=None,
	status="Synced",
	back="",
	forget=False,
	settled=None,
	refused=False,
):
	"""The expected decision: `cloud` and `local` are the updates written there, `create`, `delete` and `merge` the
	side, `clash` the winner by field (None: open), `back` the fields held back, `refused` that the choice is."""
	writes = {(side, "update"): values(text) for side, text in ((CLOUD, cloud), (LOCAL, local)) if text}
	writes |= {(side, "create"): values(text) for side, text in (create or {}).items()}
	writes |= {(delete, "delete"): {}} if delete else {}
	writes |= {(merge, "merge"): {}} if merge else {}
	return writes, clash or {}, status, set(back.split()), forget, settled, refused


def told(decision):
	writes = {(w.side, w.operation): w.fields for w in decision.writes}
	assert len(writes) == len(decision.writes)
	clashes = {c.field: c.winner for c in decision.clashes}
	back = set(decision.held_back)
	return writes, clashes, decision.status, back, decision.forget, decision.settled, bool(decision.refused)


def in_step(cloud=None, local=None, **more):
	return does(cloud, local, **{"settled": "Converged", **more})


BASE = held("a=1 b=1")
FIRST = held()
ANY = rule()
MANUAL = rule("manual")
TO_CLOUD, TO_LOCAL = rule("to cloud"), rule("to local")
LATEST = "latest_timestamp"

BOTH_PRESENT = [
	("nothing changed", ANY, BASE, "a=1 b=1", "a=1 b=1", None, in_step()),
	("only local changed", ANY, BASE, "a=2 b=1", "a=1 b=1", None, in_step(cloud="a=2")),
	("only cloud changed", ANY, BASE, "a=1 b=1", "a=2 b=1", None, in_step(local="a=2")),
	("both, different fields", ANY, BASE, "a=2 b=1", "a=1 b=2", None, in_step("a=2", "b=2")),
	("both, the same value", ANY, BASE, "a=2 b=1", "a=2 b=1", None, in_step()),
	("both, the same value, and one more", ANY, BASE, "a=2 b=1", "a=2 b=2", None, in_step(local="b=2")),
	("local cleared", ANY, BASE, "a= b=1", "a=1 b=1", None, in_step(cloud="a=")),
	("cloud cleared", ANY, BASE, "a=1 b=1", "a= b=1", None, in_step(local="a=")),
	("local filled in", ANY, held("a= b=1"), "a=2 b=1", "a= b=1", None, in_step(cloud="a=2")),
	("a field that only local shows", ANY, BASE, "a=2 b=1", "b=1", None, in_step()),
	("a field that only cloud shows", ANY, BASE, "b=1", "a=2 b=1", None, in_step()),
	("each its own way", ANY, held(local="a=1", cloud="a=x"), "a=1", "a=x", None, in_step()),
	("its own way, local changed", ANY, held(local="a=1", cloud="a=x"), "a=2", "a=x", None, in_step("a=2")),
	(
		"its own way, cloud changed",
		ANY,
		held(local="a=1", cloud="a=x"),
		"a=1",
		"a=y",
		None,
		in_step(local="a=y"),
	),
	(
		"its own way, local took the cloud's value",
		ANY,
		held(local="a=1", cloud="a=x"),
		"a=x",
		"a=x",
		None,
		in_step(),
	),
	# The policy is asked about clashes alone: what only one side changed crosses, however old it is.
	("cloud wins, only local", rule("cloud_wins"), BASE, "a=2 b=1", "a=1 b=1 @9", None, in_step("a=2")),
	(
		"local wins, only cloud",
		rule("local_wins"),
		BASE,
		"a=1 b=1 @9",
		"a=2 b=1",
		None,
		in_step(local="a=2"),
	),
	("manual, different fields", MANUAL, BASE, "a=2 b=1", "a=1 b=2", None, in_step("a=2", "b=2")),
]


def local_won(settled, **more):
	return does(cloud="a=2", clash={"a": LOCAL}, settled=settled, **more)


def cloud_won(settled, **more):
	return does(local="a=3", clash={"a": CLOUD}, settled=settled, **more)


def submit_won(submitted, **more):
	return does(**{"clash": {"a": submitted}, "settled": "Submit beats edit", **more})


OPEN = does(clash={"a": None}, status="Conflict", back="a")
REFUSED = does(clash={"a": None}, status="Conflict", back="a", refused=True)
NOT_B = does(clash={"b": None}, status="Conflict", back="b", refused=True)
LEFT = does(status="Diverged", settled="By hand")
CLASHES = [
	("local is later", rule(LATEST), BASE, "a=2 b=1 @2", "a=3 b=1 @1", None, local_won(LATEST)),
	("cloud is later", rule(LATEST), BASE, "a=2 b=1 @1", "a=3 b=1 @2", None, cloud_won(LATEST)),
	("a tie", rule(LATEST), BASE, "a=2 b=1 @1", "a=3 b=1 @1", None, cloud_won(LATEST)),
	("local is later", rule("cloud_wins"), BASE, "a=2 b=1 @2", "a=3 b=1 @1", None, cloud_won("cloud_wins")),
	("cloud is later", rule("cloud_wins"), BASE, "a=2 b=1 @1", "a=3 b=1 @2", None, cloud_won("cloud_wins")),
	("a tie", rule("cloud_wins"), BASE, "a=2 b=1 @1", "a=3 b=1 @1", None, cloud_won("cloud_wins")),
	("local is later", rule("local_wins"), BASE, "a=2 b=1 @2", "a=3 b=1 @1", None, local_won("local_wins")),
	("cloud is later", rule("local_wins"), BASE, "a=2 b=1 @1", "a=3 b=1 @2", None, local_won("local_wins")),
	("a tie", rule("local_wins"), BASE, "a=2 b=1 @1", "a=3 b=1 @1", None, local_won("local_wins")),
	("local is later", MANUAL, BASE, "a=2 b=1 @2", "a=3 b=1 @1", None, OPEN),
	("cloud is later", MANUAL, BASE, "a=2 b=1 @1", "a=3 b=1 @2", None, OPEN),
	("a tie", MANUAL, BASE, "a=2 b=1 @1", "a=3 b=1 @1", None, OPEN),
	(
		"local cleared what cloud changed",
		rule("local_wins"),
		BASE,
		"a= b=1",
		"a=3 b=1",
		None,
		does("a=", clash={"a": LOCAL}, settled="local_wins"),
	),
	(
		"the loser's other field crosses",
		rule("cloud_wins"),
		BASE,
		"a=2 b=2",
		"a=3 b=1",
		None,
		does("b=2", "a=3", clash={"a": CLOUD}, settled="cloud_wins"),
	),
	(
		"the winner's other field crosses",
		rule("cloud_wins"),
		BASE,
		"a=2 b=1",
		"a=3 b=3",
		None,
		does(local="a=3 b=3", clash={"a": CLOUD}, settled="cloud_wins"),
	),
	(
		"two fields clash",
		rule("local_wins"),
		BASE,
		"a=2 b=2",
		"a=3 b=3",
		None,
		does("a=2 b=2", clash={"a": LOCAL, "b": LOCAL}, settled="local_wins"),
	),
	(
		"open, other fields cross",
		MANUAL,
		held("a=1 b=1 c=1"),
		"a=2 b=2 c=1",
		"a=3 b=1 c=2",
		None,
		does("b=2", "c=2", clash={"a": None}, status="Conflict", back="a"),
	),
	(
		"two open ones",
		MANUAL,
		BASE,
		"a=2 b=2",
		"a=3 b=3",
		None,
		does(clash={"a": None, "b": None}, status="Conflict", back="a b"),
	),
	("the person chose local", MANUAL, BASE, "a=2 b=1", "a=3 b=1", "Keep local", local_won("Keep local")),
	("the person chose cloud", MANUAL, BASE, "a=2 b=1", "a=3 b=1", "Keep cloud", cloud_won("Keep cloud")),
	("settled by hand", MANUAL, BASE, "a=2 b=1", "a=2 b=1", "By hand", does(settled="By hand")),
	("left different", MANUAL, BASE, "a=2 b=1", "a=3 b=1", "By hand", LEFT),
	(
		"a choice beats a policy",
		rule("cloud_wins"),
		BASE,
		"a=2 b=1",
		"a=3 b=1",
		"Keep local",
		local_won("Keep local"),
	),
	(
		"a choice is asked about clashes alone",
		MANUAL,
		BASE,
		"a=2 b=1",
		"a=3 b=3",
		"Keep local",
		does("a=2", "b=3", clash={"a": LOCAL}, settled="Keep local"),
	),
	("a choice, and the clash is gone", MANUAL, BASE, "a=2 b=1", "a=2 b=1", "Keep local", in_step()),
	("undone on one side", MANUAL, BASE, "a=1 b=1", "a=3 b=1", None, in_step(local="a=3")),
]

FIRST_CONTACT = [
	("equal", ANY, FIRST, "a=1 b=1", "a=1 b=1", None, in_step()),
	("local is empty", ANY, FIRST, "a= b=1", "a=1 b=1", None, in_step(local="a=1")),
	("cloud is empty", ANY, FIRST, "a=1 b=1", "a= b=1", None, in_step(cloud="a=1")),
	("each fills the other", ANY, FIRST, "a=1 b=", "a= b=1", None, in_step("a=1", "b=1")),
	("both are empty", ANY, FIRST, "a=", "a=", None, in_step()),
	("two values, local is later", rule(LATEST), FIRST, "a=2 @2", "a=3 @1", None, local_won(LATEST)),
	("two values, cloud is later", rule(LATEST), FIRST, "a=2 @1", "a=3 @2", None, cloud_won(LATEST)),
	("two values", rule("local_wins"), FIRST, "a=2", "a=3", None, local_won("local_wins")),
	("two values", rule("cloud_wins"), FIRST, "a=2", "a=3", None, cloud_won("cloud_wins")),
	("two values", MANUAL, FIRST, "a=2", "a=3", None, OPEN),
	(
		"two values, the rest meets",
		MANUAL,
		FIRST,
		"a=2 b= c=2",
		"a=3 b=3 c=",
		None,
		does("c=2", "b=3", clash={"a": None}, status="Conflict", back="a"),
	),
	("two values, a choice", MANUAL, FIRST, "a=2", "a=3", "Keep local", local_won("Keep local")),
	("one way, two values", TO_CLOUD, FIRST, "a=2", "a=3 @9", None, local_won("direction")),
	("one way, two values", TO_LOCAL, FIRST, "a=2 @9", "a=3", None, cloud_won("direction")),
	(
		"one way, the source is empty",
		TO_CLOUD,
		FIRST,
		"a=",
		"a=3",
		None,
		in_step(status="Diverged", back="a"),
	),
	(
		"one way, the source is empty",
		TO_LOCAL,
		FIRST,
		"a=2",
		"a=",
		None,
		in_step(status="Diverged", back="a"),
	),
	("one way, the receiver is empty", TO_CLOUD, FIRST, "a=2", "a=", None, in_step(cloud="a=2")),
	("one way, the receiver is empty", TO_LOCAL, FIRST, "a=", "a=3", None, in_step(local="a=3")),
]

AWAY_FROM_LOCAL = does(delete=LOCAL, status=None, forget=True, settled="Converged")
AWAY_FROM_CLOUD = does(delete=CLOUD, status=None, forget=True, settled="Converged")
A_FIELD_SYNCED_LATER = [
	("equal", ANY, BASE, "a=1 b=1 c=1", "a=1 b=1 c=1", None, in_step()),
	("empty on local", ANY, BASE, "a=1 b=1 c=", "a=1 b=1 c=1", None, in_step(local="c=1")),
	("empty on cloud", ANY, BASE, "a=1 b=1 c=1", "a=1 b=1 c=", None, in_step(cloud="c=1")),
	(
		"two values",
		MANUAL,
		BASE,
		"a=1 b=1 c=1",
		"a=1 b=1 c=2",
		None,
		does(clash={"c": None}, status="Conflict", back="c"),
	),
	(
		"two values",
		rule("local_wins"),
		BASE,
		"a=1 b=1 c=1",
		"a=1 b=1 c=2",
		None,
		does("c=1", clash={"c": LOCAL}, settled="local_wins"),
	),
	(
		"known of one side alone",
		MANUAL,
		held(local="a=1 c=1", cloud="a=1"),
		"a=1 c=1",
		"a=1 c=2",
		None,
		does(clash={"c": None}, status="Conflict", back="c"),
	),
	("deleted on local", ANY, BASE, "deleted", "a=1 b=1 c=1", None, AWAY_FROM_CLOUD),
	("deleted on cloud", ANY, BASE, "a=1 b=1 c=1", "deleted", None, AWAY_FROM_LOCAL),
]

ONE_WAY = [
	("the source changed", TO_CLOUD, BASE, "a=2 b=1", "a=1 b=1", None, in_step(cloud="a=2")),
	("the source changed", TO_LOCAL, BASE, "a=1 b=1", "a=2 b=1", None, in_step(local="a=2")),
	(
		"the receiver changed",
		TO_CLOUD,
		BASE,
		"a=1 b=1",
		"a=2 b=1",
		None,
		in_step(status="Diverged", back="a"),
	),
	(
		"the receiver changed",
		TO_LOCAL,
		BASE,
		"a=2 b=1",
		"a=1 b=1",
		None,
		in_step(status="Diverged", back="a"),
	),
	(
		"both, different fields",
		TO_CLOUD,
		BASE,
		"a=2 b=1",
		"a=1 b=2",
		None,
		in_step(cloud="a=2", status="Diverged", back="b"),
	),
	(
		"both, different fields",
		TO_LOCAL,
		BASE,
		"a=2 b=1",
		"a=1 b=2",
		None,
		in_step(local="b=2", status="Diverged", back="a"),
	),
	("a clash", TO_CLOUD, BASE, "a=2 b=1 @1", "a=3 b=1 @2", None, local_won("direction")),
	("a clash", TO_LOCAL, BASE, "a=2 b=1 @2", "a=3 b=1 @1", None, cloud_won("direction")),
	(
		"a clash: direction beats policy",
		rule("to cloud", "cloud_wins"),
		BASE,
		"a=2",
		"a=3",
		None,
		local_won("direction"),
	),
	(
		"a clash: direction beats policy",
		rule("to local", "manual"),
		BASE,
		"a=2",
		"a=3",
		None,
		cloud_won("direction"),
	),
	(
		"a person keeps the receiver's",
		TO_CLOUD,
		BASE,
		"a=2",
		"a=3",
		"Keep cloud",
		does(clash={"a": CLOUD}, status="Diverged", back="a", settled="Keep cloud"),
	),
	(
		"a person keeps the receiver's",
		TO_LOCAL,
		BASE,
		"a=2",
		"a=3",
		"Keep local",
		does(clash={"a": LOCAL}, status="Diverged", back="a", settled="Keep local"),
	),
	("a person keeps the source's", TO_CLOUD, BASE, "a=2", "a=3", "Keep local", local_won("Keep local")),
	("left different", TO_CLOUD, BASE, "a=2", "a=3", "By hand", LEFT),
]

# Submitted, a document takes nothing any more but `b`. The rules keep drafts, so that nobody follows.
DRAFT, ASKING = rule(submit="draft"), rule("manual", submit="draft")
SUBMITTED = [
	("it takes the edit", DRAFT, BASE, "a=1 b=2", "a=1 b=1 submitted", None, in_step("b=2")),
	("it does not", DRAFT, BASE, "a=2 b=1", "a=1 b=1 submitted", None, submit_won(CLOUD, local="a=1")),
	("it does not", DRAFT, BASE, "a=1 b=1 submitted", "a=2 b=1", None, submit_won(LOCAL, cloud="a=1")),
	("a person is asked", ASKING, BASE, "a=2 b=1", "a=1 b=1 submitted", None, OPEN),
	(
		"a person chose",
		ASKING,
		BASE,
		"a=2 b=1",
		"a=1 b=1 submitted",
		"Keep cloud",
		submit_won(CLOUD, local="a=1", settled="Keep cloud"),
	),
	("what cannot be chosen", ASKING, BASE, "a=2 b=1", "a=1 b=1 submitted", "Keep local", REFUSED),
	("nobody follows, by hand", ASKING, BASE, "a=2 b=1", "a=1 b=1 submitted", "By hand", LEFT),
	(
		"it would follow",
		MANUAL,
		BASE,
		"a=1 b=1 cancelled",
		"a=1 b=2 submitted",
		"Keep local",
		does("b=1", clash={"b": LOCAL}, settled="Keep local"),
	),
	("not undone", MANUAL, BASE, "a=1 b=1 cancelled", "a=1 b=2 submitted", "Keep cloud", NOT_B),
	("not left so", MANUAL, BASE, "a=1 b=1 cancelled", "a=1 b=2 submitted", "By hand", NOT_B),
	# Nobody is asked of what one direction settles: half of a conflict cannot wait for a person.
	(
		"on the source, and a clash",
		rule("to local", "manual", submit="draft"),
		BASE,
		"a=2 b=3",
		"a=1 b=2 submitted",
		None,
		submit_won(CLOUD, local="a=1 b=2", clash={"a": CLOUD, "b": CLOUD}),
	),
	(
		"on the receiver, and a clash",
		rule("to cloud", "manual", submit="draft"),
		BASE,
		"a=2 b=3",
		"a=1 b=2 submitted",
		None,
		submit_won(CLOUD, cloud="b=3", clash={"a": CLOUD, "b": LOCAL}, status="Diverged", back="a"),
	),
]


def made(side, fields):
	return in_step(create={side: fields})


UNBOUND = does(status=None)
NEW = [
	("on local", ANY, FIRST, "a=1", "never", None, made(CLOUD, "a=1")),
	("on cloud", ANY, FIRST, "never", "a=1", None, made(LOCAL, "a=1")),
	("on local, which is the source", TO_CLOUD, FIRST, "a=1", "never", None, made(CLOUD, "a=1")),
	("on cloud, which is the source", TO_LOCAL, FIRST, "never", "a=1", None, made(LOCAL, "a=1")),
	("on local, which only receives", TO_LOCAL, FIRST, "a=1", "never", None, UNBOUND),
	("on cloud, which only receives", TO_CLOUD, FIRST, "never", "a=1", None, UNBOUND),
	("with empty fields", ANY, FIRST, "a=1 b=", "never", None, made(CLOUD, "a=1 b=")),
	("an earlier one of that name was deleted", ANY, FIRST, "a=1", "deleted", None, made(CLOUD, "a=1")),
	("a create that was given up", ANY, held(local="a=1"), "a=1", "never", None, made(CLOUD, "a=1")),
	("a create that was given up", ANY, held(cloud="a=1"), "never", "a=1", None, made(LOCAL, "a=1")),
]

FAILED = does(status="Failed")
FORGOTTEN = does(status=None, forget=True, settled="Converged")
GONE = [
	("lost on cloud", ANY, BASE, "a=1 b=1", "lost", None, FAILED),
	("lost on local", ANY, BASE, "lost", "a=1 b=1", None, FAILED),
	("lost on cloud, edited on local", ANY, BASE, "a=2 b=1", "lost", None, FAILED),
	("lost on cloud, deletes are kept", rule("keep"), BASE, "a=1 b=1", "lost", None, FAILED),
	("lost on the source", TO_CLOUD, BASE, "lost", "a=1 b=1", None, FAILED),
	("lost on the receiver", TO_CLOUD, BASE, "a=1 b=1", "lost", None, FAILED),
	("lost, and a person chose", MANUAL, BASE, "a=1 b=1", "lost", "Keep cloud", FAILED),
	("deleted on both", ANY, BASE, "deleted", "deleted", None, FORGOTTEN),
	("deleted and lost", ANY, BASE, "deleted", "lost", None, FORGOTTEN),
	("lost and deleted", ANY, BASE, "lost", "deleted", None, FORGOTTEN),
	("lost on both", ANY, BASE, "lost", "lost", None, FORGOTTEN),
	("never there", ANY, FIRST, "never", "never", None, FORGOTTEN),
	("never crossed, and gone", TO_CLOUD, held(cloud="a=1"), "never", "deleted", None, FORGOTTEN),
	("gone on both, and a person chose", MANUAL, BASE, "deleted", "deleted", "Keep local", FORGOTTEN),
]

ASKED = does(clash={DOCUMENT: None}, status="Conflict", back="a b")
KEPT = does(status="Diverged")
DELETED = [
	("on cloud", rule("propagate"), BASE, "a=1 b=1", "deleted", None, AWAY_FROM_LOCAL),
	("on local", rule("propagate"), BASE, "deleted", "a=1 b=1", None, AWAY_FROM_CLOUD),
	("on cloud", rule("keep"), BASE, "a=1 b=1", "deleted", None, KEPT),
	("on local", rule("keep"), BASE, "deleted", "a=1 b=1", None, KEPT),
	("on cloud", rule("ask"), BASE, "a=1 b=1", "deleted", None, ASKED),
	("on local", rule("ask"), BASE, "deleted", "a=1 b=1", None, ASKED),
	("on cloud, manual", rule("propagate", "manual"), BASE, "a=1 b=1", "deleted", None, AWAY_FROM_LOCAL),
	("on the source", TO_CLOUD, BASE, "deleted", "a=1 b=1", None, AWAY_FROM_CLOUD),
	("on the source", TO_LOCAL, BASE, "a=1 b=1", "deleted", None, AWAY_FROM_LOCAL),
	("on the source", rule("to cloud", "ask"), BASE, "deleted", "a=1 b=1", None, ASKED),
	("on the source", rule("to cloud", "keep"), BASE, "deleted", "a=1 b=1", None, KEPT),
	("on the receiver", TO_CLOUD, BASE, "a=1 b=1", "deleted", None, KEPT),
	("on the receiver", TO_LOCAL, BASE, "deleted", "a=1 b=1", None, KEPT),
	("on the receiver", rule("to cloud", "ask"), BASE, "a=1 b=1", "deleted", None, KEPT),
	("on local, a field is not shown any more", ANY, BASE, "deleted", "a=1", None, AWAY_FROM_CLOUD),
]

BEATS = "Edit beats delete"


def local_again(fields):
	return does(create={LOCAL: fields}, clash={DOCUMENT: CLOUD}, settled=BEATS)


def cloud_again(fields):
	return does(create={CLOUD: fields}, clash={DOCUMENT: LOCAL}, settled=BEATS)


def stays_edited(side):
	return does(clash={DOCUMENT: side}, status="Diverged", back="a b", settled=BEATS)


EDIT_BEATS_DELETE = [
	("edited on local", rule(LATEST), BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on cloud", rule(LATEST), BASE, "deleted", "a=2 b=1", None, local_again("a=2 b=1")),
	("edited on local", rule("local_wins"), BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on cloud", rule("local_wins"), BASE, "deleted", "a=2 b=1", None, local_again("a=2 b=1")),
	("edited on local", rule("cloud_wins"), BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on cloud", rule("cloud_wins"), BASE, "deleted", "a=2 b=1", None, local_again("a=2 b=1")),
	("edited on local", MANUAL, BASE, "a=2 b=1", "deleted", None, ASKED),
	("edited on cloud", MANUAL, BASE, "deleted", "a=2 b=1", None, ASKED),
	("edited on local", rule("keep"), BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on local", rule("ask"), BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on local", rule("manual", "keep"), BASE, "a=2 b=1", "deleted", None, ASKED),
	("cleared on local", ANY, BASE, "a= b=1", "deleted", None, cloud_again("a= b=1")),
	("edited on the source", TO_CLOUD, BASE, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("edited on the source", TO_LOCAL, BASE, "deleted", "a=2 b=1", None, local_again("a=2 b=1")),
	("something said of it", ANY, BASE, "a=1 b=1 news", "deleted", None, cloud_again("a=1 b=1")),
	("something said of it", ANY, BASE, "deleted", "a=1 b=1 news", None, local_again("a=1 b=1")),
	("something said of it", MANUAL, BASE, "deleted", "a=1 b=1 news", None, ASKED),
	("said on the receiver", TO_CLOUD, BASE, "deleted", "a=1 b=1 news", None, stays_edited(CLOUD)),
	("edited on the receiver", TO_CLOUD, BASE, "deleted", "a=2 b=1", None, stays_edited(CLOUD)),
	("edited on the receiver", TO_LOCAL, BASE, "a=2 b=1", "deleted", None, stays_edited(LOCAL)),
	("edited on the receiver", rule("to cloud", "manual"), BASE, "deleted", "a=2 b=1", None, ASKED),
	(
		"no baseline of the one that is there",
		ANY,
		held(cloud="a=1 b=1"),
		"a=1 b=1",
		"deleted",
		None,
		cloud_again("a=1 b=1"),
	),
]

BY_HAND = does(status="Diverged", settled="By hand")
CHOICES_ON_DELETED = [
	(
		"keep the edited one",
		MANUAL,
		BASE,
		"a=2 b=1",
		"deleted",
		"Keep local",
		does(create={CLOUD: "a=2 b=1"}, settled="Keep local"),
	),
	(
		"keep the deletion",
		MANUAL,
		BASE,
		"a=2 b=1",
		"deleted",
		"Keep cloud",
		does(delete=LOCAL, clash={DOCUMENT: CLOUD}, status=None, forget=True, settled="Keep cloud"),
	),
	("by hand", MANUAL, BASE, "a=2 b=1", "deleted", "By hand", BY_HAND),
	(
		"keep the edited one",
		MANUAL,
		BASE,
		"deleted",
		"a=2 b=1",
		"Keep cloud",
		does(create={LOCAL: "a=2 b=1"}, settled="Keep cloud"),
	),
	(
		"keep the deletion",
		MANUAL,
		BASE,
		"deleted",
		"a=2 b=1",
		"Keep local",
		does(delete=CLOUD, clash={DOCUMENT: LOCAL}, status=None, forget=True, settled="Keep local"),
	),
	("by hand", MANUAL, BASE, "deleted", "a=2 b=1", "By hand", BY_HAND),
	(
		"keep the one that is there",
		rule("ask"),
		BASE,
		"a=1 b=1",
		"deleted",
		"Keep local",
		does(create={CLOUD: "a=1 b=1"}, settled="Keep local"),
	),
	(
		"keep the deletion",
		rule("ask"),
		BASE,
		"a=1 b=1",
		"deleted",
		"Keep cloud",
		does(delete=LOCAL, clash={DOCUMENT: CLOUD}, status=None, forget=True, settled="Keep cloud"),
	),
	("by hand", rule("ask"), BASE, "a=1 b=1", "deleted", "By hand", BY_HAND),
	# A one-way rule is never written against its direction, whatever is chosen.
	(
		"keep the receiver's edit",
		rule("to cloud", "manual"),
		BASE,
		"deleted",
		"a=2 b=1",
		"Keep cloud",
		does(status="Diverged", settled="Keep cloud"),
	),
	(
		"keep the source's deletion",
		rule("to cloud", "manual"),
		BASE,
		"deleted",
		"a=2 b=1",
		"Keep local",
		does(delete=CLOUD, clash={DOCUMENT: LOCAL}, status=None, forget=True, settled="Keep local"),
	),
	(
		"keep the receiver's deletion",
		rule("to cloud", "manual"),
		BASE,
		"a=2 b=1",
		"deleted",
		"Keep cloud",
		does(status="Diverged", settled="Keep cloud"),
	),
	(
		"keep the source's edit",
		rule("to cloud", "manual"),
		BASE,
		"a=2 b=1",
		"deleted",
		"Keep local",
		does(create={CLOUD: "a=2 b=1"}, settled="Keep local"),
	),
]

# Links follow a merge: it crosses whatever the rule says of deletions, and over an edit, which is kept.
MERGED_LOCAL = does(merge=LOCAL, status=None, forget=True, settled="Converged")
MERGED_CLOUD = does(merge=CLOUD, status=None, forget=True, settled="Converged")


def merged_over(side, settled="Merge beats edit"):
	return does(merge=side, clash={DOCUMENT: other(side)}, status=None, forget=True, settled=settled)


MERGED = [
	("on cloud", ANY, BASE, "a=1 b=1", "merged", None, MERGED_LOCAL),
	("on local", ANY, BASE, "merged", "a=1 b=1", None, MERGED_CLOUD),
	("on cloud", rule("keep"), BASE, "a=1 b=1", "merged", None, MERGED_LOCAL),
	("on cloud", rule("ask"), BASE, "a=1 b=1", "merged", None, ASKED),
	("on cloud", MANUAL, BASE, "a=1 b=1", "merged", None, MERGED_LOCAL),
	("on the source", TO_CLOUD, BASE, "merged", "a=1 b=1", None, MERGED_CLOUD),
	("on the receiver", TO_CLOUD, BASE, "a=1 b=1", "merged", None, KEPT),
	("edited on local", ANY, BASE, "a=2 b=1", "merged", None, merged_over(LOCAL)),
	("edited on local", rule("local_wins"), BASE, "a=2 b=1", "merged", None, merged_over(LOCAL)),
	("edited on cloud", rule("ask"), BASE, "merged", "a=2 b=1", None, merged_over(CLOUD)),
	("edited on local", MANUAL, BASE, "a=2 b=1", "merged", None, ASKED),
	("edited on the receiver", TO_CLOUD, BASE, "merged", "a=2 b=1", None, merged_over(CLOUD)),
	("edited on the source", TO_CLOUD, BASE, "a=2 b=1", "merged", None, cloud_again("a=2 b=1")),
	("merged on both", ANY, BASE, "merged", "merged", None, FORGOTTEN),
	("merged and deleted", ANY, BASE, "merged", "deleted", None, FORGOTTEN),
	(
		"asked, the merge",
		rule("ask"),
		BASE,
		"a=1 b=1",
		"merged",
		"Keep cloud",
		merged_over(LOCAL, "Keep cloud"),
	),
	(
		"asked, the document",
		rule("ask"),
		BASE,
		"a=1 b=1",
		"merged",
		"Keep local",
		does(create={CLOUD: "a=1 b=1"}, settled="Keep local"),
	),
	("asked, by hand", rule("ask"), BASE, "a=1 b=1", "merged", "By hand", BY_HAND),
]

# What "by hand" leaves behind: the side that deleted holds nothing, and that is known.
ACCEPTED = held(local="a=1 b=1", cloud="")
AFTER_BY_HAND = [
	("nothing changed", MANUAL, ACCEPTED, "a=1 b=1", "deleted", None, KEPT),
	("nothing changed, deletes are asked", rule("ask"), ACCEPTED, "a=1 b=1", "deleted", None, KEPT),
	("nothing changed, the trail is cleared", MANUAL, ACCEPTED, "a=1 b=1", "lost", None, KEPT),
	("edited again", MANUAL, ACCEPTED, "a=2 b=1", "deleted", None, ASKED),
	("edited again", ANY, ACCEPTED, "a=2 b=1", "deleted", None, cloud_again("a=2 b=1")),
	("there again, equal", ANY, ACCEPTED, "a=1 b=1", "a=1 b=1", None, in_step()),
	("there again, with another value", MANUAL, ACCEPTED, "a=2 b=1", "a=3 b=1", None, OPEN),
]

TABLE = {
	name.lower().replace("_", " "): rows
	for name, rows in {
		"BOTH_PRESENT": BOTH_PRESENT,
		"CLASHES": CLASHES,
		"FIRST_CONTACT": FIRST_CONTACT,
		"A_FIELD_SYNCED_LATER": A_FIELD_SYNCED_LATER,
		"ONE_WAY": ONE_WAY,
		"SUBMITTED": SUBMITTED,
		"NEW": NEW,
		"GONE": GONE,
		"DELETED": DELETED,
		"EDIT_BEATS_DELETE": EDIT_BEATS_DELETE,
		"CHOICES_ON_DELETED": CHOICES_ON_DELETED,
		"MERGED": MERGED,
		"AFTER_BY_HAND": AFTER_BY_HAND,
	}.items()
}


def _title(part, description, r):
	marks = (r.direction if r.direction != "bidirectional" else "", r.policy, r.deletes)
	return f"{part}: {description} ({', '.join(mark for mark in marks if mark)})"


@pytest.mark.parametrize(
	("r", "baselines", "local", "cloud", "choice", "expected"),
	[
		pytest.param(*row, id=_title(part, description, row[0]))
		for part, rows in TABLE.items()
		for description, *row in rows
	],
)
def test_the_table(r, baselines, local, cloud, choice, expected):
	views = {LOCAL: view(local), CLOUD: view(cloud)}
	decision = reconcile(r, baselines, views, choice)
	assert told(decision) == expected
	assert decision.reason
	for clash in decision.clashes:
		shown = {side: views[side].fields for side in SIDES}
		if clash.field != DOCUMENT:
			shown = {side: shown[side][clash.field] for side in SIDES}
			assert clash.base == (baselines[LOCAL].fields.get(clash.field) if baselines[LOCAL] else None)
		assert (clash.local, clash.cloud) == (shown[LOCAL], shown[CLOUD])


def test_a_child_table_is_one_field():
	rows = {"a": [{"x": 1}, {"x": 2}]}
	base = {side: Held({"a": [{"x": 1}]}, "then") for side in SIDES}
	views = {LOCAL: replace(view("@0"), fields=rows), CLOUD: replace(view("@0"), fields={"a": [{"x": 1}]})}
	writes, *rest = told(reconcile(ANY, base, views))
	assert writes == {(CLOUD, "update"): rows}
	assert tuple(rest) == in_step()[1:]


# -- what holds for every row that one could think of

fields_now = st.fixed_dictionaries(
	{"a": st.sampled_from([None, "1", "2", "3"])},
	optional={
		"b": st.sampled_from([None, "1", "2"]),
		"c": st.sampled_from([None, "1", "2"]),
	},
)
baselines_of_a_side = st.builds(Held, fields_now, st.just("then"))
tombstones = st.just(Held({}, "then"))
views_of_a_side = st.one_of(
	st.builds(
		lambda fields, minute: replace(view(f"@{minute}"), fields=fields), fields_now, st.integers(0, 2)
	),
	st.sampled_from(["deleted", "merged", "lost"]).map(view),
)
rules = st.builds(
	Rule,
	st.just("Thing"),
	direction=st.sampled_from(DIRECTIONS),
	policy=st.sampled_from(POLICIES),
	deletes=st.sampled_from(DELETES),
)
baselines = st.one_of(
	st.just(FIRST),
	st.fixed_dictionaries({side: baselines_of_a_side for side in SIDES}),
	st.fixed_dictionaries({LOCAL: baselines_of_a_side, CLOUD: tombstones}),
	st.fixed_dictionaries({LOCAL: tombstones, CLOUD: baselines_of_a_side}),
)
views = st.fixed_dictionaries({side: views_of_a_side for side in SIDES})
choices = st.sampled_from([None, None, "Keep local", "Keep cloud", "By hand"])
everything = given(rules, baselines, views, choices)


@everything
def test_carried_out_it_is_settled(r, base, now, choice):
	"""No echo: the same look again writes nothing, and comes to the same answer for ever."""
	decision = reconcile(r, base, now, choice)
	base, now = carried_out(decision, r, base, now)
	again = reconcile(r, base, now)
	assert not again.writes
	assert carried_out(again, r, base, now)[1] == now
	assert again.status == decision.status or decision.forget or decision.settled == "By hand"
	base, now = carried_out(again, r, base, now)
	assert told(reconcile(r, base, now)) == told(again)


@everything
def test_no_edit_is_lost(r, base, now, choice):
	"""What a side changed is on both sides afterwards, or where it was, or stands in a clash. Where a person chose
	to delete a document, the conflict that they chose in holds it."""
	decision = reconcile(r, base, now, choice)
	_, after = carried_out(decision, r, base, now)
	clashes = {clash.field: clash for clash in decision.clashes}
	for side in SIDES:
		for name in changed(base[side], now[side]):
			value = now[side].fields[name]
			if (after[side].fields or {}).get(name) == value:
				continue
			clash = clashes.get(name) or clashes.get(DOCUMENT)
			if clash is None and choice and after[side].fields is None:
				assert decision.settled == choice
			else:
				if any(base[s] and name not in base[s].fields for s in SIDES):
					continue  # synced only now, on one side at least: nothing says who changed it since
				assert clash is not None, (side, name)
				shown = getattr(clash, side)
				assert value == (shown[name] if clash.field == DOCUMENT else shown)


@everything
def test_an_edit_waits_in_its_baseline_until_it_has_crossed(r, base, now, choice):
	"""What neither crossed nor lost is seen as a change again by the next look, for ever."""
	decision = reconcile(r, base, now, choice)
	held_after, after = carried_out(decision, r, base, now)
	if choice or decision.forget or decision.status is None:
		return
	for side in SIDES:
		there = other(side)
		if after[side].fields is None or base[side] is None or not base[side].fields:
			continue
		for name in changed(base[side], now[side]) & set(base[side].fields):
			if after[there].fields is not None and name not in after[there].fields:
				continue  # only this side shows it
			if after[side].fields.get(name) != (after[there].fields or {}).get(name):
				assert name in changed(held_after[side], after[side])


@everything
def test_nothing_is_written_against_the_direction(r, base, now, choice):
	decision = reconcile(r, base, now, choice)
	assert all(r.writes(write.side) for write in decision.writes)


@everything
def test_what_is_in_step_is_equal(r, base, now, choice):
	"""Synced means equal in every field that both show, but for what each site has its own way with."""
	decision = reconcile(r, base, now, choice)
	_, after = carried_out(decision, r, base, now)
	if decision.status == "Synced":
		one, two = after[LOCAL].fields, after[CLOUD].fields
		for name in set(one) & set(two):
			own_way = not any(
				base[side] is None
				or now[side].fields is None
				or base[side].fields.get(name, 0) != now[side].fields[name]
				for side in SIDES
			)
			assert one[name] == two[name] or own_way


@everything
def test_the_sides_are_alike(r, base, now, choice):
	"""Swapping the sides swaps the decision. But for a tie under latest_timestamp: somebody has to win."""
	if r.policy == LATEST and now[LOCAL].modified == now[CLOUD].modified:
		now = {**now, CLOUD: replace(now[CLOUD], modified=now[CLOUD].modified and NOON.replace(hour=1))}
	turn = {
		"local_to_cloud": "cloud_to_local",
		"cloud_to_local": "local_to_cloud",
		"local_wins": "cloud_wins",
		"cloud_wins": "local_wins",
		"Keep local": "Keep cloud",
		"Keep cloud": "Keep local",
		LOCAL: CLOUD,
		CLOUD: LOCAL,
	}
	mirrored = replace(r, direction=turn.get(r.direction, r.direction), policy=turn.get(r.policy, r.policy))
	writes, clashes, status, back, forget, settled, refused = told(reconcile(r, base, now, choice))
	assert told(reconcile(mirrored, swapped(base), swapped(now), turn.get(choice, choice))) == (
		{(other(side), operation): fields for (side, operation), fields in writes.items()},
		{name: turn.get(winner) for name, winner in clashes.items()},
		status,
		back,
		forget,
		turn.get(settled, settled),
		refused,
	)
