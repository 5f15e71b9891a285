#!/bin/sh
# A split within a split: the gradients of the parts are those of the net, which is the one with the
# same groups and no split; devices change no bit; only the outer split's exchanges cross.
cleave=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
fail() { echo "$*"; exit 1; }
write() {      # a name and the body of its net
    cat > "$dir/$1.net" <<NET
net two : 3x9x9 -> 5 {
  $2
  -> fc(5) -> softmax
}
data few { train = random(5, 3x9x9, count = 8) -> scale(1 / 128)  test = random(5, 3x9x9, seed = 2, count = 8) }
train two on few { loss = cross_entropy  batch = 4  epochs = 1  solver = sgd(lr = 0.01) }
NET
}
write nested 'split(a, b) {
    conv(16, 3) -> lrn
    -> split(2) { conv(16, 3, pad = 1) -> tanh -> dropout(0.3) -> conv(16, 3, pad = 1) -> all -> conv(32, 3, pad = 1)
                  -> branch { conv(8, 3, pad = 1) -> tanh  conv(4, 3, pad = 1) } }
    -> conv(8, 3, pad = 1) -> split(2) { relu -> conv(8, 3, pad = 1, groups = 2) } -> all
    -> split(2) { conv(16, 3, pad = 1) -> pool(2) -> all -> fc(12) }
    -> all -> fc(8)
  }'
out=$("$cleave" grad "$dir/nested.net" 2>&1) || fail "$out"
echo "$out" | grep -q '^all gradients agree' || fail "$out"
"$cleave" diff "$dir/nested.net" > "$dir/log" 2>&1 || fail "$(cat "$dir/log")"
# conv8: 4 x 7 x 7 numbers each way, fc1: 6, fc2: 4 to the first device; 4 bytes each.
"$cleave" show comm "$dir/nested.net" | grep -q '^ *all  *1,632  *1,632$' || fail "$("$cleave" show comm "$dir/nested.net")"

same() {       # two bodies: the loss of both, from the same weights
    write one "$1"; write other "$2"
    one=$("$cleave" grad "$dir/one.net" 2>&1 | sed -n 's/.*loss //p')
    other=$("$cleave" grad "$dir/other.net" 2>&1 | sed -n 's/.*loss //p')
    [ -n "$one" ] && [ "$one" = "$other" ] || fail "loss $one of $1, $other of $2"
}
same 'split(a, b) { conv(16, 3) -> split(2) { conv(16, 3) -> relu -> conv(32, 3) -> all -> conv(32, 1) } -> conv(8, 1) }' \
     'conv(16, 3) -> conv(16, 3, groups = 2) -> relu -> conv(32, 3, groups = 4) -> conv(32, 1, groups = 2) -> conv(8, 1, groups = 2)'
same 'split(2) { split(2) { conv(16, 3) -> conv(8, 3) } }' 'split(4) { conv(16, 3) -> conv(8, 3) }'
same 'split(2) { split(2) { split(2) { conv(16, 3) -> all -> conv(16, 1) } -> conv(8, 1) } }' \
     'conv(16, 3) -> conv(16, 1, groups = 4) -> conv(8, 1, groups = 4)'
# Parts of 3 maps, each normalised by itself.
same 'split(2) { conv(6, 3) -> lrn(n = 3, alpha = 0.1, region = map) -> conv(4, 1) }' \
     'conv(6, 3) -> lrn(n = 3, alpha = 0.1, region = map) -> conv(4, 1, groups = 2)'
# A concatenation within a split joins what each part has.
same 'split(2) { branch { conv(4, 3)  conv(4, 3) } -> conv(4, 1) }' \
     'x = in  p = x -> conv(4, 3) q = x -> conv(4, 3)  p -> slice(0, 2) -> concat(q -> slice(0, 2), p -> slice(2, 2), q -> slice(2, 2)) -> conv(4, 1, groups = 2)'
# Parts of a flattened map, put together: what comes back is cut out between channels of the map.
write flat 'split(a, b) { conv(8, 3) -> relu -> flatten -> all -> fc(8) -> relu }'
"$cleave" diff "$dir/flat.net" > "$dir/log" 2>&1 || fail "$(cat "$dir/log")"
"$cleave" compile "$dir/flat.net" --target cuda:sm_80 -o "$dir/flat" > "$dir/log" 2>&1 || fail "$(cat "$dir/log")"
