#!/usr/bin/env bash
# Runs a command with the packages built from this checkout first on every path: env.sh COMMAND [ARG…]. Sourced by other
# scripts, it only sets the variables.
STATEKEEP_BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build
export STATEKEEP_BUILD
export PATH=$STATEKEEP_BUILD/venv/bin:$STATEKEEP_BUILD/stage/bin:$PATH
export GEM_HOME=$STATEKEEP_BUILD/gems
GEM_PATH=$GEM_HOME:$(env -u GEM_HOME -u GEM_PATH ruby -e 'puts Gem.path.join(":")' 2>/dev/null || true)
export GEM_PATH
export CARGO_TARGET_DIR=$STATEKEEP_BUILD/cargo
if [ -z "${HOME:-}" ]; then # Go and Cargo keep their caches there, and a service may be without
    unset HOME
    export HOME=~
fi
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
if [ "${BASH_SOURCE[0]}" = "$0" ]; then exec "$@"; fi
