// A `data` section: pipelines of stages, checked against the table of recipe/stage.h.
#include "base/text.h"
#include "front/elaborate.h"
#include "recipe/stage.h"
#include <stddef.h>
#include <string.h>

// --- one argument -------------------------------------------------------------------------------

static const char *kinds_text(Elab *e, const StageParam *p)
{
    const char *text = "";
    static const char *const names[] = { "a number", "a word", "a text in quotes", "dimensions" };
    for (int k = ARG_NUMBER; k <= ARG_DIMS; k++)
        if (p->kinds >> k & 1)
            text = arena_printf(e->arena, "%s%s%s", text, *text ? " or " : "", names[k]);
    return text;
}

static bool wrong_kind(Elab *e, const Ast *a, const StageInfo *info, const StageParam *p)
{
    elab_error(e, a->at, "E405", "`%s` of `%s` is %s", p->name, info->kind, kinds_text(e, p));
    return false;
}

static bool read_word(Elab *e, const Ast *a, const StageInfo *info, const StageParam *p, StageArg *out)
{
    out->kind = ARG_WORD;
    out->text = a->text;
    if (!p->words || word_in(p->words, a->text))
        return true;
    int count;
    const char *const *words = word_split(e->arena, p->words, &count);
    const char *nearest = text_nearest(a->text, words, count);
    elab_error(e, a->at, "E408", "`%s` of `%s` cannot be `%s`%s%s%s", p->name, info->kind, a->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(e->diag, a->at, "%s", nearest);
    else
        elab_known(e, "it is one of", words, count);
    return false;
}

static bool read_dims(Elab *e, const Ast *a, const StageInfo *info, const StageParam *p, StageArg *out)
{
    if (!(p->kinds >> ARG_DIMS & 1))
        return wrong_kind(e, a, info, p);
    if (a->dim_count > 4) {
        elab_error(e, a->at, "E300", "a shape is maps x rows x columns");
        return false;
    }
    out->kind = ARG_DIMS;
    out->dim_count = a->dim_count;
    memcpy(out->dims, a->dims, (size_t)a->dim_count * sizeof *a->dims);
    return true;
}

static bool read_argument(Elab *e, const Ast *a, const StageInfo *info, const StageParam *p, StageArg *out)
{
    *out = (StageArg){ .name = p->name, .at = a->at };
    bool takes_word = p->kinds >> ARG_WORD & 1, takes_text = p->kinds >> ARG_TEXT & 1;
    if (a->kind == AST_ERROR)
        return false;
    if (a->kind == AST_TEXT) {
        out->kind = ARG_TEXT;
        out->text = a->text;
        return takes_text || wrong_kind(e, a, info, p);
    }
    if (a->kind == AST_DIMS)
        return read_dims(e, a, info, p, out);
    if (a->kind == AST_NAME && !scope_find(e->scope, a->text))
        return takes_word ? read_word(e, a, info, p, out) : wrong_kind(e, a, info, p);
    Value v = eval(e, a);
    if (v.kind != VALUE_NUMBER)
        return v.kind == VALUE_UNKNOWN ? false : wrong_kind(e, a, info, p);
    if (!(p->kinds >> ARG_NUMBER & 1))
        return wrong_kind(e, a, info, p);
    out->kind = ARG_NUMBER;
    out->number = v.number;
    if (v.number >= p->least && v.number <= p->most)
        return true;
    elab_error(e, a->at, "E406", "`%s` of `%s` must be in %g .. %g, not %s", p->name, info->kind, p->least,
               p->most, value_write(e->arena, v));
    return false;
}

// --- one stage ----------------------------------------------------------------------------------

static const StageInfo *unknown_stage(Elab *e, const Ast *a)
{
    const char *known[32];
    int count = 0;
    for (const StageInfo *s = stage_table; s->kind && count < 32; s++)
        known[count++] = s->kind;
    const char *nearest = text_nearest(a->text, known, count);
    elab_error(e, a->name_at, "E104", "unknown operation `%s`%s%s%s", a->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (!nearest) {
        elab_known(e, "known", known, count);
        return NULL;
    }
    diag_fix(e->diag, a->name_at, "%s", nearest);
    return stage_find(nearest);
}

static bool role_fits(Elab *e, const Ast *a, const StageInfo *info, bool first, StageRole start)
{
    StageRole wanted = first ? start : STAGE_IMAGE;
    if (info->role == wanted)
        return true;
    if (wanted == STAGE_SOURCE)
        elab_error(e, a->at, "E502", "a pipeline starts with a source of images (images, idx, cifar10, ...), "
                   "not with `%s`", a->text);
    else if (info->role == STAGE_SOURCE)
        elab_error(e, a->at, "E502", "`%s` is a source: it starts a pipeline", a->text);
    else
        elab_error(e, a->at, "E502", "`%s` does not belong here", a->text);
    return false;
}

static bool read_stage(Elab *e, const Ast *a, bool first, StageRole start, Stage *out)
{
    if (a->kind != AST_NAME && a->kind != AST_CALL) {
        if (a->kind != AST_ERROR)
            elab_error(e, a->at, "E103", "`%s` is no stage of a data pipeline", elab_text(e, a->at));
        return false;
    }
    const StageInfo *info = stage_find(a->text);
    if (!info)
        info = unknown_stage(e, a);
    if (!info || !role_fits(e, a, info, first, start))
        return false;
    const char *names[STAGE_PARAMS];
    const Ast *slots[STAGE_PARAMS];
    int count = 0;
    while (count < STAGE_PARAMS && info->params[count].name)
        names[count] = info->params[count].name, count++;
    *out = (Stage){ .kind = info->kind, .at = a->at, .args = ARENA_ARRAY(e->arena, StageArg, count + 1) };
    bool fine = arguments_sort(e, a, 0, names, count, slots);
    for (int i = 0; i < count; i++) {
        if (slots[i])
            fine &= read_argument(e, slots[i], info, &info->params[i], &out->args[out->arg_count++]);
        else if (info->params[i].required && fine) {
            elab_error(e, a->at, "E404", "`%s` needs its argument `%s`", info->kind, names[i]);
            fine = false;
        }
    }
    return fine;
}

static bool read_pipeline(Elab *e, const Ast *a, StageRole start, Pipeline *out)
{
    int count = a->kind == AST_PIPE ? a->count : 1;
    *out = (Pipeline){ .stages = ARENA_ARRAY(e->arena, Stage, count), .at = a->at };
    bool fine = true;
    for (int i = 0; i < count; i++) {
        const Ast *term = a->kind == AST_PIPE ? a->children[i] : a;
        fine &= read_stage(e, term, i == 0, start, &out->stages[out->count]);
        out->count += fine;
    }
    return fine;
}

// --- the section --------------------------------------------------------------------------------

static const struct {
    const char *name;
    size_t      at;
    StageRole   start;
} parts[] = {
    { "train", offsetof(DataRecipe, train), STAGE_SOURCE },
    { "test", offsetof(DataRecipe, test), STAGE_SOURCE },
    { "augment", offsetof(DataRecipe, augment), STAGE_IMAGE },
    { "views", offsetof(DataRecipe, views), STAGE_IMAGE },
    { "center", offsetof(DataRecipe, center), STAGE_CENTER },
};
enum { PARTS = sizeof parts / sizeof *parts };

static bool unknown_part(Elab *e, const Ast *s)
{
    const char *known[PARTS];
    for (int i = 0; i < PARTS; i++)
        known[i] = parts[i].name;
    const char *nearest = text_nearest(s->text, known, PARTS);
    elab_error(e, s->name_at, "E503", "a data section has no `%s`%s%s%s", s->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(e->diag, s->name_at, "%s", nearest);
    else
        elab_known(e, "it has", known, PARTS);
    return false;
}

static bool read_part(Elab *e, const Ast *s, DataRecipe *out)
{
    for (int i = 0; i < PARTS; i++) {
        if (strcmp(parts[i].name, s->text))
            continue;
        Pipeline *p = (Pipeline *)((char *)out + parts[i].at);
        if (p->count) {
            elab_error(e, s->name_at, "E102", "`%s` is given twice", s->text);
            return false;
        }
        return read_pipeline(e, s->children[0], parts[i].start, p);
    }
    return unknown_part(e, s);
}

bool data_recipe(Elab *e, const Ast *data, DataRecipe *out)
{
    *out = (DataRecipe){ .name = data->text, .at = data->at };
    const Ast *body = data->children[0];
    bool fine = body->kind == AST_BODY;
    e->scope = scope_open(e->arena, e->globals);
    for (int i = 0; body->kind == AST_BODY && i < body->count; i++) {
        const Ast *s = body->children[i];
        if (s->kind == AST_LET)
            elab_bind(e, s->text, BOUND_LET, eval(e, s->children[0]), s->name_at);
        else if (s->kind == AST_BIND && s->count == 1)
            fine = read_part(e, s, out) && fine;
        else if (s->kind == AST_ERROR)
            fine = false;
        else
            fine = diag_error(e->diag, s->at, "E503", "a data section is made of `train = ...`, `test = ...` "
                              "and so on");
    }
    e->scope = e->globals;
    if (fine && out->train.count == 0 && out->test.count == 0) {
        elab_error(e, data->name_at, "E503", "data `%s` says nothing about `train` and `test`", data->text);
        fine = false;
    }
    return fine;
}
