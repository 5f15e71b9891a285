#!/bin/sh
# Verbs on virtual GPUs: the CPU's losses, weights that either reads, verify's words, and what is said, with which
# exit code, when there is no driver, no memory, a fault, or a misuse.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"    # test_gpu looks for leaks
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
cat > "$folder/two.net" <<'NET'
net two : 1x8x8 -> 10 {
  split(gpu0, gpu1) { conv(8, 3, pad = 1) -> relu -> pool(2) -> all -> conv(8, 3, pad = 1) -> relu }
  -> fc(10) -> softmax
}
data noise {
  train = random(10, 1x8x8, seed = 1, count = 64) -> scale(1 / 256)
  test  = random(10, 1x8x8, seed = 2, count = 24) -> scale(1 / 256)
}
train two on noise { loss = cross_entropy  report = top(1)  batch = 8  solver = sgd(lr = 0.05, momentum = 0.9) }
NET
fail() { echo "$*"; exit 1; }
loss() { sed -n 's/.*loss \([0-9.]*\).*/\1/p' | head -n 1; }
near() { awk -v a="$1" -v b="$2" -v by="$3" 'BEGIN { d = a - b; exit !(a != "" && (d < 0 ? -d : d) <= by * b) }'; }

cpu=$("$cleave" train "$folder/two.net" --steps 6 --out "$folder/cpu" | loss)
for options in '--virtual-gpus 1' '--virtual-gpus 2 --check' '--virtual-gpus 2 --check --vgpu-seed 3 --no-graphs'; do
    # shellcheck disable=SC2086
    gpu=$("$cleave" train "$folder/two.net" --steps 6 --out "$folder/gpu" --precision fp32 $options 2> "$folder/err" | loss)
    near "$gpu" "$cpu" 1e-3 || fail "loss $gpu with $options, $cpu on the CPU: $(cat "$folder/err")"
    case $options in *check*) want='cleave: the virtual GPUs reported 0 faults' ;; *) want= ;; esac
    [ "$(cat "$folder/err")" = "$want" ] || fail "$options: $(cat "$folder/err")"
done

# How values go from GPU to GPU is told.
ways() {
    want=$1; shift
    said=$(env "$@" --steps 1 --out "$folder/ways" 2>&1 | grep ' sends to ' | sed 's/gpu[01] sends to gpu[01] //' | sort -u)
    [ "$said" = "$want" ] || fail "$*: $said, not $want"
}
ways 'directly, by peer access' "$cleave" train "$folder/two.net" --virtual-gpus 2
ways 'through pinned memory of the host' VGPU_PEERS=0 "$cleave" train "$folder/two.net" --virtual-gpus 2
ways "within the GPU's memory" "$cleave" train "$folder/two.net" --virtual-gpus 1

# Weights are logical values: a GPU's are read by the CPU, and it finds the same errors.
of_cpu=$("$cleave" test "$folder/two.net" "$folder/gpu/last.safetensors" | sed 's/  [0-9]* images.*//')
of_gpu=$("$cleave" test "$folder/two.net" "$folder/gpu/last.safetensors" --virtual-gpus 1 --precision fp32 |
    sed 's/  [0-9]* images.*//')
[ "$of_cpu" = "$of_gpu" ] || fail "test: $of_cpu on the CPU, $of_gpu on a GPU"

# Every value of a step, in all precisions.
for precision in fp32 tf32 bf16; do
    said=$("$cleave" verify "$folder/two.net" --virtual-gpus 2 --precision $precision --steps 2 --no-fuse 2>&1) ||
        fail "verify: $said"
    case $said in
        cpu:*' agree: '*' values in 2 steps within '*' of their largest, '*' worst ('*) ;;
        *) fail "verify says: $said" ;;
    esac
done
said=$("$cleave" diff "$folder/two.net" --virtual-gpus 2 --steps 2 2>&1) || fail "diff: $said"
case $said in 'equal bit by bit: '*) ;; *) fail "diff says: $said" ;; esac
"$cleave" time "$folder/two.net" --virtual-gpus 1 --steps 1 | grep -q ' ms predicted *[0-9.]* % of the roofline  conv1 forward: ' || fail time

# expect CODE TEXT WORDS...: the exit code, and a part of what is said.
expect() {
    code=$1 text=$2; shift 2
    said=$(env "$@" 2>&1); got=$?
    [ $got = "$code" ] || fail "$*: exit $got, not $code: $said"
    case $said in *"$text"*) ;; *) fail "$*: $said; not: $text" ;; esac
}
net=$folder/two.net
expect 2 '--virtual-gpus runs CUDA, and --target avx2 is a CPU' "$cleave" train "$net" --virtual-gpus 1 --target avx2
expect 2 'give --virtual-gpus N, too' "$cleave" train "$net" --vgpu-seed 3
expect 2 'map: gpu0, which is compiled for cuda:sm_80, runs on cuda:0 to cuda:7, not on `cuda:8`' \
    "$cleave" train "$net" --virtual-gpus 1 --map gpu0=cuda:8,gpu1=cuda:0
expect 2 'verify compares a GPU with the CPU' "$cleave" verify "$net" --target sse2
expect 4 'cannot open shared object file' CLEAVE_CUDA_LIB=/nowhere/libcuda.so "$cleave" train "$net" --target cuda
expect 4 'device gpu1 is mapped to GPU 1, but there is only 1: GPU 0; gpu1=cuda:0 would do' \
    "$cleave" train "$net" --virtual-gpus 1 --map gpu0=cuda:0,gpu1=cuda:1
expect 4 'GPU 0, virtual GPU 0, has 0.94 MiB of memory free, and the net needs ' \
    VGPU_MEMORY=1 "$cleave" train "$net" --virtual-gpus 1 --batch 1024
expect 4 'GPU 1, virtual GPU 1, has 0.94 MiB of memory free, and the net needs ' \
    VGPU_MEMORY=64,1 "$cleave" train "$net" --virtual-gpus 2 --batch 1024
case $said in *' there at batch 1024 (gpu1 '*' MiB); batch '*' would fit: --batch '*) ;; *) fail "gpu1: $said" ;; esac
expect 4 ' there at batch 1024 (gpu0 ' VGPU_MEMORY=1 "$cleave" train "$net" --virtual-gpus 1 --batch 1024
case $said in *' MiB, gpu1 '*' MiB); '*) ;; *) fail "both on one: $said" ;; esac
expect 4 'two.net:2: launch `conv1 forward: ' VGPU_FAIL=cuLaunchKernel:14:700 "$cleave" train "$net" --virtual-gpus 1 \
    --steps 2 --out "$folder/failed"
expect 4 'a launch of the training step failed on device gpu0 (--check tells which): cuStreamSynchronize: ' \
    VGPU_FAIL=cuStreamSynchronize:40:719 "$cleave" train "$net" --virtual-gpus 1 --steps 9 --out "$folder/failed"
