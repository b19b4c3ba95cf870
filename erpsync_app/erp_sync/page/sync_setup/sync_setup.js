// Copyright (c) 2026, erpsync_app contributors
// License: MIT. See license.txt

frappe.pages["sync-setup"].on_page_load = (wrapper) => new SyncSetup(wrapper);

const SETS = {
	Masters: __("Masters"),
	Selling: __("Selling"),
	Buying: __("Buying"),
	Stock: __("Stock"),
	Accounts: __("Accounts"),
	Manufacturing: __("Manufacturing"),
};

/** From an empty settings page to the first synced document: connect, choose, start. */
class SyncSetup {
	constructor(wrapper) {
		this.page = frappe.ui.make_app_page({ parent: wrapper, title: __("Set Up Sync"), single_column: true });
		this.connect_card = this.card(__("1. Connect"));
		this.choose_card = this.card(__("2. Choose What to Sync"));
		this.start_card = this.card(__("3. Start"));
		this.later(this.choose_card, __("First connect."));
		this.later(this.start_card, __("First choose."));
		this.show_connect();
	}

	card(title) {
		const card = $(`<div class="frappe-card" style="margin-bottom: 15px; padding: 15px 20px">
			<h4>${erpsync.escape(title)}</h4><div class="card-content"></div></div>`);
		return card.appendTo(this.page.main).find(".card-content");
	}

	later(card, text) {
		card.html(`<p class="text-muted">${erpsync.escape(text)}</p>`);
	}

	async show_connect() {
		const stored = await frappe.db.get_doc("Sync Settings");
		this.connect_card.html(`<p class="text-muted">${erpsync.escape(
			__("On the cloud, make a user for sync, give it the roles of what it is to sync, and generate an API key for it.")
		)}</p><div class="connect-fields"></div><div class="checks"></div>`);
		this.fields = new frappe.ui.FieldGroup({
			parent: this.connect_card.find(".connect-fields"),
			body: this.connect_card.find(".connect-fields"),
			fields: [
				{ fieldname: "cloud_url", fieldtype: "Data", label: __("Cloud URL"), default: stored.cloud_url },
				{ fieldname: "api_key", fieldtype: "Data", label: __("API Key"), default: stored.api_key },
				{
					fieldname: "api_secret",
					fieldtype: "Password",
					label: __("API Secret"),
					no_strength_check: 1,
					description: stored.api_secret ? __("Leave it empty to keep the stored one.") : "",
				},
				{ fieldname: "allow_http", fieldtype: "Check", label: __("Allow Plain HTTP"), default: stored.allow_http },
				{ fieldname: "go", fieldtype: "Button", label: __("Test and Save"), click: () => this.connect() },
			],
		});
		this.fields.make();
	}

	async connect() {
		const checks = await this.busy(__("Asking the cloud …"), "connect", this.fields.get_values());
		const words = [__("To be put right"), __("All is well.")];
		const rows = checks.map(
			({ label, ok, said }) => `<tr><td style="width: 24px"><span class="indicator ${ok ? "green" : "red"}"
				role="img" aria-label="${words[Number(ok)]}"></span></td>
				<th scope="row" style="width: 120px">${erpsync.escape(label)}</th><td>${erpsync.escape(said)}</td></tr>`
		);
		this.connect_card
			.find(".checks")
			.html(`<table class="table" style="margin: 15px 0 0; overflow-wrap: anywhere">${rows.join("")}</table>`);
		if (checks[0].ok && checks[1].ok) await this.show_choices();
	}

	async show_choices() {
		this.sets = await this.busy(__("Counting documents …"), "choices");
		const tables = this.sets.map(({ name, needs, doctypes }) => {
			const lines = doctypes.map(({ doctype, local, cloud, ruled }) => {
				const there = cloud === null ? __("not there, or not for the user's eyes") : cloud;
				const mark = ruled ? ` <span class="indicator-pill green">${__("has a rule")}</span>` : "";
				return `<tr><td>${erpsync.escape(__(doctype))}${mark}</td><td class="text-right">${local}</td>
					<td class="text-right">${erpsync.escape(there)}</td></tr>`;
			});
			const also = needs.length ? ` <span class="text-muted">${__("with {0}", [needs.map((n) => SETS[n]).join(", ")])}</span>` : "";
			return `<div style="margin-bottom: 10px"><label><input type="checkbox" data-set="${erpsync.escape(name)}">
				<b>${erpsync.escape(SETS[name])}</b>${also}</label>
				<details><summary>${__("{0} DocTypes", [doctypes.length])}</summary>
				<table class="table table-sm small"><thead><tr><th scope="col">${__("DocType")}</th>
				<th scope="col" class="text-right">${__("Local")}</th><th scope="col" class="text-right">${__("Cloud")}</th></tr></thead>
				<tbody>${lines.join("")}</tbody></table></details></div>`;
		});
		this.choose_card.html(tables.join(""));
		this.choose_card.on("change", "input", (event) => this.add_needed($(event.target)));
		this.start_card.html(`<p class="text-muted">${erpsync.escape(
			__("Each DocType gets a Sync Rule: both ways, the later edit wins. The cloud's webhooks are made, and both sites are looked through. Documents that are on both sites already become one where their names are, or what they hold is, the same.")
		)}</p><button class="btn btn-primary btn-sm">${__("Start")}</button><div class="said" style="margin-top: 10px"></div>`);
		this.start_card.find("button").on("click", () => this.start());
	}

	/** What a chosen set needs is chosen with it. */
	add_needed(box) {
		if (!box.prop("checked")) return;
		const { needs } = this.sets.find(({ name }) => name === box.attr("data-set"));
		for (const name of needs) {
			const other = this.choose_card.find(`[data-set="${name}"]`);
			if (!other.prop("checked")) other.prop("checked", true).trigger("change");
		}
	}

	async start() {
		const sets = this.choose_card
			.find("input:checked")
			.get()
			.map((box) => box.dataset.set);
		const { rules, webhooks, say } = await this.busy(__("Making rules and webhooks …"), "start", { sets });
		const made = __("{0} Sync Rules were made.", [rules.length]);
		const problems = [webhooks, ...say].filter(Boolean).map((text) => `<li>${erpsync.escape(text)}</li>`);
		this.start_card.find(".said").html(`<p>${erpsync.escape(made)}</p>
			${problems.length ? `<p>${__("To be put right:")}</p><ul>${problems.join("")}</ul>` : ""}
			<p class="progress-said bold"></p>
			<p><a href="#" class="to-workspace">${__("Open ERP Sync")}</a> ·
			<a href="#" class="to-attention">${__("Needs Attention")}</a></p>`);
		this.start_card.find(".to-workspace").on("click", () => frappe.set_route("Workspaces", "ERP Sync") && false);
		this.start_card.find(".to-attention").on("click", () => frappe.set_route("sync-attention") && false);
		this.watch();
	}

	/** How far the first sync is, while the page is open: until nothing has waited for a minute. */
	async watch(quiet = 0) {
		clearTimeout(this.timer);
		if (frappe.get_route()[0] !== "sync-setup" || quiet > 20) return;
		const { done, waits } = await frappe.xcall("erpsync_app.api.setup.progress");
		this.start_card
			.find(".progress-said")
			.text(__("{0} documents are done, {1} changes wait.", [done, waits]));
		this.timer = setTimeout(() => this.watch(waits ? 0 : quiet + 1), 3000);
	}

	async busy(text, method, args) {
		frappe.dom.freeze(text);
		try {
			return await frappe.xcall(`erpsync_app.api.setup.${method}`, args);
		} finally {
			frappe.dom.unfreeze();
		}
	}
}
