// Regions `split(gpu0, gpu1) { ... }`: which values are shared out among the parts, and joining them.
// The graph stays logical: pass_place lowers it to parts.
#include "front/elaborate.h"
#include <string.h>

int split_parts(const Elab *e)
{
    return e->split ? e->split->parts : 1;
}

bool split_is_local(const Elab *e, const Node *n)
{
    return e->split && n->split == e->split && !n->is_all && !op_has(n->op, OP_SOURCE);
}

bool split_inputs_agree(Elab *e, const StageUse *u)
{
    int local = 0, odd = 0;
    for (int i = 0; i < u->inputs; i++)
        local += split_is_local(e, u->in[i]);
    if (local == 0 || local == u->inputs)
        return true;
    while (odd < u->inputs && split_is_local(e, u->in[odd]) == split_is_local(e, u->in[0]))
        odd++;
    elab_error(e, u->at, "E208", "%s mixes a tensor that is split over the parts with a whole one",
               u->stage->name);
    for (int i = 0; i <= odd && i < u->inputs; i += odd ? odd : 1)
        diag_note(e->diag, u->in[i]->at, "this is %s", split_is_local(e, u->in[i]) ? "split" : "whole");
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

void split_mark(const Elab *e, Node *n)
{
    n->split = e->split;
    if (!e->split)
        return;
    bool local = false;
    for (int i = 0; i < n->inputs; i++)
        local = local || n->in[i]->op == OP_PARAM || split_is_local(e, n->in[i]);
    n->is_all = !local || n->op == OP_ALL;
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
    if (head->count > 1 || head->children[0]->kind == AST_NAME) {
        bool is_device = !scope_find(e->scope, head->children[0]->text);
        if (head->count > 1 || is_device)
            return read_devices(e, head, s);
    }
    Value n = eval_number(e, head->children[0], "a number of parts");
    if (n.kind == VALUE_UNKNOWN)
        return NULL;
    if (!value_is_whole(n) || n.number < 1 || n.number > PARTS_MOST) {
        elab_error(e, head->children[0]->at, "E203", "a split has 1 to %d parts, not %s", PARTS_MOST,
                   value_write(e->arena, n));
        return NULL;
    }
    s->parts = (int)n.number;
    return s;
}

// The parts side by side again, on the first device.
static Value join(Elab *e, const Split *s, Value v)
{
    if (!value_is_tensor(v) || !v.node || v.node->split != s)
        return v;
    Node *n = graph_add(e->graph, OP_JOIN, "join", s->at, v.node->layer, 1, &v.node);
    n->split = NULL;
    n->device = s->parts > 1 ? s->device[0] : NO_DEVICE;
    return graph_infer(e->graph, n) ? value_tensor(n) : UNKNOWN;
}

Value split_region(Elab *e, const Ast *head, const Ast *body, Value in)
{
    if (e->split) {
        elab_error(e, head->at, "E204", "a split within a split is not possible yet");
        diag_note(e->diag, e->split->at, "the outer one starts here");
        return UNKNOWN;
    }
    Split *s = read_split(e, head);
    e->split = s;                                // NULL after a fault: the body is checked all the same
    Value v = body_value(e, body, in, BODY_PIPE);
    e->split = NULL;
    return s ? join(e, s, v) : v;
}
