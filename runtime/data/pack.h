// Packs the images of a source once, at the size that training wants, into shards that are read fast.
#ifndef RUNTIME_DATA_PACK_H
#define RUNTIME_DATA_PACK_H
#include "runtime/data/source.h"

typedef struct {
    const char *folder, *name;       // NAME-000000.tar, ... in this folder, which is there
    int         size;                // of the shorter side; 0: images stay as large as they are
    int         quality;             // of JPEG, 1 to 100; 0: PNG, which loses nothing
    int64_t     most_bytes;          // of images in a shard
    int         threads;
    bool        skip_bad;            // damaged images are left out, else they end it
    void      (*on_bad)(void *context, const char *text);    // called for each, in their order; may be NULL
    void       *context;
} PackOptions;

typedef struct { int64_t images, copied, bad, bytes; int shards; } Packed;   // copied: not encoded again

// Records stand in the source's order; where classes have names, SHARD_CLASSES holds them. An image that
// has its size already is copied byte for byte. The same images and options make the same bytes.
bool pack_source(const ImageSource *s, const PackOptions *o, Packed *packed, char err[DATA_ERROR]);
#endif
