// cleave show split FILE.net: the ways to compute a net on several GPUs, ranked by the time that a training
// step is predicted to take.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/split.h"
#include <string.h>

typedef struct {
    SplitCost   list[DISTRIBUTE_WAYS];
    int         count;
    char        refusals[DISTRIBUTE_WAYS][PROGRAM_ERROR];
    char        net[128], target[64];
    int         batch, devices;
    Link        link;
} Alternatives;

static void print_row(const SplitCost *x, FILE *out)
{
    char step[COUNT_TEXT], image[COUNT_TEXT], weights[COUNT_TEXT], peak[COUNT_TEXT];
    fprintf(out, "  %c %-16s ", x->as_written ? '*' : ' ', distribution_name(x->way));
    if (x->refusal) {
        fputs("not possible: ", out);
        report_safe(x->refusal, out);
        fputc('\n', out);
        return;
    }
    fprintf(out, "%10.3f ms %16s %12s %16s %9d %18s\n", 1e3 * x->seconds, report_count(step, x->step),
            report_count(image, x->forward), report_count(weights, x->weights), x->messages,
            report_count(peak, x->peak));
}

static void print_text(const Alternatives *a, FILE *out)
{
    fputs("net ", out);
    report_safe(a->net, out);
    fprintf(out, ", batch %d, on %d x %s, %g GB/s each way, %g us a message: a training step, predicted\n",
            a->batch, a->devices, a->target, 1e-9 * a->link.bytes_per_second, 1e6 * a->link.latency);
    fprintf(out, "  %-18s %13s %16s %12s %16s %9s %18s\n", "", "step", "bytes a step", "an image",
            "of weights", "messages", "bytes of a device");
    for (int i = 0; i < a->count; i++)
        print_row(&a->list[i], out);
    for (int i = 0; i < a->count; i++)
        if (a->list[i].as_written)
            fputs("* what the file says\n", out);
}

static void print_row_json(const SplitCost *x, FILE *out)
{
    fputs("    {\"alternative\": ", out);
    text_print_json(out, distribution_name(x->way));
    fprintf(out, ", \"as_written\": %s", x->as_written ? "true" : "false");
    if (x->refusal) {
        report_json_text("refusal", x->refusal, out);
        fputc('}', out);
        return;
    }
    fprintf(out, ", \"ms\": %.6f, \"bytes_per_step\": %lld, \"bytes_per_image_per_pass\": %lld, "
            "\"bytes_per_image_backward\": %lld, \"bytes_of_weights\": %lld, \"messages\": %d, \"memory\": [",
            1e3 * x->seconds, (long long)x->step, (long long)x->forward, (long long)x->backward,
            (long long)x->weights, x->messages);
    for (int d = 0; d < x->devices; d++)
        fprintf(out, "%s%lld", d ? ", " : "", (long long)x->memory[d]);
    fputs("]}", out);
}

static void print_json(const Alternatives *a, FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, a->net);
    fprintf(out, ",\n  \"batch\": %d,\n  \"devices\": %d", a->batch, a->devices);
    fputs(",\n  \"target\": ", out);
    text_print_json(out, a->target);
    fprintf(out, ",\n  \"link_gb_per_second\": %g,\n  \"latency_us\": %g,\n  \"alternatives\": [",
            1e-9 * a->link.bytes_per_second, 1e6 * a->link.latency);
    for (int i = 0; i < a->count; i++) {
        fputs(i ? ",\n" : "\n", out);
        print_row_json(&a->list[i], out);
    }
    fputs("\n  ]\n}\n", out);
}

// --- compiling them -------------------------------------------------------------------------------

static CompileOptions options_of(const ShowOptions *o, Distribution way, int devices)
{
    return (CompileOptions){ .front = options_front(o->net, o->batch, o->seed, &o->set),
                             .target = o->target ? o->target : "cuda:sm_80", .precision = o->precision,
                             .plan = o->plan, .modes = 1u << GRAPH_TRAIN, .distribution = way,
                             .devices = devices, .chunks = (int)o->chunks, .link = 1e9 * (double)o->link,
                             .latency = 1e-6 * (double)o->latency };
}

static int misuse(const char *what, const char *name)
{
    fprintf(stderr, "cleave: show split is of a training step on GPUs, and %s %s\n", name, what);
    return EXIT_USAGE;
}

// The net as its file says: what is wrong with it is wrong with all ways.
static int read_written(Alternatives *a, Compilation *c, const ShowOptions *o)
{
    CompileOptions options = options_of(o, DISTRIBUTE_WRITTEN, 0);
    bool made = compile_file(c, &options, o->path);
    diag_print(&c->diag, stderr, options_colour(o->colour, stderr));
    if (!made && c->diag.errors)
        return EXIT_INPUT;
    if (!made) {
        fprintf(stderr, "cleave: %s\n", c->err);
        return c->misuse ? EXIT_USAGE : EXIT_RUN;
    }
    const Program *p = c->program;
    if (p->sequences[0].kind != SEQUENCE_TRAIN)
        return misuse("has no loss", p->net);
    if (strncmp(p->devices[0].target, "cuda:", 5) != 0)
        return misuse("is none (--target cuda:sm_80)", p->devices[0].target);
    snprintf(a->net, sizeof a->net, "%s", p->net);
    snprintf(a->target, sizeof a->target, "%s", p->devices[0].target);
    a->batch = p->sequences[0].batch;
    a->devices = o->devices ? (int)o->devices : p->device_count > 1 ? p->device_count : 2;
    a->list[a->count++] = look_split(c, DISTRIBUTE_WRITTEN, &a->link);
    return EXIT_OK;
}

static int read_other(Alternatives *a, Compilation *c, const ShowOptions *o, Distribution way)
{
    CompileOptions options = options_of(o, way, a->devices);
    SplitCost *x = &a->list[a->count++];
    if (compile_file(c, &options, o->path)) {
        *x = look_split(c, way, &a->link);
        return EXIT_OK;
    }
    if (!c->refused && !c->diag.errors) {
        fprintf(stderr, "cleave: %s\n", c->err);
        return EXIT_RUN;
    }
    snprintf(a->refusals[way], PROGRAM_ERROR, "%s", c->refused ? c->err : c->diag.first->text);
    *x = (SplitCost){ .way = way, .refusal = a->refusals[way] };
    return EXIT_OK;
}

int show_split(const ShowOptions *o, FILE *out)
{
    static Compilation c;
    Alternatives a = { .link = { 1e9 * (double)o->link, 1e-6 * (double)o->latency } };
    if (o->about) {
        fprintf(stderr, "cleave: show split is of a whole net, not of `%s`\n", o->about);
        return EXIT_USAGE;
    }
    int code = read_written(&a, &c, o);
    compile_close(&c);
    for (Distribution way = DISTRIBUTE_WHOLE; way < DISTRIBUTE_WAYS && code == EXIT_OK; way++) {
        code = read_other(&a, &c, o, way);
        compile_close(&c);
    }
    if (code != EXIT_OK)
        return code;
    split_rank(a.list, &a.count);
    (o->json ? print_json : print_text)(&a, out);
    return EXIT_OK;
}
