# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""The DocTypes of a sandbox site, as data: a part of Frappe's and ERPNext's, under their real names.

Of each DocType only what shows a way of behaving: own names, names from a field, a naming series, trees, child
tables, Links, unique values, submitting, fields that the site computes, references to rows, documents that the site makes
by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TABLES = frozenset(("Table", "Table MultiSelect"))
INTEGERS = frozenset(("Check", "Int"))
NUMBERS = frozenset(("Float", "Currency", "Percent"))
LENGTH = 140
"""Characters that a name and a Data, Link or Select field hold."""

STANDARD = ("name", "owner", "creation", "modified", "modified_by", "docstatus", "idx")
OF_ROWS = ("parent", "parentfield", "parenttype")
OF_DOCUMENTS = ("_user_tags",)
VARCHAR = frozenset(("Data", "Link", "Dynamic Link", "Select", "Read Only"))


@dataclass(frozen=True, slots=True)
class Column:
	"""One field. `default` is Frappe's: a text, "Today" for a date."""

	name: str
	type: str = "Data"
	options: str | None = None
	required: bool = False
	unique: bool = False
	read_only: bool = False
	on_submit: bool = False
	default: str | None = None
	fetch_from: str | None = None


@dataclass(frozen=True, slots=True)
class DocType:
	name: str
	columns: Mapping[str, Column]
	autoname: str | None = None
	row: bool = False
	tree: bool = False
	submittable: bool = False
	ignored_on_delete: bool = False
	"""Its Links do not stand in the way of a deletion (`ignore_links_on_delete`)."""

	tables: tuple[Column, ...] = field(init=False, default=())
	stored: tuple[Column, ...] = field(init=False, default=())
	all_stored: tuple[str, ...] = field(init=False, default=())

	def __post_init__(self) -> None:
		columns = self.columns.values()
		object.__setattr__(self, "tables", tuple(c for c in columns if c.type in TABLES))
		object.__setattr__(self, "stored", tuple(c for c in columns if c.type not in TABLES))
		object.__setattr__(self, "all_stored", (*self.standard, *(c.name for c in self.stored)))

	@property
	def standard(self) -> tuple[str, ...]:
		"""What Frappe keeps of each of its documents."""
		return (*STANDARD, *(OF_ROWS if self.row else OF_DOCUMENTS))

	@property
	def parent_field(self) -> str | None:
		return f"parent_{self.name.lower().replace(' ', '_')}" if self.tree else None


def _doctype(name: str, *columns: Column, **settings) -> DocType:
	return DocType(name, {c.name: c for c in columns}, **settings)


def _tree(name: str, *columns: Column) -> DocType:
	stem = name.lower().replace(" ", "_")
	return _doctype(
		name,
		Column(f"{stem}_name", required=True, unique=True),
		Column(f"parent_{stem}", "Link", name),
		Column("is_group", "Check", default="0"),
		*columns,
		Column("lft", "Int", read_only=True),
		Column("rgt", "Int", read_only=True),
		Column("old_parent", "Link", name, read_only=True),
		autoname=f"field:{stem}_name",
		tree=True,
	)


_ALL = (
	_tree("Customer Group"),
	_tree("Territory"),
	_tree("Item Group"),
	_doctype(
		"UOM",
		Column("uom_name", required=True, unique=True),
		Column("must_be_whole_number", "Check", default="0"),
		Column("enabled", "Check", default="1"),
		autoname="field:uom_name",
	),
	_doctype(
		"Party Account",
		Column("company", required=True),
		Column("account"),
		row=True,
	),
	_doctype(
		"Customer Credit Limit",
		Column("company", required=True),
		Column("credit_limit", "Currency"),
		Column("bypass_credit_limit_check", "Check", default="0"),
		row=True,
	),
	_doctype(
		"Customer",
		Column("naming_series", "Select", "CUST-.YYYY.-"),
		Column("customer_name", required=True),
		Column(
			"customer_type", "Select", "\nCompany\nIndividual\nPartnership", required=True, default="Company"
		),
		Column("customer_group", "Link", "Customer Group"),
		Column("territory", "Link", "Territory"),
		Column("tax_id"),
		Column("email_id", read_only=True),
		Column("mobile_no", read_only=True),
		Column("website"),
		Column("customer_details", "Text"),
		Column("disabled", "Check", default="0"),
		Column("default_commission_rate", "Float"),
		Column("credit_limits", "Table", "Customer Credit Limit"),
		Column("accounts", "Table", "Party Account"),
		autoname="naming_series:",
	),
	_doctype(
		"Item Barcode",
		Column("barcode", required=True, unique=True),
		Column("barcode_type", "Select", "\nEAN\nUPC-A\nISBN"),
		Column("uom", "Link", "UOM"),
		autoname="hash",
		row=True,
	),
	_doctype(
		"UOM Conversion Detail",
		Column("uom", "Link", "UOM"),
		Column("conversion_factor", "Float"),
		row=True,
	),
	_doctype(
		"Item",
		Column("item_code", required=True, unique=True),
		Column("item_name"),
		Column("item_group", "Link", "Item Group", required=True),
		Column("stock_uom", "Link", "UOM", required=True),
		Column("description", "Text Editor"),
		Column("standard_rate", "Currency"),
		Column("disabled", "Check", default="0"),
		Column("is_stock_item", "Check", default="1"),
		Column("end_of_life", "Date"),
		Column("image", "Attach Image"),
		Column("barcodes", "Table", "Item Barcode"),
		Column("uoms", "Table", "UOM Conversion Detail"),
		autoname="field:item_code",
	),
	_doctype(
		"Sales Order Item",
		Column("item_code", "Link", "Item", required=True),
		Column("item_name", required=True, fetch_from="item_code.item_name"),
		Column("delivery_date", "Date", on_submit=True),
		Column("qty", "Float", required=True),
		Column("rate", "Currency"),
		Column("amount", "Currency", read_only=True),
		autoname="hash",
		row=True,
	),
	_doctype(
		"Sales Order",
		Column("naming_series", "Select", "SAL-ORD-.YYYY.-", required=True, default="SAL-ORD-.YYYY.-"),
		Column("customer", "Link", "Customer", required=True),
		Column("customer_name", fetch_from="customer.customer_name", read_only=True),
		Column("transaction_date", "Date", required=True, default="Today"),
		Column("delivery_date", "Date", on_submit=True),
		Column("po_no", on_submit=True),
		Column("items", "Table", "Sales Order Item", required=True),
		Column("total_qty", "Float", read_only=True),
		Column("grand_total", "Currency", read_only=True),
		Column(
			"status",
			"Select",
			"\nDraft\nOn Hold\nTo Deliver and Bill\nCancelled\nClosed",
			read_only=True,
			default="Draft",
		),
		Column("amended_from", "Link", "Sales Order", read_only=True),
		autoname="naming_series:",
		submittable=True,
	),
	_doctype(
		"Delivery Note Item",
		Column("item_code", "Link", "Item", required=True),
		Column("qty", "Float", required=True),
		Column("against_sales_order", "Link", "Sales Order", read_only=True),
		Column("so_detail", read_only=True),
		Column("parent_row"),
		autoname="hash",
		row=True,
	),
	_doctype(
		"Delivery Note",
		Column("naming_series", "Select", "MAT-DN-.YYYY.-", required=True, default="MAT-DN-.YYYY.-"),
		Column("customer", "Link", "Customer", required=True),
		Column("posting_date", "Date", required=True, default="Today"),
		Column("instructions", "Text"),
		Column("items", "Table", "Delivery Note Item", required=True),
		Column("total_qty", "Float", read_only=True),
		Column("amended_from", "Link", "Delivery Note", read_only=True),
		autoname="naming_series:",
		submittable=True,
	),
	_doctype(
		"Item Price",
		Column("item_code", "Link", "Item", required=True),
		Column("price_list_rate", "Currency", required=True),
		Column("reference"),
		Column("note", "Text"),
		autoname="hash",
	),
	_doctype(
		"ToDo",
		Column("status", "Select", "Open\nClosed\nCancelled", default="Open"),
		Column("priority", "Select", "High\nMedium\nLow", default="Medium"),
		Column("date", "Date", default="Today"),
		Column("description", "Text Editor", required=True),
		Column("reference_type"),
		Column("reference_name", "Dynamic Link", "reference_type"),
		Column("allocated_to"),
		autoname="hash",
		ignored_on_delete=True,
	),
	_doctype(
		"Note",
		Column("title", required=True),
		Column("public", "Check", default="0"),
		Column("expire_notification_on", "Date"),
		Column("content", "Text Editor"),
		autoname="hash",
	),
	_doctype(
		"Comment",
		Column("comment_type", "Select", "Comment\nEdit", default="Comment"),
		Column("reference_doctype"),
		Column("reference_name", "Dynamic Link", "reference_doctype"),
		Column("content", "HTML Editor"),
		Column("comment_by"),
	),
	_doctype(
		"Tag Link",
		Column("document_type", read_only=True),
		Column("document_name", "Dynamic Link", "document_type", read_only=True),
		Column("tag", read_only=True),
		autoname="hash",
		ignored_on_delete=True,
	),
	_doctype(
		"File",
		Column("file_name"),
		Column("file_url", "Code"),
		Column("content_hash"),
		Column("is_private", "Check", default="0"),
		Column("file_size", "Int"),
		Column("attached_to_doctype"),
		Column("attached_to_name"),
		Column("attached_to_field"),
		Column("is_folder", "Check", default="0"),
		autoname="hash",
		ignored_on_delete=True,
	),
	_doctype(
		"Deleted Document",
		Column("deleted_name", read_only=True),
		Column("deleted_doctype", read_only=True),
		Column("restored", "Check", read_only=True, default="0"),
		Column("new_name", "Read Only"),
		Column("data", "Code", read_only=True),
		autoname="hash",
		ignored_on_delete=True,
	),
)

HANGING = (
	("Comment", "reference_doctype", "reference_name"),
	("ToDo", "reference_type", "reference_name"),
	("Tag Link", "document_type", "document_name"),
)
"""What hangs at a document by its name: it goes with the document, without a trace of its own."""

DOCTYPES: Mapping[str, DocType] = {d.name: d for d in _ALL}


def columns_of(doctype: DocType) -> tuple[str, ...]:
	"""Everything that the DocType's table stores."""
	return doctype.all_stored


def links_to(target: str) -> list[tuple[DocType, Column]]:
	"""Every Link field that points to a DocType."""
	return [(d, c) for d in _ALL for c in d.stored if c.type == "Link" and c.options == target]
