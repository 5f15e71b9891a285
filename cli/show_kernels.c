// cleave show kernels|cpu FILE.net [LAYER|LINE]: the launches of a training step, and generated C. With a
// layer or line `kernels` adds the texts of its kernels; `cpu` prints texts only, without a layer whole
// units as the C compiler gets them.
#include "base/text.h"
#include "cli/paint.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/why.h"
#include <string.h>

// --- texts ----------------------------------------------------------------------------------------

// Lines first .. last of a unit, as a piece of its text.
static const char *lines_of(const Program *p, const Kernel *k, int *length)
{
    const char *text = p->units[k->unit].text, *start = text;
    for (int line = 1; *text && line <= k->last_line; line++) {
        if (line == k->first_line)
            start = text;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    *length = (int)(text - start);
    return start;
}

// Kernels of the answer, each once, in the order of the schedule; returns how many.
static int distinct(Compilation *c, const Why *why, const Kernel **list)
{
    bool *seen = ARENA_ARRAY(&c->arena, bool, c->program->kernel_count + 1);
    int count = 0;
    for (int i = 0; i < why->kernel_count; i++) {
        if (!seen[why->kernels[i].launch->kernel])
            list[count++] = why->kernels[i].kernel;
        seen[why->kernels[i].launch->kernel] = true;
    }
    return count;
}

static void print_texts(Compilation *c, const Why *why, bool colour, FILE *out)
{
    const Kernel **list = ARENA_ARRAY(&c->arena, const Kernel *, why->kernel_count + 1);
    int count = distinct(c, why, list), length;
    for (int i = 0; i < count; i++) {
        const char *text = lines_of(c->program, list[i], &length);
        paint(out, text, (size_t)length, PAINT_C, colour);
    }
}

static void print_texts_json(Compilation *c, const Why *why, FILE *out)
{
    const Program *p = c->program;
    const Kernel **list = ARENA_ARRAY(&c->arena, const Kernel *, why->kernel_count + 1);
    int count = distinct(c, why, list), length;
    for (int i = 0; i < count; i++) {
        const char *text = lines_of(p, list[i], &length);
        fprintf(out, "%s    {\"kernel\": ", i ? ",\n" : "\n");
        text_print_json(out, list[i]->symbol);
        report_json_text("body", list[i]->body, out);
        report_json_text("unit", p->units[list[i]->unit].name, out);
        fprintf(out, ", \"first_line\": %d, \"last_line\": %d", list[i]->first_line, list[i]->last_line);
        report_json_text("text", arena_copy(&c->arena, text, (size_t)length), out);
        fputc('}', out);
    }
}

// --- kernels --------------------------------------------------------------------------------------

static void print_row(const KernelUse *u, FILE *out)
{
    const Launch *l = u->launch;
    int width = (int)strlen(l->layer);
    report_safe(l->layer, out);
    fprintf(out, "%*s %-27s %-16s %-12s %5lld items %9.3f MFLOP %9.3f MB\n", width < 12 ? 12 - width : 0, "",
            l->phase, u->kernel->symbol, u->kernel->body, (long long)l->items, 1e-6 * (double)l->flops,
            1e-6 * (double)l->bytes);
}

static void print_row_json(const Why *why, const KernelUse *u, FILE *out)
{
    const Launch *l = u->launch;
    fputs("    {\"kernel\": ", out);
    text_print_json(out, u->kernel->symbol);
    report_json_text("body", u->kernel->body, out);
    report_json_text("layer", l->layer, out);
    report_json_text("phase", l->phase, out);
    report_json_text("device", why->graph->devices[u->group->root->device], out);
    fprintf(out, ", \"part\": %d, \"items\": %lld, \"flops\": %lld, \"bytes\": %lld}", u->group->root->part,
            (long long)l->items, (long long)l->flops, (long long)l->bytes);
}

static void open_json(const Compilation *c, FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, c->program->net);
    fprintf(out, ",\n  \"batch\": %d", c->program->sequences[0].batch);
}

static int print_kernels(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    if (!o->json) {
        for (int i = 0; i < why.kernel_count; i++)
            print_row(&why.kernels[i], out);
        if (o->about)
            print_texts(c, &why, options_colour(o->colour, out), out);
        return EXIT_OK;
    }
    open_json(c, out);
    fputs(",\n  \"kernels\": [", out);
    for (int i = 0; i < why.kernel_count; i++) {
        fputs(i ? ",\n" : "\n", out);
        print_row_json(&why, &why.kernels[i], out);
    }
    fputs("\n  ],\n  \"texts\": [", out);
    if (o->about)
        print_texts_json(c, &why, out);
    fputs("\n  ]\n}\n", out);
    return EXIT_OK;
}

int show_kernels(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_kernels, out);
}

// --- cpu ------------------------------------------------------------------------------------------

static void print_units_json(const Program *p, FILE *out)
{
    for (int u = 0; u < p->unit_count; u++) {
        fprintf(out, "%s    {\"name\": ", u ? ",\n" : "\n");
        text_print_json(out, p->units[u].name);
        report_json_text("target", p->units[u].target, out);
        report_json_text("flags", p->units[u].flags, out);
        report_json_text("text", p->units[u].text, out);
        fputc('}', out);
    }
}

static int print_cpu(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Program *p = c->program;
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    if (o->json) {
        open_json(c, out);
        fputs(",\n  \"units\": [", out);
        if (!o->about)
            print_units_json(p, out);
        fputs("\n  ],\n  \"kernels\": [", out);
        print_texts_json(c, &why, out);
        fputs("\n  ]\n}\n", out);
        return EXIT_OK;
    }
    bool colour = options_colour(o->colour, out);
    for (int u = 0; !o->about && u < p->unit_count; u++) {
        fprintf(out, "// %s\n// %s\n", p->units[u].name, p->units[u].flags);
        paint(out, p->units[u].text, strlen(p->units[u].text), PAINT_C, colour);
    }
    if (o->about)
        print_texts(c, &why, colour, out);
    return EXIT_OK;
}

int show_cpu(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_cpu, out);
}
