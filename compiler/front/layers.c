// Layers: their names, their parameters, and settings that wait until all layers are known.
#include "base/text.h"
#include "front/derive.h"
#include <string.h>

Namer namer_open(Arena *a, const char *prefix)
{
    Namer n = { .prefix = prefix };
    names_open(&n.counts, a);
    return n;
}

// How many of `what` the text at hand has named. Each derivation counts for itself.
static int *count_of(Elab *e, Names *counts, const char *what)
{
    const char *key = e->level ? arena_printf(e->arena, "%d %s", e->level, what) : what;
    int *count = names_find(counts, key);
    if (!count) {
        count = ARENA_NEW(e->arena, int);
        names_put(counts, key, count);
    }
    return count;
}

// A derivation's stages step aside for those of its base, whether these are met already or not, and
// never the other way round: so the base's keep their names.
static bool is_taken(const Elab *e, const char *name)
{
    const Named *n = names_find(&e->layers, name) ? names_find(&e->named, name) : NULL;
    return (n && n->level <= e->level) || (e->level && names_find(&e->derived[e->level]->names, name));
}

// conv1, conv2, ...: the next free automatic name of a kind, below the namer's prefix.
static const char *automatic_name(Elab *e, const char *kind)
{
    int *count = count_of(e, &e->namer->counts, kind);
    const char *name;
    do
        name = arena_printf(e->arena, "%s%s%d", e->namer->prefix, kind, ++*count);
    while (!e->reusing && is_taken(e, name));
    return name;
}

// name2, name3, ...: the next free one. A loop of thousands does not begin at 2 each time.
static const char *numbered_name(Elab *e, const char *name)
{
    int *count = count_of(e, &e->numbered, name);
    *count += !*count;
    const char *numbered;
    do
        numbered = arena_printf(e->arena, "%s%d", name, ++*count);
    while (is_taken(e, numbered));
    return numbered;
}

// The name that `as` or `=` gave; in a body that is expanded several times, with a number.
static const char *given_name(Elab *e, const char *kind)
{
    const char *name = arena_printf(e->arena, "%s%s", e->namer->prefix, e->wanted_name);
    if (e->reusing || !is_taken(e, name) || edits_free(e, name))
        return name;
    if (e->in_loop)
        return numbered_name(e, name);
    if (e->wanted_softly)
        return automatic_name(e, kind);
    elab_error(e, e->wanted_at, "E102", "a layer is called `%s` already", e->wanted_name);
    const Named *old = names_find(&e->named, name);
    if (!old || old->level > e->level)
        old = names_find(&e->derived[e->level]->names, name);
    diag_note(e->diag, old->at, "this one");
    return automatic_name(e, kind);
}

const char *layer_take_name(Elab *e, const char *kind)
{
    const char *name = e->wanted_name ? given_name(e, kind) : automatic_name(e, kind);
    e->wanted_name = NULL;
    return name;
}

void layer_put_name(Elab *e, const char *name, Span at)
{
    if (e->reusing)
        return;
    Named *named = ARENA_NEW(e->arena, Named);
    *named = (Named){ at, e->level };
    names_put(&e->named, name, named);
}

Layer *layer_new(Elab *e, const char *name, const char *kind, Span at)
{
    Layer *old = e->reusing ? names_find(&e->layers, name) : NULL;
    if (old)
        return old;
    layer_put_name(e, name, at);
    if (e->graph->layer_count >= LIMIT_LAYERS && !e->stopped) {
        e->stopped = true;
        elab_error(e, at, "E110", "the net has more than %d layers", LIMIT_LAYERS);
    }
    Layer *l = graph_add_layer(e->graph, kind, name, at, e->call);
    names_put(&e->layers, name, l);
    return l;
}

Node *layer_param(Elab *e, StageUse *u, const char *what, bool is_bias, Shape shape,
                  int64_t fan_in, int64_t fan_out, Init init)
{
    const char *name = arena_printf(e->arena, "%s.%s", u->layer->name, what);
    Node *old = names_find(&e->params, name);
    if (old) {
        if (shape_equal(old->shape, shape))
            return old;
        char have[SHAPE_TEXT], want[SHAPE_TEXT];
        elab_error(e, u->at, "E307", "%s has weights of %lldx%s; used again here they would have to be "
                   "%lldx%s", u->layer->name, (long long)old->shape.n, shape_text(have, old->shape),
                   (long long)shape.n, shape_text(want, shape));
        return NULL;
    }
    Node *n = graph_add(e->graph, OP_PARAM, name, u->at, u->layer, 0, NULL);
    n->split = e->split;
    n->shape = shape;
    if (!shape_is_legal(shape)) {
        elab_error(e, u->at, "E306", "the weights of %s are too large", u->layer->name);
        return NULL;
    }
    Param *p = graph_add_param(e->graph, u->layer, what, is_bias, shape);
    p->init = init;
    p->fan_in = fan_in;
    p->fan_out = fan_out;
    n->attr.param.param = p;
    names_put(&e->params, name, n);
    return graph_infer(e->graph, n) ? n : NULL;
}

// --- settings of layers: `conv3.init = gaussian(0.03)` ------------------------------------------

void layers_set_late(Elab *e, const char *name, Value v, Span at, Span value_at)
{
    LateSetting *s = ARENA_NEW(e->arena, LateSetting);
    *s = (LateSetting){ .name = name, .value = v, .at = at, .value_at = value_at, .level = e->level };
    if (!e->late_end)
        e->late_end = &e->late;
    *e->late_end = s;
    e->late_end = &s->next;
}

static void unknown_layer(Elab *e, const LateSetting *s, const char *layer)
{
    int count;
    const char *const *known = names_list(&e->layers, e->arena, &count);
    const char *nearest = text_nearest(layer, known, count);
    elab_error(e, s->at, "E105", "there is no layer `%s`%s%s%s", layer,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (!nearest)
        elab_known(e, "layers", known, count);
}

static void apply_late(Elab *e, const LateSetting *s)
{
    const char *dot = strrchr(s->name, '.');
    const char *layer = arena_copy(e->arena, s->name, (size_t)(dot - s->name)), *what = dot + 1;
    if (!names_find(&e->layers, layer)) {
        if (!derive_took_away(e, s, layer))
            unknown_layer(e, s, layer);
        return;
    }
    bool bias = !strcmp(what, "bias");
    if (!bias && strcmp(what, "init")) {
        elab_error(e, s->at, "E401", "a layer's `init` and `bias` can be set here, not `%s`", what);
        return;
    }
    Node *param = names_find(&e->params, arena_printf(e->arena, "%s.%s", layer,
                                                      bias ? "biases" : "weights"));
    if (!param) {
        elab_error(e, s->at, "E105", "`%s` has no %s", layer, bias ? "biases" : "weights");
        return;
    }
    if (s->value.kind == VALUE_NUMBER)
        param->attr.param.param->init = (Init){ INIT_CONSTANT, s->value.number };
    else if (s->value.kind == VALUE_INIT)
        param->attr.param.param->init = s->value.init;
    else if (s->value.kind != VALUE_UNKNOWN)
        elab_error(e, s->value_at, "E405", "an initialiser such as gaussian(0.01) is wanted here, not "
                   "%s", value_describe(e->arena, s->value));
}

void layers_apply_late(Elab *e)
{
    for (const LateSetting *s = e->late; s; s = s->next)
        apply_late(e, s);
}
