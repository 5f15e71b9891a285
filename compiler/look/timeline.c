// Predicts a run of a program for GPUs, command by command, and sums up bars.
#include "look/timeline.h"
#include "emit/cuda/tiles.h"
#include "program/order.h"
#include <math.h>

typedef struct {
    Timeline     *t;
    Arena        *arena;
    const Link   *link;
    CommandClock *clocks;
    double        free[PROGRAM_DEVICES];       // when a device's own stream has nothing left
    double        link_free[PROGRAM_DEVICES];  // the same of its messages
    double       *done;                        // by command
    double       *arrived;                     // by copy
} Foresight;

void timeline_add(Timeline *t, Arena *arena, Bar bar)
{
    if (bar.end > bar.begin)
        ARENA_PUSH(arena, t->bars, t->count, t->capacity, bar);
}

static int home(const Program *p, int tensor)
{
    return p->buffers[p->tensors[tensor].buffer].device;
}

// Packing and unpacking read and write every byte once.
static double moving(const Program *p, int device, int64_t bytes)
{
    return cuda_seconds_of_bytes(target_find(p->devices[device].target), 2.0 * (double)bytes);
}

static void send(Foresight *f, int command)
{
    const Program *p = f->t->program;
    int index = f->t->sequence->commands[command].first;
    const Copy *copy = &f->t->sequence->copies[index];
    int from = home(p, copy->from);
    double packed = f->free[from] + moving(p, from, copy->bytes);
    timeline_add(f->t, f->arena, (Bar){ from, false, BAR_COPY, command, f->free[from], packed });
    f->free[from] = packed;
    double leaves = fmax(packed, f->link_free[from]);
    f->arrived[index] = leaves + f->link->latency + (double)copy->bytes / f->link->bytes_per_second;
    timeline_add(f->t, f->arena, (Bar){ from, true, BAR_COPY, command, leaves, f->arrived[index] });
    f->link_free[from] = f->arrived[index];
}

static void send_after(Foresight *f, int command)
{
    const Sequence *s = f->t->sequence;
    for (int i = 0; i < s->command_count; i++)
        if (s->commands[i].kind == COMMAND_COPY
            && order_copy_after(f->t->program, s, f->clocks, i) == command)
            send(f, i);
}

static double seconds_of(const Foresight *f, const Command *c)
{
    const Sequence *s = f->t->sequence;
    double seconds = 0;
    if (c->kind == COMMAND_COPY)
        return moving(f->t->program, c->device, s->copies[c->first].bytes);
    for (int i = c->first; i < c->first + c->count; i++)
        seconds += s->launches[i].refreshes ? 0 : s->launches[i].seconds;
    return seconds;
}

static void run(Foresight *f, int command)
{
    const Command *c = &f->t->sequence->commands[command];
    bool is_copy = c->kind == COMMAND_COPY;
    double begin = f->free[c->device];
    for (int i = 0; i < c->wait_count; i++)
        begin = fmax(begin, f->done[c->waits[i]]);
    if (is_copy)
        begin = fmax(begin, f->arrived[c->first]);
    f->done[command] = begin + seconds_of(f, c);
    timeline_add(f->t, f->arena, (Bar){ c->device, false, BAR_WAIT, command, f->free[c->device], begin });
    timeline_add(f->t, f->arena, (Bar){ c->device, false, is_copy ? BAR_COPY : BAR_WORK, command, begin,
                                        f->done[command] });
    f->free[c->device] = f->done[command];
}

Timeline timeline_predict(const Program *p, const Sequence *s, const Link *link, Arena *arena)
{
    Timeline t = { .program = p, .sequence = s };
    Foresight f = { .t = &t, .arena = arena, .link = link,
                    .clocks = ARENA_ARRAY(arena, CommandClock, s->command_count + 1),
                    .done = ARENA_ARRAY(arena, double, s->command_count + 1),
                    .arrived = ARENA_ARRAY(arena, double, s->copy_count + 1) };
    order_clocks(s, f.clocks);
    send_after(&f, -1);
    for (int i = 0; i < s->command_count; i++) {
        run(&f, i);
        send_after(&f, i);
    }
    for (int d = 0; d < p->device_count; d++)
        t.seconds = fmax(t.seconds, f.free[d]);
    return t;
}

// --- sums -----------------------------------------------------------------------------------------

double timeline_sum(const Timeline *t, int device, bool on_the_way, BarKind kind)
{
    double seconds = 0;
    for (int i = 0; i < t->count; i++) {
        const Bar *b = &t->bars[i];
        if (b->device == device && b->on_the_way == on_the_way && b->kind == kind)
            seconds += b->end - b->begin;
    }
    return seconds;
}

double timeline_overlap(const Timeline *t, double *under_way)
{
    double both = 0;
    *under_way = 0;
    for (int i = 0; i < t->count; i++) {
        const Bar *a = &t->bars[i];
        if (!a->on_the_way)
            continue;
        *under_way += a->end - a->begin;
        for (int k = 0; k < t->count; k++) {
            const Bar *b = &t->bars[k];
            if (!b->on_the_way && b->kind == BAR_WORK
                && b->device == t->sequence->commands[a->command].device)
                both += fmax(0, fmin(a->end, b->end) - fmax(a->begin, b->begin));
        }
    }
    return both;
}

// --- words ----------------------------------------------------------------------------------------

void timeline_say(const Timeline *t, int command, char *to, int size)
{
    const Sequence *s = t->sequence;
    const Command *c = &s->commands[command];
    if (c->kind == COMMAND_COPY) {
        const Copy *copy = &s->copies[c->first];
        char chunk[40] = "";
        if (copy->chunks > 1)
            snprintf(chunk, sizeof chunk, " chunk %d of %d", copy->chunk, copy->chunks);
        snprintf(to, (size_t)size, "%.60s%s%s from %.40s%s%.60s, %lld bytes", copy->layer,
                 copy->backward ? " gradient" : "", chunk,
                 t->program->devices[home(t->program, copy->from)].name,
                 *copy->point ? " for " : "", copy->point, (long long)copy->bytes);
        return;
    }
    const Launch *first = &s->launches[c->first], *last = &s->launches[c->first + c->count - 1];
    if (c->count == 1)
        snprintf(to, (size_t)size, "%.120s", first->title);
    else
        snprintf(to, (size_t)size, "%.60s %.30s ... %.60s %.30s, %d launches", first->layer, first->phase,
                 last->layer, last->phase, c->count);
}
