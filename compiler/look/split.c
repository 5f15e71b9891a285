// Adds up what a program for several devices costs.
#include "look/split.h"
#include "look/comm.h"
#include <stdlib.h>

SplitCost look_split(Compilation *c, Distribution way, const Link *link)
{
    const Program *p = c->program;
    const Sequence *s = &p->sequences[0];
    About all = about_read(NULL);
    Comm comm = look_comm(c, &all);
    double seconds = timeline_predict(p, s, link, &c->arena).seconds;
    SplitCost cost = { .way = way, .seconds = seconds, .step = comm.step, .forward = comm.forward,
                       .backward = comm.backward, .messages = s->copy_count,
                       .hash = { p->plan_hash[0], p->plan_hash[1] } };
    cost.weights = comm.step - s->batch * (comm.forward + comm.backward);
    for (int d = 0; d < p->device_count; d++) {
        cost.memory[d] = p->devices[d].arena_bytes;
        cost.devices = cost.memory[d] ? d + 1 : cost.devices;
        cost.peak = cost.memory[d] > cost.peak ? cost.memory[d] : cost.peak;
    }
    return cost;
}

static int compare(const void *a, const void *b)
{
    const SplitCost *x = a, *y = b;
    if (!x->refusal != !y->refusal)
        return x->refusal ? 1 : -1;
    if (x->seconds < y->seconds || x->seconds > y->seconds)
        return x->seconds < y->seconds ? -1 : 1;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return (int)x->way - (int)y->way;
}

void split_rank(SplitCost *list, int *count)
{
    const SplitCost written = list[0];               // the file's own way comes first, and is never refused
    bool has_twin = false;
    list[0].as_written = true;
    for (int i = 1; i < *count; i++) {
        SplitCost *x = &list[i];
        x->as_written = !x->refusal && x->hash[0] == written.hash[0] && x->hash[1] == written.hash[1];
        has_twin |= x->as_written;
    }
    if (has_twin)
        list[0] = list[--*count];
    qsort(list, (size_t)*count, sizeof *list, compare);
}
