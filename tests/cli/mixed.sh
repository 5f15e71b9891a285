#!/bin/sh
# Maps that put some devices of a net on a CPU and others on GPUs: the values of either alone, the same bits
# wherever each kind runs, a cause of numbers that are not finite, and what is said of maps that cannot be.
. "$(dirname "$0")/../frame.sh"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"    # test_gpu looks for leaks
cat > split.net <<'NET'
net split : 3x12x12 -> 10 {
  split(gpu0, gpu1) {
    conv(8, 3, pad = 1) -> relu -> lrn(n = 3) -> pool(2) -> all -> conv(12, 3, pad = 1) -> relu
    -> all -> fc(16) -> relu -> dropout(0.5)
  }
  -> fc(10) -> softmax
}
data noise {
  train = random(10, 3x12x12, seed = 1, count = 8) -> scale(1 / 256)
  test  = random(10, 3x12x12, seed = 2, count = 6) -> scale(1 / 256)
}
train split on noise { loss = cross_entropy  report = top(1)  batch = 4  solver = sgd(lr = 0.1, momentum = 0.9) }
NET
# Weights and their gradients cross, and a device in the middle of three is of the other kind.
sed 's/net split/net mixed/; s/train split/train mixed/; s/split(gpu0, gpu1) {/replicate(a, b, c) {/
     s/batch = 4/batch = 6/; s/fc(16) -> relu -> dropout(0.5)/fc(24) -> relu/; s/all -> //; s/-> all//' split.net > replicate.net
cpus='gpu0=cpu:0,gpu1=cpu:1'

# Without NVRTC there is nothing to run; what is wrong is told all the same.
run 2 train split.net --target cuda:sm_80 --map gpu0=cuda:0,gpu1=gpu:1
grep -q 'map: gpu1, which is compiled for cuda:sm_80, runs on cuda:0 to cuda:7, not on `gpu:1`' out.txt || fail "kind"
run 2 train split.net --target avx2 --map gpu0=cuda:0,gpu1=cuda:1
grep -q 'gpu0, which is compiled for cpu:avx2, runs on cpu:0 to cpu:7, not on `cuda:0`' out.txt || fail "target"
"$cleave" doctor | grep -q '^nvrtc *missing' && { echo "skipped: there is no NVRTC"; exit 0; }

same() { grep -q "^equal $1: .* $2 bytes copied between devices, guards intact" out.txt || fail "$3"
         grep -q 'reported 0 faults' out.txt || fail "$3: faults"; }
diff_maps() { run 0 diff "$@" --virtual-gpus 2 --check --steps 2; }
bytes=$("$cleave" diff split.net --map $cpus --steps 2 | sed -n 's/.*; \([0-9]*\) bytes.*/\1/p')
for map in gpu0=cuda:0,gpu1=cpu gpu0=cpu,gpu1=cuda:1; do
    diff_maps split.net --precision fp32 --map $cpus --map $map
    same 'within 0.002 of the norm' "$bytes" "$map"
done
diff_maps split.net --precision fp32 --map gpu0=cuda:0,gpu1=cpu:0 --map gpu0=cuda:1,gpu1=cpu:1
same 'bit by bit' "$bytes" "other places"
diff_maps split.net --precision fp32 --precision bf16 --map $cpus --map gpu0=cpu,gpu1=cuda
same 'within 0.2 of the norm' "$bytes" "bf16"
diff_maps replicate.net --precision fp32 --map a=cpu:0,b=cpu:1,c=cpu:1 --map a=cuda:0,b=cpu,c=cuda:1
same 'within 0.002 of the norm' '[0-9]*' "three devices"

# A run, resumed; the test; each way told.
mixed="--virtual-gpus 1 --precision fp32 --map gpu0=cpu,gpu1=cuda"
# shellcheck disable=SC2086
{
    run 0 train split.net $mixed --set epochs=2 --out once
    grep -q 'gpu0 sends to gpu1 as dense floats through the host' out.txt || fail "the way is not told"
    run 0 train split.net $mixed --set epochs=1 --out twice
    run 0 train split.net $mixed --set epochs=2 --out twice --resume twice/last.safetensors
    cmp once/last.safetensors twice/last.safetensors || fail "a resumed run has other bits"
    run 0 test split.net $mixed once/last.safetensors
    run 0 time split.net $mixed --steps 1
    grep -q '^step: .* on CPU and GPU' out.txt || fail "time"
    # Updates of both kinds stop, and the cause is named.
    run 5 train split.net $mixed --set solver.lr=1e30 --set epochs=4 --out bad
    grep -q 'split.net:' out.txt || fail "the cause is not named"
}
