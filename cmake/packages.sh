#!/bin/sh
# Installs the Debian packages that are missing: packages.sh build|test|full. Without root it only
# says which are missing, and fails when something that is needed is not there.
set -eu
build="gcc g++ make cmake ninja-build bison flex pkg-config libjansson-dev libxxhash-dev
       libjpeg62-turbo-dev libpng-dev zlib1g-dev libarchive-dev"
test="libcmocka-dev python3"
full="clang clang-tidy cppcheck libclang-rt-14-dev python3-torch strace"
case ${1:-build} in
    build) packages=$build ;;
    test)  packages="$build $test" ;;
    full)  packages="$build $test $full" ;;
    *)     echo "usage: packages.sh build|test|full" >&2; exit 2 ;;
esac
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "missing packages:$missing" >&2
    echo "install them with: sudo apt-get install$missing" >&2
    exit 4
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
