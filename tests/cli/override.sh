#!/bin/sh
# --override DIR: an edited kernel text replaces the generated one of the same name. What is broken in it
# is reported by NVRTC where the body or the .net file stands, with a caret, and where it was edited.
. "$(dirname "$0")/../frame.sh"
XDG_CACHE_HOME=$dir/cache
export XDG_CACHE_HOME
says() { grep -qE -e "$1" out.txt || fail "not said: $1"; }
# from NAME: an empty folder `edited` with this text alone.
from() { rm -rf edited; mkdir edited; cp "made/$1" edited; }

cat > a.net <<'NET'
# A line that is none of the net's.
net small : 1x6x6 -> 3 {
  conv(4, 3, bias = 1) -> relu
  -> fc(3) -> softmax
}
NET

# On CPUs the C compiler speaks.
run 0 compile a.net -o made
from kernels-0.c
run 0 compile a.net --override edited; says '^  cc .* 0 compiled'
echo '#error planted' >> edited/kernels-0.c
run 4 compile a.net --override edited; says 'planted'

# Names and texts that do not fit.
run 3 show cpu a.net --override nowhere; says 'cannot read `nowhere`'
mkdir empty
run 3 show cpu a.net --override empty; says 'error\[E604\]: `empty` holds no kernel text of net `small`: kernels-0.c'
mv edited/kernels-0.c edited/kernel-0.c
run 3 show cpu a.net --override edited; says 'edited/kernel-0.c has the name of no'; says 'did you mean kernels-0.c'
rm -r made

# On GPUs: texts are written and replaced whether there is an NVRTC or not.
has_nvrtc=true
"$cleave" compile a.net --target sm_80 --batch 2 -o made >out.txt 2>&1 || has_nvrtc=false
[ -s made/program.json ] || fail 'no program'
conv=$(basename made/k*_conv.cu)
from "$conv"
sed -i 's|^    TENSORS;|    TENSORS;    // edited by hand|' "edited/$conv"
run 0 show cuda a.net conv1 --target sm_80 --batch 2 --override edited; says 'edited by hand'
run 3 show cuda a.net conv1 --target sm_80 --batch 4 --override edited
says "^edited/$conv:[0-9]+:1: error\[E605\]: this text was made for another kernel than $conv"
says 'here the program has: //'
$has_nvrtc || exit 0
run 0 compile a.net --target sm_80 --batch 2 --override edited; says ' 1 compiled,'
says '^kernel +body +tile +threads registers +shared spills blocks +warps  held back by +us  limiter$'
says '^k[0-9]+_conv +conv +[0-9]+x[0-9]+x[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+ +0 +[0-9]+ +[0-9.]+ %'

# A wrong name in the body: the body's file, and the line that was edited.
sed -i 's|^    TENSORS;.*|    TENSORS; int a = nothing_like_it;|' "edited/$conv"
line=$(grep -n nothing_like_it "edited/$conv" | cut -d: -f1)
run 4 compile a.net --target sm_80 --batch 2 --override edited
says '^kernels/cuda/contraction.cu:[0-9]+:22: error: identifier "nothing_like_it" is undefined'
says '^ +[|] +\^'
says "^edited/$conv:$line: in this text"

# A wrong type in a fused function: the line of the .net file that it was made from.
from "$conv"
sed -i 's|^    real v1 = v + |    real v1 = "a text" + v + |' "edited/$conv"
run 4 compile a.net --target sm_80 --batch 2 --override edited
says '^a.net:3:[0-9]+: error: no operator "\+" matches these operands'
says '^ +3 \| +real v1 = "a text" \+ v'
says '^ +[|] +\^'
says "^edited/$conv:[0-9]+: in this text"

# One that compiles and is wrong: told by a comparison with the CPU.
cat >> a.net <<'NET'
data made { train = random(3, 1x6x6, count = 16) }
train small on made { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.01) }
NET
"$cleave" compile a.net --target sm_80 -o made >out.txt 2>&1 || fail 'compile -o'
from "$conv"
run 0 verify a.net --target sm_80 --virtual-gpus 1 --steps 1 --override edited
sed -i 's|^    real v1 = v + |    real v1 = v * r_const(1.1f) + |' "edited/$conv"
run 1 verify a.net --target sm_80 --virtual-gpus 1 --steps 1 --override edited
says '^different: relu1 in step 1'
says "^made by ${conv%.cu} "
run 1 diff a.net --target sm_80 --virtual-gpus 1 --steps 1 --override edited
says '^different: relu1 in step 1, by [0-9.]+ of its largest value .* at n 0, c [0-9]+, y [0-9]+, x [0-9]+; 0 values before it are equal bit by bit$'
says "^made by ${conv%.cu} "
run 0 diff a.net --target sm_80 --virtual-gpus 1 --steps 1; says '^equal bit by bit'
run 0 why-not a.net conv1 relu1 --target sm_80 --override edited
exit 0
