// Evaluates and prints the postfix programs of recipe/expr.h.
#include "recipe/expr.h"
#include "recipe/schedule.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- functions ----------------------------------------------------------------------------------

typedef struct {
    const char *name;
    int         least, most;           // arguments
    double    (*apply)(const double *a, int count);
} Function;

enum { MOST_ARGUMENTS = 16 };

static double f_min(const double *a, int n)
{
    double least = a[0];
    for (int i = 1; i < n; i++)
        least = a[i] < least ? a[i] : least;
    return least;
}

static double f_max(const double *a, int n)
{
    double most = a[0];
    for (int i = 1; i < n; i++)
        most = a[i] > most ? a[i] : most;
    return most;
}

#define ONE(name, f) static double f_##name(const double *a, int n) \
    { (void)n; return f(a[0]); }
ONE(exp, exp) ONE(log, log) ONE(sqrt, sqrt) ONE(abs, fabs) ONE(floor, floor) ONE(ceil, ceil)
ONE(cos, cos)
#undef ONE

static const Function functions[] = {
    { "min", 1, MOST_ARGUMENTS, f_min }, { "max", 1, MOST_ARGUMENTS, f_max },
    { "exp", 1, 1, f_exp },     { "log", 1, 1, f_log },     { "sqrt", 1, 1, f_sqrt },
    { "abs", 1, 1, f_abs },     { "floor", 1, 1, f_floor }, { "ceil", 1, 1, f_ceil },
    { "cos", 1, 1, f_cos },
};

static const Function *find_function(const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}

bool expr_function(const char *name, int *least, int *most)
{
    const Function *f = find_function(name);
    if (!f)
        return false;
    *least = f->least;
    *most = f->most;
    return true;
}

// --- the codes ----------------------------------------------------------------------------------

// How each code is written, how tightly it binds (as in grammar/net.y), how many values it takes.
typedef struct { const char *sign; int binds, takes; } Form;

enum { BINDS_CHOICE = 1, BINDS_NOT = 4, BINDS_COMPARE = 5, BINDS_SIGN = 8, BINDS_POWER = 9, BINDS_LEAF = 10 };

static const Form forms[] = {
    [EXPR_NUMBER]       = { "",    BINDS_LEAF, 0 },   [EXPR_VARIABLE]   = { "",    BINDS_LEAF, 0 },
    [EXPR_NEGATE]       = { "-",   BINDS_SIGN, 1 },   [EXPR_NOT]        = { "not ", BINDS_NOT, 1 },
    [EXPR_ADD]          = { "+",   6, 2 },            [EXPR_SUBTRACT]   = { "-",   6, 2 },
    [EXPR_MULTIPLY]     = { "*",   7, 2 },            [EXPR_DIVIDE]     = { "/",   7, 2 },
    [EXPR_FLOOR_DIVIDE] = { "//",  7, 2 },            [EXPR_MODULO]     = { "%",   7, 2 },
    [EXPR_POWER]        = { "^",   BINDS_POWER, 2 },  [EXPR_EQUAL]      = { "==",  BINDS_COMPARE, 2 },
    [EXPR_NOT_EQUAL]    = { "!=",  BINDS_COMPARE, 2 }, [EXPR_LESS]      = { "<",   BINDS_COMPARE, 2 },
    [EXPR_MORE]         = { ">",   BINDS_COMPARE, 2 }, [EXPR_LESS_EQUAL] = { "<=", BINDS_COMPARE, 2 },
    [EXPR_MORE_EQUAL]   = { ">=",  BINDS_COMPARE, 2 }, [EXPR_AND]       = { "and", 3, 2 },
    [EXPR_OR]           = { "or",  2, 2 },            [EXPR_SELECT]     = { "?",   BINDS_CHOICE, 3 },
    [EXPR_CALL]         = { "",    BINDS_LEAF, 0 },
};

static int takes(const ExprStep *s)
{
    return s->code == EXPR_CALL ? s->count : forms[s->code].takes;
}

// Whether every step finds its values on the stack and exactly one remains.
static bool is_well_formed(const Expr *e)
{
    int depth = 0;
    for (int i = 0; i < e->count; i++) {
        const ExprStep *s = &e->steps[i];
        if ((int)s->code < 0 || s->code > EXPR_CALL)
            return false;
        if ((s->code == EXPR_VARIABLE || s->code == EXPR_CALL) && !s->name)
            return false;
        if (s->code == EXPR_CALL && (s->count < 0 || s->count > MOST_ARGUMENTS))
            return false;
        if (takes(s) > depth)
            return false;
        depth += 1 - takes(s);
        if (depth > EXPR_DEPTH)
            return false;
    }
    return depth == 1;
}

static double compute(ExprCode code, const double *a)
{
    switch (code) {
    case EXPR_NEGATE:       return -a[0];
    case EXPR_NOT:          return a[0] == 0;
    case EXPR_ADD:          return a[0] + a[1];
    case EXPR_SUBTRACT:     return a[0] - a[1];
    case EXPR_MULTIPLY:     return a[0] * a[1];
    case EXPR_DIVIDE:       return a[0] / a[1];
    case EXPR_FLOOR_DIVIDE: return floor(a[0] / a[1]);
    case EXPR_MODULO:       return a[0] - a[1] * floor(a[0] / a[1]);
    case EXPR_POWER:        return pow(a[0], a[1]);
    case EXPR_EQUAL:        return a[0] == a[1];
    case EXPR_NOT_EQUAL:    return a[0] != a[1];
    case EXPR_LESS:         return a[0] < a[1];
    case EXPR_MORE:         return a[0] > a[1];
    case EXPR_LESS_EQUAL:   return a[0] <= a[1];
    case EXPR_MORE_EQUAL:   return a[0] >= a[1];
    case EXPR_AND:          return a[0] != 0 && a[1] != 0;
    case EXPR_OR:           return a[0] != 0 || a[1] != 0;
    case EXPR_SELECT:       return a[0] != 0 ? a[1] : a[2];
    case EXPR_NUMBER: case EXPR_VARIABLE: case EXPR_CALL: break;      // not from values alone
    }
    return NAN;
}

static bool call_schedule(const Schedule *f, int count, ExprLookup lookup, void *context, const double *a,
                          double *value, char err[160])
{
    TrainClock clock = { 0, 0 };
    if (!lookup(context, "step", &clock.step)) {
        snprintf(err, 160, "`%s` needs the variable `step`", f->name);
        return false;
    }
    if (f->needs_steps && (!lookup(context, "steps", &clock.steps) || !(clock.steps > 0))) {
        snprintf(err, 160, "`%s` needs to know when the run ends: give `epochs` in the train section",
                 f->name);
        return false;
    }
    *value = f->at(a, count, clock);
    return true;
}

static bool call(const ExprStep *s, ExprLookup lookup, void *context, const double *a, double *value,
                 char err[160])
{
    const Schedule *schedule = schedule_find(s->name);
    const Function *f = schedule ? NULL : find_function(s->name);
    int least = schedule ? schedule_params(schedule) : f ? f->least : 0;
    int most = schedule ? (schedule->more ? MOST_ARGUMENTS : least) : f ? f->most : 0;
    if ((!schedule && !f) || s->count < least || s->count > most) {
        snprintf(err, 160, schedule || f ? "`%.60s` is called with %d arguments" : "unknown function `%.60s`",
                 s->name, s->count);
        return false;
    }
    if (schedule)
        return call_schedule(schedule, s->count, lookup, context, a, value, err);
    *value = f->apply(a, s->count);
    return true;
}

bool expr_needs_end(const Expr *e)
{
    for (int i = 0; i < e->count; i++) {
        const Schedule *s = e->steps[i].code == EXPR_CALL ? schedule_find(e->steps[i].name) : NULL;
        if (s && s->needs_steps)
            return true;
    }
    return false;
}

bool expr_evaluate(const Expr *e, ExprLookup lookup, void *context, double *value, char err[160])
{
    double stack[EXPR_DEPTH + 1];
    int depth = 0;
    if (!is_well_formed(e)) {
        snprintf(err, 160, "not a well-formed expression");
        return false;
    }
    for (int i = 0; i < e->count; i++) {
        const ExprStep *s = &e->steps[i];
        double *a = &stack[depth -= takes(s)];
        if (s->code == EXPR_NUMBER) {
            *a = s->number;
        } else if (s->code == EXPR_VARIABLE) {
            if (!lookup(context, s->name, a)) {
                snprintf(err, 160, "unknown variable `%.60s`", s->name);
                return false;
            }
        } else if (s->code == EXPR_CALL) {
            if (!call(s, lookup, context, a, a, err))
                return false;
        } else {
            *a = compute(s->code, a);
        }
        depth++;
    }
    assert(depth == 1);
    *value = stack[0];
    return true;
}

// --- printing -----------------------------------------------------------------------------------

typedef struct { char *text; int binds; } Piece;

// The operand, in parentheses unless it binds more tightly than `than`.
static void print_operand(FILE *out, const Piece *p, int than)
{
    fprintf(out, p->binds > than ? "%s" : "(%s)", p->text);
}

static void print_step(FILE *out, const ExprStep *s, const Piece *a)
{
    const Form *f = &forms[s->code];
    switch (s->code) {
    case EXPR_NUMBER:   fprintf(out, "%.10g", s->number); break;
    case EXPR_VARIABLE: fputs(s->name, out); break;
    case EXPR_CALL:
        fprintf(out, "%s(", s->name);
        for (int i = 0; i < s->count; i++)
            fprintf(out, "%s%s", i ? ", " : "", a[i].text);
        fputc(')', out);
        break;
    case EXPR_NEGATE: case EXPR_NOT:
        fputs(f->sign, out);
        print_operand(out, &a[0], f->binds - 1);
        break;
    case EXPR_SELECT:
        print_operand(out, &a[0], f->binds);
        fputs(" ? ", out);
        print_operand(out, &a[1], f->binds - 1);
        fputs(" : ", out);
        print_operand(out, &a[2], f->binds - 1);
        break;
    default: {
        // `^` groups to the right, comparisons not at all, the others to the left.
        bool right = s->code == EXPR_POWER, none = f->binds == BINDS_COMPARE;
        print_operand(out, &a[0], right || none ? f->binds : f->binds - 1);
        fprintf(out, right ? "%s" : " %s ", f->sign);
        print_operand(out, &a[1], right ? f->binds - 1 : f->binds);
    }
    }
}

void expr_print(const Expr *e, FILE *out)
{
    Piece stack[EXPR_DEPTH + 1];
    int depth = 0;
    if (!is_well_formed(e)) {
        fputs("(not well formed)", out);
        return;
    }
    for (int i = 0; i < e->count; i++) {
        const ExprStep *s = &e->steps[i];
        int first = depth - takes(s);
        assert(first >= 0);
        Piece made = { NULL, s->code == EXPR_NUMBER && s->number < 0 ? BINDS_SIGN : forms[s->code].binds };
        size_t size;
        FILE *text = open_memstream(&made.text, &size);
        if (!text)
            break;
        print_step(text, s, &stack[first]);
        fclose(text);
        while (depth > first)
            free(stack[--depth].text);
        stack[depth++] = made;
    }
    if (depth == 1)
        fputs(stack[0].text, out);
    while (depth > 0)
        free(stack[--depth].text);
}
