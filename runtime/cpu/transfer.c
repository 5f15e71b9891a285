// Dense NCHW in and out of the stored layouts, and the copies between devices.
#include "runtime/cpu/transfer.h"
#include <stdlib.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias)) Word;      // a float, or an int32 label

static void find_runs(Transfer *t)
{
    const int64_t *a = t->from.channel, *b = t->to.channel;
    for (int64_t c = t->shape.c - 1; c >= 0; c--) {
        bool joins = c + 1 < t->shape.c && a[c + 1] == a[c] + 1 && b[c + 1] == b[c] + 1;
        t->run[c] = joins ? t->run[c + 1] + 1 : 1;
    }
}

bool transfer_open(Transfer *t, Shape s, const Layout *from, const Layout *to)
{
    *t = (Transfer){ .shape = s, .run = calloc((size_t)s.c, sizeof *t->run) };
    if (!t->run || !side_open(&t->from, s, from) || !side_open(&t->to, s, to)) {
        transfer_close(t);
        return false;
    }
    find_runs(t);
    return true;
}

void transfer_close(Transfer *t)
{
    side_close(&t->from);
    side_close(&t->to);
    free(t->run);
    *t = (Transfer){ 0 };
}

// One channel of one image: rows of pixels.
static void move_map(const Transfer *t, const Word *from, Word *to)
{
    for (int64_t h = 0; h < t->shape.h; h++, from += t->from.row, to += t->to.row) {
        if (t->from.column == 1 && t->to.column == 1) {
            memcpy(to, from, (size_t)t->shape.w * sizeof *to);
            continue;
        }
        for (int64_t w = 0; w < t->shape.w; w++)
            to[w * t->to.column] = from[w * t->from.column];
    }
}

// `run` channels that stand side by side: pixel by pixel.
static void move_run(const Transfer *t, const Word *from, Word *to, int run)
{
    for (int64_t h = 0; h < t->shape.h; h++)
        for (int64_t w = 0; w < t->shape.w; w++)
            memcpy(to + h * t->to.row + w * t->to.column,
                   from + h * t->from.row + w * t->from.column, (size_t)run * sizeof *to);
}

typedef struct { const Transfer *transfer; const Word *from; Word *to; } Job;

static void move_item(void *context, int64_t n, const PoolWorker *worker)
{
    const Job *job = context;
    const Transfer *t = job->transfer;
    (void)worker;
    for (int64_t c = 0; c < t->shape.c;) {
        const Word *from = job->from + t->from.item[n] + t->from.channel[c];
        Word *to = job->to + t->to.item[n] + t->to.channel[c];
        int run = t->run[c];
        if (run > 1)
            move_run(t, from, to, run);
        else
            move_map(t, from, to);
        c += run;
    }
}

void transfer_run(const Transfer *t, Pool *pool, const void *from, void *to)
{
    Job job = { t, from, to };
    pool_run(pool, t->shape.n, move_item, &job);
}

void transfer_fill(const Transfer *t, void *to, uint32_t word)
{
    for (int64_t n = 0; n < t->shape.n; n++)
        for (int64_t c = 0; c < t->shape.c; c++)
            for (int64_t h = 0; h < t->shape.h; h++)
                for (int64_t w = 0; w < t->shape.w; w++)
                    ((Word *)to)[t->to.item[n] + t->to.channel[c] + h * t->to.row
                                 + w * t->to.column] = word;
}
