# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Settings of all tests."""

import os

from hypothesis import settings

# Enough to find what is wrong in seconds; ERPSYNC_TEST_EXAMPLES=2000 looks further.
settings.register_profile(
	"erpsync", max_examples=int(os.environ.get("ERPSYNC_TEST_EXAMPLES", "40")), deadline=None
)
settings.load_profile("erpsync")
