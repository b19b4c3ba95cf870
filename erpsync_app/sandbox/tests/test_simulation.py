# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A thousand histories without a fault; and faults put into the engine, to show that the simulation would find them."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from erpsync_app.adapters.rest_client import RestClient
from erpsync_app.engine import apply, canonical, cycle, gather, intents, recording, rows, scan, transfer
from erpsync_app.engine.beside import ATTACHMENTS
from erpsync_app.engine.errors import Refused
from erpsync_app.engine.model import SIDES, Rule, other
from erpsync_app.engine.reconcile import reconcile
from erpsync_app.sandbox.drawing import draw
from erpsync_app.sandbox.history import Act, Choose, Deliver, History, Setup, Work
from erpsync_app.sandbox.ledger import SqliteLedger
from erpsync_app.sandbox.played import Played, judged, play, same_fault
from erpsync_app.sandbox.shrink import shrunk
from erpsync_app.sandbox.simulation import Problem

HISTORIES = 1000
ROOT = Path(__file__).parents[3]
SEED_OF_TRACE = 19
FILES = 0.25
"""Share of what people do that is attaching and removing files."""
BESIDE = {"files": 0.1, "tags": 0.1, "followers": 0.3}
"""Shares of all that stands beside documents: files, tags, comments and assignments."""
ATOMIC = {**BESIDE, "atomic": 1.0}
"""The same, where the local side is always in one transaction with the ledger."""

ROWS = 20
"""Histories until one that fails for the sake of its rows."""


def test_a_thousand_histories():
	with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
		results = list(pool.map(judged, range(1, HISTORIES + 1), chunksize=25))
	failed = {seed: problems for seed, problems, _ in results if problems}
	assert not failed, f"scripts/simulate --seed {min(failed)} --histories 1 --verbose"
	happened = sum((counts for _, _, counts in results), start=type(results[0][2])())
	# Not a calm sea: what is to be survived does happen.
	for what, least in {
		"faulty requests": 1000,
		"deaths": 300,
		"conflicts": 200,
		"people's values": 10_000,
	}.items():
		assert happened[what] >= least, (what, happened)


@pytest.mark.parametrize(
	"shares", [{"files": FILES}, {"tags": 0.25}, {"buttons": 0.35}, BESIDE, {"deliveries": 1.0}, ATOMIC]
)
def test_histories_of_what_people_do_besides(shares):
	with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
		results = list(pool.map(partial(judged, **shares), range(1, 101), chunksize=10))
	failed = {seed: problems for seed, problems, _ in results if problems}
	words = " ".join(f"--{word} {share}" for word, share in shares.items())
	assert not failed, f"scripts/simulate --seed {min(failed)} --histories 1 {words} --verbose"


def test_a_seed_is_one_history():
	history = draw(SEED_OF_TRACE)
	one, two = play(history), play(draw(SEED_OF_TRACE))
	assert one.trace == two.trace and len(one.trace) > 100


def test_a_history_does_not_depend_on_the_process():
	"""Neither on the order of sets nor on what was played before."""
	play(draw(SEED_OF_TRACE + 1))
	here = "\n".join(play(draw(SEED_OF_TRACE)).trace)
	code = f"""
from erpsync_app.sandbox.drawing import draw
from erpsync_app.sandbox.played import play
print("\\n".join(play(draw({SEED_OF_TRACE})).trace), end="")
"""
	for seed in ("1", "2"):
		env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
		told = subprocess.run(
			[sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
		)
		assert told.stdout == here


# -- it can fail


def first_failure(most: int, *, seed: int = 1, **more: float) -> Played | None:
	"""Of so many histories from a seed on. The seeds are chosen near one that fails, to keep the suite short."""
	for each in range(seed, seed + most):
		if (played := play(draw(each, **more))).problems:
			return played
	return None


def kinds(played: Played | None) -> set[str]:
	return {problem.kind for problem in played.problems} if played else set()


def test_it_finds_that_unclear_creates_are_not_looked_for(monkeypatch):
	"""Nor what they have made, when it is made a second time: the one makes up for the other."""

	def forget(ctx, batch):
		for pair in batch.pairs:
			pair.binding = gather.replace(pair.binding, intent=None)

	monkeypatch.setattr(gather, "look_for_intents", forget)
	monkeypatch.setattr(gather, "look_for_late", lambda ctx, batch: None)
	assert "twice" in kinds(first_failure(60))


def test_it_finds_that_a_local_write_is_taken_back_before_it_is_recorded(monkeypatch):
	"""By a look at the queue, which is to see what is there now."""
	learn_answer = apply.learn_answer

	def careless(ctx, batch, side, doc):
		ctx.queue.busy(batch.rule.doctype, [doc["name"]])
		learn_answer(ctx, batch, side, doc)

	monkeypatch.setattr(apply, "learn_answer", careless)
	assert first_failure(10, atomic=0.0) is None
	assert kinds(first_failure(10, atomic=1.0)) & {"diverged", "lost"}


def test_it_finds_that_references_to_rows_are_not_told(monkeypatch):
	monkeypatch.setattr(SqliteLedger, "row_maps", lambda *asked: [])
	assert "failed" in kinds(first_failure(30, deliveries=1.0))


def test_it_finds_that_a_concurrent_edit_is_overwritten_blindly(monkeypatch):
	"""`modified` is not sent along."""
	post = RestClient.post

	def blindly(self, path, arguments, **more):
		if path.endswith("set_value"):
			fields = {name: value for name, value in arguments["fieldname"].items() if name != "modified"}
			arguments = {**arguments, "fieldname": fields}
		return post(self, path, arguments, **more)

	monkeypatch.setattr(RestClient, "post", blindly)
	assert kinds(first_failure(400)) & {"lost", "diverged"}


def test_it_finds_that_what_loses_a_clash_is_not_kept(monkeypatch):
	save = apply.save

	def careless(ctx, pair, outcome):
		save(ctx, pair, apply.replace(outcome, clashes=tuple(c for c in outcome.clashes if not c.winner)))

	monkeypatch.setattr(apply, "save", careless)
	assert "lost" in kinds(first_failure(60))


def test_it_finds_that_edits_are_deleted_with_the_document(monkeypatch):
	def careless(rule, held, views, *more):
		decision = reconcile(rule, held, views, *more)
		if decision.settled != "Edit beats delete" or not decision.writes:
			return decision
		here = next(side for side in SIDES if views[side].fields is not None)
		return cycle.Decision(writes=(apply.Write(here, "delete"),), status=None, forget=True)

	monkeypatch.setattr(cycle, "reconcile", careless)
	assert "lost" in kinds(first_failure(200))


def test_it_finds_that_a_file_is_attached_twice(monkeypatch):
	"""What a lost answer left behind is not looked for."""
	place = transfer._place

	def careless(ctx, batch, pair, side, told, to, **more):
		place(ctx, batch, pair, side, told, to, **more)
		return place(ctx, batch, pair, side, told, to, **more)

	monkeypatch.setattr(transfer, "_place", careless)
	assert "diverged" in kinds(first_failure(60, files=FILES))


def test_it_finds_that_what_is_attached_later_never_crosses(monkeypatch):
	monkeypatch.setattr(scan, "_of_files", lambda *_: iter(()))
	assert kinds(first_failure(60, files=FILES)) & {"diverged", "lost"}


def test_it_finds_that_a_file_goes_with_a_document_that_was_deleted_elsewhere(monkeypatch):
	"""To attach a file is no edit, it says."""

	def careless(rule, held, views, *more):
		bare = {
			side: replace(view, fields={f: v for f, v in view.fields.items() if f != ATTACHMENTS})
			if view.fields is not None and views[other(side)].fields is None
			else view
			for side, view in views.items()
		}
		return reconcile(rule, held, bare, *more)

	monkeypatch.setattr(cycle, "reconcile", careless)
	assert "lost" in kinds(first_failure(300, files=FILES))


def test_it_finds_that_a_tag_is_set_anew_on_one_side_alone(monkeypatch):
	monkeypatch.setattr(scan, "_otherwise_tagged", lambda *_: [])
	assert kinds(first_failure(60, tags=0.25)) & {"diverged", "lost"}


def test_it_finds_that_what_is_said_goes_with_a_document_that_was_deleted_elsewhere(monkeypatch):
	"""To comment on a document is no edit of it, it says."""
	monkeypatch.setattr(gather, "look_for_news", lambda ctx, batch: None)
	monkeypatch.setattr(apply, "check_news", lambda ctx, batch, pair, side: None)
	assert "lost" in kinds(first_failure(60, seed=140, **BESIDE))


def test_it_finds_that_what_was_said_does_not_come_back_with_its_document(monkeypatch):
	monkeypatch.setattr(gather, "look_for_vanished", lambda ctx, batch: None)
	assert kinds(first_failure(60, seed=60, **BESIDE)) & {"failed", "diverged"}


def test_it_finds_that_gone_is_taken_for_deleted(monkeypatch):
	"""A document that was renamed on one side is deleted on the other."""
	monkeypatch.setattr(gather, "_look_for_renames", lambda ctx, batch: None)

	def careless(ctx, batch):
		for pair in batch.pairs:
			for side in SIDES:
				pair.deleted[side] = pair.docs[side] is None and bool(pair.binding.held.get(side))

	monkeypatch.setattr(gather, "_look_for_deletions", careless)
	assert first_failure(400, renames=0.3)


def test_it_finds_that_a_refused_create_is_forgotten(monkeypatch):
	"""As if the ledger's own refusal were the site's: the story of the number that the series gives out again."""
	monkeypatch.setattr(recording, "let_go_of_twins", lambda *args: False)
	monkeypatch.setattr(intents, "is_another", lambda rule, binding, side, doc: False)
	monkeypatch.setattr(gather, "is_another", lambda rule, binding, side, doc: False)
	assert first_failure(20, seed=40)


def test_it_finds_that_an_added_row_is_not_known_again(monkeypatch):
	"""What a write did whose answer was lost is done once more."""
	monkeypatch.setattr(rows.Lines, "_meet", lambda lines: None)
	assert kinds(first_failure(ROWS, seed=930)) & {"row twice", "diverged"}


def test_it_finds_that_a_removal_beats_an_edit(monkeypatch):
	edited = rows.Line.edited
	monkeypatch.setattr(rows.Line, "edited", lambda line, side: edited(line, side) and len(line.held) < 2)
	assert "lost" in kinds(first_failure(ROWS))


def test_it_finds_that_rows_are_sent_under_the_names_of_the_other_side(monkeypatch):
	"""Such rows vanish silently."""
	out = canonical._rows_out

	def careless(*arguments):
		sent = out(*arguments)
		for row in sent:
			row.pop("__islocal", None)
		return sent

	monkeypatch.setattr(canonical, "_rows_out", careless)
	assert kinds(first_failure(ROWS)) & {"lost", "diverged"}


def test_it_finds_an_echo(monkeypatch):
	"""A write that nothing asks for: its own webhook asks for the next."""

	def restless(rule, held, views, *more):
		decision = reconcile(rule, held, views, *more)
		if all(views[side].fields is not None for side in SIDES) and not decision.writes:
			as_it_is = dict(list(views[SIDES[1]].fields.items())[:1])
			return apply.replace(decision, writes=(apply.Write(SIDES[1], "update", as_it_is),))
		return decision

	monkeypatch.setattr(cycle, "reconcile", restless)
	assert kinds(first_failure(5)) & {"echo", "stuck"}


def test_it_tells_a_crash_of_the_engine(monkeypatch):
	def broken(ctx, side, doctype, *more, **settings):
		raise KeyError("a bug")

	monkeypatch.setattr(scan, "changed", broken)
	assert "crash" in kinds(first_failure(5))


def test_it_tells_a_bug_that_the_engine_lives_through(monkeypatch):
	def broken(ctx, batch):
		raise KeyError("a bug")

	monkeypatch.setattr(gather, "_read", broken)
	assert "failed" in kinds(first_failure(5))


def test_it_tells_a_failure_for_no_good_reason(monkeypatch):
	def moody(ctx, batch, pair, write):
		raise Refused("Not today.")

	monkeypatch.setattr(apply, "_write", moody)
	assert "failed" in kinds(first_failure(10))


# -- it tells what is promised from what is not

CUSTOMER = {"customer_name": "C0", "tax_id": "m1"}
ORDER = {"transaction_date": "1643-10-01", "customer": "C0", "items": [{"item_code": "Base", "qty": 1.0}]}


def story(*steps, **rule):
	"""A history of Customers and Sales Orders on two sites that nothing befalls."""
	rules = Rule("Customer", **rule), Rule("Sales Order", naming="own", **rule)
	return play(History(1, Setup(rules, dict.fromkeys(SIDES, "UTC")), steps))


def order(side, what, **values):
	return Act(side, what, "Sales Order", ORDER["transaction_date"], values)


def linked_customer_is_merged(side, *more, **rule):
	return story(
		*(
			Act("local", "insert", "Customer", marker, {"customer_name": name, "tax_id": marker})
			for marker, name in (("m1", "C0"), ("m2", "C1"))
		),
		order("local", "insert", **ORDER),
		order("local", "submit"),
		Work("full"),
		Act(side, "merge", "Customer", "m1", {"into": "m2"}),
		*more,
		**rule,
	)


def test_a_merge_leads_links_apart_where_it_says_so():
	"""Not in the orders that link to a Customer: nobody touched them."""
	assert not linked_customer_is_merged("local").problems
	for direction in ("bidirectional", "local_to_cloud"):
		assert not linked_customer_is_merged("cloud", deletes="ask", direction=direction).problems
	kept = linked_customer_is_merged("local", Work("full"), Choose(0, "Keep cloud"), deletes="ask")
	assert not kept.problems


def test_it_finds_a_merge_that_leads_links_apart(monkeypatch):
	monkeypatch.setattr(gather, "look_for_merged", lambda *more, **settings: None)
	assert linked_customer_is_merged("local").problems


@pytest.mark.parametrize("told", [True, False])
def test_what_both_sides_cancel_before_it_has_crossed_shows(told, monkeypatch):
	if not told:
		monkeypatch.setattr(cycle.Batch, "parted", lambda batch, pair: [])
	played = story(
		Act("local", "insert", "Customer", "m1", CUSTOMER),
		order("local", "insert", **ORDER),
		order("local", "submit"),
		Work("full"),
		order("local", "save", po_no="t1"),
		*(order(side, "cancel") for side in SIDES),
	)
	assert kinds(played) == (set() if told else {"diverged"})


# -- shrinking


def test_a_history_shrinks_to_what_is_needed():
	history = draw(5)
	marked = next(step for step in history.steps if isinstance(step, Act))

	def fails(smaller):
		return marked in smaller.steps

	small = shrunk(history, fails)
	assert small.steps == (marked,) and small.setup.zones == dict.fromkeys(SIDES, "UTC")
	assert str(small).endswith(f"1. {marked}")


def test_parts_of_a_step_shrink_too():
	rule = Rule("ToDo")
	busy = Work("full", faults=(), dies=("write", 1), meanwhile=((("call", 1), Deliver(7, 0.3)),))
	history = History(1, Setup((rule,), dict.fromkeys(SIDES, "UTC")), (Deliver(3), busy))
	small = shrunk(history, lambda h: any(isinstance(s, Work) and s.meanwhile for s in h.steps))
	assert small.steps == (Work(meanwhile=((("call", 1), Deliver(0)),)),)


@pytest.mark.parametrize(("kinds", "same"), [(("lost", "lost"), True), (("lost", "twice"), False)])
def test_another_fault_is_not_the_same(kinds, same):
	one, two = (Played([Problem(kind, "x")], []) for kind in kinds)
	assert same_fault(one, two) is same
	assert not same_fault(one, Played([], []))
