# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which webhooks the cloud is to have, and which of those it has are to be written anew."""

import json
from dataclasses import replace

from erpsync_app.engine.followers import with_followers
from erpsync_app.engine.model import Rule
from erpsync_app.engine.webhooks import Written, digest, dump, load, probe, to_be_written_anew, todo, wanted

HERE = "https://erp.example.lan"


def rule(doctype: str, **more) -> Rule:
	return Rule(doctype, naming="keep", **{"attachments": False, **more})


def names(*rules: Rule) -> list[str]:
	return sorted(wanted({rule.doctype: rule for rule in rules}, HERE))


def test_three_for_each_doctype():
	assert names(rule("Customer")) == [
		"ERP Sync: Customer, after_insert",
		"ERP Sync: Customer, on_change",
		"ERP Sync: Customer, on_trash",
	]


def test_none_where_nothing_comes_from_the_cloud():
	assert names(rule("Customer", direction="local_to_cloud", attachments=True)) == []
	assert names(rule("Customer", direction="cloud_to_local")) == names(rule("Customer"))


def test_two_for_files_where_any_rule_lets_them_cross():
	more = set(names(rule("Customer", attachments=True), rule("Item"))) - set(
		names(rule("Customer"), rule("Item"))
	)
	assert more == {"ERP Sync: File, after_insert", "ERP Sync: File, on_trash"}


def test_what_is_said_of_documents():
	rules = with_followers({"Customer": rule("Customer", comments=True)})
	webhook = wanted(rules, HERE)["ERP Sync: Comment, on_change"]
	assert webhook["condition"] == 'doc.comment_type == "Comment"'


def test_a_webhook_is_signed_json_to_the_method():
	webhook = wanted({"Customer": rule("Customer")}, HERE)["ERP Sync: Customer, on_trash"]
	assert webhook["request_url"] == f"{HERE}/api/method/erpsync_app.api.webhook.cloud"
	assert webhook["enable_security"] == webhook["enabled"] == 1
	body = webhook["webhook_json"].replace("{{ doc.doctype | tojson }}", '"Customer"')
	assert json.loads(body.replace("{{ doc.name | tojson }}", '"A \\" B"')) == {
		"doctype": "Customer",
		"name": 'A " B',
		"event": "on_trash",
	}


def test_a_file_tells_of_what_it_is_attached_to():
	webhook = wanted({"Customer": rule("Customer", attachments=True)}, HERE)["ERP Sync: File, on_trash"]
	assert "doc.attached_to_name | tojson" in webhook["webhook_json"]
	assert '"event": "on_change"' in webhook["webhook_json"], "the file is deleted, not the document"


def test_a_probe_tells_of_itself_alone():
	webhook = probe(HERE, "token")
	assert webhook["webhook_doctype"] == "Webhook" and webhook["condition"] == 'doc.name == "ERP Sync: probe"'
	assert json.loads(webhook["webhook_json"])["name"] == "token"


WANTED = {"a": {"enabled": 1}, "b": {"enabled": 1}}
AS_WRITTEN = {name: Written("2026-01-01", digest(values)) for name, values in WANTED.items()}
THERE = {"a": "2026-01-01", "b": "2026-01-01"}


def test_what_is_as_it_was_written_is_left():
	assert todo(WANTED, THERE, AS_WRITTEN).write == {} and todo(WANTED, THERE, AS_WRITTEN).delete == []


def test_what_somebody_edited_or_deleted_is_written_anew():
	assert todo(WANTED, {**THERE, "a": "2026-01-02"}, AS_WRITTEN).write == {"a": WANTED["a"]}
	assert todo(WANTED, {"b": THERE["b"]}, AS_WRITTEN).write == {"a": WANTED["a"]}


def test_what_is_to_be_another_is_written_anew():
	written = {**AS_WRITTEN, "a": replace(AS_WRITTEN["a"], digest="of another address")}
	assert todo(WANTED, THERE, written).write == {"a": WANTED["a"]}


def test_what_is_needed_no_more_is_deleted_unless_somebody_did():
	assert todo({"a": WANTED["a"]}, THERE, AS_WRITTEN).delete == ["b"]
	assert todo({"a": WANTED["a"]}, {"a": THERE["a"]}, AS_WRITTEN).delete == []


def test_what_was_written_is_remembered():
	assert load(dump(AS_WRITTEN)) == AS_WRITTEN and load(None) == load("") == {}


def test_with_another_secret_all_are_written_anew_and_none_is_forgotten():
	written = load(to_be_written_anew(dump(AS_WRITTEN)))
	assert todo(WANTED, THERE, written).write == WANTED
	assert todo(WANTED, {}, written).write == WANTED, "nor is one that somebody has deleted"
	assert todo({}, THERE, written).delete == ["a", "b"]
