#!/usr/bin/env bash
# Formats the C sources as .clang-format says; with --check only names what is not. What compile.py makes and the public
# header, whose table of statuses is laid out by hand, are left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(-i)
if [ "${1:-}" = --check ]; then mode=(--dry-run --Werror); fi
git ls-files -z --cached 'core/*.[ch]' 'tests/*.[ch]' |
    grep -zvE '/(statekeep|statekeep_ops|ops_table)\.h$' | xargs -0 clang-format "${mode[@]}"
