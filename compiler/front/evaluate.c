// Expressions: syntax in, values out. A fault is reported once; what depends on it is unknown.
#include "front/elaborate.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

// --- functions ----------------------------------------------------------------------------------

typedef struct {
    const char *name;
    int         least, most;           // arguments
    const char *takes;                 // for messages
} Function;

static const Function functions[] = {
    { "channels", 1, 1, "a tensor" },  { "height", 1, 1, "a tensor" },
    { "width", 1, 1, "a tensor" },     { "enumerate", 1, 1, "a list" },
    { "length", 1, 1, "a list" },      { "min", 2, 8, "numbers" },
    { "max", 2, 8, "numbers" },        { "floor", 1, 1, "a number" },
    { "ceil", 1, 1, "a number" },      { "sqrt", 1, 1, "a number" },
    { "exp", 1, 1, "a number" },       { "log", 1, 1, "a number" },
    { "abs", 1, 1, "a number" },       { "gaussian", 1, 1, "a number" },
    { "constant", 1, 1, "a number" },  { "xavier", 0, 0, "nothing" },
    { "he", 0, 0, "nothing" },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, MOST_ARGUMENTS = 8 };

static const Function *function_find(const char *name)
{
    for (int i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i].name, name))
            return &functions[i];
    return NULL;
}

bool is_function(const char *name)
{
    return function_find(name) != NULL;
}

static Value wrong_argument(Elab *e, const Ast *a, const Function *f, Value got)
{
    return elab_error(e, a->at, "E405", "`%s` takes %s, not %s", f->name, f->takes,
                      value_describe(e->arena, got));
}

static Value tensor_size(Elab *e, const Ast *a, const Function *f, Value v)
{
    if (!value_is_tensor(v) || !v.node)
        return v.kind == VALUE_UNKNOWN || value_is_tensor(v) ? UNKNOWN : wrong_argument(e, a, f, v);
    Shape s = v.node->shape;
    int64_t size = !strcmp(f->name, "channels") ? s.c : !strcmp(f->name, "height") ? s.h : s.w;
    return value_number((double)size);
}

static Value enumerate(Elab *e, Value list)
{
    Value *pairs = ARENA_ARRAY(e->arena, Value, list.count + 1);
    for (int i = 0; i < list.count; i++) {
        Value *pair = ARENA_ARRAY(e->arena, Value, 2);
        pair[0] = value_number(i);
        pair[1] = list.items[i];
        pairs[i] = value_list(pair, 2);
    }
    return value_list(pairs, list.count);
}

static double one_number(const char *name, double x)
{
    if (!strcmp(name, "floor"))
        return floor(x);
    if (!strcmp(name, "ceil"))
        return ceil(x);
    if (!strcmp(name, "sqrt"))
        return sqrt(x);
    if (!strcmp(name, "exp"))
        return exp(x);
    if (!strcmp(name, "log"))
        return log(x);
    return fabs(x);
}

static Value initialiser(const char *name, double number)
{
    InitKind kind = !strcmp(name, "gaussian") ? INIT_GAUSSIAN
        : !strcmp(name, "constant")           ? INIT_CONSTANT
        : !strcmp(name, "xavier")             ? INIT_XAVIER
                                              : INIT_HE;
    return (Value){ .kind = VALUE_INIT, .init = { .kind = kind, .value = number } };
}

static bool is_initialiser(const char *name)
{
    return word_in("gaussian constant xavier he", name);
}

static Value number_function(Elab *e, const Ast *a, const Function *f, const Value *args)
{
    double result = a->count > 0 ? args[0].number : 0;
    if (is_initialiser(f->name)) {
        if (!strcmp(f->name, "gaussian") && result < 0)
            return elab_error(e, a->children[0]->at, "E406", "a standard deviation is 0 or more");
        return initialiser(f->name, result);
    }
    for (int i = 1; i < a->count; i++)
        result = !strcmp(f->name, "min") ? fmin(result, args[i].number)
                                         : fmax(result, args[i].number);
    if (f->most == 1)
        result = one_number(f->name, result);
    if (!isfinite(result))
        return elab_error(e, a->at, "E409", "`%s` has no finite value here", f->name);
    return value_number(result);
}

static Value call_function(Elab *e, const Ast *a, const Function *f)
{
    if (a->count < f->least || a->count > f->most)
        return elab_error(e, a->at, "E404", "`%s` takes %s", f->name,
                          f->most == 0 ? "no argument" : f->most == 1 ? "one argument"
                                                                      : "two arguments or more");
    Value args[MOST_ARGUMENTS];
    for (int i = 0; i < a->count; i++) {
        const Ast *arg = a->children[i];
        if (arg->kind == AST_ARG || arg->kind == AST_RANGE)
            return elab_error(e, arg->at, "E401", "`%s` has no argument called `%s`", f->name,
                              arg->text);
        args[i] = eval(e, arg);
    }
    for (int i = 0; i < a->count; i++) {
        if (args[i].kind == VALUE_UNKNOWN)
            return UNKNOWN;
        if (!strcmp(f->takes, "a tensor"))
            return tensor_size(e, a->children[i], f, args[i]);
        if (!strcmp(f->takes, "a list")) {
            if (args[i].kind != VALUE_LIST)
                return wrong_argument(e, a->children[i], f, args[i]);
            return !strcmp(f->name, "length") ? value_number(args[i].count) : enumerate(e, args[i]);
        }
        if (args[i].kind != VALUE_NUMBER)
            return wrong_argument(e, a->children[i], f, args[i]);
    }
    return number_function(e, a, f, args);
}

// --- names --------------------------------------------------------------------------------------

// What could stand here, for suggestions: stages and blocks, with `values` the bound names as well.
static const char **candidates(Elab *e, bool values, int *count)
{
    int all = e->items.count, n = 0;
    for (const BuiltIn *s = built_in_stages; s->name; s++)
        all++;
    for (Scope *s = e->scope; s; s = s->outer)
        all += s->names.count;
    const char **list = ARENA_ARRAY(e->arena, const char *, all + 8);
    for (Scope *s = e->scope; s && values; s = s->outer)
        for (int i = 0; i < s->names.count; i++)
            list[n++] = s->names.entries[i].name;
    for (const BuiltIn *s = built_in_stages; s->name; s++)
        list[n++] = s->name;
    for (int i = 0; i < e->items.count; i++) {
        const Ast *item = e->items.entries[i].value;
        if (item->kind == AST_BLOCK || item->kind == AST_OP)
            list[n++] = item->text;
    }
    static const char *const bodies[] = { "split", "repeat", "branch", "replicate" };
    for (int i = 0; i < 4 && !values; i++)
        list[n++] = bodies[i];
    *count = n;
    return list;
}

const char *eval_unknown_stage(Elab *e, const Ast *a)
{
    int count;
    const char **known = candidates(e, false, &count);
    const char *nearest = text_nearest(a->text, known, count);
    if (nearest) {
        elab_error(e, a->name_at, "E104", "unknown operation `%s`; did you mean `%s`?", a->text,
                   nearest);
        diag_fix(e->diag, a->name_at, "%s", nearest);
        return nearest;
    }
    elab_error(e, a->name_at, "E104", "unknown operation `%s`", a->text);
    elab_known(e, "known", known, count);
    return NULL;
}

static Value unknown_name(Elab *e, const Ast *a)
{
    int count;
    const char **known = candidates(e, true, &count);
    const char *nearest = text_nearest(a->text, known, count);
    if (!nearest)
        return elab_error(e, a->name_at, "E101", "nothing is called `%s` here", a->text);
    elab_error(e, a->name_at, "E101", "nothing is called `%s` here; did you mean `%s`?", a->text,
               nearest);
    diag_fix(e->diag, a->name_at, "%s", nearest);
    Binding *b = scope_find(e->scope, nearest);
    if (b && b->declared)
        b->declared->used = true;
    return b ? b->value : UNKNOWN;
}

static bool names_a_stage(const Elab *e, const char *name)
{
    const Ast *item = names_find(&e->items, name);
    return built_in_find(name) || (item && (item->kind == AST_BLOCK || item->kind == AST_OP));
}

Value eval_name(Elab *e, const Ast *a)
{
    if (!strcmp(a->text, "in")) {
        if (!e->has_in)
            return elab_error(e, a->at, "E112", "`in` is the input of a net or block; there is none "
                                                "here");
        return e->in;
    }
    Binding *b = scope_find(e->scope, a->text);
    if (b) {
        if (b->declared)
            b->declared->used = true;
        return b->value;
    }
    if (names_a_stage(e, a->text)) {
        if (!e->has_in)
            return elab_error(e, a->at, "E103", "`%s` is a stage of a net; a value belongs here",
                              a->text);
        return call_stage(e, a, e->in, false);
    }
    if (is_initialiser(a->text) && function_find(a->text)->least == 0)
        return initialiser(a->text, 0);
    if (built_in_knows_word(a->text))
        return value_word(a->text);
    return unknown_name(e, a);
}

Value eval_call(Elab *e, const Ast *a)
{
    const Function *f = function_find(a->text);
    if (f && !names_find(&e->items, a->text))
        return call_function(e, a, f);
    if (!e->has_in)
        return elab_error(e, a->name_at, "E103", "`%s` is no function of numbers", a->text);
    return call_stage(e, a, e->in, false);
}

// --- operators ----------------------------------------------------------------------------------

static Value eval_binary(Elab *e, const Ast *a)
{
    bool is_and = !strcmp(a->text, "and"), is_or = !strcmp(a->text, "or");
    Value left = eval(e, a->children[0]);
    if (is_and || is_or) {
        left = left.kind == VALUE_UNKNOWN ? left : eval_number(e, a->children[0], "a condition");
        if (left.kind == VALUE_NUMBER && value_is_true(left) == is_or)
            return value_number(is_or);
        Value right = eval_number(e, a->children[1], "a condition");
        return left.kind == VALUE_UNKNOWN || right.kind == VALUE_UNKNOWN
            ? UNKNOWN : value_number(value_is_true(right));
    }
    Value right = eval(e, a->children[1]);
    if (left.kind == VALUE_UNKNOWN || right.kind == VALUE_UNKNOWN)
        return UNKNOWN;
    bool equality = !strcmp(a->text, "==") || !strcmp(a->text, "!=");
    if (equality && !value_is_tensor(left) && left.kind == right.kind && left.kind != VALUE_INIT)
        return value_number(value_equal(left, right) == (a->text[0] == '='));
    for (int i = 0; i < 2; i++) {
        Value v = i ? right : left;
        if (v.kind == VALUE_NUMBER)
            continue;
        elab_error(e, a->children[i]->at, "E405", "`%s` works on numbers, not on %s", a->text,
                   value_describe(e->arena, v));
        if (value_is_tensor(v))
            diag_help(e->diag, "tensors are combined by stages: `add`, `mul`, `scale`");
        return UNKNOWN;
    }
    double result;
    const char *wrong = value_binary(a->text, left.number, right.number, &result);
    if (wrong)
        return elab_error(e, a->at, "E409", "%s", wrong);
    return value_number(result);
}

static Value eval_unary(Elab *e, const Ast *a)
{
    Value v = eval_number(e, a->children[0], "a number");
    if (v.kind == VALUE_UNKNOWN)
        return v;
    return value_number(a->text[0] == '-' ? -v.number : !value_is_true(v));
}

static Value eval_index(Elab *e, const Ast *a)
{
    Binding *b = scope_find(e->scope, a->text);
    if (!b)
        return unknown_name(e, a);
    if (b->declared)
        b->declared->used = true;
    Value v = b->value;
    for (int i = 0; i < a->count; i++) {
        Value at = eval_number(e, a->children[i], "a number");
        if (v.kind == VALUE_UNKNOWN || at.kind == VALUE_UNKNOWN)
            return UNKNOWN;
        if (v.kind != VALUE_LIST)
            return elab_error(e, a->at, "E405", "only lists have an index; `%s` is %s", a->text,
                              value_describe(e->arena, v));
        if (!value_is_whole(at) || at.number < 0 || at.number >= v.count)
            return elab_error(e, a->children[i]->at, "E410",
                              "%s is no index of a list of %d; indices are 0 to %d",
                              value_write(e->arena, at), v.count, v.count - 1);
        v = v.items[(int)at.number];
    }
    return v;
}

static Value eval_list(Elab *e, const Ast *a)
{
    Value *items = ARENA_ARRAY(e->arena, Value, a->count + 1);
    for (int i = 0; i < a->count; i++)
        items[i] = eval(e, a->children[i]);
    return value_list(items, a->count);
}

static Value eval_dims(Elab *e, const Ast *a)
{
    Value *items = ARENA_ARRAY(e->arena, Value, a->dim_count + 1);
    for (int i = 0; i < a->dim_count; i++)
        items[i] = value_number((double)a->dims[i]);
    return value_list(items, a->dim_count);
}

static Value eval_choice(Elab *e, const Ast *a)
{
    Value c = eval_number(e, a->children[0], "a condition");
    if (c.kind == VALUE_UNKNOWN) {
        eval(e, a->children[1]);
        eval(e, a->children[2]);
        return UNKNOWN;
    }
    return eval(e, a->children[value_is_true(c) ? 1 : 2]);
}

static Value eval_pipe(Elab *e, const Ast *a)
{
    const char *wanted = e->wanted_name;      // a name is for one stage, not for a pipe
    e->wanted_name = NULL;
    Value v = pipe_first(e, a->children[0]);
    for (int i = 1; i < a->count; i++)
        v = pipe_next(e, a->children[i], v);
    e->wanted_name = wanted;
    e->made = NULL;
    return v;
}

static Value eval_kind(Elab *e, const Ast *a)
{
    switch (a->kind) {
    case AST_NUMBER:
        return value_number(a->number);
    case AST_TEXT:
        return (Value){ .kind = VALUE_TEXT, .text = a->text };
    case AST_DIMS:
        return eval_dims(e, a);
    case AST_NAME:
        return eval_name(e, a);
    case AST_CALL:
        return eval_call(e, a);
    case AST_INDEX:
        return eval_index(e, a);
    case AST_LIST:
        return eval_list(e, a);
    case AST_PIPE:
        return eval_pipe(e, a);
    case AST_UNARY:
        return eval_unary(e, a);
    case AST_BINARY:
        return eval_binary(e, a);
    case AST_CHOICE:
        return eval_choice(e, a);
    case AST_IF:
        return eval_if(e, a, e->in);
    case AST_FOR:
        return eval_for(e, a, e->in);
    case AST_TAILED:
        return pipe_first(e, a);
    case AST_RANGE:
        return elab_error(e, a->at, "E107", "a range belongs into the formula of an `op`");
    default:
        return UNKNOWN;                // AST_ERROR: reported by the parser
    }
}

Value eval(Elab *e, const Ast *a)
{
    if (!a || e->stopped)
        return UNKNOWN;
    if (e->depth >= LIMIT_DEPTH) {
        e->stopped = true;
        return elab_error(e, a->at, "E110", "this is nested more than %d deep", LIMIT_DEPTH);
    }
    e->depth++;
    Value v = eval_kind(e, a);
    e->depth--;
    return v;
}

Value eval_number(Elab *e, const Ast *a, const char *what)
{
    Value v = eval(e, a);
    if (v.kind == VALUE_NUMBER || v.kind == VALUE_UNKNOWN)
        return v;
    return elab_error(e, a->at, "E405", "%s is wanted here, not %s", what,
                      value_describe(e->arena, v));
}
