// Every body of fully connected layers, the fused update included, against plain double loops: pieces,
// features that were maps, batches that are no multiple of a vector; all instruction sets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "evaluate/evaluate.h"
#include "reference/kernel_case.h"
#include <math.h>

typedef struct { int n, channels, h, w, out, piece, out_piece; } FcCase;
static const FcCase fc_cases[] = {
    { 1, 40, 1, 1, 10, 0, 0 },
    { 3, 24, 2, 3, 50, 10, 0 },                      // features that were a map, in pieces
    { 32, 130, 1, 1, 70, 60, 33 },
    { 33, 16, 1, 1, 16, 0, 0 },
    { 7, 300, 1, 1, 5, 0, 2 },
};
enum { FC_CASES = sizeof fc_cases / sizeof fc_cases[0], FC_PARAM = 1 };
typedef struct { FcCase of; KernelCase *forward, *dx, *dw, *update; } FcKernels;

static Pieces two_pieces(int first, int64_t channels)
{
    if (!first)
        return (Pieces){ 1, { (int32_t)channels } };
    return (Pieces){ 2, { first, (int32_t)channels - first } };
}

static Node *fc_value(KernelCase *k, const FcCase *c, Op op, LayoutKind kind, bool is_out, int v,
                      Node *a, Node *b)
{
    Shape s = { c->n, is_out ? c->out : c->channels * c->h * c->w, 1, 1 };
    Node *n = case_node(k, op, s, kind, v, a, b);
    n->layout.in_h = is_out ? 1 : c->h;
    n->layout.in_w = is_out ? 1 : c->w;
    n->layout.pieces = is_out ? two_pieces(c->out_piece, c->out) : two_pieces(c->piece, c->channels);
    return n;
}

static Node *fc_weights(KernelCase *k, const FcCase *c, Op op, int v, Node *a, Node *b)
{
    Node *n = case_node(k, op, (Shape){ c->out, c->channels * c->h * c->w, 1, 1 }, LAYOUT_DENSE, v, a, b);
    n->layout.in_h = c->h;
    n->layout.in_w = c->w;
    n->layout.pieces = two_pieces(c->piece, c->channels);
    n->layout.pieces_out = two_pieces(c->out_piece, c->out);
    return n;
}

static void emit(KernelUnitCase *u, KernelCase *k, Node *root, Node **epilogue, int count,
                 const char *body)
{
    if (!case_emit(u, k, root, epilogue, count, body))
        fail_msg("%s: %s", u->target->name, u->err);
}

static void add_fc(KernelUnitCase *u, FcKernels *all, bool any)
{
    const FcCase *c = &all->of;
    int v = u->target->vector;
    KernelCase *k = all->forward = case_new(u);
    Node *x = fc_value(k, c, OP_INPUT, LAYOUT_COLUMNS, false, v, NULL, NULL);
    Node *w = fc_weights(k, c, OP_PARAM, v, NULL, NULL);
    Node *b = case_node(k, OP_PARAM, (Shape){ 1, c->out, 1, 1 }, LAYOUT_BLOCKED, v, NULL, NULL);
    b->layout.pieces = two_pieces(c->out_piece, c->out);
    Node *y = fc_value(k, c, OP_FC, LAYOUT_PANEL, true, v, x, w);
    Node *bias = fc_value(k, c, OP_BIAS, LAYOUT_PANEL, true, v, y, b);
    emit(u, k, y, &bias, 1, any ? "contraction_any" : "fc");

    k = all->dx = case_new(u);
    Node *dy = fc_value(k, c, OP_INPUT, LAYOUT_COLUMNS, true, v, NULL, NULL);
    w = fc_weights(k, c, OP_PARAM, v, NULL, NULL);
    Node *dx = fc_value(k, c, OP_FC_DX, LAYOUT_COLUMNS, false, v, dy, w);
    Node *relu = fc_value(k, c, OP_RELU, LAYOUT_COLUMNS, false, v, dx, NULL);
    emit(u, k, dx, &relu, 1, any ? "contraction_any" : "fc_dx");

    for (int is_update = 0; is_update < 2; is_update++) {
        k = case_new(u);
        *(is_update ? &all->update : &all->dw) = k;
        x = fc_value(k, c, OP_INPUT, LAYOUT_COLUMNS, false, v, NULL, NULL);
        dy = fc_value(k, c, OP_INPUT, LAYOUT_PANEL, true, v, NULL, NULL);
        Node *dw = fc_weights(k, c, OP_FC_DW, v, x, dy);
        w = fc_weights(k, c, OP_PARAM, v, NULL, NULL);
        Node *sgd = fc_weights(k, c, OP_SGD, v, w, dw);
        sgd->attr.update.param = FC_PARAM;
        sgd->attr.update.rule = (SolverRule)((c->n + c->out) % SOLVER_RULES);
        emit(u, k, dw, &sgd, is_update,
             is_update ? any ? "fc_update_any" : "fc_update" : any ? "fc_weights_any" : "fc_dw");
    }
}

static void check_fc(KernelUnitCase *u, const FcKernels *all)
{
    KernelCase *k = all->forward;
    Node *y = k->group.root;
    int64_t in = y->in[0]->shape.c, out = y->shape.c;
    float *x = case_fill(u, k, y->in[0], 1), *w = case_fill(u, k, y->in[1], 2);
    float *b = case_fill(u, k, k->group.nodes[1]->in[1], 3);
    double *want = case_zeros(u, y->shape);
    for (int64_t i = 0; i < y->shape.n * out; i++) {
        want[i] = (double)b[i % out];
        for (int64_t f = 0; f < in; f++)
            want[i] += (double)x[i / out * in + f] * (double)w[i % out * in + f];
    }
    case_run(u, k, NULL);
    case_check(u, k, k->group.nodes[1], want, "fully connected");
}

static void check_fc_dx(KernelUnitCase *u, const FcKernels *all)
{
    KernelCase *k = all->dx;
    Node *dx = k->group.root;
    int64_t in = dx->shape.c, out = dx->in[0]->shape.c;
    float *dy = case_fill(u, k, dx->in[0], 4), *w = case_fill(u, k, dx->in[1], 5);
    double *want = case_zeros(u, dx->shape);
    for (int64_t i = 0; i < dx->shape.n * in; i++) {
        for (int64_t o = 0; o < out; o++)
            want[i] += (double)dy[i / in * out + o] * (double)w[o * in + i % in];
        want[i] = fmax(0, want[i]);
    }
    case_run(u, k, NULL);
    case_check(u, k, k->group.nodes[1], want, "input gradient");
}

static double *weight_gradient(KernelUnitCase *u, KernelCase *k)
{
    Node *dw = k->group.root;
    int64_t in = dw->shape.c, out = dw->shape.n;
    float *x = case_fill(u, k, dw->in[0], 6), *dy = case_fill(u, k, dw->in[1], 7);
    double *g = case_zeros(u, dw->shape);
    for (int64_t i = 0; i < out * in; i++)
        for (int64_t n = 0; n < dw->in[0]->shape.n; n++)
            g[i] += (double)x[n * in + i % in] * (double)dy[n * out + i / in];
    return g;
}

static void check_fc_dw(KernelUnitCase *u, const FcKernels *all)
{
    double *g = weight_gradient(u, all->dw);
    case_run(u, all->dw, NULL);
    case_check(u, all->dw, all->dw->group.root, g, "weight gradient");
}

// Two steps; then one with `stop` set, which must change nothing.
static void check_fc_update(KernelUnitCase *u, const FcKernels *all)
{
    KernelCase *k = all->update;
    static struct { StepState state; ParamRates rates[2]; } state;     // outlives the unit's pointer
    state.rates[FC_PARAM] = (ParamRates){ 0.1f, 0.9f, 0.01f, 0 };
    Node *param = k->group.nodes[1]->in[0];
    double *g = weight_gradient(u, k), *v = case_zeros(u, param->shape), *want = case_zeros(u, param->shape);
    float *w = case_fill(u, k, param, 9);
    const EvaluatorRates rates = { 0.1, 0.9, 0.01 };
    for (int64_t i = 0; i < shape_count(param->shape); i++)
        want[i] = (double)w[i];
    u->state = &state;
    for (int step = 0; step < 3; step++) {
        state.state.stop = step == 2;
        for (int64_t i = 0; step < 2 && i < shape_count(param->shape); i++) {
            evaluator_follow(k->group.nodes[1]->attr.update.rule, &rates, g[i], &want[i], &v[i]);
        }
        case_run(u, k, NULL);
        case_check(u, k, param, want, "update");
    }
}

static void run_fully_connected(const Target *t, bool any)
{
    Arena arena;
    jmp_buf exhausted;
    assert_int_equal(setjmp(exhausted), 0);
    arena_open(&arena, 0, &exhausted);
    KernelUnitCase *u = ARENA_NEW(&arena, KernelUnitCase);
    unit_open(u, &arena, t);
    FcKernels *all = ARENA_ARRAY(&arena, FcKernels, FC_CASES);
    for (int i = 0; i < FC_CASES; i++) {
        all[i].of = fc_cases[i];
        add_fc(u, &all[i], any);
    }
    if (!unit_compile(u, NULL))
        fail_msg("%s", u->err);
    for (int i = 0; i < FC_CASES; i++) {
        check_fc(u, &all[i]);
        check_fc_dx(u, &all[i]);
        check_fc_dw(u, &all[i]);
        check_fc_update(u, &all[i]);
    }
    unit_close(u);
    arena_close(&arena);
}

static void bodies_match(void **state)
{
    (void)state;
    case_on_every_target(run_fully_connected, false);
}

static void fallbacks_match(void **state)
{
    (void)state;
    case_on_every_target(run_fully_connected, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_match),
        cmocka_unit_test(fallbacks_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
