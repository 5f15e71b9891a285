#!/bin/sh
# Runs one golden test: the command in the first line of CASE ("# RUN: show graph --after fuse")
# against the expected text beside it (.out); the exit code is the last line. CASE may itself be
# named by {} in the command; else it is appended. With "# heads only" in the second line bodies of
# kernels (from `#line 1 "kernels/x.cu"` to `#line 1 "behind ..."`) are left out of what is printed.
# UPDATE=1 accepts what comes out.
cleave=$1 case=$2
cd "$(dirname "$0")/golden" || exit 1
run=$(sed -n '1s/^# RUN: *//p' "$case")
[ -n "$run" ] || { echo "$case: the first line must be '# RUN: verb ...'"; exit 1; }
case $run in *"{}"*) run=$(printf '%s' "$run" | sed "s|{}|$case|g");; *) run="$run $case";; esac
want=${case%.net}.out
# shellcheck disable=SC2086
got=$("$cleave" $run 2>&1; echo "exit $?")
if sed -n 2p "$case" | grep -q '^# heads only'; then
    got=$(printf '%s\n' "$got" | awk '
        /^#line 1 "behind / { inside = 0; next }
        !inside { print }
        /^#line 1 "kernels\// { inside = 1 }')
fi
if [ -n "$UPDATE" ]; then printf '%s\n' "$got" > "$want"; exit; fi
printf '%s\n' "$got" | diff -u "$want" -
