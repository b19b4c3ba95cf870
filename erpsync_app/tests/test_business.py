# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A short history of `scripts/business` on the two real sites; and what draws, shortens and starts histories."""

from __future__ import annotations

import subprocess
import sys

import pytest

from erpsync_app.tests.business.drawing import customer_of, draw
from erpsync_app.tests.business.play import Played, play
from erpsync_app.tests.business.shrink import shrunk
from erpsync_app.tests.business.steps import ACTS, SYNC, Step
from erpsync_app.tests.business.world import founded
from erpsync_app.tests.support import Person

SEED, DOCUMENTS = 1, 14


def test_the_books_of_both_sites_agree_after_a_short_history(
	apart: None, ledger: None, local: Person, cloud: Person
):
	played = play(founded(local, cloud), draw(SEED, DOCUMENTS))
	assert played.problems == [], f"scripts/business --seed {SEED} --documents {DOCUMENTS} tells more"
	assert played.documents > DOCUMENTS / 2, played.skipped


def test_a_seed_is_one_history_and_its_steps_are_about_what_was_made_before():
	assert draw(7, 60) == draw(7, 60) != draw(8, 60)
	steps = draw(7, 60)
	assert steps[-1].act == SYNC
	made = {
		step.number for step in steps if step.act == "amend" or (step.act in ACTS and ACTS[step.act].makes)
	}
	assert len(made) == 60
	assert all(step.of in made and step.of < step.number for step in steps if step.of is not None)


def test_both_clerks_work_on_one_order_with_no_sync_between():
	since: dict[int, set[str]] = {}
	both = 0
	for seed in range(20):
		for step in draw(seed, 100):
			if step.act == SYNC:
				since.clear()
			elif step.of is not None:
				sides = since.setdefault(step.of, set())
				sides.add(step.side)
				both += len(sides) == 2
	assert both > 20


def test_what_a_customer_owes_is_settled_by_one_clerk_while_the_other_does_not_touch_it():
	"""Else two payments of one invoice could meet, and a person would have to say which is taken back."""
	for seed in (1008, *range(20)):
		steps = {step.number: step for step in draw(seed, 200)}
		held: dict[int, str] = {}
		for step in steps.values():
			if step.act == SYNC:
				held.clear()
			first = step
			while first.of is not None:
				first = steps[first.of]
			if first.act not in ("quote", "sell", "charge", "pay on account"):
				continue
			customer = customer_of(first)
			assert held.get(customer, step.side) == step.side, step
			if step.act == "reconcile":
				held[customer] = step.side


def test_acts_are_left_out():
	assert not [
		step for step in draw(3, 100, without=["deliver", "cancel"]) if step.act in ("deliver", "cancel")
	]


def test_what_fails_is_made_as_short_as_it_can_be():
	steps = draw(5, 80)
	guilty = next(step for step in steps if step.act == "deliver")

	def fails(fewer: tuple[Step, ...]) -> bool:
		assert fewer[-1] == steps[-1], "there is a sync at the end"
		return guilty in fewer

	short = shrunk(steps, fails)
	by_number = {step.number: step for step in steps}
	needed = [guilty]
	while needed[0].of is not None:
		needed.insert(0, by_number[needed[0].of])
	assert short == (*needed, steps[-1])


def test_problems_are_of_one_kind_whatever_the_names_in_them():
	one = Played(problems=["Sales Order SAL-ORD-2026-00001 is on the local site alone"])
	two = Played(problems=["Sales Order SAL-ORD-2026-50007 is on the local site alone"])
	assert one.kinds == two.kinds != Played(problems=["1 events are left in the queue"]).kinds


@pytest.mark.parametrize(
	("arguments", "told"),
	[
		(["--seed", "x"], "give a whole number from 1, not 'x'"),
		(["--documents", "0"], "give a whole number from 1, not '0'"),
		(["--without", "stealing"], "there is no act 'stealing'"),
	],
)
def test_bad_arguments_get_one_sentence(arguments: list[str], told: str):
	command = [sys.executable, "-m", "erpsync_app.tests.business", *arguments]
	done = subprocess.run(command, capture_output=True, text=True, timeout=120)
	assert done.returncode == 2
	assert told in done.stderr
	assert len(done.stderr.strip().splitlines()) == 1
