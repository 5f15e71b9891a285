// Devices, buffers and tensors of a program: parameters first (all sequences share them), behind
// them one region of values per device that the sequences use in turn.
#include "emit/maker.h"
#include <math.h>
#include <string.h>

static int add_buffer(Maker *m, Buffer b)
{
    Program *p = m->program;
    ARENA_PUSH(m->arena, p->buffers, p->buffer_count, m->buffer_capacity, b);
    return p->buffer_count - 1;
}

static int add_tensor(Maker *m, Tensor t)
{
    Program *p = m->program;
    ARENA_PUSH(m->arena, p->tensors, p->tensor_count, m->tensor_capacity, t);
    return p->tensor_count - 1;
}

// A buffer behind everything that a device has so far, and a tensor that fills it.
static int add_persistent(Maker *m, const char *name, int device, BufferRole role, Shape shape,
                          const Layout *layout)
{
    ProgramDevice *d = &m->program->devices[device];
    int64_t bytes = size_round_up(layout_elements(layout, shape) * element_bytes(layout->element),
                                  PROGRAM_ALIGN);
    Buffer b = { .name = name, .device = device, .role = role, .offset = d->arena_bytes, .bytes = bytes };
    d->arena_bytes += bytes + PROGRAM_GUARD;
    Tensor t = { .name = name, .buffer = add_buffer(m, b), .shape = shape, .layout = *layout };
    return add_tensor(m, t);
}

bool make_devices(Maker *m, const Graph *g)
{
    Program *p = m->program;
    p->device_count = g->device_count;
    p->devices = ARENA_ARRAY(m->arena, ProgramDevice, g->device_count);
    for (int d = 0; d < g->device_count; d++) {
        const Target *target = m->targets[d];
        p->devices[d] = (ProgramDevice){ g->devices[d], target->name, target->vector, 0 };
        int64_t words = (int64_t)(sizeof(StepState) + (size_t)g->param_count * sizeof(ParamRates)) / 4;
        Shape shape = { 1, 1, 1, words };
        Layout plain = { .kind = LAYOUT_PLAIN, .vector = target->vector };
        plain.pieces = (Pieces){ 1, { 1 } };
        plain.item_stride = words;
        const char *name = arena_printf(m->arena, "state.%s", g->devices[d]);
        m->state[d] = add_persistent(m, name, d, BUFFER_STATE, shape, &plain);
        m->partial[d] = -1;
    }
    return true;
}

// --- partial sums -------------------------------------------------------------------------------

// One buffer a device, used by one contraction after the other.
int make_partial(Maker *m, int device, int64_t floats)
{
    Program *p = m->program;
    if (m->partial[device] < 0) {
        const char *name = arena_printf(m->arena, "partial.%s", p->devices[device].name);
        Buffer b = { .name = name, .device = device, .role = BUFFER_VALUE };
        Tensor t = { .name = name, .buffer = add_buffer(m, b), .shape = { 1, 1, 1, 1 } };
        t.layout = (Layout){ .kind = LAYOUT_PLAIN, .vector = p->devices[device].vector,
                             .pieces = { 1, { 1 } } };
        m->partial[device] = add_tensor(m, t);
    }
    Tensor *t = &p->tensors[m->partial[device]];
    if (t->shape.w < floats)
        t->shape.w = t->layout.item_stride = floats;
    return m->partial[device];
}

void place_partials(Maker *m)
{
    for (int d = 0; d < m->program->device_count; d++) {
        if (m->partial[d] < 0)
            continue;
        const Tensor *t = &m->program->tensors[m->partial[d]];
        Buffer *b = &m->program->buffers[t->buffer];
        int64_t *end = &m->program->devices[d].arena_bytes;
        b->offset = *end + PROGRAM_GUARD;
        b->bytes = size_round_up(4 * t->shape.w, PROGRAM_ALIGN);
        *end = b->offset + b->bytes;
    }
}

// --- parameters ---------------------------------------------------------------------------------

static void describe_fill(ProgramParam *to, const Param *from)
{
    double in = (double)from->fan_in, out = (double)from->fan_out;
    to->fill_value = from->init.value;
    switch (from->init.kind) {
    case INIT_CONSTANT: to->fill = FILL_CONSTANT; break;
    case INIT_GAUSSIAN: to->fill = FILL_GAUSSIAN; break;
    case INIT_XAVIER:   to->fill = FILL_UNIFORM;  to->fill_value = sqrt(6 / (in + out)); break;
    case INIT_HE:       to->fill = FILL_GAUSSIAN; to->fill_value = sqrt(2 / in); break;
    }
}

// The part of a parameter that starts at these rows, if there is one already.
static const ParamPart *find_part(const ProgramParam *p, int64_t first_row)
{
    for (int i = 0; i < p->part_count; i++)
        if (p->parts[i].first_row == first_row)
            return &p->parts[i];
    return NULL;
}

static void insert_part(ProgramParam *p, ParamPart part)
{
    int i = p->part_count++;
    for (; i > 0 && p->parts[i - 1].first_row > part.first_row; i--)
        p->parts[i] = p->parts[i - 1];
    p->parts[i] = part;
}

static bool make_part(Maker *m, GraphTensors *t, const Node *n, bool trains)
{
    const Param *param = n->attr.param.param;
    ProgramParam *p = &m->program->params[param->index];
    const ParamPart *part = find_part(p, n->attr.param.first_row);
    if (part) {
        const Tensor *old = &m->program->tensors[part->tensor];
        if (!layout_equal(&old->layout, &n->layout) || !shape_equal(old->shape, n->shape) ||
            m->program->buffers[old->buffer].device != n->device) {
            snprintf(m->err, PROGRAM_ERROR, "internal error: %s differs between two uses", n->name);
            return false;
        }
    } else {
        ParamPart made = { -1, -1, n->attr.param.first_row };
        made.tensor = add_persistent(m, n->name, n->device, BUFFER_PARAM, n->shape, &n->layout);
        if (trains) {
            const char *name = arena_printf(m->arena, "%s.velocity", n->name);
            made.velocity = add_persistent(m, name, n->device, BUFFER_VELOCITY, n->shape, &n->layout);
        }
        insert_part(p, made);
        part = find_part(p, made.first_row);
    }
    t->value[n->id] = part->tensor;
    t->velocity[n->id] = part->velocity;
    return true;
}

static int *no_tensors(Maker *m, int count)
{
    int *list = ARENA_ARRAY(m->arena, int, count);
    memset(list, -1, (size_t)count * sizeof *list);
    return list;
}

bool make_params(Maker *m, Graph *const *graphs, int count)
{
    Program *p = m->program;
    bool trains = graphs[0]->mode == GRAPH_TRAIN;
    p->param_count = graphs[0]->param_count;
    p->params = ARENA_ARRAY(m->arena, ProgramParam, p->param_count);
    for (int i = 0; i < p->param_count; i++) {
        const Param *from = graphs[0]->params[i];
        p->params[i] = (ProgramParam){ .name = from->name, .layer = from->layer->name,
                                       .is_bias = from->is_bias, .shape = from->shape };
        p->params[i].parts = ARENA_ARRAY(m->arena, ParamPart, GRAPH_DEVICES * 2);
        describe_fill(&p->params[i], from);
    }
    for (int g = 0; g < count; g++) {
        GraphTensors *t = &m->tensors[g];
        int nodes = graphs[g]->count;
        *t = (GraphTensors){ graphs[g], no_tensors(m, nodes), no_tensors(m, nodes),
                             no_tensors(m, nodes), no_tensors(m, nodes) };
        for (int i = 0; i < graphs[g]->count; i++)
            if (graphs[g]->nodes[i]->op == OP_PARAM && !make_part(m, t, graphs[g]->nodes[i], trains))
                return false;
    }
    return true;
}

// --- values -------------------------------------------------------------------------------------

static BufferRole role_of(const Graph *g, const Node *n)
{
    if (n->op == OP_INPUT)
        return BUFFER_INPUT;
    if (n->op == OP_LABEL)
        return BUFFER_LABEL;
    if (op_has(n->op, OP_TRANSFER))
        return BUFFER_RECEIVE;
    for (int i = 0; i < g->metric_count; i++)
        if (g->metrics[i] == n)
            return BUFFER_OUTPUT;
    for (int i = 0; i < g->output_count; i++)
        if (g->outputs[i].node == n)
            return BUFFER_OUTPUT;
    return n == g->loss ? BUFFER_OUTPUT : BUFFER_VALUE;
}

// Copies arrive in the storage of a concatenation, too.
static bool receives(const Graph *g, const Node *home)
{
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (op_has(n->op, OP_TRANSFER) && n->view == home)
            return true;
    }
    return false;
}

static Node *home_of(Node *n, int64_t *offset)
{
    for (; n->view; n = n->view)
        *offset += n->view_offset;
    return n;
}

static int add_storage(Maker *m, const Graph *g, const Storage *s, bool is_bytes)
{
    const Node *n = s->owner;
    BufferRole role = is_bytes ? BUFFER_VALUE : role_of(g, n);
    if (role == BUFFER_VALUE && !is_bytes && receives(g, n))
        role = BUFFER_RECEIVE;
    const char *name = is_bytes ? arena_printf(m->arena, "%s.places", n->name) : n->name;
    return add_buffer(m, (Buffer){ name, s->device, role, m->region[s->device] + s->offset,
                                   s->bytes, s->shared, s->needs_zero && !is_bytes });
}

static void make_node_tensors(Maker *m, GraphTensors *t, Node *n)
{
    int64_t offset = 0;
    Node *home = home_of(n, &offset);
    if (home->storage && t->value[n->id] < 0) {
        if (t->buffer[home->id] < 0)
            t->buffer[home->id] = add_storage(m, t->graph, home->storage, false);
        int64_t bytes = offset * element_bytes(n->layout.element);
        Tensor v = { n->name, t->buffer[home->id], bytes, n->shape, n->layout, false };
        t->value[n->id] = add_tensor(m, v);
    }
    if (n->places) {
        Layout l = layout_compact(n->layout);
        l.item_stride = layout_item(&l, n->shape);
        int buffer = add_storage(m, t->graph, n->places, true);
        Tensor v = { m->program->buffers[buffer].name, buffer, 0, n->shape, l, true };
        t->places[n->id] = add_tensor(m, v);
    }
}

bool make_values(Maker *m, Graph *const *graphs, int count)
{
    Program *p = m->program;
    int64_t most[GRAPH_DEVICES] = { 0 };
    for (int d = 0; d < p->device_count; d++)
        m->region[d] = p->devices[d].arena_bytes;
    for (int g = 0; g < count; g++) {
        for (int i = 0; i < graphs[g]->count; i++)
            make_node_tensors(m, &m->tensors[g], graphs[g]->nodes[i]);
        for (int d = 0; d < p->device_count; d++)
            if (graphs[g]->value_bytes[d] > most[d])
                most[d] = graphs[g]->value_bytes[d];
    }
    for (int d = 0; d < p->device_count; d++)
        if (!size_add(m->region[d], most[d], &p->devices[d].arena_bytes)) {
            snprintf(m->err, PROGRAM_ERROR, "the net needs more memory than can be counted");
            return false;
        }
    return true;
}

// --- ports and names ----------------------------------------------------------------------------

static ProgramPort port(const char *name, Shape shape)
{
    ProgramPort p = { .name = name, .shape = shape };
    memset(p.tensors, -1, sizeof p.tensors);
    memset(p.first, -1, sizeof p.first);
    return p;
}

static void add_to_port(ProgramPort *p, int tensor, int64_t first)
{
    for (int i = 0; i < PROGRAM_PORT_TENSORS; i++)
        if (p->tensors[i] < 0) {
            p->tensors[i] = tensor;
            p->first[i] = (int)first;
            return;
        }
}

static Shape whole_batch(const Graph *g, const Node *n)
{
    return (Shape){ g->batch, n->shape.c, n->shape.h, n->shape.w };
}

static void make_inputs(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s)
{
    int labels = g->label ? 1 : 0;
    s->inputs = ARENA_ARRAY(m->arena, ProgramPort, g->input_count + labels);
    s->input_count = g->input_count + labels;
    for (int i = 0; i < g->input_count; i++)
        s->inputs[i] = port(g->inputs[i].name ? g->inputs[i].name : "image",
                            whole_batch(g, g->inputs[i].node));
    if (labels)
        s->inputs[g->input_count] = port("label", whole_batch(g, g->label));
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (t->value[n->id] < 0)
            continue;
        if (n->op == OP_INPUT)
            add_to_port(&s->inputs[n->attr.port.index], t->value[n->id], n->attr.port.first);
        if (n->op == OP_LABEL)
            add_to_port(&s->inputs[g->input_count], t->value[n->id], n->attr.port.first);
    }
}

static void make_output(Sequence *s, const GraphTensors *t, const char *name, const Node *n)
{
    s->outputs[s->output_count] = port(name, n->shape);
    add_to_port(&s->outputs[s->output_count++], t->value[n->id], 0);
}

// What is intact when the sequence ends may be read by name.
static void make_names(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s)
{
    s->named = ARENA_ARRAY(m->arena, int, g->count);
    for (int i = 0; i < g->count; i++) {
        const Buffer *b = t->value[i] < 0 ? NULL
                          : &m->program->buffers[m->program->tensors[t->value[i]].buffer];
        if (b && !b->shared && g->nodes[i]->op != OP_PARAM)
            s->named[s->named_count++] = t->value[i];
    }
}

void make_ports(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s)
{
    make_inputs(m, g, t, s);
    s->outputs = ARENA_ARRAY(m->arena, ProgramPort, g->output_count + g->metric_count + 1);
    if (g->loss)
        make_output(s, t, "loss", g->loss);
    for (int i = 0; i < g->metric_count; i++)
        make_output(s, t, arena_printf(m->arena, "top%d", g->metrics[i]->attr.top.k), g->metrics[i]);
    for (int i = 0; i < g->output_count && g->mode != GRAPH_TRAIN; i++) {
        const char *name = g->outputs[i].name;
        make_output(s, t, name ? name : "output", g->outputs[i].node);
    }
    make_names(m, g, t, s);
    s->zero = ARENA_ARRAY(m->arena, int, g->storage_count);
    for (int i = 0; i < g->storage_count; i++)
        if (g->storages[i]->needs_zero)
            s->zero[s->zero_count++] = t->buffer[g->storages[i]->owner->id];
}
