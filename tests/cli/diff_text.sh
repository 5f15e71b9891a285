#!/bin/sh
# The text of `cleave diff`, figures masked: equal bit by bit on two maps, within a tolerance without
# fusion; and what it says when the two runs differ.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cat > "$folder/small.net" <<'NET'
net small : 1x8x8 -> 3 {
  split(a, b) { conv(8, 3, pad = 1) -> lrn -> all -> fc(4) -> tanh }
  -> fc(3) -> softmax
}
train small on noise { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.1) }
data noise { train = random(3, 1x8x8, seed = 1, count = 8) }
NET
expect() {
    want=$1; shift
    out=$("$cleave" diff "$folder/small.net" "$@" 2>&1); code=$?
    got=$(printf '%s\n' "$out" | sed 's/[0-9][0-9.e+-]* values/N values/; s/over [0-9]* steps/over N steps/
        s/difference [0-9][0-9.e+-]*/difference X/; s/[0-9]* bytes/B bytes/; s/([0-9.e+-]* of its/(X of its/')
    [ "$got; exit $code" = "$want" ] || { printf 'diff %s\n want %s\n got  %s\n' "$*" "$want" "$got; exit $code"; exit 1; }
}
rest='over N steps, largest difference X; B bytes copied between devices, guards intact'
expect "equal bit by bit: N values $rest; exit 0" --steps 2
expect "equal bit by bit: N values $rest; exit 0" --steps 2 --threads 1 --threads 2
expect "equal within 1e-4: N values $rest; exit 0" --steps 2 --no-fuse
expect "equal within 0.2 of the norm: N values $rest; exit 0" --steps 2 --precision fp32 --precision tf32
expect "equal bit by bit: N values $rest; exit 0" --steps 2 --reuse --map a=cpu:1,b=cpu:0 --map a=cpu,b=cpu
expect 'cleave: map: it leaves out the device `b`; add b=cpu:1; exit 2' --map a=cpu:0
expect "equal within 0.2 of the norm: N values $rest; exit 0" --steps 2 --precision fp32 --precision tf32
expect "equal bit by bit: N values $rest; exit 0" --steps 2 --reuse --map a=cpu:1,b=cpu:0 --map a=cpu,b=cpu
expect 'cleave: map: it leaves out the device `b`; add b=cpu:1; exit 2' --map a=cpu:0
expect "cleave: --steps wants a whole number from 1 on, not \`few\`
usage: cleave diff [options] FILE.net      (cleave diff --help tells more); exit 2" --steps few
# Two runs of equal bits have copied what `show comm` says: bytes a step times steps.
said=$("$cleave" show comm "$folder/small.net" --json | sed -n 's/.*"bytes_per_step": \([0-9]*\).*/\1/p')
copied=$("$cleave" diff "$folder/small.net" --steps 3 | sed 's/.*; \([0-9]*\) bytes copied.*/\1/')
[ "$copied" = $((3 * said)) ] || { echo "copied $copied bytes, show comm says 3 x $said"; exit 1; }
