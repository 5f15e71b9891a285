#!/bin/sh
# `cleave doctor` names what the machine has; without NVRTC it says what to install, and still all is well.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
XDG_CACHE_HOME=$folder
export XDG_CACHE_HOME

out=$("$cleave" doctor) || { echo "$out"; exit 1; }
for word in cpu target compiler nvrtc nvdisasm cache; do
    echo "$out" | grep -q "^$word  *[^ ]" || { echo "no line for $word in:"; echo "$out"; exit 1; }
done
out=$(CLEAVE_NVRTC=$folder "$cleave" doctor) || { echo "$out"; exit 1; }
echo "$out" | grep -q "^nvrtc     missing: no NVRTC: CLEAVE_NVRTC names neither" || { echo "$out"; exit 1; }
echo "$out" | grep -q "^cache .* 0 entries, 0 bytes" || { echo "$out"; exit 1; }
