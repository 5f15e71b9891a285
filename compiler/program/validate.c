// Says whether a program can be run at all. Trusts nothing but the counts and the pointers: a
// loaded file has been checked field by field only. This file checks every table by itself.
#include "program/validate.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_ROWS    = 1 << 16,        // entries of a table
    MOST_VECTOR  = 64,
    MOST_HALO    = 1 << 20,
    MOST_ITEMS   = 1 << 30,
    MOST_TENSORS = 64              // of a launch
};
#define MOST_STRIDE  (SHAPE_MOST_BYTES / 4)
#define MOST_SCRATCH ((int64_t)1 << 30)
#define MOST_SHARED  ((int64_t)228 << 10)

bool validate_fail(char err[PROGRAM_ERROR], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err, PROGRAM_ERROR, fmt, args);
    va_end(args);
    return false;
}
#define FAIL(...) validate_fail(err, __VA_ARGS__)

static bool in_range(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

static bool is_index(int index, int count) { return index >= 0 && index < count; }

bool role_is_kept(BufferRole role)
{
    return role == BUFFER_PARAM || role == BUFFER_VELOCITY || role == BUFFER_STATE;
}

// --- devices and buffers --------------------------------------------------------------------------

static bool check_counts(const Program *p, char *err)
{
    const struct { const char *what; int count, most; } tables[] = {
        { "devices",   p->device_count,   PROGRAM_DEVICES },
        { "buffers",   p->buffer_count,   MOST_ROWS },
        { "tensors",   p->tensor_count,   MOST_ROWS },
        { "params",    p->param_count,    MOST_ROWS },
        { "units",     p->unit_count,     MOST_ROWS },
        { "kernels",   p->kernel_count,   MOST_ROWS },
        { "sequences", p->sequence_count, 256 },
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!in_range(tables[i].count, 0, tables[i].most))
            return FAIL("%d %s, at most %d", tables[i].count, tables[i].what, tables[i].most);
    if (p->device_count == 0 || p->sequence_count == 0)
        return FAIL("no device or no sequence");
    return true;
}

static bool check_devices(const Program *p, char *err)
{
    for (int i = 0; i < p->device_count; i++) {
        const ProgramDevice *d = &p->devices[i];
        if (!in_range(d->vector, 1, MOST_VECTOR) || (d->vector & (d->vector - 1)))
            return FAIL("device %d: %d floats a register", i, d->vector);
        if (!in_range(d->arena_bytes, 0, SHAPE_MOST_BYTES) || d->arena_bytes % PROGRAM_ALIGN)
            return FAIL("device %d: an arena of %" PRId64 " bytes", i, d->arena_bytes);
        for (int k = 0; k < i; k++)
            if (!strcmp(d->name, p->devices[k].name))
                return FAIL("two devices are named %.64s", d->name);
    }
    return true;
}

static bool check_buffer(const Program *p, int index, char *err)
{
    const Buffer *b = &p->buffers[index];
    if (!is_index(b->device, p->device_count))
        return FAIL("buffer %d: no device %d", index, b->device);
    int64_t end;
    if (b->offset < 0 || b->bytes <= 0 || b->offset % PROGRAM_ALIGN || b->bytes % PROGRAM_ALIGN
        || !size_add(b->offset, b->bytes, &end) || end > p->devices[b->device].arena_bytes)
        return FAIL("buffer %d: bytes %" PRId64 " + %" PRId64 " are not in an arena of %" PRId64,
                    index, b->offset, b->bytes, p->devices[b->device].arena_bytes);
    if (role_is_kept(b->role) && b->shared)
        return FAIL("buffer %d: kept across sequences, yet shared", index);
    return true;
}

static int compare_buffers(const void *a, const void *b)
{
    const Buffer *x = *(Buffer *const *)a, *y = *(Buffer *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

// Bytes that outlive a sequence lie apart from all others, with a guard between.
static bool check_kept(const Program *p, Arena *scratch, char *err)
{
    const Buffer **sorted = ARENA_ARRAY(scratch, const Buffer *, p->buffer_count + 1);
    for (int i = 0; i < p->buffer_count; i++)
        sorted[i] = &p->buffers[i];
    qsort(sorted, (size_t)p->buffer_count, sizeof *sorted, compare_buffers);
    int64_t end = -PROGRAM_GUARD, kept_end = -PROGRAM_GUARD;
    for (int i = 0; i < p->buffer_count; i++) {
        const Buffer *b = sorted[i];
        if (i && sorted[i - 1]->device != b->device)
            end = kept_end = -PROGRAM_GUARD;
        bool kept = role_is_kept(b->role);
        if (b->offset < (kept ? end : kept_end) + PROGRAM_GUARD)
            return FAIL("buffer %.64s: no guard before it, or bytes of another that is kept", b->name);
        int64_t last = b->offset + b->bytes;
        end = last > end ? last : end;
        if (kept)
            kept_end = last > kept_end ? last : kept_end;
    }
    return true;
}

static bool check_buffers(const Program *p, Arena *scratch, char *err)
{
    bool has_state[PROGRAM_DEVICES] = { false };
    for (int i = 0; i < p->buffer_count; i++) {
        if (!check_buffer(p, i, err))
            return false;
        const Buffer *b = &p->buffers[i];
        if (b->role != BUFFER_STATE)
            continue;
        if (has_state[b->device])
            return FAIL("device %d has two state buffers", b->device);
        has_state[b->device] = true;
        if (b->bytes < (int64_t)(sizeof(StepState) + (size_t)p->param_count * sizeof(ParamRates)))
            return FAIL("buffer %d: too small for the state of %d parameters", i, p->param_count);
    }
    return check_kept(p, scratch, err);
}

// --- tensors --------------------------------------------------------------------------------------

static bool pieces_sum_to(const Pieces *p, int64_t channels)
{
    if (!in_range(p->count, 0, LAYOUT_PIECES))
        return false;
    int64_t sum = 0;
    for (int i = 0; i < p->count; i++) {
        if (!in_range(p->channels[i], 1, SHAPE_MOST))
            return false;
        sum += p->channels[i];
    }
    return p->count == 0 || sum == channels;
}

// The numbers from which layout_address computes: none may lead out of layout_elements.
static bool layout_is_legal(const Layout *l, Shape s)
{
    bool maps = l->kind == LAYOUT_PLAIN || l->kind == LAYOUT_BLOCKED || l->kind == LAYOUT_NHWC;
    bool features = l->kind == LAYOUT_PANEL || l->kind == LAYOUT_COLUMNS || l->kind == LAYOUT_DENSE
                    || l->kind == LAYOUT_NHWC;
    bool weights = l->kind == LAYOUT_FILTERS || l->kind == LAYOUT_FILTERS_IN || l->kind == LAYOUT_DENSE;
    if (l->kind == LAYOUT_NONE || !in_range(l->vector, 1, MOST_VECTOR)
        || !in_range(l->top, 0, MOST_HALO) || !in_range(l->bottom, 0, MOST_HALO)
        || !in_range(l->left, 0, MOST_HALO) || !in_range(l->right, 0, MOST_HALO)
        || !in_range(l->in_h, 0, SHAPE_MOST) || !in_range(l->in_w, 0, SHAPE_MOST)
        || !in_range(l->item_stride, 0, MOST_STRIDE) || !in_range(l->pixel_stride, 0, MOST_STRIDE))
        return false;
    int64_t channels = s.c;
    if (features && s.h * s.w == 1 && l->in_h > 0 && l->in_w > 0) {
        int64_t area = (int64_t)l->in_h * l->in_w;
        if (s.c % area)
            return false;
        channels = s.c / area;
    }
    if (!pieces_sum_to(&l->pieces, channels) || (weights && !pieces_sum_to(&l->pieces_out, s.n)))
        return false;
    if (l->pixel_stride && l->pixel_stride < layout_pixel(l, s))
        return false;
    return !maps || !l->item_stride || l->item_stride >= layout_item(l, s);
}

int64_t tensor_bytes(const Tensor *t)
{
    int64_t bytes = layout_elements(&t->layout, t->shape);
    if (t->is_bytes || bytes < 0)
        return bytes;
    return size_multiply(bytes, element_bytes(t->layout.element), &bytes) ? bytes : -1;
}

static bool check_tensors(const Program *p, char *err)
{
    for (int i = 0; i < p->tensor_count; i++) {
        const Tensor *t = &p->tensors[i];
        if (!is_index(t->buffer, p->buffer_count))
            return FAIL("tensor %d: no buffer %d", i, t->buffer);
        if (!shape_is_legal(t->shape) || !layout_is_legal(&t->layout, t->shape))
            return FAIL("tensor %d (%.64s): an illegal shape or layout", i, t->name);
        int64_t bytes = tensor_bytes(t), end;
        if (bytes < 0 || t->offset < 0 || t->offset % (t->is_bytes ? 1 : element_bytes(t->layout.element))
            || !size_add(t->offset, bytes, &end) || end > p->buffers[t->buffer].bytes)
            return FAIL("tensor %d (%.64s): bytes %" PRId64 " + %" PRId64 " are not in buffer %d of %"
                        PRId64, i, t->name, t->offset, bytes, t->buffer, p->buffers[t->buffer].bytes);
    }
    return true;
}

// --- parameters and kernels -----------------------------------------------------------------------

// One part: `row` is where it must begin; moves it on.
static bool check_part(const Program *p, const ProgramParam *w, const ParamPart *part, int64_t *row,
                       char *err)
{
    bool by_channel = w->shape.n == 1 && w->is_bias;
    if (!is_index(part->tensor, p->tensor_count)
        || p->buffers[p->tensors[part->tensor].buffer].role != BUFFER_PARAM)
        return FAIL("parameter %.64s: tensor %d is none of a parameter", w->name, part->tensor);
    Shape s = p->tensors[part->tensor].shape, whole = w->shape;
    int64_t rows = by_channel ? s.c : s.n;
    *(by_channel ? &whole.c : &whole.n) = rows;
    if (part->first_row != *row || !shape_equal(s, whole) || p->tensors[part->tensor].is_bytes)
        return FAIL("parameter %.64s: the rows of its parts do not follow one another", w->name);
    *row += rows;
    if (part->velocity < 0)
        return true;
    if (!is_index(part->velocity, p->tensor_count)
        || p->buffers[p->tensors[part->velocity].buffer].role != BUFFER_VELOCITY
        || p->tensors[part->velocity].is_bytes
        || !shape_equal(p->tensors[part->velocity].shape, s))
        return FAIL("parameter %.64s: tensor %d is no velocity of it", w->name, part->velocity);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_names(const Program *p, Arena *scratch, char *err)
{
    const char **names = ARENA_ARRAY(scratch, const char *, p->param_count + 1);
    for (int i = 0; i < p->param_count; i++)
        names[i] = p->params[i].name;
    qsort(names, (size_t)p->param_count, sizeof *names, compare_names);
    for (int i = 1; i < p->param_count; i++)
        if (!strcmp(names[i - 1], names[i]))
            return FAIL("two parameters are named %.64s", names[i]);
    return true;
}

static bool check_params(const Program *p, Arena *scratch, char *err)
{
    for (int i = 0; i < p->param_count; i++) {
        const ProgramParam *w = &p->params[i];
        if (!*w->name || !shape_is_legal(w->shape) || !isfinite(w->fill_value))
            return FAIL("parameter %d (%.64s): no name, an illegal shape or fill", i, w->name);
        int64_t row = 0;
        for (int k = 0; k < w->part_count; k++)
            if (!check_part(p, w, &w->parts[k], &row, err))
                return false;
        if (row != (w->shape.n == 1 && w->is_bias ? w->shape.c : w->shape.n))
            return FAIL("parameter %.64s: its parts hold %" PRId64 " rows", w->name, row);
    }
    return check_names(p, scratch, err);
}

static bool is_symbol(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    return !*s;
}

static bool is_legal_product(const LibraryProduct *p)
{
    return p->m == 0 || (p->m > 0 && p->n > 0 && p->k > 0 && p->a_row >= p->k
                         && p->b_row >= (p->b_along_n ? p->n : p->k));
}

static bool check_kernels(const Program *p, char *err)
{
    for (int i = 0; i < p->kernel_count; i++) {
        const Kernel *k = &p->kernels[i];
        if (!is_symbol(k->symbol) || !is_index(k->unit, p->unit_count)
            || !in_range(k->scratch, 0, MOST_SCRATCH) || k->first_line < 1
            || k->last_line < k->first_line)
            return FAIL("kernel %d (%.64s): symbol, unit, scratch or lines are illegal", i, k->symbol);
        bool is_cuda = !strncmp(p->units[k->unit].target, "cuda:", 5);
        if ((k->threads != 0) != is_cuda || !in_range(k->threads, 0, 1024) || k->threads % 32
            || !in_range(k->shared, 0, MOST_SHARED))
            return FAIL("kernel %d (%.64s): threads or shared memory are illegal", i, k->symbol);
        if (!is_legal_product(&k->product) || (k->product.m && !is_cuda))
            return FAIL("kernel %d (%.64s): its product is illegal", i, k->symbol);
    }
    for (int i = 0; i < p->unit_count; i++)
        if (!is_symbol(p->units[i].name) && strchr(p->units[i].name, '/'))
            return FAIL("unit %d: the name %.64s is a path", i, p->units[i].name);
    return true;
}

static bool check_recipe(const Recipe *r, char *err)
{
    if (r->train.batch < 0 || r->train.epochs < 0)
        return FAIL("recipe: a negative batch or number of epochs");
    for (int i = 0; i < r->train.event_count; i++) {
        const Event *e = &r->train.events[i];
        if (e->kind != EVENT_WHEN && e->period < 1)
            return FAIL("recipe: event %d has no period", i);
        for (int k = 0; k < e->action_count; k++)
            if (e->actions[k].kind == ACTION_SET
                && !is_index(e->actions[k].setting, r->train.setting_count))
                return FAIL("recipe: event %d sets an unknown setting", i);
    }
    return true;
}

// --- sequences ------------------------------------------------------------------------------------

static int tensor_device(const Program *p, int tensor)
{
    return p->buffers[p->tensors[tensor].buffer].device;
}

// What every GPU takes; all items and no more.
static bool is_legal_grid(const Launch *l)
{
    const Grid *g = &l->grid;
    return g->x >= 1 && in_range(g->y, 1, 65535) && in_range(g->z, 1, 65535)
        && (int64_t)g->x * g->y * g->z == l->items;
}

static bool check_launch(const Program *p, const Sequence *s, int index, char *err)
{
    const Launch *l = &s->launches[index];
    if (!is_index(l->kernel, p->kernel_count) || !in_range(l->tensor_count, 0, MOST_TENSORS)
        || !in_range(l->writes, 0, l->tensor_count) || !in_range(l->items, 1, MOST_ITEMS)
        || l->flops < 0 || l->bytes < 0)
        return FAIL("launch %d: kernel, number of tensors, items or costs are illegal", index);
    if (p->kernels[l->kernel].threads && !is_legal_grid(l))
        return FAIL("launch %d: a grid of %d x %d x %d blocks is illegal", index, l->grid.x, l->grid.y,
                    l->grid.z);
    for (int i = 0; i < l->tensor_count; i++) {
        if (!is_index(l->tensors[i], p->tensor_count))
            return FAIL("launch %d: no tensor %d", index, l->tensors[i]);
        if (tensor_device(p, l->tensors[i]) != tensor_device(p, l->tensors[0]))
            return FAIL("launch %d: tensors of two devices", index);
        BufferRole role = p->buffers[p->tensors[l->tensors[i]].buffer].role;
        if (i >= l->tensor_count - l->writes
            && (role == BUFFER_INPUT || role == BUFFER_LABEL || role == BUFFER_STATE))
            return FAIL("launch %d: writes tensor %d, which is the host's", index, l->tensors[i]);
    }
    return true;
}

static bool check_copy(const Program *p, const Sequence *s, int index, char *err)
{
    const Copy *c = &s->copies[index];
    if (!is_index(c->from, p->tensor_count) || !is_index(c->to, p->tensor_count))
        return FAIL("copy %d: no such tensor", index);
    const Tensor *from = &p->tensors[c->from], *to = &p->tensors[c->to];
    if (tensor_device(p, c->from) == tensor_device(p, c->to))
        return FAIL("copy %d: within one device", index);
    if (!shape_equal(from->shape, to->shape) || from->is_bytes || to->is_bytes
        || c->bytes != 4 * shape_count(from->shape))
        return FAIL("copy %d: shapes or bytes of the two sides differ", index);
    BufferRole role = p->buffers[to->buffer].role;
    if (role == BUFFER_INPUT || role == BUFFER_LABEL || role_is_kept(role))
        return FAIL("copy %d: into a buffer that no copy may write", index);
    return true;
}

static bool check_launches_of(const Program *p, const Sequence *s, int index, bool *used, char *err)
{
    const Command *c = &s->commands[index];
    if (!in_range(c->first, 0, s->launch_count) || !in_range(c->count, 1, s->launch_count - c->first))
        return FAIL("command %d: launches %d + %d are not there", index, c->first, c->count);
    for (int i = c->first; i < c->first + c->count; i++) {
        const Launch *l = &s->launches[i];
        if (used[i])
            return FAIL("launch %d stands in two commands", i);
        used[i] = true;
        if (l->tensor_count && tensor_device(p, l->tensors[0]) != c->device)
            return FAIL("command %d: launch %d touches another device", index, i);
        if (strcmp(p->units[p->kernels[l->kernel].unit].target, p->devices[c->device].target))
            return FAIL("command %d: launch %d is for another target", index, i);
        if (c->kind == COMMAND_CHAIN
            && (l->item_kind != ITEMS_IMAGES || l->items != s->launches[c->first].items))
            return FAIL("command %d: launch %d does not go image by image with its chain", index, i);
    }
    return true;
}

static bool check_command(const Program *p, const Sequence *s, int index, bool *launched, bool *copied,
                          char *err)
{
    const Command *c = &s->commands[index];
    if (!is_index(c->device, p->device_count))
        return FAIL("command %d: no device %d", index, c->device);
    for (int i = 0; i < c->wait_count; i++)
        if (!is_index(c->waits[i], index) || s->commands[c->waits[i]].device == c->device)
            return FAIL("command %d: waits for %d, no earlier command of another device", index,
                        c->waits[i]);
    if (c->kind != COMMAND_COPY)
        return check_launches_of(p, s, index, launched, err);
    if (!is_index(c->first, s->copy_count) || c->count != 1 || copied[c->first])
        return FAIL("command %d: copy %d is not there or stands in two commands", index, c->first);
    copied[c->first] = true;
    if (tensor_device(p, s->copies[c->first].to) != c->device)
        return FAIL("command %d: the receiver of a copy executes it", index);
    return true;
}

// The images of the port from `first` on; outputs are whole.
static bool is_run_of(const Tensor *t, int first, Shape port, bool is_input)
{
    Shape run = t->shape;
    if (!in_range(first, 0, port.n - run.n) || (!is_input && run.n != port.n))
        return false;
    run.n = port.n;
    return shape_equal(run, port);
}

static bool check_port(const Program *p, const ProgramPort *port, bool is_input, char *err)
{
    if (!shape_is_legal(port->shape) || port->tensors[0] < 0)
        return FAIL("port %.64s: an illegal shape or no tensor", port->name);
    for (int i = 0; i < PROGRAM_PORT_TENSORS && port->tensors[i] != -1; i++) {
        if (!is_index(port->tensors[i], p->tensor_count)
            || !is_run_of(&p->tensors[port->tensors[i]], port->first[i], port->shape, is_input)
            || p->tensors[port->tensors[i]].is_bytes)
            return FAIL("port %.64s: tensor %d has another shape", port->name, port->tensors[i]);
        BufferRole role = p->buffers[p->tensors[port->tensors[i]].buffer].role;
        bool is_label = !strcmp(port->name, "label");
        if (is_input && role != (is_label ? BUFFER_LABEL : BUFFER_INPUT))
            return FAIL("port %.64s: tensor %d is no input", port->name, port->tensors[i]);
    }
    return true;
}

static bool check_lists(const Program *p, const Sequence *s, char *err)
{
    for (int i = 0; i < s->zero_count; i++)
        if (!is_index(s->zero[i], p->buffer_count) || role_is_kept(p->buffers[s->zero[i]].role))
            return FAIL("zeros buffer %d, which is not there or is kept", s->zero[i]);
    for (int i = 0; i < s->named_count; i++)
        if (!is_index(s->named[i], p->tensor_count) || p->tensors[s->named[i]].is_bytes)
            return FAIL("names tensor %d, which is not there or holds bytes", s->named[i]);
    for (int i = 0; i < s->input_count; i++)
        if (!check_port(p, &s->inputs[i], true, err))
            return false;
    for (int i = 0; i < s->output_count; i++)
        if (!check_port(p, &s->outputs[i], false, err))
            return false;
    return true;
}

static bool check_sequence(const Program *p, const Sequence *s, Arena *scratch, char *err)
{
    if (!in_range(s->batch, 1, SHAPE_MOST) || !in_range(s->accumulate, 1, TRAIN_ACCUMULATE_MOST)
        || (s->accumulate > 1 && s->kind != SEQUENCE_TRAIN) || !in_range(s->launch_count, 0, MOST_ROWS)
        || !in_range(s->copy_count, 0, MOST_ROWS) || !in_range(s->command_count, 0, MOST_ROWS))
        return FAIL("its batch or a number of rows is out of range");
    for (int i = 0; i < s->launch_count; i++)
        if (!check_launch(p, s, i, err))
            return false;
    for (int i = 0; i < s->copy_count; i++)
        if (!check_copy(p, s, i, err))
            return false;
    bool *launched = ARENA_ARRAY(scratch, bool, s->launch_count + 1);
    bool *copied = ARENA_ARRAY(scratch, bool, s->copy_count + 1);
    for (int i = 0; i < s->command_count; i++)
        if (!check_command(p, s, i, launched, copied, err))
            return false;
    for (int i = 0; i < s->launch_count; i++)
        if (!launched[i])
            return FAIL("launch %d is in no command", i);
    for (int i = 0; i < s->copy_count; i++)
        if (!copied[i])
            return FAIL("copy %d is in no command", i);
    return check_lists(p, s, err);
}

// Messages of a sequence begin with its number.
static bool check_sequences(const Program *p, Arena *scratch, char *err)
{
    for (int i = 0; i < p->sequence_count; i++) {
        char what[PROGRAM_ERROR - 32];
        if (check_sequence(p, &p->sequences[i], scratch, err) && validate_order(p, i, scratch, err))
            continue;
        snprintf(what, sizeof what, "%s", err);
        return FAIL("sequence %d: %s", i, what);
    }
    return true;
}

bool program_validate(const Program *p, char err[PROGRAM_ERROR])
{
    Arena scratch;
    jmp_buf full;
    if (setjmp(full)) {
        arena_close(&scratch);
        return FAIL("out of memory");
    }
    arena_open(&scratch, 0, &full);
    bool good = check_counts(p, err) && check_devices(p, err) && check_buffers(p, &scratch, err)
        && check_tensors(p, err) && check_params(p, &scratch, err) && check_kernels(p, err)
        && check_recipe(&p->recipe, err) && check_sequences(p, &scratch, err);
    arena_close(&scratch);
    return good;
}
