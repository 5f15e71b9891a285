// Chooses the order of groups. Every device has its own: the devices are played through on a clock, with
// rough costs, and a device that is free takes the most urgent of the groups whose inputs are there by then.
// So none waits for a message while it has other work, weight gradients fill the time in which messages are
// under way, and what others wait for is made first. Then the devices' orders are laid one into the other,
// each as far as it gets at a time: the list is legal for all devices together, and a device's chains stay
// in one piece.
#include "pass/order.h"
#include "ir/op.h"
#include <assert.h>
#include <math.h>
#include <string.h>

// What a second is worth, roughly; only proportions matter.
typedef struct { double flops, bytes, link, latency; } Rates;
static const Rates rates[TARGET_KINDS] = {
    [TARGET_CPU]  = { 1e11, 1e10, 1e10, 1e-6 },
    [TARGET_CUDA] = { 3e14, 2.5e12, 5e10, 1e-5 },
};

typedef struct {
    Order  *o;
    double *ready;             // by group id: when all that it waits for is there
    int    *waiting;           // by group id: groups that it still waits for
    bool   *taken;             // by group id
    double  free[GRAPH_DEVICES];               // when a device has nothing left to do
    double  link_free[GRAPH_DEVICES];          // when all that it sent is there
    int    *stage;             // by group id: how many messages lead to it, one behind the other
    int    *queue[GRAPH_DEVICES], length[GRAPH_DEVICES];       // ids: the order of each device
} Play;

bool group_is_update(const Group *group)
{
    for (int i = 0; i < group->count; i++)
        if (op_has(group->nodes[i]->op, OP_UPDATE))
            return true;
    return false;
}

static bool is_copy(const Group *group)
{
    return group->pattern == PATTERN_COPY;
}

static double bytes_of(Node *const *nodes, int count)
{
    double bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += 4.0 * (double)shape_count(nodes[i]->shape);
    return bytes;
}

static const Rates *rates_of(const Order *o, int device)
{
    return &rates[pass_target(o->options, device)->kind];
}

static double seconds_of(const Order *o, const Group *group)
{
    const Rates *r = rates_of(o, group->root->device);
    if (node_is_rounded(group->root))
        return 0;
    double flops = 0, bytes = bytes_of(group->inputs, group->input_count)
                            + bytes_of(group->outputs, group->output_count);
    for (int i = 0; i < group->count; i++) {
        const Node *n = group->nodes[i];
        const OpInfo *op = op_table[n->op];
        flops += (double)(op->cost ? op->cost(n).flops : shape_count(n->shape));
    }
    return fmax(flops / r->flops, bytes / r->bytes);
}

// --- each device by itself ------------------------------------------------------------------------

static bool feeds_copy(const Order *o, const Group *group)
{
    for (int i = 0; i < o->user_count[group->id]; i++)
        if (is_copy(o->g->groups[o->users[group->id][i]]))
            return true;
    return false;
}

// Smaller is sooner: rounded copies of parameters, which most runs leave out, messages, what becomes one,
// images before jobs, what only updates wait for, updates.
static int urgency(const Order *o, const Group *group)
{
    if (node_is_rounded(group->root))
        return -1;
    if (is_copy(group))
        return 0;
    int rank = o->is_leaf[group->id] ? group_is_update(group) ? 40 : 20 : feeds_copy(o, group) ? 5 : 10;
    return rank + (group->per_image ? 0 : 1);
}

// What earlier messages need goes before what later ones need, and the first run of images before the next.
static bool goes_before(const Play *p, const Group *a, const Group *b)
{
    int x = urgency(p->o, a), y = urgency(p->o, b);
    if (x != y)
        return x < y;
    if (p->stage[a->id] != p->stage[b->id])
        return p->stage[a->id] < p->stage[b->id];
    return a->root->chunk < b->root->chunk;
}

// The most urgent group that a device can begin at `when`; NULL: none.
static Group *most_urgent(const Play *p, int device, double when)
{
    const Graph *g = p->o->g;
    Group *best = NULL;
    for (int i = 0; i < g->group_count; i++) {
        Group *group = g->groups[i];
        bool can = !p->taken[i] && !p->waiting[i] && group->root->device == device && p->ready[i] <= when;
        if (can && (!best || goes_before(p, group, best)))
            best = group;
    }
    return best;
}

// When a device can begin anything; INFINITY: nothing of it is ready.
static double next_begin(const Play *p, int device)
{
    const Graph *g = p->o->g;
    double soonest = INFINITY;
    for (int i = 0; i < g->group_count; i++)
        if (!p->taken[i] && !p->waiting[i] && g->groups[i]->root->device == device)
            soonest = fmin(soonest, p->ready[i]);
    return fmax(soonest, p->free[device]);
}

// A message is under way while its receiver does something else, and takes no time of it.
static void take(Play *p, Group *group, double begin)
{
    const Order *o = p->o;
    int device = group->root->device, id = group->id;
    double done = begin + (is_copy(group) ? 0 : seconds_of(o, group));
    p->taken[id] = true;
    p->free[device] = done;
    p->queue[device][p->length[device]++] = id;
    for (int i = 0; i < o->user_count[id]; i++) {
        const Group *user = o->g->groups[o->users[id][i]];
        double there = done;
        if (is_copy(user)) {
            const Rates *r = rates_of(o, device);
            there = fmax(done, p->link_free[device]) + r->latency
                    + bytes_of(user->inputs, user->input_count) / r->link;
            p->link_free[device] = there;
        }
        p->ready[user->id] = fmax(p->ready[user->id], there);
        p->waiting[user->id]--;
    }
}

static void find_stages(Play *p)
{
    const Graph *g = p->o->g;
    for (int i = 0; i < g->group_count; i++)             // inputs before users
        for (int k = 0; k < p->o->user_count[i]; k++) {
            int user = p->o->users[i][k], stage = p->stage[i] + is_copy(g->groups[user]);
            p->stage[user] = p->stage[user] > stage ? p->stage[user] : stage;
        }
}

static int play_through(Play *p)
{
    const Graph *g = p->o->g;
    int count = 0;
    find_stages(p);
    for (; count < g->group_count; count++) {
        int device = 0;
        for (int d = 1; d < g->device_count; d++)
            if (next_begin(p, d) < next_begin(p, device))
                device = d;
        double begin = next_begin(p, device);
        Group *group = isinf(begin) ? NULL : most_urgent(p, device, begin);
        if (!group)
            break;
        take(p, group, begin);
    }
    return count;
}

static bool waits_on(const Order *o, int user, int needed)
{
    for (int i = 0; i < o->user_count[needed]; i++)
        if (o->users[needed][i] == user)
            return true;
    return false;
}

// What goes in jobs (weights turned about) and stands within a chain goes before it where it can: a chain in
// one piece leaves an image's values in the cache.
static void keep_chains_whole(Play *p, int device)
{
    Group *const *groups = p->o->g->groups;
    int *queue = p->queue[device];
    for (int i = 1; i < p->length[device]; i++) {
        int id = queue[i], to = i;
        if (groups[id]->per_image || is_copy(groups[id]) || p->o->is_leaf[id])
            continue;
        while (to > 0 && groups[queue[to - 1]]->per_image && !waits_on(p->o, id, queue[to - 1]))
            to--;
        memmove(queue + to + 1, queue + to, (size_t)(i - to) * sizeof *queue);
        queue[to] = id;
    }
}

// --- all devices together -------------------------------------------------------------------------

// Stays with a device until its next group waits for another's.
static void lay_together(Play *p, Group **to)
{
    const Order *o = p->o;
    int next[GRAPH_DEVICES] = { 0 }, count = 0;
    for (int i = 0; i < o->g->group_count; i++)
        p->waiting[i] = o->waits_for[i];
    for (int device = 0; count < o->g->group_count; device = (device + 1) % o->g->device_count)
        while (next[device] < p->length[device] && !p->waiting[p->queue[device][next[device]]]) {
            Group *group = o->g->groups[p->queue[device][next[device]++]];
            to[count++] = group;
            for (int i = 0; i < o->user_count[group->id]; i++)
                p->waiting[o->users[group->id][i]]--;
        }
}

bool put_in_order(Order *o)
{
    Graph *g = o->g;
    assert(g->device_count > 0);                     // pass_place names one at least
    Play p = { .o = o, .ready = ARENA_ARRAY(g->arena, double, g->group_count),
               .waiting = ARENA_ARRAY(g->arena, int, g->group_count),
               .stage = ARENA_ARRAY(g->arena, int, g->group_count),
               .taken = ARENA_ARRAY(g->arena, bool, g->group_count) };
    memcpy(p.waiting, o->waits_for, (size_t)g->group_count * sizeof *p.waiting);
    for (int d = 0; d < g->device_count; d++)
        p.queue[d] = ARENA_ARRAY(g->arena, int, g->group_count);
    if (play_through(&p) < g->group_count)
        return diag_error(g->diag, NO_SPAN, "E900", "internal error: groups wait for each other");
    for (int d = 0; d < g->device_count; d++)
        if (pass_target(o->options, d)->kind == TARGET_CPU)
            keep_chains_whole(&p, d);
    Group **order = ARENA_ARRAY(g->arena, Group *, g->group_count);
    lay_together(&p, order);
    memcpy(g->groups, order, (size_t)g->group_count * sizeof *order);
    return true;
}
