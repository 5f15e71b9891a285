#!/bin/sh
# Mistakes put into the nets are reported at their line: see tests/mistakes/mistakes.py.
command -v python3 > /dev/null || { echo "skipped: there is no python3"; exit 0; }
exec python3 "$(dirname "$0")/../mistakes/mistakes.py" "$1" 1 10
