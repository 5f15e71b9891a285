// Builds the nodes of a syntax tree: what the actions of grammar/net.y call.
#include "front/ast.h"
#include "front/parse.h"
#include <string.h>

static int more(int a, int b)
{
    return a > b ? a : b;
}

// A tree deeper than LIMIT_TREE would make those who walk it recurse without bound: the part that
// is too deep is replaced by an error.
static void check_depth(Parse *p, Ast *n)
{
    if (n->depth <= LIMIT_TREE)
        return;
    if (!p->too_deep)
        diag_error(p->diag, n->at, "E008", "expressions and bodies nested more than %d deep", LIMIT_TREE);
    p->too_deep = true;
    *n = (Ast){ .kind = AST_ERROR, .at = n->at, .name_at = n->at, .depth = 1 };
}

static void add_child(Parse *p, Ast *n, Ast *child)
{
    if (p->probing)
        return;
    ARENA_PUSH(p->arena, n->children, n->count, n->capacity, child);
    if (child)
        n->depth = more(n->depth, child->depth + 1);
    check_depth(p, n);
}

Ast *ast_leaf(Parse *p, AstKind kind, Span at, const Token *t)
{
    Ast *n = p->probing ? &p->nothing : ARENA_NEW(p->arena, Ast);
    *n = (Ast){ .kind = p->probing ? AST_ERROR : kind, .at = at, .name_at = at, .depth = 1 };
    if (t && !p->probing) {
        n->name_at = t->at;
        n->text = t->text;
        n->number = t->number;
        n->dims = t->dims;
        n->dim_count = t->dim_count;
    }
    return n;
}

Ast *ast_make(Parse *p, AstKind kind, Span at, const Token *name, Ast **children, int count)
{
    Ast *n = ast_leaf(p, kind, at, name);
    if (p->probing)
        return n;
    n->children = ARENA_ARRAY(p->arena, Ast *, count);
    n->capacity = count;
    for (int i = 0; i < count; i++)
        add_child(p, n, children[i]);
    return n;
}

Ast *ast_append(Parse *p, Ast *list, Ast *node)
{
    add_child(p, list, node);
    list->at.end = node->at.end;
    return list;
}

Ast *ast_over(Parse *p, AstKind kind, Span at, const Token *name, Ast *list)
{
    Ast *n = ast_leaf(p, kind, at, name);
    if (list->kind == AST_ERROR)
        n->kind = AST_ERROR;          // the list was too deep
    n->children = list->children;
    n->count = list->count;
    n->capacity = list->capacity;
    n->depth = list->depth;
    return n;
}

Ast *ast_pipe(Parse *p, Span at, Ast *pipe, Ast *stage)
{
    if (pipe->kind != AST_PIPE)
        return AST_MAKE(AST_PIPE, at, NULL, pipe, stage);
    pipe->at = pipe->name_at = at;
    add_child(p, pipe, stage);
    return pipe;
}

// Only these take a body behind them; `for` and `if` have theirs inside.
static bool takes_body(const Ast *term)
{
    static const char *const words[] = { "split", "replicate", "repeat", "branch" };
    if (term->kind != AST_NAME && term->kind != AST_CALL)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(term->text, words[i]) == 0)
            return true;
    return false;
}

Ast *ast_tail(Parse *p, Span at, Ast *term, Ast *tail)
{
    if (tail->kind == AST_BODY && term->kind != AST_ERROR && !takes_body(term)) {
        Span brace = { tail->at.start, tail->at.start + 1 };
        diag_error(p->diag, brace, "E011", "only `split`, `replicate`, `repeat`, `branch`, `for` and "
                   "`if` take a body");
        diag_note(p->diag, term->at, "this does not");
        tail->kind = AST_ERROR;
    }
    if (term->kind != AST_TAILED)
        return AST_MAKE(AST_TAILED, at, NULL, term, tail);
    term->at = term->name_at = at;
    add_child(p, term, tail);
    return term;
}

static void add_names(Parse *p, Ast *n, const Ast *list)
{
    if (p->probing)
        return;
    n->names = ARENA_ARRAY(p->arena, const char *, list->count);
    for (int i = 0; i < list->count; i++)
        if (list->children[i]->kind == AST_NAME)
            n->names[n->name_count++] = list->children[i]->text;
}

Ast *ast_each(Parse *p, Span at, Ast *names, Ast *over, Ast *body)
{
    Ast *n = AST_MAKE(AST_FOR, at, NULL, over, body);
    n->name_at = names->at;
    add_names(p, n, names);
    return n;
}

Ast *ast_every(Parse *p, Span at, const Token *number, const Token *unit, Ast *body)
{
    Ast *n = AST_MAKE(AST_EVERY, at, unit, body);
    n->number = number ? number->number : 1;
    return n;
}

static void add_params(Ast *n, Ast *params)
{
    if (!params)
        return;
    n->params = params->children;
    n->param_count = params->count;
    n->depth = more(n->depth, params->depth);
}

Ast *ast_op(Parse *p, Span at, const Token *name, Ast *params, Ast *indices, Ast *formula)
{
    Ast *n = AST_MAKE(AST_OP, at, name, formula);
    add_params(n, params);
    add_names(p, n, indices);
    return n;
}

Ast *ast_net(Parse *p, Span at, const Token *name, Ast *params, Ast *inputs, Ast *outputs, Ast *body)
{
    Ast *n = AST_MAKE(AST_NET, at, name, body);
    add_params(n, params);
    n->inputs = inputs->children;
    n->input_count = inputs->count;
    n->outputs = outputs->children;
    n->output_count = outputs->count;
    return n;
}

Ast *ast_item(Parse *p, AstKind kind, Span at, const Token *name, Ast *params, const Token *other,
              Ast *body)
{
    Ast *n = AST_MAKE(kind, at, name, body);
    add_params(n, params);
    if (other && !p->probing) {
        n->names = ARENA_ARRAY(p->arena, const char *, 1);
        n->names[n->name_count++] = other->text;
    }
    return n;
}
