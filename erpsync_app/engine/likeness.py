# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How much of what was sent a document still holds, whatever people and the site have made of it since."""

from __future__ import annotations

from typing import Any

from erpsync_app.engine.model import Fields
from erpsync_app.engine.rows import same_row


def likeness(sent: Fields, fields: Fields) -> float:
	"""The share of what was sent that is still there."""
	said = [name for name, value in sent.items() if value]
	return sum(kept(sent[name], fields.get(name)) for name in said) / max(len(said), 1)


def kept(sent: Any, now: Any) -> float:
	"""How much of a value is still there: of a table, the share of its rows."""
	if not isinstance(sent, list) or not sent:
		return whole(sent, now)
	return sum(any(same_row(row, each) for each in now or ()) for row in sent) / len(sent)


def whole(sent: Any, now: Any) -> bool:
	"""Whether a value is there as it was sent."""
	if not isinstance(sent, list):
		return sent == now
	return len(sent) == len(now or ()) and all(map(same_row, sent, now or ()))
