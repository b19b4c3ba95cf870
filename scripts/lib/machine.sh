# shellcheck shell=bash
# The machine: system packages, the bench's user, the bench CLI, and the bench itself.

FRAPPE_HOME=https://github.com/frappe/frappe
ERPNEXT_HOME=https://github.com/frappe/erpnext

# Sets FRAPPE_BRANCH, and what it needs: the first Python, the first that is too new, and Node.js. A bench that is there
# has its branch, and one that is to be made the branch that is asked for.
branch_decide() {
	local there
	there=$(sed -n 's/^__version__ = "\([0-9]*\).*/version-\1/p' "$BENCH/apps/frappe/frappe/__init__.py" 2>/dev/null) || true
	if marked making-bench; then there=''; fi
	FRAPPE_BRANCH=${ERPSYNC_FRAPPE_BRANCH:-${there:-version-15}}
	case $FRAPPE_BRANCH in
	"$there"*) ;;
	version-*) die "The bench $BENCH is of Frappe's $there, and ERPSYNC_FRAPPE_BRANCH says $FRAPPE_BRANCH: unset it, or name another place for that one in ERPSYNC_BENCH." ;;
	esac
	case $FRAPPE_BRANCH in
	version-15* | v15*) PYTHON_FROM=3.10 PYTHON_BEFORE=3.14 NODE_FROM=18 ;;
	*) PYTHON_FROM=3.14 PYTHON_BEFORE=3.15 NODE_FROM=24 ;;
	esac
}

machine_prepare() {
	branch_decide
	packages_install
	user_make
	place_lock
	cli_install
}

have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

# By what is there, not by package names: a machine may have any of these from elsewhere.
packages_missing() {
	have mariadbd || echo mariadb-server
	have mariadb || echo mariadb-client
	have redis-server || echo redis-server
	have git || echo git
	have gcc || echo build-essential
	have pkg-config || echo pkg-config
	{ have mariadb_config || have mysql_config; } || echo libmariadb-dev # Frappe 16 compiles mysqlclient
	have setpriv || echo util-linux
	python_find >/dev/null || echo python3 python3-venv python3-dev
	node_is_good || echo nodejs npm
	have npm || echo npm
}

node_is_good() {
	local version
	version=$(PATH=/usr/local/bin:/usr/bin:/bin node --version 2>/dev/null) || return 1
	version=${version#v}
	[ "${version%%.*}" -ge "$NODE_FROM" ]
}

# A Python that every user can run: one in root's home would be no use to the bench's user.
python_find() {
	local candidate
	for candidate in ${ERPSYNC_PYTHON:-} /usr/bin/python3.1{1,2,3,0,4} /usr/local/bin/python3.1{1,2,3,0,4} /usr/bin/python3; do
		[ -x "$candidate" ] || continue
		if "$candidate" -c "import sys, venv, ensurepip; sys.exit(not (${PYTHON_FROM/./, }) <= sys.version_info[:2] < (${PYTHON_BEFORE/./, }))" 2>/dev/null &&
			[ -f "$("$candidate" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then
			echo "$candidate"
			return
		fi
	done
	return 1
}

packages_install() {
	local -a missing
	mapfile -t missing < <(packages_missing | tr ' ' '\n' | sort -u)
	if [ ${#missing[@]} -gt 0 ]; then
		have apt-get || die "Install these with this system's package manager, then run this again: ${missing[*]}."
		say "system packages: ${missing[*]}"
		local log
		log=$(mktemp)
		# RUNLEVEL=1 keeps Debian's scripts from starting servers that the bench does not use
		{ as_root apt-get update &&
			as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null || {
			tail -n 15 "$log" >&2
			die "apt-get could not install ${missing[*]}: put right what it says above (all of it: $log) and run this again."
		}
		rm -f "$log"
	fi
	node_is_good || die "Node.js $NODE_FROM or newer is needed for $FRAPPE_BRANCH and this system packages an older one: install it from nodejs.org and run this again."
	python_find >/dev/null || die "Python $PYTHON_FROM or newer, and older than $PYTHON_BEFORE, with venv and headers is needed for $FRAPPE_BRANCH: install it (or name one in ERPSYNC_PYTHON), or set ERPSYNC_FRAPPE_BRANCH to another branch, and run this again."
}

user_make() {
	if ! getent passwd "$BENCH_USER" >/dev/null; then
		say "user $BENCH_USER"
		as_root useradd --system --create-home --home-dir /opt/erpsync --shell /bin/bash "$BENCH_USER" ||
			die "The user $BENCH_USER could not be made: make it by hand (useradd $BENCH_USER) and run this again."
		BENCH_HOME=/opt/erpsync
	fi
	if [ ! -d "$BENCH" ] && { [ "$(id -un)" != "$BENCH_USER" ] || ! mkdir -p "$BENCH" 2>/dev/null; }; then
		as_root mkdir -p "$BENCH"
		as_root chown "$BENCH_USER:" "$BENCH"
	fi
	as_user test -w "$BENCH" || die "The user $BENCH_USER cannot write to $BENCH: let it pass through the folders above, or set ERPSYNC_BENCH to another place."
	as_user mkdir -p "$STATE/log" "$STATE/run"
}

# The bench CLI and yarn live in the bench's own folder: no version of somebody else's is touched.
cli_install() {
	if ! as_user test -x "$STATE/cli/bin/bench" || ! as_user "$STATE/cli/bin/bench" --version >/dev/null 2>&1; then
		say "bench CLI"
		logged up as_user "$(python_find)" -m venv --clear "$STATE/cli"
		logged up as_user "$STATE/cli/bin/python" -m pip install 'frappe-bench>=5.22' ||
			die "The bench CLI could not be installed from PyPI: check the network and pip's settings and run this again."
	fi
	if ! as_user yarn --version 2>/dev/null | grep -q '^1\.22'; then
		say "yarn"
		logged up as_user npm install --global --prefix "$STATE/node" yarn@1.22 ||
			die "yarn could not be installed from npm: check the network and npm's settings and run this again."
	fi
}

bench_make() {
	if marked making-bench; then
		say "an earlier run was cut off while it made the bench: starting that afresh"
		as_user find "$BENCH" -mindepth 1 -maxdepth 1 ! -name .erpsync -exec rm -rf {} +
	fi
	if ! bench_exists; then
		[ -z "$(as_user find "$BENCH" -mindepth 1 -maxdepth 1 ! -name .erpsync -print -quit)" ] ||
			die "$BENCH holds files but is no bench: empty it, or set ERPSYNC_BENCH to another place."
		frappe_reachable
		say "bench init, Frappe $FRAPPE_BRANCH (some minutes)"
		mark making-bench
		AS_USER_DIR=$(dirname "$BENCH") logged up as_user bench init "$BENCH" --ignore-exist --frappe-branch "$FRAPPE_BRANCH" \
			--python "$(python_find)" --no-backups --skip-assets --verbose ||
			die "bench init failed: put right what it says above and run this again."
		bench_exists || die "bench init left no bench in $BENCH: see $STATE/log/up.log, and run this again."
		# Frappe 15 imports pkg_resources, which setuptools 81 dropped
		logged up as_user "$BENCH/env/bin/python" -m pip install 'setuptools<81' ||
			die "setuptools could not be installed into the bench: check the network and run this again."
		mark ours
		unmark making-bench
	fi
	if marked making-erpnext; then as_user rm -rf "$BENCH/apps/erpnext"; fi
	if [ ! -d "$BENCH/apps/erpnext" ]; then
		say "bench get-app erpnext, $FRAPPE_BRANCH"
		mark making-erpnext
		logged up as_user bench get-app "$ERPNEXT_HOME" --branch "$FRAPPE_BRANCH" --skip-assets ||
			die "ERPNext could not be fetched from $ERPNEXT_HOME: put right what it says above and run this again."
		unmark making-erpnext
	fi
}

frappe_reachable() {
	AS_USER_DIR=/ as_user timeout 120 git ls-remote --exit-code --heads "$FRAPPE_HOME" "$FRAPPE_BRANCH" >/dev/null 2>&1 && return
	echo "Frappe cannot be fetched from $FRAPPE_HOME ($FRAPPE_BRANCH): check the network, or name a bench that is already there in ERPSYNC_BENCH." >&2
	exit "$EXIT_UNAVAILABLE"
}

hosts_write() {
	local -a missing=()
	local site
	for site in "${SITES[@]}"; do
		getent hosts "$site" >/dev/null || missing+=("$site")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "/etc/hosts: ${missing[*]}"
	as_root tee -a /etc/hosts >/dev/null <<<"127.0.0.1 ${missing[*]}" ||
		die "/etc/hosts could not be written: add the line '127.0.0.1 ${missing[*]}' by hand and run this again."
}
