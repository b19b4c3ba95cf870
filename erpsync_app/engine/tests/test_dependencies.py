# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a document needs on the other side before it goes there."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.context import Context
from erpsync_app.engine.decision import Write
from erpsync_app.engine.dependencies import WAITS, check_targets, link_behind
from erpsync_app.engine.errors import Blocked, Missing
from erpsync_app.engine.mapping import Terms, shape_of
from erpsync_app.engine.model import CLOUD, LOCAL, SIDES, Binding, Event, Field, Progress, Rule, other
from erpsync_app.engine.pair import Pair
from erpsync_app.engine.retry import NEXT_RUN, SHORTLY, NotYet
from erpsync_app.engine.tests.builders import meta
from erpsync_app.engine.tests.test_cycle import orders
from erpsync_app.engine.tests.test_references import NOTE as DELIVERY
from erpsync_app.engine.tests.test_references import ORDER, deliver, ordered
from erpsync_app.engine.tests.world import ANNA, World, keep, own
from erpsync_app.sandbox import controllers
from erpsync_app.sandbox.schema import DOCTYPES

ROWS = meta("Note Item", Field("order", "Link", options="Order"))
NOTE = meta(
	"Note",
	Field("order", "Link", options="Order"),
	Field("amended_from", "Link", options="Note"),
	Field("about_type", "Data"),
	Field("about", "Dynamic Link", options="about_type"),
	Field("items", "Table", options="Note Item"),
	children={"items": ROWS},
)


class Queue:
	def __init__(self):
		self.events, self.at_work, self.waits = [], False, False

	def put(self, events):
		self.events += events

	def busy(self, doctype, names):
		return names == ["O", "O there"] and self.at_work

	def states(self, doctype, side, names):
		return {"O": ("Pending", "")} if self.waits and names == ["O"] else {}


def looked_at(doc, here, there, status="Synced", **rule) -> tuple[Context, Batch, Pair]:
	"""A note N, new on the local side, that may link to the order, or note, O."""
	rules = {name: Rule(name, **rule) for name in ("Note", "Order")}
	ctx = Context(sites={}, ledger=None, queue=Queue(), clock=None, rules=rules)
	known = {"O": Progress("O there", {LOCAL: here, CLOUD: there}, status)}
	terms = {side: Terms(side, timezone.utc, timezone.utc, {}, {}) for side in SIDES}
	batch = Batch(rules["Note"], shape_of(NOTE, NOTE, rules["Note"]), [], terms)
	batch.bound[LOCAL] = {"Note": known, "Order": known}
	pair = Pair(Binding("Note", {LOCAL: "N", CLOUD: None}))
	pair.docs[LOCAL] = {"name": "N", **doc}
	return ctx, batch, pair


@pytest.mark.parametrize(
	("case", "doc", "here", "there", "rule", "waits"),
	[
		("submitted there too", {"order": "O"}, 1, 1, {}, False),
		("a draft on both sides", {"order": "O"}, 0, 0, {}, False),
		("submitted here alone", {"order": "O"}, 1, 0, {}, True),
		("submitted there alone", {"order": "O"}, 0, 1, {}, False),
		("in a row", {"items": [{"order": "O"}]}, 1, 0, {}, True),
		("by a Dynamic Link", {"about_type": "Order", "about": "O"}, 1, 0, {}, True),
		("cancelled here, there not submitted yet", {"order": "O"}, 2, 0, {}, True),
		("cancelled here, there not yet", {"order": "O"}, 2, 1, {}, False),
		("an amendment of what is cancelled here alone", {"amended_from": "O"}, 2, 1, {}, True),
		("of what was cancelled since the last look", {"amended_from": "O"}, 1, 1, {}, True),
		("of what is cancelled there too", {"amended_from": "O"}, 2, 2, {}, False),
		("the rule keeps drafts", {"order": "O"}, 1, 0, {"submit": "draft"}, False),
		("the rule writes nothing there", {"order": "O"}, 1, 0, {"direction": "cloud_to_local"}, False),
		("what is not bound is another matter", {"order": "unknown"}, 1, 0, {}, False),
	],
)
def test_a_document_waits_for_what_it_links_to(case, doc, here, there, rule, waits):
	ctx, batch, pair = looked_at(doc, here, there, **rule)
	found = link_behind(ctx, batch, pair, LOCAL)
	assert (found is not None and found[1] == "O") == waits, case


@pytest.mark.parametrize(
	("case", "status", "waiting", "busy", "queued", "error", "after", "looked"),
	[
		("nobody is known to be at it", "Synced", False, False, False, NotYet, NEXT_RUN, True),
		("it is to be tried again", "Synced", False, False, True, NotYet, NEXT_RUN, False),
		("it waits itself", "Synced", True, False, False, NotYet, SHORTLY, False),
		("another worker is at it", "Synced", False, True, False, NotYet, SHORTLY, False),
		("it has failed", "Failed", False, False, False, Blocked, None, False),
		("it waits for a person", "Conflict", False, False, False, Blocked, None, False),
	],
)
def test_how_long_it_waits(case, status, waiting, busy, queued, error, after, looked):
	ctx, batch, pair = looked_at({"order": "O"}, 1, 0, status)
	ctx.waiting |= {(LOCAL, "Order", "O")} if waiting else set()
	ctx.queue.at_work, ctx.queue.waits = busy, queued
	with pytest.raises(
		error, match="Order O, which it links to, is not submitted on the cloud side yet"
	) as e:
		check_targets(ctx, batch, pair, Write(CLOUD, "create", {"order": "O"}))
	assert getattr(e.value, "after", None) == after, case
	assert ctx.queue.events == ([Event(LOCAL, "Order", "O", trigger="scan")] if looked else []), case


def test_a_line_of_amendments_crosses_on_the_first_sync():
	"""Each was cancelled before the next was made, and the last one is in force."""
	w = orders()
	here = w.people[CLOUD]
	name = None
	names = []
	for _ in range(4):
		if name:
			here.save("Sales Order", name, docstatus=2)
		name = here.insert(
			"Sales Order", customer="A", amended_from=name, items=[{"item_code": "I", "qty": 2}]
		)
		here.save("Sales Order", name, docstatus=1)
		names.append(name)
		w.clock.sleep(60)
	w.scan()
	run = w.drain()
	w.settle()
	assert "retried" not in run.counts and "failed" not in run.counts, run.counts
	before = None
	for name in names:
		twin = w.people[LOCAL].get("Sales Order", w.binding("Sales Order", CLOUD, name).names[LOCAL])
		assert twin["amended_from"] == before
		assert twin["docstatus"] == (1 if name == names[-1] else 2)
		before = twin["name"]
	w.check_in_step()
	w.check_steady()


@pytest.mark.parametrize("side", SIDES)
def test_a_read_only_link_that_a_create_left_out_is_told_later(monkeypatch, side):
	"""As the Lead of a Customer in ERPNext 16."""
	w = World(keep("Customer"), own("Territory"))
	for each in SIDES:
		told = w.clients[each].meta
		monkeypatch.setattr(w.clients[each], "meta", lambda doctype, told=told: with_read_only(told(doctype)))
	here, there = w.people[side], w.people[other(side)]
	here.insert("Customer", customer_name="A")
	w.clock.sleep(1)
	territory = here.insert("Territory", territory_name="T")
	here.save("Customer", "A", territory=territory)
	w.scan()
	w.drain(doctypes=["Customer"])
	assert there.get("Customer", "A", "territory") is None
	w.settle()
	assert there.get("Customer", "A", "territory") == territory
	here.save("Customer", "A", website="later")
	there.site.set_value("Customer", "A", {"territory": None})
	w.settle()
	assert there.get("Customer", "A", "website", "territory") == ("later", None), (
		"it is each site's own again"
	)
	w.check_steady()


def with_read_only(meta):
	if meta.doctype != "Customer":
		return meta
	territory = replace(meta.fields["territory"], read_only=True)
	return replace(meta, fields={**meta.fields, "territory": territory})


@pytest.mark.parametrize("naming", [keep, own])
@pytest.mark.parametrize("side", SIDES)
def test_what_is_older_and_on_its_way_goes_first(side, naming):
	"""Though the document could be written without its optional link."""
	w = World(keep("Customer"), naming("Territory"))
	here, there = w.people[side], w.people[other(side)]
	territory = here.insert("Territory", territory_name="T")
	here.insert("Customer", customer_name="A", territory=territory)
	w.scan()
	for _ in range(2):
		w.drain(doctypes=["Customer"])
		assert there.get("Customer", "A") is None
		w.clock.sleep(5)
	run = w.drain()
	assert there.get("Customer", "A", "territory") == territory
	assert run.counts[f"create_{other(side)}"] == 2 and not run.counts[f"update_{other(side)}"]
	w.check_steady()


@pytest.mark.parametrize("naming", [keep, own])
@pytest.mark.parametrize("side", SIDES)
def test_what_is_younger_or_failed_is_not_waited_for(side, naming):
	w = World(keep("Customer"), naming("Territory"))
	here, there = w.people[side], w.people[other(side)]
	for name in ("A", "B"):
		here.insert("Customer", customer_name=name)
	w.clock.sleep(1)
	younger = here.insert("Territory", territory_name="younger")
	here.save("Customer", "A", territory=younger)
	older = here.insert("Territory", territory_name="older")
	here.insert("Customer", customer_name="C", territory=older)
	w.scan()
	(event,) = w.queue.claim("Territory", "change", 1, older)
	w.queue.fail([event], error="broken")
	w.drain(doctypes=["Customer"])
	assert sorted(there.site.names("Customer")) == ["A", "B", "C"]


def test_a_circle_of_documents_that_wait_for_each_other_ends():
	"""Within one run, of which each waits for what is due shortly."""
	w = World(keep("Customer"), own("Territory"))
	here, there = w.people[LOCAL], w.people[CLOUD]
	territory = here.insert("Territory", territory_name="T")
	here.insert("Customer", customer_name="A", territory=territory)
	w.scan()
	ctx = w.context()
	for _ in range(WAITS):
		w.drain(ctx, doctypes=["Customer"])
		assert there.get("Customer", "A") is None
		w.clock.sleep(5)
	w.drain(ctx, doctypes=["Customer"])
	assert there.get("Customer", "A") is not None
	w.settle()
	assert there.get("Customer", "A", "territory") == territory


def test_it_waits_for_less_time_than_a_job_is_patient():
	"""For what is not due before tomorrow, say. In the next job it would begin to wait anew."""
	w = World(keep("Customer"), own("Territory"))
	territory = w.people[LOCAL].insert("Territory", territory_name="T")
	w.people[LOCAL].insert("Customer", customer_name="A", territory=territory)
	w.scan()
	waits = w.queue.claim("Territory", "change", 1)
	w.queue.retry(waits, after=timedelta(hours=20), error="", attempt=False)
	ctx, begun = w.context(), w.clock.now()
	while w.people[CLOUD].get("Customer", "A") is None:
		w.drain(ctx)
		w.clock.sleep(0.5)
	assert w.clock.now() - begun < timedelta(seconds=10)  # jobs.PATIENCE


def test_what_links_to_a_doctype_that_one_side_lacks_is_not_set_aside_with_it(monkeypatch):
	w = World(keep("Customer"), keep("Territory"))
	told = w.clients[CLOUD].meta

	def meta_of(doctype):
		if doctype == "Territory":
			raise Missing("There is no DocType Territory.")
		return told(doctype)

	monkeypatch.setattr(w.clients[CLOUD], "meta", meta_of)
	here = w.people[LOCAL]
	territory = here.insert("Territory", territory_name="T")
	w.put(Event(LOCAL, "Territory", territory))
	w.drain()  # its next try is a minute away
	here.insert("Customer", customer_name="A", territory=territory)
	here.insert("Customer", customer_name="B")
	w.put(Event(LOCAL, "Customer", "A"), Event(LOCAL, "Customer", "B"))
	ctx = w.context()
	w.drain(ctx)
	assert not ctx.aside and w.people[CLOUD].get("Customer", "B") is not None


@pytest.mark.parametrize("side", SIDES)
def test_a_match_field_is_not_left_out_of_a_create(side):
	"""The document may be there, under another name, and is known by it once that can be compared."""
	w = World(replace(own("Customer"), match_fields=("website", "territory")), own("Territory"))
	for each, name in ((side, "A"), (other(side), "B")):
		w.people[each].insert("Territory", territory_name="T")
		w.people[each].insert("Customer", customer_name=name, website="one", territory="T")
	w.scan()
	w.queue.fail([e for _ in SIDES for e in w.queue.claim("Territory", "change", 10)], error="broken")
	w.drain(doctypes=["Customer"])
	assert w.count("Customer") == (1, 1)


@pytest.mark.parametrize("side", SIDES)
def test_what_a_document_brings_into_step_as_it_is_written_is_looked_at_again(monkeypatch, side):
	"""As an Asset Movement sets the location of its asset, which nobody can change otherwise."""
	w, names = ordered(side)
	saves = controllers.before_save

	def before_save(store, doctype, doc):
		saves(store, doctype, doc)
		if doctype.name == DELIVERY and doc["docstatus"] == 1:
			order = doc["items"][0]["against_sales_order"]
			moved = {"transaction_date": "2026-01-01", "modified": doc["modified"]}
			store.update(DOCTYPES[ORDER], order, moved)

	monkeypatch.setattr(controllers, "before_save", before_save)
	note = deliver(w, side, names)
	w.sites[side].submit(DELIVERY, note, user=ANNA)
	w.settle()
	dates = [w.sites[each].get(ORDER, names[each])["transaction_date"] for each in SIDES]
	assert dates == ["2026-01-01"] * 2
	assert [b.status for b in w.ledger.all_bindings(ORDER)] == ["Synced"]
	w.check_steady()
