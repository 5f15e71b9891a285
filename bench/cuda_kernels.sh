#!/bin/sh
# What NVRTC makes of every kernel of every net, for sm_80 and sm_90a in fp32, tf32 and bf16, compiled
# from scratch; then AlexNet's time from scratch and from the cache: bench/cuda_kernels.sh [NET...]
# No GPU is needed. docs/measurements/*-cuda-kernels.txt is what it prints.
set -eu
cd "$(dirname "$0")/.."
cleave=build/release/cleave
cmake --preset release -G Ninja >/dev/null
cmake --build --preset release --target cleave >/dev/null
[ $# -gt 0 ] || set -- nets/*.net
XDG_CACHE_HOME=$(mktemp -d)
export XDG_CACHE_HOME
trap 'rm -rf "$XDG_CACHE_HOME"' EXIT

git log -1 --format='%h %cd %s' --date=iso
nproc | sed 's/$/ CPUs/'
echo "threads, registers of a thread, bytes of shared memory of a block, bytes spilled by a thread; blocks and"
echo "share of warps that a multiprocessor holds and what keeps it from more; microseconds predicted of a"
echo "launch and what limits it"
bad=0
for net in "$@"; do
    for target in sm_80 sm_90a; do
        for precision in fp32 tf32 bf16; do
            suffix=:$precision
            [ $precision != tf32 ] || suffix=
            printf '\n== %s %s %s\n' "$net" $target $precision
            "$cleave" compile "$net" --target cuda:$target$suffix 2>&1 || bad=1
        done
    done
done

for target in sm_80 sm_90a; do
    rm -rf "$XDG_CACHE_HOME"/*
    for what in "from scratch" "from the cache" "from the cache" "from the cache"; do
        printf '\n== nets/alexnet.net %s %s\n' $target "$what"
        "$cleave" compile nets/alexnet.net --target cuda:$target 2>&1 | tail -n 6 || bad=1
    done
done
exit $bad
