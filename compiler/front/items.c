// The items of a file: what is called how, which net is meant, what the command line overrides.
#include "base/text.h"
#include "front/elaborate.h"
#include <string.h>

static bool has_a_name_of_its_own(const Ast *item)
{
    return item->kind == AST_BLOCK || item->kind == AST_OP || item->kind == AST_NET ||
           item->kind == AST_DERIVE;
}

void items_collect(Elab *e)
{
    for (int i = 0; i < e->file->count; i++) {
        const Ast *item = e->file->items[i];
        if (!has_a_name_of_its_own(item) || !item->text)
            continue;
        const Ast *old = names_find(&e->items, item->text);
        if (old) {
            diag_error(e->diag, item->name_at, "E102", "`%s` is defined twice", item->text);
            diag_note(e->diag, old->name_at, "the first one is here");
        } else {
            names_put(&e->items, item->text, (void *)item);
        }
    }
}

void items_bind_lets(Elab *e)
{
    for (int i = 0; i < e->file->count; i++) {
        const Ast *item = e->file->items[i];
        if (item->kind == AST_LET)
            elab_bind(e, item->text, BOUND_LET, eval(e, item->children[0]), item->name_at)->declared = NULL;
    }
}

const Ast *item_train(const AstFile *f, const char *net)
{
    const Ast *found = NULL;
    for (int i = 0; i < f->count; i++)
        if (f->items[i]->kind == AST_TRAIN && (!net || !strcmp(f->items[i]->text, net)))
            found = f->items[i];
    return found;
}

const Ast *item_data(Elab *e, const char *name)
{
    for (int i = e->file->count - 1; i >= 0; i--)
        if (e->file->items[i]->kind == AST_DATA && !strcmp(e->file->items[i]->text, name))
            return e->file->items[i];
    return NULL;
}

static bool is_net(const Ast *item)
{
    return item->kind == AST_NET || item->kind == AST_DERIVE;
}

static const Ast *find_net(const AstFile *f, const char *name)
{
    const Ast *found = NULL;
    for (int i = 0; i < f->count; i++)
        if (is_net(f->items[i]) && (!name || !strcmp(f->items[i]->text, name)))
            found = f->items[i];
    return found;
}

// Whether the item stands in the file that was asked for: not in one that it uses.
static bool is_own(const AstFile *f, const Ast *item)
{
    const Source *main = f->diag->sources;
    return item && item->at.start >= main->start && item->at.end <= main->start + main->length;
}

const char *item_net_name(const AstFile *f, const FrontOptions *o)
{
    if (o->net)
        return o->net;
    const Ast *train = item_train(f, NULL), *net = find_net(f, NULL);
    if (net && (!train || (is_own(f, net) && !is_own(f, train))))
        return net->text;
    return train ? train->text : NULL;
}

static const Ast *no_such_net(Elab *e, const char *name, Span at)
{
    const char **known = ARENA_ARRAY(e->arena, const char *, e->file->count + 1);
    int count = 0;
    for (int i = 0; i < e->file->count; i++)
        if (is_net(e->file->items[i]))
            known[count++] = e->file->items[i]->text;
    const char *nearest = text_nearest(name, known, count);
    diag_error(e->diag, at, "E108", "there is no net `%s`%s%s%s", name, nearest ? "; did you mean `" : "",
               nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest && at.start >= 0)
        diag_fix(e->diag, at, "%s", nearest);
    return NULL;
}

const Ast *item_net(Elab *e)
{
    const Ast *train = item_train(e->file, e->options->net);
    const char *name = item_net_name(e->file, e->options);
    const Ast *net = name ? find_net(e->file, name) : NULL;
    if (net)
        return net;
    if (name)
        return no_such_net(e, name, train ? train->name_at : NO_SPAN);
    if (!e->diag->errors)
        diag_error(e->diag, NO_SPAN, "E108", "this file has no net");
    return NULL;
}

// The overrides as the text of a data section, parsed like any file: `solver.lr = 0.001`.
const Ast *items_overrides(Elab *e)
{
    const FrontOptions *o = e->options;
    if (!o->override_count)
        return NULL;
    const char *text = "data overrides {\n";
    for (int i = 0; i < o->override_count; i++)
        text = arena_printf(e->arena, "%s%s = %s\n", text, o->overrides[i].name, o->overrides[i].value);
    text = arena_printf(e->arena, "%s}\n", text);
    int before = e->diag->errors;
    AstFile *f = front_parse_text(e->arena, e->diag, "--set", text, (int)strlen(text));
    if (!f || e->diag->errors > before || f->count != 1 || f->items[0]->kind != AST_DATA)
        return NULL;
    return f->items[0]->children[0];
}
