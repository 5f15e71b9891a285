#!/bin/sh
# What GPUs multiply in: the train section, --precision over it, a target that names its own; several
# GPUs at a time; colours change nothing but colours.
. "$(dirname "$0")/../frame.sh"
says() { grep -qF -e "$1" out.txt || fail "not said: $1"; }

cat > a.net <<'NET'
net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> fc(3) -> softmax }
data made { train = random(3, 1x6x6, count = 16) }
train tiny on made { loss = cross_entropy  batch = 8  solver = sgd(lr = 0.001)  precision = bf16 }
NET
sed 's/  precision = bf16//' a.net > b.net

run 0 show plan a.net --target sm_80;                     says '(cuda:sm_80:bf16)'
run 0 show plan b.net --target sm_80;                     says '(cuda:sm_80)'
run 0 show plan a.net --target sm_80 --precision tf32;    says '(cuda:sm_80)'
run 0 show plan a.net --target sm_80:fp32;                says '(cuda:sm_80:fp32)'
run 0 show plan a.net --target sm_80 --set precision=fp32; says '(cuda:sm_80:fp32)'
run 0 show plan a.net;                                    says '(cpu:'
run 0 show plan a.net --precision fp32;                   says '(cpu:'
run 2 show plan a.net --precision bf16;                   says 'precision bf16 is not what cpu:'
run 2 show plan a.net --target sm_80:fp32 --precision bf16; says 'precision bf16 is not what cuda:sm_80:fp32'
run 2 compile b.net --target sm_80 --precision fp16;      says "unknown precision 'fp16': fp32, tf32 or bf16"
run 3 show plan a.net --set precision=fp16;               says 'error[E515]: the precision is fp32, tf32 or bf16'
run 2 compile a.net --arch sm_80 --target avx2;           says '--arch and --target'
run 2 compile a.net --arch sm_1;                          says "unknown target 'cuda:sm_1'"

cat > c.net <<'NET'
net small : 1x6x6 -> 3 { fc(3) -> softmax }
NET
# Texts are written whether there is an NVRTC (0) or not (4).
"$cleave" compile c.net --precision bf16 --arch sm_80,sm_90a -o both >out.txt 2>&1
case $? in
    0) says 'for cuda:sm_80:bf16'; says 'for cuda:sm_90a:bf16'
       [ -s both/sm_90a/k0_relayout.cubin ] || fail "no cubin below both/sm_90a" ;;
    4) says 'no NVRTC' ;;
    *) fail "compile --arch sm_80,sm_90a" ;;
esac
[ -s both/sm_80/program.json ] || fail "no program below both/sm_80"

"$cleave" show cuda b.net --color never >plain.txt || fail "show cuda"
"$cleave" show cuda b.net --color always >painted.txt || fail "show cuda"
grep -q "$(printf '\033')" painted.txt || fail "--color always gives no colour"
sed "s/$(printf '\033')\[[0-9;]*m//g" painted.txt | cmp - plain.txt || fail "colours change the text"
exit 0
