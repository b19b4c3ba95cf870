# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a person chose for a conflict is done, or refused with the reason; never something else."""

from __future__ import annotations

import pytest

from erpsync_app.engine.errors import Refused, Unavailable
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Event, other
from erpsync_app.engine.retry import RetryPolicy
from erpsync_app.engine.tests.test_acts import ORDER, names, order
from erpsync_app.engine.tests.world import World, keep

KEEP = {LOCAL: "Keep local", CLOUD: "Keep cloud"}


def clashing(policy: str) -> World:
	w = World(keep("Customer", policy))
	w.people[LOCAL].insert("Customer", customer_name="A", website="before")
	w.sync()
	for side in SIDES:
		w.people[side].save("Customer", "A", website=side)
	return w


def websites(w: World) -> list[str]:
	return [w.people[side].get("Customer", "A", "website") for side in SIDES]


def refusing(monkeypatch: pytest.MonkeyPatch, w: World, side: str) -> None:
	def refuse(*arguments: object) -> None:
		raise Refused("The site does not want it.")

	monkeypatch.setattr(w.clients[side], "update", refuse)


@pytest.mark.parametrize("side", SIDES)
def test_a_choice_that_is_refused_leaves_the_conflict_open_with_the_reason(monkeypatch, side):
	"""Until the site takes it, and then the conflict is settled by what was chosen."""
	w = clashing("manual")
	w.sync()
	with monkeypatch.context() as patched:
		refusing(patched, w, side)
		w.choose("Customer", LOCAL, "A", KEEP[other(side)])
		for _ in range(12):
			w.sync()
			w.clock.sleep(3600)
			(conflict,) = w.open_conflicts()
			assert conflict.refused == "The site does not want it."
		assert w.binding("Customer", LOCAL, "A").status == "Failed"
		known = w.ledger.contents()
		w.put(Event(side, "Customer", "A", trigger="scan"))
		w.settle()
		assert w.ledger.contents() == known, "it was tried again in vain, which is told already"
		assert websites(w) == [LOCAL, CLOUD]
	w.choose("Customer", LOCAL, "A", KEEP[other(side)])
	w.settle()
	assert websites(w) == [other(side)] * 2
	(conflict,) = w.ledger.conflicts()
	assert (conflict.resolution, conflict.refused) == (KEEP[other(side)], None)
	w.check_steady()


def test_what_a_policy_settles_is_settled_when_it_is_written(monkeypatch):
	w = clashing("cloud_wins")
	with monkeypatch.context() as patched:
		refusing(patched, w, LOCAL)
		assert w.sync().counts["settled"] == 0
		(conflict,) = w.open_conflicts()
		assert conflict.refused == "The site does not want it."
	w.clock.sleep(3600)
	w.settle()
	assert websites(w) == [CLOUD, CLOUD]
	(conflict,) = w.ledger.conflicts()
	assert (conflict.resolution, conflict.clashes[0].local) == ("cloud_wins", LOCAL)


def test_what_is_left_different_is_said_to_be_so():
	w = clashing("manual")
	w.sync()
	w.choose("Customer", LOCAL, "A", "By hand")
	w.settle()
	assert websites(w) == [LOCAL, CLOUD]
	assert w.binding("Customer", LOCAL, "A").status == "Diverged"
	assert not w.open_conflicts()
	w.check_steady()
	w.people[CLOUD].save("Customer", "A", tax_id="1")
	w.settle()
	assert w.people[LOCAL].get("Customer", "A", "tax_id") == "1"
	assert w.binding("Customer", LOCAL, "A").status == "Diverged", "they still differ"
	w.people[CLOUD].save("Customer", "A", website="after")
	w.settle()
	assert websites(w) == ["after", "after"]
	assert w.binding("Customer", LOCAL, "A").status == "Synced"


def test_a_conflict_that_is_open_again_is_closed_by_whoever_makes_both_equal(monkeypatch):
	w = clashing("cloud_wins")
	with monkeypatch.context() as patched:
		refusing(patched, w, LOCAL)
		w.sync()
	assert w.open_conflicts() and w.binding("Customer", LOCAL, "A").status == "Conflict"
	w.people[LOCAL].save("Customer", "A", website=CLOUD)
	w.settle()
	assert not w.open_conflicts()
	assert w.binding("Customer", LOCAL, "A").status == "Synced"
	w.check_steady()


@pytest.mark.parametrize("error", [Unavailable("The cloud does not answer."), TypeError("not foreseen")])
def test_a_conflict_is_not_settled_by_a_write_that_failed(monkeypatch, error):
	w = clashing("local_wins")

	def fail(*arguments: object) -> None:
		raise error

	with monkeypatch.context() as patched:
		patched.setattr(w.clients[CLOUD], "update", fail)
		w.sync()
		(conflict,) = w.open_conflicts()
		assert str(error) in conflict.refused
	w.clock.sleep(3600)
	w.settle()
	(conflict,) = w.ledger.conflicts()
	assert conflict.resolution == "local_wins"


def test_what_brings_back_a_deleted_document_in_vain_says_why(monkeypatch):
	w = World(keep("Customer", "manual"), retry=RetryPolicy(max_attempts=1))
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.sync()
	w.people[CLOUD].delete("Customer", "A")
	w.people[LOCAL].save("Customer", "A", website="new")
	w.sync()

	def refuse(*arguments: object) -> None:
		raise Refused("The site does not want it.")

	monkeypatch.setattr(w.clients[CLOUD], "create", refuse)
	w.choose("Customer", LOCAL, "A", "Keep local")
	w.drain()
	(conflict,) = w.open_conflicts()
	assert conflict.refused == "The site does not want it."


@pytest.mark.parametrize("cancelled", SIDES)
@pytest.mark.parametrize("choice", ["its", "By hand"])
@pytest.mark.parametrize("both", [False, True])
def test_what_is_cancelled_on_one_side_is_not_brought_back_by_a_choice(cancelled, choice, both):
	w, name = order("4x25", "manual")
	its, edited = names(w, name), other(cancelled)
	if both:
		w.people[cancelled].save(ORDER, its[cancelled], po_no="other")
	w.people[cancelled].site.cancel(ORDER, its[cancelled])
	w.people[edited].save(ORDER, its[edited], po_no="new")
	w.sync()
	assert len(w.open_conflicts()) == 1
	w.choose(ORDER, LOCAL, name, KEEP[edited] if choice == "its" else choice)
	w.settle()
	(conflict,) = w.open_conflicts()
	assert "cancelled" in conflict.refused and KEEP[cancelled] in conflict.refused
	assert w.people[edited].get(ORDER, its[edited], "docstatus", "po_no") == (1, "new")
	w.choose(ORDER, LOCAL, name, KEEP[cancelled])
	w.settle()
	assert not w.open_conflicts()
	assert [w.people[side].get(ORDER, its[side], "docstatus") for side in SIDES] == [2, 2]
	w.check_steady()
