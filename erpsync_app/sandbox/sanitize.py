# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What Frappe makes of a text that looks like HTML when it saves it: unknown tags and loose characters escaped.

As far as whole tags without attributes go; what a browser would have to guess about, it leaves as it is.
"""

from __future__ import annotations

import json
import re

ALLOWED = frozenset(
	"a b blockquote br code div em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s small span strong sub sup table tbody td"
	" th thead tr u ul".split()
)
TAG = re.compile(r"</?([a-zA-Z][\w-]*)[^<>]*>")
LOOSE_AMPERSAND = re.compile(r"&(?!#?\w+;)")


def sanitized(text: str) -> str:
	"""Texts without a tag, and JSON, stay as they are."""
	if not TAG.search(text) or _is_json(text):
		return text
	parts, end = [], 0
	for tag in TAG.finditer(text):
		parts.append(_escaped(text[end : tag.start()]))
		parts.append(tag[0] if tag[1].lower() in ALLOWED else _escaped(tag[0]))
		end = tag.end()
	return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
	return LOOSE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def _is_json(text: str) -> bool:
	try:
		json.loads(text)
	except ValueError:
		return False
	return True
