# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Brings files to a side: the bytes of one at a time, and only where the side does not have that content yet.

Every step may be repeated: what is there is looked for before anything is sent. A file that cannot cross is noted in
`pair.left`, and holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from erpsync_app.engine.batch import Batch
from erpsync_app.engine.beside import Members
from erpsync_app.engine.context import Context
from erpsync_app.engine.errors import Duplicate, Missing, Refused, Stale
from erpsync_app.engine.files import (
	ELSEWHERE,
	FILE,
	FILES,
	address,
	alias,
	attachments,
	content,
	contents,
	is_content,
	is_reencoded,
	meet,
	plain_name,
	retold,
)
from erpsync_app.engine.goods import bring_goods
from erpsync_app.engine.model import MEGABYTE, Binding, Fields, File, Outcome, Side, other
from erpsync_app.engine.pair import Pair

FEW = 20
"""How many records of one content are looked through for one that is attached to nothing."""


def bring(
	ctx: Context, batch: Batch, pair: Pair, side: Side, fields: Fields, renew: Callable[[], None]
) -> None:
	"""See to it that the side has what the Attach fields of `fields` hold, so that each has an address there.

	Sites attach a file that an Attach field names to its document by themselves. A field whose file cannot cross is
	held back; raises Refused where the document cannot do without. And that it has the batches that rows name.
	"""
	bring_goods(ctx, batch, side, fields, renew)
	terms, doc = batch.terms[side], pair.docs[side]
	for name, value, in_row in contents(fields, batch.shape):
		mine = [] if doc is None else doc.get(FILES, [])
		if any(is_content(file, value, terms) for file in mine):
			continue
		# A field of a row can name any file that is there. A field of the document gets a record of its own: the site
		# would attach the file itself, and may store other bytes.
		if in_row and address(value, terms):
			continue
		told, private = value["hash"], bool(value["private"])
		to = File(value["file"], private=private)
		if doc is not None and not in_row:
			field = batch.shape.named(name)
			to = replace(to, doctype=batch.rule.doctype, document=doc["name"], field=field and field.on(side))
		try:
			renew()
			made = _place(ctx, batch, pair, side, told, to, share=in_row)
		except Stale:
			raise
		except Refused as e:
			field = batch.shape.named(name)
			reason = _stays(value["file"], other(side), e)
			if field and field.required and doc is None:
				raise Refused(reason) from None
			pair.left[told or value["file"]] = reason
			if not in_row:
				pair.held_back |= {name}
			continue
		if to.document:
			mine.append(made)
		ctx.ledger.save([])  # by itself: what is refused after it is not to take it back


def attach(
	ctx: Context, batch: Batch, pair: Pair, side: Side, wanted: Members, renew: Callable[[], None]
) -> list[str]:
	"""Make the attachments of a document what is `wanted`; answers what was done, in words."""
	doc, site, terms = pair.docs[side], ctx.sites[side], batch.terms[side]
	assert doc is not None
	done: list[str] = []
	have = attachments(doc, terms) or {}
	# What the site attached by itself, or an upload whose answer was lost.
	fresh = list(site.files("attached_to_name", [doc["name"]], doctype=batch.rule.doctype))
	meet(ctx, batch, side, fresh)
	wanted = {retold(told, terms): private for told, private in wanted.items()}
	for told, private in wanted.items():
		if have.get(told) == private:
			continue
		there = [file for file in fresh if content(file, terms) == told]
		try:
			if not there:
				to = File("", private=bool(private), doctype=batch.rule.doctype, document=doc["name"])
				renew()
				made = _place(ctx, batch, pair, side, told, to)
				done.append(f"attached {made.file_name}")
			elif there[0].private == bool(private):
				made = there[0]
			else:
				renew()
				made = _changed_privacy(ctx, side, there[0], bool(private))
				done.append(f"made {made.file_name} {'private' if private else 'public'}")
		except Stale:
			raise
		except Refused as e:
			pair.left[told] = _stays(_name(batch, pair, side, told), other(side), e)
			continue
		terms.files[made.url] = made
		doc[FILES] = [file for file in doc.get(FILES, []) if file.name != made.name] + [made]
		ctx.ledger.save([])
	for file in [file for file in fresh if (told := content(file, terms)) in have and told not in wanted]:
		renew()
		try:
			site.delete(FILE, file.name, file.modified)
		except Missing:
			pass
		except Stale:
			raise
		except Refused as e:
			pair.left[file.name] = _stays(file.file_name, side, e)
			continue
		done.append(f"removed {file.file_name}")
		doc[FILES] = [each for each in doc.get(FILES, []) if each.name != file.name]
		ctx.ledger.save([])
	return done


def leave_out_twins(ctx: Context, batch: Batch, pair: Pair, side: Side, survivor: str) -> None:
	"""Before a merge, by which the survivor gets the attachments: those that it has already, from the other side or of
	its own, would be there twice."""
	site, terms = ctx.sites[side], batch.terms[side]
	mine = [
		file for file in (pair.docs[side] or {}).get(FILES, []) if not file.field and content(file, terms)
	]
	if not mine:
		return
	held = site.files("attached_to_name", [survivor], doctype=batch.rule.doctype)
	known = {(told, file.private) for file in held if (told := content(file, terms))}
	for file in [file for file in mine if (content(file, terms), file.private) in known]:
		site.delete(FILE, file.name, file.modified)
		ctx.ledger.save([])


def check_files(ctx: Context, batch: Batch, pair: Pair, side: Side) -> None:
	"""Raise Stale if a file was attached since the document was read: `modified` does not show it, and a deletion would
	take it along."""
	doc = pair.docs[side]
	if not doc or FILES not in doc:
		return
	known = {file.name for file in doc[FILES]}
	for file in ctx.sites[side].files("attached_to_name", [doc["name"]], doctype=batch.rule.doctype):
		if file.name not in known:
			raise Stale(f"{file.file_name} was attached to it on the {side} side in the meantime.")


def _place(
	ctx: Context, batch: Batch, pair: Pair, side: Side, told: str, to: File, *, share: bool = True
) -> File:
	"""A File record on the side with that content, as `to` says otherwise; the bytes are sent only if the side does
	not have them. Raises Refused where that cannot be."""
	site, terms, source = ctx.sites[side], batch.terms[side], other(side)
	file = _source(batch, pair, source, told, to.private)
	field = to.field
	if field is None and file.field and to.document and (shaped := batch.shape.named_on(source, file.field)):
		field = shaped.on(side)
	to = replace(to, file_name=plain_name(file), field=field)
	if file.url.startswith(ELSEWHERE):
		return site.add_file(replace(to, url=file.url), None)
	if file.size > batch.rule.file_limit:
		raise Refused(
			f"it has {_megabytes(file.size)}, and the rule's limit is {_megabytes(batch.rule.file_limit)}."
		)
	if made := _shared(ctx, batch, side, told, to, share):
		return made
	known = ctx.ledger.bindings(FILE, source, [file.hash]).get(file.hash)
	if known and known.error:
		raise Refused(known.error)
	sent = ctx.sites[source].download(file, batch.rule.file_limit)
	if not sent:
		raise Refused("it is empty.")
	made = site.add_file(to, sent)
	hashes = {source: file.hash, side: made.hash}
	if known and known.names.get(side) == made.hash:
		alias(batch, hashes)
	elif made.hash != file.hash and not known and not _bind(ctx, batch, hashes):
		# Two pictures that are the same but for their EXIF, which the site takes away: remembered, so that the second
		# one is not sent again.
		site.delete(FILE, made.name, made.modified)
		why = (
			f"the {side} site takes the EXIF of pictures away, and makes the same file of it as of another one. To have both"
			" there, change that in its System Settings, and save the Sync Rule."
		)
		names = {source: file.hash, side: None}
		ctx.ledger.save([Outcome(Binding(FILE, names, status="Diverged", error=why))])
		raise Refused(why)
	terms.files[made.url] = made
	return made


def _shared(ctx: Context, batch: Batch, side: Side, told: str, to: File, share: bool) -> File | None:
	"""The content is on the side already: attach it from there. None where it is not, or cannot be attached so. With
	`share` any record of it will do; else one that is attached to nothing, such as what was sent for a create that then
	failed, or a new record that is made from the address of one that is there."""
	site, terms = ctx.sites[side], batch.terms[side]
	own = terms.outward.get((FILE, told), told)
	found = site.files("content_hash", [own], private=to.private, limit=1 if share else FEW)
	if to.document is None:
		free = next((file for file in found if share or file.document is None), None)
		if free:
			terms.files[free.url] = free
			return free
	if not found or is_reencoded(found[0].file_name):
		return None
	try:
		made = site.add_file(replace(to, url=found[0].url), None)
	except Stale:
		raise
	except Refused:
		return None  # its bytes are gone there
	if made.hash != own:
		# Some sites read a file as text on the way, and store another.
		site.delete(FILE, made.name, made.modified)
		return None
	terms.files[made.url] = made
	return made


def _source(batch: Batch, pair: Pair, side: Side, told: str, private: bool) -> File:
	terms = batch.terms[side]
	value = {"hash": told, "private": private}
	for file in [*((pair.docs[side] or {}).get(FILES) or ()), *terms.files.values()]:
		if is_content(file, value, terms):
			return file
	raise Refused("there is no File record of it.")


def bind_twins(ctx: Context, batch: Batch, pair: Pair) -> None:
	"""Remember what the look at the document found out."""
	for hashes in pair.twins:
		_bind(ctx, batch, hashes)


def _bind(ctx: Context, batch: Batch, hashes: Mapping[Side, str]) -> bool:
	"""Remember that one content has another hash on each side; False where one of them is bound to another."""
	ctx.ledger.save([])  # by itself: what is refused takes back what was written before
	try:
		ctx.ledger.save([Outcome(Binding(FILE, hashes, status="Synced"))])
	except Duplicate:
		return False
	alias(batch, hashes)
	return True


def _changed_privacy(ctx: Context, side: Side, file: File, private: bool) -> File:
	"""The site moves the bytes, and with them all File records of that content."""
	site = ctx.sites[side]
	site.update(FILE, file.name, {"is_private": int(private)}, file.modified)
	made = next(
		(each for each in site.files("content_hash", [file.hash], private=private) if each.name == file.name),
		None,
	)
	if made is None:
		raise Refused(f"the {side} site did not make it {'private' if private else 'public'}.")
	return made


def _name(batch: Batch, pair: Pair, side: Side, told: str) -> str:
	source = other(side)
	files = (pair.docs[source] or {}).get(FILES, [])
	return next((f.file_name for f in files if content(f, batch.terms[source]) == told), told)


def _stays(file_name: str, side: Side, e: Refused) -> str:
	return f"{file_name} stays on the {side} side: {e}"


def _megabytes(size: int) -> str:
	return f"{size / MEGABYTE:.1f} MB"
