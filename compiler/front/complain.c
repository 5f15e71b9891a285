// Messages for syntax errors: what was found and expected, and what the slip probably was.
#include "front/parse.h"
#include "base/text.h"
#include "net.tab.h"
#include <string.h>

enum { SHORT_LIST = 5 };              // more expected things are not listed

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

static const char *sign_of(int kind)
{
    static const struct { int kind; const char *sign; } signs[] = {
        { TOK_ARROW, "->" }, { TOK_COMMA, "," }, { TOK_IS_SET, "=" }, { TOK_COLON, ":" },
        { TOK_EQUAL, "==" }, { TOK_ON, "on" }, { TOK_IN, "in" }, { TOK_WITH, "with" },
        { TOK_USE, "use" }, { TOK_LET, "let" }, { TOK_OP, "op" }, { TOK_BLOCK, "block" },
        { TOK_NET, "net" }, { TOK_DATA, "data" }, { TOK_TRAIN, "train" },
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (signs[i].kind == kind)
            return signs[i].sign;
    return "";
}

// A token was put before `t`: shown where the line was left, or at `t` for what begins a stage.
static void complain_missing(Parse *p, const Token *t, int with)
{
    const Token *last = t > p->tokens ? t - 1 : t;
    bool word = with == TOK_ARROW || with == TOK_ON || with == TOK_IN || with == TOK_WITH;
    Span at = t->first && with != TOK_ARROW ? last->at : t->at;
    diag_error(p->diag, at, "E002", "a `%s` is missing %s %s", sign_of(with),
               t->first && with != TOK_ARROW ? "after" : "before",
               spell_found(p, t->first && with != TOK_ARROW ? last : t));
    if (word)
        diag_fix(p->diag, (Span){ t->at.start, t->at.start }, "%s ", sign_of(with));
    else
        diag_fix(p->diag, (Span){ last->at.end, last->at.end }, "%s%s%s", with == TOK_COMMA ? "" : " ",
                 sign_of(with), last->at.end == t->at.start ? " " : "");
}

static void complain_instead(Parse *p, const Token *t, int with)
{
    if (t->kind == TOK_NAME)
        diag_error(p->diag, t->at, "E002", "unknown item `%.70s`; did you mean `%s`?", t->text,
                   sign_of(with));
    else
        diag_error(p->diag, t->at, "E002", "`%s` where `%s` is meant", t->text, sign_of(with));
    diag_fix(p->diag, t->at, "%s", sign_of(with));
}

// What is wrong with the token itself, whatever was expected. False: nothing special.
static bool complain_special(Parse *p, const Token *t)
{
    switch (t->kind) {
    case TOK_LINE_LIST:
        return !diag_error(p->diag, t->at, "E010", "a `[` on a new line does not index the line before");
    case TOK_FLOOR_DIVIDE:
        if (!t->first)
            return false;
        return !diag_error(p->diag, t->at, "E002", "comments begin with `#`");
    case TOK_USE: case TOK_OP: case TOK_BLOCK: case TOK_NET:
        if (t->group < 0)
            return false;
        return !diag_error(p->diag, t->at, "E012", "`%s` stands at the outermost level of a file, not "
                           "within a body", t->text);
    default:
        return false;
    }
}

// Whether something must follow this token.
static bool leaves_open(int kind)
{
    return kind == TOK_ARROW || kind == TOK_IS_SET || kind == TOK_COMMA || kind == TOK_PLUS
        || kind == TOK_MINUS || kind == TOK_TIMES || kind == TOK_DIVIDE || kind == TOK_COLON
        || kind == TOK_POWER || kind == TOK_FLOOR_DIVIDE || kind == TOK_AS || kind == TOK_IS
        || kind == TOK_ON || kind == TOK_LET || kind == TOK_DEFAULT;
}

void complain(Parse *p, Mend mend)
{
    const Token *t = &p->tokens[p->fault], *changed = &p->tokens[mend.token];
    if (line_has_error(p, t) || complain_special(p, t))
        return;
    if (mend.kind == MEND_PUT) {
        complain_missing(p, changed, mend.with);
        return;
    }
    if (mend.kind == MEND_INSTEAD) {
        complain_instead(p, changed, mend.with);
        return;
    }
    bool ends = t->kind == TOK_CLOSE_BODY || t->kind == TOK_CLOSE || t->kind == TOK_CLOSE_LIST
             || t->kind == TOK_END;
    const Token *last = ends ? t - 1 : t - 2;      // `loss =`, and on the next line `epochs = 3`
    if (last >= p->tokens && leaves_open(last->kind) && (ends || t[-1].first)) {
        diag_error(p->diag, last->at, "E002", "something is missing after `%s`", last->text);
        return;
    }
    diag_error(p->diag, t->at, "E002", "unexpected %s%s", spell_found(p, t),
               spell_expected(p, p->expected, p->expected_count));
}
