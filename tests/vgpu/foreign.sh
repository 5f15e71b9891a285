#!/bin/sh
# foreign.sh FOLDER PROGRAM: a program of its own runs on the virtual GPU by LD_LIBRARY_PATH alone.
export LD_LIBRARY_PATH="$1"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
expect() {                             # what it says, then how it is run
    text=$1; shift
    said=$(env "$@" 2>&1)
    case $said in
        *"$text"*) ;;
        *) echo "'$*' said:"; echo "$said"; echo "and not '$text'"; exit 1 ;;
    esac
}
said=$(VGPU_CHECK=1 "$2" 2>&1)
[ "$said" = "1 256" ] || { echo "it said: $said"; exit 1; }
expect 'vgpu: out-of-bounds: add.cu:12: add block 4,0,0 thread 0,0,0 reads 4 bytes 0 bytes behind the end of' \
    VGPU_CHECK=1 "$2" beyond
expect 'cuStreamSynchronize: 700' VGPU_CHECK=1 "$2" beyond
for seed in 1 2 3 4 5; do
    expect 'vgpu: stream-race:' VGPU_CHECK=1 VGPU_SEED=$seed "$2" unordered
done
expect 'add on stream 2 of gpu0' VGPU_CHECK=1 VGPU_SEED=1 "$2" unordered
expect 'cuMemAlloc_v2: 2' VGPU_FAIL=cuMemAlloc:2:2 "$2"
expect 'vgpu: calls: cuLaunchKernel 1' VGPU_CALLS=1 "$2"
# 8 warps of a launch of 4 blocks: 2 loads and a store of 4 sectors each.
expect 'vgpu: counters: add launches=1 executions=112 lanes=3584 flops=256 global.requests=24 global.sectors=96 global.ideal=96 global.read=2048 global.written=1024 shared.requests=0 ' \
    VGPU_COUNTERS=1 "$2"
expect 'vgpu: counters: add.cu:13: add executions=8 lanes=256 flops=0 global.requests=8 global.sectors=32 global.ideal=32 global.read=0 global.written=1024 {st.global.f32 [%rd4], %f3}' \
    VGPU_COUNTERS=2 "$2"
