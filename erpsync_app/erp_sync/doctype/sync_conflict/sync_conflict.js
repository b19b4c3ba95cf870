// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Conflict", {
	refresh(frm) {
		erpsync.watch_only(frm);
		show_clashes(frm);
		if (frm.doc.local_name) {
			const open = () => frappe.set_route("Form", frm.doc.ref_doctype, frm.doc.local_name);
			frm.add_custom_button(__("Local Document"), open, __("View"));
		}
		if (frm.doc.cloud_name) {
			const open = () => erpsync.open_cloud(frm.doc.ref_doctype, frm.doc.cloud_name);
			frm.add_custom_button(__("Cloud Document"), open, __("View"));
		}
		if (frm.doc.status !== "Open" || !erpsync.may_act()) return;
		if (frm.doc.refused) {
			frm.set_intro(frappe.utils.escape_html(frm.doc.refused), "red");
		} else if (frm.doc.resolved_by) {
			frm.set_intro(__("{0} has chosen; sync is about to carry it out.", [frm.doc.resolved_by]), "blue");
		}
		for (const { choice, label } of erpsync.choices()) {
			frm.add_custom_button(label, async () => {
				if (await erpsync.settle([frm.doc.name], choice, frm.doc)) frm.reload_doc();
			});
		}
	},
});

function show_clashes(frm) {
	const clashes = JSON.parse(frm.doc.clashes || "[]");
	frappe.model.with_doctype(frm.doc.ref_doctype, () => {
		const said = `<p class="bold">${frappe.utils.escape_html(erpsync.summary(frm.doc))}</p>`;
		frm.get_field("clashes_html").$wrapper.html(said + erpsync.clash_table(frm.doc.ref_doctype, clashes));
	});
}
