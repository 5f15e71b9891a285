#!/bin/sh
# Every net of nets/ that names devices, an eighth as wide: one step at batch 2 on two virtual GPUs with everything
# watched, every value held against the CPU's. tests/slow/verify_alexnet.sh has AlexNet as it is.
cleave=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for net in "$root"/nets/*.net; do
    perl -pe 's/\b((?:conv|fc)\(\s*)(\d+)/$1 . ($2 % 8 ? $2 : $2 \/ 8)/ge; s/\bis (\d+)x/"is " . $1 \/ 8 . "x"/ge' \
        "$net" > "$folder/${net##*/}"
done
nets=0
for net in "$folder"/*.net; do
    [ "$("$cleave" show memory "$net" --batch 2 | grep -c '^gpu[0-9]*: ')" -ge 2 ] || continue
    nets=$((nets + 1))
    began=$(date +%s)
    said=$("$cleave" verify "$net" --batch 2 --steps 1 --virtual-gpus 2 --check 2>&1) || { echo "$net: $said"; exit 1; }
    echo "${net##*/}, $(($(date +%s) - began)) s: $said"
    case $said in *' agree: '*) ;; *) exit 1 ;; esac
    case $said in *'reported 0 faults'*) ;; *) exit 1 ;; esac
done
[ $nets -ge 3 ] || { echo "only $nets nets with devices"; exit 1; }
