// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.listview_settings["Sync Rule"] = {
	add_fields: ["enabled"],
	hide_name_column: true,
	hide_name_filter: true,
	formatters: erpsync.list_words("direction", "policy", "naming", "deletes"),
	get_indicator(doc) {
		return doc.enabled
			? [__("Enabled"), "green", "enabled,=,1"]
			: [__("Disabled"), "gray", "enabled,=,0"];
	},
	onload: (listview) => erpsync.words_in_filters(listview),
};
