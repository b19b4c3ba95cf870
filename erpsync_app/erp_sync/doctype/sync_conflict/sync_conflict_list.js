// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.listview_settings["Sync Conflict"] = {
	add_fields: ["status"],
	hide_name_column: true,
	hide_name_filter: true,
	filters: [["status", "=", "Open"]],
	formatters: {
		...erpsync.list_words("resolution"),
		clashes: (value) =>
			erpsync.list_text(JSON.parse(value || "[]").map((clash) => clash.field).join(", ")),
	},
	get_indicator(doc) {
		const colour = { Open: "orange", Resolved: "green" }[doc.status];
		return [__(doc.status), colour, `status,=,${doc.status}`];
	},
	onload(listview) {
		if (!erpsync.may_act()) return;
		for (const { choice, label } of erpsync.choices()) {
			listview.page.add_actions_menu_item(label, async () => {
				if (!(await erpsync.settle(listview.get_checked_items(true), choice))) return;
				listview.clear_checked_items();
				listview.refresh();
			});
		}
	},
};
