// Diagnostics: what is wrong with the user's files, where, and what would mend it.
// Collected in order, printed by whoever asked for the compilation (never by the library).
#ifndef BASE_DIAG_H
#define BASE_DIAG_H
#include "base/arena.h"
#include <stdbool.h>
#include <stdio.h>

// A piece of source text: byte offsets into the joint text of all sources of a compilation,
// [start, end). Line, column and caret are computed when a message is printed.
typedef struct { int start, end; } Span;
#define NO_SPAN ((Span){-1, -1})

typedef struct {
    const char *path;        // as the user wrote it, or as `use` resolved it
    const char *text;        // zero-terminated
    int         start;       // offset of its first byte in the joint numbering
    int         length;
} Source;

typedef struct {
    const char *path;
    int         line, column;          // 1-based; column counts bytes
    const char *text;                  // the whole line, without its newline
    int         text_length;
} Place;

typedef enum { DIAG_ERROR, DIAG_WARNING } DiagKind;

typedef struct DiagNote {
    Span             at;               // NO_SPAN: a detail line ("= 54 = floor(...)")
    const char      *text;
    struct DiagNote *next;
} DiagNote;

typedef struct Diagnostic {
    DiagKind           kind;
    const char        *code;           // "E207": a row of base/diag_codes.def
    Span               at;
    const char        *text;
    DiagNote          *notes;          // in the order they were added
    const char        *help;           // advice in words, or NULL
    const char        *fix;            // text that would replace `fix_at` and parse, or NULL
    Span               fix_at;
    struct Diagnostic *next;
} Diagnostic;

enum { DIAG_MOST_ERRORS = 20 };        // further ones are counted, not kept

typedef struct Diag {
    Arena      *arena;
    Source     *sources;
    int         source_count, source_capacity;
    Diagnostic *first, *last;
    Diagnostic *open;                  // the one that notes and helps go to; NULL after a dropped one
    int         errors, warnings;      // all of them, dropped ones included
} Diag;

void diag_open(Diag *d, Arena *arena);
// Registers a text (kept by reference). Returns the offset of its first byte in the joint numbering.
int  diag_add_source(Diag *d, const char *path, const char *text, int length);

// Each returns false, so that a caller can `return diag_error(...)`. An error whose span equals
// that of an earlier one is dropped (it would be a cascade), and so is one about the meaning of a
// line that has a syntax error (E0xx).
bool diag_error(Diag *d, Span at, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// Whether an error here would be dropped like that, with all that would be added to it: for callers
// whose text is dear to make.
bool diag_mutes(Diag *d, Span at, const char *code);
void diag_warning(Diag *d, Span at, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// These add to the last error or warning.
void diag_note(Diag *d, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_detail(Diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_help(Diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// `text` put in place of `at` mends the error; printed as a help line and given in --json.
void diag_fix(Diag *d, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

Place diag_place(const Diag *d, Span at);
// The place and its line with a caret below the span, as under a message; for reports.
void  diag_show(const Diag *d, Span at, FILE *out, bool colour);
// The format of docs/language.md: file:line:col: error[E207]: text, the line, a caret, notes, help.
void  diag_print(const Diag *d, FILE *out, bool colour);
void  diag_print_json(const Diag *d, FILE *out);
// The paragraph behind a code, for `cleave explain E207`; NULL if there is no such code.
const char *diag_explain(const char *code);
#endif
