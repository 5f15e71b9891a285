#!/bin/sh
# The command line itself: verbs and their nearest, help, numbers out of range, what is put over what.
. "$(dirname "$0")/../frame.sh"
says() { grep -qF -e "$1" out.txt || fail "not said: $1"; }

cat > a.net <<'NET'
net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax }
data made { train = random(3, 1x6x6, count = 16)  test = hold(train, every = 4) }
train tiny on made { loss = cross_entropy  batch = 8  epochs = 1  solver = sgd(lr = 0.001) }
NET

# Verbs and help.
run 2 chekc a.net;    says 'unknown verb `chekc`; did you mean `check`?'
run 2 whynot a.net;   says 'did you mean `why-not`?'
run 0 help;           says 'usage: cleave VERB'
run 0 help grad;      says 'usage: cleave grad [options] FILE.net'
run 0 --version;      says 'cleave '
run 0 explain e301;   says 'E301: a promise about a shape'
run 2 check a.net b.net; says '`b.net` is more than check takes'
run 0 show --help
for noun in ast graph shapes cost comm plan kernels cpu memory schedule fusion; do says "  $noun "; done

# Numbers.
run 2 train a.net --steps 0;       says '--steps wants a whole number from 1 on, not `0`'
run 2 train a.net --epochs 0;      says '--epochs wants a whole number from 1 on'
run 2 train a.net --batch 0;       says '--batch wants a whole number from 1 to 65536'
run 2 time a.net --batch 65537;    says '--batch wants a whole number from 1 to 65536'
run 2 train a.net --threads 1025;  says '--threads wants a whole number up to 1024'

# --map and --target that mean nothing are a misuse, not a fault of the machine.
run 2 train a.net --map gpu7=cpu:0; says 'the net has no device `gpu7`'
for verb in 'train' 'time' 'compile' 'show plan'; do
    run 2 $verb a.net --target cpu:abacus
    says "unknown target 'cpu:abacus'"
done

# --set batch is --batch; --batch wins.
run 0 show plan a.net --set batch=4;           says 'net tiny, batch 4'
run 0 show plan a.net --set batch=4 --batch 2; says 'net tiny, batch 2'

# A path over a source that reads none would be ignored.
run 3 train a.net --data train=elsewhere; says 'a.net:2:21: error[E514]: `random` reads no files'
run 3 train a.net --data test=elsewhere;  says 'a.net:2:58: error[E514]: `test` is held out of `train`'
exit 0
