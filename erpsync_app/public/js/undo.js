// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

// Puts back what a sync overwrote or deleted, after a person has seen what that changes.

import { fields_that_clash, side_by_side } from "./clashes";
import { escape } from "./escape";

frappe.provide("erpsync");

/** Ask about a line of the Sync Log, or `only` some fields of it, and undo it. Answers whether it was undone. */
erpsync.undo = async (log, only = []) => {
	const told = await frappe.xcall("erpsync_app.api.desk.look_at_undo", { log, only });
	await frappe.model.with_doctype(told.doctype);
	const deleted = told.operation === "delete";
	const named = `${__(told.doctype)} ${told.name}`;
	const columns = deleted ? { before: __("Previously") } : { before: __("Previously"), now: __("Now") };
	const said = [
		deleted
			? __("{0} is restored here, and created again on the cloud.", [named])
			: __("What stood here before is written to {0}, and crosses to the cloud.", [named]),
	];
	if (told.edited.length) {
		said.push(__("Someone has changed {0} since: that is overwritten.", [told.edited.join(", ")]));
	}
	return new Promise((resolve) => {
		let done = false;
		const dialog = new frappe.ui.Dialog({
			title: deleted ? __("Restore {0}", [named]) : __("Put Back What Sync Overwrote"),
			size: "large",
			fields: [{ fieldname: "what", fieldtype: "HTML" }],
			primary_action_label: deleted ? __("Restore") : __("Put Back"),
			async primary_action() {
				const over_edits = told.edited.length ? 1 : 0;
				const name = await frappe.xcall("erpsync_app.api.desk.undo", { log, only, over_edits });
				done = true;
				dialog.hide();
				const link = frappe.utils.get_form_link(told.doctype, name, true);
				frappe.show_alert({ message: __("{0} is as it was before.", [link]), indicator: "green" });
			},
			on_hide: () => resolve(done),
		});
		if (told.edited.length) dialog.get_primary_btn().removeClass("btn-primary").addClass("btn-danger");
		const paragraphs = said.map((text) => `<p>${escape(text)}</p>`).join("");
		dialog.get_field("what").$wrapper.html(paragraphs + side_by_side(told.doctype, told.fields, columns));
		dialog.show();
	});
};

/** The line of the Sync Log that tells what the loser of a settled conflict was overwritten with; null if none does. */
erpsync.line_of_conflict = async (conflict) => {
	const lines = await frappe.db.get_list("Sync Log", {
		filters: {
			ref_doctype: conflict.ref_doctype,
			local_name: conflict.local_name,
			outcome: "Success",
			operation: ["in", ["update", "delete"]],
			creation: [">=", conflict.opened_on],
		},
		fields: ["name", "changed_fields"],
		order_by: "creation asc",
	});
	const fields = fields_that_clash(conflict);
	const tells = ({ changed_fields }) =>
		!fields.length || cstr(changed_fields).split("\n").some((field) => fields.includes(field));
	return lines.find(tells)?.name || null;
};
