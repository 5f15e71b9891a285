// cleave grad FILE.net: the gradients of a net against differences of its loss, in double.
#include "cli/options.h"
#include "cli/verb.h"
#include "evaluate/differences.h"
#include "pass/pass.h"

typedef struct {
    const char *net, *colour;
    int64_t     batch, seed, elements;
    Pairs       set;
} GradOptions;

// The net as it is written, or as it is trained; NULL after faults.
static Graph *make_graph(const AstFile *file, const GradOptions *o, Arena *arena, Diag *diag,
                         bool trained)
{
    FrontOptions front = options_front(o->net, o->batch, o->seed, &o->set);
    Graph *g = front_graph(file, &front, GRAPH_TRAIN, arena, diag);
    if (!g || diag->errors || (trained && !pass_run(g, NULL, NULL)))
        return NULL;
    if (!g->loss)
        diag_error(diag, NO_SPAN, "E315", "net %s has no loss to differentiate", g->name);
    return g->loss ? g : NULL;
}

static Evaluator *evaluate(Arena *arena, const Graph *g, uint64_t seed)
{
    Evaluator *e = evaluator_open(arena, g);
    e->frozen = true;
    evaluator_fill(e, seed);
    evaluator_run(e);
    return e;
}

static bool print_differences(const Param *p, const Differences *d)
{
    bool wrong = !(d->worst <= DIFFERENCE_TOLERANCE);
    printf("%-32s %12lld %8d %8d %12.1e%s\n", p->name, (long long)shape_count(p->shape), d->checked,
           d->kinks, d->worst, wrong ? "  wrong" : "");
    if (wrong)
        printf("    number %lld: %.10g by the gradient, %.10g by differences\n", (long long)d->at,
               d->by_graph, d->by_differences);
    fflush(stdout);                                  // large nets take their time
    return !wrong;
}

static int check_params(const GradOptions *o, Arena *arena, const Graph *logical,
                        const Graph *trained)
{
    uint64_t seed = (uint64_t)o->seed;
    Evaluator *loss = evaluate(arena, logical, seed), *gradients = evaluate(arena, trained, seed);
    int wrong = 0;
    printf("%s, batch %d, loss %.6f\n", logical->name, logical->batch, evaluator_loss(loss));
    printf("%-32s %12s %8s %8s %12s\n", "parameter", "numbers", "checked", "at kinks", "worst error");
    for (int i = 0; i < logical->param_count; i++) {
        Differences d = differences_check(loss, gradients, i, o->elements, seed);
        wrong += !print_differences(logical->params[i], &d);
    }
    if (wrong)
        printf("%d of %d gradients are wrong\n", wrong, logical->param_count);
    else
        printf("all gradients agree within %.0e\n", DIFFERENCE_TOLERANCE);
    return wrong ? EXIT_RUN : EXIT_OK;
}

static int check_file(Arena *arena, const char *path, const void *options)
{
    const GradOptions *o = options;
    Diag diag;
    diag_open(&diag, arena);
    const AstFile *file = front_parse(arena, &diag, path);
    Graph *logical = NULL, *trained = NULL;
    if (file && !diag.errors)
        logical = make_graph(file, o, arena, &diag, false);
    if (logical)
        trained = make_graph(file, o, arena, &diag, true);
    diag_print(&diag, stderr, options_colour(o->colour, stderr));
    return trained ? check_params(o, arena, logical, trained) : EXIT_INPUT;
}

int verb_grad(int argc, char **argv)
{
    GradOptions o = { .batch = 2, .seed = 1, .elements = 10 };
    Option options[] = {
        { "elements", OPTION_NUMBER, &o.elements, "N", "numbers of each parameter to check", "10" },
        { "batch", OPTION_BATCH, &o.batch, "N", "images", "2" },
        WITH_NET(&o.net), WITH_SEED(&o.seed), WITH_SET(&o.set), SHOW_COLOUR(&o.colour),
    };
    Usage usage = { .verb = "grad", .operands = "FILE.net", .least = 1, .most = 1,
                    .what = "Moves numbers of every parameter a little up and down and compares the "
                            "change of the loss\nwith the net's gradient, in double, on random "
                            "parameters and images. Numbers with a kink\n(the corner of a relu) "
                            "between are left out.",
                    .example = "cleave grad nets/lenet.net --elements 20",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    return verb_in_arena(check_file, argv[first], &o);
}
