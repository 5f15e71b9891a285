#!/bin/sh
# Features of flattened maps that are cut within a channel, or put beside others: a map's features stand in
# different orders on CPUs and GPUs, and both compute the same; so does every kernel by itself.
. "$(dirname "$0")/../frame.sh"
net() {
    cat > a.net <<N
net n : 3x8x8 -> 8 { conv(8, 3) -> relu -> $1 -> fc(8) }
data d { train = random(8, 3x8x8, count = 8) }
train n on d { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.1) }
N
}
agree() {
    run 0 diff a.net --no-fuse --steps 2
    "$cleave" doctor | grep -q '^nvrtc *missing' && return
    for precision in fp32 bf16; do
        run 0 verify a.net --virtual-gpus 1 --check --steps 2 --precision $precision
        grep -q 'reported 0 faults' out.txt || fail "$1: faults"
    done
    run 0 verify --kernels a.net --virtual-gpus 1
}
net 'flatten -> slice(10, 101)';                                               agree "within channels"
net 'flatten -> slice(36, 72)';                                                agree "whole channels"
net 'flatten -> branch { slice(0, 150) -> relu  slice(150, 138) -> tanh }';    agree "two pieces"
net 'flatten -> branch { slice(10, 101) -> relu  slice(36, 72) -> tanh }';     agree "two orders"
net 'branch { pool(2) -> flatten  pool(3, stride = 3) -> flatten }';           agree "two maps"
