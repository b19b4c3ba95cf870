# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""A Workflow document of Frappe's, as `engine.model.Workflow`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from erpsync_app.engine.model import Transition, Workflow

OF_EVERYBODY = frozenset(("All", "Guest", "Desk User"))
"""Roles that Frappe gives by itself; a user's profile does not list them."""


def is_workflow(doc: Mapping[str, Any]) -> bool:
	return doc.get("doctype") == "Workflow"


def workflow_of(doc: Mapping[str, Any], roles: Collection[str] | None) -> Workflow:
	"""`roles` are the sync user's; None for who has all, or where the site does not tell."""
	return Workflow(
		name=doc["name"],
		field=doc["workflow_state_field"],
		states={row["state"]: int(row.get("doc_status") or 0) for row in doc["states"]},
		transitions=tuple(
			Transition(
				row["state"],
				row["action"],
				row["next_state"],
				role=row["allowed"],
				mine=roles is None or row["allowed"] in OF_EVERYBODY or row["allowed"] in roles,
				self_approval=bool(row.get("allow_self_approval")),
			)
			for row in doc["transitions"]
		),
	)
