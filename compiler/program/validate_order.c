// Follows the commands of one sequence: who touches which bytes when. Finds values that are read
// before they are written, buffers that share bytes while both are in use, and devices that do not
// wait for each other although one reads or overwrites what the other makes.
#include "program/order.h"
#include "program/validate.h"
#include <stdlib.h>

typedef struct { int tensor, command, launch; bool is_write; } Access;

typedef struct {
    Access *list;                  // in order
    int     count, capacity;
    int     first, last;           // commands between which its bytes are in use; see Order
    bool    in_use, from_host;
} Use;

// The host writes before command 0 and reads after the last: it stands for commands -1 and `count`.
typedef struct {
    const Program  *p;
    const Sequence *s;
    Arena          *scratch;
    char           *err;
    CommandClock   *clocks;        // by command
    Use            *uses;          // by buffer
} Order;

#define FAIL(...) validate_fail(o->err, __VA_ARGS__)

static bool is_before(const Order *o, int a, int b)
{
    return order_before(o->s, o->clocks, a, b);
}

// Runs of bytes at equal distances: images, or in NHWC pixels. distance 0: in one piece.
typedef struct { int64_t run, distance; } Runs;

static Runs runs_of(const Tensor *t)
{
    const Layout *l = &t->layout;
    int64_t size = t->is_bytes ? 1 : element_bytes(l->element), item = layout_item(l, t->shape);
    switch (l->kind) {
    case LAYOUT_PLAIN:
    case LAYOUT_BLOCKED:
        return (Runs){ item * size, (l->item_stride ? l->item_stride : item) * size };
    case LAYOUT_NHWC:
        return (Runs){ layout_pixel(l, t->shape) * size, l->pixel_stride * size };
    default:
        return (Runs){ 0, 0 };
    }
}

// Do two tensors of one buffer have bytes in common? The parts of a concatenation interleave: equal
// distances between runs, different places within.
static bool tensors_overlap(const Tensor *a, const Tensor *b)
{
    if (a->offset + tensor_bytes(a) <= b->offset || b->offset + tensor_bytes(b) <= a->offset)
        return false;
    Runs p = runs_of(a), q = runs_of(b);
    if (p.distance == 0 || p.distance != q.distance)
        return true;
    int64_t x = a->offset % p.distance, y = b->offset % p.distance;
    if (x + p.run > p.distance || y + q.run > p.distance)
        return true;
    return x < y + q.run && y < x + p.run;
}

static void use(Order *o, int buffer, int command)
{
    Use *u = &o->uses[buffer];
    if (!u->in_use || command < u->first)
        u->first = command;
    u->in_use = true;
    u->last = command;
}

static bool check_access(Order *o, Access a)
{
    const Tensor *t = &o->p->tensors[a.tensor];
    const Buffer *b = &o->p->buffers[t->buffer];
    Use *u = &o->uses[t->buffer];
    bool is_group = o->s->commands[a.command].kind == COMMAND_GROUP, written = u->from_host;
    for (int i = 0; i < u->count; i++) {
        const Access *e = &u->list[i];
        if ((!e->is_write && !a.is_write) || !tensors_overlap(t, &o->p->tensors[e->tensor]))
            continue;
        written |= e->is_write;
        if (e->command == a.command && e->launch != a.launch && is_group)
            return FAIL("command %d: launches %d and %d of a group both touch %.64s", a.command,
                        e->launch, a.launch, t->name);
        if (e->command != a.command && !is_before(o, e->command, a.command))
            return FAIL("command %d does not wait for command %d, which touches %.64s too",
                        a.command, e->command, t->name);
    }
    if (!a.is_write && !written && !role_is_kept(b->role))
        return FAIL("command %d reads %.64s before anything writes it", a.command, t->name);
    use(o, t->buffer, a.command);
    ARENA_PUSH(o->scratch, u->list, u->count, u->capacity, a);
    return true;
}

static bool follow_launch(Order *o, int command, int launch)
{
    const Launch *l = &o->s->launches[launch];
    for (int i = 0; i < l->tensor_count; i++) {
        bool is_write = i >= l->tensor_count - l->writes;
        if (!check_access(o, (Access){ l->tensors[i], command, launch, is_write }))
            return false;
    }
    return true;
}

static bool follow_commands(Order *o)
{
    for (int i = 0; i < o->s->command_count; i++) {
        const Command *c = &o->s->commands[i];
        if (c->kind == COMMAND_COPY) {
            const Copy *copy = &o->s->copies[c->first];
            if (!check_access(o, (Access){ copy->from, i, -1, false })
                || !check_access(o, (Access){ copy->to, i, -1, true }))
                return false;
            continue;
        }
        for (int k = 0; k < c->count; k++)
            if (!follow_launch(o, i, c->first + k))
                return false;
    }
    return true;
}

static void use_inputs(Order *o)
{
    for (int i = 0; i < o->s->input_count; i++)
        for (int k = 0; k < PROGRAM_PORT_TENSORS && o->s->inputs[i].tensors[k] >= 0; k++) {
            int buffer = o->p->tensors[o->s->inputs[i].tensors[k]].buffer;
            use(o, buffer, -1);
            o->uses[buffer].from_host = true;
        }
    for (int i = 0; i < o->s->zero_count; i++)
        use(o, o->s->zero[i], -1);
}

// --- rounded copies -------------------------------------------------------------------------------

static bool writes_to(const Order *o, const Launch *l, const Tensor *to)
{
    for (int i = l->tensor_count - l->writes; i < l->tensor_count; i++) {
        const Tensor *t = &o->p->tensors[l->tensors[i]];
        if (t->buffer == to->buffer && tensors_overlap(t, to))
            return true;
    }
    return false;
}

// Who writes what the copy is made of must write the copy, and nobody else may: most runs leave it as the
// run before has left it.
static bool check_refreshed(Order *o, const Launch *l, int index)
{
    if (l->tensor_count != 2 || l->writes != 1
        || o->p->buffers[o->p->tensors[l->tensors[0]].buffer].role != BUFFER_PARAM)
        return FAIL("launch %d: refreshes something else than the copy of a parameter", index);
    const Tensor *param = &o->p->tensors[l->tensors[0]], *copy = &o->p->tensors[l->tensors[1]];
    for (int i = 0; i < o->s->launch_count; i++)
        if (i != index && writes_to(o, &o->s->launches[i], param) != writes_to(o, &o->s->launches[i], copy))
            return FAIL("launch %d writes %.64s or its copy, and not both", i, param->name);
    for (int i = 0; i < o->s->copy_count; i++)
        if (o->p->tensors[o->s->copies[i].to].buffer == copy->buffer)
            return FAIL("copy %d: into the copy of %.64s", i, param->name);
    use(o, copy->buffer, -1);
    use(o, copy->buffer, o->s->command_count);
    return true;
}

static bool check_copies(Order *o)
{
    for (int i = 0; i < o->s->launch_count; i++)
        if (o->s->launches[i].refreshes && !check_refreshed(o, &o->s->launches[i], i))
            return false;
    return true;
}

// What others imply costs an event and hides which waits matter.
static bool check_waits(const Order *o)
{
    for (int i = 0; i < o->s->command_count; i++)
        for (int k = 0; k < o->s->commands[i].wait_count; k++)
            if (order_implies(o->s, o->clocks, i, k))
                return FAIL("command %d waits for command %d, which others of its waits imply", i,
                            o->s->commands[i].waits[k]);
    return true;
}

// What the host reads afterwards must have been written, and must still be there.
static bool use_result(Order *o, int tensor)
{
    const Tensor *t = &o->p->tensors[tensor];
    Use *u = &o->uses[t->buffer];
    bool written = u->from_host || role_is_kept(o->p->buffers[t->buffer].role);
    for (int i = 0; i < u->count && !written; i++)
        written = u->list[i].is_write && tensors_overlap(t, &o->p->tensors[u->list[i].tensor]);
    if (!written)
        return FAIL("the host reads %.64s, which nothing writes", t->name);
    use(o, t->buffer, o->s->command_count);
    return true;
}

static bool use_results(Order *o)
{
    for (int i = 0; i < o->s->output_count; i++)
        for (int k = 0; k < PROGRAM_PORT_TENSORS && o->s->outputs[i].tensors[k] >= 0; k++)
            if (!use_result(o, o->s->outputs[i].tensors[k]))
                return false;
    for (int i = 0; i < o->s->named_count; i++)
        if (!use_result(o, o->s->named[i]))
            return false;
    for (int i = 0; i < o->s->zero_count; i++)
        use(o, o->s->zero[i], o->s->command_count);
    return true;
}

// Two buffers near each other: in use one after the other, or a guard apart.
static bool check_pair(Order *o, int a, int b)
{
    const Buffer *x = &o->p->buffers[a], *y = &o->p->buffers[b];
    Use *u = &o->uses[a], *v = &o->uses[b];
    if (u->last >= v->first && v->last >= u->first)
        return FAIL("%.64s and %.64s are in use at once: their bytes overlap or have no guard between",
                    x->name, y->name);
    if (y->offset >= x->offset + x->bytes)
        return true;
    for (int i = 0; i < u->count; i++)
        for (int k = 0; k < v->count; k++) {
            int first = u->list[i].command, second = v->list[k].command;
            if (first > second) {
                int swap = first;
                first = second;
                second = swap;
            }
            if (!is_before(o, first, second))
                return FAIL("command %d does not wait for command %d, which uses the same bytes (%.48s,"
                            " %.48s)", second, first, x->name, y->name);
        }
    return true;
}

typedef struct { int device; int64_t offset; int index; } ByteUse;

static int compare_places(const void *a, const void *b)
{
    const ByteUse *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool check_sharing(Order *o)
{
    ByteUse *places = ARENA_ARRAY(o->scratch, ByteUse, o->p->buffer_count + 1);
    int count = 0;
    for (int i = 0; i < o->p->buffer_count; i++)
        if (o->uses[i].in_use && !role_is_kept(o->p->buffers[i].role))
            places[count++] = (ByteUse){ o->p->buffers[i].device, o->p->buffers[i].offset, i };
    qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int i = 0; i < count; i++) {
        int64_t end = places[i].offset + o->p->buffers[places[i].index].bytes + PROGRAM_GUARD;
        for (int k = i + 1; k < count && places[k].device == places[i].device
                            && places[k].offset < end; k++)
            if (!check_pair(o, places[i].index, places[k].index))
                return false;
    }
    return true;
}

bool validate_order(const Program *p, int sequence, Arena *scratch, char err[PROGRAM_ERROR])
{
    Order o = { .p = p, .s = &p->sequences[sequence], .scratch = scratch, .err = err };
    o.uses = ARENA_ARRAY(scratch, Use, p->buffer_count + 1);
    o.clocks = ARENA_ARRAY(scratch, CommandClock, o.s->command_count + 1);
    order_clocks(o.s, o.clocks);
    use_inputs(&o);
    return check_waits(&o) && follow_commands(&o) && check_copies(&o) && use_results(&o) && check_sharing(&o);
}
