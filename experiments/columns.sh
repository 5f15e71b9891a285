#!/bin/sh
# The paper's claim in small (columns.net): trains `two`, `half` and `apart` on part of CIFAR-10 with several
# seeds, then reports test errors. A run that has ended is not repeated: call it again to go on, or with more
# seeds. Leaves report.txt, report.json and report.svg in the folder of the results.
#
#   experiments/columns.sh [--seeds 3] [--images 10000] [--epochs 20] [--jobs 1] [--out build/columns]
#
# The data are the JPEG copy in ../shared/data; errors on it are not comparable with published ones.
set -eu
cd "$(dirname "$0")/.."
seeds=3 images=10000 epochs=20 jobs=1 out=build/columns
while [ $# -gt 0 ]; do
    case $1:$# in
    --seeds:1|--images:1|--epochs:1|--jobs:1|--out:1) echo "columns.sh: $1 needs a value" >&2; exit 2 ;;
    --seeds:*)  seeds=$2 ;;
    --images:*) images=$2 ;;
    --epochs:*) epochs=$2 ;;
    --jobs:*)   jobs=$2 ;;
    --out:*)    out=$2 ;;
    *) echo "columns.sh: no such option: $1" >&2; exit 2 ;;
    esac
    shift 2
done
. bench/cifar10_data.sh
mkdir -p "$out"
out=$(cd "$out" && pwd)
train=$out/train-$images
if [ ! -e "$train.whole" ]; then                    # the first images of every class
    for class in "$folder"/cifar10/train/*; do
        mkdir -p "$train/${class##*/}"
        find "$class" -name '*.jpg' | sort | head -n $((images / 10)) |
            xargs -I{} ln -sf "$(pwd)/{}" "$train/${class##*/}/"
    done
    touch "$train.whole"
fi
# One program and one net for all runs, whatever is built or edited meanwhile.
[ -x "$out/cleave" ] || cp build/release/cleave "$out/cleave"
[ -e "$out/columns.net" ] || cp experiments/columns.net "$out/columns.net"

run() {                                             # net seed
    result=$out/$images-$epochs-$1-$2
    grep -qs '"how":"done"' "$result/run.jsonl" && return
    rm -rf "$result"
    mkdir -p "$result"
    "$out/cleave" train "$out/columns.net" --net "$1" --seed "$2" --set epochs="$epochs" --threads 1 --out "$result" \
        --data train="$train" --data test="$folder/cifar10/test" >"$result/output.txt" 2>&1 ||
        { echo "columns.sh: $1, seed $2 failed:" >&2; tail -n 5 "$result/output.txt" >&2; }
    rm -f "$result"/*.safetensors
}

# One worker for each job; a run belongs to the worker that makes its folder's lock first.
worker() {
    for seed in $(seq "$seeds"); do
        for net in two half apart; do
            claim=$out/claim-$images-$epochs-$net-$seed
            mkdir "$claim" 2>/dev/null || continue
            run $net "$seed"
        done
    done
}
rm -rf "$out"/claim-*
for _ in $(seq "$jobs"); do worker & done
wait
rm -rf "$out"/claim-*

for seed in $(seq "$seeds"); do
    for net in two half apart; do
        result=$out/$images-$epochs-$net-$seed/run.jsonl
        grep -qs '"how":"done"' "$result" && sed "s/^{/{\"net\":\"$net\",\"seed\":$seed,/" "$result"
    done
done | awk -v images="$images" -v epochs="$epochs" -v out="$out" -f experiments/columns.awk | tee "$out/report.txt"
