// Between text and syntax tree: tokens, what the scanner (grammar/net.l) and the parser
// (grammar/net.y) call. A file is scanned into an array of tokens, its brackets are made to balance,
// then it is parsed item by item.
#ifndef FRONT_PARSE_H
#define FRONT_PARSE_H
#include "front/ast.h"
#include "front/limits.h"
#include <stdbool.h>

typedef struct Token {
    int         kind;          // TOK_ of the generated net.tab.h
    Span        at;            // in the joint numbering; empty for a token that was put in
    const char *text;          // names, numbers and operators as written; a string's content
    double      number;
    int64_t    *dims;
    int         dim_count;
    int         line;          // 1-based
    int         indent;        // column of the first token of this line, 0-based, tab stops of 8
    bool        first;         // on its line
    int         partner;       // of a bracket: the index of the other one; set by brackets_balance,
    int         group;         // like this one: the bracket that this token lies in, -1: in none
    // What front/mend.c did to the text here:
    int         put;           // a token of this kind is read before this one; 0: none
    int         instead;       // this kind is read for this one; 0: its own; TOK_CUT: none
    bool        given_up;      // a syntax error here was reported, nothing mends it
    // So that probes need not read all again:
    bool        begins;        // the statements before it, in the same body, were read to their ends
    int         enter_at;      // of a `{`: probes go on at this one, which begins; 0: at its first
} Token;

enum { TOK_CUT = -1 };

enum { MOST_EXPECTED = 40 };

typedef struct Parse {
    Arena *arena;
    Diag  *diag;
    Token *tokens;             // of the whole file; the last one is TOK_END
    int    count, capacity;
    int    next;               // the parser reads this one next
    int    last;               // it read this one last, or what was put before it
    int    end;                // and this one no more: the end of the item
    bool   syncing;            // hand out TOK_SYNC before the next one
    bool   put_read;           // what is put before the next one was read
    int    resumed;            // the token behind the last TOK_SYNC; -1: none yet in this item
    bool   probing;            // build no tree, say nothing, stop at the first fault
    int    fault;              // where that was, -1: nowhere
    bool   explaining;         // tell with what the parser could have gone on there (dear to find out):
    const char *expected[MOST_EXPECTED];
    int    expected_count;
    long   work;               // tokens read while probing
    int    syntax_errors;      // in this file, those not reported included
    bool   too_deep;           // LIMIT_TREE was reported
    Ast   *item;               // the parser's result; NULL for an empty one
    Ast    nothing;            // what all nodes are while probing
} Parse;

// --- scanning: grammar/net.l and front/lexis.c --------------------------------------------------

typedef struct Lexer {
    Arena      *arena;
    Diag       *diag;
    const char *text;          // of the file, two zero bytes behind its `length`
    int         start;         // of the text in the joint numbering
    int         length;
} Lexer;

// Fills `tokens` from a text that is followed by two zero bytes (which the scanner writes to and
// restores). Brackets are as written. False after too many tokens (reported).
bool lex_text(Parse *p, char *text, int start, int length);
// Fills line, indent and first of every token; a `[` that is first on its line becomes TOK_LINE_LIST.
void lex_lines(Parse *p, const char *text, int start);
// The scanner's helpers: each makes a token of the matched text and returns its kind; 0: no token.
int  lex_word(const Lexer *l, Token *t, const char *text, int length, int kind);
int  lex_number(const Lexer *l, Token *t, const char *text, int length);
int  lex_dims(const Lexer *l, Token *t, const char *text, int length);
int  lex_string(const Lexer *l, Token *t, const char *text, int length);
int  lex_bad_number(const Lexer *l, Token *t, const char *text, int length);
// A string that does not end on its line. `used` gets how many bytes of it are taken as the string.
int  lex_open_string(const Lexer *l, Token *t, const char *text, int length, int *used);
// Bytes that mean nothing, or something that other languages write: `=>`, `&&`, typographic signs.
int  lex_strange(const Lexer *l, Token *t, const char *text, int length);

// --- brackets: front/brackets.c -----------------------------------------------------------------

// Puts TOK_END behind every item and makes brackets balance within each: missing ones are put in,
// surplus ones taken out, both reported. False when they are nested too deep (reported).
bool brackets_balance(Parse *p);

// --- parsing: grammar/net.y and front/parse.c ---------------------------------------------------

// Adds the items of a text (two zero bytes behind it, writable) to `items`.
void parse_source(AstFile *items, char *text, int start, int length);
// Reads the item of [from, p->end) without building it, up to the first syntax error that was not
// given up: p->fault, and it is returned; -1: there is none.
int  parse_probe(Parse *p, int from);
// Called by the generated parser on a syntax error at the token it read last; `expected` is empty
// unless p->explaining.
void parse_error(Parse *p, const char *const *expected, int count);
// Called by it when it has read a statement; whether it has looked at the token behind, too.
void parse_statement(Parse *p, bool looked);
// Called by it when its stack is full.
void parse_overflow(Parse *p, Span at);

// --- mistakes: front/mend.c, front/complain.c ---------------------------------------------------

// One small change of the text at a fault.
typedef enum { MEND_NONE, MEND_PUT, MEND_INSTEAD, MEND_CUT } MendKind;
typedef struct {
    MendKind kind;
    int      token;            // put before this one, or this one replaced or cut
    int      with;             // TOK_
} Mend;

// Finds the change by which the item that begins at `from` reads on furthest beyond p->fault, and
// leaves it made. MEND_NONE: none helps.
Mend mend_fault(Parse *p, int from);
// Reports p->fault and how it was mended.
void complain(Parse *p, Mend mend);

// --- building the tree: front/ast.c -------------------------------------------------------------

#define AST_MAKE(kind, at, name, ...)                                                          \
    ast_make(p, kind, at, name, (Ast *[]){ __VA_ARGS__ },                                       \
             (int)(sizeof((Ast *[]){ __VA_ARGS__ }) / sizeof(Ast *)))

Ast *ast_leaf(Parse *p, AstKind kind, Span at, const Token *t);      // text, number, dims of `t`
Ast *ast_make(Parse *p, AstKind kind, Span at, const Token *name, Ast **children, int count);
Ast *ast_append(Parse *p, Ast *list, Ast *node);                     // returns `list`
Ast *ast_over(Parse *p, AstKind kind, Span at, const Token *name, Ast *list);    // takes its children
Ast *ast_pipe(Parse *p, Span at, Ast *pipe, Ast *stage);
Ast *ast_tail(Parse *p, Span at, Ast *term, Ast *tail);
Ast *ast_each(Parse *p, Span at, Ast *names, Ast *over, Ast *body);              // for
Ast *ast_every(Parse *p, Span at, const Token *number, const Token *unit, Ast *body);
Ast *ast_op(Parse *p, Span at, const Token *name, Ast *params, Ast *indices, Ast *formula);
Ast *ast_net(Parse *p, Span at, const Token *name, Ast *params, Ast *inputs, Ast *outputs, Ast *body);
// block, data, train, a derived net: `other` is the second name or NULL.
Ast *ast_item(Parse *p, AstKind kind, Span at, const Token *name, Ast *params, const Token *other,
              Ast *body);
#endif
