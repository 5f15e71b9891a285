// Regions `split(gpu0, gpu1) { ... }`: which values are shared out among the parts, and joining them.
// The graph stays logical: pass_place lowers it to parts.
#include "front/elaborate.h"
#include <string.h>

int split_parts(const Elab *e)
{
    return e->split ? e->split->parts : 1;
}

int split_shared(const Node *n)
{
    return op_has(n->op, OP_SOURCE) ? 1 : n->shared;
}

bool split_is_local(const Elab *e, const Node *n)
{
    return e->split && n->split == e->split && split_shared(n) == e->split->parts;
}

static const char *shared_text(Elab *e, const Node *n, const Node *other)
{
    int shared = split_shared(n);
    if (shared == 1 || split_shared(other) == 1)
        return shared == 1 ? "whole" : "split";
    return arena_printf(e->arena, "split in %d", shared);
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
    int parts = split_parts(e);
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
        n->shared = split_outer_parts(e->split);     // of a local value only: build_all
        return;
    }
    for (int i = 0; i < n->inputs; i++) {
        int shared = n->in[i]->op == OP_PARAM ? e->split->parts : split_shared(n->in[i]);
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
            elab_error(e, name->at, "E201", "`split` takes a number of parts or names of devices");
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
    s->parts = head->count;
    return s;
}

// Within another split the parts are where the outer part is.
static Split *read_inner(Elab *e, const Ast *head, Split *s, int parts)
{
    const Split *outer = e->split;
    if (outer->parts * parts > PARTS_MOST) {
        elab_error(e, head->at, "E203", "a split has at most %d parts; %s within %s makes %d", PARTS_MOST,
                   elab_text(e, head->at), outer->text, outer->parts * parts);
        return NULL;
    }
    s->outer = outer;
    s->text = arena_printf(e->arena, "%s { %s }", outer->text, s->text);
    s->parts = outer->parts * parts;
    for (int i = 0; i < s->parts; i++)
        s->device[i] = outer->device[i / parts];
    return s;
}

static Split *refuse_devices(Elab *e, const Ast *head)
{
    elab_error(e, head->at, "E204", "a split within a split names no devices: its parts are where the "
               "outer part is");
    diag_note(e->diag, e->split->at, "the outer one starts here");
    diag_help(e->diag, "write split(%d) here, or name all devices in the outer split", head->count);
    return NULL;
}

static Split *read_split(Elab *e, const Ast *head)
{
    Split *s = ARENA_NEW(e->arena, Split);
    s->at = head->at;
    s->text = elab_text(e, head->at);
    if (head->kind != AST_CALL || head->count == 0) {
        elab_error(e, head->at, "E201", "`split` needs the number of parts or names of devices");
        diag_fix(e->diag, head->at, "split(gpu0, gpu1)");
        return NULL;
    }
    if (head->count > PARTS_MOST) {
        elab_error(e, head->at, "E203", "a split has at most %d parts", PARTS_MOST);
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
        elab_error(e, head->children[0]->at, "E203", "a split has 1 to %d parts, not %s", PARTS_MOST,
                   value_write(e->arena, n));
        return NULL;
    }
    if (e->split)
        return read_inner(e, head, s, (int)n.number);
    s->parts = (int)n.number;
    return s;
}

// The parts side by side again, on the first device; those of an inner split in their outer part.
static Value join(Elab *e, const Split *s, Value v)
{
    if (!value_is_tensor(v) || !v.node || v.node->split != s)
        return v;
    Node *n = graph_add(e->graph, OP_JOIN, "join", s->at, v.node->layer, 1, &v.node);
    n->split = s->outer;
    int outer = split_outer_parts(s), shared = split_shared(v.node);
    n->shared = shared < outer ? shared : outer;
    n->device = s->parts > 1 && !s->outer ? s->device[0] : NO_DEVICE;
    return graph_infer(e->graph, n) ? value_tensor(n) : UNKNOWN;
}

Value split_region(Elab *e, const Ast *head, const Ast *body, Value in)
{
    const Split *outer = e->split;
    Split *s = read_split(e, head);
    e->split = s ? s : outer;                    // after a fault the body is checked all the same
    Value v = body_value(e, body, in, BODY_PIPE);
    e->split = outer;
    return s ? join(e, s, v) : v;
}
