// The context of elaboration: errors with their chain of calls, counted limits, declared names.
#include "front/elaborate.h"
#include <stdio.h>
#include <string.h>

void elab_open(Elab *e, const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag)
{
    *e = (Elab){ .arena = arena, .diag = diag, .file = file, .options = o, .on_device = NO_DEVICE,
                  .batch_unit = 1 };
    names_open(&e->items, arena);
    names_open(&e->declared, arena);
    names_open(&e->called, arena);
    names_open(&e->own_ops, arena);
    names_open(&e->named, arena);
    e->globals = e->scope = scope_open(arena, NULL);
    items_collect(e);
    items_bind_lets(e);
}

// "in cbn, called from a.net:3:5, i = 0, in bottleneck, called from ...": innermost first.
static const char *chain_text(const Elab *e)
{
    const char *text = "";
    for (const Call *c = e->call; c; c = c->outer) {
        Place p = diag_place(e->diag, c->at);
        const char *step = strchr(c->what, '=')
            ? c->what
            : arena_printf(e->arena, "in %s, called from %s:%d:%d", c->what, p.path, p.line,
                           p.column);
        text = arena_printf(e->arena, "%s%s%s", text, *text ? ", " : "", step);
    }
    return text;
}

Value elab_error(Elab *e, Span at, const char *code, const char *fmt, ...)
{
    va_list args;
    if (diag_mutes(e->diag, at, code))           // in a body that is expanded often, nearly always
        return UNKNOWN;
    va_start(args, fmt);
    const char *text = arena_vprintf(e->arena, fmt, args);
    va_end(args);
    const char *chain = chain_text(e);
    if (*chain)
        diag_error(e->diag, at, code, "%s (%s)", text, chain);
    else
        diag_error(e->diag, at, code, "%s", text);
    if (e->graph)
        graph_note_derived(e->graph, at);
    if (e->diag->errors > LIMIT_ERRORS)
        e->stopped = true;
    return UNKNOWN;
}

bool elab_count(Elab *e, Span at, double passes)
{
    if (e->stopped)
        return false;
    if (passes <= LIMIT_PASSES && e->passes + (int64_t)passes <= LIMIT_PASSES) {
        e->passes += (int64_t)passes;
        return true;
    }
    e->stopped = true;
    elab_error(e, at, "E110", "this expands to more than %d passes of loops and calls of blocks",
               LIMIT_PASSES);
    return false;
}

const char *elab_text(const Elab *e, Span at)
{
    for (int i = 0; i < e->diag->source_count; i++) {
        const Source *s = &e->diag->sources[i];
        if (at.start >= s->start && at.end <= s->start + s->length && at.end >= at.start)
            return arena_copy(e->arena, s->text + (at.start - s->start),
                              (size_t)(at.end - at.start));
    }
    return "";
}

enum { KNOWN_SHOWN = 40 };

void elab_known(Elab *e, const char *what, const char *const *words, int count)
{
    const char *text = "";
    for (int i = 0; i < count && i < KNOWN_SHOWN; i++)
        text = arena_printf(e->arena, "%s%s%s", text, i ? ", " : "", words[i]);
    if (count)
        diag_detail(e->diag, "%s: %s%s", what, text, count > KNOWN_SHOWN ? ", ..." : "");
}

const char *const *names_list(const Names *n, Arena *a, int *count)
{
    const char **list = ARENA_ARRAY(a, const char *, n->count + 1);
    for (int i = 0; i < n->count; i++)
        list[i] = n->entries[i].name;
    *count = n->count;
    return list;
}

Declared *elab_declare(Elab *e, Span at, const char *name, BoundKind kind)
{
    return declared_at(e->arena, &e->declared, at, name, kind);
}

static const char *kind_text(BoundKind kind)
{
    static const char *const texts[] = {
        [BOUND_LET] = "a `let`", [BOUND_TENSOR] = "a tensor", [BOUND_LAYER] = "a layer",
        [BOUND_PARAM] = "a parameter", [BOUND_LOOP] = "a loop variable", [BOUND_INPUT] = "an input",
    };
    return texts[kind];
}

Binding *elab_bind(Elab *e, const char *name, BoundKind kind, Value v, Span at)
{
    Binding *old = scope_find_here(e->scope, name);
    bool same_place = old && old->at.start == at.start;
    if (old && !same_place) {
        elab_error(e, at, "E102", "`%s` is %s of this body already", name, kind_text(old->kind));
        diag_note(e->diag, old->at, "the first one is here");
    }
    Binding *b = scope_bind(e->scope, name, kind, v, at);
    b->declared = elab_declare(e, at, name, kind);
    return b;
}
