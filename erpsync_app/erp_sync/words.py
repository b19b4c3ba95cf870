# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""What the counts of a run are called when a person reads them."""

COUNTS = {
	"create_local": "created on the local site",
	"create_cloud": "created on the cloud site",
	"update_local": "updated on the local site",
	"update_cloud": "updated on the cloud site",
	"rename_local": "renamed on the local site",
	"rename_cloud": "renamed on the cloud site",
	"merge_local": "merged into another on the local site",
	"merge_cloud": "merged into another on the cloud site",
	"delete_local": "deleted on the local site",
	"delete_cloud": "deleted on the cloud site",
	"attachments_local": "files attached or removed on the local site",
	"attachments_cloud": "files attached or removed on the cloud site",
	"tags_local": "tags given or removed on the local site",
	"tags_cloud": "tags given or removed on the cloud site",
	"bound": "found on both sides",
	"settled": "conflicts settled by policy",
	"conflicts": "conflicts that wait for a person",
	"retried": "refused for now, to be tried again",
	"waiting": "waiting for another document",
	"failed": "failed: see Sync Record",
	"lost": "batches taken over by another worker",
}
