#!/bin/sh
# Published nets for CIFAR-10 (cuda-convnet's, nets/cifar_*.net), their recipes shortened: trains each with several
# seeds, then reports test errors beside the published ones. Call it again to go on: a run that has ended is
# not repeated, one that was cut off goes on from its last checkpoint. Leaves report.txt and report.json in the
# folder of the results.
#
#   experiments/cifar10.sh [--nets "80sec 18pct 13pct"] [--seeds 1] [--jobs 1] [--out build/cifar10]
#
# The data are the JPEG copy in ../shared/data: all 60,000 images, but not the original pixels.
set -eu
cd "$(dirname "$0")/.."
nets="80sec 18pct 13pct" seeds=1 jobs=1 out=build/cifar10
while [ $# -gt 0 ]; do
    case $1:$# in
    --nets:1|--seeds:1|--jobs:1|--out:1) echo "cifar10.sh: $1 needs a value" >&2; exit 2 ;;
    --nets:*)  nets=$2 ;;
    --seeds:*) seeds=$2 ;;
    --jobs:*)  jobs=$2 ;;
    --out:*)   out=$2 ;;
    *) echo "cifar10.sh: no such option: $1" >&2; exit 2 ;;
    esac
    shift 2
done

recipe() {                                          # net: its file, epochs, error wanted, error published
    case $1 in
    80sec) file=cifar_quick.net epochs=10 bar=28 published=26 ;;
    18pct) file=cifar_18pct.net epochs=40 bar=24 published=18 ;;
    13pct) file=cifar_13pct.net epochs=50 bar=20 published=13 ;;
    *) echo "cifar10.sh: no such net: $1; there are 80sec, 18pct and 13pct" >&2; exit 2 ;;
    esac
}
for net in $nets; do recipe "$net"; done

. bench/cifar10_data.sh
mkdir -p "$out"
out=$(cd "$out" && pwd)
# One program and one set of nets for all runs, whatever is built or edited meanwhile.
[ -x "$out/cleave" ] || cp build/release/cleave "$out/cleave"
for file in nets/cifar_*.net; do
    [ -e "$out/${file##*/}" ] || cp "$file" "$out"
done

run() {                                             # net seed
    recipe "$1"
    result=$out/$1-$2
    grep -qs '"how":"done"' "$result/run.jsonl" && return
    mkdir -p "$result"
    which="$1, seed $2"
    set -- --seed "$2"
    ls "$result"/*.safetensors >/dev/null 2>&1 && set -- --resume "$result"       # its newest readable one
    "$out/cleave" train "$out/$file" --set epochs=$epochs --threads 1 --out "$result" --data train="$folder/cifar10/train" \
        --data test="$folder/cifar10/test" "$@" >>"$result/output.txt" 2>&1 ||
        { echo "cifar10.sh: $which failed:" >&2; tail -n 5 "$result/output.txt" >&2; }
}

# One worker for each job; a run belongs to the worker that makes its folder's lock first.
worker() {
    for seed in $(seq "$seeds"); do
        for net in $nets; do
            mkdir "$out/claim-$net-$seed" 2>/dev/null || continue
            run "$net" "$seed"
        done
    done
}
rm -rf "$out"/claim-*
for _ in $(seq "$jobs"); do worker & done
wait
rm -rf "$out"/claim-*

for net in $nets; do
    recipe "$net"
    echo "{\"net\":\"$net\",\"seed\":0,\"event\":\"recipe\",\"epochs\":$epochs,\"bar\":$bar,\"published\":$published}"
    for seed in $(seq "$seeds"); do
        result=$out/$net-$seed/run.jsonl
        grep -qs '"how":"done"' "$result" && sed "s/^{/{\"net\":\"$net\",\"seed\":$seed,/" "$result"
    done
done | awk -v out="$out" -f experiments/cifar10.awk | tee "$out/report.txt"
