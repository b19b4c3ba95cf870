# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Killed with SIGKILL in the middle of a sync: no duplicate, no stuck flag, and the next run finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import frappe
import pytest

from erpsync_app.tests.support import (
	LOCAL_SITE,
	Person,
	count,
	differences,
	only,
	queued,
	set_rules,
	sync,
	until,
	writes,
)
from erpsync_app.tests.test_main_job import customer, insert_here

pytestmark = pytest.mark.usefixtures("ledger")

SYNC = (sys.executable, "-m", "frappe.utils.bench_helper", "frappe", "--site", LOCAL_SITE, "erpsync", "sync")


@pytest.mark.parametrize("after", [1, 7, 23])
def test_a_killed_sync_is_finished_by_the_next(cloud: Person, prefix: str, after: int):
	set_rules(only("Customer", prefix))
	sync()
	names = [f"{prefix} {n:02}" for n in range(40)]
	insert_here(*(customer(name) for name in names[:20]))
	cloud.insert_many([customer(name) for name in names[20:]])

	killed = subprocess.Popen(SYNC, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
	until(lambda: count("Sync Record", local_name=("like", f"{prefix}%")) >= after, what="the sync under way")
	os.kill(killed.pid, signal.SIGKILL)
	killed.wait()
	assert count("Sync Record", local_name=("like", f"{prefix}%"), status="Synced") < len(names), (
		"it had not finished"
	)

	began = time.monotonic()
	run = sync()
	assert time.monotonic() - began < 60, "the dead worker's lease was not waited for"
	assert differences("Customer", names) == {}, (run.counts, queued())
	assert count("Sync Event") == 0
	assert count("Sync Record", intent_side=("is", "set")) == 0
	assert sorted(cloud.stamps("Customer", f"{prefix}%")) == names
	assert sorted(frappe.get_all("Customer", {"name": ("like", f"{prefix}%")}, pluck="name")) == names
	assert writes(sync()) == {}
