// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

// Settles a conflict field by field: each from one of the sides, from the last sync, or with a value typed in.

import { fields_that_clash, in_brief } from "./clashes";
import { escape } from "./escape";

frappe.provide("erpsync");

const OTHER = "other";
const TYPED = ["Data", "Small Text", "Text", "Long Text", "Int", "Float", "Currency", "Percent", "Date", "Check", "Select", "Link"];

/** Of rows a conflict tells those alone that clash: there is nothing to choose from. */
const has_rows = (clash) => ["base", "local", "cloud"].some((side) => Array.isArray(clash[side]));

/** Whether a person can choose for single fields of a conflict. */
erpsync.has_fields_to_choose = (doc) =>
	fields_that_clash(doc).length > 0 && JSON.parse(doc.clashes).some((clash) => !has_rows(clash));

/** Ask for each field of an open conflict, and settle it. Answers whether it was done. */
erpsync.settle_by_field = async (doc) => {
	await frappe.model.with_doctype(doc.ref_doctype);
	const clashes = JSON.parse(doc.clashes);
	return new Promise((resolve) => {
		let done = false;
		const dialog = new frappe.ui.Dialog({
			title: __("Choose by Field"),
			fields: clashes.flatMap((clash, i) => controls(doc.ref_doctype, clash, i)),
			primary_action_label: __("Apply to Both Sites"),
			async primary_action(values) {
				const chosen = clashes.map(({ field }, i) => {
					const take = values[`take_${i}`];
					return [field, take === OTHER ? { value: values[`value_${i}`] ?? null } : { take }];
				});
				const args = { conflict: doc.name, chosen: Object.fromEntries(chosen) };
				await frappe.xcall("erpsync_app.api.desk.settle_by_field", args);
				done = true;
				dialog.hide();
			},
			on_hide: () => resolve(done),
		});
		dialog.show();
	});
};

function controls(doctype, clash, i) {
	const df = frappe.meta.get_docfield(doctype, clash.field);
	const label = __(df?.label || clash.field, null, doctype);
	const all = { local: __("Local"), cloud: __("Cloud"), base: __("After the last sync") };
	const sides = has_rows(clash) ? { local: all.local } : all;
	const options = Object.entries(sides).map(([value, side]) => ({
		value,
		label: escape(`${side}: ${in_brief(doctype, clash.field, clash[value])}`), // it becomes HTML
	}));
	const take = { fieldname: `take_${i}`, fieldtype: "Select", label, options, default: "local", reqd: 1 };
	if (!df || !TYPED.includes(df.fieldtype)) return [take];
	options.push({ value: OTHER, label: __("Another value") });
	const typed = { fieldtype: df.fieldtype, options: df.options, label: __("{0}: another value", [label]) };
	return [take, { ...typed, fieldname: `value_${i}`, depends_on: `eval:doc.take_${i} === "${OTHER}"` }];
}
