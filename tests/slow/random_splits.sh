#!/bin/sh
# 200 random nets with random splits: every map of CPUs, and virtual GPUs in three orders of their streams.
exec "$(dirname "$1")/tests/test_random_splits" --nets 200 --gpu-nets 200
