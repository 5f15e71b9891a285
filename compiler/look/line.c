// What a line of a .net file is, in words, for lines that become no kernel.
#include "look/why.h"
#include <string.h>

// How a construct is called; NULL: it says nothing about a line.
static const char *word_of(AstKind kind)
{
    switch (kind) {
    case AST_LET:     return "the definition of";
    case AST_USE:     return "the use of";
    case AST_OP:      return "op";
    case AST_BLOCK:   return "block";
    case AST_NET:
    case AST_DERIVE:  return "net";
    case AST_DROP:    return "the drop of";
    case AST_REPLACE: return "the replacement of";
    case AST_BEFORE:  return "an edit before";
    case AST_AFTER:   return "an edit after";
    case AST_DATA:    return "data section";
    case AST_TRAIN:   return "train section";
    default:          return NULL;
    }
}

// The innermost construct with a word that reaches over the line.
static const Ast *innermost(const Compilation *c, const Ast *a, int line)
{
    if (!a || !about_reaches(&c->diag, a->at, line))
        return NULL;
    for (int i = 0; i < a->count; i++) {
        const Ast *found = innermost(c, a->children[i], line);
        if (found)
            return found;
    }
    return word_of(a->kind) || a->kind == AST_DEFAULT ? a : NULL;
}

Place look_place(const Compilation *c, int line)
{
    const Source *s = &c->diag.sources[0];
    int at = 0;
    for (int i = 1; i < line; i++) {
        const char *end = memchr(s->text + at, '\n', (size_t)(s->length - at));
        at = end ? (int)(end - s->text) + 1 : s->length;
    }
    return diag_place(&c->diag, (Span){ s->start + at, s->start + at });
}

static const char *describe(Compilation *c, const Ast *a, int line)
{
    if (a->kind == AST_DEFAULT)
        return "a default: its arguments go to the stages behind it";
    bool starts = about_line_of(&c->diag, a->at) == line;
    return arena_printf(&c->arena, "%s%s `%s`", starts ? "" : "part of ", word_of(a->kind),
                        a->text ? a->text : "");
}

const char *look_line(Compilation *c, int line)
{
    Place p = look_place(c, line);
    int from = 0;
    while (from < p.text_length && strchr(" \t\r", p.text[from]))
        from++;
    if (from == p.text_length)
        return "empty";
    if (p.text[from] == '#')
        return "a comment";
    if (p.text[from] == '}')
        return "a closing brace";
    const Ast *found = NULL;
    for (int i = 0; i < c->ast->count && !found; i++)
        found = innermost(c, c->ast->items[i], line);
    return found ? describe(c, found, line) : "nothing that computes";
}
