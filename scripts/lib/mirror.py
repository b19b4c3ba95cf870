"""Makes the folder DST hold exactly the files of SRC: `mirror.py SRC DST`. Prints each path that changed.
What Python, pip and the asset build leave in DST stays."""

import os
import shutil
import sys
from pathlib import Path

src, dst = Path(sys.argv[1]), Path(sys.argv[2])
KEPT_DIRS = {"__pycache__", "node_modules", ".git", ".pytest_cache", ".hypothesis"}


def files(top):
	for folder, dirs, names in os.walk(top):
		dirs[:] = [d for d in dirs if d not in KEPT_DIRS and not d.endswith(".egg-info")]
		for name in names:
			path = Path(folder, name).relative_to(top)
			if "public/dist/" not in path.as_posix():
				yield path


new, old = set(files(src)), set(files(dst)) if dst.exists() else set()
for path in sorted(old - new):
	(dst / path).unlink()
	print(path)
for path in sorted(new):
	source, target = src / path, dst / path
	if path in old and not target.is_symlink():
		same = source.read_bytes() == target.read_bytes() and source.stat().st_mode == target.stat().st_mode
		if same:
			continue
	target.parent.mkdir(parents=True, exist_ok=True)
	# A new file in the old one's place: no process ever reads half of one
	part = target.with_name(target.name + ".new~")
	shutil.copy(source, part)
	part.replace(target)
	print(path)
# A package that is gone must not be importable through the folder that its caches keep
for folder, _, _ in os.walk(dst, topdown=False):
	path = Path(folder)
	left = {p.name for p in path.iterdir()}
	if path != dst and path.name not in KEPT_DIRS and left <= {"__pycache__"}:
		if not any(part in KEPT_DIRS or part.endswith(".egg-info") for part in path.relative_to(dst).parts):
			shutil.rmtree(path)
