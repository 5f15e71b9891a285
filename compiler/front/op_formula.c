// The formula of an op: syntax to the steps of a function that works element by element. What names
// no tensor is an expression like any other and becomes a number here.
#include "base/text.h"
#include "front/op.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Elab        *e;
    Elementwise *f;
    const Ast   *item;               // whose formula it is,
    const int   *steps;              // and the steps of its parameters
} Formula;

static int compile(Formula *m, const Ast *a);

// --- functions ----------------------------------------------------------------------------------

typedef struct { const char *name; StepKind kind; } Function;

static const Function functions[] = {
    { "exp", STEP_EXP },   { "log", STEP_LOG },         { "sqrt", STEP_SQRT }, { "abs", STEP_ABS },
    { "tanh", STEP_TANH }, { "sigmoid", STEP_SIGMOID }, { "min", STEP_MIN },   { "max", STEP_MAX },
    { "relu", STEP_MAX },             // with 0
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, MOST_ARGUMENTS = 8 };

static const Function *function_find(const char *name)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i].name, name))
            return &functions[i];
    return NULL;
}

// --- which part of a formula is about tensors -----------------------------------------------------

static int parameter(const Formula *m, const char *name)
{
    for (int i = 0; i < m->item->param_count; i++)
        if (!strcmp(m->item->params[i]->text, name))
            return i;
    return -1;
}

static const Ast *called_op(const Formula *m, const Ast *a)
{
    const Ast *item = a->kind == AST_CALL ? names_find(&m->e->items, a->text) : NULL;
    return item && item->kind == AST_OP ? item : NULL;
}

// Names a tensor, or calls what only formulas can call.
static bool is_elementwise(const Formula *m, const Ast *a)
{
    assert(a->text || a->kind != AST_CALL);
    int p = a->text && a->kind != AST_ARG ? parameter(m, a->text) : -1;
    if (p >= 0 && m->f->steps[m->steps[p]].kind != STEP_NUMBER)
        return true;
    if (a->kind == AST_CALL && (called_op(m, a) || (function_find(a->text) && !is_function(a->text))))
        return true;
    for (int i = 0; i < a->count; i++)
        if (a->children[i] && is_elementwise(m, a->children[i]))
            return true;
    return false;
}

static int number_of(Formula *m, const Ast *a)
{
    Value v = eval_number(m->e, a, "a number");
    if (v.kind != VALUE_NUMBER)
        return -1;
    if (isfinite((float)v.number))
        return elementwise_number(m->f, v.number);
    elab_error(m->e, a->at, "E409", "%g is more than a kernel's numbers can be", v.number);
    return -1;
}

// --- calls --------------------------------------------------------------------------------------

static int cannot_stand(Formula *m, const Ast *a, const char *what)
{
    const char *names[FUNCTIONS];
    for (int i = 0; i < FUNCTIONS; i++)
        names[i] = functions[i].name;
    elab_error(m->e, a->name_at, "E116", "%s cannot stand in the formula of an op", what);
    elab_known(m->e, "functions", names, FUNCTIONS);
    return -1;
}

static int unknown_function(Formula *m, const Ast *a)
{
    Elab *e = m->e;
    if (is_function(a->text) || built_in_find(a->text) || names_find(&e->items, a->text))
        return cannot_stand(m, a, arena_printf(e->arena, "`%s`", a->text));
    const char **known = ARENA_ARRAY(e->arena, const char *, FUNCTIONS + e->items.count);
    int count = 0;
    for (; count < FUNCTIONS; count++)
        known[count] = functions[count].name;
    for (int i = 0; i < e->items.count; i++)
        if (((const Ast *)e->items.entries[i].value)->kind == AST_OP)
            known[count++] = e->items.entries[i].name;
    const char *nearest = text_nearest(a->text, known, count);
    elab_error(e, a->name_at, "E104", "unknown function `%s`%s%s%s", a->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(e->diag, a->name_at, "%s", nearest);
    else
        elab_known(e, "functions", known, count);
    return -1;
}

static int call_function(Formula *m, const Ast *a, const Function *fn)
{
    bool relu = !strcmp(a->text, "relu"), several = !relu && (fn->kind == STEP_MAX || fn->kind == STEP_MIN);
    if (several ? a->count < 2 || a->count > MOST_ARGUMENTS : a->count != 1) {
        elab_error(m->e, a->at, "E404", "`%s` takes %s", a->text,
                   several ? "two arguments or more" : "one argument");
        return -1;
    }
    int value = -1;
    for (int i = 0; i < a->count; i++) {
        int next = compile(m, a->children[i]);
        if (next < 0)
            return -1;
        value = i == 0 ? next : elementwise_step2(m->f, fn->kind, value, next);
    }
    if (relu)
        return elementwise_step2(m->f, STEP_MAX, elementwise_number(m->f, 0), value);
    return several ? value : elementwise_step1(m->f, fn->kind, value);
}

// The steps of the arguments of another op of the file, by its parameters.
static bool arguments_of(Formula *m, const Ast *a, const OwnOp *own, int *steps)
{
    const Ast *item = own->item, *slots[ELEMENTWISE_INPUTS + STAGE_PARAMETERS];
    const char *names[ELEMENTWISE_INPUTS + STAGE_PARAMETERS];
    for (int i = 0; i < item->param_count; i++)
        names[i] = item->params[i]->text;
    if (!arguments_sort(m->e, a, 0, names, item->param_count, slots))
        return false;
    for (int i = 0; i < item->param_count; i++) {
        if (slots[i]) {
            steps[i] = compile(m, slots[i]);
        } else if (i >= own->tensors) {
            steps[i] = elementwise_number(m->f, strtod(own->stage.params[i - own->tensors].preset, NULL));
        } else {
            elab_error(m->e, a->at, "E404", "`%s` needs its argument `%s`", a->text, names[i]);
            diag_note(m->e->diag, item->name_at, "it is defined here");
            return false;
        }
        if (steps[i] < 0)
            return false;
    }
    return true;
}

static int call_op(Formula *m, const Ast *a, const Ast *item)
{
    Elab *e = m->e;
    int steps[ELEMENTWISE_INPUTS + STAGE_PARAMETERS], value = -1;
    OwnOp *known = names_find(&e->own_ops, item->text);
    if (known && known->checking) {
        elab_error(e, a->name_at, "E111", "op `%s` calls itself", a->text);
        return -1;
    }
    if (item->name_count)
        return cannot_stand(m, a, arena_printf(e->arena, "`%s`, an op with indices,", a->text));
    if (e->calls >= LIMIT_CALLS) {
        elab_error(e, a->at, "E110", "ops call ops more than %d deep", LIMIT_CALLS);
        return -1;
    }
    e->calls++;
    OwnOp *own = elab_count(e, a->at, 1) ? own_op(e, item) : NULL;
    if (own && arguments_of(m, a, own, steps))
        value = op_formula(e, m->f, own, steps);
    e->calls--;
    return value;
}

static int compile_call(Formula *m, const Ast *a)
{
    const Ast *item = called_op(m, a);
    const Function *fn = function_find(a->text);
    if (item)
        return call_op(m, a, item);
    if (fn && !names_find(&m->e->items, a->text))
        return call_function(m, a, fn);
    return unknown_function(m, a);
}

// --- conditions ---------------------------------------------------------------------------------

// x != 0 for a number x; a NaN counts as 0.
static int choose_nonzero(Elementwise *f, int x, int yes, int no)
{
    int zero = elementwise_number(f, 0), below = elementwise_choose(f, STEP_LESS, x, zero, yes, no);
    return elementwise_choose(f, STEP_LESS, zero, x, yes, below);
}

// yes where the condition holds, else no.
static int choose(Formula *m, const Ast *a, int yes, int no)
{
    Elementwise *f = m->f;
    const char *sign = a->kind == AST_UNARY || a->kind == AST_BINARY ? a->text : "";
    assert(sign);
    if (!strcmp(sign, "not"))
        return choose(m, a->children[0], no, yes);
    if (!strcmp(sign, "and") || !strcmp(sign, "or")) {
        int inner = choose(m, a->children[1], yes, no);
        if (inner < 0)
            return -1;
        return sign[0] == 'a' ? choose(m, a->children[0], inner, no) : choose(m, a->children[0], yes, inner);
    }
    if (!word_in("== != < > <= >=", sign)) {
        int x = compile(m, a);
        return x < 0 ? -1 : choose_nonzero(f, x, yes, no);
    }
    int left = compile(m, a->children[0]), right = compile(m, a->children[1]);
    if (left < 0 || right < 0)
        return -1;
    if (sign[0] == '>')
        return elementwise_choose(f, sign[1] ? STEP_LESS_EQUAL : STEP_LESS, right, left, yes, no);
    if (sign[0] == '<')
        return elementwise_choose(f, sign[1] ? STEP_LESS_EQUAL : STEP_LESS, left, right, yes, no);
    int equal = sign[0] == '=' ? yes : no, other = sign[0] == '=' ? no : yes;
    int above = elementwise_choose(f, STEP_LESS_EQUAL, left, right, equal, other);
    return elementwise_choose(f, STEP_LESS_EQUAL, right, left, above, other);
}

static int compile_choice(Formula *m, const Ast *a)
{
    int yes = compile(m, a->children[1]), no = compile(m, a->children[2]);
    return yes < 0 || no < 0 ? -1 : choose(m, a->children[0], yes, no);
}

static int compile_truth(Formula *m, const Ast *a)
{
    return choose(m, a, elementwise_number(m->f, 1), elementwise_number(m->f, 0));
}

// --- arithmetic ---------------------------------------------------------------------------------

static int compile_binary(Formula *m, const Ast *a)
{
    static const struct { const char *sign; StepKind kind; } kinds[] = {
        { "+", STEP_ADD }, { "-", STEP_SUBTRACT }, { "*", STEP_MULTIPLY }, { "/", STEP_DIVIDE },
    };
    if (!strcmp(a->text, "//") || !strcmp(a->text, "%"))
        return cannot_stand(m, a, arena_printf(m->e->arena, "`%s`, which goes in steps,", a->text));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].sign, a->text))
            continue;
        int left = compile(m, a->children[0]), right = compile(m, a->children[1]);
        return left < 0 || right < 0 ? -1 : elementwise_step2(m->f, kinds[i].kind, left, right);
    }
    if (strcmp(a->text, "^"))
        return compile_truth(m, a);
    int x = compile(m, a->children[0]), y = compile(m, a->children[1]);
    return x < 0 || y < 0 ? -1 : elementwise_power(m->f, x, y);
}

static int compile_kind(Formula *m, const Ast *a)
{
    int x;
    switch (a->kind) {
    case AST_NAME:
        return m->steps[parameter(m, a->text)];
    case AST_CALL:
        return compile_call(m, a);
    case AST_UNARY:
        if (a->text[0] != '-')
            return compile_truth(m, a);
        x = compile(m, a->children[0]);
        return x < 0 ? -1 : elementwise_step1(m->f, STEP_NEGATE, x);
    case AST_BINARY:
        return compile_binary(m, a);
    case AST_CHOICE:
        return compile_choice(m, a);
    case AST_INDEX:
        cannot_stand(m, a, arena_printf(m->e->arena, "an index of `%s`", a->text));
        diag_help(m->e->diag, "without indices behind the op's parameters a formula reads its tensors at "
                  "the place at hand");
        return -1;
    default:
        return cannot_stand(m, a, arena_printf(m->e->arena, "`%s`", elab_text(m->e, a->at)));
    }
}

static int compile(Formula *m, const Ast *a)
{
    Elab *e = m->e;
    if (!a || a->kind == AST_ERROR || e->stopped)
        return -1;
    if (!is_elementwise(m, a))
        return number_of(m, a);
    if (e->depth >= LIMIT_DEPTH) {
        elab_error(e, a->at, "E110", "this is nested more than %d deep", LIMIT_DEPTH);
        return -1;
    }
    e->depth++;
    int step = compile_kind(m, a);
    e->depth--;
    if (step >= 0 && m->f->count > ELEMENTWISE_WRITTEN) {
        elab_error(e, m->item->name_at, "E110", "the formula of `%s` takes more than %d steps",
                   m->item->text, ELEMENTWISE_WRITTEN);
        return -1;
    }
    return step;
}

int op_formula(Elab *e, Elementwise *f, OwnOp *own, const int *steps)
{
    const Ast *item = own->item;
    Formula m = { e, f, item, steps };
    Scope *kept = e->scope;
    Namer *namer = e->namer;
    bool had_in = e->has_in;
    e->has_in = false;                               // no stage makes anything here
    e->namer = NULL;
    e->scope = scope_open(e->arena, e->globals);
    for (int i = 0; i < item->param_count; i++) {
        const Step *s = &f->steps[steps[i]];
        Value v = s->kind == STEP_NUMBER ? value_number(s->number) : UNKNOWN;
        scope_bind(e->scope, item->params[i]->text, BOUND_PARAM, v, item->params[i]->name_at);
    }
    int step = compile(&m, item->children[0]);
    e->scope = kept;
    e->has_in = had_in;
    e->namer = namer;
    return step;
}
