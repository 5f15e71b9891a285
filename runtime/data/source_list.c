// A list of image files: a line each, the path, then the label: a whole number, or the name of a class in
// every line. Paths are relative to `root`, else to the list's own folder, and stay within it. Classes that
// have names are sorted bytewise.
#include "runtime/data/decode.h"
#include "runtime/data/listing.h"
#include "runtime/data/source.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MOST_BYTES = 1 << 30 };

typedef struct { int64_t name, label_name; int label; } ListedFile;

typedef struct {
    char       *root;
    NamePool    names;                                // of files and classes
    ListedFile *files;
    int64_t     file_capacity;
    char      **classes;                              // into names.text; NULL: labels are numbers
} ListState;

// The list as it is read: for messages.
typedef struct { const char *path; int64_t line; char *err; } ListText;

static bool fail(const ListText *t, const char *what, const char *detail)
{
    snprintf(t->err, DATA_ERROR, "%s:%lld: %s%.200s", t->path, (long long)t->line, what, detail);
    return false;
}

// A list must not reach files that its folder does not hold.
static bool stays_within(const char *path)
{
    if (path[0] == '/')
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
            return false;
    }
    return true;
}

static bool add_line(ImageSource *s, char *path, const char *label, const ListText *t)
{
    ListState *x = s->state;
    if (!stays_within(path))
        return fail(t, "a path must stay in the list's folder (or in `root`): ", path);
    ListedFile *files = array_room(x->files, s->count, &x->file_capacity, sizeof *files);
    if (files)
        x->files = files;
    ListedFile f = { .name = name_pool_add(&x->names, path, strlen(path)),
                     .label_name = name_pool_add(&x->names, label, strlen(label)) };
    if (!files || f.name == NO_ROOM || f.label_name == NO_ROOM)
        return fail(t, "out of memory", "");
    x->files[s->count++] = f;
    return true;
}

// Lines of a text that ends in 0. Blank ones mean nothing; the last word of others is the label.
static bool read_lines(ImageSource *s, char *text, ListText *t)
{
    for (char *next, *line = text; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        t->line++;
        while (isspace((unsigned char)*line))
            line++;
        char *end = line + strlen(line);
        while (end > line && isspace((unsigned char)end[-1]))
            *--end = 0;
        if (end == line)
            continue;
        char *label = end;
        while (label > line && !isspace((unsigned char)label[-1]))
            label--;
        if (label == line)
            return fail(t, "a path and a label are needed, there is only ", line);
        char *gap = label;
        while (isspace((unsigned char)gap[-1]))
            *--gap = 0;
        if (!add_line(s, line, label, t))
            return false;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorts the names of classes, each once; labels are their places.
static bool number_classes(ImageSource *s, char err[DATA_ERROR])
{
    ListState *x = s->state;
    x->classes = calloc((size_t)s->count, sizeof *x->classes);
    if (!x->classes) {
        snprintf(err, DATA_ERROR, "out of memory");
        return false;
    }
    for (int64_t i = 0; i < s->count; i++)
        x->classes[i] = x->names.text + x->files[i].label_name;
    qsort(x->classes, (size_t)s->count, sizeof *x->classes, by_name);
    for (int64_t i = 0; i < s->count; i++)
        if (!s->classes || strcmp(x->classes[s->classes - 1], x->classes[i]))
            x->classes[s->classes++] = x->classes[i];
    for (int64_t i = 0; i < s->count; i++) {
        const char *name = x->names.text + x->files[i].label_name;
        char **at = bsearch(&name, x->classes, (size_t)s->classes, sizeof *at, by_name);
        x->files[i].label = (int)(at - x->classes);
    }
    s->class_names = (const char *const *)x->classes;
    return true;
}

static bool number_labels(ImageSource *s, const char *path, char err[DATA_ERROR])
{
    ListState *x = s->state;
    bool numbers = true;
    for (int64_t i = 0; numbers && i < s->count; i++) {
        const char *label = x->names.text + x->files[i].label_name;
        numbers = !label[strspn(label, "0123456789")];
        int value = label_number(label);
        if (numbers && value < 0) {
            snprintf(err, DATA_ERROR, "%s: the label %.40s of %.200s is too large", path, label,
                     x->names.text + x->files[i].name);
            return false;
        }
        x->files[i].label = value;
        if (value >= s->classes)
            s->classes = value + 1;
    }
    if (numbers)
        return true;
    s->classes = 0;
    return number_classes(s, err);
}

static bool read_list(ImageSource *s, const char *path, char err[DATA_ERROR])
{
    size_t bytes;
    uint8_t *text = source_load_file(path, LIST_MOST_BYTES, &bytes, err);
    if (!text)
        return false;
    ListText t = { .path = path, .err = err };
    char *ended = realloc(text, bytes + 1);
    bool ok = ended != NULL;
    if (ok) {
        ended[bytes] = 0;
        ok = strlen(ended) == bytes ? read_lines(s, ended, &t) : fail(&t, "this is not a text", "");
    } else {
        free(text);
        snprintf(err, DATA_ERROR, "out of memory");
    }
    free(ended);
    if (ok && s->count == 0) {
        snprintf(err, DATA_ERROR, "%s lists no images: a line each is needed, a path and a label", path);
        return false;
    }
    return ok && number_labels(s, path, err);
}

static bool list_open(ImageSource *s, const SourceOptions *o, char err[DATA_ERROR])
{
    ListState *x = s->state = calloc(1, sizeof *x);
    const char *arg = stage_text(o->stage, "path"), *root = stage_text(o->stage, "root");
    char *path = x && arg ? source_path(o, arg) : NULL;
    if (path && root) {
        x->root = source_path(&(SourceOptions){ .folder = o->folder }, root);
    } else if (path) {
        const char *slash = strrchr(path, '/');
        x->root = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    }
    s->channels = 3;
    assert(s->count == 0 && s->classes == 0);
    bool ok = x && x->root && read_list(s, path, err);
    if (!err[0] && !ok)
        snprintf(err, DATA_ERROR, "%s", arg ? "out of memory" : "a path is missing");
    free(path);
    return ok;
}

static void list_close(ImageSource *s)
{
    ListState *x = s->state;
    if (!x)
        return;
    free(x->classes);
    name_pool_free(&x->names);
    free(x->files);
    free(x->root);
    free(x);
}

static void list_name(const ImageSource *s, int64_t index, char to[DATA_ERROR])
{
    const ListState *x = s->state;
    snprintf(to, DATA_ERROR, "%s/%s", x->root, x->names.text + x->files[index].name);
}

static bool list_read(const ImageSource *s, int64_t index, Reader *r, int *label, char err[DATA_ERROR])
{
    const ListState *x = s->state;
    char path[DATA_ERROR];
    size_t bytes;
    *label = x->files[index].label;
    list_name(s, index, path);
    return reader_load(r, path, &bytes, err) && decode_image(r->file, bytes, &r->image, &r->spare, err);
}

const SourceClass source_list = { "list", list_open, list_close, list_read, list_name };
