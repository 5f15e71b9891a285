#!/bin/sh
# Calls of the driver that `cleave train` makes, each made to fail: exit code 4, and the call is named. Four codes,
# several calls of each function; a sanitized program, which is slow, gets one of them a function.
# tests/unit/test_gpu_failures.c fails every call, of a run that writes no checkpoint.
cleave=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"    # the other test looks for leaks
if "$cleave" doctor | grep -q '^nvrtc *missing'; then echo "skipped: there is no NVRTC"; exit 0; fi
cat > "$folder/two.net" <<'NET'
net two : 1x4x4 -> 4 { split(gpu0, gpu1) { conv(4, 3) -> relu } -> fc(4) -> softmax }
train two on noise { loss = cross_entropy  batch = 2  solver = sgd(lr = 0.1) }
data noise { train = random(4, 1x4x4, seed = 1, count = 4) }
NET

VGPU_CALLS=1 "$cleave" train "$folder/two.net" --virtual-gpus 2 --steps 2 --out "$folder/run" 2>&1 |
    sed -n 's/^vgpu: calls: \(cu[^ ]*\) \([0-9]*\)$/\1 \2/p' > "$folder/calls"
[ "$(wc -l < "$folder/calls")" -gt 30 ] || { echo "few functions are called:"; cat "$folder/calls"; exit 1; }

# What closes something at the end may fail; of what is called all the time the last calls close.
turn=0
while read -r name count; do
    case $name in *Destroy*|*Release*|*Free*|*Unload*) continue ;; cuCtxSetCurrent) count=$((count * 2 / 3)) ;; esac
    turn=$((turn % 4 + 1))
    if [ "$CLEAVE_SANITIZE" = ON ]; then
        echo "$name:$((count / 2 + 1)):$(echo 1 2 700 999 | cut -d ' ' -f $turn)"
        continue
    fi
    for n in 1 $((count / 2 + 1)) "$count"; do
        for code in 1 2 700 999; do echo "$name:$n:$code"; done
    done | sort -u
done < "$folder/calls" > "$folder/failures"
[ "$CLEAVE_SANITIZE" = ON ] && echo "cuMemcpyDtoHAsync:$(sed -n 's/^cuMemcpyDtoHAsync //p' "$folder/calls"):999" >> "$folder/failures"

# shellcheck disable=SC2016
xargs -P 2 -n 1 sh -c 'said=$(VGPU_FAIL=$2 timeout 60 "$0" train "$1/two.net" --virtual-gpus 2 --steps 2 \
        --out "$1/$$" 2>&1 > "$1/$$.out")
    got=$?
    case $got$said in 4*cleave:*"${2%%:*}"*) ;; *) echo "$2: exit $got: $said" ;; esac' \
    "$cleave" "$folder" < "$folder/failures" > "$folder/wrong"
echo "$(wc -l < "$folder/failures") failures"

# NVRTC, when the cache is empty: tests/unit/test_nvrtc_failures.c fails all its calls.
stand_in=$(dirname "$cleave")/tests/libstand-in-nvrtc.so
real=$("$cleave" doctor | sed -n 's/^nvrtc .* \(\/.*\)/\1/p')
for failure in nvrtcVersion:1:11 nvrtcCreateProgram:1:1 nvrtcGetPTX:1:11; do
    said=$(XDG_CACHE_HOME=$folder/cold NVRTC_REAL=$real CLEAVE_NVRTC=$stand_in NVRTC_FAIL=$failure \
        "$cleave" train "$folder/two.net" --virtual-gpus 1 --steps 1 --out "$folder/run" 2>&1 > /dev/null)
    got=$?
    case $got$said in 4*cleave:*NVRTC*) ;; *) echo "$failure: exit $got: $said" >> "$folder/wrong" ;; esac
done
cat "$folder/wrong"
! [ -s "$folder/wrong" ]
