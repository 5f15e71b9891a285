// Collects diagnostics and prints them: for people with the line and a caret, for programs as JSON.
#include "base/diag.h"
#include "base/text.h"
#include <string.h>

void diag_open(Diag *d, Arena *arena)
{
    *d = (Diag){ .arena = arena };
}

int diag_add_source(Diag *d, const char *path, const char *text, int length)
{
    int start = 0;
    if (d->source_count) {
        const Source *last = &d->sources[d->source_count - 1];
        start = last->start + last->length + 1;       // the end of a file has an offset of its own
    }
    Source s = { .path = path, .text = text, .start = start, .length = length };
    ARENA_PUSH(d->arena, d->sources, d->source_count, d->source_capacity, s);
    return start;
}

static bool same_span(Span a, Span b)
{
    return a.start == b.start && a.end == b.end;
}

static const Source *source_of(const Diag *d, int offset)
{
    for (int i = 0; i < d->source_count; i++) {
        const Source *s = &d->sources[i];
        if (offset >= s->start && offset <= s->start + s->length)
            return s;
    }
    return NULL;
}

enum { NEAR = 4096 };                 // bytes; further apart nothing is one line for is_cascade

static bool on_one_line(const Diag *d, int a, int b)
{
    int from = a < b ? a : b, to = a < b ? b : a;
    const Source *s = source_of(d, from);
    return s && to - from < NEAR && to <= s->start + s->length
        && !memchr(s->text + (from - s->start), '\n', (size_t)(to - from));
}

// What was said of this very place, or what a line that does not parse cannot mean.
static bool is_cascade(const Diag *d, Span at, const char *code)
{
    if (at.start < 0)
        return false;
    for (const Diagnostic *e = d->first; e; e = e->next) {
        if (e->kind != DIAG_ERROR || e->at.start < 0)
            continue;
        if (same_span(e->at, at))
            return true;
        bool syntax = strncmp(e->code, "E0", 2) == 0;
        bool meant = strncmp(code, "E0", 2) != 0 || strcmp(code, "E011") == 0;
        if (syntax && meant && on_one_line(d, e->at.start, at.start))
            return true;
    }
    return false;
}

static void add(Diag *d, DiagKind kind, Span at, const char *code, const char *text)
{
    Diagnostic *e = ARENA_NEW(d->arena, Diagnostic);
    *e = (Diagnostic){ .kind = kind, .code = code, .at = at, .text = text, .fix_at = NO_SPAN };
    if (d->last)
        d->last->next = e;
    else
        d->first = e;
    d->last = d->open = e;
}

bool diag_mutes(Diag *d, Span at, const char *code)
{
    d->open = NULL;
    return is_cascade(d, at, code);
}

bool diag_error(Diag *d, Span at, const char *code, const char *fmt, ...)
{
    if (diag_mutes(d, at, code) || ++d->errors > DIAG_MOST_ERRORS)
        return false;
    va_list args;
    va_start(args, fmt);
    add(d, DIAG_ERROR, at, code, arena_vprintf(d->arena, fmt, args));
    va_end(args);
    return false;
}

void diag_warning(Diag *d, Span at, const char *code, const char *fmt, ...)
{
    d->open = NULL;
    if (++d->warnings > DIAG_MOST_ERRORS)
        return;
    va_list args;
    va_start(args, fmt);
    add(d, DIAG_WARNING, at, code, arena_vprintf(d->arena, fmt, args));
    va_end(args);
}

static void add_note(Diag *d, Span at, const char *text)
{
    DiagNote *note = ARENA_NEW(d->arena, DiagNote);
    *note = (DiagNote){ .at = at, .text = text };
    DiagNote **end = &d->open->notes;
    while (*end)
        end = &(*end)->next;
    *end = note;
}

void diag_note(Diag *d, Span at, const char *fmt, ...)
{
    if (!d->open)
        return;
    va_list args;
    va_start(args, fmt);
    add_note(d, at, arena_vprintf(d->arena, fmt, args));
    va_end(args);
}

void diag_detail(Diag *d, const char *fmt, ...)
{
    if (!d->open)
        return;
    va_list args;
    va_start(args, fmt);
    add_note(d, NO_SPAN, arena_vprintf(d->arena, fmt, args));
    va_end(args);
}

void diag_help(Diag *d, const char *fmt, ...)
{
    if (!d->open)
        return;
    va_list args;
    va_start(args, fmt);
    d->open->help = arena_vprintf(d->arena, fmt, args);
    va_end(args);
}

void diag_fix(Diag *d, Span at, const char *fmt, ...)
{
    if (!d->open)
        return;
    va_list args;
    va_start(args, fmt);
    d->open->fix = arena_vprintf(d->arena, fmt, args);
    d->open->fix_at = at;
    va_end(args);
}

Place diag_place(const Diag *d, Span at)
{
    const Source *s = source_of(d, at.start);
    if (!s)
        return (Place){ .path = d->source_count ? d->sources[0].path : "", .text = "" };
    int offset = at.start - s->start, line = 1, begin = 0;
    const char *found;
    while (offset > begin && (found = memchr(s->text + begin, '\n', (size_t)(offset - begin))))
        line++, begin = (int)(found - s->text) + 1;
    found = s->length > begin ? memchr(s->text + begin, '\n', (size_t)(s->length - begin)) : NULL;
    int end = found ? (int)(found - s->text) : s->length;
    if (end > begin && s->text[end - 1] == '\r')
        end--;
    return (Place){ .path = s->path, .line = line, .column = offset - begin + 1,
                    .text = s->text + begin, .text_length = end - begin };
}

// --- for people ---------------------------------------------------------------------------------

typedef struct { const char *bold, *red, *yellow, *blue, *green, *off; } Colours;
static const Colours plain = { "", "", "", "", "", "" };
static const Colours vivid = { "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[1;32m",
                               "\033[0m" };

enum { WIDEST_LINE = 160, LINE_BEFORE = 60 };      // bytes shown of a long line, and before the caret

static int least(int a, int b)
{
    return a < b ? a : b;
}

static bool starts_sequence(char c)
{
    return (c & 0xc0) != 0x80;
}

static void print_safe(FILE *out, const char *text)
{
    text_print_safe(out, text, (int)strlen(text));
}

static void print_place(const Diag *d, Span at, FILE *out, const Colours *c)
{
    Place p = diag_place(d, at);
    if (!*p.path)
        return;                       // not even the first file could be read
    fputs(c->bold, out);
    print_safe(out, p.path);
    if (p.line)
        fprintf(out, ":%d:%d", p.line, p.column);
    fprintf(out, ": %s", c->off);
}

// The line of `at`, numbered, with a caret below each byte of the span that lies on this line.
static void print_line(const Diag *d, Span at, FILE *out, const Colours *c, const char *colour)
{
    Place p = diag_place(d, at);
    if (!p.line)
        return;
    int column = least(p.column - 1, p.text_length), from = 0, to = p.text_length;
    if (p.text_length > WIDEST_LINE) {
        from = column > LINE_BEFORE ? column - LINE_BEFORE : 0;
        while (from > 0 && !starts_sequence(p.text[from]))
            from--;
        to = least(p.text_length, from + WIDEST_LINE);
    }
    fprintf(out, "%s%5d |%s %s", c->blue, p.line, c->off, from ? "..." : "");
    text_print_safe(out, p.text + from, to - from);
    fprintf(out, "%s\n%s      |%s ", to < p.text_length ? "..." : "", c->blue, c->off);
    int before = text_columns_safe(p.text + from, column - from) + (from ? 3 : 0);
    int bytes = least(at.end - at.start, to - column);
    int carets = bytes > 0 ? text_columns_safe(p.text + column, bytes) : 1;
    fprintf(out, "%*s%s", before, "", colour);
    for (int i = 0; i < carets; i++)
        fputc('^', out);
    fprintf(out, "%s\n", c->off);
}

void diag_show(const Diag *d, Span at, FILE *out, bool colour)
{
    const Colours *c = colour ? &vivid : &plain;
    Place p = diag_place(d, at);
    fputs(c->bold, out);
    print_safe(out, p.path);
    fprintf(out, ":%d:%d%s\n", p.line, p.column, c->off);
    print_line(d, at, out, c, c->green);
}

// The line of the fix as it reads when mended, without its indentation.
static void print_fix(const Diag *d, const Diagnostic *e, FILE *out)
{
    Place p = diag_place(d, e->fix_at), last = diag_place(d, (Span){ e->fix_at.end, e->fix_at.end });
    int column = least(p.column - 1, p.text_length), from = 0;
    while (from < column && (p.text[from] == ' ' || p.text[from] == '\t'))
        from++;
    bool cut = p.text_length > WIDEST_LINE;
    if (!*e->fix && from == column && last.column - 1 == last.text_length) {
        fputs("leave this line out", out);
        return;
    }
    if (!cut)
        text_print_safe(out, p.text + from, column - from);
    print_safe(out, e->fix);
    int rest = least(last.column - 1, last.text_length);
    if (!cut && last.text_length <= WIDEST_LINE)
        text_print_safe(out, last.text + rest, last.text_length - rest);
}

static void print_one(const Diag *d, const Diagnostic *e, FILE *out, const Colours *c)
{
    bool error = e->kind == DIAG_ERROR;
    const char *colour = error ? c->red : c->yellow;
    print_place(d, e->at, out, c);
    fprintf(out, "%s%s[%s]:%s ", colour, error ? "error" : "warning", e->code, c->off);
    print_safe(out, e->text);
    fputc('\n', out);
    print_line(d, e->at, out, c, colour);
    for (const DiagNote *n = e->notes; n; n = n->next) {
        if (n->at.start < 0) {
            fprintf(out, "      %s=%s ", c->blue, c->off);
        } else {
            print_place(d, n->at, out, c);
            fprintf(out, "%snote:%s ", c->blue, c->off);
        }
        print_safe(out, n->text);
        fputc('\n', out);
    }
    if (e->help) {
        fprintf(out, "   %shelp:%s ", c->green, c->off);
        print_safe(out, e->help);
        fputc('\n', out);
    }
    if (e->fix) {
        fprintf(out, "   %s%s%s ", c->green, e->help ? "     " : "help:", c->off);
        print_fix(d, e, out);
        fputc('\n', out);
    }
}

void diag_print(const Diag *d, FILE *out, bool colour)
{
    const Colours *c = colour ? &vivid : &plain;
    for (const Diagnostic *e = d->first; e; e = e->next)
        print_one(d, e, out, c);
    if (d->errors > DIAG_MOST_ERRORS)
        fprintf(out, "and %d more errors\n", d->errors - DIAG_MOST_ERRORS);
}

// --- for programs -------------------------------------------------------------------------------

static void json_place(const Diag *d, Span at, FILE *out)
{
    Place p = diag_place(d, at);
    fputs("\"path\": ", out);
    text_print_json(out, p.path);
    if (!p.line)
        return;
    Place end = diag_place(d, (Span){ at.end, at.end });
    fprintf(out, ", \"line\": %d, \"column\": %d, \"end_line\": %d, \"end_column\": %d",
            p.line, p.column, end.line, end.column);
}

static void json_one(const Diag *d, const Diagnostic *e, FILE *out)
{
    fprintf(out, "  {\"kind\": \"%s\", \"code\": \"%s\", ",
            e->kind == DIAG_ERROR ? "error" : "warning", e->code);
    json_place(d, e->at, out);
    fputs(", \"text\": ", out);
    text_print_json(out, e->text);
    fputs(", \"notes\": [", out);
    for (const DiagNote *n = e->notes; n; n = n->next) {
        fputc('{', out);
        if (n->at.start >= 0) {
            json_place(d, n->at, out);
            fputs(", ", out);
        }
        fputs("\"text\": ", out);
        text_print_json(out, n->text);
        fputs(n->next ? "}, " : "}", out);
    }
    fputc(']', out);
    if (e->help) {
        fputs(", \"help\": ", out);
        text_print_json(out, e->help);
    }
    if (e->fix) {
        fputs(", \"fix\": {", out);
        json_place(d, e->fix_at, out);
        fputs(", \"text\": ", out);
        text_print_json(out, e->fix);
        fputc('}', out);
    }
    fputc('}', out);
}

void diag_print_json(const Diag *d, FILE *out)
{
    fprintf(out, "{\"errors\": %d, \"warnings\": %d, \"diagnostics\": [%s", d->errors, d->warnings,
            d->first ? "\n" : "");
    for (const Diagnostic *e = d->first; e; e = e->next) {
        json_one(d, e, out);
        fputs(e->next ? ",\n" : "\n", out);
    }
    fputs("]}\n", out);
}

const char *diag_explain(const char *code)
{
    static const struct { const char *code, *text; } rows[] = {
#define CODE(code, title, text) { #code, #code ": " title "\n\n" text "\n" },
#include "base/diag_codes.def"
#undef CODE
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0)
            return rows[i].text;
    return NULL;
}
