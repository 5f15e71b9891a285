#!/bin/sh
# `cleave train`: which seed counts, which data section, who may use a folder; codes and messages.
. "$(dirname "$0")/../frame.sh"
says() { grep -qF "$1" out.txt || fail "not said: $1"; }
seed_of() { sed -n 's/.*"seed":\([0-9]*\).*/\1/p' run.jsonl; }

cat > tiny.net <<'NET'
net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax }
data made  { train = random(3, 1x6x6, count = 16) }
data other { train = random(3, 1x6x6, count = 64) }
train tiny on made {
  loss = cross_entropy  batch = 8  epochs = 1  seed = 7
  solver = sgd(lr = 0.001)
  when plateau(loss, patience = 1, times = 1) { stop() }
}
NET
sed '/plateau/d' tiny.net > plain.net

# The command line's seed, else the file's.
run 0 train plain.net
[ "$(seed_of)" = 7 ] || fail "the file's seed does not count"
run 0 train plain.net --seed 5
[ "$(seed_of)" = 5 ] || fail "--seed does not win"
sed 's/seed = 7//' plain.net > unseeded.net
run 0 train unseeded.net
[ "$(seed_of)" = 1 ] || fail "the seed is not 1 when nobody says"
[ ! -e run.lock ] || fail "a lock was left behind"

# A schedule knows the whole run: 2 epochs of 2 batches.
sed 's/lr = 0.001/lr = steps == 4 ? cosine(0.001) : 1e38/; s/epochs = 1/epochs = 2/' plain.net > schedule.net
run 0 train schedule.net
sed 's/lr = 0.001/lr = cosine(0.001)/; s/epochs = 1//' plain.net > endless.net
run 3 train endless.net
says "endless.net:6:"; says "this schedule needs to know when the run ends"
run 0 train endless.net --set epochs=2

# A folder belongs to one run.
mkdir held
(
    flock 9
    echo "process 4711" >&9
    run 1 train plain.net --out held
    says "held is in use by another run, process 4711"
    [ ! -e held/run.jsonl ] || fail "the second run has written"
) 9> held/run.lock || exit 1
run 0 train plain.net --out held

# Folders are made, those around them too; what stands in the way is named.
run 0 train plain.net --out new/folder/here
[ -s new/folder/here/run.jsonl ] || fail "nothing was written to new/folder/here"
run 1 train plain.net --out plain.net/runs
says "cannot write to the folder plain.net/runs: Not a directory"

# A checkpoint without its end is not taken, not even for what is still there.
sed 's/train = random/test = random(3, 1x6x6, count = 4)  train = random/' plain.net > tested.net
run 0 train tested.net --out whole
run 0 test tested.net whole/last.safetensors
head -c -4 whole/last.safetensors > cut.safetensors
run 3 test tested.net cut.safetensors
says "cut.safetensors: its end is missing"
run 3 train plain.net --resume cut.safetensors
says "cut.safetensors: its end is missing"

# A folder gives its newest checkpoint that can be read; damaged ones are named. None yet: the run begins.
sed 's/epochs = 1/epochs = 6/; s/solver/every epoch { save("at{epoch}.safetensors", keep = 2) }  solver/' plain.net > kept.net
mkdir again
run 0 train kept.net --out again --resume again --epochs 4
says "again: there is no checkpoint in it: the run begins"
[ -s again/at3.safetensors ] && [ -s again/at4.safetensors ] || fail "the newest two are not kept: $(ls again)"
run 0 train kept.net --resume again --epochs 5
says "goes on from again/at4.safetensors, step 8"
printf 'x' | dd of=again/at5.safetensors bs=1 seek=600 conv=notrunc 2>/dev/null
: > again/stray.safetensors.cleave-tmp-4711                 # of a run that was killed
run 0 train kept.net --resume again
says "passed over: again/at5.safetensors: it is damaged"
says "goes on from again/at4.safetensors, step 8"
[ ! -e again/stray.safetensors.cleave-tmp-4711 ] || fail "what a killed run has left is still there"
grep -q '"event":"save","epoch":6,"step":12,"path":"again/at6.safetensors","hash":"[0-9a-f]\{32\}"' again/run.jsonl ||
    fail "the log does not have the weights' hash"
for file in again/*.safetensors; do printf 'x' | dd of="$file" bs=1 seek=600 conv=notrunc 2>/dev/null; done
run 3 train kept.net --resume again
says "again: no checkpoint in it can be read"
run 3 train kept.net --resume nowhere.safetensors
says "nowhere.safetensors: No such file or directory"
run 3 train tiny.net --resume whole/last.safetensors --seed 9
says "another"

# Another data section of the file, by its name.
run 0 train plain.net --data other
says "epoch 1"
grep -q '"step":8' run.jsonl || fail "an epoch of \`other\` has 8 steps"
run 3 train plain.net --data mode
says 'there is no data section `mode`'
says 'made, other'
run 2 train plain.net --data trian=somewhere
says 'train=PATH, test=PATH or the name of a data section'
