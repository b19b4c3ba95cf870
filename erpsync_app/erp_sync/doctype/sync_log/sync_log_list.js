// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.listview_settings["Sync Log"] = {
	add_fields: ["outcome", "direction", "changed_fields"],
	hide_name_column: true,
	hide_name_filter: true,
	formatters: {
		operation(value, df, doc) {
			const to = { cloud_to_local: __("Local"), local_to_cloud: __("Cloud") }[doc.direction];
			const operation = erpsync.word("operation", value);
			return erpsync.list_text(to ? `${operation} → ${to}` : operation);
		},
		message: (value, df, doc) =>
			erpsync.list_text(value || cstr(doc.changed_fields).split("\n").join(", ")),
	},
	get_indicator(doc) {
		const colour = { Success: "green", Failure: "red", Conflict: "orange" }[doc.outcome];
		return [__(doc.outcome), colour, `outcome,=,${doc.outcome}`];
	},
	onload(listview) {
		erpsync.words_in_filters(listview);
		listview.page.add_field(
			{
				fieldtype: "DateRange",
				fieldname: "creation",
				label: __("Date"),
				condition: "Between",
				onchange: () => listview.filter_area.refresh_list_view(),
			},
			listview.filter_area.standard_filters_wrapper
		);
	},
};
