#!/bin/sh
# Fetches what drives the browser in the page's tests, when it is not there already. Without Node or the
# network it says so; the page's tests are then skipped.
set -eu
cd "$(dirname "$0")/../tests/web"
command -v npm >/dev/null 2>&1 || exit 0
lock=$(sha256sum package-lock.json | cut -d ' ' -f 1)
[ "$(cat node_modules/.weir-lock 2>/dev/null)" = "$lock" ] && exit 0
echo "weir: fetching the browser's driver for the page's tests"
if npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1; then
	echo "$lock" >node_modules/.weir-lock
else
	tail -n 5 npm.log >&2
	echo "weir: npm could not fetch: the page's tests are skipped"
fi
rm -f npm.log
