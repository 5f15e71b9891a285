// Pipelines made by hand, as the front end would make them of a data section.
#ifndef REFERENCE_STAGES_H
#define REFERENCE_STAGES_H
#include "runtime/data/data.h"

static inline StageArg arg_text(const char *name, const char *text)
{
    return (StageArg){ .name = name, .kind = ARG_TEXT, .text = text, .at = NO_SPAN };
}
static inline StageArg arg_word(const char *name, const char *word)
{
    return (StageArg){ .name = name, .kind = ARG_WORD, .text = word, .at = NO_SPAN };
}
static inline StageArg arg_number(const char *name, double number)
{
    return (StageArg){ .name = name, .kind = ARG_NUMBER, .number = number, .at = NO_SPAN };
}

typedef struct {
    StageArg args[8][4];
    Stage    stages[8];
    int      count;
} Builder;

static inline void add(Builder *b, const char *kind, int count, const StageArg *args)
{
    for (int i = 0; i < count; i++)
        b->args[b->count][i] = args[i];
    b->stages[b->count] = (Stage){ kind, b->args[b->count], count, { b->count, b->count + 1 } };
    b->count++;
}

static inline Pipeline pipeline(Builder *b)
{
    return (Pipeline){ b->stages, b->count, { 0, 1 } };
}

static inline void add_idx(Builder *b, const char *images, const char *labels)
{
    StageArg args[] = { arg_text("images", images), arg_text("labels", labels) };
    add(b, "idx", 2, args);
}

static inline void add_one(Builder *b, const char *kind, StageArg arg)
{
    add(b, kind, 1, &arg);
}

static inline void add_random(Builder *b, int classes, int height, int width, int count)
{
    StageArg shape = { .name = "shape", .kind = ARG_DIMS, .dims = { 3, height, width },
                       .dim_count = 3 };
    StageArg args[] = { arg_number("classes", classes), shape, arg_number("seed", 7),
                        arg_number("count", count) };
    add(b, "random", 4, args);
}

static inline bool open_data(Data *d, const char *folder, const DataRecipe *r, Shape image,
                             int classes, bool skip, char *err)
{
    Span at;
    DataOptions o = { .recipe = r, .folder = folder, .train = r->train.count > 0, .test = true,
                      .image = image, .classes = classes, .skip_bad = skip, .threads = 2,
                      .cache_bytes = DATA_CACHE_BYTES };
    return data_open(d, &o, &at, err);
}
#endif
