# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`scripts/business`: plays a business on the two sites of the bench, one seed after the other, and compares the
books. What fails is made short, and told as a list of steps."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import NoReturn

import frappe

from erpsync_app.tests import support
from erpsync_app.tests.business.drawing import draw
from erpsync_app.tests.business.play import Played, play
from erpsync_app.tests.business.shrink import Steps, shrunk
from erpsync_app.tests.business.steps import ACTS
from erpsync_app.tests.business.world import World, founded
from erpsync_app.tests.support import CLOUD_URL, LOCAL_SITE, LOCAL_URL, Person

SHOWN = 20


def main() -> int:
	options = _options()
	frappe.init(site=LOCAL_SITE, sites_path=".")
	frappe.connect()
	frappe.set_user("Administrator")
	people = Person(LOCAL_URL), Person(CLOUD_URL)
	with support.connected(people[1]):
		return _Business(people, options).run()


class _Parser(argparse.ArgumentParser):
	def error(self, message: str) -> NoReturn:
		self.exit(2, f"{self.prog}: {message}\n")


def _options() -> argparse.Namespace:
	parser = _Parser(prog="scripts/business", description=__doc__)
	parser.add_argument("--seed", type=_number, default=1, help="of the first history (1)")
	parser.add_argument("--documents", type=_number, default=200, help="that clerks make in a history (200)")
	parser.add_argument("--histories", type=_number, default=1, help="how many, each with the next seed (1)")
	parser.add_argument(
		"--without", action="append", default=[], metavar="ACT", help="what no clerk does; may be given again"
	)
	parser.add_argument("--all", action="store_true", help="do not stop at the first that fails")
	parser.add_argument("--no-shrink", action="store_true", help="do not make short what fails")
	parser.add_argument("--verbose", action="store_true", help="tell each step as it is done")
	options = parser.parse_args()
	if unknown := [act for act in options.without if act not in ACTS]:
		parser.error(f"there is no act {unknown[0]!r}; there are: {', '.join(ACTS)}")
	if not {*ACTS} - {*options.without} & {name for name, act in ACTS.items() if act.makes and not act.kinds}:
		parser.error("leave at least one act that makes a document, or the history never ends")
	return options


def _number(text: str) -> int:
	try:
		number = int(text)
	except ValueError:
		number = 0
	if number < 1:
		raise argparse.ArgumentTypeError(f"give a whole number from 1, not {text!r}")
	return number


class _Business:
	def __init__(self, people: tuple[Person, Person], options: argparse.Namespace):
		self.people = people
		self.options = options
		self.world: World | None = None

	def run(self) -> int:
		options = self.options
		failed: dict[int, Played] = {}
		total: Counter[str] = Counter()
		for seed in range(options.seed, options.seed + options.histories):
			steps = draw(seed, options.documents, without=options.without)
			played = self._play(steps)
			total.update(histories=1, documents=played.documents, seconds=played.seconds)
			_tell(seed, played)
			if played.problems:
				failed[seed] = played
				if not options.all:
					break
		hours = total["seconds"] / 3600
		print(
			f"{total['histories']} histories, {len(failed)} failed; {total['documents']} documents; "
			f"{total['documents'] / hours:.0f} documents and {total['histories'] / hours:.1f} histories an hour",
			flush=True,
		)
		if failed and not options.no_shrink:
			seed = min(failed)
			self._shrink(seed, draw(seed, options.documents, without=options.without), failed[seed])
		return int(bool(failed))

	def _play(self, steps: Steps) -> Played:
		"""In a company whose books agree: a new one, after a history that failed."""
		if self.world is None:
			self.world = founded(*self.people)
		played = play(self.world, steps, self._trace)
		if played.problems:
			self.world = None
		return played

	def _trace(self, line: str) -> None:
		if self.options.verbose:
			print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)

	def _shrink(self, seed: int, steps: Steps, first: Played) -> None:
		print(f"\nseed {seed} fails; it is being shrunk, which takes a while …", flush=True)

		def fails(fewer: Steps) -> bool:
			same = bool(first.kinds & self._play(fewer).kinds)
			print(f"… {len(fewer)} steps: {'the same' if same else 'not that'}", file=sys.stderr, flush=True)
			return same

		steps = shrunk(steps, fails)
		print(f"\nSeed {seed}, no step of which can be left out:\n")
		print("\n".join(map(str, steps)))
		_tell(seed, self._play(steps))


def _tell(seed: int, played: Played) -> None:
	print(
		f"seed {seed}: {played.documents} documents in {played.seconds:.0f} s, {len(played.skipped)} steps not "
		f"done, {len(played.problems)} problems",
		flush=True,
	)
	for problem in played.problems[:SHOWN]:
		print(f"!! {problem}", flush=True)
	if len(played.problems) > SHOWN:
		print(f"!! … and {len(played.problems) - SHOWN} more", flush=True)


if __name__ == "__main__":
	sys.exit(main())
