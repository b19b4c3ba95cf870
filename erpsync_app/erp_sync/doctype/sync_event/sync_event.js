// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Event", {
	refresh(frm) {
		erpsync.watch_only(frm);
		if (frm.doc.next_try) {
			// It is kept in UTC, and shown as the clock of whoever looks shows it.
			const due = new Date(`${frm.doc.next_try.replace(" ", "T")}Z`);
			frm.set_intro(__("Next try: {0}", [due.toLocaleString()]), "blue");
		}
		if (!erpsync.may_act() || frm.doc.state === "Processing") return;
		frm.add_custom_button(__("Retry Now"), async () => {
			await erpsync.retry_events([frm.doc.name]);
			frappe.set_route("List", "Sync Event");
		});
	},
});
