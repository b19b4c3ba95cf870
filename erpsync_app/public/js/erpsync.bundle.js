// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

// What the forms and lists of ERP Sync share: words for the stored values, and calls to the server.

import { clash_table, consequence, fields_that_clash, side_by_side, summary } from "./clashes";
import "./documents";
import { escape } from "./escape";
import "./settle_by_field";
import "./undo";

frappe.provide("erpsync");
Object.assign(erpsync, { clash_table, escape, fields_that_clash, side_by_side, summary });

const WORDS = {
	direction: {
		bidirectional: __("Both ways"),
		cloud_to_local: __("Cloud → Local"),
		local_to_cloud: __("Local → Cloud"),
	},
	policy: {
		latest_timestamp: __("Latest edit wins"),
		cloud_wins: __("Cloud wins"),
		local_wins: __("Local wins"),
		manual: __("Ask a person"),
	},
	naming: {
		keep: __("Same name on both sides"),
		own: __("Each site names its own"),
	},
	deletes: {
		propagate: __("Delete on the other side too"),
		keep: __("Keep the other document"),
		ask: __("Ask a person"),
	},
	submit: {
		follow: __("Submit and cancel on the other side too"),
		draft: __("Keep a draft on the other side"),
	},
	side: { local: __("Local"), cloud: __("Cloud") },
	kind: { change: __("Changed"), delete: __("Deleted") },
	operation: {
		create: __("Create"),
		update: __("Update"),
		rename: __("Rename"),
		merge: __("Merge"),
		delete: __("Delete"),
		bind: __("Bind"),
		conflict: __("Conflict"),
		fail: __("Fail"),
	},
	resolution: {
		latest_timestamp: __("Latest edit won"),
		cloud_wins: __("Cloud won, by policy"),
		local_wins: __("Local won, by policy"),
		direction: __("By the direction of the rule"),
		"Keep local": __("Keep local"),
		"Keep cloud": __("Keep cloud"),
		"By hand": __("By hand"),
		Converged: __("Converged"),
		"Edit beats delete": __("Edit beats delete"),
		"Merge beats edit": __("Merge beats edit"),
		"Submit beats edit": __("Submit beats edit"),
	},
};
WORDS.winner = WORDS.side;

const CHOICES = {
	keep_local: {
		label: __("Keep local"),
		question: __("The local values are written to the cloud. What stood there is kept in the Sync Log."),
	},
	keep_cloud: {
		label: __("Keep cloud"),
		question: __("The cloud's values are written to this site. What stood here is kept in the Sync Log."),
	},
	by_hand: {
		label: __("Mark as resolved"),
		question: __("Nothing is written now. Use this once both documents are as they should be."),
	},
};

erpsync.may_act = () => ["System Manager", "Sync Manager"].some((role) => frappe.user.has_role(role));

erpsync.word = (fieldname, value) => WORDS[fieldname]?.[value] || cstr(value);

/** Words instead of stored values in a form. */
erpsync.words_in_form = (frm) => {
	for (const df of frm.meta.fields) {
		if (df.fieldtype !== "Select" || !WORDS[df.fieldname]) continue;
		const formatter = (value) => escape(erpsync.word(df.fieldname, value));
		frappe.meta.get_docfield(frm.doctype, df.fieldname, frm.docname).formatter = formatter;
		frm.set_df_property(df.fieldname, "options", options(df));
	}
};

/** A form of what only sync writes. */
erpsync.watch_only = (frm) => {
	frm.disable_save();
	erpsync.words_in_form(frm);
};

/** The same in a list's columns: `formatters` for `frappe.listview_settings`. */
erpsync.list_words = (...fieldnames) =>
	Object.fromEntries(
		fieldnames.map((fieldname) => [
			fieldname,
			(value) => (value ? filterable(fieldname, value, erpsync.word(fieldname, value)) : ""),
		])
	);

/** Text in a list's column, as text: never as HTML. */
erpsync.list_text = (text) => `<span class="ellipsis" title="${escape(text)}">${escape(text)}</span>`;

/** The same in a list's standard filters. */
erpsync.words_in_filters = (listview) => {
	for (const df of listview.meta.fields) {
		const control = listview.page.fields_dict[df.fieldname];
		if (df.fieldtype !== "Select" || !WORDS[df.fieldname] || !control) continue;
		control.df.options = [{ value: "", label: "" }, ...options(df).filter((option) => option.value)];
		control.set_options(control.get_value());
	}
};

function options(df) {
	return df.options
		.split("\n")
		.map((value) => ({ value, label: value ? erpsync.word(df.fieldname, value) : "" }));
}

function filterable(fieldname, value, text) {
	return `<a class="filterable ellipsis" data-filter="${fieldname},=,${escape(value)}">${escape(text)}</a>`;
}

/** Room for the error on a small screen too, where Frappe shows one column beside the name and the status. */
erpsync.show_all_columns = (listview) => {
	const settings = listview.list_view_settings;
	if (!settings || settings.total_fields) return;
	settings.total_fields = 6;
	listview.setup_columns();
	listview.render_header(true);
};

/** Settle the conflicts of these names, one after the other, after a person said yes; of one, `doc` tells what that means.
 * Answers whether something was done. */
erpsync.settle = async (conflicts, choice, doc) => {
	const { label, question } = CHOICES[choice];
	const title = conflicts.length > 1 ? __("{0}: {1} conflicts", [label, conflicts.length]) : label;
	const { text, deletes } = doc ? consequence(doc, choice) : { text: question };
	if (!(await confirmed(title, escape(text), deletes))) return false;
	return each(conflicts, title, (conflict) =>
		frappe.xcall("erpsync_app.api.desk.settle", { conflict, choice })
	);
};

erpsync.choices = () => Object.entries(CHOICES).map(([choice, { label }]) => ({ choice, label }));

/** Let sync look at the document of a Sync Record. */
erpsync.sync_now = async (record) => {
	await frappe.xcall("erpsync_app.api.desk.sync_now", { record });
	frappe.show_alert({ message: __("Sync looks at this document now."), indicator: "green" });
};

erpsync.retry_events = async (names) => {
	const count = await frappe.xcall("erpsync_app.api.desk.retry_events", { names });
	frappe.show_alert({ message: __("Events that sync tries again now: {0}", [count]), indicator: "green" });
};

function confirmed(title, question, deletes) {
	return new Promise((resolve) => {
		const yes = () => resolve(true);
		const no = () => resolve(false);
		const dialog = deletes
			? frappe.warn(title, question, yes, __("Delete"))
			: frappe.confirm(question, yes, no);
		dialog.set_title(title);
		if (deletes) {
			dialog.set_secondary_action(() => {
				dialog.hide();
				no();
			});
		}
	});
}

async function each(names, title, call) {
	let done = 0;
	frappe.dom.freeze(title);
	for (const name of names) {
		try {
			await call(name);
			done += 1;
		} catch {
			continue; // its reason is on the screen already
		}
	}
	frappe.dom.unfreeze();
	if (done) frappe.show_alert({ message: __("Done: {0} of {1}.", [done, names.length]), indicator: "green" });
	return done > 0;
}

erpsync.test_connections = async () => {
	const { sides, drift } = await frappe.xcall("erpsync_app.api.desk.test_connections");
	const parts = sides.map((side) => {
		const versions = Object.entries(side.versions).map(([app, version]) => `${app} ${version}`);
		const where = [side.url, side.user, side.time_zone, ...versions].filter(Boolean).map(escape).join(" · ");
		const problems = [...side.problems, ...side.notes].map((problem) => `<li>${escape(problem)}</li>`).join("");
		const colour = side.ok ? "green" : "red";
		return `<h5><span class="indicator ${colour}"></span> ${escape(erpsync.word("side", side.side))}</h5>
			<p class="text-muted">${where}</p>${problems ? `<ul>${problems}</ul>` : `<p>${__("All is well.")}</p>`}`;
	});
	for (const [doctype, sentences] of Object.entries(drift)) {
		const items = sentences.map((sentence) => `<li>${escape(sentence)}</li>`).join("");
		parts.push(`<h5>${escape(__("{0}: not all of it crosses", [__(doctype)]))}</h5><ul>${items}</ul>`);
	}
	frappe.msgprint({ title: __("Connection Test"), message: parts.join(""), wide: true });
};

erpsync.sync_all = async () => {
	const reason = await frappe.xcall("erpsync_app.api.desk.sync_all");
	if (reason) {
		const told = __("Sync looks through both sides now. What stopped it last: {0}", [escape(reason)]);
		frappe.show_alert({ message: told, indicator: "orange" }, 15);
	} else frappe.show_alert({ message: __("Sync looks through both sides now."), indicator: "green" });
};

/** Open a document of the cloud in a tab of its own. */
erpsync.open_cloud = async (doctype, name) => {
	const url = await frappe.db.get_single_value("Sync Settings", "cloud_url");
	if (!url) frappe.throw(__("Sync Settings name no cloud yet."));
	const path = [frappe.router.slug(doctype), name].map(encodeURIComponent).join("/");
	window.open(`${url}/app/${path}`, "_blank", "noopener");
};
