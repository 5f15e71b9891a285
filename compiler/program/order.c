// Vector clocks of commands.
#include "program/order.h"
#include <string.h>

static void join(const Sequence *s, const CommandClock *clocks, int earlier, CommandClock *into)
{
    for (int d = 0; d < PROGRAM_DEVICES; d++)
        if (clocks[earlier].last[d] > into->last[d])
            into->last[d] = clocks[earlier].last[d];
    int device = s->commands[earlier].device;
    if (earlier > into->last[device])
        into->last[device] = earlier;
}

void order_clocks(const Sequence *s, CommandClock *clocks)
{
    int before[PROGRAM_DEVICES];
    memset(before, -1, sizeof before);
    for (int i = 0; i < s->command_count; i++) {
        const Command *c = &s->commands[i];
        memset(&clocks[i], -1, sizeof clocks[i]);
        if (before[c->device] >= 0)
            join(s, clocks, before[c->device], &clocks[i]);
        for (int k = 0; k < c->wait_count; k++)
            join(s, clocks, c->waits[k], &clocks[i]);
        before[c->device] = i;
    }
}

// Is a command done when `later` is?
static bool is_done_by(const Sequence *s, const CommandClock *clocks, int command, int later)
{
    int device = s->commands[command].device;
    return clocks[later].last[device] >= command
        || (s->commands[later].device == device && later >= command);
}

static int command_before(const Sequence *s, int command)
{
    int i = command - 1;
    while (i >= 0 && s->commands[i].device != s->commands[command].device)
        i--;
    return i;
}

bool order_implies(const Sequence *s, const CommandClock *clocks, int command, int k)
{
    const Command *c = &s->commands[command];
    int before = command_before(s, command);
    bool implied = before >= 0 && is_done_by(s, clocks, c->waits[k], before);
    for (int i = 0; i < c->wait_count; i++)
        implied |= i != k && is_done_by(s, clocks, c->waits[k], c->waits[i]);
    return implied;
}

void order_reduce(Sequence *s, const CommandClock *clocks)
{
    for (int i = 0; i < s->command_count; i++) {
        Command *c = &s->commands[i];
        for (int k = c->wait_count - 1; k >= 0; k--)
            if (order_implies(s, clocks, i, k))
                c->waits[k] = c->waits[--c->wait_count];
    }
}

bool order_before(const Sequence *s, const CommandClock *clocks, int a, int b)
{
    int device = s->commands[a].device;
    return device == s->commands[b].device || clocks[b].last[device] >= a;
}

int order_copy_after(const Program *p, const Sequence *s, const CommandClock *clocks, int command)
{
    const Copy *copy = &s->copies[s->commands[command].first];
    return clocks[command].last[p->buffers[p->tensors[copy->from].buffer].device];
}
