# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Tests on two real sites. Where the bench has two pairs of sites, two processes share the tests, each with a pair of its own."""

import os

if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
	for name in ("ERPSYNC_TEST_LOCAL_SITE", "ERPSYNC_TEST_CLOUD_SITE"):
		os.environ[name] = os.environ[f"{name}_2"]
