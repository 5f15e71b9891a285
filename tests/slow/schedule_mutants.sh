#!/bin/sh
# Every wait, copy, event and part of a message of several nets left out, one at a time, on virtual GPUs.
exec "$(dirname "$1")/tests/test_schedule_mutants" --all
