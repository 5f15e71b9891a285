// Opens pipelines: sources are opened, shapes worked out, classes matched, the mean computed, the
// cache made.
#include "runtime/data/pipeline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool fail_at(Span at, Span *out, char err[DATA_ERROR], const char *what)
{
    *out = at;
    snprintf(err, DATA_ERROR, "%s", what);
    return false;
}

static bool say_refused(const Refused *no, Span *at, char err[DATA_ERROR])
{
    return fail_at(no->at, at, err, refusals[no->what].message);
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
    bool held = testing && pipeline_is_held(p), holds = pipeline_is_held(&r->test);
    Refused no;
    if (!feed_compile(f, r, testing, &no))
        return say_refused(&no, at, err);
    f->source = testing && !held ? &d->test_source : &d->train_source;
    f->every = held || (holds && !testing) ? (int64_t)stage_number(&r->test.stages[0], "every") : 0;
    f->held = held;
    f->count = f->source->count;
    if (f->every)
        f->count = held ? f->count / f->every : f->count - f->count / f->every;
    if (f->count < 1)
        return fail_at(p->at, at, err, "too few samples to hold any out");
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
    if (path && !strcmp(p->stages[0].kind, "random"))
        return fail_at(p->stages[0].at, at, err, "`random` reads no files: --data cannot put a path over it");
    if (source_open(s, &options, err))
        return true;
    *at = p->stages[0].at;
    return false;
}

static bool open_sources(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    const DataRecipe *r = o->recipe;
    bool test = o->test && r->test.count, held = test && pipeline_is_held(&r->test);
    if ((o->train || held) && !r->train.count)
        return fail_at(r->at, at, err, "the data section has no `train`");
    if ((o->train || held) &&
        !open_source(&d->train_source, o, &r->train, false, o->train_path, at, err))
        return false;
    if (held && o->test_path)
        return fail_at(r->test.at, at, err,
                       "`test` is held out of `train`: --data cannot put a path over it");
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

static const FeedStep *find_step(const Feed *f, FeedStepKind kind)
{
    for (int i = 0; i < f->step_count; i++)
        if (f->steps[i].kind == kind)
            return &f->steps[i];
    return NULL;
}

// Principal components of the training set's colours, on the scale of the floats.
static void set_colours(Feed *f, const ColourSums *sums)
{
    colour_components(sums, f->colours);
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 3; c++)
            f->colours[i][c] *= f->by;
}

static bool make_mean(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    const Feed *f = d->has_train ? &d->train : &d->test;
    const FeedStep *center = find_step(f, FEED_CENTER), *light = find_step(&d->train, FEED_LIGHT);
    ColourSums colours = { .pixels = 0 };
    if (light && (d->train.fixed_channels != 3 || d->train.image.c != 3))
        return fail_at(light->span, at, err, "`light` needs images of three colours");
    if (!center && light && !data_mean(f, false, o->skip_bad, o->threads, NULL, &colours, err))
        return false;
    if (!center) {
        if (light)
            set_colours(&d->train, &colours);
        return true;
    }
    d->mean_shape = (Shape){ 1, f->fixed_channels, f->fixed_height, f->fixed_width };
    int64_t count = shape_item(d->mean_shape);
    d->mean = malloc((size_t)count * sizeof *d->mean);
    if (!d->mean)
        return fail_at(NO_SPAN, at, err, "out of memory for the mean image");
    if (d->has_test && (d->test.fixed_channels != f->fixed_channels ||
                        d->test.fixed_height != f->fixed_height ||
                        d->test.fixed_width != f->fixed_width))
        return fail_at(center->span, at, err, "training and test images differ in size where the "
                                             "mean is subtracted");
    d->train.mean = d->test.mean = d->mean;
    if (o->mean) {
        if (o->mean_count != count)
            return fail_at(center->span, at, err, "the mean in the checkpoint has another shape");
        memcpy(d->mean, o->mean, (size_t)count * sizeof *d->mean);
        return true;
    }
    if (!d->has_train)
        return fail_at(center->span, at, err, "the mean needs the training set or a checkpoint that "
                                             "holds it");
    bool per_channel = stage_says(&o->recipe->center.stages[0], "of", "channel");
    if (!data_mean(f, per_channel, o->skip_bad, o->threads, d->mean, light ? &colours : NULL, err))
        return false;
    if (light)
        set_colours(&d->train, &colours);
    return true;
}

bool data_open(Data *d, const DataOptions *o, Span *at, char err[DATA_ERROR])
{
    memset(d, 0, sizeof *d);
    *at = NO_SPAN;
    err[0] = 0;
    Refused no;
    if (!data_accepts(o->recipe, &no))
        return say_refused(&no, at, err);
    if (!open_sources(d, o, at, err))
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
    Refused no;
    if (!data_accepts(o->recipe, &no) || !feed_compile(f, o->recipe, true, &no))
        return say_refused(&no, at, err);
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
