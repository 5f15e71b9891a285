// Images are read, resized and encoded a chunk at a time, by all threads; then written in their order.
#include "runtime/data/pack.h"
#include "runtime/data/shard.h"
#include "runtime/data/shard_writer.h"
#include "runtime/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_A_THREAD = 16 };

typedef struct {
    Encoded file;
    int     label;
    bool    ok, copied, is_png;
    char    err[DATA_ERROR];
} Item;

typedef struct {
    const ImageSource *source;
    const PackOptions *options;
    Reader            *readers;        // a thread's own
    Item              *items;
    int64_t            first;          // of the chunk
} Chunk;

// The shorter side becomes `size`; the other keeps the proportion, rounded.
static bool resize(const PackOptions *o, Reader *r, bool *changed, char err[DATA_ERROR])
{
    Image *im = &r->image;
    int shorter = im->height < im->width ? im->height : im->width;
    *changed = o->size && shorter != o->size;
    if (!*changed)
        return true;
    int64_t height = ((int64_t)im->height * o->size + shorter / 2) / shorter;
    int64_t width = ((int64_t)im->width * o->size + shorter / 2) / shorter;
    if (!image_resample(im, (int)height, (int)width, &r->spare, err))
        return false;
    Image kept = *im;
    *im = r->spare;
    r->spare = kept;
    return true;
}

static bool copy_file(const Reader *r, Item *item)
{
    item->file = (Encoded){ .bytes = malloc(r->file_bytes), .count = r->file_bytes };
    if (!item->file.bytes) {
        snprintf(item->err, DATA_ERROR, "out of memory");
        return false;
    }
    memcpy(item->file.bytes, r->file, r->file_bytes);
    item->copied = true;
    item->is_png = r->file[0] == 0x89;               // decode_image took it: it is JPEG or PNG
    return true;
}

static void pack_item(void *context, int64_t i, const PoolWorker *worker)
{
    const Chunk *c = context;
    const PackOptions *o = c->options;
    Reader *r = &c->readers[worker->index];
    Item *item = &c->items[i];
    bool changed;
    *item = (Item){ .is_png = o->quality == 0 };
    r->file_bytes = 0;
    item->ok = c->source->class->read(c->source, c->first + i, r, &item->label, item->err) &&
               resize(o, r, &changed, item->err) &&
               (!changed && r->file_bytes ? copy_file(r, item)
                : o->quality              ? encode_jpeg(&r->image, o->quality, &item->file, item->err)
                                          : encode_png(&r->image, &item->file, item->err));
}

// False: it ends here, `err` says why.
static bool take_bad(const Chunk *c, int64_t i, Packed *packed, char err[DATA_ERROR])
{
    char name[DATA_ERROR], text[2 * DATA_ERROR + 4];
    c->source->class->name(c->source, c->first + i, name);
    snprintf(text, sizeof text, "%s: %s", name, c->items[i].err);
    packed->bad++;
    if (c->options->on_bad && c->options->skip_bad)
        c->options->on_bad(c->options->context, text);
    snprintf(err, DATA_ERROR, "%.*s", DATA_ERROR - 1, text);
    return c->options->skip_bad;
}

static bool write_chunk(const Chunk *c, int64_t count, ShardWriter *w, Packed *packed, char err[DATA_ERROR])
{
    bool ok = true;
    for (int64_t i = 0; i < count; i++) {
        Item *item = &c->items[i];
        int64_t number = c->first + i;
        char key[24];
        snprintf(key, sizeof key, "%09lld", (long long)number);
        ShardRecord r = { key, item->is_png ? "png" : "jpg", item->file, item->label };
        if (ok && !item->ok) {
            ok = take_bad(c, i, packed, err);
        } else if (ok) {
            ok = shard_writer_add(w, &r, err);
            packed->images++;
            packed->copied += item->copied;
            packed->bytes += (int64_t)item->file.count;
        }
        free(item->file.bytes);
    }
    return ok;
}

static bool write_classes(const ImageSource *s, const char *folder, char err[DATA_ERROR])
{
    char *path = NULL;
    if (!s->class_names)
        return true;
    FILE *out = asprintf(&path, "%s/%s", folder, SHARD_CLASSES) < 0 ? NULL : fopen(path, "we");
    bool ok = out != NULL;
    for (int i = 0; ok && i < s->classes; i++)
        ok = !strpbrk(s->class_names[i], "\r\n") && fprintf(out, "%s\n", s->class_names[i]) > 0;
    ok = ok && fflush(out) == 0 && fsync(fileno(out)) == 0;
    if (out)
        ok = fclose(out) == 0 && ok;
    if (!ok)
        snprintf(err, DATA_ERROR, "cannot write %s", path ? path : SHARD_CLASSES);
    free(path);
    return ok;
}

static bool pack_chunks(Chunk *c, Pool *pool, ShardWriter *w, int64_t most, Packed *packed,
                        char err[DATA_ERROR])
{
    for (; c->first < c->source->count; c->first += most) {
        int64_t left = c->source->count - c->first, count = left < most ? left : most;
        pool_run(pool, count, pack_item, c);
        if (!write_chunk(c, count, w, packed, err))
            return false;
    }
    return true;
}

bool pack_source(const ImageSource *s, const PackOptions *o, Packed *packed, char err[DATA_ERROR])
{
    ShardOptions shards = { o->folder, o->name, o->most_bytes };
    int64_t most = (int64_t)o->threads * CHUNK_A_THREAD;
    *packed = (Packed){ .images = 0 };
    Chunk c = { s, o, calloc((size_t)o->threads, sizeof(Reader)), calloc((size_t)most, sizeof(Item)), 0 };
    Pool *pool = pool_open(o->threads, 0);
    bool ok = c.readers && c.items && pool;
    if (!ok)
        snprintf(err, DATA_ERROR, "out of memory");
    ShardWriter *w = ok ? shard_writer_open(&shards, err) : NULL;
    ok = w && write_classes(s, o->folder, err) && pack_chunks(&c, pool, w, most, packed, err);
    if (w)
        ok = shard_writer_close(w, ok, &packed->shards, err) && ok;
    for (int i = 0; c.readers && i < o->threads; i++)
        reader_free(&c.readers[i]);
    pool_close(pool);
    free(c.readers);
    free(c.items);
    return ok;
}
