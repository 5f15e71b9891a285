// cleave show schedule FILE.net [LAYER|LINE]: the whole program; of a layer or line the commands of a
// training step that it takes part in. As JSON: the commands.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/why.h"

static bool takes_part(const Why *why, int command)
{
    for (int i = 0; i < why->kernel_count; i++)
        if (why->kernels[i].command == command)
            return true;
    for (int i = 0; i < why->copy_count; i++)
        if (why->copies[i].command == command)
            return true;
    return false;
}

static void print_launch(const Program *p, const Launch *l, FILE *out)
{
    fputs("{\"kernel\": ", out);
    text_print_json(out, p->kernels[l->kernel].symbol);
    report_json_text("layer", l->layer, out);
    report_json_text("phase", l->phase, out);
    fprintf(out, ", \"items\": %lld, \"item_kind\": \"%s\"}", (long long)l->items,
            l->item_kind == ITEMS_IMAGES ? "images" : "jobs");
}

static void print_copy(const Program *p, const Copy *copy, FILE *out)
{
    fputs("{\"from\": ", out);
    text_print_json(out, p->tensors[copy->from].name);
    report_json_text("to", p->tensors[copy->to].name, out);
    report_json_text("layer", copy->layer, out);
    report_json_text("for", copy->point, out);
    fprintf(out, ", \"bytes\": %lld, \"backward\": %s, \"chunk\": %d, \"chunks\": %d}",
            (long long)copy->bytes, copy->backward ? "true" : "false", copy->chunk, copy->chunks);
}

static void print_command(const Program *p, const Sequence *s, int index, FILE *out)
{
    static const char *const kinds[] = { "chain", "group", "copy" };
    const Command *c = &s->commands[index];
    fprintf(out, "    {\"command\": %d, \"kind\": \"%s\"", index, kinds[c->kind]);
    report_json_text("device", p->devices[c->device].name, out);
    fputs(", \"waits\": [", out);
    for (int i = 0; i < c->wait_count; i++)
        fprintf(out, "%s%d", i ? ", " : "", c->waits[i]);
    fputs("], \"launches\": [", out);
    for (int i = 0; c->kind != COMMAND_COPY && i < c->count; i++) {
        fputs(i ? ",\n      " : "\n      ", out);
        print_launch(p, &s->launches[c->first + i], out);
    }
    fputs("], \"copies\": [", out);
    if (c->kind == COMMAND_COPY)
        print_copy(p, &s->copies[c->first], out);
    fputs("]}", out);
}

static void print_json(const Program *p, const Why *why, FILE *out)
{
    const Sequence *s = why->sequence;
    const char *between = "\n";
    fputs("{\n  \"net\": ", out);
    text_print_json(out, p->net);
    fprintf(out, ",\n  \"batch\": %d,\n  \"commands\": [", s->batch);
    for (int i = 0; i < s->command_count; i++) {
        if (!takes_part(why, i))
            continue;
        fputs(between, out);
        print_command(p, s, i, out);
        between = ",\n";
    }
    fputs("\n  ]\n}\n", out);
}

static int print_schedule(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Program *p = c->program;
    About about = about_read(o->about);
    Why why = look_why(c, &about);
    if (o->json) {
        print_json(p, &why, out);
    } else if (!o->about) {
        program_print(p, out);
    } else {
        for (int i = 0; i < why.sequence->command_count; i++)
            if (takes_part(&why, i))
                program_print_command(why.sequence, i, out);
    }
    return EXIT_OK;
}

int show_schedule(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_schedule, out);
}
