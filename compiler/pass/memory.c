// pass_memory: how long every value lives, and where: an offset in its device's value region.
//
// Before: HAS_ORDER. After: HAS_TENSORS; every value that leaves its kernel has a Storage, views
// live in their home's, and the size of every region is known before anything is allocated.
// Lives are counted in commands: the groups of one command run at the same time, so within a
// command nothing may take the bytes of anything else. Parameters are not values: the program
// places them, once for all sequences.
#include "pass/pass.h"
#include "pass/rules.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, GUARD = 64 };       // as PROGRAM_ALIGN and PROGRAM_GUARD

typedef struct {
    Graph *g;
    int    capacity;
    bool   overflow;
} Plan;

static Node *home(Node *n)
{
    while (n->view)
        n = n->view;
    return n;
}

static Storage *new_storage(Plan *p, Node *owner, int64_t bytes)
{
    Graph *g = p->g;
    Storage *s = ARENA_NEW(g->arena, Storage);
    s->owner = owner;
    s->device = owner->device;
    s->bytes = size_round_up(bytes, ALIGN);
    s->born = g->command_count;
    s->dies = -1;
    ARENA_PUSH(g->arena, g->storages, g->storage_count, p->capacity, s);
    return s;
}

// The storage that a value lives in, made at first sight; NULL for parameters.
static Storage *storage_of(Plan *p, Node *value)
{
    Node *n = home(value);
    if (n->storage || n->op == OP_PARAM)
        return n->storage;
    int64_t elements = layout_elements(&n->layout, n->shape), bytes = 0;
    if (elements < 0 || !size_multiply(elements, element_bytes(n->layout.element), &bytes)) {
        p->overflow = true;
        return NULL;
    }
    n->storage = new_storage(p, n, bytes);
    n->storage->needs_zero = layout_has_padding(&n->layout, n->shape);
    return n->storage;
}

static void extend(Storage *s, int command)
{
    if (!s)
        return;
    if (command < s->born)
        s->born = command;
    if (command > s->dies)
        s->dies = command;
}

static void pin(Plan *p, Node *value)
{
    Storage *s = value ? storage_of(p, value) : NULL;
    if (s)
        s->pinned = true;
}

// The places of the maxima: one byte per element of the pooled map, blocked without halo, written
// by the pooling kernel and read by its gradient's.
static void keep_places(Plan *p, const Group *group, Node *gradient)
{
    Node *pool = gradient->forward;
    if (!pool || !rule_needs_places(gradient))
        return;
    if (!pool->places) {
        Layout l = layout_compact(pool->layout);
        int64_t bytes = layout_elements(&l, pool->shape);
        if (bytes < 0) {
            p->overflow = true;
            return;
        }
        pool->places = new_storage(p, pool, bytes);
        extend(pool->places, pool->group->command);
    }
    extend(pool->places, group->command);
}

static void find_lives(Plan *p)
{
    Graph *g = p->g;
    for (int i = 0; i < g->group_count; i++) {
        const Group *group = g->groups[i];
        for (int k = 0; k < group->input_count; k++)
            extend(storage_of(p, group->inputs[k]), group->command);
        for (int k = 0; k < group->output_count; k++)
            extend(storage_of(p, group->outputs[k]), group->command);
        for (int k = 0; k < group->count; k++)
            keep_places(p, group, group->nodes[k]);
    }
}

// What the host or another device touches keeps its bytes through the whole sequence, and so does
// what has zeros that nobody writes again: they are cleared once, when the sequence is entered.
// Rounded copies of parameters keep theirs from one run to the next, and so does what grows with each.
static void find_pinned(Plan *p)
{
    Graph *g = p->g;
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_SOURCE | OP_KEEPS))
            pin(p, g->nodes[i]);
    for (int i = 0; i < g->count; i++)
        pin(p, g->nodes[i]->rounded);
    for (int i = 0; i < g->output_count; i++)
        pin(p, g->outputs[i].node);
    for (int i = 0; i < g->metric_count; i++)
        pin(p, g->metrics[i]);
    pin(p, g->loss);
    for (int i = 0; i < g->group_count; i++)
        if (g->groups[i]->pattern == PATTERN_COPY) {
            pin(p, g->groups[i]->root->in[0]);
            pin(p, g->groups[i]->root);
        }
    for (int i = 0; i < g->storage_count; i++) {
        Storage *s = g->storages[i];
        s->pinned = s->pinned || s->needs_zero;
        if (s->pinned) {
            s->born = 0;
            s->dies = g->command_count;
        }
    }
}

// --- placing ------------------------------------------------------------------------------------

static int larger_first(const void *a, const void *b)
{
    const Storage *x = *(Storage *const *)a, *y = *(Storage *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->owner->id - y->owner->id;
}

static bool live_together(const Storage *a, const Storage *b)
{
    return a->born <= b->dies && b->born <= a->dies;
}

// Puts `s` into the lowest gap that no placed storage of its time uses. `placed` is kept sorted by
// offset.
static int64_t lowest_gap(Storage *const *placed, int count, const Storage *s, bool reuse)
{
    int64_t offset = 0;
    for (int i = 0; i < count; i++) {
        const Storage *other = placed[i];
        if (reuse && !live_together(other, s))
            continue;
        if (other->offset >= offset + s->bytes + GUARD)
            break;
        if (other->offset + other->bytes + GUARD > offset)
            offset = other->offset + other->bytes + GUARD;
    }
    return offset;
}

static void insert(Storage **placed, int count, Storage *s)
{
    int i = count;
    for (; i > 0 && placed[i - 1]->offset > s->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = s;
}

// The guard counts: where it is missing the neighbour's lives must not meet either.
static void mark_shared(Storage *const *placed, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count
                            && placed[k]->offset < placed[i]->offset + placed[i]->bytes + GUARD; k++)
            placed[i]->shared = placed[k]->shared = true;
}

static void place_device(Graph *g, Storage **sorted, int device, bool reuse)
{
    Storage **placed = ARENA_ARRAY(g->arena, Storage *, g->storage_count);
    int count = 0;
    for (int i = 0; i < g->storage_count; i++) {
        Storage *s = sorted[i];
        if (s->device != device)
            continue;
        s->offset = lowest_gap(placed, count, s, reuse);
        insert(placed, count++, s);
        if (s->offset + s->bytes + GUARD > g->value_bytes[device])
            g->value_bytes[device] = s->offset + s->bytes + GUARD;
    }
    mark_shared(placed, count);
}

bool pass_memory(Graph *g, const PassOptions *o)
{
    Plan p = { .g = g };
    find_lives(&p);
    find_pinned(&p);
    if (p.overflow)
        return diag_error(g->diag, NO_SPAN, "E330", "a tensor of this net is larger than 1 TiB");
    Storage **sorted = ARENA_ARRAY(g->arena, Storage *, g->storage_count);
    if (g->storage_count) {
        memcpy(sorted, g->storages, (size_t)g->storage_count * sizeof *sorted);
        qsort(sorted, (size_t)g->storage_count, sizeof *sorted, larger_first);
    }
    for (int d = 0; d < g->device_count; d++)
        place_device(g, sorted, d, o->reuse_memory);
    return true;
}
