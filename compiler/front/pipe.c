// Pipes, what hangs on a term (`as`, `is`, `on`, a body), and the statements of a body.
#include "front/derive.h"
#include <string.h>

// --- terms --------------------------------------------------------------------------------------

static Value apply(Elab *e, const Ast *term, Value in, bool piped);

static const Ast *find_tail(const Ast *term, AstKind kind)
{
    for (int i = 1; i < term->count; i++)
        if (term->children[i]->kind == kind)
            return term->children[i];
    return NULL;
}

static int device_of(Elab *e, const Ast *on)
{
    if (e->split) {
        elab_error(e, on->at, "E206", "inside a %s the parts say where things are", split_word(e->split));
        diag_note(e->diag, e->split->at, "the %s starts here", split_word(e->split));
        return NO_DEVICE;
    }
    int device = graph_device(e->graph, on->text);
    if (device < 0)
        elab_error(e, on->at, "E203", "there are more than %d devices", GRAPH_DEVICES);
    return device;
}

static void bind_layer(Elab *e, const Ast *as, Value v)
{
    Value layer = v;
    if (e->made && v.kind != VALUE_UNKNOWN)
        layer = (Value){ .kind = VALUE_LAYER, .node = v.node, .instance = e->made };
    Binding *b = scope_find_here(e->scope, as->text);
    if (b && e->in_loop) {
        b->value = layer;
        return;
    }
    b = elab_bind(e, as->text, BOUND_LAYER, layer, as->at);
    b->declared = NULL;                          // a name is worth giving even when nobody uses it here
}

// A promise is about the stage itself: not about what a derivation puts behind it, and it goes with a
// stage that a derivation takes away.
static Value promised(Elab *e, const Ast *is, Value v)
{
    bool edited = value_is_tensor(v) && v.node && v.node == e->edited_to;
    if (!edited)
        return promise_check(e, is, v);
    bool kept = !e->edited_from || promise_check(e, is, value_tensor(e->edited_from)).kind != VALUE_UNKNOWN;
    return kept ? v : UNKNOWN;
}

// The head with what hangs on it, in order; a body belongs to the head.
static Value apply_tailed(Elab *e, const Ast *term, Value in, bool piped)
{
    const Ast *head = term->children[0], *as = find_tail(term, AST_AS), *on = find_tail(term, AST_ON);
    const Ast *body = find_tail(term, AST_BODY);
    const char *wanted = e->wanted_name;
    int device = e->on_device;
    if (!e->namer)
        return elab_error(e, term->at, "E103", "a value belongs here; there is no net");
    if (as) {
        e->wanted_name = as->text;
        e->wanted_softly = false;
        e->wanted_at = as->at;
    }
    if (on)
        e->on_device = device_of(e, on);
    bool named = head->kind == AST_NAME || head->kind == AST_CALL, takes_body = body && named;
    e->edited_to = NULL;
    Value v = takes_body ? body_stage(e, head, body, in) : apply(e, head, in, piped);
    if (!named || (takes_body && strcmp(head->text, "branch") != 0))
        e->edited_to = NULL;                     // that was a stage within
    e->on_device = device;
    e->wanted_name = as ? NULL : e->wanted_name && wanted ? e->wanted_name : NULL;
    if (as)
        bind_layer(e, as, v);
    for (int i = 1; i < term->count; i++)
        if (term->children[i]->kind == AST_IS)
            v = promised(e, term->children[i], v);
    return v;
}

static Value not_a_stage(Elab *e, const Ast *term)
{
    if (term->kind == AST_ERROR)
        return UNKNOWN;
    return elab_error(e, term->at, "E103", "`%s` is no stage: only stages stand behind `->`",
                      elab_text(e, term->at));
}

static Value apply(Elab *e, const Ast *term, Value in, bool piped)
{
    switch (term->kind) {
    case AST_TAILED:
        return apply_tailed(e, term, in, piped);
    case AST_NAME:
    case AST_CALL:
        if (!piped)
            break;
        return call_stage(e, term, in, true);
    case AST_IF:
        return eval_if(e, term, in);
    case AST_FOR:
        return eval_for(e, term, in);
    case AST_PIPE:
        if (!piped)
            break;
        for (int i = 0; i < term->count; i++)
            in = pipe_next(e, term->children[i], in);
        return in;
    default:
        if (piped)
            return not_a_stage(e, term);
        break;
    }
    return eval(e, term);
}

Value pipe_first(Elab *e, const Ast *term)
{
    return term->kind == AST_TAILED ? apply_tailed(e, term, e->in, false) : eval(e, term);
}

// The text of a term may be a long body, and this body one that is expanded often.
static Value no_tensor(Elab *e, const Ast *term, Value in)
{
    if (diag_mutes(e->diag, term->at, "E405"))
        return UNKNOWN;
    return elab_error(e, term->at, "E405", "a tensor must flow into `%s`, not %s",
                      elab_text(e, term->at), value_describe(e->arena, in));
}

Value pipe_next(Elab *e, const Ast *term, Value in)
{
    if (e->stopped)
        return UNKNOWN;
    if (in.kind != VALUE_UNKNOWN && !value_is_tensor(in) && term->kind != AST_ERROR)
        in = no_tensor(e, term, in);
    if (e->depth >= LIMIT_DEPTH) {
        e->stopped = true;
        return elab_error(e, term->at, "E110", "this is nested more than %d deep", LIMIT_DEPTH);
    }
    e->depth++;
    Value v = apply(e, term, in, true);
    e->depth--;
    return v;
}

// --- statements ---------------------------------------------------------------------------------

static Value bound_value(Elab *e, const Ast *s)
{
    if (s->count == 1)
        return eval(e, s->children[0]);
    Value *items = ARENA_ARRAY(e->arena, Value, s->count + 1);
    for (int i = 0; i < s->count; i++)
        items[i] = eval(e, s->children[i]);
    return value_list(items, s->count);
}

static void bind_statement(Elab *e, const Ast *s)
{
    if (strchr(s->text, '.')) {
        layers_set_late(e, s->text, bound_value(e, s), s->name_at, s->children[0]->at);
        return;
    }
    e->wanted_name = s->children[0]->kind == AST_PIPE ? NULL : s->text;
    e->wanted_softly = true;
    e->wanted_at = s->name_at;
    Value v = bound_value(e, s);
    e->wanted_name = NULL;
    if (value_is_tensor(v))
        v.kind = VALUE_TENSOR;                   // `=` names a value; `as` names a stage
    elab_bind(e, s->text, BOUND_TENSOR, v, s->name_at);
}

static void misplaced(Elab *e, const Ast *s)
{
    static const struct { AstKind kind; const char *word, *place; } words[] = {
        { AST_WHEN, "when", "a train section" },   { AST_EVERY, "every", "a train section" },
        { AST_DROP, "drop", "a derived net" },     { AST_REPLACE, "replace", "a derived net" },
        { AST_BEFORE, "before", "a derived net" }, { AST_AFTER, "after", "a derived net" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].kind == s->kind)
            elab_error(e, s->at, "E012", "`%s` belongs into %s", words[i].word, words[i].place);
}

// True if the statement is a pipe, whose value *v becomes.
static bool run_statement(Elab *e, const Ast *s, Value *v)
{
    switch (s->kind) {
    case AST_BIND:
        bind_statement(e, s);
        return false;
    case AST_LET:
        elab_bind(e, s->text, BOUND_LET, eval(e, s->children[0]), s->name_at);
        return false;
    case AST_DEFAULT:
        if (s->children[0]->kind == AST_CALL)
            arguments_default(e, s->children[0]);
        return false;
    case AST_WHEN: case AST_EVERY: case AST_DROP: case AST_REPLACE: case AST_BEFORE: case AST_AFTER:
        misplaced(e, s);
        return false;
    case AST_ERROR:
        *v = UNKNOWN;
        return true;
    default:
        e->wanted_name = NULL;
        *v = eval(e, s);
        return true;
    }
}

static void never_used(Elab *e, const Ast *first, const Ast *next)
{
    Span start = { next->at.start, next->at.start + 1 };
    const Ast *word = next;
    while (word->count && (word->kind == AST_PIPE || word->kind == AST_TAILED))
        word = word->children[0];
    start.end = word->name_at.end > start.start ? word->name_at.end : start.end;
    elab_error(e, start, "E115", "the result of the pipe before this is never used; is a `->` missing here?");
    diag_note(e->diag, first->at, "this pipe");
    diag_fix(e->diag, start, "-> %s", elab_text(e, start));
}

static Value compute_concat(Elab *e, Staged *s, Value in)
{
    (void)in;                                    // the ends of all branches are in s->use
    s->use->layer = layer_new(e, s->name, s->kind, s->at);
    return value_tensor(s->use->stage->build(e, s->use));
}

static Value concat_branches(Elab *e, const Ast *body, Value *parts, int count)
{
    const BuiltIn *concat = built_in_find("concat");
    e->edited_to = NULL;
    StageUse u = { .stage = concat, .at = body->at, .ast = body };
    u.in = ARENA_ARRAY(e->arena, Node *, count + 1);
    for (int i = 0; i < count; i++) {
        if (!value_is_tensor(parts[i]) || !parts[i].node)
            return UNKNOWN;
        u.in[u.inputs++] = parts[i].node;
    }
    if (count == 0)
        return e->in;
    if (count == 1)
        return parts[0];
    Staged s = { .kind = "concat", .at = body->at, .ends_branch = true, .use = &u };
    s.compute = compute_concat;
    s.name = layer_take_name(e, s.kind);
    return edits_compute(e, &s, parts[0]);
}

static bool is_pipe(const Ast *s)
{
    return s->kind == AST_PIPE || s->kind == AST_TAILED || s->kind == AST_NAME || s->kind == AST_CALL ||
           s->kind == AST_FOR || s->kind == AST_IF;
}

static Value run_statements(Elab *e, const Ast *body, BodyKind kind)
{
    Value *parts = ARENA_ARRAY(e->arena, Value, body->count + 1);
    const Ast *last = NULL;
    int count = 0;
    Value in = e->in;
    for (int i = 0; i < body->count && !e->stopped; i++) {
        Value v = UNKNOWN;
        bool chains = last && kind != BODY_BRANCH;      // go on as though the `->` were there
        e->in = chains && is_pipe(body->children[i]) ? parts[count - 1] : in;
        bool counts = run_statement(e, body->children[i], &v);
        e->in = in;
        if (kind == BODY_NET && !e->calls && body->children[i]->kind == AST_DEFAULT)
            derive_defaults(e);                  // a derivation's take the place of the net's own
        if (!counts)
            continue;
        if (chains && body->children[i]->kind != AST_ERROR && last->kind != AST_ERROR)
            never_used(e, last, body->children[i]);
        last = body->children[i];
        parts[count++] = v;
    }
    if (e->stopped)
        return UNKNOWN;
    if (kind == BODY_BRANCH)
        return concat_branches(e, body, parts, count);
    return count ? parts[count - 1] : e->in;
}

Value body_value(Elab *e, const Ast *body, Value in, BodyKind kind)
{
    if (!body || body->kind != AST_BODY)
        return UNKNOWN;
    if (!e->namer)
        return elab_error(e, body->at, "E103", "a body belongs into a net or a block");
    Scope *scope = e->scope;
    Default *defaults = e->defaults;
    Value before = e->in;
    bool had_in = e->has_in;
    if (kind != BODY_NET)
        e->scope = scope_open(e->arena, scope);
    e->in = in;
    e->has_in = true;
    Value v = run_statements(e, body, kind);
    e->scope = scope;
    e->in = before;
    e->has_in = had_in;
    e->defaults = defaults;
    return v;
}
