#!/bin/sh
# bench/gpu.sh goes through all of its parts on a virtual GPU, with the program packed as for a machine that
# has none of it; what it leaves can be read again.
cleave=$1
case $cleave in /*) ;; *) cleave=$PWD/$cleave ;; esac
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: no NVRTC"; exit 0; fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$(dirname "$0")/../.." || exit 1
fail() { echo "$1"; cat "$dir/said"; exit 1; }
gpu() { env -u XDG_CACHE_HOME CLEAVE="$cleave" PACK="$dir/pack" OUT="$dir/out" TMPDIR="$dir" bench/gpu.sh --virtual-gpus 1 \
        --quick "$@" >"$dir/said" 2>&1; }
says() { grep -qE "$1" "$dir/said" || fail "not said: $1"; }

gpu model && fail 'without a pack it should fail'
says 'no .*/pack/cleave: bench/gpu.sh pack makes it'
gpu pack || fail 'pack'
[ -s "$dir/pack/cache.tar.gz" ] && [ -s "$dir/pack/plans/digits-tf32-2.plan" ] || fail 'a pack without its parts'
cmp -s "$dir/pack/plans/digits-tf32-1.plan" "$dir/pack/plans/digits-tf32-2.plan" && fail 'two plans are the same'
tar tzf "$dir/pack/lib.tar.gz" | grep -q libjansson || fail 'no libraries'

# All parts, from the packed program.
gpu correct speed model tune || fail 'the parts'
says '^ok [0-9]+ s  digits tf32 batch 16: cpu:.* and cuda:sm_80 agree: '
says '^skipped  the sanitizer'
says '^digits +4  tf32 +[0-9.]+ +[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+% +[0-9.]+ +- +-$'
says '^refitted: [0-9]+ launches, measured / predicted: median '
says '^    \{ 80, 108, 1.41e9, '
says '^1[0-9] contractions, [0-9]+ of them by another tile than the model.s: '
says '^ok [0-9]+ s  digits tf32 batch 4 --plan: cpu:.* agree'
grep -q '^=== digits tf32 batch 4: .*--json' "$dir/out/model.txt" || fail 'no log'
head -n 1 "$dir/out/model.csv" | grep -q '^net,target,batch,symbol,kernel,plan,predicted_us,measured_us,' || fail 'the CSV'
"$cleave" show plan nets/digits.net --target sm_80 --batch 4 --plan "$dir/out/tuned.plan" >"$dir/said" 2>&1 ||
    fail 'the plan is not read'
says 'plan'

# A fit of times that the model made itself, each unit slower by a known factor, finds these factors.
python3 -B - "$dir" <<'PY' || fail 'the fit'
import csv, random, subprocess, sys
random.seed(3)
path = sys.argv[1] + "/made.csv"
slower = {"DRAM": 1.25, "L2 cache": 1.6, "arithmetic": 2.0}
with open(path, "w") as f:
    w = csv.writer(f)
    w.writerow(["target", "symbol", "limiter", "predicted_us", "measured_us"])
    for i in range(60):
        unit = sorted(slower)[i % 3]
        p = 1.5 + random.uniform(1, 100)
        w.writerow(["cuda:sm_90a:bf16", "k%d" % i, unit, p, 2.5 + slower[unit] * (p - 1.5)])
said = subprocess.run([sys.executable, "-B", "bench/gpu_table.py", "fit", path], capture_output=True, text=True,
                      check=True).stdout
assert "a launch takes 2.50 us" in said, said
for unit, factor in (("DRAM", 1.25), ("L2 cache", 1.6), ("arithmetic bf16", 2.0)):
    assert "  %-20s   20 launches take %.3f of" % (unit, factor) in said, said
assert "median 1.00, from 1.00 to 1.00" in said, said
assert "{ 90, 132, 1.70e9, 2.40e+12, 3438, 227e3," in said, said
PY
exit 0
