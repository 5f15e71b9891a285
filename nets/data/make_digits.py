#!/usr/bin/python3
"""Makes digits-images.idx3.gz and digits-labels.idx1.gz beside this file.

    python3 nets/data/make_digits.py [digits.csv.gz]

The input is the file that scikit-learn ships (Debian: python3-sklearn); without an argument it is
looked for in the installed package. The output is the same on every run, byte for byte.
"""
import gzip
import importlib.util
import os
import struct
import sys

SIZE, IMAGES = 8, 1797


def find_csv():
    if len(sys.argv) > 1:
        return sys.argv[1]
    package = importlib.util.find_spec("sklearn")
    if package is None:
        sys.exit("scikit-learn is not installed: apt-get install python3-sklearn")
    folder = os.path.dirname(package.origin)
    return os.path.join(folder, "datasets", "data", "digits.csv.gz")


def read_rows(path):
    """Each row: 64 pixels from 0 to 16, row by row, and the digit."""
    with gzip.open(path, "rt") as lines:
        rows = [[int(float(field)) for field in line.split(",")] for line in lines]
    assert len(rows) == IMAGES, "%d images, not %d" % (len(rows), IMAGES)
    for row in rows:
        assert len(row) == SIZE * SIZE + 1 and 0 <= row[-1] <= 9
        assert all(0 <= pixel <= 16 for pixel in row[:-1])
    return rows


def write_idx(name, dims, values):
    """The format of MNIST: 0, 0, 8 (bytes), number of dimensions, dimensions, values."""
    head = struct.pack(">BBBB", 0, 0, 8, len(dims)) + struct.pack(">%dI" % len(dims), *dims)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write(head + bytes(values))


def main():
    rows = read_rows(find_csv())
    write_idx("digits-images.idx3.gz", (len(rows), SIZE, SIZE), [p for r in rows for p in r[:-1]])
    write_idx("digits-labels.idx1.gz", (len(rows),), [r[-1] for r in rows])


if __name__ == "__main__":
    main()
