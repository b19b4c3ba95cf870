// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Log", {
	refresh(frm) {
		erpsync.watch_only(frm);
	},
});
