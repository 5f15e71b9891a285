// What the scanner's matches are worth: names, numbers, dimensions, strings, and bytes that are
// nothing of the language.
#include "front/parse.h"
#include "net.tab.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int lex_word(const Lexer *l, Token *t, const char *text, int length, int kind)
{
    t->text = arena_copy(l->arena, text, (size_t)length);
    if (kind != TOK_NAME && kind != TOK_DOTTED)
        return kind;
    int word = 0;                     // length of the current word
    for (int i = 0; i < length; i++) {
        word = text[i] == '.' ? 0 : word + 1;
        if (word > LIMIT_NAME) {
            diag_error(l->diag, t->at, "E008", "a name of more than %d bytes", LIMIT_NAME);
            t->text = arena_copy(l->arena, text, (size_t)i);
            break;
        }
    }
    return kind;
}

int lex_number(const Lexer *l, Token *t, const char *text, int length)
{
    t->text = arena_copy(l->arena, text, (size_t)length);
    t->number = strtod(t->text, NULL);
    if (isinf(t->number)) {
        diag_error(l->diag, t->at, "E007", "this number is too large");
        t->number = 1;
    }
    return TOK_NUMBER;
}

int lex_bad_number(const Lexer *l, Token *t, const char *text, int length)
{
    t->text = arena_copy(l->arena, text, (size_t)length);
    if (text[0] == '.') {
        diag_error(l->diag, t->at, "E007", "a number begins with a digit");
        diag_fix(l->diag, t->at, "0%s", t->text);
    } else {
        diag_error(l->diag, t->at, "E007", "`%.70s` is neither a number nor a name", t->text);
    }
    t->number = 1;
    return TOK_NUMBER;
}

int lex_dims(const Lexer *l, Token *t, const char *text, int length)
{
    t->text = arena_copy(l->arena, text, (size_t)length);
    t->dims = ARENA_ARRAY(l->arena, int64_t, LIMIT_DIMS);
    for (char *rest = (char *)t->text; *rest; rest += *rest == 'x') {
        errno = 0;
        long long value = strtoll(rest, &rest, 10);
        if (errno || value < 1 || value > INT32_MAX) {
            diag_error(l->diag, t->at, "E006", value == 0 ? "dimension 0 in `%.70s`"
                                                          : "too large a dimension in `%.70s`", t->text);
            value = 1;
        }
        if (t->dim_count == LIMIT_DIMS) {
            diag_error(l->diag, t->at, "E008", "more than %d dimensions", LIMIT_DIMS);
            break;
        }
        t->dims[t->dim_count++] = value;
    }
    return TOK_DIMS;
}

// The content of a string: `text` without its quotes. Only \" and \\ are escapes.
static int make_string(const Lexer *l, Token *t, const char *text, int length)
{
    char *content = arena_alloc(l->arena, (size_t)length + 1);
    int n = 0;
    for (int i = 0; i < length; i++) {
        if (text[i] == '\\' && i + 1 < length) {
            i++;
            if (text[i] != '"' && text[i] != '\\') {
                Span at = { t->at.start + i, t->at.start + i + 2 };
                diag_error(l->diag, at, "E005", "unknown escape: only `\\\"` and `\\\\` are known");
            }
        } else if ((unsigned char)text[i] < ' ') {
            Span at = { t->at.start + 1 + i, t->at.start + 2 + i };
            diag_error(l->diag, at, "E004", "a control character in a string");
            continue;
        }
        content[n++] = text[i];
    }
    t->text = content;
    return TOK_TEXT;
}

int lex_string(const Lexer *l, Token *t, const char *text, int length)
{
    return make_string(l, t, text + 1, length - 2);
}

int lex_open_string(const Lexer *l, Token *t, const char *text, int length, int *used)
{
    // The string probably ends where the line goes on as it would behind a string.
    int end = 1;
    while (end < length && !strchr("),]};\r", text[end])
           && !(text[end] == '-' && end + 1 < length && text[end + 1] == '>'))
        end++;
    while (end > 1 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    *used = end;
    t->at.end = t->at.start + end;
    if (end == 1) {
        diag_error(l->diag, t->at, "E005", "this `\"` has no partner on its line");
        return 0;
    }
    diag_error(l->diag, t->at, "E005", "this string does not end on its line");
    diag_fix(l->diag, (Span){ t->at.end, t->at.end }, "\"");
    return make_string(l, t, text + 1, end - 1);
}

// What is written elsewhere, and how here. kind 0: as if it were not there.
static const struct { const char *text; int kind; const char *here; } foreign[] = {
    { "=>", TOK_ARROW, "->" },            { "\xe2\x86\x92", TOK_ARROW, "->" },      // U+2192
    { "\xe2\x87\x92", TOK_ARROW, "->" },  { "\xe2\x88\x92", TOK_MINUS, "-" },       // U+21d2 U+2212
    { "\xe2\x80\x93", TOK_MINUS, "-" },   { "\xe2\x80\x94", TOK_MINUS, "-" },       // U+2013 U+2014
    { "\xc3\x97", 0, "x" },               { "\xe2\x80\x9c", 0, "\"" },              // U+00d7 U+201c
    { "\xe2\x80\x9d", 0, "\"" },          { "\xe2\x89\xa4", TOK_AT_MOST, "<=" },    // U+201d U+2264
    { "\xe2\x89\xa5", TOK_AT_LEAST, ">=" }, { "\xe2\x89\xa0", TOK_NOT_EQUAL, "!=" }, // U+2265 U+2260
    { "\xc2\xa0", 0, " " },               { "&&", TOK_AND, "and" },                 // U+00a0
    { "||", TOK_OR, "or" },               { "!", TOK_NOT, "not " },
    { ":=", TOK_IS_SET, "=" },            { "**", TOK_POWER, "^" },
};

int lex_strange(const Lexer *l, Token *t, const char *text, int length)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if ((int)strlen(foreign[i].text) != length || memcmp(foreign[i].text, text, (size_t)length))
            continue;
        diag_error(l->diag, t->at, "E004", "`%s` is written `%s` here", foreign[i].text,
                   foreign[i].here);
        diag_fix(l->diag, t->at, "%s", foreign[i].here);
        t->text = foreign[i].here;
        return foreign[i].kind;
    }
    if (text[0] == '/')
        diag_error(l->diag, t->at, "E004", "comments begin with `#` and end with their line");
    else if (text[0] == 0)
        diag_error(l->diag, t->at, "E004", "zero bytes in the text");
    else
        diag_error(l->diag, t->at, "E004", "`%.*s` means nothing here", length < 24 ? length : 24, text);
    return 0;
}

void lex_lines(Parse *p, const char *text, int start)
{
    int at = 0, line = 1, column = 0, indent = 0;
    bool first = true;
    for (int i = 0; i < p->count; i++) {
        Token *t = &p->tokens[i];
        for (; at < t->at.start - start; at++) {
            if (text[at] == '\n')
                line++, column = 0, first = true;
            else
                column = text[at] == '\t' ? column / 8 * 8 + 8 : column + 1;
        }
        if (first)
            indent = column;
        t->line = line;
        t->indent = indent;
        t->first = first;
        first = false;
        if (t->first && t->kind == TOK_OPEN_LIST)
            t->kind = TOK_LINE_LIST;
    }
}
