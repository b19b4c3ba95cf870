# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Small builders that keep a case of the tests to a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

from erpsync_app.engine.decision import Decision
from erpsync_app.engine.merge import MISSING
from erpsync_app.engine.model import (
	CLOUD,
	DIRECTIONS,
	LOCAL,
	POLICIES,
	SIDES,
	Choice,
	Field,
	Fields,
	Held,
	Meta,
	Rule,
	Side,
	other,
)
from erpsync_app.engine.view import View

NOON = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
DIRECTION_WORDS = {"to cloud": "local_to_cloud", "to local": "cloud_to_local"}
DELETES = ("propagate", "keep", "ask")


def values(text: str) -> Fields:
	"""`"a=1 b="` is `{"a": "1", "b": None}`."""
	pairs = (word.partition("=") for word in text.split())
	return {name: value or None for name, _, value in pairs}


def rule(*words: str, doctype: str = "Thing", **more: Any) -> Rule:
	"""`rule("to cloud", "manual", "ask")`: direction, policy and deletes by their words alone. Files stay at home unless
	`attachments=True` says otherwise."""
	more.setdefault("attachments", False)
	for word in words:
		word = DIRECTION_WORDS.get(word, word)
		kind = "direction" if word in DIRECTIONS else "policy" if word in POLICIES else "deletes"
		assert kind != "deletes" or word in DELETES, word
		more[kind] = word
	return Rule(doctype, **more)


def held(both: str | None = None, *, local: str | None = None, cloud: str | None = None) -> dict:
	"""The baselines: `both` where they are the same, else one a side; a side that is not told has none."""
	texts = {LOCAL: local if both is None else both, CLOUD: cloud if both is None else both}
	return {side: None if (text := texts[side]) is None else Held(values(text), "then") for side in SIDES}


def view(text: str) -> View:
	"""`"a=1 @3"` is a document last modified in minute 3 (0 if not told); or "never", "deleted", "merged", "lost".
	`"a=1 b=1 submitted"` takes nothing any more but `b`, and a cancelled one nothing; `"a=1 b=1 news"` is one of which something was said."""
	if text in ("never", "deleted", "merged", "lost"):
		return View(deleted=text in ("deleted", "merged"), merged="another" if text == "merged" else "")
	fields, _, minute = text.partition("@")
	fields, submitted, _ = fields.partition("submitted")
	fields, cancelled, _ = fields.partition("cancelled")
	fields, news, _ = fields.partition("news")
	now = View(values(fields), NOON + timedelta(minutes=int(minute or 0)), news=bool(news))
	if cancelled:
		return replace(now, docstatus=2, writable=frozenset())
	return replace(now, docstatus=1, writable=frozenset("b")) if submitted else now


def swapped(by_side: Mapping[Side, Any]) -> dict[Side, Any]:
	return {side: by_side[other(side)] for side in SIDES}


def carried_out(
	decision: Decision, rule: Rule, held: Mapping[Side, Held | None], views: Mapping[Side, View]
) -> tuple[dict[Side, Held | None], dict[Side, View]]:
	"""Baselines and views once the decision is carried out on sites that take every value as it is sent.

	The new baselines are those that `apply._held` makes.
	"""
	views = dict(views)
	for write in decision.writes:
		before = views[write.side].fields or {}
		if write.operation in ("delete", "merge"):
			views[write.side] = View(deleted=True)
		else:
			now = write.fields if write.operation == "create" else {**before, **write.fields}
			views[write.side] = View(now, NOON + timedelta(hours=1))
	if decision.forget:
		return {LOCAL: None, CLOUD: None}, views
	if decision.status in (None, "Failed"):
		return dict(held), views
	source: Side = CLOUD if rule.writes(LOCAL) else LOCAL
	theirs = views[source].fields or {}
	return {side: _held(decision, held.get(side), views[side], theirs) for side in SIDES}, views


def _held(decision: Decision, before: Held | None, now: View, source: Fields) -> Held | None:
	if now.fields is None:
		return replace(before, fields={}) if before and decision.accepted else before
	old = before.fields if before else {}
	fields = {name: value for name, value in now.fields.items() if name not in decision.held_back}
	back = source if decision.status == "Diverged" and decision.settled in get_args(Choice) else old
	fields.update({name: back[name] for name in decision.held_back if name in back})
	return Held(fields, "then")


def changed(held: Held | None, now: View) -> set[str]:
	"""The fields that a side is known to have changed since the last sync; at first contact all that say something."""
	base = held.fields if held else {}
	return {
		name
		for name, value in (now.fields or {}).items()
		if (was := base.get(name, MISSING)) != value and not (was is MISSING and value is None)
	}


def meta(doctype: str, *fields: Field, children: Mapping[str, Meta] | None = None, **more: Any) -> Meta:
	return Meta(doctype, {f.name: f for f in fields}, children=children or {}, **more)
