# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A DocType that cannot be read is left aside, and the rest goes on."""

import pytest

from erpsync_app.engine.context import Run
from erpsync_app.engine.cycle import drain
from erpsync_app.engine.errors import Unreadable
from erpsync_app.engine.model import SIDES
from erpsync_app.engine.tests.world import World, keep


def synced_but_for(w: World, refused: str) -> tuple[Run, dict[str, str]]:
	"""A sync in which the call of that name is refused."""

	def around(call, go):
		if call == refused:
			raise Unreadable("That is not for you.")
		return go()

	ctx, run = w.context(around=around), Run("run", "test")
	w.scan(ctx)
	drain(ctx, run)
	return run, ctx.aside


def everywhere(w: World, number: str) -> None:
	for side in SIDES:
		w.people[side].insert("Customer", customer_name=f"{number} {side}")
		w.people[side].insert("UOM", uom_name=f"{number} {side}")


@pytest.mark.parametrize("call", ["read", "page_by_name", "meta"])
@pytest.mark.parametrize("side", SIDES)
def test_the_rest_goes_on(side, call):
	w = World(keep("Customer"), keep("UOM"))
	everywhere(w, "1")
	run, aside = synced_but_for(w, f"{side}.{call} Customer")
	assert list(aside) == ["Customer"] and "not for you" in aside["Customer"]
	assert run.stopped is None and not run.counts["failed"]
	assert w.count("UOM") == (2, 2) and w.count("Customer") == (1, 1)
	w.settle()
	assert w.count("Customer") == (2, 2)
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_without_the_trail_of_deletions_the_rest_goes_on(side):
	w = World(keep("Customer"), keep("UOM"))
	everywhere(w, "1")
	w.settle()
	w.people[side].delete("UOM", "1 local")
	everywhere(w, "2")
	run, aside = synced_but_for(w, f"{side}.deletions")
	assert list(aside) == ["Deleted Document"] and run.stopped is None
	assert w.count("Customer") == (4, 4)
	w.settle()
	assert w.count("UOM") == (3, 3)
