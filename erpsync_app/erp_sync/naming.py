# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""How a DocType names its documents on this site, as far as sync cares: is the name made of what the document says, or
did a counter make it, so that both sites would give the same name to different documents?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import frappe
from frappe.model.base_document import get_controller

from erpsync_app.adapters.local_meta import handlers, has_naming_rule, named_by_code
from erpsync_app.engine.numbers import ANY

STOCK = ("frappe", "erpnext")
"""The apps whose controllers are known here. What another app's controller makes the name of, nobody here knows."""

OF_FIELDS = frozenset(
	(
		*(
			"Account",
			"AccountingPeriod",
			"BankAccount",
			"CostCenter",
			"CouponCode",
			"CurrencyExchange",
			"Department",
		),
		*(
			"DunningType",
			"ItemTaxTemplate",
			"PaymentGatewayAccount",
			"ProductBundle",
			"SalesPartner",
			"Warehouse",
		),
		*("PurchaseTaxesandChargesTemplate", "SalesTaxesandChargesTemplate", "ImportSupplierInvoice"),
		*(
			"BlogCategory",
			"HelpCategory",
			"WebsiteGenerator",
			"WebsiteRouteMeta",
			"CustomField",
			"PropertySetter",
		),
		*(
			"EmailAccount",
			"Notification",
			"PackageRelease",
			"PermissionType",
			"ScheduledJobType",
			"SocialLoginKey",
		),
		*("RoleProfile", "User", "File", "IntegrationRequest"),
		# A person types it, or it is the one that is printed on the goods.
		"Batch",
	)
)
"""The classes whose `autoname` makes the name of what the document says, or at random."""

NUMBERED = r"-\d+$"
LINKED = r"\d{4}"
NAMED_AND_NUMBERED = {
	# They name as well what they belong to, which may have a number for a name.
	"Address": f"{NUMBERED}|{LINKED}",
	"Contact": f"{NUMBERED}|{LINKED}",
	"AutoEmailReport": NUMBERED,
	"NumberCard": NUMBERED,
	"Page": NUMBERED,
	"Customer": r" - \d+$",
}
"""The classes whose `autoname` does so, and adds a number where that name is taken: what fits the names with one."""

COUNTING = frozenset(("BOM", "Employee", "PersonalDataDeletionRequest"))

BY_SETTING = {
	"Campaign": "campaign_naming_by",
	"Customer": "cust_master_name",
	"Item": "item_naming_by",
	"Supplier": "supp_master_name",
}
"""The classes of which a setting says whether a series names them."""

BUNDLES = "SerialandBatchBundle", "set_serial_and_batch_bundle_naming_based_on_naming_series"

BEFORE_NAMING = ("before_naming", "before_insert")


def usual_naming(meta) -> str:
	"""`own` where a counter of the site makes the names, or nobody here knows what does; else `keep`: the name says which
	document it is."""
	return "own" if counter(meta) == ANY else "keep"


def counter(meta, seen: tuple[str, ...] = ()) -> str:
	"""A pattern that fits the names which a counter may have made; "" where none does. `seen` is as in `counts`."""
	pattern = ANY if counts(meta, seen) else _pattern(meta, seen)
	if pattern == ANY or not meta.is_submittable:
		return pattern
	return "|".join(filter(None, (pattern, NUMBERED)))  # Frappe numbers what was amended


def counter_of(doctype: str) -> str:
	"""The same by the name of a DocType, which this site may lack."""
	return counter(frappe.get_meta(doctype)) if frappe.db.exists("DocType", doctype) else ""


def counts(meta, seen: tuple[str, ...] = ()) -> bool:
	"""Whether a counter is known to make the names. `seen` are DocTypes whose names are made of this one's."""
	if has_naming_rule(meta.name):
		return True
	autoname = (meta.autoname or "").lower()
	if autoname in ("autoincrement", "prompt", "uuid"):
		return autoname == "autoincrement"
	name = _stock_controller(meta.name)
	if name in BY_SETTING:
		by = frappe.defaults.get_global_default(BY_SETTING[name])
		if name in ("Customer", "Supplier") and by not in (f"{name} Name", "Naming Series"):
			return _option_counts(meta, seen)  # their third choice: what Customize Form says
		return by == "Naming Series"
	if name == BUNDLES[0]:
		return bool(frappe.db.get_single_value("Stock Settings", BUNDLES[1]))
	if name or named_by_code(meta.name):
		return name in COUNTING
	return _option_counts(meta, seen)


def _option_counts(meta, seen: tuple[str, ...]) -> bool:
	autoname = (meta.autoname or "").lower()
	if autoname.startswith("naming_series:") or "#" in autoname:
		return True
	return any(counts(target, (*seen, meta.name)) for target in _named_after(meta, seen))


def _pattern(meta, seen: tuple[str, ...]) -> str:
	"""Of a DocType that is not known to count."""
	name = _stock_controller(meta.name)
	known = name in BY_SETTING or name == BUNDLES[0] or name in OF_FIELDS | NAMED_AND_NUMBERED.keys()
	if not known and (meta.autoname or "").lower() not in ("prompt", "uuid"):
		if name or named_by_code(meta.name) or _is_set_before(meta):
			return ANY
	if any(counter(target, (*seen, meta.name)) == ANY for target in _named_after(meta, seen)):
		return ANY
	return NAMED_AND_NUMBERED.get(name, "")


def _named_after(meta, seen: tuple[str, ...]) -> Iterator[Any]:
	"""The meta data of the DocTypes whose names are part of this one's: if those are counted, this one is a number too."""
	names = ["new_item_code"] if _stock_controller(meta.name) == "ProductBundle" else _fields_of(meta)
	for field in filter(None, map(meta.get_field, names)):
		if field.fieldtype == "Link" and field.options not in (None, meta.name, *seen):
			yield frappe.get_meta(field.options)


def _fields_of(meta) -> list[str]:
	"""The fields that Frappe makes the name of."""
	kind, _, told = (meta.autoname or "").partition(":")
	if kind.lower() == "field":
		return [told.strip()]
	return re.findall(r"\{\s*(\w+)\s*\}", told) if kind.lower() == "format" else []


def _stock_controller(doctype: str) -> str:
	"""The class whose `autoname` makes the names, if Frappe or ERPNext brings it and no other app has a hand in it."""
	method = getattr(get_controller(doctype), "autoname", None)
	if method is None or any(handlers(doctype, "autoname")) or not _is_stock(method):
		return ""
	return method.__qualname__.split(".")[0]


def _is_stock(method: Any) -> bool:
	return str(getattr(method, "__module__", "")).split(".")[0] in STOCK


def _is_set_before(meta) -> bool:
	"""Whether what another app brings, or a Server Script, may set the name, or a field that it is made of, before Frappe
	makes the name. It is looked for in its source, and where there is none, it may."""
	doctype, controller = meta.name, get_controller(meta.name)
	words = "|".join(["name", *_fields_of(meta)])
	sets = re.compile(
		rf"\.({words})\s*=(?!=)|\bset\(\s*[\"']({words})[\"']|\bupdate\([^)]*[\"']?({words})[\"']?\s*[:=]"
		rf"|\[[\"']({words})[\"']\]\s*=(?!=)"
	)
	sources = frappe.get_all(
		"Server Script",
		{"reference_doctype": doctype, "doctype_event": "Before Insert", "disabled": 0},
		pluck="script",
		order_by="name asc",
	)
	for event in BEFORE_NAMING:
		methods = [getattr(controller, event, None), *map(frappe.get_attr, handlers(doctype, event))]
		for method in methods:
			if method is not None and not _is_stock(method):
				sources += _sources(method, controller, set())
	return any(source is None or sets.search(source) for source in sources)


def _sources(method: Callable, controller: type, seen: set[str]) -> Iterator[str | None]:
	"""The source of a method and of the methods of its document that it calls; None of one that has none."""
	try:
		source = inspect.getsource(method)
	except (OSError, TypeError):
		yield None
		return
	yield source
	for name in re.findall(r"\bself\.(\w+)\(", source):
		called = getattr(controller, name, None)
		if name not in seen and inspect.isfunction(called) and not _is_stock(called):
			seen.add(name)
			yield from _sources(called, controller, seen)
