// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.listview_settings["Sync Record"] = {
	add_fields: ["status"],
	hide_name_column: true,
	hide_name_filter: true,
	formatters: { error: erpsync.list_text },
	onload: erpsync.show_all_columns,
	get_indicator(doc) {
		const colour = {
			Pending: "blue",
			Synced: "green",
			Diverged: "purple",
			Conflict: "orange",
			Failed: "red",
		}[doc.status];
		return [__(doc.status), colour, `status,=,${doc.status}`];
	},
};
