// Opens pipelines: stages become steps of a feed, sources are opened, shapes worked out, classes
// matched, the mean computed, the cache made.
#include "runtime/data/data.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// --- from stages to steps ------------------------------------------------------------------------

static bool refuse(Span at, Span *out, char err[DATA_ERROR], const char *what)
{
    *out = at;
    snprintf(err, DATA_ERROR, "%s", what);
    return false;
}

// size = 224 or 256x320 (rows x columns).
static void stage_size(const Stage *s, FeedStep *step)
{
    const StageArg *size = stage_arg(s, "size");
    bool pair = size && size->kind == ARG_DIMS && size->dim_count == 2;
    step->height = size ? (int)(pair ? size->dims[0] : (int64_t)size->number) : 0;
    step->width = pair ? (int)size->dims[1] : step->height;
}

static bool word_is(const Stage *s, const char *name, const char *word)
{
    const char *given = stage_text(s, name);
    return given && !strcmp(given, word);
}

static bool step_of_stage(const Stage *s, bool floats, FeedStep *step, Span *at,
                          char err[DATA_ERROR])
{
    step->span = s->at;
    if (!strcmp(s->kind, "resize") || !strcmp(s->kind, "grey")) {
        if (floats)
            return refuse(s->at, at, err, "this stage works on bytes: it must stand before `scale` "
                                          "and cannot be in `augment` or `views` after `center`");
        step->kind = s->kind[0] == 'r' ? FEED_RESIZE : FEED_GREY;
    } else if (!strcmp(s->kind, "crop")) {
        step->kind = floats ? FEED_CROP_FLOATS : FEED_CROP;
        step->at = word_is(s, "at", "random") ? CROP_RANDOM
                   : word_is(s, "at", "corners") ? CROP_CORNERS : CROP_CENTER;
    } else if (!strcmp(s->kind, "mirror")) {
        step->kind = floats ? FEED_MIRROR_FLOATS : FEED_MIRROR;
        step->both = word_is(s, "p", "both");
        step->p = stage_number(s, "p");
    } else {
        snprintf(err, DATA_ERROR, "`%s` cannot be run yet", s->kind);
        *at = s->at;
        return false;
    }
    step->shorter = word_is(s, "side", "shorter");
    stage_size(s, step);
    if ((!strcmp(s->kind, "resize") || !strcmp(s->kind, "crop")) &&
        (step->height < 1 || step->width < 1))
        return refuse(s->at, at, err, "a size of at least 1 is needed");
    return true;
}

// Adds the stages [first, count) of a pipeline to a feed.
static bool add_stages(Feed *f, const Pipeline *p, int first, bool *floats, Span *at,
                       char err[DATA_ERROR])
{
    for (int i = first; i < p->count; i++) {
        const Stage *s = &p->stages[i];
        if (!strcmp(s->kind, "scale")) {
            double by = stage_number(s, "by");
            f->by *= by;
            f->add = f->add * by + stage_number(s, "add");
            *floats = true;
            for (int j = f->byte_steps; j < f->step_count; j++)
                if (f->steps[j].kind == FEED_CENTER)
                    return refuse(s->at, at, err, "`scale` must stand before `center` works");
            continue;
        }
        if (f->step_count == FEED_STEPS)
            return refuse(s->at, at, err, "too many stages");
        FeedStep *step = &f->steps[f->step_count];
        if (!step_of_stage(s, *floats, step, at, err))
            return false;
        step->stage = (uint32_t)f->step_count++;
        f->byte_steps += !*floats;
    }
    return true;
}

static bool add_center(Feed *f, const Pipeline *center, bool *floats, Span *at,
                       char err[DATA_ERROR])
{
    if (!center->count)
        return true;
    const Stage *s = &center->stages[0];
    if (strcmp(s->kind, "mean") || center->count > 1)
        return refuse(center->at, at, err, "only mean(pixel) and mean(channel) can be run");
    if (f->step_count == FEED_STEPS)
        return refuse(s->at, at, err, "too many stages");
    f->steps[f->step_count++] = (FeedStep){ .kind = FEED_CENTER, .span = s->at };
    *floats = true;
    return true;
}

static bool draws_or_branches(const FeedStep *s)
{
    return s->at == CROP_RANDOM || s->at == CROP_CORNERS || s->kind == FEED_MIRROR ||
           s->kind == FEED_MIRROR_FLOATS;
}

static bool is_hold(const Pipeline *p)
{
    return p->count && !strcmp(p->stages[0].kind, "hold");
}

// The steps of the training or of the test feed. A held-out test set goes through the training
// pipeline's own stages first.
static bool compile_feed(Feed *f, const DataRecipe *r, bool testing, Span *at, char err[DATA_ERROR])
{
    bool floats = false;
    *f = (Feed){ .by = 1, .views = 1 };
    if (!testing || is_hold(&r->test))
        if (!add_stages(f, &r->train, 1, &floats, at, err))
            return false;
    if (testing && !add_stages(f, &r->test, 1, &floats, at, err))
        return false;
    if (!add_center(f, &r->center, &floats, at, err))
        return false;
    if (!add_stages(f, testing ? &r->views : &r->augment, 0, &floats, at, err))
        return false;
    f->fixed = 0;
    while (f->fixed < f->byte_steps && !draws_or_branches(&f->steps[f->fixed]))
        f->fixed++;
    for (int i = 0; i < f->step_count; i++) {
        const FeedStep *s = &f->steps[i];
        f->views *= s->at == CROP_CORNERS ? 5 : s->both ? 2 : 1;
        if (!testing && (s->at == CROP_CORNERS || s->both))
            return refuse(s->span, at, err, "several views are for testing: use `views`");
        if (testing && (s->at == CROP_RANDOM || (draws_or_branches(s) && s->at != CROP_CORNERS &&
                                                 !s->both)))
            return refuse(s->span, at, err, "a random stage cannot be in what is tested on");
        if (s->kind == FEED_CENTER && f->fixed < f->byte_steps)
            return refuse(s->span, at, err, "the mean needs `train` without random stages");
    }
    return true;
}

bool data_accepts(const DataRecipe *r, Span *at, char err[DATA_ERROR])
{
    Feed f;
    const Pipeline *both[] = { &r->train, &r->test };
    for (int i = 0; i < 2; i++)
        if (both[i]->count && !(i == 1 && is_hold(both[i])) &&
            !source_is_known(both[i]->stages[0].kind))
            return refuse(both[i]->stages[0].at, at, err, "this source cannot be read yet");
    if (r->train.count && is_hold(&r->train))
        return refuse(r->train.at, at, err, "only `test` can be held out");
    return (!r->train.count || compile_feed(&f, r, false, at, err)) &&
           (!r->test.count || compile_feed(&f, r, true, at, err));
}

// --- shapes --------------------------------------------------------------------------------------

typedef struct { int channels, height, width; } Size;      // height 0: not known yet

static void step_size(const FeedStep *s, Size *z)
{
    if (s->kind == FEED_GREY && z->channels == 3)
        z->channels = 1;
    if (s->kind == FEED_CROP || s->kind == FEED_CROP_FLOATS ||
        (s->kind == FEED_RESIZE && !s->shorter)) {
        z->height = s->height;
        z->width = s->width;
    } else if (s->kind == FEED_RESIZE && z->height) {
        int64_t h = z->height, w = z->width, size = s->height;
        z->height = h <= w ? (int)size : (int)((h * size + w / 2) / w);
        z->width = w <= h ? (int)size : (int)((w * size + h / 2) / h);
    }
}

// Follows the shape through the feed. Where files decide it, the first one that can be read does.
static bool feed_shapes(Feed *f, Span *at, char err[DATA_ERROR])
{
    const ImageSource *s = f->source;
    Size z = { s->channels, s->height, s->width };
    for (int i = 0; i < f->fixed; i++)
        step_size(&f->steps[i], &z);
    Reader r = { .file = NULL };
    bool known = z.height != 0;
    for (int64_t i = 0; !known && i < f->count && i < 1000; i++) {
        int label;
        known = s->class->read(s, feed_source_index(f, i), &r, &label, err) &&
                feed_apply_bytes(f, &r, 0, f->fixed, NULL, i, err);
        z = (Size){ r.image.channels, r.image.height, r.image.width };
    }
    reader_free(&r);
    if (!known)
        return false;
    f->fixed_channels = z.channels;
    f->fixed_height = z.height;
    f->fixed_width = z.width;
    for (int i = f->fixed; i < f->step_count; i++) {
        const FeedStep *step = &f->steps[i];
        Size before = z;
        step_size(step, &z);
        if (z.height > before.height || z.width > before.width) {
            *at = step->span;
            snprintf(err, DATA_ERROR, "%dx%d pixels are too few for crop(%dx%d)", before.height,
                     before.width, z.height, z.width);
            return false;
        }
    }
    f->image = (Shape){ 1, z.channels, z.height, z.width };
    return true;
}

static bool check_image(const Feed *f, const DataOptions *o, const Pipeline *p, bool testing,
                        Span *at, char err[DATA_ERROR])
{
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    if (f->image.c == o->image.c && f->image.h == o->image.h && f->image.w == o->image.w)
        return true;
    *at = p->at;
    snprintf(err, DATA_ERROR, "%s images are %s, the net takes %s%s", testing ? "test" : "training",
             shape_text(have, f->image), shape_text(want, o->image),
             testing && f->image.h > o->image.h ? "; `views = crop(...)` takes their middle" : "");
    return false;
}

// --- classes -------------------------------------------------------------------------------------

static bool keep_class_names(Data *d, const char *const *names, int count)
{
    d->class_names = calloc((size_t)count, sizeof *d->class_names);
    if (!d->class_names)
        return false;
    for (int i = 0; i < count; i++)
        if (!(d->class_names[i] = strdup(names[i])))
            return false;
    d->class_count = count;
    return true;
}

// Folders of the test set mean the training set's classes of the same name.
static bool map_classes(Data *d, const ImageSource *test, char err[DATA_ERROR])
{
    if (!test->class_names || !d->class_names)
        return true;
    d->label_map = calloc((size_t)test->classes, sizeof *d->label_map);
    for (int i = 0; d->label_map && i < test->classes; i++) {
        int found = -1;
        for (int j = 0; found < 0 && j < d->class_count; j++)
            if (!strcmp(test->class_names[i], d->class_names[j]))
                found = j;
        if (found < 0) {
            snprintf(err, DATA_ERROR, "the test set has a class %.100s that the training set has "
                     "not", test->class_names[i]);
            return false;
        }
        d->label_map[i] = found;
    }
    return d->label_map != NULL;
}

// --- opening -------------------------------------------------------------------------------------

static bool open_cache(Feed *f, int64_t limit)
{
    int64_t item = (int64_t)f->fixed_channels * f->fixed_height * f->fixed_width, total;
    bool costly = !f->source->cheap;
    for (int i = 0; i < f->fixed; i++)
        costly |= f->steps[i].kind == FEED_RESIZE;
    if (!costly || !size_multiply(item, f->count, &total) || total > limit)
        return true;
    FeedCache *c = &f->cache;
    void *bytes = mmap(NULL, (size_t)total, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return true;                              // it only costs time
    c->bytes = bytes;
    c->item = (size_t)item;
    c->state = calloc((size_t)f->count, sizeof *c->state);
    c->labels = calloc((size_t)f->count, sizeof *c->labels);
    return c->state && c->labels;
}

static void close_cache(Feed *f)
{
    if (f->cache.bytes)
        munmap(f->cache.bytes, f->cache.item * (size_t)f->count);
    free((void *)f->cache.state);
    free(f->cache.labels);
}

// `source` may be shared with the other feed.
static bool open_feed(Data *d, Feed *f, const DataOptions *o, bool testing, Span *at,
                      char err[DATA_ERROR])
{
    const DataRecipe *r = o->recipe;
    const Pipeline *p = testing ? &r->test : &r->train;
    bool held = testing && is_hold(p), holds = is_hold(&r->test);
    if (!compile_feed(f, r, testing, at, err))
        return false;
    f->source = testing && !held ? &d->test_source : &d->train_source;
    f->every = held || (holds && !testing) ? (int64_t)stage_number(&r->test.stages[0], "every") : 0;
    f->held = held;
    f->count = f->source->count;
    if (f->every)
        f->count = held ? f->count / f->every : f->count - f->count / f->every;
    if (f->count < 1)
        return refuse(p->at, at, err, "too few samples to hold any out");
    f->label_map = f->source == &d->test_source ? d->label_map : NULL;
    f->classes = o->classes;
    if (!feed_shapes(f, at, err) || !check_image(f, o, p, testing, at, err))
        return false;
    if (!open_cache(f, o->cache_bytes)) {
        snprintf(err, DATA_ERROR, "out of memory for %lld samples", (long long)f->count);
        return false;
    }
    return true;
}

static bool open_source(ImageSource *s, const DataOptions *o, const Pipeline *p, bool testing,
                        const char *path, Span *at, char err[DATA_ERROR])
{
    SourceOptions options = { &p->stages[0], o->folder, path, testing };
    if (source_open(s, &options, err))
        return true;
    *at = p->stages[0].at;
    return false;
}

static bool open_sources(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    const DataRecipe *r = o->recipe;
    bool test = o->test && r->test.count, held = test && is_hold(&r->test);
    if ((o->train || held) && !r->train.count)
        return refuse(r->at, at, err, "the data section has no `train`");
    if ((o->train || held) &&
        !open_source(&d->train_source, o, &r->train, false, o->train_path, at, err))
        return false;
    if (test && !held && !open_source(&d->test_source, o, &r->test, true, o->test_path, at, err))
        return false;
    const char *const *names = o->class_names ? o->class_names : d->train_source.class_names;
    int count = o->class_names ? o->class_count : d->train_source.classes;
    if (names && !keep_class_names(d, names, count)) {
        snprintf(err, DATA_ERROR, "out of memory");
        return false;
    }
    if (d->train_source.class && d->train_source.classes > o->classes) {
        *at = r->train.at;
        snprintf(err, DATA_ERROR, "the training set has %d classes, the net tells %d apart",
                 d->train_source.classes, o->classes);
        return false;
    }
    return map_classes(d, &d->test_source, err);
}

static const FeedStep *find_center(const Feed *f)
{
    for (int i = 0; i < f->step_count; i++)
        if (f->steps[i].kind == FEED_CENTER)
            return &f->steps[i];
    return NULL;
}

static bool make_mean(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    const Feed *f = d->has_train ? &d->train : &d->test;
    const FeedStep *center = find_center(f);
    if (!center)
        return true;
    d->mean_shape = (Shape){ 1, f->fixed_channels, f->fixed_height, f->fixed_width };
    int64_t count = shape_item(d->mean_shape);
    d->mean = malloc((size_t)count * sizeof *d->mean);
    if (!d->mean)
        return refuse(NO_SPAN, at, err, "out of memory for the mean image");
    if (d->has_test && (d->test.fixed_channels != f->fixed_channels ||
                        d->test.fixed_height != f->fixed_height ||
                        d->test.fixed_width != f->fixed_width))
        return refuse(center->span, at, err, "training and test images differ in size where the "
                                             "mean is subtracted");
    d->train.mean = d->test.mean = d->mean;
    if (o->mean) {
        if (o->mean_count != count)
            return refuse(center->span, at, err, "the mean in the checkpoint has another shape");
        memcpy(d->mean, o->mean, (size_t)count * sizeof *d->mean);
        return true;
    }
    if (!d->has_train)
        return refuse(center->span, at, err, "the mean needs the training set or a checkpoint that "
                                             "holds it");
    bool per_channel = word_is(&o->recipe->center.stages[0], "of", "channel");
    return data_mean(f, per_channel, o->skip_bad, o->threads, d->mean, err);
}

bool data_open(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    memset(d, 0, sizeof *d);
    *at = NO_SPAN;
    err[0] = 0;
    if (!data_accepts(o->recipe, at, err) || !open_sources(d, o, at, err))
        return false;
    if (o->train && !open_feed(d, &d->train, o, false, at, err))
        return false;
    d->has_train = o->train;
    if (o->test && o->recipe->test.count && !open_feed(d, &d->test, o, true, at, err))
        return false;
    d->has_test = o->test && o->recipe->test.count;
    return make_mean(d, o, at, err);
}

bool data_open_files(Data *d, const DataOptions *o, char *const *paths, int count, Span *at,
                     char err[DATA_ERROR])
{
    memset(d, 0, sizeof *d);
    *at = NO_SPAN;
    err[0] = 0;
    Feed *f = &d->test;
    if (!data_accepts(o->recipe, at, err) || !compile_feed(f, o->recipe, true, at, err))
        return false;
    bool greys = false;
    for (int i = 0; i < f->step_count; i++)
        greys |= f->steps[i].kind == FEED_GREY;
    source_open_files(&d->test_source, paths, count, o->image.c == 1 && !greys ? 1 : 3);
    f->source = &d->test_source;
    f->count = count;
    f->classes = 1;
    if (!feed_shapes(f, at, err) || !check_image(f, o, &o->recipe->test, true, at, err))
        return false;
    d->has_test = true;
    return make_mean(d, o, at, err);
}

void data_close(Data *d)
{
    close_cache(&d->train);
    close_cache(&d->test);
    source_close(&d->train_source);
    source_close(&d->test_source);
    for (int i = 0; i < d->class_count; i++)
        free(d->class_names[i]);
    free(d->class_names);
    free(d->label_map);
    free(d->mean);
    memset(d, 0, sizeof *d);
}
