// MNIST's format: a file of images (dimensions n, rows, columns or n, channels, rows, columns) and
// a file of labels, bytes, plain or gzip. Both are read whole; their sizes must be what their
// headers say.
#include "runtime/data/source.h"
#include "tensor/shape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDX_BYTES = 0x08, IDX_MOST_DIMS = 4 };
static const size_t idx_most = (size_t)1 << 33;       // 8 GiB

typedef struct {
    uint8_t *file;
    const uint8_t *data;                              // behind the header
    int64_t  dims[IDX_MOST_DIMS];
    int      dim_count;
    size_t   item;                                    // bytes of one sample
} IdxFile;

typedef struct { IdxFile images, labels; char *path; } IdxState;

// Header: 0, 0, type, number of dimensions, then the dimensions as big-endian 32-bit numbers.
static bool idx_read_header(IdxFile *f, const char *path, size_t bytes, char err[DATA_ERROR])
{
    if (bytes < 4 || f->file[0] || f->file[1]) {
        snprintf(err, DATA_ERROR, "%s is not an idx file", path);
        return false;
    }
    if (f->file[2] != IDX_BYTES || f->file[3] < 1 || f->file[3] > IDX_MOST_DIMS) {
        snprintf(err, DATA_ERROR, "%s: type 0x%02x with %d dimensions; bytes (0x08) with 1 to 4 "
                 "can be used", path, f->file[2], f->file[3]);
        return false;
    }
    f->dim_count = f->file[3];
    size_t header = 4 + 4 * (size_t)f->dim_count;
    int64_t total = 1, item = 1;
    bool fits = bytes >= header;
    for (int i = 0; fits && i < f->dim_count; i++) {
        const uint8_t *d = f->file + 4 + 4 * i;
        f->dims[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
        fits = size_multiply(total, f->dims[i], &total) &&
               (i == 0 || size_multiply(item, f->dims[i], &item));
    }
    if (!fits || (size_t)total != bytes - header || item < 1) {
        snprintf(err, DATA_ERROR, "%s: its header does not fit its size of %zu bytes", path, bytes);
        return false;
    }
    f->data = f->file + header;
    f->item = (size_t)item;
    return true;
}

// The file of an argument. `--data` may name a folder that holds files of the same names.
static char *idx_path(const SourceOptions *o, const char *arg)
{
    if (!o->path)
        return source_path(o, arg);
    const char *slash = strrchr(arg, '/');
    char *path = NULL;
    return asprintf(&path, "%s/%s", o->path, slash ? slash + 1 : arg) < 0 ? NULL : path;
}

static bool idx_load(IdxFile *f, char *path, char err[DATA_ERROR])
{
    size_t bytes = 0;
    if (!path) {
        snprintf(err, DATA_ERROR, "out of memory");
        return false;
    }
    f->file = source_load_file(path, idx_most, &bytes, err);
    return f->file && idx_read_header(f, path, bytes, err);
}

static bool idx_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    IdxState *x = s->state = calloc(1, sizeof *x);
    const char *images = stage_text(o->stage, "images"), *labels = stage_text(o->stage, "labels");
    if (!x || !images || !labels) {
        snprintf(err, DATA_ERROR, "%s", x ? "idx needs a file of images and one of labels"
                                          : "out of memory");
        return false;
    }
    x->path = idx_path(o, images);
    if (!idx_load(&x->images, x->path, err))
        return false;
    char *path = idx_path(o, labels);
    bool ok = idx_load(&x->labels, path, err);
    free(path);
    if (!ok)
        return false;
    const IdxFile *f = &x->images;
    if (f->dim_count < 3 || x->labels.dim_count != 1 || f->dims[0] != x->labels.dims[0]) {
        snprintf(err, DATA_ERROR, "%s: %lld samples of %d dimensions do not go with %lld labels",
                 x->path, (long long)f->dims[0], f->dim_count - 1, (long long)x->labels.dims[0]);
        return false;
    }
    s->count = f->dims[0];
    s->channels = f->dim_count == 4 ? (int)f->dims[1] : 1;
    s->height = (int)f->dims[f->dim_count - 2];
    s->width = (int)f->dims[f->dim_count - 1];
    s->cheap = true;
    for (int64_t i = 0; i < s->count; i++)
        s->classes = x->labels.data[i] >= s->classes ? x->labels.data[i] + 1 : s->classes;
    return true;
}

static void idx_close(ImageSource *s)
{
    IdxState *x = s->state;
    if (!x)
        return;
    free(x->images.file);
    free(x->labels.file);
    free(x->path);
    free(x);
}

static bool idx_read(const ImageSource *s, int64_t index, Reader *r, int *label,
                     char err[DATA_ERROR])
{
    const IdxState *x = s->state;
    if (!image_resize_buffer(&r->image, s->channels, s->height, s->width, err))
        return false;
    memcpy(r->image.pixels, x->images.data + (size_t)index * x->images.item, x->images.item);
    *label = x->labels.data[index];
    return true;
}

static void idx_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    const IdxState *x = s->state;
    snprintf(to, DATA_ERROR, "%s sample %lld", x->path, (long long)index);
}

const SourceClass source_idx = { "idx", idx_open, idx_close, idx_read, idx_name };
