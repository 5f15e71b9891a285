// CUDA units of a program: built, reported on, tabulated.
#include "cli/cuda.h"
#include "base/clock.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "emit/cuda/tiles.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cuda_is_for(const Program *p)
{
    return p->unit_count && !strncmp(p->units[0].target, "cuda:", 5);
}

const char *cuda_arch(const KernelUnit *unit, char to[CUDA_ARCH])
{
    const char *arch = unit->target + strlen("cuda:");
    snprintf(to, CUDA_ARCH, "%.*s", (int)strcspn(arch, ":"), arch);
    return to;
}

// 0 of "source-0.net", as texts call the user's files; -1: the name of another file.
static int source_number(const char *file)
{
    if (strncmp(file, "source-", 7) != 0)
        return -1;
    char *end;
    long number = strtol(file + 7, &end, 10);
    return strcmp(end, ".net") == 0 && number >= 0 && number <= INT_MAX ? (int)number : -1;
}

const char *cuda_file_name(const Program *p, const char *file)
{
    const char *name = file[0] == '/' ? file + 1 : file;         // the compiler's folder is the root
    int source = source_number(name);
    return source >= 0 && source < p->source_count ? p->sources[source].path : name;
}

// The name of a text's source becomes the path of the user's file.
static void name_sources(const Program *p, Report *r)
{
    for (int i = 0; i < r->message_count; i++) {
        const char *file = r->messages[i].file;
        int source = file ? source_number(file) : -1;
        if (source >= 0 && source < p->source_count)
            r->messages[i].file = p->sources[source].path;
    }
}

// "#line 12 "source-0.net"" says what the next line is called; false: another line.
static bool read_mark(const char *line, int *number, char file[PATH_MAX])
{
    return sscanf(line, "#line %d \"%4095[^\"\n]\"", number, file) == 2;
}

// The line of a text that its #lines call `line` of `file`; 0: none.
static int line_of_text(const char *text, const char *file, int line)
{
    char name[PATH_MAX] = "";
    int number = 1;
    for (int i = 1; *text; i++, number++) {
        if (read_mark(text, &number, name))
            number--;                                    // holds for the line behind it
        else if (number == line && !strcmp(name, file))
            return i;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return 0;
}

// Messages name what the #lines name: of a text that a person has edited also where it stands there.
static void say_edited(const KernelUnit *unit, const Report *r)
{
    for (int i = 0; i < r->message_count && unit->path; i++) {
        const ReportMessage *m = &r->messages[i];
        int line = m->kind == REPORT_ERROR && m->file ? line_of_text(unit->text, m->file, m->line) : 0;
        if (line)
            fprintf(stderr, "%s:%d: in this text, which replaces the generated one:\n", unit->path, line);
    }
}

// What is wrong with each unit that was refused or spills; else `err`.
static int report_failure(const Program *p, CudaUnits *u, const int *unit_of, const char *err)
{
    int said = 0;
    for (int i = 0; i < u->count; i++) {
        CudaBuilt *b = &u->built[unit_of[i]];
        if (b->status == BUILD_REFUSED) {
            say_edited(&p->units[unit_of[i]], &b->report);
            name_sources(p, &b->report);
            report_print(&b->report, stderr, false, isatty(STDERR_FILENO));
        } else if (b->status == BUILD_SPILLS) {
            fprintf(stderr, "cleave: %s\n", b->err);
        }
        said += b->status == BUILD_REFUSED || b->status == BUILD_SPILLS;
    }
    if (!said)
        fprintf(stderr, "cleave: %s\n", err);
    return EXIT_MACHINE;
}

// Builds units[unit_of[0 .. u->count - 1]]; results go to their places in u->built.
static int build(const Program *p, const int *unit_of, Nvrtc *nvrtc, CudaUnits *u)
{
    char err[DEVICE_ERROR];
    char (*archs)[CUDA_ARCH] = calloc((size_t)u->count + 1, sizeof *archs);
    CudaUnit *units = calloc((size_t)u->count + 1, sizeof *units);
    CudaBuilt *built = calloc((size_t)u->count + 1, sizeof *built);
    bool good = archs && units && built;
    for (int i = 0; i < u->count && good; i++) {
        const KernelUnit *k = &p->units[unit_of[i]];
        units[i] = (CudaUnit){ k->name, cuda_arch(k, archs[i]), k->text };
    }
    CudaBuildOptions options = { 0 };
    snprintf(err, sizeof err, "out of memory");
    good = good && cuda_build(nvrtc, units, u->count, &options, built, err);
    for (int i = 0; i < u->count && built; i++) {
        u->built[unit_of[i]] = built[i];
        u->from_cache += built[i].from_cache;
    }
    int code = good ? EXIT_OK : report_failure(p, u, unit_of, err);
    free(archs);
    free(units);
    free(built);
    return code;
}

int cuda_units_build(const Program *p, const bool *wanted, CudaUnits *u)
{
    char err[DEVICE_ERROR];
    Nvrtc nvrtc;
    *u = (CudaUnits){ .built = calloc((size_t)p->unit_count + 1, sizeof *u->built) };
    int *unit_of = calloc((size_t)p->unit_count + 1, sizeof *unit_of);
    int code = EXIT_MACHINE;
    double start = clock_seconds();
    for (int i = 0; i < p->unit_count && unit_of; i++)
        if (!wanted || wanted[i])
            unit_of[u->count++] = i;
    if (!u->built || !unit_of)
        fprintf(stderr, "cleave: out of memory\n");
    else if ((u->no_nvrtc = !nvrtc_find(&nvrtc, err)))
        fprintf(stderr, "cleave: %s\n", err);
    else
        code = build(p, unit_of, &nvrtc, u);
    free(unit_of);
    u->count = p->unit_count;
    u->seconds = clock_seconds() - start;
    return code;
}

void cuda_units_close(CudaUnits *u)
{
    if (u->built)
        cuda_built_close(u->built, u->count);
    free(u->built);
    *u = (CudaUnits){ 0 };
}

// --- the table --------------------------------------------------------------------------------------

// The first launch of a kernel: others have the same tile and take as long.
static const Launch *launch_of(const Program *p, const Kernel *k)
{
    for (int s = 0; s < p->sequence_count; s++)
        for (int i = 0; i < p->sequences[s].launch_count; i++)
            if (&p->kernels[p->sequences[s].launches[i].kernel] == k)
                return &p->sequences[s].launches[i];
    return NULL;
}

// "128x64x32 split 4" of a row of a plan; "-": the kernel has no tile.
static void tile_of(const Launch *l, char *to, size_t size)
{
    const char *tile = strstr(l->plan, " tile "), *split = strstr(l->plan, " split ");
    if (!tile || !split)
        snprintf(to, size, "-");
    else
        snprintf(to, size, "%.*s%s", (int)strcspn(tile + 6, " "), tile + 6,
                 strcmp(split, " split 1") ? split : "");
}

bool cuda_resources(const Program *p, const Kernel *k, const CudaUnits *u, CudaResources *to)
{
    char arch[CUDA_ARCH];
    *to = (CudaResources){ 0 };
    if (!u->built)
        return false;
    const CudaBuilt *b = &u->built[k->unit];
    const CubinKernel *c = cubin_kernel(&b->cubin, k->symbol);
    const ReportKernel *r = report_kernel(&b->report, k->symbol);
    const GpuLimits *gpu = gpu_limits(cuda_arch(&p->units[k->unit], arch));
    if (!c || !gpu)
        return false;
    BlockNeeds needs = { k->threads, c->registers, c->shared + (int)k->shared, c->barriers };
    *to = (CudaResources){ .registers = c->registers, .shared = needs.shared, .stack = c->stack,
                           .spills = r ? r->spill_stores + r->spill_loads : c->stack,
                           .occupancy = occupancy_of(gpu, &needs) };
    return true;
}

static void print_row(const Program *p, const Kernel *k, const CudaUnits *u, FILE *out)
{
    char tile[40];
    CudaResources r;
    const Launch *l = launch_of(p, k);
    if (!l || !cuda_resources(p, k, u, &r))
        return;
    tile_of(l, tile, sizeof tile);
    fprintf(out, "%-24s %-16s %-20s %7d %9d %7d %6d %6d %5.1f %%  %-13s %9.1f  %s\n", k->symbol,
            k->body, tile, k->threads, r.registers, r.shared, r.spills, r.occupancy.blocks,
            100 * r.occupancy.share, occupancy_limit_name(r.occupancy.limit), 1e6 * l->seconds, l->limiter);
}

void cuda_print_table(const Program *p, const CudaUnits *u, FILE *out)
{
    bool any = false;
    for (int i = 0; u->built && i < p->unit_count; i++)
        any = any || u->built[i].cubin.kernel_count;
    if (any)
        fprintf(out, "%-24s %-16s %-20s %7s %9s %7s %6s %6s %7s  %-13s %9s  %s\n", "kernel", "body",
                "tile", "threads", "registers", "shared", "spills", "blocks", "warps", "held back by", "us",
                "limiter");
    for (int i = 0; any && i < p->kernel_count; i++)
        print_row(p, &p->kernels[i], u, out);
}

// --- one launch -----------------------------------------------------------------------------------

// What the GPU would take at the rates of the best published kernels; 0: no GPU.
static double roofline_of(const Program *p, const Launch *l)
{
    const Target *t = target_find(p->units[p->kernels[l->kernel].unit].target);
    return t && t->kind == TARGET_CUDA ? cuda_roofline_seconds(t, (double)l->flops, (double)l->bytes) : 0;
}

void cuda_print_use(const Program *p, const Launch *l, const CudaUnits *u, FILE *out)
{
    char shared[COUNT_TEXT];
    CudaResources r;
    double roofline = roofline_of(p, l);
    if (cuda_resources(p, &p->kernels[l->kernel], u, &r))
        fprintf(out, "    %d registers a thread, %s bytes of shared memory a block, %d bytes spilled; a "
                "multiprocessor holds\n    %d block%s, %.1f %% of its warps, limited by %s\n", r.registers,
                report_count(shared, r.shared), r.spills, r.occupancy.blocks,
                r.occupancy.blocks == 1 ? "" : "s", 100 * r.occupancy.share,
                occupancy_limit_name(r.occupancy.limit));
    if (l->seconds > 0)
        fprintf(out, "    predicted %.1f us, limited by %s; at the roofline %.1f us, %.0f %%\n",
                1e6 * l->seconds, l->limiter, 1e6 * roofline, 100 * roofline / l->seconds);
}

void cuda_json_use(const Program *p, const Launch *l, const CudaUnits *u, FILE *out)
{
    CudaResources r;
    bool known = cuda_resources(p, &p->kernels[l->kernel], u, &r);
    fprintf(out, ",\n     \"threads\": %d, \"registers\": %d, \"shared\": %d, \"spills\": %d, "
            "\"blocks\": %d, \"occupancy\": %.4f", p->kernels[l->kernel].threads, r.registers, r.shared,
            r.spills, r.occupancy.blocks, r.occupancy.share);
    report_json_text("held_back_by", known ? occupancy_limit_name(r.occupancy.limit) : "", out);
    fprintf(out, ", \"predicted_us\": %.3f, \"roofline_us\": %.3f", 1e6 * l->seconds,
            1e6 * roofline_of(p, l));
    report_json_text("limiter", l->limiter, out);
}
