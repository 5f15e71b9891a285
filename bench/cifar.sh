#!/bin/sh
# Trains nets/cifar_quick.net for 4 epochs on the JPEG copy of CIFAR-10 in ../shared/data and prints
# errors on its test set and images a second. The files are lossy, so the errors are not comparable
# with published ones. Arguments go to `cleave train`.
set -eu
cd "$(dirname "$0")/.."
archive=../shared/data/cifar10.tar.xz
if [ ! -e "$archive" ]; then
    echo "skipped: no $archive"
    exit 0
fi
folder=build/data
if [ ! -e "$folder/cifar10/.whole" ]; then
    mkdir -p "$folder"
    tar xJf "$archive" -C "$folder"
    touch "$folder/cifar10/.whole"
fi
mkdir -p build/cifar
build/release/cleave train nets/cifar_quick.net --epochs 4 --out build/cifar \
    --data train="$folder/cifar10/train" --data test="$folder/cifar10/test" "$@"
