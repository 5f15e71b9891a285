#!/bin/sh
# The rules of docs/style.md that a script can hold. Prints every place that breaks one.
cd "$(dirname "$0")/../.." || exit 1
list=$(git ls-files '*.c' '*.h' '*.l' '*.y' '*.def' '*.cu' 2>/dev/null)
[ -n "$list" ] || list=$(find compiler runtime cli grammar kernels tests bench include -name '*.[chly]' -o -name '*.def')
bad=0
say() { [ -z "$2" ] || { echo "$1"; echo "$2" | sed 's/^/  /'; bad=1; }; }

# shellcheck disable=SC2086
{
# 100 is the aim, 110 the limit; rows of tables are as long as they are.
say "longer than 110 columns:"   "$(awk 'length($0) > 110 && !/^    \[OP_/ && FILENAME !~ /\.def$/ {
    print FILENAME ":" FNR}' $list)"
say "tab or trailing space:"     "$(grep -nE '	| +$' $list | grep -v '^grammar/' | cut -c1-80)"
say "more than 600 lines:"       "$(wc -l $list | awk '$2 != "total" && $1 > 600 {print $2 ": " $1}')"
say "functions of more than 60 lines:" "$(awk '
    FNR == 1 { start = 0 }
    /^\{/ { start = FNR } /^\}/ { if (start && FNR - start > 62) print FILENAME ":" start ": " FNR - start; start = 0 }' \
    $(echo "$list" | tr ' ' '\n' | grep '\.c$'))"
say "unfinished words:"          "$(grep -nE 'TODO|FIXME|\bXXX\b' $list | grep -v '^tests/rules')"
say "an op named in a switch outside of compiler/ops and the targets' tables:" \
    "$(grep -n 'case OP_' $list | grep -vE '^compiler/ops/|^compiler/pass/rules.c|^compiler/emit/|^tests/')"
say "the library prints or exits:" \
    "$(grep -nE '(^|[^a-z_])(exit|abort|printf|puts|perror)\(' $(echo "$list" | tr ' ' '\n' | grep -E '^(compiler|runtime|grammar)/') | grep -vE '^[^:]*:[0-9]+: *//|"')"
say "a user's number read by atoi, which knows no wrong one:" \
    "$(grep -n 'atoi(' $(echo "$list" | tr ' ' '\n' | grep '^cli/'))"
say "names that say nothing:" \
    "$(echo "$list" | tr ' ' '\n' | grep -E '/(util|utils|common|helper|helpers|misc)\.[ch]$')"
}
exit $bad
