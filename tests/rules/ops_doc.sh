#!/bin/sh
# Fails when docs/ops.md does not name an op of op.def.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for op in $(sed -n 's/^OP([A-Z_]*, \([a-z_]*\)).*/\1/p' compiler/ir/op.def); do
    grep -qw "$op" docs/ops.md || { echo "docs/ops.md does not name $op"; bad=1; }
done
exit $bad
