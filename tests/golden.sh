#!/bin/sh
# Runs one golden test: the command in the first line of CASE ("# RUN: show graph --after fuse")
# against the expected text beside it (.out); the exit code is the last line. CASE may itself be
# named by {} in the command; else it is appended. UPDATE=1 accepts what comes out.
cleave=$1 case=$2
cd "$(dirname "$0")/golden" || exit 1
run=$(sed -n '1s/^# RUN: *//p' "$case")
[ -n "$run" ] || { echo "$case: the first line must be '# RUN: verb ...'"; exit 1; }
case $run in *"{}"*) run=$(printf '%s' "$run" | sed "s|{}|$case|g");; *) run="$run $case";; esac
want=${case%.net}.out
# shellcheck disable=SC2086
got=$("$cleave" $run 2>&1; echo "exit $?")
if [ -n "$UPDATE" ]; then printf '%s\n' "$got" > "$want"; exit; fi
printf '%s\n' "$got" | diff -u "$want" -
