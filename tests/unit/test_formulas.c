// The evaluator's formulas against vectors worked out elsewhere: response normalisation, pooling,
// softmax and loss, the solver's step, top-k with ties.
#include "reference/small_net.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void assert_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.10g is not %.10g", a, b);
}

static void assert_all_near(const double *a, const double *b, int count, double tolerance)
{
    for (int i = 0; i < count; i++)
        assert_near(a[i], b[i], tolerance);
}

// --- response normalisation ----------------------------------------------------------------------

static const double lrn_x[7] = { 1, -2, 3, .5, -1.5, 2.5, 4 };
static const double lrn_g[7] = { .1, -.2, .3, .4, -.5, .6, .7 };
typedef struct { double k, alpha, y[7], dx[7]; } LrnRow;
static const LrnRow lrn_table[] = {
    { 2, 1,
      { .1250000, -.2471098, .3363121, .0464753, -.1025969, .2125432, .3424724 },
      { -.0014145, .0054662, -.0180917, .0255702, .0141426, -.0091075, -.0315594 } },
    { 2, 1. / 5,
      { .3083678, -.6119609, .8588441, .1249942, -.2948392, .5840519, .9395571 },
      { .0067547, -.0083077, -.0086113, .0776464, .0003038, .0123269, -.0306820 } },
    { 1, 1. / 5,
      { .3674196, -.7276700, 1.0046619, .1421362, -.3229349, .6562243, 1.0566252 },
      { .0014732, .0041468, -.0336556, .0828796, .0242457, -.0097545, -.0699354 } },
    { 2, 1e-4,
      { .5942916, -1.1885720, 1.7827077, .2970595, -.8907782, 1.4851307, 2.3762314 },
      { .0593668, -.1187147, .1779570, .2375642, -.2965155, .3558474, .4149417 } },
    { 2, 1e-4 / 5,
      { .5945411, -1.1890800, 1.7835900, .2972533, -.8916796, 1.4862330, 2.3779773 },
      { .0594416, -.1188795, .1782961, .2377859, -.2971443, .3565789, .4159659 } },
};

static void check_lrn_row(SmallNet *s, const void *with)
{
    const LrnRow *row = with;
    Node attr = { .attr.lrn = { 5, row->k, row->alpha, .75, 1 } };
    Node *x = small_values(s, "x", (Shape){ 1, 7, 1, 1 });
    Node *g = small_values(s, "g", (Shape){ 1, 7, 1, 1 });
    Node *y = small_op1(s, OP_LRN, &attr, x);
    Node *dx = small_op(s, OP_LRN_DX, &attr, 2, (Node *[]){ g, x });
    Evaluator *e = evaluator_open(&s->arena, s->g);
    memcpy(e->value[x->id], lrn_x, sizeof lrn_x);
    memcpy(e->value[g->id], lrn_g, sizeof lrn_g);
    evaluator_run(e);
    assert_all_near(e->value[y->id], row->y, 7, 5.1e-8);
    assert_all_near(e->value[dx->id], row->dx, 7, 5.1e-8);
}

static void lrn_matches_its_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lrn_table / sizeof *lrn_table; i++)
        small_net(GRAPH_TRAIN, 1, check_lrn_row, &lrn_table[i]);
}

static void check_lrn_parts(SmallNet *s, const void *with)
{
    static const double whole[] = { .125000, .148651, .144616, .134654, .174024, .226428 };
    static const double halves[] = { .125000, .250000, .375000, .150952, .188690, .226428 };
    int parts = *(const int *)with;
    Node attr = { .attr.lrn = { 5, 2, 1, .75, parts } };
    Node *x = small_values(s, "x", (Shape){ 1, 6, 1, 1 });
    Node *y = small_op1(s, OP_LRN, &attr, x);
    Evaluator *e = evaluator_open(&s->arena, s->g);
    for (int i = 0; i < 6; i++)
        e->value[x->id][i] = i + 1;
    evaluator_run(e);
    assert_all_near(e->value[y->id], parts == 1 ? whole : halves, 6, 5.1e-7);
}

static void lrn_of_parts_does_not_look_beyond_them(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_lrn_parts, &(int){ 1 });
    small_net(GRAPH_TRAIN, 1, check_lrn_parts, &(int){ 2 });
}

// --- pooling -------------------------------------------------------------------------------------

static void check_pools(SmallNet *s, const void *with)
{
    (void)with;
    static const double maxima[] = { 14, 16, 17, 26, 28, 29, 32, 34, 35 };
    static const double means[] = { 7, 9, 10.5, 19, 21, 22.5, 28, 30, 31.5 };
    Node attr = { .attr.pool.window = small_window(3, 2, 0) };
    attr.attr.pool.window.round_up = true;
    Node *x = small_values(s, "x", (Shape){ 1, 1, 6, 6 });
    Node *max = small_op1(s, OP_MAX_POOL, &attr, x), *mean = small_op1(s, OP_MEAN_POOL, &attr, x);
    Evaluator *e = evaluator_open(&s->arena, s->g);
    for (int i = 0; i < 36; i++)
        e->value[x->id][i] = i;
    evaluator_run(e);
    assert_all_near(e->value[max->id], maxima, 9, 0);
    assert_all_near(e->value[mean->id], means, 9, 1e-12);
}

static void pools_clip_their_windows(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_pools, NULL);
}

static void check_ties(SmallNet *s, const void *with)
{
    (void)with;
    static const double want[] = { 0, 0, 0, 0, 5, 0, 0, 0, 0 };     // 4 windows, all at the centre
    Node attr = { .attr.pool.window = small_window(2, 1, 0) };
    Node *x = small_values(s, "x", (Shape){ 1, 1, 3, 3 });
    Node *dy = small_values(s, "dy", (Shape){ 1, 1, 2, 2 });
    Node *y = small_op1(s, OP_MAX_POOL, &attr, x);
    Node *dx = graph_add(s->g, OP_MAX_POOL_DX, "dx", NO_SPAN, NULL, 2, (Node *[]){ dy, x });
    dx->attr = attr.attr;
    dx->forward = y;
    assert_true(graph_infer(s->g, dx));
    Evaluator *e = evaluator_open(&s->arena, s->g);
    double *xs = e->value[x->id], *dys = e->value[dy->id];
    for (int i = 0; i < 4; i++)
        dys[i] = i == 3 ? 2 : 1;
    xs[4] = 7;
    evaluator_run(e);
    assert_all_near(e->value[dx->id], want, 9, 0);
    xs[0] = xs[1] = 7;                                                // ties with the centre
    static const double tied[] = { 1, 1, 0, 0, 3, 0, 0, 0, 0 };
    evaluator_run(e);
    assert_all_near(e->value[dx->id], tied, 9, 0);
}

static void the_first_of_equal_maxima_gets_the_gradient(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_ties, NULL);
}

// --- softmax, loss, metrics ----------------------------------------------------------------------

static void check_softmax_and_loss(SmallNet *s, const void *with)
{
    (void)with;
    static const double p[] = { .088946817, .241782517, .657233023, .012037643 };
    static const double dx[] = { -.911053183, .241782517, .657233023, .012037643 };
    Node *z = small_values(s, "z", (Shape){ 2, 4, 1, 1 });
    Node *y = small_op1(s, OP_SOFTMAX, NULL, z);
    small_loss(s, z);
    Node *in[] = { z, s->g->label };
    Node *d = graph_add(s->g, OP_CROSS_ENTROPY_DX, "d", NO_SPAN, NULL, 2, in);
    d->forward = s->g->loss;
    assert_true(graph_infer(s->g, d));
    Evaluator *e = evaluator_open(&s->arena, s->g);
    memcpy(e->value[z->id], (double[]){ 1, 2, 3, -1, 1001, 1002, 1003, 999 }, 8 * sizeof(double));
    e->label[1] = -1;                                                 // no sample
    evaluator_run(e);
    assert_all_near(e->value[y->id], p, 4, 5.1e-10);
    assert_all_near(e->value[y->id] + 4, p, 4, 5.1e-10);              // stable far from 0
    assert_near(e->value[s->g->loss->id][0], 2.419716646, 5.1e-10);
    assert_near(e->value[s->g->loss->id][1], 0, 0);
    for (int i = 0; i < 4; i++) {
        assert_near(e->value[d->id][i], dx[i] / 2, 5.1e-10);          // the mean of two places
        assert_near(e->value[d->id][4 + i], 0, 0);
    }
}

static void softmax_and_loss_match(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 2, check_softmax_and_loss, NULL);
}

typedef struct { double z[5]; int label, k; double credit; } TopRow;
static const TopRow tops[] = {
    { { 1, 2, 3, 4, 5 }, 4, 1, 1 },      { { 1, 2, 3, 4, 5 }, 3, 1, 0 },
    { { 1, 2, 3, 4, 5 }, 3, 2, 1 },      { { 5, 5, 1, 1, 1 }, 0, 1, .5 },
    { { 5, 5, 1, 1, 1 }, 0, 2, 1 },      { { 0, 0, 0, 0, 0 }, 2, 1, .2 },
    { { 9, 4, 4, 4, 1 }, 1, 3, 2. / 3 }, { { 9, 4, 4, 4, 1 }, 4, 3, 0 },
    { { 1, 1, 1, 1, 1 }, -1, 5, 0 },     { { NAN, 1, 1, 1, 1 }, 0, 1, 0 },
};

static void check_top(SmallNet *s, const void *with)
{
    const TopRow *row = with;
    small_loss(s, small_values(s, "z", (Shape){ 1, 5, 1, 1 }));
    Node *top = s->g->metrics[0];
    top->attr.top.k = row->k;
    Evaluator *e = evaluator_open(&s->arena, s->g);
    memcpy(e->value[s->g->scores->id], row->z, sizeof row->z);
    e->label[0] = row->label;
    evaluator_run(e);
    assert_near(*e->value[top->id], row->credit, 1e-12);
}

static void equal_scores_share_credit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
        small_net(GRAPH_TEST, 1, check_top, &tops[i]);
}

// --- the solver ----------------------------------------------------------------------------------

typedef struct { SolverRule rule; int count; double tolerance, g[5], lr[5], w[5]; } Steps;
static const Steps step_table[] = {
    { SOLVER_PAPER, 5, 5.1e-13, { .5, -.25, .125, 0, 0 }, { .01, .01, .01, .01, .01 },
      { .994995000000, .992985525025, .989922032620, .987159939845, .984669120548 } },
    // A change of rate leaves the velocity as it is.
    { SOLVER_PAPER, 4, 5.1e-10, { .5, -.25, .125, .0625 }, { .01, .01, .001, .001 },
      { .994995, .992985525, .991051501, .989247884 } },
    // PyTorch's weighs the past anew: torch.optim.SGD of 1.13 in double.
    { SOLVER_TORCH, 4, 5.1e-13, { .5, -.25, .125, .0625 }, { .01, .01, .001, .001 },
      { .994995000000, .992985525025, .992679175784, .992340465128 } },
    { SOLVER_TORCH_NESTEROV, 4, 5.1e-13, { .5, -.25, .125, .0625 }, { .01, .01, .001, .001 },
      { .990490500000, .991177040340, .990775833073, .990408001326 } },
    // Caffe's NesterovSolver: w -= (1 + m) h_new - m h_old, with h the other sign of v.
    { SOLVER_NESTEROV, 4, 5.1e-13, { .5, -.25, .125, .0625 }, { .01, .01, .001, .001 },
      { .990490500000, .991177040340, .989310942236, .987624710126 } },
};

static void check_steps(SmallNet *s, const void *with)
{
    const Steps *steps = with;
    Node *w = small_values(s, "w", (Shape){ 1, 1, 1, 1 });
    Node *dw = small_values(s, "dw", (Shape){ 1, 1, 1, 1 });
    Node attr = { .attr.update.rule = steps->rule };
    small_op(s, OP_SGD, &attr, 2, (Node *[]){ w, dw });
    Evaluator *e = evaluator_open(&s->arena, s->g);
    *e->value[w->id] = 1;
    for (int i = 0; i < steps->count; i++) {
        e->rates[0] = (EvaluatorRates){ steps->lr[i], .9, 5e-4 };
        *e->value[dw->id] = steps->g[i];
        evaluator_run(e);
        assert_near(*e->value[w->id], steps->w[i], steps->tolerance);
    }
}

static void steps_follow_their_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof step_table / sizeof *step_table; i++)
        small_net(GRAPH_TRAIN, 1, check_steps, &step_table[i]);
}

// --- flip ----------------------------------------------------------------------------------------

static void check_flip(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.conv.groups = 2 };
    Node *w = small_values(s, "w", (Shape){ 6, 2, 1, 2 });           // groups of 3 x 2
    Node *f = small_op1(s, OP_FLIP, &attr, w), *back = small_op1(s, OP_FLIP, &attr, f);
    assert_true(shape_equal(f->shape, (Shape){ 4, 3, 1, 2 }));
    Evaluator *e = evaluator_open(&s->arena, s->g);
    for (int i = 0; i < 24; i++)
        e->value[w->id][i] = i;
    evaluator_run(e);
    // Output 3 (group 1, channel 1), input 2 (filter 5), column 0 is filter 5, channel 1, column 1.
    assert_near(e->value[f->id][(3 * 3 + 2) * 2 + 0], (5 * 2 + 1) * 2 + 1, 0);
    assert_all_near(e->value[back->id], e->value[w->id], 24, 0);
}

static void flip_swaps_and_turns_within_groups(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_flip, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lrn_matches_its_table),
        cmocka_unit_test(lrn_of_parts_does_not_look_beyond_them),
        cmocka_unit_test(pools_clip_their_windows),
        cmocka_unit_test(the_first_of_equal_maxima_gets_the_gradient),
        cmocka_unit_test(softmax_and_loss_match),
        cmocka_unit_test(equal_scores_share_credit),
        cmocka_unit_test(steps_follow_their_rules),
        cmocka_unit_test(flip_swaps_and_turns_within_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
