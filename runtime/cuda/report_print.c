// Reports for people, and places for what ptxas says about PTX.
#include "runtime/cuda/report.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

// --- places in the sources ------------------------------------------------------------------------

// The name between the first and the last quote of a line; false: there is none.
static bool quoted(const char *line, const char **name, size_t *length)
{
    const char *end = line + strcspn(line, "\n"), *open = memchr(line, '"', (size_t)(end - line));
    const char *close = open ? memrchr(open, '"', (size_t)(end - open)) : NULL;
    if (!close || close == open)
        return false;
    *name = open + 1;
    *length = (size_t)(close - open - 1);
    return true;
}

// NVRTC makes paths absolute: the name that the text's #line gave to `path`, the longest that it ends
// with; `path` itself when none does.
static void take_own_name(const char *text, const char **path, size_t *length)
{
    const char *name, *best = NULL;
    size_t size, most = 0;
    for (const char *at = text; (at = strstr(at, "#line ")); at++)
        if (quoted(at, &name, &size) && size > most && size <= *length
            && !memcmp(*path + *length - size, name, size)
            && (size == *length || (*path)[*length - size - 1] == '/')) {
            best = name;
            most = size;
        }
    if (best) {
        *path = best;
        *length = most;
    }
}

// The .loc that holds for PTX line `line`: file and line of the innermost function. False: none does.
static bool find_loc(const char *ptx, int line, int *file, int *place)
{
    bool found = false;
    for (const char *at = ptx; *at && line > 0; line--) {
        const char *word = at + strspn(at, " \t");
        found |= sscanf(word, ".loc %d %d", file, place) == 2;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return found;
}

static bool find_file(const char *ptx, int file, const char **name, size_t *length)
{
    for (const char *at = ptx; (at = strstr(at, ".file")); at++) {
        int number;
        if (sscanf(at, ".file %d", &number) == 1 && number == file)
            return quoted(at, name, length);
    }
    return false;
}

bool report_place_ptx(Report *r, const char *ptx, const char *text)
{
    size_t used = 0, room = strlen(ptx) + 1;             // names are pieces of the PTX
    for (int i = 0; i < r->message_count; i++) {
        ReportMessage *m = &r->messages[i];
        const char *name;
        size_t length;
        int file, line;
        if (!m->ptx_line || m->file || !find_loc(ptx, m->ptx_line, &file, &line)
            || !find_file(ptx, file, &name, &length))
            continue;
        take_own_name(text, &name, &length);
        if (!r->names && !(r->names = malloc(room)))
            return false;
        if (used + length + 1 > room)
            break;
        m->file = r->names + used;
        m->line = line;
        memcpy(r->names + used, name, length);
        r->names[used + length] = 0;
        used += length + 1;
    }
    return true;
}

// --- printing -------------------------------------------------------------------------------------

typedef struct { const char *bold, *red, *yellow, *blue, *off; } Colours;

static const Colours plain = { "", "", "", "", "" };
static const Colours vivid = { "\033[1m", "\033[1;31m", "\033[1;33m", "\033[1;34m", "\033[0m" };

static void print_safe(FILE *out, const char *text)
{
    text_print_safe(out, text, (int)strlen(text));
}

static void print_source(const ReportMessage *m, FILE *out, const Colours *c, const char *colour)
{
    enum { WIDEST_LINE = 200, LINE_BEFORE = 60 };
    int length = (int)strlen(m->source), column = m->column > length ? length : m->column - 1, from = 0;
    if (column < 0)
        column = 0;
    if (length > WIDEST_LINE && column > LINE_BEFORE)
        from = column - LINE_BEFORE;
    int to = length - from > WIDEST_LINE ? from + WIDEST_LINE : length;
    fprintf(out, "%s%5d |%s %s", c->blue, m->line, c->off, from ? "..." : "");
    text_print_safe(out, m->source + from, to - from);
    fprintf(out, "%s\n%s      |%s ", to < length ? "..." : "", c->blue, c->off);
    int before = text_columns_safe(m->source + from, column - from) + (from ? 3 : 0);
    fprintf(out, "%*s%s^%s\n", before, "", colour, c->off);
}

static void print_message(const ReportMessage *m, FILE *out, const Colours *c)
{
    static const char *const words[] = { "error", "warning", "note" };
    const char *colour = m->kind == REPORT_ERROR ? c->red : m->kind == REPORT_WARNING ? c->yellow : c->blue;
    if (m->file) {
        fputs(c->bold, out);
        print_safe(out, m->file);
        fprintf(out, ":%d", m->line);
        if (m->column)
            fprintf(out, ":%d", m->column);
        fprintf(out, ": %s", c->off);
    }
    if (m->kind == REPORT_NOTE && !m->file)
        fprintf(out, "      %s=%s ", c->blue, c->off);
    else
        fprintf(out, "%s%s:%s ", colour, words[m->kind], c->off);
    print_safe(out, m->text);
    fputc('\n', out);
    if (m->source)
        print_source(m, out, c, colour);
}

void report_print(const Report *r, FILE *out, bool warnings, bool colour)
{
    bool shown = false;
    for (int i = 0; i < r->message_count; i++) {
        const ReportMessage *m = &r->messages[i];
        shown = m->kind == REPORT_NOTE ? shown : m->kind == REPORT_ERROR || warnings;
        if (shown)
            print_message(m, out, colour ? &vivid : &plain);
    }
}

void report_first_error(const Report *r, char *to, size_t size)
{
    for (int i = 0; i < r->message_count; i++) {
        const ReportMessage *m = &r->messages[i];
        if (m->kind != REPORT_ERROR)
            continue;
        if (m->file && m->column)
            snprintf(to, size, "%.200s:%d:%d: error: %.200s", m->file, m->line, m->column, m->text);
        else if (m->file)
            snprintf(to, size, "%.200s:%d: error: %.200s", m->file, m->line, m->text);
        else
            snprintf(to, size, "error: %.200s", m->text);
        return;
    }
    snprintf(to, size, "no reason is given");
}
