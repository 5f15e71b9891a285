// Stages of a data section become steps of a feed; what cannot be run is refused at its place.
#include "runtime/data/pipeline.h"
#include <string.h>

// size = 224 or 256x320 (rows x columns).
static void stage_size(const Stage *s, FeedStep *step)
{
    const StageArg *size = stage_arg(s, "size");
    bool pair = size && size->kind == ARG_DIMS && size->dim_count == 2;
    step->height = size ? (int)(pair ? size->dims[0] : (int64_t)size->number) : 0;
    step->width = pair ? (int)size->dims[1] : step->height;
}

bool stage_says(const Stage *s, const char *name, const char *word)
{
    const char *given = stage_text(s, name);
    return given && !strcmp(given, word);
}

static bool step_of_stage(const Stage *s, bool floats, FeedStep *step, Refused *no)
{
    step->span = s->at;
    if (!strcmp(s->kind, "resize") || !strcmp(s->kind, "grey")) {
        if (floats)
            return refuse(no, REFUSE_BYTES_AFTER_FLOATS, s->at);
        step->kind = s->kind[0] == 'r' ? FEED_RESIZE : FEED_GREY;
    } else if (!strcmp(s->kind, "crop")) {
        step->kind = floats ? FEED_CROP_FLOATS : FEED_CROP;
        step->at = stage_says(s, "at", "random") ? CROP_RANDOM
                   : stage_says(s, "at", "corners") ? CROP_CORNERS : CROP_CENTER;
    } else if (!strcmp(s->kind, "mirror")) {
        step->kind = floats ? FEED_MIRROR_FLOATS : FEED_MIRROR;
        step->both = stage_says(s, "p", "both");
        step->p = stage_number(s, "p");
    } else {
        step->kind = FEED_LIGHT;
        step->p = stage_number(s, "pca");
    }
    step->shorter = stage_says(s, "side", "shorter");
    stage_size(s, step);
    if ((!strcmp(s->kind, "resize") || !strcmp(s->kind, "crop")) &&
        (step->height < 1 || step->width < 1))
        return refuse(no, REFUSE_SIZE, s->at);
    return true;
}

// Adds the stages [first, count) of a pipeline to a feed.
static bool add_stages(Feed *f, const Pipeline *p, int first, bool *floats, Refused *no)
{
    for (int i = first; i < p->count; i++) {
        const Stage *s = &p->stages[i];
        if (!strcmp(s->kind, "scale")) {
            double by = stage_number(s, "by");
            f->by *= by;
            f->add = f->add * by + stage_number(s, "add");
            *floats = true;
            for (int j = f->byte_steps; j < f->step_count; j++)
                if (f->steps[j].kind == FEED_CENTER || f->steps[j].kind == FEED_LIGHT)
                    return refuse(no, REFUSE_SCALE_AFTER_CENTER, s->at);
            continue;
        }
        if (f->step_count == FEED_STEPS)
            return refuse(no, REFUSE_STAGES, s->at);
        FeedStep *step = &f->steps[f->step_count];
        *floats |= !strcmp(s->kind, "light");
        if (!step_of_stage(s, *floats, step, no))
            return false;
        step->stage = (uint32_t)f->step_count++;
        f->byte_steps += !*floats;
    }
    return true;
}

static bool add_center(Feed *f, const Pipeline *center, bool *floats, Refused *no)
{
    if (!center->count)
        return true;
    const Stage *s = &center->stages[0];
    if (strcmp(s->kind, "mean") || center->count > 1)
        return refuse(no, REFUSE_CENTER, center->at);
    if (f->step_count == FEED_STEPS)
        return refuse(no, REFUSE_STAGES, s->at);
    f->steps[f->step_count++] = (FeedStep){ .kind = FEED_CENTER, .span = s->at };
    *floats = true;
    return true;
}

static bool draws_or_branches(const FeedStep *s)
{
    return s->at == CROP_RANDOM || s->at == CROP_CORNERS || s->kind == FEED_MIRROR ||
           s->kind == FEED_MIRROR_FLOATS;
}

// Whether the step may stand where it does.
static bool step_accepted(const Feed *f, const FeedStep *s, bool testing, Refused *no)
{
    if (!testing && (s->at == CROP_CORNERS || s->both))
        return refuse(no, REFUSE_VIEWS_TRAINING, s->span);
    if (testing && draws_or_branches(s) && s->at != CROP_CORNERS && !s->both)
        return refuse(no, REFUSE_RANDOM_TESTING, s->span);
    if (s->kind == FEED_CENTER && f->fixed < f->byte_steps)
        return refuse(no, REFUSE_RANDOM_MEAN, s->span);
    return true;
}

bool pipeline_is_held(const Pipeline *p)
{
    return p->count && !strcmp(p->stages[0].kind, "hold");
}

bool feed_compile(Feed *f, const DataRecipe *r, bool testing, Refused *no)
{
    bool floats = false;
    *f = (Feed){ .by = 1, .views = 1 };
    if (!testing || pipeline_is_held(&r->test))
        if (!add_stages(f, &r->train, 1, &floats, no))
            return false;
    if (testing && !add_stages(f, &r->test, 1, &floats, no))
        return false;
    if (!add_center(f, &r->center, &floats, no))
        return false;
    int own = f->step_count, lights = 0;
    if (!add_stages(f, testing ? &r->views : &r->augment, 0, &floats, no))
        return false;
    f->fixed = 0;
    while (f->fixed < f->byte_steps && !draws_or_branches(&f->steps[f->fixed]))
        f->fixed++;
    for (int i = 0; i < f->step_count; i++) {
        const FeedStep *s = &f->steps[i];
        f->views *= s->at == CROP_CORNERS ? 5 : s->both ? 2 : 1;
        if (s->kind == FEED_LIGHT && (testing || i < own || lights++))
            return refuse(no, REFUSE_LIGHT, s->span);
        if (!step_accepted(f, s, testing, no))
            return false;
    }
    return true;
}

bool data_accepts(const DataRecipe *r, Refused *no)
{
    Feed f;
    const Pipeline *both[] = { &r->train, &r->test };
    if (r->train.count && pipeline_is_held(&r->train))
        return refuse(no, REFUSE_HELD_TRAINING, r->train.at);
    for (int i = 0; i < 2; i++)
        if (both[i]->count && !(i == 1 && pipeline_is_held(both[i])) &&
            !source_is_known(both[i]->stages[0].kind))
            return refuse(no, REFUSE_SOURCE, both[i]->stages[0].at);
    return (!r->train.count || feed_compile(&f, r, false, no)) &&
           (!r->test.count || feed_compile(&f, r, true, no));
}
