#!/bin/sh
# A run that is killed 200 times, and one that is sent 200 signals. Then the order in which a checkpoint comes
# to its place, as the system sees it: bytes, sync, rename, sync of the folder.
set -eu
"$(dirname "$1")/tests/test_kills" --kills 200 --signals 200

. "$(dirname "$0")/../frame.sh"
cat > tiny.net <<'NET'
net tiny : 1x6x6 -> 3 { fc(3) -> softmax }
data made { train = random(3, 1x6x6, count = 40) }
train tiny on made {
  loss = cross_entropy  batch = 8  epochs = 1  solver = sgd(lr = 0.001)
  every step { save("at{step}.safetensors") }
}
NET
run 0 train tiny.net --out warm                # compiles
command -v strace >/dev/null || { echo "no strace here: the order of calls was not looked at"; exit 0; }
mkdir traced
# A leak detector cannot work under a tracer.
ASAN_OPTIONS=detect_leaks=0 strace -f -y -o trace.txt -e trace=openat,write,fsync,rename,close "$cleave" train tiny.net \
    --out traced >out.txt 2>&1 || fail "strace: $(tail -n 1 out.txt)"
awk '
    # A call that was interrupted by another thread stands in two lines: only its end counts, with its result.
    function is(pattern) { return $0 ~ pattern }
    is("write\\(.*cleave-tmp-[0-9]+>") && !is("unfinished")  { if (state != 0 && state != 1) bad(); state = 1 }
    is("fsync\\(.*cleave-tmp-[0-9]+>")                       { if (state != 1) bad(); state = 2 }
    is("rename\\(.*cleave-tmp-[0-9]+\"")                     { if (state != 2) bad(); state = 3 }
    is("fsync\\([0-9]+<[^>]*/traced>")                       { if (state != 3) bad(); state = 0; whole++ }
    function bad() { print "line " NR ": " $0 " (state " state ")"; wrong = 1 }
    END { print whole " files in order"; exit wrong || whole != 6 }       # the manifest and five checkpoints
' trace.txt || { cat trace.txt; exit 1; }
