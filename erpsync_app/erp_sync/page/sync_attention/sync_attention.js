// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.pages["sync-attention"].on_page_load = (wrapper) => {
	wrapper.attention = new SyncAttention(wrapper);
};

frappe.pages["sync-attention"].on_page_show = (wrapper) => wrapper.attention.refresh();

/** The documents that need a person, the oldest first; what can be done with one, or with all that are ticked. */
class SyncAttention {
	constructor(wrapper) {
		this.page = frappe.ui.make_app_page({ parent: wrapper, title: __("Needs Attention"), single_column: true });
		this.page.set_secondary_action(__("Refresh"), () => this.refresh(), "refresh");
		this.page.add_action_item(__("Retry"), () => this.retry(this.chosen()));
		this.page.add_action_item(__("Ignore until It Changes"), () => this.ignore(this.chosen()));
		this.show_ignored = this.page.add_field({
			fieldtype: "Check",
			fieldname: "ignored",
			label: __("Show what is ignored"),
			change: () => this.refresh(),
		});
		this.body = $(`<div class="frappe-card" style="padding: 0"></div>`).appendTo(this.page.main);
		this.body.on("change", "input", () => this.page.toggle_actions(this.chosen().length > 0));
		this.page.toggle_actions = (shown) => this.page.actions_btn_group.toggleClass("hide", !shown);
	}

	async refresh() {
		const args = { ignored: this.show_ignored.get_value() ? 1 : 0 };
		this.items = await frappe.xcall("erpsync_app.api.desk.attention", args);
		this.page.toggle_actions(false);
		this.body.empty();
		if (!this.items.length) {
			this.body.html(`<div class="text-center text-muted" style="padding: 60px 15px">
				${__("Nothing needs attention: what has not crossed yet is under way.")}</div>`);
			return;
		}
		this.items.forEach((item, i) => this.body.append(this.row(item, i)));
	}

	row(item, i) {
		const { escape } = erpsync;
		const [word, colour] = erpsync.standing_words(item.status);
		const name = item.local_name || item.cloud_name;
		const title = item.local_name
			? `<a class="bold" href="${frappe.utils.get_form_link(item.doctype, name)}">${escape(name)}</a>`
			: `<b>${escape(name)}</b>`;
		const ignored = item.ignored ? ` · ${__("ignored")}` : "";
		const row = $(`<div class="flex border-bottom" style="padding: 12px 15px; gap: 12px">
			<div><input type="checkbox" data-row="${i}" aria-label="${escape(name)}"></div>
			<div style="flex: 1; min-width: 0; overflow-wrap: anywhere">
				<div><span class="text-muted">${escape(__(item.doctype))}</span> ${title}
					<span class="indicator-pill ${colour} whitespace-nowrap">${escape(word)}</span></div>
				<div>${escape(this.reason(item))}</div>
				<div class="text-muted small">${escape(frappe.datetime.prettyDate(item.since))}${ignored}
					<span class="links"></span></div>
			</div></div>`);
		const links = row.find(".links");
		const add = (label, action) => {
			const link = $(`<a href="#" class="ml-3"></a>`).text(label);
			link.on("click", () => action() && false).appendTo(links);
		};
		const opens = (...route) => () => frappe.set_route(...route) || true;
		if (item.conflict) add(__("Decide"), opens("Form", "Sync Conflict", item.conflict));
		else add(__("Retry"), () => this.retry([item]) || true);
		if (item.cloud_name) add(__("Open on the Cloud"), () => erpsync.open_cloud(item.doctype, item.cloud_name) || true);
		if (item.record) add(__("Sync Record"), opens("Form", "Sync Record", item.record));
		return row;
	}

	reason(item) {
		if (item.reason) return item.reason;
		if (item.clashing.length) return __("Both sides changed it: {0}", [item.clashing.join(", ")]);
		return __("One side deleted it, the other one edited it.");
	}

	chosen() {
		return this.body
			.find("input:checked")
			.get()
			.map((box) => this.items[box.dataset.row]);
	}

	/** What has failed is looked at again at once; what waits for a choice goes on waiting. */
	async retry(items) {
		const events = items.flatMap((item) => item.events);
		if (events.length) await frappe.xcall("erpsync_app.api.desk.retry_events", { names: events });
		const others = items.filter((item) => item.record && !item.events.length);
		for (const { record } of others) await frappe.xcall("erpsync_app.api.desk.sync_now", { record });
		frappe.show_alert({ message: __("Sync looks at them now."), indicator: "green" });
		setTimeout(() => this.refresh(), 2500);
	}

	async ignore(items) {
		const records = items.filter((item) => item.record && !item.conflict).map((item) => item.record);
		const count = await frappe.xcall("erpsync_app.api.desk.ignore", { records });
		frappe.show_alert({ message: __("Ignored until they change: {0}", [count]), indicator: "green" });
		this.refresh();
	}
}
