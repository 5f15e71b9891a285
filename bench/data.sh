#!/bin/sh
# The 199 photographs of ../shared/data through AlexNet's whole data path, against libjpeg-turbo alone, and what a
# training step waits for them: bench/data.sh [BATCH]. Skips, saying so, without the archive.
set -eu
cd "$(dirname "$0")/.."
archive=../shared/data/imagenet-sample.tar
if [ ! -e "$archive" ]; then
    echo "skipped: no $archive"
    exit 0
fi
cmake --preset release -G Ninja >/dev/null
cmake --build --preset release --target cleave bench_data >/dev/null
folder=build/data/imagenet-sample
if [ ! -d "$folder" ]; then
    mkdir -p build/data
    tar xf "$archive" -C build/data
fi
build/release/bench/bench_data nets/alexnet.net "$folder"
build/release/cleave bench data nets/alexnet.net --data train="$folder" --batch "${1:-32}"
