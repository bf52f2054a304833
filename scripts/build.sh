#!/usr/bin/env bash
# Builds and installs the packages into build/, each in the way of its ecosystem: build.sh [c] [python] [ruby] [go] [rust].
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/env.sh

build_c() {
    cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX="$STATEKEEP_BUILD/stage"
    cmake --build --preset release
    cmake --install build/release
}

build_python() {
    local environment
    for environment in build/venv build/venv-*; do
        [ -x "$environment/bin/pip" ] || continue
        "$environment/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps ./python
    done
}

build_ruby() {
    local gem=$STATEKEEP_BUILD/statekeep.gem
    (cd ruby && gem build --quiet --output "$gem" statekeep.gemspec)
    gem install --local --quiet --no-document --force "$gem"
}

build_go() {
    go build ./...
}

# A crate holds only what lies below its manifest, so the core is copied there while it is packed; packing builds the
# crate from the archive.
build_rust() {
    trap 'rm -rf rust/core rust/LICENSE' EXIT
    mkdir -p rust/core
    cp -r core/all.c core/src core/include rust/core
    cp LICENSE rust
    cargo package --quiet --locked --allow-dirty --manifest-path rust/Cargo.toml --package statekeep
}

if [ $# = 0 ]; then set -- c python ruby go rust; fi
for language in "$@"; do "build_$language"; done
