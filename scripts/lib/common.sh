# shellcheck shell=bash
# Where the bench is, whose it is, and how to run something as that user.
# Sourced by scripts/bench, with ROOT (the checkout) set.

CLOUD_SITE=cloud.localhost
LOCAL_SITE=local.localhost
# A second pair, once `scripts/bench second-pair` has been asked for: half of the tests run on it.
CLOUD_SITE_2=cloud-2.localhost
LOCAL_SITE_2=local-2.localhost
ADMIN_PASSWORD=admin
APP=erpsync_app
EXIT_NO_BENCH=66    # scripts/test tells a bench that is not there from one that does not start
EXIT_UNAVAILABLE=69 # Frappe's public home cannot be reached: scripts/demo goes on without a bench

say() { echo "==> $*"; }

die() {
	echo "$*" >&2
	exit 1
}

# The bench CLI refuses root, so the bench belongs to a user of its own, and every command on it is
# run as that user, whoever calls. A new bench belongs to the caller, or to `erpsync` for root.
place_resolve() {
	BENCH=${ERPSYNC_BENCH:-/opt/erpsync/bench}
	case $BENCH in /*) ;; *) BENCH=$PWD/$BENCH ;; esac
	BENCH=${BENCH%/}
	STATE=$BENCH/.erpsync # all that is ours and not Frappe's: logs, pid files, MariaDB's data, tools
	if [ -d "$BENCH" ]; then
		BENCH_USER=$(stat -c %U "$BENCH")
		[ "$BENCH_USER" != root ] || die "The bench $BENCH belongs to root, which the bench CLI refuses: chown it to another user, or set ERPSYNC_BENCH to another place."
	elif [ "$(id -u)" = 0 ]; then
		BENCH_USER=erpsync
	else
		BENCH_USER=$(id -un)
	fi
	if [ "$(id -un)" != "$BENCH_USER" ] && [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "The bench $BENCH belongs to $BENCH_USER: run this as that user or as root, or set ERPSYNC_BENCH to another place."
	fi
	BENCH_HOME=$(getent passwd "$BENCH_USER" | cut -d: -f6 || true)
	BENCH_HOME=${BENCH_HOME:-/opt/erpsync}
	sites_name
}

# Sets SITES and, of these, LOCAL_SITES: what this bench has, or is to have.
sites_name() {
	SITES=("$CLOUD_SITE" "$LOCAL_SITE") LOCAL_SITES=("$LOCAL_SITE")
	if marked second-pair; then
		SITES+=("$CLOUD_SITE_2" "$LOCAL_SITE_2") LOCAL_SITES+=("$LOCAL_SITE_2")
	fi
}

# One run at a time may change the bench. Long-lived processes are started without this descriptor.
place_lock() {
	[ -d "$STATE" ] || return 0
	touch_state_file "$STATE/lock"
	exec 9<"$STATE/lock" || return 0
	flock --wait 1800 9 || die "Another scripts/bench has held $STATE/lock for half an hour: end it and run this again."
}

touch_state_file() { [ -e "$1" ] || as_user touch "$1"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "This needs root: $* -- run it as root, or install sudo, and run this again."
	fi
}

# What of the caller's environment the bench's user needs: proxies, certificates, package indexes.
# Nothing else passes, so that a bench does not depend on the shell it was started from.
passed_environment() {
	local name
	while IFS= read -r name; do
		case $name in
		PIP_* | npm_config_* | NPM_CONFIG_* | NODE_* | YARN_* | SSL_CERT_* | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | GIT_SSL_* | \
			http_proxy | https_proxy | no_proxy | all_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | ALL_PROXY | \
			ERPSYNC_* | TERM | OPENBLAS_*) printf '%s=%s\0' "$name" "${!name}" ;;
		esac
	done < <(compgen -e)
}

# as_user CMD...: as the bench's user, in the bench (or / while there is none).
as_user() {
	local -a env_args=() switch=()
	mapfile -d '' -t env_args < <(passed_environment)
	local dir=${AS_USER_DIR:-$BENCH}
	[ -d "$dir" ] || dir=/
	if [ "$(id -un)" != "$BENCH_USER" ]; then
		if [ "$(id -u)" = 0 ]; then
			# setpriv replaces itself by the command, so pid files name the command and not a wrapper
			switch=(setpriv "--reuid=$BENCH_USER" "--regid=$(id -g "$BENCH_USER")" --init-groups)
		else
			switch=(sudo -u "$BENCH_USER")
		fi
	fi
	"${switch[@]}" env -i -C "$dir" \
		HOME="$BENCH_HOME" USER="$BENCH_USER" LOGNAME="$BENCH_USER" SHELL=/bin/bash LANG=C.UTF-8 LC_ALL=C.UTF-8 \
		PATH="$STATE/cli/bin:$STATE/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		GIT_TERMINAL_PROMPT=0 BENCH_DISABLE_UV=1 PYTHONUNBUFFERED=1 \
		"${env_args[@]}" "$@"
}

in_bench() { as_user "$@"; }

# Frappe's commands without the bench CLI around them, which is a second quicker and keeps the pid.
frappe() { AS_USER_DIR=$BENCH/sites as_user "$BENCH/env/bin/python" -m frappe.utils.bench_helper frappe "$@"; }

# logged NAME CMD...: output to a log file; on failure its end is shown.
logged() {
	local log=$STATE/log/$1.log status=0
	shift
	as_user mkdir -p "$STATE/log"
	as_user tee -a "$log" >/dev/null <<<"--- $(date '+%F %T') $*"
	"$@" </dev/null 9<&- > >(as_user tee -a "$log" >/dev/null) 2>&1 || status=$?
	if [ "$status" != 0 ]; then
		tail -n 25 "$log" >&2
		echo "(all of it: $log)" >&2
	fi
	return "$status"
}

bench_exists() { [ -d "$BENCH/apps/frappe" ] && [ -x "$BENCH/env/bin/python" ] && [ -d "$BENCH/sites" ]; }

bench_required() {
	bench_exists && return
	echo "There is no bench at $BENCH: make one with scripts/bench up, or name one in ERPSYNC_BENCH." >&2
	exit "$EXIT_NO_BENCH"
}

bench_ready() {
	bench_required
	local half
	for half in "$STATE"/making-*; do
		[ ! -e "$half" ] || die "The bench at $BENCH is half made (${half##*/}): finish it with scripts/bench up."
	done
}

app_is_here() { [ -f "$ROOT/$APP/hooks.py" ]; }

# Marks of a step that has begun and not ended, so that a run after a killed one starts it afresh.
mark() { as_user touch "$STATE/$1"; }
unmark() { as_user rm -f "$STATE/$1"; }
marked() { [ -e "$STATE/$1" ]; }
