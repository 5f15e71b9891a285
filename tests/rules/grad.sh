#!/bin/sh
# `cleave grad` finds that the gradients of a small net, split and all, are right.
cleave=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat > "$dir/two.net" <<'NET'
net two : 3x9x9 -> 5 {
  split(a, b) {
    conv(8, 3, pad = 1, bias = 1) -> relu -> lrn(n = 3) -> pool(3, stride = 2)
    -> conv(8, 3, pad = 1) -> tanh -> all -> fc(6) -> relu -> dropout(0.5)
  }
  -> fc(5) -> softmax
}
train two on random { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.1) }
NET
out=$("$cleave" grad "$dir/two.net" --elements 8 2>&1) || { echo "$out"; exit 1; }
echo "$out" | grep -q '^all gradients agree' || { echo "$out"; exit 1; }
[ "$(echo "$out" | grep -c '^conv[12]\.weights')" = 2 ] || { echo "$out"; exit 1; }
