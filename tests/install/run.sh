#!/usr/bin/env bash
# Builds main.c against build/stage through CMake's package and through pkg-config, shared and static, and runs each.
# The shared library must show nothing but the public functions.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
stage=$root/build/stage
work=$root/build/install-test
library=$(dirname "$(find "$stage" -name libstatekeep.so)")
export PKG_CONFIG_PATH=$library/pkgconfig LD_LIBRARY_PATH=$library

rm -rf "$work"
cmake -S . -B "$work" -G Ninja -DCMAKE_PREFIX_PATH="$stage"
cmake --build "$work"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror main.c -o "$work/with_pkg_config" $(pkg-config --cflags --libs statekeep)
cc -std=c11 main.c -o "$work/with_archive" $(pkg-config --cflags statekeep) "$library/libstatekeep.a" \
    $(pkg-config --libs libpq libcjson) -pthread
for program in with_default with_static with_pkg_config with_archive; do "$work/$program"; done

# The header's example compiles, and has no error to tell.
{
    printf '#include <statekeep.h>\n#include <stdio.h>\n\nint main(void)\n{\n'
    sed -n 's/^ \*     //p; /\*\//q' "$stage/include/statekeep.h" | sed 's/"embedded:"/"embedded:?temp=1"/'
    printf '}\n'
} >"$work/example.c"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror "$work/example.c" -o "$work/example" $(pkg-config --cflags --libs statekeep)
told=$("$work/example" 2>&1)
[ -z "$told" ] || { printf '%s\n' "$told"; exit 1; }

exported=$(nm -D --defined-only "$library/libstatekeep.so" | awk '{print $3}')
declared=$(grep -oE '^KEEP_API .*\b(keep_[a-z_]+)\(' "$stage/include/statekeep.h" | grep -oE 'keep_[a-z_]+\($' | tr -d '(')
diff <(sort <<<"$exported") <(sort <<<"$declared")
