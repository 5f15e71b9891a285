#!/bin/sh
# Every net of nets/, its fully connected layers an eighth as wide: steps at batch 2 have the same bits on all maps
# of its devices to groups of threads, and with another number of threads, with memory shared as in `train`, too.
# tests/slow/diff_nets.sh takes them as they are, for more steps, and vgg16, which takes as long as all others.
cleave=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for net in "$root"/nets/*.net; do
    case $net in */vgg16.net) continue ;; esac
    sed 's/fc(4096/fc(512/' "$net" > "$folder/${net##*/}"
done
"$root/tests/diff_maps.sh" "$cleave" "${CLEAVE_DIFF_STEPS:-1}" "$folder"
