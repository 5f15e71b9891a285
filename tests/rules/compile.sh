#!/bin/sh
# `cleave compile` writes the same bytes every time, and the kernel texts do not depend on whether
# the two parts of a net share a device.
cleave=$1
case $cleave in /*) ;; *) cleave=$PWD/$cleave ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
printf 'net a : 1x8x8 -> 3 {\n  split(gpu0, gpu1) { conv(4, 3) -> relu -> all -> conv(4, 3) }\n  -> fc(3)\n}\n' > a.net
"$cleave" compile a.net --target avx2 -o one && "$cleave" compile a.net --target avx2 -o two || exit 1
diff -r one two || { echo "two compilations differ"; exit 1; }
ls one | grep -qx program.json || { echo "no program.json"; exit 1; }
grep -q KERNEL one/kernels-*.c || { echo "no kernel text"; exit 1; }
# What a map may not change: each part's kernel text, once its number is taken away (parts with one text share it).
sed 's/split(gpu0, gpu1)/split(2)/' a.net > b.net
"$cleave" compile b.net --target avx2 -o three || exit 1
for d in one three; do
    cat $d/kernels-*.c | grep -v '^#line\|^//' | sed 's/k[0-9][0-9]*_/k_/g' | grep 'enum {\|define' | sort -u > $d.heads
done
diff one.heads three.heads || { echo "the heads depend on the devices"; exit 1; }
