#!/usr/bin/env bash
# Runs the C tests of a build directory under valgrind; a leak or an error fails a test. What libraries keep until the
# end ("still reachable") is no leak.
set -uo pipefail
passed=0 failed=0
for program in "$1"/test_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    if valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        --show-leak-kinds=definite,indirect,possible --error-exitcode=99 "$program"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $program"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
