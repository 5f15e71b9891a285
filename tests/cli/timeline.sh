#!/bin/sh
# `cleave show timeline`: two devices that could work side by side do; a stream's bars never lie one over
# another and, measured on two groups of threads, fill the step; the picture is well-formed.
. "$(dirname "$0")/../frame.sh"
cat > two.net <<'N'
net two : 3x32x32 -> 10 {
  split(gpu0, gpu1) {
    conv(32, 5, pad = 2) -> relu -> pool(2) -> conv(64, 3, pad = 1) -> relu -> pool(2)
    -> all -> conv(64, 3, pad = 1) -> relu -> all -> fc(128) -> relu
  }
  -> fc(10)
}
N
run 0 show timeline two.net --batch 64 --target cuda:sm_90a --link 400 --latency 0 --json && cp out.txt predicted.json
for i in 1 2 3 4 5 6 7 8; do                              # a busy machine stops a thread anywhere
    run 0 show timeline two.net --batch 16 --map gpu0=cpu:0,gpu1=cpu:1 --threads 2 --steps 3 --json
    cp out.txt measured$i.json
done
run 0 show timeline two.net --batch 64 --target cuda:sm_90a --svg && cp out.txt picture.svg
run 0 show timeline two.net --batch 64 --target cuda:sm_90a
grep -q 'waits for relu\|waits for pool' out.txt || fail "nobody waits for a message"
grep -q 'sends pool2 from gpu1 for conv3, 524288 bytes' out.txt || fail "no message of pool2"
printf 'net one : 4 -> 4 { relu }\n' > one.net
run 0 show timeline one.net
run 2 show timeline two.net --batch 64 --target cuda:sm_90a --steps 0
python3 - <<'P' || fail "the timeline is wrong"
import json, xml.etree.ElementTree as tree
tree.parse("picture.svg")
def streams(name):
    told = json.load(open(name))
    found = {}
    for bar in told["bars"]:
        found.setdefault((bar["device"], bar["on_the_way"]), []).append(bar)
    for key, bars in found.items():
        bars.sort(key=lambda b: b["begin"])
        for a, b in zip(bars, bars[1:]):
            assert a["end"] <= b["begin"] + 1e-6, (name, key, a, b)
    return told, found
def sum_of(bars, *kinds):
    return sum(b["end"] - b["begin"] for b in bars if b["kind"] in kinds)
told, found = streams("predicted.json")
work = sum(sum_of(bars, "work") for (_, way), bars in found.items() if not way)
assert told["measured"] is False and work > 1.2 * told["ms"], (work, told["ms"])
first = {d: min(b["begin"] for b in found[(d, False)] if b["kind"] == "work") for d in ("gpu0", "gpu1")}
assert first["gpu0"] == first["gpu1"] == 0, first         # none waits for the other before it begins
def filled(bars):                                         # from first to last without a hole
    whole = max(b["end"] for b in bars) - min(b["begin"] for b in bars)
    return sum_of(bars, "work", "copy", "wait") / whole
best = {}
for i in range(1, 9):
    told, found = streams("measured%d.json" % i)
    assert told["measured"] is True and len(found) == 2
    for key, bars in found.items():
        best[key] = max(best.get(key, 0), filled(bars))
assert min(best.values()) >= 0.8, best
P
