#!/bin/sh
# With no NVRTC on the machine everything but compiling CUDA works; that says what is missing, with exit
# code 4. With one `why` tells what it makes of a kernel.
. "$(dirname "$0")/../frame.sh"
says() { grep -qE -e "$1" out.txt || fail "not said: $1"; }
never() { if grep -qE -e "$1" out.txt; then fail "said: $1"; fi; }

cat > a.net <<'NET'
net small : 1x6x6 -> 3 {
  split(gpu0, gpu1) { conv(4, 3, bias = 1) -> relu }
  -> fc(3) -> softmax
}
data made { train = random(3, 1x6x6, count = 16) }
train small on made { loss = cross_entropy  batch = 8  solver = sgd(lr = 0.001) }
NET

# Where there is one (else all below is tested by the machine itself, too).
if "$cleave" why a.net fc1 --target sm_90a >out.txt 2>&1 && ! grep -q 'no NVRTC' out.txt; then
    says '^    [0-9]+ registers a thread, [0-9,]+ bytes of shared memory a block, 0 bytes spilled; a multi'
    says '^    [0-9]+ blocks?, [0-9.]+ % of its warps, limited by '
    run 0 why a.net fc1 --target sm_90a --json
    says '"registers": [1-9]'
fi

CLEAVE_NVRTC=$dir/nowhere
export CLEAVE_NVRTC
for noun in ast graph shapes cost comm plan kernels cuda memory schedule fusion; do
    run 0 show $noun a.net --target sm_80
    never 'no NVRTC'
done
run 0 check a.net
run 0 why-not a.net relu1 fc1 --target sm_80
run 0 why a.net:2 --target sm_80
says 'no NVRTC: CLEAVE_NVRTC names neither'
says '^    predicted [0-9.]+ us, limited by .*; at the roofline [0-9.]+ us, [0-9]+ %'
never 'registers a thread'
run 0 compile a.net
run 4 compile a.net --target sm_80 -o made
says "no NVRTC: CLEAVE_NVRTC names neither libnvrtc nor a folder that holds it: $dir/nowhere"
never '^kernel  '
[ -s made/program.json ] && [ -s made/program.txt ] && [ -s made/plan.txt ] || fail 'no program in made/'
[ "$(ls made/*.cu | wc -l)" -gt 5 ] || fail 'no texts in made/'
for noun in ptx sass; do
    run 4 show $noun a.net
    says 'no NVRTC'
done
"$cleave" doctor >out.txt 2>&1
says 'no NVRTC'
exit 0
