// Tar shards through libarchive. Times, owners and modes are fixed, so that bytes depend on records only.
#include "runtime/data/shard_writer.h"
#include "runtime/data/shard.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct ShardWriter {
    char           *folder, *name;
    int64_t         most_bytes, bytes;        // of the open shard
    int             shards;                   // that are whole
    struct archive *tar;                      // NULL: none is open
    int             fd;
};

static bool no_memory(char err[DATA_ERROR])
{
    snprintf(err, DATA_ERROR, "out of memory");
    return false;
}

// The place of the shard at hand, and where it is written.
static bool shard_paths(const ShardWriter *w, char **path, char **part)
{
    *part = NULL;
    if (asprintf(path, "%s/%s-%06d.tar", w->folder, w->name, w->shards) < 0)
        *path = NULL;
    else if (asprintf(part, "%s.part", *path) < 0)
        *part = NULL;
    return *path && *part;
}

ShardWriter *shard_writer_open(const ShardOptions *o, char err[DATA_ERROR])
{
    ShardWriter *w = calloc(1, sizeof *w);
    if (w) {
        w->folder = strdup(o->folder);
        w->name = strdup(o->name);
        w->most_bytes = o->most_bytes;
        w->fd = -1;
    }
    if (w && w->folder && w->name)
        return w;
    if (w) {
        free(w->folder);
        free(w->name);
    }
    free(w);
    no_memory(err);
    return NULL;
}

static bool open_shard(ShardWriter *w, char err[DATA_ERROR])
{
    char *path, *part;
    bool ok = shard_paths(w, &path, &part);
    if (!ok)
        no_memory(err);
    w->bytes = 0;
    w->fd = ok ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (ok && w->fd < 0) {
        snprintf(err, DATA_ERROR, "cannot write %s: %s", part, strerror(errno));
        ok = false;
    }
    w->tar = ok ? archive_write_new() : NULL;
    if (ok && (!w->tar || archive_write_set_format_pax(w->tar) != ARCHIVE_OK ||
               archive_write_set_options(w->tar, "pax:xattrheader=SCHILY") != ARCHIVE_OK ||
               archive_write_open_fd(w->tar, w->fd) != ARCHIVE_OK)) {
        snprintf(err, DATA_ERROR, "%s: %s", part, w->tar ? archive_error_string(w->tar) : "out of memory");
        ok = false;
    }
    free(path);
    free(part);
    return ok;
}

static bool drop_shard(ShardWriter *w)
{
    char *path, *part;
    if (w->tar)
        archive_write_free(w->tar);
    w->tar = NULL;
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
        if (shard_paths(w, &path, &part))
            unlink(part);
        free(path);
        free(part);
    }
    return false;
}

static bool end_shard(ShardWriter *w, char err[DATA_ERROR])
{
    char *path, *part;
    bool ok = archive_write_close(w->tar) == ARCHIVE_OK;
    if (!ok)
        snprintf(err, DATA_ERROR, "%s", archive_error_string(w->tar));
    if (!shard_paths(w, &path, &part))
        ok = no_memory(err);
    if (ok && (fsync(w->fd) || rename(part, path))) {
        snprintf(err, DATA_ERROR, "cannot write %s: %s", path, strerror(errno));
        ok = false;
    }
    free(path);
    free(part);
    if (!ok)
        return drop_shard(w);
    archive_write_free(w->tar);
    w->tar = NULL;
    close(w->fd);
    w->fd = -1;
    w->shards++;
    return true;
}

static bool add_file(ShardWriter *w, const ShardRecord *r, const char *extension, const void *bytes,
                     size_t count, char err[DATA_ERROR])
{
    char name[256], digits[SHARD_CHECKSUM_DIGITS + 1];
    struct archive_entry *e = archive_entry_new();
    if (!e)
        return no_memory(err);
    snprintf(name, sizeof name, "%s.%s", r->key, extension);
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)count);
    archive_entry_set_mtime(e, 0, 0);
    if (bytes == r->image.bytes) {
        snprintf(digits, sizeof digits, "%016llx", (unsigned long long)XXH3_64bits(bytes, count));
        archive_entry_xattr_add_entry(e, SHARD_CHECKSUM, digits, SHARD_CHECKSUM_DIGITS);
    }
    bool ok = archive_write_header(w->tar, e) == ARCHIVE_OK &&
              archive_write_data(w->tar, bytes, count) == (la_ssize_t)count;
    if (!ok)
        snprintf(err, DATA_ERROR, "cannot write %s to a shard: %s", name, archive_error_string(w->tar));
    archive_entry_free(e);
    return ok;
}

bool shard_writer_add(ShardWriter *w, const ShardRecord *r, char err[DATA_ERROR])
{
    char label[16];
    int digits = snprintf(label, sizeof label, "%d", r->label);
    if (w->tar && w->bytes + (int64_t)r->image.count > w->most_bytes && !end_shard(w, err))
        return false;
    if (!w->tar && !open_shard(w, err))
        return drop_shard(w);
    w->bytes += (int64_t)r->image.count;
    return (add_file(w, r, r->extension, r->image.bytes, r->image.count, err) &&
            add_file(w, r, "cls", label, (size_t)digits, err)) || drop_shard(w);
}

bool shard_writer_close(ShardWriter *w, bool whole, int *shards, char err[DATA_ERROR])
{
    bool ok = whole;
    if (whole && w->tar)
        ok = end_shard(w, err);
    else
        drop_shard(w);
    *shards = w->shards;
    free(w->folder);
    free(w->name);
    free(w);
    return ok;
}
