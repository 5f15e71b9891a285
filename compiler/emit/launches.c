// Groups into launches: a kernel text for each (shared where two groups need the same), arguments,
// costs; and the commands that run them.
#include "emit/cuda/tiles.h"
#include "emit/maker.h"
#include "base/text.h"
#include "program/order.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_KERNELS = 2 };        // the most that a group takes

SourcePlace make_place(Maker *m, const Graph *g, Span at)
{
    if (at.start < 0 || !g->diag)
        return (SourcePlace){ "", 0, 0 };
    Place p = diag_place(g->diag, at);
    return (SourcePlace){ arena_printf(m->arena, "%s", p.path ? p.path : ""), p.line, p.column };
}

// --- words about a group ------------------------------------------------------------------------

static const char *phase_of(const Group *group)
{
    switch (group->root->role) {
    case ROLE_FORWARD: return "forward";
    case ROLE_UPDATE:  return "update";
    case ROLE_BACKWARD: break;
    }
    switch (group->pattern) {
    case PATTERN_FC_UPDATE:
    case PATTERN_WEIGHTS_UPDATE: return "weight gradient and update";
    case PATTERN_WEIGHTS:
    case PATTERN_FC_WEIGHTS:
    case PATTERN_LOCAL_WEIGHTS:
    case PATTERN_CHANNEL_SUM:
    case PATTERN_PLACE_SUM:
    case PATTERN_ACCUMULATE: return "weight gradient";
    default:                  return "input gradient";
    }
}

static const char *layer_of(const Node *n)
{
    return n->layer ? n->layer->name : "";
}

// "conv3 forward: conv 3x3 + bias + relu [part 0 of 2]"; `what` starts behind the colon.
static const char *title_of(Maker *m, const Group *group, size_t *what)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return "";
    const Node *root = group->root;
    fprintf(out, "%s %s: ", root->layer ? root->layer->name : root->name, phase_of(group));
    fflush(out);
    *what = size;
    group_print_ops(group, out);
    if (root->parts > 1)
        fprintf(out, " [part %d of %d", root->part, root->parts);
    if (root->chunks > 1)
        fprintf(out, "%schunk %d of %d", root->parts > 1 ? ", " : " [", root->chunk, root->chunks);
    if (root->parts > 1 || root->chunks > 1)
        fputc(']', out);
    fclose(out);
    const char *kept = arena_copy(m->arena, text, size);
    free(text);
    return kept;
}

static int64_t flops_of(const Group *group)
{
    int64_t sum = 0;
    for (int i = 0; i < group->count; i++) {
        const Node *n = group->nodes[i];
        int64_t flops = op_table[n->op]->cost ? op_table[n->op]->cost(n).flops : shape_count(n->shape);
        if (!size_add(sum, flops, &sum))
            return 0;
    }
    return sum;
}

static void list_places(Maker *m, const Graph *g, const Group *group, Launch *l)
{
    l->places = ARENA_ARRAY(m->arena, SourcePlace, group->count);
    for (int i = 0; i < group->count; i++) {
        SourcePlace p = make_place(m, g, group->nodes[i]->at);
        bool known = p.line == 0;
        for (int k = 0; k < l->place_count; k++)
            known = known || (l->places[k].line == p.line && l->places[k].column == p.column &&
                              !strcmp(l->places[k].path, p.path));
        if (!known)
            l->places[l->place_count++] = p;
    }
}

// --- kernel texts -------------------------------------------------------------------------------

static bool is_about_this_group_only(const char *line, size_t length)
{
    static const char *const starts[] = { "//", "#line", "#define KERNEL " };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (length >= strlen(starts[i]) && !strncmp(line, starts[i], strlen(starts[i])))
            return true;
    return false;
}

// The text without its symbol, comments and line marks: equal keys are the same kernel.
static char *key_of(Maker *m, const char *text)
{
    char *key = arena_copy(m->arena, text, strlen(text)), *to = key;
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t length = end ? (size_t)(end - text) + 1 : strlen(text);
        if (!is_about_this_group_only(text, length)) {
            memcpy(to, text, length);
            to += length;
        }
        text += length;
    }
    *to = 0;
    return key;
}

static int find_made(const Maker *m, const char *key, const Target *target)
{
    for (int i = 0; i < m->made_count; i++)
        if (m->made[i].target == target && !strcmp(m->made[i].key, key))
            return m->made[i].kernel;
    return -1;
}

static const Target *target_of(const Maker *m, const Group *group) { return m->targets[group->root->device]; }

static int keep_kernel(Maker *m, const Kern *k, const Body *body, char *text, char *key)
{
    Program *p = m->program;
    Kernel kernel = { .symbol = arena_printf(m->arena, "%s", k->symbol), .title = k->title,
                      .body = body->name, .scratch = k->scratch, .threads = k->threads,
                      .shared = k->shared, .product = k->product };
    ARENA_PUSH(m->arena, p->kernels, p->kernel_count, m->kernel_capacity, kernel);
    ARENA_PUSH(m->arena, m->kernel_texts, m->kernel_text_count, m->kernel_text_capacity, text);
    MadeKernel made = { key, target_of(m, k->group), p->kernel_count - 1 };
    ARENA_PUSH(m->arena, m->kernel_targets, m->kernel_target_count, m->kernel_target_capacity, made.target);
    ARENA_PUSH(m->arena, m->made, m->made_count, m->made_capacity, made);
    return made.kernel;
}

// Prints the group's kernel, or finds that there is one already. -1 on an internal error.
static int make_kernel(Maker *m, const Graph *g, Kern *k)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        snprintf(m->err, PROGRAM_ERROR, "out of memory");
        return -1;
    }
    const Target *target = target_of(m, k->group);
    Emit e = { .arena = m->arena, .program = m->program, .target = target, .graph = g, .text = out,
               .err = m->err, .index = make_index(m, target), .plan = m->plan, .lanes = target->vector };
    const Body *body = kernel_emit(&e, k);
    fclose(out);
    char *kept = arena_copy(m->arena, text, size);
    free(text);
    if (!body)
        return -1;
    char *key = key_of(m, kept);
    int made = find_made(m, key, target);
    return made >= 0 ? made : keep_kernel(m, k, body, kept, key);
}

// --- launches -----------------------------------------------------------------------------------

static int argument(Maker *m, const GraphTensors *t, const Kern *k, int i, int device)
{
    if (k->is_state[i])
        return m->state[device];
    if (k->is_partial[i])
        return make_partial(m, device, k->partial);
    const Node *n = k->args[i];
    return k->is_velocity[i] ? t->velocity[n->id] : k->is_places[i] ? t->places[n->id]
                                                                    : t->value[n->id];
}

static bool fill_arguments(Maker *m, const GraphTensors *t, const Kern *k, Launch *l)
{
    l->tensors = ARENA_ARRAY(m->arena, int, k->arg_count);
    l->tensor_count = k->arg_count;
    l->writes = k->writes;
    for (int i = 0; i < k->arg_count; i++) {
        l->tensors[i] = argument(m, t, k, i, k->group->root->device);
        if (l->tensors[i] < 0) {
            snprintf(m->err, PROGRAM_ERROR, "internal error: '%s' reads '%s', which is not in memory",
                     k->title, k->args[i] ? k->args[i]->name : "state or sums");
            return false;
        }
    }
    return true;
}

// What a kernel is called behind its number: on CPUs the layer; on GPUs, whose texts hold no name of
// the user's, the op.
static void symbol_word(const Maker *m, const Group *group, char word[48])
{
    const Node *root = group->root;
    bool cuda = target_of(m, group)->kind == TARGET_CUDA;
    text_symbol(word, 48, cuda ? node_kind(root) : root->layer ? root->layer->name : "net");
    for (char *c = word; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
}

static void predict(const Maker *m, const Kern *k, Launch *l)
{
    const Target *target = target_of(m, k->group);
    bool cuda = target->kind == TARGET_CUDA;
    l->seconds = k->seconds > 0 || !cuda ? k->seconds : cuda_seconds_of_bytes(target, (double)k->bytes);
    l->limiter = k->limiter ? k->limiter : cuda ? cuda_limiter_name(LIMIT_DRAM) : "";
    l->plan = k->plan ? k->plan : "";
}

// The launch of one of the group's kernels; `passes`: how many it has.
static bool make_launch(Maker *m, const GraphTensors *t, const Group *group, int pass, Launch *l, int *passes)
{
    const Graph *g = t->graph;
    char word[48];
    symbol_word(m, group, word);
    size_t what = 0;
    Kern k = { .group = group, .title = title_of(m, group, &what), .pass = pass };
    if (pass)
        k.title = arena_printf(m->arena, "%s, sums added up", k.title);
    k.what = k.title + what;
    snprintf(k.symbol, sizeof k.symbol, "k%d_%s%s", m->program->kernel_count, word, pass ? "_sums" : "");
    int kernel = make_kernel(m, g, &k);
    *passes = k.passes > 1 ? k.passes : 1;
    if (kernel < 0 || !fill_arguments(m, t, &k, l))
        return false;
    if ((k.item_kind == ITEMS_IMAGES) != group->per_image) {
        snprintf(m->err, PROGRAM_ERROR, "internal error: '%s' was scheduled %s", k.title,
                 group->per_image ? "image by image" : "as jobs");
        return false;
    }
    l->kernel = kernel;
    l->item_kind = k.item_kind;
    l->items = k.items;
    l->grid = k.grid;
    l->flops = pass ? 0 : flops_of(group);
    l->bytes = k.bytes;
    predict(m, &k, l);
    l->title = k.title;
    l->layer = layer_of(group->root);
    l->phase = phase_of(group);
    l->refreshes = node_is_rounded(group->root);
    l->reason = arena_printf(m->arena, "%s%s%s", group->reason, k.reason ? "; " : "",
                             k.reason ? k.reason : "");
    list_places(m, g, group, l);
    return true;
}

// --- copies -------------------------------------------------------------------------------------

static bool reads(const Node *user, const Node *value)
{
    for (int i = 0; i < user->inputs; i++)
        if (user->in[i] == value)
            return true;
    return false;
}

static bool only_moves(const Node *n)
{
    return !n->group || n->group->pattern == PATTERN_RELAYOUT || n->group->pattern == PATTERN_COPY;
}

// The layer that a value of `owner` is for: the first that computes with it, through whatever moves it.
static const char *point_of(const Graph *g, const Node *value, const Layer *owner)
{
    for (int i = value->id + 1; i < g->count; i++)
        if (reads(g->nodes[i], value))
            return !only_moves(g->nodes[i]) && g->nodes[i]->layer && g->nodes[i]->layer != owner
                       ? g->nodes[i]->layer->name : point_of(g, g->nodes[i], owner);
    return "";
}

static void make_copy(Maker *m, const GraphTensors *t, const Group *group, Copy *c)
{
    const Node *n = group->root;
    c->from = t->value[n->in[0]->id];
    c->to = t->value[n->id];
    c->bytes = 4 * shape_count(n->shape);
    c->layer = layer_of(n->in[0]);
    c->point = n->role == ROLE_FORWARD ? point_of(t->graph, n, n->in[0]->layer) : "";
    c->backward = n->role != ROLE_FORWARD;
    c->chunk = n->chunk;
    c->chunks = n->chunks;
    c->place = make_place(m, t->graph, n->at);
}

// --- commands -----------------------------------------------------------------------------------

// The commands that those of the graph became: each last one.
static int *made_of(Maker *m, const Graph *g, const GroupCommand *from)
{
    int *waits = ARENA_ARRAY(m->arena, int, from->wait_count);
    for (int i = 0; i < from->wait_count; i++) {
        const GroupCommand *earlier = &g->commands[from->waits[i]];
        waits[i] = earlier->made + earlier->made_count - 1;
    }
    return waits;
}

// The other kernels of a group that the command has begun, each behind the one before.
static bool finish_group(Maker *m, const GraphTensors *t, GroupCommand *from, int passes, Sequence *s)
{
    if (passes > 1 && from->count > 1) {
        snprintf(m->err, PROGRAM_ERROR, "internal error: a group of two kernels shares its command");
        return false;
    }
    for (int pass = 1; pass < passes; pass++) {
        s->commands[s->command_count++] = (Command){ .kind = COMMAND_GROUP, .device = from->device,
                                                     .first = s->launch_count, .count = 1 };
        from->made_count++;
        if (!make_launch(m, t, t->graph->groups[from->first], pass, &s->launches[s->launch_count++], &passes))
            return false;
    }
    return true;
}

static bool make_command(Maker *m, const GraphTensors *t, GroupCommand *from, Sequence *s)
{
    const Graph *g = t->graph;
    int passes = 1;
    from->made = s->command_count;
    from->made_count = 1;
    Command *c = &s->commands[s->command_count++];
    c->device = from->device;
    c->kind = from->kind == GROUPS_COPY    ? COMMAND_COPY
              : from->kind == GROUPS_CHAIN ? COMMAND_CHAIN : COMMAND_GROUP;
    c->count = from->count;
    c->waits = made_of(m, g, from);
    c->wait_count = from->wait_count;
    c->first = c->kind == COMMAND_COPY ? s->copy_count : s->launch_count;
    for (int i = from->first; i < from->first + from->count; i++) {
        int of_group = 1;
        if (c->kind == COMMAND_COPY)
            make_copy(m, t, g->groups[i], &s->copies[s->copy_count++]);
        else if (!make_launch(m, t, g->groups[i], 0, &s->launches[s->launch_count++], &of_group))
            return false;
        passes = of_group > passes ? of_group : passes;
    }
    return finish_group(m, t, from, passes, s);
}

bool make_sequence(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s)
{
    s->kind = g->mode == GRAPH_TRAIN  ? SEQUENCE_TRAIN
              : g->mode == GRAPH_TEST ? SEQUENCE_TEST : SEQUENCE_PREDICT;
    s->batch = g->batch;
    s->accumulate = g->accumulate;
    s->launches = ARENA_ARRAY(m->arena, Launch, GROUP_KERNELS * g->group_count);
    s->copies = ARENA_ARRAY(m->arena, Copy, g->group_count);
    s->commands = ARENA_ARRAY(m->arena, Command, GROUP_KERNELS * g->command_count);
    for (int i = 0; i < g->command_count; i++)
        if (!make_command(m, t, &g->commands[i], s))
            return false;
    CommandClock *clocks = ARENA_ARRAY(m->arena, CommandClock, s->command_count + 1);
    order_clocks(s, clocks);
    order_reduce(s, clocks);
    make_ports(m, g, t, s);
    return true;
}
