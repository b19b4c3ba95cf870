// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

// What people at work see of sync: on each document of a DocType that has a rule, and in its list.

import { escape } from "./escape";

const HOW = {
	Synced: [__("In step"), "green"],
	Pending: [__("Waiting"), "blue"],
	Diverged: [__("Differs"), "purple"],
	Conflict: [__("Conflict"), "orange"],
	Failed: [__("Failed"), "red"],
};

frappe.provide("erpsync");

/** The word and the colour for the status of a Sync Record. */
erpsync.standing_words = (status) => HOW[status];

/** When a form asks again how its document stands, in milliseconds after the last time, while it waits. */
const ASK_AGAIN = [1500, 3000, 6000, 12000];

const is_ruled = (doctype) => (frappe.boot.erpsync_doctypes || []).includes(doctype);

function standings(doctype, names) {
	const args = { doctype, names: JSON.stringify(names) };
	return frappe.xcall("erpsync_app.api.documents.standings", args);
}

$(document).on("form-refresh", (event, frm) => {
	clearTimeout(frm.erpsync_timer);
	show_on_form(frm, !frm.is_new() && is_ruled(frm.doctype) && frm.doc.__onload?.erpsync);
});

function show_on_form(frm, standing, asked = 0) {
	frm.page.wrapper.find(".erpsync-chip, .erpsync-banner").remove();
	if (!standing) return;
	const [word, colour] = HOW[standing.status];
	const when = standing.last_synced
		? __("Last synced {0}", [frappe.datetime.prettyDate(standing.last_synced)])
		: __("Not synced yet");
	const chip = $(`<span class="erpsync-chip indicator-pill ${colour} whitespace-nowrap hidden-xs ml-2"></span>`)
		.text(__("Sync: {0}", [word]))
		.attr("title", standing.error || when);
	frm.page.wrapper.find(".page-head .title-area .indicator-pill").last().after(chip);
	add_menu(frm, standing);
	warn(frm, standing);
	if (standing.status !== "Pending" || asked >= ASK_AGAIN.length) return;
	const { doctype, docname } = frm;
	frm.erpsync_timer = setTimeout(async () => {
		if (frm.docname !== docname || frm.is_dirty()) return;
		const found = await standings(doctype, [docname]);
		if (frm.docname === docname) show_on_form(frm, found[docname], asked + 1);
	}, ASK_AGAIN[asked]);
}

function add_menu(frm, standing) {
	const menu = __("Sync");
	const { doctype, docname } = frm;
	if (standing.cloud_name) {
		const open = () => erpsync.open_cloud(doctype, standing.cloud_name);
		frm.add_custom_button(__("Open on the Cloud ({0})", [standing.cloud_name]), open, menu);
	}
	if (standing.record && erpsync.may_act()) {
		frm.add_custom_button(__("Sync Now"), () => sync_now(frm, standing.record), menu);
	}
	frm.add_custom_button(__("History"), () => show_history(doctype, docname), menu);
}

/** What waits for a person is said in the form's head. */
function warn(frm, standing) {
	if (!["Conflict", "Failed"].includes(standing.status)) return;
	const conflict = standing.status === "Conflict";
	const text = conflict
		? __("This document was changed here and on the cloud. Someone has to decide.")
		: __("This document does not cross to the other site: {0}", [standing.error || ""]);
	const banner = $(`<div class="erpsync-banner form-message ${conflict ? "orange" : "red"}"></div>`).text(text);
	if (erpsync.may_act() && standing.record) {
		const where = conflict ? ["List", "Sync Conflict", { record: standing.record }] : ["Form", "Sync Record", standing.record];
		const link = $(`<a class="ml-2 bold" href="#"></a>`).text(conflict ? __("Decide") : __("Show"));
		link.on("click", () => frappe.set_route(...where) && false);
		banner.append(link);
	}
	frm.layout.wrapper.prepend(banner);
}

async function sync_now(frm, record) {
	await erpsync.sync_now(record);
	show_on_form(frm, { ...frm.doc.__onload.erpsync, status: "Pending", error: null });
}

async function show_history(doctype, name) {
	const lines = await frappe.xcall("erpsync_app.api.documents.history", { doctype, name });
	const colours = { Success: "green", Failure: "red", Conflict: "orange" };
	const rows = lines.map((line) => {
		const where = { cloud_to_local: __("Cloud → Local"), local_to_cloud: __("Local → Cloud") }[line.direction] || "";
		const what = [line.changed.join(", "), line.message].filter(Boolean).map(escape).join("<br>");
		const when = frappe.datetime.str_to_user(line.creation);
		const opens = erpsync.may_act()
			? `<a href="${frappe.utils.get_form_link("Sync Log", line.name)}">${escape(when)}</a>`
			: escape(when);
		return `<tr><td>${opens}</td><td>${escape(where)}</td>
			<td><span class="indicator ${colours[line.outcome]}">${escape(erpsync.word("operation", line.operation))}</span></td>
			<td>${what}</td></tr>`;
	});
	const head = [__("When"), __("Direction"), __("What"), __("Fields")];
	const table = `<div class="table-responsive"><table class="table table-bordered" style="min-width: 500px">
		<thead><tr>${head.map((title) => `<th scope="col">${title}</th>`).join("")}</tr></thead>
		<tbody>${rows.join("")}</tbody></table></div>`;
	frappe.msgprint({
		title: __("What Sync Has Done With {0}", [name]),
		message: rows.length ? table : __("Nothing yet."),
		wide: true,
	});
}

/** In a list, what does not stand in step, by one call for each page. */
const after_render = frappe.views.ListView.prototype.after_render;
frappe.views.ListView.prototype.after_render = function () {
	after_render.call(this);
	if (is_ruled(this.doctype)) mark_rows(this);
};

async function mark_rows(list) {
	const names = list.data.map((row) => cstr(row.name));
	if (!names.length) return;
	const found = await standings(list.doctype, names);
	list.$result.find(".erpsync-mark").remove();
	list.$result.find(".list-row-checkbox").each((i, box) => {
		const standing = found[$(box).attr("data-name")];
		if (!standing || standing.status === "Synced") return;
		const [word, colour] = HOW[standing.status];
		const said = [__("Sync: {0}", [word]), standing.error].filter(Boolean).join(" · ");
		const mark = $(`<span class="erpsync-mark indicator ${colour}" role="img"></span>`);
		mark.attr({ title: said, "aria-label": said });
		$(box).closest(".list-row").find(".list-subject .ellipsis").first().prepend(mark);
	});
}
