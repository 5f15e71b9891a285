#!/bin/sh
# show counters: a step's kernels on a virtual GPU against figures worked out by hand.
cleave=$1
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/cli/counters.py "$cleave"
