# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What comes to a document between the look at it and its deletion, on a site that is in the ledger's database: a
transaction of MariaDB sees until its end what was there when it began."""

from dataclasses import replace

import pytest

from erpsync_app.engine.followers import with_followers
from erpsync_app.engine.model import CLOUD, LOCAL
from erpsync_app.engine.tests.world import World, keep

ENDS = (
	"ledger.save",
	"ledger.move_cursor",
	"queue.put",
	"queue.done",
	"queue.retry",
	"queue.fail",
	"queue.busy",
)
"""Calls by which the transaction of a worker ends."""

LATE = {
	"a file": lambda person: person.attach("Customer", "A", "late.txt", b"late"),
	"a tag": lambda person: person.tag("Customer", "A", "late"),
	"a comment": lambda person: person.insert(
		"Comment", content="late", comment_by="Anna", reference_doctype="Customer", reference_name="A"
	),
}


@pytest.mark.parametrize("what", LATE)
def test_what_comes_after_the_look_is_seen_before_its_document_is_deleted(what):
	rule = replace(keep("Customer"), attachments=True, tags=True, comments=True)
	w = World(*with_followers({rule.doctype: rule}).values())
	w.people[LOCAL].insert("Customer", customer_name="A")
	w.settle()
	w.people[CLOUD].delete("Customer", "A")
	w.clients[LOCAL].atomic = True
	came = []

	def around(label, call):
		if label == "queue.renew" and not came:
			old = w.copy()
			came.append(LATE[what](w.people[LOCAL]))
			w.wire[LOCAL] = old.sites[LOCAL].handle
		elif label.startswith((*ENDS, "local.delete")):  # a write is of what is there now in any case
			w.mend()
		return call()

	w.scan()
	w.drain(w.context(around=around))
	assert len(came) == 1
	w.settle()
	assert w.count("Customer") == (1, 1)
	w.check_in_step()
