#!/bin/sh
# What a run leaves for others: manifest.json, and its curves as a table and as TensorBoard's events, read here
# by a reader that shares nothing with the writer. First weights out of a file; early stopping.
. "$(dirname "$0")/../frame.sh"
events=$(dirname "$0")/events.py
case $events in /*) ;; *) events=$OLDPWD/$events ;; esac
says() { grep -qF "$1" out.txt || fail "not said: $1"; }

cat > tiny.net <<'NET'
net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax }
data made { train = random(3, 1x6x6, count = 200)  test = random(3, 1x6x6, count = 20, seed = 2)
            augment = scale(1 / 256) }
train tiny on made {
  loss = cross_entropy  report = top(1)  batch = 8  epochs = 3  seed = 7  solver = sgd(lr = 0.01)
  every epoch { test()  save("at{epoch}.safetensors", keep = 2) }
}
NET
run 0 train tiny.net --out run --set solver.lr=0.002
if grep -q 'weights of' out.txt; then fail "it reports progress where nobody watches"; fi

# The manifest.
cat > manifest.py <<'PY'
import json, sys
m = json.load(open("run/manifest.json"))
s = m["starts"][-1]
assert m["schema"] == 1 and len(m["starts"]) == int(sys.argv[1]), m
assert s["set"] == {"solver.lr": "0.002"} and s["seed"] == 7 and s["batch"] == 8, s
assert s["command"][:6] == ["train", "tiny.net", "--out", "run", "--set", "solver.lr=0.002"] or len(m["starts"]) > 1, s
assert s["program"].count(".") == 2 and s["net"] == "tiny" and s["machine"]["devices"], s
assert s["data"]["train"]["images"] == 200 and s["data"]["test"]["images"] == 20, s
start = json.loads(open("run/run.jsonl").readline())
assert s["plan"] == start["plan"] and len(s["plan"]) == 32, (s, start)
assert [f["path"] for f in s["sources"]["files"]] == ["tiny.net"], s
print(s["sources"]["hash"], s["data"]["train"]["hash"], s["data"]["test"]["hash"])
PY
first=$(python3 manifest.py 1) || fail "manifest.json is not what it should be"
run 0 train tiny.net --resume run --set solver.lr=0.002 --epochs 4
[ "$(python3 manifest.py 2)" = "$first" ] || fail "the hashes of net and data are not those of the first start"
sed 's/seed = 2/seed = 3/' tiny.net > other.net
run 0 train other.net --out other
grep -q "$(echo "$first" | cut -d' ' -f3)" other/manifest.json && fail "other test images have the same hash"
grep -q "$(echo "$first" | cut -d' ' -f2)" other/manifest.json || fail "the same training images have another hash"

# The table: 2 lines of steps, 4 epochs, 4 tests.
"$cleave" report run --csv > table.csv 2>err.txt || fail "report --csv: $(cat err.txt)"
python3 - <<'PY' || fail "the table is not the log's: $(cat table.csv)"
import csv, json
rows = list(csv.DictReader(open("table.csv")))
log = [json.loads(l) for l in open("run/run.jsonl")]
log = [l for l in log if l["event"] in ("step", "epoch", "test")]
assert [r["event"] for r in rows] == [l["event"] for l in log] and len(rows) == 10, rows
for r, l in zip(rows, log):
    for key, value in l.items():
        if isinstance(value, float):
            assert abs(float(r[key]) - value) <= 1e-8 * abs(value) or key == "time", (key, r[key], value)
    for layer, size in l.get("updates", {}).items():
        assert abs(float(r["updates/" + layer]) - size) <= 1e-8 * size and size > 0
assert any("updates/conv1" in r and r["updates/conv1"] for r in rows)
step = next(r for r in rows if r["event"] == "step")
assert step["top1"] and not step["images_per_second"] and step["lr"] == "0.00200000009", step
PY

# Events.
run 0 report run --tensorboard board/here
says "wrote board/here/events.out.tfevents."
python3 "$events" board/here/events.out.tfevents.* > events.txt || fail "the events cannot be read: $(cat events.txt)"
python3 - <<'PY' || fail "the events are not the log's: $(cat events.txt)"
import json, struct
log = [json.loads(l) for l in open("run/run.jsonl")]
want = set()
for l in log:
    if l["event"] in ("step", "epoch", "test"):
        for key, value in l.items():
            if isinstance(value, float) and key != "time":
                want.add((l["event"] + "/" + key, l["step"], struct.pack("<f", value).hex(), l["time"]))
        for layer, size in l.get("updates", {}).items():
            want.add(("epoch/updates/" + layer, l["step"], struct.pack("<f", size).hex(), l["time"]))
there = set()
for line in open("events.txt"):
    tag, step, value, time = line.split()
    there.add((tag, int(step), value, float(time)))
assert there == want and len(want) > 30, there ^ want
PY
run 3 report nowhere --csv
says "nowhere/run.jsonl: No such file or directory"
run 2 report run

# First weights: all of them, then with another last layer.
run 0 train tiny.net --out fine --init run/at4.safetensors --epochs 1
says "init: 4 of 4 parameters from run/at4.safetensors"
sed 's/fc(3)/fc(5)/; s/-> 3/-> 5/; s/random(3/random(5/g' tiny.net > five.net
run 3 train five.net --out five --init run/at4.safetensors
says "2 parameters of the net are not in it with that shape; \`--init-partly\` draws them"
run 0 train five.net --out five --init run/at4.safetensors --init-partly --epochs 1
says "init: fc1.weights is 5x64, in the file 3x64"
says "init: 2 of 4 parameters from run/at4.safetensors"
grep -q '"event":"init".*"kind":"misfit","param":"fc1.weights","tensor":"fc1.weights","wants":"5x64","has":"3x64"' \
    five/run.jsonl || fail "the log does not have the mapping"
sed 's/fc(3)/local(2, 3) -> fc(3)/' tiny.net > local.net    # a bias for each place
run 0 train local.net --out local --epochs 1
run 0 train local.net --out again --init local/at1.safetensors --epochs 1
says "init: 6 of 6 parameters from local/"
printf x | dd of=run/at4.safetensors bs=1 seek=900 conv=notrunc 2>/dev/null
run 3 train tiny.net --out fine --init run/at4.safetensors
says "run/at4.safetensors: it is damaged"
run 2 train tiny.net --init-partly

# Early stopping: labels are random, so the test error soon stops falling.
sed 's/epochs = 3/epochs = 500/; s/every epoch/when plateau(test_loss, patience = 3, times = 1) { stop() }  every epoch/' \
    tiny.net > early.net
run 0 train early.net --out early
tail -n 1 early/run.jsonl | grep -q '"how":"done"' || fail "it did not end well"
[ "$(grep -c '"event":"test"' early/run.jsonl)" -lt 400 ] || fail "it did not stop early"
