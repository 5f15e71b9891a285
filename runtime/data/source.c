// The table of sources, and how they find and load files.
#include "runtime/data/source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { READER_MOST = 1 << 28 };        // bytes of an image file: 256 MiB

static const SourceClass *const source_table[] = {
    &source_images, &source_list, &source_shards, &source_idx, &source_cifar10, &source_cifar100,
    &source_random, NULL
};

static const SourceClass *source_find(const char *kind)
{
    for (int i = 0; source_table[i]; i++)
        if (!strcmp(source_table[i]->kind, kind))
            return source_table[i];
    return NULL;
}

bool source_is_known(const char *kind)
{
    return source_find(kind) != NULL;
}

bool source_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    memset(s, 0, sizeof *s);
    err[0] = 0;
    s->class = source_find(o->stage->kind);
    if (!s->class) {
        snprintf(err, DATA_ERROR, "there is no source `%s`", o->stage->kind);
        return false;
    }
    bool ok = s->class->open(s, o, err);
    if (ok && (s->count < 1 || s->count > UINT32_MAX)) {
        snprintf(err, DATA_ERROR, "%s has %lld samples; 1 to %u can be used", s->class->kind,
                 (long long)s->count, UINT32_MAX);
        ok = false;
    }
    if (!ok)
        source_close(s);
    return ok;
}

void source_close(ImageSource *s)
{
    if (s->class)
        s->class->close(s);
    memset(s, 0, sizeof *s);
}

void reader_free(Reader *r)
{
    image_free(&r->image);
    image_free(&r->spare);
    free(r->file);
    memset(r, 0, sizeof *r);
}

static bool reader_room(Reader *r, size_t bytes)
{
    if (bytes <= r->file_capacity)
        return true;
    uint8_t *grown = realloc(r->file, bytes);
    if (!grown)
        return false;
    r->file = grown;
    r->file_capacity = bytes;
    return true;
}

// `bytes` of them from `offset`, fewer where the file ends. False: errno says why.
static bool read_at(int fd, uint8_t *to, int64_t offset, size_t bytes, size_t *got)
{
    for (*got = 0; *got < bytes;) {
        ssize_t n = pread(fd, to + *got, bytes - *got, offset + (int64_t)*got);
        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0)
            break;
        *got += (size_t)(n > 0 ? n : 0);
    }
    return true;
}

// What `fd` holds from `offset`; bytes < 0: all of it.
static bool load_part(Reader *r, int fd, int64_t offset, int64_t bytes, size_t *got, char err[DATA_ERROR])
{
    struct stat st;
    if (fd >= 0)
        errno = 0;
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    int64_t size = bytes >= 0 || !ok ? bytes : (int64_t)st.st_size;
    if (ok && size > READER_MOST) {
        snprintf(err, DATA_ERROR, "a file of %lld bytes is too large", (long long)size);
        return false;
    }
    ok = ok && reader_room(r, (size_t)size) && read_at(fd, r->file, offset, (size_t)size, got);
    if (ok)
        r->file_bytes = *got;
    else
        snprintf(err, DATA_ERROR, "%s", errno ? strerror(errno) : "out of memory");
    return ok;
}

bool reader_load(Reader *r, const char *path, size_t *bytes, char err[DATA_ERROR])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = load_part(r, fd, 0, -1, bytes, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool reader_load_part(Reader *r, const char *path, int64_t offset, int64_t bytes, char err[DATA_ERROR])
{
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = load_part(r, fd, offset, bytes, &got, err);
    if (fd >= 0)
        close(fd);
    if (ok && got < (size_t)bytes)
        snprintf(err, DATA_ERROR, "the file ends within it");
    return ok && got == (size_t)bytes;
}

char *source_path(const SourceOptions *o, const char *arg)
{
    char *path = NULL;
    bool absolute = arg[0] == '/' || !o->folder || !o->folder[0];
    int n = o->path    ? asprintf(&path, "%s", o->path)
            : absolute ? asprintf(&path, "%s", arg)
                       : asprintf(&path, "%s/%s", o->folder, arg);
    return n < 0 ? NULL : path;
}

// All that gzread gives, into memory that doubles as it fills: a header that promises terabytes
// costs nothing before they are there.
static uint8_t *load_stream(gzFile in, const char *path, size_t most, size_t *bytes,
                            char err[DATA_ERROR])
{
    size_t capacity = 1 << 16;
    uint8_t *all = malloc(capacity);
    for (*bytes = 0; all;) {
        int got = gzread(in, all + *bytes, (unsigned)(capacity - *bytes < (1u << 30)
                                                          ? capacity - *bytes : 1u << 30));
        int code = Z_OK;
        const char *why = got <= 0 ? gzerror(in, &code) : "";
        if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
            snprintf(err, DATA_ERROR, "%s: %s", path, code == Z_ERRNO ? strerror(errno) : why);
            break;
        }
        if (got == 0)
            return all;
        *bytes += (size_t)got;
        if (*bytes > most) {
            snprintf(err, DATA_ERROR, "%s holds more than the %zu bytes that can be used", path,
                     most);
            break;
        }
        if (*bytes == capacity) {
            uint8_t *grown = realloc(all, capacity *= 2);
            if (!grown)
                break;
            all = grown;
        }
    }
    if (!err[0])
        snprintf(err, DATA_ERROR, "out of memory while reading %s", path);
    free(all);
    return NULL;
}

uint8_t *source_load_file(const char *path, size_t most, size_t *bytes, char err[DATA_ERROR])
{
    errno = 0;
    gzFile in = gzopen(path, "rbe");
    if (!in) {
        snprintf(err, DATA_ERROR, "cannot open %s: %s", path,
                 errno ? strerror(errno) : "out of memory");
        return NULL;
    }
    err[0] = 0;
    uint8_t *all = load_stream(in, path, most, bytes, err);
    int closed = gzclose(in);                   // Z_BUF_ERROR: the file ends inside the stream
    if (all && closed != Z_OK) {
        snprintf(err, DATA_ERROR, "%s: damaged or cut short", path);
        free(all);
        all = NULL;
    }
    return all;
}
