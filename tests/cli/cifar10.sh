#!/bin/sh
# The report of experiments/cifar10.sh: means, standard errors and published figures of runs that are given, as
# text and JSON.
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/../frame.sh"
run_of() {                                       # net seed, shares of right answers after epochs 1 and 2
    begin="{\"net\":\"$1\",\"seed\":$2,"
    echo "$begin\"schema\":1,\"event\":\"start\",\"net\":\"cifar\",\"plan\":\"0\",\"seed\":99,\"step\":0}"
    for epoch in 1 2; do
        echo "$begin\"event\":\"epoch\",\"epoch\":$epoch,\"step\":9,\"loss\":1,\"images_per_second\":500,\"top1\":0.5}"
    done
    echo "$begin\"event\":\"test\",\"epoch\":1,\"step\":9,\"loss\":1,\"top1\":$3}"
    echo "$begin\"event\":\"test\",\"epoch\":2,\"step\":9,\"loss\":1,\"top1\":$4}"
}
{
    echo '{"net":"80sec","seed":0,"event":"recipe","epochs":2,"bar":28,"published":26}'
    run_of 80sec 1 0.4 0.60; run_of 80sec 2 0.4 0.62; run_of 80sec 3 0.4 0.64
    echo '{"net":"18pct","seed":0,"event":"recipe","epochs":2,"bar":24,"published":18}'
    run_of 18pct 2 0.4 0.8
    echo '{"net":"none","seed":0,"event":"recipe","epochs":2,"bar":24,"published":18}'
} > runs
awk -v out=. -f "$top/experiments/cifar10.awk" runs > out.txt
grep -q '^80sec  *38.00 +- 1.15 after 2 epochs (wanted: at most 28; published.*: 26), 3 seeds: 40.00 38.00 36.00; 500 ' out.txt ||
    fail "a mean"
grep -q '^18pct  *20.00 +- 0.00 after 2 epochs .*, 1 seeds: 20.00;' out.txt || fail "one seed"
grep -q '^80sec  *epoch  *1  test 60.00  training (running) 50.00$' out.txt || fail "a trace"
grep -q '^none' out.txt && fail "a net without runs"
python3 - <<'P' || fail "the report"
import json
told = json.load(open("report.json"))
assert [n["mean"] for n in told["nets"]] == [38, 20], told
assert told["nets"][0]["standard_error"] == 1.1547 and told["nets"][1]["published"] == 18, told
P
"$top/experiments/cifar10.sh" --nets 99pct > out.txt 2>&1 && fail "an unknown net"
grep -q 'no such net: 99pct' out.txt || fail "an unknown net is named"
exit 0
