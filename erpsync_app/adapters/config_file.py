# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The YAML file that `import-config` reads and `export-config` writes; its format is told in docs/rules.md.

It is the format of the earlier Django version, with more keys for each DocType. Pure: text in, `Config` out,
or a `ConfigError` that names every problem by its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from erpsync_app.adapters.yaml_nodes import ConfigError, NodeReader, compose, show, value
from erpsync_app.engine.model import DIRECTIONS, MEGABYTE, OPTIONS, POLICIES, Rule
from erpsync_app.engine.rules import check_filters

Naming = Literal["keep", "own"]

PRIORITIES = {
	"cloud": "cloud_wins",
	"local": "local_wins",
	"latest_timestamp": "latest_timestamp",
	"manual": "manual",
}
NAMINGS: tuple[Naming, ...] = ("keep", "own")
DELETES = ("propagate", "keep", "ask")
SUBMITS = ("follow", "draft")
LARGEST_LIMIT = 1024

SECTION_KEYS = ("doctypes", "exclude_fields", "conflict_resolution", "doctype_rules", "retry", "batch_size")
ALWAYS_TOLD = ("direction", "priority", "naming")
RETRY_KEYS = ("max_attempts", "backoff_seconds")
RULE_KEYS = (
	"direction",
	"priority",
	"naming",
	"enabled",
	"deletes",
	"submit",
	"attachments",
	"attachment_limit_mb",
	*OPTIONS,
	"match_fields",
	"exclude_fields",
	"field_map",
	"filters",
)

HEADER = """\
# What is synced, and how. Written by `bench --site SITE erpsync export-config`,
# read by `bench --site SITE erpsync import-config FILE`. Every key is explained in docs/rules.md.
# There are no secrets in here: addresses and keys stay in Sync Settings.
"""


@dataclass(frozen=True, slots=True)
class Config:
	"""What a file says. None stands for what it leaves as it is on the site.

	`rules` are in the order of the file; those of the DocTypes in `disabled` are kept but not carried out.
	`exclude_fields` holds for every DocType, on top of each rule's own `exclude`.
	"""

	rules: tuple[Rule, ...]
	disabled: frozenset[str] = frozenset()
	exclude_fields: frozenset[str] | None = None
	max_attempts: int | None = None
	backoff_seconds: float | None = None
	batch_size: int | None = None


def parse(
	text: str, *, known_doctypes: Callable[[str], bool], usual_naming: Callable[[str], Naming]
) -> Config:
	"""What the file says, or a ConfigError with all that is wrong with it.

	`known_doctypes` tells whether the site has a DocType of that name; `usual_naming` the naming of such a one
	where the file is silent, as every file of the Django version is: "keep" for a naming series would take two
	different orders for one.
	"""
	reader = _ConfigReader(known_doctypes, usual_naming)
	config = reader.config(compose(text))
	if reader.problems:
		raise ConfigError(reader.problems)
	return config


def dump(config: Config) -> str:
	"""The file that says the same: `parse` reads it back as an equal Config."""
	section: dict[str, Any] = {"doctypes": [rule.doctype for rule in config.rules]}
	if config.exclude_fields is not None:
		section["exclude_fields"] = sorted(config.exclude_fields)
	section["doctype_rules"] = {
		rule.doctype: _rule_as_data(rule, enabled=rule.doctype not in config.disabled)
		for rule in config.rules
	}
	retry = {"max_attempts": config.max_attempts, "backoff_seconds": config.backoff_seconds}
	section["retry"] = {key: value for key, value in retry.items() if value is not None}
	section["batch_size"] = config.batch_size
	section = {key: value for key, value in section.items() if key == "doctypes" or value not in (None, {})}
	# default_flow_style=None writes what holds nothing nested on one line: a filter, a short rule.
	body = yaml.dump(
		{"sync_rules": section},
		Dumper=_Dumper,
		sort_keys=False,
		allow_unicode=True,
		default_flow_style=None,
		width=100,
	)
	return HEADER + body


class _Dumper(yaml.SafeDumper):
	def ignore_aliases(self, data: Any) -> bool:
		"""Two rules may share one list of values; `parse` takes no aliases."""
		return True

	def represent_str(self, data: str) -> yaml.ScalarNode:
		"""Line breaks are written as escapes: in YAML's other styles not every one of them survives."""
		style = None if data.splitlines() == [data] else '"'
		return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _rule_as_data(rule: Rule, *, enabled: bool) -> dict[str, Any]:
	"""Direction and priority are always told, as they matter most, and naming, whose default depends on the
	DocType; the rest where it is not the default."""
	default = _all_as_data(Rule(rule.doctype), enabled=True)
	told = _all_as_data(rule, enabled=enabled)
	return {key: told[key] for key in told if key in ALWAYS_TOLD or told[key] != default[key]}


def _all_as_data(rule: Rule, *, enabled: bool) -> dict[str, Any]:
	return {
		"direction": rule.direction,
		"priority": next(word for word, policy in PRIORITIES.items() if policy == rule.policy),
		"naming": rule.naming,
		"enabled": enabled,
		"deletes": rule.deletes,
		"submit": rule.submit,
		"attachments": rule.attachments,
		"attachment_limit_mb": rule.file_limit // MEGABYTE,
		**{option: getattr(rule, option) for option in OPTIONS},
		"match_fields": list(rule.match_fields),
		"exclude_fields": sorted(rule.exclude),
		"field_map": dict(sorted(rule.field_map.items())),
		"filters": [list(one) for one in rule.filters],
	}


class _ConfigReader(NodeReader):
	def __init__(self, known_doctypes: Callable[[str], bool], usual_naming: Callable[[str], Naming]):
		super().__init__()
		self._known_doctypes = known_doctypes
		self._usual_naming = usual_naming

	def config(self, root: yaml.Node) -> Config:
		section = self.mapping(root, "the file", ("sync_rules",)).get("sync_rules")
		keys = self.mapping(section, "sync_rules", SECTION_KEYS)
		listed = keys.get("doctypes")
		if listed is None:
			self.note(section or root, "the file must hold 'sync_rules:' with a list 'doctypes'")
		doctypes = self.names(listed, "doctypes")
		usual_naming: dict[str, Naming] = {}
		for doctype, node in doctypes.items():
			if self._known_doctypes(doctype):
				usual_naming[doctype] = self._usual_naming(doctype)
			else:
				self.note(
					node, f"this site has no DocType {show(doctype)}; write it as the Desk does: Sales Order"
				)
		policy = self.choice(keys.get("conflict_resolution"), "conflict_resolution", POLICIES)
		# Without a list of DocTypes there is one problem, not one more for each rule.
		allowed = doctypes if isinstance(listed, yaml.SequenceNode) else None
		told = self.mapping(keys.get("doctype_rules"), "doctype_rules", allowed, kind="DocType")
		rules = [
			self._rule(doctype, told.get(doctype), policy, usual_naming.get(doctype)) for doctype in doctypes
		]
		retry = self.mapping(keys.get("retry"), "retry", RETRY_KEYS)
		return Config(
			rules=tuple(rule for rule, _ in rules),
			disabled=frozenset(rule.doctype for rule, enabled in rules if not enabled),
			exclude_fields=self._fieldnames(keys.get("exclude_fields"), "exclude_fields", frozenset),
			max_attempts=self.whole_number(retry.get("max_attempts"), "retry/max_attempts", 1, 100),
			backoff_seconds=self.positive_number(
				retry.get("backoff_seconds"), "retry/backoff_seconds", 86400
			),
			batch_size=self.whole_number(keys.get("batch_size"), "batch_size", 1, 1000),
		)

	def _rule(
		self, doctype: str, node: yaml.Node | None, policy: str | None, naming: Naming | None
	) -> tuple[Rule, bool]:
		"""The rule of one DocType, and whether it is enabled. `policy` and `naming` hold where it is silent."""
		where = f"doctype_rules/{doctype}"
		keys = self.mapping(node, where, RULE_KEYS)
		priority = self.choice(keys.get("priority"), f"{where}/priority", PRIORITIES)
		limit = self.whole_number(
			keys.get("attachment_limit_mb"), f"{where}/attachment_limit_mb", 1, LARGEST_LIMIT
		)
		told = {
			"direction": self.choice(keys.get("direction"), f"{where}/direction", DIRECTIONS),
			"policy": PRIORITIES[priority] if priority else policy,
			"naming": self.choice(keys.get("naming"), f"{where}/naming", NAMINGS) or naming,
			"deletes": self.choice(keys.get("deletes"), f"{where}/deletes", DELETES),
			"submit": self.choice(keys.get("submit"), f"{where}/submit", SUBMITS),
			"attachments": self.flag(keys.get("attachments"), f"{where}/attachments"),
			"file_limit": limit * MEGABYTE if limit else None,
			**{option: self.flag(keys.get(option), f"{where}/{option}") for option in OPTIONS},
			"match_fields": self._fieldnames(keys.get("match_fields"), f"{where}/match_fields", tuple),
			"exclude": self._fieldnames(keys.get("exclude_fields"), f"{where}/exclude_fields", frozenset),
			"field_map": self._field_map(keys.get("field_map"), f"{where}/field_map"),
			"filters": self._filters(keys.get("filters"), f"{where}/filters"),
		}
		rule = Rule(doctype, **{key: value for key, value in told.items() if value is not None})
		return rule, self.flag(keys.get("enabled"), f"{where}/enabled") is not False

	def _field_map(self, node: yaml.Node | None, where: str) -> dict[str, str]:
		pairs: dict[str, str] = {}
		for local, cloud_node in self.mapping(node, where, None).items():
			cloud = self.text(cloud_node, f"{where}/{local}")
			if cloud is None:
				continue
			self._check_fieldname(cloud_node, local)
			self._check_fieldname(cloud_node, cloud)
			if cloud in pairs.values():
				self.note(cloud_node, f"{where} leads two fields to {show(cloud)}")
			pairs[local] = cloud
		return pairs

	def _filters(self, node: yaml.Node | None, where: str) -> tuple[tuple[str, str, Any], ...]:
		filters = []
		for item in self.sequence(node, where):
			one = value(item)
			try:
				check_filters([one])
			except ValueError as error:
				self.note(item, f"{where}: {error}")
			else:
				filters.append(tuple(one))
		return tuple(filters)

	def _fieldnames(
		self, node: yaml.Node | None, where: str, collect: Callable[[Iterable[str]], Any]
	) -> Any | None:
		if node is None:
			return None
		names = self.names(node, where)
		for name, name_node in names.items():
			self._check_fieldname(name_node, name)
		return collect(names)

	def _check_fieldname(self, node: yaml.Node, name: str) -> None:
		if not re.fullmatch(r"\w+", name):
			self.note(node, f"{show(name)} is not a fieldname, such as customer_name")
