// Writes records into tar shards (shard.h) of a folder: NAME-000000.tar, NAME-000001.tar, ...
#ifndef RUNTIME_DATA_SHARD_WRITER_H
#define RUNTIME_DATA_SHARD_WRITER_H
#include "runtime/data/encode.h"

typedef struct ShardWriter ShardWriter;

typedef struct {
    const char *folder, *name;
    int64_t     most_bytes;                   // of images in a shard; it holds at least one
} ShardOptions;

typedef struct { const char *key, *extension; Encoded image; int label; } ShardRecord;  // "000012", "jpg"

// NULL with `err`. A shard is written beside its place and renamed when it is whole and synced; the same
// records make the same bytes.
ShardWriter *shard_writer_open(const ShardOptions *o, char err[DATA_ERROR]);
bool         shard_writer_add(ShardWriter *w, const ShardRecord *r, char err[DATA_ERROR]);
// Ends the last shard, with `whole`; else takes away what is not whole. Fills the number of shards.
bool         shard_writer_close(ShardWriter *w, bool whole, int *shards, char err[DATA_ERROR]);
#endif
