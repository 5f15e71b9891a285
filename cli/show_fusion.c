// cleave show fusion FILE.net [LAYER|LINE]: which ops share a kernel, and why no more do.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/why.h"

static void print_text(const Group *group, FILE *out)
{
    report_safe(group->root->name, out);
    fputc(':', out);
    for (int k = 0; k < group->count; k++)
        fprintf(out, "%s %s", k ? " +" : "", node_kind(group->nodes[k]));
    fputs("\n    ", out);
    report_safe(group->reason, out);
    fputc('\n', out);
}

static void print_json(const KernelUse *u, FILE *out)
{
    fputs("    {\"kernel\": ", out);
    text_print_json(out, u->kernel->symbol);
    report_json_text("layer", u->launch->layer, out);
    report_json_text("phase", u->launch->phase, out);
    fputs(", \"nodes\": [", out);
    for (int k = 0; k < u->group->count; k++) {
        fputs(k ? ", " : "", out);
        text_print_json(out, u->group->nodes[k]->name);
    }
    fputs("], \"ops\": [", out);
    for (int k = 0; k < u->group->count; k++)
        fprintf(out, "%s\"%s\"", k ? ", " : "", node_kind(u->group->nodes[k]));
    fputc(']', out);
    report_json_text("reason", u->group->reason, out);
    fputc('}', out);
}

static int print_fusion(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    if (!o->json) {
        for (int i = 0; i < why.kernel_count; i++)
            print_text(why.kernels[i].group, out);
        return EXIT_OK;
    }
    fputs("{\n  \"net\": ", out);
    text_print_json(out, why.graph->name);
    fprintf(out, ",\n  \"batch\": %d,\n  \"groups\": [", why.graph->batch);
    for (int i = 0; i < why.kernel_count; i++) {
        fputs(i ? ",\n" : "\n", out);
        print_json(&why.kernels[i], out);
    }
    fputs("\n  ]\n}\n", out);
    return EXIT_OK;
}

int show_fusion(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_fusion, out);
}
