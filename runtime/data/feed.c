// Samples of an open feed: read, stepped through the pipeline, turned into floats.
#include "runtime/data/feed.h"
#include "runtime/data/choice.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t feed_source_index(const Feed *f, int64_t index)
{
    if (!f->every)
        return index;
    return f->held ? index * f->every + f->every - 1 : index + index / (f->every - 1);
}

// --- on bytes ------------------------------------------------------------------------------------

static bool resize_bytes(const FeedStep *step, Reader *r, char err[DATA_ERROR])
{
    int height = step->height, width = step->width, from_h = r->image.height,
        from_w = r->image.width;
    if (step->shorter) {                     // the longer side, rounded to the nearest pixel
        int64_t size = step->height;
        height = from_h <= from_w ? (int)size : (int)((from_h * size + from_w / 2) / from_w);
        width = from_w <= from_h ? (int)size : (int)((from_w * size + from_h / 2) / from_h);
    }
    if (height == from_h && width == from_w)
        return true;
    if (!image_resample(&r->image, height, width, &r->spare, err))
        return false;
    Image done = r->spare;
    r->spare = r->image;
    r->image = done;
    return true;
}

bool feed_apply_bytes(const Feed *f, Reader *r, int first, int last, const FeedKey *key,
                      int64_t index, char err[DATA_ERROR])
{
    int view = key ? key->view : 0;
    for (int i = first; i < last; i++) {
        const FeedStep *step = &f->steps[i];
        int top, left, digit = view % choice_views(step);
        view /= choice_views(step);
        switch (step->kind) {
        case FEED_RESIZE:
            if (!resize_bytes(step, r, err))
                return false;
            break;
        case FEED_CROP:
            if (r->image.height < step->height || r->image.width < step->width) {
                snprintf(err, DATA_ERROR, "%dx%d pixels are too few for crop(%dx%d)",
                         r->image.height, r->image.width, step->height, step->width);
                return false;
            }
            choice_crop(step, key, index, digit, r->image.height, r->image.width, &top, &left);
            image_crop(&r->image, top, left, step->height, step->width);
            break;
        case FEED_MIRROR:
            if (choice_mirror(step, key, index, digit))
                image_mirror(&r->image);
            break;
        case FEED_GREY:
            image_grey(&r->image);
            break;
        default:
            break;
        }
    }
    return true;
}

static bool cache_find(const Feed *f, Reader *r, int64_t index, int *label, char err[DATA_ERROR],
                       bool *found)
{
    *found = f->cache.bytes &&
             atomic_load_explicit(&f->cache.state[index], memory_order_acquire) == 2;
    if (!*found)
        return true;
    *label = f->cache.labels[index];
    if (!image_resize_buffer(&r->image, f->fixed_channels, f->fixed_height, f->fixed_width, err))
        return false;
    memcpy(r->image.pixels, f->cache.bytes + (size_t)index * f->cache.item, f->cache.item);
    return true;
}

static void cache_keep(const Feed *f, const Reader *r, int64_t index, int label)
{
    uint8_t empty = 0;
    if (!f->cache.bytes || !atomic_compare_exchange_strong(&f->cache.state[index], &empty, 1))
        return;
    f->cache.labels[index] = label;
    memcpy(f->cache.bytes + (size_t)index * f->cache.item, r->image.pixels, f->cache.item);
    atomic_store_explicit(&f->cache.state[index], 2, memory_order_release);
}

// Reads and steps; errors come without the sample's name.
static bool bytes_of(const Feed *f, Reader *r, int64_t index, int *label, char err[DATA_ERROR])
{
    int from = 0;
    if (!f->source->class->read(f->source, feed_source_index(f, index), r, &from, err) ||
        !feed_apply_bytes(f, r, 0, f->fixed, NULL, index, err))
        return false;
    *label = f->label_map ? f->label_map[from] : from;
    if (*label < 0 || *label >= f->classes) {
        snprintf(err, DATA_ERROR, "class %d; the net tells %d apart", *label, f->classes);
        return false;
    }
    const Image *im = &r->image;
    if (im->channels != f->fixed_channels || im->height != f->fixed_height ||
        im->width != f->fixed_width) {
        snprintf(err, DATA_ERROR, "is %dx%dx%d, other images are %dx%dx%d; `resize` or `crop` "
                 "makes them equal", im->channels, im->height, im->width, f->fixed_channels,
                 f->fixed_height, f->fixed_width);
        return false;
    }
    return true;
}

bool feed_bytes(const Feed *f, Reader *r, int64_t index, int *label, char err[DATA_ERROR])
{
    bool found;
    if (!cache_find(f, r, index, label, err, &found))
        return false;
    if (found)
        return true;
    if (!bytes_of(f, r, index, label, err)) {
        char name[DATA_ERROR], why[DATA_ERROR];
        f->source->class->name(f->source, feed_source_index(f, index), name);
        snprintf(why, sizeof why, "%s", err);
        snprintf(err, DATA_ERROR, "%.300s: %.200s", name, why);
        return false;
    }
    cache_keep(f, r, index, *label);
    return true;
}

// --- a sample --------------------------------------------------------------------------------------

bool feed_sample(const Feed *f, Reader *r, const FeedKey *key, int64_t index, float *to,
                 int *label, char err[DATA_ERROR])
{
    if (!feed_bytes(f, r, index, label, err) ||
        !feed_apply_bytes(f, r, f->fixed, f->byte_steps, key, index, err))
        return false;
    feed_floats(f, &r->image, key, index, to);
    return true;
}
