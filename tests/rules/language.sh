#!/bin/sh
# The examples of docs/language.md (fenced by ```net) are legal files.
cleave=$1
cd "$(dirname "$0")/../.." || exit 1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
awk -v folder="$folder" '
    /^```net$/ { n++; file = sprintf("%s/example%d.net", folder, n); next }
    /^```$/    { file = ""; next }
    file != "" { print > file }' docs/language.md
bad=0
for file in "$folder"/*.net; do
    "$cleave" check "$file" || bad=1
done
exit $bad
