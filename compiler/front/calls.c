// Applying stages: built-in ones, blocks, layers whose weights are used again.
#include "front/op.h"
#include <string.h>

// --- built-in stages ----------------------------------------------------------------------------

static bool add_input(Elab *e, StageUse *u, Value v, Span at)
{
    if (v.kind == VALUE_UNKNOWN || (value_is_tensor(v) && !v.node))
        return false;
    if (!value_is_tensor(v)) {
        elab_error(e, at, "E405", "`%s` takes a tensor, not %s", u->stage->name,
                   value_describe(e->arena, v));
        return false;
    }
    Node **in = ARENA_ARRAY(e->arena, Node *, u->inputs + 1);
    if (u->inputs)
        memcpy(in, u->in, (size_t)u->inputs * sizeof *in);
    in[u->inputs++] = v.node;
    u->in = in;
    return shape_is_legal(v.node->shape);
}

// The tensors, `most` of them, that a stage of several inputs names as arguments. Returns how many
// were read.
static int add_named_inputs(Elab *e, StageUse *u, const Ast *call, int most, bool *known)
{
    int i = 0;
    for (; i < most && i < call->count && call->children[i]->kind != AST_ARG; i++)
        *known &= add_input(e, u, eval(e, call->children[i]), call->children[i]->at);
    return i;
}

static bool is_bound_tensor(Elab *e, const Ast *a)
{
    Binding *b = a->kind == AST_NAME ? scope_find(e->scope, a->text) : NULL;
    return (b && value_is_tensor(b->value)) || (a->kind == AST_NAME && !strcmp(a->text, "in"));
}

// `relu(x)`: a first argument that is a tensor is what flows in.
static bool starts_with_tensor(Elab *e, const Ast *a)
{
    if (a->kind != AST_CALL || a->count == 0)
        return false;
    const Ast *first = a->children[0];
    bool stage = first->kind == AST_CALL && !is_function(first->text);
    return is_bound_tensor(e, first) || first->kind == AST_PIPE || stage;
}

// An op of the file takes as many tensors as it names. Steps over one that is too many.
static bool has_its_tensors(Elab *e, const StageUse *u, const Ast *a, int *first, bool known)
{
    int want = stage_tensors(u->stage);
    const char *several = want == 1 ? "" : "s";
    if (a->kind == AST_CALL && *first < a->count && is_bound_tensor(e, a->children[*first])) {
        elab_error(e, a->children[*first]->at, "E403", "`%s` takes %d tensor%s; this is one more",
                   u->stage->name, want, several);
        ++*first;
        return false;
    }
    if (known && u->inputs < want) {
        elab_error(e, a->at, "E404", "`%s` takes %d tensor%s; here it has %d", u->stage->name, want, several,
                   u->inputs);
        return false;
    }
    return true;
}

static Value finish_stage(Elab *e, StageUse *u, Instance *instance)
{
    Node *n = u->stage->build(e, u);
    instance->use = *u;
    e->made = instance;
    return n ? value_tensor(n) : UNKNOWN;
}

static Value compute_built_in(Elab *e, Staged *s, Value in)
{
    StageUse *u = s->use;
    bool known = s->known && value_is_tensor(in) && in.node && shape_is_legal(in.node->shape);
    if (known)
        u->in[0] = in.node;
    u->layer = layer_new(e, s->name, s->kind, s->at);
    Instance *instance = ARENA_NEW(e->arena, Instance);
    *instance = (Instance){ .name = u->layer->name, .stage = u->stage, .use = *u,
                            .decided = u->decided, .split = e->split };
    e->made = instance;
    return known ? finish_stage(e, u, instance) : UNKNOWN;
}

static Value call_built_in(Elab *e, const Ast *a, const BuiltIn *stage, Value in, bool piped)
{
    StageUse u = { .stage = stage, .at = a->at, .ast = a };
    int first = 0;
    bool known = true;
    const char *wanted = e->wanted_name;         // nested stages do not take it
    e->wanted_name = NULL;
    if (!piped && starts_with_tensor(e, a) && stage->inputs == TAKES_ONE)
        in = eval(e, a->children[first++]);
    if (piped || stage->inputs == TAKES_ONE)
        known &= add_input(e, &u, in, a->at);
    if (stage->inputs == TAKES_SEVERAL && a->kind == AST_CALL)
        first = add_named_inputs(e, &u, a, stage_tensors(stage) - (piped ? 1 : 0), &known);
    if (stage_is_own(stage))
        known &= has_its_tensors(e, &u, a, &first, known);
    u.decided = arguments_of_stage(e, a, first, &u);
    known &= u.decided;
    e->wanted_name = wanted;
    if (known && stage->inputs == TAKES_SEVERAL && !stage_is_own(stage) && u.inputs < 2) {
        elab_error(e, a->at, "E404", "`%s` needs the tensors to combine: %s(other)", stage->name,
                   stage->name);
        known = false;
    }
    Staged s = { .kind = stage->name, .at = a->at, .compute = compute_built_in, .use = &u };
    s.name = layer_take_name(e, stage->name);
    s.known = known;
    return edits_compute(e, &s, known ? value_tensor(u.in[0]) : UNKNOWN);
}

// --- blocks -------------------------------------------------------------------------------------

static bool calls_itself(const Elab *e, const Ast *block)
{
    for (const Call *c = e->call; c; c = c->outer)
        if (!strcmp(c->what, block->text))
            return true;
    return false;
}

// Values of the parameters, in a scope that sees the file's `let`s only.
static Scope *bind_params(Elab *e, const Ast *block, const Value *args)
{
    Scope *s = scope_open(e->arena, e->globals);
    for (int i = 0; i < block->param_count; i++) {
        if (block->params[i]->kind != AST_PARAM)
            continue;
        Binding *b = scope_bind(s, block->params[i]->text, BOUND_PARAM, args[i], block->params[i]->at);
        b->declared = elab_declare(e, block->params[i]->at, block->params[i]->text, BOUND_PARAM);
    }
    return s;
}

static Value run_block(Elab *e, const Ast *block, const Value *args, const char *name, Value in, Span at)
{
    Elab kept = *e;
    Call *call = ARENA_NEW(e->arena, Call);
    *call = (Call){ block->text, at, e->call };
    Namer namer = namer_open(e->arena, arena_printf(e->arena, "%s.", name));
    e->call = call;
    e->namer = &namer;
    e->calls++;
    e->in_loop = false;
    e->wanted_name = NULL;
    e->scope = bind_params(e, block, args);
    Value v = body_value(e, block->children[0], in, BODY_NET);
    e->scope = kept.scope;
    e->call = kept.call;
    e->namer = kept.namer;
    e->calls = kept.calls;
    e->in_loop = kept.in_loop;
    e->defaults = kept.defaults;
    return v;
}

static void evaluate_args(Elab *e, const Ast *a, const Ast *block, Value *args)
{
    const char **names = ARENA_ARRAY(e->arena, const char *, block->param_count + 1);
    const Ast **slots = ARENA_ARRAY(e->arena, const Ast *, block->param_count + 1);
    for (int i = 0; i < block->param_count; i++)
        names[i] = block->params[i]->text ? block->params[i]->text : "";
    arguments_sort(e, a, 0, names, block->param_count, slots);
    for (int i = 0; i < block->param_count; i++) {
        const Ast *preset = block->params[i]->count ? block->params[i]->children[0] : NULL;
        args[i] = UNKNOWN;
        if (slots[i]) {
            args[i] = eval(e, slots[i]);
        } else if (preset) {
            Scope *scope = e->scope;
            e->scope = e->globals;
            args[i] = eval(e, preset);
            e->scope = scope;
        } else if (block->params[i]->kind == AST_PARAM) {
            elab_error(e, a->at, "E404", "`%s` needs its argument `%s`", block->text, names[i]);
            diag_note(e->diag, block->name_at, "it is defined here");
        }
    }
}

static Value compute_block(Elab *e, Staged *s, Value in)
{
    Instance *i = s->block;
    i->split = e->split;
    layer_put_name(e, i->name, s->at);
    Value v = run_block(e, i->block, i->args, i->name, in, s->at);
    e->made = i;
    return v;
}

static Value call_block(Elab *e, const Ast *a, const Ast *block, Value in)
{
    names_put(&e->called, block->text, (void *)block);
    if (calls_itself(e, block))
        return elab_error(e, a->at, "E111", "block `%s` calls itself", block->text);
    if (e->calls >= LIMIT_CALLS)
        return elab_error(e, a->at, "E110", "blocks call blocks more than %d deep", LIMIT_CALLS);
    if (!elab_count(e, a->at, 1))
        return UNKNOWN;
    const char *wanted = e->wanted_name;
    e->wanted_name = NULL;
    Value *args = ARENA_ARRAY(e->arena, Value, block->param_count + 1);
    evaluate_args(e, a, block, args);
    e->wanted_name = wanted;
    Instance *instance = ARENA_NEW(e->arena, Instance);
    *instance = (Instance){ .name = layer_take_name(e, block->text), .block = block, .args = args };
    Staged s = { .name = instance->name, .kind = block->text, .at = a->at, .compute = compute_block,
                 .block = instance };
    return edits_compute(e, &s, in);
}

Value call_block_unknown(Elab *e, const Ast *block)
{
    Value *args = ARENA_ARRAY(e->arena, Value, block->param_count + 1);
    for (int i = 0; i < block->param_count; i++)
        args[i] = UNKNOWN;
    return run_block(e, block, args, block->text, UNKNOWN, block->at);
}

// --- again --------------------------------------------------------------------------------------

Value call_again(Elab *e, Instance *i, Value in, Span at)
{
    if (in.kind == VALUE_UNKNOWN || (i->stage && !i->decided))
        return UNKNOWN;
    if (i->edit) {
        elab_error(e, at, "E125", "`%s` is used again here; a derivation that changes it would have to "
                   "change it at both places", i->name);
        diag_note(e->diag, i->edit->at, "changed here");
        return UNKNOWN;
    }
    if (i->split != e->split) {
        elab_error(e, at, "E212", "the weights of `%s` live in another region; it cannot be used again here",
                   i->name);
        return UNKNOWN;
    }
    if (i->stage && i->stage->inputs == TAKES_SEVERAL)
        return elab_error(e, at, "E113", "`%s` combines several tensors and has no weights: write it again",
                          i->name);
    bool outer = e->reusing;
    e->reusing = true;
    Value v;
    if (i->stage) {
        StageUse u = i->use;
        u.in = NULL;
        u.inputs = 0;
        u.at = at;
        v = add_input(e, &u, in, at) ? finish_stage(e, &u, i) : UNKNOWN;
    } else {
        v = elab_count(e, at, 1) ? run_block(e, i->block, i->args, i->name, in, at) : UNKNOWN;
        e->made = i;
    }
    e->reusing = outer;
    return v;
}

// --- by name ------------------------------------------------------------------------------------

static Value call_bound(Elab *e, const Ast *a, Binding *b, Value in)
{
    if (b->declared)
        b->declared->used = true;
    if (b->value.kind == VALUE_UNKNOWN)
        return UNKNOWN;
    if (b->value.kind == VALUE_LAYER && b->value.instance)
        return call_again(e, b->value.instance, in, a->at);
    elab_error(e, a->at, "E113", "`%s` is %s, not a stage", a->text, value_describe(e->arena, b->value));
    diag_note(e->diag, b->at, "it is bound here");
    if (value_is_tensor(b->value))
        diag_help(e->diag, "a stage whose weights are used again is named with `as`; tensors are combined "
                  "by add(%s), mul(%s), concat(%s)", a->text, a->text, a->text);
    return UNKNOWN;
}

static Value with_indices(Elab *e, const Ast *a, const Ast *item)
{
    elab_error(e, a->name_at, "E192", "`%s` is an op with indices; those cannot be used in a net yet",
               a->text);
    diag_note(e->diag, item->name_at, "it is defined here");
    return UNKNOWN;
}

Value call_stage(Elab *e, const Ast *a, Value in, bool piped)
{
    if (!e->namer)                               // in a value of the file, or in a section without a net
        return elab_error(e, a->at, "E103", "`%s` is a stage of a net; there is no net here", a->text);
    Binding *b = scope_find(e->scope, a->text);
    if (b && (piped || a->kind == AST_NAME))
        return call_bound(e, a, b, in);
    const Ast *item = names_find(&e->items, a->text);
    if (item && item->kind == AST_BLOCK)
        return call_block(e, a, item, in);
    const BuiltIn *stage = stage_named(e, a->text);
    if (!stage && item && item->kind == AST_OP)      // reported at its definition
        return item->name_count ? with_indices(e, a, item) : UNKNOWN;
    if (!stage && is_body_stage(a->text))
        return elab_error(e, a->at, "E106", "`%s` needs a body: %s { ... }", a->text, elab_text(e, a->at));
    if (!stage) {
        const char *nearest = eval_unknown_stage(e, a);
        stage = nearest ? stage_named(e, nearest) : NULL;
        if (!stage)
            return UNKNOWN;
    }
    return call_built_in(e, a, stage, in, piped);
}
