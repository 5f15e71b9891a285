// pass_fuse: makes the groups, one kernel each. A group starts at a root (a contraction, window,
// reduction, or a pointwise node) and takes in the pointwise nodes that follow it.
//
// Before: HAS_LAYOUTS. After: HAS_GROUPS, every node that computes something is in exactly one
// group. Legal because a pointwise node needs its inputs at the same place only, so it can run in
// the registers where the value before it was made; values that others need are stored as well.
#include "pass/pass.h"
#include "pass/rules.h"
#include <string.h>

// A prologue is computed in every window that reads it: loads of its operands meet in the caches.
enum { MOST_READINGS = 4 };

typedef struct {
    Graph            *g;
    const PassOptions *options;
    Node           ***users;       // by id: nodes that read it, in order
    int              *user_count;
    bool             *kept;        // by id: an output of the net, the loss, a metric
} Fusion;

// --- who reads what -----------------------------------------------------------------------------

static void find_users(Fusion *f)
{
    Graph *g = f->g;
    f->users = ARENA_ARRAY(g->arena, Node **, g->count);
    f->user_count = ARENA_ARRAY(g->arena, int, g->count);
    int *capacity = ARENA_ARRAY(g->arena, int, g->count);
    for (int i = 0; i < g->count; i++) {
        Node *n = g->nodes[i];
        for (int k = 0; k < n->inputs; k++) {
            int id = n->in[k]->id, count = f->user_count[id];
            bool again = count && f->users[id][count - 1] == n;
            if (rule_reads(n, k) && !again)
                ARENA_PUSH(g->arena, f->users[id], f->user_count[id], capacity[id], n);
        }
    }
}

static void find_kept(Fusion *f)
{
    Graph *g = f->g;
    f->kept = ARENA_ARRAY(g->arena, bool, g->count);
    for (int i = 0; i < g->output_count; i++)
        if (g->outputs[i].node)
            f->kept[g->outputs[i].node->id] = true;
    for (int i = 0; i < g->metric_count; i++)
        f->kept[g->metrics[i]->id] = true;
    if (g->loss)
        f->kept[g->loss->id] = true;
}

static bool is_joined_in_place(const Node *n)
{
    return op_rules[n->op].view == VIEW_JOINED && n->inputs && n->in[0]->view == n;
}

// Views and sources are computed by no kernel.
static bool needs_kernel(const Node *n)
{
    ViewRule rule = op_rules[n->op].view;
    if (op_has(n->op, OP_SOURCE) || is_joined_in_place(n))
        return false;
    return !((rule == VIEW_WHOLE || rule == VIEW_CUT) && n->view == n->in[0]);
}

// --- growing a group ----------------------------------------------------------------------------

static bool contains(Node *const *nodes, int count, const Node *n)
{
    for (int i = 0; i < count; i++)
        if (nodes[i] == n)
            return true;
    return false;
}

static bool same_places(const Node *a, const Node *b)
{
    return shape_equal(a->shape, b->shape) && a->layout.kind == b->layout.kind &&
           a->layout.pieces.count == b->layout.pieces.count &&
           !memcmp(a->layout.pieces.channels, b->layout.pieces.channels,
                   sizeof a->layout.pieces.channels);
}

static bool same_elements_order(const Layout *a, const Layout *b)
{
    Layout as_b = *a;
    as_b.element = b->element;
    return layout_equal(&as_b, b);
}

static const char *refuse_op(Op op)
{
    if (op_has(op, OP_TRANSFER))
        return "it goes to another device";
    if (op_has(op, OP_VIEW))
        return "it joins, cuts or flattens where the values stand, in no kernel";
    if (op_has(op, OP_UPDATE))
        return "an update is a kernel of its own, except behind the gradient of weights that it alone reads";
    if (op_has(op, OP_KEEPS))
        return "it adds to what the step's earlier batches have left";
    if (op_has(op, OP_REDUCTION))
        return "it sums over places that other kernel items make";
    if (op_has(op, OP_NEIGHBOURS))
        return "it reads neighbouring channels, which other kernel items make";
    if (op_has(op, OP_WINDOW))
        return "it reads a window of places, which other kernel items make";
    if (op_has(op, OP_CONTRACTION))
        return "it sums over all channels and starts a kernel of its own";
    return "it moves values to other places";
}

// Why pointwise node `n` cannot follow `end`, the last node of a chain that starts at `start`.
static const char *refuse_follower(const Node *start, const Node *end, const Node *n)
{
    if (!op_has(n->op, OP_POINTWISE))
        return refuse_op(n->op);
    if (n->in[0] != end)
        return "the value enters it as a second operand";
    if (n->device != start->device)
        return "it runs on another device";
    if (!same_places(end, n))
        return "its layout differs";
    for (int i = 1; i < n->inputs; i++)
        if (n->in[i]->id > start->id && !op_has(n->in[i]->op, OP_SOURCE))
            return "another operand of it is not there yet when the kernel starts";
    return NULL;
}

// A node that reads `value`, other than `reader`.
static const Node *other_reader(const Graph *g, const Node *value, const Node *reader)
{
    for (int i = 0; i < g->count; i++)
        for (int k = 0; k < g->nodes[i]->inputs; k++)
            if (g->nodes[i]->in[k] == value && g->nodes[i] != reader && rule_reads(g->nodes[i], k))
                return g->nodes[i];
    return NULL;
}

static bool is_kept(const Graph *g, const Node *n)
{
    bool kept = n == g->loss || n->view;
    for (int i = 0; i < g->output_count; i++)
        kept = kept || g->outputs[i].node == n;
    return kept;
}

// Why the pointwise nodes of `group` are not computed where the kernel of `n` reads the last of them.
static const char *refuse_prologue(const Graph *g, const Group *group, const Node *n)
{
    if (n->in[0] != group->nodes[group->count - 1] || n->device != group->root->device)
        return refuse_op(n->op);
    if (rule_readings(n) > MOST_READINGS)
        return arena_printf(g->arena, "each value is read in up to %d windows and would be computed as "
                            "often", rule_readings(n));
    for (int i = 0; i < group->count; i++) {
        const Node *value = group->nodes[i];
        const Node *other = other_reader(g, value, i + 1 < group->count ? group->nodes[i + 1] : n);
        if (op_has(value->op, OP_RANDOM))
            return "random numbers would be drawn again for each window that reads them";
        if (other)
            return arena_printf(g->arena, "%s is stored: %s reads it, too", value->name, other->name);
        if (is_kept(g, value))
            return arena_printf(g->arena, "%s is kept", value->name);
    }
    return NULL;
}

// Why the kernel of `group` does not go on behind `end`, one of its nodes, with `n`.
static const char *refuse_in_group(const Graph *g, const Group *group, const Node *end, const Node *n)
{
    const Node *last = group->nodes[group->count - 1];
    if (end != last && rule_takes_epilogue(group->pattern))
        return arena_printf(g->arena, "the kernel goes on with %s, and of several readers only one can "
                            "read in registers", last->name);
    if (op_has(n->op, OP_POINTWISE) && !rule_takes_epilogue(group->pattern))
        return arena_printf(g->arena, "no pointwise op can join a kernel that ends with %s",
                            node_kind(last));
    const char *why = refuse_follower(group->nodes[0], end, n);
    if (why && group->pattern == PATTERN_POINTWISE && rule_takes_prologue(n))
        why = refuse_prologue(g, group, n);
    if (!why && n->group && n->group != group && n->group->root != n)
        return arena_printf(g->arena, "it stands in the kernel of %s already", n->group->root->name);
    return why;
}

static Node *next_in_chain(const Fusion *f, const Group *group, const Node *end)
{
    for (int i = 0; i < f->user_count[end->id]; i++) {
        Node *n = f->users[end->id][i];
        if (!n->group && !refuse_follower(group->nodes[0], end, n))
            return n;
    }
    return NULL;
}

static void take(Fusion *f, Group *group, Node *n)
{
    Node **nodes = ARENA_ARRAY(f->g->arena, Node *, group->count + 1);
    if (group->count)
        memcpy(nodes, group->nodes, (size_t)group->count * sizeof *nodes);
    nodes[group->count++] = n;
    group->nodes = nodes;
    n->group = group;
}

static void add_reason(Fusion *f, Group *group, const char *reason)
{
    const char *before = group->reason;
    group->reason = before ? arena_printf(f->g->arena, "%s; %s", before, reason) : reason;
}

static void take_epilogue(Fusion *f, Group *group)
{
    int first = group->count;
    Node *end = group->nodes[group->count - 1], *n;
    while (f->options->fuse && (n = next_in_chain(f, group, end)) != NULL) {
        take(f, group, n);
        end = n;
    }
    if (group->pattern == PATTERN_POINTWISE)
        first = 0;
    group->epilogue = group->nodes + first;
    group->epilogue_count = group->count - first;
}

// What alone reads `n`, on the same device; NULL: nothing, or several, or the value must be kept.
static Node *only_user(const Fusion *f, const Node *n)
{
    Node *user = f->user_count[n->id] == 1 ? f->users[n->id][0] : NULL;
    return user && !f->kept[n->id] && !n->view && user->device == n->device ? user : NULL;
}

// A pair of the target's table that starts at the root: two nodes, one kernel.
static void take_second(Fusion *f, Group *group)
{
    Node *root = group->root, *n = only_user(f, root);
    for (const Duo *d = op_duos; n && d->reason; d++) {
        bool allowed = d->is_update ? f->options->fuse_update : f->options->fuse;
        bool has_body = d->kinds >> pass_target(f->options, root->device)->kind & 1;
        if (!allowed || !has_body || d->first != root->op || d->second != n->op
            || (d->is_update && !same_elements_order(&root->layout, &n->in[0]->layout)))
            continue;
        group->pattern = d->pattern;
        add_reason(f, group, d->reason);
        take(f, group, n);
        return;
    }
}

// The gradient of a bias sums up what the layer's weight gradient reads as its input 1, so the kernel of
// that can make both. NULL: `sums` is no such gradient, or nobody can.
static const Node *weights_beside(const Fusion *f, const Node *sums)
{
    const Target *target = pass_target(f->options, sums->device);
    if (!f->options->fuse || !target_layouts[target->kind].sums_rows || sums->view
        || op_rules[sums->op].pattern != PATTERN_CHANNEL_SUM)
        return NULL;
    const Node *dy = sums->in[0], *root = NULL;
    for (int i = f->user_count[dy->id] - 1; i >= 0; i--) {
        const Node *n = f->users[dy->id][i];
        if (rule_reads_gradient(op_rules[n->op].pattern) && n->in[1] == dy && n->device == sums->device)
            root = n;
        if (n->op == sums->op && n->id < sums->id)
            return NULL;                                 // a second bias
    }
    for (int i = 0; i < f->user_count[sums->id] && root; i++) {
        const Node *user = f->users[sums->id][i];
        if (user->id < root->id && !op_has(user->op, OP_UPDATE))
            root = NULL;                                 // it would have to wait
    }
    return root;
}

static void take_sums(Fusion *f, Group *group)
{
    Node *dy = group->root->in[1];
    for (int i = 0; i < f->user_count[dy->id]; i++) {
        Node *sums = f->users[dy->id][i], *update = only_user(f, sums);
        if (sums->group || weights_beside(f, sums) != group->root)
            continue;
        bool updates = op_has(group->nodes[group->count - 1]->op, OP_UPDATE);
        take(f, group, sums);
        if (updates && update && op_has(update->op, OP_UPDATE)
            && same_elements_order(&sums->layout, &update->in[0]->layout))
            take(f, group, update);
        return;
    }
}

// The chain of pointwise nodes becomes what a kernel computes where it reads.
static bool become_prologue(Fusion *f, Group *group)
{
    const Node *end = group->nodes[group->count - 1];
    Node *n = only_user(f, end);
    if (group->pattern != PATTERN_POINTWISE || !f->options->fuse || !n)
        return false;
    if (!rule_takes_prologue(n) || n->group || refuse_prologue(f->g, group, n))
        return false;
    group->prologue_count = group->count;
    group->root = n;
    group->pattern = op_rules[n->op].pattern;
    add_reason(f, group, arena_printf(f->g->arena, "%s is computed where %s reads it", end->name, n->name));
    take(f, group, n);
    return true;
}

// Loss, its gradient and the metrics read the same scores and labels: one pass over them.
static void take_loss(Fusion *f, Group *group)
{
    Node *root = group->root;
    for (int i = 0; i < f->user_count[root->in[0]->id]; i++) {
        Node *n = f->users[root->in[0]->id][i];
        if (!n->group && op_rules[n->op].pattern == PATTERN_LOSS && n->in[1] == root->in[1])
            take(f, group, n);
    }
    add_reason(f, group, "loss, gradient and metrics read the same scores once");
}

// --- what a group reads and leaves --------------------------------------------------------------

static void find_inputs(Fusion *f, Group *group)
{
    int capacity = 0;
    for (int i = 0; i < group->count; i++) {
        Node *n = group->nodes[i];
        for (int k = 0; k < n->inputs; k++)
            if (rule_reads(n, k) && n->in[k]->group != group &&
                !contains(group->inputs, group->input_count, n->in[k]))
                ARENA_PUSH(f->g->arena, group->inputs, group->input_count, capacity, n->in[k]);
    }
}

static bool needed_outside(const Fusion *f, const Group *group, const Node *n)
{
    if (f->kept[n->id] || n->view)
        return true;
    for (int i = 0; i < f->user_count[n->id]; i++)
        if (f->users[n->id][i]->group != group)
            return true;
    return false;
}

static void find_outputs(Fusion *f, Group *group)
{
    int capacity = 0;
    for (int i = 0; i < group->count; i++) {
        Node *n = group->nodes[i];
        if (!op_has(n->op, OP_UPDATE) && needed_outside(f, group, n))
            ARENA_PUSH(f->g->arena, group->outputs, group->output_count, capacity, n);
    }
}

static bool goes_image_by_image(const Group *group)
{
    Pattern p = group->pattern;
    const Node *last = group->nodes[group->count - 1];
    bool by_place = p == PATTERN_LOCAL;                      // whose filters serve all images
    return rule_takes_epilogue(p) && !by_place && last->layout.kind == LAYOUT_BLOCKED &&
           group->root->layout.kind == LAYOUT_BLOCKED;
}

static const char *why_it_ends(const Fusion *f, const Group *group)
{
    const Node *end = group->nodes[group->count - 1];
    if (!f->options->fuse)
        return "fusion is off";
    if (f->user_count[end->id] == 0)
        return "nothing reads its result";
    const Node *n = f->users[end->id][0];
    const char *why = refuse_in_group(f->g, group, end, n);
    return arena_printf(f->g->arena, "ends before %s: %s", n->name, why ? why : "it has a kernel");
}

static void make_group(Fusion *f, Node *root, int *capacity)
{
    Graph *g = f->g;
    Group *group = ARENA_NEW(g->arena, Group);
    group->id = g->group_count;
    group->root = root;
    group->pattern = op_rules[root->op].pattern;
    ARENA_PUSH(g->arena, g->groups, g->group_count, *capacity, group);
    take(f, group, root);
    if (group->pattern == PATTERN_LOSS)
        take_loss(f, group);
    else
        take_second(f, group);
    if (rule_reads_gradient(op_rules[root->op].pattern))
        take_sums(f, group);
    if (rule_takes_epilogue(group->pattern))
        take_epilogue(f, group);
    if (become_prologue(f, group)) {
        take_second(f, group);
        take_epilogue(f, group);
    }
    add_reason(f, group, why_it_ends(f, group));
    group->per_image = goes_image_by_image(group);
}

// Updates come last: no value waits for them, and kernels that make their gradients may take them in.
static void make_groups(Fusion *f, bool updates, int *capacity)
{
    for (int i = 0; i < f->g->count; i++) {
        Node *n = f->g->nodes[i];
        if (!n->group && op_has(n->op, OP_UPDATE) == updates && needs_kernel(n) && !weights_beside(f, n))
            make_group(f, n, capacity);
    }
}

bool pass_fuse(Graph *g, const PassOptions *o)
{
    Fusion f = { .g = g, .options = o };
    int capacity = 0;
    find_users(&f);
    find_kept(&f);
    make_groups(&f, false, &capacity);
    make_groups(&f, true, &capacity);
    for (int i = 0; i < g->group_count; i++) {
        find_inputs(&f, g->groups[i]);
        find_outputs(&f, g->groups[i]);
    }
    return true;
}

// --- why not ------------------------------------------------------------------------------------

// What kept a pair of the target's table in two kernels; NULL: they are no such pair.
static const char *refuse_pair(const Graph *g, const Node *a, const Node *b)
{
    const Duo *d = op_duos;
    while (d->reason && (d->is_update || d->first != a->op || d->second != b->op))
        d++;
    if (!d->reason || a->group->root != a)
        return NULL;
    const char *names[] = { op_table[a->op]->name, op_table[b->op]->name };
    const Node *other = other_reader(g, a, b);
    if (other)
        return arena_printf(g->arena, "%s + %s can be one kernel, but %s reads the value between them, too",
                            names[0], names[1], other->name);
    if (is_kept(g, a))
        return arena_printf(g->arena, "%s + %s can be one kernel, but the value between them is kept",
                            names[0], names[1]);
    return "fusion is off";
}

const char *pass_fuse_refusal(const Graph *g, const Node *a, const Node *b)
{
    if (a->group && a->group == b->group)
        return NULL;
    if (!a->group || !b->group)
        return arena_printf(g->arena, "no kernel computes %s: it is a view or comes from outside",
                            a->group ? b->name : a->name);
    const char *why = refuse_pair(g, a, b);
    if (!why)
        why = refuse_in_group(g, a->group, a, b);
    return why ? why : "fusion is off";
}
