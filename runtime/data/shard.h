// Records in tar files, by the convention of WebDataset: files that follow each other and have one name
// up to the first dot are a record; `.jpg`, `.jpeg` or `.png` is its image, `.cls` its label in digits.
// What `cleave pack` writes and shards(...) reads.
#ifndef RUNTIME_DATA_SHARD_H
#define RUNTIME_DATA_SHARD_H

#define SHARD_CLASSES  "classes.txt"       // beside the shards: names of classes, a line each
// Attribute of an image that holds its XXH3 of 64 bits, as 16 hexadecimal digits.
#define SHARD_CHECKSUM "user.xxh3"
enum { SHARD_CHECKSUM_DIGITS = 16 };
#endif
