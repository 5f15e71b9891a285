#!/bin/sh
# Maps that cross between devices in runs of images: no bit changes, on CPUs and on virtual GPUs in any order;
# the bytes are the same; whole AlexNet takes less time.
nets=$(cd "$(dirname "$0")/../../nets" && pwd)
. "$(dirname "$0")/../frame.sh"
cat > two.net <<'N'
net two : 3x15x15 -> 5 {
  split(gpu0, gpu1) {
    conv(16, 3, pad = 1) -> relu -> lrn(n = 3) -> pool(3, stride = 2)
    -> all -> conv(16, 3, pad = 1) -> tanh -> conv(16, 3, pad = 1) -> dropout(0.3) -> relu -> pool(3, stride = 2)
    -> all -> fc(12) -> relu -> all -> fc(12) -> relu
  }
  -> fc(5)
}
data few { train = random(5, 3x15x15, count = 16)  test = random(5, 3x15x15, seed = 2, count = 8) }
train two on few { loss = cross_entropy  batch = 8  solver = sgd(lr = 0.1, momentum = 0.9) }
N
for chunks in 2 4 8 3; do                     # 3 divides no batch of 8: nothing is cut
    run 0 diff two.net --chunks $chunks
    grep -q '^equal bit by bit' out.txt || fail "$chunks chunks on CPUs"
done
run 0 show schedule two.net --chunks 2
grep -q 'pool1 chunk 1 of 2 for conv2' out.txt || fail "no chunk of a message"
grep -q 'conv1 forward: conv 3x3 pad 1 .*part 0 of 2, chunk 1 of 2' out.txt || fail "no chunk of a kernel"
run 0 show comm two.net && cp out.txt whole.txt
run 0 show comm two.net --chunks 2
cmp -s whole.txt out.txt || fail "other bytes in chunks"
run 2 diff two.net --chunks 65
if "$cleave" doctor | grep -q '^nvrtc *missing'; then
    echo "not on virtual GPUs: there is no NVRTC"
else
    for seed in 0 1 2; do
        run 0 diff two.net --chunks 2 --steps 2 --virtual-gpus 2 --check --vgpu-seed $seed --precision fp32
        grep -q '^equal bit by bit' out.txt && grep -q 'reported 0 faults' out.txt || fail "virtual GPUs, seed $seed"
    done
fi

# Large messages, little work: cut for two GPUs; where there is one only, all stays within it.
cat > big.net <<'N'
net big : 4x64x64 -> 5 {
  split(gpu0, gpu1) {
    conv(64, 1) -> relu -> all -> conv(64, 1) -> relu -> pool(32, stride = 32) -> all -> fc(8) -> relu
  }
  -> fc(5)
}
data few { train = random(5, 4x64x64, count = 16) }
train big on few { loss = cross_entropy  batch = 8  solver = sgd(lr = 0.1, momentum = 0.9) }
N
run 0 show schedule big.net --target cuda:sm_80
grep -q 'chunk 1 of' out.txt || fail "large messages are not cut"
if ! "$cleave" doctor | grep -q '^nvrtc *missing'; then
    run 0 time big.net --virtual-gpus 2 --steps 1 --json
    grep -q 'chunk 1 of' out.txt || fail "large messages are not cut for two GPUs"
    run 0 time big.net --virtual-gpus 1 --steps 1 --json
    ! grep -q 'chunk 1 of' out.txt || fail "messages within one GPU are cut"
fi

# The step of AlexNet in milliseconds, two GPUs over PCIe 4.
step() {
    run 0 show timeline "$nets/alexnet.net" --target cuda:sm_90a --link 25 --chunks "$1"
    sed -n '1s/.*step of \([0-9.]*\) ms.*/\1/p' out.txt
}
whole=$(step 1) && four=$(step 4) && awk -v a="$whole" -v b="$four" 'BEGIN { exit !(b < 0.9 * a) }' ||
    fail "AlexNet in 4 chunks: $four ms, whole $whole ms"
