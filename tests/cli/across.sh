#!/bin/sh
# A normalisation over the maps of all parts: what is exchanged for it, gradients, the same bits on one device and on
# two, on CPUs and on virtual GPUs.
. "$(dirname "$0")/../frame.sh"
cat > across.net <<'N'
net across : 3x12x12 -> 5 {
  split(gpu0, gpu1) {
    conv(24, 3, pad = 1) -> relu -> lrn(n = 5, alpha = 0.1, across = whole) -> pool(2) -> conv(16, 3, pad = 1) -> relu
  }
  -> fc(5)
}
data few { train = random(5, 3x12x12, count = 16)  test = random(5, 3x12x12, seed = 2, count = 8) }
train across on few { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.1, momentum = 0.9) }
N
run 0 show comm across.net
# Two maps of 12 x 12 floats each way.
[ "$(grep -c 'relu1 *lrn1 .* 1,152 *1,152$' out.txt)" = 2 ] || fail "the halo of lrn1"
run 0 grad across.net --batch 2
run 0 diff across.net --steps 2
grep -q '^equal bit by bit' out.txt || fail "not equal on CPUs"
if "$cleave" doctor | grep -q '^nvrtc *missing'; then
    echo "not on virtual GPUs: there is no NVRTC"
else
    run 0 diff across.net --steps 1 --virtual-gpus 2 --check
    grep -q '^equal bit by bit' out.txt && grep -q 'reported 0 faults' out.txt || fail "virtual GPUs"
fi
sed 's/across = whole/region = map, across = whole/' across.net > map.net
run 3 check map.net
grep -q 'error\[E310\]: a window in a map reads no other maps' out.txt || fail "across in a map"
