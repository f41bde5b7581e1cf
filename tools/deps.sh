#!/bin/sh
# Installs Debian or Ubuntu packages that are missing and says which. Usage: tools/deps.sh build|page|test
# Does nothing, and needs no network, when all are there. What the page and some tests need is not insisted
# on: without it they are left out, and say so.
set -eu

build="gcc libc6-dev pkg-config meson ninja-build python3 libmicrohttpd-dev libcurl4-openssl-dev libuv1-dev libjansson-dev libyaml-dev
libcbor-dev libsqlite3-dev libsodium-dev libgnutls28-dev zlib1g-dev libcmocka-dev"
test_needed="clang clang-runtime python3-venv git coinor-cbc"
test_wished="chromium fonts-noto-cjk mandoc shellcheck bash-completion zsh procps util-linux openssl"

as_root=
left_out=$(dirname "$0")/../build/left-out # what could not be had: it is not tried at every build

apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
}

# Names of packages that differ from place to place. Debian names clang's runtime after clang's version; older
# releases have it in libclang-common.
real_name() {
	case $1 in
	clang-runtime)
		version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
		name="libclang-rt-${version:-14}-dev"
		apt-cache show "$name" >/dev/null 2>&1 || name="libclang-common-${version:-14}-dev"
		echo "$name"
		;;
	*) echo "$1" ;;
	esac
}

# Whether it is there, by whatever way it came.
present() {
	case $1 in
	chromium) command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ;;
	nodejs) command -v node >/dev/null 2>&1 ;;
	pkg-config) command -v pkg-config >/dev/null 2>&1 ;;
	ninja-build) command -v ninja >/dev/null 2>&1 ;;
	gcc | python3 | meson | npm | clang | git | zsh | openssl | mandoc | shellcheck) command -v "$1" >/dev/null 2>&1 ;;
	clang-runtime) clang_has_runtime ;;
	*) [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

clang_has_runtime() {
	command -v clang >/dev/null 2>&1 || return 1
	archive=$(clang -print-file-name=libclang_rt.fuzzer-"$(uname -m)".a 2>/dev/null)
	[ -f "$archive" ] || [ -f "$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a" ]
}

absent() {
	for package in "$@"; do
		present "$package" || printf '%s ' "$package"
	done
}

wished_still() {
	for package in "$@"; do
		grep -qx "$package" "$left_out" 2>/dev/null || printf '%s ' "$package"
	done
}

resolve() {
	for package in "$@"; do
		real_name "$package"
	done
}

install_all() {
	log=$(mktemp)
	if apt install -y --no-install-recommends "$@" >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
	return 1
}

case ${1:-} in
build) needed=$build wished= ;;
page) needed='' wished="nodejs npm" ;;
test) needed="$build $test_needed" wished=$test_wished ;;
*)
	echo "usage: $0 build|page|test" >&2
	exit 2
	;;
esac

# The lists are words without spaces: they are meant to be split.
# shellcheck disable=SC2086
needed=$(absent $needed)
# shellcheck disable=SC2046,SC2086
wished=$(wished_still $(absent $wished))
[ -n "$needed$wished" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "weir: no apt-get here; not found: $needed$wished" >&2
	[ -z "$needed" ]
	exit
fi
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "weir: missing, and neither root nor sudo to install it: $needed$wished" >&2
		[ -z "$needed" ] || echo "weir: as root: apt-get install $needed" >&2
		[ -z "$needed" ]
		exit
	fi
	as_root=sudo
fi

# On a bare machine the list of packages is empty; an old one names versions that are gone.
for package in $needed $wished; do
	if ! apt-cache show "$(real_name "$package")" >/dev/null 2>&1; then
		echo "weir: refreshing the list of packages"
		apt update >/dev/null 2>&1 || true
		break
	fi
done
if [ -n "$needed" ]; then
	# shellcheck disable=SC2046,SC2086
	set -- $(resolve $needed)
	echo "weir: installing through apt-get: $*"
	if ! install_all "$@" 2>/dev/null; then
		apt update >/dev/null 2>&1 || true
		install_all "$@"
	fi
fi
for package in $wished; do
	name=$(real_name "$package")
	echo "weir: installing through apt-get: $name"
	if ! apt-cache show "$name" >/dev/null 2>&1 || ! install_all "$name" 2>/dev/null || ! present "$package"; then
		echo "weir: $name could not be installed; what needs it is left out (make clean forgets that)"
		mkdir -p "$(dirname "$left_out")"
		echo "$package" >>"$left_out"
	fi
done
