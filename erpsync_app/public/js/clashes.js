// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

// What a conflict shows: in words what happened and what a choice does, and each value as a person reads it.

import { escape } from "./escape";

/** What the engine calls a clash between an edit and a delete. */
const DOCUMENT = "(document)";
const COLUMNS = 6;
const BRIEF = 60;

const is_empty = (value) => value === null || value === undefined || value === "";
const same = (one, two) => JSON.stringify(one) === JSON.stringify(two);
const side_word = (side) => ({ local: __("local"), cloud: __("cloud") }[side]);

function named(doc) {
	return `${__(doc.ref_doctype)} ${doc.local_name || doc.cloud_name}`;
}

function labels(doc, clashes) {
	const found = clashes.map(({ field }) => __(frappe.meta.get_label(doc.ref_doctype, field) || field, null, doc.ref_doctype));
	return [...new Set(found)].join(", ");
}

/** The names of the fields that clash; none where the whole document does. */
export function fields_that_clash(doc) {
	const names = JSON.parse(doc.clashes || "[]").map(({ field }) => field);
	return names.includes(DOCUMENT) ? [] : names;
}

/** A value on one line. */
export function in_brief(doctype, field, value) {
	const df = frappe.meta.get_docfield(doctype, field);
	if (Array.isArray(value)) return __("{0} rows", [value.length]);
	return is_empty(value) ? __("empty") : cstr(text(value, df)).replace(/\s+/g, " ").slice(0, BRIEF);
}

/** What happened, in a sentence. */
export function summary(doc) {
	const clashes = JSON.parse(doc.clashes || "[]");
	const whole = clashes.find((clash) => clash.field === DOCUMENT);
	if (!whole) return __("Both sides changed {0}: {1}.", [named(doc), labels(doc, clashes)]);
	const gone = ["local", "cloud"].find((side) => whole[side] === null);
	if (!gone) return __("Both sides changed {0}.", [named(doc)]);
	const other = gone === "local" ? "cloud" : "local";
	return __("{0} was deleted on the {1} side and edited on the {2} side.", [
		named(doc),
		side_word(gone),
		side_word(other),
	]);
}

/** What a choice does, in a sentence; whether it deletes something. */
export function consequence(doc, choice) {
	const clashes = JSON.parse(doc.clashes || "[]");
	const kept = { keep_local: "local", keep_cloud: "cloud" }[choice];
	if (!kept) return { text: __("Nothing is written: both sides stay as they are.") };
	const there = side_word(kept === "local" ? "cloud" : "local");
	const whole = clashes.find((clash) => clash.field === DOCUMENT);
	if (whole && whole[kept] === null) {
		return { text: __("{0} is deleted on the {1} side too.", [named(doc), there]), deletes: true };
	}
	const text = whole
		? __("{0} is put back on the {1} side.", [named(doc), there])
		: __("On the {0} side, {1} of {2} is overwritten. What stands there is kept in the Sync Log.", [
				there,
				labels(doc, clashes),
				named(doc),
		  ]);
	return { text };
}

/** The fields of a clash, side by side. */
export function clash_table(doctype, clashes) {
	const columns = { base: __("After the last sync"), local: __("Local"), cloud: __("Cloud") };
	return side_by_side(doctype, clashes, columns);
}

/** Values of fields, side by side: `rows` hold the name of a `field`, and a value for each of `columns`, whose titles that
 * is by the values' keys. */
export function side_by_side(doctype, rows, columns) {
	const keys = Object.keys(columns);
	const width = Math.floor(84 / keys.length);
	const titles = Object.values(columns).map(
		(text) => `<th scope="col" style="width: ${width}%">${escape(text)}</th>`
	);
	const lines = rows.map((row) => {
		const whole = row.field === DOCUMENT;
		const df = frappe.meta.get_docfield(doctype, row.field);
		const title = whole ? __("The whole document") : __(df?.label || row.field, null, doctype);
		const cells = keys.map((key) => {
			const won = row.winner === key;
			const absent = !whole ? __("empty") : key === "base" ? "" : __("deleted");
			const mark = won ? ` <span class="indicator-pill green no-indicator-dot">${__("kept")}</span>` : "";
			return `<td class="${won ? "bold" : ""}">${shown(doctype, df, row, key, keys, absent)}${mark}</td>`;
		});
		return `<tr><th scope="row" title="${escape(row.field)}">${escape(title)}</th>${cells.join("")}</tr>`;
	});
	return `<div class="table-responsive"><table class="table table-bordered" style="min-width: ${
		100 + 200 * keys.length
	}px; overflow-wrap: anywhere">
		<thead><tr><th scope="col" style="width: 16%">${__("Field")}</th>${titles.join("")}</tr></thead>
		<tbody>${lines.join("")}</tbody></table></div>`;
}

function shown(doctype, df, clash, side, sides, absent) {
	const value = clash[side];
	if (is_empty(value)) return `<span class="text-muted">${escape(absent)}</span>`;
	if (Array.isArray(value)) return rows_of(df?.options, clash, sides, value, absent);
	if (typeof value === "object") return fields_of(doctype, value, side === "base" ? null : clash.base);
	return `<span style="white-space: pre-wrap">${escape(text(value, df))}</span>`;
}

/** The rows that clash, with the columns that are not alike in all of them, and those that tell which row it is. */
function rows_of(doctype, clash, sides, rows, absent) {
	if (!rows.length) return `<span class="text-muted">${escape(absent)}</span>`;
	const all = sides.flatMap((side) => clash[side] || []);
	const columns = frappe
		.get_meta(doctype)
		.fields.filter((df) => all.some((row) => !is_empty(row[df.fieldname])))
		.filter((df) => df.in_list_view || all.some((row) => !same(row[df.fieldname], all[0][df.fieldname])))
		.sort((one, two) => (two.in_list_view || 0) - (one.in_list_view || 0))
		.slice(0, COLUMNS);
	const head = columns.map((df) => `<th scope="col">${escape(__(df.label, null, doctype))}</th>`);
	const lines = rows.map((row) => {
		const cells = columns.map((df) => {
			const known = (clash[sides[0]] || []).some((before) => same(before[df.fieldname], row[df.fieldname]));
			return `<td class="${known ? "" : "bold"}">${escape(text(row[df.fieldname], df))}</td>`;
		});
		return `<tr>${cells.join("")}</tr>`;
	});
	return `<table class="table table-sm small" style="margin: 0"><thead><tr>${head.join("")}</tr></thead>
		<tbody>${lines.join("")}</tbody></table>`;
}

/** A whole document: what was changed since the last sync, where that is known, and the rest folded. */
function fields_of(doctype, values, base) {
	const is_bare = (value) => is_empty(value) || value === 0 || (Array.isArray(value) && !value.length);
	const known = frappe.get_meta(doctype).fields.filter((df) => !is_bare(values[df.fieldname]));
	const changed = known.filter((df) => base && !same(values[df.fieldname], base[df.fieldname]));
	const rest = known.filter((df) => !changed.includes(df));
	const line = (df) => {
		const value = values[df.fieldname];
		const told = Array.isArray(value) ? __("{0} rows", [value.length]) : text(value, df);
		const label = __(df.label || df.fieldname, null, doctype);
		return `<div><span class="text-muted">${escape(label)}:</span> ${escape(told)}</div>`;
	};
	const folded = `<details ${changed.length ? "" : "open"}><summary>${__("{0} fields", [rest.length])}</summary>
		${rest.map(line).join("")}</details>`;
	return changed.map(line).join("") + (rest.length ? folded : "");
}

function text(value, df) {
	if (is_empty(value)) return "";
	switch (df?.fieldtype) {
		case "Check":
			return cint(value) ? __("Yes") : __("No");
		case "Date":
		case "Datetime":
			return frappe.datetime.str_to_user(value);
		case "Currency":
		case "Float":
		case "Percent":
			return format_number(value);
		case "Text Editor":
		case "HTML Editor":
			return frappe.utils.html2text(value);
		default:
			return typeof value === "object" ? Object.values(value).join(", ") : cstr(value);
	}
}
