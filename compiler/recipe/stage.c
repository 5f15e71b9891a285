// The table of pipeline stages; see stage.h.
#include "recipe/stage.h"
#include <string.h>

enum {
    NUMBER = 1 << ARG_NUMBER,
    WORD   = 1 << ARG_WORD,
    TEXT   = 1 << ARG_TEXT,
    DIMS   = 1 << ARG_DIMS
};

#define PATH(n)                   { n, TEXT, true, 0, NULL, 0, 0 }
#define WHOLE(n, def, lo, hi)     { n, NUMBER, false, def, NULL, lo, hi }
#define MUST_BE(n, lo, hi)        { n, NUMBER, true, 0, NULL, lo, hi }
#define ONE_OF(n, words)          { n, WORD, false, 0, words, 0, 0 }
#define SIZE(n)                   { n, NUMBER | DIMS, true, 0, NULL, 1, 65536 }

const StageInfo stage_table[] = {
    { "images", STAGE_SOURCE, { PATH("path") },
      "a folder of image files; every folder in it is a class" },
    { "list", STAGE_SOURCE, { PATH("path"), { "root", TEXT, false, 0, NULL, 0, 0 } },
      "a text of image files: a line each, its path and its label" },
    { "shards", STAGE_SOURCE, { PATH("path") },
      "tar files of images and labels, as `cleave pack` and WebDataset write them: a file, or their folder" },
    { "idx", STAGE_SOURCE, { PATH("images"), PATH("labels") },
      "MNIST's format, plain or .gz: a file of images, a file of labels" },
    { "cifar10", STAGE_SOURCE, { PATH("path") },
      "CIFAR-10's binary batches: a file, or the folder that holds them" },
    { "cifar100", STAGE_SOURCE, { PATH("path"), ONE_OF("labels", "fine coarse") },
      "CIFAR-100's binary files: a file, or the folder that holds them" },
    { "random", STAGE_SOURCE,
      { MUST_BE("classes", 1, 1 << 20), { "shape", DIMS, true, 0, NULL, 0, 0 },
        WHOLE("seed", 1, 0, 4294967295.0), WHOLE("count", 1024, 1, 1 << 30) },
      "made-up images of independent bytes, for benchmarks and tests" },
    { "hold", STAGE_SOURCE,
      { { "from", WORD, true, 0, "train", 0, 0 }, WHOLE("every", 5, 2, 1 << 20) },
      "every n-th sample of the training pipeline, which training then does not see" },
    { "resize", STAGE_IMAGE, { SIZE("size"), ONE_OF("side", "both shorter") },
      "to this size; side = shorter: the shorter side, keeping proportions" },
    { "crop", STAGE_IMAGE, { SIZE("size"), ONE_OF("at", "center random corners") },
      "a window of this size" },
    { "mirror", STAGE_IMAGE, { { "p", NUMBER | WORD, false, 0.5, "both", 0, 1 } },
      "left and right exchanged, with probability p" },
    { "scale", STAGE_IMAGE, { { "by", NUMBER, true, 0, NULL, -1e9, 1e9 },
                              { "add", NUMBER, false, 0, NULL, -1e9, 1e9 } },
      "by * value + add" },
    { "grey", STAGE_IMAGE, { { NULL, 0, false, 0, NULL, 0, 0 } },
      "three channels to one: 0.299 red + 0.587 green + 0.114 blue" },
    { "light", STAGE_IMAGE, { { "pca", NUMBER, true, 0, NULL, 0, 10 } },
      "the paper's colour noise along the principal components" },
    { "mean", STAGE_CENTER, { { "of", WORD, true, 0, "pixel channel", 0, 0 } },
      "the training set's mean, subtracted" },
    { NULL, STAGE_SOURCE, { { NULL, 0, false, 0, NULL, 0, 0 } }, NULL }
};

const StageInfo *stage_find(const char *kind)
{
    for (const StageInfo *s = stage_table; s->kind; s++)
        if (!strcmp(s->kind, kind))
            return s;
    return NULL;
}

const StageArg *stage_arg(const Stage *s, const char *name)
{
    for (int i = 0; i < s->arg_count; i++)
        if (s->args[i].name && !strcmp(s->args[i].name, name))
            return &s->args[i];
    return NULL;
}

double stage_number(const Stage *s, const char *name)
{
    const StageArg *given = stage_arg(s, name);
    if (given && given->kind == ARG_NUMBER)
        return given->number;
    const StageInfo *info = stage_find(s->kind);
    for (int i = 0; info && i < STAGE_PARAMS && info->params[i].name; i++)
        if (!strcmp(info->params[i].name, name))
            return info->params[i].number;
    return 0;
}

const char *stage_text(const Stage *s, const char *name)
{
    const StageArg *given = stage_arg(s, name);
    return given && (given->kind == ARG_WORD || given->kind == ARG_TEXT) ? given->text : NULL;
}
