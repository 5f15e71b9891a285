// Nets for `verify --kernels`: pure functions of a seed and a number, small, with sizes that end at, one
// before and one behind what vectors, warps and tiles are long.
#include "cli/verify.h"

typedef struct { uint64_t state; } Draw;

static uint32_t next(Draw *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;            // splitmix64
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

static int between(Draw *d, int least, int most)
{
    return least + (int)(next(d) % (uint32_t)(most - least + 1));
}

static int one_of(Draw *d, const int *list, int count) { return list[next(d) % (uint32_t)count]; }
#define ONE_OF(d, list) one_of((d), (list), (int)(sizeof(list) / sizeof *(list)))

static const int channels[] = { 1, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65 };
static const int features[] = { 1, 5, 8, 16, 31, 33, 63, 64, 65, 127, 128, 129, 255, 257 };
static const int batches[] = { 1, 2, 3, 5, 8, 17 };
static const int classes[] = { 2, 5, 10, 33 };

static const char *activation(Draw *d)
{
    static const char *const all[] = { "relu", "relu", "tanh", "sigmoid" };
    return all[next(d) % 4];
}

// Images of few channels, as a net's first convolution reads them, or of many, in groups. The map it leaves
// has at least 3 x 3 pixels.
static void put_first(FILE *out, Draw *d, int outputs, int batch)
{
    static const int sizes[] = { 1, 3, 5, 11 };
    bool wide = between(d, 0, 2);
    int groups = wide ? between(d, 1, 2) : 1, in = wide ? groups * ONE_OF(d, channels) : between(d, 1, 3);
    int size = ONE_OF(d, sizes), stride = between(d, 1, size > 3 ? 4 : 2);
    int h = size + stride * between(d, 2, 7), w = size + stride * between(d, 2, 9);
    fprintf(out, "data made { train = random(%d, %dx%dx%d, count = %d) }\n", outputs, in, h, w, batch);
    fprintf(out, "train kernels on made { loss = cross_entropy  report = top(1)  batch = %d  "
            "solver = sgd(lr = 0.1) }\n", batch);
    fprintf(out, "net kernels : %dx%dx%d -> %d {\n", in, h, w, outputs);
    fprintf(out, "  conv(%d, %d, stride = %d, pad = %d, groups = %d, bias = 0.1) -> %s\n",
            groups * ONE_OF(d, channels), size, stride, between(d, 0, size / 2), groups, activation(d));
}

static void put_maps(FILE *out, Draw *d)
{
    static const int near[] = { 1, 3, 5, 9 };
    int lrn = between(d, 0, 3), size = between(d, 2, 3);
    if (lrn == 1)
        fprintf(out, "  -> lrn(n = %d, k = %d, alpha = 0.1, beta = %s)\n", ONE_OF(d, near), between(d, 1, 2),
                between(d, 0, 1) ? "0.75" : "0.5");
    if (lrn == 2)
        fprintf(out, "  -> lrn(n = 3, k = 1, alpha = 0.2, beta = 0.75, region = map)\n");
    if (between(d, 0, 3))
        fprintf(out, "  -> pool(%d, stride = %d, kind = %s%s)\n", size, between(d, 1, size),
                between(d, 0, 2) ? "max" : "mean", between(d, 0, 1) ? ", round = up" : "");
    if (between(d, 0, 2))
        fprintf(out, "  -> conv(%d, %d, pad = 1) -> %s\n", ONE_OF(d, channels), between(d, 1, 3),
                activation(d));
    if (between(d, 0, 3) == 0)                               // strides, for each place has filters of its own
        fprintf(out, "  -> local(%d, 3, stride = %d, pad = 1%s) -> %s\n", between(d, 1, 9), between(d, 3, 4),
                between(d, 0, 1) ? ", bias = none" : "", activation(d));
}

void verify_net(FILE *out, uint64_t seed, int64_t number)
{
    Draw d = { seed * 0x100000001b3u + (uint64_t)number };
    int outputs = ONE_OF(&d, classes), batch = ONE_OF(&d, batches);
    put_first(out, &d, outputs, batch);
    put_maps(out, &d);
    if (between(&d, 0, 2))
        fprintf(out, "  -> fc(%d) -> %s -> dropout(0.25)\n", ONE_OF(&d, features), activation(&d));
    fprintf(out, "  -> fc(%d) -> softmax\n}\n", outputs);
}
