# shellcheck shell=bash
# MariaDB, Redis, the web server, the workers, the scheduler: each a process with a pid file and a log
# under $STATE, started here and not by systemd, so that it works in a container as well.

DATA_SERVICES=(mariadb redis-cache redis-queue)
APP_SERVICES=(web worker-1 worker-2 scheduler)
declare -A PORTS=()

port() { echo "${PORTS[$1]}"; }

bench_configure() {
	local line changed=
	while IFS= read -r line; do
		case $line in
		changed) changed=1 ;;
		*=*) PORTS[${line%%=*}]=${line#*=} ;;
		esac
	done < <(as_user "$BENCH/env/bin/python" - "$BENCH" "web=${ERPSYNC_PORT:-}" "db=${ERPSYNC_DB_PORT:-}" \
		"redis_cache=${ERPSYNC_REDIS_CACHE_PORT:-}" "redis_queue=${ERPSYNC_REDIS_QUEUE_PORT:-}" <"$here/lib/config.py")
	[ ${#PORTS[@]} = 4 ] || die "The bench's settings could not be read: see sites/common_site_config.json in $BENCH."
	as_user mkdir -p "$STATE/log" "$STATE/run"
	if [ -n "$changed" ] || [ ! -f "$BENCH/config/redis_cache.conf" ]; then
		logged up as_user bench setup redis || die "bench setup redis failed: put right what it says above and run this again."
	fi
}

pid_file() { echo "$STATE/run/$1.pid"; }

# A pid file outlives a reboot, and its number is given to another process: look at whose it is.
running() {
	local pid
	pid=$(cat "$(pid_file "$1")" 2>/dev/null) && [ -n "$pid" ] || return 1
	[ -d "/proc/$pid" ] && [ "$(stat -c %U "/proc/$pid" 2>/dev/null)" = "$BENCH_USER" ] &&
		grep -qzF "$(service_trace "$1")" "/proc/$pid/cmdline" 2>/dev/null
}

service_trace() {
	case $1 in
	mariadb) echo "$STATE/mariadb" ;;
	redis-*) echo "redis-server" ;;
	*) echo "$BENCH/env/bin" ;;
	esac
}

# launch NAME DIR CMD...: in a session of its own, so that it outlives this shell and can be ended whole.
launch() {
	local name=$1 dir=$2 log=$STATE/log/$1.log
	shift 2
	as_user touch "$log"
	AS_USER_DIR=$dir as_user setsid --fork bash -c 'echo $$ >"$1"; log=$2; shift 2; exec "$@" >>"$log" 2>&1 </dev/null' \
		_ "$(pid_file "$name")" "$log" "$@" </dev/null >/dev/null 2>&1 9<&-
}

# Is TCP port $1 of this machine taken?
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_until SECONDS CMD...
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

start_failed() {
	tail -n 15 "$STATE/log/$1.log" >&2 2>/dev/null || true
	die "$1 did not start: see $STATE/log/$1.log, put right what it says, and run scripts/bench start again."
}

port_must_be_free() {
	! listening "$2" || die "Port $2, which $1 needs, is taken by another process: end that, or set $3 to a free port, and run this again."
}

services_start_data() {
	[ ${#PORTS[@]} -gt 0 ] || bench_configure
	mariadb_start
	redis_start redis-cache redis_cache ERPSYNC_REDIS_CACHE_PORT
	redis_start redis-queue redis_queue ERPSYNC_REDIS_QUEUE_PORT
}

# A private MariaDB: no root password of the system's to ask for, no setting of the system's to change.
mariadb_start() {
	if ! marked ours; then
		listening "$(port db)" || as_user test -S /run/mysqld/mysqld.sock ||
			die "The MariaDB of the bench $BENCH does not answer on port $(port db): start it and run this again."
		return
	fi
	local dir=$STATE/mariadb
	if running mariadb; then
		wait_until 60 mariadb_answers || start_failed mariadb
		return
	fi
	port_must_be_free MariaDB "$(port db)" ERPSYNC_DB_PORT
	if marked making-mariadb || [ ! -d "$dir/data/mysql" ]; then
		say "MariaDB: a data folder of its own"
		mark making-mariadb
		as_user rm -rf "$dir"
		as_user mkdir -p "$dir"
		as_user chmod 700 "$dir"
		as_user bash -c 'umask 077; head -c 18 /dev/urandom | base64 | tr -d "/+=\n" >"$1/root.password"' _ "$dir"
		logged mariadb as_user mariadb-install-db --no-defaults --datadir="$dir/data" \
			--auth-root-authentication-method=normal --skip-test-db || start_failed mariadb
		as_user bash -c 'umask 077; printf "ALTER USER root@localhost IDENTIFIED BY '\''%s'\'';\n" "$(cat "$1/root.password")" >"$1/init.sql"' _ "$dir"
		unmark making-mariadb
	fi
	say "MariaDB on port $(port db)"
	# A commit is written at once and flushed each second: a killed process loses nothing, a power cut
	# may lose a second, which sites for trying things out can bear.
	launch mariadb "$dir" mariadbd --no-defaults --datadir="$dir/data" --socket="$dir/mariadb.sock" \
		--port="$(port db)" --bind-address=127.0.0.1 --init-file="$dir/init.sql" \
		--character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci \
		--innodb-buffer-pool-size=768M --innodb-flush-log-at-trx-commit=2 --max-allowed-packet=64M --max-connections=300
	wait_until 60 mariadb_answers || start_failed mariadb
}

mariadb_answers() { as_user bash -c 'MYSQL_PWD=$(cat "$1/root.password") mariadb --no-defaults -u root --socket="$1/mariadb.sock" -e "select 1"' _ "$STATE/mariadb" >/dev/null 2>&1; }

# For a bench that is not ours the caller says how root logs in.
db_root_arguments() {
	if marked ours; then
		printf '%s\n' --db-root-username root --db-root-password "$(as_user cat "$STATE/mariadb/root.password")"
	else
		[ -n "${ERPSYNC_DB_ROOT_PASSWORD:-}" ] || die "To make a site on your own bench, set ERPSYNC_DB_ROOT_PASSWORD to its MariaDB's root password and run this again."
		printf '%s\n' --db-root-username "${ERPSYNC_DB_ROOT_USER:-root}" --db-root-password "$ERPSYNC_DB_ROOT_PASSWORD"
	fi
}

redis_start() {
	local name=$1 key=$2
	if running "$name"; then return; fi
	if listening "$(port "$key")"; then
		marked ours || return 0
		port_must_be_free Redis "$(port "$key")" "$3"
	fi
	say "Redis ($key) on port $(port "$key")"
	launch "$name" "$BENCH" redis-server "$BENCH/config/$key.conf" --daemonize no
	wait_until 20 listening "$(port "$key")" || start_failed "$name"
}

services_start_app() {
	local python=$BENCH/env/bin/python name
	if ! running web; then
		port_must_be_free "the web server" "$(port web)" ERPSYNC_PORT
		say "web server on port $(port web)"
		# One server for both sites, which are told apart by the Host header. Two processes, so that one
		# site can ask the other within a request; no --preload, which would share database connections.
		launch web "$BENCH/sites" "$BENCH/env/bin/gunicorn" --bind "127.0.0.1:$(port web)" --workers 2 --threads 4 \
			--worker-class gthread --timeout 120 --graceful-timeout 5 --keep-alive 5 "frappe.app:application_with_statics()"
	fi
	for name in worker-1 worker-2; do
		running "$name" && continue
		say "$name"
		launch "$name" "$BENCH/sites" "$python" -m frappe.utils.bench_helper frappe worker --queue short,default,long --quiet
	done
	if ! running scheduler; then
		say "scheduler"
		launch scheduler "$BENCH/sites" "$python" -m frappe.utils.bench_helper frappe schedule
	fi
}

web_answers() {
	# An ordinary request by name, without any proxy: the way the sites reach each other
	as_user "$BENCH/env/bin/python" - "$1" "$(port web)" <<'PY' 2>/dev/null
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.exit(b"pong" not in opener.open(f"http://{sys.argv[1]}:{sys.argv[2]}/api/method/ping", timeout=20).read())
PY
}

services_wait_for_web() {
	local site
	for site in "${SITES[@]}"; do
		wait_until 90 web_answers "$site" || start_failed web
	done
	local name
	for name in "${APP_SERVICES[@]}"; do
		running "$name" || start_failed "$name"
	done
}

# service_stop NAME SECONDS: politely, then for good, with all that it started.
service_stop() {
	local name=$1 pid
	if running "$name"; then
		say "stopping $name"
		pid=$(cat "$(pid_file "$name")")
		as_user kill -TERM "$pid" 2>/dev/null || true
		if ! wait_until "$2" ended "$pid"; then
			as_user kill -KILL -- "-$pid" 2>/dev/null || true
			wait_until 10 ended "$pid" || die "$name (process $pid) does not end: end it by hand and run this again."
		fi
	fi
	as_user rm -f "$(pid_file "$name")"
}

# A zombie has ended: in a container nobody may be there to collect it.
ended() { [ ! -d "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

services_stop_app() {
	service_stop scheduler 5
	service_stop worker-1 10
	service_stop worker-2 10
	service_stop web 10
}

services_stop() {
	services_stop_app
	service_stop redis-queue 10
	service_stop redis-cache 10
	service_stop mariadb 60
}

services_status() {
	bench_configure
	local name missing=0
	echo "bench $BENCH (user $BENCH_USER), logs in $STATE/log"
	for name in "${DATA_SERVICES[@]}" "${APP_SERVICES[@]}"; do
		if running "$name"; then
			printf '  %-12s running, process %s\n' "$name" "$(cat "$(pid_file "$name")")"
		else
			printf '  %-12s not running\n' "$name"
			missing=1
		fi
	done
	for name in "${SITES[@]}"; do
		if web_answers "$name"; then echo "  http://$name:$(port web) answers"; else
			echo "  http://$name:$(port web) does not answer"
			missing=1
		fi
	done
	return $missing
}
