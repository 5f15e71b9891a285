#!/bin/sh
# Every net of nets/ as it is: three steps at batch 2, on all maps of its devices to groups of threads.
root=$(cd "$(dirname "$0")/../.." && pwd)
"$root/tests/diff_maps.sh" "$1" 3 "$root/nets"
