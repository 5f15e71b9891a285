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
run 1 train plain.net --resume cut.safetensors
says "cut.safetensors: its end is missing"

# Another data section of the file, by its name.
run 0 train plain.net --data other
says "epoch 1"
grep -q '"step":8' run.jsonl || fail "an epoch of \`other\` has 8 steps"
run 3 train plain.net --data mode
says 'there is no data section `mode`'
says 'made, other'
run 2 train plain.net --data trian=somewhere
says 'train=PATH, test=PATH or the name of a data section'
