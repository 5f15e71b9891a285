// Arguments of stages: sorted by parameter, checked against the table, completed from the
// `default`s in scope and the presets.
#include "front/op.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

// --- sorting ------------------------------------------------------------------------------------

static int index_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

// The parameter of a named argument; after a misspelt one the nearest that is still free.
static int named_slot(Elab *e, const Ast *call, const Ast *arg, const char *const *names, int count,
                      const Ast **slots)
{
    int slot = index_of(names, count, arg->text);
    if (slot >= 0)
        return slot;
    const char *nearest = text_nearest(arg->text, names, count);
    if (!nearest) {
        elab_error(e, arg->name_at, "E401", "`%s` has no argument called `%s`", call->text,
                   arg->text);
        elab_known(e, "it takes", names, count);
        return -1;
    }
    elab_error(e, arg->name_at, "E401", "`%s` has no argument called `%s`; did you mean `%s`?",
               call->text, arg->text, nearest);
    diag_fix(e->diag, arg->name_at, "%s", nearest);
    slot = index_of(names, count, nearest);
    return slots[slot] ? -1 : slot;
}

bool arguments_sort(Elab *e, const Ast *call, int first, const char *const *names, int count,
                    const Ast **slots)
{
    int before = e->diag->errors, next = 0;
    for (int i = 0; i < count; i++)
        slots[i] = NULL;
    for (int i = first; call->kind == AST_CALL && i < call->count; i++) {
        const Ast *arg = call->children[i];
        if (arg->kind == AST_ARG) {
            int slot = named_slot(e, call, arg, names, count, slots);
            if (slot >= 0 && slots[slot])
                elab_error(e, arg->name_at, "E402", "`%s` is given twice", arg->text);
            else if (slot >= 0)
                slots[slot] = arg->children[0];
            continue;
        }
        while (next < count && slots[next])
            next++;
        if (next < count) {
            slots[next] = arg;
            continue;
        }
        if (count == 0)
            elab_error(e, arg->at, "E403", "`%s` takes no arguments", call->text);
        else
            elab_error(e, arg->at, "E403", "`%s` takes at most %d argument%s", call->text, count,
                       count == 1 ? "" : "s");
        break;
    }
    return e->diag->errors == before;
}

// --- one argument -------------------------------------------------------------------------------

static Value check_range(Elab *e, const Ast *a, const StageParameter *p, Value v)
{
    if (v.number >= p->least && v.number <= p->most)
        return v;
    if (v.number < p->least)
        return elab_error(e, a->at, "E406", "`%s` is at least %g, not %s", p->name, p->least,
                          value_write(e->arena, v));
    return elab_error(e, a->at, "E406", "`%s` is at most %.10g, not %s", p->name, p->most,
                      value_write(e->arena, v));
}

static Value check_number(Elab *e, const Ast *a, const char *stage, const StageParameter *p, Value v)
{
    if (v.kind != VALUE_NUMBER)
        return elab_error(e, a->at, "E405", "`%s` of `%s` is a number, not %s", p->name, stage,
                          value_describe(e->arena, v));
    bool whole = p->type == TYPE_COUNT || p->type == TYPE_SIZE;
    if (whole && !value_is_whole(v)) {
        elab_error(e, a->at, "E407", "`%s` of `%s` is a whole number, not %s", p->name, stage,
                   value_write(e->arena, v));
        if (a->kind == AST_BINARY && !strcmp(a->text, "/")) {
            diag_detail(e->diag, "`/` divides exactly, `//` rounds down");
            diag_fix(e->diag, a->at, "%s // %s", elab_text(e, a->children[0]->at),
                     elab_text(e, a->children[1]->at));
        }
        return UNKNOWN;
    }
    return check_range(e, a, p, v);
}

static Value check_size(Elab *e, const Ast *a, const char *stage, const StageParameter *p, Value v)
{
    Value *two = ARENA_ARRAY(e->arena, Value, 2);
    if (v.kind != VALUE_LIST) {
        two[0] = two[1] = check_number(e, a, stage, p, v);
        return two[0].kind == VALUE_UNKNOWN ? UNKNOWN : value_list(two, 2);
    }
    if (v.count != 2)
        return elab_error(e, a->at, "E405", "`%s` of `%s` is one number or rows x columns, not %s",
                          p->name, stage, value_describe(e->arena, v));
    for (int i = 0; i < 2; i++) {
        two[i] = v.items[i].kind == VALUE_UNKNOWN ? UNKNOWN
                                                  : check_number(e, a, stage, p, v.items[i]);
        if (two[i].kind == VALUE_UNKNOWN)
            return UNKNOWN;
    }
    return value_list(two, 2);
}

static Value wrong_word(Elab *e, const Ast *a, const char *stage, const char *param,
                        const char *words, const char *got)
{
    int count;
    const char *const *list = word_split(e->arena, words, &count);
    const char *nearest = text_nearest(got, list, count);
    elab_error(e, a->at, "E408", "`%s` of `%s` cannot be `%s`%s%s%s", param, stage, got,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(e->diag, a->name_at, "%s", nearest);
    else
        elab_known(e, "it is one of", list, count);
    return nearest ? value_word(nearest) : UNKNOWN;
}

static Value word_argument(Elab *e, const Ast *a, const char *stage, const StageParameter *p)
{
    // A bare word of the parameter means that word, whatever else has its name.
    if (a->kind == AST_NAME && word_in(p->words, a->text))
        return value_word(a->text);
    if (a->kind == AST_NAME && !scope_find(e->scope, a->text))
        return wrong_word(e, a, stage, p->name, p->words, a->text);
    Value v = eval(e, a);
    if (v.kind == VALUE_UNKNOWN)
        return v;
    if (v.kind != VALUE_WORD || !word_in(p->words, v.text))
        return wrong_word(e, a, stage, p->name, p->words,
                          v.kind == VALUE_WORD ? v.text : value_write(e->arena, v));
    return v;
}

static const char *const init_words = "gaussian constant xavier he";

static Value init_argument(Elab *e, const Ast *a, const char *stage, const StageParameter *p)
{
    bool bias = p->type == TYPE_BIAS;
    if (bias && a->kind == AST_NAME && !strcmp(a->text, "none"))
        return value_word("none");
    bool free_name = a->kind == AST_NAME && !scope_find(e->scope, a->text);
    bool unknown_call = a->kind == AST_CALL && !word_in(init_words, a->text);
    if (unknown_call || (free_name && !word_in("xavier he", a->text))) {
        Value w = wrong_word(e, a, stage, p->name, bias ? "none gaussian constant" : init_words,
                             a->text);
        (void)w;
        return UNKNOWN;
    }
    Value v = eval(e, a);
    if (v.kind == VALUE_NUMBER) {
        v = check_range(e, a, p, v);
        return v.kind == VALUE_UNKNOWN ? v
            : (Value){ .kind = VALUE_INIT, .init = { INIT_CONSTANT, v.number } };
    }
    if (v.kind == VALUE_INIT || v.kind == VALUE_UNKNOWN)
        return v;
    if (bias && v.kind == VALUE_WORD && !strcmp(v.text, "none"))
        return v;
    return elab_error(e, a->at, "E405", "`%s` of `%s` is %s, not %s", p->name, stage,
                      bias ? "a number or `none`" : "an initialiser such as gaussian(0.01)",
                      value_describe(e->arena, v));
}

// A name that is nearly one in scope is that one misspelt, and reported as such.
static bool near_a_bound_name(Elab *e, const char *word)
{
    for (Scope *s = e->scope; s; s = s->outer) {
        int count;
        const char *const *names = names_list(&s->names, e->arena, &count);
        if (text_nearest(word, names, count))
            return true;
    }
    return false;
}

Value argument_value(Elab *e, const Ast *a, const char *stage, const StageParameter *p)
{
    if (p->type == TYPE_WORD)
        return word_argument(e, a, stage, p);
    if (p->type == TYPE_INIT || p->type == TYPE_BIAS)
        return init_argument(e, a, stage, p);
    bool free_word = a->kind == AST_NAME && !scope_find(e->scope, a->text) && strcmp(a->text, "in") &&
                     !near_a_bound_name(e, a->text);
    if (free_word && !built_in_find(a->text) && !names_find(&e->items, a->text))
        return elab_error(e, a->at, "E405", "`%s` of `%s` is a number; nothing is called `%s` here",
                          p->name, stage, a->text);
    Value v = eval(e, a);
    if (v.kind == VALUE_UNKNOWN)
        return v;
    return p->type == TYPE_SIZE ? check_size(e, a, stage, p, v) : check_number(e, a, stage, p, v);
}

// --- all of them --------------------------------------------------------------------------------

static Value preset_value(Elab *e, const StageParameter *p)
{
    if (p->type == TYPE_WORD)
        return value_word(p->preset);
    if (p->type == TYPE_INIT && !strcmp(p->preset, "he"))
        return (Value){ .kind = VALUE_INIT, .init = { INIT_HE, 0 } };
    double number = strtod(p->preset, NULL);
    if (p->type == TYPE_INIT || p->type == TYPE_BIAS)
        return (Value){ .kind = VALUE_INIT, .init = { INIT_CONSTANT, number } };
    if (p->type != TYPE_SIZE)
        return value_number(number);
    Value *two = ARENA_ARRAY(e->arena, Value, 2);
    two[0] = two[1] = value_number(number);
    return value_list(two, 2);
}

static const Default *default_in_scope(const Elab *e, const char *stage, const char *param)
{
    for (const Default *d = e->defaults; d; d = d->outer)
        if (!strcmp(d->stage, stage) && !strcmp(d->param, param))
            return d;
    return NULL;
}

static int parameter_names(const BuiltIn *s, const char **names)
{
    int count = 0;
    for (const StageParameter *p = s->params; p->name; p++)
        names[count++] = p->name;
    return count;
}

static Argument complete(Elab *e, const Ast *written, const StageUse *u, const StageParameter *p)
{
    Argument arg = { .at = u->at };
    if (written) {
        arg = (Argument){ .given = true, .at = written->at,
                          .value = argument_value(e, written, u->stage->name, p) };
    } else {
        const Default *d = default_in_scope(e, u->stage->name, p->name);
        if (d) {
            d->declared->used = true;
            arg = (Argument){ .given = true, .at = d->at, .value = d->value };
        } else if (p->preset && *p->preset) {
            arg.value = preset_value(e, p);
        } else if (p->preset) {
            arg.known = true;          // the builder decides
            return arg;
        } else {
            elab_error(e, u->at, "E404", "`%s` needs its argument `%s`", u->stage->name, p->name);
        }
    }
    arg.known = arg.value.kind != VALUE_UNKNOWN;
    return arg;
}

bool arguments_of_stage(Elab *e, const Ast *call, int first, StageUse *u)
{
    const char *names[STAGE_PARAMETERS] = { NULL };
    const Ast *slots[STAGE_PARAMETERS] = { NULL };
    int count = parameter_names(u->stage, names);
    arguments_sort(e, call, first, names, count, slots);
    bool known = true;
    for (int i = 0; i < count; i++) {
        u->args[i] = complete(e, slots[i], u, &u->stage->params[i]);
        known &= u->args[i].known;
    }
    return known;
}

void arguments_default(Elab *e, const Ast *call)
{
    const BuiltIn *s = stage_named(e, call->text);
    const Ast *item = names_find(&e->items, call->text);
    if (!s && item && item->kind == AST_OP)
        return;
    if (!s) {
        const char *name = names_find(&e->items, call->text) ? NULL : eval_unknown_stage(e, call);
        s = name ? built_in_find(name) : NULL;
        if (!s && names_find(&e->items, call->text))
            elab_error(e, call->name_at, "E104", "`default` is for stages; give block `%s` its "
                       "defaults where it is defined", call->text);
        if (!s)
            return;
    }
    const char *names[STAGE_PARAMETERS] = { NULL };
    const Ast *slots[STAGE_PARAMETERS] = { NULL };
    int count = parameter_names(s, names);
    arguments_sort(e, call, 0, names, count, slots);
    for (int i = 0; i < count; i++) {
        if (!slots[i])
            continue;
        Default *d = ARENA_NEW(e->arena, Default);
        *d = (Default){ .stage = s->name, .param = names[i], .at = slots[i]->at,
                        .value = argument_value(e, slots[i], s->name, &s->params[i]),
                        .declared = elab_declare(e, slots[i]->at, names[i], BOUND_LET),
                        .outer = e->defaults };
        d->declared->is_default = true;
        d->declared->stage = s->name;
        e->defaults = d;
    }
}

const Argument *use_arg(const StageUse *u, const char *name)
{
    for (int i = 0; u->stage->params[i].name; i++)
        if (!strcmp(u->stage->params[i].name, name))
            return &u->args[i];
    static const Argument absent = { .given = false };
    return &absent;
}

int64_t use_count(const StageUse *u, const char *name)
{
    return (int64_t)use_arg(u, name)->value.number;
}

double use_real(const StageUse *u, const char *name)
{
    return use_arg(u, name)->value.number;
}

const char *use_word(const StageUse *u, const char *name)
{
    return use_arg(u, name)->value.text;
}
