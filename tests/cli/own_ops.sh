#!/bin/sh
# An op that a file defines trains: its gradients are right, kinks are passed over, its kernels and
# layers carry its name and line; one that says what relu says trains to the same bits.
cleave=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() { echo "$*"; exit 1; }
write() {      # an op and its name, into $dir/$2.net
    cat > "$dir/$2.net" <<NET
$1
op gate(x, y, slope = 0.1) = max(x, slope * x) * sigmoid(y)
net small : 3x9x9 -> 5 {
  conv(8, 3) -> $2 -> pool(3, stride = 2) as seen
  split(a, b) { conv(8, 3, pad = 1) -> $2 -> all -> conv(8, 3, pad = 1) -> $2 }
  -> gate(seen, slope = 0.3) -> fc(5)
}
data few { train = random(5, 3x9x9, count = 24)  test = random(5, 3x9x9, seed = 2, count = 8) }
train small on few { loss = cross_entropy  batch = 8  epochs = 2  solver = sgd(lr = 1e-4, momentum = 0.9) }
NET
}
write '' relu
write 'op mine(x) = max(x, 0)' mine
sed -i 's/as seen$/as seen  ->/' "$dir/relu.net" "$dir/mine.net"
out=$("$cleave" grad "$dir/mine.net" --elements 40 2>&1) || fail "$out"
echo "$out" | grep -q '^all gradients agree' || fail "$out"
"$cleave" show shapes "$dir/mine.net" 5 | grep -q 'mine2' || fail "show shapes does not know mine2 by its line"
"$cleave" show cpu "$dir/mine.net" | grep -q '// conv1 forward: conv 3x3 + bias + mine$' ||
    fail "mine does not join the convolution before it"
for op in relu mine; do
    (cd "$dir" && mkdir "$op" && cd "$op" && "$cleave" train "../$op.net" > log 2>&1) || fail "$(cat "$dir/$op/log")"
    grep -o '"[a-z_]*loss":[^,]*' "$dir/$op/run.jsonl" > "$dir/$op/losses"
done
[ -s "$dir/relu/losses" ] || fail "no losses in run.jsonl"
cmp "$dir/relu/losses" "$dir/mine/losses" || fail "max(x, 0) does not train as relu does"
