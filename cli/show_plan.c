// cleave show plan FILE.net [LAYER|LINE]: the net in a few lines, compiled for a target as `train` would.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/plan.h"
#include "look/why.h"

static void print_json(const Compilation *c, const Plan *plan, FILE *out)
{
    const Program *p = c->program;
    fputs("{\n  \"net\": ", out);
    text_print_json(out, p->net);
    fprintf(out, ",\n  \"batch\": %d,\n  \"parameters\": %lld,\n  \"kernels\": %d,\n  \"launches\": %d",
            p->sequences[0].batch, (long long)plan->parameters, plan->kernels, plan->launches);
    fprintf(out, ",\n  \"flops\": %lld,\n  \"bytes\": %lld", (long long)plan->flops, (long long)plan->bytes);
    fprintf(out, ",\n  \"bytes_forward\": %lld,\n  \"bytes_backward\": %lld,\n  \"devices\": [",
            (long long)plan->copied_forward, (long long)plan->copied_backward);
    for (int d = 0; d < p->device_count; d++) {
        fprintf(out, "%s    {\"name\": ", d ? ",\n" : "\n");
        text_print_json(out, p->devices[d].name);
        report_json_text("target", p->devices[d].target, out);
        fprintf(out, ", \"bytes\": %lld}", (long long)plan->memory[d]);
    }
    fprintf(out, "\n  ],\n  \"predicted_us\": %.3f,\n  \"roofline_us\": %.3f\n}\n", 1e6 * plan->seconds,
            1e6 * plan->roofline);
}

static void print_text(const Compilation *c, const ShowOptions *o, const Plan *plan, FILE *out)
{
    const Program *p = c->program;
    const int batch = p->sequences[0].batch;
    char a[COUNT_TEXT], b[COUNT_TEXT];
    fputs("net ", out);
    report_safe(p->net, out);
    fputs(o->about ? ", " : "", out);
    report_safe(o->about ? o->about : "", out);
    fprintf(out, ", batch %d\n", batch);
    fprintf(out, "  parameters         %s\n", report_count(a, plan->parameters));
    fprintf(out, "  kernel texts       %d, launched %d times a training step\n", plan->kernels,
            plan->launches);
    fprintf(out, "  work               %s FLOP a step, %s bytes read and written\n",
            report_count(a, plan->flops), report_count(b, plan->bytes));
    fprintf(out, "  exchange           %s bytes an image forward, %s backward\n",
            report_count(a, plan->copied_forward / batch), report_count(b, plan->copied_backward / batch));
    for (int d = 0; d < p->device_count; d++)
        fprintf(out, "  memory of %-8s %s bytes (%s)\n", p->devices[d].name, report_count(a, plan->memory[d]),
                p->devices[d].target);
}

// GPU: what the step is predicted to take, and each launch with its limiter and why it is as it is.
static void print_prediction(Compilation *c, const About *about, const Plan *plan, FILE *out)
{
    Why why = look_why(c, about);
    fprintf(out, "  predicted          %.1f us a step; at the roofline %.1f us, %.0f %%\n",
            1e6 * plan->seconds, 1e6 * plan->roofline, 100 * plan->roofline / plan->seconds);
    for (int i = 0; i < why.kernel_count; i++) {
        const Launch *l = why.kernels[i].launch;
        fprintf(out, "%9.1f us  %-18s ", 1e6 * l->seconds, l->refreshes ? "(not in a step)" : l->limiter);
        report_safe(l->title, out);
        fputs("\n                                  ", out);
        report_safe(l->reason, out);
        fputc('\n', out);
    }
}

static int print_plan(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    Plan plan = look_plan(c, &about);
    if (o->json)
        print_json(c, &plan, out);
    else
        print_text(c, o, &plan, out);
    if (!o->json && plan.seconds > 0)
        print_prediction(c, &about, &plan, out);
    return EXIT_OK;
}

int show_plan(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_plan, out);
}
