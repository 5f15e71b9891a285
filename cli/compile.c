// cleave compile FILE.net [-o DIR]: compiles a net as far as it can be without running it, says how
// long each stage took, and writes every kernel text and the program into a folder.
#include "cli/cuda.h"
#include "cli/run.h"
#include "emit/cuda/plan.h"
#include "base/clock.h"
#include "base/text.h"
#include "runtime/cpu/compile.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static FILE *create(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    errno = ENAMETOOLONG;
    FILE *f = length < (int)sizeof path ? fopen(path, "w") : NULL;
    if (!f)
        fprintf(stderr, "cleave: %s/%s: %s\n", folder, name, strerror(errno));
    return f;
}

static bool finish(FILE *f, const char *name)
{
    bool written = !ferror(f);
    if (fclose(f) == 0 && written)
        return true;
    fprintf(stderr, "cleave: %s could not be written: %s\n", name, strerror(errno));
    return false;
}

static bool write_unit(const KernelUnit *unit, const char *folder)
{
    FILE *f = create(folder, unit->name);
    if (!f)
        return false;
    fputs(unit->text, f);
    return finish(f, unit->name);
}

static bool write_program(const Program *p, const char *folder)
{
    char err[PROGRAM_ERROR];
    FILE *f = create(folder, "program.json");
    if (!f)
        return false;
    bool saved = program_save(p, f, err);
    if (!saved)
        fprintf(stderr, "cleave: %s\n", err);
    return finish(f, "program.json") && saved;
}

// The plan as people read it: what is launched, in which order, who waits for whom.
static bool write_plan(const Program *p, const char *folder)
{
    FILE *f = create(folder, "program.txt");
    if (!f)
        return false;
    program_print(p, f);
    return finish(f, "program.txt");
}

static bool is_first_with_plan(const Program *p, int sequence, int launch)
{
    const char *plan = p->sequences[sequence].launches[launch].plan;
    for (int s = 0; s <= sequence; s++)
        for (int i = 0; i < (s == sequence ? launch : p->sequences[s].launch_count); i++)
            if (!strcmp(p->sequences[s].launches[i].plan, plan))
                return false;
    return *plan != 0;
}

static bool uses_plan(const Program *p, int kernel, const char *plan)
{
    for (int s = 0; s < p->sequence_count; s++)
        for (int i = 0; i < p->sequences[s].launch_count; i++) {
            const Launch *l = &p->sequences[s].launches[i];
            if (l->kernel == kernel && !strcmp(l->plan, plan))
                return true;
        }
    return false;
}

// A row of a plan, and as a comment what limits it and which kernels it is of.
static void write_tile(const Program *p, const Launch *l, FILE *f)
{
    fprintf(f, "%s   # %s:", l->plan, l->limiter);
    for (int k = 0; k < p->kernel_count; k++)
        if (uses_plan(p, k, l->plan))
            fprintf(f, " %s", p->kernels[k].symbol);
    fputc('\n', f);
}

// The rows of a plan file that gives the same program, each once.
static bool write_tiles(const Program *p, const char *folder)
{
    FILE *f = create(folder, "plan.txt");
    if (!f)
        return false;
    fputs(PLAN_FIRST_LINE, f);
    for (int s = 0; s < p->sequence_count; s++)
        for (int i = 0; i < p->sequences[s].launch_count; i++)
            if (is_first_with_plan(p, s, i))
                write_tile(p, &p->sequences[s].launches[i], f);
    return finish(f, "plan.txt");
}

static bool write_all(const Program *p, const char *folder)
{
    if (!run_make_folder(folder))
        return false;
    for (int i = 0; i < p->unit_count; i++)
        if (!write_unit(&p->units[i], folder))
            return false;
    if (cuda_is_for(p) && !write_tiles(p, folder))
        return false;
    return write_program(p, folder) && write_plan(p, folder);
}

// --- the stages -------------------------------------------------------------------------------------

typedef struct {
    bool   is_run;             // this machine runs the target, so its C compiler was called
    int    made, cached;       // units
    double seconds;
} CcStage;

// Compiles the units, or finds them in the cache, and loads them.
static int run_cc(const Program *p, CcStage *cc)
{
    char err[DEVICE_ERROR] = "out of memory";
    *cc = (CcStage){ .is_run = p->device_count == 0 || cpu_runs_target(p->devices[0].target) };
    if (!cc->is_run)
        return EXIT_OK;
    double start = clock_seconds();
    CpuUnit *units = calloc((size_t)p->unit_count + 1, sizeof *units);
    bool good = units && cpu_units_open(p, units, err);
    cc->seconds = clock_seconds() - start;
    for (int i = 0; i < p->unit_count && good; i++)
        *(units[i].from_cache ? &cc->cached : &cc->made) += 1;
    if (units)
        cpu_units_close(units, p->unit_count);
    free(units);
    if (!good)
        fprintf(stderr, "cleave: %s\n", err);
    return good ? EXIT_OK : EXIT_MACHINE;
}

static void print_stages(const Compilation *c, const CcStage *cc)
{
    const Program *p = c->program;
    const CompileTimes *t = &c->times;
    fputs("net ", stdout);
    text_print_safe(stdout, p->net, (int)strlen(p->net));
    printf(": %d kernel texts in %d units for %s\n", p->kernel_count, p->unit_count, p->devices[0].target);
    printf("  %-8s %9.1f ms\n", "front", 1e3 * t->front);
    printf("  %-8s %9.1f ms\n", "passes", 1e3 * t->passes);
    printf("  %-8s %9.1f ms\n", "emit", 1e3 * t->emit);
    if (cc->is_run)
        printf("  %-8s %9.1f ms  %d compiled, %d from the cache\n", cuda_is_for(p) ? "nvrtc" : "cc",
               1e3 * cc->seconds, cc->made, cc->cached);
    else
        printf("  %-8s %9s     this machine does not run the target\n", "cc", "-");
    printf("  %-8s %9.1f ms\n", "all", 1e3 * (t->front + t->passes + t->emit + cc->seconds));
}

static void print_stages_json(const Compilation *c, const CcStage *cc)
{
    const Program *p = c->program;
    const CompileTimes *t = &c->times;
    fputs("{\"net\": ", stdout);
    text_print_json(stdout, p->net);
    printf(", \"target\": \"%s\", \"kernels\": %d, \"units\": %d, \"compiled\": %d, \"from_cache\": %d,\n"
           " \"ms\": {\"front\": %.3f, \"passes\": %.3f, \"emit\": %.3f, \"cc\": %.3f, \"all\": %.3f}}\n",
           p->devices[0].target, p->kernel_count, p->unit_count, cc->made, cc->cached, 1e3 * t->front,
           1e3 * t->passes, 1e3 * t->emit, 1e3 * cc->seconds,
           1e3 * (t->front + t->passes + t->emit + cc->seconds));
}

// What NVRTC made of a unit, beside its text: "k3_conv.ptx", "k3_conv.cubin".
static bool write_built(const KernelUnit *unit, const CudaBuilt *b, const char *folder)
{
    char name[NAME_MAX];
    int stem = (int)strcspn(unit->name, ".");
    snprintf(name, sizeof name, "%.*s.ptx", stem, unit->name);
    FILE *f = create(folder, name);
    if (!f)
        return false;
    fputs(b->out.ptx, f);
    if (!finish(f, name))
        return false;
    snprintf(name, sizeof name, "%.*s.cubin", stem, unit->name);
    f = create(folder, name);
    if (!f)
        return false;
    fwrite(b->out.cubin, 1, b->out.cubin_size, f);
    return finish(f, name);
}

static int run_nvrtc(const Program *p, const char *folder, bool table, CcStage *cc)
{
    CudaUnits u;
    int code = cuda_units_build(p, NULL, &u);
    *cc = (CcStage){ true, p->unit_count - u.from_cache, u.from_cache, u.seconds };
    for (int i = 0; i < p->unit_count && code == EXIT_OK && folder; i++)
        if (!write_built(&p->units[i], &u.built[i], folder))
            code = EXIT_RUN;
    if (table)
        cuda_print_table(p, &u, stdout);
    cuda_units_close(&u);
    return code;
}

static int compile_with(Compilation *c, const char *folder, bool json)
{
    CcStage cc;
    if (folder && !write_all(c->program, folder))
        return EXIT_RUN;
    int code = cuda_is_for(c->program) ? run_nvrtc(c->program, folder, !json, &cc)
                                       : run_cc(c->program, &cc);
    if (code == EXIT_OK)
        (json ? print_stages_json : print_stages)(c, &cc);
    return code;
}

static int compile_net(const RunOptions *o, const char *folder, bool json)
{
    static Compilation c;
    int code = run_compile(&c, o, 1u << GRAPH_TRAIN | 1u << GRAPH_TEST | 1u << GRAPH_PREDICT);
    if (code == EXIT_OK)
        code = compile_with(&c, folder, json);
    compile_close(&c);
    return code;
}

// For each of "sm_80,sm_90a"; several have a folder of their own each below `folder`.
static int compile_archs(const RunOptions *o, char *archs, const char *folder, bool json)
{
    char target[64], below[PATH_MAX], *rest = archs, *arch;
    bool several = strchr(archs, ',');
    int code = EXIT_OK;
    const char *between = several && json ? "[" : "";
    while (code == EXIT_OK && (arch = strtok_r(rest, ",", &rest))) {
        snprintf(target, sizeof target, "cuda:%.40s", arch);
        bool fits = snprintf(below, sizeof below, "%s/%s", folder ? folder : "", arch) < (int)sizeof below;
        if (folder && several && !fits) {
            fprintf(stderr, "cleave: %s: %s\n", folder, strerror(ENAMETOOLONG));
            return EXIT_RUN;
        }
        fputs(between, stdout);
        between = json ? "," : "\n";
        RunOptions one = *o;
        one.target = target;
        code = compile_net(&one, folder && several ? below : folder, json);
    }
    fputs(several && json && code == EXIT_OK ? "]\n" : "", stdout);
    return code;
}

int verb_compile(int argc, char **argv)
{
    RunOptions o = { .seed = 1 };
    const char *folder = NULL, *archs = NULL;
    bool json = false;
    Option options[] = {
        { "output", OPTION_TEXT, &folder, "DIR", "a folder for kernel texts and program, also -o", "none" },
        WITH_NET(&o.net), WITH_TARGET(&o.target), WITH_PRECISION(&o.precision),
        { "arch", OPTION_TEXT, &archs, "SM,...", "GPUs in place of --target: sm_80,sm_90a", "none" },
        WITH_PLAN(&o.plan), WITH_OVERRIDE(&o.override), WITH_BATCH(&o.batch),
        WITH_CHUNKS(&o.chunks), WITH_SET(&o.set),
        SHOW_JSON(&json), SHOW_COLOUR(&o.colour),
        { "tile-rank", OPTION_NUMBER, &o.tile_rank, "N", "a GPU: the tile of the model's N-th best shape for "
          "every contraction, to be measured; 1 to 16", "1" },
        { "no-fuse", OPTION_FLAG, &o.no_fuse, NULL, "every node in a kernel of its own", "off" },
    };
    Usage usage = { .verb = "compile", .operands = "FILE.net [-o DIR]", .least = 1, .most = 1,
                    .what = "Compiles a net into the kernel cache and says how long each stage took; with -o"
                            "\nwrites the text of every kernel and the program that runs them.",
                    .example = "cleave compile nets/lenet.net -o lenet",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    o.path = argv[first];
    o.tile_rank = o.tile_rank < PLAN_RANKS ? o.tile_rank : PLAN_RANKS;
    if (archs && o.target) {
        fprintf(stderr, "cleave: --arch and --target both say what to compile for: one of them, please\n");
        return EXIT_USAGE;
    }
    if (!archs)
        return compile_net(&o, folder, json);
    char *list = strdup(archs);
    code = list ? compile_archs(&o, list, folder, json) : EXIT_RUN;
    free(list);
    return code;
}
