// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.ui.form.on("Sync Rule", {
	setup(frm) {
		frm.set_query("ref_doctype", () => ({
			filters: { issingle: 0, istable: 0, is_virtual: 0, module: ["!=", "ERP Sync"] },
		}));
	},

	refresh(frm) {
		erpsync.words_in_form(frm);
		offer_fields(frm);
	},

	ref_doctype: offer_fields,

	edit_filters,
});

function offer_fields(frm) {
	if (!frm.doc.ref_doctype) return;
	frappe.model.with_doctype(frm.doc.ref_doctype, () => {
		const options = frappe.meta
			.get_docfields(frm.doc.ref_doctype)
			.filter((df) => !frappe.model.layout_fields.includes(df.fieldtype) && df.fieldtype !== "HTML")
			.map((df) => ({ value: df.fieldname, label: df.fieldname, description: __(df.label) }));
		frm.fields_dict.field_map.grid.update_docfield_property("local_field", "options", options);
	});
}

function edit_filters(frm) {
	const doctype = frm.doc.ref_doctype;
	frappe.model.with_doctype(doctype, () => {
		let group;
		const dialog = new frappe.ui.Dialog({
			title: __("Which Documents"),
			fields: [{ fieldtype: "HTML", fieldname: "filters" }],
			primary_action_label: __("Set"),
			primary_action() {
				const filters = group.get_filters().map((filter) => as_rule(filter, doctype));
				const rows = filters.map((filter) => JSON.stringify(filter));
				frm.set_value("filters", rows.length ? `[\n ${rows.join(",\n ")}\n]` : "");
				dialog.hide();
			},
		});
		group = new frappe.ui.FilterGroup({
			parent: dialog.get_field("filters").$wrapper,
			doctype,
			on_change: () => {},
		});
		group.add_filters_to_filter_group(current_filters(frm).map((filter) => [doctype, ...filter]));
		dialog.show();
	});
}

function current_filters(frm) {
	try {
		return JSON.parse(frm.doc.filters || "[]");
	} catch {
		frappe.throw(__("The Filters are not valid JSON."));
	}
}

/** A filter of the dialog, as a rule has it: no DocType, and operators in lower case. */
function as_rule([of, fieldname, operator, value], doctype) {
	if (of !== doctype) frappe.throw(__("A rule cannot filter by a field of a child table."));
	return [fieldname, operator.toLowerCase(), value];
}
