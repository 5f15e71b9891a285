// Stages that carry a body: split, replicate, repeat, branch; `if` and `for`.
#include "front/elaborate.h"
#include <string.h>

bool is_body_stage(const char *name)
{
    return word_in("split replicate repeat branch", name);
}

// A body that is expanded several times: names in it get numbers.
static Value one_pass(Elab *e, const Ast *body, Value in, const char *what, Span at)
{
    Call call = { what, at, e->call };
    Call *kept = ARENA_NEW(e->arena, Call);
    *kept = call;
    bool outer = e->in_loop;
    const Call *before = e->call;
    e->in_loop = true;
    e->call = kept;
    Value v = body_value(e, body, in, BODY_PIPE);
    e->call = before;
    e->in_loop = outer;
    return v;
}

static Value repeat(Elab *e, const Ast *head, const Ast *body, Value in)
{
    if (head->kind != AST_CALL || head->count != 1)
        return elab_error(e, head->at, "E404", "`repeat` takes one number: repeat(3) { ... }");
    Value n = eval_number(e, head->children[0], "a number of times");
    if (n.kind == VALUE_UNKNOWN)
        return body_value(e, body, UNKNOWN, BODY_PIPE);
    if (!value_is_whole(n) || n.number < 0)
        return elab_error(e, head->children[0]->at, "E406", "`repeat` takes a whole number from 0 on, not %s",
                          value_write(e->arena, n));
    if (!elab_count(e, head->at, n.number))
        return UNKNOWN;
    Value v = in;
    for (int i = 0; i < (int)n.number && !e->stopped; i++)
        v = one_pass(e, body, v, arena_printf(e->arena, "pass = %d", i), head->at);
    return v;
}

Value body_stage(Elab *e, const Ast *head, const Ast *body, Value in)
{
    if (!strcmp(head->text, "repeat"))
        return repeat(e, head, body, in);
    if (!strcmp(head->text, "branch"))
        return body_value(e, body, in, BODY_BRANCH);
    return split_region(e, head, body, in);
}

Value eval_if(Elab *e, const Ast *a, Value in)
{
    Value c = eval_number(e, a->children[0], "a condition");
    const Ast *other = a->count > 2 ? a->children[2] : NULL;
    if (c.kind == VALUE_UNKNOWN) {
        body_value(e, a->children[1], UNKNOWN, BODY_PIPE);
        return UNKNOWN;
    }
    if (value_is_true(c))
        return body_value(e, a->children[1], in, BODY_PIPE);
    if (!other)
        return in;
    return other->kind == AST_IF ? eval_if(e, other, in) : body_value(e, other, in, BODY_PIPE);
}

// Binds the loop's names to one element: one name to all of it, several to its items.
static bool bind_element(Elab *e, const Ast *a, Value element)
{
    if (a->name_count == 1) {
        elab_bind(e, a->names[0], BOUND_LOOP, element, a->name_at);
        return true;
    }
    if (element.kind != VALUE_LIST || element.count != a->name_count) {
        elab_error(e, a->name_at, "E411", "%d names for an element that is %s", a->name_count,
                   value_describe(e->arena, element));
        return false;
    }
    for (int i = 0; i < a->name_count; i++) {
        Binding *b = scope_bind(e->scope, a->names[i], BOUND_LOOP, element.items[i], a->name_at);
        b->declared = NULL;
    }
    return true;
}

Value eval_for(Elab *e, const Ast *a, Value in)
{
    Value list = eval(e, a->children[0]);
    if (list.kind == VALUE_UNKNOWN)
        return UNKNOWN;
    if (list.kind != VALUE_LIST)
        return elab_error(e, a->children[0]->at, "E405", "`for` goes through a list, not %s",
                          value_describe(e->arena, list));
    if (!elab_count(e, a->at, list.count))
        return UNKNOWN;
    Value v = in;
    for (int i = 0; i < list.count && !e->stopped; i++) {
        Scope *outer = e->scope;
        e->scope = scope_open(e->arena, outer);
        if (bind_element(e, a, list.items[i]))
            v = one_pass(e, a->children[1], v, arena_printf(e->arena, "%s = %s", a->names[0],
                         value_write(e->arena, a->name_count == 1 || list.items[i].kind != VALUE_LIST
                                     ? list.items[i] : list.items[i].items[0])), a->at);
        e->scope = outer;
    }
    return v;
}
