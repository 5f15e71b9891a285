#!/bin/sh
# A max pool of more than 256 places trains: its gradients are right, and kernels agree fused or not.
cleave=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat > "$dir/big.net" <<'NET'
net big : 2x24x26 -> 5 {
  conv(4, 3) -> pool(17x20, stride = 2x3, round = up) is 4x4x3 -> relu -> max_pool(4x3) -> fc(5)
}
data few {
  train = random(5, 2x24x26, count = 8) -> scale(1 / 128)
  test  = random(5, 2x24x26, seed = 2, count = 8)
}
train big on few { loss = cross_entropy  batch = 4  epochs = 1  solver = sgd(lr = 0.01) }
NET
"$cleave" grad "$dir/big.net" > "$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$cleave" diff --no-fuse "$dir/big.net" > "$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
