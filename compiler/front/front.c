// The front end as others see it: graphs, recipes, and the check of a whole file.
#include "front/op.h"
#include <string.h>

// The last `batch = ...` of a body or of --set; NULL: none.
static const Ast *find_batch(const Ast *body)
{
    const Ast *found = NULL;
    for (int i = 0; body && body->kind == AST_BODY && i < body->count; i++)
        if (body->children[i]->kind == AST_BIND && !strcmp(body->children[i]->text, "batch"))
            found = body->children[i];
    return found;
}

// The batch that counts: --batch, --set batch, the train section's, 1.
static FrontOptions with_batch(const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag)
{
    FrontOptions filled = *o;
    if (filled.batch > 0)
        return filled;
    filled.batch = 1;
    filled.batch_grows = true;
    const char *net = item_net_name(file, o);
    const Ast *train = net ? item_train(file, net) : NULL;
    Elab e;
    int before = diag->errors;
    elab_open(&e, file, o, arena, diag);
    const Ast *s = find_batch(items_overrides(&e));
    if (!s && train)
        s = find_batch(train->children[0]);
    if (!s)
        return filled;
    Value v = eval(&e, s->children[0]);
    filled.batch_grows = false;
    if (diag->errors == before && value_is_whole(v) && v.number >= 1 && v.number <= 65536)
        filled.batch = (int)v.number;
    return filled;
}

Graph *front_graph(const AstFile *file, const FrontOptions *options, GraphMode mode, Arena *arena, Diag *diag)
{
    int before = diag->errors;
    FrontOptions o = with_batch(file, options, arena, diag);
    Elab *e = ARENA_NEW(arena, Elab);
    elab_open(e, file, &o, arena, diag);
    const Ast *net = item_net(e);
    if (!net || diag->errors > before)
        return NULL;
    Graph *g = net_graph(e, net, mode);
    net_check_overrides(e, net);
    const Ast *train = item_train(file, net->text);
    if (diag->errors == before && mode != GRAPH_PREDICT && train)
        net_add_loss(e, net, train);
    return diag->errors > before ? NULL : g;
}

static void no_such_data(Elab *e, const char *name, Span at)
{
    const char **known = ARENA_ARRAY(e->arena, const char *, e->file->count + 1);
    int count = 0;
    for (int i = 0; i < e->file->count; i++)
        if (e->file->items[i]->kind == AST_DATA)
            known[count++] = e->file->items[i]->text;
    diag_error(e->diag, at, "E511", "there is no data section `%s`", name);
    if (count)
        elab_known(e, "the file has", known, count);
}

bool front_recipe(const AstFile *file, const FrontOptions *options, Arena *arena, Diag *diag, Recipe *out)
{
    int before = diag->errors;
    *out = (Recipe){ 0 };
    FrontOptions o = with_batch(file, options, arena, diag);
    Elab *e = ARENA_NEW(arena, Elab);
    elab_open(e, file, &o, arena, diag);
    const Ast *net = item_net(e);
    const Ast *train = net ? item_train(file, net->text) : NULL;
    if (!train)
        return net != NULL && diag->errors == before;
    net_graph(e, net, GRAPH_PREDICT);            // settings of layers are checked against the net
    if (diag->errors > before || !train_recipe(e, train, out))
        return false;
    out->has_train = true;
    const char *name = o.data ? o.data : train->names[0];
    const Ast *data = item_data(e, name);
    if (!data) {
        no_such_data(e, name, o.data ? NO_SPAN : train->at);
        return false;
    }
    return data_recipe(e, data, &out->data) && diag->errors == before;
}

// --- everything a file holds --------------------------------------------------------------------

// `declared` gathers what the nets and blocks of the file declare and use.
static void check_net(const AstFile *file, const FrontOptions *options, const Ast *net, Names *declared,
                      Arena *arena, Diag *diag)
{
    FrontOptions o = *options;
    o.net = net->text;
    o = with_batch(file, &o, arena, diag);
    Elab *e = ARENA_NEW(arena, Elab);
    int before = diag->errors;
    elab_open(e, file, &o, arena, diag);
    e->declared = *declared;
    Graph *g = net_graph(e, net, GRAPH_TRAIN);
    *declared = e->declared;
    const Ast *train = item_train(file, net->text);
    if (diag->errors == 0)
        unused_dropout(g, diag);
    if (!train)
        return;
    if (diag->errors == before)
        net_add_loss(e, net, train);
    Recipe recipe;
    front_recipe(file, &o, arena, diag, &recipe);
}

static void check_block(const AstFile *file, const FrontOptions *o, const Ast *block, Names *declared,
                        Arena *arena, Diag *diag)
{
    FrontOptions own = *o;
    own.batch_grows = true;                          // whatever the nets' batch is
    Elab *e = ARENA_NEW(arena, Elab);
    elab_open(e, file, &own, arena, diag);
    e->declared = *declared;
    e->graph = graph_new(arena, diag, block->text, GRAPH_PREDICT, 1);
    names_open(&e->layers, arena);
    names_open(&e->numbered, arena);
    names_open(&e->params, arena);
    Namer namer = namer_open(arena, "");
    e->namer = &namer;
    call_block_unknown(e, block);
    *declared = e->declared;
}

static void check_op(const AstFile *file, const FrontOptions *o, const Ast *item, Arena *arena, Diag *diag)
{
    Elab *e = ARENA_NEW(arena, Elab);
    elab_open(e, file, o, arena, diag);
    if (item->name_count == 0)                       // those with indices are refused where they are used
        own_op(e, item);
}

static void check_data(const AstFile *file, const FrontOptions *o, const Ast *data, Arena *arena,
                       Diag *diag)
{
    Elab *e = ARENA_NEW(arena, Elab);
    DataRecipe recipe;
    elab_open(e, file, o, arena, diag);
    data_recipe(e, data, &recipe);
}

// Train sections of nets that are not there; the others are checked with their nets.
static void check_train(const AstFile *file, const FrontOptions *o, const Ast *train, Arena *arena,
                        Diag *diag)
{
    Elab *e = ARENA_NEW(arena, Elab);
    FrontOptions own = *o;
    own.net = NULL;
    elab_open(e, file, &own, arena, diag);
    const Ast *net = names_find(&e->items, train->text);
    if (!net || (net->kind != AST_NET && net->kind != AST_DERIVE))
        diag_error(diag, train->name_at, "E108", "there is no net `%s`", train->text);
    if (!item_data(e, train->names[0]))
        diag_error(diag, train->at, "E511", "there is no data section `%s`", train->names[0]);
}

bool front_check(const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag)
{
    int before = diag->errors;
    Names declared;
    names_open(&declared, arena);
    for (int i = 0; i < file->count; i++) {
        const Ast *item = file->items[i];
        switch (item->kind) {
        case AST_NET:
        case AST_DERIVE: check_net(file, o, item, &declared, arena, diag);   break;
        case AST_BLOCK:  check_block(file, o, item, &declared, arena, diag); break;
        case AST_OP:     check_op(file, o, item, arena, diag);               break;
        case AST_DATA:   check_data(file, o, item, arena, diag);             break;
        case AST_TRAIN:  check_train(file, o, item, arena, diag);            break;
        default:         break;
        }
    }
    if (diag->errors == 0)
        unused_report(&declared, diag);
    return diag->errors == before;
}
