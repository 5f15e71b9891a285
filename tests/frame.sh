# What the tests of commands begin with, `. "$(dirname "$0")/../frame.sh"`: the program ($1) in `cleave`,
# an empty folder to work in, which goes at the end, and `run` and `fail`.
cleave=$1
case $cleave in /*) ;; *) cleave=$PWD/$cleave ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() { echo "$1"; cat out.txt; exit 1; }
# run CODE ARGUMENT...: the exit code must be that; what is printed is in out.txt.
run() {
    want=$1; shift
    "$cleave" "$@" >out.txt 2>&1
    got=$?
    [ $got = "$want" ] || fail "cleave $*: exit code $got, not $want"
}
