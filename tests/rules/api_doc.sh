#!/bin/sh
# The C example of docs/api.md compiles against the public header alone.
cd "$(dirname "$0")/../.." || exit 1
sed -n '/^```c$/,/^```$/p' docs/api.md | grep -v '^```' |
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror -fsyntax-only -Iinclude -x c -
