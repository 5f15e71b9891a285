// The steps of a pipeline on floats. They only choose pixels and add to them, so each row that comes out is
// made in one pass over the bytes it comes from; nothing is computed for pixels that a crop leaves out.
#include "base/levels.h"
#include "runtime/data/choice.h"
#include "runtime/data/feed.h"
#include <string.h>

// A step, its random numbers drawn. `top`, `left`: where the window that comes out in the end starts in
// the image that the step is given.
typedef struct {
    FeedStepKind kind;
    int          height, width;        // of the image that the step is given
    int          cut_top, cut_left;    // crop
    bool         mirrors;
    float        add[3];               // light
    int          top, left;
} Drawn;

static void draw(const Feed *f, const Image *im, const FeedKey *key, int64_t index, Drawn *list)
{
    int view = key->view, height = im->height, width = im->width;
    for (int i = 0; i < f->byte_steps; i++)
        view /= choice_views(&f->steps[i]);
    for (int i = f->byte_steps; i < f->step_count; i++) {
        const FeedStep *step = &f->steps[i];
        Drawn *d = &list[i];
        int digit = view % choice_views(step);
        view /= choice_views(step);
        *d = (Drawn){ .kind = step->kind, .height = height, .width = width };
        if (step->kind == FEED_CROP_FLOATS) {
            choice_crop(step, key, index, digit, height, width, &d->cut_top, &d->cut_left);
            height = step->height;
            width = step->width;
        } else if (step->kind == FEED_MIRROR_FLOATS) {
            d->mirrors = choice_mirror(step, key, index, digit);
        } else if (step->kind == FEED_LIGHT) {
            choice_light(step, key, index, f->colours, d->add);
        }
    }
}

// From the end to the beginning; returns where the window starts in the bytes.
static Drawn find_windows(const Feed *f, Drawn *list)
{
    Drawn at = { .top = 0 };
    for (int i = f->step_count - 1; i >= f->byte_steps; i--) {
        at.top += list[i].cut_top;
        at.left += list[i].cut_left;
        if (list[i].mirrors)
            at.left = list[i].width - at.left - (int)f->image.w;
        list[i].top = at.top;
        list[i].left = at.left;
    }
    return at;
}

static void mirror_row(float *row, int width)
{
    for (float *left = row, *right = row + width - 1; left < right; left++, right--) {
        float kept = *left;
        *left = *right;
        *right = kept;
    }
}

// Row `y` of channel `c` through a step; it stands from left to right in the image that the step is given.
static inline void apply(const Feed *f, const Drawn *d, size_t c, int y, float *row, int width)
{
    if (d->kind == FEED_CENTER) {
        size_t line = c * (size_t)d->height + (size_t)(d->top + y);
        const float *mean = f->mean + line * (size_t)d->width + (size_t)d->left;
        for (int x = 0; x < width; x++)
            row[x] -= mean[x];
    } else if (d->kind == FEED_LIGHT) {
        for (int x = 0; x < width; x++)
            row[x] += d->add[c];
    } else if (d->mirrors) {
        mirror_row(row, width);
    }
}

FOR_EVERY_LEVEL
void feed_floats(const Feed *f, const Image *im, const FeedKey *key, int64_t index, float *to)
{
    Drawn list[FEED_STEPS];
    int height = (int)f->image.h, width = (int)f->image.w;
    float by = (float)f->by, add = (float)f->add;
    draw(f, im, key, index, list);
    Drawn at = find_windows(f, list);
    for (size_t c = 0; c < (size_t)f->image.c; c++)
        for (int y = 0; y < height; y++, to += width) {
            size_t line = c * (size_t)im->height + (size_t)(at.top + y);
            const uint8_t *from = im->pixels + line * (size_t)im->width + (size_t)at.left;
            for (int x = 0; x < width; x++)
                to[x] = by * (float)from[x] + add;
            for (int i = f->byte_steps; i < f->step_count; i++)
                apply(f, &list[i], c, y, to, width);
        }
}
