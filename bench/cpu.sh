#!/bin/sh
# The AlexNet training step on the CPU against PyTorch in the same run: bench/cpu.sh [BATCH...]
# PyTorch runs twice: as it comes, and with glibc's allocator tuned so that large tensors are not
# mapped anew at every step. Needs /usr/bin/python3 with torch (apt: python3-torch).
set -eu
cd "$(dirname "$0")/.."
peer=../shared/peers/alexnet_torch.py
cleave=build/release/cleave
[ -x "$cleave" ] || { cmake --preset release -G Ninja >/dev/null; cmake --build --preset release --target cleave; }
tuned=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184
tuned=$tuned:glibc.malloc.top_pad=268435456:glibc.malloc.hugetlb=1
threads=$(nproc)
[ $# -gt 0 ] || set -- 32 128

grep -m1 'model name' /proc/cpuinfo
for batch in "$@"; do
    echo "== batch $batch, $threads threads"
    "$cleave" time nets/alexnet.net --batch "$batch" | tail -n 2
    if [ ! -f "$peer" ]; then
        echo "no peer at $peer: PyTorch is not timed"
        continue
    fi
    ours=$("$cleave" time nets/alexnet.net --batch "$batch" --json |
           grep -o '"images_per_second": [0-9.]*' | head -n 1 | sed 's/.*: //')
    plain=$(/usr/bin/python3 "$peer" --batch "$batch" --threads "$threads" --steps 2)
    echo "$plain"
    better=$(GLIBC_TUNABLES=$tuned /usr/bin/python3 "$peer" --batch "$batch" --threads "$threads" --steps 2)
    echo "tuned: $better"
    printf '%s\n%s\n%s\n' "$ours" "$plain" "$better" | awk '
        { for (i = 2; i <= NF; i++) if ($i ~ /^images/) rate[NR] = $(i - 1) }
        NR == 1 { ours = $1 }
        END { printf "cleave %.1f images/s: %.2f x PyTorch as it comes, %.2f x tuned\n", ours,
                     ours / rate[2], ours / rate[3] }'
done
