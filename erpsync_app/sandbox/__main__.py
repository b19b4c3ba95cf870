# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""`scripts/simulate`: plays histories one seed after the other, and tells the first that fails, shrunk."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

from erpsync_app.sandbox.drawing import ATOMIC, draw
from erpsync_app.sandbox.played import judged, play, same_fault
from erpsync_app.sandbox.shrink import shrunk

SHARES = {
	"files": "attaching and removing files",
	"tags": "tagging and untagging",
	"followers": "comments and assignments",
	"buttons": "closing, holding and Update Items of submitted orders",
	"deliveries": "histories about deliveries of orders",
}
"""What people do only if they are asked to, by the word of `draw`."""

UNASKED = {**dict.fromkeys(SHARES, 0.0), "atomic": ATOMIC}

SHOWN = 20
PROGRESS = 1000


def main() -> int:
	options = _options()
	started = time.monotonic()
	failed: dict[int, list[str]] = {}
	total: Counter[str] = Counter()
	done = 0
	for seed, kinds, totals in _results(options):
		done += 1
		total += totals
		if done % PROGRESS == 0:
			print(f"… {done} histories", file=sys.stderr, flush=True)
		if kinds:
			failed[seed] = kinds
			print(f"seed {seed}: {'; '.join(kinds)}", flush=True)
			if not options.all:
				break
	seconds = time.monotonic() - started
	print(f"{done} histories, {len(failed)} failed, {done / seconds:.1f} a second", flush=True)
	print(", ".join(f"{total[name]} {name}" for name in sorted(total)))
	if not failed:
		return 0
	_tell(min(failed), _shares(options), verbose=options.verbose)
	return 1


def _options() -> argparse.Namespace:
	parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
	parser.add_argument("--seed", type=int, default=1, help="of the first history")
	parser.add_argument("--histories", type=int, default=1000)
	parser.add_argument("--jobs", type=int, default=1, help="processes to share the work")
	for word, what in SHARES.items():
		parser.add_argument(f"--{word}", type=float, default=0.0, help=f"share of {what}, to 0.4")
	parser.add_argument(
		"--atomic",
		type=float,
		default=ATOMIC,
		help="share of histories whose local side is in one transaction with the ledger",
	)
	parser.add_argument("--all", action="store_true", help="do not stop at the first that fails")
	parser.add_argument(
		"--verbose", action="store_true", help="tell all that happens in the history that fails"
	)
	return parser.parse_args()


def _results(options: argparse.Namespace) -> Iterator[tuple[int, list[str], Counter[str]]]:
	seeds = range(options.seed, options.seed + options.histories)
	of_seed = partial(judged, **_shares(options))
	if options.jobs == 1:
		yield from map(of_seed, seeds)
		return
	with get_context("spawn").Pool(options.jobs) as pool:
		yield from pool.imap(of_seed, seeds, chunksize=20)


def _shares(options: argparse.Namespace) -> dict[str, float]:
	return {word: getattr(options, word) for word in (*SHARES, "atomic")}


def _tell(seed: int, shares: dict[str, float], *, verbose: bool) -> None:
	history = draw(seed, **shares)
	first = play(history)
	print(f"\nseed {seed} fails; it is being shrunk …", flush=True)
	history = shrunk(history, lambda smaller: same_fault(first, play(smaller)))
	played = play(history)
	print(f"\n{history}\n")
	for problem in played.problems[:SHOWN]:
		print(f"!! {problem}")
	if verbose:
		print("\n" + "\n".join(played.trace))
	drawn = "".join(f" --{word} {share:g}" for word, share in shares.items() if share != UNASKED[word])
	print(f"\nAgain: scripts/simulate --seed {seed} --histories 1{drawn} --verbose")


if __name__ == "__main__":
	sys.exit(main())
