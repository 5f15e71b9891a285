# Sourced in the repository's root: unpacks the JPEG copy of CIFAR-10 of ../shared/data once. `folder` is where
# cifar10/train and cifar10/test are then. Without the archive, and where it has not been unpacked before, the script
# ends there, saying so.
archive=../shared/data/cifar10.tar.xz
folder=build/data
if [ ! -e "$folder/cifar10/.whole" ]; then
    if [ ! -e "$archive" ]; then
        echo "skipped: no $archive"
        exit 0
    fi
    mkdir -p "$folder"
    tar xJf "$archive" -C "$folder"
    touch "$folder/cifar10/.whole"
fi
