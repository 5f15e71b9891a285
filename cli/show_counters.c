// cleave show counters FILE.net [LAYER|LINE]: one step on a virtual GPU that counts what its kernels do:
// issued instructions, sectors and wavefronts against the ideal, bytes; of a layer also the hottest lines.
#include "base/text.h"
#include "cli/cuda.h"
#include "cli/gpus.h"
#include "cli/random_batch.h"
#include "cli/report.h"
#include "look/why.h"
#include "runtime/vgpu/vgpu.h"
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 2, HOTTEST = 12, SECTOR = 32 };

// What a kernel did in all its launches.
typedef struct {
    const Kernel *kernel;
    const Launch *launch;          // the first
    VgpuCounters  counters;        // of the library of virtual GPUs; list NULL: it is cuBLAS that made it
    VgpuCount     all;
} Counted;

// A place in a kernel's text.
typedef struct { const VgpuCounter *at; VgpuCount count; } Hot;

typedef struct {
    Compilation       *c;
    const ShowOptions *options;
    const Sequence    *sequence;
    CudaUnits          units;
    Counted           *list;
    int                count;
    FILE              *out;
} Counters;

// --- running ----------------------------------------------------------------------------------------

static bool run_step(Session *s, int sequence, int64_t seed)
{
    RandomBatch b;
    char err[SESSION_ERROR] = "out of memory";
    void (*count)(void) = NULL;
    void *symbol = gpus_symbol("cleave_vgpu_count");
    memcpy(&count, &symbol, sizeof symbol);
    bool good = random_batch_open(&b, s, sequence, (uint64_t)seed) && random_batch_rates(s, 0, err);
    if (good && !count)
        snprintf(err, sizeof err, "the library of virtual GPUs cannot count: it is of another version");
    good = good && count;
    if (good)
        count();
    good = good && session_run(s, sequence, (const float *const *)b.images, b.labels, NULL, err);
    random_batch_close(&b);
    if (!good)
        fprintf(stderr, "cleave: %s\n", err);
    return good;
}

// The counters of a kernel, which were made by one module for all devices that share a GPU.
static VgpuCounters find_counters(const char *symbol)
{
    const VgpuCounters *(*counters)(int) = NULL, *found;
    void *function = gpus_symbol("cleave_vgpu_counters");
    memcpy(&counters, &function, sizeof function);
    for (int n = 0; counters && (found = counters(n)); n++)
        if (!strcmp(found->kernel, symbol))
            return *found;
    return (VgpuCounters){ 0 };
}

static void gather(Counters *r)
{
    const About about = about_read(r->options->about);
    const Why why = look_why(r->c, &about);
    bool *seen = ARENA_ARRAY(&r->c->arena, bool, r->c->program->kernel_count + 1);
    r->list = ARENA_ARRAY(&r->c->arena, Counted, why.kernel_count + 1);
    for (int i = 0; i < why.kernel_count; i++) {
        const KernelUse *u = &why.kernels[i];
        if (seen[u->launch->kernel])
            continue;
        seen[u->launch->kernel] = true;
        Counted *k = &r->list[r->count++];
        *k = (Counted){ .kernel = u->kernel, .launch = u->launch,
                        .counters = find_counters(u->kernel->symbol) };
        k->all = vgpu_counters_sum(&k->counters, VGPU_CLASSES);
    }
}

static int build_units(Counters *r)
{
    bool *wanted = ARENA_ARRAY(&r->c->arena, bool, r->c->program->unit_count + 1);
    for (int i = 0; i < r->count; i++)
        wanted[r->list[i].kernel->unit] = true;
    return cuda_units_build(r->c->program, wanted, &r->units);
}

// --- the hottest lines ------------------------------------------------------------------------------

static bool is_same_place(const VgpuCounter *a, const VgpuCounter *b)
{
    bool same = a->place_count == b->place_count;
    for (int k = 0; same && k < a->place_count; k++)
        same = a->places[k].line == b->places[k].line && !strcmp(a->places[k].file, b->places[k].file);
    return same;
}

// How long a place keeps a multiprocessor's issue slots and memory pipes busy, roughly: a cycle an
// instruction and a wavefront, four sectors a cycle.
static double heat(const VgpuCount *c)
{
    return (double)c->executions + (double)c->shared.transfers
        + (double)(c->global.transfers + c->local.transfers) / 4;
}

static int compare_hot(const void *a, const void *b)
{
    double x = heat(&((const Hot *)a)->count), y = heat(&((const Hot *)b)->count);
    return x > y ? -1 : x < y;
}

// Places of the text by heat; returns how many.
static int find_hot(Counters *r, const VgpuCounters *c, Hot **list)
{
    int count = 0;
    Hot *hot = *list = ARENA_ARRAY(&r->c->arena, Hot, c->count + 1);
    for (int i = 0; i < c->count; i++) {
        int k = 0;
        if (!c->list[i].count.executions)
            continue;
        while (k < count && !is_same_place(hot[k].at, &c->list[i]))
            k++;
        if (k == count)
            hot[count++].at = &c->list[i];
        vgpu_count_add(&hot[k].count, &c->list[i].count);
    }
    qsort(hot, (size_t)count, sizeof *hot, compare_hot);
    return count;
}

// --- text -------------------------------------------------------------------------------------------

static double share(uint64_t part, uint64_t whole) { return whole ? (double)part / (double)whole : 0; }

static uint64_t executions_of(const Counted *k, VgpuClass first, VgpuClass last)
{
    uint64_t sum = 0;
    for (int c = first; c <= (int)last; c++)
        sum += vgpu_counters_sum(&k->counters, (VgpuClass)c).executions;
    return sum;
}

static uint64_t bytes_moved(const VgpuCount *c)
{
    return SECTOR * (c->global.transfers + c->local.transfers);
}

// The ops of a launch may stand on one line.
static bool is_repeated(const Launch *l, int place)
{
    for (int i = 0; i < place; i++)
        if (l->places[i].line == l->places[place].line && !strcmp(l->places[i].path, l->places[place].path))
            return true;
    return false;
}

static void print_places(const Launch *l, FILE *out)
{
    for (int i = 0; i < l->place_count; i++) {
        if (is_repeated(l, i))
            continue;
        fputs(i ? ", " : "", out);
        report_safe(l->places[i].path, out);
        fprintf(out, ":%d", l->places[i].line);
    }
}

static void print_head(FILE *out)
{
    static const char format[] = "%-24s %8s %10s %6s %6s %7s %6s %7s %9s %12s %9s %12s %7s %9s %6s  %s\n";
    fprintf(out, format, "", "", "warp", "", "", "", "", "", "global", "sectors a", "shared", "wavefronts a",
            "", "", "", "");
    fprintf(out, format, "kernel", "launches", "instrs", "tensor", "float", "integer", "memory", "control",
            "KB", "request", "KB", "request", "FLOP/B", "registers", "spills", "lines");
}

// "4.00 (4.00)": transfers a request, and the ideal.
static void print_traffic(const VgpuTraffic *t, FILE *out)
{
    char ideal[16] = "";
    if (t->requests)
        snprintf(ideal, sizeof ideal, "(%.2f)", share(t->ideal, t->requests));
    fprintf(out, " %9.1f %5.2f %6s", 1e-3 * (double)(t->read + t->written), share(t->transfers, t->requests),
            ideal);
}

static void print_row(const Counters *r, const Counted *k)
{
    static const VgpuClass groups[][2] = {
        { VGPU_TENSOR, VGPU_TENSOR }, { VGPU_FLOAT, VGPU_SPECIAL }, { VGPU_INTEGER, VGPU_LANES },
        { VGPU_GLOBAL, VGPU_COPY }, { VGPU_CONTROL, VGPU_CONTROL },
    };
    static const int widths[] = { 5, 5, 6, 5, 6 };
    CudaResources resources;
    fprintf(r->out, "%-24s", k->kernel->symbol);
    if (!k->counters.list) {
        fprintf(r->out, "  not counted: it is made by cuBLAS\n");
        return;
    }
    fprintf(r->out, " %8llu %10llu", (unsigned long long)k->counters.launches,
            (unsigned long long)k->all.executions);
    for (int g = 0; g < 5; g++)
        fprintf(r->out, " %*.1f%%", widths[g],
                100 * share(executions_of(k, groups[g][0], groups[g][1]), k->all.executions));
    print_traffic(&k->all.global, r->out);
    print_traffic(&k->all.shared, r->out);
    fprintf(r->out, " %7.1f", share(k->all.flops, bytes_moved(&k->all)));
    if (cuda_resources(r->c->program, k->kernel, &r->units, &resources))
        fprintf(r->out, " %9d %6d", resources.registers, resources.spills);
    fputs("  ", r->out);
    print_places(k->launch, r->out);
    fputc('\n', r->out);
}

static const char *without_folder(const char *file)
{
    static const char folder[] = "kernels/cuda/";
    return strncmp(file, folder, strlen(folder)) ? file : file + strlen(folder);
}

static void print_hot(const Counters *r, const Hot *h, double all)
{
    const VgpuCount *n = &h->count;
    fprintf(r->out, "  %5.1f %% %10llu", 100 * heat(n) / all, (unsigned long long)n->executions);
    print_traffic(&n->global, r->out);
    print_traffic(&n->shared, r->out);
    fputs("  ", r->out);
    for (int k = 0; k < h->at->place_count; k++) {
        const char *file = cuda_file_name(r->c->program, h->at->places[k].file);
        fputs(k ? " in " : "", r->out);
        report_safe(k ? without_folder(file) : file, r->out);
        fprintf(r->out, ":%d", h->at->places[k].line);
    }
    fputc('\n', r->out);
}

// The line of the net that an instruction was written for; line 0: it is the kernel's own.
static VgpuPlace net_place(const Program *p, const VgpuCounter *c)
{
    for (int k = 0; k < c->place_count; k++) {
        const char *path = cuda_file_name(p, c->places[k].file);
        for (int s = 0; s < p->source_count; s++)
            if (path == p->sources[s].path)
                return (VgpuPlace){ path, c->places[k].line };
    }
    return (VgpuPlace){ 0 };
}

// What was fused into the kernel stands in its text as lines of the net.
static void print_net_lines(const Counters *r, const Counted *k)
{
    const char *before = "\n  of this";
    for (int i = 0; i < k->counters.count; i++) {
        VgpuPlace at = net_place(r->c->program, &k->counters.list[i]);
        uint64_t sum = 0;
        bool is_first = at.line != 0;
        for (int j = 0; j < k->counters.count && is_first; j++) {
            VgpuPlace other = net_place(r->c->program, &k->counters.list[j]);
            if (other.file != at.file || other.line != at.line)
                continue;
            is_first = j >= i;
            sum += k->counters.list[j].count.executions;
        }
        if (!is_first)
            continue;
        fprintf(r->out, "%s %llu for ", before, (unsigned long long)sum);
        report_safe(at.file, r->out);
        fprintf(r->out, ":%d", at.line);
        before = ",";
    }
}

static void print_lines(Counters *r, const Counted *k)
{
    Hot *hot;
    int count = find_hot(r, &k->counters, &hot);
    double all = heat(&k->all);
    fprintf(r->out, "\n%s: ", k->kernel->symbol);
    report_safe(k->kernel->title, r->out);
    fputs("\n ", r->out);
    for (int c = 0; c < VGPU_CLASSES; c++) {
        VgpuCount of = vgpu_counters_sum(&k->counters, (VgpuClass)c);
        if (of.executions)
            fprintf(r->out, " %s %llu", vgpu_class_name((VgpuClass)c), (unsigned long long)of.executions);
    }
    print_net_lines(r, k);
    fprintf(r->out, "\n  %7s %10s %9s %12s %9s %12s\n", "share", "instrs", "global KB", "sectors",
            "shared KB", "wavefronts");
    for (int i = 0; i < count && i < HOTTEST; i++)
        print_hot(r, &hot[i], all);
}

static void print_text(Counters *r)
{
    static const char *const what[] = {
        [SEQUENCE_TRAIN] = "training step", [SEQUENCE_TEST] = "test", [SEQUENCE_PREDICT] = "prediction",
    };
    fprintf(r->out, "one %s of %d image%s on a virtual GPU, for %s; in brackets the ideal\n",
            what[r->sequence->kind], r->sequence->batch,
            r->sequence->batch == 1 ? "" : "s", r->c->program->devices[0].target);
    print_head(r->out);
    for (int i = 0; i < r->count; i++)
        print_row(r, &r->list[i]);
    for (int i = 0; i < r->count && r->options->about; i++)
        if (r->list[i].counters.list)
            print_lines(r, &r->list[i]);
}

// --- JSON -------------------------------------------------------------------------------------------

static void json_number(const char *key, uint64_t n, FILE *out)
{
    fprintf(out, ", \"%s\": %llu", key, (unsigned long long)n);
}

static void json_traffic(const char *memory, const char *transfers, const VgpuTraffic *t, FILE *out)
{
    fprintf(out, ", \"%s\": {\"requests\": %llu", memory, (unsigned long long)t->requests);
    json_number(transfers, t->transfers, out);
    json_number("ideal", t->ideal, out);
    json_number("read", t->read, out);
    json_number("written", t->written, out);
    fputc('}', out);
}

static void json_count(const VgpuCount *c, FILE *out)
{
    json_number("executions", c->executions, out);
    json_number("lanes", c->lanes, out);
    json_number("flops", c->flops, out);
    json_traffic("global", "sectors", &c->global, out);
    json_traffic("shared", "wavefronts", &c->shared, out);
    json_traffic("local", "sectors", &c->local, out);
}

static void json_place(const char *file, int line, int before, FILE *out)
{
    char place[PATH_MAX + 16];
    snprintf(place, sizeof place, "%s:%d", file, line);
    fputs(before ? ", " : "", out);
    text_print_json(out, place);
}

static void json_lines(Counters *r, const Counted *k)
{
    Hot *hot;
    int count = find_hot(r, &k->counters, &hot);
    for (int i = 0; i < count; i++) {
        fprintf(r->out, "%s\n       {\"places\": [", i ? "," : "");
        for (int p = 0; p < hot[i].at->place_count; p++)
            json_place(cuda_file_name(r->c->program, hot[i].at->places[p].file), hot[i].at->places[p].line, p,
                       r->out);
        fputs("]", r->out);
        json_count(&hot[i].count, r->out);
        fputc('}', r->out);
    }
}

static void json_kernel(Counters *r, const Counted *k)
{
    CudaResources resources;
    cuda_resources(r->c->program, k->kernel, &r->units, &resources);
    fputs("    {\"kernel\": ", r->out);
    text_print_json(r->out, k->kernel->symbol);
    report_json_text("title", k->kernel->title, r->out);
    fputs(", \"places\": [", r->out);
    for (int i = 0; i < k->launch->place_count; i++)
        if (!is_repeated(k->launch, i))
            json_place(k->launch->places[i].path, k->launch->places[i].line, i, r->out);
    fputs("]", r->out);
    json_number("launches", k->counters.launches, r->out);
    fprintf(r->out, ", \"registers\": %d, \"spills\": %d, \"flops_per_byte\": %.3f,\n     \"classes\": {",
            resources.registers, resources.spills, share(k->all.flops, bytes_moved(&k->all)));
    for (int c = 0; c < VGPU_CLASSES; c++)
        fprintf(r->out, "%s\"%s\": %llu", c ? ", " : "", vgpu_class_name((VgpuClass)c),
                (unsigned long long)vgpu_counters_sum(&k->counters, (VgpuClass)c).executions);
    fputs("}", r->out);
    json_count(&k->all, r->out);
    fputs(", \"lines\": [", r->out);
    if (r->options->about)
        json_lines(r, k);
    fputs("]}", r->out);
}

static void print_json(Counters *r)
{
    fputs("{\n  \"net\": ", r->out);
    text_print_json(r->out, r->c->program->net);
    fprintf(r->out, ",\n  \"batch\": %d", r->sequence->batch);
    report_json_text("target", r->c->program->devices[0].target, r->out);
    fputs(",\n  \"kernels\": [\n", r->out);
    for (int i = 0; i < r->count; i++) {
        fputs(i ? ",\n" : "", r->out);
        json_kernel(r, &r->list[i]);
    }
    fputs("\n  ]\n}\n", r->out);
}

// --- the noun ---------------------------------------------------------------------------------------

static int count_session(Compilation *c, const ShowOptions *o, Session *s, FILE *out)
{
    Counters r = { .c = c, .options = o, .sequence = &c->program->sequences[0], .out = out };
    if (setjmp(c->exhausted)) {
        fprintf(stderr, "cleave: out of memory\n");
        return EXIT_RUN;
    }
    if (!run_step(s, 0, o->seed))
        return EXIT_RUN;
    gather(&r);
    int code = build_units(&r);
    if (code == EXIT_OK)
        (o->json ? print_json : print_text)(&r);
    cuda_units_close(&r.units);
    return code;
}

int show_counters(const ShowOptions *o, FILE *out)
{
    static Compilation c;
    RunOptions run = { .path = o->path, .net = o->net, .target = o->target, .precision = o->precision,
                       .plan = o->plan, .override = o->override, .batch = o->batch ? o->batch : DEFAULT_BATCH,
                       .seed = o->seed, .set = o->set, .colour = o->colour, .virtual_gpus = 1 };
    int code = run_compile(&c, &run, 1u << GRAPH_TRAIN | 1u << GRAPH_TEST);
    if (code == EXIT_OK && !report_is_there(&c.diag, look_graph(&c), o->path, o->about))
        code = EXIT_USAGE;
    Session *s = code == EXIT_OK ? run_open(&c, &run) : NULL;
    if (code == EXIT_OK)
        code = s ? count_session(&c, o, s, out) : EXIT_MACHINE;
    if (s)
        code = run_close(s, &run, code);
    compile_close(&c);
    return code;
}
