// The table of built-in stages. See stages.h; the builders are in build.c.
#include "front/stages.h"
#include "front/build.h"
#include <string.h>

#define BIG        2147483647.0
#define COUNT(n)   { n, TYPE_COUNT, NULL, NULL, 1, BIG }
#define SIZE(n, preset, least)   { n, TYPE_SIZE, preset, NULL, least, 65535 }
#define REAL(n, preset, lo, hi)  { n, TYPE_REAL, preset, NULL, lo, hi }
#define WORD(n, preset, words)   { n, TYPE_WORD, preset, words, 0, 0 }
#define INIT       { "init", TYPE_INIT, "he", NULL, -1e30, 1e30 }
#define BIAS       { "bias", TYPE_BIAS, "0", NULL, -1e30, 1e30 }
#define ROUND      WORD("round", "down", "down up")
#define END        { NULL, TYPE_COUNT, NULL, NULL, 0, 0 }
#define NOTHING    { END }

// A preset of "" means: decided by the builder, from the other arguments.
const BuiltIn built_in_stages[] = {
    { "conv", TAKES_ONE,
      { COUNT("width"), SIZE("size", NULL, 1), SIZE("stride", "1", 1), SIZE("pad", "0", 0),
        { "groups", TYPE_COUNT, "1", NULL, 1, BIG }, SIZE("dilation", "1", 1), ROUND, BIAS, INIT },
      build_conv, "convolution with `width` filters of `size`, and a bias per map" },
    { "local", TAKES_ONE,
      { COUNT("width"), SIZE("size", NULL, 1), SIZE("stride", "1", 1), SIZE("pad", "0", 0),
        SIZE("dilation", "1", 1), ROUND, BIAS, INIT },
      build_local, "locally connected: a convolution with filters and biases of its own at each place" },
    { "fc", TAKES_ONE, { COUNT("width"), BIAS, INIT },
      build_fc, "fully connected: each of `width` outputs reads everything, and adds a bias" },
    { "relu", TAKES_ONE, NOTHING, build_relu, "max(x, 0)" },
    { "tanh", TAKES_ONE, NOTHING, build_tanh, "hyperbolic tangent" },
    { "sigmoid", TAKES_ONE, NOTHING, build_sigmoid, "1 / (1 + exp(-x))" },
    { "pool", TAKES_ONE,
      { SIZE("size", NULL, 1), SIZE("stride", "", 1), SIZE("pad", "0", 0), ROUND,
        WORD("kind", "max", "max mean") },
      build_pool, "maximum or mean of windows; `stride` is `size` unless given" },
    { "max_pool", TAKES_ONE,
      { SIZE("size", NULL, 1), SIZE("stride", "", 1), SIZE("pad", "0", 0), ROUND },
      build_max_pool, "pool(kind = max)" },
    { "mean_pool", TAKES_ONE,
      { SIZE("size", "", 1), SIZE("stride", "", 1), SIZE("pad", "0", 0), ROUND },
      build_mean_pool, "pool(kind = mean); without `size` the mean of the whole map" },
    { "lrn", TAKES_ONE,
      { SIZE("n", "5", 1), REAL("k", "2", 1e-6, 1e9), REAL("alpha", "1e-4", 0, 1e9),
        REAL("beta", "0.75", 0, 100), WORD("region", "maps", "maps map"),
        WORD("across", "parts", "parts whole") },
      build_lrn, "x / (k + alpha * sum of squares of n neighbours) ^ beta, across maps or in a map; "
      "`across`: in a split within a part, or over all" },
    { "dropout", TAKES_ONE,
      { REAL("p", "0.5", 0, 0.999999), WORD("scale", "train", "train test") },
      build_dropout, "drops with probability p while training; `scale`: when the rest is scaled" },
    { "scale", TAKES_ONE, { REAL("by", NULL, -1e9, 1e9), REAL("add", "0", -1e9, 1e9) },
      build_scale, "by * x + add" },
    { "flatten", TAKES_ONE, NOTHING, build_flatten, "maps to one vector" },
    { "slice", TAKES_ONE,
      { { "first", TYPE_COUNT, NULL, NULL, 0, BIG }, COUNT("count") },
      build_slice, "`count` maps from map `first` on (the first map is 0)" },
    { "softmax", TAKES_ONE, NOTHING, build_softmax, "probabilities from scores" },
    { "add", TAKES_SEVERAL, NOTHING, build_add, "the sum of tensors of one shape" },
    { "mul", TAKES_SEVERAL, NOTHING, build_mul, "the product of tensors of one shape" },
    { "concat", TAKES_SEVERAL, NOTHING, build_concat, "the maps of all, one after the other" },
    { "all", TAKES_ONE, NOTHING, build_all, "in a split: every part sees every part" },
    { NULL, TAKES_ONE, NOTHING, NULL, NULL }
};

const BuiltIn *built_in_find(const char *name)
{
    for (const BuiltIn *s = built_in_stages; s->name; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

bool word_in(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *w = words; w && *w;) {
        const char *end = strchr(w, ' ');
        size_t n = end ? (size_t)(end - w) : strlen(w);
        if (n == length && !memcmp(w, word, n))
            return true;
        w = end ? end + 1 : NULL;
    }
    return false;
}

const char *const *word_split(Arena *a, const char *words, int *count)
{
    const char **list = ARENA_ARRAY(a, const char *, strlen(words) / 2 + 1);
    *count = 0;
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        list[(*count)++] = arena_copy(a, w, n);
        w += n + (w[n] == ' ');
    }
    return list;
}

bool built_in_knows_word(const char *word)
{
    if (word_in("none he xavier", word))
        return true;
    for (const BuiltIn *s = built_in_stages; s->name; s++)
        for (const StageParameter *p = s->params; p->name; p++)
            if (p->words && word_in(p->words, word))
                return true;
    return false;
}
