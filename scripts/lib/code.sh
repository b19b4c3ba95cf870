# shellcheck shell=bash
# The code of this checkout onto the bench.

# The files of the checkout that count: what git tracks, and what it would.
checkout_files() {
	if git -C "$ROOT" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -C "$ROOT" ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' path; do
			if [ -e "$ROOT/$path" ] || [ -L "$ROOT/$path" ]; then printf '%s\0' "$path"; fi
		done
	else
		(cd "$ROOT" && find . -type f ! -path '*/.git/*' ! -path '*/__pycache__/*' ! -path '*/node_modules/*' -printf '%P\0')
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
	local installed
	installed=$(site_state "$LOCAL_SITE")
	if [[ " $installed " != *" $APP "* ]]; then
		services_stop_app
		say "installing the app on $LOCAL_SITE"
		# Frappe keeps the list of modules in Redis, and install-app reads it before it clears it: one from before
		# this app was on the bench has none of its DocTypes
		logged code frappe --site "$LOCAL_SITE" clear-cache || die "The cache of $LOCAL_SITE could not be cleared: see $STATE/log/code.log."
		# --force takes over what an installation that broke off has left
		logged code frappe --site "$LOCAL_SITE" install-app "$APP" --force ||
			die "The app could not be installed on $LOCAL_SITE: put right what is said above and run this again."
		code_assets
		unmark migrate-due
	elif [ -n "$force" ] || code_needs_migrate "$changes" "$quick"; then
		services_stop_app
		say "migrating $LOCAL_SITE"
		logged code frappe --site "$LOCAL_SITE" migrate --skip-search-index ||
			die "$LOCAL_SITE could not be migrated: put right what is said above and run this again."
		unmark migrate-due
		if grep -q "/public/" <<<"$changes" || [ ! -e "$BENCH/sites/assets/$APP" ]; then code_assets; fi
	elif grep -q "^$APP/" <<<"$changes"; then
		if [ -n "$quick" ]; then mark migrate-due; fi # for the next run without --quick
		services_stop_app
		if grep -q "/public/" <<<"$changes" || [ ! -e "$BENCH/sites/assets/$APP" ]; then code_assets; fi
		logged code frappe --site "$LOCAL_SITE" clear-cache || die "The cache of $LOCAL_SITE could not be cleared: see $STATE/log/code.log."
	else
		say "the bench has this code already"
	fi
	as_user rm -f "$STATE/todo"
	services_start_app
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
