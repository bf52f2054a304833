#!/usr/bin/env bash
# Installs what building and testing need and is not there yet: Debian packages, and a virtual environment for each
# Python the binding supports. Uses package registries only; run again, it changes nothing. Needs root or sudo only
# where a Debian package is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(
    build-essential cmake ninja-build pkg-config git libpq-dev libcjson-dev swig clang-format valgrind
    postgresql-15 pgbouncer
    python3 python3-dev python3-venv
    ruby ruby-dev rake-compiler ruby-minitest ruby-async ruby-sequel ruby-pg ruby-sequel-pg
)
missing=()

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# True when `go` is there and at least 1.19.
go_serves() {
    local minor
    command -v go >/dev/null || return 1
    minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 19 ]
}

# True when `cargo` is there and its Rust at least 1.85.
rust_serves() {
    local minor
    command -v cargo >/dev/null || return 1
    minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 85 ]
}

# Neither PostgreSQL's nor PgBouncer's package may leave a server running: tests start their own. Debian asks this file
# before it starts a service; one that is there already is the administrator's and stays.
hold_services() {
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
}

install_packages() {
    local wanted=() package
    go_serves || PACKAGES+=(golang-go)
    rust_serves || PACKAGES+=(rustc-web cargo-web) # Debian's newer Rust; its rustc and cargo are too old
    for package in "${PACKAGES[@]}"; do installed "$package" || wanted+=("$package"); done
    [ ${#wanted[@]} -gt 0 ] || return 0
    say "installing: ${wanted[*]}"
    hold_services
    as_root apt-get update -q >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${wanted[@]}" >&2
    # With an init system the service would come up at the next boot.
    if [[ " ${wanted[*]} " == *" pgbouncer "* ]] && [ -d /run/systemd/system ]; then
        as_root systemctl disable pgbouncer >&2 || true
    fi
}

check_tools() {
    local tool
    for tool in cc cmake ninja pkg-config swig clang-format valgrind ruby gem; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    pkg-config --exists 'libpq >= 15' || missing+=("libpq 15 or newer")
    pkg-config --exists libcjson || missing+=("cJSON (libcjson)")
    go_serves || missing+=("Go 1.19 or newer")
    rust_serves || missing+=("Rust 1.85 or newer")
}

# build/venv is the newest Python's, and the one that runs the tests; build/venv-3.x are the others'.
make_environments() {
    local version python directory first=yes found
    found=$(scripts/pythons.sh)
    while read -r version python; do
        [ -n "$version" ] || continue
        directory=build/venv-$version
        if [ "$first" = yes ]; then directory=build/venv first=no; fi
        if [ "$("$directory/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$version" ]; then
            rm -rf "$directory"
            "$python" -m venv "$directory"
        fi
        if ! cmp -s tests/requirements.txt "$directory/requirements.txt"; then
            say "installing test requirements for Python $version"
            "$directory/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt >&2
            cp tests/requirements.txt "$directory/requirements.txt"
        fi
    done <<<"$found"
    [ -n "$found" ] || missing+=("Python 3.11, 3.12 or 3.13 with its headers and venv")
    for version in 3.12 3.13; do
        [[ $'\n'$found == *$'\n'"$version "* ]] ||
            say "NOT AVAILABLE: Python $version (neither on PATH nor below pyenv); nothing is tested with it"
    done
}

mkdir -p build
if command -v apt-get >/dev/null; then install_packages; fi
check_tools
make_environments
if [ ${#missing[@]} -gt 0 ]; then
    say "MISSING, and not to be had from this system's packages:"
    printf '    %s\n' "${missing[@]}" >&2
    exit 1
fi
