#!/bin/sh
# AlexNet at full width, 224 x 224 pixels: training steps on two virtual GPUs, every value of theirs held against
# the CPU's.
cleave=$1
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
"$cleave" verify "$(dirname "$0")/../../nets/alexnet.net" --batch 2 --steps 3 --virtual-gpus 2
