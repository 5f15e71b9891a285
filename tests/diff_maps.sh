#!/bin/sh
# diff_maps.sh CLEAVE STEPS FOLDER: every net of the folder at batch 2 on all maps of its devices.
cleave=$1 steps=$2 folder=$3
bad=0
try() {
    said=$("$cleave" diff "$@" --batch 2 --steps "$steps" --seed 7 2>&1) || { echo "diff $*: $said"; bad=1; }
    case $said in 'equal bit by bit: '*' guards intact') ;; *) echo "diff $*: $said"; bad=1 ;; esac
}
nets=0
for net in "$folder"/*.net; do
    nets=$((nets + 1))
    case $("$cleave" show memory "$net" --batch 2 | grep -c '^gpu[0-9]*: ') in
        2) try "$net" --threads 2 --map gpu0=cpu:0,gpu1=cpu:0 --map gpu0=cpu:0,gpu1=cpu:1
           try "$net" --threads 2 --threads 3 --reuse --map gpu0=cpu:0,gpu1=cpu:0 --map gpu0=cpu:1,gpu1=cpu:0 ;;
        *) try "$net" --threads 1 --threads 3 --reuse ;;
    esac
done
[ $nets -ge 7 ] || { echo "only $nets nets in $folder"; bad=1; }
exit $bad
