#!/usr/bin/env bash
# Lists the CPythons that the binding supports and this machine has, one for each version, newest first: "3.13 path".
# Looks on PATH and at pyenv's versions; one without headers or venv cannot build the binding and is left out.
set -euo pipefail

usable() {
    "$1" - "$2" 2>/dev/null <<'PROBE'
import os, sys, sysconfig
import ensurepip, venv
ok = "%d.%d" % sys.version_info[:2] == sys.argv[1] and sys.implementation.name == "cpython"
sys.exit(not (ok and os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))))
PROBE
}

for version in 3.13 3.12 3.11; do
    candidates=("python$version" python3 /usr/bin/python3)
    for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" /opt/pyenv; do
        candidates+=("$root"/versions/"$version"*/bin/python)
    done
    for python in "${candidates[@]}"; do
        if command -v "$python" >/dev/null && usable "$python" "$version"; then
            printf '%s %s\n' "$version" "$("$python" -c 'import sys; print(sys.executable)')"
            break
        fi
    done
done
