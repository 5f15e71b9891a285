#!/bin/sh
# Proves of a refactoring that it changes no kernel: the texts of all nets in nets/ for all targets, those
# of a revision against those of the working tree: tests/kernels_unchanged.sh [REV], HEAD unless given.
# Texts of training and test steps; no compiler of kernels and no GPU is needed. Exit 1: some differ,
# and which. Half a minute, and what building that revision takes.
set -eu
cd "$(dirname "$0")/.."
rev=$(git rev-parse --verify --short "${1:-HEAD}^{commit}")
before=build/unchanged/$rev
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cmake --preset release -G Ninja >/dev/null
cmake --build --preset release --target cleave >/dev/null
if [ ! -x "$before/build/cleave" ]; then
    mkdir -p "$before/source"
    git archive "$rev" | tar -x -C "$before/source"
    cmake -S "$before/source" -B "$before/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
    cmake --build "$before/build" --target cleave >/dev/null
fi

# texts CLEAVE NET TARGET: all units, before every line the kernel it belongs to; what is wrong where there
# are none.
texts() {
    case $3 in cuda:*) noun=cuda ;; *) noun=cpu ;; esac
    { "$1" show $noun "$2" --target "$3" 2>&1 || echo "exit code $?"; } |
        awk '/^#line 1 "head of / { split($0, part, "\""); kernel = substr(part[2], 9) } { print kernel "\t" $0 }'
}

targets="cpu:avx512 cpu:avx2 cpu:sse2 cpu:neon"
for arch in sm_80 sm_86 sm_89 sm_90a; do
    targets="$targets cuda:$arch cuda:$arch:fp32 cuda:$arch:bf16"
done
compared=0 differ=0
for net in nets/*.net; do
    for target in $targets; do
        texts "$before/build/cleave" "$net" $target >"$dir/before"
        texts build/release/cleave "$net" $target >"$dir/now"
        compared=$((compared + 1))
        cmp -s "$dir/before" "$dir/now" && continue
        differ=$((differ + 1))
        diff "$dir/before" "$dir/now" >"$dir/diff" || true
        sed -n 's/^[<>] \([^\t]*\)\t.*/\1/p' "$dir/diff" | sort -u >"$dir/kernels"
        echo "$net $target: $(wc -l <"$dir/kernels") kernels, $(head -n 6 "$dir/kernels" | tr '\n' ' ')..."
        grep '^[<>]' "$dir/diff" | head -n 2 | cut -c1-120
    done
done
echo "$compared nets and targets compared with $rev: $differ differ"
[ $differ = 0 ]
