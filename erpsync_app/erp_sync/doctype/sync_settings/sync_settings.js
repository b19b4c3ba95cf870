// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Settings", {
	refresh(frm) {
		frm.set_intro("");
		frm.was_paused = frm.doc.paused ? { reason: frm.doc.pause_reason } : null;
		if (frm.doc.paused) show_pause(frm);
		else if (frm.doc.last_error) frm.set_intro(as_html(frm.doc.last_error), "orange");
		if (frappe.user.has_role("System Manager")) {
			frm.add_custom_button(__("Test Connections"), () => erpsync.test_connections());
		}
		if (erpsync.may_act() && frm.doc.enabled && !frm.doc.paused) {
			frm.add_custom_button(__("Sync All Now"), () => erpsync.sync_all());
		}
	},

	// By whatever way Paused is cleared: sync goes on with what stopped it.
	before_save(frm) {
		if (!frm.was_paused || frm.doc.paused) return;
		return new Promise((resolve) => {
			const stay = async () => {
				frappe.validated = false;
				await frm.set_value({ paused: 1, pause_reason: frm.was_paused.reason });
				resolve();
			};
			frappe.confirm(__("Sync goes on, with what stopped it as well. Have you looked at it?"), resolve, stay);
		});
	},
	paused(frm) {
		if (!frm.doc.paused) frm.set_value("pause_reason", "");
	},
});

function as_html(text) {
	return frappe.utils.escape_html(text).replace(/\n+/g, "<br>");
}

function show_pause(frm) {
	const reason = as_html(frm.doc.pause_reason || __("Someone paused it here."));
	frm.set_intro(`<b>${__("Sync is paused.")}</b> ${reason}`, "red");
	if (!frm.perm[0]?.write) return;
	frm.add_custom_button(__("Resume Sync"), async () => {
		await frm.set_value("paused", 0);
		frm.save();
	}).addClass("btn-primary");
}
