// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Settings", {
	refresh(frm) {
		frm.set_intro("");
		frm.was_paused = frm.doc.paused ? { reason: frm.doc.pause_reason } : null;
		if (frm.doc.paused) show_pause(frm);
		else if (frm.doc.last_error) frm.set_intro(as_html(frm.doc.last_error), "orange");
		if (frappe.user.has_role("System Manager")) {
			frm.add_custom_button(__("Test Connections"), () => saved(frm) && erpsync.test_connections());
			if (frm.doc.keep_webhooks) {
				frm.add_custom_button(__("Set Up Webhooks"), () => saved(frm) && set_up_webhooks(frm));
			}
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

/** What is tested is what is stored. */
function saved(frm) {
	if (frm.is_dirty()) frappe.msgprint(__("Save your changes first."));
	return !frm.is_dirty();
}

async function set_up_webhooks(frm) {
	frappe.dom.freeze(__("The webhooks are made on the cloud, and one is sent …"));
	try {
		const { number, problem } = await frappe.xcall("erpsync_app.api.desk.set_up_webhooks");
		if (problem) frappe.msgprint({ title: __("Webhooks"), message: as_html(problem), indicator: "orange" });
		else {
			const told = __("{0} webhooks are on the cloud, and one has arrived here.", [number]);
			frappe.show_alert({ message: told, indicator: "green" });
		}
	} finally {
		frappe.dom.unfreeze();
		frm.reload_doc();
	}
}

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
