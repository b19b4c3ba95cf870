// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.listview_settings["Sync Event"] = {
	add_fields: ["state", "kind", "attempts"],
	hide_name_column: true,
	hide_name_filter: true,
	formatters: {
		...erpsync.list_words("side"),
		error(value, df, doc) {
			const parts = [
				doc.kind === "delete" ? __("Deleted") : "",
				value,
				doc.attempts ? __("Attempts: {0}", [doc.attempts]) : "",
			];
			return erpsync.list_text(parts.filter(Boolean).join(" · "));
		},
	},
	get_indicator(doc) {
		const colour = { Pending: "blue", Processing: "orange", Failed: "red" }[doc.state];
		return [__(doc.state), colour, `state,=,${doc.state}`];
	},
	onload(listview) {
		erpsync.show_all_columns(listview);
		erpsync.words_in_filters(listview);
		if (!erpsync.may_act()) return;
		listview.page.add_actions_menu_item(__("Retry Now"), async () => {
			await erpsync.retry_events(listview.get_checked_items(true));
			listview.clear_checked_items();
			listview.refresh();
		});
	},
};
