# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The rooms of DESIGN and what may lead where, held by reading the source of the whole project."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2]
REPO = PACKAGE.parent
MAX_LINES = 400

# The adapters that need no bench, so that the sandbox drives the same REST client as a site does.
BENCHLESS = {
	f"erpsync_app.adapters.{name}"
	for name in (
		"cloud_site",
		"compat",
		"files",
		"keyset",
		"rest_account",
		"rest_client",
		"rest_errors",
		"rest_files",
		"rest_meta",
		"rest_reader",
		"trail",
		"workflows",
	)
}
# What each room may import beside the standard library: names, with all that is below them.
ROOMS = {
	"engine": {"erpsync_app.engine"},
	# urllib3 is what requests is made of, and tells whether a request was sent at all.
	"adapters": {"erpsync_app.engine", "erpsync_app.adapters", "erpsync_app.__version__"}
	| {"frappe", "requests", "urllib3", "yaml"},
	"sandbox": {"erpsync_app.engine", "erpsync_app.sandbox", "erpsync_app.__version__", "requests"}
	| BENCHLESS,
}
VERSION = re.compile(r"(\w+_)?version|__version__")


def modules(room: Path = PACKAGE) -> list[Path]:
	"""The Python files of a room that are not tests."""
	return sorted(path for path in room.rglob("*.py") if "tests" not in path.relative_to(PACKAGE).parts)


def parsed(path: Path) -> ast.Module:
	return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(tree: ast.AST, package: str) -> Iterator[str]:
	"""All that a module of `package` imports, anywhere in it, by full name."""
	for node in ast.walk(tree):
		if isinstance(node, ast.Import):
			yield from (alias.name for alias in node.names)
		elif isinstance(node, ast.ImportFrom):
			base = package.split(".")[: -(node.level - 1) or None] if node.level else []
			source = ".".join([*base, node.module] if node.module else base)
			yield from (f"{source}.{alias.name}" for alias in node.names)


def strangers(tree: ast.Module, package: str, allowed: set[str]) -> list[str]:
	return [
		name
		for name in imports(tree, package)
		if name.split(".")[0] not in sys.stdlib_module_names
		and not any(f"{name}.".startswith(f"{one}.") for one in allowed)
	]


def branches_on_version(tree: ast.Module) -> bool:
	"""Whether Frappe's version is read, or a version compared. Python's own (`sys`) and SQLite's may be."""
	for node in ast.walk(tree):
		if isinstance(node, ast.ImportFrom) and "frappe.__version__" in imports(node, ""):
			return True
		if isinstance(node, ast.Attribute) and ast.unparse(node) == "frappe.__version__":
			return True
		if isinstance(node, ast.Compare) and any(VERSION.fullmatch(word) for word in identifiers(node)):
			return True
	return False


def identifiers(tree: ast.AST) -> Iterator[str]:
	for node in ast.walk(tree):
		if isinstance(node, ast.Name):
			yield node.id
		elif isinstance(node, ast.Attribute):
			yield node.attr


def enqueues(tree: ast.Module) -> bool:
	calls = (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
	return any(re.fullmatch(r"(frappe\.(\w+\.)*)?(enqueue|enqueue_doc)", call) for call in calls)


def shown(path: Path) -> str:
	return path.relative_to(REPO).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room):
	found = {}
	for path in modules(PACKAGE / room):
		package = ".".join(path.relative_to(REPO).parent.parts)
		if names := strangers(parsed(path), package, ROOMS[room]):
			found[shown(path)] = names
	assert not found


def test_what_the_sandbox_shares_with_the_site_needs_no_bench():
	allowed = {"erpsync_app.engine", "erpsync_app.__version__", "requests", "urllib3"} | BENCHLESS
	files = [PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py") for name in sorted(BENCHLESS)]
	assert not [shown(path) for path in files if strangers(parsed(path), "erpsync_app.adapters", allowed)]


def test_only_compat_branches_on_the_version_of_frappe():
	compat = PACKAGE / "adapters" / "compat.py"
	assert not [shown(path) for path in modules() if path != compat and branches_on_version(parsed(path))]


def test_only_jobs_enqueues():
	jobs = PACKAGE / "jobs.py"
	assert not [shown(path) for path in modules() if path != jobs and enqueues(parsed(path))]


def test_no_file_of_code_is_too_long():
	scripts = [path for path in (REPO / "scripts").rglob("*") if path.is_file() and "tests" not in path.parts]
	code = [*modules(), *(PACKAGE.rglob("*.js")), *(path for path in scripts if path.suffix != ".pyc")]
	lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in code}
	assert not {name: length for name, length in lengths.items() if length > MAX_LINES}


def test_git_urls_are_never_rewritten():
	# Written in two parts, as this file is read as well.
	word = ("instead" + "of").encode()
	tops = [PACKAGE, *(REPO / name for name in ("scripts", "docs", ".ci"))]
	files = [path for top in tops for path in top.rglob("*") if path.is_file() and path.suffix != ".pyc"]
	files += [path for path in REPO.glob("*") if path.is_file()]
	assert not [shown(path) for path in files if word in path.read_bytes().lower()]


@pytest.mark.parametrize(
	("source", "found"),
	[
		("import ast, json.decoder", []),
		("from erpsync_app.engine import model", []),
		("from erpsync_app.engine.model import Rule", []),
		("from . import model", []),
		("from .model import Rule", []),
		("import frappe", ["frappe"]),
		("def f():\n\timport requests", ["requests"]),
		("from erpsync_app import adapters", ["erpsync_app.adapters"]),
		("from .. import adapters", ["erpsync_app.adapters"]),
		("from ..adapters.compat import x", ["erpsync_app.adapters.compat.x"]),
		("import erpsync_app.engines", ["erpsync_app.engines"]),
	],
)
def test_a_stranger_in_the_engine_is_found(source, found):
	assert strangers(ast.parse(source), "erpsync_app.engine", ROOMS["engine"]) == found


@pytest.mark.parametrize(
	("source", "found"),
	[
		("x = frappe.__version__", True),
		("from frappe import __version__", True),
		("if frappe_version >= 16: pass", True),
		("if site.version.startswith('16') == True: pass", True),
		("if sys.version_info >= (3, 11) or sqlite3.sqlite_version_info > (3,): pass", False),
		("user_agent = f'erpsync/{__version__}'", False),
	],
)
def test_a_branch_on_the_version_is_found(source, found):
	assert branches_on_version(ast.parse(source)) is found


@pytest.mark.parametrize(
	("source", "found"),
	[
		("frappe.enqueue('x')", True),
		("frappe.utils.background_jobs.enqueue('x')", True),
		("enqueue('x')", True),
		("frappe.enqueue_doc('x')", True),
		("jobs.enqueue_drain()", False),
		("queue.put([event])", False),
	],
)
def test_an_enqueue_is_found(source, found):
	assert enqueues(ast.parse(source)) is found
