# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which processes of this host are still there."""

from __future__ import annotations

import socket
from functools import lru_cache


@lru_cache(maxsize=1)
def _boot() -> str:
	try:
		with open("/proc/sys/kernel/random/boot_id") as f:
			return f.read().strip()[:8]
	except OSError:
		return ""


def birth(pid: int) -> str:
	"""When a process of this host began: tells it from a later one of the same number. Empty where the system
	does not say; then only the lease's end tells."""
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f"{_boot()}-{f.read().rpartition(')')[2].split()[19]}"
	except (OSError, IndexError):
		return ""


def is_dead(owner: str) -> bool:
	"""Whether a lease's owner was a process of this host that is no more."""
	host, pid, birth, *_ = owner.split(":")
	return bool(host == socket.gethostname() and birth and birth(int(pid)) != birth)
