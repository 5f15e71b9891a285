// Safetensors files: 8 bytes of length, a JSON header that names tensors, raw little-endian numbers. Read
// with suspicion: no name twice, no hole, no overlap, sizes as shapes and types say, at most 16 MiB of header
// and 65,536 tensors, as the format's own library demands.
//
// Files of ours are sealed: `hash` in their metadata is XXH3-128 of the header, with its own digits as 0s,
// and `data` that of all bytes behind it.
#ifndef RUNTIME_TRAIN_SAFETENSORS_H
#define RUNTIME_TRAIN_SAFETENSORS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_ERROR = 512, SAFETENSORS_RANK = 8, SAFETENSORS_HASH = 33 };

// What the format of sealed files is called in their metadata; those without the seal were "cleave 1".
#define SAFETENSORS_FORMAT "cleave 2"

typedef struct {
    const char *name, *type;           // "conv1.weights", "F32"
    int64_t     shape[SAFETENSORS_RANK];
    int         rank;
    int64_t     count;                 // elements
    int64_t     from, bytes;           // behind the header
} SafeTensor;

typedef struct Safetensors Safetensors;

// Reads the header, and holds its seal against it. NULL with path and reason in err.
Safetensors *safetensors_open(const char *path, char err[SAFETENSORS_ERROR]);
void         safetensors_close(Safetensors *f);            // NULL is allowed
// Reads all data of a sealed file: are they what was written? Nothing to hold them against: true.
bool         safetensors_check(Safetensors *f, char err[SAFETENSORS_ERROR]);
// In the order of their data.
int               safetensors_count(const Safetensors *f);
const SafeTensor *safetensors_get(const Safetensors *f, int i);
const SafeTensor *safetensors_find(const Safetensors *f, const char *name);           // NULL
const char       *safetensors_meta(const Safetensors *f, const char *key);            // NULL
// Its elements as floats: of F32, F16, BF16 and F64. Other types are refused.
bool safetensors_read(Safetensors *f, const SafeTensor *t, float *to, char err[SAFETENSORS_ERROR]);

// Fills both hashes into a header that was made with "hash":"000..." and "data":"000..." in its metadata, and
// gives that of the data.
void safetensors_seal(char *header, size_t length, const char *data, size_t size,
                      char hash[SAFETENSORS_HASH]);
#endif
