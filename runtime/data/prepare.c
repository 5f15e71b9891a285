// Crops and mirrors behind each other are one window, its columns reversed or not.
#include "runtime/data/prepare.h"
#include "runtime/data/choice.h"
#include <string.h>

bool feed_prepares(const Feed *f, InputStages *s)
{
    int lights = 0, centres = 0;
    *s = (InputStages){ f->fixed_channels, f->fixed_height, f->fixed_width, f->fixed_height,
                        f->fixed_width, false, f->by, f->add };
    int height = f->fixed_height, width = f->fixed_width;
    for (int i = f->fixed; i < f->step_count; i++) {
        const FeedStep *step = &f->steps[i];
        bool is_crop = step->kind == FEED_CROP || step->kind == FEED_CROP_FLOATS;
        if (step->kind == FEED_RESIZE || step->kind == FEED_GREY
            || (is_crop && (step->height > height || step->width > width)))
            return false;
        height = is_crop ? step->height : height;
        width = is_crop ? step->width : width;
        if (!centres) {
            s->before_height = height;
            s->before_width = width;
        }
        if ((step->kind == FEED_CENTER && (lights || centres++)) || (step->kind == FEED_LIGHT && lights++))
            return false;
    }
    s->has_mean = centres > 0;
    return f->image.c == f->fixed_channels && (!lights || f->image.c == 3);
}

static void crop(InputView *v, int width, const FeedStep *step, int top, int left)
{
    v->top += top;
    v->left += v->is_mirrored ? width - left - step->width : left;
}

void feed_draw(const Feed *f, const FeedKey *key, int64_t index, InputDraw *to)
{
    int height = f->fixed_height, width = f->fixed_width, view = key->view;
    memset(to, 0, sizeof *to);
    InputView *v = &to->before;
    for (int i = f->fixed; i < f->step_count; i++) {
        const FeedStep *step = &f->steps[i];
        int top, left, digit = view % choice_views(step);
        view /= choice_views(step);
        if (step->kind == FEED_CENTER) {
            v = &to->after;
        } else if (step->kind == FEED_LIGHT) {
            choice_light(step, key, index, f->colours, to->light);
        } else if (step->kind == FEED_CROP || step->kind == FEED_CROP_FLOATS) {
            choice_crop(step, key, index, digit, height, width, &top, &left);
            crop(v, width, step, top, left);
            height = step->height;
            width = step->width;
        } else if (choice_mirror(step, key, index, digit)) {
            v->is_mirrored = !v->is_mirrored;
        }
    }
}
