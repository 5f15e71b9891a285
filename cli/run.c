// What verbs that run a net share.
#include "cli/run.h"
#include "cli/gpus.h"
#include "base/text.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_map(const Compilation *c, const RunOptions *o)
{
    int map[PROGRAM_DEVICES], groups;
    char err[SESSION_ERROR];
    if (session_parse_map(c->program, o->map, map, &groups, err))
        return EXIT_OK;
    fprintf(stderr, "cleave: %s\n", err);
    return EXIT_USAGE;
}

int run_compile(Compilation *c, const RunOptions *o, unsigned modes)
{
    GpusTargets targets;
    CompileOptions options = { .front = options_front(o->net, o->batch, o->seed, &o->set),
                               .precision = o->precision, .plan = o->plan, .override = o->override,
                               .tile_rank = (int)o->tile_rank, .no_fuse = o->no_fuse,
                               .chunks = (int)o->chunks, .modes = modes };
    options.front.batch_grows = o->batch_grows;
    int code = gpus_choose(o, &targets);
    if (code != EXIT_OK)
        return code;
    options.target = targets.all;
    options.of_device = targets.of_device;
    options.of_device_count = targets.count;
    // Within one GPU nothing crosses that other work could hide.
    if (!options.chunks && gpus_count(o, options.target) == 1)
        options.chunks = 1;
    // So that an access beside a tensor hits nothing else that is in use.
    options.no_memory_reuse = o->no_memory_reuse || (o->check && o->virtual_gpus);
    options.front.data = o->data.section;
    bool made = compile_file(c, &options, o->path);
    diag_print(&c->diag, stderr, options_colour(o->colour, stderr));
    if (made)
        return check_map(c, o);
    if (c->diag.errors)
        return EXIT_INPUT;
    fprintf(stderr, "cleave: %s\n", c->err);
    return c->misuse ? EXIT_USAGE : EXIT_RUN;
}

Session *run_open(const Compilation *c, const RunOptions *o)
{
    char err[SESSION_ERROR];
    SessionOptions options = { .map = o->map, .threads = (int)o->threads, .seed = (uint64_t)o->seed,
                               .no_graphs = o->no_graphs, .one_by_one = o->check && !o->virtual_gpus };
    Session *s = session_open(c->program, &options, err);
    if (!s)
        fprintf(stderr, "cleave: %s\n", err);
    return s;
}

// Does a sequence copy from one device to the other?
static bool are_neighbours(const Program *p, int from, int to)
{
    for (int s = 0; s < p->sequence_count; s++)
        for (int i = 0; i < p->sequences[s].copy_count; i++) {
            const Copy *c = &p->sequences[s].copies[i];
            if (p->buffers[p->tensors[c->from].buffer].device == from
                && p->buffers[p->tensors[c->to].buffer].device == to)
                return true;
        }
    return false;
}

void run_tell_ways(Session *s)
{
    const Program *p = session_program(s);
    for (int from = 0; from < p->device_count && session_runs_on_gpus(p); from++)
        for (int to = 0; to < p->device_count; to++)
            if (are_neighbours(p, from, to))
                printf("%s sends to %s %s\n", p->devices[from].name, p->devices[to].name,
                       session_device_class(s)->way(session_device(s), from, to));
}

int run_close(Session *s, const RunOptions *o, int code)
{
    char err[SESSION_ERROR];
    bool failed = s && (!session_device(s) || session_device_class(s)->has_failed(session_device(s)));
    if (s && o->check && !failed && !session_check_guards(s, err)) {
        fprintf(stderr, "cleave: %s\n", err);
        code = code == EXIT_OK ? EXIT_RUN : code;
    }
    session_close(s);
    return gpus_end(o, failed && code == EXIT_RUN ? EXIT_MACHINE : code);
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

bool run_takes_images(Compilation *c, const char *colour)
{
    for (int mode = 0; mode < 3; mode++)
        for (int i = 0; c->graphs[mode] && i < c->graphs[mode]->count; i++) {
            const Node *n = c->graphs[mode]->nodes[i];
            if (n->op != OP_INPUT || n->attr.port.index == 0)
                continue;
            const Refused no = { REFUSE_INPUTS, n->at };
            run_refuse(c, &no, colour);
            return false;
        }
    return true;
}

bool run_make_folder(const char *path)
{
    char part[PATH_MAX];
    errno = ENAMETOOLONG;
    bool fits = snprintf(part, sizeof part, "%s", path) < (int)sizeof part, made = fits;
    for (char *slash = part; made && (slash = strchr(slash + 1, '/')); *slash = '/') {
        *slash = 0;
        made = mkdir(part, 0777) == 0 || errno == EEXIST;
    }
    if (made && (mkdir(path, 0777) == 0 || errno == EEXIST) && access(path, W_OK | X_OK) == 0)
        return true;
    fputs("cleave: cannot write to the folder ", stderr);
    text_print_safe(stderr, path, (int)strlen(path));
    fprintf(stderr, ": %s\n", strerror(errno));
    return false;
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
