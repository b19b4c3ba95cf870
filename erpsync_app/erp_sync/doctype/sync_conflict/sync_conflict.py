# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt

from frappe.model.document import Document


class SyncConflict(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		clashes: DF.Code | None
		cloud_name: DF.Data | None
		local_name: DF.Data | None
		opened_on: DF.Datetime | None
		record: DF.Link | None
		ref_doctype: DF.Link
		refused: DF.Code | None
		resolution: DF.Literal[
			"",
			"latest_timestamp",
			"cloud_wins",
			"local_wins",
			"direction",
			"Keep local",
			"Keep cloud",
			"By hand",
			"Converged",
			"Edit beats delete",
			"Merge beats edit",
			"Submit beats edit",
		]
		resolved_by: DF.Link | None
		resolved_on: DF.Datetime | None
		status: DF.Literal["Open", "Resolved"]
		winner: DF.Literal["", "local", "cloud"]
	# end: auto-generated types
	pass
