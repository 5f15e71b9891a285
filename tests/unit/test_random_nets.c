// Small random nets, splits included. What the passes make of one computes what the net says: the
// same loss, and gradients that agree with central differences of the logical graph; a split, the
// same parts on one device and the grouped net are one function.
#include "evaluate/differences.h"
#include "pass/pass.h"
#include "reference/nets.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { NETS = 80, ELEMENTS = 4 };      // elements of each parameter that are checked by differences

// --- random nets ---------------------------------------------------------------------------------

static unsigned draw(uint64_t *state, unsigned below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % below;
}

static Node *extra(Net *n, Op op, int inputs, Node *const *in)
{
    const char *name = arena_printf(&n->arena, "%s_%d", op_table[op]->name, ++n->layers);
    const Layer *layer = graph_add_layer(n->g, op_table[op]->name, name, NO_SPAN, NULL);
    Node *made = graph_add(n->g, op, name, NO_SPAN, layer, inputs, in);
    made->split = n->split;
    return made;
}

static void extra1(Net *n, Op op, const Node *with)
{
    Node *made = extra(n, op, 1, &n->at);
    made->attr = with->attr;
    graph_infer(n->g, made);
    n->at = made;
}

static void extra2(Net *n, Op op, Node *a, Node *b)
{
    n->at = extra(n, op, 2, (Node *[]){ a, b });
    graph_infer(n->g, n->at);
}

static const char *conv_name(Net *n)
{
    return arena_printf(&n->arena, "c%d", ++n->layers);
}

// A convolution that fits, strided, padded or dilated, with `width` filters.
static void random_conv(Net *n, uint64_t *state, int64_t width)
{
    int64_t size = n->at->shape.h < n->at->shape.w ? n->at->shape.h : n->at->shape.w;
    int kernel = 1 + (int)draw(state, 3);
    Window w = net_window(kernel, 1 + (int)draw(state, 2), (int)draw(state, 2), draw(state, 2));
    if (draw(state, 4) == 0)
        w.dilation_h = 2;
    if (draw(state, 4) == 0)
        w.pad_bottom++;
    if (size < 5)
        w = net_window(3, 1, 1, false);
    net_conv(n, conv_name(n), width, w, 1);
}

// x -> conv -> tanh -> add(x) or mul(x)
static void residual(Net *n, uint64_t *state)
{
    Node *x = n->at;
    net_conv(n, conv_name(n), x->shape.c, net_window(3, 1, 1, false), 1);
    net_tanh(n);
    extra2(n, draw(state, 3) ? OP_ADD : OP_MUL, x, n->at);
}

// The same weights once more, on what they made; only where they give what they take.
static void tied(Net *n)
{
    net_conv(n, conv_name(n), n->at->shape.c, net_window(3, 1, 1, false), 1);
    Node *conv = n->at->in[0];
    net_tanh(n);
    Node *again = extra(n, OP_CONV, 2, (Node *[]){ n->at, conv->in[1] });
    again->attr = conv->attr;
    graph_infer(n->g, again);
    n->at = again;
}

// Two branches side by side, of which a slice goes on.
static void branch_and_slice(Net *n, uint64_t *state)
{
    Node *x = n->at;
    net_conv(n, conv_name(n), 3, net_window(3, 1, 1, false), 1);
    extra2(n, OP_CONCAT, n->at, x);
    Node with = { .attr.slice = { draw(state, 3), n->at->shape.c - 2 } };
    extra1(n, OP_SLICE, &with);
}

static void small_stage(Net *n, uint64_t *state)
{
    int64_t size = n->at->shape.h < n->at->shape.w ? n->at->shape.h : n->at->shape.w;
    Node pool = { .attr.pool.window = net_window(2, 1 + (int)draw(state, 2), 0, draw(state, 2)) };
    Node map = { .attr.lrn = { 3, 1, 0.2, 0.75, 1 } };
    Node scale = { .attr.pointwise = { -0.7, 0.1 } };
    Node nothing = { .id = 0 };
    switch (draw(state, 10)) {
    case 0: net_relu(n); break;
    case 1: net_tanh(n); break;
    case 2: net_lrn(n, 3); break;
    case 3:
        net_dropout(n, 0.4, draw(state, 2));
        n->at->attr.dropout.key = draw(state, 1000);     // the same in all forms
        break;
    case 4: extra1(n, OP_SCALE, &scale); break;
    case 5: extra1(n, OP_SIGMOID, &nothing); break;
    case 6: extra1(n, OP_LRN_MAP, &map); break;
    case 9: net_local(n, conv_name(n), n->at->shape.c, net_window(3, 1, 1, false)); break;
    case 7:
        if (size >= 3)
            net_max_pool(n, net_window(3, 2, 0, true));
        break;
    default:
        if (size >= 3)
            extra1(n, OP_MEAN_POOL, &pool);
        break;
    }
}

static void random_region(Net *n, uint64_t *state)
{
    int parts = 2 + (int)draw(state, 2);
    net_split(n, parts);
    random_conv(n, state, parts * (1 + (int)draw(state, 2)));
    small_stage(n, state);
    if (draw(state, 2))
        residual(n, state);
    if (draw(state, 2))
        net_all(n);
    random_conv(n, state, parts * 2);
    small_stage(n, state);
    if (draw(state, 2)) {
        net_fc(n, conv_name(n), parts * 2);
        net_relu(n);
        if (draw(state, 2)) {
            net_all(n);
            net_fc(n, conv_name(n), parts);
        }
    }
    net_join(n);
}

static void build(Net *n, SplitForm form, GraphMode mode, uint64_t seed)
{
    uint64_t state = seed * 7919;
    draw(&state, 2);
    net_open(n, form, mode, 1 + (int)draw(&state, 3), 1 + (int)draw(&state, 4),
             4 + (int)draw(&state, 5), 4 + (int)draw(&state, 5));
    random_conv(n, &state, 4);
    for (int stages = (int)draw(&state, 4); stages > 0 && n->at->shape.h > 1; stages--) {
        switch (draw(&state, 6)) {
        case 0: residual(n, &state); break;
        case 1: tied(n); break;
        case 2: branch_and_slice(n, &state); break;
        default: small_stage(n, &state); break;
        }
    }
    if (draw(&state, 3))
        random_region(n, &state);
    net_fc(n, "last", 5);
    net_loss(n);
    assert_int_equal(n->diag.errors, 0);
}

// --- checks --------------------------------------------------------------------------------------

static bool is_near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fmax(1e-2, fmax(fabs(a), fabs(b)));
}

static Evaluator *evaluated(Net *n, uint64_t seed)
{
    Evaluator *e = evaluator_open(&n->arena, n->g);
    evaluator_fill(e, seed);
    e->frozen = true;
    if (n->g->batch > 1)
        e->label[0] = -1;
    evaluator_run(e);
    return e;
}

static double *gradient(const Net *n, const Evaluator *e, int param)
{
    const Param *p = n->g->params[param];
    double *to = ARENA_ARRAY(n->g->arena, double, shape_count(p->shape));
    evaluator_gradient(e, p, to);
    return to;
}

// Returns how many elements were checked: those without a kink between.
static int check_differences(Evaluator *logical, const Evaluator *trained, int param, uint64_t seed)
{
    Differences d = differences_check(logical, trained, param, ELEMENTS, seed);
    if (!(d.worst <= DIFFERENCE_TOLERANCE))
        fail_msg("%s[%lld]: %.12g by differences, %.12g by the passes",
                 logical->graph->params[param]->name, (long long)d.at, d.by_differences, d.by_graph);
    return d.checked;
}

static void compile(Net *n, SplitForm form, GraphMode mode, uint64_t seed)
{
    build(n, form, mode, seed);
    if (!pass_run(n->g, NULL, NULL)) {
        diag_print(&n->diag, stderr, false);
        fail_msg("the passes failed");
    }
}

static int check_net(uint64_t seed)
{
    Net logical, forms[3];
    int checked = 0;
    build(&logical, FORM_SPLIT, GRAPH_TRAIN, seed);
    Evaluator *e = evaluated(&logical, seed), *placed[3];
    double loss = evaluator_loss(e);
    for (int f = 0; f < 3; f++) {
        compile(&forms[f], (SplitForm)f, GRAPH_TRAIN, seed);
        placed[f] = evaluated(&forms[f], seed);
        if (!is_near(loss, evaluator_loss(placed[f]), 1e-11))
            fail_msg("form %d: loss %.15g, not %.15g", f, evaluator_loss(placed[f]), loss);
    }
    for (int p = 0; p < logical.g->param_count; p++) {
        double *grad = gradient(&forms[0], placed[0], p);
        for (int f = 1; f < 3; f++) {
            double *other = gradient(&forms[f], placed[f], p);
            for (int64_t i = 0; i < shape_count(logical.g->params[p]->shape); i++)
                if (!is_near(grad[i], other[i], 1e-10))
                    fail_msg("form %d, %s[%lld]: %.15g, not %.15g", f, logical.g->params[p]->name,
                             (long long)i, other[i], grad[i]);
        }
        checked += check_differences(e, placed[0], p, seed);
    }
    for (int f = 0; f < 3; f++)
        net_close(&forms[f]);
    net_close(&logical);
    return checked;
}

static void passes_keep_functions_and_gradients(void **state)
{
    (void)state;
    int checked = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++)
        checked += check_net(seed);
    assert_true(checked > NETS * ELEMENTS * 4);
}

// What a net that is not trained gives: dropout's other form included.
static void tests_give_the_same_scores(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        Net logical, placed;
        build(&logical, FORM_GROUPED, GRAPH_TEST, seed);
        compile(&placed, FORM_SPLIT, GRAPH_TEST, seed);
        Evaluator *a = evaluated(&logical, seed), *b = evaluated(&placed, seed);
        const Node *x = logical.g->scores, *y = placed.g->scores;
        assert_int_equal(shape_count(x->shape), shape_count(y->shape));
        for (int64_t i = 0; i < shape_count(x->shape); i++)
            assert_true(is_near(a->value[x->id][i], b->value[y->id][i], 1e-11));
        net_close(&placed);
        net_close(&logical);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_keep_functions_and_gradients),
        cmocka_unit_test(tests_give_the_same_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
