# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Sites in different time zones, under latest_timestamp: the later edit wins, whatever the clocks on the wall say."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from erpsync_app.tests.support import Person, last_conflict, only, set_rules, sync, writes
from erpsync_app.tests.test_main_job import customer, edit_here, insert_here, values

pytestmark = pytest.mark.usefixtures("ledger")


@pytest.fixture(params=["Asia/Tokyo", "Pacific/Honolulu"])
def far_away(request, cloud: Person) -> Iterator[None]:
	"""The cloud's wall clock is hours ahead of ours, or behind it."""
	before = cloud.get("System Settings", "System Settings")["time_zone"]
	cloud.edit("System Settings", "System Settings", time_zone=request.param)
	yield
	cloud.edit("System Settings", "System Settings", time_zone=before)


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("last", ["local", "cloud"])
def test_the_later_edit_wins(cloud: Person, prefix: str, last: str):
	set_rules(only("Customer", prefix, policy="latest_timestamp"))
	insert_here(customer(prefix, customer_details="old"))
	sync(doctype="Customer", name=prefix)
	edits = {
		"local": lambda: edit_here(prefix, customer_details="from local"),
		"cloud": lambda: cloud.edit("Customer", prefix, customer_details="from cloud"),
	}
	for side in sorted(edits, key=lambda side: side == last):
		edits[side]()
	sync(doctype="Customer", name=prefix)
	assert values(cloud, prefix, "customer_details") == (f"from {last}",) * 2
	assert last_conflict("Customer", prefix)["winner"] == last
	assert writes(sync()) == {}


@pytest.mark.usefixtures("far_away")
def test_an_instant_is_told_in_each_sites_own_time(cloud: Person, prefix: str):
	"""A Datetime field is an instant, kept in the site's own zone: it is the same instant on both sides."""
	set_rules({"ref_doctype": "Event"})
	doc = frappe.get_doc(
		{
			"doctype": "Event",
			"subject": prefix,
			"starts_on": "2026-01-15 12:00:00",
			"event_type": "Public",
			"event_category": "Event",
		}
	).insert()
	frappe.db.commit()
	sync(doctype="Event", name=doc.name)
	there = cloud.call(
		"frappe.client.get_list", doctype="Event", filters={"subject": prefix}, fields=["name", "starts_on"]
	)
	expected = {"Asia/Tokyo": "2026-01-16 02:00:00", "Pacific/Honolulu": "2026-01-15 07:00:00"}
	zone = cloud.get("System Settings", "System Settings")["time_zone"]
	assert [row["starts_on"] for row in there] == [expected[zone]]
	assert writes(sync(doctype="Event", name=doc.name)) == {}
