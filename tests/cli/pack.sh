#!/bin/sh
# cleave pack: a folder, a list or a shard in, shards out; what Python's tarfile sees; training on both.
. "$(dirname "$0")/../frame.sh"
says() { grep -qF -e "$1" out.txt || fail "not said: $1"; }

python3 - <<'PY'
import os, struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
def png(path, height, width, colour):
    rows = b"".join(b"\0" + bytes(colour) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
for name, colour in (("ant", (200, 10, 10)), ("bee", (10, 10, 200))):
    os.makedirs(f"photos/{name}")
    for i in range(8):
        png(f"photos/{name}/{i}.png", 12 + i, 16, tuple(c + i for c in colour))
PY
cat > a.net <<'NET'
net tiny : 3x8x8 -> 2 { fc(2) -> softmax }
data folder { train = images("photos") -> resize(8, side = shorter) -> crop(8)  test = hold(train, every = 4) }
data packed { train = shards("packed") -> crop(8)  test = hold(train, every = 4) }
data listed { train = list("photos.txt") -> resize(8, side = shorter) -> crop(8)  test = hold(train, every = 4) }
train tiny on folder { loss = cross_entropy  batch = 4  epochs = 3  solver = sgd(lr = 0.0001) }
NET

# Usage.
run 2 pack photos;                           says 'pack needs --out DIR'
run 2 pack photos --out p --quality 101;     says '--quality is 1 to 100'
run 2 pack photos --out p --bad perhaps;     says '--bad is stop or skip'
run 2 pack photos --out p --name a/b;        says "--name is the beginning of a file's name"
run 3 pack nowhere --out p;                  says 'nowhere'
echo lonely.png > lonely.txt
run 3 pack lonely.txt --out p;               says "lonely.txt:1: a path and a label are needed, there is only lonely.png"

# Lossless at the size of the net: the same steps from shards as from the folder, bit by bit.
run 0 pack photos --out packed --size 8 --lossless --threads 2
says '16 images of 2 classes in 1 shards'; says '0 copied as they were, 0 damaged left out'
python3 - <<'PY' || fail "tarfile reads something else"
import tarfile
members = tarfile.open("packed/train-000000.tar").getmembers()
assert [m.name for m in members[:4]] == ["000000000.png", "000000000.cls", "000000001.png", "000000001.cls"]
assert len(members) == 32 and len(members[0].pax_headers["SCHILY.xattr.user.xxh3"]) == 16
assert open("packed/classes.txt").read() == "ant\nbee\n"
PY
for kind in ant bee; do for i in 0 1 2 3 4 5 6 7; do echo "$kind/$i.png $kind"; done; done > photos/photos.txt
sed -i 's|list("photos.txt")|list("photos/photos.txt")|' a.net
for data in folder packed listed; do
    run 0 train a.net --data $data --out $data
    cmp $data/last.safetensors folder/last.safetensors || fail "$data trains to something else"
done

# Packing a shard again copies it; small shards are several.
run 0 pack packed/train-000000.tar --out again --size 8 --shard 1
says '16 copied as they were'
cmp again/train-000000.tar packed/train-000000.tar || fail "a copy differs"

# A damaged image: where and what, and nothing half written.
echo "not an image" > photos/ant/9.png
run 1 pack photos --out damaged;             says 'photos/ant/9.png: neither JPEG nor PNG'
[ -z "$(ls damaged/*.tar damaged/*.part 2>/dev/null)" ] || fail "something half written stayed"
run 0 pack photos --out damaged --bad skip;  says 'left out: photos/ant/9.png: neither JPEG nor PNG'
says '16 images of 2 classes in 1 shards'; says '1 damaged left out'
