#!/bin/sh
# Trains nets/cifar_quick.net for 4 epochs on the JPEG copy of CIFAR-10 in ../shared/data, then prints
# images a second (the median epoch, data path included), its share of the machine's multiply-add
# peak measured in the same run, and the last test error. Exit 1 when the share is below 45 % or the
# error above 36 %. The files are lossy, so the errors are not comparable with published ones.
# Arguments go to `cleave train`.
set -eu
cd "$(dirname "$0")/.."
. bench/cifar10_data.sh
[ -x build/release/bench/bench_peak ] || { cmake --preset release -G Ninja >/dev/null
                                           cmake --build --preset release; }
cleave=build/release/cleave
out=build/cifar
mkdir -p "$out"
peak() { build/release/bench/bench_peak "$(nproc)" | tail -n 1 || true; }
before=$(peak)
began=$(date +%s)
(
    "$cleave" train nets/cifar_quick.net --epochs 4 --out "$out" \
        --data train="$folder/cifar10/train" --data test="$folder/cifar10/test" "$@"
    times >"$out/times"                                         # the second line is the children's
)
took=$(($(date +%s) - began))
after=$(peak)
# A busy machine shows here: user and system time of the run, as a share of what all cores could give.
tail -n 1 "$out/times" | tr 'ms' '  ' | awk -v took="$took" -v cores="$(nproc)" '
    { printf "the run had %.0f %% of %d cores\n", 100 * (60 * $1 + $2 + 60 * $3 + $4) / (took * cores), cores }'
echo "peak before: $before"
echo "peak after:  $after"
number() { grep -o "\"$1\": *[0-9.]*" | sed 's/.*://'; }         # the values of a key, one a line
macs=$("$cleave" show cost nets/cifar_quick.net --json | number train_macs)
rate=$(grep '"event":"epoch"' "$out/run.jsonl" | number images_per_second | sort -g |
       awk '{ x[NR] = $1 } END { print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2 }')
top1=$(grep '"event":"test"' "$out/run.jsonl" | number top1 | tail -n 1)
# The peak is the better of the two: a neighbour can only lower it.
printf '%s\n%s\n' "$before" "$after" | awk -v macs="$macs" -v rate="$rate" -v top1="$top1" '
    $1 > peak { peak = $1 }
    END {
        flops = 2 * macs; share = 100 * rate * flops / (peak * 1e9); error = 100 * (1 - top1)
        printf "%.0f images/s (median epoch) x %.1f MFLOP an image = %.1f of %.1f GFLOP/s: %.1f %% of peak, " \
               "data path included\n", rate, flops * 1e-6, rate * flops * 1e-9, peak, share
        printf "test error %.2f %%\n", error
        exit !(share >= 45 && error <= 36)
    }'
