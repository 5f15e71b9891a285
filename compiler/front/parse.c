// Reads files and what they `use`, parses them item by item, says what is wrong with their syntax
// and where the parser goes on.
#include "front/parse.h"
#include "front/files.h"
#include "front/front.h"
#include "net.tab.h"
#include <string.h>

enum { MOST_SYNTAX_ERRORS = 100, SHORT_LIST = 5 };    // of a file, kept or not; of expected tokens

// --- the tokens as the parser sees them ---------------------------------------------------------

int netlex(NETSTYPE *value, Span *at, Parse *p)
{
    if (p->next >= p->end) {
        *at = (Span){ p->tokens[p->end - 1].at.end, p->tokens[p->end - 1].at.end };
        return 0;
    }
    const Token *t = &p->tokens[p->next];
    *at = t->at;
    if (p->syncing) {
        p->syncing = false;
        at->end = at->start;
        return TOK_SYNC;
    }
    p->next++;
    // Every token that carries a value carries itself; the union's members are alike.
    value->TOK_NAME = t;
    return t->kind;
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

// --- messages -----------------------------------------------------------------------------------

// What stands in a message for a token: `->`, a name, ...
static const char *spell(Parse *p, const char *name)
{
    bool words = strncmp(name, "a ", 2) == 0 || strncmp(name, "the ", 4) == 0
              || strcmp(name, "dimensions") == 0;
    return words ? name : arena_printf(p->arena, "`%s`", name);
}

static const char *spell_found(Parse *p, const Token *t)
{
    switch (t->kind) {
    case TOK_END:  return t == &p->tokens[p->count - 1] ? "the end of the file" : "the end of the item";
    case TOK_TEXT: return "a string";
    default:       return arena_printf(p->arena, "`%.70s`", t->text);
    }
}

// Continuations that are nearly always possible say nothing; left out when others remain.
static bool is_always_possible(const char *name)
{
    static const char *const names[] = {
        "or", "and", "==", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "//", "%", "^", "?",
        "as", "is", "on", "the end of the item", ";", "[ on a new line",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

// "; expected `,` or `)`", or nothing when the list is long.
static const char *spell_expected(Parse *p, const char *const *expected, int count)
{
    const char *kept[SHORT_LIST];
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (is_always_possible(expected[i]))
            continue;
        if (n == SHORT_LIST)
            return "";
        kept[n++] = spell(p, expected[i]);
    }
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(p->arena, "%s%s%s", text, i == 0 ? "; expected " : i == n - 1 ? " or " : ", ",
                            kept[i]);
    return text;
}

// Whether something on the line of this token was reported already.
static bool line_has_error(const Parse *p, const Token *t)
{
    Place here = diag_place(p->diag, t->at);
    for (const Diagnostic *e = p->diag->first; e; e = e->next)
        if (e->kind == DIAG_ERROR && diag_place(p->diag, e->at).text == here.text)
            return true;
    return false;
}

void parse_error(Parse *p, const char *const *expected, int count)
{
    int i = p->next - 1;
    const Token *t = &p->tokens[i];
    bool cascade = i <= p->resumed || ++p->syntax_errors > MOST_SYNTAX_ERRORS;
    if (!cascade && !line_has_error(p, t)) {
        diag_error(p->diag, t->at, "E002", "unexpected %s%s", spell_found(p, t),
                   spell_expected(p, expected, count));
    }
    p->resumed = p->next = resume_place(p, i);
    p->syncing = p->next < p->end;
    if (p->syntax_errors > MOST_SYNTAX_ERRORS)
        p->next = p->end;
}

void parse_overflow(Parse *p, Span at)
{
    diag_error(p->diag, at, "E008", "expressions and bodies nested too deep");
}

// --- items and files ----------------------------------------------------------------------------

static void add_item(AstFile *file, Ast *item)
{
    ARENA_PUSH(file->arena, file->items, file->count, file->capacity, item);
}

// Parses the item of [from, p->end). One that cannot be parsed at all becomes an AST_ERROR.
static Ast *parse_item(Parse *p, int from)
{
    p->next = from;
    p->syncing = false;
    p->resumed = -1;
    p->item = NULL;
    if (netparse(p) == 0)
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

// A text to items. Its tokens are gone afterwards only with the arena.
static void parse_source(AstFile *items, char *text, int start, int length)
{
    Parse p = { .arena = items->arena, .diag = items->diag };
    if (!lex_text(&p, text, start, length))
        return;
    lex_lines(&p, text, start);
    if (brackets_balance(&p) && p.count)
        parse_tokens(&p, items);
}

// --- files that use files -----------------------------------------------------------------------

typedef struct {
    AstFile     *file;
    const char  *paths[LIMIT_FILES];   // read already
    int          path_count;
} Reading;

static bool is_read_already(const Reading *r, const char *path)
{
    for (int i = 0; i < r->path_count; i++)
        if (!strcmp(r->paths[i], path))
            return true;
    return false;
}

static void read_used(Reading *r, const char *from, const Ast *use);

// The items of the files that this one uses come before its own.
static void read_text(Reading *r, const char *path, char *text, int length)
{
    AstFile own = { .arena = r->file->arena, .diag = r->file->diag };
    r->paths[r->path_count++] = path;
    parse_source(&own, text, diag_add_source(own.diag, path, text, length), length);
    for (int i = 0; i < own.count; i++)
        if (own.items[i]->kind == AST_USE)
            read_used(r, path, own.items[i]);
    for (int i = 0; i < own.count; i++)
        add_item(r->file, own.items[i]);
}

static void read_used(Reading *r, const char *from, const Ast *use)
{
    if (!use->text)
        return;
    const char *path = file_beside(r->file->arena, from, use->text);
    if (is_read_already(r, path))
        return;
    if (r->path_count == LIMIT_FILES) {
        diag_error(r->file->diag, use->at, "E008", "more than %d files are used", LIMIT_FILES);
        return;
    }
    int length;
    char *text = file_read(r->file->arena, r->file->diag, path, use->name_at, &length);
    if (text)
        read_text(r, path, text, length);
}

static AstFile *new_file(Arena *arena, Diag *diag)
{
    AstFile *file = ARENA_NEW(arena, AstFile);
    *file = (AstFile){ .arena = arena, .diag = diag };
    return file;
}

AstFile *front_parse(Arena *arena, Diag *diag, const char *path)
{
    int length;
    char *text = file_read(arena, diag, path, NO_SPAN, &length);
    if (!text)
        return NULL;
    Reading r = { .file = new_file(arena, diag) };
    read_text(&r, path, text, length);
    return r.file;
}

AstFile *front_parse_text(Arena *arena, Diag *diag, const char *path, const char *text, int length)
{
    if (length < 0 || length > LIMIT_FILE_BYTES) {
        diag_error(diag, NO_SPAN, "E008", "`%s` is larger than 4 MiB", path);
        return NULL;
    }
    char *copy = arena_alloc(arena, (size_t)length + 2);
    memcpy(copy, text, (size_t)length);
    Reading r = { .file = new_file(arena, diag) };
    read_text(&r, path, copy, length);
    return r.file;
}
