# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the lines of Frappe's Deleted Document trail keep of the documents that were deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from erpsync_app.adapters.files import file_of
from erpsync_app.engine.model import Deletion, Document, File

Kept = Mapping[str, Document]
"""Deleted documents by the name of the line that keeps them."""


def document_in(data: str | None) -> Document:
	"""The document, from the field `data` of a line; empty where that holds none."""
	try:
		doc = json.loads(data or "")
	except ValueError:
		return {}
	return doc if isinstance(doc, dict) else {}


def creations(deletions: Sequence[Deletion], kept: Kept) -> dict[Deletion, str]:
	"""The `creation` of each document, as its site tells it; those of which the trail does not say are left out."""
	told = {deletion: kept.get(deletion.cursor.name, {}).get("creation") for deletion in deletions}
	return {
		deletion: creation for deletion, creation in told.items() if creation and isinstance(creation, str)
	}


def deleted_files(kept: Kept) -> list[File]:
	"""The File records that were deleted."""
	return [file_of(doc) for doc in kept.values() if doc]
