# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The German translation is whole, and the template knows what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import frappe
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from frappe.gettext.translate import get_method_map

PLACEHOLDER = re.compile(r"\{\d*\}|<[^>]*>|`[^`]*`")


@pytest.fixture(scope="module")
def app_path(site: None) -> Path:
	return Path(frappe.get_app_path("erpsync_app"))


@pytest.fixture(scope="module")
def template(app_path: Path) -> Catalog:
	return _catalog(app_path, "main.pot")


@pytest.fixture(scope="module")
def german(app_path: Path) -> Catalog:
	return _catalog(app_path, "de.po")


def _catalog(app_path: Path, name: str) -> Catalog:
	with open(app_path / "locale" / name, "rb") as file:
		return read_po(file)


def test_each_message_is_translated(template: Catalog, german: Catalog) -> None:
	told = {(m.id, m.context) for m in german if m.string and not m.fuzzy}
	assert [m.id for m in template if m.id and (m.id, m.context) not in told] == []


def test_what_is_filled_in_is_kept(german: Catalog) -> None:
	def kept(text: str) -> list[str]:
		return sorted(PLACEHOLDER.findall(text))

	assert [(m.id, m.string) for m in german if m.id and kept(m.id) != kept(m.string)] == []


def test_the_template_knows_what_the_code_says(app_path: Path, template: Catalog) -> None:
	"""Where this fails: `bench generate-pot-file --app erpsync_app`, and translate what is new."""
	known = {m.id for m in template}
	found = extract_from_dir(str(app_path), get_method_map("frappe"))
	said = {message for name, _line, message, *_ in found if message and name.endswith((".py", ".js"))}
	assert sorted(said - known) == []
