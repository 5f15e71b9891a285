// CIFAR's binary files: records of label bytes and 3072 bytes of planes (32 rows of 32). A file, or
// a folder with the names of the published archives: data_batch_*.bin and test_batch.bin, train.bin
// and test.bin.
#include "runtime/data/source.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CIFAR_PIXELS = 3 * 32 * 32 };
static const size_t cifar_most = (size_t)1 << 32;     // 4 GiB a file

typedef struct { char *path; uint8_t *data; int64_t first, count; } CifarFile;

typedef struct {
    CifarFile *files;
    int        file_count;
    int        record, label_at;                      // bytes of a record; which one is the label
} CifarState;

static bool cifar_add(ImageSource *s, const char *path, char err[DATA_ERROR])
{
    CifarState *x = s->state;
    size_t bytes = 0;
    CifarFile *grown = realloc(x->files, (size_t)(x->file_count + 1) * sizeof *grown);
    if (!grown) {
        snprintf(err, DATA_ERROR, "out of memory");
        return false;
    }
    x->files = grown;
    CifarFile *f = &grown[x->file_count++];
    *f = (CifarFile){ .path = strdup(path), .first = s->count };
    f->data = f->path ? source_load_file(path, cifar_most, &bytes, err) : NULL;
    if (!f->data)
        return false;
    if (bytes == 0 || bytes % (size_t)x->record) {
        snprintf(err, DATA_ERROR, "%s: %zu bytes are not a whole number of records of %d", path,
                 bytes, x->record);
        return false;
    }
    f->count = (int64_t)(bytes / (size_t)x->record);
    s->count += f->count;
    return true;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool cifar_add_folder(ImageSource *s, const char *folder, const char *pattern,
                             char err[DATA_ERROR])
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, by_bytes), found = 0;
    bool ok = n >= 0;
    if (!ok)
        snprintf(err, DATA_ERROR, "cannot read %s: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (ok && fnmatch(pattern, list[i]->d_name, 0) == 0) {
            ok = asprintf(&path, "%s/%s", folder, list[i]->d_name) >= 0 && cifar_add(s, path, err);
            free(path);
            found++;
        }
        free(list[i]);
    }
    free(list);
    if (ok && !found)
        snprintf(err, DATA_ERROR, "no %s in %s", pattern, folder);
    return ok && found;
}

static bool cifar_open(ImageSource *s, const SourceOptions *o, int labels, int label_at,
                       int classes, const char *pattern, char err[DATA_ERROR])
{
    CifarState *x = s->state = calloc(1, sizeof *x);
    const char *arg = stage_text(o->stage, "path");
    char *path = x && arg ? source_path(o, arg) : NULL;
    if (!path) {
        snprintf(err, DATA_ERROR, "%s", arg ? "out of memory" : "a path is missing");
        return false;
    }
    *x = (CifarState){ .record = labels + CIFAR_PIXELS, .label_at = label_at };
    s->classes = classes;
    s->channels = 3;
    s->height = s->width = 32;
    s->cheap = true;
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    bool ok = folder ? cifar_add_folder(s, path, pattern, err) : cifar_add(s, path, err);
    free(path);
    return ok;
}

static bool cifar10_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    return cifar_open(s, o, 1, 0, 10, o->testing ? "test_batch.bin*" : "data_batch_*.bin*", err);
}

static bool cifar100_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    const char *labels = stage_text(o->stage, "labels");
    bool coarse = labels && !strcmp(labels, "coarse");
    return cifar_open(s, o, 2, coarse ? 0 : 1, coarse ? 20 : 100,
                      o->testing ? "test.bin*" : "train.bin*", err);
}

static void cifar_close(ImageSource *s)
{
    CifarState *x = s->state;
    if (!x)
        return;
    for (int i = 0; i < x->file_count; i++) {
        free(x->files[i].path);
        free(x->files[i].data);
    }
    free(x->files);
    free(x);
}

static const CifarFile *cifar_file(const ImageSource *s, int64_t index)
{
    const CifarState *x = s->state;
    const CifarFile *f = x->files;
    while (index >= f->first + f->count)
        f++;
    return f;
}

static bool cifar_read(const ImageSource *s, int64_t index, Reader *r, int *label,
                       char err[DATA_ERROR])
{
    const CifarState *x = s->state;
    const CifarFile *f = cifar_file(s, index);
    const uint8_t *record = f->data + (size_t)(index - f->first) * (size_t)x->record;
    *label = record[x->label_at];
    if (*label >= s->classes) {
        snprintf(err, DATA_ERROR, "label %d; there are %d classes", *label, s->classes);
        return false;
    }
    if (!image_resize_buffer(&r->image, 3, 32, 32, err))
        return false;
    memcpy(r->image.pixels, record + x->record - CIFAR_PIXELS, CIFAR_PIXELS);
    return true;
}

static void cifar_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    const CifarFile *f = cifar_file(s, index);
    snprintf(to, DATA_ERROR, "%s record %lld", f->path, (long long)(index - f->first));
}

const SourceClass source_cifar10 = {
    "cifar10", cifar10_open, cifar_close, cifar_read, cifar_name
};
const SourceClass source_cifar100 = {
    "cifar100", cifar100_open, cifar_close, cifar_read, cifar_name
};
