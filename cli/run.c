// What verbs that run a net share.
#include "cli/run.h"
#include <string.h>

int run_compile(Compilation *c, const RunOptions *o, unsigned modes)
{
    CompileOptions options = { .front = options_front(o->net, o->batch, o->seed, &o->set),
                               .target = o->target, .plan = o->plan, .no_fuse = o->no_fuse, .modes = modes };
    options.front.data = o->data.section;
    bool made = compile_file(c, &options, o->path);
    diag_print(&c->diag, stderr, options_colour(o->colour, stderr));
    if (made)
        return EXIT_OK;
    if (c->diag.errors)
        return EXIT_INPUT;
    fprintf(stderr, "cleave: %s\n", c->err);
    return EXIT_RUN;
}

Session *run_open(const Compilation *c, const RunOptions *o)
{
    char err[SESSION_ERROR];
    SessionOptions options = { .map = o->map, .threads = (int)o->threads, .seed = (uint64_t)o->seed };
    Session *s = session_open(c->program, &options, err);
    if (!s)
        fprintf(stderr, "cleave: %s\n", err);
    return s;
}

void run_refuse(Compilation *c, const Refused *no, const char *colour)
{
    const Refusal *r = &refusals[no->what];
    Diag d;
    diag_open(&d, &c->arena);
    d.sources = c->diag.sources;
    d.source_count = c->diag.source_count;
    diag_error(&d, no->at, r->code, "%s", r->message);
    diag_help(&d, "%s", r->fix);
    diag_print(&d, stderr, options_colour(colour, stderr));
}

void run_fault(Compilation *c, Span at, const char *text, const char *colour)
{
    if (at.start < 0) {
        fprintf(stderr, "cleave: %s\n", text);
        return;
    }
    Diag d;
    diag_open(&d, &c->arena);
    d.sources = c->diag.sources;
    d.source_count = c->diag.source_count;
    diag_error(&d, at, "E514", "%s", text);
    diag_print(&d, stderr, options_colour(colour, stderr));
}

const char *run_data_path(const RunOptions *o, const char *name)
{
    for (int i = 0; i < o->data.count; i++)
        if (!strcmp(o->data.items[i].name, name))
            return o->data.items[i].value;
    return NULL;
}

char *run_folder(const char *path, char *to, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(to, size, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return to;
}
