#!/bin/sh
# Static analysis: clang-tidy and cppcheck over everything that is compiled; both must be silent, and
# what they find is printed. Needs a configured and built dev build (compile_commands.json, generated
# headers). Three minutes the first time; afterwards only what changed is looked at (tidy.py).
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files 'compiler/*.c' 'runtime/*.c' 'cli/*.c' 'lib/*.c')
failed=0
mkdir -p build/dev/cppcheck
# shellcheck disable=SC2086
cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -j "$(nproc)" \
    --cppcheck-build-dir=build/dev/cppcheck --suppress=missingIncludeSystem --std=c11 -D_GNU_SOURCE \
    '-D_Noreturn=__attribute__((noreturn))' -I compiler -I . -I include $files || failed=1
# shellcheck disable=SC2086
python3 tests/tidy.py $files || failed=1
[ $failed = 0 ] || exit 1
echo "static analysis: clean"
