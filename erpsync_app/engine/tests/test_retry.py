# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpsync_app.engine.retry import LONGEST_WAIT, RetryPolicy


@pytest.mark.parametrize(
	("attempts", "seconds"),
	[(1, 5), (2, 10), (3, 20), (8, 640), (10, 2560), (11, 3600), (10**6, 3600), (0, 5), (-1, 5)],
)
def test_each_wait_is_twice_the_last(attempts, seconds):
	assert RetryPolicy(backoff_seconds=5).wait(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempts", "exhausted"), [(0, False), (2, False), (3, True), (4, True)])
def test_when_to_stop(attempts, exhausted):
	assert RetryPolicy(max_attempts=3).exhausted(attempts) is exhausted


@given(st.integers(0, 10**9), st.floats(0, 10**6))
def test_a_wait_never_shrinks_and_never_passes_the_longest(attempts, backoff):
	policy = RetryPolicy(backoff_seconds=backoff)
	assert timedelta(0) <= policy.wait(attempts) <= policy.wait(attempts + 1) <= LONGEST_WAIT
