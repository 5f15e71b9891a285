#!/bin/sh
# Static analysis: clang-tidy and cppcheck over everything that is compiled; both must be silent.
# Needs a configured dev build (compile_commands.json).
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files 'compiler/*.c' 'runtime/*.c' 'cli/*.c' 'lib/*.c')
# shellcheck disable=SC2086
printf '%s\n' $files | xargs -P "$(nproc)" -n 8 clang-tidy -p build/dev --quiet --warnings-as-errors='*' 2>/dev/null
cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --suppress=missingIncludeSystem --std=c11 -D_GNU_SOURCE -I compiler -I . -I include $files
echo "static analysis: clean"
