// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Log", {
	refresh(frm) {
		erpsync.watch_only(frm);
		const { ref_doctype, local_name, operation, outcome } = frm.doc;
		const overwritten = JSON.parse(frm.doc.overwritten || "{}");
		show_overwritten(frm, overwritten);
		if (local_name) {
			frm.add_custom_button(__("Open Document"), () => frappe.set_route("Form", ref_doctype, local_name));
		}
		const undoable = ["update", "rename", "delete"].includes(operation) && Object.keys(overwritten).length;
		if (outcome === "Success" && undoable && erpsync.may_act()) {
			const label = operation === "delete" ? __("Restore") : __("Put Back");
			frm.add_custom_button(label, () => erpsync.undo(frm.doc.name));
		}
	},
});

function show_overwritten(frm, overwritten) {
	const rows = Object.entries(overwritten).map(([field, before]) => ({ field, before }));
	const place = frm.get_field("overwritten_html").$wrapper.empty();
	if (!rows.length) return;
	frappe.model.with_doctype(frm.doc.ref_doctype, () => {
		place.html(erpsync.side_by_side(frm.doc.ref_doctype, rows, { before: __("Previously") }));
	});
}
