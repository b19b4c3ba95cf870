# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What Frappe calls, and when."""

app_name = "erpsync_app"
app_title = "ERP Sync"
app_publisher = "erpsync_app contributors"
app_description = "Keeps a local and a cloud ERPNext site in step, in both directions"
app_email = "erpsync@example.com"
app_license = "MIT"
app_logo_url = "/assets/erpsync_app/images/erpsync.svg"
required_apps = []

export_python_type_annotations = True

add_to_apps_screen = [
	{
		"name": app_name,
		"logo": app_logo_url,
		"title": app_title,
		"route": "/app/erp-sync",
		"has_permission": "erpsync_app.erp_sync.roles.may_see_sync",
	}
]

app_include_js = "erpsync.bundle.js"

before_install = "erpsync_app.install.before_install"
after_install = "erpsync_app.install.after_install"
after_migrate = "erpsync_app.install.after_migrate"
before_uninstall = "erpsync_app.install.before_uninstall"

doc_events = {
	"*": {
		"on_change": "erpsync_app.events.changed",
		"after_delete": "erpsync_app.events.deleted",
		"after_rename": "erpsync_app.events.renamed",
		"onload": "erpsync_app.api.documents.add_to_form",
	},
	"Role": {"on_update": "erpsync_app.install.role_saved"},
}

extend_bootinfo = "erpsync_app.api.documents.add_to_boot"
additional_timeline_content = {"*": ["erpsync_app.api.documents.timeline"]}

has_permission = dict.fromkeys(
	("Sync Event", "Sync Record", "Sync Log", "Sync Conflict"), "erpsync_app.erp_sync.roles.may_read"
)
permission_query_conditions = dict.fromkeys(has_permission, "erpsync_app.erp_sync.roles.readable")

scheduler_events = {
	"cron": {"* * * * *": ["erpsync_app.jobs.tick"]},
	"daily_long": ["erpsync_app.jobs.scan_all"],
}

before_request = ["erpsync_app.api.webhook.keep_to_the_address"]
after_request = ["erpsync_app.api.webhook.answer_in_our_words", "erpsync_app.api.mend_health"]

default_log_clearing_doctypes = {"Sync Log": 90}

# What sync remembers of a document is no reason to keep the document, its DocType or its record.
ignore_links_on_delete = ["Sync Event", "Sync Record", "Sync Log", "Sync Conflict"]
