#!/bin/sh
# The text of `cleave time`, figures masked: a line for the machine, one for each launch, one for the step;
# and that its JSON has the same launches.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
target=sse2
case $(uname -m) in x86_64) ;; *) target=neon ;; esac
cat > "$folder/small.net" <<'NET'
net small : 1x8x8 -> 3 {
  split(a, b) { conv(8, 3, pad = 1) -> relu -> pool(2) }
  -> fc(3) -> softmax
}
train small on noise { loss = cross_entropy  report = top(1)  batch = 4  solver = sgd(lr = 0.1) }
data noise { train = random(3, 1x8x8, seed = 1, count = 8) }
NET
cat > "$folder/want" <<'TEXT'
peak N GFLOP/s on N threads; copy N GB/s a thread
N ms N GFLOP/s N % of peak N % of bandwidth  conv1 forward: conv 3x3 pad 1 + bias + relu [part 0 of 2]
N ms N GFLOP/s N % of peak N % of bandwidth  pool1 forward: max_pool 2x2 stride 2 [part 0 of 2]
N ms N GFLOP/s N % of peak N % of bandwidth  conv1 forward: conv 3x3 pad 1 + bias + relu [part 1 of 2]
N ms N GFLOP/s N % of peak N % of bandwidth  pool1 forward: max_pool 2x2 stride 2 [part 1 of 2]
TEXT
mask() {
    sed -e '1s/ (clock and pipes disagree: a busy machine)//' \
        -e '/^peak\|^step/s/[0-9][0-9.]*/N/g' \
        -e 's/^ *[0-9.]* ms *[0-9.]* GFLOP\/s *[0-9.]* % of peak *[0-9.]* % of bandwidth/N ms N GFLOP\/s N % of peak N % of bandwidth/'
}
"$cleave" time "$folder/small.net" --target $target --threads 1 --steps 2 > "$folder/out" || exit 1
mask < "$folder/out" > "$folder/masked"
head -n 5 "$folder/masked" | diff -u "$folder/want" - || exit 1
tail -n 1 "$folder/masked" | diff -u - /dev/fd/3 3<<'TEXT' || exit 1
step: N ms, N images/s at batch N, N GFLOP/s = N % of peak (median of N)
TEXT
# Nothing but launches between the first line and the last; every phase is there, parts of their own.
if sed '1d;$d' "$folder/masked" | grep -v '^N ms N GFLOP/s N % of peak N % of bandwidth  [a-z0-9.]* [a-z ]*: '; then exit 1; fi
for line in 'fc1 forward: fc 3 + bias' 'loss forward: cross_entropy + top 1 + cross_entropy_dx' 'fc1 input gradient: fc_dx' \
            'conv1 weight gradient: conv_dw 3x3 pad 1 [part 0 of 2]' 'conv1 update: sgd paper [part 1 of 2]' \
            'fc1 weight gradient and update: fc_dw + sgd paper'; do
    grep -qF "  $line" "$folder/masked" || { echo "no line: $line"; exit 1; }
done
"$cleave" time "$folder/small.net" --target $target --threads 1 --steps 2 --json > "$folder/json" || exit 1
python3 - "$folder" <<'PY' || exit 1
import json, sys
folder = sys.argv[1]
j = json.load(open(folder + "/json"))
assert (j["batch"], j["threads"]) == (4, 1), j
assert set(j) == {"batch", "threads", "step_ms", "images_per_second", "peak_gflops", "peak_agrees", "peak_share",
                  "kernels"}, set(j)
text = [line.split(" % of bandwidth  ")[1].strip() for line in open(folder + "/out") if " ms " in line and "step" not in line]
assert [k["kernel"] for k in j["kernels"]] == text, text
PY
