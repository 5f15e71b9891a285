// Reads a derived net: its chain of bases, the names that each base has, and what a derivation sets
// outside of stages: parameters, defaults, `let`s, initialisers. The edits of stages are edits.c's.
//
// Each base is elaborated once before, for the names of its layers. So edits are checked against what
// is there, and stages that an edit puts in can step aside for names that come later.
#include "base/text.h"
#include "front/derive.h"
#include <string.h>

// --- the chain of bases ---------------------------------------------------------------------------

static const Ast *base_name(const Ast *derived)
{
    return derived->children[1];
}

static const Ast *unknown_base(Elab *e, const Ast *name, const Ast *found)
{
    const char **known = ARENA_ARRAY(e->arena, const char *, e->items.count + 1);
    int count = 0;
    for (int i = 0; i < e->items.count; i++) {
        const Ast *item = e->items.entries[i].value;
        if (item->kind == AST_NET || item->kind == AST_DERIVE)
            known[count++] = item->text;
    }
    const char *nearest = text_nearest(name->text, known, count);
    elab_error(e, name->at, "E108", found ? "`%s` is no net%s%s%s" : "there is no net `%s`%s%s%s", name->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (found)
        diag_note(e->diag, found->name_at, "it is defined here");
    if (nearest)
        diag_fix(e->diag, name->at, "%s", nearest);
    else
        elab_known(e, "nets", known, count);
    return NULL;
}

static const Ast *find_base(Elab *e, const Ast *derived)
{
    const Ast *name = base_name(derived);
    const Ast *base = name->text ? names_find(&e->items, name->text) : NULL;
    if (base && (base->kind == AST_NET || base->kind == AST_DERIVE))
        return base;
    return name->text ? unknown_base(e, name, base) : NULL;
}

const Ast *derive_written(Elab *e, const Ast *net)
{
    const Ast *chain[LIMIT_DERIVED + 1];
    int count = 0;
    for (const Ast *at = net; at; at = find_base(e, at)) {
        if (at->kind == AST_NET)
            return at;
        for (int i = 0; i < count; i++)
            if (chain[i] == at) {
                elab_error(e, base_name(chain[count - 1])->at, "E111", "net `%s` is derived from itself",
                           at->text);
                return NULL;
            }
        if (count == LIMIT_DERIVED) {
            elab_error(e, base_name(net)->at, "E110", "nets are derived from nets more than %d deep",
                       LIMIT_DERIVED);
            return NULL;
        }
        chain[count++] = at;
    }
    return NULL;
}

// --- what stands in a derivation ------------------------------------------------------------------

static const Ast *body_of(const Derivation *d)
{
    return d->item->children[0];
}

static int statements(const Derivation *d)
{
    return body_of(d)->kind == AST_BODY ? body_of(d)->count : 0;
}

static bool is_setting(const Ast *s)
{
    return s->kind == AST_BIND && strchr(s->text, '.');
}

static void check_param(Elab *e, const Derivation *d, const Ast *s)
{
    const Ast *written = derive_written(e, d->item);
    const char **known = ARENA_ARRAY(e->arena, const char *, written->param_count + 1);
    int count = 0;
    for (int i = 0; i < written->param_count; i++)
        if (written->params[i]->kind == AST_PARAM)
            known[count++] = written->params[i]->text;
    for (int i = 0; i < count; i++)
        if (!strcmp(known[i], s->text)) {
            const Ast *first = derive_param(e, s->text);
            if (first != s->children[0])
                elab_error(e, s->name_at, "E102", "`%s` is set twice in this derivation", s->text);
            return;
        }
    const char *nearest = text_nearest(s->text, known, count);
    elab_error(e, s->name_at, "E124", "net `%s` has no parameter `%s`%s%s%s", d->base->text, s->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    diag_note(e->diag, written->name_at, "its parameters stand here");
    if (nearest)
        diag_fix(e->diag, s->name_at, "%s", nearest);
}

static void refuse(Elab *e, const Derivation *d, const Ast *s)
{
    if (s->kind == AST_WHEN || s->kind == AST_EVERY) {
        elab_error(e, s->at, "E012", "`%s` belongs into a train section",
                   s->kind == AST_WHEN ? "when" : "every");
        return;
    }
    elab_error(e, s->at, "E123", "a derivation is made of edits; where in `%s` should this stand?",
               d->base->text);
    diag_help(e->diag, "write after LAYER { ... }, before LAYER { ... } or replace LAYER { ... }");
}

static void read_statement(Elab *e, Derivation *d, const Ast *s)
{
    if (edits_is_edit(s)) {
        edits_read(e, d, s);
        return;
    }
    switch (s->kind) {
    case AST_BIND:
        if (s->count > 1)
            elab_error(e, s->at, "E405", "`%s` takes one value", s->text);
        else if (!is_setting(s))
            check_param(e, d, s);
        return;
    case AST_LET: case AST_DEFAULT: case AST_ERROR:
        return;
    default:
        refuse(e, d, s);
    }
}

// The derivations of the base and the names of its layers, by an elaboration of its own.
static bool read_base(Elab *e, Derivation *d, GraphMode mode)
{
    Elab *base = ARENA_NEW(e->arena, Elab);
    int before = e->diag->errors;
    elab_open(base, e->file, e->options, e->arena, e->diag);
    base->declared = e->declared;
    net_body(base, d->base, mode);
    e->declared = base->declared;
    d->names = base->named;
    e->levels = base->levels + 1;
    e->derived = ARENA_ARRAY(e->arena, Derivation *, e->levels + 1);
    for (int i = 1; i < e->levels; i++)
        e->derived[i] = base->derived[i];
    e->derived[e->levels] = d;
    return base->graph->inputs && e->diag->errors == before;
}

bool derive_open(Elab *e, const Ast *net, GraphMode mode)
{
    if (net->kind != AST_DERIVE)
        return true;
    Derivation *d = ARENA_NEW(e->arena, Derivation);
    *d = (Derivation){ .item = net, .base = find_base(e, net) };
    names_open(&d->edits, e->arena);
    if (!d->base || !read_base(e, d, mode))
        return false;
    for (int i = 0; i < statements(d); i++)
        read_statement(e, d, body_of(d)->children[i]);
    return true;
}

// --- what they set ------------------------------------------------------------------------------

const Ast *derive_param(const Elab *e, const char *name)
{
    for (int k = e->levels; k >= 1; k--)
        for (int i = 0; i < statements(e->derived[k]); i++) {
            const Ast *s = body_of(e->derived[k])->children[i];
            if (s->kind == AST_BIND && !strcmp(s->text, name))
                return s->children[0];
        }
    return NULL;
}

void derive_defaults(Elab *e)
{
    Scope *scope = e->scope;
    for (int k = 1; k <= e->levels; k++) {
        const Derivation *d = e->derived[k];
        e->scope = d->lets;
        for (int i = 0; i < statements(d); i++) {
            const Ast *s = body_of(d)->children[i];
            if (s->kind == AST_DEFAULT && s->children[0]->kind == AST_CALL)
                arguments_default(e, s->children[0]);
        }
    }
    e->scope = scope;
}

void derive_begin(Elab *e)
{
    Scope *net = e->scope;
    for (int k = 1; k <= e->levels; k++) {
        Derivation *d = e->derived[k];
        d->lets = e->scope = scope_open(e->arena, net);
        for (int i = 0; i < d->edits.count; i++) {
            LayerEdits *x = d->edits.entries[i].value;
            Edit *all[] = { x->before, x->instead, x->after };
            for (int j = 0; j < 3; j++)
                if (all[j])
                    all[j]->met = false;         // an elaboration before this one may have met it
        }
        for (int i = 0; i < statements(d); i++) {
            const Ast *s = body_of(d)->children[i];
            if (s->kind == AST_LET)
                elab_bind(e, s->text, BOUND_LET, eval(e, s->children[0]), s->name_at);
        }
    }
    e->scope = net;
    derive_defaults(e);
}

// --- behind the body ------------------------------------------------------------------------------

static void set_layers(Elab *e, const Derivation *d)
{
    Scope *scope = e->scope;
    e->scope = d->lets;
    for (int i = 0; i < statements(d); i++) {
        const Ast *s = body_of(d)->children[i];
        if (is_setting(s) && s->count == 1)
            layers_set_late(e, s->text, eval(e, s->children[0]), s->name_at, s->children[0]->at);
    }
    e->scope = scope;
}

// A stage that is taken away can leave layers behind it whose values went nowhere else.
static void report_unread(Elab *e)
{
    const Graph *g = e->graph;
    bool *read = ARENA_ARRAY(e->arena, bool, g->count + 1);
    for (int i = 0; i < g->output_count; i++) {
        if (!g->outputs[i].node)
            return;                              // something else is at fault
        read[g->outputs[i].node->id] = true;
    }
    for (int i = g->count - 1; i >= 0; i--)
        for (int k = 0; read[i] && k < g->nodes[i]->inputs; k++)
            read[g->nodes[i]->in[k]->id] = true;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (read[i] || n->op != OP_PARAM || !n->layer)
            continue;
        elab_error(e, n->layer->at, "E126", "nothing reads %s any more", n->layer->name);
        diag_help(e->diag, "drop or replace %s as well", n->layer->name);
    }
}

void derive_end(Elab *e)
{
    if (!e->levels)
        return;
    for (int k = 1; k <= e->levels; k++) {
        e->level = k;
        set_layers(e, e->derived[k]);
        edits_report_unmet(e, e->derived[k]);
    }
    report_unread(e);                            // what --set says comes last: e->level stays
}

bool derive_took_away(Elab *e, const LateSetting *s, const char *layer)
{
    for (int k = s->level ? s->level : 1; k <= e->levels; k++) {
        const Edit *edit = edits_instead(e->derived[k], layer);
        if (!edit)
            continue;
        if (k > s->level)
            return true;
        elab_error(e, s->at, "E105", "there is no layer `%s`: it is taken away", layer);
        diag_note(e->diag, edit->ast->at, "here");
        return true;
    }
    return s->level < e->levels && names_find(&e->derived[s->level + 1]->names, layer);
}
