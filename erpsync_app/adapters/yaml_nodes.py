# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Reads YAML as nodes, never as objects: lines stay known, a value is what stands there, and no tag, alias or
nesting has an effect. Every problem is collected, so that one reading tells all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from math import isfinite
from typing import Any

import yaml

MAX_LENGTH = 1_000_000
MAX_DEPTH = 10


class ConfigError(ValueError):
	"""The file cannot be used. `problems` are sentences for a person, each beginning with its line."""

	def __init__(self, problems: Iterable[tuple[int, str]]):
		self.problems = tuple(f"line {line}: {message}" for line, message in sorted(problems))
		super().__init__("\n".join(self.problems))


def compose(text: str) -> yaml.Node:
	"""The root node of a text that is plain YAML: one document without anchors, aliases, tags or deep nesting."""
	if len(text) > MAX_LENGTH:
		raise ConfigError([(1, f"the file is longer than {MAX_LENGTH} characters; is it the right one?")])
	problems: list[tuple[int, str]] = []
	depth = 0
	try:
		for event in yaml.parse(text, Loader=yaml.SafeLoader):
			line = event.start_mark.line + 1
			if getattr(event, "anchor", None):
				problems.append((line, "anchors and aliases (& and *) are not read; write the value out"))
			if getattr(event, "tag", None):
				problems.append((line, "tags (!) are not read; an operator such as '!=' needs quotes"))
			if isinstance(event, yaml.ScalarEvent) and yaml.reader.Reader.NON_PRINTABLE.search(event.value):
				problems.append((line, f"{show(event.value)} holds a control character"))
			depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
			if depth > MAX_DEPTH:
				# Composing recurses, so a deeper text must not get there.
				problems.append((line, "nested too deeply"))
				break
		root = None if problems else yaml.compose(text, Loader=yaml.SafeLoader)
	except yaml.YAMLError as error:
		problems.append(_syntax_problem(error, text))
	except (ValueError, OverflowError) as error:
		# PyYAML lets these through for an escape such as "\UFFFFFFFF", without a line.
		problems.append((1, f"the file is not valid YAML: {error}"))
	if problems:
		raise ConfigError(problems)
	if root is None:
		raise ConfigError([(1, "the file is empty; it must begin with 'sync_rules:'")])
	return root


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[int, str]:
	if isinstance(error, yaml.reader.ReaderError):
		return text.count("\n", 0, error.position) + 1, "the file holds a character that YAML does not allow"
	mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
	problem = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
	hint = ""
	if "cannot start any token" in problem:
		hint = " (indent with spaces)" if r"'\t'" in problem else " (operators and signs need quotes)"
	return mark.line + 1 if mark else 1, f"the file is not valid YAML: {problem}{hint}"


class NodeReader:
	"""Takes nodes for what they should be. `where` names the place for a person. Where a node is something else,
	that is noted in `problems`, and the answer is None or leaves the wrong part out; for no node it is None or
	empty."""

	def __init__(self) -> None:
		self.problems: list[tuple[int, str]] = []

	def note(self, node: yaml.Node, message: str) -> None:
		self.problems.append((node.start_mark.line + 1, message))

	def mapping(
		self, node: yaml.Node | None, where: str, allowed: Collection[str] | None, *, kind: str = "key"
	) -> dict[str, yaml.Node]:
		"""The values by their key. `allowed` None allows every key; `kind` is what a key is called."""
		if not isinstance(node, yaml.MappingNode):
			self._note_unless_none(node, f"{where} must hold keys with values")
			return {}
		found: dict[str, yaml.Node] = {}
		for key_node, value_node in node.value:
			key = self.text(key_node, f"each {kind} in {where}")
			if key is None:
				continue
			if key in found:
				self.note(key_node, f"{kind} {show(key)} stands twice in {where}")
			elif allowed is not None and key not in allowed:
				self.note(key_node, f"unknown {kind} {show(key)} in {where}{_allowed(key, allowed)}")
			else:
				found[key] = value_node
		return found

	def sequence(self, node: yaml.Node | None, where: str) -> list[yaml.Node]:
		if isinstance(node, yaml.SequenceNode):
			return node.value
		self._note_unless_none(node, f"{where} must be a list")
		return []

	def names(self, node: yaml.Node | None, where: str) -> dict[str, yaml.Node]:
		"""A list of texts, each of them once, in their order."""
		names: dict[str, yaml.Node] = {}
		for item in self.sequence(node, where):
			name = self.text(item, f"each of {where}")
			if name in names:
				self.note(item, f"{show(name)} stands twice in {where}")
			elif name is not None:
				names[name] = item
		return names

	def text(self, node: yaml.Node | None, where: str) -> str | None:
		"""What stands there, whatever YAML would make of it: `no` and `2026` are texts."""
		if isinstance(node, yaml.ScalarNode) and value(node) not in (None, ""):
			return node.value
		self._note_unless_none(node, f"{where} must be one value")
		return None

	def choice(self, node: yaml.Node | None, where: str, allowed: Collection[str]) -> str | None:
		word = self.text(node, where)
		if node is None or word is None or word in allowed:
			return word
		self.note(node, f"{where} cannot be {show(word)}{_allowed(word, allowed)}")
		return None

	def flag(self, node: yaml.Node | None, where: str) -> bool | None:
		if node is not None and isinstance(told := value(node), bool):
			return told
		self._note_unless_none(node, f"{where} must be true or false")
		return None

	def whole_number(self, node: yaml.Node | None, where: str, low: int, high: int) -> int | None:
		if node is not None and type(told := value(node)) is int and low <= told <= high:
			return told
		self._note_unless_none(node, f"{where} must be a whole number from {low} to {high}")
		return None

	def positive_number(self, node: yaml.Node | None, where: str, high: int) -> float | None:
		if node is not None and type(told := value(node)) in (int, float) and 0 < told <= high:
			return told
		self._note_unless_none(node, f"{where} must be a number above 0, up to {high}")
		return None

	def _note_unless_none(self, node: yaml.Node | None, message: str) -> None:
		if node is not None:
			self.note(node, f"{message}, not {_kind(node)}")


def value(node: yaml.Node) -> Any:
	"""A plain value or a list of them. Dates stay texts, and so does a number that only YAML takes for one,
	such as 12:30:00 or 0x1F."""
	if isinstance(node, yaml.SequenceNode):
		return [value(item) for item in node.value]
	if isinstance(node, yaml.MappingNode):
		return {}
	kind = node.tag.rpartition(":")[2]
	if kind == "null":
		return None
	if kind == "bool":
		return node.value.lower() in ("yes", "true", "on")
	if kind in ("int", "float"):
		try:
			number = int(node.value) if kind == "int" else float(node.value)
		except ValueError:
			return node.value
		return number if isfinite(number) else node.value
	return node.value


def _kind(node: yaml.Node) -> str:
	if isinstance(node, yaml.ScalarNode):
		return f"{show(node.value) if node.value else 'nothing'}{' in quotes' if node.style else ''}"
	return "a list" if isinstance(node, yaml.SequenceNode) else "keys with values"


def _allowed(word: str, allowed: Collection[str]) -> str:
	near = get_close_matches(word, list(allowed), n=1)
	guess = f" (did you mean {near[0]!r}?)" if near else ""
	return f"{guess}; allowed: {', '.join(allowed) or 'none'}"


def show(text: str) -> str:
	return repr(text if len(text) <= 60 else f"{text[:60]}…")
