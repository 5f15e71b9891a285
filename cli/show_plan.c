// cleave show plan|kernels|cpu|memory|schedule|fusion FILE.net [LAYER|LINE]: what the compiler plans
// to run. All of them compile the net for a target, as `train` would.
#include "cli/report.h"
#include "cli/verb.h"
#include "ir/group.h"
#include "look/about.h"
#include "program/program.h"
#include <inttypes.h>
#include <string.h>

// A whole program of the net: to train where there is a loss, else to predict.
static int of_program(const ShowOptions *o, ReportPrint *print, FILE *out)
{
    return report_compiled(o, REPORT_TO_RUN, NULL, print, out);
}

static bool launch_wanted(const ShowOptions *o, const Launch *l)
{
    if (!o->about || !strcmp(o->about, l->layer))
        return true;
    About about = about_read(o->about);
    for (int i = 0; i < l->place_count; i++)
        if (about.kind == ABOUT_LINE && l->places[i].line == about.line)
            return true;
    return false;
}

static const Sequence *first_sequence(const Compilation *c)
{
    return &c->program->sequences[0];
}

// --- plan: the net in a few lines ------------------------------------------------------------------

static int64_t params_of(const Program *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->param_count; i++)
        sum += shape_count(p->params[i].shape);
    return sum;
}

static void count_copies(const Sequence *s, int64_t bytes[2])
{
    bytes[0] = bytes[1] = 0;
    for (int i = 0; i < s->copy_count; i++)
        bytes[s->copies[i].backward] += s->copies[i].bytes;
}

static void plan_json(const Compilation *c, FILE *out)
{
    const Program *p = c->program;
    const Sequence *s = first_sequence(c);
    int64_t bytes[2];
    count_copies(s, bytes);
    fprintf(out, "{\"net\":\"%s\",\"batch\":%d,\"kernels\":%d,\"launches\":%d,\"parameters\":%" PRId64
            ",\"bytes_forward\":%" PRId64 ",\"bytes_backward\":%" PRId64 ",\"devices\":[", p->net, s->batch,
            p->kernel_count, s->launch_count, params_of(p), bytes[0], bytes[1]);
    for (int d = 0; d < p->device_count; d++)
        fprintf(out, "%s{\"name\":\"%s\",\"target\":\"%s\",\"bytes\":%" PRId64 "}", d ? "," : "",
                p->devices[d].name, p->devices[d].target, p->devices[d].arena_bytes);
    fprintf(out, "]}\n");
}

static void plan_text(const Compilation *c, FILE *out)
{
    const Program *p = c->program;
    const Sequence *s = first_sequence(c);
    char a[COUNT_TEXT], b[COUNT_TEXT];
    int64_t bytes[2];
    count_copies(s, bytes);
    fprintf(out, "net %s, batch %d\n", p->net, s->batch);
    fprintf(out, "  parameters         %s\n", report_count(a, params_of(p)));
    fprintf(out, "  kernel texts       %d, launched %d times a training step\n", p->kernel_count,
            s->launch_count);
    fprintf(out, "  exchange           %s bytes an image forward, %s backward\n",
            report_count(a, bytes[0] / s->batch), report_count(b, bytes[1] / s->batch));
    for (int d = 0; d < p->device_count; d++)
        fprintf(out, "  memory of %-8s %s bytes (%s)\n", p->devices[d].name,
                report_count(a, p->devices[d].arena_bytes), p->devices[d].target);
}

static int print_plan(Compilation *c, const ShowOptions *o, FILE *out)
{
    (o->json ? plan_json : plan_text)(c, out);
    return EXIT_OK;
}

int show_plan(const ShowOptions *o, FILE *out) { return of_program(o, print_plan, out); }

// --- kernels and their texts ------------------------------------------------------------------------

static int print_kernels(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Sequence *s = first_sequence(c);
    for (int i = 0; i < s->launch_count; i++) {
        const Launch *l = &s->launches[i];
        const Kernel *k = &c->program->kernels[l->kernel];
        if (!launch_wanted(o, l))
            continue;
        if (o->json)
            fprintf(out, "{\"layer\":\"%s\",\"phase\":\"%s\",\"kernel\":\"%s\",\"body\":\"%s\","
                    "\"items\":%" PRId64 ",\"flops\":%" PRId64 ",\"bytes\":%" PRId64 "}\n", l->layer,
                    l->phase, k->symbol, k->body, l->items, l->flops, l->bytes);
        else
            fprintf(out, "%-12s %-27s %-16s %-12s %5" PRId64 " items %9.3f MFLOP %9.3f MB\n", l->layer,
                    l->phase, k->symbol, k->body, l->items, (double)l->flops * 1e-6, (double)l->bytes * 1e-6);
    }
    return EXIT_OK;
}

int show_kernels(const ShowOptions *o, FILE *out) { return of_program(o, print_kernels, out); }

static void print_lines(const char *text, int first, int last, FILE *out)
{
    for (int line = 1; *text && line <= last; line++) {
        size_t length = strcspn(text, "\n");
        if (line >= first)
            fprintf(out, "%.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

// The text of every kernel that is asked for, once; without a layer the whole units.
static int print_cpu(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Program *p = c->program;
    for (int u = 0; !o->about && u < p->unit_count; u++)
        fprintf(out, "// %s\n// %s\n%s", p->units[u].name, p->units[u].flags, p->units[u].text);
    bool *shown = ARENA_ARRAY(&c->arena, bool, p->kernel_count);
    for (int i = 0; o->about && i < p->sequences[0].launch_count; i++) {
        const Launch *l = &p->sequences[0].launches[i];
        const Kernel *k = &p->kernels[l->kernel];
        if (!launch_wanted(o, l) || shown[l->kernel])
            continue;
        shown[l->kernel] = true;
        print_lines(p->units[k->unit].text, k->first_line, k->last_line, out);
    }
    return EXIT_OK;
}

int show_cpu(const ShowOptions *o, FILE *out) { return of_program(o, print_cpu, out); }

// --- memory -------------------------------------------------------------------------------------------

static const char *const role_names[] = {
    [BUFFER_PARAM] = "parameters", [BUFFER_VELOCITY] = "velocities", [BUFFER_STATE] = "state",
    [BUFFER_INPUT] = "inputs", [BUFFER_LABEL] = "labels", [BUFFER_OUTPUT] = "outputs",
    [BUFFER_RECEIVE] = "received", [BUFFER_VALUE] = "values",
};

static void memory_of_device(const Program *p, int device, bool json, FILE *out)
{
    int64_t sum[BUFFER_VALUE + 1] = { 0 };
    char text[COUNT_TEXT];
    for (int i = 0; i < p->buffer_count; i++)
        if (p->buffers[i].device == device)
            sum[p->buffers[i].role] += p->buffers[i].bytes;
    const ProgramDevice *d = &p->devices[device];
    if (json) {
        fprintf(out, "%s{\"name\":\"%s\",\"bytes\":%" PRId64, device ? "," : "", d->name, d->arena_bytes);
        for (int r = 0; r <= BUFFER_VALUE; r++)
            fprintf(out, ",\"%s\":%" PRId64, role_names[r], sum[r]);
        fputs("}", out);
        return;
    }
    fprintf(out, "%s: %s bytes\n", d->name, report_count(text, d->arena_bytes));
    for (int r = 0; r <= BUFFER_VALUE; r++)
        if (sum[r])
            fprintf(out, "  %-12s %18s\n", role_names[r], report_count(text, sum[r]));
}

// Buffers of all sequences; those that live at different times share bytes, so the sum of the
// values may be larger than the device's memory.
static int print_memory(Compilation *c, const ShowOptions *o, FILE *out)
{
    fputs(o->json ? "{\"devices\":[" : "", out);
    for (int d = 0; d < c->program->device_count; d++)
        memory_of_device(c->program, d, o->json, out);
    fputs(o->json ? "]}\n" : "", out);
    return EXIT_OK;
}

int show_memory(const ShowOptions *o, FILE *out) { return of_program(o, print_memory, out); }

// --- schedule and fusion --------------------------------------------------------------------------------

static int print_schedule(Compilation *c, const ShowOptions *o, FILE *out)
{
    (o->json ? program_print_json : program_print)(c->program, out);
    return EXIT_OK;
}

int show_schedule(const ShowOptions *o, FILE *out) { return of_program(o, print_schedule, out); }

static int print_fusion(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Graph *g = c->graphs[GRAPH_TRAIN];
    for (int i = 0; i < g->group_count; i++) {
        const Group *group = g->groups[i];
        if (group->root->layer && !report_wants(c, o, group->root->layer))
            continue;
        fprintf(out, "%s:", group->root->name);
        for (int k = 0; k < group->count; k++)
            fprintf(out, "%s %s", k ? " +" : "", op_table[group->nodes[k]->op]->name);
        fprintf(out, "\n    %s\n", group->reason);
    }
    return EXIT_OK;
}

int show_fusion(const ShowOptions *o, FILE *out) { return of_program(o, print_fusion, out); }
