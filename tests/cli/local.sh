#!/bin/sh
# Locally connected layers: split over devices they give the same bits on all maps, CPUs and virtual GPUs compute the
# same, as does every kernel by itself; a checkpoint has their biases place by place and can be gone on from.
. "$(dirname "$0")/../frame.sh"
cat > a.net <<'N'
net n : 3x7x6 -> 5 {
  split(gpu0, gpu1) {
    conv(12, 3, pad = 1) -> relu
    -> local(10, 3, stride = 2, pad = 1) -> relu          # each part reads its own 6 maps
    -> all -> local(6, 2, bias = 0.1) -> tanh
  }
  -> fc(5) -> softmax
}
data d { train = random(5, 3x7x6, count = 16) }
train n on d {
  loss = cross_entropy  batch = 4  epochs = 2  solver = sgd(lr = 0.1, momentum = 0.9)
  local1.lr = 0.05  local2.decay = 0.01  every epoch { save("n-{epoch}.safetensors") }
}
N
run 0 diff a.net --no-fuse --steps 2
run 0 grad a.net --elements 4
run 0 train a.net --out .
cp n-2.safetensors whole.safetensors
run 0 train a.net --out . --resume n-1.safetensors
python3 - <<'P' || fail "the checkpoint"
import json, struct
def read(path):
    with open(path, "rb") as f:
        return json.loads(f.read(struct.unpack("<Q", f.read(8))[0])), f.read()
told, numbers = read("whole.safetensors")
assert told["local1.weights"]["shape"] == [10, 72, 3, 3], told["local1.weights"]
assert told["local1.biases"]["shape"] == told["local1.biases.velocity"]["shape"] == [10, 4, 3], told["local1.biases"]
assert told["conv1.biases"]["shape"] == [12], told["conv1.biases"]
assert numbers == read("n-2.safetensors")[1], "a resumed run ends with other bits"
P
"$cleave" doctor | grep -q '^nvrtc *missing' && exit 0
run 0 verify a.net --virtual-gpus 2 --check --steps 1 --precision bf16
grep -q 'reported 0 faults' out.txt || fail "faults"
run 0 verify --kernels a.net --virtual-gpus 1
grep -q '^local_dw ' out.txt || fail "no kernel of weight gradients"
