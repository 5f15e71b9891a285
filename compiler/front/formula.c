// Expressions that are evaluated while training: syntax to a postfix program. What is known now
// (file-level `let`s, arithmetic on numbers) stays an expression of numbers; `epoch`, `step`,
// metrics and settings are variables.
#include "base/text.h"
#include "front/elaborate.h"
#include "recipe/schedule.h"
#include <math.h>
#include <string.h>

typedef struct {
    Elab *e;
    Expr *out;
    int   capacity;
    int   depth;
    const TrainNames *names;
} Formula;

static bool compile(Formula *f, const Ast *a);

static bool emit(Formula *f, ExprStep step)
{
    ARENA_PUSH(f->e->arena, f->out->steps, f->out->count, f->capacity, step);
    return true;
}

static bool emit_code(Formula *f, ExprCode code)
{
    return emit(f, (ExprStep){ .code = code });
}

static bool report_unknown(Formula *f, const char *word, Span at, const char *what, const char *const *known,
                           int count)
{
    const char *nearest = text_nearest(word, known, count);
    elab_error(f->e, at, "E504", "%s%s%s%s", what, nearest ? "; did you mean `" : "", nearest ? nearest : "",
               nearest ? "`?" : "");
    if (nearest)
        diag_fix(f->e->diag, at, "%s", nearest);
    else
        elab_known(f->e, "known", known, count);
    return false;
}

static bool compile_name(Formula *f, const Ast *a)
{
    Binding *b = scope_find(f->e->scope, a->text);
    if (b && b->value.kind == VALUE_NUMBER)
        return emit(f, (ExprStep){ .code = EXPR_NUMBER, .number = b->value.number });
    int count;
    const char *const *known = train_names_list(f->names, f->e->arena, &count);
    for (int i = 0; i < count; i++)
        if (!strcmp(known[i], a->text))
            return emit(f, (ExprStep){ .code = EXPR_VARIABLE, .name = a->text });
    return report_unknown(f, a->text, a->at,
                          arena_printf(f->e->arena, "nothing is called `%s` while training", a->text),
                          known, count);
}

// A schedule's arguments by name or place, what is left out by default; those behind them by place.
static bool compile_schedule(Formula *f, const Ast *a, const Schedule *s)
{
    const char *names[SCHEDULE_PARAMS];
    const Ast *slots[SCHEDULE_PARAMS];
    Ast sorted = *a;
    int count = schedule_params(s), further = s->more && a->count > count ? a->count - count : 0;
    for (int i = 0; i < count; i++)
        names[i] = s->params[i].name;
    sorted.count -= further;
    if (!arguments_sort(f->e, &sorted, 0, names, count, slots))
        return false;
    for (int i = 0; i < count; i++) {
        if (!slots[i] && isnan(s->params[i].value)) {
            elab_error(f->e, a->at, "E404", "`%s` needs its argument `%s`", a->text, names[i]);
            return false;
        }
        ExprStep by_default = { .code = EXPR_NUMBER, .number = s->params[i].value };
        if (slots[i] ? !compile(f, slots[i]) : !emit(f, by_default))
            return false;
    }
    for (int i = count; i < count + further; i++)
        if (!compile(f, a->children[i]))
            return false;
    return emit(f, (ExprStep){ .code = EXPR_CALL, .name = a->text, .count = count + further });
}

// What a run has seen decides: carried here, followed by runtime/train/plateau.c.
static const Schedule plateau = { "plateau", { { "of", NAN }, { "patience", NAN }, { "times", NAN } }, false,
                                  false, NULL };

static bool report_function(Formula *f, const Ast *a)
{
    const char *known[32] = { "plateau", "min", "max", "exp", "log", "sqrt", "abs", "floor", "ceil", "cos" };
    int count = 10;
    for (const Schedule *s = schedule_table; s->name; s++)
        known[count++] = s->name;
    return report_unknown(f, a->text, a->name_at,
                          arena_printf(f->e->arena, "`%s` is no function of rates and conditions", a->text),
                          known, count);
}

static bool compile_call(Formula *f, const Ast *a)
{
    int least, most;
    if (!strcmp(a->text, "top") && a->count == 1 && a->children[0]->kind == AST_NUMBER) {
        const char *name = arena_printf(f->e->arena, "top%d", (int)a->children[0]->number);
        return emit(f, (ExprStep){ .code = EXPR_VARIABLE, .name = name });
    }
    const Schedule *schedule = !strcmp(a->text, plateau.name) ? &plateau : schedule_find(a->text);
    if (schedule)
        return compile_schedule(f, a, schedule);
    if (!expr_function(a->text, &least, &most))
        return report_function(f, a);
    if (a->count < least || a->count > most) {
        elab_error(f->e, a->at, "E404", "`%s` takes %d argument%s", a->text, least,
                   least == 1 ? "" : "s or more");
        return false;
    }
    for (int i = 0; i < a->count; i++)
        if (!compile(f, a->children[i]))
            return false;
    return emit(f, (ExprStep){ .code = EXPR_CALL, .name = a->text, .count = a->count });
}

static bool compile_binary(Formula *f, const Ast *a)
{
    static const struct { const char *text; ExprCode code; } codes[] = {
        { "+", EXPR_ADD }, { "-", EXPR_SUBTRACT }, { "*", EXPR_MULTIPLY }, { "/", EXPR_DIVIDE },
        { "//", EXPR_FLOOR_DIVIDE }, { "%", EXPR_MODULO }, { "^", EXPR_POWER }, { "==", EXPR_EQUAL },
        { "!=", EXPR_NOT_EQUAL }, { "<", EXPR_LESS }, { ">", EXPR_MORE }, { "<=", EXPR_LESS_EQUAL },
        { ">=", EXPR_MORE_EQUAL }, { "and", EXPR_AND }, { "or", EXPR_OR },
    };
    if (!compile(f, a->children[0]) || !compile(f, a->children[1]))
        return false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(codes[i].text, a->text))
            return emit_code(f, codes[i].code);
    return false;
}

static bool compile_choice(Formula *f, const Ast *a)
{
    for (int i = 0; i < 3; i++)
        if (!compile(f, a->children[i]))
            return false;
    return emit_code(f, EXPR_SELECT);
}

static bool compile(Formula *f, const Ast *a)
{
    if (++f->depth > EXPR_DEPTH / 2) {
        elab_error(f->e, a->at, "E110", "this expression is nested more than %d deep", EXPR_DEPTH / 2);
        return false;
    }
    bool fine = false;
    switch (a->kind) {
    case AST_NUMBER:
        fine = emit(f, (ExprStep){ .code = EXPR_NUMBER, .number = a->number });
        break;
    case AST_NAME:
        fine = compile_name(f, a);
        break;
    case AST_CALL:
        fine = compile_call(f, a);
        break;
    case AST_UNARY:
        fine = compile(f, a->children[0]) && emit_code(f, a->text[0] == '-' ? EXPR_NEGATE : EXPR_NOT);
        break;
    case AST_BINARY:
        fine = compile_binary(f, a);
        break;
    case AST_CHOICE:
        fine = compile_choice(f, a);
        break;
    case AST_ERROR:
        break;
    default:
        elab_error(f->e, a->at, "E405", "a number is wanted here, not `%s`", elab_text(f->e, a->at));
    }
    f->depth--;
    return fine;
}

bool formula_compile(Elab *e, const Ast *a, const TrainNames *names, Expr *out)
{
    *out = (Expr){ 0 };
    Formula f = { .e = e, .out = out, .names = names };
    return compile(&f, a);
}
