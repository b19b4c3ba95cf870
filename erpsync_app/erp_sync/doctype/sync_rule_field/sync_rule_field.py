# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from frappe.model.document import Document


class SyncRuleField(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		cloud_field: DF.Data
		local_field: DF.Autocomplete
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
	# end: auto-generated types
	pass
