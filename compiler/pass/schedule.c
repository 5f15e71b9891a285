// pass_schedule: the order of the groups, and the commands they form: chains that go image by
// image without a barrier between, sets of independent groups, copies.
//
// Before: HAS_GROUPS. After: HAS_ORDER; graph->groups stands in the order of execution, which is
// legal for all devices together. order.c chooses it.
#include "pass/order.h"
#include "pass/pass.h"
#include "pass/rules.h"
#include <assert.h>

static void wait_for(Order *o, const Group *user, const Group *needed)
{
    if (!needed || needed == user)
        return;
    int id = needed->id;
    for (int i = 0; i < o->user_count[id]; i++)
        if (o->users[id][i] == user->id)
            return;
    ARENA_PUSH(o->g->arena, o->users[id], o->user_count[id], o->user_capacity[id], user->id);
    o->waits_for[user->id]++;
}

// Waits for whatever writes the storage that `value` lives in: through views, and all the inputs
// of a concatenation in place.
static void wait_for_value(Order *o, const Group *user, const Node *value)
{
    if (value->group) {
        wait_for(o, user, value->group);
        return;
    }
    for (int i = 0; i < value->inputs; i++)
        if (rule_reads(value, i))
            wait_for_value(o, user, value->in[i]);
}

// An update overwrites its parameter and that one's rounded copy: everybody who reads the old values
// goes first.
static void wait_for_readers(Order *o, const Group *group, const Node *update)
{
    const Node *param = update->in[0];
    for (int i = 0; i < o->g->group_count; i++)
        for (int k = 0; k < o->g->groups[i]->input_count; k++) {
            const Node *read = o->g->groups[i]->inputs[k];
            if (read == param || read == param->rounded)
                wait_for(o, group, o->g->groups[i]);
        }
}

static void find_waits(Order *o)
{
    for (int i = 0; i < o->g->group_count; i++) {
        const Group *group = o->g->groups[i];
        for (int k = 0; k < group->input_count; k++)
            wait_for_value(o, group, group->inputs[k]);
        for (int k = 0; k < group->count; k++)   // places of maxima, kept by the forward kernel
            if (group->nodes[k]->role == ROLE_BACKWARD && group->nodes[k]->forward)
                wait_for(o, group, group->nodes[k]->forward->group);
        for (int k = 0; k < group->count; k++)
            if (op_has(group->nodes[k]->op, OP_UPDATE))
                wait_for_readers(o, group, group->nodes[k]);
    }
}

// What only updates wait for: weight gradients. What goes image by image is no leaf, though in the end a
// whole backward pass is there for updates. Groups were made in an order that respects inputs, so users
// come later: one walk backwards.
static void find_leaves(Order *o)
{
    for (int i = o->g->group_count - 1; i >= 0; i--) {
        const Group *group = o->g->groups[i];
        bool leaf = group_is_update(group) || (o->user_count[i] > 0 && !group->per_image);
        for (int k = 0; k < o->user_count[i]; k++)
            leaf = leaf && o->is_leaf[o->users[i][k]];
        o->is_leaf[i] = leaf;
    }
}

// --- commands -----------------------------------------------------------------------------------

static GroupCommandKind kind_of(const Group *group)
{
    return group->pattern == PATTERN_COPY ? GROUPS_COPY
           : group->per_image             ? GROUPS_CHAIN : GROUPS_TOGETHER;
}

static bool waits_on(const Order *o, const Group *user, const Group *needed)
{
    for (int i = 0; i < o->user_count[needed->id]; i++)
        if (o->users[needed->id][i] == user->id)
            return true;
    return false;
}

// A GPU overlaps launches by streams.
static bool can_join(const Order *o, const GroupCommand *c, const Group *group)
{
    if (c->kind != kind_of(group) || c->kind == GROUPS_COPY || c->device != group->root->device
        || pass_target(o->options, c->device)->kind != TARGET_CPU)
        return false;
    if (c->kind == GROUPS_CHAIN)                  // parts of a batch go with others of as many images
        return o->g->groups[c->first]->root->shape.n == group->root->shape.n;
    for (int i = c->first; i < c->first + c->count; i++)
        if (waits_on(o, group, o->g->groups[i]))
            return false;
    return true;
}

static void form_commands(Order *o)
{
    Graph *g = o->g;
    int capacity = 0;
    assert(g->command_count == 0);
    for (int i = 0; i < g->group_count; i++) {
        Group *group = g->groups[i];
        GroupCommand *last = g->command_count ? &g->commands[g->command_count - 1] : NULL;
        if (last && can_join(o, last, group)) {
            last->count++;
        } else {
            GroupCommand c = { .kind = kind_of(group), .device = group->root->device, .first = i,
                               .count = 1 };
            ARENA_PUSH(g->arena, g->commands, g->command_count, capacity, c);
        }
        group->command = g->command_count - 1;
    }
}

// A device runs its commands in order, so of every other device only the last one matters.
static void add_wait(Graph *g, GroupCommand *c, int needed)
{
    for (int i = 0; i < c->wait_count; i++)
        if (g->commands[c->waits[i]].device == g->commands[needed].device) {
            if (c->waits[i] < needed)
                c->waits[i] = needed;
            return;
        }
    if (!c->waits)
        c->waits = ARENA_ARRAY(g->arena, int, g->device_count);
    c->waits[c->wait_count++] = needed;
}

static void find_cross_waits(Order *o)
{
    Graph *g = o->g;
    const Group **by_id = ARENA_ARRAY(g->arena, const Group *, g->group_count);
    for (int i = 0; i < g->group_count; i++)
        by_id[g->groups[i]->id] = g->groups[i];
    for (int i = 0; i < g->group_count; i++) {
        const Group *needed = by_id[i];
        for (int k = 0; k < o->user_count[i]; k++) {
            const Group *user = by_id[o->users[i][k]];
            if (user->root->device != needed->root->device)
                add_wait(g, &g->commands[user->command], needed->command);
        }
    }
}

bool pass_schedule(Graph *g, const PassOptions *options)
{
    Order o = { .g = g, .options = options };
    o.users = ARENA_ARRAY(g->arena, int *, g->group_count);
    o.user_count = ARENA_ARRAY(g->arena, int, g->group_count);
    o.user_capacity = ARENA_ARRAY(g->arena, int, g->group_count);
    o.waits_for = ARENA_ARRAY(g->arena, int, g->group_count);
    o.is_leaf = ARENA_ARRAY(g->arena, bool, g->group_count);
    find_waits(&o);
    find_leaves(&o);
    if (!put_in_order(&o))
        return false;
    form_commands(&o);
    find_cross_waits(&o);
    return true;
}
