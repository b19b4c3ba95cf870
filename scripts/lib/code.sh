# shellcheck shell=bash
# The code of this checkout onto the bench.

# The files of the checkout that count: what git tracks, and what it would.
checkout_files() {
	if git -C "$ROOT" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -C "$ROOT" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' path; do
			if [ -e "$ROOT/$path" ] || [ -L "$ROOT/$path" ]; then printf '%s\0' "$path"; fi
		done
	else
		(cd "$ROOT" && find . -type f ! -path '*/.git/*' ! -name .git ! -path '*/__pycache__/*' ! -path '*/node_modules/*' -printf '%P\0')
	fi
}

# A copy and not a link: the bench's user may not be able to read the checkout. Prints what changed.
code_copy() {
	local there=$BENCH/apps/$APP
	if [ "$(realpath -m "$there")" = "$ROOT" ]; then # the bench runs this very checkout
		checkout_files | tr '\0' '\n'
		return
	fi
	if [ -L "$there" ] || [ -e "$there/.git" ]; then
		echo "$there is a checkout of its own, which a copy of this one would overwrite: move it away, or set ERPSYNC_BENCH to another bench." >&2
		return 1
	fi
	as_user rm -rf "$STATE/incoming"
	as_user mkdir -p "$STATE/incoming"
	checkout_files | tar --create --directory="$ROOT" --null --files-from=- --owner=0 --group=0 --mode=u+rw,go+r |
		as_user tar --extract --no-same-owner --directory="$STATE/incoming" || return 1
	as_user "$BENCH/env/bin/python" - "$STATE/incoming" "$BENCH/apps/$APP" <"$here/lib/mirror.py" || return 1
	as_user rm -rf "$STATE/incoming"
}

# What of the changes is still to be carried out is kept in $STATE/todo until it was: a run that was
# killed between the copy and the migration is made good by the next.
code_deploy() {
	local force='' quick='' changes
	while [ $# -gt 0 ]; do
		case $1 in
		--migrate) force=1 ;;
		--quick) quick=1 ;;
		*) die "scripts/bench code knows --migrate and --quick, not $1." ;;
		esac
		shift
	done
	say "code of $ROOT"
	as_user touch "$STATE/todo"
	changes=$(code_copy) || die "The checkout $ROOT could not be copied to the bench: put right what is said above and run this again."
	if [ -n "$changes" ]; then as_user tee -a "$STATE/todo" <<<"$changes" >/dev/null; fi
	changes=$(sort -u "$STATE/todo")

	code_pip "$changes"
	local migrate='' assets=''
	if [ -n "$force" ] || code_needs_migrate "$changes" "$quick"; then migrate=1; fi
	if grep -q "^$APP/" <<<"$changes"; then
		if [ -n "$quick" ] && [ -z "$migrate" ]; then mark migrate-due; fi # for the next run without --quick
		if grep -qE "/(public|locale)/" <<<"$changes"; then assets=1; fi
		services_stop_app
	fi
	[ -e "$BENCH/sites/assets/$APP" ] || assets=1
	local site worked=''
	for site in "${LOCAL_SITES[@]}"; do code_to_site "$site" "$migrate" "$changes"; done
	if [ -n "$assets" ]; then code_assets; fi
	if [ -n "$migrate" ]; then unmark migrate-due; fi
	if [ -z "$worked" ]; then say "the bench has this code already"; fi
	as_user rm -f "$STATE/todo"
	services_start_app
}

# code_to_site SITE MIGRATE CHANGES: what a local site needs of the code that is on the bench now. Sets `worked`.
code_to_site() {
	local site=$1 migrate=$2 changes=$3
	if [[ " $(site_state "$site") " != *" $APP "* ]]; then
		worked=1
		services_stop_app
		say "installing the app on $site"
		# Frappe keeps the list of modules in Redis, and install-app reads it before it clears it: one from before
		# this app was on the bench has none of its DocTypes
		logged code frappe --site "$site" clear-cache || die "The cache of $site could not be cleared: see $STATE/log/code.log."
		# --force takes over what an installation that broke off has left
		logged code frappe --site "$site" install-app "$APP" --force ||
			die "The app could not be installed on $site: put right what is said above and run this again."
	elif [ -n "$migrate" ]; then
		worked=1
		services_stop_app
		say "migrating $site"
		logged code frappe --site "$site" migrate --skip-search-index ||
			die "$site could not be migrated: put right what is said above and run this again."
	elif grep -q "^$APP/" <<<"$changes"; then
		worked=1
		logged code frappe --site "$site" clear-cache || die "The cache of $site could not be cleared: see $STATE/log/code.log."
	fi
}

# Tests are no reason to migrate: nothing of a site depends on them.
code_needs_migrate() {
	local changes
	if [ -z "$2" ] && marked migrate-due; then return 0; fi
	changes=$(grep "^$APP/" <<<"$1" | grep -v '/tests/') || return 1
	if [ -n "$2" ]; then
		grep -qE '\.(json|txt|csv|ya?ml)$|/(hooks|install|uninstall|setup)\.py$|/patches/' <<<"$changes"
	fi
}

code_pip() {
	local changes=$1
	if ! AS_USER_DIR=/ as_user "$BENCH/env/bin/python" -c "import $APP" 2>/dev/null ||
		grep -qE '^(setup\.py|setup\.cfg|pyproject\.toml|requirements.*\.txt)$' <<<"$changes"; then
		say "pip install -e apps/$APP"
		logged code as_user "$BENCH/env/bin/python" -m pip install --editable "apps/$APP" ||
			die "pip could not install the app into the bench: put right what is said above and run this again."
	fi
	if ! grep -qx "$APP" "$BENCH/sites/apps.txt"; then
		# the last line of apps.txt may lack its end
		as_user bash -c 'printf "%s\n%s\n" "$(cat sites/apps.txt)" "$1" >sites/apps.txt.new && mv sites/apps.txt.new sites/apps.txt' _ "$APP"
	fi
}

code_assets() {
	[ -d "$BENCH/apps/$APP/$APP/public" ] || return 0
	say "assets of the app"
	logged code as_user bench build --app "$APP" || die "The app's assets could not be built: put right what is said above and run this again."
}
