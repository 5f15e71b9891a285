#!/bin/sh
# verify: a CPU that rounds as the GPU does agrees within 2e-5; what each way of it says, and that each finds a
# kernel that somebody has broken.
. "$(dirname "$0")/../frame.sh"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"    # test_gpu looks for leaks
says() { grep -qE -e "$1" out.txt || fail "not said: $1"; }
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi

cat > a.net <<'NET'
net small : 2x9x9 -> 5 {
  split(gpu0, gpu1) { conv(12, 3, pad = 1) -> relu -> pool(3, stride = 2) -> all -> conv(8, 3, bias = 1) -> relu }
  -> fc(33) -> relu -> dropout(0.5) -> fc(5) -> softmax
}
data made { train = random(5, 2x9x9, count = 32) }
train small on made { loss = cross_entropy  batch = 4  solver = sgd(lr = 0.01, momentum = 0.9) }
NET
v() { want=$1; shift; run "$want" verify a.net --virtual-gpus 2 "$@"; }

# Each launch from the GPU's values.
v 0 --steps 2;                      says '^cpu:[a-z0-9]+:tf32 and cuda:sm_80 agree: [0-9]+ values in 2 steps within 2e-05 of their largest'
v 0 --steps 1 --no-fuse;            says 'tf32 and cuda:sm_80 agree: .* within 2e-05'
v 0 --steps 1 --reference fp32;     says '^cpu:[a-z0-9]+ and cuda:sm_80 agree: .* within 0.002 of'
v 0 --steps 1 --precision fp32;     says '^cpu:[a-z0-9]+ and cuda:sm_80:fp32 agree: .* within 2e-05'
v 0 --steps 1 --precision bf16;     says 'within 0.02 of'
v 0 --steps 1 --list;               says '^   1 fc2.weights +[0-9]+ numbers, apart by .* of the largest, .* of the norm, 0 tipped$'
v 0 --steps 1 --set accumulate=2;    says 'tf32 and cuda:sm_80 agree: .* within 2e-05'
v 2 --reference bf16;               says '--reference bf16 is not for cuda:sm_80: say fp32 or tf32$'
v 2 --reference tf32 --precision fp32; says '--reference tf32 is not for cuda:sm_80:fp32: say fp32$'

# Each on its own way.
v 0 --free;                         says 'values in 3 steps from the same seed within 0.02 of their norm'
v 0 --free --precision fp32;        says 'from the same seed within 0.002 of their norm'

# A sum that misses a tenth of its bias; results that are not rounded, rounded the wrong way.
"$cleave" compile a.net --target sm_80 -o made >out.txt 2>&1 || fail 'compile -o'
conv=$(grep -l 'real v2 = .*relu' made/k*_conv.cu | tail -n 1)
[ -n "$conv" ] || fail 'no text of conv2'
mkdir edited
sed 's|^    real v1 = v + |    real v1 = v + r_const(0.9f) * |' "$conv" > "edited/$(basename "$conv")"
v 1 --override edited --steps 1;        says '^different: relu2.part[01] in step 1, by .* of its largest value \(right is at most 2e-05\)$'
                                        says "^made by $(basename "$conv" .cu) \\(conv\\): conv2 forward"
sed 's|^    real v1 = v + |    real v1 = v * r_const(1.2f) + |' "$conv" > "edited/$(basename "$conv")"
v 1 --override edited --steps 1 --free; says '^different: relu2.part[01] in step 1, by .* of its norm'
sed 's|cvt.rna.tf32.f32|and.b32|; s|asm("and.b32 %0, %1;"|asm("and.b32 %0, %1, 0xffffe000;"|' "$conv" \
    > "edited/$(basename "$conv")"
v 1 --override edited --steps 1;        says '^different: relu2.part[01] in step 1, by '

# Kernels on their own, held against doubles.
k() { want=$1; shift; run "$want" verify --kernels "$@"; }
k 0 a.net;                          says '^conv +tf32 +[1-9][0-9]* +0  .* of the largest$'
                                    says '^[0-9]+ kernels of [0-9]+ kinds, 0 results wrong$'
                                    says '^cleave: the virtual GPUs reported 0 faults$'
k 0 a.net --precision bf16;         says '^fc_update +bf16 +[1-9][0-9]* +0  '
k 1 a.net --override edited;        says "^wrong: $(basename "$conv" .cu) \(conv\) in tf32: number [0-9]+ of relu2.part[01] is "
                                    says '^  conv2 forward: .*, a.net:2'
                                    says ' kinds, 1 results wrong$'
sed 's|__syncthreads();||' "$conv" > "edited/$(basename "$conv")"
k 1 a.net --override edited;        says '^vgpu: (race|not-waited|uninitialised): '
k 0 --case 5 --precision fp32 --seed 3; says '^loss +fp32 +[1-9]'
run 2 verify;                       says 'verify takes a .net file, or --kernels'
exit 0
