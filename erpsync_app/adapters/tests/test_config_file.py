# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from erpsync_app.adapters.config_file import DELETES, LARGEST_LIMIT, NAMINGS, SUBMITS, Config, dump, parse
from erpsync_app.adapters.yaml_nodes import MAX_LENGTH, ConfigError
from erpsync_app.engine.model import DIRECTIONS, MEGABYTE, POLICIES, Rule
from erpsync_app.engine.rules import OPERATORS, check_filters

DJANGO = """\
sync_rules:
  doctypes:
    - Customer
    - Item
    - Sales Order
    - Territory
  exclude_fields: [modified, owner]
  conflict_resolution: manual
  doctype_rules:
    Item:
      direction: cloud_to_local
      priority: cloud
    Customer:
      priority: local
    Sales Order:
      priority: latest_timestamp
      direction: local_to_cloud
  retry:
    max_attempts: 5
    backoff_seconds: 60
  batch_size: 50
"""

EXTENDED = """\
sync_rules:
  doctypes: [Customer, Item]
  doctype_rules:
    Customer:
      priority: manual
      enabled: no
      naming: own
      deletes: ask
      attachments: no
      attachment_limit_mb: 3
      tags: yes
      comments: yes
      assignments: yes
      match_fields: [tax_id, customer_name]
      exclude_fields: [image]
      field_map: {vip: custom_vip}
      filters:
        - [disabled, "=", 0]
        - [creation, ">=", 2026-01-31]
        - [territory, in, [India, "No"]]
        - [posting_time, "<", 12:30:00]
"""

KNOWN = {"Customer", "Item", "Sales Order", "Territory"}


def usual_naming(doctype):
	assert doctype in KNOWN, "asked only of what the site has"
	return "own" if doctype == "Sales Order" else "keep"


def read(text):
	return parse(text, known_doctypes=KNOWN.__contains__, usual_naming=usual_naming)


def read_anything(text):
	return parse(text, known_doctypes=lambda name: True, usual_naming=lambda name: "keep")


def problems_of(text):
	with pytest.raises(ConfigError) as caught:
		read(text)
	assert str(caught.value) == "\n".join(caught.value.problems)
	return list(caught.value.problems)


def test_the_format_of_the_django_version():
	assert read(DJANGO) == Config(
		rules=(
			Rule("Customer", policy="local_wins"),
			Rule("Item", direction="cloud_to_local", policy="cloud_wins"),
			Rule("Sales Order", direction="local_to_cloud", policy="latest_timestamp", naming="own"),
			Rule("Territory", policy="manual"),
		),
		exclude_fields=frozenset({"modified", "owner"}),
		max_attempts=5,
		backoff_seconds=60,
		batch_size=50,
	)


def test_the_keys_that_are_new():
	customer = Rule(
		"Customer",
		policy="manual",
		naming="own",
		deletes="ask",
		attachments=False,
		file_limit=3 * MEGABYTE,
		tags=True,
		comments=True,
		assignments=True,
		match_fields=("tax_id", "customer_name"),
		exclude=frozenset({"image"}),
		field_map={"vip": "custom_vip"},
		filters=(
			("disabled", "=", 0),
			("creation", ">=", "2026-01-31"),
			("territory", "in", ["India", "No"]),
			("posting_time", "<", "12:30:00"),
		),
	)
	assert read(EXTENDED) == Config(rules=(customer, Rule("Item")), disabled=frozenset({"Customer"}))


def test_what_the_file_leaves_out_is_left_open():
	assert read("sync_rules: {doctypes: []}") == Config(())
	assert read("sync_rules: {doctypes: [], exclude_fields: []}").exclude_fields == frozenset()


def test_the_example_in_the_docs_is_read():
	page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
	examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
	assert examples
	for text in examples:
		config = read_anything(text)
		assert config.rules and read_anything(dump(config)) == config


def rules_of(rule, doctype="Item"):
	return f"sync_rules:\n  doctypes: [{doctype}]\n  doctype_rules:\n    {doctype}:\n      {rule}\n"


@pytest.mark.parametrize(
	("text", "expected"),
	[
		("", ["line 1: the file is empty; it must begin with 'sync_rules:'"]),
		("# nothing\n", ["line 1: the file is empty; it must begin with 'sync_rules:'"]),
		(
			"- a\n",
			[
				"line 1: the file must hold 'sync_rules:' with a list 'doctypes'",
				"line 1: the file must hold keys with values, not a list",
			],
		),
		(
			"doctypes: [Item]\n",
			[
				"line 1: the file must hold 'sync_rules:' with a list 'doctypes'",
				"line 1: unknown key 'doctypes' in the file; allowed: sync_rules",
			],
		),
		(
			"\nsync_rules:\n",
			[
				"line 2: sync_rules must hold keys with values, not nothing",
				"line 2: the file must hold 'sync_rules:' with a list 'doctypes'",
			],
		),
		(
			"sync_rules:\n  batch_size: 5\n",
			["line 2: the file must hold 'sync_rules:' with a list 'doctypes'"],
		),
		(
			"sync_rules:\n  doctypes: Item\n  doctype_rules: {Item: {}}\n",
			["line 2: doctypes must be a list, not 'Item'"],
		),
		(
			"sync_rules:\n  doctypes:\n    - Item\n    - Custmer\n",
			["line 4: this site has no DocType 'Custmer'; write it as the Desk does: Sales Order"],
		),
		("sync_rules:\n  doctypes: [Item,\n    Item]\n", ["line 3: 'Item' stands twice in doctypes"]),
		(
			"sync_rules:\n  doctypes: [Item, [], ~]\n",
			[
				"line 2: each of doctypes must be one value, not '~'",
				"line 2: each of doctypes must be one value, not a list",
			],
		),
		(
			"sync_rules:\n  doctypes: [Item]\n  batch_size: 5\n  batch_size: 6\n",
			["line 4: key 'batch_size' stands twice in sync_rules"],
		),
		(
			"sync_rules:\n  doctypes: [Item]\n  ? [a]\n  : 1\n",
			["line 3: each key in sync_rules must be one value, not a list"],
		),
		(
			rules_of("directoin: bidirectional"),
			[
				"line 5: unknown key 'directoin' in doctype_rules/Item (did you mean 'direction'?); allowed: "
				"direction, priority, naming, enabled, deletes, submit, attachments, attachment_limit_mb, "
				"tags, comments, assignments, match_fields, exclude_fields, field_map, filters"
			],
		),
		(
			rules_of("direction: both"),
			[
				"line 5: doctype_rules/Item/direction cannot be 'both'; "
				"allowed: bidirectional, cloud_to_local, local_to_cloud"
			],
		),
		(
			rules_of("priority: clod"),
			[
				"line 5: doctype_rules/Item/priority cannot be 'clod' (did you mean 'cloud'?); "
				"allowed: cloud, local, latest_timestamp, manual"
			],
		),
		(rules_of("priority:"), ["line 5: doctype_rules/Item/priority must be one value, not nothing"]),
		(
			rules_of("enabled: maybe"),
			["line 5: doctype_rules/Item/enabled must be true or false, not 'maybe'"],
		),
		(rules_of("match_fields: a"), ["line 5: doctype_rules/Item/match_fields must be a list, not 'a'"]),
		(rules_of("exclude_fields: [a b]"), ["line 5: 'a b' is not a fieldname, such as customer_name"]),
		(
			rules_of("field_map: {a: x, b: x, c: [], d e: z}"),
			[
				"line 5: 'd e' is not a fieldname, such as customer_name",
				"line 5: doctype_rules/Item/field_map leads two fields to 'x'",
				"line 5: doctype_rules/Item/field_map/c must be one value, not a list",
			],
		),
		(
			rules_of("filters: [[a, '~', 1], {a: 1}]"),
			[
				"line 5: doctype_rules/Item/filters: a filter is [field, operator, value], not {}",
				"line 5: doctype_rules/Item/filters: unknown operator '~' in the filter on a; "
				f"allowed: {', '.join(OPERATORS)}",
			],
		),
		(
			"sync_rules:\n  doctypes: [Item]\n  doctype_rules:\n    Itme: {}\n",
			["line 4: unknown DocType 'Itme' in doctype_rules (did you mean 'Item'?); allowed: Item"],
		),
		(
			"sync_rules:\n  doctypes: []\n  doctype_rules:\n    Item: {}\n",
			["line 4: unknown DocType 'Item' in doctype_rules; allowed: none"],
		),
		(
			"sync_rules:\n  doctypes: []\n  conflict_resolution: cloud\n",
			[
				"line 3: conflict_resolution cannot be 'cloud' (did you mean 'cloud_wins'?); "
				"allowed: latest_timestamp, cloud_wins, local_wins, manual"
			],
		),
		(
			"sync_rules:\n  doctypes: []\n  retry: {max_attempts: 101, backoff_seconds: 0}\n  batch_size: '5'\n",
			[
				"line 3: retry/backoff_seconds must be a number above 0, up to 86400, not '0'",
				"line 3: retry/max_attempts must be a whole number from 1 to 100, not '101'",
				"line 4: batch_size must be a whole number from 1 to 1000, not '5' in quotes",
			],
		),
		(
			"sync_rules:\n  doctypes: []\n  retry: {max_attempts: true, backoff_seconds: .inf}\n  batch_size: 2.5\n",
			[
				"line 3: retry/backoff_seconds must be a number above 0, up to 86400, not '.inf'",
				"line 3: retry/max_attempts must be a whole number from 1 to 100, not 'true'",
				"line 4: batch_size must be a whole number from 1 to 1000, not '2.5'",
			],
		),
		(
			"sync_rules:\n\tdoctypes: []\n",
			[
				"line 2: the file is not valid YAML: found character '\\t' that cannot start any token "
				"(indent with spaces)"
			],
		),
		(
			rules_of("filters: [[a, >, 1]]"),
			[
				"line 5: the file is not valid YAML: found character '>' that cannot start any token "
				"(operators and signs need quotes)"
			],
		),
		(
			rules_of("filters: [[a, !=, 1]]"),
			["line 5: tags (!) are not read; an operator such as '!=' needs quotes"],
		),
		(
			"a: &x [1]\nb: *x\nc: !!python/object:os.system {}\n",
			[
				"line 1: anchors and aliases (& and *) are not read; write the value out",
				"line 2: anchors and aliases (& and *) are not read; write the value out",
				"line 3: tags (!) are not read; an operator such as '!=' needs quotes",
			],
		),
		(
			"a: 1\n---\nb: 1\n",
			["line 2: the file is not valid YAML: but found another document"],
		),
		("a:\n b: '\x07'\n", ["line 2: the file holds a character that YAML does not allow"]),
		('a:\n b: "\\a"\n', ["line 2: '\\x07' holds a control character"]),
		("a: " + "[" * 5000, ["line 1: nested too deeply"]),
		(
			"x" * (MAX_LENGTH + 1),
			["line 1: the file is longer than 1000000 characters; is it the right one?"],
		),
	],
)
def test_each_mistake_is_named_by_its_line(text, expected):
	assert problems_of(text) == expected


def test_all_mistakes_are_told_at_once():
	lines = [problem.split(":")[0] for problem in problems_of(DJANGO.replace(": c", ": x").replace("5", "0"))]
	assert lines == ["line 11", "line 12", "line 19", "line 21"]


def test_a_plain_value_is_what_stands_there():
	assert read_anything("sync_rules: {doctypes: [No, 2026, 010]}").rules == (
		Rule("No"),
		Rule("2026"),
		Rule("010"),
	)


def test_dump_is_for_people():
	assert (
		dump(read(EXTENDED)).split("\n", 3)[3]
		== """\
sync_rules:
  doctypes: [Customer, Item]
  doctype_rules:
    Customer:
      direction: bidirectional
      priority: manual
      naming: own
      enabled: false
      deletes: ask
      attachments: false
      attachment_limit_mb: 3
      tags: true
      comments: true
      assignments: true
      match_fields: [tax_id, customer_name]
      exclude_fields: [image]
      field_map: {vip: custom_vip}
      filters:
      - [disabled, '=', 0]
      - [creation, '>=', '2026-01-31']
      - - territory
        - in
        - [India, 'No']
      - [posting_time, <, '12:30:00']
    Item: {direction: bidirectional, priority: latest_timestamp, naming: keep}
"""
	)


def test_rules_that_share_a_list_are_written_out():
	shared = [("territory", "in", ["India", "Nepal"])]
	config = Config((Rule("Item", filters=tuple(shared)), Rule("Customer", filters=tuple(shared))))
	assert read(dump(config)) == config


def is_meaningful(item):
	try:
		check_filters([item])
	except ValueError:
		return False
	return True


# YAML has no spelling for other control characters; Frappe's fields hold none either.
_text = st.text(
	st.characters(exclude_categories=["Cc", "Cs", "Cn"]) | st.sampled_from("\t\n\u2028\x85"), min_size=1
)
_fieldname = st.from_regex(r"\w+", fullmatch=True) | st.sampled_from(["on", "null", "_user_tags", "0"])
_scalar = (
	st.none()
	| st.booleans()
	| st.integers()
	| st.floats(allow_nan=False, allow_infinity=False)
	| _text
	| st.just("")
	| st.sampled_from(["2026-01-31", "12:30:00", "0x1F", "yes", "~", "=", "<<", "1.0e+999", ".inf", "1_000"])
)
_filter = st.tuples(_fieldname, st.sampled_from(OPERATORS), _scalar | st.lists(_scalar)).filter(is_meaningful)
_rule = st.builds(
	Rule,
	doctype=_text,
	direction=st.sampled_from(DIRECTIONS),
	policy=st.sampled_from(POLICIES),
	filters=st.lists(_filter, max_size=3).map(tuple),
	field_map=st.lists(
		st.tuples(_fieldname, _fieldname), unique_by=(lambda p: p[0], lambda p: p[1]), max_size=3
	).map(dict),
	exclude=st.frozensets(_fieldname, max_size=3),
	match_fields=st.lists(_fieldname, unique=True, max_size=3).map(tuple),
	naming=st.sampled_from(NAMINGS),
	deletes=st.sampled_from(DELETES),
	submit=st.sampled_from(SUBMITS),
	attachments=st.booleans(),
	file_limit=st.integers(1, LARGEST_LIMIT).map(lambda megabytes: megabytes * MEGABYTE),
	tags=st.booleans(),
	comments=st.booleans(),
	assignments=st.booleans(),
	follows=st.just(False),
)


@st.composite
def configs(draw):
	rules = tuple(draw(st.lists(_rule, unique_by=lambda rule: rule.doctype, max_size=4)))
	return Config(
		rules=rules,
		disabled=frozenset(rule.doctype for rule in rules if draw(st.booleans())),
		exclude_fields=draw(st.none() | st.frozensets(_fieldname, max_size=3)),
		max_attempts=draw(st.none() | st.integers(1, 100)),
		backoff_seconds=draw(st.none() | st.integers(1, 86400) | st.floats(0, 86400, exclude_min=True)),
		batch_size=draw(st.none() | st.integers(1, 1000)),
	)


@settings(deadline=None)
@given(configs())
def test_what_is_written_is_read_back(config):
	text = dump(config)
	assert read_anything(text) == config
	assert dump(read_anything(text)) == text


def only_config_error(text):
	try:
		assert isinstance(read(text), Config)
	except ConfigError as error:
		assert error.problems
		str(error).encode()  # can be shown


@settings(deadline=None)
@given(st.text())
@example('"\\UFFFFFFFF"')
@example('"\\ud800"')
@example("\ud800")
@example(f"%YAML {'9' * 5000}.1\n--- a")
@example("\ufeffsync_rules: {doctypes: []}")
def test_any_text_is_read_or_refused(text):
	only_config_error(text)


_piece = st.sampled_from(
	[
		*re.findall(r"\w+|\W", DJANGO + EXTENDED),
		"\t",
		"&a ",
		"*a",
		"!!int ",
		"? ",
		"--- ",
		"<<",
		"|\n",
		"'",
		"%",
		"\\",
	]
)


@settings(deadline=None)
@given(st.lists(_piece).map("".join), st.integers(0, len(DJANGO)), st.integers(0, 30), st.booleans())
def test_any_mangled_file_is_read_or_refused(piece, at, cut, old):
	text = DJANGO if old else EXTENDED
	only_config_error(text[:at] + piece + text[at + cut :])


_key = st.sampled_from(["sync_rules", *re.findall(r"(\w+):", DJANGO + EXTENDED)]) | _text
_any_value = _scalar | st.sampled_from([*KNOWN, *DIRECTIONS, "cloud"])
_anything = st.recursive(
	_any_value,
	lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_key, inner, max_size=3),
	max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(_key, _anything, max_size=5))
def test_any_structure_is_read_or_refused(section):
	only_config_error(yaml.safe_dump({"sync_rules": section}))
