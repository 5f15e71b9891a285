// cleave why-not FILE.net A B: which rule kept two layers (names or lines) in kernels of their own.
#include "look/why_not.h"
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"

static void print_between(const Pair *pair, FILE *out)
{
    for (int i = 0; i < pair->between_count; i++) {
        fputs(i == 0 ? "" : i + 1 == pair->between_count ? " and " : ", ", out);
        report_safe(pair->between[i]->name, out);
    }
}

static void print_kernel(const Compilation *c, const Group *group, FILE *out)
{
    fprintf(out, "`%s` (", look_kernel(c, group));
    group_print_ops(group, out);
    fputc(')', out);
}

static void print_pair(const Compilation *c, const Pair *pair, const char *direction, FILE *out)
{
    fprintf(out, "%s: ", direction);
    switch (pair->kind) {
    case PAIR_TOGETHER:
        fputs("one kernel, ", out);
        print_kernel(c, pair->from, out);
        break;
    case PAIR_NEIGHBOURS:
        fputs("two kernels: ", out);
        print_kernel(c, pair->from, out);
        fputs(" ends before ", out);
        report_safe(pair->reader->name, out);
        fputs(": ", out);
        report_safe(pair->reason, out);
        fputs("; ", out);
        print_kernel(c, pair->to, out);
        fputs(" goes on", out);
        break;
    case PAIR_APART:
        fputs("no neighbours: ", out);
        print_between(pair, out);
        fputs(pair->between_count > 1 ? " lie between" : pair->between_count ? " lies between" :
                                        "other work lies between", out);
        break;
    case PAIR_UNRELATED:
        report_safe(pair->reason, out);
        break;
    }
    fputc('\n', out);
}

static void print_text(const Compilation *c, const WhyNot *why, const ShowOptions *o, FILE *out)
{
    const Layer *layers[] = { why->a, why->b };
    for (int i = 0; i < 2; i++)
        diag_show(&c->diag, layers[i]->at, out, options_colour(o->colour, out));
    report_safe(why->a->name, out);
    fputs(" and ", out);
    report_safe(why->b->name, out);
    fputc('\n', out);
    print_pair(c, &why->forward, "forward", out);
    if (why->graph->loss)
        print_pair(c, &why->backward, "backward", out);
}

// --- JSON -----------------------------------------------------------------------------------------

static void json_layer(const Compilation *c, const char *key, const Layer *layer, FILE *out)
{
    fprintf(out, "  \"%s\": {\"layer\": ", key);
    text_print_json(out, layer->name);
    fprintf(out, ", \"line\": %d},\n", report_line(c, layer));
}

static void json_pair(const Compilation *c, const char *key, const Pair *pair, FILE *out)
{
    static const char *const kinds[] = { "together", "neighbours", "apart", "unrelated" };
    fprintf(out, "  \"%s\": {\"kind\": \"%s\", \"kernels\": [", key, kinds[pair->kind]);
    if (pair->from)
        text_print_json(out, look_kernel(c, pair->from));
    if (pair->to && pair->to != pair->from) {
        fputs(", ", out);
        text_print_json(out, look_kernel(c, pair->to));
    }
    fputs("], \"reason\": ", out);
    text_print_json(out, pair->reason ? pair->reason : "");
    fputs(", \"between\": [", out);
    for (int i = 0; i < pair->between_count; i++) {
        fputs(i ? ", " : "", out);
        text_print_json(out, pair->between[i]->name);
    }
    fputs("]}", out);
}

static void print_json(const Compilation *c, const WhyNot *why, FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, why->graph->name);
    fputs(",\n", out);
    json_layer(c, "a", why->a, out);
    json_layer(c, "b", why->b, out);
    json_pair(c, "forward", &why->forward, out);
    if (why->graph->loss) {
        fputs(",\n", out);
        json_pair(c, "backward", &why->backward, out);
    }
    fputs("\n}\n", out);
}

static int print_why_not(Compilation *c, const ShowOptions *o, FILE *out)
{
    About first = about_read(o->about), second = about_read(o->other);
    WhyNot why = look_why_not(c, &first, &second);
    if (!why.a) {
        if (why.missing)
            fprintf(stderr, "cleave: no layer of net %s stands on line %s\n", why.graph->name,
                    why.missing->name);
        else
            fprintf(stderr, "cleave: `%s` and `%s` are one layer of net %s\n", o->about, o->other,
                    why.graph->name);
        return EXIT_USAGE;
    }
    if (o->json)
        print_json(c, &why, out);
    else
        print_text(c, &why, o, out);
    return EXIT_OK;
}

int verb_why_not(int argc, char **argv)
{
    ShowOptions o = { .seed = 1 };
    Option options[] = { SHOW_JSON(&o.json), SHOW_COLOUR(&o.colour), WITH_NET(&o.net),
                         WITH_TARGET(&o.target),
                         WITH_PRECISION(&o.precision), WITH_PLAN(&o.plan), WITH_OVERRIDE(&o.override),
                         WITH_BATCH(&o.batch), WITH_SET(&o.set) };
    Usage usage = { .verb = "why-not", .operands = "FILE.net A B", .least = 3, .most = 3,
                    .what = "Tells which rule kept two layers, A and B (names or lines), in kernels of their "
                            "own,\nor which kernel computes both.",
                    .example = "cleave why-not nets/alexnet.net relu1 lrn1",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    o.path = argv[first];
    o.about = argv[first + 1];
    o.other = argv[first + 2];
    return report_program(&o, print_why_not, stdout);
}
