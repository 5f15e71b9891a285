// Made-up images: independent bytes and labels, each a pure function of seed and sample.
#include "runtime/data/draw.h"
#include "runtime/data/source.h"
#include <stdio.h>
#include <string.h>

static bool random_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    const StageArg *shape = stage_arg(o->stage, "shape");
    if (!shape || shape->dim_count != 3) {
        snprintf(err, DATA_ERROR, "random needs a shape of three dimensions, as in 3x32x32");
        return false;
    }
    for (int i = 0; i < 3; i++)
        if (shape->dims[i] < 1 || shape->dims[i] > 65536) {
            snprintf(err, DATA_ERROR, "random: dimension %lld is out of range",
                     (long long)shape->dims[i]);
            return false;
        }
    s->classes = (int)stage_number(o->stage, "classes");
    s->count = (int64_t)stage_number(o->stage, "count");
    s->channels = (int)shape->dims[0];
    s->height = (int)shape->dims[1];
    s->width = (int)shape->dims[2];
    s->cheap = true;
    // The test set is another draw of the same source.
    s->state = (void *)((uintptr_t)stage_number(o->stage, "seed") * 2 + (o->testing ? 1 : 0));
    return true;
}

static void random_close(ImageSource *s)
{
    (void)s;
}

static bool random_read(const ImageSource *s, int64_t index, Reader *r, int *label,
                        char err[DATA_ERROR])
{
    DrawKey key = { .seed = (uintptr_t)s->state, .sample = (uint32_t)index, .purpose = DRAW_LABEL };
    if (!image_resize_buffer(&r->image, s->channels, s->height, s->width, err))
        return false;
    *label = (int)draw_below(&key, 0, (uint32_t)s->classes);
    key.purpose = DRAW_PIXELS;
    size_t bytes = image_bytes(&r->image);
    for (size_t i = 0; i < bytes; i += 16) {
        uint32_t block[4];
        draw_block(&key, (uint32_t)(i / 16), block);
        memcpy(r->image.pixels + i, block, bytes - i < 16 ? bytes - i : 16);
    }
    return true;
}

static void random_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    (void)s;
    snprintf(to, DATA_ERROR, "random sample %lld", (long long)index);
}

const SourceClass source_random = { "random", random_open, random_close, random_read, random_name };
