// Edited texts are found by name and held to what the program knows of a kernel: the comment that says
// what it makes of which tensors, its name, parameters and threads.
#include "override.h"
#include "base/text.h"
#include "front/files.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Program    *p;
    Arena      *arena;
    Diag       *diag;
    const char *folder;
    int         found;
} Overrides;

// --- the texts ------------------------------------------------------------------------------------

typedef struct { const char *at; int length; } Line;

static Line line_at(const char *text)
{
    return (Line){ text, (int)strcspn(text, "\n") };
}

static bool starts(Line l, const char *with)
{
    return !strncmp(l.at, with, strlen(with));
}

// What an edited text must have as it was, in the same order.
static bool is_fixed(Line l, bool in_comment)
{
    static const char *const defines[] = { "#define KERNEL ", "#define PARAMETERS ", "#define THREADS " };
    for (int i = 0; i < 3; i++)
        if (starts(l, defines[i]))
            return true;
    return in_comment && starts(l, "//");
}

// The next fixed line from `*text` on, which goes behind it; `in_comment`: where the comment that opens a
// kernel has come to. An empty one at the end.
static Line next_fixed(const char **text, bool *in_comment)
{
    while (**text) {
        Line l = line_at(*text);
        *text += l.length + (l.at[l.length] == '\n');
        *in_comment = starts(l, "#line 1 \"head of ") || (*in_comment && starts(l, "//"));
        if (is_fixed(l, *in_comment))
            return l;
    }
    return line_at(*text);
}

static bool same_line(Line a, Line b)
{
    return a.length == b.length && !memcmp(a.at, b.at, (size_t)a.length);
}

// `start`: where the edited text begins among the sources.
static bool check_text(Overrides *o, const KernelUnit *unit, const char *edited, int start)
{
    const char *was = unit->text, *is = edited;
    bool in_was = false, in_is = false;
    for (;;) {
        Line a = next_fixed(&was, &in_was), b = next_fixed(&is, &in_is);
        if (!a.length && !b.length)
            return true;
        if (same_line(a, b))
            continue;
        int at = start + (int)(b.at - edited);
        diag_error(o->diag, (Span){ at, at + (b.length ? b.length : 1) }, "E605",
                   "this text was made for another kernel than %s of this program", unit->name);
        diag_detail(o->diag, "here the program has: %.*s", a.length ? a.length : 7,
                    a.length ? a.at : "nothing");
        diag_help(o->diag, "write the texts anew (cleave compile FILE.net -o DIR) and edit them again");
        return false;
    }
}

// Lines of the unit's kernels in its new text.
static void find_kernels(Program *p, int unit, const char *text)
{
    int line = 1, kernel = -1;
    for (const char *at = text; *at; line++) {
        Line l = line_at(at);
        for (int k = 0; k < p->kernel_count && starts(l, "#line 1 \"head of "); k++) {
            size_t length = strlen(p->kernels[k].symbol);
            const char *symbol = l.at + strlen("#line 1 \"head of ");
            if (p->kernels[k].unit != unit || strncmp(symbol, p->kernels[k].symbol, length) != 0
                || symbol[length] != '"')
                continue;
            if (kernel >= 0)
                p->kernels[kernel].last_line = line - 1;
            kernel = k;
            p->kernels[k].first_line = line;
        }
        at += l.length + (l.at[l.length] == '\n');
    }
    if (kernel >= 0)
        p->kernels[kernel].last_line = line - 1;
}

// --- the files ------------------------------------------------------------------------------------

static int find_unit(const Program *p, const char *name)
{
    for (int i = 0; i < p->unit_count; i++)
        if (!strcmp(p->units[i].name, name))
            return i;
    return -1;
}

// "k81_softmax.cu" of a program of 70 kernels: `compile` writes those of all sequences, and the verb at
// hand may have no use for one.
static bool is_of_other_sequence(const Program *p, const char *name)
{
    char *end = NULL;
    long number = *name == 'k' ? strtol(name + 1, &end, 10) : -1;
    return end && number >= p->kernel_count && *end == '_';
}

static bool report_unknown(Overrides *o, const char *name)
{
    const char **names = ARENA_ARRAY(o->arena, const char *, o->p->unit_count);
    for (int i = 0; i < o->p->unit_count; i++)
        names[i] = o->p->units[i].name;
    const char *nearest = text_nearest(name, names, o->p->unit_count);
    diag_error(o->diag, NO_SPAN, "E604", "%s/%s has the name of no kernel text of net `%s`", o->folder, name,
               o->p->net);
    if (nearest)
        diag_help(o->diag, "did you mean %s?", nearest);
    return false;
}

static bool take_file(Overrides *o, const char *name)
{
    Program *p = o->p;
    int unit = find_unit(p, name), length = 0;
    if (unit < 0)
        return is_of_other_sequence(p, name) || report_unknown(o, name);
    const char *path = arena_printf(o->arena, "%s/%s", o->folder, name);
    const char *text = file_read(o->arena, o->diag, path, NO_SPAN, &length);
    if (!text)
        return false;
    o->found++;
    if (!strcmp(text, p->units[unit].text))
        return true;
    int start = diag_add_source(o->diag, path, text, length);
    if (!check_text(o, &p->units[unit], text, start))
        return false;
    p->units[unit].text = text;
    p->units[unit].path = path;
    find_kernels(p, unit, text);
    return true;
}

static bool has_ending(const char *name, const char *of)
{
    const char *ending = strrchr(name, '.'), *wanted = strrchr(of, '.');
    return ending && wanted && !strcmp(ending, wanted);
}

bool override_units(Program *p, Arena *arena, Diag *diag, const char *folder)
{
    Overrides o = { p, arena, diag, folder, 0 };
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        return diag_error(diag, NO_SPAN, "E001", "cannot read `%s`: %s", folder, strerror(errno));
    bool good = true;
    for (int i = 0; i < count; i++) {
        if (p->unit_count && has_ending(entries[i]->d_name, p->units[0].name))
            good &= take_file(&o, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (good && !o.found && p->unit_count)
        good = diag_error(diag, NO_SPAN, "E604", "`%s` holds no kernel text of net `%s`: %s, ...", folder,
                          p->net, p->units[0].name);
    program_hash(p);
    return good;
}
