#!/bin/sh
# Every report's --json parses, and its keys are those that docs/cli.md lists.
cleave=$1
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/cli/show_json.py "$cleave"
