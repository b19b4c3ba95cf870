# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Whitelisted methods of the local site, called in this process as a request would call them."""

from __future__ import annotations

import inspect
from typing import Any

import frappe
from frappe.model.base_document import get_controller

from erpsync_app.engine.model import Call, Document


def make(call: Call, flag: str, about: tuple[str, str]) -> Document | None:
	"""Make the call (see `engine.ports.Site.call`). Meanwhile the `flag` of the process says which document it is about:
	the method reads that by itself, so it cannot bear one."""
	frappe.local.flags[flag] = about
	try:
		return _make(call)
	finally:
		frappe.local.flags.pop(flag, None)


def _make(call: Call) -> Document | None:
	if call.document is None:
		function = frappe.get_attr(call.method)
		frappe.is_whitelisted(function)
		function(**call.arguments)
		return None
	stored = () if call.document.get("__islocal") else (call.document["doctype"], call.document["name"])
	doc = frappe.get_doc(*stored) if stored else frappe.get_doc(call.document)
	doc.is_whitelisted(call.method)
	doc.run_method(call.method, **call.arguments)
	return doc.as_dict()


def status_method(doctype: str) -> tuple[str, str] | None:
	"""See `engine.ports.Site.status_method`."""
	controller = get_controller(doctype)
	module = inspect.getmodule(controller)
	for name, function in sorted(vars(module).items()) if module else ():
		if module and _gives_status(name, function, module.__name__):
			others = [argument for argument in inspect.signature(function).parameters if argument != "status"]
			# Of many documents at once it is another kind of method.
			if len(others) == 1 and others[0] != "names":
				return f"{module.__name__}.{name}", others[0]
	for name, function in sorted(vars(controller).items()):
		if _gives_status(name, function, controller.__module__):
			if list(inspect.signature(function).parameters) == ["self", "status"]:
				return name, ""
	return None


def _gives_status(name: str, function: Any, module: str) -> bool:
	return (
		"status" in name
		and inspect.isfunction(function)
		and function in frappe.whitelisted
		and function.__module__ == module
		and "status" in inspect.signature(function).parameters
	)
