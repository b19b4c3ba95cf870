// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Record", {
	refresh(frm) {
		erpsync.watch_only(frm);
		const { ref_doctype, local_name, cloud_name } = frm.doc;
		if (local_name) {
			frm.add_custom_button(
				__("Local Document"),
				() => frappe.set_route("Form", ref_doctype, local_name),
				__("Go To")
			);
		}
		if (cloud_name) {
			frm.add_custom_button(
				__("Cloud Document"),
				() => erpsync.open_cloud(ref_doctype, cloud_name),
				__("Go To")
			);
		}
		frm.add_custom_button(
			__("Log"),
			() =>
				frappe.set_route("List", "Sync Log", {
					ref_doctype,
					...(local_name ? { local_name } : { cloud_name }),
				}),
			__("Show")
		);
		frm.add_custom_button(
			__("Conflicts"),
			() => frappe.set_route("List", "Sync Conflict", { record: frm.doc.name }),
			__("Show")
		);
		if (erpsync.may_act()) frm.add_custom_button(__("Sync Now"), () => sync_now(frm));
	},
});

async function sync_now(frm) {
	await erpsync.sync_now(frm.doc.name);
	setTimeout(() => frm.reload_doc(), 2000);
}
