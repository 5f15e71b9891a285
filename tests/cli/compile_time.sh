#!/bin/sh
# `cleave compile` says how long each stage took; AlexNet takes under 5 s cold and under 0.1 s from
# the cache (sanitizers make the compiler itself slower: there the limits are wider). Wall time says
# nothing on a machine that is busy with other things: then a time beyond the limit is not judged.
cleave=$1
cd "$(dirname "$0")/../.." || exit 1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
XDG_CACHE_HOME=$folder
export XDG_CACHE_HOME
cold=5000 cached=100
[ "${CLEAVE_SANITIZE:-OFF}" = OFF ] || { cold=60000 cached=5000; }

first=$("$cleave" compile nets/alexnet.net) || { echo "$first"; exit 1; }
again=$("$cleave" compile nets/alexnet.net -o "$folder/out") || { echo "$again"; exit 1; }
printf '%s\n%s\n' "$first" "$again"

# Milliseconds of a stage in a report.
ms() { printf '%s\n' "$1" | awk -v stage="$2" '$1 == stage { print $2 }'; }
busy() { awk -v cores="$(nproc)" '{ exit !($1 > cores + 1) }' /proc/loadavg 2> /dev/null; }
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b + 0) }' && return
    echo "$3: $1 ms, limit $2"
    busy || exit 1
    echo "not judged: the machine is busy, load $(cut -d' ' -f1 /proc/loadavg) on $(nproc) cores"
}
for stage in front passes emit cc all; do
    [ -n "$(ms "$first" $stage)" ] || { echo "no time of $stage"; exit 1; }
done
units=$(printf '%s\n' "$first" | sed -n '1s/.* in \([0-9]*\) units .*/\1/p')
printf '%s\n' "$first" | grep -q "^  cc .* $units compiled, 0 from the cache$" || { echo "not cold"; exit 1; }
printf '%s\n' "$again" | grep -q "^  cc .* 0 compiled, $units from the cache$" || { echo "not cached"; exit 1; }
below "$(ms "$first" all)" $cold "cold"
below "$(ms "$again" all)" $cached "from the cache"
[ -s "$folder/out/program.json" ] || { echo "-o wrote no program"; exit 1; }

# The same figures for programs; a target that this machine does not run is compiled up to its text.
"$cleave" compile nets/digits.net --json | python3 -c '
import json, sys
j = json.load(sys.stdin)
assert set(j["ms"]) == {"front", "passes", "emit", "cc", "all"}, j
assert j["compiled"] + j["from_cache"] == j["units"] > 0 and j["kernels"] > 0, j
assert j["net"] == "digits" and j["target"].startswith("cpu:"), j' || exit 1
other=neon
case $(uname -m) in x86_64) ;; *) other=avx2 ;; esac
"$cleave" compile nets/digits.net --target $other | grep -q '^  cc .*does not run the target' || exit 1
