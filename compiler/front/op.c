// Items `op name(x, k = 2) = formula`: their parameters, the check of their formula, and the node of
// a use.
#include "front/op.h"
#include "front/build.h"
#include <stdlib.h>
#include <string.h>

// --- parameters ---------------------------------------------------------------------------------

static bool wrong(Elab *e, const Ast *at, const char *fmt, const char *name)
{
    elab_error(e, at->name_at, "E117", fmt, name);
    return false;
}

static bool is_repeated(Elab *e, const Ast *item, int i)
{
    for (int k = 0; k < i; k++)
        if (item->params[k]->text && !strcmp(item->params[k]->text, item->params[i]->text)) {
            elab_error(e, item->params[i]->name_at, "E102", "`%s` is a parameter already",
                       item->params[i]->text);
            return true;
        }
    return false;
}

static bool read_number(Elab *e, OwnOp *own, const Ast *p)
{
    enum { MOST = STAGE_PARAMETERS - 1 };
    Value v = eval_number(e, p->children[0], "a number");
    if (v.kind != VALUE_NUMBER)
        return false;
    if (own->numbers == MOST)
        return wrong(e, p, "`%s` is one number too many: an op takes at most 9", p->text);
    own->stage.params[own->numbers++] = (StageParameter){
        p->text, TYPE_REAL, arena_printf(e->arena, "%.17g", v.number), NULL, -1e30, 1e30 };
    return true;
}

static bool read_tensor(Elab *e, OwnOp *own, const Ast *p)
{
    if (own->numbers) {
        wrong(e, p, "`%s` has no default, so it is a tensor; tensors stand before the numbers", p->text);
        diag_help(e->diag, "a parameter with a default is a number: %s = 1", p->text);
        return false;
    }
    if (own->tensors == ELEMENTWISE_INPUTS)
        return wrong(e, p, "`%s` is one tensor too many: an op takes at most 8", p->text);
    own->tensors++;
    return true;
}

// Defaults are worth what they are in the file's own scope.
static bool read_parameters(Elab *e, OwnOp *own)
{
    const Ast *item = own->item;
    bool fine = true;
    for (int i = 0; i < item->param_count; i++) {
        const Ast *p = item->params[i];
        if (p->kind != AST_PARAM)
            fine = false;                            // reported by the parser
        else if (is_repeated(e, item, i))
            fine = false;
        else
            fine &= p->count && p->children[0] ? read_number(e, own, p) : read_tensor(e, own, p);
    }
    if (fine && !own->tensors)
        fine = wrong(e, item, "`%s` takes no tensor; the first parameter, without a default, is what "
                     "flows in", item->text);
    return fine;
}

// --- the function -------------------------------------------------------------------------------

static const char *settings_text(Elab *e, const OwnOp *own, const double *numbers)
{
    const char *text = "";
    for (int i = 0; i < own->numbers; i++)
        text = arena_printf(e->arena, "%s%s%s %g", text, i ? " " : "", own->stage.params[i].name, numbers[i]);
    return text;
}

static bool mentions(const Ast *a, const char *name)
{
    if (a->kind == AST_NAME && !strcmp(a->text, name))
        return true;
    for (int i = 0; i < a->count; i++)
        if (a->children[i] && mentions(a->children[i], name))
            return true;
    return false;
}

static bool reads_all(Elab *e, const Ast *item)
{
    bool fine = true;
    for (int i = 0; i < item->param_count; i++)
        if (!mentions(item->children[0], item->params[i]->text))
            fine = wrong(e, item->params[i], "the formula does not read `%s`", item->params[i]->text);
    return fine;
}

static const Elementwise *make_function(Elab *e, OwnOp *own, const double *numbers)
{
    Elementwise *f = elementwise_new(e->arena, own->item->text, own->tensors);
    int steps[ELEMENTWISE_INPUTS + STAGE_PARAMETERS];
    f->settings = settings_text(e, own, numbers);
    for (int i = 0; i < own->tensors; i++)
        steps[i] = elementwise_input(f, i);
    for (int i = 0; i < own->numbers; i++)
        steps[own->tensors + i] = elementwise_number(f, numbers[i]);
    int result = op_formula(e, f, own, steps);
    if (result < 0)
        return NULL;
    elementwise_close(f, result, NULL);
    return f;
}

// What the op computes with these numbers.
static const Elementwise *own_op_function(Elab *e, OwnOp *own, const double *numbers)
{
    size_t bytes = (size_t)own->numbers * sizeof *numbers;
    for (OwnFunction *o = own->functions; o; o = o->next)
        if (!memcmp(o->numbers, numbers, bytes))
            return o->function;
    OwnFunction *made = ARENA_NEW(e->arena, OwnFunction);
    *made = (OwnFunction){ .function = make_function(e, own, numbers), .next = own->functions };
    memcpy(made->numbers, numbers, bytes);
    own->functions = made;
    return made->function;
}

// --- the op -------------------------------------------------------------------------------------

// Reads parameters and, with the defaults, the formula: from the scope of the file.
static bool check(Elab *e, OwnOp *own)
{
    double numbers[STAGE_PARAMETERS];
    Elab kept = *e;
    int before = e->diag->errors;
    e->scope = e->globals;
    e->has_in = false;
    e->namer = NULL;
    e->call = NULL;
    bool fine = read_parameters(e, own);
    for (int i = 0; i < own->numbers; i++)
        numbers[i] = strtod(own->stage.params[i].preset, NULL);
    const Elementwise *f = fine ? own_op_function(e, own, numbers) : NULL;
    fine = f && e->diag->errors == before && reads_all(e, own->item);
    e->scope = kept.scope;
    e->namer = kept.namer;
    e->has_in = kept.has_in;
    e->call = kept.call;
    return fine;
}

OwnOp *own_op(Elab *e, const Ast *item)
{
    OwnOp *own = names_find(&e->own_ops, item->text);
    if (own)
        return own->broken ? NULL : own;
    own = ARENA_NEW(e->arena, OwnOp);
    *own = (OwnOp){ .item = item };
    names_put(&e->own_ops, item->text, own);
    own->checking = true;
    own->broken = !check(e, own);
    own->checking = false;
    own->stage.name = item->text;
    own->stage.inputs = own->tensors > 1 ? TAKES_SEVERAL : TAKES_ONE;
    own->stage.build = build_own_op;
    own->stage.what = "an op of this file";
    return own->broken ? NULL : own;
}

const BuiltIn *stage_named(Elab *e, const char *name)
{
    const Ast *item = names_find(&e->items, name);
    if (!item || item->kind != AST_OP)
        return built_in_find(name);
    OwnOp *own = item->name_count ? NULL : own_op(e, item);
    return own ? &own->stage : NULL;
}

bool stage_is_own(const BuiltIn *stage)
{
    return stage->build == build_own_op;
}

int stage_tensors(const BuiltIn *stage)
{
    if (stage_is_own(stage))
        return ((const OwnOp *)stage)->tensors;
    return stage->inputs == TAKES_ONE ? 1 : INT32_MAX;
}

const Elementwise *stage_function(Elab *e, const StageUse *u)
{
    OwnOp *own = names_find(&e->own_ops, u->stage->name);
    double numbers[STAGE_PARAMETERS];
    for (int i = 0; i < own->numbers; i++)
        numbers[i] = u->args[i].value.number;
    return own_op_function(e, own, numbers);
}
