// Random draws and views, by the key of the epoch, the sample and the stage.
#include "runtime/data/choice.h"
#include "runtime/data/draw.h"
#include <assert.h>

static DrawKey key_of(const FeedStep *step, const FeedKey *key, int64_t index, DrawPurpose purpose)
{
    assert(key);                   // the fixed steps, which have no key, draw nothing
    return (DrawKey){ .seed = key->seed, .epoch = key->epoch, .sample = (uint32_t)index,
                      .purpose = purpose, .stage = step->stage };
}

void choice_crop(const FeedStep *step, const FeedKey *key, int64_t index, int view, int height, int width,
                 int *top, int *left)
{
    static const int corner[5][2] = { { 0, 0 }, { 0, 2 }, { 1, 1 }, { 2, 0 }, { 2, 2 } };
    int room_y = height - step->height, room_x = width - step->width;
    *top = room_y / 2;
    *left = room_x / 2;
    if (step->at == CROP_RANDOM) {
        DrawKey draw = key_of(step, key, index, DRAW_CROP);
        *top = (int)draw_below(&draw, 0, (uint32_t)room_y + 1);
        *left = (int)draw_below(&draw, 1, (uint32_t)room_x + 1);
    } else if (step->at == CROP_CORNERS) {
        *top = room_y * corner[view][0] / 2;
        *left = room_x * corner[view][1] / 2;
    }
}

bool choice_mirror(const FeedStep *step, const FeedKey *key, int64_t index, int view)
{
    if (step->both)
        return view != 0;
    DrawKey draw = key_of(step, key, index, DRAW_MIRROR);
    return draw_unit(&draw, 0) < step->p;
}

int choice_views(const FeedStep *step)
{
    return step->at == CROP_CORNERS ? 5 : step->both ? 2 : 1;
}

void choice_light(const FeedStep *step, const FeedKey *key, int64_t index, const double colours[3][3],
                  float add[3])
{
    DrawKey draw = key_of(step, key, index, DRAW_LIGHT);
    double sum[3] = { 0, 0, 0 };
    for (uint32_t i = 0; i < 3; i++) {
        double alpha = step->p * draw_normal(&draw, i);
        for (int c = 0; c < 3; c++)
            sum[c] += alpha * colours[i][c];
    }
    for (int c = 0; c < 3; c++)
        add[c] = (float)sum[c];
}
