#!/bin/sh
# What an hour with a GPU is for, in parts of a few minutes: bench/gpu.sh [--virtual-gpus N] [--quick] PART...
#   pack     before, where there is a toolkit and no GPU: a folder to carry ($PACK, build/gpu) with the
#            program, its libraries, tiles to try and a kernel cache
#   correct  every kernel of the nets against the CPU in fp32, tf32 and bf16; runs twice, two devices on one
#            GPU; the sanitizer's tools
#   speed    time of a step, and PyTorch's in the same run
#   model    predicted and measured time of every launch, and the model's row refitted
#   tune     the best tile of several for every contraction: a plan file
# Each part writes into the folder $OUT. docs/gpu-day.md says what to do with it.
set -u
cd "$(dirname "$0")/.." || exit 1
PACK=${PACK:-build/gpu}
OUT=${OUT:-docs/measurements/gpu-$(date +%F)}
ARCH=${ARCH:-sm_90a}
RANKS=${RANKS:-4}
virtual='' quick='' gpus='' bad=0
while [ $# -gt 0 ]; do
    case $1 in
        --virtual-gpus) virtual=${2:?how many}; gpus="--virtual-gpus $2"; shift 2 ;;
        --quick) quick=1; shift ;;
        -*) echo "usage: bench/gpu.sh [--virtual-gpus N] [--quick] PART..."; exit 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || { sed -n '2,10s/^# *//p' "$0"; exit 2; }

# Sizes: of a real GPU, of a virtual one (minutes), and of a test (seconds).
precisions="tf32 bf16 fp32" batch=128 steps=20
nets="nets/alexnet.net nets/alexnet_owt.net"
if [ "$virtual" ]; then
    ARCH=sm_80 RANKS=2 precisions="tf32 bf16" batch=4 steps=1 nets="nets/digits.net nets/lenet.net"
fi
if [ "$quick" ]; then
    RANKS=2 precisions=tf32 batch=4 steps=1 nets=nets/digits.net
fi

# --- running ------------------------------------------------------------------------------------------

# try SECONDS WHAT COMMAND...: one line for the run, ok or not, and its last line; all of it in $log.
try() {
    limit=$1 what=$2; shift 2
    start=$(date +%s)
    timeout "$limit" "$@" >"$OUT/.last" 2>&1
    code=$?
    word=ok
    [ $code = 0 ] || { word="FAILED ($code)"; bad=1; }
    { echo "=== $what: $*"; cat "$OUT/.last"; echo "=== exit code $code"; } >>"$log"
    echo "$word $(($(date +%s) - start)) s  $what: $(tail -n 1 "$OUT/.last" | cut -c 1-150)"
}
table() {
    python3 bench/gpu_table.py "$@" >"$OUT/.last" || bad=1
    tee -a "$log" <"$OUT/.last"
}
skip() { echo "skipped  $1" | tee -a "$log"; }
cleave() { "$PACK/cleave" "$@"; }
name_of() { basename "$1" .net; }

# --- parts --------------------------------------------------------------------------------------------

copy_program() {
    program=${CLEAVE:-build/release/cleave}
    if [ -z "${CLEAVE:-}" ]; then
        cmake --preset release -G Ninja >/dev/null || return 1
        cmake --build --preset release --target cleave cleave-vgpu || return 1
    fi
    mkdir -p "$PACK/bin" "$PACK/lib" "$PACK/plans"
    cp -f "$program" "$(dirname "$program")/libcleave-vgpu.so" "$PACK/bin/" || return 1
    [ -n "${CLEAVE:-}" ] || strip "$PACK/bin/cleave" "$PACK/bin/libcleave-vgpu.so"
    # All but the C library and the loader, which belong to the machine.
    ldd "$PACK/bin/cleave" "$PACK/bin/libcleave-vgpu.so" |
        awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
        grep -vE '/(libc|libm|libdl|libpthread|librt|libgcc_s|libasan|libubsan|libstdc\+\+)\.so' |
        while read -r library; do cp -fL "$library" "$PACK/lib/"; done
    # Packed: the tables of Unicode that libarchive's XML drags along are half of all that is carried.
    tar czf "$PACK/lib.tar.gz" -C "$PACK/lib" . && rm -rf "$PACK/lib"
    cat >"$PACK/cleave" <<'RUN'
#!/bin/sh
# The packed program with its libraries, and the packed kernel cache where none is named.
here=$(cd "$(dirname "$0")" && pwd)
libraries=${TMPDIR:-/tmp}/cleave-gpu-libraries
if [ ! -d "$libraries" ]; then
    mkdir -p "$libraries.part" && tar xzf "$here/lib.tar.gz" -C "$libraries.part" && mv "$libraries.part" "$libraries"
fi
if [ -z "${XDG_CACHE_HOME:-}" ]; then
    XDG_CACHE_HOME=${TMPDIR:-/tmp}/cleave-gpu-cache
    if [ ! -d "$XDG_CACHE_HOME" ]; then
        mkdir -p "$XDG_CACHE_HOME" && chmod 700 "$XDG_CACHE_HOME"
        [ ! -e "$here/cache.tar.gz" ] || tar xzf "$here/cache.tar.gz" -C "$XDG_CACHE_HOME"
    fi
    export XDG_CACHE_HOME
fi
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}:/usr/local/nvidia/lib64"
exec "$here/bin/cleave" "$@"
RUN
    chmod +x "$PACK/cleave"
}

# As one GPU runs it.
compile_for() {
    net=$1 precision=$2; shift 2
    cleave compile "$net" --target "cuda:$ARCH" --precision "$precision" --batch "$batch" --chunks 1 "$@"
}

# Tiles of the model's first RANKS shapes as plan files. What spills is taken out: the model's choice stands.
make_plans() {
    net=$1 precision=$2 rank=1
    while [ "$rank" -le "$RANKS" ]; do
        plan=$PACK/plans/$(name_of "$net")-$precision-$rank.plan
        folder=$PACK/made
        rm -rf "$folder"
        compile_for "$net" "$precision" --tile-rank "$rank" -o "$folder" >"$PACK/made.txt" 2>&1
        code=$?
        # In the table bytes spilled stand three words before the sign of the percents.
        awk 'NR == FNR { for (i = 4; i <= NF; i++) if ($i == "%" && $(i - 3) > 0) spills[$1] = 1; next }
             { keep = 1; for (i = 1; i <= NF; i++) if ($i in spills) keep = 0; if (keep) print }' \
            "$PACK/made.txt" "$folder/plan.txt" >"$plan"
        if [ $code != 0 ]; then
            spilled=$(($(wc -l <"$folder/plan.txt") - $(wc -l <"$plan")))
            echo "$(name_of "$net") $precision: $spilled rows of rank $rank spill"
            compile_for "$net" "$precision" --plan "$plan" >"$PACK/made.txt" 2>&1 || return 1
        fi
        rank=$((rank + 1))
    done
    rm -rf "$folder" "$PACK/made.txt"
}

part_pack() {
    rm -rf "$PACK"
    copy_program || { echo "the program could not be built"; exit 1; }
    XDG_CACHE_HOME=$PWD/$PACK/cache
    case $PACK in /*) XDG_CACHE_HOME=$PACK/cache ;; esac
    export XDG_CACHE_HOME
    mkdir -p "$XDG_CACHE_HOME" && chmod 700 "$XDG_CACHE_HOME"
    for net in $nets; do
        for precision in $precisions; do
            make_plans "$net" "$precision" || bad=1
        done
    done
    unset XDG_CACHE_HOME
    tar czf "$PACK/cache.tar.gz" -C "$PACK/cache" . && rm -rf "$PACK/cache"
    du -sh "$PACK" | sed 's/\t/ in /'
    [ "$(du -sm "$PACK" | cut -f 1)" -lt 60 ] || { echo "too large to be carried: lower RANKS"; bad=1; }
}

# verify NET PRECISION BATCH STEPS [OPTION...]: every launch of some steps against the CPU.
verify() {
    net=$1 precision=$2 size=$3 count=$4; shift 4
    try 300 "$net $precision batch $size${1:+ $1}" "$PACK/cleave" verify "nets/$net.net" \
        --target "cuda:$precision" --batch "$size" --steps "$count" $gpus "$@"
}

part_correct() {
    log=$OUT/correct.txt
    cleave doctor >"$log" 2>&1
    few=$((steps < 5 ? steps : 5))
    for precision in $precisions; do
        verify digits "$precision" 16 $few
        [ "$quick" ] || verify lenet "$precision" 4 $few
    done
    if [ "$virtual" ]; then
        [ "$quick" ] || verify alexnet tf32 1 1                 # full width
        try 300 "digits watched" "$PACK/cleave" train nets/digits.net $gpus --batch 8 --steps 2 --check \
            --out "$OUT/.run"
        skip "the sanitizer: a virtual GPU watches itself (--check)"
    else
        for precision in $precisions; do
            verify cifar_quick "$precision" 64 1
            verify alexnet "$precision" 128 1
            verify alexnet_owt "$precision" 64 1
        done
        verify alexnet tf32 8 1 --no-fuse
        try 120 "alexnet: both devices in turn and at once" "$PACK/cleave" diff nets/alexnet.net --target cuda \
            --batch 32
        try 120 "digits learns" "$PACK/cleave" train nets/digits.net --target cuda --epochs 10 --out "$OUT/.run"
        sanitize
    fi
    rm -rf "$OUT/.run"
}

sanitize() {
    if ! command -v compute-sanitizer >/dev/null; then
        skip "memcheck, racecheck, initcheck: no compute-sanitizer"
        return
    fi
    for tool in memcheck racecheck initcheck; do
        watch $tool digits tf32 8
    done
    watch memcheck alexnet tf32 4
    watch memcheck alexnet bf16 4
    watch racecheck alexnet tf32 2
}

watch() {
    try 200 "$1 $2 $3" compute-sanitizer --tool "$1" --target-processes all --error-exitcode 9 \
        "$PACK/cleave" time "nets/$2.net" --target "cuda:$3" --batch "$4" --steps 1
}

# time_net NET PRECISION BATCH [OPTION...]: appends the JSON of `cleave time` to $times, a line each; $label
# stands behind the net's name.
label=''
time_net() {
    net=$1 precision=$2 size=$3; shift 3
    try 200 "$(name_of "$net")$label $precision batch $size" "$PACK/cleave" time "$net" --target "cuda:$precision" \
        --batch "$size" --steps $steps $gpus --json "$@"
    [ $code = 0 ] || return
    { printf '{"net": "%s", "times": ' "$(name_of "$net")$label"; tr -d '\n' <"$OUT/.last"; echo '}'; } >>"$times"
}

part_speed() {
    log=$OUT/speed.txt times=$OUT/speed.jsonl
    : >"$log"; : >"$times"
    sizes="128 256 512"
    [ -z "$gpus$quick" ] || sizes=$batch
    for net in $nets; do
        for precision in $precisions; do
            [ $precision = fp32 ] && continue
            for size in $sizes; do time_net "$net" $precision $size; done
        done
    done
    if [ "$virtual" ]; then
        skip "PyTorch: no GPU"
    else
        try 400 PyTorch python3 bench/torch_gpu.py --json "$OUT/torch.jsonl"
    fi
    table speed "$times" "$OUT/torch.jsonl"
}

part_model() {
    log=$OUT/model.txt times=$OUT/model.jsonl
    : >"$log"; : >"$times"
    for net in $nets; do
        for precision in $precisions; do time_net "$net" $precision $batch; done
    done
    python3 bench/gpu_table.py launches "$times" >"$OUT/model.csv" || bad=1
    table fit "$OUT/model.csv"
}

part_tune() {
    log=$OUT/tune.txt times=$OUT/tune.jsonl
    : >"$log"; : >"$times"
    for plan in "$PACK"/plans/*.plan; do
        stem=$(basename "$plan" .plan)                          # alexnet-tf32-3
        what=${stem%-*} label=" ${stem##*-}"
        time_net "nets/${what%-*}.net" "${what##*-}" $batch --plan "$plan"
    done
    table tune "$times" "$OUT/tuned.plan"
    label=" tuned"
    for net in $nets; do
        for precision in $precisions; do time_net "$net" "$precision" $batch --plan "$OUT/tuned.plan"; done
        verify "$(name_of "$net")" tf32 $batch 1 --plan "$OUT/tuned.plan"
    done
    label=''
    table speed "$times"
}

# ------------------------------------------------------------------------------------------------------

for part in "$@"; do
    case $part in
        pack) part_pack ;;
        correct|speed|model|tune)
            [ -x "$PACK/cleave" ] || { echo "no $PACK/cleave: bench/gpu.sh pack makes it"; exit 2; }
            mkdir -p "$OUT"
            echo "== $part, into $OUT"
            part_$part
            rm -f "$OUT/.last" ;;
        *) echo "no part is called $part: pack, correct, speed, model, tune"; exit 2 ;;
    esac
done
exit $bad
