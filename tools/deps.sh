#!/bin/sh
# Installs Debian packages that are missing and says which. Usage: tools/deps.sh build|page|test
# Does nothing, and needs no network, when all are there.
set -eu

build="gcc pkg-config meson ninja-build python3 libmicrohttpd-dev libcurl4-openssl-dev libuv1-dev libjansson-dev libyaml-dev libcbor-dev
libsqlite3-dev libsodium-dev libgnutls28-dev uthash-dev libcmocka-dev"
test_only="clang libclang-rt-dev-any python3-venv chromium fonts-noto-cjk mandoc shellcheck bash-completion zsh procps util-linux"

# Debian names clang's runtime after the version of clang; Ubuntu does as well.
clang_runtime() {
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	name="libclang-rt-${version:-14}-dev"
	# Older releases carry the runtime in libclang-common.
	apt-cache show "$name" >/dev/null 2>&1 || name="libclang-common-${version:-14}-dev"
	echo "$name"
}

# Ubuntu's chromium package is a snap in disguise; a chromium or chrome that is there already will do.
present() {
	case $1 in
	chromium) command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ;;
	nodejs) command -v node >/dev/null 2>&1 ;;
	npm) command -v npm >/dev/null 2>&1 ;;
	gcc | python3) command -v "$1" >/dev/null 2>&1 ;;
	*) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

case ${1:-} in
build) wanted=$build ;;
page) wanted="nodejs npm" ;;
test) wanted="$build $test_only" ;;
*)
	echo "usage: $0 build|page|test" >&2
	exit 2
	;;
esac

if ! command -v apt-get >/dev/null 2>&1; then
	echo "weir: no apt-get here; these packages must be there already:" $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	[ "$package" = libclang-rt-dev-any ] && package=$(clang_runtime)
	present "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "weir: missing packages:$missing" >&2
		echo "weir: neither root nor sudo; install them with: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi
echo "weir: installing through apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# The list of packages may be old or missing; refresh it only if the first try fails.
# shellcheck disable=SC2086
if ! $as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
	$as_root apt-get update >"$log" 2>&1 || true
	if ! $as_root apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		exit 1
	fi
fi
rm -f "$log"
