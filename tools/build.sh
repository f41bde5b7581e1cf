#!/bin/sh
# Configures a build folder if that is needed, and builds it. Says nothing when all is well, but shows its
# progress on a terminal. Usage: tools/build.sh FOLDER [MESON OPTION]...     JOBS: compilers at a time
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
mkdir -p "$folder"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
	if ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		exit 1
	fi
}

# meson looks for the page only when it configures.
page=without
[ -f web/dist/app.js ] && page=with
wanted="$page the page: $*"
if [ ! -f "$folder/build.ninja" ]; then
	rm -rf "$folder/meson-private" "$folder/meson-info" # of a try that failed
	quietly meson setup "$folder" "$@"
elif [ "$(cat "$folder/configured" 2>/dev/null)" != "$wanted" ]; then
	quietly meson setup --reconfigure "$folder" "$@"
fi
echo "$wanted" >"$folder/configured"

set -- -C "$folder" -j "${JOBS:-$(nproc)}"
if ninja "$@" -n | grep -q 'no work to do'; then
	:
elif [ -t 1 ]; then
	ninja "$@"
else
	quietly ninja "$@"
fi
ln -sf src/cli/weir "$folder/weir"
