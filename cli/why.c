// cleave why FILE.net:LINE, cleave why FILE.net LAYER: every kernel that a line or layer became, what it
// costs, reads and writes, what was fused in, and where it stands in the schedule.
#include "look/why.h"
#include "base/text.h"
#include "cli/cuda.h"
#include "cli/report.h"
#include "cli/verb.h"
#include <string.h>

static double intensity(const Launch *l)
{
    return l->bytes ? (double)l->flops / (double)l->bytes : 0;
}

static const char *device_of(const Why *why, const Node *n)
{
    return n->device >= 0 && n->device < why->graph->device_count ? why->graph->devices[n->device] : "";
}

// --- text -----------------------------------------------------------------------------------------

static void print_layers(const Why *why, FILE *out)
{
    for (int i = 0; i < why->layer_count; i++) {
        fputs(i ? ", " : "", out);
        report_safe(why->layers[i]->name, out);
    }
}

static void print_line(Compilation *c, const About *about, const Why *why, const ShowOptions *o, FILE *out)
{
    if (about->kind == ABOUT_LINE) {
        Place p = look_place(c, about->line);
        report_safe(p.path, out);
        fprintf(out, ":%d", about->line);
        fputs(why->layer_count ? ": " : "", out);
        print_layers(why, out);
        fprintf(out, "\n%5d | ", about->line);
        text_print_safe(out, p.text, p.text_length);
        fputc('\n', out);
        return;
    }
    diag_show(&c->diag, why->layers[0]->at, out, options_colour(o->colour, out));
    if (why->layer_count > 1 || strcmp(why->layers[0]->name, about->name)) {
        print_layers(why, out);
        fputc('\n', out);
    }
}

static void print_without(const About *about, const Why *why, FILE *out)
{
    if (about->kind == ABOUT_LINE)
        fprintf(out, "line %d has no kernels: it is %s\n", about->line, why->without);
    else
        fprintf(out, "%s has no kernels: it is %s\n", about->name, why->without);
    if (why->nearest && why->nearest != about->line)
        fprintf(out, "the nearest line that has some is %d\n", why->nearest);
}

// Launches of one kernel for one layer and phase differ by part and device only: one block.
static bool same_block(const KernelUse *a, const KernelUse *b)
{
    return a->kernel == b->kernel && !strcmp(a->launch->layer, b->launch->layer)
        && !strcmp(a->launch->phase, b->launch->phase);
}

static int count_kernels(const Why *why)
{
    int count = 0;
    for (int i = 0; i < why->kernel_count; i++) {
        bool known = false;
        for (int k = 0; k < i && !known; k++)
            known = why->kernels[k].kernel == why->kernels[i].kernel;
        count += !known;
    }
    return count;
}

static void print_tensors(const Program *p, const Launch *l, bool written, FILE *out)
{
    int reads = l->tensor_count - l->writes;
    fprintf(out, "    %-7s ", written ? "writes" : "reads");
    for (int i = written ? reads : 0; i < (written ? l->tensor_count : reads); i++) {
        fputs(i > (written ? reads : 0) ? ", " : "", out);
        report_tensor(p, l->tensors[i], out);
    }
    fputc('\n', out);
}

static void print_use(const Why *why, const KernelUse *u, FILE *out)
{
    const Command *command = &why->sequence->commands[u->command];
    const Node *root = u->group->root;
    fprintf(out, "    on %s", device_of(why, root));
    if (root->parts > 1)
        fprintf(out, ", part %d of %d", root->part, root->parts);
    fprintf(out, ": command %d of %d, ", u->command, why->sequence->command_count);
    if (command->kind == COMMAND_CHAIN && command->count > 1)
        fprintf(out, "number %d of a chain of %d that goes image by image", u->place + 1, command->count);
    else if (command->count > 1)
        fprintf(out, "one of %d in any order", command->count);
    else
        fputs(command->kind == COMMAND_CHAIN ? "alone, image by image" : "alone", out);
    for (int i = 0; i < command->wait_count; i++)
        fprintf(out, "%s%d", i ? ", " : "; waits for command ", command->waits[i]);
    fputc('\n', out);
}

// "128 images", "729 blocks of 128 threads"
static void print_items(const KernelUse *u, FILE *out)
{
    const Launch *l = u->launch;
    if (u->kernel->threads)
        fprintf(out, "%lld block%s of %d threads", (long long)l->items, l->items == 1 ? "" : "s",
                u->kernel->threads);
    else
        fprintf(out, "%lld %s", (long long)l->items, report_item_word(l));
}

static void print_block(const Program *p, const Why *why, int first, const CudaUnits *units, FILE *out)
{
    char flops[COUNT_TEXT], bytes[COUNT_TEXT];
    const KernelUse *u = &why->kernels[first];
    const Launch *l = u->launch;
    fprintf(out, "\n%s  ", u->kernel->symbol);
    report_safe(*l->layer ? l->layer : u->group->root->name, out);
    fprintf(out, ", %s: ", l->phase);
    group_print_ops(u->group, out);
    fprintf(out, "\n    %s FLOP, %s bytes, %.1f FLOP a byte; body %s, ", report_count(flops, l->flops),
            report_count(bytes, l->bytes), intensity(l), u->kernel->body);
    print_items(u, out);
    fputc('\n', out);
    cuda_print_use(p, l, units, out);
    print_tensors(p, l, false, out);
    print_tensors(p, l, true, out);
    for (int i = first; i < why->kernel_count; i++)
        if (same_block(u, &why->kernels[i]))
            print_use(why, &why->kernels[i], out);
    fputs("    ", out);
    report_safe(l->reason, out);
    fputc('\n', out);
}

static void print_copy(const Why *why, const CopyUse *u, FILE *out)
{
    char bytes[COUNT_TEXT];
    fprintf(out, "copy of ");
    report_safe(u->node->in[0]->name, out);
    fprintf(out, ", %s -> %s: %s bytes, %s", device_of(why, u->node->in[0]), device_of(why, u->node),
            report_count(bytes, u->copy->bytes), u->copy->backward ? "backward" : "forward");
    if (*u->copy->point) {
        fputs(", for ", out);
        report_safe(u->copy->point, out);
    }
    fprintf(out, "; command %d\n", u->command);
}

static void print_text(Compilation *c, const About *about, const Why *why, const CudaUnits *units,
                       const ShowOptions *o, FILE *out)
{
    print_line(c, about, why, o, out);
    if (why->without) {
        print_without(about, why, out);
        return;
    }
    int kernels = count_kernels(why);
    fprintf(out, "%d kernel%s, launched %d time%s in a %s of %d image%s", kernels, kernels == 1 ? "" : "s",
            why->kernel_count, why->kernel_count == 1 ? "" : "s",
            why->graph->loss ? "training step" : "run", why->graph->batch, why->graph->batch == 1 ? "" : "s");
    if (why->copy_count)
        fprintf(out, "; %d cop%s between devices", why->copy_count, why->copy_count == 1 ? "y" : "ies");
    fputc('\n', out);
    for (int i = 0; i < why->kernel_count; i++) {
        bool known = false;
        for (int k = 0; k < i && !known; k++)
            known = same_block(&why->kernels[k], &why->kernels[i]);
        if (!known)
            print_block(c->program, why, i, units, out);
    }
    fputs(why->copy_count ? "\n" : "", out);
    for (int i = 0; i < why->copy_count; i++)
        print_copy(why, &why->copies[i], out);
}

// --- JSON -----------------------------------------------------------------------------------------

static void json_tensors(const char *key, const Program *p, const Launch *l, int first, int end, FILE *out)
{
    fprintf(out, ",\n     \"%s\": [", key);
    for (int i = first; i < end; i++) {
        fputs(i > first ? ", " : "", out);
        report_tensor_json(p, l->tensors[i], out);
    }
    fputc(']', out);
}

static void json_use(const Program *p, const Why *why, const KernelUse *u, const CudaUnits *units, FILE *out)
{
    const Launch *l = u->launch;
    const Node *root = u->group->root;
    int reads = l->tensor_count - l->writes;
    fputs("    {\"kernel\": ", out);
    text_print_json(out, u->kernel->symbol);
    report_json_text("body", u->kernel->body, out);
    report_json_text("layer", l->layer, out);
    report_json_text("phase", l->phase, out);
    report_json_text("device", device_of(why, root), out);
    fprintf(out, ", \"part\": %d, \"parts\": %d,\n     \"items\": %lld, \"flops\": %lld, \"bytes\": %lld, "
            "\"intensity\": %.3f, \"command\": %d, \"place\": %d, \"ops\": [", root->part, root->parts,
            (long long)l->items, (long long)l->flops, (long long)l->bytes, intensity(l), u->command,
            u->place);
    for (int i = 0; i < u->group->count; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", node_kind(u->group->nodes[i]));
    fputc(']', out);
    cuda_json_use(p, l, units, out);
    json_tensors("reads", p, l, 0, reads, out);
    json_tensors("writes", p, l, reads, l->tensor_count, out);
    report_json_text("reason", l->reason, out);
    fputc('}', out);
}

static void json_copy(const Why *why, const CopyUse *u, FILE *out)
{
    fputs("    {\"value\": ", out);
    text_print_json(out, u->node->in[0]->name);
    report_json_text("from", device_of(why, u->node->in[0]), out);
    report_json_text("to", device_of(why, u->node), out);
    report_json_text("for", u->copy->point, out);
    fprintf(out, ", \"bytes\": %lld, \"backward\": %s, \"command\": %d}", (long long)u->copy->bytes,
            u->copy->backward ? "true" : "false", u->command);
}

static void print_json(const Compilation *c, const About *about, const Why *why, const CudaUnits *units,
                       FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, why->graph->name);
    fprintf(out, ",\n  \"batch\": %d,\n  \"line\": %d,\n  \"layers\": [", why->graph->batch,
            about->kind == ABOUT_LINE ? about->line : report_line(c, why->layers[0]));
    for (int i = 0; i < why->layer_count; i++) {
        fputs(i ? ", " : "", out);
        text_print_json(out, why->layers[i]->name);
    }
    fputs("],\n  \"without\": ", out);
    text_print_json(out, why->without ? why->without : "");
    fprintf(out, ",\n  \"nearest\": %d,\n  \"kernels\": [", why->nearest);
    for (int i = 0; i < why->kernel_count; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_use(c->program, why, &why->kernels[i], units, out);
    }
    fputs("\n  ],\n  \"copies\": [", out);
    for (int i = 0; i < why->copy_count; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_copy(why, &why->copies[i], out);
    }
    fputs("\n  ]\n}\n", out);
}

// Of a GPU's kernels NVRTC tells more; without it the answer is the shorter.
static int build_kernels(Compilation *c, const Why *why, CudaUnits *units)
{
    *units = (CudaUnits){ 0 };
    if (!cuda_is_for(c->program) || !why->kernel_count)
        return EXIT_OK;
    bool *wanted = ARENA_ARRAY(&c->arena, bool, c->program->unit_count);
    for (int i = 0; i < why->kernel_count; i++)
        wanted[why->kernels[i].kernel->unit] = true;
    int code = cuda_units_build(c->program, wanted, units);
    return units->no_nvrtc ? EXIT_OK : code;
}

static int print_why(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    CudaUnits units;
    int code = build_kernels(c, &why, &units);
    if (o->json)
        print_json(c, &about, &why, &units, out);
    else
        print_text(c, &about, &why, &units, o, out);
    cuda_units_close(&units);
    return code;
}

int verb_why(int argc, char **argv)
{
    ShowOptions o = { .seed = 1 };
    Option options[] = { SHOW_JSON(&o.json), SHOW_COLOUR(&o.colour), WITH_NET(&o.net),
                         WITH_TARGET(&o.target),
                         WITH_PRECISION(&o.precision), WITH_PLAN(&o.plan), WITH_OVERRIDE(&o.override),
                         WITH_BATCH(&o.batch), WITH_SET(&o.set) };
    Usage usage = { .verb = "why", .operands = "FILE.net:LINE | FILE.net LAYER", .least = 1, .most = 2,
                    .what = "Tells which kernels a line or layer became, what they cost, read and write, and "
                            "when they run.",
                    .example = "cleave why nets/alexnet.net:12",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    o.path = argv[first];
    o.about = argc - first > 1 ? argv[first + 1] : report_cut_line(argv[first]);
    if (!o.about) {
        fprintf(stderr, "cleave: why wants a line or a layer: cleave why %s:1, cleave why %s conv1\n", o.path,
                o.path);
        return EXIT_USAGE;
    }
    return report_program(&o, print_why, stdout);
}
