#!/bin/sh
# The text of `cleave doctor`, what differs between machines masked; and without a compiler, NVRTC or a cache.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
XDG_CACHE_HOME=$folder
export XDG_CACHE_HOME
CLEAVE_CUDA_LIB=/nowhere/libcuda.so
export CLEAVE_CUDA_LIB
mask() {
    sed -e 's/^cpu       .*, [0-9]* threads$/cpu       MODEL, N threads/' \
        -e 's/^target    cpu:[a-z0-9]*: [0-9]* floats a register, [0-9]* registers$/target    cpu:SET: N floats a register, N registers/' \
        -e 's/^compiler  .* = \/.* [0-9]* [0-9]* *$/compiler  WORDS = PATH SIZE TIME/' \
        -e 's/^nvrtc     [0-9]*\.[0-9]*, \/.*/nvrtc     VERSION, PATH/; s/^nvrtc     missing: no NVRTC: CUDA kernels .*/nvrtc     VERSION, PATH/' \
        -e 's/^nvdisasm  \/.*/nvdisasm  PATH/; s/^nvdisasm  missing: no nvdisasm on PATH .*/nvdisasm  PATH/' \
        -e "s|$folder|FOLDER|; s/[0-9]* bytes of at most [0-9]*/B bytes of at most M/"
}
expect() { diff -u - "$folder/got" || exit 1; }
report() { "$cleave" doctor > "$folder/out" 2>&1; code=$?; { mask < "$folder/out"; echo "exit $code"; } > "$folder/got"; }

report; expect <<'TEXT'
cpu       MODEL, N threads
target    cpu:SET: N floats a register, N registers
compiler  WORDS = PATH SIZE TIME
nvrtc     VERSION, PATH
nvdisasm  PATH
driver    missing: CLEAVE_CUDA_LIB: /nowhere/libcuda.so: cannot open shared object file: No such file or directory
cache     FOLDER/cleave: 0 entries, B bytes of at most M
exit 0
TEXT
chmod 777 "$folder/cleave"
CC=/nowhere/cc CLEAVE_NVRTC=/nowhere report; expect <<'TEXT'
cpu       MODEL, N threads
target    cpu:SET: N floats a register, N registers
compiler  missing: no C compiler: CC names a program that is not there: /nowhere/cc
nvrtc     missing: no NVRTC: CLEAVE_NVRTC names neither libnvrtc nor a folder that holds it: /nowhere
nvdisasm  PATH
driver    missing: CLEAVE_CUDA_LIB: /nowhere/libcuda.so: cannot open shared object file: No such file or directory
cache     FOLDER/cleave: not used, it can be written by others
exit 4
TEXT
CLEAVE_CUDA_LIB=$(dirname "$cleave")/libcleave-vgpu.so VGPU_DEVICES=2 "$cleave" doctor | grep '^driver\|^gpu' |
    sed 's|, .*libcleave|, PATH/libcleave|' > "$folder/got"; expect <<'TEXT'
driver    CUDA 13.0, PATH/libcleave-vgpu.so
gpu 0     virtual GPU 0, compute capability 8.0: cuda:sm_80
gpu 1     virtual GPU 1, compute capability 8.0: cuda:sm_80
TEXT
