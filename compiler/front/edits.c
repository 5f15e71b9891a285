// The edits of stages in a derived net: which layer they speak of, and what a stage gives with them.
//
// A layer can be edited by several derivations in a row. That nearest to the written net is outermost:
// with b = a with { after x { p } } and c = b with { after x { q } }, c has x -> q -> p, since in b x is
// still the stage itself.
#include "base/text.h"
#include "front/derive.h"
#include <string.h>

// --- reading ------------------------------------------------------------------------------------

static const char *word_of(const Ast *s)
{
    switch (s->kind) {
    case AST_DROP:    return "drop";
    case AST_REPLACE: return "replace";
    case AST_BEFORE:  return "before";
    case AST_AFTER:   return "after";
    default:          return NULL;
    }
}

bool edits_is_edit(const Ast *s)
{
    return word_of(s) != NULL;
}

// The name of a layer of the base: the one written or, after a report, the nearest. NULL: none.
static const char *layer_meant(Elab *e, const Derivation *d, const Ast *s)
{
    if (names_find(&d->names, s->text))
        return s->text;
    int count;
    const char *const *known = names_list(&d->names, e->arena, &count);
    const char *nearest = text_nearest(s->text, known, count);
    elab_error(e, s->name_at, "E105", "there is no layer `%s` in `%s`%s%s%s", s->text, d->base->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(e->diag, s->name_at, "%s", nearest);
    else
        elab_known(e, "it has", known, count);
    return nearest;
}

static bool clash(Elab *e, const Ast *s, const Edit *with)
{
    if (s->kind == with->ast->kind) {
        elab_error(e, s->at, "E120", "`%s %s` stands here twice", word_of(s), s->text);
        diag_note(e->diag, with->ast->at, "the first one is here");
        if (s->kind != AST_DROP)
            diag_help(e->diag, "write all stages into one body");
        return true;
    }
    elab_error(e, s->at, "E120", "`%s %s` and `%s %s` do not go together", word_of(s), s->text,
               word_of(with->ast), with->ast->text);
    diag_note(e->diag, with->ast->at, "the other is here");
    diag_help(e->diag, "one `replace %s { ... }` can hold both", s->text);
    return true;
}

static bool clashes(Elab *e, const LayerEdits *x, const Ast *s)
{
    bool takes_away = s->kind == AST_DROP || s->kind == AST_REPLACE;
    const Edit *same = s->kind == AST_BEFORE ? x->before : s->kind == AST_AFTER ? x->after : NULL;
    const Edit *other = x->instead ? x->instead : !takes_away ? same : x->before ? x->before : x->after;
    return other && clash(e, s, other);
}

void edits_read(Elab *e, Derivation *d, const Ast *s)
{
    const Ast *body = s->count ? s->children[0] : NULL;
    const char *name = layer_meant(e, d, s);
    if (s->kind != AST_DROP && body && body->kind == AST_BODY && !body->count) {
        elab_error(e, body->at, "E123", "there is nothing in this body");
        if (s->kind == AST_REPLACE)
            diag_fix(e->diag, s->at, "drop %s", s->text);
        return;
    }
    if (!name)
        return;
    LayerEdits *x = names_find(&d->edits, name);
    if (!x) {
        x = ARENA_NEW(e->arena, LayerEdits);
        names_put(&d->edits, name, x);
    }
    if (clashes(e, x, s))
        return;
    Edit *edit = ARENA_NEW(e->arena, Edit);
    edit->ast = s;
    *(s->kind == AST_BEFORE ? &x->before : s->kind == AST_AFTER ? &x->after : &x->instead) = edit;
}

const Edit *edits_instead(const Derivation *d, const char *name)
{
    const LayerEdits *x = names_find(&d->edits, name);
    return x ? x->instead : NULL;
}

bool edits_free(const Elab *e, const char *name)
{
    const Named *own = names_find(&e->named, name);
    return e->level && edits_instead(e->derived[e->level], name) && (!own || own->level != e->level);
}

// --- computing ----------------------------------------------------------------------------------

// The stages of an edit see what a stage at this place sees, and the derivation's own `let`s.
static Value run_body(Elab *e, Edit *edit, int level, Value in)
{
    Scope *scope = e->scope, *lets = e->derived[level]->lets;
    int outer = e->level;
    bool in_loop = e->in_loop;
    e->scope = scope_open(e->arena, scope);
    for (int i = 0; i < lets->names.count; i++)
        names_put(&e->scope->names, lets->names.entries[i].name, lets->names.entries[i].value);
    e->level = level;
    e->in_loop = false;                          // a layer's name means one pass of a loop
    e->wanted_name = NULL;
    edit->met = true;
    Value v = body_value(e, edit->ast->children[0], in, BODY_PIPE);
    e->in_loop = in_loop;
    e->level = outer;
    e->scope = scope;
    return v;
}

// What the stage would give, computed beside the net: nothing of it stays.
static Value computed_aside(Elab *e, Staged *s, Value in)
{
    Elab kept = *e;
    Graph *g = kept.graph;
    e->graph = graph_new(e->arena, e->diag, g->name, g->mode, g->batch);
    e->graph->derived = g->derived;
    e->graph->derived_name = g->derived_name;
    names_open(&e->layers, e->arena);
    names_open(&e->params, e->arena);
    names_open(&e->numbered, e->arena);
    names_open(&e->named, e->arena);
    e->late = NULL;
    e->late_end = NULL;
    e->levels = 0;                               // edits of what is dropped meet nothing
    Value v = s->compute(e, s, in);
    e->graph = g;
    e->layers = kept.layers;
    e->params = kept.params;
    e->numbered = kept.numbered;
    e->named = kept.named;
    e->late = kept.late;
    e->late_end = kept.late_end;
    e->levels = kept.levels;
    e->batch_unit = kept.batch_unit;
    e->sized = kept.sized;
    return v;
}

static Value drop(Elab *e, Staged *s, Edit *edit, Value in)
{
    edit->met = true;
    Value v = computed_aside(e, s, in);
    bool known = value_is_tensor(in) && in.node && value_is_tensor(v) && v.node;
    if (!known || !shape_is_legal(v.node->shape))
        return in;
    Shape from = in.node->shape, to = v.node->shape;
    if (from.c == to.c && from.h == to.h && from.w == to.w)
        return in;
    char had[SHAPE_TEXT], gave[SHAPE_TEXT];
    elab_error(e, edit->ast->at, "E122", "%s cannot be dropped: it makes %s of %s", s->name,
               shape_text(gave, to), shape_text(had, from));
    diag_note(e->diag, s->at, "%s stands here", s->name);
    diag_fix(e->diag, edit->ast->at, "replace %s { %s }", edit->ast->text, elab_text(e, s->at));
    return UNKNOWN;
}

static bool fits(Elab *e, const Staged *s, const LayerEdits *x)
{
    const Edit *first = x->before ? x->before : x->instead ? x->instead : x->after;
    if (e->reusing) {
        elab_error(e, s->at, "E125", "%s is used again with the weights it has; a derivation that changes it "
                   "would have to change it at both places", s->name);
        diag_note(e->diag, first->ast->at, "changed here");
        return false;
    }
    if (s->ends_branch && (x->before || x->instead)) {
        elab_error(e, first->ast->at, "E123", "%s ends the pipes of a `branch`: stages can stand behind it "
                   "only", s->name);
        diag_note(e->diag, s->at, "%s stands here", s->name);
        return false;
    }
    return true;
}

// A stage in the value of a parameter or `let`, where no tensor is (which was reported), is no layer to edit:
// the derivation's scope is not open yet.
static LayerEdits *edits_of(const Derivation *d, const char *name)
{
    return d->lets ? names_find(&d->edits, name) : NULL;
}

// With the edits of derivation `level` and those above it. *own: what the stage gives without those
// behind it; a stage that is taken away gives nothing of its own.
static Value compute_at(Elab *e, Staged *s, Value in, int level, Value *own, const Ast **edit)
{
    LayerEdits *x = NULL;
    while (level <= e->levels && !(x = edits_of(e->derived[level], s->name)))
        level++;
    if (!x || !fits(e, s, x))
        return *own = s->compute(e, s, in);
    *edit = x->instead ? x->instead->ast : x->before ? x->before->ast : x->after->ast;
    if (x->instead) {
        *own = UNKNOWN;
        return x->instead->ast->kind == AST_DROP ? drop(e, s, x->instead, in)
                                                 : run_body(e, x->instead, level, in);
    }
    if (x->before)
        in = run_body(e, x->before, level, in);
    Value v = compute_at(e, s, in, level + 1, own, edit);
    return x->after ? run_body(e, x->after, level, v) : v;
}

Value edits_compute(Elab *e, Staged *s, Value in)
{
    Value own;
    const Ast *edit = NULL;
    Value v = compute_at(e, s, in, e->level + 1, &own, &edit);
    e->edited_to = edit && value_is_tensor(v) ? v.node : NULL;
    e->edited_from = value_is_tensor(own) ? own.node : NULL;
    if (edit) {
        e->made = ARENA_NEW(e->arena, Instance);
        *e->made = (Instance){ .name = s->name, .edit = edit };
    }
    return v;
}

// --- edits that met nothing -----------------------------------------------------------------------

// The drop or replacement of a block's instance that the layer was in; NULL: none.
static const Edit *taken_with(const Elab *e, const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        for (int k = 1; k <= e->levels; k++) {
            const char *whole = arena_copy(e->arena, name, (size_t)(dot - name));
            const Edit *edit = edits_instead(e->derived[k], whole);
            if (edit)
                return edit;
        }
    return NULL;
}

static void report_unmet(Elab *e, const Derivation *d, const char *name, const Edit *edit)
{
    if (!edit || edit->met)
        return;
    const Edit *with = taken_with(e, name);
    const Named *named = names_find(&d->names, name);
    if (with) {
        elab_error(e, edit->ast->at, "E121", "this edit meets nothing: `%s` goes with `%s`", name,
                   with->ast->text);
        diag_note(e->diag, with->ast->at, "which is taken away here");
        return;
    }
    elab_error(e, edit->ast->at, "E121", "this edit meets nothing: `%s` is no more", name);
    diag_note(e->diag, named->at, "`%s` has it, but it does not come to be with the other edits",
              d->base->text);
}

void edits_report_unmet(Elab *e, const Derivation *d)
{
    for (int i = 0; i < d->edits.count && !e->stopped; i++) {
        const LayerEdits *x = d->edits.entries[i].value;
        const char *name = d->edits.entries[i].name;
        report_unmet(e, d, name, x->before);
        report_unmet(e, d, name, x->instead);
        report_unmet(e, d, name, x->after);
    }
}
