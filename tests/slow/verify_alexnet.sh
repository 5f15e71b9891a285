#!/bin/sh
# AlexNet at full width, 224 x 224 pixels: training steps on two virtual GPUs, every value of theirs held against
# the CPU's that rounds as they do, within 2e-5 of the largest of its tensor.
cleave=$1
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
began=$(date +%s)
said=$("$cleave" verify "$(dirname "$0")/../../nets/alexnet.net" --batch 2 --steps 3 --virtual-gpus 2)
code=$?
echo "$said"
echo "$(($(date +%s) - began)) s, compiling included"
case $said in *:tf32' and cuda:sm_80 agree: '*' within 2e-05 of their largest'*) ;; *) exit 1 ;; esac
exit $code
