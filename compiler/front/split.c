// Regions `split(gpu0, gpu1) { ... }` and `replicate(gpu0, gpu1) { ... }`: which values are shared out among
// the parts, and joining them. The graph stays logical: pass_place lowers it to parts. Of a replicate it
// knows no more than the region, for every part has all channels.
#include "front/elaborate.h"
#include <string.h>

int split_runs(const Elab *e)
{
    return split_channels(e->split);
}

int split_shared(const Node *n)
{
    return op_has(n->op, OP_SOURCE) ? 1 : n->shared;
}

bool split_is_local(const Elab *e, const Node *n)
{
    return e->split && n->split == e->split && split_shared(n) == e->split->channels;
}

static const char *shared_text(Elab *e, const Node *n, const Node *other)
{
    int shared = split_shared(n);
    if (shared == 1 || split_shared(other) == 1)
        return shared == 1 ? "whole" : "split";
    return arena_printf(e->arena, "split in %d", shared);
}

const char *split_word(const Split *s)
{
    return s->kind == SPLIT_BATCH ? "replicate" : "split";
}

bool split_inputs_agree(Elab *e, const StageUse *u)
{
    int odd = 1;
    while (odd < u->inputs && split_shared(u->in[odd]) == split_shared(u->in[0]))
        odd++;
    if (odd >= u->inputs)
        return true;
    const Node *a = u->in[0], *b = u->in[odd];
    bool two_splits = split_shared(a) > 1 && split_shared(b) > 1;
    elab_error(e, u->at, "E208", two_splits ? "%s mixes tensors of an inner and of an outer split"
               : "%s mixes a tensor that is split over the parts with a whole one", u->stage->name);
    diag_note(e->diag, a->at, "this is %s", shared_text(e, a, b));
    diag_note(e->diag, b->at, "this is %s", shared_text(e, b, a));
    diag_help(e->diag, "put `all` behind the split one, or move the stage out of the split");
    return false;
}

bool split_divides(Elab *e, const StageUse *u, int64_t width, const char *of, Span at)
{
    int parts = split_runs(e);
    if (width % parts == 0)
        return true;
    if (parts == 2)
        elab_error(e, at, "E207", "%s needs an even number of %s for %s, not %lld", u->layer->name, of,
                   e->split->text, (long long)width);
    else
        elab_error(e, at, "E207", "%s needs a multiple of %d %s for %s, not %lld", u->layer->name, parts,
                   of, e->split->text, (long long)width);
    diag_note(e->diag, e->split->at, "the split starts here");
    return false;
}

// Weights give every part a run of its own; `all` puts the runs of an outer part together again.
void split_mark(const Elab *e, Node *n)
{
    n->split = e->split;
    if (!e->split)
        return;
    if (n->op == OP_ALL) {
        n->shared = split_channels(e->split->outer);     // of a local value only: build_all
        return;
    }
    for (int i = 0; i < n->inputs; i++) {
        int shared = n->in[i]->op == OP_PARAM ? e->split->channels : split_shared(n->in[i]);
        n->shared = shared > n->shared ? shared : n->shared;
    }
}

// --- the region ---------------------------------------------------------------------------------

enum { PARTS_MOST = GRAPH_DEVICES };

static Split *read_devices(Elab *e, const Ast *head, Split *s)
{
    for (int i = 0; i < head->count; i++) {
        const Ast *name = head->children[i];
        if (name->kind != AST_NAME) {
            elab_error(e, name->at, "E201", "`%s` takes a number of parts or names of devices", head->text);
            return NULL;
        }
        for (int k = 0; k < i; k++)
            if (!strcmp(head->children[k]->text, name->text)) {
                elab_error(e, name->at, "E202", "device `%s` is named twice", name->text);
                return NULL;
            }
        s->device[i] = graph_device(e->graph, name->text);
        if (s->device[i] < 0) {
            elab_error(e, name->at, "E203", "there are more than %d devices", GRAPH_DEVICES);
            return NULL;
        }
    }
    split_count(s, s->kind, NULL, head->count);
    return s;
}

// Within another split the parts are where the outer part is.
static Split *read_inner(Elab *e, const Ast *head, Split *s, int parts)
{
    const Split *outer = e->split;
    if (outer->parts * parts > PARTS_MOST) {
        elab_error(e, head->at, "E203", "a %s has at most %d parts; %s within %s makes %d", head->text,
                   PARTS_MOST, elab_text(e, head->at), outer->text, outer->parts * parts);
        return NULL;
    }
    s->text = arena_printf(e->arena, "%s { %s }", outer->text, s->text);
    split_count(s, s->kind, outer, parts);
    for (int i = 0; i < s->parts; i++)
        s->device[i] = outer->device[i / parts];
    return s;
}

static Split *refuse_devices(Elab *e, const Ast *head)
{
    const char *outer = split_word(e->split);
    elab_error(e, head->at, "E204", "a %s within a %s names no devices: its parts are where the "
               "outer part is", head->text, outer);
    diag_note(e->diag, e->split->at, "the outer one starts here");
    diag_help(e->diag, "write %s(%d) here, or name all devices in the outer %s", head->text, head->count,
              outer);
    return NULL;
}

static Split *read_split(Elab *e, const Ast *head)
{
    Split *s = ARENA_NEW(e->arena, Split);
    s->kind = strcmp(head->text, "replicate") ? SPLIT_CHANNELS : SPLIT_BATCH;
    s->at = head->at;
    s->text = elab_text(e, head->at);
    if (head->kind != AST_CALL || head->count == 0) {
        elab_error(e, head->at, "E201", "`%s` needs the number of parts or names of devices", head->text);
        diag_fix(e->diag, head->at, "%s(gpu0, gpu1)", head->text);
        return NULL;
    }
    if (head->count > PARTS_MOST) {
        elab_error(e, head->at, "E203", "a %s has at most %d parts", head->text, PARTS_MOST);
        return NULL;
    }
    const Ast *first = head->children[0];
    bool is_device = first->kind == AST_NAME && !scope_find(e->scope, first->text);
    if (head->count > 1 || is_device)
        return e->split ? refuse_devices(e, head) : read_devices(e, head, s);
    Value n = eval_number(e, head->children[0], "a number of parts");
    if (n.kind == VALUE_UNKNOWN)
        return NULL;
    if (!value_is_whole(n) || n.number < 1 || n.number > PARTS_MOST) {
        elab_error(e, head->children[0]->at, "E203", "a %s has 1 to %d parts, not %s", head->text, PARTS_MOST,
                   value_write(e->arena, n));
        return NULL;
    }
    if (e->split)
        return read_inner(e, head, s, (int)n.number);
    split_count(s, s->kind, NULL, (int)n.number);
    return s;
}

static int common_multiple(int a, int b)
{
    int m = a;
    while (m % b)
        m += a;
    return m;
}

// Every part has as many images of the batch. Where nobody asked for a batch it grows: net_graph.
static void check_batch(Elab *e, const Split *s)
{
    int batch = e->graph->batch, unit = s->images;
    e->batch_unit = common_multiple(e->batch_unit, unit);
    if (batch % unit == 0 || e->options->batch_grows || s->kind != SPLIT_BATCH)
        return;
    elab_error(e, s->at, "E214", "%s cuts the batch into %d parts; a batch of %d does not divide", s->text,
               unit, batch);
    if (batch > unit)
        diag_help(e->diag, "take a batch of %d or %d images", batch / unit * unit, (batch / unit + 1) * unit);
    else
        diag_help(e->diag, "take a batch of %d images", unit);
}

// The parts side by side again, on the first device; those of an inner split in their outer part.
static Value join(Elab *e, const Split *s, Value v)
{
    if (!value_is_tensor(v) || !v.node || v.node->split != s)
        return v;
    Node *n = graph_add(e->graph, OP_JOIN, "join", s->at, v.node->layer, 1, &v.node);
    n->split = s->outer;
    int outer = split_channels(s->outer), shared = split_shared(v.node);
    n->shared = shared < outer ? shared : outer;
    n->device = s->parts > 1 && !s->outer ? s->device[0] : NO_DEVICE;
    return graph_infer(e->graph, n) ? value_tensor(n) : UNKNOWN;
}

Value split_region(Elab *e, const Ast *head, const Ast *body, Value in)
{
    const Split *outer = e->split;
    Split *s = read_split(e, head);
    if (s)
        check_batch(e, s);
    e->split = s ? s : outer;                    // after a fault the body is checked all the same
    Value v = body_value(e, body, in, BODY_PIPE);
    e->split = outer;
    return s ? join(e, s, v) : v;
}
