# shellcheck shell=bash
# What scripts/demo, test, simulate and load have in common. Sourced by them, with `here` (their folder) set.

die() {
	echo "$*" >&2
	exit 1
}

# Sets VENV to a virtual environment with these packages, made if it is not there yet.
# Read by name, so that a run after a change of what is needed does not use the old one.
# usage: venv_prepare NAME MODULES-TO-IMPORT PACKAGE...
venv_prepare() {
	local name=$1 modules=$2 python=${ERPSYNC_TEST_PYTHON:-python3} key
	shift 2
	key=$({ "$python" -c 'import sys; assert sys.version_info >= (3, 10); print(sys.version, sys.prefix)' &&
		echo "$@"; } 2>/dev/null | sha256sum | cut -c1-12) ||
		die "Python 3.10 or newer is needed: install it, or name one in ERPSYNC_TEST_PYTHON, and run this again."
	VENV=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/erpsync/$name-$key
	[ -e "$VENV/ready" ] && "$VENV/bin/python" -c "import $modules" 2>/dev/null && return
	echo "==> virtual environment $VENV"
	mkdir -p "$(dirname "$VENV")"
	"$python" -m venv --clear "$VENV" || die "The virtual environment could not be made: install Python's venv module (Debian: python3-venv) and run this again."
	"$VENV/bin/python" -m pip install --quiet "$@" ||
		die "$* could not be installed from PyPI: check the network and pip's settings and run this again."
	touch "$VENV/ready"
}

# For the sandbox: of its own, since the engine's few packages are not part of Python.
sandbox_venv() { venv_prepare sandbox 'requests, yaml' 'requests>=2.31' 'pyyaml>=6'; }

# One run at a time of what uses the bench's sites: the tests, the demo. Held on descriptor 7 until the caller ends.
sites_lock() {
	local lock
	lock=$(bench_setting ERPSYNC_TEST_BENCH 2>/dev/null)/.erpsync/run/tests.lock || return 0 # start says what is wrong
	"$here/bench" run touch "$lock" 2>/dev/null && exec 7<"$lock" || return 0
	flock --nonblock 7 || { echo "==> waiting for another run of the tests or the demo on this bench" && flock 7; }
}

bench_setting() { "$here/bench" env | sed -n "s/^$1=//p"; }

# What the tests on real sites, and the business, need of the bench's own Python.
bench_pytest() {
	local python=$1/env/bin/python modules='pytest, hypothesis, xdist'
	local -a packages=('pytest>=8' 'hypothesis>=6.100' 'pytest-xdist>=3.6')
	if chromium_is_here; then modules+=', playwright' packages+=('playwright>=1.48'); fi
	"$here/bench" run "$python" -c "import $modules" 2>/dev/null ||
		"$here/bench" run "$python" -m pip install --quiet "${packages[@]}" ||
		{
			echo "pytest could not be installed into the bench: check the network and run this again." >&2
			return 1
		}
}

chromium_is_here() {
	local name
	for name in chromium chromium-browser google-chrome; do
		if command -v "$name" >/dev/null; then return 0; fi
	done
	return 1
}
