# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What a Sync Rule must be so that the engine can follow it. Each check raises one sentence for a person."""

import json
import re
from dataclasses import replace

import frappe
from frappe import _
from frappe.model import default_fields, no_value_fields, table_fields
from frappe.query_builder.functions import Count
from frappe.utils import escape_html

from erpsync_app.adapters import settings
from erpsync_app.adapters.local_site import LocalSite
from erpsync_app.adapters.settings import lines
from erpsync_app.engine import rules
from erpsync_app.engine.errors import Missing, SyncError
from erpsync_app.engine.files import FILE
from erpsync_app.engine.ordering import unbreakable
from erpsync_app.erp_sync.naming import counts
from erpsync_app.erp_sync.needs import unruled

MODULE = "ERP Sync"
MODULES_OF_POWER = (
	"Automation",
	"Core",
	"Custom",
	"Desk",
	"Email",
	"Integrations",
	"Printing",
	"Social",
	"Website",
	"Workflow",
)
"""Their documents are code, rights and keys: who syncs them can do anything on either site."""


def syncable(doctype: str):
	"""The meta data of `doctype`, if its documents can be synced."""
	meta = frappe.get_meta(doctype)
	reasons = (
		(meta.issingle, _("{0} cannot be synced: it is a single document.")),
		(meta.istable, _("{0} cannot be synced on its own: it is a child table, and goes with its parent.")),
		(getattr(meta, "is_virtual", 0), _("{0} cannot be synced: it is virtual, and has no table.")),
		(doctype == FILE, _("{0} cannot be synced on its own: a file goes with what it is attached to.")),
		(meta.module == MODULE, _("{0} cannot be synced: it belongs to sync itself.")),
	)
	for applies, sentence in reasons:
		if applies:
			frappe.throw(sentence.format(_(doctype)))
	if meta.module in MODULES_OF_POWER and "System Manager" not in frappe.get_roles():
		frappe.throw(
			_("Only a System Manager may sync {0}: it can hold code or rights.").format(_(doctype)),
			frappe.PermissionError,
		)
	return meta


def check_naming(rule, meta):
	"""Where both sites count, one number is two documents. With one direction only one site need count."""
	if rule.naming == "keep" and rule.direction == "bidirectional" and counts(meta):
		frappe.throw(
			_(
				"Naming cannot be keep: each site numbers its {0} documents by itself, and one number would stand for two of"
				" them. Choose own, or leave it empty."
			).format(_(meta.name))
		)


def tell_unruled(rule):
	"""What no document of this rule can do without may get its own rule next: no reason to refuse this one."""
	ruled = frappe.get_all("Sync Rule", {"enabled": 1}, pluck="name", order_by="name asc")
	excluded = settings.load().excluded.union(lines(rule.exclude_fields))
	if sentence := unruled(rule.ref_doctype, ruled, excluded):
		frappe.msgprint(escape_html(sentence), indicator="orange")


def tell_mandatory(rule, meta):
	"""A site may fill in what is mandatory, as the company: no reason to refuse a rule that leaves it out."""
	excluded = settings.load().excluded.union(lines(rule.exclude_fields))
	metas = [meta, *(frappe.get_meta(table.options) for table in meta.get_table_fields())]
	found = [
		field.label or field.fieldname
		for each in metas
		for field in each.fields
		# Of a Select Frappe fills in the first option.
		if field.fieldname in excluded and field.reqd and not field.default and field.fieldtype != "Select"
	]
	if found:
		frappe.msgprint(
			_(
				"{0} is mandatory, and left out: a site that does not fill it in by itself refuses each new {1} of the other site."
			).format(escape_html(", ".join(dict.fromkeys(found))), _(meta.name)),
			indicator="orange",
		)


def check_filters(rule, meta):
	if not rule.filters:
		return
	try:
		filters = json.loads(rule.filters)
	except ValueError:
		frappe.throw(_("The Filters are not valid JSON."))
	if not isinstance(filters, list):
		frappe.throw(_("The Filters must be a list of [fieldname, operator, value]."))
	try:
		rules.check_filters(filters)
	except ValueError as e:
		frappe.throw(_("The Filters cannot be used: {0}.").format(escape_html(str(e))))
	for fieldname, _operator, _value in filters:
		if fieldname not in default_fields:
			_check_value_field(fieldname, meta, _("Filters"))


def check_field_lists(rule, meta):
	for fieldname in lines(rule.match_fields):
		_check_value_field(fieldname, meta, _("Match Fields"))
	rows = [frappe.get_meta(table.options) for table in meta.get_table_fields()]
	for fieldname in lines(rule.exclude_fields):
		holder = next(
			(row for row in rows if row.has_field(fieldname)), meta
		)  # those of rows are left out as well
		_check_field(fieldname, meta if meta.has_field(fieldname) else holder, _("Excluded Fields"))


def check_field_map(rule, meta):
	"""Each field of a side stands for one field of the other."""
	local_fields, cloud_fields = set(), set()
	for row in rule.field_map:
		row.local_field, row.cloud_field = row.local_field.strip(), row.cloud_field.strip()
		_check_field(row.local_field, meta, _("Field Map"))
		if not re.fullmatch(r"\w+", row.cloud_field):
			frappe.throw(_("{0} in the Field Map is not a fieldname.").format(_show(row.cloud_field)))
		for fieldname, seen in ((row.local_field, local_fields), (row.cloud_field, cloud_fields)):
			if fieldname in seen:
				frappe.throw(_("The Field Map names {0} twice on one side.").format(_show(fieldname)))
			seen.add(fieldname)

	unmapped = {field.fieldname for field in meta.fields if field.fieldtype not in _LAYOUT}
	unmapped -= local_fields | set(lines(rule.exclude_fields)) | settings.load().excluded
	for fieldname in sorted(cloud_fields & unmapped):
		frappe.throw(
			_("{0} on the cloud would stand for two local fields: map or exclude the local {0} too.").format(
				_show(fieldname)
			)
		)


def check_cycles(rule):
	"""Of DocTypes that must link to each other in a circle, no document can be the first."""
	site = LocalSite()
	others = frappe.get_all("Sync Rule", {"enabled": 1, "name": ("!=", rule.ref_doctype)}, pluck="name")
	present = [name for name in others if frappe.db.exists("DocType", name)]
	if circle := unbreakable({name: site.meta(name) for name in [*present, rule.ref_doctype]}):
		frappe.throw(
			_("Each of these must link to the next, so none can be made first: {0}.").format(
				escape_html(" → ".join(circle))
			)
		)


def check_match_fields(rule):
	"""Documents that share the values of all match fields cannot be told apart."""
	fields = lines(rule.match_fields)
	if not fields:
		return
	table = frappe.qb.DocType(rule.ref_doctype)
	columns = [table[fieldname] for fieldname in fields]
	meeting = [*_filters(rule), *([fieldname, "is", "set"] for fieldname in fields)]
	query = frappe.qb.get_query(rule.ref_doctype, fields=fields, filters=meeting)
	shared = query.groupby(*columns).having(Count("*") > 1).limit(1).run()
	if shared:
		_refuse_shared(shared[0], _("this site"))


def check_with_cloud(rule):
	"""What the rule names has to be there on the cloud too. A cloud that cannot be asked now is asked by the next scan,
	which notes on the rule what does not cross."""
	from erpsync_app.runs import cloud_site

	renamed = {row.local_field: row.cloud_field for row in rule.field_map}
	match = [renamed.get(fieldname, fieldname) for fieldname in lines(rule.match_fields)]
	filters = rules.renamed(_filters(rule), renamed)
	named = {
		_("Field Map"): renamed.values(),
		_("Match Fields"): match,
		_("Filters"): [f[0] for f in filters],
	}
	current = settings.load()
	if not any(named.values()) or not (current.cloud_url and current.api_key and current.api_secret):
		return
	try:
		site = cloud_site(replace(current, connect_timeout=min(current.connect_timeout, PATIENCE)))
		known = {*site.meta(rule.ref_doctype).fields, *default_fields}
		missing = [(f, where) for where, fields in named.items() for f in fields if f not in known]
		shared = site.shared(rule.ref_doctype, match, filters) if match and not missing else None
	except Missing:
		frappe.throw(_("The cloud site has no DocType {0}.").format(_(rule.ref_doctype)))
	except SyncError as e:
		frappe.msgprint(_("Not checked with the cloud: {0}").format(escape_html(str(e))), indicator="orange")
		return
	for fieldname, where in missing:
		frappe.throw(
			_("{0} has no field {1} on the cloud, named under {2}.").format(
				_(rule.ref_doctype), _show(fieldname), where
			)
		)
	if shared:
		_refuse_shared(shared, _("the cloud site"))


def _filters(rule) -> list:
	"""Those of a rule whose filters are checked."""
	return json.loads(rule.filters or "[]")


def _refuse_shared(values, where: str):
	told = ", ".join(escape_html(str(value)) for value in values)
	frappe.throw(
		_(
			"The Match Fields cannot tell documents apart: on {0} several have {1}. Add a field that differs."
		).format(where, frappe.bold(told))
	)


PATIENCE = 5
"""Seconds that a person who saves a rule waits for a cloud that does not answer."""

_LAYOUT = set(no_value_fields) - set(table_fields)


def _check_field(fieldname, meta, where: str):
	field = meta.get_field(fieldname)
	if not field or field.fieldtype in _LAYOUT:
		frappe.throw(
			_("{0} has no field {1}, named under {2}.").format(_(meta.name), _show(fieldname), where)
		)
	return field


def _check_value_field(fieldname, meta, where: str):
	"""Of a child table, no single value can be compared."""
	if _check_field(fieldname, meta, where).fieldtype in table_fields:
		frappe.throw(_("{0} is a table and cannot stand under {1}.").format(_show(fieldname), where))


def _show(fieldname: str) -> str:
	return frappe.bold(escape_html(fieldname))
