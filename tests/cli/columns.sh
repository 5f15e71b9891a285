#!/bin/sh
# The report of experiments/columns.sh: means, standard errors and paired differences of runs that are
# given, as text, JSON and a picture; its nets are legal, and `half` and `apart` are what they are called.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/../frame.sh"
run_of() {                                       # net seed, shares of right answers after epochs 1 and 2
    start='{"net":"%s","seed":%d,'
    printf "$start"'"schema":1,"event":"start","net":"%s","plan":"0","seed":%d,"step":0}\n' "$1" "$2" "$1" "$2"
    for epoch in 1 2; do
        printf "$start"'"event":"epoch","epoch":%d,"step":9,"loss":1,"top1":0.5}\n' "$1" "$2" $epoch
    done
    printf "$start"'"event":"test","epoch":1,"step":9,"loss":1,"top1":%s}\n' "$1" "$2" "$3"
    printf "$start"'"event":"test","epoch":2,"step":9,"loss":1,"top1":%s}\n' "$1" "$2" "$4"
}
{
    run_of two 1 0.4 0.60;  run_of two 2 0.4 0.62;  run_of two 3 0.4 0.64
    run_of half 1 0.4 0.58; run_of half 2 0.4 0.61; run_of half 3 0.4 0.61
    run_of apart 1 0.4 0.6
} > runs
awk -v images=10000 -v epochs=2 -v out=. -f "$top/experiments/columns.awk" runs > out.txt
grep -q '^two columns with exchange  *38.00 +- 1.15  *(3 seeds:  40.00  38.00  36.00)$' out.txt || fail "a mean"
grep -q '^half  minus two, seed by seed: +2.00 +- 0.58 points (3.5 standard errors)' out.txt || fail "a difference"
grep -q '^apart minus two, seed by seed: +0.00 +- 0.00 points (one seed); on ImageNet 1.2$' out.txt || fail "one seed"
python3 - <<'P' || fail "the report"
import json, xml.etree.ElementTree as tree
tree.parse("report.svg")
told = json.load(open("report.json"))
assert [n["mean"] for n in told["nets"]] == [38, 40, 40] and told["images"] == 10000, told
half = told["differences"][0]
assert half["net"] == "half" and half["mean"] == 2 and half["standard_error"] == 0.5774, half
P
run 0 check "$top/experiments/columns.net"
run 0 show comm "$top/experiments/columns.net" --net apart
run 0 show shapes "$top/experiments/columns.net" --net apart
grep -q 'all2' out.txt || fail "fc1 of apart reads both columns"
grep -q 'all1' out.txt && fail "conv3 of apart reads both columns"
exit 0
