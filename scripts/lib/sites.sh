# shellcheck shell=bash
# The sites: ERPNext and a company on each, this app on none (see code.sh).

sites_make() {
	local site
	local -a jobs=() failed=()
	for site in "${SITES[@]}"; do
		if marked "making-$site" || ! site_is_done "$site"; then
			say "site $site (some minutes)"
			site_make "$site" &
			jobs+=("$!:site $site")
		fi
	done
	if marked making-assets || [ ! -f "$BENCH/sites/assets/assets.json" ]; then
		say "assets"
		assets_build &
		jobs+=("$!:assets")
	fi
	local job
	for job in "${jobs[@]}"; do
		wait "${job%%:*}" || failed+=("${job#*:}")
	done
	[ ${#failed[@]} = 0 ] || die "Could not make ${failed[*]}: put right what is said above and run this again."
	for site in "${SITES[@]}"; do site_settings "$site"; done
}

# Prints what a site has, in one line: its apps, and `company` if it has one. Nothing if it cannot be opened.
site_state() {
	[ -f "$BENCH/sites/$1/site_config.json" ] || return 0
	AS_USER_DIR=$BENCH/sites as_user "$BENCH/env/bin/python" - "$1" <<'PY' 2>/dev/null || true
import sys, frappe
frappe.init(site=sys.argv[1]); frappe.connect()
apps = frappe.get_installed_apps()
print(*apps, *(["company"] if "erpnext" in apps and frappe.db.count("Company") else []))
PY
}

site_is_done() {
	local state
	state=$(site_state "$1")
	[[ " $state" == *" erpnext "* && " $state " == *" company "* ]]
}

# From nothing to a site with a company. A site that was cut off half-way is made afresh.
site_make() {
	local site=$1 state
	local -a root force=()
	if marked "making-$site"; then force=(--force); fi
	state=$(site_state "$site")
	if [ -z "$state" ] || [ ${#force[@]} -gt 0 ]; then
		if [ -d "$BENCH/sites/$site" ] && [ ${#force[@]} = 0 ]; then
			die "The site $site is there but cannot be opened: mend it or remove $BENCH/sites/$site, and run this again."
		fi
		mapfile -t root < <(db_root_arguments)
		[ ${#root[@]} -gt 0 ] || return 1
		mark "making-$site"
		# Frappe allows one new-site at a time on a bench
		touch_state_file "$STATE/new-site.lock"
		(
			flock 8
			logged "$site" frappe new-site "$site" "${root[@]}" --admin-password "$ADMIN_PASSWORD" \
				--mariadb-user-host-login-scope=localhost "${force[@]}"
		) 8<"$STATE/new-site.lock" || return 1
	else
		mark "making-$site"
	fi
	if [[ " $state " != *" erpnext "* || ${#force[@]} -gt 0 ]]; then
		logged "$site" frappe --site "$site" install-app erpnext || return 1
	fi
	logged "$site" site_company "$site" || return 1
	unmark "making-$site"
}

site_company() { AS_USER_DIR=$BENCH/sites as_user "$BENCH/env/bin/python" - "$1" <"$here/lib/company.py"; }

# Built without the source maps' developer mode; the app's own assets are added by code.sh.
assets_build() {
	mark making-assets
	logged assets as_user bench build || return 1
	unmark making-assets
}

# The key is there before anything is encrypted: Frappe makes it at the first secret, and where version 16 has read the
# site's settings in a second process before, which it keeps for a minute, that one makes another in its place.
site_settings() {
	local changed
	changed=$(AS_USER_DIR=$BENCH/sites as_user "$BENCH/env/bin/python" - "$1" "http://$1:$(port web)" <<'PY'
import json, sys
from pathlib import Path
from cryptography.fernet import Fernet
path = Path(sys.argv[1]) / "site_config.json"
config = json.loads(path.read_text())
wanted = {"allow_tests": True, "host_name": sys.argv[2]}
if not config.get("encryption_key"):
    wanted["encryption_key"] = Fernet.generate_key().decode()
if any(config.get(k) != v for k, v in wanted.items()):
    config.update(wanted)
    new = path.with_suffix(".json.new")
    new.write_text(json.dumps(config, indent=1))
    new.replace(path)
    print("changed")
PY
	) || die "The settings of the site $1 could not be written: see sites/$1/site_config.json in $BENCH."
	if [ -n "$changed" ]; then
		logged up frappe --site "$1" enable-scheduler || die "The scheduler of $1 could not be switched on: see $STATE/log/up.log."
	fi
}
