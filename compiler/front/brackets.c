// Makes the brackets of a token array balance, item by item, so that one missing `}` is one message
// and the parser never loses its place. In balanced text nothing is changed but that TOK_END is put
// behind every item. Where brackets are missing or surplus, lines and indentation tell where.
#include "front/parse.h"
#include "net.tab.h"
#include <string.h>

enum { ROUND, SQUARE, CURLY, BRACKET_KINDS };

typedef struct {
    int  out;                  // its index in the new array
    int  kind;
    int  line, indent;         // of the line that it stands on
    bool dangling;             // not closed on its line, though it is not the last token there
} Open;

typedef struct {
    Parse *p;
    Token *in;                 // the tokens as scanned
    Token *out;
    int    count, capacity;
    Open   open[LIMIT_NESTING];
    int    depth;
    int    missing[BRACKET_KINDS];    // closing brackets that the item lacks; negative: has too many
    bool   repair;             // the item does not balance
} Balance;

static const char *const opening_text[] = { "(", "[", "{" };
static const char *const closing_text[] = { ")", "]", "}" };
static const int closing_kind[] = { TOK_CLOSE, TOK_CLOSE_LIST, TOK_CLOSE_BODY };

static int opens(int kind)
{
    return kind == TOK_OPEN ? ROUND : kind == TOK_OPEN_LIST || kind == TOK_LINE_LIST ? SQUARE
         : kind == TOK_OPEN_BODY ? CURLY : -1;
}

static int closes(int kind)
{
    return kind == TOK_CLOSE ? ROUND : kind == TOK_CLOSE_LIST ? SQUARE
         : kind == TOK_CLOSE_BODY ? CURLY : -1;
}

// Whether an item begins at token `i`, given that a statement or item may begin there. `let` is
// both; `train` and `data` are words of their own unless a name follows.
static bool begins_item(const Token *t)
{
    switch (t->kind) {
    case TOK_USE: case TOK_OP: case TOK_BLOCK: case TOK_NET:
        return true;
    case TOK_TRAIN: case TOK_DATA:
        return t[1].kind == TOK_NAME && !t[1].first;
    default:
        return false;
    }
}

// The end of the item that begins at `from`: the next keyword of an item at the start of a line
// that is not indented further, whatever the brackets say.
static int item_end(const Balance *b, int from)
{
    int i = from + 1;
    while (b->in[i].kind != TOK_END
           && !(b->in[i].first && b->in[i].indent <= b->in[from].indent && begins_item(&b->in[i])))
        i++;
    return i;
}

// Whether the brackets of [from, to) balance as they are; counts what is missing. The depth is
// checked here for all items, before anything is repaired.
static bool measure(Balance *b, int from, int to)
{
    int stack[LIMIT_NESTING], depth = 0;
    bool good = true;
    memset(b->missing, 0, sizeof b->missing);
    for (int i = from; i < to; i++) {
        int o = opens(b->in[i].kind), c = closes(b->in[i].kind);
        if (o >= 0) {
            b->missing[o]++;
            if (depth < LIMIT_NESTING)
                stack[depth] = o;
            depth++;
        } else if (c >= 0) {
            b->missing[c]--;
            if (depth == 0 || (depth <= LIMIT_NESTING && stack[depth - 1] != c))
                good = false;
            depth -= depth > 0;
        }
    }
    return good && depth == 0;
}

static void put(Balance *b, Token t)
{
    t.partner = -1;
    t.group = b->depth ? b->open[b->depth - 1].out : -1;
    ARENA_PUSH(b->p->arena, b->out, b->count, b->capacity, t);
}

// The place right behind the last token that was really there.
static Span behind_last(const Balance *b)
{
    int end = b->count ? b->out[b->count - 1].at.end : b->in[0].at.start;
    return (Span){ end, end };
}

static void end_item(Balance *b, const Token *next)
{
    if (b->count == 0 || b->out[b->count - 1].kind == TOK_END)
        return;
    Token end = *next;
    end.kind = TOK_END;
    end.at = behind_last(b);
    put(b, end);
}

static void pop(Balance *b, Token closing)
{
    put(b, closing);
    int open = b->open[--b->depth].out;
    b->out[open].partner = b->count - 1;
    b->out[b->count - 1].partner = open;
}

// Puts in the closing bracket that the innermost open one lacks and says so at the open one.
static void close_missing(Balance *b, const Token *before)
{
    Open o = b->open[b->depth - 1];
    Span at = b->out[o.out].at, place = behind_last(b);
    diag_error(b->p->diag, at, "E003", "this `%s` is not closed", opening_text[o.kind]);
    if (before->line == o.line)
        diag_fix(b->p->diag, place, "%s", closing_text[o.kind]);
    else if (before->kind == TOK_END)
        diag_note(b->p->diag, place, "the file ends here");
    else
        diag_note(b->p->diag, before->at, "a `%s` is missing before this", closing_text[o.kind]);
    Token closing = *before;
    closing.kind = closing_kind[o.kind];
    closing.text = closing_text[o.kind];
    closing.at = place;
    b->missing[o.kind]--;
    pop(b, closing);
}

static void drop_surplus(Balance *b, const Token *t, int kind)
{
    diag_error(b->p->diag, t->at, "E003", "no `%s` is open that this `%s` could close",
               opening_text[kind], closing_text[kind]);
    diag_fix(b->p->diag, t->at, "%s", "");
    b->missing[kind]++;
}

// Whether more than white space follows the bracket on its line and it is not closed there.
static bool dangles(const Token *t)
{
    int kind = opens(t->kind), depth = 0;
    if (t[1].first || t[1].kind == TOK_END)
        return false;
    for (const Token *u = t; u->kind != TOK_END && (u == t || !u->first); u++) {
        depth += (opens(u->kind) == kind) - (closes(u->kind) == kind);
        if (depth == 0)
            return false;
    }
    return true;
}

static bool push(Balance *b, const Token *t)
{
    if (b->depth == LIMIT_NESTING)
        return diag_error(b->p->diag, t->at, "E008", "brackets nested more than %d deep", LIMIT_NESTING);
    Open o = { .out = b->count, .kind = opens(t->kind), .line = t->line, .indent = t->indent,
               .dangling = b->repair && dangles(t) };
    put(b, *t);
    b->open[b->depth++] = o;
    return true;
}

// Whether the line or the list of arguments goes on behind this token.
static bool goes_on(int kind)
{
    return kind == TOK_COMMA || kind == TOK_ARROW || kind == TOK_IS_SET || opens(kind) >= 0;
}

// Whether the innermost open bracket, one that lacks a partner, was meant to end before `t`.
static bool ended_before(const Balance *b, const Token *t)
{
    const Open *o = &b->open[b->depth - 1];
    if (b->missing[o->kind] <= 0)
        return false;
    if (o->kind == CURLY) {
        if (!t->first)
            return false;
        if (t->kind == TOK_CLOSE_BODY)
            return t->indent < o->indent || (o->dangling && b->missing[CURLY] > 0);
        return t->indent <= o->indent || o->dangling;
    }
    if (t->line != o->line)
        return t->first && (t->kind == TOK_ARROW || !goes_on(b->out[b->count - 1].kind));
    return o->dangling && (t->kind == TOK_ARROW || t->kind == TOK_OPEN_BODY || t->kind == TOK_AS
                           || t->kind == TOK_IS || t->kind == TOK_ON || t->kind == TOK_SEMICOLON);
}

static bool is_open(const Balance *b, int kind)
{
    for (int i = b->depth; i-- > 0;)
        if (b->open[i].kind == kind)
            return true;
    return false;
}

// Whether this `}` closes more than it should, in an item that has too many of them.
static bool closes_too_much(const Balance *b, const Token *t, int end)
{
    const Open *o = &b->open[b->depth - 1];
    if (o->kind != CURLY || b->missing[CURLY] >= 0)
        return false;
    if (t->first && t->indent > o->indent && t->line != o->line)
        return true;
    for (const Token *u = t + 1; b->depth == 1 && u < b->in + end; u++)
        if (u->kind != TOK_SEMICOLON)
            return true;
    return false;
}

static void take_closing(Balance *b, const Token *t, int kind, int end)
{
    if (!b->repair) {
        pop(b, *t);
        return;
    }
    if (!is_open(b, kind) || (kind == CURLY && closes_too_much(b, t, end))) {
        drop_surplus(b, t, kind);
        return;
    }
    // A round bracket does not end the body around it unless a `}` really lacks.
    if (kind != CURLY && b->open[b->depth - 1].kind == CURLY && b->missing[CURLY] <= 0) {
        drop_surplus(b, t, kind);
        return;
    }
    while (b->open[b->depth - 1].kind != kind)
        close_missing(b, t);
    pop(b, *t);
}

// Copies the item of [from, to).
static bool balance_item(Balance *b, int from, int to)
{
    b->repair = !measure(b, from, to);
    for (int i = from; i < to; i++) {
        const Token *t = &b->in[i];
        while (b->repair && b->depth && ended_before(b, t))
            close_missing(b, t);
        if (b->depth == 0 && i > from && (begins_item(t) || t->kind == TOK_LET))
            end_item(b, t);
        int kind = closes(t->kind);
        if (opens(t->kind) >= 0) {
            if (!push(b, t))
                return false;
        } else if (kind >= 0) {
            take_closing(b, t, kind, to);
        } else {
            put(b, *t);
        }
    }
    while (b->depth)
        close_missing(b, &b->in[to]);
    end_item(b, &b->in[to]);
    return true;
}

bool brackets_balance(Parse *p)
{
    Balance b = { .p = p, .in = p->tokens };
    for (int from = 0, to; b.in[from].kind != TOK_END; from = to) {
        to = item_end(&b, from);
        if (!balance_item(&b, from, to))
            return false;
    }
    p->tokens = b.out;
    p->count = b.count;
    return true;
}
