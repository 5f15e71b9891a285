#!/bin/sh
# `cleave bench data`: every stage has its time, they add up, a step with its data is timed; what it refuses.
. "$(dirname "$0")/../frame.sh"
cat > a.net <<'NET'
net a : 3x24x24 -> 4 { conv(4, 3) -> relu -> fc(4) }
data d {
  train = random(4, 3x32x32, seed = 1, count = 64) -> resize(28)
  center = mean(pixel)
  augment = crop(24, at = random) -> mirror(0.5)
}
data photographs { train = images("nowhere") }
train a on d { loss = cross_entropy  batch = 8  solver = sgd(lr = 0.01) }
NET
run 0 bench data a.net --seconds 1 --steps 2 --threads 1
for line in '^reading and decoding  *[0-9.]* ms an image$' '^resize, crop: the same always  *-*[0-9.]* ms an image$' \
    '^augmentation, to floats  *-*[0-9.]* ms an image$' '^all of it  *[0-9.]* ms an image, [0-9]* images/s a core$' \
    '^2 loader threads without a step: [0-9]* images/s$' \
    '^training at batch 8: [0-9.]* ms a step with its data, [0-9]* images/s; [0-9.]* % of it is waiting for them$'; do
    grep -q -- "$line" out.txt || fail "no line like $line"
done
run 0 bench data a.net --seconds 1 --steps 1 --loaders 1 --json
awk 'BEGIN { RS = "[,{}]" } NF == 2 { gsub(/[":]/, ""); v[$1] = $2 }
     END { d = v["image_ms"] - v["read_ms"] - v["fixed_ms"] - v["augment_ms"]
           exit !(v["images"] > 0 && v["batch"] == 8 && v["loaders"] == 1 && d < 1e-4 && d > -1e-4 &&
                  v["waiting_share"] >= 0 && v["waiting_share"] <= 1 && v["step_ms"] > 0) }' out.txt || fail "JSON"
run 2 bench images a.net
grep -q 'bench wants `data`, not `images`' out.txt || fail "noun"
run 3 bench data a.net --data photographs
grep -q 'nowhere' out.txt || fail "no such folder"
