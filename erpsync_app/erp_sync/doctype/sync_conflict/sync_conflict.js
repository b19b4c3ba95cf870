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
		if (!erpsync.may_act()) return;
		if (frm.doc.winner) frm.add_custom_button(__("Use the Other Version"), () => use_other(frm));
		if (frm.doc.status !== "Open") return;
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
		if (erpsync.has_fields_to_choose(frm.doc)) {
			frm.add_custom_button(__("Choose by Field"), async () => {
				if (await erpsync.settle_by_field(frm.doc)) frm.reload_doc();
			});
		}
	},
});

function show_clashes(frm) {
	const clashes = JSON.parse(frm.doc.clashes || "[]");
	frappe.model.with_doctype(frm.doc.ref_doctype, () => {
		const said = `<p class="bold">${frappe.utils.escape_html(erpsync.summary(frm.doc))}</p><p class="last-edits"></p>`;
		frm.get_field("clashes_html").$wrapper.html(said + erpsync.clash_table(frm.doc.ref_doctype, clashes));
		if (frm.doc.status === "Open" && erpsync.may_act()) show_last_edits(frm);
	});
}

/** Who saved the document last, and when: the cloud is asked, so it comes after the rest. */
async function show_last_edits(frm) {
	const { name } = frm.doc;
	const edits = await frappe.xcall("erpsync_app.api.desk.last_edits", { conflict: name });
	if (frm.doc.name !== name) return;
	const told = Object.entries(edits).map(([side, { user, modified }]) =>
		__("{0}: last saved by {1}, {2}", [
			erpsync.word("side", side),
			user,
			frappe.datetime.str_to_user(modified),
		])
	);
	frm.get_field("clashes_html").$wrapper.find(".last-edits").text(told.join(" · "));
}

/** The version that lost is put back, on both sides. */
async function use_other(frm) {
	const log = await erpsync.line_of_conflict(frm.doc);
	if (log) return erpsync.undo(log, erpsync.fields_that_clash(frm.doc));
	frappe.msgprint(__("The Sync Log does not tell any more what was overwritten: the values above do."));
}
