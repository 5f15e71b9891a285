#!/bin/sh
# Batches in parts from the command line: one net over two devices and in two parts on one learns the same bits on
# CPUs and on virtual GPUs; what one-weird-trick AlexNet exchanges; a net whose batch nobody chose.
cleave=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"    # test_gpu looks for leaks
fail() { echo "$*"; exit 1; }
write() {      # a name and the devices, or their number
    cat > "$folder/$1.net" <<NET
net small : 3x9x9 -> 5 {
  conv(16, 3, pad = 1) -> relu
  -> replicate($2) {
    conv(8, 3, pad = 1, bias = 1) -> relu -> lrn(n = 3) -> pool(3, stride = 2)
    -> split(2) { conv(16, 3, pad = 1) -> tanh -> all -> conv(8, 3, pad = 1) -> dropout(0.3) }
  }
  -> split($2) { fc(12) -> relu -> dropout(0.5) -> all -> fc(12) -> replicate(2) { tanh } }
  -> replicate(2) { fc(5) -> softmax }
}
data few { train = random(5, 3x9x9, count = 16) -> scale(1 / 128)  test = random(5, 3x9x9, seed = 2, count = 8) }
train small on few { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.1, momentum = 0.9) }
NET
}
write devices 'gpu0, gpu1'
write parts 2

# The numbers of a file of weights, without its header.
numbers() { tail -c +$((9 + $(od -An -t u8 -N 8 "$1"))) "$1"; }
same() {       # the options of both runs
    for form in devices parts; do
        # shellcheck disable=SC2086
        "$cleave" train "$folder/$form.net" --steps 3 --out "$folder/$form" $1 > "$folder/said" 2>&1 ||
            fail "$1: $(cat "$folder/said")"
        numbers "$folder/$form/last.safetensors" > "$folder/$form.numbers"
    done
    [ -s "$folder/parts.numbers" ] && cmp "$folder/devices.numbers" "$folder/parts.numbers" ||
        fail "the weights differ ($1)"
}
same '--threads 2'
if "$cleave" doctor | grep -q '^nvrtc *missing'; then
    echo "not on virtual GPUs: there is no NVRTC"
else
    same '--virtual-gpus 2 --check --precision fp32'
    grep -q '^cleave: the virtual GPUs reported 0 faults' "$folder/said" || fail "$(cat "$folder/said")"
fi

said=$("$cleave" show comm "$root/nets/alexnet_owt.net")
echo "$said" | grep -q '^ *all  *61,440  *61,440$' || fail "$said"
# 8 bytes for each of 2,469,696 parameters of its convolutions, and both passes of 128 images.
echo "$said" | grep -q '^a step of 128 images: 35,486,208 bytes$' || fail "$said"

# Without a train section the batch is what every replicate divides; a batch that was asked for stays.
echo 'net any : 1x4x4 -> 2 { replicate(2) { replicate(2) { conv(2, 3) } } -> replicate(3) { relu } -> fc(2) }' > "$folder/any.net"
"$cleave" show graph "$folder/any.net" | grep -q '^net any: train, batch 12$' || fail "$("$cleave" show graph "$folder/any.net")"
"$cleave" show graph "$folder/any.net" --batch 8 2>&1 | grep -q 'error\[E214\].* a batch of 8 does not divide' || fail 'batch 8'
