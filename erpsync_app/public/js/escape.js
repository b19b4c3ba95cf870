// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

/** Text as HTML that shows it; empty for what is not there. */
export const escape = (text) => frappe.utils.escape_html(cstr(text));
