# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which workers are known to be dead, so that nobody waits for the end of their leases."""

import subprocess
import sys

import pytest

from erpsync_app.adapters.processes import is_dead, owner, place

TELL = "from erpsync_app.adapters.processes import owner; print(owner('x'))"


@pytest.fixture(scope="module")
def ended() -> str:
	"""The owner of a lease whose process is no more."""
	return subprocess.run(
		[sys.executable, "-c", TELL], check=True, capture_output=True, text=True
	).stdout.strip()


def test_who_lives_and_who_is_dead(ended: str):
	assert not is_dead(owner("x"))
	assert is_dead(ended)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_of_another_machine_or_container_nobody_is_known_to_be_dead(ended: str, part: int):
	"""One of the same host name, too: by its machine id, or by its process numbers being others'."""
	elsewhere = place().split("/")
	elsewhere[part] = "another"
	assert not is_dead(ended.replace(place(), "/".join(elsewhere)))


def test_the_number_of_a_process_is_given_to_another_one(ended: str):
	mine, theirs = owner("x").split(":"), ended.split(":")
	assert is_dead(":".join([mine[0], mine[1], theirs[2], "x"]))
