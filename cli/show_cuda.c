// cleave show ptx|sass FILE.net [LAYER|LINE]: what NVRTC makes of the CUDA texts. `sass` prints the
// machine code where nvdisasm is installed, and always how many instructions of each kind there are.
#include "base/text.h"
#include "cli/cuda.h"
#include "cli/paint.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/why.h"
#include "runtime/cuda/sass.h"
#include <stdlib.h>
#include <string.h>

typedef void PrintUnit(const KernelUnit *unit, const CudaBuilt *b, const ShowOptions *o, FILE *out);

// The units of the layers that were asked for.
static bool *wanted_units(Compilation *c, const ShowOptions *o)
{
    const Program *p = c->program;
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    bool *wanted = ARENA_ARRAY(&c->arena, bool, p->unit_count + 1);
    for (int i = 0; i < p->unit_count; i++)
        wanted[i] = !o->about;
    for (int i = 0; i < why.kernel_count; i++)
        wanted[why.kernels[i].kernel->unit] = true;
    return wanted;
}

static int print_built(Compilation *c, const ShowOptions *o, PrintUnit *print, FILE *out)
{
    const Program *p = c->program;
    CudaUnits u;
    if (!cuda_is_for(p)) {
        fprintf(stderr, "cleave: %s has no such text: it is for GPUs (--target cuda:sm_80)\n",
                p->devices[0].target);
        return EXIT_USAGE;
    }
    const bool *wanted = wanted_units(c, o);
    int code = cuda_units_build(p, wanted, &u);
    const char *before = "{\n  \"units\": [\n";
    for (int i = 0; i < p->unit_count && code == EXIT_OK; i++)
        if (wanted[i]) {
            fputs(o->json ? before : "", out);
            print(&p->units[i], &u.built[i], o, out);
            before = ",\n";
        }
    fputs(o->json && code == EXIT_OK ? "\n  ]\n}\n" : "", out);
    cuda_units_close(&u);
    return code;
}

static void open_json(const KernelUnit *unit, FILE *out)
{
    fputs("    {\"name\": ", out);
    text_print_json(out, unit->name);
    report_json_text("target", unit->target, out);
}

static void print_ptx(const KernelUnit *unit, const CudaBuilt *b, const ShowOptions *o, FILE *out)
{
    if (!o->json) {
        fprintf(out, "// %s\n", unit->name);
        paint(out, b->out.ptx, strlen(b->out.ptx), PAINT_PTX, options_colour(o->colour, out));
        fputc('\n', out);
        return;
    }
    open_json(unit, out);
    report_json_text("text", b->out.ptx, out);
    fputc('}', out);
}

static void print_counts(const CubinKernel *k, FILE *out)
{
    SassCount counts[SASS_OPCODES];
    int rows = sass_count(k, counts);
    fprintf(out, "%s: %d instructions\n", k->name, k->instructions);
    for (int i = 0; i < rows; i++) {
        if (counts[i].name)
            fprintf(out, "  %6d  %-10s %s\n", counts[i].count, counts[i].name, counts[i].meaning);
        else
            fprintf(out, "  %6d  0x%03x\n", counts[i].count, counts[i].opcode);
    }
}

static void print_counts_json(const CubinKernel *k, FILE *out)
{
    SassCount counts[SASS_OPCODES];
    int rows = sass_count(k, counts);
    fprintf(out, ", \"kernel\": \"%s\", \"registers\": %d, \"instructions\": %d, \"opcodes\": [", k->name,
            k->registers, k->instructions);
    for (int i = 0; i < rows; i++)
        fprintf(out, "%s{\"opcode\": \"%s\", \"count\": %d}", i ? ", " : "",
                counts[i].name ? counts[i].name : "other", counts[i].count);
    fputs("]", out);
}

static void print_sass(const KernelUnit *unit, const CudaBuilt *b, const ShowOptions *o, FILE *out)
{
    if (o->json) {
        open_json(unit, out);
        print_counts_json(&b->cubin.kernels[0], out);
        fputc('}', out);
        return;
    }
    char path[PATH_MAX], err[DEVICE_ERROR];
    for (int i = 0; i < b->cubin.kernel_count; i++)
        print_counts(&b->cubin.kernels[i], out);
    if (!sass_find_nvdisasm(path, err)) {
        fprintf(out, "the instructions themselves: %s\n", err);
        return;
    }
    char *text = sass_disassemble(path, b->out.cubin, b->out.cubin_size, err);
    if (text)
        paint(out, text, strlen(text), PAINT_SASS, options_colour(o->colour, out));
    fprintf(out, "%s\n", text ? "" : err);
    free(text);
}

static int report_ptx(Compilation *c, const ShowOptions *o, FILE *out)
{
    return print_built(c, o, print_ptx, out);
}

static int report_sass(Compilation *c, const ShowOptions *o, FILE *out)
{
    return print_built(c, o, print_sass, out);
}

// GPUs are what these are about.
static ShowOptions for_gpu(const ShowOptions *o)
{
    ShowOptions gpu = *o;
    if (!gpu.target)
        gpu.target = "cuda:sm_80";
    return gpu;
}

int show_ptx(const ShowOptions *o, FILE *out)
{
    ShowOptions gpu = for_gpu(o);
    return report_program(&gpu, report_ptx, out);
}

int show_sass(const ShowOptions *o, FILE *out)
{
    ShowOptions gpu = for_gpu(o);
    return report_program(&gpu, report_sass, out);
}

int show_cuda(const ShowOptions *o, FILE *out)
{
    ShowOptions gpu = for_gpu(o);
    return show_cpu(&gpu, out);
}
