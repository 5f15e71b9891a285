#!/bin/sh
# The virtual GPU against its prototype, in turns on one core: nanoseconds of a warp instruction, plain and
# with all checkers, of the prototype's kernels and of each kind of instruction, and ours / prototype.
# bench/vgpu.sh [ROUNDS]; the least of all rounds counts. Without ../shared the prototype is left out,
# without NVRTC the kernels are.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
peer=../shared/prototypes/vgpu
cuda=${CUDA_HOME:-/usr/local/cuda}
ours=build/release/bench/bench_vgpu
cmake --preset release -G Ninja >/dev/null
cmake --build --preset release --target bench_vgpu >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -m1 'model name' /proc/cpuinfo
uptime
kernels=
if [ ! -f $peer/ptx/ptxemu.c ]; then
    echo "no prototype at $peer: it is not timed"
else
    # As its own Makefile builds it.
    ${CC:-cc} -O3 -march=native -fno-math-errno -w -D_GNU_SOURCE -I. -I$peer/ptx bench/vgpu.c bench/vgpu_prototype.c \
        $peer/ptx/ptxemu.c -o "$work/prototype" -lm -pthread
    if ${CC:-cc} -O2 -w -I"$cuda/include" $peer/ptx/nvrtc_ptx.c -o "$work/nvrtc" -L"$cuda/lib64" -lnvrtc \
           -Wl,-rpath,"$cuda/lib64" 2>/dev/null &&
       "$work/nvrtc" $peer/kernels/alex.cu "$work/alex.ptx" 2>/dev/null &&
       "$work/nvrtc" $peer/kernels/tc.cu "$work/tc.ptx" 2>/dev/null; then
        kernels="$work/alex.ptx $work/tc.ptx"
    else
        echo "no NVRTC at $cuda: kernels are not timed"
    fi
fi

round=0
while [ $round -lt "$rounds" ]; do
    for who in $ours "$work/prototype"; do
        [ -x "$who" ] || continue
        # shellcheck disable=SC2086
        "$who" $kernels | sed 1d >> "$work/$(basename "$who").txt"
    done
    round=$((round + 1))
done
[ -f "$work/prototype.txt" ] || : > "$work/prototype.txt"
awk '
    { name = substr($0, 1, 28); plain = $(NF - 1); checked = $NF; peer = FILENAME ~ /prototype/ }
    !(name in seen) { seen[name] = 1; order[++count] = name }
    { least(peer "p" name, plain); least(peer "c" name, checked) }
    function least(key, x) { if (!(key in best) || x < best[key]) best[key] = x }
    function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }
    END {
        printf "%-28s %9s %9s %9s %9s %7s %7s\n", "ns a warp instruction", "ours", "checked", "prototype",
               "checked", "ratio", "checked"
        for (i = 1; i <= count; i++) {
            n = order[i]
            if (!("1p" n in best)) {
                printf "%s %9.1f %9.1f\n", n, best["0p" n], best["0c" n]
                continue
            }
            printf "%s %9.1f %9.1f %9.1f %9.1f %7s %7s\n", n, best["0p" n], best["0c" n], best["1p" n],
                   best["1c" n], ratio(best["0p" n], best["1p" n]), ratio(best["0c" n], best["1c" n])
        }
    }' "$work/bench_vgpu.txt" "$work/prototype.txt"
