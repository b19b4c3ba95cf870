# Copyright (c) 2026, erpsync_app contributors
# License: MIT. See license.txt
"""Which processes of this machine, or of this container, are still there."""

from __future__ import annotations

import os
import socket
from functools import lru_cache


@lru_cache(maxsize=1)
def _boot() -> str:
	try:
		with open("/proc/sys/kernel/random/boot_id") as f:
			return f.read().strip()[:8]
	except OSError:
		return ""


@lru_cache(maxsize=1)
def place() -> str:
	"""Where process numbers mean the same processes as here. Containers that share a host name do not share these, nor
	do two machines of one name."""
	try:
		namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
	except OSError:
		namespace = ""
	try:
		with open("/etc/machine-id") as f:
			machine = f.read().strip()[:8]
	except OSError:
		machine = ""
	return f"{socket.gethostname()}/{machine}/{namespace}"


def owner(unique: str) -> str:
	"""How a worker of this process signs its leases; `unique` tells it from others of the process."""
	pid = os.getpid()
	return f"{place()}:{pid}:{birth(pid)}:{unique}"


def birth(pid: int) -> str:
	"""When a process of this place began: tells it from a later one of the same number. Empty where the system
	does not say; then only the lease's end tells."""
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f"{_boot()}-{f.read().rpartition(')')[2].split()[19]}"
	except (OSError, IndexError):
		return ""


def is_dead(owner: str) -> bool:
	"""Whether a lease's owner was a process of this place that is no more."""
	where, pid, born, *_ = owner.split(":")
	return bool(where == place() and born and birth(int(pid)) != born)
