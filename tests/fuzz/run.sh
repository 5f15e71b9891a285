#!/bin/sh
# tests/fuzz/run.sh N [SEED]: builds the fuzz target with sanitizers and runs N inputs that begin as
# the nets of the repository: with libFuzzer where clang is installed, else with driver.c. What it
# finds stays in build/fuzz/found; inputs that reach new code stay in build/fuzz/corpus and are where
# the next run begins.
#
# Comparisons are not traced: that took two thirds of the time, and net.dict knows the words. Freed
# memory is kept from use for 4 MiB instead of 256, so that it stays in the cache.
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-100000} seed=${2:-1}
made=build/fuzz/generated
mkdir -p build/fuzz/corpus build/fuzz/found $made
bison --header=$made/net.tab.h -o $made/net.tab.c grammar/net.y
flex --header-file=$made/net.lex.h -o $made/net.lex.c grammar/net.l
sources=$(ls compiler/base/*.c compiler/tensor/*.c compiler/recipe/*.c compiler/ir/*.c compiler/ops/*.c \
          compiler/front/*.c)
cp nets/*.net tests/golden/*/*.net build/fuzz/corpus/
export ASAN_OPTIONS=quarantine_size_mb=4:malloc_context_size=4
build() {
    # shellcheck disable=SC2086
    "$@" -g -O2 -D_GNU_SOURCE -std=gnu11 -fno-sanitize-recover=all -I. -Icompiler -I$made $sources \
        $made/net.tab.c $made/net.lex.c tests/fuzz/fuzz_front.c -lm -o build/fuzz/fuzz_front
}
if command -v clang >/dev/null; then
    build clang -fsanitize=fuzzer,address,undefined -fno-sanitize-coverage=trace-cmp
    cd build/fuzz
    ./fuzz_front -runs="$runs" -seed="$seed" -dict=../../tests/fuzz/net.dict -max_len=4096 -timeout=10 \
        -rss_limit_mb=4096 -artifact_prefix=found/ -print_final_stats=1 -verbosity=0 corpus
else
    build gcc -fsanitize=address,undefined tests/fuzz/driver.c
    cd build/fuzz
    ./fuzz_front "$seed" "$runs" corpus/*.net
fi
echo "$runs inputs, no finding"
