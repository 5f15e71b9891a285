#!/bin/sh
# Fails when a diagnostic carries a code without a row in compiler/base/diag_codes.def, or a row has
# a code twice.
cd "$(dirname "$0")/../.." || exit 1
bad=0
rows=$(sed -n 's/^CODE(\([EW][0-9]*\),.*/\1/p' compiler/base/diag_codes.def)
for code in $(grep -rhoE '"[EW][0-9]{3}"' --include='*.[chly]' compiler grammar | tr -d '"' | sort -u); do
    echo "$rows" | grep -qx "$code" || { echo "$code has no row in diag_codes.def"; bad=1; }
done
twice=$(echo "$rows" | sort | uniq -d)
[ -z "$twice" ] || { echo "twice in diag_codes.def: $twice"; bad=1; }
exit $bad
