#!/bin/sh
# Bundles the page into web/dist when its sources changed. Needs the network only for the first npm ci.
# Without a Node that is new enough, or when npm cannot fetch, says so and leaves weir to be built without the page.
set -eu
cd "$(dirname "$0")/../web"
node_needed=18

without() {
	echo "weir: $1: building without the page"
	rm -rf dist
	exit 0
}

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
	without "no Node"
fi
node_found=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$node_found" -ge "$node_needed" ] || without "Node $node_found is too old, $node_needed is needed"

wanted=$(cat package-lock.json src/* build.mjs tsconfig.json | sha256sum | cut -d ' ' -f 1)
if [ -f dist/stamp ] && [ "$(cat dist/stamp)" = "$wanted" ]; then
	exit 0
fi

lock=$(sha256sum package-lock.json | cut -d ' ' -f 1)
if [ "$(cat node_modules/.weir-lock 2>/dev/null)" != "$lock" ]; then
	echo "weir: fetching the page's npm packages"
	if ! npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1; then
		tail -n 5 npm.log >&2
		rm -f npm.log
		without "npm could not fetch"
	fi
	rm -f npm.log
	echo "$lock" >node_modules/.weir-lock
fi
node build.mjs # also makes what the types are checked against
node node_modules/typescript/bin/tsc --noEmit
echo "$wanted" >dist/stamp
