"""The main job of the app, told before a person's eyes. Each ✓ stands for something that was read on the other site.

Written once for two stages: the two ERPNext sites of a bench (stage_bench.py), and two sandbox sites without a bench
(stage_sandbox.py). Standard library only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

PATIENCE = 90
"""Seconds that a step waits. Most take one or two; what had to wait for another document, up to a minute."""


class Person(Protocol):
	"""Someone at work on one site. Raises Trouble where the site refuses."""

	def insert(self, doctype: str, **values: Any) -> str:
		"""Make a document; answers its name."""

	def get(self, doctype: str, name: str) -> dict[str, Any] | None: ...

	def edit(self, doctype: str, name: str, **values: Any) -> None: ...

	def delete(self, doctype: str, name: str) -> None: ...


class Stage(Protocol):
	"""Where the story is played: two people, and sync between their sites."""

	local: Person
	cloud: Person

	def sync(self) -> dict[str, int]:
		"""Look at every document on both sides; answers what was done, nothing for nothing. Raises Trouble."""

	def waiting(self) -> int:
		"""How many changes are noted and not carried over yet."""

	def pause(self) -> None:
		"""From now on changes are noted but not carried over."""

	def resume(self) -> None: ...

	def conflict(self, doctype: str, name: str) -> dict[str, Any] | None:
		"""The last conflict of a local document: `status`, `resolution`, and by field what each side held:
		`clashes` = {field: {"local": …, "cloud": …}}."""

	def forge(self, doctype: str, name: str) -> int:
		"""Send a webhook with a wrong signature, which tells that a cloud document was deleted; answers the status."""

	def where_to_look(self) -> str:
		"""One sentence for a person whom a step has failed."""


class Trouble(Exception):
	"""Why the story cannot go on, in one sentence."""


class Teller:
	"""Prints. Colour only where a person reads."""

	def __init__(self, stream=None):
		self._stream = stream or sys.stdout
		self._colour = self._stream.isatty()
		self._steps = 0

	def step(self, title: str) -> None:
		self._steps += 1
		self._print(f"\n{self._steps}. {title}", "1")

	def say(self, sentence: str) -> None:
		self._print(f"   {sentence}")

	def done(self, sentence: str) -> None:
		self._print(f"   ✓ {sentence}", "32")

	def failed(self, sentence: str) -> None:
		self._print(f"   ✗ {sentence}", "31")

	def _print(self, text: str, code: str = "") -> None:
		print(f"\033[{code}m{text}\033[0m" if code and self._colour else text, file=self._stream, flush=True)


def tell(stage: Stage, teller: Teller) -> bool:
	"""The whole story; False where a step failed, which was told then."""
	try:
		_tell(stage, teller)
	except Trouble as e:
		teller.failed(str(e))
		teller.say(stage.where_to_look())
		return False
	return True


def _tell(stage: Stage, teller: Teller) -> None:
	local, cloud = stage.local, stage.cloud
	tag = f"{time.time_ns() // 10**6 % 36**5:05x}"[-5:]  # this run's documents, whatever earlier runs left

	def until(holds: Callable[[], Any], what: str) -> float:
		"""Wait until something holds; answers how long it took."""
		start = time.monotonic()
		while not holds():
			if time.monotonic() - start > PATIENCE:
				raise Trouble(f"{what} did not happen within {PATIENCE} seconds.")
			time.sleep(0.1)
		return time.monotonic() - start

	def has(person: Person, doctype: str, name: str, **values: Any) -> bool:
		doc = person.get(doctype, name)
		return doc is not None and all(doc.get(field) == value for field, value in values.items())

	def quiet() -> None:
		until(lambda: stage.waiting() == 0, "Carrying over all that had been noted")

	teller.step("First sync: what both sites hold already is compared, once")
	counts = stage.sync()
	told = ", ".join(f"{number} {what}" for what, number in counts.items()) or "nothing had to be done"
	teller.done(f"Both sites are in step ({told}).")

	teller.step("Made on the local site, seen on the cloud")
	group = local.insert(
		"Customer Group",
		customer_group_name=f"Demo Shops {tag}",
		parent_customer_group="All Customer Groups",
		is_group=0,
	)
	bakery = local.insert(
		"Customer",
		customer_name=f"Demo Bakery {tag}",
		customer_type="Company",
		customer_group=group,
		territory="All Territories",
	)
	teller.say(
		f'On the local site someone makes the Customer Group "{group}" and in it the Customer "{bakery}".'
	)
	took = until(
		lambda: has(cloud, "Customer", bakery, customer_group=group), f'"{bakery}" reaching the cloud'
	)
	teller.done(f"Both are on the cloud after {took:.1f} s, the group first. Nobody ran a command.")

	teller.step("Made on the cloud, seen on the local site")
	shelf = cloud.insert(
		"Item Group", item_group_name=f"Demo Pastry {tag}", parent_item_group="All Item Groups", is_group=0
	)
	roll = cloud.insert(
		"Item",
		item_code=f"Demo Roll {tag}",
		item_name="Roll",
		item_group=shelf,
		stock_uom="Nos",
		description="Plain",
	)
	teller.say(f'On the cloud someone makes the Item Group "{shelf}" and in it the Item "{roll}".')
	took = until(
		lambda: has(local, "Item", roll, item_group=shelf), f'"{roll}" reaching the local site by webhook'
	)
	teller.done(f"Both are on the local site after {took:.1f} s: the cloud's own webhook told of them.")

	teller.step("An edit on each side crosses")
	local.edit("Customer", bakery, website="bakery.example.com")
	cloud.edit("Item", roll, item_name="Poppy Seed Roll")
	teller.say("Local: the bakery gets a website. Cloud: the roll becomes a Poppy Seed Roll.")
	took = until(
		lambda: has(cloud, "Customer", bakery, website="bakery.example.com"), "The website reaching the cloud"
	)
	teller.done(f"The cloud has the website ({took:.1f} s).")
	took = until(
		lambda: has(local, "Item", roll, item_name="Poppy Seed Roll"), "The new name reaching the local site"
	)
	teller.done(f"The local site has the new name ({took:.1f} s).")

	teller.step("Both sides edit one document, in different fields")
	quiet()
	stage.pause()
	try:
		teller.say("Sync is paused, as if the line were down. Local: a tax id. Cloud: a new website.")
		local.edit("Customer", bakery, tax_id=f"T-{tag}")
		cloud.edit("Customer", bakery, website="new.example.com")
	finally:
		stage.resume()
	stage.sync()
	for person, place in ((local, "local site"), (cloud, "cloud")):
		if not has(person, "Customer", bakery, tax_id=f"T-{tag}", website="new.example.com"):
			raise Trouble(f"The {place} does not have both edits.")
	teller.done("The line is back: both edits are on both sides. No conflict.")

	teller.step("Both sides edit the same field")
	quiet()
	stage.pause()
	try:
		teller.say('Paused again. The website becomes "here.example.com" on the local site,')
		teller.say('and a moment later "there.example.com" on the cloud.')
		local.edit("Customer", bakery, website="here.example.com")
		time.sleep(1.1)
		cloud.edit("Customer", bakery, website="there.example.com")
	finally:
		stage.resume()
	stage.sync()
	for person, place in ((local, "local site"), (cloud, "cloud")):
		if not has(person, "Customer", bakery, website="there.example.com"):
			raise Trouble(f"The {place} does not have the later edit.")
	teller.done("The later edit is on both sides, as the rule says (latest_timestamp).")
	conflict = stage.conflict("Customer", bakery)
	clash = (conflict or {}).get("clashes", {}).get("website")
	if not conflict or not clash or clash["local"] != "here.example.com":
		raise Trouble("No Sync Conflict keeps the edit that lost.")
	teller.done(
		f'A Sync Conflict keeps the edit that lost: "{clash["local"]}" ({conflict["status"]}, by {conflict["resolution"]}).'
	)

	teller.step("A webhook that the cloud did not sign")
	quiet()
	status = stage.forge("Item", roll)
	if status != 401 or stage.waiting():
		raise Trouble(f"It was answered with {status} and not refused.")
	teller.done("Refused (401), and not even noted.")

	teller.step("Deleted on the cloud, gone from the local site")
	quiet()
	cloud.delete("Item", roll)
	took = until(lambda: local.get("Item", roll) is None, f'"{roll}" leaving the local site')
	teller.done(f'"{roll}" is gone from the local site too ({took:.1f} s).')

	teller.step("Sync again: a steady state writes nothing")
	quiet()
	before = [person.get("Customer", bakery)["modified"] for person in (local, cloud)]
	counts = stage.sync()
	after = [person.get("Customer", bakery)["modified"] for person in (local, cloud)]
	if counts or before != after:
		raise Trouble(f"Something was written: {counts or 'the time of the last change moved'}.")
	teller.done("Every document on both sides was looked at again, and nothing was written.")
