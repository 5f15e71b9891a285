#!/bin/sh
# Other people's programs read what we write: Python's tensorboard and safetensors, in a virtual environment of
# this test. Skips, and says so, where they cannot be had.
. "$(dirname "$0")/../frame.sh"
for python in /usr/bin/python3 python3; do
    command -v $python >/dev/null && $python -m venv venv >/dev/null 2>&1 && break
done
venv/bin/python -m pip install -q --disable-pip-version-check tensorboard safetensors numpy >pip.txt 2>&1 || {
    echo "skipped: tensorboard and safetensors cannot be installed: $(tail -n 1 pip.txt)"
    exit 0
}
cat > tiny.net <<'NET'
net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax }
data made { train = random(3, 1x6x6, count = 200)  test = random(3, 1x6x6, count = 20, seed = 2)  center = mean(pixel) }
train tiny on made {
  loss = cross_entropy  report = top(1)  batch = 8  epochs = 3  solver = sgd(lr = 0.001, momentum = 0.9)
  every epoch { test() }
}
NET
run 0 train tiny.net --out run
run 0 report run --tensorboard board
cat > read.py <<'PY'
import json
import struct
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

board = EventAccumulator("board")
board.Reload()
log = [json.loads(line) for line in open("run/run.jsonl")]
count = 0
for event in ("step", "epoch", "test"):
    lines = [l for l in log if l["event"] == event]
    for key in ("loss", "top1"):
        read = [(e.step, e.value, e.wall_time) for e in board.Scalars(event + "/" + key)]
        want = [(l["step"], struct.unpack("f", struct.pack("f", l[key]))[0], l["time"]) for l in lines]
        assert read == want, (event, key, read, want)
        count += len(want)
print("tensorboard reads", count, "values of", len(board.Tags()["scalars"]), "curves")

path = "run/last.safetensors"
tensors = load_file(path)
with safe_open(path, "numpy") as f:
    meta = f.metadata()
assert meta["step"] == "75" and meta["format"] == "cleave 2", meta
shapes = {name: t.shape for name, t in tensors.items()}
assert shapes["conv1.weights"] == (4, 1, 3, 3) and shapes["fc1.weights.velocity"] == (3, 64), shapes
assert shapes["data.mean"] == (1, 6, 6) and len(shapes) == 9, shapes
print("safetensors reads", len(shapes), "tensors")
half = {name.replace("weights", "weight").replace("biases", "bias"): t.astype("float16")
        for name, t in tensors.items() if "velocity" not in name and "mean" not in name}
save_file(half, "half.safetensors", metadata={"format": "pt"})
PY
venv/bin/python read.py || fail "what we write cannot be read"
run 0 train tiny.net --out again --init half.safetensors --epochs 1
grep -q "init: 4 of 4 parameters from half.safetensors" out.txt || fail "what safetensors writes is not taken"
