// Parses a text item by item: what the generated parser reads, and where it goes on after an error.
#include "front/parse.h"
#include "net.tab.h"
#include <string.h>

enum { MOST_SYNTAX_ERRORS = 100 };    // of a file, kept or not; then it is left alone

// --- the tokens as the parser sees them ---------------------------------------------------------

int netlex(NETSTYPE *value, Span *at, Parse *p)
{
    if (p->next >= p->end) {
        p->last = p->end - 1;
        *at = (Span){ p->tokens[p->end - 1].at.end, p->tokens[p->end - 1].at.end };
        return 0;
    }
    while (p->tokens[p->next].instead == TOK_CUT)
        p->next++;                     // never the last one, which is TOK_END
    const Token *t = &p->tokens[p->next];
    *at = t->at;
    if (p->syncing) {
        p->syncing = false;
        at->end = at->start;
        return TOK_SYNC;
    }
    p->work += p->probing;
    p->last = p->next;
    // Every token that carries a value carries itself; the union's members are alike.
    value->TOK_NAME = t;
    if (t->put && !p->put_read) {
        p->put_read = true;
        at->end = at->start;
        return t->put;
    }
    p->put_read = false;
    p->next = p->probing && t->enter_at ? t->enter_at : p->next + 1;
    return t->instead ? t->instead : t->kind;
}

static bool begins_statement(int kind)
{
    switch (kind) {
    case TOK_NAME: case TOK_DOTTED: case TOK_IN: case TOK_DATA: case TOK_TRAIN: case TOK_LET:
    case TOK_DEFAULT: case TOK_REPLACE: case TOK_DROP: case TOK_BEFORE: case TOK_AFTER:
    case TOK_WHEN: case TOK_EVERY: case TOK_FOR: case TOK_IF:
        return true;
    default:
        return false;
    }
}

// Whether the parser can go on at `t` after an error in the same bracket.
static bool resumes_at(const Parse *p, const Token *t)
{
    if (t->group < 0)
        return t->kind == TOK_OPEN_BODY || t->kind == TOK_END;
    if (p->tokens[t->group].kind != TOK_OPEN_BODY)
        return t->kind == TOK_COMMA || t->kind == TOK_CLOSE || t->kind == TOK_CLOSE_LIST;
    return t->kind == TOK_ARROW || t->kind == TOK_SEMICOLON || t->kind == TOK_CLOSE_BODY
        || (t->first && begins_statement(t->kind));
}

// The next token behind `i` that is in the same bracket or closes it; behind a closing one the
// next of the bracket around it.
static int step_over(const Parse *p, int i)
{
    int partner = p->tokens[i].partner;
    return partner > i ? partner + 1 : i + 1;
}

// Where to go on after an error at token `i`. Never twice at the same token.
static int resume_place(const Parse *p, int i)
{
    if (i <= p->resumed)
        i = step_over(p, p->resumed);
    while (i < p->end && !resumes_at(p, &p->tokens[i]))
        i = step_over(p, i);
    return i;
}

void parse_error(Parse *p, const char *const *expected, int count)
{
    int i = p->last;
    Token *t = &p->tokens[i];
    bool cascade = i <= p->resumed || t->given_up;
    if (p->probing && !cascade) {
        p->fault = i;
        if (p->explaining) {
            p->expected_count = count;
            memcpy(p->expected, expected, (size_t)count * sizeof *expected);
        }
        p->next = p->end;              // the parser gives up at the end of its tokens
        p->put_read = false;
        return;
    }
    p->resumed = p->next = resume_place(p, i);
    p->syncing = p->next < p->end;
    p->put_read = false;
}

void parse_statement(Parse *p, bool looked)
{
    if (p->explaining)                 // with nothing but what stays
        p->tokens[looked ? p->last : p->next].begins = true;
}

void parse_overflow(Parse *p, Span at)
{
    if (!p->probing)
        diag_error(p->diag, at, "E008", "expressions and bodies nested too deep");
}

// --- items and files ----------------------------------------------------------------------------

static void add_item(AstFile *file, Ast *item)
{
    ARENA_PUSH(file->arena, file->items, file->count, file->capacity, item);
}

static bool run(Parse *p, int from, bool probing)
{
    p->next = from;
    p->syncing = p->put_read = false;
    p->resumed = p->fault = -1;
    p->item = NULL;
    p->probing = probing;
    bool good = netparse(p) == 0;
    p->probing = false;
    return good;
}

int parse_probe(Parse *p, int from)
{
    run(p, from, true);
    return p->fault;
}

// Finds, reports and mends the faults of an item, one after the other, so that it parses.
static void mend_item(Parse *p, int from)
{
    while (p->syntax_errors <= MOST_SYNTAX_ERRORS) {
        p->explaining = true;
        int fault = parse_probe(p, from);
        p->explaining = false;
        if (fault < 0)
            return;
        p->syntax_errors++;
        Mend mend = mend_fault(p, from);
        complain(p, mend);
        if (mend.kind == MEND_NONE)
            p->tokens[fault].given_up = true;
    }
}

// Parses the item of [from, p->end). One that cannot be parsed at all becomes an AST_ERROR.
static Ast *parse_item(Parse *p, int from)
{
    mend_item(p, from);
    if (run(p, from, false))
        return p->item;
    Span at = { p->tokens[from].at.start, p->tokens[p->end - 1].at.end };
    return ast_leaf(p, AST_ERROR, at, NULL);
}

static void parse_tokens(Parse *p, AstFile *items)
{
    for (int from = 0; from < p->count; from = p->end) {
        p->end = from + 1;
        while (p->tokens[p->end - 1].kind != TOK_END)
            p->end++;
        Ast *item = parse_item(p, from);
        if (item)
            add_item(items, item);
        if (p->syntax_errors > MOST_SYNTAX_ERRORS)
            return;
    }
}

void parse_source(AstFile *items, char *text, int start, int length)
{
    Parse p = { .arena = items->arena, .diag = items->diag };
    if (!lex_text(&p, text, start, length))
        return;
    lex_lines(&p, text, start);
    if (brackets_balance(&p) && p.count)
        parse_tokens(&p, items);
}
